#!/bin/sh
# What people and programs are shown: columns that stand in line under Chinese
# text, nothing that drives a terminal, JSON that parses whatever was written,
# and times in the site's zone, whatever zone the machine has.
. "$(dirname "$0")/lib.sh"

TZ=America/New_York
export TZ
# incidents that both handhelds have
cp -R "$root/schema" "$T/schema"
sed -i "s/('incident', 1, 2, 'id >> 40 = :device', NULL)/('incident', 1, 2, NULL, NULL)/" \
    "$T/schema/10_shift.sql"
new_hub "$T/schema"
esc=$(printf '\033[31m')
bell=$(printf '\007')
printf 'ref,name,level\nz,张三%s红,2\nb,Bob,1\n' "$esc" >"$T/staff.csv"
gengbu-hub load "$hub" staff "$T/staff.csv" >/dev/null
printf 'ref,building,floor,room,area,occupancy\nu,3,1,101,东区,idle\n' \
    >"$T/unit.csv"
gengbu-hub load "$hub" unit "$T/unit.csv" >/dev/null
for name in "大堂一号手持机" "B2" "三号"; do
    gengbu-hub enrol "$hub" --name "$name" --set "area=东区" --level 2 \
        --out "$T/t.ticket" -q >/dev/null
    mv "$T/t.ticket" "$T/$name.ticket"
done
gengbu init "$T/1" --ticket "$T/大堂一号手持机.ticket" >"$T/init.out"
gengbu init "$T/2" --ticket "$T/B2.ticket" >/dev/null
gengbu signin "$T/1" @z >"$T/signin.out"
gengbu signin "$T/2" 0-1 >/dev/null

at=1764000000000 # 2025-11-25 00:00 in Shanghai, the 24th in New York
record()
{
    gengbu record "$T/$1" incident kind=water "place=$2" happened_at=$at \
        severity=general "text=$3" >/dev/null
}
record 1 "3号楼大堂" "水管滴漏"
record 1 "B1" "leak$esc at the pump$bell
second line"
record 1 "$(printf '东门\tx')" "q\"uote\\ $(printf '\001\177')é"

# sync: by stick, both ways, for both
sync()
{
    for n in 1 2; do
        rm -rf "$T/s"
        mkdir "$T/s"
        gengbu export "$T/$n" "$T/s" >/dev/null
        gengbu-hub import "$hub" "$T/s" >/dev/null
    done
    for n in 1 2; do
        rm -rf "$T/s"
        mkdir "$T/s"
        gengbu-hub export "$hub" --device $n --to "$T/s" >/dev/null
        gengbu import "$T/$n" "$T/s" >/dev/null
    done
}
sync
gengbu set "$T/1" incident 1-1 "severity=critical" "note=甲$esc" >/dev/null
gengbu set "$T/2" incident 1-1 "severity=serious" "note=乙" >/dev/null
sync
# an operation in quarantine, of somebody with a name that drives terminals
sqlite3 "$hub/hub.db" "INSERT INTO _wait(device, stamp, seq, idx, pos, code,
    kind, tbl, id, actor) SELECT device, first, seq, 0, pos, 'MISSING', 2,
    'incident', 1099511627777, (SELECT id FROM staff WHERE name LIKE '张三%')
    FROM _set WHERE device = 1 ORDER BY pos DESC LIMIT 1"

mkdir "$T/text" "$T/json"
# say NAME COMMAND...: what it says to people, and to programs
say()
{
    name=$1
    shift
    "$@" >"$T/text/$name" 2>&1 || fail "$*: $(cat "$T/text/$name")"
}
both()
{
    say "$@"
    shift
    "$@" --json >"$T/json/$name" || fail "$* --json"
}
both status.hub gengbu-hub status "$hub"
both devices gengbu-hub devices "$hub"
both conflicts gengbu-hub conflicts "$hub"
both explain gengbu-hub explain "$hub" incident 1-1
both explain2 gengbu-hub explain "$hub" incident 1-2 text
say quarantine gengbu-hub quarantine "$hub"
grep -q '^[0-9]*\.1 .*张三' "$T/text/quarantine" ||
    fail "nothing in quarantine: $(cat "$T/text/quarantine")"
both list gengbu list "$T/1" incident
both staff gengbu list "$T/1" staff
both status gengbu status "$T/1"
both show gengbu show "$T/1" incident 1-1
both show2 gengbu show "$T/1" incident 1-2
both show3 gengbu show "$T/1" incident 1-3
both tables gengbu list "$T/1"
grep -q '^incident  *事件  *table$' "$T/text/tables" || fail "no incident"
grep -q '^inspection_due  *应做空置房巡查  *view$' "$T/text/tables" || fail "no view"
both columns gengbu show "$T/1" incident
gengbu show "$T/1" service_request >>"$T/text/columns"
for line in 'kind  *类别  *text  *yes  *fire 火警, water 水浸, ' \
    'happened_at  *[^ ]*  *time  *yes$' 'note  *备注  *text$' \
    'unit_id  *房屋  *id of unit' 'state  *状态  *text  *[a-z]* [^a-z ]*, '; do
    grep -q "^$line" "$T/text/columns" ||
        fail "not a line '$line': $(cat "$T/text/columns")"
