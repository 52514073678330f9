#!/bin/sh
# gengbu record, set, void, list, show: words and JSON lines, what is refused
# with which remedy, resumed imports, and two writers at once.
. "$(dirname "$0")/lib.sh"

new_hub
printf 'ref,name,interval_min,area\nR1,日巡,60,A3\n' >"$T/route.csv"
printf 'ref,building,floor,room,area\nA3-101,A3,1,101,A3\n' >"$T/unit.csv"
printf 'ref,name,level,area\nwang,王芳,1,A3\n' >"$T/staff.csv"
for t in staff route unit; do
    gengbu-hub load "$hub" $t "$T/$t.csv" >"$T/load.out"
done
gengbu-hub enrol "$hub" --name h1 --level 2 --set area=A3 \
    --out "$T/1.ticket" >"$T/enrol.out"
gengbu init "$T/1" --ticket "$T/1.ticket" >"$T/new.out"
j=$T/1

# json PYTHON: a value of the JSON on standard input, called d
json()
{
    python3 -c "import json,sys; d = json.load(sys.stdin); print(($1))"
}
unsent()
{
    gengbu status "$j" --json | json 'd["unsent"]'
}
count()
{
    sqlite3 "$j/journal.db" "SELECT count(*) FROM $1"
}

# -------------------------------------------------------------- who acts

refused 1 "gengbu signin" gengbu record "$j" patrol route_id=@R1
gengbu record "$j" patrol route_id=@R1 planned_start=now --actor @wang >"$T/out"
same "$(cat "$T/out")" 1-1 "the first id"
refused 1 "signin" gengbu set "$j" patrol 1-1 state=in_progress
refused 1 "no staff 0-99" gengbu signin "$j" 0-99
refused 1 "nothing is called" gengbu signin "$j" @nobody
refused 1 "names no record" gengbu record "$j" sos --actor me
gengbu signin "$j" @wang | grep -q '0-2 王芳' || fail "signin"
same "$(gengbu status "$j" --json | json 'd["actor"]')" 2 "actor"

# ---------------------------------------------------------------- words

p=$(gengbu record "$j" patrol route_id=@R1 planned_start=now note=夜巡)
same "$p" 1-2 "the next id"
before=$(date +%s)000
started=$(gengbu show "$j" patrol "$p" --json |
    json 'd["fields"]["planned_start"]')
[ "$started" -gt $((before - 60000)) ] && [ "$started" -lt $((before + 60000)) ] ||
    fail "now is $started"
gengbu set "$j" patrol 1-2 state=in_progress
gengbu set "$j" patrol 1099511627778 state=done # the same, as a number
s=$(gengbu record "$j" service_request kind=repair channel=phone unit_id=0-4 \
    text=水管漏水 --ref SR-1 --json | json 'd["name"]')
gengbu set "$j" service_request @SR-1 urged+=2
gengbu set "$j" service_request @1/SR-1 urged+=3 note=a=b
gengbu show "$j" service_request "$s" --json >"$T/show.json"
same "$(json 'd["fields"]["urged"]' <"$T/show.json")" 5 "a sum"
same "$(json 'd["fields"]["note"]' <"$T/show.json")" a=b "a value with ="
same "$(json 'd["fields"]["unit_id"]' <"$T/show.json")" 4 "a reference"
same "$(json 'd["ref"], d["sent"], d["void"]' <"$T/show.json")" \
    "('SR-1', False, None)" "ref, sent, void"
gengbu set "$j" service_request @SR-1 note=
same "$(gengbu show "$j" service_request @SR-1 --json |
    json 'd["fields"]["note"]')" None "an emptied value"
gengbu void "$j" patrol 1-1 --reason 误建 --actor 0-1
refused 1 "the record is void" gengbu set "$j" patrol 1-1 state=in_progress
refused 1 "needs level 2, of whoever acts and of the handheld" gengbu void "$j" patrol 1-2 试试
gengbu void "$j" patrol 1-2 重复 --actor 0-1
refused 1 "unit: only the office writes this: \`gengbu-hub load\`" \
    gengbu record "$j" unit building=3 room=1

