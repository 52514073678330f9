"""A ledger from its first commit: lines, tree heads, files, and the state."""
import base64
import hashlib
import re
import subprocess
import time
from functools import lru_cache

from state import State
from wire import Bad, need

LINE = re.compile(r"([1-9]\d*) (0|[1-9]\d*) (0|[1-9]\d*) ([0-9a-f]{64}) "
                  r"(0|[1-9]\d*) (-|-?\d+(?:,-?\d+)*) (0|[1-9]\d*) (\S+.*)")
MESSAGE = re.compile(r"batch (\d+)\.\.(\d+)\n\n"
                     r"Tree-Head: (\d+) (\d+) ([0-9a-f]{64})\n")
SIGNERS = ("signers/changesets", "signers/hub", "signers/ledger")


class Git:
    """A bare repository, read through the stock program."""

    def __init__(self, path):
        self.base = ["git", "--git-dir=" + path, "--no-replace-objects"]
        self.batch = None

    def run(self, *args):
        p = subprocess.run(self.base + list(args), capture_output=True)
        need(p.returncode == 0, "git " + args[0] + ": " +
             p.stderr.decode(errors="replace").strip().replace("\n", "; "))
        return p.stdout

    def open(self):
        self.batch = subprocess.Popen(self.base + ["cat-file", "--batch"],
                                      stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)

    def close(self):
        if self.batch:
            self.batch.stdin.close()
            self.batch.stdout.close()
            self.batch.wait()

    def object(self, name, kind):
        self.batch.stdin.write(name.encode() + b"\n")
        self.batch.stdin.flush()
        head = self.batch.stdout.readline().decode().split()
        need(len(head) == 3 and head[1] == kind, f"no {kind} {name}")
        data = self.batch.stdout.read(int(head[2]))
        self.batch.stdout.read(1)
        return data

    def commits(self):
        """(name, parents, [(status, mode, path, blob)]), the first first."""
        listing = self.run("log", "--reverse", "--topo-order", "--raw", "-r",
                           "--root", "--no-renames", "--no-abbrev", "-m",
                           "--format=commit %H %P", "refs/heads/main")
        out = []
        for line in listing.decode().splitlines():
            if line.startswith("commit "):
                out.append((line.split()[1], line.split()[2:], []))
            elif line.startswith(":"):
                meta, path = line[1:].split("\t")
                _, mode, _, blob, status = meta.split()
                out[-1][2].append((status, mode, path, blob))
        return out


# -- RFC 6962 §2.1 -----------------------------------------------------------

class Tree:
    def __init__(self):
        self.leaves = []
        self.node = lru_cache(maxsize=None)(self.compute)

    def compute(self, start, end):
        n = end - start
        if n == 1:
            return hashlib.sha256(b"\0" + self.leaves[start]).digest()
        k = 1 << ((n - 1).bit_length() - 1)
        return hashlib.sha256(b"\1" + self.node(start, start + k) +
                              self.node(start + k, end)).digest()

    def root(self, size):
        if size == 0:
            return hashlib.sha256(b"").digest()
        return self.node(0, size)


# -- one batch ---------------------------------------------------------------

