-- Duty 5: collect and keep customer information.

-- 客户.  Seen where one of the customer's units is, and by the handheld that
-- wrote it before it is tied to any.  One typed twice is voided by its writer.
CREATE TABLE customer (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    phone TEXT,
    language TEXT,
    preference TEXT,
    -- Whether the customer lets us keep this: withdrawn once is withdrawn.
    consent TEXT,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('customer', 1, 1,
     'EXISTS(SELECT 1 FROM customer_unit c
      JOIN unit u ON u.id = c.unit_id
      WHERE c.customer_id = customer.id AND u.area = :area)
      OR customer.id >> 40 = :device',
     NULL);

INSERT INTO rule VALUES
    ('customer', 'name', 'last'),
    ('customer', 'phone', 'last'),
    ('customer', 'language', 'last'),
    ('customer', 'preference', 'last'),
    ('customer', 'consent', 'worst given<withdrawn'),
    ('customer', 'note', 'last');

INSERT INTO personal VALUES
    ('customer', 'name'),
    ('customer', 'phone');

INSERT INTO enum VALUES
    ('customer', 'consent', 'given', 1),
    ('customer', 'consent', 'withdrawn', 2);

INSERT INTO label VALUES
    ('customer', NULL, NULL, 'zh', '客户'),
    ('customer', NULL, NULL, 'en', 'Customer'),
    ('customer', 'name', NULL, 'zh', '姓名'),
    ('customer', 'name', NULL, 'en', 'Name'),
    ('customer', 'phone', NULL, 'zh', '电话'),
    ('customer', 'phone', NULL, 'en', 'Phone'),
    ('customer', 'language', NULL, 'zh', '语言'),
    ('customer', 'language', NULL, 'en', 'Language'),
    ('customer', 'preference', NULL, 'zh', '偏好'),
    ('customer', 'preference', NULL, 'en', 'Preference'),
    ('customer', 'consent', NULL, 'zh', '授权'),
    ('customer', 'consent', NULL, 'en', 'Consent'),
    ('customer', 'consent', 'given', 'zh', '已授权'),
    ('customer', 'consent', 'given', 'en', 'Given'),
    ('customer', 'consent', 'withdrawn', 'zh', '已撤回'),
    ('customer', 'consent', 'withdrawn', 'en', 'Withdrawn'),
    ('customer', 'note', NULL, 'zh', '备注'),
    ('customer', 'note', NULL, 'en', 'Note');

-- 客户房屋.  A wrong tie is voided by its writer.
CREATE TABLE customer_unit (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customer(id),
    unit_id INTEGER NOT NULL REFERENCES unit(id),
    relation TEXT NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('customer_unit', 1, 1,
     'EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('customer_unit', 'note', 'last');

INSERT INTO enum VALUES
    ('customer_unit', 'relation', 'owner', 1),
    ('customer_unit', 'relation', 'tenant', 2),
    ('customer_unit', 'relation', 'family', 3),
    ('customer_unit', 'relation', 'agent', 4);

INSERT INTO label VALUES
    ('customer_unit', NULL, NULL, 'zh', '客户房屋'),
    ('customer_unit', NULL, NULL, 'en', 'Customer''s unit'),
    ('customer_unit', 'customer_id', NULL, 'zh', '客户'),
    ('customer_unit', 'customer_id', NULL, 'en', 'Customer'),
    ('customer_unit', 'unit_id', NULL, 'zh', '房屋'),
    ('customer_unit', 'unit_id', NULL, 'en', 'Unit'),
    ('customer_unit', 'relation', NULL, 'zh', '关系'),
    ('customer_unit', 'relation', NULL, 'en', 'Relation'),
    ('customer_unit', 'relation', 'owner', 'zh', '业主'),
    ('customer_unit', 'relation', 'owner', 'en', 'Owner'),
    ('customer_unit', 'relation', 'tenant', 'zh', '租户'),
    ('customer_unit', 'relation', 'tenant', 'en', 'Tenant'),
    ('customer_unit', 'relation', 'family', 'zh', '家属'),
    ('customer_unit', 'relation', 'family', 'en', 'Family'),
    ('customer_unit', 'relation', 'agent', 'zh', '代理人'),
    ('customer_unit', 'relation', 'agent', 'en', 'Agent'),
    ('customer_unit', 'note', NULL, 'zh', '备注'),
    ('customer_unit', 'note', NULL, 'en', 'Note');
