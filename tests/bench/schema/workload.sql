-- The three tables of the reference workload (workload.h): records of a shift.

CREATE TABLE patrol_visit (
    id INTEGER PRIMARY KEY,
    patrol_id TEXT,
    checkpoint_id TEXT,
    scanned_at INTEGER,
    staff_id TEXT,
    result TEXT,
    note TEXT
) STRICT;

CREATE TABLE unit_inspection (
    id INTEGER PRIMARY KEY,
    unit_id TEXT,
    inspected_at INTEGER,
    staff_id TEXT,
    water TEXT,
    power TEXT,
    gas TEXT,
    windows TEXT,
    leak TEXT,
    meter_water INTEGER,
    meter_power INTEGER,
    note TEXT
) STRICT;

CREATE TABLE renovation_check (
    id INTEGER PRIMARY KEY,
    permit_id TEXT,
    checked_at INTEGER,
    staff_id TEXT,
    item TEXT,
    verdict TEXT,
    severity INTEGER,
    note TEXT,
    status TEXT
) STRICT;

-- `last` for what changes; the rest is written once.
INSERT INTO rule VALUES
    ('patrol_visit', 'result', 'last'),
    ('patrol_visit', 'note', 'last'),
    ('unit_inspection', 'water', 'last'),
    ('unit_inspection', 'power', 'last'),
    ('unit_inspection', 'gas', 'last'),
    ('unit_inspection', 'windows', 'last'),
    ('unit_inspection', 'leak', 'last'),
    ('unit_inspection', 'meter_water', 'last'),
    ('unit_inspection', 'meter_power', 'last'),
    ('unit_inspection', 'note', 'last'),
    ('renovation_check', 'verdict', 'last'),
    ('renovation_check', 'severity', 'last'),
    ('renovation_check', 'note', 'last'),
    ('renovation_check', 'status', 'last');
