#!/bin/sh
# The engine knows no domain: the same programs run a lending library when they
# are given its schema, and nothing of an office's words is left in them.  And it
# is a library itself: README.md's program is built with what is installed.
. "$(dirname "$0")/lib.sh"

new_hub "$root/tests/data/schema-library"
printf 'ref,title\nb1,更簿考\n' >"$T/book.csv"
gengbu-hub load "$hub" book "$T/book.csv" >/dev/null
printf 'ref,book_id,barcode,branch\nc1,@b1,000123,A\n' >"$T/copy.csv"
gengbu-hub load "$hub" copy "$T/copy.csv" >/dev/null
serve_hub
handheld 1
handheld 2
member=$(gengbu record "$T/1" member card_no=7 name=Ada branch=A)
loan=$(gengbu record "$T/1" loan copy_id=@c1 member_id="$member" \
    lent_at=1764000000000 due_on=2026-12-24)
refused 1 "no move" gengbu set "$T/1" loan "$loan" state=written_off
for n in 1 2; do gengbu sync "$T/$n" >/dev/null; done

# both at once: sums add up, the earlier date stays, `prefer` decides
gengbu set "$T/1" loan "$loan" state=late due_on=2026-12-10 >/dev/null
gengbu set "$T/2" loan "$loan" state=returned due_on=2026-12-20 >/dev/null
for n in 1 2; do
    printf '{"table":"loan","id":"%s","add":{"reminders":%s}}\n' "$loan" "$n" \
        >"$T/add.jsonl"
    gengbu record "$T/$n" --jsonl "$T/add.jsonl" >/dev/null
done
for n in 1 2 1; do gengbu sync "$T/$n" >/dev/null; done
for db in "$T/1/journal.db" "$T/2/journal.db" "$hub/hub.db"; do
    same "$(sqlite3 "$db" 'SELECT state, due_on, reminders FROM loan')" \
        "returned|2026-12-10|3" "the loan in $db"
    same "$(sqlite3 "$db" 'SELECT count(*) FROM loans_out')" 0 "view in $db"
done
digests 1 2

words='patrol|renovation|steward|vacan|巡|装修|空置'
if grep -rniE "$words" "$root"/engine/*.c; then
    fail "the engine speaks of a domain"
fi

# install [PREFIX=...]: what was built, into a folder of somebody's own
install()
{
    env -u MAKEFLAGS -u MAKELEVEL make -C "$root" -o all B="$build" \
        install "$@"
}
install PREFIX="$T/own" >"$T/install.out" 2>&1 || fail "$(cat "$T/install.out")"
if install PREFIX="$T/install.out" >"$T/out" 2>"$T/err"; then
    fail "an install into a file"
fi
grep -q "you may not write to $T/install.out: do it as root" "$T/err" ||
    fail "$(cat "$T/err")"
[ "$(wc -L <"$T/install.out")" -lt 100 ] || fail "$(cat "$T/install.out")"
same "$("$T/own/bin/gengbu" --version)" "$(gengbu --version)" "installed"

# README.md's program, as it stands there; what is built with a sanitizer wants
# a program that is, too
if [ "${build##*/}" = build ]; then
    sed -n '/^```c$/,/^```$/{/^```/!p}' "$root/README.md" >"$T/night.c"
    # what README.md says for a folder of one's own
    PKG_CONFIG_PATH=$T/own/lib/pkgconfig
    export PKG_CONFIG_PATH
    gengbu record "$T/1" member card_no=8 name=Bo branch=A >/dev/null
    cp -R "$T/1" "$T/journal"
    cd "$T"
    sed -n 's/^    \(cc .*night\.c.*\)/\1/p' "$root/README.md" >"$T/cc.sh"
    same "$(wc -l <"$T/cc.sh")" 2 "README.md's lines for cc"
    while read -r line; do
        rm -f night
        sh -c "$line" 2>"$T/cc.err" || fail "$line: $(cat "$T/cc.err")"
        LD_LIBRARY_PATH=$T/own/lib ./night >"$T/night.out" ||
            fail "$line: $(cat "$T/night.out")"
        same "$(cat "$T/night.out")" "not sent yet: 1" "$line"
    done <"$T/cc.sh"
fi
echo "a lending library: one digest, and no word of an office in the engine"
