-- Duty 9: collect the area's property fees.  Nothing here is ever changed: a
-- correction is a new record, and a balance is a sum.

-- 应收
CREATE TABLE charge (
    id INTEGER PRIMARY KEY,
    unit_id INTEGER NOT NULL REFERENCES unit(id),
    -- YYYY-MM, or whatever span the fee is for.
    period TEXT NOT NULL,
    kind TEXT NOT NULL,
    amount_fen INTEGER NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('charge', 9, 9,
     'EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('charge', 'note', 'last');

INSERT INTO enum VALUES
    ('charge', 'kind', 'property', 1),
    ('charge', 'kind', 'parking', 2),
    ('charge', 'kind', 'water', 3),
    ('charge', 'kind', 'power', 4),
    ('charge', 'kind', 'deposit', 5),
    ('charge', 'kind', 'other', 6);

INSERT INTO label VALUES
    ('charge', NULL, NULL, 'zh', '应收'),
    ('charge', NULL, NULL, 'en', 'Charge'),
    ('charge', 'unit_id', NULL, 'zh', '房屋'),
    ('charge', 'unit_id', NULL, 'en', 'Unit'),
    ('charge', 'period', NULL, 'zh', '期间'),
    ('charge', 'period', NULL, 'en', 'Period'),
    ('charge', 'kind', NULL, 'zh', '费用'),
    ('charge', 'kind', NULL, 'en', 'Kind'),
    ('charge', 'kind', 'property', 'zh', '物业费'),
    ('charge', 'kind', 'property', 'en', 'Property fee'),
    ('charge', 'kind', 'parking', 'zh', '停车费'),
    ('charge', 'kind', 'parking', 'en', 'Parking'),
    ('charge', 'kind', 'water', 'zh', '水费'),
    ('charge', 'kind', 'water', 'en', 'Water'),
    ('charge', 'kind', 'power', 'zh', '电费'),
    ('charge', 'kind', 'power', 'en', 'Power'),
    ('charge', 'kind', 'deposit', 'zh', '押金'),
    ('charge', 'kind', 'deposit', 'en', 'Deposit'),
    ('charge', 'kind', 'other', 'zh', '其他'),
    ('charge', 'kind', 'other', 'en', 'Other'),
    ('charge', 'amount_fen', NULL, 'zh', '金额(分)'),
    ('charge', 'amount_fen', NULL, 'en', 'Amount, fen'),
    ('charge', 'note', NULL, 'zh', '备注'),
    ('charge', 'note', NULL, 'en', 'Note');

-- 收据.  receipt_no begins with the handheld's number, so that no two write the
-- same.  A refund is negative and names what it corrects.
CREATE TABLE receipt (
    id INTEGER PRIMARY KEY,
    receipt_no TEXT NOT NULL,
    unit_id INTEGER NOT NULL REFERENCES unit(id),
    amount_fen INTEGER NOT NULL,
    corrects_id INTEGER REFERENCES receipt(id),
    method TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('receipt', 1, 2,
     'EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('receipt', 'note', 'last');

INSERT INTO enum VALUES
    ('receipt', 'method', 'cash', 1),
    ('receipt', 'method', 'pos', 2),
    ('receipt', 'method', 'wechat', 3),
    ('receipt', 'method', 'alipay', 4),
    ('receipt', 'method', 'transfer', 5);

INSERT INTO label VALUES
    ('receipt', NULL, NULL, 'zh', '收据'),
    ('receipt', NULL, NULL, 'en', 'Receipt'),
    ('receipt', 'receipt_no', NULL, 'zh', '收据号'),
    ('receipt', 'receipt_no', NULL, 'en', 'Receipt number'),
    ('receipt', 'unit_id', NULL, 'zh', '房屋'),
    ('receipt', 'unit_id', NULL, 'en', 'Unit'),
    ('receipt', 'amount_fen', NULL, 'zh', '金额(分)'),
    ('receipt', 'amount_fen', NULL, 'en', 'Amount, fen'),
    ('receipt', 'corrects_id', NULL, 'zh', '更正收据'),
    ('receipt', 'corrects_id', NULL, 'en', 'Corrects'),
    ('receipt', 'method', NULL, 'zh', '方式'),
    ('receipt', 'method', NULL, 'en', 'Method'),
    ('receipt', 'method', 'cash', 'zh', '现金'),
    ('receipt', 'method', 'cash', 'en', 'Cash'),
    ('receipt', 'method', 'pos', 'zh', '刷卡'),
    ('receipt', 'method', 'pos', 'en', 'Card'),
    ('receipt', 'method', 'wechat', 'zh', '微信'),
    ('receipt', 'method', 'wechat', 'en', 'WeChat'),
    ('receipt', 'method', 'alipay', 'zh', '支付宝'),
    ('receipt', 'method', 'alipay', 'en', 'Alipay'),
    ('receipt', 'method', 'transfer', 'zh', '转账'),
    ('receipt', 'method', 'transfer', 'en', 'Transfer'),
    ('receipt', 'received_at', NULL, 'zh', '收款时间'),
    ('receipt', 'received_at', NULL, 'en', 'Received at'),
    ('receipt', 'note', NULL, 'zh', '备注'),
    ('receipt', 'note', NULL, 'en', 'Note');

-- What a unit owes (positive) or has paid ahead (negative).  Here and below,
-- total(): sum() fails where amounts that somebody mistyped pass 64 bits.
CREATE VIEW unit_balance AS
SELECT unit_id, CAST(total(charged) AS INTEGER) AS charged_fen,
       CAST(total(received) AS INTEGER) AS received_fen,
       CAST(total(charged) - total(received) AS INTEGER) AS balance_fen
FROM (SELECT unit_id, amount_fen AS charged, 0 AS received
      FROM charge WHERE _void IS NULL
      UNION ALL
      SELECT unit_id, 0, amount_fen FROM receipt WHERE _void IS NULL)
GROUP BY unit_id;

-- What each cashier took, by local day and method.
CREATE VIEW takings AS
SELECT r._actor AS staff_id,
       date((r.received_at + offset_ms) / 1000, 'unixepoch') AS day,
       r.method, count(*) AS receipts,
       CAST(total(max(r.amount_fen, 0)) AS INTEGER) AS taken_fen,
       CAST(total(min(r.amount_fen, 0)) AS INTEGER) AS refunded_fen,
       CAST(total(r.amount_fen) AS INTEGER) AS amount_fen
FROM receipt AS r
CROSS JOIN site_now
WHERE r._void IS NULL
GROUP BY 1, 2, 3;

-- The cash that a cashier hands in for a day.
CREATE VIEW cash_by_cashier AS
SELECT staff_id, day, receipts, taken_fen, refunded_fen, amount_fen
FROM takings
WHERE method = 'cash';
