-- Loans and holds.

CREATE TABLE loan (
    id INTEGER PRIMARY KEY,
    copy_id INTEGER NOT NULL REFERENCES copy(id),
    member_id INTEGER NOT NULL REFERENCES member(id),
    renews_id INTEGER REFERENCES loan(id),
    lent_at INTEGER NOT NULL,
    due_on TEXT,
    returned_at INTEGER,
    state TEXT NOT NULL DEFAULT 'out',
    reminders INTEGER NOT NULL DEFAULT 0,
    remark TEXT
) STRICT;

-- A copy is lent once at a time.
INSERT INTO record VALUES
    ('loan', 1, 2,
     'EXISTS(SELECT 1 FROM copy c WHERE c.id = copy_id AND c.branch = :area)',
     'copy_id WHERE state IN (''out'', ''late'')');

-- Written off beside anything else is looked at by a person.
INSERT INTO rule VALUES
    ('loan', 'due_on', 'min back@2'),
    ('loan', 'returned_at', 'first'),
    ('loan', 'state',
     'state out>late out>returned late>returned late>written_off@2!
      written_off>returned@2
      prefer returned>written_off>late>out'),
    ('loan', 'reminders', 'sum'),
    ('loan', 'remark', 'last');

INSERT INTO enum VALUES
    ('loan', 'state', 'out', 1),
    ('loan', 'state', 'late', 2),
    ('loan', 'state', 'returned', 3),
    ('loan', 'state', 'written_off', 4);

CREATE TABLE hold (
    id INTEGER PRIMARY KEY,
    book_id INTEGER NOT NULL REFERENCES book(id),
    member_id INTEGER NOT NULL REFERENCES member(id),
    asked_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting'
) STRICT;

INSERT INTO record VALUES
    ('hold', 1, 1,
     'EXISTS(SELECT 1 FROM member m WHERE m.id = member_id
      AND m.branch = :area)',
     'book_id,member_id WHERE state = ''waiting''');

INSERT INTO rule VALUES
    ('hold', 'state',
     'state waiting>ready ready>taken waiting>dropped ready>dropped
      prefer taken>dropped>ready>waiting');

CREATE VIEW loans_out AS
SELECT l.id AS loan_id, b.title, c.barcode, l.due_on
FROM loan AS l
JOIN copy AS c ON c.id = l.copy_id
JOIN book AS b ON b.id = c.book_id
WHERE l._void IS NULL AND l.state IN ('out', 'late');

CREATE VIEW loans_by_book AS
SELECT title, count(*) AS loans FROM loans_out GROUP BY title;
