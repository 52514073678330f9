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

# lie OLD NEW: a word of the last batch is written anew, and its root with it
lie()
{
    python3 - "$vectors" "$T/every.git" "$1" "$2" <<'PY'
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
assert new != old
tree = Tree()
tree.leaves = (lines[:-len(old)] + new).splitlines(keepends=True)
blob = git("hash-object", "-w", "--stdin", data=new).decode().strip()
git("read-tree", "main")
git("update-index", "--cacheinfo", f"100644,{blob},{paths[-1]}")
root = git("write-tree").decode().strip()
commit = git("cat-file", "commit", "main").decode()
commit = re.sub(r"(?m)^gpgsig(.*\n )*.*\n", "", commit)
commit = re.sub(r"^tree \w+", "tree " + root, commit)
commit = re.sub(r"\w+\n$", tree.root(len(tree.leaves)).hex() + "\n", commit)
name = git("hash-object", "-t", "commit", "-w", "--stdin",
           data=commit.encode()).decode().strip()
git("update-ref", "refs/heads/main", name)
PY
}

# believed OLD NEW WORDS: such a lie must be refused with these words
believed()
{
    git -C "$T/every.git" update-ref refs/heads/main refs/heads/kept
    lie "$1" "$2"
    refused 1 "$3" decoder ledger "$T/every.git"
}

git -C "$T/every.git" update-ref refs/heads/kept refs/heads/main
believed "held:BASE" "applied" "should be '.* held:BASE'"
believed "held:BASE" "held:BASE " "should be '.* held:BASE'"
believed "91 2 " "91 3 " "is missing"
believed "2dff41" "2dff42" "should be"
git -C "$T/every.git" update-ref refs/heads/main refs/heads/kept
decoder ledger "$T/every.git" >/dev/null

# ---------------------------------------------------- the real programs

new_hub "$schemas"
ledger=$hub/ledger.git

# agree: hub, decoder and audit see one state
agree()
{
    size=$(git -C "$ledger" log -1 --format=%B main |
        sed -n 's/^Tree-Head: [0-9]* \([0-9]*\) .*/\1/p')
    got=$(decoder ledger "$ledger") || fail "the decoder disagrees"
    same "${got##* }" "$(gengbu-hub digest "$hub")" "the decoder's digest"
    same "${got%% root*}" "size $size" "the decoder's size"
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

# Whatever a handheld's key signs, hub and decoder must come to one verdict,
# one floor and one state.
for seed in 1 2; do
    for n in 2 3; do
        python3 "$vectors/forge.py" "$ledger" "$T/$n/keys/sign" $n $seed 60 \
            "$T/forged.gbx"
        gengbu-hub import "$hub" "$T/forged.gbx" >"$T/import.out"
        grep -q "60 new" "$T/import.out" || fail "$(cat "$T/import.out")"
        agree
    done
done
gengbu-hub rebuild "$hub" >/dev/null
agree
# the audit agrees as well, but for the heads that the forged sets swear to
refused 1 "which this log never had" gengbu-audit "$ledger"
for verdict in applied fork "^[0-9]* [23] 0 .* fork" held:SCHEMA \
    held:MALFORMED held:BASE =EXISTS =MISSING =AUTHORITY =FACT =ILLEGAL \
    =RANGE =HUBONLY; do
    git -C "$ledger" grep -q -e "$verdict" main -- '*.batch' ||
        fail "no forged set came to $verdict"
done
