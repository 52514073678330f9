-- Duty 3, first part: patrols.

-- 路线.  One patrol every interval_min; the usual is hourly, twenty minutes a
-- building, key areas every two hours.
CREATE TABLE route (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    interval_min INTEGER NOT NULL DEFAULT 60,
    area TEXT,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('route', 9, 9, 'area = :area', NULL);

INSERT INTO rule VALUES
    ('route', 'name', 'last'),
    ('route', 'interval_min', 'last'),
    ('route', 'area', 'last'),
    ('route', 'note', 'last');

INSERT INTO label VALUES
    ('route', NULL, NULL, 'zh', '路线'),
    ('route', NULL, NULL, 'en', 'Route'),
    ('route', 'name', NULL, 'zh', '名称'),
    ('route', 'name', NULL, 'en', 'Name'),
    ('route', 'interval_min', NULL, 'zh', '间隔分钟'),
    ('route', 'interval_min', NULL, 'en', 'Interval, minutes'),
    ('route', 'area', NULL, 'zh', '责任区'),
    ('route', 'area', NULL, 'en', 'Area'),
    ('route', 'note', NULL, 'zh', '备注'),
    ('route', 'note', NULL, 'en', 'Note');

-- 巡更点.  A window may pass midnight: then its end is below its start.
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY,
    route_id INTEGER NOT NULL REFERENCES route(id),
    name TEXT NOT NULL,
    tag_uid TEXT,
    tag_kind TEXT,
    sort_no INTEGER NOT NULL DEFAULT 0,
    window_start INTEGER,
    window_end INTEGER,
    min_gap_s INTEGER,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('checkpoint', 9, 9,
     'EXISTS(SELECT 1 FROM route r WHERE r.id = route_id AND r.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('checkpoint', 'route_id', 'last'),
    ('checkpoint', 'name', 'last'),
    ('checkpoint', 'tag_uid', 'last'),
    ('checkpoint', 'tag_kind', 'last'),
    ('checkpoint', 'sort_no', 'last'),
    ('checkpoint', 'window_start', 'last'),
    ('checkpoint', 'window_end', 'last'),
    ('checkpoint', 'min_gap_s', 'last'),
    ('checkpoint', 'note', 'last');

INSERT INTO enum VALUES
    ('checkpoint', 'tag_kind', 'nfc', 1),
    ('checkpoint', 'tag_kind', 'qr', 2),
    ('checkpoint', 'tag_kind', 'barcode', 3);

INSERT INTO label VALUES
    ('checkpoint', NULL, NULL, 'zh', '巡更点'),
    ('checkpoint', NULL, NULL, 'en', 'Checkpoint'),
    ('checkpoint', 'route_id', NULL, 'zh', '路线'),
    ('checkpoint', 'route_id', NULL, 'en', 'Route'),
    ('checkpoint', 'name', NULL, 'zh', '名称'),
    ('checkpoint', 'name', NULL, 'en', 'Name'),
    ('checkpoint', 'tag_uid', NULL, 'zh', '标签号'),
    ('checkpoint', 'tag_uid', NULL, 'en', 'Tag'),
    ('checkpoint', 'tag_kind', NULL, 'zh', '标签类型'),
    ('checkpoint', 'tag_kind', NULL, 'en', 'Kind of tag'),
    ('checkpoint', 'tag_kind', 'nfc', 'zh', 'NFC 标签'),
    ('checkpoint', 'tag_kind', 'nfc', 'en', 'NFC'),
    ('checkpoint', 'tag_kind', 'qr', 'zh', '二维码'),
    ('checkpoint', 'tag_kind', 'qr', 'en', 'QR code'),
    ('checkpoint', 'tag_kind', 'barcode', 'zh', '条形码'),
    ('checkpoint', 'tag_kind', 'barcode', 'en', 'Barcode'),
    ('checkpoint', 'sort_no', NULL, 'zh', '序号'),
    ('checkpoint', 'sort_no', NULL, 'en', 'Order'),
    ('checkpoint', 'window_start', NULL, 'zh', '最早时刻'),
    ('checkpoint', 'window_start', NULL, 'en', 'Not before'),
    ('checkpoint', 'window_end', NULL, 'zh', '最晚时刻'),
    ('checkpoint', 'window_end', NULL, 'en', 'Not after'),
    ('checkpoint', 'min_gap_s', NULL, 'zh', '最短间隔秒'),
    ('checkpoint', 'min_gap_s', NULL, 'en', 'Least gap, seconds'),
    ('checkpoint', 'note', NULL, 'zh', '备注'),
    ('checkpoint', 'note', NULL, 'en', 'Note');

-- 巡更任务.  end_reason is demanded when a patrol is stopped; where it is
-- missing all the same, patrol_unexplained says so.
CREATE TABLE patrol (
    id INTEGER PRIMARY KEY,
    route_id INTEGER NOT NULL REFERENCES route(id),
    shift_id INTEGER REFERENCES shift(id),
    assignee_id INTEGER REFERENCES staff(id),
    planned_start INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'not_started',
    end_reason TEXT,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('patrol', 1, 2,
     'EXISTS(SELECT 1 FROM route r WHERE r.id = route_id AND r.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('patrol', 'assignee_id', 'role'),
    ('patrol', 'state',
     'state not_started>in_progress in_progress>done in_progress>stopped
      not_started>absent@2 absent>in_progress@2
      prefer done>stopped>in_progress>absent>not_started'),
    ('patrol', 'end_reason', 'first'),
    ('patrol', 'note', 'last');

INSERT INTO enum VALUES
    ('patrol', 'state', 'not_started', 1),
    ('patrol', 'state', 'in_progress', 2),
    ('patrol', 'state', 'done', 3),
    ('patrol', 'state', 'stopped', 4),
    ('patrol', 'state', 'absent', 5);

INSERT INTO label VALUES
    ('patrol', NULL, NULL, 'zh', '巡更任务'),
    ('patrol', NULL, NULL, 'en', 'Patrol'),
    ('patrol', 'route_id', NULL, 'zh', '路线'),
    ('patrol', 'route_id', NULL, 'en', 'Route'),
    ('patrol', 'shift_id', NULL, 'zh', '班次'),
    ('patrol', 'shift_id', NULL, 'en', 'Shift'),
    ('patrol', 'assignee_id', NULL, 'zh', '执行人'),
    ('patrol', 'assignee_id', NULL, 'en', 'Assignee'),
    ('patrol', 'planned_start', NULL, 'zh', '计划开始'),
    ('patrol', 'planned_start', NULL, 'en', 'Planned start'),
    ('patrol', 'state', NULL, 'zh', '状态'),
    ('patrol', 'state', NULL, 'en', 'State'),
    ('patrol', 'state', 'not_started', 'zh', '未开始'),
    ('patrol', 'state', 'not_started', 'en', 'Not started'),
    ('patrol', 'state', 'in_progress', 'zh', '巡检中'),
    ('patrol', 'state', 'in_progress', 'en', 'In progress'),
    ('patrol', 'state', 'done', 'zh', '完成'),
    ('patrol', 'state', 'done', 'en', 'Done'),
    ('patrol', 'state', 'stopped', 'zh', '中止'),
    ('patrol', 'state', 'stopped', 'en', 'Stopped'),
    ('patrol', 'state', 'absent', 'zh', '缺勤'),
    ('patrol', 'state', 'absent', 'en', 'Absent'),
    ('patrol', 'end_reason', NULL, 'zh', '中止原因'),
    ('patrol', 'end_reason', NULL, 'en', 'Reason for stopping'),
    ('patrol', 'note', NULL, 'zh', '备注'),
    ('patrol', 'note', NULL, 'en', 'Note');

-- 打卡.  Facts only: a wrong scan is answered by a note or a supervisor's void,
-- never by taking it back oneself.
CREATE TABLE scan (
    id INTEGER PRIMARY KEY,
    patrol_id INTEGER NOT NULL REFERENCES patrol(id),
    checkpoint_id INTEGER NOT NULL REFERENCES checkpoint(id),
    -- As read, whatever the checkpoint's own tag is; NULL when none was read.
    tag_uid TEXT,
    scanned_at INTEGER NOT NULL,
    result TEXT NOT NULL,
    reason TEXT,
    latitude REAL,
    longitude REAL,
    accuracy_m REAL,
    entry TEXT NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('scan', 1, 2,
     'EXISTS(SELECT 1 FROM patrol p JOIN route r ON r.id = p.route_id
      WHERE p.id = patrol_id AND r.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('scan', 'note', 'last');

INSERT INTO enum VALUES
    ('scan', 'result', 'normal', 1),
    ('scan', 'result', 'abnormal', 2),
    ('scan', 'result', 'skipped', 3),
    ('scan', 'entry', 'nfc', 1),
    ('scan', 'entry', 'qr', 2),
    ('scan', 'entry', 'barcode', 3),
    ('scan', 'entry', 'manual', 4);

INSERT INTO label VALUES
    ('scan', NULL, NULL, 'zh', '打卡'),
    ('scan', NULL, NULL, 'en', 'Scan'),
    ('scan', 'patrol_id', NULL, 'zh', '巡更任务'),
    ('scan', 'patrol_id', NULL, 'en', 'Patrol'),
    ('scan', 'checkpoint_id', NULL, 'zh', '巡更点'),
    ('scan', 'checkpoint_id', NULL, 'en', 'Checkpoint'),
    ('scan', 'tag_uid', NULL, 'zh', '标签号'),
    ('scan', 'tag_uid', NULL, 'en', 'Tag'),
    ('scan', 'scanned_at', NULL, 'zh', '打卡时间'),
    ('scan', 'scanned_at', NULL, 'en', 'Scanned at'),
    ('scan', 'result', NULL, 'zh', '结果'),
    ('scan', 'result', NULL, 'en', 'Result'),
    ('scan', 'result', 'normal', 'zh', '正常'),
    ('scan', 'result', 'normal', 'en', 'Normal'),
    ('scan', 'result', 'abnormal', 'zh', '异常'),
    ('scan', 'result', 'abnormal', 'en', 'Abnormal'),
    ('scan', 'result', 'skipped', 'zh', '跳过'),
    ('scan', 'result', 'skipped', 'en', 'Skipped'),
    ('scan', 'reason', NULL, 'zh', '原因'),
    ('scan', 'reason', NULL, 'en', 'Reason'),
    ('scan', 'latitude', NULL, 'zh', '纬度'),
    ('scan', 'latitude', NULL, 'en', 'Latitude'),
    ('scan', 'longitude', NULL, 'zh', '经度'),
    ('scan', 'longitude', NULL, 'en', 'Longitude'),
    ('scan', 'accuracy_m', NULL, 'zh', '精度米'),
    ('scan', 'accuracy_m', NULL, 'en', 'Accuracy, metres'),
    ('scan', 'entry', NULL, 'zh', '录入方式'),
    ('scan', 'entry', NULL, 'en', 'Entry'),
    ('scan', 'entry', 'nfc', 'zh', 'NFC 感应'),
    ('scan', 'entry', 'nfc', 'en', 'NFC'),
    ('scan', 'entry', 'qr', 'zh', '扫二维码'),
    ('scan', 'entry', 'qr', 'en', 'QR code'),
    ('scan', 'entry', 'barcode', 'zh', '扫条形码'),
    ('scan', 'entry', 'barcode', 'en', 'Barcode'),
    ('scan', 'entry', 'manual', 'zh', '手工'),
    ('scan', 'entry', 'manual', 'en', 'By hand'),
    ('scan', 'note', NULL, 'zh', '备注'),
    ('scan', 'note', NULL, 'en', 'Note');

-- Timing of each scan, and of each checkpoint that a patrol passed over.  A
-- window is the first one that ends after the patrol's planned start.  Missed:
-- nothing was read (a skip with a reason is still a miss; the reason is shown)
-- and the window is over or the patrol has ended.
CREATE VIEW scan_timing AS
WITH day AS (
    SELECT p.id AS patrol_id, p.state, p.planned_start, c.id AS checkpoint_id,
           c.window_start * 60000 AS from_ms,
           (c.window_end +
            CASE WHEN c.window_end < c.window_start THEN 1440 ELSE 0 END)
               * 60000 AS to_ms,
           p.planned_start - (p.planned_start + offset_ms) % 86400000
               AS midnight,
           now_ms
    FROM patrol AS p
    JOIN checkpoint AS c ON c.route_id = p.route_id
    CROSS JOIN site_now
    WHERE p._void IS NULL AND c._void IS NULL
), expected AS (
    SELECT patrol_id, state, checkpoint_id, now_ms,
           midnight + from_ms + CASE WHEN midnight + to_ms < planned_start
                                     THEN 86400000 ELSE 0 END AS window_from_at,
           midnight + to_ms + CASE WHEN midnight + to_ms < planned_start
                                   THEN 86400000 ELSE 0 END AS window_to_at
    FROM day
)
SELECT x.patrol_id, x.checkpoint_id, s.id AS scan_id, s.scanned_at,
       x.window_from_at, x.window_to_at,
       CASE WHEN s.id IS NULL THEN 'missed'
            WHEN s.scanned_at < x.window_from_at THEN 'early'
            WHEN s.scanned_at > x.window_to_at THEN 'late'
            ELSE 'on_time' END AS timing,
       CASE WHEN s.id IS NULL THEN k.reason ELSE s.reason END AS reason
FROM expected AS x
LEFT JOIN scan AS s
    ON s.patrol_id = x.patrol_id AND s.checkpoint_id = x.checkpoint_id
       AND s._void IS NULL AND s.result <> 'skipped'
LEFT JOIN (SELECT patrol_id, checkpoint_id, max(reason) AS reason
           FROM scan
           WHERE _void IS NULL AND result = 'skipped'
           GROUP BY patrol_id, checkpoint_id) AS k
    ON k.patrol_id = x.patrol_id AND k.checkpoint_id = x.checkpoint_id
WHERE s.id IS NOT NULL OR x.state IN ('done', 'stopped', 'absent')
      OR x.window_to_at < x.now_ms;

-- What makes a scan suspicious; skips read nothing and are left out.
--   burst         more than 8 scans of one handheld within 10 minutes
--   too_fast      a minute or less after the checkpoint before, or less than
--                 the checkpoint's own least gap
--   wrong_order   stands before the checkpoint that the patrol read last
--   copied_tag    the same tag was read on another handheld within a minute
--   clock_suspect the scan lies more than two minutes after its own insert: the
--                 handheld's clock ran ahead.  One that ran behind looks like a
--                 scan entered late; only the ledger's clock_adjust_ms tells.
--   same_photo    a photo of it is also a photo of another scan
-- other_id is the other scan, where there is one.
CREATE VIEW scan_flag AS
WITH walk AS (
    SELECT s.id, s.patrol_id, s.checkpoint_id, s.scanned_at, s._e,
           c.min_gap_s, c.sort_no,
           count(*) OVER (PARTITION BY s.id >> 40 ORDER BY s.scanned_at
                          RANGE BETWEEN 600000 PRECEDING AND CURRENT ROW)
               AS in_ten_minutes,
           lag(s.id) OVER device AS before_id,
           lag(s.scanned_at) OVER device AS before_at,
           lag(s.checkpoint_id) OVER device AS before_checkpoint,
           lag(s.id) OVER round AS round_id,
           lag(c.sort_no) OVER round AS round_sort
    FROM scan AS s
    JOIN checkpoint AS c ON c.id = s.checkpoint_id
    WHERE s._void IS NULL AND s.result <> 'skipped'
    WINDOW device AS (PARTITION BY s.id >> 40 ORDER BY s.scanned_at, s.id),
           round AS (PARTITION BY s.patrol_id ORDER BY s.scanned_at, s.id)
)
SELECT id AS scan_id, patrol_id, 'burst' AS flag, NULL AS other_id
FROM walk WHERE in_ten_minutes > 8
UNION ALL
SELECT id, patrol_id, 'too_fast', before_id
FROM walk
WHERE before_checkpoint <> checkpoint_id
      AND (scanned_at - before_at <= 60000
           OR scanned_at - before_at < min_gap_s * 1000)
UNION ALL
SELECT id, patrol_id, 'wrong_order', round_id
FROM walk WHERE sort_no < round_sort
UNION ALL
SELECT a.id, a.patrol_id, 'copied_tag', min(b.id)
FROM scan AS a
JOIN scan AS b ON b.tag_uid = a.tag_uid AND b.id >> 40 <> a.id >> 40
                  AND b.scanned_at BETWEEN a.scanned_at - 60000
                                       AND a.scanned_at + 60000
WHERE a._void IS NULL AND b._void IS NULL
      AND a.entry <> 'manual' AND b.entry <> 'manual'
GROUP BY a.id
UNION ALL
SELECT id, patrol_id, 'clock_suspect', NULL
FROM walk WHERE scanned_at > (_e >> 16) + 120000
UNION ALL
SELECT s.id, s.patrol_id, 'same_photo', min(b.subject_id)
FROM attachment AS a
JOIN scan AS s ON s.id = a.subject_id
JOIN attachment AS b ON b.sha256 = a.sha256 AND b.subject_table = 'scan'
                        AND b.subject_id <> a.subject_id
WHERE a.subject_table = 'scan' AND a._void IS NULL AND b._void IS NULL
      AND s._void IS NULL
GROUP BY s.id;

-- 已超时.  A patrol is over its time when the next one of its route is due and
-- it is not done, or its last scan came after that.
CREATE VIEW patrol_overtime AS
SELECT patrol_id, route_id, assignee_id, state, planned_start, due_at,
       last_scan_at, (until_ms - due_at) / 60000 AS over_min
FROM (SELECT p.id AS patrol_id, p.route_id, p.assignee_id, p.state,
             p.planned_start,
             p.planned_start + r.interval_min * 60000 AS due_at,
             max(s.scanned_at) AS last_scan_at,
             CASE WHEN p.state IN ('not_started', 'in_progress') THEN now_ms
                  ELSE max(s.scanned_at) END AS until_ms
      FROM patrol AS p
      JOIN route AS r ON r.id = p.route_id
      CROSS JOIN site_now
      LEFT JOIN scan AS s ON s.patrol_id = p.id AND s._void IS NULL
      WHERE p._void IS NULL
      GROUP BY p.id)
WHERE until_ms > due_at;

-- Stopped, and nobody has said why.
CREATE VIEW patrol_unexplained AS
SELECT id AS patrol_id, route_id, assignee_id, planned_start
FROM patrol
WHERE _void IS NULL AND state = 'stopped' AND coalesce(end_reason, '') = '';

-- Words for what the views judge.
INSERT INTO label VALUES
    (NULL, NULL, 'early', 'zh', '早到'),
    (NULL, NULL, 'early', 'en', 'Early'),
    (NULL, NULL, 'on_time', 'zh', '准时'),
    (NULL, NULL, 'on_time', 'en', 'On time'),
    (NULL, NULL, 'late', 'zh', '迟到'),
    (NULL, NULL, 'late', 'en', 'Late'),
    (NULL, NULL, 'missed', 'zh', '未到'),
    (NULL, NULL, 'missed', 'en', 'Missed'),
    (NULL, NULL, 'burst', 'zh', '短时过密'),
    (NULL, NULL, 'burst', 'en', 'Burst'),
    (NULL, NULL, 'too_fast', 'zh', '间隔过短'),
    (NULL, NULL, 'too_fast', 'en', 'Too fast'),
    (NULL, NULL, 'wrong_order', 'zh', '顺序颠倒'),
    (NULL, NULL, 'wrong_order', 'en', 'Wrong order'),
    (NULL, NULL, 'copied_tag', 'zh', '疑似复制标签'),
    (NULL, NULL, 'copied_tag', 'en', 'Copied tag'),
    (NULL, NULL, 'clock_suspect', 'zh', '时钟可疑'),
    (NULL, NULL, 'clock_suspect', 'en', 'Clock suspect'),
    (NULL, NULL, 'same_photo', 'zh', '照片重复'),
    (NULL, NULL, 'same_photo', 'en', 'Same photo');
