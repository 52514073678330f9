#!/bin/sh
# kill -9 of `gengbu-hub serve`, and of `gengbu sync`, at the n-th call that
# makes, writes, syncs, renames, removes or sends: from the start over a sync
# to the end, again and again in one world.  Started again, and the sync run
# again, every operation is there once: records are counted, a sum shows what
# was taken twice, and hub, handheld, audit and a rebuilt hub agree.
. "$(dirname "$0")/lib.sh"
least=108 # kills of a server, some of which come too late
# a sanitized program starts slowly, and where it is killed is the same
case $build in *address*) least=16 ;; esac

new_hub
handheld 1
echo '{"table":"service_request","ref":"r","fields":{"kind":"repair",
    "channel":"phone","text":"灯不亮"}}' | tr -d '\n' >"$T/first.jsonl"
gengbu record "$T/1" --jsonl "$T/first.jsonl" >"$T/out"

# work: one more record, and one more urging
made=0
work()
{
    made=$((made + 1))
    cat >"$T/work.jsonl" <<E2
{"table":"incident","fields":{"kind":"other","place":"$made","text":"滴漏","happened_at":1764000000000,"severity":"general"}}
{"table":"service_request","ref":"r","add":{"urged":1}}
E2
    gengbu record "$T/1" --jsonl "$T/work.jsonl" >"$T/out"
}

# serve FAULT=VALUE...: start the server with that fault; its address in $url,
# empty when it did not live to say it
serve()
{
    : >"$T/serve.out"
    preloaded "$@" gengbu-hub serve "$hub" --listen 127.0.0.1:0 \
        >"$T/serve.out" 2>"$T/serve.err" &
    served=$!
    while ! [ -s "$T/serve.out" ] && kill -0 "$served" 2>/dev/null; do
        sleep 0.01
    done
    url=$(cat "$T/serve.out")
}

# ended: end the server; its exit status in $code
ended()
{
    kill "$served" 2>/dev/null || :
    code=0
    wait "$served" 2>/dev/null || code=$?
    served=
}

# once WHERE: the sync is run again, and everything is there once
once()
{
    gengbu sync "$T/1" --hub "$url" >"$T/out" 2>"$T/err" ||
        fail "$1: sync: $(cat "$T/err" "$T/serve.err")"
    same "$(sqlite3 "$hub/hub.db" \
        'SELECT count(*), (SELECT urged FROM service_request) FROM incident')" \
        "$made|$made" "$1: records and urgings at the hub"
}

# whole WHERE: all four agree
whole()
{
    digests 1
    gengbu-hub rebuild "$hub" >"$T/out" 2>"$T/err" ||
        fail "$1: rebuild: $(cat "$T/err")"
    grep -q "$want" "$T/out" || fail "$1: rebuilt: $(cat "$T/out"), not $want"
}

# The undisturbed run says how many calls there are; the second, as the first
# brings more than all that come.
for round in 1 2; do
    work
    serve FAULT_COUNT="$T/serving"
    calls gengbu sync "$T/1" --hub "$url"
    once "undisturbed"
    ended
    same "$code" 0 "exit status of the server"
done
whole "undisturbed"
serving=$(cat "$T/serving")
syncing=$calls

# spread I ALL: the I-th value of n among ALL calls
spread()
{
    n=$((1 + $1 * $2 / least))
    when=before
    [ $(($1 % 2)) = 0 ] || when=after
}

kills=0
i=0
while [ "$i" -lt "$least" ]; do
    spread $i "$serving"
    at="n=$n: after a kill of the server $when that call"
    work
    serve FAULT_AT="$n" FAULT="$when"
    [ -z "$url" ] || gengbu sync "$T/1" --hub "$url" >"$T/out" 2>&1 || :
    ended
    case $code in
    137)
        kills=$((kills + 1))
        echo "$n" >>"$T/kills of gengbu-hub serve"
        ;;
    0) ;; # what it does at its end differs by some calls
    *) fail "$at: exit status $code: $(cat "$T/serve.err")" ;;
    esac
    serve FAULT=never
    [ -n "$url" ] || fail "$at: no start: $(cat "$T/serve.err")"
    once "$at"
    ended
    same "$code" 0 "$at: exit status of the next"
    i=$((i + 1))
    [ $((i % 18)) != 0 ] || whole "$at, or up to 17 kills before"
done
echo "killed: $kills times a server of $serving calls"
[ "$kills" -ge $((least * 17 / 20)) ] || fail "only $kills kills of a server"

# a sync makes fewer calls: each of them once
kills=0
i=0
[ "$least" -le "$syncing" ] || least=$syncing
serve FAULT=never
while [ "$i" -lt "$least" ]; do
    spread $i "$syncing"
    at="n=$n: after a kill of the sync $when that call"
    work
    ! killed "$n" "$when" gengbu sync "$T/1" --hub "$url" ||
        kills=$((kills + 1))
    once "$at"
    i=$((i + 1))
    [ $((i % 20)) != 0 ] || digests 1
done
ended
whole "after $kills kills of a sync"
echo "killed: $kills times a sync of $syncing calls"
kills
[ "$kills" -ge $((least * 17 / 20)) ] || fail "only $kills kills of a sync"
