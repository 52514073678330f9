"""Schema text: the SQL files run in memory, and the rules behind columns."""
import os
import re
import sqlite3

from wire import Bad, Reader, need, text

ENGINE_TABLES = """
CREATE TABLE rule(tbl, col, rule);
CREATE TABLE record(tbl, write, void, scope, rival);
CREATE TABLE enum(tbl, col, value, sort);
CREATE TABLE label(tbl, col, value, lang, text);
CREATE TABLE personal(tbl, col);
CREATE TABLE authority(tbl, col, value, level);
CREATE TABLE actor(tbl, col);
"""
DICTIONARY_MAX = 32768
TYPES = ("INTEGER", "REAL", "TEXT", "BLOB")
RIVAL = re.compile(r"(\w+(?:\s*,\s*\w+)*)(?:\s+WHERE\s+(.*))?\s*", re.I | re.S)
MOVE = re.compile(r"([^>@!]+)>([^>@!]+)((?:@\d+|!)*)$")


class Rule:
    """One column's rule, taken apart."""

    def __init__(self, written):
        flat = re.sub(r"\s*([<>])\s*", r"\1", written.strip())
        words = flat.split()
        need(words, "an empty rule")
        self.name, rest = words[0], words[1:]
        self.back, self.order, self.moves = None, [], {}
        self.prefer, self.initial = [], None
        if self.name == "state":
            self.read_state(rest)
        else:
            self.read_plain(rest, written)

    def read_plain(self, rest, written):
        if self.name == "worst":
            need(rest, f"rule '{written}': no order")
            self.order = rest.pop(0).split("<")
        if self.name in ("max", "min", "worst") and rest:
            m = re.fullmatch(r"back@(\d+)", rest.pop(0))
            need(m, f"rule '{written}'")
            self.back = int(m.group(1))
        known = "fact last first sum max min worst role review".split()
        need(self.name in known and not rest, f"unknown rule '{written}'")

    def read_state(self, rest):
        at = rest.index("prefer") if "prefer" in rest else len(rest)
        for word in rest[:at]:
            m = MOVE.match(word)
            need(m, f"no move: '{word}'")
            level = re.search(r"@(\d+)", m.group(3))
            self.moves[m.group(1), m.group(2)] = (
                int(level.group(1)) if level else 0, "!" in m.group(3))
            if self.initial is None:
                self.initial = m.group(1)
        need(at + 2 == len(rest), "state without prefer")
        self.prefer = rest[at + 1].split(">")

    def named(self):
        """The values of a state or worst rule, as first named."""
        return list(dict.fromkeys(
            [v for move in self.moves for v in move] + self.prefer +
            self.order))

    def is_open(self):
        """Does the rule range over open siblings?"""
        return self.name in ("max", "min", "worst", "state", "role", "review")


class Column:
    def __init__(self, number, name, kind):
        self.number, self.name, self.kind = number, name, kind
        self.rule, self.personal, self.target = Rule("fact"), False, None
        self.authority = []         # (value, level)

    def follows(self, old):
        return ((self.name, self.kind, self.target, self.personal,
                 self.rule.name) == (old.name, old.kind, old.target,
                                     old.personal, old.rule.name) and
                set(self.rule.named()) >= set(old.rule.named()))


class Table:
    def __init__(self, number, name):
        self.number, self.name = number, name
        self.columns, self.write, self.void = [], 1, 1
        self.rival, self.condition = [], None

    def follows(self, old):
        return (len(self.columns) >= len(old.columns) and
                all(c.follows(o) for c, o in zip(self.columns, old.columns)))

    def read_rival(self, written):
        m = RIVAL.fullmatch(written.strip())
        need(m, f"{self.name}: rival '{written}'")
        self.rival = [self.column(n.strip()) for n in m.group(1).split(",")]
        self.condition = m.group(2)

    def column(self, name):
        for c in self.columns:
            if c.name == name:
                return c
        raise Bad(f"{self.name}: no column {name}")


