#!/bin/sh
# kill -9 of the office's commands at calls spread over the whole run of each.
# The same command again ends right: it completes, or says in one line that
# there is nothing left to do; nothing is lost or doubled.  (kill.sh: record,
# export and the hub's import; kill_serve.sh: serve and sync; device_init.sh
# and device_stick.sh: init and import.)
. "$(dirname "$0")/lib.sh"
least=${KILLS:-4} # kills of each command; `make faults` has all
case $build in *address*) least=3 ;; esac

# A conflict, work that the handheld lacks, and the next schema.
mkdir "$T/0"
hub=$T/0/hub
new_hub
printf 'ref,building,floor,room,area\nu1,3,12,1202,A\n' >"$T/unit.csv"
gengbu-hub load "$hub" unit "$T/unit.csv" >"$T/out"
for i in $(seq 40); do echo "u$i,3,12,$((1201 + i)),A"; done |
    sed '1i ref,building,floor,room,area' >"$T/units.csv"
handheld 1
handheld 2
mv "$T/1" "$T/2" "$T/0"
serve_hub
id=$(gengbu record "$T/0/1" service_request kind=repair channel=phone \
    unit_id=@u1 contact=李先生 text=水管滴漏)
for n in 1 2; do gengbu sync "$T/0/$n" --hub "$url" >"$T/out"; done
gengbu set "$T/0/1" service_request "$id" state=in_progress
gengbu set "$T/0/2" service_request "$id" state=dispatched
# the hub knows where the second stands, and has news for it
for n in 2 2 1; do gengbu sync "$T/0/$n" >"$T/out"; done
stop_hub
cp -R "$root/schema" "$T/schema"
echo 'CREATE TABLE pet (id INTEGER PRIMARY KEY, name TEXT) STRICT;
    INSERT INTO record VALUES (%spet%s, 1, 2, NULL, NULL);' |
    sed "s/%s/'/g" >"$T/schema/99_more.sql"
rm -f "$hub/address"
ask()
{
    sqlite3 "$T/w/hub/hub.db" "$1"
}
entries=$(sqlite3 "$hub/hub.db" 'SELECT count(*) FROM _set')
had=$(gengbu-hub digest "$hub")

fresh()
{
    rm -rf "$T/w"
    cp -R "$T/0" "$T/w"
    mkdir "$T/w/stick"
}

# sweep CHECK ALREADY COMMAND...: kill it here and there, run it again, which
# may be refused with the words ALREADY when all was done, and CHECK
sweep()
{
    check=$1
    already=$2
    shift 2
    fresh
    calls "$@"
    $check
    kills=0
    while [ "$kills" -lt "$least" ]; do
        # the first calls and the last are worth as much as all between
        n=$((1 + kills * (calls - 1) / (least - 1)))
        when=before
        [ $((kills % 2)) = 0 ] || when=after
        fresh
        killed "$n" "$when" "$@" || fail "$*: no kill $when call $n"
        at="n=$n, $when: $check"
        got=0
        "$@" >"$T/out" 2>"$T/err" || got=$?
        if [ "$got" != 0 ]; then
            same "$got $(wc -l <"$T/err")" "1 1" "$at: status, lines"
            grep -q "$already" "$T/err" || fail "$at: $(cat "$T/err")"
        fi
        $check
        kills=$((kills + 1))
    done
    echo "killed: $kills times $1 $2, of $calls calls"
}

# audited ENTRIES: the ledger is sound, hub.db is what it says
audited()
{
    hub=$T/w/hub
    same "$(ask 'SELECT count(*) FROM _set')" "$1" "$at: entries"
    digests
}
at=undisturbed

loaded()
{
    same "$(ask 'SELECT count(*) FROM unit')" 40 "$at: units"
    audited $((entries + 1))
}
sweep loaded nothing gengbu-hub load "$T/w/hub" unit "$T/units.csv"

resolved()
{
    same "$(ask 'SELECT state FROM service_request')" dispatched "$at: state"
    audited $((entries + 1))
}
gengbu-hub conflicts "$hub" --json >"$T/conflicts"
keep=$(python3 -c 'import json, sys
for c in json.load(sys.stdin):
    for i, s in enumerate(c["siblings"]):
        if s["value"] == "dispatched": print(i + 1)' <"$T/conflicts")
sweep resolved 'no open conflict' gengbu-hub resolve "$T/w/hub" \
    "service_request:$id:state" --keep "$keep" --actor 0-1 --reason 现场核实

followed()
{
    same "$(ask 'SELECT max(version) FROM _schema')" 2 "$at: schema"
    audited $((entries + 1))
}
sweep followed nothing gengbu-hub schema "$T/w/hub" "$T/schema"

rebuilt()
{
    same "$(gengbu-hub digest "$T/w/hub")" "$had" "$at: digest"
    audited "$entries"
}
sweep rebuilt nothing gengbu-hub rebuild "$T/w/hub"

# A number may be lost, never a ticket that somebody holds.
enrolled()
{
    rm -rf "$T/w/3"
    gengbu init "$T/w/3" --ticket "$T/w/3.ticket" >"$T/out"
    number=$(sqlite3 "$T/w/3/journal.db" \
        "SELECT value FROM _journal WHERE key = 'device'")
    same "$(gengbu digest "$T/w/3")" \
        "$(gengbu-hub digest "$T/w/hub" --device "$number")" \
        "$at: digest of the new handheld"
    [ "$(ask 'SELECT max(number) FROM _device')" -le 4 ] || fail "$at: number"
    audited "$(ask 'SELECT max(number) - 2 + '"$entries"' FROM _device')"
}
sweep enrolled 'exists: name another' gengbu-hub enrol "$T/w/hub" --name third \
    --out "$T/w/3.ticket"

exported()
{
    same "$(ls "$T/w/stick" | wc -l)" 1 "$at: files on the stick"
    gengbu import "$T/w/2" "$T/w/stick" >"$T/out"
    same "$(gengbu digest "$T/w/2")" "$had" "$at: digest of the handheld"
    audited "$entries"
}
sweep exported nothing gengbu-hub export "$T/w/hub" --device 2 \
    --to "$T/w/stick"

backed_up()
{
    rm -rf "$T/w/hub"
    cp -R "$T/w/copy" "$T/w/hub"
    gengbu-hub rebuild "$T/w/hub" >"$T/out"
    rebuilt
    same "$(ask 'SELECT contact FROM service_request')" 李先生 \
        "$at: a personal value"
}
sweep backed_up nothing gengbu-hub backup "$T/w/hub" "$T/w/copy"

made()
{
    hub=$T/w/new
    same "$(sqlite3 "$hub/hub.db" 'SELECT count(*) FROM staff')" 1 "$at: staff"
    digests
    gengbu-hub status "$hub" | grep -q SHA256: || fail "$at: no fingerprint"
}
sweep made 'is a hub already' gengbu-hub init "$T/w/new" --site G --admin A \
    --schema "$root/schema"
