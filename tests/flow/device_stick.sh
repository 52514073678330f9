#!/bin/sh
# gengbu export and import: files on a stick that are whole or not there, and
# every way in which a file can be the wrong one.
. "$(dirname "$0")/lib.sh"

# A file system of its own, when it comes to that, goes before the folder.
trap 'code=$?; set +e; umount "$T/small" 2>"$T/out"; (exit $code); finish' EXIT
new_hub
handheld 1
handheld 2
mkdir "$T/stick" "$T/bad"
status()
{
    gengbu status "$T/$1" --json |
        python3 -c "import json,sys; print(json.load(sys.stdin)['$2'])"
}
# work NUMBER: one more record
work()
{
    gengbu record "$T/$1" sos raised_at=now >"$T/out"
}
# round NUMBER...: everybody exports, the hub takes in and gives out
round()
{
    for n in "$@"; do gengbu export "$T/$n" "$T/stick" >"$T/out"; done
    gengbu-hub import "$hub" "$T/stick" >"$T/out"
    for n in "$@"; do
        gengbu-hub export "$hub" --device "$n" --to "$T/stick" >"$T/out"
    done
}

# ------------------------------------------------------------ there and back

work 1
work 2
gengbu export "$T/1" "$T/stick" >"$T/out"
grep -q "gengbu-[0-9a-f]\{8\}-up-1-1.gbx: 1 operation .*safe to remove" "$T/out" ||
    fail "$(cat "$T/out")"
same "$(ls -A "$T/stick" | wc -l)" 1 "files of an export"
gengbu export "$T/1" "$T/stick" >"$T/out" # once more: the same name
same "$(ls -A "$T/stick" | wc -l)" 1 "files of two exports"
round 1 2
gengbu import "$T/1" "$T/stick" >"$T/out"
grep -q "; 1 change set sent before is accepted now\$" "$T/out" ||
    fail "$(cat "$T/out")"
same "$(status 1 unsent)" 0 "operations after the way back"
gengbu import "$T/2" "$T/stick" >"$T/out"
digests 1 2
gengbu import "$T/1" "$T/stick" >"$T/out" # old ones do nothing
grep -q "nothing new" "$T/out" || fail "$(cat "$T/out")"
digests 1 2

# An export that waits for a sync keeps nobody else from the journal.
exec 8>>"$T/1/lock-sync"
flock 8
gengbu export "$T/1" "$T/stick" >"$T/waits" 2>&1 8>&- &
waits=$!
until ls -l "/proc/$waits/fd" | grep -q lock-sync; do sleep 0.01; done
work 1
exec 8>&-
wait "$waits" || fail "an export beside a sync: $(cat "$T/waits")"

# Two exports before the hub sees either: each holds all, twice is no event.
work 1
gengbu export "$T/1" "$T/stick" >"$T/out"
work 1
gengbu export "$T/1" "$T/stick" >"$T/out"
round 2
gengbu-hub export "$hub" --device 1 --to "$T/stick" >"$T/out"
gengbu import "$T/1" "$T/stick" >"$T/out"
same "$(status 1 unsent)" 0 "operations after two exports"

