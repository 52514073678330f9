#!/bin/sh
# gengbu sync: one round trip a shift, connections that break at any byte,
# work that is taken back, hubs that cannot be reached or refuse, copies.
. "$(dirname "$0")/lib.sh"

new_hub
printf 'ref,name,interval_min,area\nR1,日巡,60,A3\n' >"$T/route.csv"
gengbu-hub load "$hub" route "$T/route.csv" >"$T/load.out"
serve_hub
handheld 1 2 A3
handheld 2 2 A3

# between UP DOWN: a relay before the hub that cuts the connection, and goes,
# after so many bytes from either side (-1: never); its address in $relay
between()
{
    : >"$T/relay.out"
    python3 - "${url##*:}" "$1" "$2" >"$T/relay.out" <<'E2' &
import select, socket, sys
port, up, down = map(int, sys.argv[1:])
s = socket.socket()
s.settimeout(60)
s.bind(("127.0.0.1", 0))
s.listen(1)
print("http://127.0.0.1:%d" % s.getsockname()[1], flush=True)

def relay(a, b):
    """Until either side closes; the limits hold for all connections."""
    global up, down
    while True:
        for x in select.select([a, b], [], [])[0]:
            d = x.recv(65536)
            if not d:
                return
            left = up if x is a else down
            if left >= 0:
                d = d[:left]
                left -= len(d)
                up, down = (left, down) if x is a else (up, left)
            (b if x is a else a).sendall(d)
            if left == 0:
                sys.exit()

while True:
    with s.accept()[0] as a, socket.create_connection(
            ("127.0.0.1", port)) as b:
        relay(a, b)
E2
    while ! [ -s "$T/relay.out" ]; do sleep 0.05; done
    relay=$(cat "$T/relay.out")
}

# report KEY: of the last sync --json, in $T/sync
report()
{
    python3 -c "import json,sys; print(json.load(open(sys.argv[1]))['$1'])" \
        "$T/sync"
}
status()
{
    gengbu status "$T/$1" --json |
        python3 -c "import json,sys; print(json.load(sys.stdin)['$2'])"
}

# ledger: how many sets are in it
ledger()
{
    gengbu-hub status "$hub" | sed -n 's/^ledger *\([0-9]*\) .*/\1/p'
}

