-- Duty 8: control people and goods passing the lobby.

-- 访客.  left_at: of two that saw the visitor leave, the earlier is right.
CREATE TABLE visit (
    id INTEGER PRIMARY KEY,
    visitor TEXT,
    reason TEXT NOT NULL,
    unit_id INTEGER REFERENCES unit(id),
    entered_at INTEGER NOT NULL,
    left_at INTEGER,
    approval TEXT NOT NULL DEFAULT 'waiting',
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('visit', 1, 2,
     'EXISTS(SELECT 1 FROM unit u
      WHERE u.id = unit_id AND u.area = :area)
      OR (unit_id IS NULL AND id >> 40 = :device)',
     NULL);

INSERT INTO rule VALUES
    ('visit', 'left_at', 'min'),
    ('visit', 'approval',
     'state waiting>approved waiting>refused
      prefer refused>approved>waiting'),
    ('visit', 'note', 'last');

INSERT INTO personal VALUES
    ('visit', 'visitor');

INSERT INTO enum VALUES
    ('visit', 'reason', 'business', 1),
    ('visit', 'reason', 'family', 2),
    ('visit', 'reason', 'service', 3),
    ('visit', 'reason', 'other', 4),
    ('visit', 'approval', 'waiting', 1),
    ('visit', 'approval', 'approved', 2),
    ('visit', 'approval', 'refused', 3);

INSERT INTO label VALUES
    ('visit', NULL, NULL, 'zh', '访客'),
    ('visit', NULL, NULL, 'en', 'Visit'),
    ('visit', 'visitor', NULL, 'zh', '访客'),
    ('visit', 'visitor', NULL, 'en', 'Visitor'),
    ('visit', 'reason', NULL, 'zh', '事由'),
    ('visit', 'reason', NULL, 'en', 'Reason'),
    ('visit', 'reason', 'business', 'zh', '商务'),
    ('visit', 'reason', 'business', 'en', 'Business'),
    ('visit', 'reason', 'family', 'zh', '探亲'),
    ('visit', 'reason', 'family', 'en', 'Family'),
    ('visit', 'reason', 'service', 'zh', '上门服务'),
    ('visit', 'reason', 'service', 'en', 'Service'),
    ('visit', 'reason', 'other', 'zh', '其他'),
    ('visit', 'reason', 'other', 'en', 'Other'),
    ('visit', 'unit_id', NULL, 'zh', '房屋'),
    ('visit', 'unit_id', NULL, 'en', 'Unit'),
    ('visit', 'entered_at', NULL, 'zh', '进入时间'),
    ('visit', 'entered_at', NULL, 'en', 'Entered at'),
    ('visit', 'left_at', NULL, 'zh', '离开时间'),
    ('visit', 'left_at', NULL, 'en', 'Left at'),
    ('visit', 'approval', NULL, 'zh', '准入'),
    ('visit', 'approval', NULL, 'en', 'Approval'),
    ('visit', 'approval', 'waiting', 'zh', '待确认'),
    ('visit', 'approval', 'waiting', 'en', 'Waiting'),
    ('visit', 'approval', 'approved', 'zh', '已同意'),
    ('visit', 'approval', 'approved', 'en', 'Approved'),
    ('visit', 'approval', 'refused', 'zh', '已拒绝'),
    ('visit', 'approval', 'refused', 'en', 'Refused'),
    ('visit', 'note', NULL, 'zh', '备注'),
    ('visit', 'note', NULL, 'en', 'Note');

-- 物品放行条.  Voided by supervisors only: a void would get round the revoking.
CREATE TABLE goods_release (
    id INTEGER PRIMARY KEY,
    unit_id INTEGER NOT NULL REFERENCES unit(id),
    applicant_role TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('goods_release', 1, 2,
     'EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('goods_release', 'state',
     'state pending>approved pending>refused approved>revoked@2
      approved>mismatch
      prefer revoked>mismatch>refused>approved>pending'),
    ('goods_release', 'note', 'last');

INSERT INTO enum VALUES
    ('goods_release', 'applicant_role', 'owner', 1),
    ('goods_release', 'applicant_role', 'relative_with_letter', 2),
    ('goods_release', 'applicant_role', 'phone_confirmed', 3),
    ('goods_release', 'applicant_role', 'tenant', 4),
    ('goods_release', 'applicant_role', 'agent', 5),
    ('goods_release', 'state', 'pending', 1),
    ('goods_release', 'state', 'approved', 2),
    ('goods_release', 'state', 'refused', 3),
    ('goods_release', 'state', 'revoked', 4),
    ('goods_release', 'state', 'mismatch', 5);

INSERT INTO label VALUES
    ('goods_release', NULL, NULL, 'zh', '物品放行条'),
    ('goods_release', NULL, NULL, 'en', 'Goods release'),
    ('goods_release', 'unit_id', NULL, 'zh', '房屋'),
    ('goods_release', 'unit_id', NULL, 'en', 'Unit'),
    ('goods_release', 'applicant_role', NULL, 'zh', '申请人'),
    ('goods_release', 'applicant_role', NULL, 'en', 'Applicant'),
    ('goods_release', 'applicant_role', 'owner', 'zh', '业主'),
    ('goods_release', 'applicant_role', 'owner', 'en', 'Owner'),
    ('goods_release', 'applicant_role', 'relative_with_letter', 'zh', '持委托书亲属'),
    ('goods_release', 'applicant_role', 'relative_with_letter', 'en', 'Relative with letter'),
    ('goods_release', 'applicant_role', 'phone_confirmed', 'zh', '电话确认'),
    ('goods_release', 'applicant_role', 'phone_confirmed', 'en', 'Confirmed by phone'),
    ('goods_release', 'applicant_role', 'tenant', 'zh', '租户'),
    ('goods_release', 'applicant_role', 'tenant', 'en', 'Tenant'),
    ('goods_release', 'applicant_role', 'agent', 'zh', '代理人'),
    ('goods_release', 'applicant_role', 'agent', 'en', 'Agent'),
    ('goods_release', 'state', NULL, 'zh', '状态'),
    ('goods_release', 'state', NULL, 'en', 'State'),
    ('goods_release', 'state', 'pending', 'zh', '待审批'),
    ('goods_release', 'state', 'pending', 'en', 'Pending'),
    ('goods_release', 'state', 'approved', 'zh', '已批准'),
    ('goods_release', 'state', 'approved', 'en', 'Approved'),
    ('goods_release', 'state', 'refused', 'zh', '不批准'),
    ('goods_release', 'state', 'refused', 'en', 'Refused'),
    ('goods_release', 'state', 'revoked', 'zh', '已撤销'),
    ('goods_release', 'state', 'revoked', 'en', 'Revoked'),
    ('goods_release', 'state', 'mismatch', 'zh', '实物不符'),
    ('goods_release', 'state', 'mismatch', 'en', 'Mismatch'),
    ('goods_release', 'note', NULL, 'zh', '备注'),
    ('goods_release', 'note', NULL, 'en', 'Note');

-- 放行物品.  A line typed wrongly is voided by its writer: the slip then lets
-- less out, never more.
CREATE TABLE goods_item (
    id INTEGER PRIMARY KEY,
    release_id INTEGER NOT NULL REFERENCES goods_release(id),
    name TEXT NOT NULL,
    quantity INTEGER NOT NULL DEFAULT 1,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('goods_item', 1, 1,
     'EXISTS(SELECT 1 FROM goods_release g
      JOIN unit u ON u.id = g.unit_id
      WHERE g.id = release_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('goods_item', 'note', 'last');

INSERT INTO label VALUES
    ('goods_item', NULL, NULL, 'zh', '放行物品'),
    ('goods_item', NULL, NULL, 'en', 'Goods item'),
    ('goods_item', 'release_id', NULL, 'zh', '放行条'),
    ('goods_item', 'release_id', NULL, 'en', 'Release'),
    ('goods_item', 'name', NULL, 'zh', '品名'),
    ('goods_item', 'name', NULL, 'en', 'Name'),
    ('goods_item', 'quantity', NULL, 'zh', '数量'),
    ('goods_item', 'quantity', NULL, 'en', 'Quantity'),
    ('goods_item', 'note', NULL, 'zh', '备注'),
    ('goods_item', 'note', NULL, 'en', 'Note');

-- 放行.  A slip works once: two exits on one slip are rivals.
CREATE TABLE goods_exit (
    id INTEGER PRIMARY KEY,
    release_id INTEGER NOT NULL REFERENCES goods_release(id),
    passed_at INTEGER NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('goods_exit', 1, 2,
     'EXISTS(SELECT 1 FROM goods_release g
      JOIN unit u ON u.id = g.unit_id
      WHERE g.id = release_id AND u.area = :area)',
     'release_id');

INSERT INTO rule VALUES
    ('goods_exit', 'note', 'last');

INSERT INTO label VALUES
    ('goods_exit', NULL, NULL, 'zh', '放行'),
    ('goods_exit', NULL, NULL, 'en', 'Goods exit'),
    ('goods_exit', 'release_id', NULL, 'zh', '放行条'),
    ('goods_exit', 'release_id', NULL, 'en', 'Release'),
    ('goods_exit', 'passed_at', NULL, 'zh', '放行时间'),
    ('goods_exit', 'passed_at', NULL, 'en', 'Passed at'),
    ('goods_exit', 'note', NULL, 'zh', '备注'),
    ('goods_exit', 'note', NULL, 'en', 'Note');
