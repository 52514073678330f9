#!/bin/sh
# gengbu-audit as an auditor runs it: a hub's ledger, a clone of it, one with
# its tail cut, one written over; and one change set, with ssh-keygen beside.
. "$(dirname "$0")/lib.sh"

new_hub
key=$(grep -o 'SHA256:[A-Za-z0-9+/]*' "$T/init.out" | head -n 1)
ledger=$hub/ledger.git
handheld 1
handheld 2
mkdir "$T/stick"
for n in 1 2; do
    echo '{"table":"sos","fields":{"raised_at":1795435200000}}' |
        gengbu record "$T/$n" --jsonl - >/dev/null
    gengbu export "$T/$n" "$T/stick" >/dev/null
done
gengbu-hub import "$hub" "$T/stick" >"$T/import.out"

# field NAME: of the audit's JSON document
field()
{
    python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' \
        "$T/audit.json" "$1"
}

# wrong VERDICT WORD...: an audit that must end so
wrong()
{
    verdict=$1
    shift
    refused 1 "$verdict" gengbu-audit "$@"
    tail -n 1 "$T/refused.out" | grep -q "^$verdict" ||
        fail "$*: the report ends otherwise: $(tail -n 1 "$T/refused.out")"
}

# ---------------------------------------------------------------- sound

gengbu-audit "$ledger" --key "$key" >"$T/audit.out"
same "$(tail -n 1 "$T/audit.out")" OK "the verdict with the key"
gengbu-audit "$ledger" >"$T/audit.out"
tail -n 1 "$T/audit.out" | grep -q '^OK, self-consistent only' ||
    fail "without a key: $(tail -n 1 "$T/audit.out")"
gengbu-audit "$ledger" --key "$key" --json >"$T/audit.json"
same "$(field ok)" True "ok"
same "$(field trust)" pinned "trust"
same "$(field digest)" "$(gengbu-hub digest "$hub")" "the digest"
size=$(field sets)
[ "$size" -ge 6 ] || fail "only $size sets"
head=$(git -C "$ledger" log -1 --format=%B | sed -n 's/^Tree-Head: 1 //p' |
    tr ' ' :)
same "${head%%:*}" "$size" "the size of the head"
gengbu-audit "$ledger" --key "$key" --head "$head" >/dev/null

git clone -q --bare --no-local "$ledger" "$T/clone.git"
gengbu-audit "$T/clone.git" --key "$key" --head "$head" >"$T/audit.out"
same "$(tail -n 1 "$T/audit.out")" OK "the verdict on a clone"

# A clone with a work tree is as good, whichever folder of it is named.
git clone -q --no-local "$ledger" "$T/tree"
for path in "$T/tree" "$T/tree/" "$T/tree/.git"; do
    gengbu-audit "$path" --key "$key" --head "$head" >"$T/audit.out"
    same "$(tail -n 1 "$T/audit.out")" OK "the verdict on $path"
done

# --------------------------------------------------- no ledger, or not all

# unchecked WORDS PATH: an audit that cannot begin, in one line with the words
unchecked()
{
    refused 1 "^gengbu-audit: NOT CHECKED: $2: $1" gengbu-audit "$2"
}
git clone -q --depth 1 "file://$ledger" "$T/shallow"
git clone -q --shared "$ledger" "$T/shared"
git -C "$T/tree" worktree add -q "$T/linked" -b linked
mkdir "$T/empty" "$T/odd" "$T/odd/.git"
echo x >"$T/file"
unchecked "is not there" "$T/none"
unchecked "is no git repository: name .*--bare" "$T/empty"
unchecked "is no git repository" "$T/odd"
unchecked "is no git repository" "$T/file"
unchecked "is no git repository" "$T/linked"
unchecked "is a hub's folder: name $hub/ledger.git" "$hub"
unchecked "has not all of the history: .*--depth" "$T/shallow"
unchecked "borrows objects .*--shared" "$T/shared"

# ---------------------------------------------------------------- wrong

git -C "$T/clone.git" update-ref refs/heads/main main~1
cut=$(git -C "$T/clone.git" log -1 --format=%B |
    sed -n 's/^Tree-Head: 1 \([0-9]*\) .*/\1/p')
