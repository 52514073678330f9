#!/bin/sh
# Sticks: bundles in folders, twice, late, out of order, of other sites, and
# what else may lie on a stick; the way back to the handheld.
. "$(dirname "$0")/lib.sh"

new_hub
handheld 1
handheld 2

# note NUMBER STICK: one more record, exported
note()
{
    gengbu record "$T/$1" incident kind=other place=x \
        happened_at=1764000000000 severity=general text=滴 >/dev/null
    mkdir -p "$T/$2"
    gengbu export "$T/$1" "$T/$2" >/dev/null
}
incidents()
{
    sqlite3 "$hub/hub.db" 'SELECT count(*) FROM incident'
}

note 1 s1
note 2 s1
gengbu-hub import "$hub" "$T/s1" >"$T/out"
same "$(grep -c ': 1 new, 0 known, 0 waiting, 0 refused$' "$T/out")" 2 \
    "lines of the import"
gengbu-hub import "$hub" "$T/s1" >"$T/out"
same "$(grep -c ': 0 new, 1 known, 0 waiting, 0 refused$' "$T/out")" 2 \
    "lines of the second import"
same "$(incidents)" 2 "incidents"

# ----------------------------------------------------------- the way back

mkdir "$T/back"
refused 1 'no device 3' gengbu-hub export "$hub" --device 3 --to "$T/back"
refused 1 'not a folder' gengbu-hub export "$hub" --device 1 --to "$T/none"
refused 2 'needed' gengbu-hub export "$hub" --to "$T/back"
for n in 1 2; do
    gengbu-hub export "$hub" --device $n --to "$T/back" |
        grep -q 'safe to remove$' || fail "export says nothing"
done
for n in 1 2; do
    gengbu import "$T/$n" "$T/back" >/dev/null
