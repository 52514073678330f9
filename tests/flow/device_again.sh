#!/bin/sh
# A handheld that was cloned, or restored from a backup: it is told so, gets a
# new number with its work, and nothing is lost or doubled; killed in between,
# the same command again ends right.
. "$(dirname "$0")/lib.sh"
most=12 # kills before, and as many behind a call
case $build in *address*) most=3 ;; esac

new_hub
serve_hub
handheld 1
note()
{
    gengbu record "$T/$1" incident kind=other place="$2" happened_at=now \
        severity=general text="水管滴漏"
}
sync()
{
    gengbu sync "$T/$1" --hub "$url" >"$T/sync.out"
}
count()
{
    sqlite3 "$hub/hub.db" "SELECT count(*) FROM incident WHERE place LIKE '$1'"
}

# boot NUMBER: what its journal calls the boot of its last operation
boot()
{
    sqlite3 "$T/$1/journal.db" \
        "SELECT hex(id) FROM _boot ORDER BY first DESC LIMIT 1"
}

note 1 before
was=$(boot 1)
mv "$T/1" "$T/moved"
note moved here
mv "$T/moved" "$T/1"
same "$(boot 1)" "$was" "boot of a journal that was moved"
sync 1
note 1 shared                 # not sent when it is copied
cp -R "$T/1" "$T/copy"
note 1 first
sync 1
same "$(boot 1)" "$was" "boot of a journal that was copied"
mine=$(note copy second)
[ "$(boot copy)" != "$was" ] ||
    fail "what both write at one moment would be taken for one operation"
gengbu set "$T/copy" incident "$mine" severity=serious note="复查"

# what it may not do
gengbu-hub enrol "$hub" --name "copy" --level 2 --set area=A \
    --out "$T/2.ticket" >"$T/enrol.out"
refused 1 'no copy as far as it knows' gengbu init "$T/copy" \
    --ticket "$T/2.ticket" --hub "$url"
refused 1 'another journal works under number 1' gengbu sync "$T/copy" \
    --hub "$url"
refused 1 'is the journal of device 1 already' gengbu init "$T/copy" \
    --ticket "$T/1.ticket" --hub "$url"
sed 's/"url"[^,]*,//' "$T/2.ticket" >"$T/nourl.ticket"
refused 2 'give --hub URL' gengbu init "$T/copy" --ticket "$T/nourl.ticket"
refused 1 '.' gengbu init "$T/copy" --ticket "$T/2.ticket" \
    --hub http://127.0.0.1:1
gengbu list "$T/copy" incident >"$T/list" # and it works as it did
grep -q second "$T/list"

# killed at a call, the same command again; the attempt above left keys, which
# the hub knows from the first contact on
cp -R "$T/copy" "$T/was"
calls gengbu init "$T/copy" --ticket "$T/2.ticket" --hub "$url"
step=$((calls / most))
[ "$step" -ge 1 ] || step=1
kills=0
for when in before after; do
    n=1
    while rm -rf "$T/copy"; cp -R "$T/was" "$T/copy"
        killed "$n" "$when" gengbu init "$T/copy" --ticket "$T/2.ticket" \
            --hub "$url"; do
        if [ "$(sqlite3 "$T/copy/journal.db" \
            "SELECT value FROM _journal WHERE key = 'device'")" = 1 ]; then
            gengbu init "$T/copy" --ticket "$T/2.ticket" --hub "$url" \
                >"$T/init.out"
        fi
        same "$(gengbu list "$T/copy" incident --json |
            grep -c '"place": "second"')" 1 "own record after a kill at $n"
        kills=$((kills + 1))
        n=$((n + step))
    done
done
echo "killed: $kills times"
[ "$kills" -ge "$most" ] || fail "only $kills kills"

# the hub got its keys with the first contact that came through
[ -e "$T/copy/journal-1.db" ] || fail "the old journal is gone"
gengbu status "$T/copy" >"$T/status"
grep -q 'device  *2 ' "$T/status" || fail "$(cat "$T/status")"
# another copy of the same work waits until this one has delivered
cp -R "$T/was" "$T/other"
gengbu-hub enrol "$hub" --name "other" --level 2 --set area=A \
    --out "$T/3.ticket" >"$T/enrol.out"
refused 1 'device 2 is taking over the work of number 1' gengbu init \
    "$T/other" --ticket "$T/3.ticket" --hub "$url"
gengbu-hub devices "$hub" | tail -n 1 |
    grep -q '^device 2 is taking over the work of number 1 ' ||
    fail "$(gengbu-hub devices "$hub")"
stop_hub # nor does a rebuild forget that, or a backup
gengbu-hub rebuild "$hub" >"$T/rebuild.out"
gengbu-hub backup "$hub" "$T/backup" >"$T/backup.out"
same "$(cat "$T/backup/takeovers")" "$(cat "$hub/takeovers")" "in the backup"
serve_hub
refused 1 'device 2 is taking over the work of number 1' gengbu init \
    "$T/other" --ticket "$T/3.ticket" --hub "$url"
sync copy
gengbu init "$T/other" --ticket "$T/3.ticket" --hub "$url" >"$T/init.out"
grep -q ': 0 operations captured again, 3 the hub had' "$T/init.out" ||
    fail "$(cat "$T/init.out")"
for place in before shared first second; do
    same "$(count $place)" 1 "records of '$place'"
done
same "$(sqlite3 "$hub/hub.db" "SELECT severity || ' ' || note FROM incident
    WHERE place = 'second' AND id >> 40 = 2")" "serious 复查" "the copy's record"

# one that went on and is lost holds nobody up for ever
sync other
for n in 4 5; do
    gengbu-hub enrol "$hub" --name "copy $n" --level 2 --set area=A \
        --out "$T/$n.ticket" >"$T/enrol.out"
    cp -R "$T/was" "$T/$n"
