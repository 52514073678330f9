#!/bin/sh
# What goes wrong in the field, through the real programs: each is one line
# that names the thing, with its exit status, and nothing is lost.
. "$(dirname "$0")/lib.sh"

new_hub
printf 'ref,building,floor,room,area\nu1,3,12,1202,A\n' >"$T/unit.csv"
gengbu-hub load "$hub" unit "$T/unit.csv" >/dev/null
url=
handheld 1
j=$T/1

count()
{
    sqlite3 "$j/journal.db" "SELECT count(*) FROM incident"
}

record()
{
    gengbu record "$j" incident kind=water place=大堂 \
        happened_at=1764000000000 severity=general "text=${1:-滴漏}"
}
id=$(record)

# --- what is written -------------------------------------------------------
refused 1 "'xyz' is not known: .*: \`gengbu list $j\` shows" \
    gengbu list "$j" xyz
refused 1 "'xyz' is not known: .*: \`gengbu list $j\` shows" \
    gengbu record "$j" xyz a=b
refused 1 "incident: kind, happened_at, severity must not be empty$" \
    gengbu record "$j" incident text=x kind=
refused 1 "incident: severity must not be empty$" \
    gengbu record "$j" incident kind=water happened_at=now
refused 1 incidnet gengbu record "$j" incidnet kind=water
refused 1 plac gengbu record "$j" incident kind=water plac=x
refused 1 happened_at gengbu record "$j" incident kind=water place=x \
    happened_at=soon severity=general text=x
refused 1 "not one of" gengbu set "$j" incident "$id" severity=huge
refused 1 "1-999" gengbu set "$j" incident 1-999 severity=serious
refused 1 "UTF-8" gengbu record "$j" incident kind=water place=x \
    happened_at=1 severity=general "text=$(printf '\377')"
refused 2 "JOURNAL is missing; usage: gengbu record" gengbu record
refused 2 "ID is missing" gengbu set "$j" incident
refused 2 "STAFF is missing" gengbu signin "$j"
refused 2 "PATH... is missing" gengbu import "$j"
for c in signin set void show; do
    gengbu $c --help | grep -q ', or @REF' || fail "$c --help: how a record is named"
done
refused 2 "recrod" gengbu recrod "$j"
same "$(count)" 1 "records after what was refused"

# --- who acts ----------------------------------------------------------------
for who in 0-99 @nobody 王主管; do
    refused 1 "\`gengbu list $j staff\` shows" gengbu signin "$j" "$who"
    refused 1 "\`gengbu list $j staff\` shows" \
        gengbu record "$j" sos raised_at=now --actor "$who"
done
refused 1 "\`gengbu list $j unit\` shows" gengbu record "$j" appointment \
    unit_id=@nowhere

# --- JSON lines: what stands before the bad line stays ----------------------
line()
{
    printf '{"table":"incident","fields":{"kind":"water","place":"%s",' "$1"
    printf '"happened_at":1764000000000,"severity":"general","text":"x"}}\n'
}
{ line a; line b; echo '{"table":"incident",'; line c; } >"$T/bad.jsonl"
refused 1 "line 3" gengbu record "$j" --jsonl "$T/bad.jsonl"
same "$(count)" 3 "the lines before the bad one"
{ line a; line b; line c; } >"$T/bad.jsonl"
gengbu record "$j" --jsonl "$T/bad.jsonl" >/dev/null
same "$(count)" 4 "a corrected file goes on behind the lines that are in"
{ line d; line e; } >"$T/good.jsonl"
gengbu record "$j" --jsonl "$T/good.jsonl" >/dev/null
gengbu record "$j" --jsonl "$T/good.jsonl" >/dev/null
same "$(count)" 6 "the same file again doubles nothing"

# --- tickets ------------------------------------------------------------------
serve_hub
gengbu sync "$j" --hub "$url" >/dev/null
refused 1 "its address has no path" gengbu sync "$j" --hub "$url/foo"
refused 1 "speaks http://" gengbu sync "$j" --hub "https${url#http}"
refused 1 "unit.csv: this is no ticket, or a damaged one: not" gengbu init "$T/none" --ticket "$T/unit.csv"
gengbu init "$T/thief" --ticket "$T/1.ticket" >/dev/null
refused 1 "ticket" gengbu sync "$T/thief" --hub "$url"
refused 1 "journal of device 1 already" gengbu init "$j" --ticket "$T/1.ticket"
echo '{"gengbu_ticket":1}' >"$T/poor.ticket"
refused 1 "poor.ticket" gengbu init "$T/none" --ticket "$T/poor.ticket"
stop_hub
home=$hub
hub=$T/other
new_hub
serve_hub
refused 1 "another site" gengbu sync "$j" --hub "$url"
stop_hub
hub=$home

