-- Duty 3, second part: the units, and the inspection of vacant ones.

-- 房屋.  The area can be redrawn, so it is `last`; where a unit lies cannot.
CREATE TABLE unit (
    id INTEGER PRIMARY KEY,
    building TEXT NOT NULL,
    floor TEXT,
    room TEXT NOT NULL,
    area TEXT,
    occupancy TEXT,
    vacancy_reason TEXT,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('unit', 9, 9, 'area = :area', NULL);

INSERT INTO rule VALUES
    ('unit', 'area', 'last'),
    ('unit', 'occupancy', 'role'),
    ('unit', 'vacancy_reason', 'role'),
    ('unit', 'note', 'last');

INSERT INTO enum VALUES
    ('unit', 'occupancy', 'unsold', 1),
    ('unit', 'occupancy', 'handed_over', 2),
    ('unit', 'occupancy', 'not_moved_in', 3),
    ('unit', 'occupancy', 'occupied', 4),
    ('unit', 'occupancy', 'renovating', 5),
    ('unit', 'occupancy', 'renovated', 6),
    ('unit', 'occupancy', 'leased', 7),
    ('unit', 'occupancy', 'idle', 8),
    ('unit', 'vacancy_reason', 'unsold', 1),
    ('unit', 'vacancy_reason', 'not_collected', 2),
    ('unit', 'vacancy_reason', 'kept', 3),
    ('unit', 'vacancy_reason', 'dispute', 4),
    ('unit', 'vacancy_reason', 'sealed', 5),
    ('unit', 'vacancy_reason', 'other', 6);

INSERT INTO label VALUES
    ('unit', NULL, NULL, 'zh', '房屋'),
    ('unit', NULL, NULL, 'en', 'Unit'),
    ('unit', 'building', NULL, 'zh', '楼栋'),
    ('unit', 'building', NULL, 'en', 'Building'),
    ('unit', 'floor', NULL, 'zh', '楼层'),
    ('unit', 'floor', NULL, 'en', 'Floor'),
    ('unit', 'room', NULL, 'zh', '房号'),
    ('unit', 'room', NULL, 'en', 'Room'),
    ('unit', 'area', NULL, 'zh', '责任区'),
    ('unit', 'area', NULL, 'en', 'Area'),
    ('unit', 'occupancy', NULL, 'zh', '使用状态'),
    ('unit', 'occupancy', NULL, 'en', 'Occupancy'),
    ('unit', 'occupancy', 'unsold', 'zh', '未销售'),
    ('unit', 'occupancy', 'unsold', 'en', 'Unsold'),
    ('unit', 'occupancy', 'handed_over', 'zh', '已交房'),
    ('unit', 'occupancy', 'handed_over', 'en', 'Handed over'),
    ('unit', 'occupancy', 'not_moved_in', 'zh', '未入住'),
    ('unit', 'occupancy', 'not_moved_in', 'en', 'Not moved in'),
    ('unit', 'occupancy', 'occupied', 'zh', '已入住'),
    ('unit', 'occupancy', 'occupied', 'en', 'Occupied'),
    ('unit', 'occupancy', 'renovating', 'zh', '装修中'),
    ('unit', 'occupancy', 'renovating', 'en', 'Renovating'),
    ('unit', 'occupancy', 'renovated', 'zh', '已装修'),
    ('unit', 'occupancy', 'renovated', 'en', 'Renovated'),
    ('unit', 'occupancy', 'leased', 'zh', '已出租'),
    ('unit', 'occupancy', 'leased', 'en', 'Leased'),
    ('unit', 'occupancy', 'idle', 'zh', '空闲'),
    ('unit', 'occupancy', 'idle', 'en', 'Idle'),
    ('unit', 'vacancy_reason', NULL, 'zh', '空置原因'),
    ('unit', 'vacancy_reason', NULL, 'en', 'Why vacant'),
    ('unit', 'vacancy_reason', 'unsold', 'zh', '未销售'),
    ('unit', 'vacancy_reason', 'unsold', 'en', 'Unsold'),
    ('unit', 'vacancy_reason', 'not_collected', 'zh', '未拿房'),
    ('unit', 'vacancy_reason', 'not_collected', 'en', 'Not collected'),
    ('unit', 'vacancy_reason', 'kept', 'zh', '留存'),
    ('unit', 'vacancy_reason', 'kept', 'en', 'Kept'),
    ('unit', 'vacancy_reason', 'dispute', 'zh', '经济纠纷'),
    ('unit', 'vacancy_reason', 'dispute', 'en', 'Dispute'),
    ('unit', 'vacancy_reason', 'sealed', 'zh', '法院查封'),
    ('unit', 'vacancy_reason', 'sealed', 'en', 'Sealed by court'),
    ('unit', 'vacancy_reason', 'other', 'zh', '其他'),
    ('unit', 'vacancy_reason', 'other', 'en', 'Other'),
    ('unit', 'note', NULL, 'zh', '备注'),
    ('unit', 'note', NULL, 'en', 'Note');

-- 钥匙
CREATE TABLE key_custody (
    id INTEGER PRIMARY KEY,
    unit_id INTEGER NOT NULL REFERENCES unit(id),
    holder_id INTEGER REFERENCES staff(id),
    state TEXT NOT NULL DEFAULT 'in_office',
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('key_custody', 1, 2,
     'EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('key_custody', 'holder_id', 'last'),
    ('key_custody', 'state',
     'state in_office>lent lent>returned returned>in_office lent>lost
      in_office>lost lost>in_office@2
      prefer lost>lent>returned>in_office'),
    ('key_custody', 'note', 'last');

INSERT INTO enum VALUES
    ('key_custody', 'state', 'in_office', 1),
    ('key_custody', 'state', 'lent', 2),
    ('key_custody', 'state', 'returned', 3),
    ('key_custody', 'state', 'lost', 4);

INSERT INTO label VALUES
    ('key_custody', NULL, NULL, 'zh', '钥匙'),
    ('key_custody', NULL, NULL, 'en', 'Key'),
    ('key_custody', 'unit_id', NULL, 'zh', '房屋'),
    ('key_custody', 'unit_id', NULL, 'en', 'Unit'),
    ('key_custody', 'holder_id', NULL, 'zh', '持有人'),
    ('key_custody', 'holder_id', NULL, 'en', 'Holder'),
    ('key_custody', 'state', NULL, 'zh', '状态'),
    ('key_custody', 'state', NULL, 'en', 'State'),
    ('key_custody', 'state', 'in_office', 'zh', '在管理处'),
    ('key_custody', 'state', 'in_office', 'en', 'In office'),
    ('key_custody', 'state', 'lent', 'zh', '已借出'),
    ('key_custody', 'state', 'lent', 'en', 'Lent'),
    ('key_custody', 'state', 'returned', 'zh', '已归还'),
    ('key_custody', 'state', 'returned', 'en', 'Returned'),
    ('key_custody', 'state', 'lost', 'zh', '遗失'),
    ('key_custody', 'state', 'lost', 'en', 'Lost'),
    ('key_custody', 'note', NULL, 'zh', '备注'),
    ('key_custody', 'note', NULL, 'en', 'Note');

-- 空置房巡查
CREATE TABLE vacancy_inspection (
    id INTEGER PRIMARY KEY,
    unit_id INTEGER NOT NULL REFERENCES unit(id),
    trigger_kind TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('vacancy_inspection', 1, 2,
     'EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('vacancy_inspection', 'ended_at', 'first'),
    ('vacancy_inspection', 'note', 'last');

INSERT INTO enum VALUES
    ('vacancy_inspection', 'trigger_kind', 'scheduled', 1),
    ('vacancy_inspection', 'trigger_kind', 'storm', 2),
    ('vacancy_inspection', 'trigger_kind', 'post_viewing', 3),
    ('vacancy_inspection', 'trigger_kind', 'recheck', 4);

INSERT INTO label VALUES
    ('vacancy_inspection', NULL, NULL, 'zh', '空置房巡查'),
    ('vacancy_inspection', NULL, NULL, 'en', 'Vacant unit inspection'),
    ('vacancy_inspection', 'unit_id', NULL, 'zh', '房屋'),
    ('vacancy_inspection', 'unit_id', NULL, 'en', 'Unit'),
    ('vacancy_inspection', 'trigger_kind', NULL, 'zh', '起因'),
    ('vacancy_inspection', 'trigger_kind', NULL, 'en', 'Trigger'),
    ('vacancy_inspection', 'trigger_kind', 'scheduled', 'zh', '例行'),
    ('vacancy_inspection', 'trigger_kind', 'scheduled', 'en', 'Scheduled'),
    ('vacancy_inspection', 'trigger_kind', 'storm', 'zh', '暴风雨后'),
    ('vacancy_inspection', 'trigger_kind', 'storm', 'en', 'After a storm'),
    ('vacancy_inspection', 'trigger_kind', 'post_viewing', 'zh', '看房后'),
    ('vacancy_inspection', 'trigger_kind', 'post_viewing', 'en', 'After a viewing'),
    ('vacancy_inspection', 'trigger_kind', 'recheck', 'zh', '复查'),
    ('vacancy_inspection', 'trigger_kind', 'recheck', 'en', 'Recheck'),
    ('vacancy_inspection', 'started_at', NULL, 'zh', '开始时间'),
    ('vacancy_inspection', 'started_at', NULL, 'en', 'Started at'),
    ('vacancy_inspection', 'ended_at', NULL, 'zh', '结束时间'),
    ('vacancy_inspection', 'ended_at', NULL, 'en', 'Ended at'),
    ('vacancy_inspection', 'note', NULL, 'zh', '备注'),
    ('vacancy_inspection', 'note', NULL, 'en', 'Note');

-- 巡查项.  `item` is the code of a checklist item.
CREATE TABLE inspection_item (
    id INTEGER PRIMARY KEY,
    inspection_id INTEGER NOT NULL REFERENCES vacancy_inspection(id),
    item TEXT NOT NULL,
    answer TEXT NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('inspection_item', 1, 2,
     'EXISTS(SELECT 1 FROM vacancy_inspection i
      JOIN unit u ON u.id = i.unit_id
      WHERE i.id = inspection_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('inspection_item', 'note', 'last');

INSERT INTO enum VALUES
    ('inspection_item', 'answer', 'ok', 1),
    ('inspection_item', 'answer', 'abnormal', 2),
    ('inspection_item', 'answer', 'na', 3),
    ('inspection_item', 'answer', 'no_access', 4);

INSERT INTO label VALUES
    ('inspection_item', NULL, NULL, 'zh', '巡查项'),
    ('inspection_item', NULL, NULL, 'en', 'Inspection item'),
    ('inspection_item', 'inspection_id', NULL, 'zh', '巡查'),
    ('inspection_item', 'inspection_id', NULL, 'en', 'Inspection'),
    ('inspection_item', 'item', NULL, 'zh', '项目'),
    ('inspection_item', 'item', NULL, 'en', 'Item'),
    ('inspection_item', 'answer', NULL, 'zh', '结果'),
    ('inspection_item', 'answer', NULL, 'en', 'Answer'),
    ('inspection_item', 'answer', 'ok', 'zh', '正常'),
    ('inspection_item', 'answer', 'ok', 'en', 'OK'),
    ('inspection_item', 'answer', 'abnormal', 'zh', '异常'),
    ('inspection_item', 'answer', 'abnormal', 'en', 'Abnormal'),
    ('inspection_item', 'answer', 'na', 'zh', '不适用'),
    ('inspection_item', 'answer', 'na', 'en', 'Not applicable'),
    ('inspection_item', 'answer', 'no_access', 'zh', '未能进入'),
    ('inspection_item', 'answer', 'no_access', 'en', 'No access'),
    ('inspection_item', 'note', NULL, 'zh', '备注'),
    ('inspection_item', 'note', NULL, 'en', 'Note');

-- 表读数
CREATE TABLE meter_reading (
    id INTEGER PRIMARY KEY,
    unit_id INTEGER NOT NULL REFERENCES unit(id),
    kind TEXT NOT NULL,
    value REAL NOT NULL,
    read_at INTEGER NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('meter_reading', 1, 2,
     'EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('meter_reading', 'note', 'last');

INSERT INTO enum VALUES
    ('meter_reading', 'kind', 'water', 1),
    ('meter_reading', 'kind', 'power', 2),
    ('meter_reading', 'kind', 'gas', 3);

INSERT INTO label VALUES
    ('meter_reading', NULL, NULL, 'zh', '表读数'),
    ('meter_reading', NULL, NULL, 'en', 'Meter reading'),
    ('meter_reading', 'unit_id', NULL, 'zh', '房屋'),
    ('meter_reading', 'unit_id', NULL, 'en', 'Unit'),
    ('meter_reading', 'kind', NULL, 'zh', '表类'),
    ('meter_reading', 'kind', NULL, 'en', 'Meter'),
    ('meter_reading', 'kind', 'water', 'zh', '水表'),
    ('meter_reading', 'kind', 'water', 'en', 'Water'),
    ('meter_reading', 'kind', 'power', 'zh', '电表'),
    ('meter_reading', 'kind', 'power', 'en', 'Power'),
    ('meter_reading', 'kind', 'gas', 'zh', '气表'),
    ('meter_reading', 'kind', 'gas', 'en', 'Gas'),
    ('meter_reading', 'value', NULL, 'zh', '读数'),
    ('meter_reading', 'value', NULL, 'en', 'Reading'),
    ('meter_reading', 'read_at', NULL, 'zh', '抄表时间'),
    ('meter_reading', 'read_at', NULL, 'en', 'Read at'),
    ('meter_reading', 'note', NULL, 'zh', '备注'),
    ('meter_reading', 'note', NULL, 'en', 'Note');

-- Units in which nobody lives or works.
CREATE VIEW vacant_unit AS
SELECT id AS unit_id, building, floor, room, area, occupancy, vacancy_reason
FROM unit
WHERE _void IS NULL
      AND (occupancy IN ('unsold', 'handed_over', 'not_moved_in', 'renovated',
                         'idle')
           OR (occupancy IS NULL AND vacancy_reason IS NOT NULL));

-- The current condition of a unit: for each item the worst answer of the latest
-- inspection that looked at it.  "No access" and "not applicable" do not look,
-- so they never clear a fault; they show where nobody has looked yet.  Two
-- inspections that started at the same moment count as one.
CREATE VIEW unit_condition AS
SELECT unit_id, item, answer, inspection_id, seen_at, note
FROM (SELECT i.unit_id, a.item, a.answer, i.id AS inspection_id,
             i.started_at AS seen_at, a.note,
             row_number() OVER (
                 PARTITION BY i.unit_id, a.item
                 ORDER BY a.answer IN ('ok', 'abnormal') DESC,
                          CASE WHEN a.answer IN ('ok', 'abnormal')
                               THEN i.started_at END DESC,
                          CASE a.answer WHEN 'abnormal' THEN 1
                                        WHEN 'no_access' THEN 2
                                        WHEN 'ok' THEN 3 ELSE 4 END,
                          i.started_at DESC, a.id) AS place
      FROM inspection_item AS a
      JOIN vacancy_inspection AS i ON i.id = a.inspection_id
      WHERE a._void IS NULL AND i._void IS NULL)
WHERE place = 1;

-- Inspections that are due.
--   scheduled     a month has passed since the last one, or there was none
--   storm         there was a storm since
--   post_viewing  somebody visited the empty unit since
--   recheck       a fault of an earlier month has not been looked at again
-- items: the faults to look at.
CREATE VIEW inspection_due AS
WITH seen AS (
    SELECT v.unit_id, v.area, max(i.started_at) AS last_at
    FROM vacant_unit AS v
    LEFT JOIN vacancy_inspection AS i
        ON i.unit_id = v.unit_id AND i._void IS NULL
    GROUP BY v.unit_id
), due AS (
    SELECT unit_id, area, 'scheduled' AS trigger_kind, last_at,
           coalesce(strftime('%s', (last_at + offset_ms) / 1000, 'unixepoch',
                             '+1 month') * 1000 - offset_ms, 0) AS due_at,
           NULL AS items
    FROM seen, site_now
    UNION ALL
    SELECT unit_id, area, 'storm', last_at, max(n.happened_at), NULL
    FROM seen
    JOIN incident AS n ON n.kind = 'storm' AND n._void IS NULL
                          AND n.happened_at > coalesce(last_at, 0)
    GROUP BY unit_id
    UNION ALL
    SELECT seen.unit_id, area, 'post_viewing', last_at,
           max(coalesce(w.left_at, w.entered_at)), NULL
    FROM seen
    JOIN visit AS w ON w.unit_id = seen.unit_id AND w._void IS NULL
                       AND coalesce(w.approval, '') <> 'refused'
                       AND w.entered_at > coalesce(last_at, 0)
    GROUP BY seen.unit_id
    UNION ALL
    SELECT seen.unit_id, area, 'recheck', last_at,
           strftime('%s', (min(c.seen_at) + offset_ms) / 1000, 'unixepoch',
                    'start of month', '+1 month') * 1000 - offset_ms,
           group_concat(c.item, ' ')
    FROM seen
    JOIN unit_condition AS c
        ON c.unit_id = seen.unit_id AND c.answer = 'abnormal'
    CROSS JOIN site_now
    WHERE strftime('%Y-%m', (c.seen_at + offset_ms) / 1000, 'unixepoch')
          < month
    GROUP BY seen.unit_id
)
SELECT unit_id, area, trigger_kind, due_at, last_at, items
FROM due, site_now
WHERE due_at <= now_ms;

-- A meter that runs backwards: misread, changed, or tampered with.
CREATE VIEW meter_falling AS
SELECT id AS reading_id, unit_id, kind, read_at, value, before_id,
       before_value
FROM (SELECT id, unit_id, kind, read_at, value,
             lag(id) OVER meter AS before_id,
             lag(value) OVER meter AS before_value
      FROM meter_reading
      WHERE _void IS NULL
      WINDOW meter AS (PARTITION BY unit_id, kind ORDER BY read_at, id))
WHERE value < before_value;
