#!/bin/sh
# The hub's commands one by one: what they say and refuse, conflicts and their
# resolution, the next schema, a backup that is come back from.
. "$(dirname "$0")/lib.sh"

# value NAME...: of the JSON document on standard input; numbers index arrays
value()
{
    python3 -c '
import json, sys
v = json.load(sys.stdin)
for name in sys.argv[1:]:
    v = v[int(name) if isinstance(v, list) else name]
print(v)' "$@"
}

# ------------------------------------------------------------------- init

refused 2 'site is missing' gengbu-hub init "$hub" --admin x
refused 2 'site: 1 to 127' gengbu-hub init "$hub" --site "" --admin x
refused 1 'Atlantis' gengbu-hub init "$hub" --site x --admin y \
    --timezone Mars/Atlantis
refused 1 . gengbu-hub init "$hub" --site x --admin y --schema "$T/none"
[ ! -e "$hub" ] || fail "a refused init leaves something"
new_hub
private "$hub" "$hub"/*.db "$hub"/keys "$hub"/keys/* "$hub"/waiting \
    "$hub"/quarantine "$hub"/lock
refused 1 'is a hub already' gengbu-hub init "$hub" --site x --admin y
mkdir "$T/full"
echo x >"$T/full/x"
refused 1 'other files' gengbu-hub init "$T/full" --site x --admin y \
    --schema "$root/schema"
refused 1 'is not a hub' gengbu-hub status "$T/full"
refused 2 . gengbu-hub nonsense "$hub"
gengbu-hub --help >"$T/out"
for c in init load enrol serve import export status devices digest conflicts \
    resolve explain quarantine schema backup rebuild; do
    grep -q "^  $c " "$T/out" || fail "--help does not name $c"
    gengbu-hub $c --help | grep -q "^usage: gengbu-hub $c HUB" ||
        fail "$c --help"
done
for words in "resolve (--keep K | --value V) --actor STAFF --reason TEXT" \
    "serve \[--listen ADDR:PORT\]" "enrol .*\[--level N\].*\[--out TICKET\]" \
    "init .*\[--schema DIR\] \[--timezone TZ\]" "digest \[--device N\]" \
    "quarantine .*retry N --actor STAFF --reason TEXT" "enrol .* up to 8"; do
    gengbu-hub "${words%% *}" --help | grep -q -e "${words#* }" ||
        fail "help does not say $words"
done
refused 2 'COLUMN is missing' gengbu-hub resolve "$hub"
refused 2 'ID is missing' gengbu-hub explain "$hub" incident
refused 2 'FILE.csv is missing' gengbu-hub load "$hub" staff
refused 2 'unknown option --lim: write --limit' gengbu list "$hub" x --lim 3

# ------------------------------------------------------------- load, enrol

for f in "$root"/schema/reference/checklist.csv "$root"/schema/reference/*.csv; do
    t=$(basename "$f" .csv)
    gengbu-hub load "$hub" "$t" "$f" >>"$T/load.out"
done
grep -q '^checklist: 0 new, 0 changed, 2 as they were$' "$T/load.out" ||
    fail "$(cat "$T/load.out")"
refused 1 "table 'nope' is not known: there are" \
    gengbu-hub load "$hub" nope "$T/load.out"
refused 1 "did you mean unit?" gengbu-hub load "$hub" units "$T/load.out"
printf 'ref,building,rom\nu1,3,1202\n' >"$T/unit.csv"
refused 1 "unit.csv: line 1: unit: column 'rom' is not known: did you mean room" \
    gengbu-hub load "$hub" unit "$T/unit.csv"
for between in ';' '\t'; do
    printf "ref${between}building${between}room\nu1\n" >"$T/unit.csv"
    refused 1 "unit.csv: line 1: columns are set apart by commas: save" \
        gengbu-hub load "$hub" unit "$T/unit.csv"
done
printf 'name,value\nnight_h,8\n' >"$T/setting.csv"
gengbu-hub load "$hub" setting "$T/setting.csv" | grep -q \
    '^setting: 1 new, .*: without a column ref, loaded again they are new again$' ||
    fail "a load without refs says nothing of it"
refused 1 'none.csv' gengbu-hub load "$hub" staff "$T/none.csv"
printf 'ref,name,level\nz,张三,1\nl,李四,one\n' >"$T/staff.csv"
refused 1 "staff.csv: line 3: level: 'one' is not an integer" \
    gengbu-hub load "$hub" staff "$T/staff.csv"
printf 'ref,name,level\nz,张三,1\nl,李四,2\n' >"$T/staff.csv"
gengbu-hub load "$hub" staff "$T/staff.csv" | grep -q '^staff: 2 new'

refused 2 'name is missing' gengbu-hub enrol "$hub"
refused 2 'level' gengbu-hub enrol "$hub" --name x --level 9
refused 2 'NAME=VALUE' gengbu-hub enrol "$hub" --name x --set A3
refused 2 'know the number' gengbu-hub enrol "$hub" --name x --set device=1
refused 2 'given twice' gengbu-hub enrol "$hub" --name x --set a=1 --set a=2
refused 2 'such as' gengbu-hub enrol "$hub" --name x --url example.org
same "$(gengbu-hub devices "$hub" --json)" '[]' "no device was made"
handheld 1 1 A3
! grep -q 'concerns everybody' "$T/enrol.out" || fail "$(cat "$T/enrol.out")"
gengbu-hub enrol "$hub" --device 1 --set zone=A3 2>"$T/err" >"$T/out"
grep -q '^gengbu-hub: note: --set zone chooses no records' "$T/err" ||
    fail "a mistyped attribute: $(cat "$T/err")"
gengbu-hub enrol "$hub" --device 1 --set area=A3 2>"$T/err" >"$T/out"
[ ! -s "$T/err" ] || fail "an attribute that is asked for: $(cat "$T/err")"
handheld 2 2 A3
handheld 3 2 A3
refused 1 'exists: name another' gengbu-hub enrol "$hub" --name x \
    --out "$T/1.ticket"
same "$(stat -c %a "$T/1.ticket")" 600 "mode of a ticket"
same "$(gengbu-hub devices "$hub" --json | value 1 attributes area)" A3 "area"
same "$(gengbu-hub devices "$hub" --json | value 2 enrolled)" False "enrolled"

# A hub.db that is older than the ledger, as after a loss of power: who reads
# says so, who writes mends it.
cp "$hub/hub.db" "$T/older.db"
gengbu-hub enrol "$hub" --device 3 --name "later" >"$T/out"
want=$(gengbu-hub digest "$hub")
rm -f "$hub/hub.db-wal" "$hub/hub.db-shm"
cp "$T/older.db" "$hub/hub.db"
gengbu-hub devices "$hub" >"$T/out" 2>"$T/err"
grep -q '^gengbu-hub: note: .*hub.db is older than the ledger' "$T/err" ||
    fail "an old hub.db: $(cat "$T/err")"
gengbu-hub enrol "$hub" --device 3 --name "handheld 3" >"$T/out" 2>"$T/err"
gengbu-hub devices "$hub" >"$T/out" 2>"$T/err"
[ ! -s "$T/err" ] || fail "hub.db was not mended: $(cat "$T/err")"
same "$(gengbu-hub digest "$hub")" "$want" "the digest once it is mended"

# --------------------------------------------------- conflicts and resolve

serve_hub
printf 'ref,building,floor,room,area\nu1,3,12,1202,A3\n' >"$T/unit.csv"
gengbu-hub load "$hub" unit "$T/unit.csv" >/dev/null
gengbu sync "$T/1" --hub "$url" >/dev/null
id=$(gengbu record "$T/1" service_request kind=repair channel=phone \
    unit_id=@u1 contact=李先生 text=水管滴漏)
for n in 1 2 3; do
    gengbu sync "$T/$n" --hub "$url" >/dev/null
done
gengbu set "$T/1" service_request "$id" state=in_progress priority=danger \
    >/dev/null
gengbu set "$T/2" service_request "$id" state=dispatched priority=urgent \
    >/dev/null
gengbu set "$T/3" service_request "$id" state=returned contact=王五 >/dev/null
for n in 1 2 3; do
    gengbu sync "$T/$n" >/dev/null
done
gengbu-hub conflicts "$hub" --json >"$T/conflicts"
same "$(value 1 column <"$T/conflicts")" state "the conflict's column"
same "$(value 1 siblings 2 value <"$T/conflicts")" returned "its third value"
same "$(value 1 siblings 2 shows <"$T/conflicts")" True "what shows"
token=$(value 1 expect <"$T/conflicts")
gengbu-hub conflicts "$hub" | grep -q '^0 need a person, 2 decided'

cell=service_request:$id:state
refused 2 'actor is missing' gengbu-hub resolve "$hub" "$cell" --keep 1 \
    --reason x
refused 2 'reason is missing' gengbu-hub resolve "$hub" "$cell" --keep 1 \
    --actor 0-1
refused 2 'keep K' gengbu-hub resolve "$hub" "$cell" --actor 0-1 --reason x
refused 2 'from 1 to 3' gengbu-hub resolve "$hub" "$cell" --keep 4 \
    --actor 0-1 --reason x
refused 1 'has level 1' gengbu-hub resolve "$hub" "$cell" --keep 1 \
    --actor @z --reason x
refused 1 'is none of' gengbu-hub resolve "$hub" "$cell" --value what \
    --actor @l --reason x
refused 1 'have changed' gengbu-hub resolve "$hub" "$cell" --keep 1 \
    --actor @l --reason x --expect 00000000
refused 1 'no open conflict' gengbu-hub resolve "$hub" \
    "service_request:$id:contact" --keep 1 --actor @l --reason x
refused 1 'did you mean state?' gengbu-hub resolve "$hub" \
    "service_request:$id:sate" --keep 1 --actor @l --reason x
refused 1 'did you mean service_request?' gengbu-hub resolve "$hub" \
    "service_requst:$id:state" --keep 1 --actor @l --reason x
same "$(gengbu-hub status "$hub" --json | value packs_untidy)" False "untidy"
for n in $(seq 51); do
    touch "$hub/ledger.git/objects/pack/pack-x$n.pack" \
        "$hub/ledger.git/objects/pack/pack-x$n.idx"
done
gengbu-hub status "$hub" | grep -q '^packs .* more than 50: merging them fails' ||
    fail "status says nothing of packs"
same "$(gengbu-hub status "$hub" --json | value packs_untidy)" True "untidy"
rm -f "$hub"/ledger.git/objects/pack/pack-x*
size=$(gengbu-hub status "$hub" --json | value size)
gengbu-hub resolve "$hub" "$cell" --keep 1 --actor @l --reason 电话问过 \
    --expect "$token" >/dev/null
same "$(gengbu-hub status "$hub" --json | value size)" $((size + 1)) "entries"
refused 1 'no open conflict' gengbu-hub resolve "$hub" "$cell" --keep 1 \
    --actor @l --reason x
for n in 1 2 3; do
    gengbu sync "$T/$n" >/dev/null
    same "$(sqlite3 "$T/$n/journal.db" 'SELECT state FROM service_request')" \
        in_progress "the resolved state on handheld $n"
done
digests 1 2 3

# ----------------------------------------------------------------- explain

gengbu-hub explain "$hub" service_request "$id" state --json >"$T/explain"
same "$(value writes 0 fate <"$T/explain")" overwritten "the first write"
same "$(value writes 4 kind <"$T/explain")" resolve "the last write"
same "$(value writes 4 fate <"$T/explain")" shows "its fate"
same "$(value writes 4 reason <"$T/explain")" 电话问过 "its reason"
same "$(value writes 2 by <"$T/explain")" 4 "who overwrote the third"
gengbu-hub explain "$hub" service_request "$id" | grep -q '王五'
refused 1 'nobody ever wrote' gengbu-hub explain "$hub" service_request 1-77
refused 1 'did you mean service_request?' \
    gengbu-hub explain "$hub" service_requests 1-1
refused 1 'did you mean contact?' \
    gengbu-hub explain "$hub" service_request "$id" contcat

refused 1 'change set 1 is not in quarantine: .* lists what is' \
    gengbu-hub quarantine "$hub" show 1
refused 1 'operation 1.1 is not in quarantine: .* lists what is' \
    gengbu-hub quarantine "$hub" show 1.1

# ----------------------------------------------- writes beneath a void

gengbu void "$T/2" service_request "$id" --reason 重复 >/dev/null
gengbu set "$T/1" service_request "$id" contact=赵六 >/dev/null
gengbu sync "$T/2" >/dev/null
gengbu sync "$T/1" >/dev/null
gengbu-hub conflicts "$hub" --json >"$T/conflicts"
grep -q '"kind": "void"' "$T/conflicts" || fail "$(cat "$T/conflicts")"
gengbu-hub conflicts "$hub" >"$T/conflicts"
for words in "^  void (重复)  20.*  device 2  王主管 0-1$" \
    "explain HUB service_request $id. shows what was written" \
    "resolve HUB service_request:$id --actor STAFF --reason TEXT"; do
    grep -q "$words" "$T/conflicts" || fail "no '$words': $(cat "$T/conflicts")"
done
gengbu-hub resolve "$hub" "service_request:$id" --actor @l --reason 看过 \
    >/dev/null
gengbu-hub conflicts "$hub" --json >"$T/conflicts"
! grep -q '"kind": "void"' "$T/conflicts" || fail "the void is not seen"

# ------------------------------------------------------------------ schema

cp -R "$root/schema" "$T/schema"
gengbu-hub schema "$hub" "$T/schema" | grep -q 'this schema already'
cat >"$T/schema/99_more.sql" <<'E2'
CREATE TABLE pet (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT) STRICT;
INSERT INTO record VALUES ('pet', 1, 2, NULL, NULL);
INSERT INTO rule VALUES ('pet', 'name', 'last'), ('pet', 'note', 'last');
E2
sed 's/TEXT NOT NULL, note/TEXT NOT NUL, note/' "$T/schema/99_more.sql" \
    >"$T/schema/98_bad.sql"
refused 1 '98_bad.sql' gengbu-hub schema "$hub" "$T/schema"
rm "$T/schema/98_bad.sql"
mv "$T/schema/99_more.sql" "$T/schema/12a_more.sql"
refused 1 'sorts last' gengbu-hub schema "$hub" "$T/schema"
mv "$T/schema/12a_more.sql" "$T/schema/99_more.sql"
gengbu-hub schema "$hub" "$T/schema" | grep -q 'version 2 is in force'
gengbu sync "$T/1" >/dev/null
gengbu record "$T/1" pet name=旺财 >/dev/null
for n in 1 2 3; do
    gengbu sync "$T/$n" >/dev/null
done
same "$(sqlite3 "$T/2/journal.db" 'SELECT name FROM pet')" 旺财 "a new table"
digests 1 2 3

# ------------------------------------------------------------------ backup

refused 1 'holds other things' gengbu-hub backup "$hub" "$T/full"
gengbu-hub backup "$hub" "$T/backup" >"$T/out"
gengbu record "$T/1" pet name=咪咪 >/dev/null
gengbu sync "$T/1" >/dev/null
gengbu-hub backup "$hub" "$T/backup" >"$T/out"
grep -q "^tree head $(gengbu-hub status "$hub" --json | value size):" \
    "$T/out" || fail "$(cat "$T/out")"
digest=$(gengbu-hub digest "$hub")
stop_hub

# a ledger with a hole makes no hub.db, and the one that is there stays
pack=$(find "$hub/ledger.git/objects/pack" -name '*.pack' | sort | head -n 1)
mv "$pack" "$T/pack"
refused 1 "object" gengbu-hub rebuild "$hub"
refused 1 "$(basename "$pack" .pack): .* is gone" \
    gengbu-hub enrol "$hub" --name lost --level 1 --out "$T/lost"
same "$(gengbu-hub digest "$hub")" "$digest" "hub.db behind a failed rebuild"
[ ! -e "$hub/hub.db.new" ] || fail "a failed rebuild leaves hub.db.new"

rm -rf "$hub"
cp -R "$T/backup" "$hub"
gengbu-hub rebuild "$hub" --json >"$T/out"
same "$(value digest <"$T/out")" "$digest" "digest of the backup"
gengbu-hub status "$hub" | grep -q '^devices     3, tickets used: 3$' ||
    fail "devices of a hub made anew"
same "$(gengbu-hub devices "$hub" | grep -c 'none since rebuild')" 3 "contacts"
private "$T/backup"/*.db "$T/backup"/keys/* "$hub"/*.db
gengbu-audit "$hub/ledger.git" >/dev/null
git -C "$hub/ledger.git" fsck --strict >/dev/null 2>&1
same "$(sqlite3 "$hub/hub.db" 'SELECT contact FROM service_request')" 赵六 \
    "a personal value out of the backup"
serve_hub
gengbu sync "$T/1" --hub "$url" >/dev/null
digests 1

# ------------------------------------------------ a clock far in the future

cp -R "$hub" "$T/idle"
later=$(($(date +%s) + 20 * 365 * 86400))000
printf 'ref,name,level\nlate,晚,1\n' >"$T/late.csv"
refused 1 "730[01] days after its last entry: set it right, or" \
    env GENGBU_CLOCK_MS="$later" gengbu-hub load "$T/idle" staff "$T/late.csv"
gengbu-hub load "$T/idle" staff "$T/late.csv" >"$T/out"
printf 'ref,name,level\nlater,更晚,1\n' >"$T/late.csv"
GENGBU_CLOCK_IS_RIGHT=1 GENGBU_CLOCK_MS="$later" \
    gengbu-hub load "$T/idle" staff "$T/late.csv" >"$T/out"
GENGBU_CLOCK_MS="$later" gengbu-hub load "$T/idle" staff "$T/late.csv" >"$T/out"
