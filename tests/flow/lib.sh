# lib.sh - what the flow tests share: a scratch folder, a hub, handhelds, and
# assertions.  Source it with the build folder as the first argument:
#
#     . "$(dirname "$0")/lib.sh"
#
# Everything a test starts is ended, and its folder removed, when it exits.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
# Debian's tools: some put a script in front of python3 that takes six times as
# long to start
PATH=$build:/usr/bin:/bin:$PATH
export PATH
T=$(mktemp -d "${TMPDIR:-/tmp}/gengbu-flow.XXXXXX")
hub=$T/hub
served=

finish()
{
    code=$?
    stop_hub
    rm -rf "$T"
    exit $code
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

fail()
{
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# new_hub [SCHEMA]: a hub of the office's schema, or another, in $hub
new_hub()
{
    gengbu-hub init "$hub" --site "Garden 花园" --admin "王主管" \
        --schema "${1:-$root/schema}" --timezone Asia/Shanghai >"$T/init.out"
}

# serve_hub: start the server; its address in $url, its process in $served
serve_hub()
{
    : >"$T/serve.out" # the address is not the one of before
    gengbu-hub serve "$hub" --listen 127.0.0.1:0 >"$T/serve.out" \
        2>"$T/serve.err" &
    served=$!
    for _ in $(seq 100); do
        url=$(grep -o 'http://[0-9.:]*' "$T/serve.out" | head -n 1) || url=
        [ -n "$url" ] && return
        kill -0 "$served" 2>/dev/null || fail "serve: $(cat "$T/serve.err")"
        sleep 0.1
    done
    fail "serve says no address"
}

stop_hub()
{
    [ -n "$served" ] || return 0
    kill "${1:--TERM}" "$served" 2>/dev/null || :
    wait "$served" 2>/dev/null || :
    served=
}

# handheld NUMBER [LEVEL [AREA]]: enrol and set up $T/NUMBER, signed in as the
# first supervisor; numbers are given in order from 1
handheld()
{
    gengbu-hub enrol "$hub" --name "handheld $1" --level "${2:-2}" \
        --set "area=${3:-A}" --out "$T/$1.ticket" >"$T/enrol.out"
    gengbu init "$T/$1" --ticket "$T/$1.ticket" ${url:+--hub "$url"} \
        >"$T/new.out"
    gengbu signin "$T/$1" 0-1 >"$T/new.out"
}

# refused STATUS WORDS COMMAND...: it must fail so, with one line that has the
# words (a pattern of grep)
refused()
{
    want=$1
    words=$2
    shift 2
    got=0
    "$@" >"$T/refused.out" 2>"$T/refused.err" || got=$?
    [ "$got" = "$want" ] ||
        fail "$*: exit status $got, not $want: $(cat "$T/refused.err")"
    [ "$(wc -l <"$T/refused.err")" = 1 ] ||
        fail "$*: not one line: $(cat "$T/refused.err")"
    grep -q -e "$words" "$T/refused.err" ||
        fail "$*: does not say '$words': $(cat "$T/refused.err")"
}

# preloaded FAULT=VALUE... COMMAND...: become it, with fault.c; in a subshell
preloaded()
{
    # ASan must come first, and wants to be told that it does not; libgit2
    # loses some bytes where it cannot make a file
    echo leak:libgit2 >"$T/leaks"
    exec env LSAN_OPTIONS="suppressions=$T/leaks:print_suppressions=0" \
        ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0" \
        LD_PRELOAD="$build/tests/flow/fault.so" "$@"
}

# faulty FAULT=VALUE... COMMAND...: run it so, its exit status in $code, what it
# said in $T/fault.out and $T/fault.err
faulty()
{
    code=0
    (preloaded "$@") >"$T/fault.out" 2>"$T/fault.err" || code=$?
}

# calls [FAULT=WHICH] COMMAND...: into $calls, how many it makes that could go
# wrong
calls()
{
    faulty FAULT_COUNT="$T/count" "$@"
    same "$code" 0 "exit status of $*: $(cat "$T/fault.err")"
    calls=$(cat "$T/count")
}

# killed N BEFORE|AFTER COMMAND...: run it to be killed at call N; false when
# it came to its end before that
killed()
{
    at=$1
    when=$2
    shift 2
    faulty FAULT_AT="$at" FAULT="$when" "$@"
    [ "$code" = 137 ] && echo "$at" >>"$T/kills of $1 $2" && return 0
    [ "$code" = 0 ] ||
        fail "$*, to be killed $when call $at: $code: $(cat "$T/fault.err")"
    return 1
}

# kills: at which calls each command was killed, as `killed` or others noted
kills()
{
    for list in "$T/kills of "*; do
        echo "n of ${list##*kills of }:" $(sort -nu "$list")
    done | fold -sw 110
}

# same A B WHAT
same()
{
    [ "$1" = "$2" ] || fail "$3: '$1' is not '$2'"
}

# private PATH...: nobody but the owner may read these files, or enter these
# folders
private()
{
    open=$(find "$@" -maxdepth 0 -perm /077 -printf '%m %p ')
    [ -z "$open" ] || fail "open to others: $open"
}

# digests NUMBER...: each handheld has what the hub says it has, and the audit's
# digest is the hub's, in $want
digests()
{
    for n in "$@"; do
        same "$(gengbu digest "$T/$n")" \
            "$(gengbu-hub digest "$hub" --device "$n")" "digest of handheld $n"
    done
    got=$(gengbu-audit "$hub/ledger.git" --json |
        sed -n 's/^ *"digest": "\(.*\)",*$/\1/p')
    want=$(gengbu-hub digest "$hub")
    same "$got" "$want" "digest of the audit"
}
