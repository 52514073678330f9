"""faults_stages - the commands that faults.py breaks, the folders that they begin
with, and what their exit status 0 promises."""
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys

build, top = sys.argv[1:]


class Broken(Exception):
    """A promise; args: what, and how."""


def need(good, what, how):
    if not good:
        raise Broken(what, str(how)[:600])


# ------------------------------------------------------------------ commands --

def environment(fault):
    preload = [os.path.join(build, "tests/flow/fault.so")]
    if any(k.startswith("MEMORY") for k in fault):
        preload.append(os.path.join(build, "tests/flow/memory.so"))
    return dict(os.environ, LC_ALL="C", LD_PRELOAD=":".join(preload),
                FAULT_LAZY="1", **fault)


# What a library that is loaded without memory says by itself.
LIBRARIES = "Error in GnuTLS initialization"


class Said:
    """How a command ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def outcome(self):
        """Each line of a refusal says whose it is."""
        if self.code == 0:
            return "went on"
        lines = [line for line in self.err.splitlines()
                 if not line.startswith(LIBRARIES)]
        if self.code == 1 and (lines or self.out) and all(
                line.startswith("gengbu") for line in lines):
            return "refused"
        killed = self.code == -signal.SIGKILL or \
            re.search("memory: died in /.*/libgit2[.]so", self.err)
        return "died" if killed else "crashed"


def run(w, command, **fault):
    p = subprocess.run(command.split(), cwd=w, env=environment(fault),
                       stdin=subprocess.DEVNULL, capture_output=True,
                       timeout=300)
    return Said(p.returncode, p.stdout.decode(), p.stderr.decode())


def must(w, command):
    said = run(w, command)
    need(said.code == 0, "broken", "%s: %d: %s" % (
        command, said.code, said.err or said.out))
    return said.out


def serve(w, **fault):
    """The server and its address; none when it did not live to say it."""
    err = open(os.path.join(w, "serve.err"), "w")
    p = subprocess.Popen(
        "gengbu-hub serve hub --listen 127.0.0.1:0".split(), cwd=w, stderr=err,
        env=environment(fault), stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL)
    err.close()
    return p, p.stdout.readline().decode().strip()


def end(p):
    if p.poll() is None:
        p.terminate()
    p.wait(300)
    p.stdout.close()
    return p.returncode


def simple(command):
    return lambda w, fault: run(w, command, **fault)


def once(command):
    """What is refused when it was done before."""
    def go(w, fault):
        said = run(w, command, **fault)
        return Said(0, "", "") if " already" in said.err else said
    return go


def sync(in_server):
    """A sync; a fault is its own, or its server's."""
    def go(w, fault):
        server, url = serve(w, **(fault if in_server else {}))
        said = Said(1, "", "")
        if url:
            said = run(w, "gengbu sync 1 --hub " + url,
                       **({} if in_server else fault))
        code = end(server)
        if in_server and (not url or code < 0 and said.code or
                          code not in (0, 1, -signal.SIGKILL)):
            with open(os.path.join(w, "serve.err")) as f:
                said = Said(code or 1, "", f.read())
        return said
    return go


# ------------------------------------------------------------ what is promised --

# Operation k adds 4 to the power of k to one sum, so that its digits say how
# often each was taken; those of the lists made a record as well.
FIRST = range(0, 4)    # handheld 1 recorded, or is about to
SECOND = range(4, 6)   # handheld 2, exported
LATER = range(6, 7)    # handheld 2, afterwards
TRIED = 8              # not to be repeated: as often as it was tried, at most


def query(path, sql):
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def has(w, file, operations, tries=None):
    """The database has each of the operations once, and no other."""
    path = os.path.join(w, file)
    rows = dict(query(
        path, "SELECT text, count(*) FROM service_request GROUP BY 1"))
    total = query(path, "SELECT max(urged) FROM service_request")[0][0]
    for k in range(TRIED):
        want = int(k in operations)
        for got in (rows.get(str(k), 0), total >> 2 * k & 3):
            need(got >= want, "lost", "%s: operation %d" % (file, k))
            need(got <= want, "doubled", "%s: operation %d" % (file, k))
    if tries is not None:
        got = total >> 2 * TRIED
        need(got >= tries[0], "lost", "%s: the last try" % file)
        need(got <= tries[1], "doubled", "%s: the last try" % file)


