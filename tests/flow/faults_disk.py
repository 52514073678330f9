"""faults_disk - what of a folder outlives a power cut, from the log of fault.c.

A file's bytes are safe when it was synced, a name when its folder was.  What
came after that is there, or not, as a cut has it:

  strict  nothing that was not synced
  data    all bytes, and only names that were synced: a rename is lost
  names   all names, and only bytes that were synced: a new file is empty
  chance  of each page that was written and each change of a name, either

Folders are looked at as they were before the program ran; all was safe then.
"""
import os
import random
import shutil

PAGE = 4096


class File:
    def __init__(self, source=None):
        self.source = source  # the path of what it was at first
        self.made = 0
        self.safe = None if source else b""
        self.writes = []  # (at, bytes), or (length, None): cut there

    def first(self):
        if self.safe is None:
            with open(self.source, "rb") as f:
                self.safe = f.read()
        return self.safe

    def content(self, chosen):
        out = bytearray(self.first())
        for at, data in chosen:
            end = at if data is None else at + len(data)
            out.extend(bytes(max(0, end - len(out))))
            if data is None:
                del out[at:]
            else:
                out[at:end] = data
        return bytes(out)

    def sync(self):
        if self.writes:
            self.safe = self.content(self.writes)
            self.made += len(self.writes)
            self.writes = []


class Folder:
    def __init__(self):
        self.now, self.safe = {}, {}
        self.made = 0


class Disk:
    """The named folders of `root`, whose first state `before` keeps."""

    def __init__(self, root, before, tops):
        self.root, self.before, self.tops = root, before, tops
        self.nodes = {}  # by inode
        self.order = []
        self.changes = []  # names: lists of (folder, name, node or None)
        self.top = Folder()
        self.add(os.stat(root).st_ino, self.top)
        for top in tops:
            path = os.path.join(root, top)
            if os.path.exists(path):
                self.top.now[top] = self.top.safe[top] = self.load(path)

    def load(self, path):
        node = Folder() if os.path.isdir(path) else File(
            os.path.join(self.before, os.path.relpath(path, self.root)))
        self.add(os.stat(path).st_ino, node)
        if isinstance(node, Folder):
            for name in sorted(os.listdir(path)):
                node.now[name] = self.load(os.path.join(path, name))
            node.safe = dict(node.now)
        return node

    def add(self, inode, node):
        self.nodes[inode] = node
        self.order.append(node)
        return node

    # ------------------------------------------------------------- the log --

    def place(self, path):
        """The folder and the name of a path; None elsewhere."""
        path = os.path.relpath(os.path.join(self.root, path), self.root)
        parts = path.split("/")
        if parts[0] not in self.tops:
            return None
        folder = self.top
        for part in parts[:-1]:
            folder = folder.now[part]
        return folder, parts[-1]

    def name(self, *changes):
        for folder, name, node in changes:
            put(folder.now, name, node)
        self.changes.append(changes)

    def sync_folder(self, folder):
        rest = []
        for group in self.changes:
            if not any(f is folder for f, _, _ in group):
                rest.append(group)
                continue
            for f, name, node in group:  # a rename is one thing
                put(f.safe, name, node)
                f.made += 1
        self.changes = rest

    def take(self, e):
        """One event of the log."""
        node = self.nodes.get(e.inode)
        at = [self.place(p) for p in e.paths]
        if not e.done or None in at and node is not self.top:
            return
        names = {"open": self.open, "open64": self.open, "mkdir": self.mkdir,
                 "unlink": self.unlink, "rmdir": self.unlink,
                 "link": self.link, "rename": self.rename,
                 "renameat2": self.rename}
        if e.call in names:
            names[e.call](e, *at)
        elif e.call == "syncfs":
            for n in self.order:
                self.sync(n)
        elif "sync" in e.call:
            self.sync(node)
        elif "truncate" in e.call:
            node.writes.append((e.at, None))
        else:
            node.writes.append((e.at, e.bytes))

    def open(self, e, at):
        folder, name = at
        if name in folder.now:  # to be empty
            folder.now[name].writes.append((0, None))
        else:
            self.name((folder, name, self.add(e.inode, File())))

    def mkdir(self, e, at):
        self.name(at + (self.add(e.inode, Folder()),))

    def unlink(self, _, at):
        self.name(at + (None,))

    def link(self, _, at, to):
        self.name(to + (at[0].now[at[1]],))

    def rename(self, _, at, to):
        self.name(to + (at[0].now[at[1]],), at + (None,))

    def sync(self, node):
        node.sync() if isinstance(node, File) else self.sync_folder(node)

    # ------------------------------------------------------------- the cut --

    def shape(self):
        """Equal for cuts that leave the same, whatever clocks say."""
        number = {id(n): i for i, n in enumerate(self.order)}
        return repr([
            (n.made, len(n.writes)) if isinstance(n, File)
            else (n.made, sorted(number[id(x)] for x in n.safe.values()))
            for n in self.order] + [len(self.changes)])

    def cut(self, how, seed):
        """Leave on the real folders what outlives it."""
        chance = random.Random(seed)
        kept = {"strict": lambda _: False, "all": lambda _: True,
                "data": lambda name: not name, "names": lambda name: name,
                "chance": lambda _: chance.random() < 0.5}[how]
        names = {id(n): dict(n.safe) for n in self.order
                 if isinstance(n, Folder)}
        for group in self.changes:
            if kept(True):
                for folder, name, node in group:
                    put(names[id(folder)], name, node)
        for top in self.tops:
            path = os.path.join(self.root, top)
            shutil.rmtree(path, ignore_errors=True)
            if top in names[id(self.top)]:
                self.write(path, names[id(self.top)][top], names, kept)

    def write(self, path, node, names, kept):
        if isinstance(node, Folder):
            os.mkdir(path, 0o700)
            for name, child in names[id(node)].items():
                self.write(os.path.join(path, name), child, names, kept)
        elif node.source and not node.made and not node.writes:
            shutil.copy2(node.source, path)
        else:
            chosen = [w for w in pages(node.writes) if kept(False)]
            with open(path, "wb") as f:
                f.write(node.content(chosen))
            os.chmod(path, 0o600)


def put(entries, name, node):
    """What libgit2 tries a new disk with is not in the log when it goes."""
    if node is None:
        entries.pop(name, None)
    else:
        entries[name] = node


def pages(writes):
    """The same writes, none over the end of a page."""
    for at, data in writes:
        if data is None:
            yield at, None
            continue
        start = 0
        while start < len(data):
            n = min(PAGE - (at + start) % PAGE, len(data) - start)
            yield at + start, data[start:start + n]
            start += n


class Event:
    def __init__(self, head, log):
        call, n, done, inode, at, size, paths, length = head.split()
        self.call, self.n, self.done = call.decode(), int(n), done == b"1"
        self.inode, self.at = int(inode), int(at)
        self.paths = [log.readline()[:-1].decode() for _ in range(int(paths))]
        self.bytes = log.read(int(length))


def events(path):
    with open(path, "rb") as log:
        while head := log.readline():
            yield Event(head, log)
