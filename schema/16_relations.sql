-- Duty 6: keep up customer relations.

-- 回访记录
CREATE TABLE contact_log (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customer(id),
    kind TEXT NOT NULL,
    happened_at INTEGER NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('contact_log', 1, 2,
     'EXISTS(SELECT 1 FROM customer_unit c
      JOIN unit u ON u.id = c.unit_id
      WHERE c.customer_id = contact_log.customer_id AND u.area = :area)
      OR contact_log.id >> 40 = :device',
     NULL);

INSERT INTO rule VALUES
    ('contact_log', 'note', 'last');

INSERT INTO enum VALUES
    ('contact_log', 'kind', 'visit', 1),
    ('contact_log', 'kind', 'call', 2),
    ('contact_log', 'kind', 'greeting', 3),
    ('contact_log', 'kind', 'complaint_follow_up', 4);

INSERT INTO label VALUES
    ('contact_log', NULL, NULL, 'zh', '回访记录'),
    ('contact_log', NULL, NULL, 'en', 'Contact log'),
    ('contact_log', 'customer_id', NULL, 'zh', '客户'),
    ('contact_log', 'customer_id', NULL, 'en', 'Customer'),
    ('contact_log', 'kind', NULL, 'zh', '方式'),
    ('contact_log', 'kind', NULL, 'en', 'Kind'),
    ('contact_log', 'kind', 'visit', 'zh', '上门拜访'),
    ('contact_log', 'kind', 'visit', 'en', 'Visit'),
    ('contact_log', 'kind', 'call', 'zh', '电话'),
    ('contact_log', 'kind', 'call', 'en', 'Call'),
    ('contact_log', 'kind', 'greeting', 'zh', '问候'),
    ('contact_log', 'kind', 'greeting', 'en', 'Greeting'),
    ('contact_log', 'kind', 'complaint_follow_up', 'zh', '投诉回访'),
    ('contact_log', 'kind', 'complaint_follow_up', 'en', 'Complaint follow-up'),
    ('contact_log', 'happened_at', NULL, 'zh', '时间'),
    ('contact_log', 'happened_at', NULL, 'en', 'Happened at'),
    ('contact_log', 'note', NULL, 'zh', '备注'),
    ('contact_log', 'note', NULL, 'en', 'Note');