done
digests 1 2
# the hub passes over what is for handhelds, unless it is named
refused 1 'no bundle' gengbu-hub import "$hub" "$T/back"
refused 1 'to-1.gbx: .*for device 1: `gengbu import`' \
    gengbu-hub import "$hub" "$T"/back/*-to-1.gbx
same "$(cat "$T/refused.out")" "" "what is said of nothing"

# a bundle is made from a snapshot: whoever writes meanwhile is not waited for,
# and does not wait
mkdir "$T/contact"
gengbu export "$T/1" "$T/contact" >/dev/null
gengbu-hub import "$hub" "$T/contact" >/dev/null
python3 - "$hub/hub.db" "$hub" "$T/back" >"$T/out" 2>&1 <<'E2' ||
import sqlite3, subprocess, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
sys.exit(subprocess.call(["gengbu-hub", "export", sys.argv[2], "--device", "1",
                          "--to", sys.argv[3]]))
E2
    fail "export waits for a writer: $(cat "$T/out")"
grep -q 'nothing new' "$T/out" || fail "$(cat "$T/out")"

# ---------------------------------------------------- late, out of order

python3 - "$T" <<'E2'
import sys
open(sys.argv[1] + "/cut.py", "w").write('''
import struct, sys
"""A bundle with some of the sets of another: FILE OUT KEEP..."""
b = open(sys.argv[1], "rb").read()
keep = set(map(int, sys.argv[3:]))
out, at, sets, n = bytearray(b[:24]), 24, 0, 0
while True:
    kind, size = b[at], struct.unpack(">I", b[at + 1:at + 5])[0]
    frame = b[at:at + 5 + size]
    at += len(frame)
    if kind == 9:
        break
    if kind == 2:
        sets += 1
        if sets not in keep:
            continue
    out += frame
    n += 1
out += struct.pack(">BII", 9, 4, n)
open(sys.argv[2], "wb").write(out)
''')
E2
note 1 s2
note 1 s2
note 1 s2
whole=$(ls "$T"/s2/*.gbx | tail -n 1)
mkdir "$T/late" "$T/early"
python3 "$T/cut.py" "$whole" "$T/late/a.gbx" 3
python3 "$T/cut.py" "$whole" "$T/early/b.gbx" 1
gengbu-hub import "$hub" "$T/late" | grep -q '0 new, 0 known, 1 waiting'
gengbu-hub status "$hub" | grep -q '^waiting  *1 sets'
gengbu-hub import "$hub" "$T/early" | grep -q '1 new, 0 known'
same "$(incidents)" 3 "incidents while one is missing"
python3 "$T/cut.py" "$whole" "$T/late/a.gbx" 2
gengbu-hub import "$hub" "$T/late" | grep -q '1 new, 0 known'
same "$(incidents)" 5 "incidents when all have come"
gengbu-hub status "$hub" | grep -q '^waiting  *0 sets'

# ------------------------------------------------------- everything else

# What is bad is one line on standard error that names the file and the
# remedy; what is good is taken in, before it and behind it.
note 1 s4
mkdir "$T/mixed"
cp "$whole" "$T/mixed/1.gbx"
head -c 700 "$whole" >"$T/mixed/2.gbx"
echo hello >"$T/mixed/3.gbx"
: >"$T/mixed/4.gbx"
cp "$T"/s4/*.gbx "$T/mixed/5.gbx"
echo hello >"$T/mixed/readme.txt"
# mixed STATUS ARGUMENT...: import; reports in $T/out, failures in $T/err
mixed()
{
    want=$1
    shift
    got=0
    gengbu-hub import "$hub" "$@" >"$T/out" 2>"$T/err" || got=$?
    same "$got" "$want" "exit status of importing $*"
}
mixed 1 "$T/mixed" "$T/none.gbx"
cat >"$T/want" <<E2
$T/mixed/1.gbx: device 1: 0 new, 3 known, 0 waiting, 0 refused
$T/mixed/2.gbx: device 1: 0 new, 1 known, 0 waiting, 0 refused
$T/mixed/5.gbx: device 1: 1 new, 3 known, 0 waiting, 0 refused
E2
sed 's/ [0-9]* known/ N known/' "$T/want" >"$T/want.n"
sed 's/ [0-9]* known/ N known/' "$T/out" | diff "$T/want.n" - ||
    fail "what was taken of the mixed stick"
cat >"$T/want" <<E2
gengbu-hub: $T/mixed/2.gbx: .*breaks off.*send or copy it again
gengbu-hub: $T/mixed/3.gbx: this is not a bundle: .*gengbu export
gengbu-hub: $T/mixed/4.gbx: .*breaks off.*copy it again
gengbu-hub: $T/none.gbx: cannot be read: No such file or directory: check
E2
same "$(wc -l <"$T/err")" 4 "lines on standard error: $(cat "$T/err")"
n=0
while read -r pattern; do
    n=$((n + 1))
    sed -n "${n}p" "$T/err" | grep -q "^$pattern" ||
        fail "line $n is not '$pattern': $(cat "$T/err")"
done <"$T/want"
same "$(incidents)" 6 "incidents after a mixed stick"
mixed 1 "$T/mixed" --json
same "$(wc -l <"$T/err")" 3 "failures beside JSON"
python3 - "$T/out" "$T/err" <<'E2'
import json, sys
files = json.load(open(sys.argv[1]))
assert [f["file"][-5:] for f in files] == [f"{n}.gbx" for n in range(1, 6)]
assert files[4]["known"] == 4 and files[4]["error"] is None, files[4]
assert files[2]["device"] is None, files[2]
for f, line in zip(files[1:4], open(sys.argv[2])):
    assert line == f"gengbu-hub: {f['error']}\n", (f, line)
E2

# another site's: told apart, and nothing is kept
(
    hub=$T/other
    new_hub
)
mkdir "$T/o"
gengbu-hub enrol "$T/other" --name o --out "$T/o.ticket" >/dev/null
gengbu init "$T/oj" --ticket "$T/o.ticket" >/dev/null
gengbu signin "$T/oj" 0-1 >/dev/null
gengbu export "$T/oj" "$T/o" >/dev/null
refused 1 'o/.*gbx: this bundle is for another site: ' \
    gengbu-hub import "$hub" "$T/o"

# a set with one bit turned: into quarantine, the others are taken
note 2 s3
note 2 s3
file=$(ls "$T"/s3/*.gbx | tail -n 1)
rm $(ls "$T"/s3/*.gbx | head -n 1)
python3 - "$file" <<'E2'
import struct, sys
b = bytearray(open(sys.argv[1], "rb").read())
at = 24
while b[at] != 2:
    at += 5 + struct.unpack(">I", b[at + 1:at + 5])[0]
b[at + 100] ^= 1
open(sys.argv[1], "wb").write(b)
E2
mixed 1 "$T/s3"
grep -q '0 new, 0 known, 1 waiting, 1 refused$' "$T/out" ||
    fail "$(cat "$T/out")"
same "$(wc -l <"$T/err")" 1 "lines about a damaged set"
grep -q "^gengbu-hub: $file: .*refused: .*gengbu-hub quarantine" "$T/err" ||
    fail "$(cat "$T/err")"
id=$(gengbu-hub quarantine "$hub" | sed -n 's/^\([0-9a-f]\{16\}\) .*/\1/p')
gengbu-hub quarantine "$hub" show "$id" | grep -q "$id.bin"
for words in "" "show $id"; do
    gengbu-hub quarantine "$hub" $words --json >"$T/out"
    python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
