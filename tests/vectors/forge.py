#!/usr/bin/env python3
"""Sets that no handheld makes, for the hub and the decoder to differ about.

    forge.py LEDGER.git KEY DEVICE SEED COUNT OUT.gbx [--peers N,...]
             [--next SCHEMA] [--true-heads]
    forge.py LEDGER.git KEY DEVICE SEED FILE.json OUT.gbx [--next SCHEMA]
             [--beyond]

KEY is the private key with which DEVICE, which has sent a set before, signs.
OUT becomes a bundle for the hub: a request and COUNT sets that go on from the
device's chain in that ledger.  Their operations are drawn at random, wrong
ones among them; some sets name heads that never were, newer schemas, numbers
that are taken or none, and some are bent before they are deflated and signed,
or have sections that no encoder writes.  Some
refer to records that a peer's bundle of the same seed inserts, or might.  With
a next schema a third of the sets is written by it.  With true heads an audit
has nothing to say against the device.

In place of a count a file may give the sets, a line each: a JSON list of
operations, {"kind", "table", "id": [device, counter], "values", "from"}.  It is
written by the next schema when that is given, and all of it is as it says; it
may claim a head beyond the log.

The encodings are the decoder's own; libsodium signs and seals.
"""
import argparse
import base64
import ctypes
import ctypes.util
import hashlib
import json
import random
import struct
import sys
import time
import zlib

sys.dont_write_bytecode = True

import changeset                                            # noqa: E402
from changeset import (INSERT, KINDS, RELEASE, RESOLVE,     # noqa: E402
                       SET, VOID)
import ledger                                               # noqa: E402
import schema                                               # noqa: E402
from wire import Reader, put_value, string, varint          # noqa: E402

TEXTS = ("", "a", "b", "barred", "en", "表 007", "x\0y", "123456789012345",
         "2026-01-02", "𝄞", "1990-01-01")
NUMBERS = (0, 1, 2, 3, -1, 127, -64, (1 << 63) - 1, -1 << 63)
DAY = 86400000
FIRST = 1 << 30             # counters of records start here, and
RECORDS = 1000              # so many are for one seed


# -- signing, sealing, and the shape of containers ---------------------------

sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
if sodium.sodium_init() < 0:
    sys.exit("forge.py: libsodium does not start")


def u32(n):
    return struct.pack(">I", n)


def ssh(b):
    return u32(len(b)) + b


def private_key(path):
    """The 64 bytes of an Ed25519 key in OpenSSH's own format."""
    with open(path, encoding="ascii") as f:
        lines = [w for w in f.read().split("\n") if w and "-" not in w[:1]]
    r = Reader(base64.b64decode("".join(lines)), path)
    r.take(len(b"openssh-key-v1\0"))
    for _ in range(3):
        r.take(r.uint(4))       # cipher, kdf, its options: none
    r.take(4)
    r.take(r.uint(4))
    r = Reader(r.take(r.uint(4)), path)
    r.take(8)
    for _ in range(2):
        r.take(r.uint(4))
    return r.take(r.uint(4))


def sshsig(message, namespace, key):
    signed = (b"SSHSIG" + ssh(namespace) + ssh(b"") + ssh(b"sha512") +
              ssh(hashlib.sha512(message).digest()))
    out = ctypes.create_string_buffer(64)
    sodium.crypto_sign_detached(out, None, signed,
                                ctypes.c_ulonglong(len(signed)), key)
    return out.raw


def box(message, receiver):
    """A sealed box for an Ed25519 public key."""
    x = ctypes.create_string_buffer(32)
    assert sodium.crypto_sign_ed25519_pk_to_curve25519(x, receiver) == 0
    out = ctypes.create_string_buffer(len(message) + 48)
    sodium.crypto_box_seal(out, message, ctypes.c_ulonglong(len(message)),
                           x.raw)
    return out.raw


def section(kind, raw, dictionary=b""):
    how = {"zdict": dictionary} if dictionary else {}
    z = zlib.compressobj(9, zlib.DEFLATED, -15, **how)
    stored = z.compress(raw) + z.flush()
    stored = raw if len(stored) >= len(raw) else stored
    return bytes([kind]) + varint(len(raw)) + varint(len(stored)) + stored


