#!/bin/sh
# Disks that are full, read-only or broken from the n-th call on, or for one
# call: one line names the file and the remedy, exit status 1, nothing that was
# acknowledged is lost; and when the disk is well again the same command works,
# and everything is there once.
. "$(dirname "$0")/lib.sh"
least=${POINTS:-6} # values of n for each command
faults="ENOSPC EROFS EIO"
# a sanitized program starts slowly
case $build in *address*) least=4 faults=ENOSPC ;; esac

mkdir "$T/0" "$T/0/up" "$T/0/down"
hub=$T/0/hub
new_hub
printf 'ref,building,floor,room,area\nu0,3,12,1201,A\n' >"$T/unit0.csv"
gengbu-hub load "$hub" unit "$T/unit0.csv" >"$T/out"
handheld 1
handheld 2
mv "$T/1" "$T/2" "$T/0"
serve_hub
echo '{"table":"service_request","ref":"r","fields":{"kind":"repair",
    "unit_id":"@u0","channel":"phone","text":"灯不亮"}}' | tr -d '\n' >"$T/first.jsonl"
gengbu record "$T/0/1" --jsonl "$T/first.jsonl" >"$T/out"
for n in 1 2; do gengbu sync "$T/0/$n" --hub "$url" >"$T/out"; done
stop_hub
gengbu set "$T/0/1" service_request 1-1 urged+=1
gengbu set "$T/0/2" service_request 1-1 urged+=1
for n in 1 2; do gengbu export "$T/0/$n" "$T/0/up" >"$T/out"; done
cp -R "$hub" "$T/0/later" # the hub when it has taken these in
gengbu-hub import "$T/0/later" "$T/0/up" >"$T/out"
gengbu-hub export "$T/0/later" --device 2 --to "$T/0/down" >"$T/out"
printf 'ref,building,floor,room,area\nu1,3,12,1202,A\n' >"$T/unit.csv"
for i in $(seq 30); do
    printf '{"table":"incident","fields":{"kind":"other","place":"%s号楼",' "$i"
    printf '"happened_at":1764000000000,"severity":"general","text":"滴漏"}}\n'
done >"$T/work.jsonl"

fresh()
{
    rm -rf "$T/w"
    cp -R "$T/0" "$T/w"
}

# words FAULT: what the line must say of it
words()
{
    case $1 in
    ENOSPC) echo 'full.*make room\|has room' ;;
    EROFS) echo 'read-only\|Read-only\|writable' ;;
    EIO) echo 'fault\|Input/output error\|writable and sound\|cannot be made' ;;
    esac
}

# told WORDS: $code and the line of the command that failed
told()
{
    same "$code" 1 "$at: exit status: $(cat "$T/fault.err")"
    cp "$T/fault.err" "$T/told" # the hub's import tells of files in its report
    [ -s "$T/told" ] || cp "$T/fault.out" "$T/told"
    same "$(wc -l <"$T/told")" 1 "$at: lines of: $(cat "$T/told")"
    grep -q -e "$1" "$T/told" || fail "$at: '$1' is not in: $(cat "$T/told")"
    case $(cat "$T/told") in
    *"$T"*) ;;
    *) fail "$at: names no file: $(cat "$T/told")" ;;
    esac
}

# sweep FAULT BEFORE AFTER COMMAND...: at values of n spread over its calls,
# once and for good.  BEFORE and AFTER are functions: what holds when it failed
# and when it was done.
sweep()
{
    fault=$1
    before=$2
    after=$3
    shift 3
    fresh
    at=undisturbed
    calls FAULT="$fault" "$@"
    $after
    i=0
    failed=0
    while [ $i -lt "$least" ]; do
        n=$((1 + i * (calls - 1) / (least - 1)))
        how="for good"
        [ $((i % 2)) = 0 ] || how="once"
        at="$fault at n=$n, $how: $*"
        fresh
        if [ "$how" = once ]; then
            faulty FAULT_AT=$n FAULT="$fault" FAULT_ONCE=1 "$@"
        else
            faulty FAULT_AT=$n FAULT="$fault" "$@"
        fi
        if [ "$code" != 0 ]; then
            failed=$((failed + 1))
            told "$(words "$fault")"
            $before
            "$@" >"$T/out" 2>&1 || fail "$at: and then: $(cat "$T/out")"
        fi
        $after
        i=$((i + 1))
    done
    [ $((failed * 3)) -ge "$least" ] || fail "$at: only $failed failures"
    echo "$fault: $failed of $least failed: $1 $2, of $calls calls"
}

# --- records -------------------------------------------------------------------
journal()
{
    same "$(sqlite3 "$T/w/1/journal.db" "$1")" "$2" "$at: $1"
}
# What failed has not happened; but where a disk breaks for good between the
# last write and its sync, nobody can take that write back, and the line says
# that writing failed and not that nothing was written.
over=0
not_done()
{
    got=$(sqlite3 "$T/w/1/journal.db" "$1")
    over=$((got - $2))
    case "$over $fault $how" in
    "0 "* | "1 E"[RI]*" for good") ;;
    *) fail "$at: $1: $got, not $2" ;;
    esac
}
done_once()
{
    journal "$1" $(($2 + over))
    over=0
}
no_record() { not_done 'SELECT count(*) FROM sos' 0; }
one_record() { done_once 'SELECT count(*) FROM sos' 1; }
one_urging() { not_done 'SELECT urged FROM service_request' 1; }
two_urgings() { done_once 'SELECT urged FROM service_request' 2; }
all_lines() { journal 'SELECT count(*) FROM incident' 30; }
any() { :; }
for fault in $faults; do
    sweep $fault no_record one_record gengbu record "$T/w/1" sos raised_at=now
    sweep $fault one_urging two_urgings \
        gengbu set "$T/w/1" service_request 1-1 urged+=1
