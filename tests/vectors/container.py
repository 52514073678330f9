"""What all containers share: sections, deflate, and what follows the
signature."""
import zlib

from wire import Reader, need, string

WHOLE_MAX = 1048576
RAW_MAX = 983040
SIGNATURE = 64


def scan(data, at, known):
    """The sections behind a header: (end, type -> (raw length, stored))."""
    need(len(data) <= WHOLE_MAX, "longer than 1 MiB")
    r = Reader(data, "sections")
    r.take(at)
    out, last, total = {}, 0, 0
    while True:
        kind = r.uint(1)
        if kind == 0:
            return r.at, out
        need(kind > last, f"section {kind} after {last}")
        need(kind in known, f"unknown section {kind}")
        last = kind
        raw, stored = r.varint(), r.varint()
        need(raw >= 1, f"section {kind} is empty")
        need(stored <= raw, f"section {kind} is longer than it was")
        need(raw < 1032 * stored + 1032, f"section {kind}: no stream gives it")
        total += raw
        need(total <= RAW_MAX, "sections too long")
        out[kind] = (raw, r.take(stored))


def expand(stored, raw, dictionary, what):
    """One raw deflate stream of exactly these bytes, giving exactly raw."""
    how = {"zdict": dictionary} if dictionary else {}
    d = zlib.decompressobj(-15, **how)
    try:
        out = d.decompress(stored, raw + 1)
    except zlib.error as e:
        need(False, f"{what}: {e}")
    need(d.eof, f"{what}: the stream does not end, or gives too much")
    need(not d.unused_data, f"{what}: bytes behind the stream")
    need(len(out) == raw, f"{what}: {len(out)} bytes, not {raw}")
    return out


def inflate(section, dictionary, what):
    raw, stored = section
    if raw == len(stored):
        return stored
    return expand(stored, raw, dictionary, what)


def read_tail(data, whole, committed):
    """Signature and personal section: (salt, values) or None per operation."""
    need(whole <= WHOLE_MAX, "container longer than 1 MiB")
    r = Reader(data, "container")
    r.take(SIGNATURE)
    body = r.take(r.uint(4))
    r.end()
    if not body:
        return [None] * committed
    need(committed, "personal section without a commitment")
    raw = personal_bytes(body)
    p, out = Reader(raw, "personal section"), []
    for _ in range(committed):
        here = p.uint(1)
        need(here <= 1, f"personal section: mark {here}")
        out.append((p.take(16), p.string()) if here else None)
    p.end()
    need(any(out), "personal section: all erased, and yet not empty")
    again = b"".join(b"\1" + o[0] + string(o[1]) if o else b"\0" for o in out)
    need(again == raw, "personal section is not itself again")
    return out


def personal_bytes(body):
    r = Reader(body, "personal section")
    how, n = r.uint(1), r.varint()
    need(how <= 1, f"personal section: stored in way {how}")
    need(1 <= n <= RAW_MAX, f"personal section: raw length {n}")
    rest = r.take(r.left())
    if how == 0:
        need(len(rest) == n, "personal section: not its raw length")
        return rest
    need(len(rest) < n, "personal section: deflated is not shorter")
    return expand(rest, n, b"", "personal section")
