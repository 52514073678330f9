#!/usr/bin/env python3
"""A second reading of docs/FORMAT.md and docs/MERGE.md.

    decoder.py set FILE.gbcs --schema DIR_OR_PACK   the set as JSON
    decoder.py check-sets DIR                       the golden sets in DIR
    decoder.py ledger LEDGER.git                    size, root, state digest

It was written from those two pages alone and shares nothing with the engine.
What it reads it writes again and compares.  It ends with 1 and one line on
standard error at the first disagreement, with 2 when it is used wrongly.
"""
import json
import os
import re
import sys

sys.dont_write_bytecode = True

import changeset                        # noqa: E402
import ledger                           # noqa: E402
import schema                           # noqa: E402
from wire import Bad, need, put_value   # noqa: E402


def plain(v):
    """A value as JSON has it; bytes and reals so that nothing is lost."""
    if isinstance(v, bytes):
        return {"blob": v.hex()}
    if isinstance(v, float):
        return {"real": v.hex()}
    return v


def op_json(s, op):
    out = {"index": op.index, "kind": changeset.KINDS[op.kind],
           "actor": op.actor, "boot": op.boot, "time": op.time,
           "stamp": op.stamp}
    if op.table:
        out.update(table=op.table.name, id=op.id)
    cols, left, names = {}, {}, {}
    for n, v in sorted(op.cols.items()):
        c = op.table.columns[n]
        if c.personal:
            continue
        if isinstance(v, tuple):
            left[c.name], v = plain(v[0]), v[1]
        cols[c.name] = plain(v)
    if op.commitment:
        out["commitment"] = op.commitment.hex()
        given = getattr(op, "personal", None)
        for c in changeset.written_personal(op):
            names[c.name] = plain(given[c.number]) if given else None
        out["personal"] = names if given else sorted(names)
    for key, value in (("values", cols), ("left", left), ("ref", op.ref),
                       ("reason", op.reason), ("names", op.names)):
        if value:
            out[key] = value
    if op.payload is not None:
        out["payload"] = op.payload.hex()
    if op.origin:
        out["origin"] = [op.origin[0], op.origin[1].hex(), *op.origin[2:]]
    return out


def set_json(s, whole):
    return {
        "device": s.device, "number": s.seq, "site": s.site.hex(),
        "sha256": s.sha.hex(), "previous": s.prev.hex(),
        "schema": s.version, "clock": s.clock, "container": whole,
        "base": {"epoch": s.base[0], "size": s.base[1],
                 "root": s.base[2].hex()},
        "boots": [{"id": b.id.hex(), "wall": b.wall, "monotonic": b.mono,
                   "ahead": b.ahead, "operations": b.n} for b in s.boots],
        "parent": s.parent, "operations": [op_json(s, op) for op in s.ops]}


# -- the texts beside the golden sets (tests/vectors/sets/README.md) ---------

def op_text(s, op):
    words = op.ref if op.kind == changeset.INSERT else op.reason
    words = op.payload if op.payload is not None else (words or "").encode()
    yield (f"op {op.index} {op.kind} {op.table.number if op.table else 0} "
           f"{op.id or 0} {op.actor} {op.boot} {op.time} {op.stamp} "
           f"{words.hex() or '-'}")
    given = getattr(op, "personal", None)
    for n, v in sorted(op.cols.items()):
        if op.table.columns[n].personal:
            v = put_value(given[n]).hex() if given else "?"
        elif isinstance(v, tuple):
            left = "" if v[0] is None else " " + put_value(v[0]).hex()
            v = put_value(v[1]).hex() + left
        else:
            v = put_value(v).hex()
        yield f"  value {n} {v}"
    for device, stamp in op.names:
        yield f"  name {device} {stamp}"
    if op.commitment:
        yield f"  commitment {op.commitment.hex()}"
    if op.origin:
        device, boot, mono, stamp = op.origin
        yield f"  origin {device} {boot.hex()} {mono} {stamp}"


def set_text(s):
    yield f"site {s.site.hex()}"
    yield (f"set {s.device} {s.seq} {s.version} {s.clock} {s.base[0]} "
           f"{s.base[1]}")
    yield f"prev {s.prev.hex()}"
    yield f"root {s.base[2].hex()}"
    for b in s.boots:
        yield f"boot {b.id.hex()} {b.wall} {b.mono} {b.ahead}"
    if s.parent is not None:
        yield "parent {} {} {}".format(*s.parent)
    for op in s.ops:
        yield from op_text(s, op)


def compare_text(s, path):
    with open(path, encoding="utf-8") as f:
        want = f.read().splitlines()
    got = list(set_text(s))
    for number, (g, w) in enumerate(zip(got, want), 1):
        need(g == w, f"{path}:{number}: '{w}', decoded as '{g}'")
    need(len(got) == len(want), f"{path}: {len(want)} lines, not {len(got)}")


ROW = re.compile(r"\| `(\w+)` \| (?:(\S+\.sql), (\d+)|none, 0) \|")


def check_sets(folder):
    """All sets that the README lists; returns how many."""
    with open(os.path.join(folder, "README.md"), encoding="utf-8") as f:
        rows = [m.groups() for m in map(ROW.match, f) if m]
    listed = {name + ".gbcs" for name, _, _ in rows}
    there = {n for n in os.listdir(folder) if n.endswith(".gbcs")}
    need(rows and listed == there, f"{folder}: README.md lists other sets")
    for name, sql, version in rows:
        path = os.path.join(folder, name)
        known = None
        if sql:
            with open(os.path.join(folder, sql), "rb") as f:
                known = schema.Schema([(sql, f.read())])
        try:
            with open(path + ".gbcs", "rb") as f:
                s, whole = changeset.decode_file(f.read(), known)
        except Bad as e:
            raise Bad(f"{path}.gbcs: {e}") from None
        need(whole, f"{path}.gbcs: no whole container")
        need(s.version == int(version or 0), f"{path}.gbcs: schema version")
        if os.path.exists(path + ".txt"):
            compare_text(s, path + ".txt")
    return len(rows)


# -- command line ------------------------------------------------------------

def run(args):
    if len(args) == 4 and args[0] == "set" and args[2] == "--schema":
        with open(args[1], "rb") as f:
            s, whole = changeset.decode_file(f.read(), schema.load(args[3]))
        print(json.dumps(set_json(s, whole), ensure_ascii=False, indent=1))
    elif len(args) == 2 and args[0] == "check-sets":
        print(f"{check_sets(args[1])} sets agree")
    elif len(args) == 2 and args[0] == "ledger":
        size, root, digest = ledger.check(args[1])
        print(f"size {size} root {root.hex()} digest {digest.hex()}")
    else:
        print("usage: decoder.py set FILE.gbcs --schema DIR_OR_PACK | "
              "check-sets DIR | ledger LEDGER.git", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except (Bad, OSError, ValueError) as e:
        print(f"decoder.py: {e}", file=sys.stderr)
        sys.exit(1)
