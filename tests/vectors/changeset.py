"""Change sets ("GBCS"): header, TIME, OPS and ORIGIN, both ways.

decode() gives a Set whose operations hold everything that the sections say;
encode_sections() makes the raw sections again from those operations alone, so
that a comparison shows whether there was one way to write them.
"""
import hashlib

from wire import (DEVICE_MAX, OPS_MAX, Reader, STAMP_MAX, TIME_MAX,
                  get_column, get_value, kind_of, need, put_column, string,
                  varint, zigzag)
import container

INSERT, SET, VOID, RESOLVE = 1, 2, 3, 4
SITE, SCHEMA, DEVICE, RELEASE = 8, 9, 10, 11
KINDS = {1: "insert", 2: "set", 3: "void", 4: "resolve",
         8: "site", 9: "schema", 10: "device", 11: "release"}
HEADER = 116
NAMES_MAX = 4096
VALUES_MAX = 524288


class Op:
    """One operation as its set holds it.

    cols: column number -> value, (left, reached) for a move, or the 32 bytes
    of commitment in a personal column.
    """

    def __init__(self, index):
        self.index = index
        self.time = self.stamp = self.boot = self.actor = self.group = None
        self.kind = self.table = self.id = self.ref = self.reason = None
        self.cols, self.commitment, self.names = {}, None, []
        self.payload, self.origin = None, None


class Boot:
    def __init__(self, r):
        self.id = r.take(16)
        self.wall, self.mono = r.varint(TIME_MAX), r.varint(TIME_MAX)
        self.ahead, self.n = r.zigzag(), r.varint()
        need(self.n >= 1, "TIME: a boot without operations")

    def encode(self):
        return (self.id + varint(self.wall) + varint(self.mono) +
                zigzag(self.ahead) + varint(self.n))


class Set:
    def __init__(self):
        self.boots, self.actors, self.ops, self.groups = [], [], [], []
        self.parent = None


def check_id(v, what):
    need(v >= 0 and v >> 40 <= DEVICE_MAX and v & ((1 << 40) - 1) >= 1,
         f"{what}: {v} is no record id")


def running(r, n, what, check=None):
    """n zigzags, each less the one before."""
    out, before = [], 0
    for _ in range(n):
        before += r.zigzag()
        if check:
            check(before, what)
        out.append(before)
    return out


def put_running(values):
    return b"".join(zigzag(v - b) for b, v in zip([0] + values, values))


# -- header ------------------------------------------------------------------

def read_header(data):
    """The fixed header of a change set; Bad when it is none."""
    s, r = Set(), Reader(data[:HEADER], "header")
    need(r.take(4) == b"GBCS", "no change set")
    need(r.uint(1) == 1, "header: unknown format version")
    need(r.uint(1) == 0, "header: byte 5 is not 0")
    s.device, s.site, s.seq = r.uint(2), r.take(16), r.uint(4)
    s.prev, s.version, s.clock = r.take(32), r.uint(4), r.uint(8)
    s.base = (r.uint(4), r.uint(8), r.take(32))
    need(s.device <= DEVICE_MAX, "header: device above 8191")
    return s


def check_header(s):
    """What a header must be beside readable."""
    need(s.clock <= TIME_MAX, "header: the clock is no time")
    need(s.seq >= 1, "header: sequence number 0")
    need(s.seq > 1 or s.prev == bytes(32),
         "header: the first set names one before it")


def write_header(s):
    return (b"GBCS\x01\x00" + s.device.to_bytes(2, "big") + s.site +
            s.seq.to_bytes(4, "big") + s.prev + s.version.to_bytes(4, "big") +
            s.clock.to_bytes(8, "big") + s.base[0].to_bytes(4, "big") +
            s.base[1].to_bytes(8, "big") + s.base[2])


# -- section 1, TIME ---------------------------------------------------------

