#!/bin/sh
# What a view says of local time is the same on a handheld and at the hub:
# from the ticket on, by a ticket without a delta, in a journal of before, and
# at a hub that was made anew.
. "$(dirname "$0")/lib.sh"

new_hub
site='Garden 花园|Asia/Shanghai|480'
# sites DATABASE WHEN: it has the site's row
sites()
{
    same "$(sqlite3 "$1" 'SELECT * FROM site')" "$site" "the site $2"
}
sites "$hub/hub.db" "of a new hub"
printf 'ref,building,floor,room,area\nu1,3,12,1202,A\n' >"$T/unit.csv"
gengbu-hub load "$hub" unit "$T/unit.csv" >"$T/out"
printf 'ref,name,area\nr1,夜巡,A\n' >"$T/route.csv"
gengbu-hub load "$hub" route "$T/route.csv" >"$T/out"
printf 'ref,route_id,name,window_start,window_end\nc1,@r1,大堂,480,840\n' \
    >"$T/checkpoint.csv"
gengbu-hub load "$hub" checkpoint "$T/checkpoint.csv" >"$T/out"
gengbu-hub enrol "$hub" --name one --level 2 --set area=A --out "$T/1.ticket" \
    >"$T/out"
gengbu init "$T/1" --ticket "$T/1.ticket" >"$T/out"
sites "$T/1/journal.db" "from a ticket"
gengbu signin "$T/1" 0-1 >"$T/out"

# Ten in the morning is within the hours of work, and two in the night, as
# that would be in UTC, is not.
permit=$(gengbu record "$T/1" renovation_permit unit_id=@u1 \
    start_date=2026-11-01 end_date=2026-12-31)
check=
for at in 10:00 13:00; do
    check=$(gengbu record "$T/1" renovation_check permit_id="$permit" \
        presence=working checked_at="2026-11-24 $at")
done
# outside DATABASE: the checks outside the hours, with their day
outside()
{
    sqlite3 "$1" "SELECT printf('%d-%d %s', check_id >> 40,
        check_id & 0xffffffffff, local_day) FROM work_outside_hours"
}
same "$(outside "$T/1/journal.db")" "$check 2026-11-24" "outside on a handheld"
gengbu list "$T/1" work_outside_hours --json >"$T/list"
same "$(grep -c '"check_id"' "$T/list")" 1 "checks that are listed"

# A deadline is a time for people, and so are the ends of a checkpoint's window.
gengbu record "$T/1" patrol route_id=@r1 planned_start="2025-11-24 07:00" \
    >"$T/out"
gengbu list "$T/1" scan_timing >"$T/list"
grep -q '2025-11-24 08:00:00  *2025-11-24 14:00:00' "$T/list" ||
    fail "scan_timing: $(cat "$T/list")"
gengbu record "$T/1" violation permit_id="$permit" kind=smoking severity=minor \
    deadline="2025-11-25 18:00" >"$T/out"
for table in violation rectification_overdue; do
    gengbu list "$T/1" $table >"$T/list"
    grep -q '2025-11-25 18:00:00' "$T/list" || fail "$table: $(cat "$T/list")"
done
gengbu show "$T/1" violation | grep -q '整改期限 *time' || fail "no time"

serve_hub
gengbu sync "$T/1" --hub "$url" >"$T/out"
sites "$T/1/journal.db" "after a sync"
same "$(outside "$hub/hub.db")" "$check 2026-11-24" "outside at the hub"

# A journal that was made before this was noted: the next write mends it.
sqlite3 "$T/1/journal.db" "UPDATE site SET name = '', timezone = 'UTC',
    offset_min = 0"
gengbu sync "$T/1" >"$T/out" # nothing new comes, so its name stays as it was
same "$(outside "$T/1/journal.db")" "$check 2026-11-24" "outside when mended"
gengbu record "$T/1" sos raised_at=now >"$T/out"
gengbu sync "$T/1" >"$T/out"
sites "$T/1/journal.db" "when mended"

# A ticket without a delta, as from a QR code: the first contact brings it.
gengbu-hub enrol "$hub" --name two --set area=A --out "$T/2.ticket" >"$T/out"
python3 - "$T/2.ticket" <<'E3'
import json, sys
t = json.load(open(sys.argv[1]))
del t["delta"]
json.dump(t, open(sys.argv[1], "w"))
E3
gengbu init "$T/2" --ticket "$T/2.ticket" >"$T/out"
gengbu sync "$T/2" --hub "$url" >"$T/out"
sites "$T/2/journal.db" "by a first contact"
same "$(outside "$T/2/journal.db")" "$check 2026-11-24" "outside on the second"
stop_hub

gengbu-hub rebuild "$hub" >"$T/out"
sites "$hub/hub.db" "at a hub that was made anew"
