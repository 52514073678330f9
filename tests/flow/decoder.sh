#!/bin/sh
# The decoder that was written from the documents alone: it must read the
# golden sets and the golden ledger as they are, and come to the digest of the
# real programs from their ledger; and it must notice what is wrong.
. "$(dirname "$0")/lib.sh"
vectors=$root/tests/vectors
schemas=$root/tests/data/schema-library

decoder()
{
    python3 "$vectors/decoder.py" "$@"
}

# ---------------------------------------------------------- golden sets

decoder check-sets "$vectors/sets" >/dev/null
mkdir "$T/one"
cp "$vectors/sets/every.sql" "$T/one"
decoder set "$vectors/sets/every.gbcs" --schema "$T/one" >"$T/every.json"
same "$(python3 -c 'import json,sys
print(len(json.load(open(sys.argv[1]))["operations"]))' "$T/every.json")" \
    "$(grep -c '^op ' "$vectors/sets/every.txt")" "operations in JSON"

# One bit turned anywhere shows, in the bytes or beside the text; in the
# signature, which is ssh-keygen's to check, it does not.
cp -r "$vectors/sets" "$T/sets"
for at in 0 5 7 30 116 120 200 600 1500 2000 2682; do
    python3 - "$vectors/sets/every.gbcs" "$at" "$T/sets/every.gbcs" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[int(sys.argv[2])] ^= 1
open(sys.argv[3], "wb").write(data)
PY
    refused 1 every decoder check-sets "$T/sets"
done
printf x | cat "$vectors/sets/every.gbcs" - >"$T/bent.gbcs"
refused 1 "too many" decoder set "$T/bent.gbcs" --schema "$T/one"

# -------------------------------------------------------- golden ledger

git clone -q --bare "$vectors/ledger/every.bundle" "$T/every.git"
same "$(decoder ledger "$T/every.git")" "$(cat "$vectors/ledger/every.txt")" \
    "the golden ledger"

# lie LEDGER OLD NEW: a word of the last batch is written anew, or its last line
# withheld (OLD is then a dash), and the tree head with it
lie()
{
    python3 - "$vectors" "$@" <<'PY'
import re
import subprocess
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from ledger import Tree


def git(*args, data=None):
    return subprocess.run(["git", "--git-dir=" + sys.argv[2], *args],
                          input=data, check=True, capture_output=True).stdout


paths = git("ls-tree", "-r", "--name-only", "main").decode().split()
paths = sorted(p for p in paths if p.endswith(".batch"))
lines = b"".join(git("cat-file", "blob", "main:" + p) for p in paths)
old = git("cat-file", "blob", "main:" + paths[-1])
new = old.replace(sys.argv[3].encode(), sys.argv[4].encode())
if sys.argv[3] == "-":
    new = b"".join(old.splitlines(keepends=True)[:-1])
assert new != old
tree = Tree()
tree.leaves = (lines[:-len(old)] + new).splitlines(keepends=True)
blob = git("hash-object", "-w", "--stdin", data=new).decode().strip()
git("read-tree", "main")
git("update-index", "--cacheinfo", f"100644,{blob},{paths[-1]}")
gone = [p for p in git("ls-files").decode().split()
        if f"/{len(tree.leaves) + 1:09}-" in p]
git("update-index", "--index-info",
    data="".join(f"0 {'0' * 40}\t{p}\n" for p in gone).encode())
root = git("write-tree").decode().strip()
commit = git("cat-file", "commit", "main").decode()
commit = re.sub(r"(?m)^gpgsig(.*\n )*.*\n", "", commit)
commit = re.sub(r"^tree \w+", "tree " + root, commit)
size = len(tree.leaves)
commit = re.sub(r"\.\.\d+\n", f"..{size}\n", commit)
commit = re.sub(r"\d+ \w+\n$", f"{size} {tree.root(size).hex()}\n", commit)
name = git("hash-object", "-t", "commit", "-w", "--stdin",
           data=commit.encode()).decode().strip()
git("update-ref", "refs/heads/main", name)
PY
}

# believed OLD NEW WORDS: such a lie must be refused with these words
believed()
{
    git -C "$T/every.git" update-ref refs/heads/main refs/heads/kept
    lie "$T/every.git" "$1" "$2"
    refused 1 "$3" decoder ledger "$T/every.git"
}