done
gengbu init "$T/4" --ticket "$T/4.ticket" --hub "$url" >"$T/init.out"
refused 1 'device 4 is taking over' gengbu init "$T/5" \
    --ticket "$T/5.ticket" --hub "$url"
refused 1 'device 3 has no work' gengbu-hub devices "$hub" --lost 3
refused 2 'lost' gengbu-hub devices "$hub" --lost x
gengbu-hub devices "$hub" --lost 4 >"$T/out"
grep -q '^device 4 no longer takes over the work of number 1' "$T/out" ||
    fail "$(cat "$T/out")"
gengbu init "$T/5" --ticket "$T/5.ticket" --hub "$url" >"$T/init.out"

# A backup of the old journal, put back over the new one: it was kept under
# its number's name before, and is now kept as well.
sync 5
cp "$T/was/journal.db" "$T/5/journal.db"
note 5 third >"$T/out"
gengbu-hub enrol "$hub" --name "copy 6" --level 2 --set area=A \
    --out "$T/6.ticket" >"$T/enrol.out"
refused 1 'another journal works' gengbu sync "$T/5" --hub "$url"
cp "$T/5/journal-1.db" "$T/first.db"
# places JOURNAL: how many records stand there at `third`
places()
{
    sqlite3 "$1" "SELECT count(*) FROM incident WHERE place = 'third'"
}
gengbu init "$T/5" --ticket "$T/6.ticket" --hub "$url" >"$T/init.out"
cmp "$T/5/journal-1.db" "$T/first.db" || fail "the journal kept first is gone"
same "$(places "$T/5/journal-1-2.db")" 1 "the journal kept second"
grep -q 'journal-1-2\.db' "$T/init.out" || fail "$(cat "$T/init.out")"
sync 5
same "$(count third)" 1 "records of 'third'"

# Whoever waited for the lock while the journal was replaced sees it.
flock -o "$T/5/lock" -c "
    cp '$T/5/journal.db' '$T/5/next'
    gengbu sync '$T/5' --hub '$url' >'$T/out' 2>'$T/err' &
    sleep 1
    mv '$T/5/next' '$T/5/journal.db'"
wait_for()
{
    for _ in $(seq 100); do
        [ ! -s "$1" ] || return 0
        sleep 0.1
    done
    fail "$1: nothing comes"
}
wait_for "$T/err"
grep -q 'was replaced meanwhile.*again' "$T/err" || fail "$(cat "$T/err")"

# A ticket that two handhelds used: the hub never knew the later one, whose
# work goes on under a new number all the same.
for n in 7 8; do
    gengbu-hub enrol "$hub" --name "twice $n" --level 2 --set area=A \
        --out "$T/$n.ticket" >"$T/enrol.out"
done
for who in 7 8; do
    gengbu init "$T/$who" --ticket "$T/7.ticket" >"$T/init.out"
    gengbu signin "$T/$who" 0-1 >"$T/out"
    # two records at once, as both count from 7-1
    id=$(note "$who" "under $who")
    gengbu set "$T/$who" incident "$id" severity=serious note="of $who"
    note "$who" "second under $who" >"$T/out"
done
# what refers to a record of its own follows it
asked=$(gengbu record "$T/8" service_request kind=repair channel=phone \
    contact="张先生" text="漏水")
gengbu record "$T/8" request_event request_id="$asked" kind=received \
    happened_at=now >"$T/out"
sync 7
# by stick, it is the hub that hears of it
mkdir "$T/stick"
gengbu export "$T/8" "$T/stick" >"$T/out"
refused 1 'used by another handheld' gengbu-hub import "$hub" "$T/stick"
refused 1 'no copy as far as it knows' gengbu init "$T/8" \
    --ticket "$T/8.ticket" --hub "$url"
refused 1 'used by another handheld.*--ticket' gengbu sync "$T/8" --hub "$url"
gengbu status "$T/8" | grep -q '^copy ' || fail "$(gengbu status "$T/8")"
note 8 "while a copy" >"$T/out" # and it works as it did
gengbu init "$T/8" --ticket "$T/8.ticket" --hub "$url" >"$T/init.out"
grep -q 'device 8 goes on for number 7: 6 operations captured again, 0 the' \
    "$T/init.out" || fail "$(cat "$T/init.out")"
sync 8
sync 7
for place in "under 7" "second under 7" "under 8" "second under 8" \
    "while a copy"; do
    same "$(count "$place")" 1 "records of '$place'"
done
for who in 7 8; do
    same "$(sqlite3 "$hub/hub.db" "SELECT (id >> 40) || severity || note
        FROM incident WHERE place = 'under $who'")" "${who}seriousof $who" \
        "the record under $who"
done
same "$(sqlite3 "$hub/hub.db" "SELECT (q.id >> 40) || q.text || q.contact
    FROM request_event AS e JOIN service_request AS q ON q.id = e.request_id")" \
    "8漏水张先生" "the request that the event is of"
# one that the hub confirmed is no copy
refused 1 'no copy as far as it knows' gengbu init "$T/7" \
    --ticket "$T/8.ticket" --hub "$url"

# the first one goes on as if nothing had been
note 1 later
sync 1
sync copy
sync other
cp -R "$T/copy" "$T/2"
cp -R "$T/other" "$T/3"
digests 1 2 3 7 8
same "$(gengbu-hub quarantine "$hub")" "nothing is in quarantine" quarantine
stop_hub
want=$(gengbu-hub digest "$hub")
gengbu-hub rebuild "$hub" >"$T/rebuild.out"
same "$(gengbu-hub digest "$hub")" "$want" "digest of a rebuilt hub"
