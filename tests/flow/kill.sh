#!/bin/sh
# kill -9 at the n-th call that writes, syncs, renames, removes or sends, in a
# handheld that records and exports, and in a hub that takes in a stick.  The
# same command again, without the kill, must end with every operation there
# once: the digests are those of a run that nobody disturbed.
. "$(dirname "$0")/lib.sh"
LINES=24
least=100 # values of n on each side
# a sanitized program starts slowly, and where it is killed is the same
case $build in *address*) least=12 ;; esac

cc -shared -fPIC -O1 -D_GNU_SOURCE -o "$T/kill.so" "$root/tests/flow/kill.c" \
    -ldl
new_hub
handheld 1
python3 - "$LINES" >"$T/work.jsonl" <<'E2'
import json, sys
for i in range(int(sys.argv[1])):
    print(json.dumps({"table": "incident", "ref": "i%d" % i, "fields": {
        "kind": "other", "place": "%d号楼" % i, "happened_at": 1764000000000 + i,
        "severity": "general", "text": "水管滴漏"}}, ensure_ascii=False))
E2
grep -q '"other"' "$T/work.jsonl"

# killed COMMAND...: run it to be killed at call $n; false when it never came
# to that call
killed()
{
    code=0
    # ASan must come first, and wants to be told that it does not
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0" \
        LD_PRELOAD="$T/kill.so" KILL_AT=$n KILL_AFTER=$after \
        "$@" >"$T/killed.out" 2>&1 || code=$?
    [ "$code" = 137 ] && return 0
    [ "$code" = 0 ] || fail "n=$n: $*: $code: $(cat "$T/killed.out")"
    return 1
}

# calls COMMAND...: how many calls it makes
calls()
{
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0" \
        LD_PRELOAD="$T/kill.so" KILL_COUNT="$T/count" "$@" \
        >"$T/killed.out" 2>&1 || fail "$*: $(cat "$T/killed.out")"
    cat "$T/count"
}

fresh()
{
    rm -rf "$T/w"
    mkdir "$T/w"
    cp -R "$T/1" "$T/w/1"
    cp -R "$hub" "$T/w/hub"
    mkdir "$T/w/stick"
}

# The undisturbed run; what each step leaves is where the kills begin.
fresh
record=$(calls gengbu record "$T/w/1" --jsonl "$T/work.jsonl")
cp -R "$T/w/1" "$T/recorded"
export_=$(calls gengbu export "$T/w/1" "$T/w/stick")
cp -R "$T/w/1" "$T/exported"
cp -R "$T/w/stick" "$T/stick"
import=$(calls gengbu-hub import "$T/w/hub" "$T/w/stick")

journal_count()
{
    sqlite3 "$T/w/1/journal.db" 'SELECT count(*) FROM incident'
}

device=0
hubs=0
for after in 0 1; do
    # as many values of n as it takes, spread over the whole run
    step=$(((record + export_) * 2 / least))
    [ "$step" -ge 1 ] || step=1
    n=1
    while fresh; killed gengbu record "$T/w/1" --jsonl "$T/work.jsonl"; do
        gengbu record "$T/w/1" --jsonl "$T/work.jsonl" >/dev/null
        same "$(journal_count)" "$LINES" "records after a kill at $n"
        device=$((device + 1))
        n=$((n + step))
    done
    n=1
    while fresh; rm -rf "$T/w/1"; cp -R "$T/recorded" "$T/w/1"
        killed gengbu export "$T/w/1" "$T/w/stick"; do
        gengbu export "$T/w/1" "$T/w/stick" >/dev/null
        gengbu-hub import "$T/w/hub" "$T/w/stick" >/dev/null
        same "$(sqlite3 "$T/w/hub/hub.db" 'SELECT count(*) FROM incident')" \
            "$LINES" "records at the hub after a kill at $n"
        device=$((device + 1))
        n=$((n + step))
    done
    step=$((import * 2 / least))
    [ "$step" -ge 1 ] || step=1
    n=1
    while fresh; killed gengbu-hub import "$T/w/hub" "$T/stick"; do
        gengbu-hub import "$T/w/hub" "$T/stick" >/dev/null
        same "$(sqlite3 "$T/w/hub/hub.db" 'SELECT count(*) FROM incident')" \
            "$LINES" "records at the hub after a kill at $n"
        gengbu-audit "$T/w/hub/ledger.git" >"$T/audit.out" ||
            fail "n=$n: $(tail -n 1 "$T/audit.out")"
        hubs=$((hubs + 1))
        n=$((n + step))
    done
done
echo "killed: $device times a handheld, $hubs times a hub"
[ "$device" -ge "$least" ] || fail "only $device kills of a handheld"
[ "$hubs" -ge "$least" ] || fail "only $hubs kills of a hub"
