-- Duty 4: convenience, reminder, business and errand services.

-- 代办
CREATE TABLE service_order (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    unit_id INTEGER NOT NULL REFERENCES unit(id),
    fee_fen INTEGER,
    state TEXT NOT NULL DEFAULT 'open',
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('service_order', 1, 2,
     'EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('service_order', 'fee_fen', 'last'),
    ('service_order', 'state',
     'state open>doing doing>done open>cancelled doing>cancelled
      prefer done>cancelled>doing>open'),
    ('service_order', 'note', 'last');

INSERT INTO enum VALUES
    ('service_order', 'kind', 'convenience', 1),
    ('service_order', 'kind', 'business', 2),
    ('service_order', 'kind', 'errand', 3),
    ('service_order', 'state', 'open', 1),
    ('service_order', 'state', 'doing', 2),
    ('service_order', 'state', 'done', 3),
    ('service_order', 'state', 'cancelled', 4);

INSERT INTO label VALUES
    ('service_order', NULL, NULL, 'zh', '代办'),
    ('service_order', NULL, NULL, 'en', 'Service order'),
    ('service_order', 'kind', NULL, 'zh', '类别'),
    ('service_order', 'kind', NULL, 'en', 'Kind'),
    ('service_order', 'kind', 'convenience', 'zh', '便民'),
    ('service_order', 'kind', 'convenience', 'en', 'Convenience'),
    ('service_order', 'kind', 'business', 'zh', '商务'),
    ('service_order', 'kind', 'business', 'en', 'Business'),
    ('service_order', 'kind', 'errand', 'zh', '代办'),
    ('service_order', 'kind', 'errand', 'en', 'Errand'),
    ('service_order', 'unit_id', NULL, 'zh', '房屋'),
    ('service_order', 'unit_id', NULL, 'en', 'Unit'),
    ('service_order', 'fee_fen', NULL, 'zh', '费用(分)'),
    ('service_order', 'fee_fen', NULL, 'en', 'Fee, fen'),
    ('service_order', 'state', NULL, 'zh', '状态'),
    ('service_order', 'state', NULL, 'en', 'State'),
    ('service_order', 'state', 'open', 'zh', '待办'),
    ('service_order', 'state', 'open', 'en', 'Open'),
    ('service_order', 'state', 'doing', 'zh', '办理中'),
    ('service_order', 'state', 'doing', 'en', 'Doing'),
    ('service_order', 'state', 'done', 'zh', '已办'),
    ('service_order', 'state', 'done', 'en', 'Done'),
    ('service_order', 'state', 'cancelled', 'zh', '已取消'),
    ('service_order', 'state', 'cancelled', 'en', 'Cancelled'),
    ('service_order', 'note', NULL, 'zh', '备注'),
    ('service_order', 'note', NULL, 'en', 'Note');

-- 提醒.  Nobody is accountable for a reminder made by mistake: its writer may
-- void it.
CREATE TABLE reminder (
    id INTEGER PRIMARY KEY,
    unit_id INTEGER NOT NULL REFERENCES unit(id),
    due_at INTEGER NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('reminder', 1, 1,
     'EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('reminder', 'due_at', 'last'),
    ('reminder', 'state',
     'state open>told told>done open>dropped
      prefer done>told>dropped>open'),
    ('reminder', 'note', 'last');

INSERT INTO enum VALUES
    ('reminder', 'state', 'open', 1),
    ('reminder', 'state', 'told', 2),
    ('reminder', 'state', 'done', 3),
    ('reminder', 'state', 'dropped', 4);

INSERT INTO label VALUES
    ('reminder', NULL, NULL, 'zh', '提醒'),
    ('reminder', NULL, NULL, 'en', 'Reminder'),
    ('reminder', 'unit_id', NULL, 'zh', '房屋'),
    ('reminder', 'unit_id', NULL, 'en', 'Unit'),
    ('reminder', 'due_at', NULL, 'zh', '提醒时间'),
    ('reminder', 'due_at', NULL, 'en', 'Due at'),
    ('reminder', 'text', NULL, 'zh', '内容'),
    ('reminder', 'text', NULL, 'en', 'Text'),
    ('reminder', 'state', NULL, 'zh', '状态'),
    ('reminder', 'state', NULL, 'en', 'State'),
    ('reminder', 'state', 'open', 'zh', '待提醒'),
    ('reminder', 'state', 'open', 'en', 'Open'),
    ('reminder', 'state', 'told', 'zh', '已提醒'),
    ('reminder', 'state', 'told', 'en', 'Told'),
    ('reminder', 'state', 'done', 'zh', '已办结'),
    ('reminder', 'state', 'done', 'en', 'Done'),
    ('reminder', 'state', 'dropped', 'zh', '不再提醒'),
    ('reminder', 'state', 'dropped', 'en', 'Dropped'),
    ('reminder', 'note', NULL, 'zh', '备注'),
    ('reminder', 'note', NULL, 'en', 'Note');

-- Reminders whose time has come.
CREATE VIEW reminder_due AS
SELECT r.id AS reminder_id, r.unit_id, r.due_at, r.text
FROM reminder AS r
CROSS JOIN site_now
WHERE r._void IS NULL AND r.state = 'open' AND r.due_at <= now_ms;
