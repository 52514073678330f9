"""faults - let go wrong, at every point, what a command does to its disk and
its memory; see faults.sh.

A stage is a command in a prepared folder (faults_stages.py); a mode is what goes
wrong at its n-th call, and perhaps at the m-th of the next try.  The command is
run so, and again until it ends well; what its exit status 0 promises is looked
for, and at last all is carried everywhere: each operation that was acknowledged
is at the hub once, hub, handhelds and audit have the same digest, and git finds
nothing.
"""
import collections
import multiprocessing
import os
import re
import sqlite3
import subprocess
import sys

import faults_disk
from faults_stages import STAGES, Broken, build, finish, need, prepare, top

every = int(os.environ.get("EVERY", "0"))  # 0: a few
seed = int(os.environ.get("SEED", "1"))
sanitized = "address" in build


# --------------------------------------------------------------------- modes --

def io(what, once=False):
    return lambda n, _: dict({"FAULT_AT": str(n), "FAULT": what},
                             **({"FAULT_ONCE": "1"} if once else {}))


def memory(once):
    return lambda n, points: dict({"MEMORY_AT": str(points.memory[n - 1])},
                                  **({"MEMORY_ONCE": "1"} if once else {}))


EXIT = (io("before"), None)
CUT = (io("before"), "strict")
# What goes wrong in the first try, with what becomes of the disk, and in the
# second.
MODES = {
    "full disk": [(io("ENOSPC"), None)],
    "full disk, once": [(io("ENOSPC", True), None)],
    "bad disk": [(io("EIO"), None)],
    "bad disk, once": [(io("EIO", True), None)],
    "read-only disk": [(io("EROFS"), None)],
    "exit before": [EXIT],
    "exit after": [(io("after"), None)],
    "power: strict": [CUT],
    "power: data": [(io("before"), "data")],
    "power: names": [(io("before"), "names")],
    "power: chance": [(io("before"), "chance")],
    "bad, then power": [(io("EIO", True), "strict")],
    "no memory": [(memory(False), None)],
    "no memory, once": [(memory(True), None)],
    "exit, bad disk": [EXIT, (io("EIO", True), None)],
    "exit, exit": [EXIT, EXIT],
    "power, bad disk": [CUT, (io("EIO", True), None)],
    "power, power": [CUT, CUT],
    "bad disk, power": [(io("EIO", True), None), CUT],
}


# What broke a promise once: a stage, a mode, and so many calls behind one.
ALWAYS = [("found", "power: strict", "rename site", 2)]

WHOLE = 10  # at one point of so many, all is carried everywhere


class Points:
    """What a stage does, undisturbed."""

    def __init__(self, name):
        w, s = fresh(name), STAGES[name]
        log, places = os.path.join(w, "log"), os.path.join(w, "places")
        said, disk = watched(w, s, {} if sanitized else {
            "MEMORY_CALLS": places})
        need(said.code == 0, "broken", said.err)
        self.calls = {e.n: "%s %s" % (e.call, role(e.paths[-1]))
                      for e in faults_disk.events(log) if e.n}
        self.io = max(self.calls)
        self.memory = []
        if not sanitized:
            with open(places) as f:
                self.memory = sorted(int(line.split()[0]) for line in f)
        # the log has it all: played, it makes the same files
        os.mkdir(w + ".real")
        for folder in s.tops:
            os.rename(os.path.join(w, folder), os.path.join(
                w + ".real", folder))
        disk.cut("all", 0)
        for folder in s.tops:
            out = subprocess.run(
                ["diff", "-rq", "-x", "*-shm", folder,
                 os.path.join(w + ".real", folder)], cwd=w,
                capture_output=True, text=True)
            need(out.returncode == 0, "broken", "the log: " + out.stdout)
        s.check(w, s, 1)

    def numbers(self, mode, long):
        """Of the points, those that are worth it: in a row of more than three
        calls of one sort to one file, the first two and the last."""
        if "memory" in mode:
            return list(range(1, len(self.memory) + 1))
        end = [self.io + 1] * (MODES[mode][0][1] is not None)
        c = [self.calls.get(n) for n in range(self.io + 2)]
        return [n for n in range(1, self.io + 1) if not (
            long and n > 2 and c[n - 2] == c[n - 1] == c[n] == c[n + 1])] + end


def role(path):
    base = os.path.basename(path)
    for end, what in ((".pack", "pack"), (".idx", "index of a pack"),
                      ("idx.lock", "index of a pack, new"),
                      (".lock", "ref, new"), ("main", "ref")):
        if base.endswith(end):
            return what
    if base.startswith("pack_git2_"):
        return "pack, new"
    if ".gbx" in base:
        return "bundle, new" if ".tmp-" in base else "bundle"
    return base.split(".tmp-")[0] + ", new" if ".tmp-" in base else base


# -------------------------------------------------------------------- points --

def fresh(stage):
    w = os.path.join(top, "%s-%d" % (stage.replace(" ", "-"), os.getpid()))
    subprocess.run(["rm", "-rf", w, w + ".before", w + ".real"], check=True)
    subprocess.run(["cp", "-a", os.path.join(
        top, "before", STAGES[stage].before), w], check=True)
    return w


def watched(w, s, fault):
    """Try once; what it said, and the disk as its log has it."""
    log, before = os.path.join(w, "log"), w + ".before"
    subprocess.run(["rm", "-rf", log, before], check=True)
    subprocess.run(["cp", "-a", w, before], check=True)
    disk = faults_disk.Disk(w, before, s.tops)
    said = s.go(w, dict(fault, FAULT_LOG=log))
    for e in faults_disk.events(log):
        disk.take(e)
    return said, disk


