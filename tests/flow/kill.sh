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
calls gengbu record "$T/w/1" --jsonl "$T/work.jsonl"
record=$calls
cp -R "$T/w/1" "$T/recorded"
calls gengbu export "$T/w/1" "$T/w/stick"
export_=$calls
cp -R "$T/w/1" "$T/exported"
cp -R "$T/w/stick" "$T/stick"
calls gengbu-hub import "$T/w/hub" "$T/w/stick"
import=$calls

journal_count()
{
    sqlite3 "$T/w/1/journal.db" 'SELECT count(*) FROM incident'
}

device=0
hubs=0
for when in before after; do
    # as many values of n as it takes, spread over the whole run
    step=$(((record + export_) * 2 / least))
    [ "$step" -ge 1 ] || step=1
    n=1
    while fresh; killed "$n" "$when" gengbu record "$T/w/1" --jsonl "$T/work.jsonl"; do
        gengbu record "$T/w/1" --jsonl "$T/work.jsonl" >/dev/null
        same "$(journal_count)" "$LINES" "records after a kill at $n"
        device=$((device + 1))
        n=$((n + step))
    done
    n=1
    while fresh; rm -rf "$T/w/1"; cp -R "$T/recorded" "$T/w/1"
        killed "$n" "$when" gengbu export "$T/w/1" "$T/w/stick"; do
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
    while fresh; killed "$n" "$when" gengbu-hub import "$T/w/hub" "$T/stick"; do
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
