"""docs/MERGE.md computed from its definitions.

Every operation that took effect is kept.  What is open in a cell is found by
holding each write of it against every other, what shows is taken from that,
and both only when somebody asks.  M1 … M20 are the rules of that page.
"""
import hashlib

import changeset
from changeset import DEVICE, INSERT, RELEASE, RESOLVE, SCHEMA, SET, SITE, VOID
import schema
from wire import (Bad, get_fields, need, put_value, signed, string, varint,
                  zigzag)

HUB_LEVEL = 9


class Write:
    """An operation that took effect."""

    def __init__(self, op, where, e, position, base, level):
        self.device, self.id = where[0], where      # (device, number, index)
        self.e, self.position, self.base, self.level = e, position, base, level
        self.kind, self.table, self.rec = op.kind, op.table.name, op.id
        self.actor, self.ref, self.reason = op.actor, op.ref, op.reason
        self.names = set(op.names) if op.kind == RESOLVE else None
        self.cols, self.left = {}, {}
        for n, v in op.cols.items():
            name = op.table.columns[n].name
            if isinstance(v, tuple):
                self.left[name], v = v
            self.cols[name] = v

    def key(self):
        return self.e, self.device


# -- what a write had seen (M2, M3) ------------------------------------------

def earlier(x, y, parents):
    """x stands before y in one chain; a new number continues its old one."""
    device, last = y[0], (y[1], y[2] - 1)
    while x[0] != device:
        if device not in parents:
            return False
        device, *last = parents[device]
        last = tuple(last)
    return x[1:] <= last


def before(x, y, parents):
    if y.names is not None:
        return (x.device, x.e) in y.names
    return x.position <= y.base or earlier(x.id, y.id, parents)


# -- a cell ------------------------------------------------------------------

class Falling:
    """A value in the reverse of its order."""

    def __init__(self, v):
        self.v = v

    def __eq__(self, other):
        return self.v == other.v

    def __lt__(self, other):
        return other.v < self.v

    def __ge__(self, other):
        return self.v <= other.v

    def __gt__(self, other):
        return self.v < other.v


def rank(rule, v):
    """Comparable, greater being what shows; NULL loses (M9).

    A value that `worst` does not name stands between NULL and the first.
    """
    if v is None:
        return (0,)
    if rule.name == "worst":
        return (1, rule.order.index(v) if v in rule.order else -1)
    v = v.encode() if isinstance(v, str) else v
    return (1, Falling(v) if rule.name == "min" else v)


def overwrites(y, x, name, rule, parents):
    if not before(x, y, parents):
        return False
    if rule.name in ("max", "min", "worst") and y.names is None:    # M10
        if rule.back is not None and y.level >= rule.back:
            return True
        return rank(rule, y.cols[name]) >= rank(rule, x.cols[name])
    return True


def show_open(name, rule, siblings):
    """(value, must a person look) of open siblings: M9, M12 to M14."""
    if rule.name in ("max", "min", "worst"):
        best = max(siblings, key=lambda w: (rank(rule, w.cols[name]), w.key()))
        return best.cols[name], 0
    if rule.name == "role":
        best = max(siblings, key=lambda w: (w.level, w.key()))
        return best.cols[name], 0
    if rule.name == "state":
        value = min((w.cols[name] for w in siblings), key=rule.prefer.index)
        marked = any(rule.moves.get((w.left[name], w.cols[name]), (0, 0))[1]
                     for w in siblings if name in w.left)
        return value, int(len(siblings) > 1 and marked)
    best = max(siblings, key=Write.key)
    different = {put_value(w.cols[name]) for w in siblings}
    return best.cols[name], int(len(different) > 1)


def show(name, rule, writes, parents):
    """(value, review, siblings) of a cell; siblings None for a sum."""
    if rule.name == "sum":
        return signed(sum(w.cols[name] for w in writes)), 0, None
    if rule.is_open():
        siblings = [x for x in writes
                    if not any(overwrites(y, x, name, rule, parents)
                               for y in writes if y is not x)]
        return *show_open(name, rule, siblings), siblings
    if rule.name == "fact":
        need(len(writes) == 1, f"fact {name} was written twice")
    one = (min if rule.name == "first" else max)(writes, key=Write.key)
    return one.cols[name], 0, [one]


def void_of(writes, parents):
    """(the void that shows, has some write been seen by no void): §9."""
    voids = [w for w in writes if w.kind == VOID]
    if not voids:
        return None, 0
    unseen = any(not any(before(w, v, parents) for v in voids)
                 for w in writes if w.kind != VOID)
    return min(voids, key=Write.key), int(unseen)


# -- the whole ---------------------------------------------------------------

class Chain:
    """The end of a device's chain."""

    def __init__(self, seq=0, sha=bytes(32), e=0):
        self.seq, self.sha, self.e = seq, sha, e


