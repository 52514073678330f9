-- Duty 2: take repairs, complaints, inquiries and suggestions of the area.

-- 服务单.  One about a public place has no unit: it stays with the handheld
-- that took it, and the office passes it on.
CREATE TABLE service_request (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    unit_id INTEGER REFERENCES unit(id),
    contact TEXT,
    text TEXT NOT NULL,
    priority TEXT NOT NULL DEFAULT 'normal',
    assignee_id INTEGER REFERENCES staff(id),
    state TEXT NOT NULL DEFAULT 'accepted',
    -- Two stewards who are urged at once are two urgings.
    urged INTEGER NOT NULL DEFAULT 0,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('service_request', 1, 2,
     'EXISTS(SELECT 1 FROM unit u
      WHERE u.id = unit_id AND u.area = :area)
      OR (unit_id IS NULL AND id >> 40 = :device)',
     NULL);

INSERT INTO rule VALUES
    ('service_request', 'contact', 'last'),
    ('service_request', 'priority', 'worst normal<urgent<danger back@2'),
    ('service_request', 'assignee_id', 'role'),
    ('service_request', 'state',
     'state accepted>dispatched accepted>in_progress
      dispatched>in_progress in_progress>paused paused>in_progress
      in_progress>done done>followed_up followed_up>closed@2
      accepted>returned dispatched>transferred transferred>dispatched
      followed_up>in_progress
      prefer closed>followed_up>done>transferred>returned>paused>
      in_progress>dispatched>accepted'),
    ('service_request', 'urged', 'sum'),
    ('service_request', 'note', 'last');

INSERT INTO personal VALUES
    ('service_request', 'contact');

INSERT INTO enum VALUES
    ('service_request', 'kind', 'repair', 1),
    ('service_request', 'kind', 'complaint', 2),
    ('service_request', 'kind', 'inquiry', 3),
    ('service_request', 'kind', 'suggestion', 4),
    ('service_request', 'channel', 'in_person', 1),
    ('service_request', 'channel', 'phone', 2),
    ('service_request', 'channel', 'owner_self', 3),
    ('service_request', 'priority', 'normal', 1),
    ('service_request', 'priority', 'urgent', 2),
    ('service_request', 'priority', 'danger', 3),
    ('service_request', 'state', 'accepted', 1),
    ('service_request', 'state', 'dispatched', 2),
    ('service_request', 'state', 'in_progress', 3),
    ('service_request', 'state', 'paused', 4),
    ('service_request', 'state', 'done', 5),
    ('service_request', 'state', 'followed_up', 6),
    ('service_request', 'state', 'closed', 7),
    ('service_request', 'state', 'returned', 8),
    ('service_request', 'state', 'transferred', 9);

INSERT INTO label VALUES
    ('service_request', NULL, NULL, 'zh', '服务单'),
    ('service_request', NULL, NULL, 'en', 'Service request'),
    ('service_request', 'kind', NULL, 'zh', '类别'),
    ('service_request', 'kind', NULL, 'en', 'Kind'),
    ('service_request', 'kind', 'repair', 'zh', '报修'),
    ('service_request', 'kind', 'repair', 'en', 'Repair'),
    ('service_request', 'kind', 'complaint', 'zh', '投诉'),
    ('service_request', 'kind', 'complaint', 'en', 'Complaint'),
    ('service_request', 'kind', 'inquiry', 'zh', '咨询'),
    ('service_request', 'kind', 'inquiry', 'en', 'Inquiry'),
    ('service_request', 'kind', 'suggestion', 'zh', '建议'),
    ('service_request', 'kind', 'suggestion', 'en', 'Suggestion'),
    ('service_request', 'channel', NULL, 'zh', '渠道'),
    ('service_request', 'channel', NULL, 'en', 'Channel'),
    ('service_request', 'channel', 'in_person', 'zh', '当面'),
    ('service_request', 'channel', 'in_person', 'en', 'In person'),
    ('service_request', 'channel', 'phone', 'zh', '电话'),
    ('service_request', 'channel', 'phone', 'en', 'Phone'),
    ('service_request', 'channel', 'owner_self', 'zh', '业主自助'),
    ('service_request', 'channel', 'owner_self', 'en', 'Owner''s own entry'),
    ('service_request', 'unit_id', NULL, 'zh', '房屋'),
    ('service_request', 'unit_id', NULL, 'en', 'Unit'),
    ('service_request', 'contact', NULL, 'zh', '联系人'),
    ('service_request', 'contact', NULL, 'en', 'Contact'),
    ('service_request', 'text', NULL, 'zh', '内容'),
    ('service_request', 'text', NULL, 'en', 'What is asked'),
    ('service_request', 'priority', NULL, 'zh', '紧急程度'),
    ('service_request', 'priority', NULL, 'en', 'Priority'),
    ('service_request', 'priority', 'normal', 'zh', '普通'),
    ('service_request', 'priority', 'normal', 'en', 'Normal'),
    ('service_request', 'priority', 'urgent', 'zh', '紧急'),
    ('service_request', 'priority', 'urgent', 'en', 'Urgent'),
    ('service_request', 'priority', 'danger', 'zh', '危险'),
    ('service_request', 'priority', 'danger', 'en', 'Danger'),
    ('service_request', 'assignee_id', NULL, 'zh', '处理人'),
    ('service_request', 'assignee_id', NULL, 'en', 'Assignee'),
    ('service_request', 'state', NULL, 'zh', '状态'),
    ('service_request', 'state', NULL, 'en', 'State'),
    ('service_request', 'state', 'accepted', 'zh', '受理'),
    ('service_request', 'state', 'accepted', 'en', 'Accepted'),
    ('service_request', 'state', 'dispatched', 'zh', '派工'),
    ('service_request', 'state', 'dispatched', 'en', 'Dispatched'),
    ('service_request', 'state', 'in_progress', 'zh', '处理中'),
    ('service_request', 'state', 'in_progress', 'en', 'In progress'),
    ('service_request', 'state', 'paused', 'zh', '暂停'),
    ('service_request', 'state', 'paused', 'en', 'Paused'),
    ('service_request', 'state', 'done', 'zh', '完成'),
    ('service_request', 'state', 'done', 'en', 'Done'),
    ('service_request', 'state', 'followed_up', 'zh', '回访'),
    ('service_request', 'state', 'followed_up', 'en', 'Followed up'),
    ('service_request', 'state', 'closed', 'zh', '关闭'),
    ('service_request', 'state', 'closed', 'en', 'Closed'),
    ('service_request', 'state', 'returned', 'zh', '退单'),
    ('service_request', 'state', 'returned', 'en', 'Returned'),
    ('service_request', 'state', 'transferred', 'zh', '转单'),
    ('service_request', 'state', 'transferred', 'en', 'Transferred'),
    ('service_request', 'urged', NULL, 'zh', '催单'),
    ('service_request', 'urged', NULL, 'en', 'Urged'),
    ('service_request', 'note', NULL, 'zh', '备注'),
    ('service_request', 'note', NULL, 'en', 'Note');

-- 服务记录.  When things happened; the norms below are judged by these.
CREATE TABLE request_event (
    id INTEGER PRIMARY KEY,
    request_id INTEGER NOT NULL REFERENCES service_request(id),
    kind TEXT NOT NULL,
    happened_at INTEGER NOT NULL,
    satisfaction INTEGER,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('request_event', 1, 2,
     'EXISTS(SELECT 1 FROM service_request q
      LEFT JOIN unit u ON u.id = q.unit_id
      WHERE q.id = request_id AND (u.area = :area
      OR (q.unit_id IS NULL AND q.id >> 40 = :device)))',
     NULL);

INSERT INTO rule VALUES
    ('request_event', 'note', 'last');

INSERT INTO enum VALUES
    ('request_event', 'kind', 'received', 1),
    ('request_event', 'kind', 'answered', 2),
    ('request_event', 'kind', 'arrived', 3),
    ('request_event', 'kind', 'progress', 4),
    ('request_event', 'kind', 'urged', 5),
    ('request_event', 'kind', 'done', 6),
    ('request_event', 'kind', 'called_back', 7),
    ('request_event', 'kind', 'supervisor_heard', 8),
    ('request_event', 'satisfaction', 1, 1),
    ('request_event', 'satisfaction', 2, 2),
    ('request_event', 'satisfaction', 3, 3),
    ('request_event', 'satisfaction', 4, 4),
    ('request_event', 'satisfaction', 5, 5);

-- Only a supervisor can say that the supervisor has heard the outcome.
INSERT INTO authority VALUES
    ('request_event', 'kind', 'supervisor_heard', 2);

INSERT INTO label VALUES
    ('request_event', NULL, NULL, 'zh', '服务记录'),
    ('request_event', NULL, NULL, 'en', 'Request event'),
    ('request_event', 'request_id', NULL, 'zh', '服务单'),
    ('request_event', 'request_id', NULL, 'en', 'Request'),
    ('request_event', 'kind', NULL, 'zh', '记录'),
    ('request_event', 'kind', NULL, 'en', 'Event'),
    ('request_event', 'kind', 'received', 'zh', '接单'),
    ('request_event', 'kind', 'received', 'en', 'Received'),
    ('request_event', 'kind', 'answered', 'zh', '响应'),
    ('request_event', 'kind', 'answered', 'en', 'Answered'),
    ('request_event', 'kind', 'arrived', 'zh', '到场'),
    ('request_event', 'kind', 'arrived', 'en', 'Arrived'),
    ('request_event', 'kind', 'progress', 'zh', '进展'),
    ('request_event', 'kind', 'progress', 'en', 'Progress'),
    ('request_event', 'kind', 'urged', 'zh', '催单'),
    ('request_event', 'kind', 'urged', 'en', 'Urged'),
    ('request_event', 'kind', 'done', 'zh', '完工'),
    ('request_event', 'kind', 'done', 'en', 'Done'),
    ('request_event', 'kind', 'called_back', 'zh', '回访'),
    ('request_event', 'kind', 'called_back', 'en', 'Called back'),
    ('request_event', 'kind', 'supervisor_heard', 'zh', '主管已知悉'),
    ('request_event', 'kind', 'supervisor_heard', 'en', 'Supervisor heard'),
    ('request_event', 'happened_at', NULL, 'zh', '时间'),
    ('request_event', 'happened_at', NULL, 'en', 'Happened at'),
    ('request_event', 'satisfaction', NULL, 'zh', '满意度'),
    ('request_event', 'satisfaction', NULL, 'en', 'Satisfaction'),
    ('request_event', 'satisfaction', 1, 'zh', '很不满意'),
    ('request_event', 'satisfaction', 1, 'en', 'Very dissatisfied'),
    ('request_event', 'satisfaction', 2, 'zh', '不满意'),
    ('request_event', 'satisfaction', 2, 'en', 'Dissatisfied'),
    ('request_event', 'satisfaction', 3, 'zh', '一般'),
    ('request_event', 'satisfaction', 3, 'en', 'Neither'),
    ('request_event', 'satisfaction', 4, 'zh', '满意'),
    ('request_event', 'satisfaction', 4, 'en', 'Satisfied'),
    ('request_event', 'satisfaction', 5, 'zh', '很满意'),
    ('request_event', 'satisfaction', 5, 'en', 'Very satisfied'),
    ('request_event', 'note', NULL, 'zh', '备注'),
    ('request_event', 'note', NULL, 'en', 'Note');

-- Norms of service.  Answered is the first answer, arrival or completion; a
-- call back counts when it follows the last completion.  A request that was
-- returned has no norm.  standing: met, late (met after its time), overdue, open.
CREATE VIEW request_norm AS
WITH moments AS (
    SELECT r.id, r.kind, r.priority,
           coalesce(min(CASE e.kind WHEN 'received' THEN e.happened_at END),
                    r._e >> 16) AS received_at,
           min(CASE WHEN e.kind IN ('answered', 'arrived', 'done')
                    THEN e.happened_at END) AS answered_at,
           max(CASE e.kind WHEN 'done' THEN e.happened_at END) AS done_at,
           max(CASE e.kind WHEN 'called_back' THEN e.happened_at END)
               AS called_at,
           max(CASE e.kind WHEN 'supervisor_heard' THEN e.happened_at END)
               AS heard_at
    FROM service_request AS r
    LEFT JOIN request_event AS e ON e.request_id = r.id AND e._void IS NULL
    WHERE r._void IS NULL AND r.state <> 'returned'
    GROUP BY r.id
), asked AS (
    SELECT id, 'danger_answer' AS norm,
           received_at + danger_answer_min * 60000 AS due_at,
           answered_at AS met_at
    FROM moments, norm WHERE priority = 'danger'
    UNION ALL
    SELECT id, 'urgent_answer', received_at + urgent_answer_min * 60000,
           answered_at
    FROM moments, norm WHERE priority = 'urgent'
    UNION ALL
    SELECT id, 'complaint_answer',
           received_at + complaint_answer_h * 3600000, answered_at
    FROM moments, norm WHERE kind = 'complaint'
    UNION ALL
    SELECT id, 'call_back', done_at + call_back_h * 3600000,
           CASE WHEN called_at >= done_at THEN called_at END
    FROM moments, norm WHERE done_at IS NOT NULL
    UNION ALL
    SELECT id, 'supervisor_heard', NULL,
           CASE WHEN heard_at >= done_at THEN heard_at END
    FROM moments WHERE done_at IS NOT NULL
)
SELECT id AS request_id, norm, due_at, met_at,
       CASE WHEN met_at > due_at THEN 'late'
            WHEN met_at IS NOT NULL THEN 'met'
            WHEN due_at < now_ms THEN 'overdue'
            ELSE 'open' END AS standing
FROM asked, site_now;

-- Words for what the views judge.
INSERT INTO label VALUES
    (NULL, NULL, 'danger_answer', 'zh', '危险五分钟响应'),
    (NULL, NULL, 'danger_answer', 'en', 'Danger answered'),
    (NULL, NULL, 'urgent_answer', 'zh', '紧急一刻钟响应'),
    (NULL, NULL, 'urgent_answer', 'en', 'Urgent answered'),
    (NULL, NULL, 'complaint_answer', 'zh', '投诉一日内响应'),
    (NULL, NULL, 'complaint_answer', 'en', 'Complaint answered'),
    (NULL, NULL, 'call_back', 'zh', '两日内回访'),
    (NULL, NULL, 'call_back', 'en', 'Called back'),
    (NULL, NULL, 'supervisor_heard', 'zh', '主管已知悉'),
    (NULL, NULL, 'supervisor_heard', 'en', 'Supervisor heard'),
    (NULL, NULL, 'met', 'zh', '达标'),
    (NULL, NULL, 'met', 'en', 'Met'),
    (NULL, NULL, 'overdue', 'zh', '逾期'),
    (NULL, NULL, 'overdue', 'en', 'Overdue'),
    (NULL, NULL, 'open', 'zh', '未到期'),
    (NULL, NULL, 'open', 'en', 'Open');
