"""What the lines of a ledger add up to: verdicts, stamps, levels, digest."""
import hashlib

import changeset
from changeset import DEVICE, INSERT, RELEASE, RESOLVE, SCHEMA, SET, SITE, VOID
from changeset import NAMES_MAX
from merge import Write, hold_against, show, void_of
from point import usable
import rivals
import schema
from wire import (Bad, DEVICE_MAX, get_fields, need, put_value, string, varint,
                  zigzag)

HUB_LEVEL = 9
FORCED = ("ILLEGAL", "AUTHORITY")


class Chain:
    """The end of a device's chain."""

    def __init__(self, seq=0, sha=bytes(32), e=0):
        self.seq, self.sha, self.e = seq, sha, e


class Waiter:
    """An operation that waits (§3).

    needs: the records that it lacks, when nothing else stands against it.
    known: the position from which on the hub can read it.
    """

    def __init__(self, s, data, op, position):
        self.set, self.data, self.op, self.known = s, data, op, position
        self.code = self.needs = None


class State:
    """Everything that follows from the lines of a ledger so far."""

    def __init__(self):
        self.schemas, self.version, self.epoch, self.site = {}, 0, 0, None
        self.about = {}             # fields of kind 8
        self.recs, self.chains, self.parents = {}, {}, {}
        self.devices = []           # (position, fields) of kind 10
        self.levels = {}            # actor -> [(position, level)]
        self.stamps = {}            # (device, number) -> effective stamps
        self.latest = [0]           # by size: the largest effective stamp
        self.keys = set()           # (device, signing key)
        self.added = []             # schema versions of the latest line
        self.waiting = {}           # (device, stamp) -> Waiter
        self.since = {}             # schema version -> its position
        self.roots = None           # size -> root of the tree

    def schema(self):
        return self.schemas[self.version]

    # -- authority (M19) -----------------------------------------------------

    def device_level(self, device, base):
        """As of the base; before it was there, the one it came with."""
        level = None
        for position, fields in self.devices:
            if fields[1] == device and (position <= base or level is None):
                level = fields.get(3, level or 0)
        return (level or 0) if base else 0

    def actor_level(self, actor, base):
        known = [level for position, level in self.levels.get(actor, ())
                 if position <= base]
        return known[-1] if known else 0

    def note_actor(self, table, rec, position):
        """What a record that acts shows from this position on."""
        if not self.schema().actor or self.schema().actor[0] != table:
            return
        writes = self.recs[table, rec]
        cell = self.shown(writes, self.schema().table(table).column(
            self.schema().actor[1]))
        level = cell and cell[0] or 0
        if any(w.kind == VOID for w in writes) or not 0 <= level < HUB_LEVEL:
            level = 0
        self.levels.setdefault(rec, []).append((position, level))

    def level(self, s, op, base):
        if s.device == 0:
            return HUB_LEVEL
        level = self.device_level(s.device, base)
        if self.version and self.schema().actor:
            level = min(level, self.actor_level(op.actor, base))
        return level

    def knows(self, base):
        """Is this tree head one of this log?"""
        epoch, size, root = base
        return (size < len(self.latest) and root == self.roots(size) and
                epoch <= self.epoch)

    # -- judging an operation (M18) ------------------------------------------

    def judge(self, s, op, level, forgiven=()):
        """The code for which an operation waits, or None."""
        if s.device and op.kind >= RESOLVE:
            return "HUBONLY"
        if op.kind > RESOLVE:
            return None
        if op.kind == INSERT:
            if op.id >> 40 != s.device:
                return "RANGE"
            if (op.table.name, op.id) in self.recs:
                return "EXISTS"
        if self.missing(op):
            return "MISSING"
        return self.judge_values(op, level, forgiven)

    def columns(self, op):
        """(column as the schema has it now, value) of an operation."""
        table = self.schema().table(op.table.name)
        return [(table.column(op.table.columns[n].name), v)
                for n, v in sorted(op.cols.items())]

    def missing(self, op):
        """The records that it needs and that are not there."""
        needs = [] if op.kind == INSERT else [(op.table.name, op.id)]
        for c, v in self.columns(op):
            v = v[1] if isinstance(v, tuple) else v
            if c.target and isinstance(v, int):
                needs.append((c.target, v))
        return [key for key in needs if key not in self.recs]

    def judge_values(self, op, level, forgiven=()):
        """What the levels and the rules say of it."""
        if op.kind == RESOLVE:
            return None
        table = self.schema().table(op.table.name)
        codes = [self.judge_column(op, c, v, level, forgiven)
                 for c, v in self.columns(op)]
        if level < (table.void if op.kind == VOID else table.write):
            codes.insert(0, "AUTHORITY")
        return next((code for code in codes
                     if code and code not in forgiven), None)

    def judge_column(self, op, c, v, level, forgiven):
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

    def effect(self, w, e, position, base, forgiven=()):
        """Takes effect, or gives the code with which it waits."""
        s, op = w.set, w.op
        level = self.level(s, op, base)
        code = self.judge(s, op, level, forgiven)
        if code:
            return code
        if op.kind <= RESOLVE:
            self.write(Write(op, (s.device, s.seq, op.index), e, position,
                             base, level), w.known)
            return None
        try:
            fields = self.administer(op, position)
        except Bad:
            return "MALFORMED"
        if op.kind == RELEASE:
            self.release(op, fields, position)
        return None

    def write(self, new, known):
        writes = self.recs.setdefault((new.table, new.rec), [])
        for name in new.cols:
            rule = self.schema().table(new.table).column(name).rule
            if rule.is_open():
                hold_against(new, known, name, rule,
                             [w for w in writes if name in w.cols],
                             self.parents)
        writes.append(new)
        self.note_actor(new.table, new.rec, new.position)

    # -- waiting (§3) --------------------------------------------------------

    def wait(self, w, e, code):
        """It waits, or goes on waiting; what it lacks is noted now (M22)."""
        w.code, w.needs = code, None
        if code == "MISSING" and w.op.kind <= RESOLVE:
            base = w.set.base[1] if self.knows(w.set.base) else 0
            level = self.level(w.set, w.op, base)
            if not self.judge_values(w.op, level):
                w.needs = self.missing(w.op)
        self.waiting[w.set.device, e] = w

    def is_due(self, w):
        if w.code == "SCHEMA":
            return w.set.version <= self.version
        if w.needs is None or not all(key in self.recs for key in w.needs):
            return False
        return (w.op.kind != INSERT or
                (w.op.table.name, w.op.id) not in self.recs)

    def due(self):
        """(device, stamp) of what an automatic release should name now."""
        return sorted(name for name, w in self.waiting.items()
                      if self.is_due(w))

    def release(self, op, fields, position):
        if not fields and op.names != self.due()[:NAMES_MAX]:
            raise Bad("an automatic release of other operations than those "
                      "that are due")
        for name in op.names:
            if name in self.waiting:
                self.release_one(name, self.waiting[name],
                                 fields.get(1) == 1, position)

    def release_one(self, name, w, force, position):
        if w.op.kind is None:       # read as far as TIME: SCHEMA
            if w.set.version > self.version:
                return
            full = self.full(w.set, w.data)
            if full is None:
                w.code = "MALFORMED"
                return
            w.set, w.op = full, full.ops[w.op.index]
            w.known = self.since[full.version]
        base = w.set.base[1] if self.knows(w.set.base) else 0
        forgiven = FORCED if force and w.code in FORCED else ()
        code = self.effect(w, name[1], position, base, forgiven)
        if code:
            self.wait(w, name[1], code)
        else:
            del self.waiting[name]

    def administer(self, op, position):
        """Fields of kinds 8 to 11; nothing changes when they are wrong."""
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
            new = schema.Schema(schema.unpack(f[2]))
            need(not self.version or new.follows(self.schema()),
                 "schema: does not follow the last one")
            self.schemas[f[1]] = new
            self.version = f[1]
            self.since[f[1]] = position
            self.added.append(f[1])
        elif op.kind == DEVICE:
            f = get_fields(op.payload, "device", numbers=(1, 3), lists=(4,))
            need(set(f) <= set(range(1, 8)) and 1 in f, "device: tags")
            need(1 <= f[1] <= DEVICE_MAX, "device: no number")
            need(f.get(3, 0) < HUB_LEVEL, "device: no level")
            need((6 in f) == (7 in f), "device: one key of two")
            need(len(f.get(5, bytes(32))) == 32, "device: no hash")
            need(all(t not in f or usable(f[t]) for t in (6, 7)),
                 "device: a key that cannot be used")
            self.devices.append((position, f))
            if 6 in f:
                self.keys.add((f[1], f[6]))
        else:
            f = get_fields(op.payload, "release", numbers=(1,))
            need(set(f) <= {1, 2}, "release: unknown tag")
        return f

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

    def verdict(self, s, data):
        """(verdict of the whole set, the set as far as it can be read)."""
        chain, full = self.chains.get(s.device, Chain()), self.full(s, data)
        if s.seq != chain.seq + 1 or s.prev != chain.sha:
            return "fork", full
        if s.version > self.version:
            return "held:SCHEMA", full
        if full is None:
            return "held:MALFORMED", None
        return "applied" if self.knows(s.base) else "held:BASE", full

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
        self.site, self.added, self.roots = s.site, [], roots
        verdict, full = self.verdict(s, data)
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
        for op, e in zip(full.ops if full else (), es):
            w, code = Waiter(full, data, op, position), verdict[5:]
            if verdict == "applied":
                code = self.effect(w, e, position, s.base[1])
                codes += [f"{op.index}={code}"] if code else []
            if code:
                self.wait(w, e, code)
        self.latest.append(max(self.latest[-1], es[-1] if es else 0))
        return floor, verdict + (" " + ",".join(codes) if codes else "")

    def adopt(self, s):
        if s.seq == 1 and s.parent and s.parent[0]:
            device, number, last = s.parent
            self.parents[s.device] = (device, number, last - 1)

    # -- the state digest ----------------------------------------------------

    def shown(self, writes, c):
        """(value, review, siblings) of a column, or None: never written."""
        mine = [w for w in writes if c.name in w.cols and
                (w.cols[c.name] is not None or c.rule.name != "sum")]
        return show(c.name, c.rule, mine) if mine else None

    def losers(self):
        """(table, record) of all that do not hold what they claim (M24)."""
        live = {t.name: [] for t in self.schema().tables}
        for (name, rec), writes in self.recs.items():
            if not any(w.kind == VOID for w in writes):
                cells = [None if c.personal else self.shown(writes, c)
                         for c in self.schema().table(name).columns]
                insert = next(w for w in writes if w.kind == INSERT)
                live[name].append((rec, [c and c[0] for c in cells],
                                   (insert.e, rec >> 40)))
        return {(t.name, rec) for t in self.schema().tables
                for rec in rivals.losers(t, live[t.name])}

    def record_bytes(self, table, rec, writes, rival):
        insert = next(w for w in writes if w.kind == INSERT)
        out = string(table.name.encode()) + varint(rec) + zigzag(insert.e)
        out += zigzag(insert.actor) + string((insert.ref or "").encode())
        for c in table.columns:
            cell = self.shown(writes, c)
            if cell is None:
                continue
            value, review, siblings = cell
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
        return out + bytes([unseen, rival])

    def digest(self):
        h, losers = hashlib.sha256(), self.losers()
        for key in sorted(self.recs, key=lambda k: (k[0].encode(), k[1])):
            body = self.record_bytes(self.schema().table(key[0]), key[1],
                                     self.recs[key], key in losers)
            h.update(varint(len(body)) + body)
        return h.digest()