done
both english gengbu show "$T/1" incident --lang en
grep -q '^kind  *Kind  *text  *yes  *fire Fire, ' "$T/text/english" ||
    fail "$(cat "$T/text/english")"
refused 2 "there are no labels in 'de': give zh or en" \
    gengbu list "$T/1" staff --lang de
refused 1 "inspection_due is a view: \`gengbu list\` shows its rows" \
    gengbu show "$T/1" inspection_due
# what views compute has words, too, and no time is a number
for view in $(awk '$NF == "view" { print $1 }' "$T/text/tables"); do
    say "$view" gengbu list "$T/1" "$view"
    ! head -n 1 "$T/text/$view" | grep '[a-z]' || fail "raw words in $view"
    say "$view" gengbu list "$T/1" "$view" --lang en
    ! head -n 1 "$T/text/$view" | grep '[a-z]_[a-z]' || fail "raw words in $view"
done
both due gengbu list "$T/1" inspection_due
grep -q '^0-4  *东区  *例行$' "$T/text/due" || fail "$(cat "$T/text/due")"
cp "$T/init.out" "$T/signin.out" "$T/text"

python3 - "$T/text" "$T/json" <<'E2'
import json, os, re, sys
from unicodedata import east_asian_width as wide

text, docs = sys.argv[1:]
def lines(name):
    with open(os.path.join(text, name), encoding="utf-8", newline="") as f:
        return f.read().split("\n")[:-1]
for name in os.listdir(text):
    for line in lines(name):
        bad = re.search(r"[\0-\x1f\x7f-\x9f]", line)
        assert not bad, f"{name}: {line!r} drives the terminal"

def screen(line):
    """One entry a column of the terminal."""
    out = []
    for c in line:
        out += [c, ""] if wide(c) in "WF" else [c]
    return out
def cell(row, at):
    return "".join(row[at:]).split("  ")[0]
# columns begin where their titles do, behind two blanks, and numbers end there
for name, titles in (("quarantine", ["what", "who", "code"]),
                     ("list", ["类别", "地点"]), ("staff", ["姓名"]),
                     ("devices", ["name", "attributes", "last contact"])):
    top, *rows = [screen(line) for line in lines(name)]
    for title in titles:
        at = next(i for i in range(len(top)) if cell(top, i) == title and
                  (i == 0 or top[i - 1] == " "))
        for row in rows:
            assert row[at - 2:at] == [" ", " "] and row[at] != " ", \
                (name, title, "".join(row))
top, *rows = [screen(line) for line in lines("devices")]
at = "".join(c or "x" for c in top).index("level") + len("level")
assert all(row[at - 2:at] == [" ", "2"] for row in rows), rows

both = {name: json.load(open(os.path.join(docs, name), encoding="utf-8"))
        for name in os.listdir(docs)}
rows = both["list"]
assert rows[1]["text"] == "leak\x1b[31m at the pump\x07\nsecond line", rows[1]
assert rows[2]["text"] == 'q"uote\\ \x01\x7fé', rows[2]
assert rows[2]["place"] == "东门\tx"
assert any("\x1b" in r["name"] for r in both["staff"])
assert both["explain2"]["writes"][0]["value"] == rows[1]["text"]
assert any("\x1b" in s["actor_name"] for c in both["conflicts"]
           for s in c["siblings"])
# both writes of a cell stand in line, under the name of its rule alone
head, *writes, end = [screen(line) for line in lines("conflicts")]
assert "; rule worst; expect " in "".join(head), head
assert len({"".join(c or "x" for c in w).index("device") for w in writes}) == 1, \
    writes
for name in ("list", "show", "show2", "explain"):
    all = "\n".join(lines(name))
    assert "2025-11-25 00:00:00" in all, (name, all)
assert {t["name"]: t["view"] for t in both["tables"]}["inspection_due"]
kind = both["columns"][0]
assert (kind["field"], kind["label"], kind["needed"]) == ("kind", "类别", True)
assert "water" in kind["values"], kind
# the hub's and the handheld's own times: of this hour in Shanghai
import time
os.environ["TZ"] = "Asia/Shanghai"
time.tzset()
days = {time.strftime("%Y-%m-%d %H", time.localtime(time.time() - s))
        for s in (0, 3600)}
for name in ("status.hub", "devices", "conflicts", "explain", "status"):
    all = "\n".join(lines(name))
    assert any(d in all for d in days), (name, all)
    times = re.findall(r"20\d\d-\d\d-\d\d \d\d(?=:)", all)
    assert set(times) <= days | {"2025-11-25 00"}, (name, all)
E2
