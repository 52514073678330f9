#!/bin/sh
# Worlds of the simulator (tests/sim): the real engine, handhelds and hub with
# clocks, network and disks that fail, judged by a naive oracle.  What once
# broke a promise comes first, then worlds by chance, a few of them large.
. "$(dirname "$0")/lib.sh"
worlds=1000
case $build in *address*) worlds=200 ;; esac
run()
{
    "$build/tests/sim/sim" "$@" >"$T/sim.out" 2>&1 ||
        fail "$(cat "$T/sim.out")"
    tail -n 1 "$T/sim.out"
}
run --scenarios
run "${SEED:-1}" "${WORLDS:-$worlds}"
run "${SEED:-1}" 2 --devices 40