# ------------------------------------------------------- list and show

gengbu list "$j" service_request >"$T/list"
grep -q '^id  *类别  *渠道' "$T/list" || fail "titles: $(cat "$T/list")"
grep -q '^1-3  *报修  *电话  *0-4 .*受理' "$T/list" || fail "$(cat "$T/list")"
gengbu list "$j" service_request --lang en >"$T/list"
grep -q '^1-3  *Repair  *Phone  *0-4' "$T/list" || fail "$(cat "$T/list")"
same "$(gengbu list "$j" patrol --json | json 'len(d)')" 0 "live patrols"
same "$(gengbu list "$j" patrol --json --all | json '[x["_void"] for x in d]')" \
    "['误建', '重复']" "void patrols"
same "$(gengbu list "$j" staff --json --limit 1 | json 'len(d)')" 1 "--limit"
gengbu list "$j" unit_condition >"$T/list" # a view
gengbu show "$j" patrol "$p" | grep -q "重复" || fail "show has no reason"
TZ=America/New_York gengbu show "$j" patrol "$p" >"$T/here"
TZ=UTC gengbu show "$j" patrol "$p" >"$T/there"
cmp -s "$T/here" "$T/there" || fail "times depend on TZ"
grep -q "$(TZ=Asia/Shanghai date -d "@$((started / 1000))" '+%F %T')" "$T/here" ||
    fail "the site's time: $(cat "$T/here")"

# ------------------------------------------------------------- times by hand

# A time as it stands in a list, in the site's zone, whatever the shell's.
id=$(TZ=America/New_York gengbu record "$j" sos raised_at="2026-11-24 23:11")
same "$(sqlite3 "$j/journal.db" "SELECT max(raised_at) FROM sos
    WHERE (id >> 40) || '-' || (id & 0xffffffffff) = '$id'")" \
    "$(TZ=Asia/Shanghai date -d '2026-11-24 23:11' +%s)000" "a time by hand"
gengbu list "$j" sos | grep -q "^$id .*2026-11-24 23:11:00" ||
    fail "$(gengbu list "$j" sos)"

# ------------------------------------------------------------ refused

had=$(unsent)
refused 1 "did you mean patrol? .gengbu list" gengbu record "$j" patrl route_id=1
refused 1 "did you mean state" gengbu set "$j" patrol 1-2 sate=done
refused 1 "there are staff" gengbu list "$j" zzzzzzzz
refused 1 "there are" gengbu record "$j" sos zzzzzzzz=1
refused 2 "name=value" gengbu record "$j" sos latitude
refused 2 "given twice" gengbu record "$j" sos latitude=1 latitude=2
refused 1 "'25:11' is no time: write .now., 08:30" \
    gengbu record "$j" sos raised_at=25:11
refused 1 "'x' is not an integer$" gengbu record "$j" service_request urged=x
refused 1 "is no time: write .now., 08:30" gengbu record "$j" sos raised_at="2026-02-30 08:30"
refused 1 "is no time" gengbu record "$j" sos raised_at=1.5
refused 1 "is no time" gengbu record "$j" sos raised_at=9223372036854775808
refused 1 "not a number" gengbu record "$j" sos latitude=north
refused 1 "not a number" gengbu record "$j" sos latitude=nan
refused 1 "not one of" gengbu record "$j" incident kind=party
refused 1 "nothing is called" gengbu record "$j" patrol route_id=@R9
refused 1 "there is no route 0-99" gengbu record "$j" patrol route_id=99
refused 1 "there is no patrol 1-99" gengbu set "$j" patrol 1-99 note=x
refused 1 "no move" gengbu set "$j" service_request @SR-1 state=closed
refused 1 "a fact is written once" gengbu set "$j" service_request @SR-1 text=x
refused 1 "only a .sum." gengbu set "$j" service_request @SR-1 note+=x
refused 1 "called SR-1 already" gengbu record "$j" service_request \
    kind=repair channel=phone text=x --ref SR-1