def request(device, site, key, fields):
    body = b"".join(varint(tag) + string(v) for tag, v in fields)
    out = b"GBRQ\1\0" + device.to_bytes(2, "big") + site
    out += b"\1" + varint(len(body)) * 2 + body + b"\0"
    return out + sshsig(out, b"request@gengbu", key)


def bundle(device, site, receiver, containers):
    out = b"GBBN\1\0" + device.to_bytes(2, "big") + site
    for kind, c in containers:
        out += bytes([kind]) + ssh(box(c, receiver))
    return out + b"\x09" + u32(4) + u32(len(containers))


class Boot(changeset.Boot):
    def __init__(self, boot, wall, mono, n):
        self.id, self.wall, self.mono, self.ahead = boot, wall, mono, 0
        self.n = n


# -- drawing -----------------------------------------------------------------

class Forger:
    def __init__(self, found, device, seed, peers=(), following=None):
        self.state, self.tree = found.state, found.tree
        self.device, self.draw = device, random.Random(seed)
        self.peers, self.following = [device, *peers], following
        self.true_heads = False
        chain = self.state.chains[device]
        self.seq, self.prev = chain.seq, chain.sha
        self.sealed = [(self.seq, self.prev)]       # to fork from
        self.counter = self.first = FIRST + RECORDS * seed
        self.ids = {}
        for table, rec in self.state.recs:
            self.ids.setdefault(table, []).append(rec)
        self.now = int(time.time() * 1000)

    def odds(self, part):
        return self.draw.random() < part

    def record(self, table):
        """A record of a table, or one that may come to be one."""
        known, far = self.ids.get(table), len(self.peers) > 1
        if known and self.odds(.8 if far else .98):
            return self.draw.choice(known)
        if not far:
            return self.device << 40 | 77
        return (self.draw.choice(self.peers) << 40 |
                self.first + self.draw.randrange(1, 60))

    def value(self, c):
        draw = self.draw
        if self.odds(.1):
            return None
        if c.target:
            return self.record(c.target) if self.odds(.98) else -3
        if c.rule.name == "worst":
            return draw.choice(c.rule.order + ["odd"])
        if c.rule.name == "state":
            return draw.choice(c.rule.prefer)
        if c.kind == "INTEGER":
            return draw.choice(NUMBERS)
        if c.kind == "REAL":
            return draw.choice((0.0, 1.5, -2.25, float("inf"), 5e-324))
        if c.kind == "BLOB":
            return draw.randbytes(draw.randrange(4))
        return draw.choice(TEXTS)

    def insert(self, op):
        self.counter += 1
        op.id = self.device << 40 | self.counter
        if self.odds(.03):
            op.id += 1 << 40
        if self.odds(.03):
            op.id = self.draw.choice(self.ids.get(op.table.name, [op.id]))
        op.ref = self.draw.choice((None, f"ref {self.counter}"))
        for c in op.table.columns:
            v = self.value(c)
            if c.rule.name == "state" and self.odds(.97):
                v = c.rule.initial
            if c.authority and self.odds(.7):
                v = None
            if v is not None:
                op.cols[c.number] = v
        self.ids.setdefault(op.table.name, []).append(op.id)

    def change(self, op):
        columns = [c for c in op.table.columns
                   if op.kind == SET or not c.personal]
        if op.kind == SET and self.odds(.9):
            columns = [c for c in columns if c.rule.name != "fact"] or columns
        n = min(len(columns), self.draw.randrange(1, 4))
        for c in self.draw.sample(columns, n):
            v = self.value(c)
            if op.kind == SET and c.rule.name == "state":
                v = (self.value(c), v)
                if self.odds(.9):
                    v = self.draw.choice(list(c.rule.moves))
            op.cols[c.number] = v

    def fill(self, op, rules):
        """Kind, record and values; gives the personal section's part."""
        draw = self.draw
        op.kind = draw.choices((INSERT, SET, VOID, RESOLVE, 8, 10, RELEASE),
                               (30, 60, 5, 1, 1, 1, 1))[0]
        if op.kind >= 8:
            op.payload = draw.choice((b"", b"\1\1\5", b"\2"))
            op.names = [(1, 5), (2, 4)] if op.kind == RELEASE else []
            return b""
        usual = [t for t in rules.tables if t.write < 9]
        op.table = draw.choice(usual if self.odds(.97) else rules.tables)
        if op.kind == INSERT:
            self.insert(op)
        else:
            op.id = self.record(op.table.name)
        if op.kind in (SET, RESOLVE):
            self.change(op)
        if op.kind in (VOID, RESOLVE):
            op.reason = draw.choice((None, "why 12"))
        op.names = [(1, 5), (2, 4)] if op.kind == RESOLVE else []
        return self.commit(op)

    def commit(self, op):
        columns = [c for c in op.table.columns
                   if c.personal and c.number in op.cols]
        if not columns:
            return b""
        salt = self.draw.randbytes(16)
        values = b"".join(put_value(op.cols[c.number]) for c in columns)
        op.commitment = hashlib.sha256(salt + values).digest()
        for c in columns:
            op.cols[c.number] = op.commitment
        return b"\1" + salt + string(values)

    def header(self, s):
        draw = self.draw
        s.site, s.device, s.clock = self.state.site, self.device, self.now
        s.version = self.state.version + self.odds(.03)
        size = len(self.tree.leaves)
        size = draw.choice((size, size, size - 1, draw.randrange(size + 1)))
        s.base = (self.state.epoch, size, self.tree.root(size))
        if self.odds(.05) and not self.true_heads:
            s.base = draw.choice(((s.base[0] + 1, size, s.base[2]),
                                  (s.base[0], size + 99, s.base[2]),
                                  (s.base[0], size, bytes(32))))
        if self.odds(.03):
            s.clock = draw.choice((1 << 47, 1 << 63, (1 << 64) - 1))
        s.fork = len(self.sealed) > 1 and self.odds(.1)
        if not s.fork:
            s.seq, s.prev = self.seq + 1, self.prev
        elif self.odds(.5):
            seq, s.prev = draw.choice(self.sealed[:-1])
            s.seq = seq + 1
        else:       # numbers and hashes that no chain has, and none waits for
            s.seq, s.prev = draw.choice(((0, self.prev), (1, self.prev),
                                         (0, bytes(32)), (9, bytes(32))))

    def boots(self, s, n):
        draw = self.draw
        cuts = [n] if n == 1 or self.odds(.6) else [1, n]
        for before, cut in zip([0] + cuts, cuts):
            wall = self.now + draw.choice((0, 0, -500, DAY, -DAY))
            s.boots.append(Boot(draw.randbytes(16), wall,
                                draw.randrange(1 << 40), cut - before))

    def operations(self, s, rules):
        personal, before = b"", -1
        for number, b in enumerate(s.boots):
            for _ in range(b.n):
                op = changeset.Op(len(s.ops))
                op.boot = number
                op.time = b.wall + self.draw.randrange(100000)
                op.stamp = max(before + 1, op.time << 16)
                op.stamp += self.draw.choice((0, 0, 3))
                before = op.stamp
                op.actor = self.draw.choice((1,) * 12 + (0, 2, 77))
                personal += self.fill(op, rules)
                s.ops.append(op)
        return personal

    def bend(self, sections):
        """One byte of one raw section: turned, lost or put in."""
        draw = self.draw
        kind = draw.choice(sorted(sections))
        b = bytearray(sections[kind])
        at = draw.randrange(len(b))
        how = draw.randrange(3) if len(b) > 1 else 0
        if how == 0:
            b[at] ^= 1 << draw.randrange(8)
        elif how == 1:
            del b[at]
        else:
            b[at:at] = draw.randbytes(1)
        sections[kind] = bytes(b)

    def frame(self, rules, sections, odd):
        """What stands behind the header: mostly as an encoder writes it."""
        out = [section(kind, raw, rules.dictionary if kind == 2 else b"")
               for kind, raw in sorted(sections.items())]
        if odd and self.odds(.05):
            out = self.draw.choice((
                out[:1], out[::-1], out + out[:1], out[:1] + out, [],
                out + [b"\x09\1\1a"], [b"\1\0\0"] + out,
                out + [b"\7\1\3abc"], [b"\1\xff\xff\xff\xff\x0f\1a"]))
        return b"".join(out) + b"\0"

    def set(self, key):
        s, rules = changeset.Set(), self.state.schema()
        self.header(s)
        if self.following and self.odds(.3):
            rules, s.version = self.following, self.state.version + 1
        self.boots(s, self.draw.randrange(1, 8))
        personal = self.operations(s, rules)
        sections = changeset.encode_sections(s)
        if not personal and self.odds(.2):
            self.bend(sections)
        return self.seal(s, rules, sections, personal, key, True)

    def given(self, ops, beyond, key):
        """A set of the operations that a file says."""
        s, rules = changeset.Set(), self.following or self.state.schema()
        size = len(self.tree.leaves)
        s.site, s.device, s.clock = self.state.site, self.device, self.now
        s.version = self.state.version + bool(self.following)
        s.base = (self.state.epoch, size + 1000 * beyond, self.tree.root(size))
        s.seq, s.prev, s.fork = self.seq + 1, self.prev, False
        s.boots = [Boot(bytes(16), self.now, 0, len(ops))]
        for index, says in enumerate(ops):
            op = changeset.Op(index)
            op.time, op.boot, op.actor = self.now + index, 0, 1
            op.stamp = op.time << 16
            op.kind = next(k for k in KINDS if KINDS[k] == says["kind"])
            op.payload = b"" if op.kind >= 8 else None
            op.names = [(1, 5)] if op.kind in (RESOLVE, RELEASE) else []
            if op.kind < 8:
                op.table = rules.table(says["table"])
                op.id = says["id"][0] << 40 | says["id"][1]
            for name, v in says.get("values", {}).items():
                if isinstance(v, list):
                    v = v[0] << 40 | v[1]
                if name in says.get("from", {}):
                    v = says["from"][name], v
                op.cols[op.table.column(name).number] = v
            s.ops.append(op)
        self.now += len(ops)
        return self.seal(s, rules, changeset.encode_sections(s), b"", key)

    def seal(self, s, rules, sections, personal, key, odd=False):
        signed = changeset.write_header(s) + self.frame(rules, sections, odd)
        if not s.fork:
            self.seq, self.prev = s.seq, hashlib.sha256(signed).digest()
            self.sealed.append((self.seq, self.prev))
        if personal:
            personal = b"\0" + varint(len(personal)) + personal
        return signed + sshsig(signed, b"changeset@gengbu", key) + \
            u32(len(personal)) + personal


