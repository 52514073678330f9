#!/bin/sh
# gengbu-hub explain: every write of a cell with its signed set, each cell under
# its own state; personal values while they are there; a fork as evidence.
. "$(dirname "$0")/lib.sh"

mkdir "$T/schema"
cat >"$T/schema/1.sql" <<'E2'
CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT, level INTEGER) STRICT;
CREATE TABLE thing (id INTEGER PRIMARY KEY, sev TEXT, note TEXT, times INTEGER,
    word TEXT, phone TEXT) STRICT;
INSERT INTO actor VALUES ('staff', 'level');
INSERT INTO rule VALUES ('staff', 'name', 'last'), ('staff', 'level', 'last'),
    ('thing', 'sev', 'worst low<mid<high'), ('thing', 'note', 'review'),
    ('thing', 'times', 'sum'), ('thing', 'word', 'last'),
    ('thing', 'phone', 'last');
INSERT INTO personal VALUES ('thing', 'phone');
E2
new_hub "$T/schema"
handheld 1
handheld 2

# round: both hand over what they have, then both take what the hub has
round()
{
    for n in 1 2; do
        rm -rf "$T/up"
        mkdir "$T/up"
        gengbu export "$T/$n" "$T/up" >/dev/null
        gengbu-hub import "$hub" "$T/up" >/dev/null
    done
    for n in 1 2; do
        rm -rf "$T/down"
        mkdir "$T/down"
        gengbu-hub export "$hub" --device $n --to "$T/down" >/dev/null
        gengbu import "$T/$n" "$T/down" >/dev/null
    done
}
# explain [COLUMN]: into $T/out
explain()
{
    gengbu-hub explain "$hub" thing 1-1 "$@" >"$T/out"
}
# says LINE: a whole line of it, as a pattern
says()
{
    grep -q -x -e "$1" "$T/out" || fail "no line '$1' in: $(cat "$T/out")"
}
# head COLUMN: the line that heads a cell
head_of()
{
    sed -n "s/^thing 1-1 $1\( .*\)*$/\1/p" "$T/out"
}

gengbu record "$T/1" thing sev=low note=甲 times=1 word=a phone=138 >/dev/null
round
gengbu set "$T/1" thing 1-1 sev=mid "note=乙$(printf '\033')" times+=2 word=b >/dev/null
gengbu set "$T/2" thing 1-1 sev=high note=丙 times+=4 word=c >/dev/null
cp -R "$T/1" "$T/copy"
round

# ------------------------------------------- each cell under its own state

explain
same "$(head_of sev)" " = high; rule worst low<mid<high; 3 writes, 2 open;\
 decided by its rule" "the head of a ratchet"
same "$(head_of note)" " = 丙; rule review; 3 writes, 2 open;\
 NEEDS A PERSON" "the head of a review"
same "$(head_of times)" " = 7; rule sum; 3 writes" "the head of a sum"
same "$(head_of word)" " = c; rule last; 3 writes" "the head of a last"
same "$(head_of phone)" " = 138; rule last; 1 write" "the head of a phone"
explain sev
! grep -q "NEEDS A PERSON" "$T/out" || fail "another cell's review"
says "  1  low"
says "     insert, operation 1 of set 1-1 (entry [0-9]*, sha256 [0-9a-f]\{64\})"
says "     王主管 0-1, level 2, device 1, 20[0-9-]* [0-9:]*"
says "     overwritten, by 2"
says "  2  mid"
says "     open, behind another by rule worst low<mid<high"
says "  3  high"
says "     shows by rule worst low<mid<high"
explain word
says "     superseded by rule last, by 3"
explain times
same "$(grep -c "^     part of the sum$" "$T/out")" 3 "parts of a sum"

# The set that is named is the one that an auditor can verify.
explain word --json
python3 - "$T/out" >"$T/sets" <<'E2'
import json, sys
x = json.load(open(sys.argv[1]))
assert [c["column"] for c in x["cells"]] == ["word"], x["cells"]
assert x["cells"][0] == {"column": "word", "rule": "last", "value": "c",
    "writes": 3, "open": 1, "conflict": False, "review": False}, x["cells"]
