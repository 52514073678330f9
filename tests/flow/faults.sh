#!/bin/sh
# What goes wrong on a disk and in memory, at every point of the commands that
# keep what was acknowledged: writing, sealing, import, merging packs, deltas,
# sync, backup, rebuild, init.  faults.py says how; here is the hub that all
# begin with.
#
#   EVERY=1           every point; 5: each fifth; absent: a few of each sort
#   LIST=FILE         each point with its call and outcome
#   POINT=STAGE/MODE  those alone; with /N, or /N/M, one point
#   SEED=1            which points are taken, and what a cut leaves by chance
. "$(dirname "$0")/lib.sh"

new_hub
printf 'ref,building,floor,room,area\nu0,3,12,1201,A\n' >"$T/units.csv"
gengbu-hub load "$hub" unit "$T/units.csv" >"$T/out"
handheld 1
handheld 2
serve_hub
echo '{"table":"service_request","ref":"r","fields":{"kind":"repair",
    "unit_id":"@u0","channel":"phone","contact":"李先生","text":"灯不亮"}}' |
    tr -d '\n' >"$T/lines"
gengbu record "$T/1" --jsonl "$T/lines" >"$T/out"
for n in 1 2 1; do gengbu sync "$T/$n" --hub "$url" >"$T/out"; done
stop_hub
mkdir -p "$T/faults/before/new/stick" "$T/faults/before/new/down"
gengbu-hub enrol "$hub" --name third --level 2 --set area=A \
    --out "$T/faults/before/new/3.ticket" >"$T/out"
mv "$hub" "$T/1" "$T/2" "$T/faults/before/new"
case $build in *address*) # see preloaded() of lib.sh
    echo leak:libgit2 >"$T/leaks"
    export LSAN_OPTIONS="suppressions=$T/leaks:print_suppressions=0"
    export ASAN_OPTIONS=verify_asan_link_order=0
    ;;
esac
python3 -B "$root/tests/flow/faults.py" "$build" "$T/faults"
