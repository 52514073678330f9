-- The books: titles, and the copies that stand on the shelves.

CREATE TABLE book (
    id INTEGER PRIMARY KEY,
    isbn TEXT,
    title TEXT NOT NULL,
    summary TEXT,
    language TEXT,
    edition INTEGER,
    weight_kg REAL,
    price_cent INTEGER,
    shelf TEXT
) STRICT;

INSERT INTO record VALUES ('book', 1, 2, NULL, NULL);

-- Nobody's wording of a summary is better by itself: a person chooses.
INSERT INTO rule VALUES
    ('book', 'title', 'last'),
    ('book', 'summary', 'review'),
    ('book', 'edition', 'max back@2'),
    ('book', 'weight_kg', 'last'),
    ('book', 'price_cent', 'min back@3'),
    ('book', 'shelf', 'role');

INSERT INTO enum VALUES
    ('book', 'language', 'en', 1),
    ('book', 'language', 'zh', 2),
    ('book', 'language', 'la', 3);

INSERT INTO label VALUES
    ('book', NULL, NULL, 'en', 'Book'),
    ('book', NULL, NULL, 'zh', '图书'),
    ('book', 'language', 'zh', 'en', 'Chinese'),
    ('book', 'language', 'zh', 'zh', '中文');

CREATE TABLE copy (
    id INTEGER PRIMARY KEY,
    book_id INTEGER NOT NULL REFERENCES book(id),
    barcode TEXT NOT NULL,
    branch TEXT,
    wear TEXT,
    stars INTEGER
) STRICT;

INSERT INTO record VALUES ('copy', 2, 2, 'branch = :area', 'barcode');

INSERT INTO rule VALUES
    ('copy', 'branch', 'last'),
    ('copy', 'wear', 'worst new<used<torn<lost');

INSERT INTO enum VALUES
    ('copy', 'stars', 1, 1),
    ('copy', 'stars', 2, 2),
    ('copy', 'stars', 3, 3);

INSERT INTO label VALUES
    ('copy', 'stars', 3, 'en', 'Three stars'),
    (NULL, NULL, NULL, 'en', 'Library'),
    (NULL, NULL, NULL, 'zh', '图书馆');
