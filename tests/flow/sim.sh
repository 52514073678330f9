#!/bin/sh
# Random worlds of the simulator (tests/sim): the real engine, handhelds and hub
# with clocks, network and disks that fail, judged by a naive oracle.
. "$(dirname "$0")/lib.sh"
worlds=200
case $build in *address*) worlds=20 ;; esac
"$build/tests/sim/sim" "${SEED:-1}" "${WORLDS:-$worlds}" >"$T/sim.out" 2>&1 ||
    fail "$(cat "$T/sim.out")"
tail -n 1 "$T/sim.out"
