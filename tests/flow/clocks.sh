#!/bin/sh
# Wrong clocks, over the network and by stick: 20 years ahead and behind, an
# empty battery (1970), and a clock that is set to and fro within a shift.
# Nothing is refused, what comes later shows, no time lies after it was
# received, and the hub says whose clock is wrong.
. "$(dirname "$0")/lib.sh"

mkdir "$T/schema" "$T/stick"
cat >"$T/schema/1.sql" <<'E2'
CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT, level INTEGER) STRICT;
CREATE TABLE thing (id INTEGER PRIMARY KEY, note TEXT) STRICT;
INSERT INTO actor VALUES ('staff', 'level');
INSERT INTO rule VALUES ('staff', 'name', 'last'), ('staff', 'level', 'last'),
    ('thing', 'note', 'last');
E2
new_hub "$T/schema"
serve_hub
now=$(date +%s%3N)
year=31557600000

# by NUMBER COMMAND...: on this handheld, its clock off by $off; $boot is
# another word when it was started anew
by()
{
    n=$1
    shift
    verb=$1
    shift
    GENGBU_CLOCK_MS=$(($(date +%s%3N) + off)) GENGBU_BOOT="$n $boot" \
        gengbu "$verb" "$T/$n" "$@" >"$T/out"
}
# carry NUMBER: its work to the hub and the hub's back to it
carry()
{
    if [ "$way" = network ]; then
        by "$1" sync
        return
    fi
    by "$1" export "$T/stick"
    gengbu-hub import "$hub" "$T/stick" >"$T/out"
    rm "$T/stick"/*
    gengbu-hub export "$hub" --device "$1" --to "$T/stick" >"$T/out"
    by "$1" import "$T/stick"
    rm "$T/stick"/*
}
# shows ID NOTE
shows()
{
    same "$(sqlite3 "$hub/hub.db" "SELECT note FROM thing WHERE id >> 40 = $1")" \
        "$2" "note of the thing, $way, off by $off"
}
# skew NUMBER: what the hub says of its clock, in ms
skew()
{
    gengbu-hub devices "$hub" --json | python3 -c "
import json, sys
print(next(d['clock_skew_ms'] for d in json.load(sys.stdin)
           if d['number'] == $1))"
}

handheld 1 # its clock is right
last=1
for way in network stick; do
    for wrong in $((20 * year)) $((-20 * year)) $((-now)); do
        last=$((last + 1))
        handheld $last
        boot=first off=$wrong
        by $last record thing note=one
        carry $last
        shows $last one
        off=0
        carry 1
        by 1 set thing $last-1 note=two
        carry 1
        shows $last two # whatever year the first one was from
        off=$wrong
        carry $last
        by $last set thing $last-1 note=three
        carry $last
        shows $last three
        if [ $way = network ]; then
            got=$(skew $last)
            [ $((got + wrong)) -lt 60000 ] && [ $((got + wrong)) -gt -60000 ] ||
                fail "off by $wrong, and the hub says $got"
        fi
        for off in 0 "$wrong" 7200000 -7200000 "$wrong" 0; do
            by $last set thing $last-1 "note=set at $off"
            boot=$off
            by $last set thing $last-1 "note=started at $off"
        done
        carry $last
        shows $last "started at 0"
    done
done
off=0
carry 1
same "$(sqlite3 "$hub/hub.db" "SELECT count(*) FROM _wait")" 0 "quarantine"
same "$(sqlite3 "$hub/hub.db" "SELECT count(*) FROM _set
    WHERE (last >> 16) > received")" 0 "sets with a time after they came"
for n in $(seq "$last"); do carry "$n"; done
digests $(seq "$last")

# A wrong clock is shown, until a right one asks, whatever the work was made with.
way=network boot=right off=0
by 1 record thing note=right
boot=again off=$((-3 * 3600000))
carry 1
gengbu-hub devices "$hub" | grep -q '^ *1 .* 3 h behind ' ||
    fail "$(gengbu-hub devices "$hub")"
by 1 record thing note=behind
boot=mended off=0
carry 1
gengbu-hub devices "$hub" | grep -q 'h behind' &&
    fail "$(gengbu-hub devices "$hub")"
:
