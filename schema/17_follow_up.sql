-- Duty 7: follow owners' matters through with the customer centre.

-- 跟进.  Of any record; seen in the area of whoever owns it, and where it was
-- opened.
CREATE TABLE follow_up (
    id INTEGER PRIMARY KEY,
    subject_table TEXT NOT NULL,
    subject_id INTEGER NOT NULL,
    owner_id INTEGER REFERENCES staff(id),
    due_at INTEGER,
    state TEXT NOT NULL DEFAULT 'open',
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('follow_up', 1, 2,
     'follow_up.id >> 40 = :device
      OR EXISTS(SELECT 1 FROM staff s
      WHERE s.id = owner_id AND s.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('follow_up', 'owner_id', 'role'),
    ('follow_up', 'due_at', 'min back@2'),
    ('follow_up', 'state',
     'state open>waiting waiting>open open>done waiting>done
      open>escalated escalated>open@2 escalated>done@2
      prefer done>escalated>waiting>open'),
    ('follow_up', 'note', 'last');

INSERT INTO enum VALUES
    ('follow_up', 'state', 'open', 1),
    ('follow_up', 'state', 'waiting', 2),
    ('follow_up', 'state', 'done', 3),
    ('follow_up', 'state', 'escalated', 4);

INSERT INTO label VALUES
    ('follow_up', NULL, NULL, 'zh', '跟进'),
    ('follow_up', NULL, NULL, 'en', 'Follow-up'),
    ('follow_up', 'subject_table', NULL, 'zh', '所属表'),
    ('follow_up', 'subject_table', NULL, 'en', 'Belongs to table'),
    ('follow_up', 'subject_id', NULL, 'zh', '所属记录'),
    ('follow_up', 'subject_id', NULL, 'en', 'Belongs to record'),
    ('follow_up', 'owner_id', NULL, 'zh', '负责人'),
    ('follow_up', 'owner_id', NULL, 'en', 'Owner'),
    ('follow_up', 'due_at', NULL, 'zh', '期限'),
    ('follow_up', 'due_at', NULL, 'en', 'Due at'),
    ('follow_up', 'state', NULL, 'zh', '状态'),
    ('follow_up', 'state', NULL, 'en', 'State'),
    ('follow_up', 'state', 'open', 'zh', '跟进中'),
    ('follow_up', 'state', 'open', 'en', 'Open'),
    ('follow_up', 'state', 'waiting', 'zh', '等待中'),
    ('follow_up', 'state', 'waiting', 'en', 'Waiting'),
    ('follow_up', 'state', 'done', 'zh', '已办结'),
    ('follow_up', 'state', 'done', 'en', 'Done'),
    ('follow_up', 'state', 'escalated', 'zh', '已上报'),
    ('follow_up', 'state', 'escalated', 'en', 'Escalated'),
    ('follow_up', 'note', NULL, 'zh', '备注'),
    ('follow_up', 'note', NULL, 'en', 'Note');

-- Matters past their time.
CREATE VIEW follow_up_overdue AS
SELECT f.id AS follow_up_id, f.subject_table, f.subject_id, f.owner_id,
       f.state, f.due_at
FROM follow_up AS f
CROSS JOIN site_now
WHERE f._void IS NULL AND f.state <> 'done' AND f.due_at < now_ms;