done
sweep ENOSPC any all_lines gengbu record "$T/w/1" --jsonl "$T/work.jsonl"

# --- sticks --------------------------------------------------------------------
# What lies on the stick is whole, or it is not there.
exported()
{
    gengbu-hub import "$T/w/hub" "$T/w/down/"*-up-* >"$T/out" 2>&1 ||
        fail "$at: the hub: $(cat "$T/out")"
}
whole_or_none() { [ ! -e "$T/w/down/"*-up-* ] || exported; }
imported()
{
    same "$(gengbu digest "$T/w/2")" "$(gengbu-hub digest "$T/w/later" --device 2)" \
        "$at: digest"
    same "$(sqlite3 "$T/w/2/journal.db" 'SELECT urged FROM service_request')" \
        2 "$at: urgings"
}
at_hub()
{
    same "$(sqlite3 "$T/w/hub/hub.db" "$1")" "$2" "$at: $1"
}
taken()
{
    at_hub 'SELECT urged FROM service_request' 2
    hub=$T/w/hub
    digests
}
gengbu-hub import "$T/0/hub" "$T"/0/up/*-up-1-* >"$T/out"
fresh
for fault in $faults; do
    sweep $fault whole_or_none exported gengbu export "$T/w/1" "$T/w/down"
    sweep $fault any imported gengbu import "$T/w/2" "$T/w/down"
    sweep $fault any taken gengbu-hub import "$T/w/hub" "$T"/w/up/*-up-2-*
done
loaded()
{
    at_hub 'SELECT count(*) FROM unit' 2
    hub=$T/w/hub
    digests
}
sweep ENOSPC any loaded gengbu-hub load "$T/w/hub" unit "$T/unit.csv"

# --- a sync, whose disk or whose hub's disk fails --------------------------------
# served FAULT=VALUE...: start the server of $T/w/hub so; its address in $url,
# empty when it did not live to say it
served()
{
    : >"$T/serve.out"
    preloaded "$@" gengbu-hub serve "$T/w/hub" --listen 127.0.0.1:0 \
        >"$T/serve.out" 2>"$T/serve.err" &
    served=$!
    while ! [ -s "$T/serve.out" ] && kill -0 "$served" 2>/dev/null; do
        sleep 0.01
    done
    url=$(cat "$T/serve.out")
}
ended()
{
    kill "$served" 2>/dev/null || :
    code=0
    wait "$served" || code=$?
    served=
}
synced()
{
    same "$(gengbu status "$T/w/2" --json | grep -c '"unsent": 0')" 1 \
        "$at: unsent"
    taken
    same "$(gengbu digest "$T/w/2")" \
        "$(gengbu-hub digest "$T/w/hub" --device 2)" "$at: digest of the handheld"
}
fresh
served FAULT=ENOSPC FAULT_COUNT="$T/serving"
calls FAULT=ENOSPC gengbu sync "$T/w/2" --hub "$url"
syncing=$calls
ended
serving=$(cat "$T/serving")
failed=0
i=0
while [ $i -lt "$least" ]; do
    fault=ENOSPC
    [ $((i % 3)) != 2 ] || fault=EIO
    fresh
    # the server's disk: it does not start, or the handheld is told
    n=$((1 + i * (serving - 1) / (least - 1)))
    at="$fault at n=$n in the server"
    served FAULT_AT=$n FAULT=$fault
    if [ -z "$url" ]; then
        ended
        : >"$T/fault.out"
        cp "$T/serve.err" "$T/fault.err"
        told "$(words $fault)"
        failed=$((failed + 1))
    else
        gengbu sync "$T/w/2" --hub "$url" >"$T/out" 2>"$T/err" || {
            same "$(wc -l <"$T/err")" 1 "$at: lines of $(cat "$T/err")"
            grep -q "$(words $fault)" "$T/err" || fail "$at: $(cat "$T/err")"
            failed=$((failed + 1))
        }
        ended
        same "$code" 0 "$at: exit status: $(cat "$T/serve.err")"
    fi
    # the handheld's disk, with the hub well again
    served FAULT=never
    [ -n "$url" ] || fail "$at: no start: $(cat "$T/serve.err")"
    n=$((1 + i * (syncing - 1) / (least - 1)))
    at="$at, and at n=$n in the sync"
    faulty FAULT_AT=$n FAULT=$fault gengbu sync "$T/w/2" --hub "$url"
    if [ "$code" != 0 ]; then
        told "$(words $fault)"
        failed=$((failed + 1))
        gengbu sync "$T/w/2" --hub "$url" >"$T/out" 2>&1 ||
            fail "$at: and then: $(cat "$T/out")"
    fi
    ended
    synced
    i=$((i + 1))
done
echo "syncs: $failed failed in $least rounds"
[ "$failed" -ge "$least" ] || fail "only $failed syncs failed"