def read_time(s, data):
    r = Reader(data, "TIME")
    n = r.count(4, 1, OPS_MAX)
    s.boots = [Boot(r) for _ in range(r.count(20, 1, 1024))]
    need(sum(b.n for b in s.boots) == n, "TIME: boots do not sum up")
    actors = r.count(1, 1, n)
    s.actors = running(r, actors, "TIME: actor",
                       lambda v, w: v == 0 or check_id(v, w))
    need(len(set(s.actors)) == actors, "TIME: an actor listed twice")
    s.ops = [Op(i) for i in range(n)]
    read_times(s, r)
    read_stamps(s, r)
    order = []
    for op in s.ops:
        a = r.varint(actors - 1)
        op.actor = s.actors[a]
        if a not in order:
            order.append(a)
    need(order == list(range(actors)), "TIME: actors not in order of use")
    for op in s.ops:
        op.group = r.varint()
    r.end()


def read_times(s, r):
    ops = iter(s.ops)
    for number, b in enumerate(s.boots):
        t = b.wall
        for _ in range(b.n):
            op = next(ops)
            t += r.zigzag()
            need(0 <= t <= TIME_MAX, f"TIME: {t} is no time")
            op.time, op.boot = t, number


def read_stamps(s, r):
    before = -1
    for op in s.ops:
        op.stamp = max(before + 1, op.time << 16) + r.varint()
        need(op.stamp <= STAMP_MAX, "TIME: stamp beyond 63 bits")
        before = op.stamp


def write_time(s):
    out = varint(len(s.ops)) + varint(len(s.boots))
    out += b"".join(b.encode() for b in s.boots)
    actors = list(dict.fromkeys(op.actor for op in s.ops))
    out += varint(len(actors)) + put_running(actors)
    at = 0
    for b in s.boots:
        t = b.wall
        for op in s.ops[at:at + b.n]:
            out += zigzag(op.time - t)
            t = op.time
        at += b.n
    before = -1
    for op in s.ops:
        out += varint(op.stamp - max(before + 1, op.time << 16))
        before = op.stamp
    out += b"".join(varint(actors.index(op.actor)) for op in s.ops)
    keys = group_keys(s)
    return out + b"".join(varint(keys.index(group_key(op))) for op in s.ops)


# -- section 2, OPS ----------------------------------------------------------

def group_key(op):
    return op.kind, op.table.number if op.table else -1


def group_keys(s):
    return sorted({group_key(op) for op in s.ops})


def read_ops(s, data, schema):
    r = Reader(data, "OPS")
    heads, last = [], (0, 0)
    for _ in range(r.count(2, 1)):
        kind, number = r.uint(1), -1
        need(kind in KINDS, f"OPS: unknown kind {kind}")
        if kind <= RESOLVE:
            tables = schema.tables if schema else []
            number = r.varint()
            need(number < len(tables), f"OPS: no table {number}")
        need((kind, number) > last, "OPS: groups do not rise")
        last = (kind, number)
        table = schema.tables[number] if kind <= RESOLVE else None
        heads.append((kind, table, r.varint()))
    groups = [[] for _ in heads]
    for op in s.ops:
        need(op.group < len(heads), f"TIME: no group {op.group}")
        op.kind, op.table = heads[op.group][:2]
        groups[op.group].append(op)
    for (kind, table, m), ops in zip(heads, groups):
        need(m >= 1 and m == len(ops), "OPS: a group's count is not TIME's")
    for (kind, table, m), ops in zip(heads, groups):
        r.what = "OPS " + KINDS[kind] + (f" {table.name}" if table else "")
        read_group(r, kind, table, ops)
    r.end()
    need(sum(len(op.cols) for op in s.ops) <= VALUES_MAX,
         "OPS: too many values")


def read_group(r, kind, table, ops):
    if kind >= SITE:
        for op in ops:
            op.payload = r.string()
    else:
        for op, v in zip(ops, running(r, len(ops), r.what, check_id)):
            op.id = v
    if kind == INSERT:
        read_words(r, ops, "ref")
        read_insert(r, table, ops)
        read_personal(r, table, ops, True)
    elif kind in (SET, RESOLVE):
        read_masked(r, kind, table, ops)
    if kind in (VOID, RESOLVE):
        read_words(r, ops, "reason")
    if kind in (RESOLVE, RELEASE):
        for op in ops:
            read_names(r, op)


def read_words(r, ops, field):
    for op, v in zip(ops, get_column(r, "TEXT", len(ops))):
        need(v != "", f"{r.what}: an empty {field}")
        setattr(op, field, v)


