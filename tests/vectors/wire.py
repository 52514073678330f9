"""Bytes of docs/FORMAT.md: varints, zigzags, strings, values, TEXT columns.

Reading is strict: whatever the page calls an error raises Bad.  Values are
None, int, float, str (TEXT) and bytes (BLOB).
"""
import math
import re
import struct

TIME_MAX = (1 << 47) - 1
STAMP_MAX = (1 << 63) - 1
DEVICE_MAX = 8191
OPS_MAX = 65536
VALUE_MAX = 262144
NUMBERED_MAX = 16777216


class Bad(Exception):
    """The bytes are not what the page says, or the engine disagrees."""


def need(ok, what):
    if not ok:
        raise Bad(what)


class Reader:
    """A bounded reader; every take is checked."""

    def __init__(self, data, what):
        self.data, self.at, self.what = bytes(data), 0, what

    def left(self):
        return len(self.data) - self.at

    def take(self, n):
        need(n <= self.left(), f"{self.what}: ends too early")
        self.at += n
        return self.data[self.at - n:self.at]

    def uint(self, size):
        return int.from_bytes(self.take(size), "big")

    def varint(self, most=(1 << 64) - 1):
        value = shift = 0
        while True:
            byte = self.uint(1)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
            need(shift < 70, f"{self.what}: varint of more than ten bytes")
        need(byte or shift == 7, f"{self.what}: varint longer than needed")
        need(value >> 64 == 0, f"{self.what}: varint beyond 64 bits")
        need(value <= most, f"{self.what}: {value} is above {most}")
        return value

    def zigzag(self):
        v = self.varint()
        return (v >> 1) ^ -(v & 1)

    def string(self, most=None):
        n = self.varint()
        need(n <= self.left(), f"{self.what}: string ends too early")
        need(most is None or n <= most, f"{self.what}: string too long")
        return self.take(n)

    def count(self, smallest, least=0, most=(1 << 64) - 1):
        n = self.varint()
        need(least <= n <= most, f"{self.what}: count {n} out of range")
        need(n * smallest <= self.left(), f"{self.what}: count {n} too large")
        return n

    def end(self):
        need(self.left() == 0, f"{self.what}: {self.left()} bytes too many")


def varint(v):
    need(0 <= v < 1 << 64, f"no varint: {v}")
    out = bytearray()
    while v > 127:
        out.append(v & 127 | 128)
        v >>= 7
    out.append(v)
    return bytes(out)


def signed(v):
    """v modulo 2^64, as a signed integer."""
    v &= (1 << 64) - 1
    return v - (1 << 64) if v >> 63 else v


def zigzag(v):
    need(-1 << 63 <= v < 1 << 63, f"no signed 64 bits: {v}")
    return varint((v << 1) ^ (v >> 63))


def string(b):
    return varint(len(b)) + b


def text(b, what):
    try:
        return b.decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise Bad(f"{what}: not UTF-8") from None


def real(b, what):
    v = struct.unpack(">d", b)[0]
    need(not math.isnan(v), f"{what}: NaN")
    need(v != 0 or math.copysign(1, v) > 0, f"{what}: minus zero")
    return v


def kind_of(v):
    """The declared type that a value belongs to."""
    return {int: "INTEGER", float: "REAL", str: "TEXT", bytes: "BLOB"}[type(v)]


# -- a value alone ("Values") ------------------------------------------------

def put_value(v):
    if v is None:
        return b"\0"
    if isinstance(v, int):
        return b"\1" + zigzag(v)
    if isinstance(v, float):
        return b"\2" + struct.pack(">d", v)
    if isinstance(v, str):
        return b"\3" + string(v.encode())
    return b"\4" + string(v)


def get_value(r):
    tag = r.uint(1)
    need(tag <= 4, f"{r.what}: value type {tag}")
    if tag == 0:
        return None
    if tag == 1:
        return r.zigzag()
    if tag == 2:
        return real(r.take(8), r.what)
    b = r.string(VALUE_MAX)
    return text(b, r.what) if tag == 3 else b


# -- columns ("A column of m entries") ---------------------------------------

DIGIT_BYTES = (0, 1, 1, 2, 2, 3, 3, 3, 4, 4)
RUN = re.compile(rb"[0-9]{1,9}")
PIECE = re.compile(rb"[\xf5-\xfd]")
SPLIT = re.compile(rb"[\xf5-\xfc][\xf5-\xfd]")