class State:
    """Everything that follows from the lines of a ledger so far."""

    def __init__(self):
        self.schemas, self.version, self.epoch, self.site = {}, 0, 0, None
        self.about = {}             # fields of kind 8
        self.recs, self.chains, self.parents = {}, {}, {}
        self.devices = []           # (position, fields) of kind 10
        self.stamps = {}            # (device, number) -> effective stamps
        self.latest = [0]           # by size: the largest effective stamp
        self.keys = set()           # (device, signing key)
        self.added = []             # schema versions of the latest line
        self.codes = {}             # code -> how many operations wait

    def schema(self):
        return self.schemas[self.version]

    # -- authority (M19) -----------------------------------------------------

    def device_level(self, device, base):
        level = 0
        for position, fields in self.devices:
            if position <= base and fields[1] == device:
                level = fields.get(3, level)
        return level

    def actor_level(self, actor, base):
        if not self.version or self.schema().actor is None:
            return 0
        table, name = self.schema().actor
        rule = self.schema().table(table).column(name).rule
        writes = [w for w in self.recs.get((table, actor), ())
                  if w.position <= base and name in w.cols]
        if not writes:
            return 0
        return show(name, rule, writes, self.parents)[0] or 0

    def level(self, s, op):
        if s.device == 0:
            return HUB_LEVEL
        return min(self.device_level(s.device, s.base[1]),
                   self.actor_level(op.actor, s.base[1]))

    # -- judging an operation (M18) ------------------------------------------

    def judge(self, s, op, level):
        if s.device and op.kind >= RESOLVE:
            return "HUBONLY"
        if op.kind >= RESOLVE:
            return None
        table = self.schema().table(op.table.name)
        exists = (table.name, op.id) in self.recs
        if op.kind == INSERT:
            if op.id >> 40 != s.device:
                return "RANGE"
            if exists:
                return "EXISTS"
        elif not exists:
            return "MISSING"
        cols = [(table.column(op.table.columns[n].name), v)
                for n, v in sorted(op.cols.items())]
        for c, v in cols:
            v = v[1] if isinstance(v, tuple) else v
            if c.target and v is not None and not c.personal:
                if (c.target, v) not in self.recs:
                    return "MISSING"
        need(table.write is not None, f"{table.name}: no row in record")
        if level < (table.void if op.kind == VOID else table.write):
            return "AUTHORITY"
        for c, v in cols:
            code = self.judge_column(op, c, v, level)
            if code:
                return code
        return None

    def judge_column(self, op, c, v, level):
        if c.rule.name == "fact" and op.kind == SET:        # M5
            return "FACT"
        if c.rule.name == "state":                          # M11
            if op.kind == INSERT:
                if v != c.rule.initial:
                    return "ILLEGAL"
            elif v not in c.rule.moves:
                return "ILLEGAL"
            elif level < c.rule.moves[v][0]:
                return "AUTHORITY"
            else:
                v = v[1]
        if not c.personal:
            for value, needed in c.authority:
                if value == v and level < needed:
                    return "AUTHORITY"
        return None

    # -- taking effect -------------------------------------------------------

    def effect(self, s, op, e, position):
        """Takes effect, or gives the code with which it waits."""
        if op.kind < RESOLVE or s.device:
            level = self.level(s, op)
            code = self.judge(s, op, level)
            if code:
                return code
        else:
            level = HUB_LEVEL
        if op.kind <= RESOLVE:
            where = (s.device, s.seq, op.index)
            need(op.kind == INSERT or (op.table.name, op.id) in self.recs,
                 f"position {position}: a resolution of no record")
            self.recs.setdefault((op.table.name, op.id), []).append(
                Write(op, where, e, position, s.base[1], level))
            return None
        need(op.kind != RELEASE, f"position {position}: MERGE.md does not "
             "compute releases yet")
        try:
            self.administer(op, position)
        except Bad:
            return "MALFORMED"
        return None

    def administer(self, op, position):
        """Kinds 8 to 10; nothing changes when the payload is wrong."""
        if op.kind == SITE:
            f = get_fields(op.payload, "site", numbers=(6,))
            need(set(f) <= set(range(1, 7)), "site: unknown tag")
            need(all(len(f.get(t, bytes(32))) == 32 for t in (3, 4, 5)),
                 "site: a key is not 32 bytes")
            self.about.update(f)
            self.epoch = f.get(6, self.epoch)
            if 3 in f:
                self.keys.add((0, f[3]))
        elif op.kind == SCHEMA:
            f = get_fields(op.payload, "schema", numbers=(1,))
            need(set(f) == {1, 2}, "schema: not its two tags")
            need(f[1] == self.version + 1, "schema: not the next version")
            self.schemas[f[1]] = schema.Schema(schema.unpack(f[2]))
            self.version = f[1]
            self.added.append(f[1])
        elif op.kind == DEVICE:
            f = get_fields(op.payload, "device", numbers=(1, 3), lists=(4,))
            need(set(f) <= set(range(1, 8)) and 1 in f, "device: tags")
            need((6 in f) == (7 in f), "device: one key of two")
            self.devices.append((position, f))
            if 6 in f:
                self.keys.add((f[1], f[6]))

    # -- a line --------------------------------------------------------------

    def floor(self, s):
        """M20; a new number's first set continues its parent (M3)."""
        chain = self.chains.get(s.device, Chain())
        floor = max(self.latest[min(s.base[1], len(self.latest) - 1)], chain.e)
        if chain.seq == 0 and s.parent and s.parent[0]:
            device, number, last = s.parent
            for (d, n), es in self.stamps.items():
                if d == device and es and n <= number:
                    floor = max(floor, es[-1] if n < number else es[last - 1])
        return floor

    def verdict(self, s, data, roots):
        """(verdict of the whole set, the set as far as it can be read)."""
        chain, full = self.chains.get(s.device, Chain()), self.full(s, data)
        if s.seq != chain.seq + 1 or s.prev != chain.sha:
            return "fork", full
        if s.version > self.version:
            return "held:SCHEMA", full
        if full is None:
            return "held:MALFORMED", None
        epoch, size, root = s.base
        if (size >= len(self.latest) or root != roots(size) or
                epoch > self.epoch):
            return "held:BASE", full
        return "applied", full

    def full(self, s, data):
        """The whole set; header and TIME of a newer schema; None for none."""
        try:
            if s.version > self.version:
                return changeset.decode_head(data)
            return changeset.decode(data, self.schemas.get(s.version))
        except Bad:
            return None

    def effective(self, s, received, adjust, floor):
        """M20, in clock units: milliseconds << 16."""
        need(len(adjust) == len(s.boots), "one adjust per boot")
        out, e = [], 0
        for op in s.ops:
            t = (op.time + adjust[op.boot]) << 16
            e = max(e + 1, floor + 1, min(t, received << 16))
            out.append(e)
        return out

    def line(self, data, received, adjust, roots):
        """Decides one set; returns (floor, verdict with codes)."""
        s = changeset.read_header(data)
        position, codes, es = len(self.latest), [], []
        need(self.site in (None, s.site), "a set of another site")
        self.site, self.added = s.site, []
        verdict, full = self.verdict(s, data, roots)
        need((adjust is None) == (full is None),
             "adjust is not what the set's boots ask for")
        floor = self.floor(full or s)
        if verdict != "fork":
            if full:
                es = self.effective(full, received, adjust, floor)
                self.stamps[s.device, s.seq] = es
                self.adopt(full)
            self.chains[s.device] = Chain(
                s.seq, hashlib.sha256(data).digest(), es[-1] if es else floor)
        if verdict == "applied":
            for op, e in zip(full.ops, es):
                code = self.effect(full, op, e, position)
                if code:
                    codes.append(f"{op.index}={code}")
                    self.codes[code] = self.codes.get(code, 0) + 1
        self.latest.append(max(self.latest[-1], es[-1] if es else 0))
        return floor, verdict + (" " + ",".join(codes) if codes else "")

    def adopt(self, s):
        if s.seq == 1 and s.parent and s.parent[0]:
            device, number, last = s.parent
            self.parents[s.device] = (device, number, last - 1)

    # -- the state digest ----------------------------------------------------

    def record_bytes(self, table, rec, writes):
        insert = next(w for w in writes if w.kind == INSERT)
        out = string(table.name.encode()) + varint(rec) + zigzag(insert.e)
        out += zigzag(insert.actor) + string((insert.ref or "").encode())
        for c in table.columns:
            mine = [w for w in writes if c.name in w.cols and
                    (w.cols[c.name] is not None or c.rule.name != "sum")]
            if not mine:        # nothing at all, or nothing added to a sum
                continue
            value, review, siblings = show(c.name, c.rule, mine, self.parents)
            out += string(c.name.encode()) + put_value(value)
            if siblings is None:
                continue
            out += bytes([review]) + varint(len(siblings))
            for w in sorted(siblings, key=Write.key):
                out += zigzag(w.e) + varint(w.device)
                out += put_value(w.cols[c.name])
        void, unseen = void_of(writes, self.parents)
        out += string(b"")
        if void:
            out += b"\1" + zigzag(void.e) + varint(void.device)
            out += string((void.reason or "").encode())
        else:
            out += b"\0"
        return out + bytes([unseen, 0])     # rival verdicts: not computed yet

    def digest(self):
        h = hashlib.sha256()
        for key in sorted(self.recs, key=lambda k: (k[0].encode(), k[1])):
            body = self.record_bytes(self.schema().table(key[0]), key[1],
                                     self.recs[key])
            h.update(varint(len(body)) + body)
        return h.digest()