# work NUMBER LINES [BYTES]: so many new records, as long as that
made=0
work()
{
    made=$((made + 1))
    python3 - "$made" "$2" "${3:-20}" >"$T/work.jsonl" <<'E2'
import json, random, sys
r = random.Random(int(sys.argv[1]))
for i in range(int(sys.argv[2])):
    print(json.dumps({"table": "sos", "fields": {
        "raised_at": 1764000000000 + i,
        "note": "%032x" % r.getrandbits(8 * int(sys.argv[3]) // 2)}}))
E2
    gengbu record "$T/$1" --jsonl "$T/work.jsonl" >"$T/out"
}

# ------------------------------------------------------------ one round trip

# a shift: 500 new records, 200 changes of records that the hub has
work 1 200
gengbu sync "$T/1" >"$T/out"
work 1 500
for i in $(seq 200); do
    printf '{"table":"sos","id":"1-%d","set":{"state":"acknowledged"}}\n' "$i"
done >"$T/work.jsonl"
gengbu record "$T/1" --jsonl "$T/work.jsonl" >"$T/out"
gengbu sync "$T/1" --json >"$T/sync"
same "$(report rounds) $(report sets_sent) $(report sets_accepted) $(report unsent)" \
    "1 1 1 0" "a shift"
gengbu sync "$T/1" --json >"$T/sync"
same "$(report rounds) $(report sets_sent) $(report records_received)" "1 0 0" \
    "nothing new"
gengbu sync "$T/2" >"$T/out"
grep -q "received 700 records" "$T/out" || fail "$(cat "$T/out")"
digests 1 2

# Edits at once on both: they meet at the hub, and both show the same.
p=$(gengbu record "$T/1" patrol route_id=@R1 planned_start=now)
gengbu sync "$T/1" >"$T/out"
gengbu sync "$T/2" >"$T/out"
gengbu set "$T/1" patrol "$p" state=in_progress note=甲
gengbu set "$T/2" patrol "$p" state=in_progress note=乙
gengbu set "$T/2" patrol "$p" state=stopped end_reason=雨
gengbu set "$T/1" patrol "$p" state=done
for n in 1 2 1 2; do gengbu sync "$T/$n" >"$T/out"; done
digests 1 2
gengbu list "$T/1" patrol --json >"$T/a"
gengbu list "$T/2" patrol --json >"$T/b"
cmp -s "$T/a" "$T/b" || fail "handhelds differ: $(cat "$T/a" "$T/b")"
grep -q '"state": "done"' "$T/a" || fail "done shows before stopped"

# --------------------------------------------------------- broken connections

# The reply never comes: nothing is sent twice.
work 1 50
between -1 40 # past "100 Continue", within the head of the reply
refused 1 "broke" gengbu sync "$T/1" --hub "$relay"
same "$(status 1 uncertain)" True "mark after a lost reply"
same "$(status 1 hub)" "$url" "an address that failed is not kept"
gengbu status "$T/1" | grep -q "a reply never came" || fail "status"
gengbu sync "$T/1" --json >"$T/sync"
same "$(report sets_sent) $(report sets_accepted) $(report unsent)" "0 1 0" \
    "after a lost reply"
same "$(status 1 uncertain)" False "mark after the reply"
digests 1

# The reply breaks off within.
work 2 5
between -1 300
refused 1 "broke" gengbu sync "$T/2" --hub "$relay"
gengbu sync "$T/2" --json >"$T/sync"
same "$(report sets_sent) $(report sets_accepted) $(report unsent)" "0 1 0" \
    "after half a reply"

# It breaks off behind the acknowledgement, which comes first: what was sent is
# safe, and what is new goes in one trip.
work 1 300
gengbu sync "$T/1" >"$T/out"
work 2 5
between -1 700
refused 1 "broke" gengbu sync "$T/2" --hub "$relay"
same "$(status 2 uncertain) $(status 2 unsent)" "False 0" \
    "after an acknowledgement"
gengbu status "$T/2" | grep -q "the hub has what was sent" || fail "status"
work 2 5
gengbu sync "$T/2" --json >"$T/sync"
same "$(report rounds) $(report sets_sent) $(report sets_accepted)" "1 1 2" \
    "after an acknowledgement, with new work"
digests 2

# The upload breaks off at many places: whole sets stay at the hub, the rest
# goes with the next try, in two round trips at most.
work 1 700 6000
entries=$(ledger)
sealed=$(status 1 sealed_sets)
for cut in 100 700 300000 600000 600000 600000; do
    between "$cut" -1
    refused 1 "broke" gengbu sync "$T/1" --hub "$relay"
done
gengbu sync "$T/1" --json >"$T/sync"
[ "$(report rounds)" -le 2 ] || fail "$(report rounds) round trips"
same "$(report unsent)" 0 "operations after broken uploads"
same $(($(ledger) - entries)) $(($(status 1 sealed_sets) - sealed)) \
    "sets that the ledger got and the handheld made"
digests 1
gengbu sync "$T/2" >"$T/out"
digests 1 2

# So of twenty small sets: those that came whole are not sent again.
for i in $(seq 20); do
    work 1 3
    gengbu export "$T/1" "$T" >"$T/out" # seals a set
done
entries=$(ledger)
bytes=$(wc -c <"$(ls -t "$T"/*-up-1-*.gbx | head -n 1)")
between $((bytes / 2)) -1
refused 1 "broke" gengbu sync "$T/1" --hub "$relay"
gengbu sync "$T/1" --json >"$T/sync"
sent=$(report sets_sent)
[ "$sent" -gt 0 ] && [ "$sent" -lt 20 ] || fail "$sent of 20 sets went again"
same "$(report unsent) $(($(ledger) - entries))" "0 20" "twenty sets"
digests 1
echo "of 20 sets $((20 - sent)) came before the break, $sent went again"

# Nobody there: not even a mark, as nothing has left.
work 1 3
refused 1 "cannot be reached.*gengbu export" \
    gengbu sync "$T/1" --hub http://127.0.0.1:1
same "$(status 1 uncertain)" False "mark when nothing was sent"
same "$(status 1 unsent)" 3 "operations when nobody was there"
refused 2 "give a URL" gengbu sync "$T/1" --hub 127.0.0.1
gengbu sync "$T/1" --hub "$url/" >"$T/out" # a slash at the end is as good
same "$(status 1 unsent)" 0 "operations"

# Recording goes on while a sync waits for a hub that does not answer.
python3 -c '
import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(1)
print("http://127.0.0.1:%d" % s.getsockname()[1], flush=True)
c = s.accept()[0]
time.sleep(60)' >"$T/silent.out" &
silent=$!
while ! [ -s "$T/silent.out" ]; do sleep 0.05; done
work 1 1
gengbu sync "$T/1" --hub "$(cat "$T/silent.out")" >"$T/out" 2>&1 &
syncing=$!
for _ in $(seq 100); do
    [ "$(status 1 uncertain)" = True ] && break
    sleep 0.05
done
began=$(date +%s)
work 1 1
[ $(($(date +%s) - began)) -lt 8 ] || fail "recording waited for the network"
kill "$silent"
wait "$syncing" && fail "a sync with nobody succeeded"
gengbu sync "$T/1" >"$T/out"
same "$(status 1 unsent)" 0 "operations after a silent hub"
digests 1

# ----------------------------------------------------------------- refused

gengbu-hub enrol "$hub" --name third --out "$T/3.ticket" >"$T/enrol.out"
python3 - "$T/3.ticket" "$T/4.ticket" <<'E2'
import json, sys
t = json.load(open(sys.argv[1]))
t.pop("url", None)
json.dump(t, open(sys.argv[1], "w"))
t["secret"] = "00" * 32
json.dump(t, open(sys.argv[2], "w"))
E2
gengbu init "$T/3" --ticket "$T/3.ticket" >"$T/out"
refused 1 "give --hub URL.*gengbu export" gengbu sync "$T/3"
gengbu init "$T/4" --ticket "$T/4.ticket" >"$T/out"
refused 1 "TICKET" gengbu sync "$T/4" --hub "$url"
gengbu sync "$T/3" --hub "$url" >"$T/out"
same "$(status 3 hub)" "$url" "an address that worked is kept"
same "$(status 3 confirmed)" True "confirmed"

# A copy of a journal: the first goes on, the second is told.
cp -R "$T/3" "$T/5"
for n in 3 5; do
    gengbu signin "$T/$n" 0-1 >"$T/out"
    gengbu record "$T/$n" sos raised_at="$n" >"$T/out"
done
gengbu sync "$T/3" >"$T/out"
refused 1 "a copy" gengbu sync "$T/5"
same "$(status 5 copy)" True "the copy knows"
gengbu status "$T/5" | grep -q "new ticket" || fail "status of a copy"
gengbu sync "$T/3" >"$T/out"

for n in 1 2; do gengbu sync "$T/$n" >"$T/out"; done
digests 1 2 3

# A hub that went back behind what it acknowledged, to just what the handheld saw
# of its log: it has no news, and gets the work again.
gengbu sync "$T/2" >"$T/out"
stop_hub
cp -R "$hub" "$T/old"
serve_hub
entries=$(ledger)
work 2 5
between -1 700
refused 1 "broke" gengbu sync "$T/2" --hub "$relay"
same "$(ledger) $(status 2 unsent)" "$((entries + 1)) 0" "acknowledged"
stop_hub
mkdir "$T/carried"
cp -R "$T/old" "$T/older"
gengbu export "$T/2" "$T/carried" | grep -q "5 operations in 1 change set" ||
    fail "what is acknowledged alone is not on the stick"
gengbu-hub import "$T/older" "$T/carried" >"$T/out"
same "$(hub="$T/older" && ledger)" "$((entries + 1))" "by stick"
rm -rf "$hub"
mv "$T/old" "$hub"
serve_hub
gengbu sync "$T/2" --hub "$url" --json >"$T/sync"
same "$(ledger) $(report unsent)" "$((entries + 1)) 0" "sent again"
digests 2

# A hub that went back behind what a handheld saw of its log.
stop_hub
cp -R "$hub" "$T/old"
serve_hub
work 1 1
gengbu sync "$T/1" --hub "$url" >"$T/out"
stop_hub
rm -rf "$hub"
mv "$T/old" "$hub"
serve_hub
work 2 1
gengbu sync "$T/2" --hub "$url" >"$T/out" # it saw nothing that is gone
work 1 1
had=$(gengbu digest "$T/1")
refused 1 "HISTORY" gengbu sync "$T/1" --hub "$url"
same "$(gengbu digest "$T/1")" "$had" "digest after a refused history"
same "$(status 1 unsent)" 1 "operations after a refused history"