# A sync brought the handheld to a head that it has not named: what the hub
# exports fits there as well.
serve_hub
work 1
gengbu sync "$T/1" --hub "$url" >"$T/out"
gengbu sync "$T/2" --hub "$url" >"$T/out"
work 1
gengbu sync "$T/1" --hub "$url" >"$T/out"
stop_hub
for again in once twice; do # nor has it named what it was exported
    rm "$T/stick"/*
    gengbu-hub export "$hub" --device 2 --to "$T/stick" >"$T/out"
    gengbu import "$T/2" "$T/stick" >"$T/out"
    grep -q "nothing new" "$T/out" && fail "exported $again: $(cat "$T/out")"
    digests 2
    work 1
    gengbu export "$T/1" "$T/stick" >"$T/out"
    gengbu-hub import "$hub" "$T/stick" >"$T/out"
done

# A hub made anew knows nothing of where handhelds stand, and says so.
work 2
mkdir "$T/late"
gengbu export "$T/2" "$T/late" >"$T/out"
round 2
gengbu import "$T/2" "$T/stick" >"$T/out"
rm "$T/stick"/*
gengbu-hub rebuild "$hub" >"$T/out"
refused 1 "where device 2 stands.*export.*import it here" \
    gengbu-hub export "$hub" --device 2 --to "$T/stick"
same "$(ls -A "$T/stick")" "" "what a refused export leaves"
work 1
round 1 2
for n in 1 2; do
    gengbu import "$T/$n" "$T/stick" >"$T/out"
done
digests 1 2
# An old stick that comes late does not take that back.
work 1
round 1
named()
{
    gengbu-hub devices "$hub" --json | python3 -c '
import json, sys
print(json.load(sys.stdin)[1]["merged"])'
}
had=$(named)
gengbu-hub import "$hub" "$T/late" >"$T/out"
same "$(named)" "$had" "where device 2 stands, after an old stick"
gengbu-hub export "$hub" --device 2 --to "$T/stick" >"$T/out"
gengbu import "$T/2" "$T/stick" >"$T/out"
digests 2

# ------------------------------------------------------------------- refused

rm -f "$T/stick"/*
work 1
work 2
round 1 2
down=$(ls "$T/stick"/*-to-1.gbx)
for2=$(ls "$T/stick"/*-to-2.gbx)
up=$(ls "$T/stick"/*-up-1-*.gbx)
had=$(gengbu digest "$T/1")

# file WORDS [NAME]: importing $T/bad/x must be refused so
file()
{
    refused 1 "$T/bad/x.gbx: .*$1" gengbu import "$T/1" "$T/bad/x.gbx"
    same "$(gengbu digest "$T/1")" "$had" "digest after: $1"
}
refused 1 "goes to the hub" gengbu import "$T/1" "$up"
refused 1 "is for device 2, and this is device 1" gengbu import "$T/1" "$for2"
refused 1 "$T/none" gengbu import "$T/1" "$T/none"
refused 1 "no file for this device" gengbu import "$T/1" "$T/bad"
refused 2 "usage" gengbu import "$T/1"
size=$(stat -c %s "$down")
for cut in 0 3 20 24 30 200 $((size - 60)); do
    head -c "$cut" "$down" >"$T/bad/x.gbx"
    file "breaks off"
done
for at in 0 4 5 6 10 24 26 40 $((size / 2)) $((size - 20)); do
    python3 - "$down" "$T/bad/x.gbx" "$at" <<'E2'
import sys
b = bytearray(open(sys.argv[1], "rb").read())
b[int(sys.argv[3])] ^= 0x55
open(sys.argv[2], "wb").write(b)
E2
    file .
done
printf 'GBBN is not enough' >"$T/bad/x.gbx"
file .
# another site's hub, which has a device 1 too
first=$hub
hub=$T/other
new_hub
gengbu-hub enrol "$hub" --name one --out "$T/x.ticket" >"$T/out"
gengbu init "$T/x" --ticket "$T/x.ticket" >"$T/out"
gengbu export "$T/x" "$T/bad" >"$T/out"
gengbu-hub import "$hub" "$T/bad" >"$T/out" 2>&1 || :
rm -f "$T/bad"/*
gengbu-hub load "$hub" route /dev/stdin >"$T/out" <<'E2'
ref,name,interval_min
r,r,1
E2
gengbu-hub export "$hub" --device 1 --to "$T/bad" >"$T/out"
mv "$T/bad"/*-to-1.gbx "$T/bad/x.gbx"
hub=$first
file "another site"

# In a folder what is for others is passed over, what is damaged is named, and
# what is good is taken.
cp "$down" "$T/bad/y.gbx"
cp "$up" "$for2" "$T/bad"
head -c 100 "$down" >"$T/bad/w.gbx"
echo "not a bundle" >"$T/bad/notes.txt"
refused 1 "$T/bad/w.gbx: .*breaks off" gengbu import "$T/1" "$T/bad"
got=0
gengbu import "$T/1" "$T/bad" --json >"$T/out" 2>"$T/refused.err" || got=$?
same "$got" 1 "exit status with --json"
python3 - "$T/out" "$T/refused.err" <<'E2'
import json, sys
w, *good = json.load(open(sys.argv[1]))
assert w["file"].endswith("/w.gbx") and not w["applied"], w
assert open(sys.argv[2]).read() == f"gengbu: {w['error']}\n", w
assert good and all(f["error"] is None for f in good), good
E2
same "$(gengbu digest "$T/1")" "$(gengbu-hub digest "$hub")" \
    "digest after a folder of many things"
gengbu import "$T/2" "$T/stick" >"$T/out"
digests 1 2

# -------------------------------------------------------------- bad places

work 1
refused 1 "$T/none" gengbu export "$T/1" "$T/none"
echo file >"$T/file"
refused 1 "$T/file" gengbu export "$T/1" "$T/file"
if [ "$(id -u)" = 0 ] && mkdir "$T/small" &&
    mount -t tmpfs -o size=64k none "$T/small" 2>/dev/null; then
    python3 -c '
import json, random
for i in range(100):
    print(json.dumps({"table": "incident", "fields": {"kind": "other",
        "severity": "minor", "happened_at": i,
        "text": "%x" % random.getrandbits(8000)}}))' >"$T/lines"
    gengbu record "$T/1" --jsonl "$T/lines" >"$T/out"
    refused 1 "disk is full" gengbu export "$T/1" "$T/small"
    same "$(ls -A "$T/small")" "" "what a full stick is left with"
    mount -o remount,ro "$T/small"
    refused 1 "ead-only" gengbu export "$T/1" "$T/small"
    umount "$T/small"
    # and a journal that has no room to grow
    mount -t tmpfs -o size=3m none "$T/small"
    cp -R "$T/1" "$T/small/j"
    head -c 4000000 /dev/zero >"$T/small/fill" 2>/dev/null || :
    refused 1 full gengbu record "$T/small/j" --jsonl "$T/lines"
    rm "$T/small/fill"
    before=$(gengbu status "$T/small/j" --json | grep unsent)
    same "$before" "$(gengbu status "$T/1" --json | grep unsent)" \
        "operations after a full disk"
    gengbu record "$T/small/j" sos raised_at=now >"$T/out"
    umount "$T/small"
fi

# ------------------------------------------------------------------ the rest

# What the hub took back is told, with the reason.
sqlite3 "$T/1/journal.db" \
    "INSERT INTO _taken VALUES(1, 0, 'MISSING', 'sos', 1099511627777)"
gengbu status "$T/1" | grep -q "^taken back.*sos 1-1: .*(MISSING)" ||
    fail "$(gengbu status "$T/1")"
gengbu status "$T/1" --json | python3 -c '
import json, sys
t = json.load(sys.stdin)["taken_back"][0]
assert (t["table"], t["id"], t["code"]) == ("sos", 1099511627777, "MISSING"), t'

# A killed import is done again, and ends alike.
round 1 2
gengbu import "$T/2" "$T/stick" >"$T/out"
cp -R "$T/1" "$T/w"
calls gengbu import "$T/w" "$T/stick"
most=10 # calls before which it is killed, and behind; where there are fewer, all
case $build in *address*) most=4 ;; esac
[ "$most" -le "$calls" ] || most=$calls
kills=0
for when in before after; do
    for i in $(seq 0 $((most - 1))); do
        n=$((1 + i * (calls - 1) / (most - 1))) # the first and the last, too
        rm -rf "$T/w"
        cp -R "$T/1" "$T/w"
        killed "$n" "$when" gengbu import "$T/w" "$T/stick" ||
            fail "no kill $when call $n"
        gengbu import "$T/w" "$T/stick" >"$T/out"
        same "$(gengbu digest "$T/w")" \
            "$(gengbu-hub digest "$hub" --device 1)" "digest after a kill at $n"
        kills=$((kills + 1))
    done
done
echo "killed: $kills times an import of $calls calls"