class Ledger:
    def __init__(self, path):
        self.git, self.tree, self.state = Git(path), Tree(), State()
        self.received, self.tip = 0, None

    def read(self):
        commits = self.git.commits()
        need(commits, "no commits")
        self.git.open()
        try:
            for name, parents, changes in commits:
                try:
                    need(parents == ([self.tip] if self.tip else []),
                         "the history is not one line")
                    self.commit(name, changes)
                except Bad as e:
                    raise Bad(f"commit {name[:12]}: {e}") from None
                self.tip = name
        finally:
            self.git.close()

    def commit(self, name, changes):
        head, _, message = self.git.object(name, "commit").partition(b"\n\n")
        m = MESSAGE.fullmatch(message.decode())
        need(m, "the message is not a batch's")
        first, last, epoch, size = (int(m.group(i)) for i in range(1, 5))
        files = {path: (status, blob) for status, mode, path, blob in changes
                 if self.regular(mode, path)}
        need(first == len(self.tree.leaves) + 1, "positions do not go on")
        lines = self.batch(first, files)
        need(last == len(self.tree.leaves) == size, "size is not the lines'")
        need(not self.state.due(), f"position {last}: operations that could "
             "take effect were left waiting")
        need(self.tree.root(size).hex() == m.group(5), "the root differs")
        need(epoch == self.state.epoch, "the epoch differs")
        self.check_people(head, lines)
        need(not files, f"also changes {sorted(files)}")

    def regular(self, mode, path):
        need(mode == "100644", f"{path}: mode {mode}")
        return True

    def check_people(self, head, lines):
        site = self.state.site.hex()
        who = f"Gengbu hub {site} <ledger@gengbu>"
        for role in ("author", "committer"):
            m = re.search(rf"^{role} (.*) (\d+) \+0000$", head.decode(),
                          re.M)
            need(m and m.group(1) == who, f"another {role}")
            need({r // 1000 for r in lines} == {int(m.group(2))},
                 "the commit's time")

    def take(self, files, path, what):
        """A file that this batch must add."""
        need(path in files, f"{path} is missing")
        status, blob = files.pop(path)
        need(status == "A", f"{path} is changed")
        return self.git.object(blob, what)

    def batch(self, first, files):
        """All lines of a batch; returns what each gives as received."""
        name = [p for p in files
                if re.fullmatch(rf"\d{{4}}/\d\d/\d\d/{first:09}\.batch", p)]
        need(len(name) == 1, "no batch, or several")
        text = self.take(files, name[0], "blob").decode()
        need(text.endswith("\n"), "the batch does not end in LF")
        received = []
        for line in text[:-1].split("\n"):
            received.append(self.line(line, files))
            self.added(files)
        need(name[0].startswith(date(received[0])), "the batch's date")
        self.common(first, files)
        return received

    def line(self, line, files):
        m = LINE.fullmatch(line)
        need(m, f"no line: '{line}'")
        position, device, seq = (int(m.group(i)) for i in (1, 2, 3))
        received = int(m.group(5))
        adjust = None if m.group(6) == "-" else \
            [int(a) for a in m.group(6).split(",")]
        need(position == len(self.tree.leaves) + 1, "positions do not go on")
        need(received >= self.received, f"{position}: received falls")
        self.received = received
        path = f"{date(received)}/{position:09}-{device}-{seq}.gbcs"
        data = self.take(files, path, "blob")
        self.take(files, path + ".sig", "blob")
        sha = hashlib.sha256(data).hexdigest()
        need(data[6:8] + data[24:28] == device.to_bytes(2, "big") +
             seq.to_bytes(4, "big"), f"{position}: another device or number")
        try:
            floor, verdict = self.state.line(data, received, adjust,
                                             self.tree.root)
        except Bad as e:
            raise Bad(f"position {position}: {e}") from None
        given = "-" if adjust is None else ",".join(map(str, adjust))
        again = (f"{position} {device} {seq} {sha} {received} {given} "
                 f"{floor} {verdict}")
        need(again == line, f"'{line}' should be '{again}'")
        self.tree.leaves.append(line.encode() + b"\n")
        return received

    def added(self, files):
        """The files of the schema versions that a set brought."""
        for version in self.state.added:
            for name, sql in self.state.schemas[version].files:
                path = f"schema/{version:04}/{name}"
                need(self.take(files, path, "blob") == sql,
                     f"{path} is not the schema's")

    def common(self, first, files):
        if first == 1:
            need(self.take(files, ".gitattributes", "blob") == b"* -text\n",
                 ".gitattributes")
        for path in SIGNERS:
            if first == 1:
                need(files.get(path, "-")[0] == "A", f"{path} is missing")
            if path in files:
                status, blob = files.pop(path)
                need(status in "AM", f"{path} is removed")
                data = self.git.object(blob, "blob").decode()
                if path == SIGNERS[0]:
                    self.check_signers(data)

    def check_signers(self, data):
        """Who may sign sets: only keys that some operation named."""
        for line in data.splitlines():
            words = line.split()
            need(len(words) >= 3, "signers: a line that is none")
            device, _, site = words[0].partition("@")
            key = base64.b64decode(words[-1])[-32:]
            need(site == self.state.site.hex(), "signers: another site")
            need((int(device), key) in self.state.keys,
                 f"signers: a key that nobody gave to {device}")


def date(received):
    return time.strftime("%Y/%m/%d", time.gmtime(received // 1000))


def check(path):
    """(size, root, state digest) of a sound ledger."""
    found = Ledger(path)
    found.read()
    size = len(found.tree.leaves)
    return size, found.tree.root(size), found.state.digest()