def digest_is(w, device):
    mine = must(w, "gengbu digest %d" % device)
    hubs = must(w, "gengbu-hub digest hub --device %d" % device)
    need(mine == hubs, "broken", "digest of handheld %d: %s, not %s" % (
        device, mine, hubs))


def hub_has(w, operations):
    os.makedirs(os.path.join(w, "caught"), exist_ok=True)
    # who writes catches up with the ledger first
    run(w, "gengbu-hub export hub --device 1 --to caught")
    has(w, "hub/hub.db", operations)
    return must(w, "gengbu-hub digest hub").strip()


def audited(w, ledger, digest):
    out = json.loads(must(w, "gengbu-audit %s --json" % ledger))
    need(out["digest"] == digest, "broken", "the audit's digest")
    must(w, "git -C %s fsck --strict" % ledger)


def recorded(w, s, _):
    has(w, "1/journal.db", s.first)


def tried(w, s, tries):
    has(w, "1/journal.db", s.first, (1, tries))


def on_stick(w, s, _):
    must(w, "gengbu-hub import hub stick")
    hub_has(w, s.all)


def at_hub(w, s, _):
    hub_has(w, s.all)


def handed_out(w, s, tries):
    must(w, "gengbu import 2 down")
    taken_in(w, s, tries)


def taken_in(w, s, _):
    has(w, "2/journal.db", {*s.all, *s.second})
    digest_is(w, 2)


def synced(w, s, _):
    hub_has(w, s.all)
    digest_is(w, 1)


def merged(w, s, _):
    hub_has(w, s.all)
    must(w, "git -C hub/ledger.git fsck --strict")


def backed_up(w, s, _):
    want = hub_has(w, s.all)
    shutil.copytree(os.path.join(w, "copy"), os.path.join(w, "again"))
    must(w, "gengbu-hub rebuild again")
    need(must(w, "gengbu-hub digest again").strip() == want, "lost",
         "the backup's digest")
    audited(w, "copy/ledger.git", want)


def founded(w, *_):
    audited(w, "hub2/ledger.git", must(w, "gengbu-hub digest hub2").strip())


def begun(w, *_):
    must(w, "gengbu signin 3 0-1")
    must(w, "gengbu export 3 stick")
    must(w, "gengbu-hub import hub stick")


def finish(w, s, tries):
    """All goes everywhere."""
    os.makedirs(os.path.join(w, "up"), exist_ok=True)
    for device in (1, 2):
        must(w, "gengbu export %d up" % device)
    must(w, "gengbu-hub import hub up")
    for device in (1, 2):
        must(w, "gengbu-hub export hub --device %d --to up" % device)
        must(w, "gengbu import %d up" % device)
    everything = sorted({*s.all, *s.first, *s.second})
    audited(w, "hub/ledger.git", hub_has(w, everything))
    for device in (1, 2):
        digest_is(w, device)
        has(w, "%d/journal.db" % device, everything,
            (1, tries) if s.check is tried else None)


# -------------------------------------------------------------------- stages --

class Stage:
    """`tops` is what is on the disk that loses its power, `first`, `second` and
    `all` what handhelds and hub have when it is done.  Where it is `long`, one
    that writes alike again and again, not each of these is a point."""

    def __init__(self, before, go, tops, check, all=(), first=FIRST,
                 second=SECOND, long=False):
        self.long = long
        self.before, self.go, self.tops = before, go, tops.split()
        self.check, self.all = check, list(all)
        self.first, self.second = list(first), list(second)


