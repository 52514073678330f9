#!/bin/sh
# The next schema version arrives while a set of the last one is on its way: the
# set is accepted all the same.  And init never takes a hub for a leftover.
. "$(dirname "$0")/lib.sh"

mkdir "$T/next"
cp "$root"/schema/*.sql "$T/next"
cat >"$T/next/99_more.sql" <<'E2'
CREATE TABLE umbrella(id INTEGER PRIMARY KEY, colour TEXT) STRICT;
INSERT INTO record(tbl, write, void) VALUES('umbrella', 1, 1);
E2
new_hub
serve_hub
handheld 1
# twice: the second tells the hub where the handheld stands
gengbu sync "$T/1" >/dev/null
gengbu sync "$T/1" >/dev/null
gengbu record "$T/1" sos raised_at=1764000000000 >/dev/null
gengbu record "$T/1" visit visitor=张三 reason=family \
    entered_at=1764000000000 >/dev/null
gengbu-hub schema "$hub" "$T/next" >/dev/null
mkdir "$T/stick"
gengbu-hub export "$hub" --device 1 --to "$T/stick" >/dev/null
gengbu import "$T/1" "$T/stick" >/dev/null
same "$(sqlite3 "$T/1/journal.db" 'SELECT schema, line IS NULL FROM _set')" \
    "1|1" "the set on its way"
gengbu sync "$T/1" >/dev/null
same "$(sqlite3 "$T/1/journal.db" 'SELECT line IS NULL FROM _set')" 0 \
    "the set of the old schema is accepted"
gengbu record "$T/1" umbrella colour=red >/dev/null
gengbu sync "$T/1" >/dev/null
digests 1

stop_hub
mv "$hub/site" "$T/site"
rm -f "$hub/serving" "$hub/address" # or these would give it away
refused 1 "missing" gengbu-hub init "$hub" --site X --admin Y \
    --schema "$root/schema"
mv "$T/site" "$hub/site"
digests 1
echo "a set of the old schema was accepted, and no hub was cleared away"
