#!/bin/sh
# gengbu-audit against somebody who owns the hub's folder, first without and
# then with the ledger's key: what was changed is hashed and signed again.
. "$(dirname "$0")/lib.sh"

mkdir "$T/schema"
cat >"$T/schema/1.sql" <<'E2'
CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT, level INTEGER) STRICT;
CREATE TABLE thing (id INTEGER PRIMARY KEY, word TEXT) STRICT;
INSERT INTO actor VALUES ('staff', 'level');
INSERT INTO rule VALUES ('staff', 'name', 'last'), ('staff', 'level', 'last'),
    ('thing', 'word', 'last');
E2
new_hub "$T/schema"
handheld 1
handheld 2
for word in a b; do
    for n in 1 2; do
        gengbu record "$T/$n" thing word=$word >/dev/null
        rm -rf "$T/stick"
        mkdir "$T/stick"
        gengbu export "$T/$n" "$T/stick" >/dev/null
        gengbu-hub import "$hub" "$T/stick" >/dev/null
        gengbu-hub export "$hub" --device "$n" --to "$T/stick" >/dev/null
        gengbu import "$T/$n" "$T/stick" >/dev/null
    done
done
python3 "$root/tests/vectors/rewrite.py" "$hub/ledger.git" "$hub/keys/ledger" \
    "$T/scratch.git"