# --- the hub cannot be reached: work goes on -----------------------------------
record >/dev/null
refused 1 "cannot be reached" gengbu sync "$j" --hub http://127.0.0.1:9
mkdir "$T/broken"
: >"$T/broken/libcurl.so.4"
refused 1 "libcurl.so.4.*install libcurl4, or carry" \
    env LD_LIBRARY_PATH="$T/broken" gengbu sync "$j" --hub "$url"
LD_LIBRARY_PATH="$T/broken" gengbu status "$j" >/dev/null
same "$(count)" 7 "records after a failed sync"

# --- sticks --------------------------------------------------------------------
mkdir "$T/stick"
gengbu export "$j" "$T/stick" >/dev/null
bundle=$(ls "$T"/stick/*.gbx)
refused 1 "another site" gengbu-hub import "$T/other" "$bundle"
head -c $(($(wc -c <"$bundle") - 20)) "$bundle" >"$T/cut.gbx"
refused 1 "breaks off" gengbu-hub import "$hub" "$T/cut.gbx"
python3 - "$bundle" "$T/changed.gbx" <<'E2'
import sys
b = bytearray(open(sys.argv[1], "rb").read())
b[len(b) // 2] ^= 1
open(sys.argv[2], "wb").write(b)
E2
refused 1 "changed.gbx: " gengbu-hub import "$hub" "$T/changed.gbx"
gengbu-hub import "$hub" "$bundle" >/dev/null
gengbu-hub import "$hub" "$bundle" >/dev/null
same "$(sqlite3 "$hub/hub.db" 'SELECT count(*) FROM incident')" 7 \
    "records at the hub after every stick"

# --- folders -------------------------------------------------------------------
mkdir "$T/empty"
refused 1 "$T/empty: this is not a journal" gengbu status "$T/empty"
refused 1 "$hub: this is the office's hub: use \`gengbu-hub\`" \
    gengbu list "$hub" unit
refused 1 "$T/empty is not a hub" gengbu-hub status "$T/empty"
for command in status "enrol --name x"; do
    refused 1 "$j is a handheld's journal: use \`gengbu\`" \
        gengbu-hub $command "$j"
done
refused 1 "$T/empty" gengbu-audit "$T/empty"
# two processes on one journal: the second waits, then names the first
python3 - "$j/lock" "$build/gengbu" "$j" <<'E2'
import fcntl, os, subprocess, sys, time
with open(sys.argv[1], "r+") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.write("%d gengbu sync\n" % os.getpid())
    lock.flush()
    began = time.time()
    done = subprocess.run([sys.argv[2], "set", sys.argv[3], "incident", "1-1",
                           "note=x"], capture_output=True, text=True)
    took = time.time() - began
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert "gengbu sync (process %d)" % os.getpid() in done.stderr, done.stderr
    assert 9 < took < 30, took
    lock.truncate(0)
E2

# --- folders that may only be read ---------------------------------------------
# Root may write anywhere, unless it gives that up.
only="setpriv --bounding-set=-dac_override,-dac_read_search"
only="$only --inh-caps=-dac_override,-dac_read_search"
[ "$(id -u)" = 0 ] || only=
before=$(gengbu list "$j" incident --json)
digest=$(gengbu digest "$j")
work=$(gengbu-hub digest "$hub")
# a journal that was written back, as when its last process ended
chmod -R a-w "$j" "$hub" "$T/stick"
if $only test -w "$j"; then
    fail "the folder of a test can be written all the same"
fi
same "$($only gengbu list "$j" incident --json)" "$before" "list, read-only"
$only gengbu show "$j" incident "$id" >/dev/null
$only gengbu status "$j" >/dev/null
same "$($only gengbu digest "$j")" "$digest" "digest of a read-only journal"
refused 1 "$j/lock: cannot be locked: no permission" \
    $only gengbu record "$j" sos raised_at=now
refused 1 "$j/journal.db: is read-only: check" \
    $only gengbu sync "$j" --hub http://127.0.0.1:1
same "$($only gengbu-hub digest "$hub")" "$work" "digest, read-only"
for c in status devices conflicts quarantine; do
    $only gengbu-hub $c "$hub" >/dev/null
done
$only gengbu-hub explain "$hub" incident "$id" >/dev/null
$only gengbu-audit "$hub/ledger.git" >/dev/null
refused 1 "read-only\|no permission" \
    $only gengbu-hub load "$hub" unit "$T/unit.csv"
chmod -R u+w "$j" "$hub"
refused 1 "$T/stick.*no permission: run as" $only gengbu export "$j" "$T/stick"
refused 1 "$T/stick.*no permission: run as" \
    $only gengbu-hub export "$hub" --device 1 --to "$T/stick"
chmod u+w "$T/stick"
gengbu export "$j" "$T/stick" >/dev/null
gengbu-hub import "$hub" "$T/stick" >/dev/null
same "$(sqlite3 "$hub/hub.db" 'SELECT count(*) FROM incident')" \
    "$(count)" "records after read-only folders"
echo "every error is one line, and nothing was lost"