git -C "$T/every.git" update-ref refs/heads/kept refs/heads/main
believed "held:BASE" "applied" "should be '.* held:BASE'"
believed "held:BASE" "held:BASE " "should be '.* held:BASE'"
believed "210 2 " "210 3 " "is missing"
believed "bafe4b" "bafe4c" "should be"
git -C "$T/every.git" update-ref refs/heads/main refs/heads/kept
decoder ledger "$T/every.git" >/dev/null

# ---------------------------------------------------- the real programs

new_hub "$schemas"
ledger=$hub/ledger.git

# agree: hub, decoder, rebuild and audit see one state; where a set names a
# tree head that never was, the audit says so in place of a digest
agree()
{
    want=$(gengbu-hub digest "$hub")
    size=$(git -C "$ledger" log -1 --format=%B main |
        sed -n 's/^Tree-Head: [0-9]* \([0-9]*\) .*/\1/p')
    got=$(decoder ledger "$ledger") || fail "the decoder disagrees"
    same "${got##* }" "$want" "the decoder's digest"
    same "${got%% root*}" "size $size" "the decoder's size"
    gengbu-hub rebuild "$hub" >/dev/null
    same "$(gengbu-hub digest "$hub")" "$want" "the digest after a rebuild"
    if gengbu-audit "$ledger" >"$T/audit.out" 2>"$T/audit.err"; then
        same "$(sed -n 's/^state digest *//p' "$T/audit.out")" "$want" \
            "the audit's digest"
    elif [ -z "${lies:-}" ] || ! grep -q "signed for" "$T/audit.err"; then
        fail "$(cat "$T/audit.err")"
    fi
}

# carry NUMBER: by stick to the hub, and back
carry()
{
    rm -rf "$T/stick"
    mkdir "$T/stick"
    gengbu export "$T/$1" "$T/stick" >/dev/null
    gengbu-hub import "$hub" "$T/stick" >/dev/null
    rm -rf "$T/stick"
    mkdir "$T/stick"
    gengbu-hub export "$hub" --device "$1" --to "$T/stick" >/dev/null
    gengbu import "$T/$1" "$T/stick" >/dev/null
}

# jot NUMBER LINE...: operations in JSON
jot()
{
    to=$1
    shift
    printf '%s\n' "$@" | gengbu record "$T/$to" --jsonl - >/dev/null
}

agree
handheld 1
handheld 2
handheld 3 1
jot 1 '{"table":"book","ref":"b","fields":{"title":"红楼梦","edition":3}}' \
    '{"table":"copy","ref":"c","fields":{"book_id":"@b","barcode":"B04-1203","branch":"A","wear":"used"}}' \
    '{"table":"member","ref":"m","fields":{"card_no":"7","name":"张三","born":"1990-01-01","branch":"A"}}' \
    '{"table":"loan","ref":"l","fields":{"copy_id":"@c","member_id":"@m","lent_at":1795435200000}}'
for n in 1 2 3; do
    carry $n
