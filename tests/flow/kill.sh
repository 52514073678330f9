#!/bin/sh
# kill -9 at the n-th call that writes, syncs, renames, removes or sends, in a
# handheld that records and exports, and in a hub that takes in a stick.  The
# same command again, without the kill, must end with every operation there
# once.
. "$(dirname "$0")/lib.sh"
LINES=300
least=106 # values of n on each side
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

[ $((record + export_)) -ge "$least" ] && [ "$import" -ge "$least" ] ||
    fail "only $record, $export_ and $import calls"

journal_count()
{
    sqlite3 "$T/w/1/journal.db" 'SELECT count(*) FROM incident'
}

hub_count()
{
    sqlite3 "$T/w/hub/hub.db" 'SELECT count(*) FROM incident'
}

# spread I ALL: into $n and $when the I-th of $least kills, each at another call
spread()
{
    n=$((1 + $1 * $2 / least))
    when=before
    [ $(($1 % 2)) = 0 ] || when=after
    at="n=$n, $when that call"
}

# record_again, export_again, import_again: killed at $n, then done again
record_again()
{
    killed "$n" "$when" gengbu record "$T/w/1" --jsonl "$T/work.jsonl" ||
        return 1
    gengbu record "$T/w/1" --jsonl "$T/work.jsonl" >"$T/out" ||
        fail "$at: once more: $(cat "$T/out")"
    same "$(journal_count)" "$LINES" "records, $at"
}

export_again()
{
    rm -rf "$T/w/1"
    cp -R "$T/recorded" "$T/w/1"
    killed "$n" "$when" gengbu export "$T/w/1" "$T/w/stick" || return 1
    gengbu export "$T/w/1" "$T/w/stick" >"$T/out" ||
        fail "$at: once more: $(cat "$T/out")"
    gengbu-hub import "$T/w/hub" "$T/w/stick" >"$T/out" ||
        fail "$at: once more: $(cat "$T/out")"
    same "$(hub_count)" "$LINES" "records at the hub after an export, $at"
}

import_again()
{
    killed "$n" "$when" gengbu-hub import "$T/w/hub" "$T/stick" || return 1
    gengbu-hub import "$T/w/hub" "$T/stick" >"$T/out" ||
        fail "$at: once more: $(cat "$T/out")"
    same "$(hub_count)" "$LINES" "records at the hub, $at"
    gengbu-audit "$T/w/hub/ledger.git" >"$T/audit.out" ||
        fail "$at: $(tail -n 1 "$T/audit.out")"
}

device=0
hubs=0
i=0
while [ "$i" -lt "$least" ]; do
    fresh
    spread "$i" $((record + export_))
    again=record_again
    [ "$n" -le "$record" ] || again=export_again
    [ "$n" -le "$record" ] || n=$((n - record))
    $again && device=$((device + 1))
    fresh
    spread "$i" "$import"
    import_again && hubs=$((hubs + 1))
    i=$((i + 1))
done
echo "killed: $device times a handheld, of its $((record + export_)) calls;" \
    "$hubs times a hub, of its $import calls"
kills
# some come too late: what a program does at its end may differ by a call
[ "$device" -ge $((least - 6)) ] || fail "only $device kills of a handheld"
[ "$hubs" -ge $((least - 6)) ] || fail "only $hubs kills of a hub"