SCHEMA = os.path.join(os.path.dirname(__file__), "../../schema")
BOTH = [*FIRST, *SECOND]
STAGES = {
    "found": Stage("new", once("gengbu-hub init hub2 --site S --admin A --schema "
                               + SCHEMA), "hub2", founded, second=[],
                   first=[], long=True),
    "begin": Stage("new", once("gengbu init 3 --ticket 3.ticket"), "3", begun,
                   first=[], second=[], long=True),
    "record": Stage("new", simple("gengbu record 1 --jsonl work.jsonl"), "1",
                    recorded, second=[]),
    "set": Stage("recorded", simple(
        "gengbu set 1 service_request 1-1 urged+=%d" % 4 ** TRIED), "1", tried,
        second=[]),
    "export": Stage("recorded", simple("gengbu export 1 stick"), "1 stick",
                    on_stick, FIRST, second=[]),
    "import": Stage("exported", simple("gengbu-hub import hub stick"),
                    "hub stick", at_hub, BOTH),
    "merge packs": Stage("packs", simple("gengbu-hub import hub stick"),
                         "hub stick", merged, BOTH),
    "hand out": Stage("imported", simple(
        "gengbu-hub export hub --device 2 --to down"), "hub down", handed_out,
        BOTH),
    "take in": Stage("down", simple("gengbu import 2 down"), "2 down", taken_in,
                     BOTH, second=[*SECOND, *LATER]),
    "sync": Stage("halfway", sync(False), "1", synced, BOTH),
    "serve": Stage("halfway", sync(True), "hub", synced, BOTH),
    "back up": Stage("imported", simple("gengbu-hub backup hub copy"),
                     "hub copy", backed_up, BOTH, long=True),
    "rebuild": Stage("imported", simple("gengbu-hub rebuild hub"), "hub",
                     at_hub, BOTH, long=True),
}


def write_lines(path, device, operations):
    with open(path, "w") as f:
        for k in operations:
            f.write(json.dumps({
                "table": "service_request", "ref": "r%d" % k, "fields": {
                    "kind": "repair", "unit_id": "@u0", "channel": "phone",
                    "text": str(k)}}) + "\n")
            f.write(json.dumps({"table": "service_request", "id": "1-1",
                                "add": {"urged": 4 ** k}}) + "\n")


def prepare():
    """The folders that stages begin with, each from one before it."""
    def copy(old, new):
        subprocess.run(["cp", "-a", at(old), at(new)], check=True)
        return at(new)

    def at(name):
        return os.path.join(top, "before", name)

    def record(w, device, operations):
        write_lines(os.path.join(w, "lines"), device, operations)
        must(w, "gengbu record %d --jsonl lines" % device)

    w = at("new")
    write_lines(os.path.join(w, "work.jsonl"), 1, FIRST)
    w = copy("new", "recorded")
    must(w, "gengbu record 1 --jsonl work.jsonl")
    w = copy("recorded", "exported")
    record(w, 2, SECOND)
    for device in (1, 2):
        must(w, "gengbu export %d stick" % device)
    w = copy("exported", "imported")
    must(w, "gengbu-hub backup hub copy")
    must(w, "gengbu-hub import hub stick")
    w = copy("imported", "down")
    must(w, "gengbu-hub export hub --device 2 --to down")
    record(w, 2, LATER)
    w = copy("exported", "halfway")  # the second's work is at the hub
    must(w, "gengbu-hub import hub " + [
        "stick/" + f for f in os.listdir(os.path.join(w, "stick"))
        if "-up-2-" in f][0])
    w = copy("exported", "packs")
    packs = os.path.join(w, "hub/ledger.git/objects/pack")
    for i in range(100):
        if sum(f.endswith(".pack") for f in os.listdir(packs)) >= 50:
            break
        with open(os.path.join(w, "units.csv"), "w") as f:
            f.write("ref,building,floor,room,area\nu%d,3,12,1202,B\n" % (i + 1))
        must(w, "gengbu-hub load hub unit units.csv")