done
agree
book=$(gengbu list "$T/1" book --json | grep -o '"id": [0-9]*' | head -n 1)
id=1-$((${book#*: } & 0xffffffffff))
loan=$(gengbu list "$T/1" loan --json | grep -o '"id": [0-9]*' | head -n 1)
loan=1-$((${loan#*: } & 0xffffffffff))
gengbu set "$T/1" book "$id" edition=5 price_cent=900 summary=one shelf=A1
gengbu set "$T/2" book "$id" edition=4 price_cent=800 summary=two shelf=B2
gengbu set "$T/3" book "$id" title=石头记 summary=two
gengbu set "$T/1" loan "$loan" state=late reminders+=1
gengbu set "$T/2" loan "$loan" state=returned reminders+=2
gengbu set "$T/2" loan "$loan" returned_at=1795435200001
gengbu void "$T/1" loan "$loan" --reason 登记错误
for n in 2 1 3; do
    carry $n
done
agree
gengbu-hub resolve "$hub" "book:$id:summary" --keep 1 --actor 0-1 \
    --reason "读者来信" >/dev/null
for n in 1 2 3; do
    carry $n
done
agree
digests 1 2 3

# -------------------------------------------------- sets that nobody makes

# Whatever a handheld's key signs, hub, decoder, rebuild and audit must come to
# one verdict, one floor and one state; what waits is released by itself.

# forge NUMBER SEED COUNT|FILE [OPTION...]: forged sets into the hub
forge()
{
    n=$1
    seed=$2
    sets=$3
    shift 3
    python3 "$vectors/forge.py" "$ledger" "$T/$n/keys/sign" "$n" "$seed" \
        "$sets" "$T/forged.gbx" "$@"
    gengbu-hub import "$hub" "$T/forged.gbx" >"$T/import.out"
    agree
}

# told NUMBER [OPTION...]: sets as standard input says, a line each
told()
{
    n=$1
    shift
    cat >"$T/sets.json"
    forge "$n" 1 "$T/sets.json" "$@"
}

number()
{
    sqlite3 "$hub/hub.db" "$1"
}

waits()
{
    number "SELECT count(*) FROM _wait WHERE code = '$1'"
}

# rivals N WHAT: so many records claim what another one holds
rivals()
{
    same "$(gengbu-hub conflicts "$hub" --json | grep -c '"rival"' || :)" \
        "$1" "$2"
}

# A record that does not come alone: each one releases the next.
told 2 <<'SETS'
[{"kind":"set","table":"loan","id":[2,502],"values":{"remark":"chain"}}]
[{"kind":"insert","table":"loan","id":[2,502],"values":{"copy_id":[1,501],"member_id":[1,502],"renews_id":[2,501],"lent_at":2,"state":"out"}}]
[{"kind":"insert","table":"loan","id":[2,501],"values":{"copy_id":[1,501],"member_id":[1,502],"lent_at":1,"state":"out","remark":"first"}}]
[{"kind":"set","table":"loan","id":[2,501],"values":{"remark":"second"}}]
SETS
same "$(waits MISSING)" 4 "all four wait"
before=$(number 'SELECT count(*) FROM _set WHERE device = 0')
told 1 <<'SETS'
[{"kind":"insert","table":"copy","id":[1,501],"values":{"book_id":[1,500],"barcode":"rare"}}]
[{"kind":"insert","table":"member","id":[1,502],"values":{"card_no":"502"}}]
[{"kind":"insert","table":"book","id":[1,510],"values":{"title":"twin"}}]
[{"kind":"insert","table":"book","id":[1,511],"values":{"title":"twin"}}]
[{"kind":"insert","table":"book","id":[1,500],"values":{"title":"late"}}]
SETS
same "$(waits MISSING)" 0 "the chain is released"
cp -r "$ledger" "$T/withheld.git"
lie "$T/withheld.git" - ""
refused 1 "that could take effect were left waiting" \
    decoder ledger "$T/withheld.git"
same "$(number 'SELECT count(*) FROM _set WHERE device = 0')" $((before + 4)) \
    "by four sets"
same "$(number "SELECT group_concat(remark) FROM (SELECT remark FROM loan
    WHERE copy_id = (1 << 40) + 501 ORDER BY id)")" second,chain "its remarks"

# Both loans are of one copy: the first holds it, until it is void.
rivals 1 "two loans of one copy"
told 3 <<'SETS'
[{"kind":"insert","table":"loan","id":[3,501],"values":{"copy_id":[1,501],"member_id":[1,502],"lent_at":3,"state":"out"}}]
SETS
rivals 2 "three loans of one copy"
told 2 <<'SETS'
[{"kind":"void","table":"loan","id":[2,501]}]
SETS
rivals 1 "the holder is void"
told 1 <<'SETS'
[{"kind":"set","table":"loan","id":[2,502],"values":{"state":"returned"},"from":{"state":"out"}}]
SETS
rivals 0 "and the next one is returned"

# A person forces moves and levels, and nothing else.
told 3 <<'SETS'
[{"kind":"set","table":"loan","id":[3,501],"values":{"state":"written_off"},"from":{"state":"out"}}]
[{"kind":"set","table":"loan","id":[3,501],"values":{"state":"written_off"},"from":{"state":"late"}}]
[{"kind":"set","table":"book","id":[1,500],"values":{"isbn":"1"}}]
[{"kind":"insert","table":"loan","id":[3,501],"values":{"lent_at":4}}]
[{"kind":"insert","table":"loan","id":[1,999],"values":{"lent_at":4}}]
[{"kind":"set","table":"loan","id":[3,999],"values":{"remark":"x"}}]
[{"kind":"resolve","table":"loan","id":[3,501],"values":{"remark":"x"}}]
SETS

# at CODE: where something waits for it
at()
{
    number "SELECT pos || '.' || (idx + 1) FROM _wait WHERE code = '$1'
        ORDER BY pos, idx LIMIT 1"
}

# retry CODE: a supervisor releases one that waits for it
retry()
{
    gengbu-hub quarantine "$hub" retry "$(at "$1")" --actor 0-1 --reason 核实
}

for code in FACT EXISTS RANGE MISSING HUBONLY; do
    same "$(waits $code)" 1 "$code"
    refused 1 "goes on waiting" retry $code
    same "$(waits $code)" 1 "$code still waits"
done
agree
for code in ILLEGAL AUTHORITY; do
    same "$(waits $code)" 1 "$code"
    retry $code >/dev/null
    same "$(waits $code)" 0 "$code was forced"
    agree
done
same "$(number 'SELECT state FROM loan WHERE id = (3 << 40) + 501')" \
    written_off "the state that was forced"

# What its own device overwrote while it waited does not come up again, although
# that write has been overwritten in its turn.
told 3 <<'SETS'
[{"kind":"set","table":"loan","id":[3,501],"values":{"state":"out","due_on":"2026-05-05"},"from":{"state":"returned"}}]
[{"kind":"set","table":"loan","id":[3,501],"values":{"due_on":"2026-05-04"}}]
SETS
told 2 <<'SETS'
[{"kind":"set","table":"loan","id":[3,501],"values":{"due_on":"2026-06-01"}}]
SETS
retry ILLEGAL >/dev/null
agree
same "$(number 'SELECT due_on FROM loan WHERE id = (3 << 40) + 501')" \
    2026-06-01 "the date that was overwritten twice"

# What was written under a schema that the hub does not have yet.
cp -r "$schemas" "$T/next"
sed -i "s/remark TEXT/remark TEXT, fee INTEGER DEFAULT 5/
    s/(''out'', ''late'')/(''out'', ''late'', ''written_off'')/" \
    "$T/next/30_loans.sql"
sed -i "s/('book', 1, 2, NULL, NULL)/('book', 1, 2, NULL, 'title')/" \
    "$T/next/20_books.sql"
cat >"$T/next/40_shelves.sql" <<'SQL'
CREATE TABLE shelf (
    id INTEGER PRIMARY KEY,
    place TEXT,
    book_id INTEGER REFERENCES book(id)
) STRICT;
INSERT INTO record VALUES ('shelf', 1, 1, NULL, 'place');
INSERT INTO rule VALUES
    ('shelf', 'place', 'last'),
    ('shelf', 'book_id', 'role'),
    ('loan', 'fee', 'sum');
SQL
told 2 --next "$T/next" <<'SETS'
[{"kind":"insert","table":"shelf","id":[2,601],"values":{"place":"A","book_id":[1,500]}}]
[{"kind":"set","table":"loan","id":[3,501],"values":{"fee":7}},{"kind":"set","table":"loan","id":[3,501],"values":{"state":"out"},"from":{"state":"out"}}]
SETS
told 1 --next "$T/next" <<'SETS'
[{"kind":"insert","table":"shelf","id":[1,601],"values":{"place":"A","book_id":[1,609]}}]
SETS
cp -r "$T/next" "$T/odd"
echo 'CREATE TABLE odd(id INTEGER PRIMARY KEY, n INTEGER) STRICT;' \
    >"$T/odd/50_odd.sql"
told 1 --next "$T/odd" <<'SETS'
[{"kind":"insert","table":"odd","id":[1,701],"values":{"n":1}}]
SETS
same "$(waits SCHEMA)" 5 "five wait for a schema"
rivals 0 "two books of one title"
gengbu-hub schema "$hub" "$T/next" >/dev/null
agree
same "$(waits SCHEMA)" 0 "the schema is there"
same "$(waits MALFORMED)" 1 "one is no set of it"
rivals 1 "two books of one title, and the schema says what that is"
same "$(number 'SELECT fee FROM loan WHERE id = (3 << 40) + 501')" 7 \
    "what waited for the schema"
same "$(number 'SELECT count(*) FROM loan WHERE fee = 5')" 0 \
    "a default that nobody wrote"

# At random: some under a schema to come, then all under that; at last with
# tree heads that never were.
cp -r "$T/next" "$T/after"
sed -i "s/'book_id,member_id WHERE state = ''waiting''/'member_id WHERE state <> ''taken''/" \
    "$T/after/30_loans.sql"
echo 'CREATE TABLE wall(id INTEGER PRIMARY KEY, place TEXT) STRICT;' \
    >"$T/after/50_walls.sql"
for n in 2 3; do
    forge $n 1 40 --peers 1,2,3 --true-heads --next "$T/after"
    grep -q "40 new" "$T/import.out" || fail "$(cat "$T/import.out")"
done
[ "$(waits SCHEMA)" -gt 50 ] || fail "only $(waits SCHEMA) wait for a schema"
gengbu-hub schema "$hub" "$T/after" >/dev/null
agree
[ "$(waits SCHEMA)" -lt 9 ] || fail "$(waits SCHEMA) still wait for a schema"
for n in 2 3; do
    forge $n 2 40 --peers 1,2,3 --true-heads
done
lies=yes

# Who claims to have seen what never was has seen nothing, and nobody's level.
told 2 --beyond <<'SETS'
[{"kind":"set","table":"book","id":[1,500],"values":{"shelf":"beyond"}}]
SETS
same "$(waits BASE)" 1 "a base beyond the log"
forced=$(at BASE)
for code in BASE AUTHORITY; do
    same "$(number "SELECT code FROM _wait
        WHERE pos || '.' || (idx + 1) = '$forced'")" $code "it waits"
    gengbu-hub quarantine "$hub" retry "$forced" --actor 0-1 --reason 核实 \
        >/dev/null 2>&1 || :
    agree
done
same "$(number "SELECT count(*) FROM _wait
    WHERE pos || '.' || (idx + 1) = '$forced'")" 0 "it was forced"
for n in 2 3; do
    forge $n 3 60 --peers 1,2,3
done
for code in BASE AUTHORITY ILLEGAL SCHEMA MALFORMED MISSING FACT; do
    [ -n "$(at $code)" ] || fail "nothing waits for $code"
    retry $code >/dev/null 2>&1 || :
done
agree
for verdict in applied fork '^[0-9]* [23] 0 .* fork' held:SCHEMA held:MALFORMED held:BASE =EXISTS \
    =MISSING =AUTHORITY =FACT =ILLEGAL =RANGE =HUBONLY; do
    git -C "$ledger" grep -q -e "$verdict" main -- '*.batch' ||
        fail "no forged set came to $verdict"
done

# The writes of every record, as the ledger has them, make what hub.db has:
# what waited counts from where it was released.
released=0
for table in loan copy member; do
    for id in $(number "SELECT (id >> 40) || '-' || (id & 0xffffffffff)
        FROM $table WHERE _pos >> 4 > 0 LIMIT 30"); do
        gengbu-hub explain "$hub" $table "$id" >"$T/explained" ||
            fail "explain $table $id"
        ! grep -q "released by entry" "$T/explained" ||
            released=$((released + 1))
    done
done
[ "$released" -gt 9 ] || fail "only $released records with released writes"
gengbu-hub explain "$hub" loan 3-501 due_on --json >"$T/explained"
python3 - "$T/explained" <<'PY'
import json
import sys
w = json.load(open(sys.argv[1]))["writes"]
old = [x for x in w if x["value"] == "2026-05-05"]
assert len(old) == 1 and old[0]["released"] > old[0]["position"], w
assert old[0]["fate"] == "overwritten", w
PY

# A set of which nothing can be read is listed as a whole.
malformed=$(number "SELECT count(*) FROM _set WHERE line LIKE '%held:MALFORMED_'")
[ "$malformed" -gt 3 ] || fail "only $malformed malformed sets"
same "$(gengbu-hub quarantine "$hub" | grep -c 'a whole change set.*MALFORMED$')" \
    "$malformed" "malformed sets in quarantine"
first=$(number "SELECT min(pos) FROM _set WHERE line LIKE '%held:MALFORMED_'")
gengbu-hub quarantine "$hub" show "$first" | grep -q "^MALFORMED: "
refused 1 "not in quarantine" gengbu-hub quarantine "$hub" show 1
