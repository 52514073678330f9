"""Records that claim the same (M24), computed from what records show."""
import sqlite3

from wire import put_value


def rows(table, records):
    """(id, shown values, (stamp, device) of the insert) of the live ones whose
    condition is true; `records` gives the same of all live ones."""
    db = sqlite3.connect(":memory:")
    cols = "".join(f', "{c.name}" {c.kind}' for c in table.columns)
    db.execute(f'CREATE TABLE "{table.name}"(id INTEGER PRIMARY KEY{cols}) '
               "STRICT")
    known = {}
    for rec, values, key in records:
        known[rec] = rec, values, key
        db.execute(f'INSERT INTO "{table.name}" VALUES'
                   f'(?{", ?" * len(values)})', (rec, *values))
    true = db.execute(f'SELECT id FROM "{table.name}" '
                      f"WHERE ({table.condition or '1'})").fetchall()
    db.close()
    return [known[rec] for rec, in true]


def losers(table, records):
    """The ids that do not hold what they claim."""
    claims = {}
    for rec, values, key in rows(table, records) if table.rival else ():
        mine = [values[c.number] for c in table.rival]
        if None not in mine:
            claims.setdefault(tuple(map(put_value, mine)), []).append(
                (key, rec))
    return {rec for claim in claims.values() for _, rec in sorted(claim)[1:]}
