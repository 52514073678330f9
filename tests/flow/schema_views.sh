#!/bin/sh
# The views of schema/, asked with sample records: each query stands beside the
# answer that it must give.  Also: every table, column and enumerated value
# has its words in both languages.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=${TMPDIR:-/tmp}/schema-views.$$
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir"
db=$dir/views.db

{
    cat <<'SQL'
CREATE TABLE rule(tbl, col, rule);
CREATE TABLE record(tbl, write, void, scope, rival);
CREATE TABLE enum(tbl, col, value, sort);
CREATE TABLE label(tbl, col, value, lang, text);
CREATE TABLE personal(tbl, col);
CREATE TABLE authority(tbl, col, value, level);
CREATE TABLE actor(tbl, level);
CREATE TABLE site(name TEXT, timezone TEXT, offset_min INTEGER);
INSERT INTO site VALUES('X', 'Asia/Shanghai', 480);
SQL
    cat "$root"/schema/*.sql
} | sqlite3 -bail "$db"

# What the engine adds to every table.
sqlite3 "$db" "
SELECT 'ALTER TABLE \"' || name || '\" ADD COLUMN _e INTEGER DEFAULT 0;'
    || 'ALTER TABLE \"' || name || '\" ADD COLUMN _actor INTEGER;'
    || 'ALTER TABLE \"' || name || '\" ADD COLUMN _void TEXT;'
FROM sqlite_schema WHERE type = 'table'
AND name NOT IN ('rule', 'record', 'enum', 'label', 'personal', 'authority',
                 'actor', 'site')" >"$dir/columns.sql"
sqlite3 -bail "$db" <"$dir/columns.sql"

status=0
# is QUERY ANSWER: the rows, their values joined by |, one blank between rows
is()
{
    got=$(sqlite3 -bail "$db" "$1") || status=1
    got=$(printf '%s' "$got" | tr '\n' ' ')
    if [ "$got" != "$2" ]; then
        printf 'query:    %s\nexpected: %s\ngot:      %s\n' "$1" "$2" "$got"
        status=1
    fi
}

# ---------------------------------------------------------------- words
is "SELECT t.name, c.name, l.lang FROM sqlite_schema AS t
    JOIN pragma_table_info(t.name) AS c JOIN (SELECT 'zh' AS lang UNION SELECT 'en') AS l
    WHERE t.type = 'table' AND t.name IN (SELECT tbl FROM label)
    AND c.name <> 'id' AND c.name NOT LIKE '\\_%' ESCAPE '\\'
    AND NOT EXISTS (SELECT 1 FROM label AS w WHERE w.tbl = t.name
        AND w.col = c.name AND w.value IS NULL AND w.lang = l.lang)" ""
is "SELECT tbl, col, value, l.lang FROM enum AS e
    JOIN (SELECT 'zh' AS lang UNION SELECT 'en') AS l
    WHERE NOT EXISTS (SELECT 1 FROM label AS w WHERE w.tbl = e.tbl
        AND w.col = e.col AND w.value = e.value AND w.lang = l.lang)" ""
# Tables without words, and words without their enumerated value.
is "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN
    (SELECT tbl FROM label WHERE col IS NULL AND tbl IS NOT NULL)
    AND name NOT IN ('rule', 'record', 'enum', 'label', 'personal',
                     'authority', 'actor', 'site')" ""
is "SELECT tbl, col, value FROM label AS w WHERE value IS NOT NULL
    AND tbl IS NOT NULL AND NOT EXISTS (SELECT 1 FROM enum AS e WHERE
        e.tbl = w.tbl AND e.col = w.col AND e.value = w.value)" ""
# Every table ends with a note that anyone may write.
is "SELECT t.name FROM sqlite_schema AS t WHERE type = 'table'
    AND t.name IN (SELECT tbl FROM label) AND NOT EXISTS (SELECT 1 FROM rule
    WHERE tbl = t.name AND col = 'note' AND rule = 'last')" ""

# -------------------------------------------------------------- patrols
# 2024-03-04 00:00 at the site; a route of four points, windows at 08:00-08:30,
# 08:20-09:00, none, and 23:50-00:10.
t0=1709481600000
sqlite3 -bail "$db" "
INSERT INTO staff(id, name, level, area) VALUES(1, 'Li', 1, 'A1');
INSERT INTO route(id, name, interval_min, area) VALUES(1, 'R', 60, 'A1');
INSERT INTO checkpoint(id, route_id, name, tag_uid, tag_kind, sort_no,
    window_start, window_end, min_gap_s) VALUES
    (1, 1, 'a', 'T1', 'nfc', 1, 480, 510, NULL),
    (2, 1, 'b', 'T2', 'nfc', 2, 500, 540, NULL),
    (3, 1, 'c', 'T3', 'nfc', 3, NULL, NULL, 300),
    (4, 1, 'd', 'T4', 'nfc', 4, 1430, 10, NULL);
INSERT INTO patrol(id, route_id, assignee_id, planned_start, state) VALUES
    (11, 1, 1, $t0 + 480 * 60000, 'done'),
    (12, 1, 1, $t0 + 1425 * 60000, 'done'),
    (13, 1, 1, $t0 + 600 * 60000, 'stopped');
UPDATE patrol SET _void = 'test' WHERE id = 13;
INSERT INTO scan(id, patrol_id, checkpoint_id, tag_uid, scanned_at, result,
    reason, entry) VALUES
    ((7 << 40) + 1, 11, 1, 'T1', $t0 + 479 * 60000, 'normal', NULL, 'nfc'),
    ((7 << 40) + 2, 11, 3, 'T3', $t0 + 482 * 60000, 'normal', NULL, 'nfc'),
    ((7 << 40) + 3, 11, 2, 'T2', $t0 + 541 * 60000, 'abnormal', 'x', 'nfc'),
    ((7 << 40) + 4, 11, 4, NULL, $t0 + 542 * 60000, 'skipped', 'ice',
     'manual'),
    ((8 << 40) + 1, 12, 4, 'T4', $t0 + 1445 * 60000, 'normal', NULL, 'nfc');
UPDATE scan SET _e = scanned_at << 16;
"
is "SELECT patrol_id, checkpoint_id, scan_id & 255, timing, reason
    FROM scan_timing ORDER BY 1, 2" \
    "11|1|1|early| 11|2|3|late|x 11|3|2|on_time| 11|4||missed|ice \
12|1||missed| 12|2||missed| 12|3||missed| 12|4|1|on_time|"
is "SELECT scan_id & 255, flag, other_id & 255 FROM scan_flag ORDER BY 1, 2" \
    "2|too_fast|1 3|wrong_order|2"
is "SELECT patrol_id, over_min FROM patrol_overtime ORDER BY 1" "11|2"
is "SELECT count(*) FROM patrol_unexplained" "0"
sqlite3 -bail "$db" "
UPDATE patrol SET _void = NULL WHERE id = 13;
INSERT INTO patrol(id, route_id, planned_start) VALUES
    (14, 1, (SELECT now_ms FROM site_now) - 61 * 60000),
    (15, 1, (SELECT now_ms FROM site_now) - 59 * 60000);
-- nine points in ten minutes, and T1 on handheld 8 forty seconds later
INSERT INTO checkpoint(id, route_id, name, sort_no) VALUES (5, 1, 'e', 5);
INSERT INTO scan(id, patrol_id, checkpoint_id, tag_uid, scanned_at, result,
    entry)
WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 8)
SELECT (9 << 40) + 1 + i, 13, 3 + 2 * (i % 2), 'S' || i,
       $t0 + 600 * 60000 + i * 70000, 'normal', 'nfc' FROM n;
INSERT INTO scan(id, patrol_id, checkpoint_id, tag_uid, scanned_at, result,
    entry) VALUES
    ((8 << 40) + 2, 12, 1, 'T1', $t0 + 479 * 60000 + 40000, 'normal', 'nfc');
UPDATE scan SET _e = scanned_at << 16;
UPDATE scan SET _e = (scanned_at - 130000) << 16 WHERE id = (9 << 40) + 1;
INSERT INTO attachment(id, subject_table, subject_id, sha256, bytes,
    media_type) VALUES
    (1, 'scan', (7 << 40) + 1, 'aa', 1, 'image/jpeg'),
    (2, 'scan', (7 << 40) + 2, 'aa', 1, 'image/jpeg'),
    (3, 'scan', (7 << 40) + 3, 'bb', 1, 'image/jpeg'),
    (4, 'incident', 5, 'bb', 1, 'image/jpeg');
"
is "SELECT patrol_id FROM patrol_unexplained" "13"
is "SELECT patrol_id FROM patrol_overtime WHERE state = 'not_started'" "14"
is "SELECT scan_id >> 40, scan_id & 255 FROM scan_flag WHERE flag = 'burst'" \
    "9|9"
is "SELECT scan_id >> 40, other_id >> 40 FROM scan_flag
    WHERE flag = 'copied_tag' ORDER BY 1" "7|8 8|7"
is "SELECT scan_id & 255 FROM scan_flag WHERE flag = 'clock_suspect'" "1"
is "SELECT scan_id & 255, other_id & 255 FROM scan_flag
    WHERE flag = 'same_photo' ORDER BY 1" "1|2 2|1"
# checkpoint 3 asks for 300 s between; 5 asks for nothing
is "SELECT scan_id & 255 FROM scan_flag
    WHERE flag = 'too_fast' AND scan_id >> 40 = 9 ORDER BY 1" "3 5 7 9"

# ---------------------------------------------------------- vacant units
sqlite3 -bail "$db" "
INSERT INTO unit(id, building, room, area, occupancy, vacancy_reason) VALUES
    (1, 'B1', '101', 'A1', 'unsold', 'unsold'),
    (2, 'B1', '102', 'A1', 'idle', NULL),
    (3, 'B1', '103', 'A1', 'occupied', NULL),
    (4, 'B1', '104', 'A1', NULL, 'sealed'),
    (5, 'B1', '105', 'A1', NULL, NULL),
    (6, 'B1', '106', 'A1', 'unsold', NULL);
UPDATE unit SET _void = 'twice' WHERE id = 6;
INSERT INTO vacancy_inspection(id, unit_id, trigger_kind, started_at) VALUES
    (1, 1, 'scheduled', $t0), (2, 1, 'scheduled', $t0 + 60000),
    (3, 1, 'scheduled', $t0 + 120000), (4, 1, 'scheduled', $t0 + 180000),
    (5, 2, 'scheduled', (SELECT now_ms FROM site_now) - 3600000),
    (6, 4, 'scheduled', (SELECT now_ms FROM site_now) - 7200000);
UPDATE vacancy_inspection SET _void = 'wrong unit' WHERE id = 4;
INSERT INTO inspection_item(id, inspection_id, item, answer) VALUES
    (1, 1, 'alarm', 'abnormal'), (2, 2, 'alarm', 'ok'),
    (3, 1, 'windows', 'abnormal'), (4, 2, 'windows', 'no_access'),
    (5, 3, 'windows', 'na'),
    (6, 2, 'mould', 'abnormal'), (7, 2, 'mould', 'ok'),
    (8, 1, 'breaker', 'no_access'), (9, 2, 'breaker', 'na'),
    (10, 1, 'outlets', 'ok'), (11, 4, 'outlets', 'abnormal'),
    (12, 1, 'flooding', 'ok'), (13, 2, 'flooding', 'abnormal');
UPDATE inspection_item SET _void = 'slip' WHERE id = 13;
INSERT INTO meter_reading(id, unit_id, kind, value, read_at) VALUES
    (1, 1, 'water', 10.5, 1), (2, 1, 'water', 12, 2), (3, 1, 'water', 11, 3),
    (4, 1, 'gas', 5, 1), (5, 1, 'power', 4, 2), (6, 2, 'water', 1, 4);
"
is "SELECT unit_id FROM vacant_unit ORDER BY 1" "1 2 4"
is "SELECT item, answer, inspection_id FROM unit_condition ORDER BY item" \
    "alarm|ok|2 breaker|no_access|1 flooding|ok|1 mould|abnormal|2 outlets|ok|1 \
windows|abnormal|1"
is "SELECT reading_id, before_id FROM meter_falling" "3|2"
is "SELECT unit_id, trigger_kind, coalesce(items, '-') FROM inspection_due
    ORDER BY 1, 2" "1|recheck|mould windows 1|scheduled|-"
# due a month later to the minute, at the site's own date
is "SELECT due_at - $t0 - 120000 FROM inspection_due
    WHERE trigger_kind = 'scheduled'" "$((31 * 86400000))"
sqlite3 -bail "$db" "
INSERT INTO incident(id, kind, happened_at, severity) VALUES
    (1, 'storm', (SELECT now_ms FROM site_now) - 5400000, 'general');
INSERT INTO visit(id, reason, unit_id, entered_at, left_at) VALUES
    (1, 'business', 2, (SELECT now_ms FROM site_now) - 1800000, NULL),
    (2, 'business', 3, (SELECT now_ms FROM site_now) - 1800000, NULL),
    (3, 'business', 4, (SELECT now_ms FROM site_now) - 9000000, NULL);
"
is "SELECT unit_id, trigger_kind FROM inspection_due
    WHERE trigger_kind IN ('storm', 'post_viewing') ORDER BY 1, 2" \
    "1|storm 2|post_viewing 4|storm"

# ---------------------------------------------------------- renovations
h=3600000
sqlite3 -bail "$db" "
CREATE TEMP TABLE n AS SELECT now_ms FROM site_now;
INSERT INTO renovation_permit(id, unit_id, start_date, state) VALUES
    (1, 3, '2024-03-01', 'active'), (2, 3, '2024-03-01', 'active'),
    (3, 3, '2024-03-01', 'active'), (4, 3, '2024-03-01', 'suspended'),
    (5, 3, '2024-03-01', 'active');
INSERT INTO renovation_check(id, permit_id, checked_at, presence)
SELECT 1, 1, now_ms - 20 * $h, 'nobody' FROM n UNION ALL
SELECT 2, 2, now_ms - 30 * $h, 'nobody' FROM n UNION ALL
SELECT 3, 3, now_ms - 60 * $h, 'nobody' FROM n;
INSERT INTO water_test(id, permit_id, started_at, ended_at, depth_mm,
    below_unit_checked, leak) VALUES
    (1, 4, $t0, $t0 + 48 * $h, 25, 'yes', 'no'),
    (2, 4, $t0, $t0 + 47 * $h, 25, 'yes', 'no'),
    (3, 4, $t0, $t0 + 48 * $h, 10, 'yes', 'no'),
    (4, 4, $t0, $t0 + 48 * $h, 20, NULL, NULL),
    (5, 4, $t0, NULL, 20, NULL, 'yes'),
    (6, 4, $t0 + 100 * $h, NULL, 20, NULL, NULL);
INSERT INTO renovation_check(id, permit_id, checked_at, presence) VALUES
    (11, 4, $t0 + 12 * $h, 'nobody'), (12, 4, $t0 + 24 * $h, 'nobody'),
    (13, 4, $t0 + 36 * $h, 'nobody');
INSERT INTO violation(id, permit_id, kind, severity, deadline, state)
SELECT 1, 1, 'smoking', 'minor', now_ms - $h, 'rectifying' FROM n UNION ALL
SELECT 2, 1, 'smoking', 'minor', now_ms - $h, 'submitted' FROM n UNION ALL
SELECT 3, 1, 'smoking', 'minor', now_ms + $h, 'notified' FROM n UNION ALL
SELECT 4, 1, 'smoking', 'minor', NULL, 'found' FROM n;
"
is "SELECT permit_id, late FROM renovation_check_due ORDER BY 1" \
    "2|no 3|yes 5|yes"
is "SELECT test_id, watched, verdict FROM water_test_judged ORDER BY 1" \
    "1|yes|passed 2|yes|too_short 3|yes|wrong_depth 4|yes|below_unchecked \
5|no|leak 6|no|running"
is "SELECT violation_id, over_h FROM rectification_overdue" "1|1"
sqlite3 -bail "$db" "INSERT INTO setting(id, name, value) VALUES
    (1, 'water_test_h', 24), (2, 'renovation_check_h', 48)"
is "SELECT verdict FROM water_test_judged WHERE test_id = 2" "passed"
is "SELECT permit_id FROM renovation_check_due ORDER BY 1" "3 5"
# 07:59, 08:00, 12:00, 15:00 and 18:00 at the site, then a holiday at 09:00
sqlite3 -bail "$db" "
INSERT INTO renovation_check(id, permit_id, checked_at, presence) VALUES
    (21, 5, $t0 + 479 * 60000, 'working'),
    (22, 5, $t0 + 480 * 60000, 'working'),
    (23, 5, $t0 + 720 * 60000, 'working'),
    (24, 5, $t0 + 900 * 60000, 'working'),
    (25, 5, $t0 + 1080 * 60000, 'working'),
    (26, 5, $t0 + 86400000 + 540 * 60000, 'working');
INSERT INTO holiday(id, day) VALUES(1, '2024-03-05');
"
is "SELECT check_id, local_day FROM work_outside_hours ORDER BY 1" \
    "21|2024-03-04 23|2024-03-04 25|2024-03-04 26|2024-03-05"
sqlite3 -bail "$db" "INSERT INTO work_hours(id, window_start, window_end)
    VALUES(1, 470, 1100)"
is "SELECT check_id FROM work_outside_hours" "26"

# ------------------------------------------------------------- requests
sqlite3 -bail "$db" "
CREATE TEMP TABLE n AS SELECT now_ms FROM site_now;
INSERT INTO service_request(id, kind, channel, text, priority, _e)
SELECT 1, 'repair', 'phone', 'a', 'danger', (now_ms - 4 * 60000) << 16
FROM n UNION ALL
SELECT 2, 'repair', 'phone', 'a', 'danger', (now_ms - 6 * 60000) << 16
FROM n UNION ALL
SELECT 3, 'repair', 'phone', 'a', 'urgent', (now_ms - 60 * 60000) << 16
FROM n UNION ALL
SELECT 4, 'complaint', 'phone', 'a', 'urgent', (now_ms - 60 * 60000) << 16
FROM n UNION ALL
SELECT 5, 'inquiry', 'phone', 'a', 'normal', (now_ms - 60 * 60000) << 16
FROM n;
INSERT INTO request_event(id, request_id, kind, happened_at)
SELECT 1, 3, 'answered', now_ms - 50 * 60000 FROM n UNION ALL
SELECT 2, 4, 'arrived', now_ms - 40 * 60000 FROM n UNION ALL
SELECT 3, 4, 'done', now_ms - 30 * 60000 FROM n UNION ALL
SELECT 4, 5, 'received', now_ms - 100 * $h FROM n UNION ALL
SELECT 5, 5, 'called_back', now_ms - 90 * $h FROM n UNION ALL
SELECT 6, 5, 'done', now_ms - 80 * $h FROM n UNION ALL
SELECT 7, 5, 'supervisor_heard', now_ms - 70 * $h FROM n;
"
is "SELECT request_id, norm, standing FROM request_norm ORDER BY 1, 2" \
    "1|danger_answer|open 2|danger_answer|overdue 3|urgent_answer|met \
4|call_back|open 4|complaint_answer|met 4|supervisor_heard|open \
4|urgent_answer|late 5|call_back|overdue 5|supervisor_heard|met"

# ------------------------------------------- reminders, follow-ups, fees
sqlite3 -bail "$db" "
CREATE TEMP TABLE n AS SELECT now_ms FROM site_now;
INSERT INTO reminder(id, unit_id, due_at, text, state)
SELECT 1, 1, now_ms - 1, 'x', 'open' FROM n UNION ALL
SELECT 2, 1, now_ms + $h, 'x', 'open' FROM n UNION ALL
SELECT 3, 1, now_ms - 1, 'x', 'told' FROM n;
INSERT INTO follow_up(id, subject_table, subject_id, due_at, state)
SELECT 1, 'unit', 1, now_ms - 1, 'waiting' FROM n UNION ALL
SELECT 2, 'unit', 1, now_ms - 1, 'done' FROM n UNION ALL
SELECT 3, 'unit', 1, NULL, 'open' FROM n;
INSERT INTO charge(id, unit_id, period, kind, amount_fen) VALUES
    (1, 1, '2024-03', 'property', 30000), (2, 1, '2024-04', 'property', 30000),
    (3, 2, '2024-03', 'property', 100);
INSERT INTO receipt(id, receipt_no, unit_id, amount_fen, corrects_id, method,
    received_at, _actor, _void) VALUES
    (1, '7-1', 1, 30000, NULL, 'cash', $t0 + 60000, 1, NULL),
    (2, '7-2', 1, -5000, 1, 'cash', $t0 + 120000, 1, NULL),
    (3, '7-3', 1, 999, NULL, 'cash', $t0 + 120000, 1, 'typed twice'),
    (4, '7-4', 4, 700, NULL, 'wechat', $t0 + 120000, 1, NULL),
    (5, '7-5', 1, 50, NULL, 'cash', $t0 - 60000, 1, NULL);
"
is "SELECT reminder_id FROM reminder_due" "1"
is "SELECT follow_up_id FROM follow_up_overdue" "1"
is "SELECT unit_id, balance_fen FROM unit_balance ORDER BY 1" \
    "1|34950 2|100 4|-700"
is "SELECT staff_id, day, receipts, taken_fen, refunded_fen, amount_fen
    FROM cash_by_cashier ORDER BY day" \
    "1|2024-03-03|1|50|0|50 1|2024-03-04|2|30000|-5000|25000"
is "SELECT method, amount_fen FROM takings WHERE day = '2024-03-04'
    ORDER BY 1" "cash|25000 wechat|700"

# Amounts that somebody mistyped twice stop no view.
sqlite3 -bail "$db" "INSERT INTO receipt(id, receipt_no, unit_id, amount_fen,
    method, received_at, _actor) VALUES
    (6, '7-6', 5, 9223372036854775807, 'cash', $t0, 1),
    (7, '7-7', 5, 9223372036854775807, 'cash', $t0, 1)"
is "SELECT balance_fen < -9000000000000000000 FROM unit_balance
    WHERE unit_id = 5" "1"

# --------------------------------------------------- every view answers
for view in $(sqlite3 "$db" \
    "SELECT name FROM sqlite_schema WHERE type = 'view'"); do
    sqlite3 -bail "$db" "SELECT count(*) FROM $view" >/dev/null || status=1
done
exit $status