def read_insert(r, table, ops):
    for c in table.columns:
        if c.personal:
            continue
        column = get_column(r, c.kind, len(ops), c.rule.name == "sum")
        for op, v in zip(ops, column):
            if v is not None:
                op.cols[c.number] = v


def read_masked(r, kind, table, ops):
    masks = [r.varint() for _ in ops]
    for mask in masks:
        need(mask, f"{r.what}: a mask of 0")
        need(mask >> len(table.columns) == 0, f"{r.what}: mask too long")
    for op, mask in zip(ops, masks):
        for c in table.columns:
            if mask >> c.number & 1:
                op.cols[c.number] = None
                need(kind == SET or not c.personal,
                     f"{r.what}: a personal column resolved")
    for c in table.columns:
        if c.personal:
            continue
        mine = [op for op in ops if c.number in op.cols]
        alone = c.rule.name == "sum"
        values = get_column(r, c.kind, len(mine), alone)
        if kind == SET and c.rule.name == "state":
            values = zip(values, get_column(r, c.kind, len(mine)))
        for op, v in zip(mine, values):
            op.cols[c.number] = v
    if kind == SET:
        read_personal(r, table, ops, False)


def read_personal(r, table, ops, masked):
    """The personal part of a group: which columns, and the commitments."""
    mine = [c.number for c in table.columns if c.personal]
    if not mine:
        return
    if masked:
        for op in ops:
            mask = r.varint()
            need(not mask & ~sum(1 << n for n in mine),
                 f"{r.what}: personal mask names another column")
            for n in mine:
                if mask >> n & 1:
                    op.cols[n] = None
    for op in ops:
        written = [n for n in mine if n in op.cols]
        if written:
            op.commitment = r.take(32)
            for n in written:
                op.cols[n] = op.commitment


def read_names(r, op):
    stamp, last = 0, (-1, 0)
    for _ in range(r.count(2, 1, NAMES_MAX)):
        device = r.varint(DEVICE_MAX)
        stamp += r.zigzag()
        need(0 <= stamp <= STAMP_MAX, f"{r.what}: name {stamp} is no stamp")
        need((device, stamp) > last, f"{r.what}: names do not rise")
        last = (device, stamp)
        op.names.append(last)


def write_ops(s):
    keys = group_keys(s)
    out, body = varint(len(keys)), b""
    for kind, number in keys:
        ops = [op for op in s.ops if group_key(op) == (kind, number)]
        out += bytes([kind])
        out += varint(number) if kind <= RESOLVE else b""
        out += varint(len(ops))
        body += write_group(kind, ops[0].table, ops)
    return out + body


def write_group(kind, table, ops):
    if kind >= SITE:
        out = b"".join(string(op.payload) for op in ops)
    else:
        out = put_running([op.id for op in ops])
    if kind == INSERT:
        out += put_column("TEXT", [op.ref for op in ops])
        for c in table.columns:
            if not c.personal:
                out += put_column(c.kind, [op.cols.get(c.number)
                                           for op in ops],
                                  c.rule.name == "sum")
        out += write_personal(table, ops, True)
    elif kind in (SET, RESOLVE):
        out += write_masked(kind, table, ops)
    if kind in (VOID, RESOLVE):
        out += put_column("TEXT", [op.reason for op in ops])
    if kind in (RESOLVE, RELEASE):
        out += b"".join(write_names(op.names) for op in ops)
    return out


def write_masked(kind, table, ops):
    out = b"".join(varint(sum(1 << n for n in op.cols)) for op in ops)
    for c in table.columns:
        if c.personal:
            continue
        values = [op.cols[c.number] for op in ops if c.number in op.cols]
        if kind == SET and c.rule.name == "state":
            out += put_column(c.kind, [v[0] for v in values])
            out += put_column(c.kind, [v[1] for v in values])
        else:
            out += put_column(c.kind, values, c.rule.name == "sum")
    return out + (write_personal(table, ops, False) if kind == SET else b"")


