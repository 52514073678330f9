#!/bin/sh
# A new column: it costs the same on the wire however many records there are,
# and a handheld that does not know it never overwrites it.
. "$(dirname "$0")/lib.sh"

mkdir "$T/one" "$T/two" "$T/stick"
cat >"$T/one/1.sql" <<'E2'
CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT, level INTEGER) STRICT;
CREATE TABLE thing (id INTEGER PRIMARY KEY, note TEXT) STRICT;
INSERT INTO actor VALUES ('staff', 'level');
INSERT INTO rule VALUES ('staff', 'name', 'last'), ('staff', 'level', 'last'),
    ('thing', 'note', 'last');
E2
sed "s/note TEXT/note TEXT, fee INTEGER DEFAULT 5/" "$T/one/1.sql" \
    >"$T/two/1.sql"
echo "INSERT INTO rule VALUES ('thing', 'fee', 'last');" >>"$T/two/1.sql"

# stick NUMBER: what the hub has for it, into $T/stick
stick()
{
    rm -f "$T/stick"/*
    gengbu-hub export "$hub" --device "$1" --to "$T/stick" >"$T/out"
}
# upgrade N: a hub of N records, and how many bytes the new column takes to a
# handheld that has them all, into $bytes
upgrade()
{
    hub=$T/hub-$1
    new_hub "$T/one"
    serve_hub
    gengbu-hub enrol "$hub" --name one --level 2 --out "$T/$1.ticket" >"$T/out"
    gengbu init "$T/$1" --ticket "$T/$1.ticket" --hub "$url" >"$T/out"
    gengbu signin "$T/$1" 0-1 >"$T/out"
    seq "$1" | sed 's/.*/{"table":"thing","fields":{"note":"number &"}}/' \
        >"$T/lines"
    gengbu record "$T/$1" --jsonl "$T/lines" >"$T/out"
    # the second tells the hub where the handheld stands
    gengbu sync "$T/$1" >"$T/out"
    gengbu sync "$T/$1" >"$T/out"
    gengbu-hub schema "$hub" "$T/two" >"$T/out"
    stick 1
    bytes=$(cat "$T/stick"/* | wc -c)
}
upgrade 10
few=$bytes
stop_hub
upgrade 1000
echo "a new column: $few bytes with 10 records, $bytes with 1,000"
[ $((bytes - few)) -le 100 ] && [ $((few - bytes)) -le 100 ] ||
    fail "the cost of a new column depends on the number of records"

# A handheld with the new schema writes the new column; one with the old schema
# changes the record all the same.
gengbu-hub enrol "$hub" --name new --level 2 --out "$T/new.ticket" >"$T/out"
gengbu init "$T/new" --ticket "$T/new.ticket" --hub "$url" >"$T/out"
gengbu signin "$T/new" 0-1 >"$T/out"
gengbu sync "$T/new" >"$T/out"
gengbu set "$T/new" thing 1-7 fee=80 note=new >"$T/out"
gengbu sync "$T/new" >"$T/out"
gengbu set "$T/1000" thing 1-7 note=old >"$T/out"
refused 1 fee gengbu set "$T/1000" thing 1-7 fee=1
gengbu sync "$T/1000" >"$T/out"
gengbu sync "$T/new" >"$T/out"
for journal in "$T/1000" "$T/new"; do
    same "$(sqlite3 "$journal/journal.db" \
        'SELECT note, fee FROM thing WHERE id = (1 << 40) + 7')" \
        "old|80" "the record in $journal"
done
cp -R "$T/1000" "$T/1"
cp -R "$T/new" "$T/2"
digests 1 2
