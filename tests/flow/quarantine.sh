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
