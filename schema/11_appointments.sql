-- Duty 1: book move-in, renovation, parking, moving and mail matters.

-- 预约.  Two bookings of one slot, made on two handhelds, are rivals.
CREATE TABLE appointment (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    unit_id INTEGER NOT NULL REFERENCES unit(id),
    slot_start INTEGER NOT NULL,
    slot_end INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'booked',
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('appointment', 1, 2,
     'EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area = :area)',
     'kind,slot_start WHERE state IN (''booked'',''confirmed'')');

INSERT INTO rule VALUES
    ('appointment', 'state',
     'state booked>confirmed confirmed>done booked>cancelled
      confirmed>cancelled confirmed>no_show
      prefer cancelled>done>no_show>confirmed>booked'),
    ('appointment', 'note', 'last');

INSERT INTO enum VALUES
    ('appointment', 'kind', 'move_in', 1),
    ('appointment', 'kind', 'renovation', 2),
    ('appointment', 'kind', 'parking', 3),
    ('appointment', 'kind', 'moving', 4),
    ('appointment', 'kind', 'mail', 5),
    ('appointment', 'state', 'booked', 1),
    ('appointment', 'state', 'confirmed', 2),
    ('appointment', 'state', 'done', 3),
    ('appointment', 'state', 'cancelled', 4),
    ('appointment', 'state', 'no_show', 5);

INSERT INTO label VALUES
    ('appointment', NULL, NULL, 'zh', '预约'),
    ('appointment', NULL, NULL, 'en', 'Appointment'),
    ('appointment', 'kind', NULL, 'zh', '事项'),
    ('appointment', 'kind', NULL, 'en', 'Matter'),
    ('appointment', 'kind', 'move_in', 'zh', '入住'),
    ('appointment', 'kind', 'move_in', 'en', 'Move-in'),
    ('appointment', 'kind', 'renovation', 'zh', '装修'),
    ('appointment', 'kind', 'renovation', 'en', 'Renovation'),
    ('appointment', 'kind', 'parking', 'zh', '停车'),
    ('appointment', 'kind', 'parking', 'en', 'Parking'),
    ('appointment', 'kind', 'moving', 'zh', '搬家'),
    ('appointment', 'kind', 'moving', 'en', 'Moving'),
    ('appointment', 'kind', 'mail', 'zh', '邮件'),
    ('appointment', 'kind', 'mail', 'en', 'Mail'),
    ('appointment', 'unit_id', NULL, 'zh', '房屋'),
    ('appointment', 'unit_id', NULL, 'en', 'Unit'),
    ('appointment', 'slot_start', NULL, 'zh', '开始'),
    ('appointment', 'slot_start', NULL, 'en', 'Slot start'),
    ('appointment', 'slot_end', NULL, 'zh', '结束'),
    ('appointment', 'slot_end', NULL, 'en', 'Slot end'),
    ('appointment', 'state', NULL, 'zh', '状态'),
    ('appointment', 'state', NULL, 'en', 'State'),
    ('appointment', 'state', 'booked', 'zh', '已预约'),
    ('appointment', 'state', 'booked', 'en', 'Booked'),
    ('appointment', 'state', 'confirmed', 'zh', '已确认'),
    ('appointment', 'state', 'confirmed', 'en', 'Confirmed'),
    ('appointment', 'state', 'done', 'zh', '已办理'),
    ('appointment', 'state', 'done', 'en', 'Done'),
    ('appointment', 'state', 'cancelled', 'zh', '已取消'),
    ('appointment', 'state', 'cancelled', 'en', 'Cancelled'),
    ('appointment', 'state', 'no_show', 'zh', '未到'),
    ('appointment', 'state', 'no_show', 'en', 'No-show'),
    ('appointment', 'note', NULL, 'zh', '备注'),
    ('appointment', 'note', NULL, 'en', 'Note');

-- 邮件
CREATE TABLE parcel (
    id INTEGER PRIMARY KEY,
    unit_id INTEGER NOT NULL REFERENCES unit(id),
    carrier TEXT,
    tracking_no TEXT,
    state TEXT NOT NULL DEFAULT 'received',
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('parcel', 1, 2,
     'EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('parcel', 'state',
     'state received>notified notified>collected received>collected
      received>returned notified>returned
      prefer collected>returned>notified>received'),
    ('parcel', 'note', 'last');

INSERT INTO enum VALUES
    ('parcel', 'state', 'received', 1),
    ('parcel', 'state', 'notified', 2),
    ('parcel', 'state', 'collected', 3),
    ('parcel', 'state', 'returned', 4);

INSERT INTO label VALUES
    ('parcel', NULL, NULL, 'zh', '邮件'),
    ('parcel', NULL, NULL, 'en', 'Parcel'),
    ('parcel', 'unit_id', NULL, 'zh', '房屋'),
    ('parcel', 'unit_id', NULL, 'en', 'Unit'),
    ('parcel', 'carrier', NULL, 'zh', '承运人'),
    ('parcel', 'carrier', NULL, 'en', 'Carrier'),
    ('parcel', 'tracking_no', NULL, 'zh', '单号'),
    ('parcel', 'tracking_no', NULL, 'en', 'Tracking number'),
    ('parcel', 'state', NULL, 'zh', '状态'),
    ('parcel', 'state', NULL, 'en', 'State'),
    ('parcel', 'state', 'received', 'zh', '已收'),
    ('parcel', 'state', 'received', 'en', 'Received'),
    ('parcel', 'state', 'notified', 'zh', '已通知'),
    ('parcel', 'state', 'notified', 'en', 'Notified'),
    ('parcel', 'state', 'collected', 'zh', '已领取'),
    ('parcel', 'state', 'collected', 'en', 'Collected'),
    ('parcel', 'state', 'returned', 'zh', '已退回'),
    ('parcel', 'state', 'returned', 'en', 'Returned'),
    ('parcel', 'note', NULL, 'zh', '备注'),
    ('parcel', 'note', NULL, 'en', 'Note');
