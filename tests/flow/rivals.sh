#!/bin/sh
# Two handhelds book one slot: conflicts, explain and resolve name the record
# that holds it, who made both and when, and what settles it.
. "$(dirname "$0")/lib.sh"

new_hub
printf 'ref,building,floor,room,area\nu1,3,12,1202,A\n' >"$T/unit.csv"
gengbu-hub load "$hub" unit "$T/unit.csv" >"$T/out"
printf 'ref,name,level,area\nli,李四,1,A\n' >"$T/staff.csv"
gengbu-hub load "$hub" staff "$T/staff.csv" >"$T/out"
serve_hub
handheld 1
handheld 2
gengbu signin "$T/2" @li >"$T/out"
# book NUMBER SLOT: the id
book()
{
    gengbu record "$T/$1" appointment kind=moving unit_id=@u1 \
        slot_start="2026-11-24 $2" slot_end="2026-11-24 23:00"
}
sync()
{
    for n in "$@"; do gengbu sync "$T/$n" >"$T/out"; done
}
first=$(book 1 09:00)
sync 1 2
gengbu set "$T/1" appointment "$first" state=confirmed
gengbu set "$T/2" appointment "$first" state=cancelled
held=$(book 1 10:00)
sleep 0.01
lost=$(book 2 10:00)
sync 1 2 1

# in FILE WORDS...: each stands there
in_file()
{
    file=$1
    shift
    for words in "$@"; do
        grep -q -e "$words" "$file" || fail "no '$words': $(cat "$file")"
    done
}
day='2026-[0-9-]* [0-9:]*'
settle='gengbu void.* one of the two.*gengbu set.*state IN'
gengbu-hub conflicts "$hub" >"$T/list"
in_file "$T/list" \
    "^appointment:$lost  NEEDS A PERSON; both claim kind, slot_start$" \
    "^  1  appointment:$held *  $day  device 1  王主管 0-1  (holds)$" \
    "^  2  appointment:$lost *  $day  device 2  李四 0-[0-9]*$" \
    "^  on a handheld: .*$settle" \
    "^appointment:$first:state  decided by its rule" \
    "^1 need a person, 1 decided by their rule$"
same "$(sed -n 1p "$T/list" | cut -d ' ' -f 1)" "appointment:$lost" \
    "the first: what needs a person"

gengbu-hub conflicts "$hub" --json >"$T/json"
python3 - "$T/json" "$held" "$lost" <<'E3'
import json, sys
def number(text):
    device, counter = map(int, text.split("-"))
    return device << 40 | counter
c, decided = json.load(open(sys.argv[1]))
held, lost = map(number, sys.argv[2:])
assert (c["kind"], c["id"], c["review"]) == ("rival", lost, True), c
assert not decided["review"], decided
r = c["claim"]
assert r["columns"] == ["kind", "slot_start"], r
assert r["where"] == "state IN ('booked','confirmed')", r
h, l = r["holder"], r["claimant"]
assert (h["id"], h["device"], h["actor_name"]) == (held, 1, "王主管 0-1"), h
assert (l["id"], l["device"]) == (lost, 2), l
assert l["actor_name"].startswith("李四 "), l
assert h["time_ms"] <= l["time_ms"] and h["stamp"] < l["stamp"], r
assert "gengbu void" in r["remedy"], r
E3

gengbu-hub explain "$hub" appointment "$lost" >"$T/why"
in_file "$T/why" "NEEDS A PERSON; both claim kind, slot_start" \
    "  1  appointment:$held *  $day  device 1  王主管 0-1  (holds)$" \
    "  2  appointment:$lost *  $day  device 2  李四 0-[0-9]*$" "on a handheld: .*$settle"
gengbu-hub explain "$hub" appointment "$lost" --json >"$T/json"
python3 - "$T/json" <<'E3'
import json, sys
x = json.load(open(sys.argv[1]))
assert x["rival_holds_claim"] and x["claim"]["holder"]["device"] == 1, x
E3
gengbu-hub explain "$hub" appointment "$held" --json >"$T/json"
! grep -q '"claim":' "$T/json" || fail "who holds it lost no claim"

for what in "appointment:$lost" "appointment:$lost:note"; do
    refused 1 "appointment:$held.*$settle" gengbu-hub resolve "$hub" "$what" \
        --keep 1 --actor 0-1 --reason "现场核实"
done
refused 1 'no open conflict' gengbu-hub resolve "$hub" \
    "appointment:$held:note" --keep 1 --actor 0-1 --reason "现场核实"

# and what it says settles it
gengbu void "$T/1" appointment "$held" --reason "改期" >"$T/out"
sync 1 2
gengbu-hub conflicts "$hub" >"$T/list"
in_file "$T/list" "^0 need a person, 1 decided by their rule$"
digests 1 2
