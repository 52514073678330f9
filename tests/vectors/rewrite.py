#!/usr/bin/env python3
"""What somebody who owns the hub can do to a ledger, and an audit of each.

    rewrite.py LEDGER.git LEDGER_KEY SCRATCH.git

Every object of the ledger (commits, folders of each level, files of each kind)
is changed byte by byte, and everything that names it is hashed again up to the
ref: once with the commits' signatures as they were, once signed anew with the
ledger's key.  Then folders are changed in the ways in which git would not mind,
and at last lines of batches, with all tree heads computed anew: what only the
devices' own signatures, or a remembered head, can tell.

Each time gengbu-audit must exit with 1, in one line that names the place.
GENGBU_FULL changes every byte and not a few of each object.
"""
import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zlib

sys.dont_write_bytecode = True

from forge import private_key, ssh, sshsig, u32             # noqa: E402
from ledger import Git, MESSAGE, Tree                       # noqa: E402

FULL = "GENGBU_FULL" in os.environ
VERDICT = re.compile(r"gengbu-audit: \S+: WRONG(?: at position (\d+)"
                     r"(?:\.\.(\d+))?)?: ")


def name_of(kind, data):
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) +
                        data).hexdigest()


def entries_of(folder):
    """[mode, name, object] of a folder's bytes."""
    out, at = [], 0
    while at < len(folder):
        space, nul = folder.index(b" ", at), folder.index(b"\0", at)
        out.append((folder[at:space], folder[space + 1:nul],
                    folder[nul + 1:nul + 21].hex()))
        at = nul + 21
    return out


def folder_of(entries):
    return b"".join(m + b" " + n + b"\0" + bytes.fromhex(o)
                    for m, n, o in entries)


def armor(key, payload):
    blob = (b"SSHSIG" + u32(1) + ssh(ssh(b"ssh-ed25519") + ssh(key[32:])) +
            ssh(b"git") + ssh(b"") + ssh(b"sha512") +
            ssh(ssh(b"ssh-ed25519") + ssh(sshsig(payload, b"git", key))))
    text = base64.b64encode(blob).decode()
    lines = [text[i:i + 70] for i in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines,
                      "-----END SSH SIGNATURE-----"])


def sign(commit, key):
    """A commit's bytes with another signature."""
    payload = re.sub(rb"\ngpgsig .*(?:\n .*)*", b"", commit, count=1)
    head, _, message = payload.partition(b"\n\n")
    text = armor(key, payload).replace("\n", "\n ").encode()
    return head + b"\ngpgsig " + text + b"\n\n" + message


