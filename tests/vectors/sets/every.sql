CREATE TABLE thing(id INTEGER PRIMARY KEY, f TEXT, l TEXT, fi INTEGER,
  su INTEGER, ma INTEGER, mi REAL, wo TEXT, st TEXT, ro TEXT, re TEXT,
  bl BLOB, rl REAL, li INTEGER) STRICT;
INSERT INTO rule VALUES ('thing', 'l', 'last'), ('thing', 'fi', 'first'),
  ('thing', 'su', 'sum'), ('thing', 'ma', 'max'),
  ('thing', 'mi', 'min'), ('thing', 'wo', 'worst good<bad'),
  ('thing', 'st', 'state open>done done>open@2 prefer done>open'),
  ('thing', 'ro', 'role'), ('thing', 're', 'review'),
  ('thing', 'bl', 'last'), ('thing', 'rl', 'last'),
  ('thing', 'li', 'last');
INSERT INTO enum VALUES ('thing', 'l', '正常', 1),
  ('thing', 'l', 'B04-1203', 2), ('thing', 'ro', 'abnormal', 1);
CREATE TABLE person(id INTEGER PRIMARY KEY, a TEXT, name TEXT,
  age INTEGER, b INTEGER, face BLOB) STRICT;
INSERT INTO rule VALUES ('person', 'a', 'last'),
  ('person', 'name', 'last'), ('person', 'b', 'last'),
  ('person', 'face', 'last');
INSERT INTO personal VALUES ('person', 'name'), ('person', 'age'),
  ('person', 'face');
CREATE TABLE wide(id INTEGER PRIMARY KEY, c0 INTEGER, c1 TEXT, c2 REAL, c3 BLOB, c4 INTEGER, c5 TEXT, c6 REAL, c7 BLOB, c8 INTEGER, c9 TEXT, c10 REAL, c11 BLOB, c12 INTEGER, c13 TEXT, c14 REAL, c15 BLOB, c16 INTEGER, c17 TEXT, c18 REAL, c19 BLOB, c20 INTEGER, c21 TEXT, c22 REAL, c23 BLOB, c24 INTEGER, c25 TEXT, c26 REAL, c27 BLOB, c28 INTEGER, c29 TEXT, c30 REAL, c31 BLOB, c32 INTEGER, c33 TEXT, c34 REAL, c35 BLOB, c36 INTEGER, c37 TEXT, c38 REAL, c39 BLOB, c40 INTEGER, c41 TEXT, c42 REAL, c43 BLOB, c44 INTEGER, c45 TEXT, c46 REAL, c47 BLOB, c48 INTEGER, c49 TEXT, c50 REAL, c51 BLOB, c52 INTEGER, c53 TEXT, c54 REAL, c55 BLOB, c56 INTEGER, c57 TEXT, c58 REAL, c59 BLOB) STRICT;
INSERT INTO personal VALUES ('wide', 'c59');
CREATE TABLE tag(id INTEGER PRIMARY KEY, t TEXT) STRICT;
INSERT INTO rule VALUES ('wide', 'c0', 'last');
INSERT INTO rule VALUES ('wide', 'c1', 'last');
INSERT INTO rule VALUES ('wide', 'c2', 'last');
INSERT INTO rule VALUES ('wide', 'c3', 'last');
INSERT INTO rule VALUES ('wide', 'c4', 'last');
INSERT INTO rule VALUES ('wide', 'c5', 'last');
INSERT INTO rule VALUES ('wide', 'c6', 'last');
INSERT INTO rule VALUES ('wide', 'c7', 'last');
INSERT INTO rule VALUES ('wide', 'c8', 'last');
INSERT INTO rule VALUES ('wide', 'c9', 'last');
INSERT INTO rule VALUES ('wide', 'c10', 'last');
INSERT INTO rule VALUES ('wide', 'c11', 'last');
INSERT INTO rule VALUES ('wide', 'c12', 'last');
INSERT INTO rule VALUES ('wide', 'c13', 'last');
INSERT INTO rule VALUES ('wide', 'c14', 'last');
INSERT INTO rule VALUES ('wide', 'c15', 'last');
INSERT INTO rule VALUES ('wide', 'c16', 'last');
INSERT INTO rule VALUES ('wide', 'c17', 'last');
INSERT INTO rule VALUES ('wide', 'c18', 'last');
INSERT INTO rule VALUES ('wide', 'c19', 'last');
INSERT INTO rule VALUES ('wide', 'c20', 'last');
INSERT INTO rule VALUES ('wide', 'c21', 'last');
INSERT INTO rule VALUES ('wide', 'c22', 'last');
INSERT INTO rule VALUES ('wide', 'c23', 'last');
INSERT INTO rule VALUES ('wide', 'c24', 'last');
INSERT INTO rule VALUES ('wide', 'c25', 'last');
INSERT INTO rule VALUES ('wide', 'c26', 'last');
INSERT INTO rule VALUES ('wide', 'c27', 'last');
INSERT INTO rule VALUES ('wide', 'c28', 'last');
INSERT INTO rule VALUES ('wide', 'c29', 'last');
INSERT INTO rule VALUES ('wide', 'c30', 'last');
INSERT INTO rule VALUES ('wide', 'c31', 'last');
INSERT INTO rule VALUES ('wide', 'c32', 'last');
INSERT INTO rule VALUES ('wide', 'c33', 'last');
INSERT INTO rule VALUES ('wide', 'c34', 'last');
INSERT INTO rule VALUES ('wide', 'c35', 'last');
INSERT INTO rule VALUES ('wide', 'c36', 'last');
INSERT INTO rule VALUES ('wide', 'c37', 'last');
INSERT INTO rule VALUES ('wide', 'c38', 'last');
INSERT INTO rule VALUES ('wide', 'c39', 'last');
INSERT INTO rule VALUES ('wide', 'c40', 'last');
INSERT INTO rule VALUES ('wide', 'c41', 'last');
INSERT INTO rule VALUES ('wide', 'c42', 'last');
INSERT INTO rule VALUES ('wide', 'c43', 'last');
INSERT INTO rule VALUES ('wide', 'c44', 'last');
INSERT INTO rule VALUES ('wide', 'c45', 'last');
INSERT INTO rule VALUES ('wide', 'c46', 'last');
INSERT INTO rule VALUES ('wide', 'c47', 'last');
INSERT INTO rule VALUES ('wide', 'c48', 'last');
INSERT INTO rule VALUES ('wide', 'c49', 'last');
INSERT INTO rule VALUES ('wide', 'c50', 'last');
INSERT INTO rule VALUES ('wide', 'c51', 'last');
INSERT INTO rule VALUES ('wide', 'c52', 'last');
INSERT INTO rule VALUES ('wide', 'c53', 'last');
INSERT INTO rule VALUES ('wide', 'c54', 'last');
INSERT INTO rule VALUES ('wide', 'c55', 'last');
INSERT INTO rule VALUES ('wide', 'c56', 'last');
INSERT INTO rule VALUES ('wide', 'c57', 'last');
INSERT INTO rule VALUES ('wide', 'c58', 'last');
INSERT INTO rule VALUES ('wide', 'c59', 'last');
