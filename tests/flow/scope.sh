#!/bin/sh
# Two areas through the real programs: each handheld has its own area's
# records, a unit that moves takes what hangs on it along, unsent work on it is
# kept until the hub has it, and a lost reply, a stick and a rebuild change
# nothing of that.
. "$(dirname "$0")/lib.sh"

new_hub
# units AREA OF UNIT 1: as the office's list has them
units()
{
    printf 'ref,building,floor,room,area\nu1,3,1,101,%s\nu2,3,2,201,B\n' "$1" \
        >"$T/unit.csv"
    gengbu-hub load "$hub" unit "$T/unit.csv" >"$T/out"
}
units A
serve_hub
handheld 1 2 A
handheld 2 2 B
mkdir "$T/stick"
rows()
{
    sqlite3 "$T/$1/journal.db" "SELECT count(*) FROM $2"
}
sync()
{
    for n in "$@"; do gengbu sync "$T/$n" --hub "$url" >"$T/out"; done
}

# ------------------------------------------------------- each its own area

gengbu status "$T/1" | grep -q '^scope  *area=A$' || fail "$(gengbu status "$T/1")"
a=$(gengbu record "$T/1" service_order kind=errand unit_id=@u1 note=一)
b=$(gengbu record "$T/2" service_order kind=errand unit_id=@u2)
gengbu record "$T/1" sos raised_at=now >"$T/out"
refused 1 "nothing is called u2" gengbu record "$T/1" service_order \
    kind=errand unit_id=@u2
sync 1 2 1
same "$(rows 1 service_order) $(rows 2 service_order)" "1 1" "orders"
same "$(rows 1 sos) $(rows 2 sos)" "1 1" "calls for help"
refused 1 "there is no service_order" gengbu show "$T/2" service_order "$a"
digests 1 2

# ------------------------------------------------------------ a unit moves

units B
sync 2
same "$(rows 2 service_order)" 2 "orders of B after the move"
gengbu export "$T/1" "$T/stick" >"$T/out" # it has not heard of the move,
gengbu set "$T/1" service_order "$a" note=未送 # and goes on
gengbu-hub import "$hub" "$T/stick" >"$T/out" || fail "$(cat "$T/out")"
gengbu-hub export "$hub" --device 1 --to "$T/stick" >"$T/out"
gengbu import "$T/1" "$T/stick" >"$T/out"
gengbu list "$T/1" service_order | grep -q read-only ||
    fail "$(gengbu list "$T/1" service_order)"
gengbu show "$T/1" service_order "$a" | grep -q '^(read-only)' ||
    fail "$(gengbu show "$T/1" service_order "$a")"
gengbu status "$T/1" | grep -q '1 record left it' || fail "$(gengbu status "$T/1")"
refused 1 "left the scope" gengbu set "$T/1" service_order "$a" note=再
rm "$T/stick"/*
gengbu export "$T/1" "$T/stick" >"$T/out"
gengbu-hub import "$hub" "$T/stick" >"$T/out" || fail "$(cat "$T/out")"
gengbu-hub export "$hub" --device 1 --to "$T/stick" >"$T/out"
gengbu import "$T/1" "$T/stick" >"$T/out"
sync 2
same "$(rows 1 service_order) $(rows 1 unit)" "0 0" "what is left of area A"
same "$(sqlite3 "$T/2/journal.db" "SELECT count(*) FROM service_order
    WHERE note = '未送'")" 1 "the unsent change, where the unit is now"
digests 1 2

# ---------------------------------------------------------------- and back

units A
stop_hub
gengbu-hub rebuild "$hub" >"$T/out"
serve_hub
sync 1 2
same "$(rows 1 service_order) $(rows 2 service_order)" "1 1" "orders at the end"
digests 1 2
refused 1 "no device 9" gengbu-hub digest "$hub" --device 9
same "$b" 2-1 "the other order"

# ------------------------------------------------- a handheld changes its area

gengbu-hub enrol "$hub" --device 1 --set area=B >"$T/out"
work=$(gengbu record "$T/1" incident kind=other place=3号楼 happened_at=now \
    severity=general text=路上)
sync 1 2 1
gengbu status "$T/1" | grep -q '^scope  *area=B$' ||
    fail "$(gengbu status "$T/1")"
same "$(rows 1 service_order)" "$(rows 2 service_order)" "orders of one area"
gengbu-hub explain "$hub" incident "$work" text | grep -q 路上
digests 1 2
gengbu-hub enrol "$hub" --device 1 --level 1 --name 夜班 >"$T/out"
sync 1
gengbu-hub devices "$hub" | grep -q '^ *1  夜班  *1  area=B' ||
    fail "$(gengbu-hub devices "$hub")"
refused 1 "no device 9" gengbu-hub enrol "$hub" --device 9 --level 1
refused 2 "give --name, --level or --set" gengbu-hub enrol "$hub" --device 1
refused 2 "leave out --out" gengbu-hub enrol "$hub" --device 1 --level 2 \
    --out "$T/x"
digests 1 2

echo "two areas: a unit moved there and back, and took its records along"
