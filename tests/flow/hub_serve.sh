#!/bin/sh
# gengbu-hub serve as handhelds and others meet it: syncs one by one and all at
# once, other commands beside it, refusals with their status, a body that
# breaks off, and its end.
. "$(dirname "$0")/lib.sh"
N=6

new_hub
serve_hub
same "$(cat "$hub/address")" "$url" "the address for tickets"

# answer STATUS WORDS CURL-OPTIONS...: what the server says to this
answer()
{
    want=$1
    words=$2
    shift 2
    got=$(curl -s --noproxy '*' -o "$T/answer" -w '%{http_code}' "$@")
    same "$got" "$want" "status of $*"
    grep -q -e "$words" "$T/answer" || fail "$*: $(cat "$T/answer")"
}

answer 200 '^Garden 花园$' "$url/"
answer 200 "$(grep -o 'SHA256:[A-Za-z0-9+/]*' "$T/init.out" | head -n 1)" \
    "$url/"
answer 404 . "$url/v1/nothing"
answer 405 . "$url/v1/sync"
answer 400 '^FORMAT: ' --data-binary 'no bundle at all, but long enough for it' \
    "$url/v1/sync"
answer 400 '^FORMAT: ' -X POST "$url/v1/sync"

# ------------------------------------------------------------------ syncs

for n in $(seq $N); do
    handheld "$n"
    gengbu record "$T/$n" incident kind=other place="${n}号楼" \
        happened_at=1764000000000 severity=general text=水管滴漏 >"$T/id.$n"
done
grep -q "\"url\": \"$url\"" "$T/1.ticket"
pids=
for n in $(seq $N); do
    gengbu sync "$T/$n" >"$T/sync.$n" 2>&1 &
    pids="$pids $!"
done
for pid in $pids; do
    wait "$pid" || fail "a sync of several at once: $(cat "$T"/sync.*)"
done
for n in $(seq $N); do
    gengbu sync "$T/$n" >/dev/null
done
same "$(sqlite3 "$hub/hub.db" 'SELECT count(*) FROM incident')" $N "incidents"
digests $(seq $N)

# the ticket again, in another folder: another handheld
gengbu init "$T/again" --ticket "$T/1.ticket" >/dev/null
refused 1 'used by another handheld' gengbu sync "$T/again"

# ------------------------------------------- commands beside the server

printf 'ref,name,level,area\nz,张三,1,A\n' >"$T/staff.csv"
gengbu-hub load "$hub" staff "$T/staff.csv" >/dev/null
gengbu-hub load "$hub" setting "$root/schema/reference/setting.csv" >/dev/null
gengbu-hub status "$hub" --json | python3 -m json.tool >/dev/null
mkdir "$T/stick"
gengbu-hub export "$hub" --device 2 --to "$T/stick" | grep -q 'safe to remove'
refused 1 'gengbu-hub serve (process' gengbu-hub rebuild "$hub"
refused 1 'gengbu-hub serve (process' gengbu-hub serve "$hub" \
    --listen 127.0.0.1:0
gengbu-hub backup "$hub" "$T/backup" >/dev/null
for n in $(seq $N); do
    gengbu sync "$T/$n" >/dev/null
done
digests $(seq $N)

# What a command that is killed as it moves the ref leaves behind
: >"$hub/ledger.git/refs/heads/main.lock"
gengbu record "$T/1" incident kind=other place=1 happened_at=1764000000000 \
    severity=general text=锁 >/dev/null
gengbu sync "$T/1" >/dev/null

# ----------------------------------------------- a body that breaks off

for i in 1 2 3; do
    gengbu record "$T/1" incident kind=other place="$i" \
        happened_at=1764000000000 severity=general text=断 >/dev/null
    gengbu export "$T/1" "$T/stick" >/dev/null # seals a set
done
file=$(ls "$T"/stick/*-up-1-*.gbx | tail -n 1)
before=$(sqlite3 "$hub/hub.db" 'SELECT count(*) FROM incident')
python3 - "$url" "$file" <<'E2'
import socket, sys, urllib.parse
at = urllib.parse.urlparse(sys.argv[1])
body = open(sys.argv[2], "rb").read()
s = socket.create_connection((at.hostname, at.port))
s.sendall(b"POST /v1/sync HTTP/1.1\r\nHost: hub\r\nContent-Length: %d\r\n\r\n"
          % len(body) + body[:-40])  # all but the last frames
s.close()
E2
for _ in $(seq 50); do
    now=$(sqlite3 "$hub/hub.db" 'SELECT count(*) FROM incident')
    [ "$now" -gt "$before" ] && break
    sleep 0.1
done
[ "$now" -gt "$before" ] || fail "what was whole was not committed"
gengbu sync "$T/1" >/dev/null
gengbu sync "$T/1" >/dev/null
same "$(sqlite3 "$hub/hub.db" 'SELECT count(*) FROM incident')" \
    $((before + 3)) "incidents after a broken upload"

# ------------------------------------ one handheld's request, many at once
# A sync that was killed is still being answered when it is run again.

gengbu record "$T/2" incident kind=other place=2 happened_at=1764000000000 \
    severity=general text=两 >/dev/null
gengbu sync "$T/2" >/dev/null
gengbu export "$T/1" "$T/stick" >/dev/null # a request before that record
file=$(ls -t "$T"/stick/*-up-1-*.gbx | head -n 1)
pids=
for i in $(seq 16); do
    curl -s --noproxy '*' -o "$T/answer.$i" -w '%{http_code}\n' \
        --data-binary "@$file" "$url/v1/sync" >"$T/status.$i" &
    pids="$pids $!"
done
for pid in $pids; do
    wait "$pid"
done
same "$(sort "$T"/status.* | uniq -c | tr -d ' \n')" 16200 \
    "sixteen answers at once"

# -------------------------------------------------------------- the end

kill -TERM "$served"
code=0
wait "$served" || code=$?
served=
same "$code" 0 "exit status of serve"
refused 1 'reached\|NETWORK\|refused' gengbu sync "$T/2"
want=$(gengbu-hub digest "$hub")
gengbu-hub rebuild "$hub" | grep -q "$want" || fail "a rebuild differs"
serve_hub
for n in $(seq $N); do
    gengbu sync "$T/$n" --hub "$url" >/dev/null
done
digests $(seq $N)