def write_personal(table, ops, masked):
    mine = {c.number for c in table.columns if c.personal}
    if not mine:
        return b""
    out = b""
    if masked:
        out += b"".join(varint(sum(1 << n for n in mine & op.cols.keys()))
                        for op in ops)
    return out + b"".join(op.commitment for op in ops if op.commitment)


def write_names(names):
    out = varint(len(names))
    for before, (device, stamp) in zip([(0, 0)] + names, names):
        out += varint(device) + zigzag(stamp - before[1])
    return out


# -- section 3, ORIGIN -------------------------------------------------------

def read_origin(s, data):
    r = Reader(data, "ORIGIN")
    parent = (r.varint(DEVICE_MAX), r.varint((1 << 32) - 1),
              r.varint(OPS_MAX))
    need(all(parent) or not any(parent), "ORIGIN: half a parent")
    s.parent = parent
    for op in s.ops:
        device = r.varint(DEVICE_MAX)
        need(device >= 1, "ORIGIN: device 0")
        op.origin = (device, r.take(16), r.varint(TIME_MAX), r.zigzag())
        need(op.origin[3] >= 0, "ORIGIN: negative stamp")
    r.end()


def write_origin(s):
    out = b"".join(varint(p) for p in s.parent)
    for op in s.ops:
        device, boot, mono, stamp = op.origin
        out += varint(device) + boot + varint(mono) + zigzag(stamp)
    return out


# -- the whole ---------------------------------------------------------------

def encode_sections(s):
    """type -> raw bytes, made from the operations alone."""
    out = {1: write_time(s), 2: write_ops(s)}
    if s.parent is not None:
        out[3] = write_origin(s)
    return out


def decode_head(signed):
    """Header and TIME: what can be read without the schema."""
    s = read_header(signed)
    check_header(s)
    at, s.raw_sections = container.scan(signed, HEADER, {1, 2, 3})
    need(at == len(signed), "bytes behind the end of the signed bytes")
    need(1 in s.raw_sections and 2 in s.raw_sections, "TIME or OPS missing")
    read_time(s, container.inflate(s.raw_sections[1], b"", "TIME"))
    s.sha = hashlib.sha256(signed).digest()
    return s


def decode(signed, schema):
    """The signed bytes of a set, checked to be the one way to write it."""
    s = decode_head(signed)
    need(s.version == 0 or schema is not None, "the set needs its schema")
    raw = {t: container.inflate(
        sec, schema.dictionary if t == 2 and s.version else b"",
        f"section {t}") for t, sec in s.raw_sections.items()}
    read_ops(s, raw[2], schema if s.version else None)
    if 3 in raw:
        read_origin(s, raw[3])
    again = encode_sections(s)
    for t, data in raw.items():
        need(again[t] == data, f"section {t} is not written in the one way")
    need(write_header(s) == signed[:HEADER], "header is not itself again")
    return s


def written_personal(op):
    """The personal columns that an operation writes, by rising number."""
    return [c for c in op.table.columns
            if c.personal and c.number in op.cols] if op.commitment else []


def check_personal(s, opened):
    """Hold (salt, values) or None per committed operation against the set."""
    mine = [op for op in s.ops if op.commitment]
    need(len(opened) == len(mine), "personal section: not one per commitment")
    for op, item in zip(mine, opened):
        if item is None:
            op.personal = None
            continue
        salt, packed = item
        need(hashlib.sha256(salt + packed).digest() == op.commitment,
             f"operation {op.index}: values do not match the commitment")
        r, values = Reader(packed, f"personal values of {op.index}"), {}
        for c in written_personal(op):
            v = get_value(r)
            need(v is not None or op.kind == SET,
                 f"{r.what}: NULL in an insert")
            need(v is None or kind_of(v) == c.kind, f"{r.what}: wrong type")
            values[c.number] = v
        r.end()
        op.personal = values


def decode_file(data, schema):
    """Signed bytes alone, or a whole container; gives (set, whole?)."""
    read_header(data)
    end, _ = container.scan(data, HEADER, {1, 2, 3})
    s = decode(data[:end], schema)
    if end == len(data):
        return s, False
    committed = sum(1 for op in s.ops if op.commitment)
    check_personal(s, container.read_tail(data[end:], len(data), committed))
    return s, True