class Rewriter:
    def __init__(self, path, key, scratch):
        self.scratch, self.key, self.kinds, self.data = scratch, key, {}, {}
        git = Git(path)
        git.open()
        for line in git.run("cat-file", "--batch-all-objects",
                            "--batch-check").decode().splitlines():
            name, kind, _ = line.split()
            self.kinds[name] = kind
            self.data[name] = git.object(name, kind)
        git.close()
        self.commits = [c for c, _, _ in git.commits()]
        self.first, self.range = {}, {}
        for i, c in enumerate(self.commits):
            m = MESSAGE.fullmatch(self.data[c].split(b"\n\n", 1)[1].decode())
            self.range[i] = int(m[1]), int(m[2])
            self.last_message = m
            self.note(self.tree(c), i)
            self.first[c] = i
        self.audits, self.new = 0, {}

    def tree(self, commit):
        return self.data[commit][5:45].decode()

    def note(self, name, i):
        """Which commit an object came with."""
        if name in self.first:
            return
        self.first[name] = i
        if self.kinds[name] == "tree":
            for _, _, below in entries_of(self.data[name]):
                self.note(below, i)

    def put(self, kind, data):
        name = name_of(kind, data)
        if name not in self.data:
            self.new[name] = kind, data
        return name

    def folder(self, name, changed):
        """The object in place of one, with all that it holds."""
        if name in changed:
            return self.put(self.kinds[name], changed[name])
        if self.kinds[name] != "tree":
            return name
        if name not in self.done:
            self.done[name] = self.put("tree", folder_of(
                [(m, n, self.folder(o, changed))
                 for m, n, o in entries_of(self.data[name])]))
        return self.done[name]

    def rewrite(self, changed, key, messages=None):
        """The new tip when objects are other bytes; key: it signs anew."""
        self.new, self.done, parent = {}, {}, None
        for i, c in enumerate(self.commits):
            data = changed.get(c, self.data[c])
            tree = self.folder(self.tree(c), changed).encode()
            if c not in changed:
                data = data.replace(data[:45], b"tree " + tree, 1)
                if parent:
                    data = re.sub(rb"\nparent .{40}", b"\nparent " +
                                  parent.encode(), data, count=1)
            if messages and i in messages:
                data = data.split(b"\n\n", 1)[0] + b"\n\n" + messages[i]
            if key and data != self.data[c]:
                data = sign(data, key)
            parent = self.put("commit", data)
        return parent

    def audit(self, tip, *more):
        """Exit status and standard error for a ledger with that tip."""
        places = []
        for name, (kind, data) in self.new.items():
            place = f"{self.scratch}/objects/{name[:2]}/{name[2:]}"
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as f:
                f.write(zlib.compress(b"%s %d\0" % (kind.encode(), len(data)) +
                                      data, 1))
            places.append(place)
        with open(f"{self.scratch}/refs/heads/main", "w",
                  encoding="ascii") as f:
            f.write(tip + "\n")
        done = subprocess.run(["gengbu-audit", self.scratch, *more],
                              capture_output=True, text=True)
        for place in places:
            os.unlink(place)
        self.audits += 1
        return done.returncode, done.stderr

    def wrong(self, what, tip, least, most, *more):
        """It must be found between two positions."""
        code, said = self.audit(tip, *more)
        m = VERDICT.match(said)
        at = int(m[1] or 0) if m else -1
        if code != 1 or said.count("\n") != 1 or not least <= at <= most:
            sys.exit(f"rewrite.py: {what}: exit status {code}, not at "
                     f"{least}..{most}: {said}")

    # -- what is done --------------------------------------------------------

    def bytes_of(self, data, few):
        step = 1 if FULL else len(data) // few + 1
        return range(len(data) // 17, len(data), step)

    def every_object(self, key, few):
        for name, kind in self.kinds.items():
            i = self.first[name]
            least, most = self.range[i]
            if kind != "blob":       # it may hide what came before
                least = kind == "tree"
            for at in self.bytes_of(self.data[name], few):
                data = bytearray(self.data[name])
                data[at] ^= 1 << at % 7
                tip = self.rewrite({name: bytes(data)}, key)
                if tip == self.commits[-1]:
                    continue         # a signature that was made anew
                self.wrong(f"byte {at} of {kind} {name}", tip, least, most)

    def folders(self):
        """Folders as git takes them, and a hub never writes them."""
        empty = name_of("tree", b"")
        last = len(self.commits) - 1
        for name, kind in self.kinds.items():
            i = self.first[name]
            if kind != "tree" or not (FULL or i in (0, last // 2, last)):
                continue
            have = entries_of(self.data[name])
            mode, file, below = have[0]
            ways = {
                "an entry less": have[1:],
                "an entry twice": have[:1] + have,
                "executable": [(b"100755", file, below)] + have[1:],
                "a link": [(b"120000", file, below)] + have[1:],
                "a module": [(b"160000", file, below)] + have[1:],
                "a zero": [(b"0" + mode, file, below)] + have[1:],
                "an empty folder": have + [(b"40000", b"~", empty)],
                "a file more": have + [(b"100644", b"~", below)],
                "itself": have + [(b"40000", b"~", name)],
                "backwards": have[::-1] if len(have) > 1 else [],
                "nothing": [],
            }
            for what, entries in ways.items():
                tip = self.rewrite({name: folder_of(entries)}, self.key)
                self.new[empty] = "tree", b""
                self.wrong(f"{what} in tree {name}", tip, 1,
                           self.range[i][1])

    def heads(self, lines):
        """Messages whose tree heads are those of other lines."""
        tree, out = Tree(), {}
        tree.leaves = lines
        for i, c in enumerate(self.commits):
            message = self.data[c].split(b"\n\n", 1)[1]
            root = MESSAGE.fullmatch(message.decode())[5].encode()
            new = tree.root(self.range[i][1]).hex().encode()
            out[i] = message.replace(root, new)
        return out

    def histories(self):
        """A second later, a clock that was another: all heads are right."""
        batches, lines = [], []
        for name in self.kinds:
            if self.kinds[name] == "blob" and name in self.batches():
                batches.append(name)
        batches.sort(key=lambda name: self.first[name])
        for name in batches:
            lines += self.data[name].splitlines(keepends=True)
        head = f"{self.range[len(self.commits) - 1][1]}:{self.last_message[5]}"
        told = 0
        for name in batches:
            own = self.data[name].splitlines(keepends=True)
            start = int(own[0].split()[0]) - 1
            words = own[-1].split(b" ")
            for field in (4, 5):
                changed = words[:]
                changed[field] = b"%d" % (int(words[field]) + 1)
                new = own[:-1] + [b" ".join(changed)]
                after = lines[:start] + new + lines[start + len(own):]
                tip = self.rewrite({name: b"".join(new)}, self.key,
                                   self.heads(after))
                said = self.audit(tip)[0]
                told += said
                self.wrong(f"field {field} at {start + len(own)}", tip, 1,
                           len(lines), "--head", head)
        # only what no device had seen yet may pass without a head
        if not len(batches) < told < 2 * len(batches):
            sys.exit(f"rewrite.py: {told} histories of {2 * len(batches)} "
                     "were told by the devices")

    def batches(self):
        return {o for name, kind in self.kinds.items() if kind == "tree"
                for _, n, o in entries_of(self.data[name])
                if n.endswith(b".batch")}


def main(path, key, scratch):
    shutil.copytree(path, scratch)
    r = Rewriter(path, private_key(key), scratch)
    code, said = r.audit(r.commits[-1])
    if code or r.rewrite({}, r.key) != r.commits[-1]:
        sys.exit(f"rewrite.py: the ledger is not sound: {said}")
    again = r.rewrite({r.commits[0]: r.data[r.commits[0]]}, None)
    if again != r.commits[-1]:
        sys.exit("rewrite.py: rewriting nothing changes something")
    r.every_object(None, 1)
    r.every_object(r.key, 2)
    r.folders()
    r.histories()
    print(f"{r.audits} ledgers rewritten, and each was found out")


if __name__ == "__main__":
    main(*sys.argv[1:])
