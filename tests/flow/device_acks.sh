#!/bin/sh
# Acknowledgements that no hub gives, to a real sync: of another key, device,
# site or journal, come again, out of order, cut and bent.  A handheld takes
# work for safe only where its hub said so of that very set.
. "$(dirname "$0")/lib.sh"

new_hub
handheld 1
handheld 2
mkdir "$T/stick"
for n in 1 2 3; do
    gengbu record "$T/1" sos raised_at="$n" >"$T/out"
    gengbu export "$T/1" "$T/stick" >"$T/out" # seals a set
    [ "$n" != 1 ] || gengbu-hub import "$hub" "$T/stick" >"$T/out"
done
gengbu-hub export "$hub" --device 1 --to "$T/stick" >"$T/out"
gengbu import "$T/1" "$T/stick" >"$T/out"
gengbu export "$T/2" "$T/stick" >"$T/out"
gengbu-hub import "$hub" "$T/stick"/*-up-2-*.gbx >"$T/out"
cp -R "$T/1" "$T/kept"

PYTHONPATH=$root/tests/vectors python3 - "$hub" "$T/1" "$T/kept" <<'E2'
import hashlib, json, shutil, socket, sqlite3, struct, subprocess, sys, threading
hub, journal, kept = sys.argv[1:]
from forge import box, private_key, section, ssh, sshsig, string, u32, varint

def rows(path, sql):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()

sets = rows(journal + "/journal.db", "SELECT seq, signed FROM _set")
sha = {seq: hashlib.sha256(signed).digest() for seq, signed in sets}
keys = {k: private_key(f"{hub}/keys/{k}") for k in ("hub", "ledger", "receive")}
to = dict(rows(hub + "/hub.db", "SELECT number, receive_key FROM _device"))
with open(hub + "/site", encoding="ascii") as f:
    site = bytes.fromhex(f.read())
head = u32(1) + struct.pack(">Q", 9) + bytes(32)

def ack(seq=3, of=None, device=1, at=site, key="hub", space=b"delta@gengbu",
        head=head, magic=b"GBAK"):
    fields = ((1, varint(seq)), (2, of or sha[seq]), (3, head))
    body = b"".join(varint(tag) + string(v) for tag, v in fields)
    out = magic + b"\1\0" + device.to_bytes(2, "big") + at + section(1, body)
    return out + b"\0" + sshsig(out + b"\0", space, keys[key])

def frame(container, kind=4, device=1):
    return bytes([kind]) + ssh(box(container, to[device]))

def bundle(*frames, end=True):
    out = b"GBBN\1\1\0\1" + site + b"".join(frames)
    return out + (b"\x09" + u32(4) + u32(len(frames)) if end else b"")

listening = socket.create_server(("127.0.0.1", 0))
url = "http://127.0.0.1:%d" % listening.getsockname()[1]
reply = b""

def answer():
    while True:
        with listening.accept()[0] as c, c.makefile("rb") as f:
            while f.readline() not in (b"\r\n", b""):
                pass
            c.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            while n := int(f.readline() or b"0", 16):
                f.read(n + 2)
            f.readline()
            c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
                      % len(reply) + reply)

threading.Thread(target=answer, daemon=True).start()
tried = 0

def sync(what, bytes_, *want, anew=True):
    """Then safe_sets, uncertain and copy are one of those wanted."""
    global reply, tried
    reply, tried = bytes_, tried + 1
    if anew:
        shutil.rmtree(journal)
        shutil.copytree(kept, journal)
    said = subprocess.run(("gengbu", "sync", journal, "--hub", url),
                          capture_output=True, text=True)
    status = json.loads(subprocess.run(
        ("gengbu", "status", journal, "--json"), check=True,
        capture_output=True).stdout)
    got = tuple(status[k] for k in ("safe_sets", "uncertain", "copy"))
    if got not in want or said.returncode > 1 or "\x1b" in said.stderr:
        sys.exit(f"{what}: {got}: {(said.stdout + said.stderr).strip()}")

SAFE, NOTHING = (3, False, False), (1, True, False)
good = frame(ack())
sync("the hub's own", bundle(good, end=False), SAFE)
sync("with trouble", bundle(good, frame(b"IO: no", 5)), SAFE)
sync("of fewer sets", bundle(frame(ack(2)), end=False), (2, False, False))
sync("an older one again", bundle(frame(ack(1)), end=False),
     (2, False, False), anew=False)
sync("two", bundle(good, frame(ack(2)), end=False), SAFE)
sync("behind trouble", bundle(frame(b"\x1b[31m: \xe4", 5), good), NOTHING)
for what, c in {
        "ledger's key": ack(key="ledger"),
        "receiving key": ack(key="receive"),
        "signed as a request": ack(space=b"request@gengbu"),
        "signed as a set": ack(space=b"changeset@gengbu"),
        "another device": ack(device=2), "no device": ack(device=0),
        "another site": ack(at=bytes(16)), "a delta": ack(magic=b"GBDL"),
        "set 0": ack(0, sha[3]), "set 2^32 + 3": ack((1 << 32) + 3, sha[3]),
        "a short head": ack(head=head[1:]), "cut": ack()[:-1],
        "longer": ack() + b"\0", "nothing": b""}.items():
    sync(what, bundle(frame(c)), NOTHING)
sync("sealed to another", bundle(frame(ack(), device=2)), NOTHING)
for kind in (0, 1, 2, 3, 5, 9, 255):
    sync(f"frame {kind}", bundle(bytes([kind]) + good[1:]), NOTHING)
sync("of another's set", bundle(frame(ack(3, sha[2])), end=False),
     (1, True, True))
sync("of a set to come", bundle(frame(ack(4, sha[3])), end=False),
     (1, True, True))
whole = bundle(good)
for i in range(0, len(whole), 7):
    sync(f"cut at {i}", whole[:i], SAFE, NOTHING)
    bent = bytearray(whole)
    bent[i] ^= 1 << i % 8
    sync(f"byte {i}", bytes(bent), SAFE, NOTHING)
sync("nothing new", bundle(), (1, False, False))
print(tried, "answers")
E2
serve_hub
for n in 1 2; do gengbu sync "$T/$n" --hub "$url" >"$T/out"; done
digests 1 2