def get_presence(r, m):
    how = r.uint(1)
    need(how <= 2, f"{r.what}: presence {how}")
    if how < 2:
        return [how == 1] * m
    bits = int.from_bytes(r.take((m + 7) // 8), "little")
    need(bits >> m == 0, f"{r.what}: unused presence bits")
    here = [bits >> i & 1 == 1 for i in range(m)]
    need(any(here) and not all(here), f"{r.what}: presence 2 for all or none")
    return here


def put_presence(here):
    if not any(here):
        return b"\0"
    if all(here):
        return b"\1"
    bits = sum(1 << i for i, h in enumerate(here) if h)
    return b"\2" + bits.to_bytes((len(here) + 7) // 8, "little")


def get_patterns(r, k, is_text):
    """The pattern of each of k values, new ones read where they stand."""
    known, seen, out = [], set(), []
    for _ in range(k):
        n = r.varint(len(known))
        if n:
            out.append(known[n - 1])
            continue
        p = r.string(VALUE_MAX)
        need(p not in seen, f"{r.what}: a pattern written twice")
        if is_text:
            need(not RUN.search(p), f"{r.what}: a digit in a pattern")
            need(not SPLIT.search(p), f"{r.what}: a run cut too early")
        known.append(p)
        seen.add(p)
        out.append(p)
    return out


def get_text(r, pattern):
    """One TEXT from its pattern and its numbers."""
    def piece(match):
        width = match.group()[0] - 0xF4
        number = r.uint(DIGIT_BYTES[width])
        need(number < 10 ** width, f"{r.what}: number {number} too long")
        return b"%0*d" % (width, number)

    out = PIECE.sub(piece, pattern)
    need(len(out) <= VALUE_MAX, f"{r.what}: value too long")
    return out


def get_texts(r, k, is_text):
    patterns = get_patterns(r, k, is_text)
    if not is_text:
        return patterns
    out, numbered = [], 0
    for p in patterns:
        b = get_text(r, p)
        numbered += len(b) if PIECE.search(p) else 0
        need(numbered <= NUMBERED_MAX, f"{r.what}: numbered values too long")
        out.append(text(b, r.what))
    return out


def put_texts(values):
    known, head, tail = {}, b"", b""
    for v in values:
        p = v
        if isinstance(v, str):
            p = v.encode()
            for run in RUN.findall(p):
                tail += int(run).to_bytes(DIGIT_BYTES[len(run)], "big")
            p = RUN.sub(lambda m: bytes([0xF4 + len(m.group())]), p)
        if p in known:
            head += varint(known[p])
        else:
            known[p] = len(known) + 1
            head += b"\0" + string(p)
    return head + tail


def get_integers(r, k, alone):
    out, before = [], 0
    for _ in range(k):
        v = r.zigzag()
        before = v if alone else signed(before + v)
        out.append(before)
    return out


def get_column(r, kind, m, alone=False):
    """m entries of a declared type; alone: integers are not differences."""
    if m == 0:
        return []
    here = get_presence(r, m)
    k = sum(here)
    if kind == "INTEGER":
        values = get_integers(r, k, alone)
    elif kind == "REAL":
        values = [real(r.take(8), r.what) for _ in range(k)]
    else:
        values = get_texts(r, k, kind == "TEXT")
    it = iter(values)
    return [next(it) if h else None for h in here]


def put_column(kind, entries, alone=False):
    if not entries:
        return b""
    out = put_presence([e is not None for e in entries])
    values = [e for e in entries if e is not None]
    if kind == "INTEGER":
        before = 0
        for v in values:
            out += zigzag(v if alone else signed(v - before))
            before = v
        return out
    if kind == "REAL":
        return out + b"".join(struct.pack(">d", v) for v in values)
    return out + put_texts(values)


# -- fields ("Payloads") -----------------------------------------------------

def get_fields(data, what, numbers=(), lists=()):
    """tag -> bytes, int for a tag in numbers, list for a tag in lists."""
    r, out, last = Reader(data, what), {}, 0
    while r.left():
        tag, value = r.varint(), r.string()
        need(tag >= last, f"{what}: tag {tag} after {last}")
        need(tag not in out or tag in lists, f"{what}: tag {tag} twice")
        last = tag
        if tag in numbers:
            n = Reader(value, f"{what} tag {tag}")
            value = n.varint((1 << 32) - 1)
            n.end()
        if tag in lists:
            out.setdefault(tag, []).append(value)
        else:
            out[tag] = value
    return out
