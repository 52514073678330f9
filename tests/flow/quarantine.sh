#!/bin/sh
# Work that waits, as the office meets it: what it waits for comes, or a person
# lets it take effect.
. "$(dirname "$0")/lib.sh"
vectors=$root/tests/vectors
new_hub "$root/tests/data/schema-library"
ledger=$hub/ledger.git

# forge LINE...: sets that no handheld makes, in the name of handheld 1
forge()
{
    printf '%s\n' "$@" >"$T/sets.json"
    python3 "$vectors/forge.py" "$ledger" "$T/1/keys/sign" 1 1 "$T/sets.json" \
        "$T/forged.gbx"
    gengbu-hub import "$hub" "$T/forged.gbx" >/dev/null
}

handheld 1 1
mkdir "$T/stick"
gengbu record "$T/1" book title=更簿考 >"$T/book"
gengbu export "$T/1" "$T/stick" >/dev/null
gengbu-hub import "$hub" "$T/stick" >/dev/null

# -------------------------------------------- a load that takes many sets

# The first of them brings what something waits for: it goes on behind the
# last one, and none of them is lost.
forge '[{"kind":"set","table":"book","id":[0,3],"values":{"shelf":"A"}}]'
{
    echo title
    seq 70000
} >"$T/books.csv"
gengbu-hub load "$hub" book "$T/books.csv" >/dev/null
same "$(sqlite3 "$hub/hub.db" 'SELECT count(*) FROM book')" 70001 "books"
same "$(sqlite3 "$hub/hub.db" 'SELECT shelf FROM book WHERE id = 3')" A \
    "what waited for one of them"
gengbu-audit "$ledger" >/dev/null

# ------------------------------------------------- what a person sees of it

# field EXPRESSION: of the document d on standard input
field()
{
    python3 -c 'import json, sys
d = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"
}

# quarantine WORD...: the command as JSON
quarantine()
{
    gengbu-hub quarantine "$hub" "$@" --json
}

same "$(quarantine | field d)" "{'operations': [], 'bytes': [], 'more': 0}" \
    "nothing is there"
forge '[{"kind":"insert","table":"loan","id":[1,501],"values":{"lent_at":1,"state":"out"}}]' \
    '[{"kind":"set","table":"loan","id":[1,501],"values":{"state":"written_off"},"from":{"state":"out"}},{"kind":"set","table":"loan","id":[1,501],"values":{"lent_at":2}}]' \
    '[{"kind":"void","table":"loan","id":[1,777]}]'
same "$(quarantine |
    field '[(o["code"], o["kind"], o["table"]) for o in d["operations"]]')" \
    "[('ILLEGAL', 'set', 'loan'), ('FACT', 'set', 'loan'), ('MISSING', 'void', 'loan')]" \
    "the list"
illegal=$(quarantine | field 'd["operations"][0]["n"]')
fact=$(quarantine | field 'd["operations"][1]["n"]')
same "$(quarantine show "$illegal" | field '(d["values"], d["actor_name"])')" \
    "([{'column': 'state', 'value': 'written_off', 'from': 'out'}], '王主管 0-1')" \
    "what is shown"
gengbu-hub quarantine "$hub" show "$illegal" | grep -q "written_off  from out"

# Both of one set: one is forced, and is no longer in quarantine.
quarantine retry "${illegal%.*}" --actor 0-1 --reason 核实 >"$T/retry"
same "$(field d <"$T/retry")" \
    "{'operations': 2, 'took_effect': 1, 'waiting': {'FACT': 1}}" "a retry"
refused 1 "not in quarantine" quarantine show "$illegal"
same "$(sqlite3 "$hub/hub.db" 'SELECT state FROM loan')" written_off "its state"

# One that nothing forces: said so, and exit status 1.
refused 1 "goes on waiting" quarantine retry "$fact" --actor 0-1 --reason 核实
same "$(field 'd["took_effect"]' <"$T/refused.out")" 0 "of a vain retry"
refused 2 "actor" quarantine retry "$fact" --reason 核实
refused 1 "nothing waits" quarantine retry 1 --actor 0-1 --reason 核实

# A void that comes first shows MISSING; what it shows later is what it waits
# for later.
forge '[{"kind":"insert","table":"loan","id":[1,777],"values":{"lent_at":1}}]'
void=$(quarantine | field 'd["operations"][1]["n"]')
same "$(quarantine show "$void" | field 'd["code"]')" MISSING "a void of nothing"
quarantine retry "$void" --actor 0-1 --reason 核实 >"$T/retry" 2>&1 || :
same "$(quarantine show "$void" | field 'd["code"]')" AUTHORITY \
    "its record came, and it takes a higher level"
gengbu-audit "$ledger" >/dev/null

# ------------------------------------------------ what its own device hears

# carry: handheld 2 to the hub and back; what it says of that in $T/carried
carry()
{
    rm -rf "$T/stick"
    mkdir "$T/stick"
    gengbu export "$T/2" "$T/stick" >/dev/null
    gengbu-hub import "$hub" "$T/stick" >/dev/null
    rm -rf "$T/stick"
    mkdir "$T/stick"
    gengbu-hub export "$hub" --device 2 --to "$T/stick" >/dev/null
    gengbu import "$T/2" "$T/stick" >"$T/carried"
}

# taken: the codes of what handheld 2 lists as taken back
taken()
{
    gengbu status "$T/2" --json |
        field '",".join(t["code"] for t in d["taken_back"])'
}

# A handheld that gives itself a level does no more than its own.
handheld 2 1
carry
sqlite3 "$T/2/journal.db" "UPDATE _journal SET value = 2 WHERE key = 'level'"
gengbu void "$T/2" book 1-1 --reason 重复
gengbu void "$T/2" book 0-2 --reason 重复
carry
same "$(grep -c "^taken back: .*higher level .*(AUTHORITY)" "$T/carried")" 2 \
    "what is taken back"
same "$(taken)" AUTHORITY,AUTHORITY "its list"
carry
same "$(grep -c "taken back" "$T/carried" || :)" 0 "it is said once"

# A supervisor lets one of them take effect.
same "$(quarantine | field 'd["operations"][-2]["table"]')" book "the first"
quarantine retry "$(quarantine | field 'd["operations"][-2]["n"]')" \
    --actor 0-1 --reason 核实 >/dev/null
carry
grep -q "^1 operation taken back before took effect now" "$T/carried" ||
    fail "$(cat "$T/carried")"
same "$(taken)" AUTHORITY "what still waits"
gengbu show "$T/2" book 1-1 | grep -q 重复 || fail "book 1-1 is not void"