Point = collections.namedtuple("Point", "stage mode n m")


def judge(point, points, seen, whole):
    """Let it go wrong there, and hold the rest to what was promised; how it
    ended at first.  What a cut leaves may have been `seen`."""
    w, s = fresh(point.stage), STAGES[point.stage]
    outcome, tries, done = None, 0, False
    for (fault, cut), n in zip(MODES[point.mode], (point.n, point.m)):
        tries += 1
        if cut:
            said, disk = watched(w, s, fault(n, points))
            disk.cut(cut, "%d %s" % (seed, point))
        else:
            said = s.go(w, fault(n, points))
        outcome = outcome or said.outcome()
        need(said.outcome() != "crashed", "crashed", "%d: %s" % (
            said.code, said.err or said.out))
        done = said.code == 0
        if done:
            break
    if cut and cut != "chance" and len(MODES[point.mode]) == 1:
        shape = disk.shape(), done
        if shape in seen:
            return outcome
        seen.add(shape)
    if not done:
        tries += 1
        said = s.go(w, {})
        need(said.code == 0, "stuck", said.err or said.out)
    s.check(w, s, tries)
    if whole:
        finish(w, s, tries)
    return outcome


def plan(points):
    """All points that are tried, a list for each stage and mode."""
    cells = []
    for i, (stage, s) in enumerate(STAGES.items()):
        for k, (mode, tries) in enumerate(MODES.items()):
            if sanitized and "memory" in mode:
                continue  # its own malloc is there
            numbers = points[stage].numbers(mode, s.long)
            if every:
                numbers = numbers[seed % every::every]
            else:  # a third of the cells, a point in each
                at = int((seed + i + k) * 0.618034 * len(numbers))
                numbers = [numbers[at % len(numbers)]] * (
                    (i + k) % (9 if sanitized else 3) == seed % 3)
            cells.append([Point(stage, mode, n, len(tries) > 1 and
                                1 + (37 * n + seed) % points[stage].io)
                          for n in numbers])
    for stage, mode, call, n in ALWAYS:
        n += max(i for i, c in points[stage].calls.items() if c == call)
        cells.append([Point(stage, mode, n, 0)])
    return cells


def chosen(points, wanted):
    """The same, of what the user asked for: STAGE[/MODE[/N[/M]]], where patterns
    will do for the first two alone."""
    if len(wanted) > 2:
        return [[Point(*wanted[:2], *(list(map(int, wanted[2:])) + [0])[:2])]]
    return [cell for cell in plan(points) if cell and all(
        map(re.search, wanted, cell[0]))]


def cell(job):
    """All points of one, with what came out: an outcome, or what was broken."""
    found, seen = [], set()
    points, todo, single = job
    for point in todo:
        whole = single or (7 * point.n + len(point.mode)) % WHOLE == 0
        try:
            found.append((point, judge(point, points, seen, whole), None))
        except Broken as e:
            found.append((point, None, e.args))
        except (subprocess.TimeoutExpired, sqlite3.Error, OSError) as e:
            found.append((point, None, ("broken", str(e))))
    return found


# ------------------------------------------------------------------- results --

OUTCOMES = "refused", "died", "went on"
PROMISES = "lost", "doubled", "stuck", "crashed", "broken"

HEAD = ("points",) + OUTCOMES + PROMISES
LINE = "%-12s %-17s" + " %7s" * len(HEAD)


def show(stage, mode, found):
    """A line of the table; above it, what was broken."""
    count = collections.Counter({"points": len(found)})
    for point, outcome, broken in found:
        count[broken[0] if broken else outcome] += 1
        if broken and stage != "all":
            print("%s: %s\n  POINT='%s' SEED=%d tests/flow/faults.sh %s" % (
                *broken, name_of(point), seed, build))
    print(LINE % (stage, mode, *(count[h] for h in HEAD)), flush=True)


def name_of(p):
    return "/".join([p.stage, p.mode, str(p.n)] + [str(p.m)] * (p.m > 0))


def write_list(path, results, points):
    with open(path, "w") as f:
        for p, outcome, broken in results:
            what = "an allocation" if "memory" in p.mode else \
                points[p.stage].calls.get(p.n, "its end")
            f.write("%s: %s: %s\n" % (name_of(p), what,
                                     outcome or ": ".join(broken)))


def workers():
    try:
        return multiprocessing.Pool()
    except OSError as e:
        sys.exit("faults.sh: no locks for its workers: %s: /dev/shm must be "
                 "there, and writable for this user (mode 1777)" % e)


def main():
    prepare()
    with workers() as pool:
        points = dict(zip(STAGES, pool.map(Points, STAGES, 1)))
        wanted = os.environ.get("POINT", "").split("/")
        cells = [(points[c[0].stage], c, len(wanted) > 2)
                 for c in chosen(points, wanted)]
        results = []
        print(LINE % ("stage", "goes wrong", *HEAD))
        for found in pool.imap(cell, cells, 1):
            show(*found[0][0][:2], found)
            results += found
    show("all", "", results)
    if os.environ.get("LIST"):
        write_list(os.environ["LIST"], results, points)
    return any(broken for _, _, broken in results)


if __name__ == "__main__":
    sys.exit(main())