d = d["bytes"][0] if "operations" in d else d
assert d["n"] == sys.argv[2] and d["bytes"] > 100' "$T/out" "$id"
done
refused 1 'quarantine' gengbu-hub quarantine "$hub" show 0123456789abcdef
refused 1 "$id stays in quarantine" \
    gengbu-hub quarantine "$hub" retry "$id" --json
rm "$file"
gengbu export "$T/2" "$T/s3" >/dev/null
gengbu-hub import "$hub" "$T/s3" >/dev/null
rm "$T"/back/*
for n in 1 2; do
    mkdir "$T/ask$n"
    gengbu export "$T/$n" "$T/ask$n" >/dev/null
    gengbu-hub import "$hub" "$T/ask$n" >/dev/null
    gengbu-hub export "$hub" --device $n --to "$T/back" >/dev/null
done
for n in 1 2; do
    gengbu import "$T/$n" "$T/back" >/dev/null
done
digests 1 2

# nobody waits for what a FIFO might bring: in a folder it is no bundle, and
# named it is no file; what a shell names so is read
mkfifo "$T/ask1/x.gbx"
ln -s x.gbx "$T/ask1/y.gbx"
timeout 20 gengbu-hub import "$hub" "$T/ask1" >"$T/out" || fail "a FIFO: $?"
same "$(grep -c : "$T/out")" 1 "files beside a FIFO"
mkfifo "$T/back/x.gbx"
timeout 20 gengbu import "$T/1" "$T/back" >"$T/out" || fail "a FIFO: $?"
refused 1 'x.gbx: not a file: ' timeout 20 gengbu-hub import "$hub" \
    "$T/ask1/x.gbx"
refused 1 'x.gbx: not a file: ' timeout 20 gengbu import "$T/1" "$T/back/x.gbx"
refused 1 'x.gbx: not a file: ' timeout 20 gengbu init "$T/new" \
    --ticket "$T/back/x.gbx"
refused 1 'x.gbx: not a file: ' timeout 20 gengbu-hub load "$hub" unit \
    "$T/back/x.gbx"
refused 1 'x.gbx: not a file: ' timeout 20 gengbu record "$T/1" \
    --jsonl "$T/back/x.gbx"
mkfifo "$hub/waiting/1-8-00.gbcs" "$hub/quarantine/0123456789abcdef.bin"
timeout 20 gengbu-hub quarantine "$hub" >"$T/out" || fail "a FIFO: $?"
! grep 0123456789abcdef "$T/out" || fail "a FIFO in quarantine"
note 1 s4
timeout 20 gengbu-hub import "$hub" "$T/s4" >"$T/out" || fail "a FIFO: $?"
printf '{"table":"incident","fields":{"kind":"other","place":"x",' >"$T/line"
printf '"happened_at":1764000000000,"severity":"general","text":"滴"}}\n' \
    >>"$T/line"
for name in - /dev/stdin; do
    cat "$T/line" | timeout 20 gengbu record "$T/1" --jsonl $name >"$T/out" ||
        fail "--jsonl $name"
done

# what is wrong with the hub's own ledger is no fault of a bundle
note 1 s5
git=$hub/ledger.git
cp -R "$git" "$T/git"
printf '[pack\n' >"$git/config"
refused 1 "^gengbu-hub: .*config" gengbu-hub import "$hub" "$T/s5"
! grep /s5/ "$T/refused.err" || fail "$(cat "$T/refused.err")"
cp "$T/git/config" "$git/config"
mv "$git/refs/heads/main" "$git/refs/heads/other"
echo "ref: refs/heads/other" >"$git/refs/heads/main"
refused 1 "ledger.git/refs/heads/main: names another ref, .*update-ref" \
    gengbu-hub import "$hub" "$T/s5"
! grep /s5/ "$T/refused.err" || fail "$(cat "$T/refused.err")"
git -C "$git" update-ref --no-deref refs/heads/main \
    "$(cat "$T/git/refs/heads/main")"
gengbu-hub import "$hub" "$T/s5" >"$T/out" || fail "$(cat "$T/out")"