refused 1 "must not be empty" gengbu record "$j" service_request channel=phone
refused 1 "UTF-8" gengbu record "$j" incident kind=other text="$(printf 'a\377')"
refused 2 "usage" gengbu set "$j" patrol 1-2
refused 2 "one reason" gengbu void "$j" patrol 1-2
refused 2 "takes no table" gengbu record "$j" patrol --jsonl "$T/lines"
refused 2 "zh or en" gengbu list "$j" patrol --lang english
refused 2 "limit" gengbu list "$j" patrol --limit -1
same "$(unsent)" "$had" "operations after refusals"

# ---------------------------------------------------------------- JSON lines

# lines FIRST LAST [REF]: that many new incidents
lines()
{
    python3 - "$@" <<'E2'
import json, sys
for i in range(int(sys.argv[1]), int(sys.argv[2]) + 1):
    d = {"table": "incident", "fields": {"kind": "other", "severity": "minor",
         "happened_at": 1764000000000 + i, "text": "楼道 %d" % i}}
    if len(sys.argv) > 3:
        d["ref"] = "%s%d" % (sys.argv[3], i)
    print(json.dumps(d, ensure_ascii=False))
E2
}

lines 1 250 a >"$T/lines"
cat >>"$T/lines" <<'E2'

{"table":"incident","ref":"a7","set":{"severity":"serious"}}
{"table":"service_request","ref":"1/SR-1","add":{"urged":10}}
{"table":"service_request","id":"@SR-1","add":{"urged":-1}}
{"table":"patrol","fields":{"route_id":"@R1","planned_start":"now"},"ref":"P"}
{"table":"patrol","ref":"P","set":{"state":"in_progress"}}
{"table":"sos","fields":{"raised_at":"now","latitude":31,"longitude":121.5}}
E2
printf '%s' '{"table":"incident","id":"1-5","set":{"severity":"general"}}' \
    >>"$T/lines" # no line feed at the end
gengbu record "$j" --jsonl "$T/lines" --json >"$T/out"
same "$(json 'd["lines"], d["inserted"], d["changed"]' <"$T/out")" \
    "(258, 252, 5)" "lines"
same "$(gengbu show "$j" service_request @SR-1 --json |
    json 'd["fields"]["urged"]')" 14 "sums from lines"
same "$(gengbu show "$j" incident @a7 --json |
    json 'd["fields"]["severity"]')" serious "a set from lines"

# A write that its rule does not show is kept, and said so at once.
notes()
{
    gengbu set "$j" "$@" >"$T/out" 2>"$T/err"
    [ ! -s "$T/out" ] || fail "set says: $(cat "$T/out")"
}
notes incident 1-5 severity=minor --actor @wang
same "$(cat "$T/err")" "gengbu: note: incident.severity shows what it did \
before: going back needs level 2, and this is level 1, the lower of the \
handheld's and the actor's; what was written is recorded all the same" \
    "a severity that goes back"
shift=$(gengbu record "$j" shift staff_id=@wang ended_at=08:00)
notes shift "$shift" ended_at=09:00
grep -q 'note: shift.ended_at shows what it did before: .*first' "$T/err" ||
    fail "$(cat "$T/err")"
notes incident 1-5 severity=critical --actor @wang # higher
same "$(cat "$T/err")" "" "a note on a higher severity"
notes incident 1-5 severity=serious --actor 0-1 # a supervisor on a level of 2
same "$(cat "$T/err")" "" "a note on a correction"
same "$(gengbu show "$j" incident 1-5 --json |
    json 'd["fields"]["severity"]')" serious "a severity that was corrected"