def main(args):
    found = ledger.Ledger(args.ledger)
    found.read()
    forger = Forger(found, args.device, args.seed, args.peers,
                    args.next and schema.load(args.next))
    forger.true_heads = args.true_heads
    key = private_key(args.key)
    if args.sets.isdigit():
        sets = [(2, forger.set(key)) for _ in range(int(args.sets))]
    else:
        with open(args.sets, encoding="utf-8") as f:
            sets = [(2, forger.given(json.loads(line), args.beyond, key))
                    for line in f]
    state, size = found.state, len(found.tree.leaves)
    head = u32(state.epoch) + size.to_bytes(8, "big") + found.tree.root(size)
    asked = request(args.device, state.site, key, [
        (1, varint(forger.now)), (2, varint(forger.now)), (3, varint(1000)),
        (4, bytes(16)), (5, head), (6, head), (7, varint(forger.seq)),
        (8, varint(state.version)), (9, varint(1))])
    with open(args.out, "wb") as f:
        f.write(bundle(args.device, state.site, state.about[5],
                       [(1, asked)] + sets))


def arguments():
    p = argparse.ArgumentParser(prog="forge.py")
    p.add_argument("ledger")
    p.add_argument("key")
    p.add_argument("device", type=int)
    p.add_argument("seed", type=int)
    p.add_argument("sets")
    p.add_argument("out")
    p.add_argument("--peers", default=(),
                   type=lambda text: [int(n) for n in text.split(",")])
    p.add_argument("--next")
    p.add_argument("--true-heads", action="store_true")
    p.add_argument("--beyond", action="store_true")
    return p.parse_args()


if __name__ == "__main__":
    main(arguments())
