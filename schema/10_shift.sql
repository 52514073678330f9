-- The shift itself, and what all duties share: the staff, the office's own
-- settings, checklists and reason codes, incidents, calls for help, photos.
--
-- The tables rule, record, enum, label, personal, authority and actor are the
-- engine's; their rows are
--
--     rule       (table, column, how concurrent writes merge)
--     record     (table, level to write, level to void, scope, rival)
--     enum       (table, column, value, order on screen)
--     label      (table, column, value, language, words)
--     personal   (table, column)
--     authority  (table, column, value, level to write it)
--     actor      (table whose records act, column with their level)
--
-- Times are UTC milliseconds, dates YYYY-MM-DD, windows minutes after local
-- midnight, money fen.  A column without a rule is a fact: written at insert
-- or never.  What is judged is a view.  Views read three columns that the
-- engine adds to every table (_void: reason, NULL while the record is live;
-- _e: stamp of the insert, milliseconds << 16; _actor: who made it), the one
-- row of its table site(name, timezone, offset_min), and the device number,
-- which is id >> 40.
--
-- Levels: staff 1, supervisor 2, the office 9.  What the office writes has 9
-- and 9; everything else is written by all and voided by supervisors, unless
-- a comment says why not.

-- 员工.  Unscoped: every handheld needs the names that it shows.
CREATE TABLE staff (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    level INTEGER NOT NULL DEFAULT 1,
    area TEXT,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('staff', 9, 9, NULL, NULL);

INSERT INTO rule VALUES
    ('staff', 'name', 'last'),
    ('staff', 'level', 'last'),
    ('staff', 'area', 'last'),
    ('staff', 'note', 'last');

INSERT INTO actor VALUES
    ('staff', 'level');

INSERT INTO label VALUES
    ('staff', NULL, NULL, 'zh', '员工'),
    ('staff', NULL, NULL, 'en', 'Staff'),
    ('staff', 'name', NULL, 'zh', '姓名'),
    ('staff', 'name', NULL, 'en', 'Name'),
    ('staff', 'level', NULL, 'zh', '级别'),
    ('staff', 'level', NULL, 'en', 'Level'),
    ('staff', 'area', NULL, 'zh', '责任区'),
    ('staff', 'area', NULL, 'en', 'Area'),
    ('staff', 'note', NULL, 'zh', '备注'),
    ('staff', 'note', NULL, 'en', 'Note');

-- 参数.  What differs from place to place; view `norm` has the defaults.
CREATE TABLE setting (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('setting', 9, 9, NULL, NULL);

INSERT INTO rule VALUES
    ('setting', 'name', 'last'),
    ('setting', 'value', 'last'),
    ('setting', 'note', 'last');

INSERT INTO label VALUES
    ('setting', NULL, NULL, 'zh', '参数'),
    ('setting', NULL, NULL, 'en', 'Setting'),
    ('setting', 'name', NULL, 'zh', '名称'),
    ('setting', 'name', NULL, 'en', 'Name'),
    ('setting', 'value', NULL, 'zh', '数值'),
    ('setting', 'value', NULL, 'en', 'Value'),
    ('setting', 'note', NULL, 'zh', '备注'),
    ('setting', 'note', NULL, 'en', 'Note');

-- 施工时段.  Hours in which renovators may work; none on a holiday.
CREATE TABLE work_hours (
    id INTEGER PRIMARY KEY,
    window_start INTEGER NOT NULL,
    window_end INTEGER NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('work_hours', 9, 9, NULL, NULL);

INSERT INTO rule VALUES
    ('work_hours', 'window_start', 'last'),
    ('work_hours', 'window_end', 'last'),
    ('work_hours', 'note', 'last');

INSERT INTO label VALUES
    ('work_hours', NULL, NULL, 'zh', '施工时段'),
    ('work_hours', NULL, NULL, 'en', 'Work hours'),
    ('work_hours', 'window_start', NULL, 'zh', '开始'),
    ('work_hours', 'window_start', NULL, 'en', 'From'),
    ('work_hours', 'window_end', NULL, 'zh', '结束'),
    ('work_hours', 'window_end', NULL, 'en', 'To'),
    ('work_hours', 'note', NULL, 'zh', '备注'),
    ('work_hours', 'note', NULL, 'en', 'Note');

CREATE TABLE holiday (
    id INTEGER PRIMARY KEY,
    day TEXT NOT NULL,
    name TEXT,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('holiday', 9, 9, NULL, NULL);

INSERT INTO rule VALUES
    ('holiday', 'day', 'last'),
    ('holiday', 'name', 'last'),
    ('holiday', 'note', 'last');

INSERT INTO label VALUES
    ('holiday', NULL, NULL, 'zh', '节假日'),
    ('holiday', NULL, NULL, 'en', 'Holiday'),
    ('holiday', 'day', NULL, 'zh', '日期'),
    ('holiday', 'day', NULL, 'en', 'Day'),
    ('holiday', 'name', NULL, 'zh', '名称'),
    ('holiday', 'name', NULL, 'en', 'Name'),
    ('holiday', 'note', NULL, 'zh', '备注'),
    ('holiday', 'note', NULL, 'en', 'Note');

-- 原因代码.  Short answers to pick from; the reason columns take any text.
CREATE TABLE reason_code (
    id INTEGER PRIMARY KEY,
    used_for TEXT NOT NULL,
    code TEXT NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    sort_no INTEGER NOT NULL DEFAULT 0,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('reason_code', 9, 9, NULL, NULL);

INSERT INTO rule VALUES
    ('reason_code', 'used_for', 'last'),
    ('reason_code', 'code', 'last'),
    ('reason_code', 'name_zh', 'last'),
    ('reason_code', 'name_en', 'last'),
    ('reason_code', 'sort_no', 'last'),
    ('reason_code', 'note', 'last');

INSERT INTO enum VALUES
    ('reason_code', 'used_for', 'scan_skipped', 1),
    ('reason_code', 'used_for', 'scan_abnormal', 2),
    ('reason_code', 'used_for', 'patrol_stopped', 3),
    ('reason_code', 'used_for', 'void', 4);

INSERT INTO label VALUES
    ('reason_code', NULL, NULL, 'zh', '原因代码'),
    ('reason_code', NULL, NULL, 'en', 'Reason code'),
    ('reason_code', 'used_for', NULL, 'zh', '用于'),
    ('reason_code', 'used_for', NULL, 'en', 'Used for'),
    ('reason_code', 'used_for', 'scan_skipped', 'zh', '打卡跳过'),
    ('reason_code', 'used_for', 'scan_skipped', 'en', 'Skipped scan'),
    ('reason_code', 'used_for', 'scan_abnormal', 'zh', '打卡异常'),
    ('reason_code', 'used_for', 'scan_abnormal', 'en', 'Abnormal scan'),
    ('reason_code', 'used_for', 'patrol_stopped', 'zh', '巡更中止'),
    ('reason_code', 'used_for', 'patrol_stopped', 'en', 'Stopped patrol'),
    ('reason_code', 'used_for', 'void', 'zh', '作废'),
    ('reason_code', 'used_for', 'void', 'en', 'Void'),
    ('reason_code', 'code', NULL, 'zh', '代码'),
    ('reason_code', 'code', NULL, 'en', 'Code'),
    ('reason_code', 'name_zh', NULL, 'zh', '中文名称'),
    ('reason_code', 'name_zh', NULL, 'en', 'Chinese name'),
    ('reason_code', 'name_en', NULL, 'zh', '英文名称'),
    ('reason_code', 'name_en', NULL, 'en', 'English name'),
    ('reason_code', 'sort_no', NULL, 'zh', '序号'),
    ('reason_code', 'sort_no', NULL, 'en', 'Order'),
    ('reason_code', 'note', NULL, 'zh', '备注'),
    ('reason_code', 'note', NULL, 'en', 'Note');

-- 检查表.  An inspection copies the codes, so a changed list changes no record.
CREATE TABLE checklist (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('checklist', 9, 9, NULL, NULL);

INSERT INTO rule VALUES
    ('checklist', 'kind', 'last'),
    ('checklist', 'name', 'last'),
    ('checklist', 'note', 'last');

INSERT INTO enum VALUES
    ('checklist', 'kind', 'vacancy', 1),
    ('checklist', 'kind', 'renovation', 2);

INSERT INTO label VALUES
    ('checklist', NULL, NULL, 'zh', '检查表'),
    ('checklist', NULL, NULL, 'en', 'Checklist'),
    ('checklist', 'kind', NULL, 'zh', '类别'),
    ('checklist', 'kind', NULL, 'en', 'Kind'),
    ('checklist', 'kind', 'vacancy', 'zh', '空置房'),
    ('checklist', 'kind', 'vacancy', 'en', 'Vacant unit'),
    ('checklist', 'kind', 'renovation', 'zh', '装修'),
    ('checklist', 'kind', 'renovation', 'en', 'Renovation'),
    ('checklist', 'name', NULL, 'zh', '名称'),
    ('checklist', 'name', NULL, 'en', 'Name'),
    ('checklist', 'note', NULL, 'zh', '备注'),
    ('checklist', 'note', NULL, 'en', 'Note');

CREATE TABLE checklist_item (
    id INTEGER PRIMARY KEY,
    checklist_id INTEGER NOT NULL REFERENCES checklist(id),
    code TEXT NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    mandatory TEXT NOT NULL DEFAULT 'yes',
    sort_no INTEGER NOT NULL DEFAULT 0,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('checklist_item', 9, 9, NULL, NULL);

INSERT INTO rule VALUES
    ('checklist_item', 'checklist_id', 'last'),
    ('checklist_item', 'code', 'last'),
    ('checklist_item', 'name_zh', 'last'),
    ('checklist_item', 'name_en', 'last'),
    ('checklist_item', 'mandatory', 'last'),
    ('checklist_item', 'sort_no', 'last'),
    ('checklist_item', 'note', 'last');

INSERT INTO enum VALUES
    ('checklist_item', 'mandatory', 'yes', 1),
    ('checklist_item', 'mandatory', 'no', 2);

INSERT INTO label VALUES
    ('checklist_item', NULL, NULL, 'zh', '检查项'),
    ('checklist_item', NULL, NULL, 'en', 'Checklist item'),
    ('checklist_item', 'checklist_id', NULL, 'zh', '检查表'),
    ('checklist_item', 'checklist_id', NULL, 'en', 'Checklist'),
    ('checklist_item', 'code', NULL, 'zh', '代码'),
    ('checklist_item', 'code', NULL, 'en', 'Code'),
    ('checklist_item', 'name_zh', NULL, 'zh', '中文名称'),
    ('checklist_item', 'name_zh', NULL, 'en', 'Chinese name'),
    ('checklist_item', 'name_en', NULL, 'zh', '英文名称'),
    ('checklist_item', 'name_en', NULL, 'en', 'English name'),
    ('checklist_item', 'mandatory', NULL, 'zh', '必查'),
    ('checklist_item', 'mandatory', NULL, 'en', 'Mandatory'),
    ('checklist_item', 'mandatory', 'yes', 'zh', '是'),
    ('checklist_item', 'mandatory', 'yes', 'en', 'Yes'),
    ('checklist_item', 'mandatory', 'no', 'zh', '否'),
    ('checklist_item', 'mandatory', 'no', 'en', 'No'),
    ('checklist_item', 'sort_no', NULL, 'zh', '序号'),
    ('checklist_item', 'sort_no', NULL, 'en', 'Order'),
    ('checklist_item', 'note', NULL, 'zh', '备注'),
    ('checklist_item', 'note', NULL, 'en', 'Note');

-- 班次.  Colleagues of the area see who is on.
CREATE TABLE shift (
    id INTEGER PRIMARY KEY,
    staff_id INTEGER NOT NULL REFERENCES staff(id),
    planned_start INTEGER,
    planned_end INTEGER,
    started_at INTEGER,
    ended_at INTEGER,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('shift', 1, 2,
     'EXISTS(SELECT 1 FROM staff s WHERE s.id = staff_id AND s.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('shift', 'started_at', 'first'),
    ('shift', 'ended_at', 'first'),
    ('shift', 'note', 'last');

INSERT INTO label VALUES
    ('shift', NULL, NULL, 'zh', '班次'),
    ('shift', NULL, NULL, 'en', 'Shift'),
    ('shift', 'staff_id', NULL, 'zh', '员工'),
    ('shift', 'staff_id', NULL, 'en', 'Staff'),
    ('shift', 'planned_start', NULL, 'zh', '计划开始'),
    ('shift', 'planned_start', NULL, 'en', 'Planned start'),
    ('shift', 'planned_end', NULL, 'zh', '计划结束'),
    ('shift', 'planned_end', NULL, 'en', 'Planned end'),
    ('shift', 'started_at', NULL, 'zh', '上班时间'),
    ('shift', 'started_at', NULL, 'en', 'Started at'),
    ('shift', 'ended_at', NULL, 'zh', '下班时间'),
    ('shift', 'ended_at', NULL, 'en', 'Ended at'),
    ('shift', 'note', NULL, 'zh', '备注'),
    ('shift', 'note', NULL, 'en', 'Note');

-- 交接班.  Both sides see it, also when they work in different areas.
CREATE TABLE handover (
    id INTEGER PRIMARY KEY,
    shift_id INTEGER NOT NULL REFERENCES shift(id),
    from_staff INTEGER NOT NULL REFERENCES staff(id),
    to_staff INTEGER NOT NULL REFERENCES staff(id),
    open_items TEXT,
    state TEXT NOT NULL DEFAULT 'offered',
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('handover', 1, 2,
     'EXISTS(SELECT 1 FROM staff s
      WHERE s.id IN (from_staff, to_staff) AND s.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('handover', 'state',
     'state offered>taken offered>declined
      prefer taken>declined>offered'),
    ('handover', 'note', 'last');

INSERT INTO enum VALUES
    ('handover', 'state', 'offered', 1),
    ('handover', 'state', 'taken', 2),
    ('handover', 'state', 'declined', 3);

INSERT INTO label VALUES
    ('handover', NULL, NULL, 'zh', '交接班'),
    ('handover', NULL, NULL, 'en', 'Handover'),
    ('handover', 'shift_id', NULL, 'zh', '班次'),
    ('handover', 'shift_id', NULL, 'en', 'Shift'),
    ('handover', 'from_staff', NULL, 'zh', '交班人'),
    ('handover', 'from_staff', NULL, 'en', 'From'),
    ('handover', 'to_staff', NULL, 'zh', '接班人'),
    ('handover', 'to_staff', NULL, 'en', 'To'),
    ('handover', 'open_items', NULL, 'zh', '未完事项'),
    ('handover', 'open_items', NULL, 'en', 'Open items'),
    ('handover', 'state', NULL, 'zh', '状态'),
    ('handover', 'state', NULL, 'en', 'State'),
    ('handover', 'state', 'offered', 'zh', '待接班'),
    ('handover', 'state', 'offered', 'en', 'Offered'),
    ('handover', 'state', 'taken', 'zh', '已接班'),
    ('handover', 'state', 'taken', 'en', 'Taken'),
    ('handover', 'state', 'declined', 'zh', '拒接'),
    ('handover', 'state', 'declined', 'en', 'Declined'),
    ('handover', 'note', NULL, 'zh', '备注'),
    ('handover', 'note', NULL, 'en', 'Note');

-- 事件.  The place is in words, so it stays with the handheld that saw it.
CREATE TABLE incident (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    place TEXT,
    happened_at INTEGER NOT NULL,
    severity TEXT NOT NULL,
    text TEXT,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('incident', 1, 2, 'id >> 40 = :device', NULL);

INSERT INTO rule VALUES
    ('incident', 'severity', 'worst minor<general<serious<critical back@2'),
    ('incident', 'note', 'last');

INSERT INTO enum VALUES
    ('incident', 'kind', 'fire', 1),
    ('incident', 'kind', 'water', 2),
    ('incident', 'kind', 'power', 3),
    ('incident', 'kind', 'gas', 4),
    ('incident', 'kind', 'lift', 5),
    ('incident', 'kind', 'storm', 6),
    ('incident', 'kind', 'injury', 7),
    ('incident', 'kind', 'theft', 8),
    ('incident', 'kind', 'dispute', 9),
    ('incident', 'kind', 'facility', 10),
    ('incident', 'kind', 'other', 11),
    ('incident', 'severity', 'minor', 1),
    ('incident', 'severity', 'general', 2),
    ('incident', 'severity', 'serious', 3),
    ('incident', 'severity', 'critical', 4);

INSERT INTO label VALUES
    ('incident', NULL, NULL, 'zh', '事件'),
    ('incident', NULL, NULL, 'en', 'Incident'),
    ('incident', 'kind', NULL, 'zh', '类别'),
    ('incident', 'kind', NULL, 'en', 'Kind'),
    ('incident', 'kind', 'fire', 'zh', '火警'),
    ('incident', 'kind', 'fire', 'en', 'Fire'),
    ('incident', 'kind', 'water', 'zh', '水浸'),
    ('incident', 'kind', 'water', 'en', 'Water'),
    ('incident', 'kind', 'power', 'zh', '停电'),
    ('incident', 'kind', 'power', 'en', 'Power cut'),
    ('incident', 'kind', 'gas', 'zh', '燃气'),
    ('incident', 'kind', 'gas', 'en', 'Gas'),
    ('incident', 'kind', 'lift', 'zh', '电梯'),
    ('incident', 'kind', 'lift', 'en', 'Lift'),
    ('incident', 'kind', 'storm', 'zh', '暴风雨'),
    ('incident', 'kind', 'storm', 'en', 'Storm'),
    ('incident', 'kind', 'injury', 'zh', '伤病'),
    ('incident', 'kind', 'injury', 'en', 'Injury'),
    ('incident', 'kind', 'theft', 'zh', '盗窃'),
    ('incident', 'kind', 'theft', 'en', 'Theft'),
    ('incident', 'kind', 'dispute', 'zh', '纠纷'),
    ('incident', 'kind', 'dispute', 'en', 'Dispute'),
    ('incident', 'kind', 'facility', 'zh', '设施'),
    ('incident', 'kind', 'facility', 'en', 'Facility'),
    ('incident', 'kind', 'other', 'zh', '其他'),
    ('incident', 'kind', 'other', 'en', 'Other'),
    ('incident', 'place', NULL, 'zh', '地点'),
    ('incident', 'place', NULL, 'en', 'Place'),
    ('incident', 'happened_at', NULL, 'zh', '发生时间'),
    ('incident', 'happened_at', NULL, 'en', 'Happened at'),
    ('incident', 'severity', NULL, 'zh', '严重程度'),
    ('incident', 'severity', NULL, 'en', 'Severity'),
    ('incident', 'severity', 'minor', 'zh', '轻微'),
    ('incident', 'severity', 'minor', 'en', 'Minor'),
    ('incident', 'severity', 'general', 'zh', '一般'),
    ('incident', 'severity', 'general', 'en', 'General'),
    ('incident', 'severity', 'serious', 'zh', '严重'),
    ('incident', 'severity', 'serious', 'en', 'Serious'),
    ('incident', 'severity', 'critical', 'zh', '危及安全'),
    ('incident', 'severity', 'critical', 'en', 'Critical'),
    ('incident', 'text', NULL, 'zh', '经过'),
    ('incident', 'text', NULL, 'en', 'What happened'),
    ('incident', 'note', NULL, 'zh', '备注'),
    ('incident', 'note', NULL, 'en', 'Note');

-- 紧急求助.  Unscoped: help comes from whoever is near, whatever the area.
CREATE TABLE sos (
    id INTEGER PRIMARY KEY,
    raised_at INTEGER NOT NULL,
    latitude REAL,
    longitude REAL,
    state TEXT NOT NULL DEFAULT 'raised',
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('sos', 1, 2, NULL, NULL);

INSERT INTO rule VALUES
    ('sos', 'state',
     'state raised>acknowledged acknowledged>closed@2
      prefer raised>acknowledged>closed'),
    ('sos', 'note', 'last');

INSERT INTO enum VALUES
    ('sos', 'state', 'raised', 1),
    ('sos', 'state', 'acknowledged', 2),
    ('sos', 'state', 'closed', 3);

INSERT INTO label VALUES
    ('sos', NULL, NULL, 'zh', '紧急求助'),
    ('sos', NULL, NULL, 'en', 'SOS'),
    ('sos', 'raised_at', NULL, 'zh', '求助时间'),
    ('sos', 'raised_at', NULL, 'en', 'Raised at'),
    ('sos', 'latitude', NULL, 'zh', '纬度'),
    ('sos', 'latitude', NULL, 'en', 'Latitude'),
    ('sos', 'longitude', NULL, 'zh', '经度'),
    ('sos', 'longitude', NULL, 'en', 'Longitude'),
    ('sos', 'state', NULL, 'zh', '状态'),
    ('sos', 'state', NULL, 'en', 'State'),
    ('sos', 'state', 'raised', 'zh', '求助中'),
    ('sos', 'state', 'raised', 'en', 'Raised'),
    ('sos', 'state', 'acknowledged', 'zh', '已响应'),
    ('sos', 'state', 'acknowledged', 'en', 'Acknowledged'),
    ('sos', 'state', 'closed', 'zh', '已解除'),
    ('sos', 'state', 'closed', 'en', 'Closed'),
    ('sos', 'note', NULL, 'zh', '备注'),
    ('sos', 'note', NULL, 'en', 'Note');

-- 附件.  A blurred photo, or one of a passer-by, may be voided by whoever took
-- it; the void has a reason and the bytes' hash stays in the ledger.
CREATE TABLE attachment (
    id INTEGER PRIMARY KEY,
    subject_table TEXT NOT NULL,
    subject_id INTEGER NOT NULL,
    -- Lower-case hex, 64 digits.
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    taken_at INTEGER,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('attachment', 1, 1, 'id >> 40 = :device', NULL);

INSERT INTO rule VALUES
    ('attachment', 'note', 'last');

INSERT INTO label VALUES
    ('attachment', NULL, NULL, 'zh', '附件'),
    ('attachment', NULL, NULL, 'en', 'Attachment'),
    ('attachment', 'subject_table', NULL, 'zh', '所属表'),
    ('attachment', 'subject_table', NULL, 'en', 'Belongs to table'),
    ('attachment', 'subject_id', NULL, 'zh', '所属记录'),
    ('attachment', 'subject_id', NULL, 'en', 'Belongs to record'),
    ('attachment', 'sha256', NULL, 'zh', '校验值'),
    ('attachment', 'sha256', NULL, 'en', 'SHA-256'),
    ('attachment', 'bytes', NULL, 'zh', '字节数'),
    ('attachment', 'bytes', NULL, 'en', 'Bytes'),
    ('attachment', 'media_type', NULL, 'zh', '媒体类型'),
    ('attachment', 'media_type', NULL, 'en', 'Media type'),
    ('attachment', 'taken_at', NULL, 'zh', '拍摄时间'),
    ('attachment', 'taken_at', NULL, 'en', 'Taken at'),
    ('attachment', 'note', NULL, 'zh', '备注'),
    ('attachment', 'note', NULL, 'en', 'Note');

-- Now, at the site.  One offset serves all times: it holds where clocks are not
-- moved in summer.
CREATE VIEW site_now AS
SELECT now_ms,
       offset_ms,
       date((now_ms + offset_ms) / 1000, 'unixepoch') AS today,
       strftime('%Y-%m', (now_ms + offset_ms) / 1000, 'unixepoch') AS month
FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
                 AS now_ms,
             coalesce((SELECT offset_min FROM site), 0) * 60000 AS offset_ms);

-- The norms in force: the office's settings, else the usual ones.
CREATE VIEW norm AS
SELECT coalesce(max(CASE name WHEN 'danger_answer_min' THEN value END), 5)
           AS danger_answer_min,
       coalesce(max(CASE name WHEN 'urgent_answer_min' THEN value END), 15)
           AS urgent_answer_min,
       coalesce(max(CASE name WHEN 'complaint_answer_h' THEN value END), 24)
           AS complaint_answer_h,
       coalesce(max(CASE name WHEN 'call_back_h' THEN value END), 48)
           AS call_back_h,
       coalesce(max(CASE name WHEN 'water_test_h' THEN value END), 48)
           AS water_test_h,
       coalesce(max(CASE name WHEN 'water_watch_h' THEN value END), 12)
           AS water_watch_h,
       coalesce(max(CASE name WHEN 'water_depth_min_mm' THEN value END), 20)
           AS water_depth_min_mm,
       coalesce(max(CASE name WHEN 'water_depth_max_mm' THEN value END), 30)
           AS water_depth_max_mm,
       coalesce(max(CASE name WHEN 'renovation_check_h' THEN value END), 24)
           AS renovation_check_h,
       coalesce(max(CASE name WHEN 'renovation_late_h' THEN value END), 48)
           AS renovation_late_h
FROM setting
WHERE _void IS NULL;