for w in x["writes"]:
    print(w["file"], w["sha256"], w["position"], w["device"], w["seq"])
E2
same "$(wc -l <"$T/sets")" 3 "sets of three writes"
git -C "$hub/ledger.git" show main:signers/changesets >"$T/signers"
while read -r file sha position device seq; do
    git -C "$hub/ledger.git" show "main:$file" >"$T/x.gbcs"
    git -C "$hub/ledger.git" show "main:$file.sig" >"$T/x.gbcs.sig"
    same "$(sha256sum <"$T/x.gbcs" | cut -c-64)" "$sha" "SHA-256 of $file"
    same "$(basename "$file")" \
        "$(printf '%09d-%d-%d.gbcs' "$position" "$device" "$seq")" "its name"
    gengbu-audit verify "$T/x.gbcs" --signers "$T/signers" >/dev/null
done <"$T/sets"

# ---------------------------------------------------------------- a resolution

gengbu-hub resolve "$hub" thing:1-1:note --keep 1 --actor 0-1 --reason 看过 \
    >"$T/out"
same "$(cat "$T/out")" "note is 乙? now, in place of 2 values" "a resolution"
explain note
says "thing 1-1 note = 乙?; rule review; 4 writes"
says "  4  乙?, because 看过"
says "     resolve, operation 1 of set 0-[0-9]* (entry [0-9]*, sha256 [0-9a-f]*)"
says "     overwritten, by 4"

# -------------------------------------------------------- a cell never written

gengbu record "$T/1" thing word=z >/dev/null
round
gengbu-hub explain "$hub" thing 1-2 sev >"$T/out"
says "thing 1-2 sev; rule worst low<mid<high; nobody ever wrote it"

# ------------------------------------------------------------ personal values

gengbu set "$T/2" thing 1-1 phone=139 >/dev/null
round
explain phone
says "  1  138"
says "  2  139"
old=$(sqlite3 "$hub/personal.db" "SELECT hex(commitment) FROM personal
    WHERE hex(payload) LIKE '%313338'")
[ -n "$old" ] || fail "no commitment of the first number"
sqlite3 "$hub/personal.db" "DELETE FROM personal WHERE commitment = x'$old'"
explain phone
says "  1  (personal, erased)"
says "  2  139"
explain phone --json
python3 - "$T/out" <<'E2'
import json, sys
a, b = json.load(open(sys.argv[1]))["writes"]
assert a["value"] is None and a["personal"] == "erased", a
assert b["value"] == "139" and b["personal"] == "here", b
E2
mv "$hub/personal.db" "$T/personal.db"
explain phone
says "  2  (personal, and personal.db is missing)"
mv "$T/personal.db" "$hub/personal.db"

# -------------------------------------------------------------------- a void

gengbu void "$T/1" thing 1-1 --reason 重复 >/dev/null
gengbu set "$T/2" thing 1-1 word=d >/dev/null
round
explain
says "thing 1-1; void; NEEDS A PERSON: written by somebody who had not seen it"
says "  1  void, because 重复"
explain sev
says "thing 1-1; void; NEEDS A PERSON: written by somebody who had not seen it"

# ------------------------------------------------------------- a second chain

gengbu set "$T/copy" thing 1-1 word=twin >/dev/null
rm -rf "$T/up"
mkdir "$T/up"
gengbu export "$T/copy" "$T/up" >/dev/null
gengbu-hub import "$hub" "$T/up" >/dev/null
sqlite3 "$hub/hub.db" "SELECT count(*) FROM _set WHERE line LIKE '%fork%'" |
    grep -q '^[1-9]' || fail "no fork in the ledger"
explain word
says "  [0-9]  twin"
says "     fork: a second chain of this number, kept as evidence"
