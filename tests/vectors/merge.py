"""docs/MERGE.md computed from its definitions.

Every operation that took effect is kept.  What is open in a cell is found by
holding each write of it against every other when the later one takes effect;
what shows is taken from that, only when somebody asks.  M1 … M16 are the rules of that page; state.py has
the others.
"""
from changeset import RESOLVE, VOID
from wire import need, put_value, signed


class Write:
    """An operation that took effect."""

    def __init__(self, op, where, e, position, base, level):
        self.device, self.id = where[0], where      # (device, number, index)
        self.e, self.position, self.base, self.level = e, position, base, level
        self.closed = set()     # columns in which it is overwritten
        self.marked = set()     # columns that it moved by a move marked "!"
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

    Values that `worst` does not name stand between NULL and the first.
    """
    if v is None:
        return (0,)
    if rule.name == "worst" and v in rule.order:
        return (2, rule.order.index(v))
    v = v.encode() if isinstance(v, str) else v
    return (1, Falling(v) if rule.name == "min" else v)


def outranks(y, x, name, rule):
    """y may replace x, having seen it (M10)."""
    if rule.name not in ("max", "min", "worst") or y.names is not None:
        return True
    if rule.back is not None and y.level >= rule.back:
        return True
    return rank(rule, y.cols[name]) >= rank(rule, x.cols[name])


def overwrites(y, x, name, rule, parents):
    return before(x, y, parents) and outranks(y, x, name, rule)


def open_ones(name, writes):
    return [w for w in writes if name not in w.closed]


def hold_against(new, known, name, rule, writes, parents):
    """A write takes effect: it and each of those before overwrite one another.

    Of those before it, the ones from before the position `known`, at which it
    could not be read yet, count only while they are open (M4).
    """
    still = open_ones(name, writes)
    for w in writes:
        if (overwrites(w, new, name, rule, parents) and
                (w.position >= known or w in still)):
            new.closed.add(name)
        if overwrites(new, w, name, rule, parents):
            w.closed.add(name)
    if rule.name == "state" and name in new.left:
        move = new.left[name], new.cols[name]
        if rule.moves.get(move, (0, False))[1]:
            new.marked.add(name)


def prefer(rule, v):
    """Place of a state; those that nobody named come last (M12)."""
    return rule.prefer.index(v) if v in rule.prefer else len(rule.prefer)


def show_open(name, rule, siblings):
    """(value, must a person look) of open siblings: M9, M12 to M14."""
    if rule.name in ("max", "min", "worst"):
        best = max(siblings, key=lambda w: (rank(rule, w.cols[name]), w.key()))
        return best.cols[name], 0
    if rule.name == "role":
        best = max(siblings, key=lambda w: (w.level, w.key()))
        return best.cols[name], 0
    if rule.name == "state":
        value = min(siblings, key=lambda w: (prefer(rule, w.cols[name]),
                                             -w.e, -w.device)).cols[name]
        marked = any(name in w.marked for w in siblings)
        return value, int(len(siblings) > 1 and marked)
    best = max(siblings, key=Write.key)
    different = {put_value(w.cols[name]) for w in siblings}
    return best.cols[name], int(len(different) > 1)


def show(name, rule, writes):
    """(value, review, siblings) of a cell; siblings None for a sum."""
    if rule.name == "sum":
        return signed(sum(w.cols[name] for w in writes)), 0, None
    if rule.is_open():
        siblings = open_ones(name, writes)
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
