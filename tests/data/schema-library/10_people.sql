-- A lending library: nothing of it is known to the engine, and it uses every
-- kind of rule.  First the people.

CREATE TABLE librarian (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    grade INTEGER NOT NULL DEFAULT 1,
    branch TEXT
) STRICT;

INSERT INTO actor VALUES ('librarian', 'grade');

INSERT INTO record VALUES ('librarian', 9, 9, NULL, NULL);

INSERT INTO rule VALUES
    ('librarian', 'name', 'last'),
    ('librarian', 'grade', 'last'),
    ('librarian', 'branch', 'last');

INSERT INTO label VALUES
    ('librarian', NULL, NULL, 'en', 'Librarian'),
    ('librarian', NULL, NULL, 'zh', '馆员'),
    ('librarian', 'grade', NULL, 'en', 'Grade');

CREATE TABLE member (
    id INTEGER PRIMARY KEY,
    card_no TEXT NOT NULL,
    name TEXT NOT NULL,
    born TEXT,
    email TEXT,
    branch TEXT,
    standing TEXT NOT NULL DEFAULT 'good',
    joined_on TEXT,
    last_seen_on TEXT,
    fines_cent INTEGER NOT NULL DEFAULT 0,
    photo BLOB
) STRICT;

INSERT INTO record VALUES
    ('member', 1, 2, 'branch = :area OR id >> 40 = :device', 'card_no');

INSERT INTO personal VALUES
    ('member', 'name'),
    ('member', 'born'),
    ('member', 'email');

INSERT INTO rule VALUES
    ('member', 'name', 'last'),
    ('member', 'born', 'fact'),
    ('member', 'email', 'first'),
    ('member', 'branch', 'last'),
    ('member', 'standing', 'worst good<warned<barred back@2'),
    ('member', 'joined_on', 'min'),
    ('member', 'last_seen_on', 'max'),
    ('member', 'fines_cent', 'sum');

INSERT INTO enum VALUES
    ('member', 'standing', 'good', 1),
    ('member', 'standing', 'warned', 2),
    ('member', 'standing', 'barred', 3);

-- Only a senior librarian bars anybody.
INSERT INTO authority VALUES ('member', 'standing', 'barred', 2);

INSERT INTO label VALUES
    ('member', NULL, NULL, 'en', 'Member'),
    ('member', NULL, NULL, 'zh', '读者'),
    ('member', 'standing', NULL, 'en', 'Standing'),
    ('member', 'standing', 'barred', 'en', 'Barred'),
    ('member', 'standing', 'barred', 'zh', '停借');