had=$(unsent)
gengbu record "$j" --jsonl "$T/lines" --json >"$T/out"
same "$(json 'd["lines"], d["skipped"], d["inserted"]' <"$T/out")" \
    "(258, 258, 0)" "the same file again"
gengbu record "$j" --jsonl - <"$T/lines" >"$T/out"
same "$(unsent)" "$had" "operations after the same lines from a pipe"
lines 1 250 | gengbu record "$j" --jsonl - >"$T/out" # no refs: other lines
same "$(unsent)" $((had + 250)) "operations after other lines"

# a byte order mark, as some editors write one, is no other file
{ printf '\357\273\277'; lines 1 250; } >"$T/marked"
gengbu record "$j" --jsonl "$T/marked" --json >"$T/out"
same "$(json 'd["lines"], d["skipped"]' <"$T/out")" "(250, 250)" "marked lines"
{ printf '\357\273\277'; lines 1 2; } >"$T/marked"
gengbu record "$j" --jsonl "$T/marked" --json >"$T/out"
same "$(json 'd["lines"], d["inserted"]' <"$T/out")" "(2, 2)" "other ones"
printf '\357\273\277' >"$T/marked"
gengbu record "$j" --jsonl "$T/marked" >"$T/out"

# A line that is wrong, in the second hundred: what is before it is in, and
# once the line is right the rest follows, nothing twice, though the lines
# have no names of their own.
lines 1 350 >"$T/good"
sed '130s/"fields"/"feilds"/' "$T/good" >"$T/bad"
had=$(count incident)
refused 1 "line 130: key 'feilds'.*did you mean fields" \
    gengbu record "$j" --jsonl "$T/bad"
same "$(count incident)" $((had + 129)) "records before a wrong line"
refused 1 "line 130" gengbu record "$j" --jsonl "$T/bad"
same "$(count incident)" $((had + 129)) "records after trying again"
sed '130s/"other"/"another"/' "$T/good" >"$T/bad" # still wrong, otherwise
refused 1 "line 130: incident.kind" gengbu record "$j" --jsonl "$T/bad"
same "$(count incident)" $((had + 129)) "records after another mistake"
gengbu record "$j" --jsonl "$T/good" --json >"$T/out"
same "$(json 'd["skipped"], d["inserted"]' <"$T/out")" "(129, 221)" "resumed"
same "$(count incident)" $((had + 350)) "records after the correction"
gengbu record "$j" --jsonl "$T/good" >"$T/out"
same "$(count incident)" $((had + 350)) "records when it was done"
# a file that only begins alike is another file
lines 1 400 >"$T/longer"
gengbu record "$j" --jsonl "$T/longer" >"$T/out"
same "$(count incident)" $((had + 750)) "records of another file"

wrong_line()
{
    printf '%s\n' "$2" >"$T/one"
    refused 1 "line 1: .*$1" gengbu record "$j" --jsonl "$T/one"
}
had=$(unsent)
wrong_line "not JSON" '{'
wrong_line "object is wanted" '[]'
wrong_line "one of fields, set, add and void" '{"table":"incident"}'
wrong_line "one of fields, set, add and void" \
    '{"table":"incident","id":1,"set":{},"add":{}}'
wrong_line "did you mean table" '{"tabel":"incident","fields":{}}'
wrong_line "did you mean incident" '{"table":"incidnet","fields":{}}'
wrong_line "did you mean severity" '{"table":"incident","fields":{"severty":1}}'
wrong_line "one of id and ref" '{"table":"incident","set":{"note":"x"}}'
wrong_line "one of id and ref" \
    '{"table":"incident","id":1,"ref":"a1","set":{"note":"x"}}'
wrong_line "leave .id. out" '{"table":"incident","id":1,"fields":{}}'
wrong_line "nothing is called" '{"table":"incident","ref":"zz","void":"x"}'
wrong_line "names no record" '{"table":"incident","id":"x","void":"x"}'
wrong_line "incident.text: an integer" \
    '{"table":"incident","fields":{"kind":"other","text":1}}'