class Schema:
    """A schema version: tables in order of creation, and the dictionary."""

    def __init__(self, files):
        self.files = files
        db = sqlite3.connect(":memory:")
        db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        db.executescript(ENGINE_TABLES)
        own = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
        try:
            for name, sql in files:
                db.executescript(text(sql, name))
        except sqlite3.Error as e:
            raise Bad(f"{name}: {e}") from None
        self.tables, self.actor = [], None
        self.read_tables(db, own)
        self.read_rows(db)
        self.dictionary = self.read_dictionary(db)
        db.close()

    def follows(self, old):
        """Does this version only add to an older one?"""
        return all(len(self.tables) > t.number and
                   self.tables[t.number].name == t.name and
                   self.tables[t.number].follows(t) for t in old.tables)

    def table(self, name):
        for t in self.tables:
            if t.name == name:
                return t
        raise Bad(f"no table {name}")

    def read_tables(self, db, own):
        names = [r[0] for r in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' "
            "AND name NOT LIKE 'sqlite_%' ORDER BY rowid") if r[0] not in own]
        for number, name in enumerate(names):
            t = Table(number, name)
            for row in db.execute("SELECT name, type FROM pragma_table_info(?)"
                                  " ORDER BY cid", (name,)):
                if row[0] == "id":
                    continue
                need(row[1] in TYPES, f"{name}.{row[0]}: type {row[1]}")
                t.columns.append(Column(len(t.columns), *row))
            for row in db.execute('SELECT "from", "table" FROM '
                                  "pragma_foreign_key_list(?)", (name,)):
                t.column(row[0]).target = row[1]
            self.tables.append(t)

    def read_rows(self, db):
        for tbl, col, rule in db.execute("SELECT tbl, col, rule FROM rule"):
            self.table(tbl).column(col).rule = Rule(rule)
        for tbl, write, void, rival in db.execute(
                "SELECT tbl, write, void, rival FROM record"):
            t = self.table(tbl)
            t.write = 1 if write is None else write
            t.void = t.write if void is None else void
            if rival is not None:
                t.read_rival(rival)
        for tbl, col in db.execute("SELECT tbl, col FROM personal"):
            self.table(tbl).column(col).personal = True
        for tbl, col, value, level in db.execute(
                "SELECT tbl, col, value, level FROM authority"):
            self.table(tbl).column(col).authority.append((value, level))
        for tbl, col in db.execute("SELECT tbl, col FROM actor"):
            self.actor = (tbl, col)

    def read_dictionary(self, db):
        """The preset dictionary ("Dictionary"), once and in order."""
        values = {}
        for tbl, col, value in db.execute(
                "SELECT tbl, col, value FROM enum ORDER BY sort, rowid"):
            column = self.table(tbl).column(col)
            values.setdefault(column, []).append(value)
        out, seen = b"", set()
        for column in (c for t in self.tables for c in t.columns):
            for v in values.get(column, column.rule.named()):
                if not isinstance(v, str) or v in seen:
                    continue
                if len(out) + len(v.encode()) > DICTIONARY_MAX:
                    return out
                seen.add(v)
                out += v.encode()
        return out


def unpack(data):
    """Schema text in its packed form -> [(name, text)]."""
    r = Reader(data, "schema text")
    files, last = [], b""
    for _ in range(r.count(2)):
        name, sql = r.string(), r.string()
        need(name.endswith(b".sql") and name > last,
             "schema text: file names do not rise or do not end in .sql")
        last = name
        files.append((text(name, "schema text"), sql))
    r.end()
    return files


def load(path):
    """A schema from a folder of *.sql files or from a packed file."""
    if not os.path.isdir(path):
        with open(path, "rb") as f:
            return Schema(unpack(f.read()))
    files = []
    for name in sorted(os.listdir(path), key=os.fsencode):
        if name.endswith(".sql"):
            with open(os.path.join(path, name), "rb") as f:
                files.append((name, f.read()))
    need(files, f"{path}: no .sql files")
    return Schema(files)
