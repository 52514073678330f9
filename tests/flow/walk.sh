#!/bin/sh
# README.md's shift in five minutes, line by line as it stands there, in a
# clone that was built.
. "$(dirname "$0")/lib.sh"

clone=$T/gengbu
mkdir "$clone"
for name in "$root"/*; do
    [ "$name" = "$root/build" ] || ln -s "$name" "$clone"
done
ln -s "$build" "$clone/build"

# The server has a free port, and the auditor the key that `init` printed.
address=$(python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0))
print("127.0.0.1:%d" % s.getsockname()[1])')
echo 'trap "kill %1; wait" EXIT' >"$T/walk"
sed -n '/^## A shift/,/^## In your own/s/^    //p' "$root/README.md" |
    sed -e "s/127\.0\.0\.1:8470/$address/" \
        -e "s/\(gengbu-hub init .*\)/\1 | tee init.out/" \
        -e "s/^\(gengbu-hub serve.*&\).*/\1 until curl -sf $address; do sleep 0.1; done/" \
        -e 's/SHA256:\.\.\./"$(grep -om 1 "SHA256:[^ ]*" init.out)"/' \
        >>"$T/walk"
grep -q '^gengbu-audit .*init.out' "$T/walk" || fail "no walk in README.md"
(cd "$clone" && bash -e "$T/walk") >"$T/out" 2>"$T/err" ||
    fail "$(tail -n 3 "$T/out" "$T/err")"
for words in "水浸  3号楼大堂 .*严重 *水管滴漏" "sent 1 change set .* 1 accepted" \
    "^OK$" 'Good "changeset@gengbu" signature for 1@'; do
    grep -q "$words" "$T/out" || fail "no '$words': $(cat "$T/out")"
done
grep -q 'Good "git" signature for ledger' "$T/err" || fail "$(cat "$T/err")"