wrong_line "an array" '{"table":"incident","fields":{"kind":["other"]}}'
wrong_line "is an integer" '{"table":1,"fields":{}}'
wrong_line "is an array" '{"table":"incident","fields":[]}'
wrong_line "sum" '{"table":"incident","ref":"a1","add":{"severity":"minor"}}'
wrong_line "ref: empty" '{"table":"sos","ref":"","fields":{}}'
wrong_line "duplicate" '{"table":"sos","fields":{"note":"a","note":"b"}}'
printf '{"table":"sos","fields":{"note":"\377"}}\n' >"$T/one"
refused 1 "line 1: .*" gengbu record "$j" --jsonl "$T/one"
head -c 3000000 /dev/zero | tr '\0' x >"$T/one"
refused 1 "line 1: longer than" gengbu record "$j" --jsonl "$T/one"
refused 1 "$T/none" gengbu record "$j" --jsonl "$T/none"
same "$(unsent)" "$had" "operations after wrong lines"
: >"$T/one"
gengbu record "$j" --jsonl "$T/one" >"$T/out"

# Long lines: transactions end before they are too long for a change set.
python3 - >"$T/one" <<'E2'
import json
for i in range(60):
    print(json.dumps({"table": "incident", "fields": {
        "kind": "other", "severity": "minor", "happened_at": i,
        "text": "长" * 20000 + str(i)}}, ensure_ascii=False))
E2
had=$(count incident)
gengbu record "$j" --jsonl "$T/one" >"$T/out"
same "$(count incident)" $((had + 60)) "records of long lines"

# ------------------------------------------------------- two at once

had=$(count sos)
for w in 1 2 3; do
    for _ in 1 2 3 4 5 6; do
        gengbu record "$j" sos raised_at=now
    done >"$T/ids.$w" &
    eval "writer$w=$!"
done
wait "$writer1"
wait "$writer2"
wait "$writer3"
same "$(count sos)" $((had + 18)) "records of three writers"
same "$(sort -u "$T/ids.1" "$T/ids.2" "$T/ids.3" | wc -l)" 18 "their ids"

# A lock that is held for too long: its holder is named; reading needs none.
python3 -c 'for i in range(150000): print("{\"table\":\"sos\",\"fields\":{\"raised_at\":%d}}" % i)' \
    >"$T/many"
gengbu record "$j" --jsonl "$T/many" >"$T/out" &
holder=$!
# stopped between two transactions or in one, not while it opens the journal,
# nor, however busy the machine is, when it is done
while [ "$(count sos)" -le $((had + 18)) ]; do sleep 0.01; done
kill -STOP "$holder"
gengbu list "$j" sos --limit 1 >"$T/list"
refused 1 "gengbu record.*process $holder" gengbu record "$j" sos raised_at=now
# standard input is waited for without the lock
mkfifo "$T/gate"
kill -KILL "$holder"
wait "$holder" || true
gengbu record "$j" --jsonl - <"$T/gate" >"$T/out" &
holder=$!
exec 7>"$T/gate"
gengbu record "$j" sos raised_at=now >"$T/out"
exec 7>&-
wait "$holder"

# What sqlite3 alone writes cannot be captured, and is refused.
sqlite3 "$j/journal.db" "UPDATE sos SET note = 'x'" 2>"$T/err" &&
    fail "sqlite3 wrote past the capture"
grep -q "no such function" "$T/err" || fail "$(cat "$T/err")"

# All of it reaches the hub, and is the same there.
mkdir "$T/stick"
gengbu export "$j" "$T/stick" >"$T/out"
gengbu-hub import "$hub" "$T/stick" >"$T/out"
gengbu-hub export "$hub" --device 1 --to "$T/stick" >"$T/out"
gengbu import "$j" "$T/stick" >"$T/out"
same "$(unsent)" 0 "operations in the end"
digests 1