gengbu-audit "$T/clone.git" --key "$key" >/dev/null
wrong "WRONG at position $((cut + 1))" "$T/clone.git" --head "$head"
wrong "WRONG at position 1" "$T/clone.git" --key "SHA256:$(printf '%043d' 0)"

# A set is changed, and the commit is made again without the key.
git clone -q "$ledger" "$T/work"
set=$(cd "$T/work" && ls ????/??/??/*-1-1.gbcs)
position=$(basename "$set" | sed 's/^0*//; s/-.*//')
(
    cd "$T/work"
    printf x >>"$set"
    git -c user.name=x -c user.email=x@x -c commit.gpgsign=false \
        commit -q -a --amend --no-edit
    git push -q -f "$T/clone.git" HEAD:main
)
wrong "WRONG at position" "$T/clone.git" --key "$key"

# A pack with one bit turned.
cp -r "$ledger" "$T/bent.git"
pack=$(ls -S "$T"/bent.git/objects/pack/*.pack | head -n 1)
chmod u+w "$pack"
python3 - "$pack" <<'PY'
import sys
with open(sys.argv[1], 'r+b') as f:
    f.seek(200)
    byte = f.read(1)[0]
    f.seek(200)
    f.write(bytes([byte ^ 4]))
PY
wrong WRONG "$T/bent.git"

refused 1 "NOT CHECKED: a?b" gengbu-audit "$(printf 'a\nb')"
gengbu-audit "$T/none" >"$T/both" 2>&1 || :
same "$(grep -c "NOT CHECKED" "$T/both")" 1 "a failure in one file"
refused 2 "SIZE:ROOT" gengbu-audit "$ledger" --head 7
refused 2 "fingerprint" gengbu-audit "$ledger" --key abc
refused 2 "LEDGER.git is missing" gengbu-audit
[ -z "$(ls -d "${TMPDIR:-/tmp}"/gengbu-audit-* 2>/dev/null)" ] ||
    fail "a scratch folder was left behind"

# --------------------------------------------------------- one change set

git -C "$ledger" show "main:$set" >"$T/set.gbcs"
git -C "$ledger" show "main:$set.sig" >"$T/set.gbcs.sig"
git -C "$ledger" show main:signers/changesets >"$T/signers"
gengbu-audit verify "$T/set.gbcs" --signers "$T/signers" >"$T/verify.out"
grep -q "^OK: set 1 of device 1, " "$T/verify.out" ||
    fail "verify: $(cat "$T/verify.out")"
gengbu-audit verify "$T/set.gbcs" --signers "$T/signers" --json >"$T/audit.json"
same "$(field device)" 1 "the device"
ssh-keygen -Y verify -f "$T/signers" -n changeset@gengbu \
    -I "1@$(field site)" -s "$T/set.gbcs.sig" <"$T/set.gbcs" >/dev/null ||
    fail "ssh-keygen does not agree"
refused 1 "and not by 2@" gengbu-audit verify "$T/set.gbcs" \
    --signers "$T/signers" --identity "2@$(field site)"
refused 1 "no longer valid\|not valid yet" gengbu-audit verify "$T/set.gbcs" \
    --signers "$T/signers" --time 19700102000000Z
refused 2 "signers" gengbu-audit verify "$T/set.gbcs"
# what a command says of damage: one line that names the file
cp "$T/set.gbcs" "$T/set.gbcs.sig" "$T/signers" "$T/empty"
for damage in 'printf x >>set.gbcs' ': >set.gbcs' 'rm set.gbcs' \
    'printf x >>set.gbcs.sig' ': >set.gbcs.sig' 'rm set.gbcs.sig' \
    ': >signers' 'rm signers' 'echo x >>signers'; do
    cp -r "$T/empty" "$T/damaged"
    (cd "$T/damaged" && eval "$damage")
    refused 1 "^gengbu-audit: $T/damaged/\(set.gbcs\|signers\)" \
        gengbu-audit verify "$T/damaged/set.gbcs" \
        --signers "$T/damaged/signers"
    rm -rf "$T/damaged"
done
[ "$position" -ge 5 ] || fail "position $position"
