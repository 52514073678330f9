#!/bin/sh
# gengbu init: from a ticket to a journal in one step, however often it is
# killed on the way; and what is no ticket, or no place for a journal.
. "$(dirname "$0")/lib.sh"

new_hub
gengbu-hub enrol "$hub" --name "A3 一号" --set area=A3 --url http://192.0.2.1:1 \
    --out "$T/ticket" >"$T/enrol.out"
for n in 2 3; do
    gengbu-hub enrol "$hub" --name "number $n" --out "$T/ticket.$n" \
        >"$T/enrol.out"
done

# change PYTHON: the ticket, changed, in $T/changed
change()
{
    python3 -c "import json,sys
t = json.load(open(sys.argv[1]))
$1
json.dump(t, open(sys.argv[2], 'w'))" "$T/ticket" "$T/changed"
}

# status JOURNAL KEY
status()
{
    gengbu status "$1" --json |
        python3 -c "import json,sys; print(json.load(sys.stdin)['$2'])"
}

# ------------------------------------------------------------- as it should

gengbu init "$T/j" --ticket "$T/ticket" >"$T/out"
same "$(status "$T/j" device)" 1 "device"
gengbu status "$T/j" | grep -q '^last sync    never$' || fail "never synced"
same "$(status "$T/j" name)" "A3 一号" "name"
same "$(status "$T/j" hub)" http://192.0.2.1:1 "address"
same "$(gengbu digest "$T/j")" "$(gengbu-hub digest "$hub")" "digest"
private "$T/j" "$T/j/keys" "$T"/j/*.db "$T"/j/keys/*
# a folder that was there stays as it was, and what is in it is private
mkdir -m 755 "$T/open"
gengbu init "$T/open" --ticket "$T/ticket" >"$T/out"
same "$(stat -c %a "$T/open")" 755 "mode of a folder that was there"
sqlite3 "$T/open/journal.db" .tables "BEGIN" ".shell ls '$T/open'" >"$T/out"
grep -q -e -wal "$T/out" || fail "no write-ahead log: $(cat "$T/out")"
sqlite3 "$T/open/journal.db" .tables "BEGIN" \
    ".shell find '$T/open' -type f -perm /077" >"$T/out"
! grep "$T/open" "$T/out" || fail "open to others"
ssh-keygen -l -f "$T/j/keys/sign" | grep -q ED25519
gengbu list "$T/j" staff --lang en | grep -q 王主管
gengbu init "$T/two" --ticket "$T/ticket.2" --hub http://192.0.2.9:9 >"$T/out"
same "$(status "$T/two" hub)" http://192.0.2.9:9 "address of --hub"

# ------------------------------------------------------------------ refused

refused 1 "journal of device 1 already" gengbu init "$T/j" --ticket "$T/ticket"
mkdir "$T/other"
echo precious >"$T/other/file"
refused 1 "something else is here" gengbu init "$T/other" --ticket "$T/ticket"
same "$(ls "$T/other")" file "the other folder"
echo precious >"$T/file"
refused 1 "something else is here" gengbu init "$T/file" --ticket "$T/ticket"
refused 1 "is not a journal" gengbu status "$T/other"
refused 1 "is not a journal" gengbu status "$T/file"
refused 1 "no such folder" gengbu status "$T/none"
mkdir "$T/db"
echo "no database" >"$T/db/journal.db"
refused 1 "not an SQLite database" gengbu status "$T/db"
refused 1 "cannot be made" gengbu init "$T/none/deeper" --ticket "$T/ticket"
refused 1 "does not exist\|cannot be read\|not there\|No such" \
    gengbu init "$T/new" --ticket "$T/none"
refused 2 "ticket FILE is wanted" gengbu init "$T/new"
refused 2 "give a URL" gengbu init "$T/new" --ticket "$T/ticket" --hub nonsense
refused 2 "usage" gengbu init
echo '{}' >"$T/changed"
refused 1 "is no ticket" gengbu init "$T/new" --ticket "$T/changed"
head -c 5000 "$T/ticket" >"$T/changed"
refused 1 "not JSON" gengbu init "$T/new" --ticket "$T/changed"
change 't["gengbu_ticket"] = 2'
refused 1 "bring this program" gengbu init "$T/new" --ticket "$T/changed"
[ ! -e "$T/new" ] || fail "a refused ticket made a folder"

# The delta counts only as the hub signed it, whole, and for this device.
change 'd = t["delta"][0]; t["delta"][0] = d[:400] + ("A" if d[400] != "A" else "B") + d[401:]'
refused 1 "did not sign" gengbu init "$T/new" --ticket "$T/changed"
change 't["hub"]["sign"] = t["hub"]["ledger"]'
refused 1 "did not sign" gengbu init "$T/new" --ticket "$T/changed"
change 't["device"] = 2'
refused 1 "is for device 1" gengbu init "$T/new" --ticket "$T/changed"
change 't["site"]["id"] = "00" * 16'
refused 1 "another site" gengbu init "$T/new" --ticket "$T/changed"
refused 1 "was never finished" gengbu status "$T/new"
# what those left is no hindrance
gengbu init "$T/new" --ticket "$T/ticket.3" >"$T/out"
same "$(status "$T/new" device)" 3 "device after refusals"

# A ticket without a delta, as from a QR code: one contact first.
change 'del t["delta"]'
gengbu init "$T/qr" --ticket "$T/changed" >"$T/out"
grep -q "sync once" "$T/out"
refused 1 "sync once first" gengbu list "$T/qr" staff
refused 1 "sync once first" gengbu signin "$T/qr" 0-1
same "$(status "$T/qr" schema)" 0 "schema of a bare journal"

# A folder that may not be written.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$T"
    mkdir "$T/closed"
    cp "$T/ticket" "$T/open.ticket"
    chmod 644 "$T/open.ticket"
    as="setpriv --reuid=65534 --regid=65534 --clear-groups"
    if $as test -r "$T/open.ticket" && $as test -x "$build/gengbu"; then
        refused 1 "Permission denied\|permission" \
            $as gengbu init "$T/closed/j" --ticket "$T/open.ticket"
        refused 1 "Permission denied\|permission\|read" \
            $as gengbu record "$T/j" sos
    fi
fi

# ------------------------------------------------------------------- killed

# Most calls are pages of the database: of those some, of the first (folder,
# lock, keys) and the last (close, rename, sync) all; `make faults` has each.
step=6
calls gengbu init "$T/k" --ticket "$T/ticket"
kills=0
for when in before after; do
    n=1
    while [ "$n" -le "$calls" ]; do
        rm -rf "$T/k"
        killed "$n" "$when" gengbu init "$T/k" --ticket "$T/ticket" ||
            fail "no kill $when call $n"
        keys=$(cat "$T/k/keys/sign" 2>/dev/null || :)
        if [ -f "$T/k/journal.db" ]; then # from the rename on it is a journal
            refused 1 "journal of device 1 already" \
                gengbu init "$T/k" --ticket "$T/ticket"
        else
            gengbu init "$T/k" --ticket "$T/ticket" >"$T/out"
        fi
        same "$(gengbu digest "$T/k")" "$(gengbu digest "$T/j")" \
            "digest after a kill at $n"
        [ -z "$keys" ] || same "$(cat "$T/k/keys/sign")" "$keys" "the key"
        kills=$((kills + 1))
        if [ "$n" -lt 20 ] || [ "$n" -ge $((calls - 12)) ]; then
            n=$((n + step))
        else
            n=$((n + step * calls / 20 + 1))
            [ "$n" -le $((calls - 12)) ] || n=$((calls - 12))
        fi
    done
done
[ "$kills" -ge $((40 / step)) ] || fail "only $kills kills"
echo "killed: $kills times"
