-- Duty 3, third part: the supervision of renovations.

-- 装修许可
CREATE TABLE renovation_permit (
    id INTEGER PRIMARY KEY,
    unit_id INTEGER NOT NULL REFERENCES unit(id),
    contractor TEXT,
    scope_text TEXT,
    start_date TEXT,
    end_date TEXT,
    state TEXT NOT NULL DEFAULT 'pending',
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('renovation_permit', 1, 2,
     'EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('renovation_permit', 'end_date', 'role'),
    ('renovation_permit', 'state',
     'state pending>active@2 pending>rejected@2 active>suspended
      suspended>active@2 active>awaiting_acceptance
      awaiting_acceptance>accepted@2
      awaiting_acceptance>acceptance_failed acceptance_failed>active
      accepted>closed@2
      prefer closed>rejected>suspended>acceptance_failed>accepted>
      awaiting_acceptance>active>pending'),
    ('renovation_permit', 'note', 'last');

INSERT INTO enum VALUES
    ('renovation_permit', 'state', 'pending', 1),
    ('renovation_permit', 'state', 'active', 2),
    ('renovation_permit', 'state', 'rejected', 3),
    ('renovation_permit', 'state', 'suspended', 4),
    ('renovation_permit', 'state', 'awaiting_acceptance', 5),
    ('renovation_permit', 'state', 'accepted', 6),
    ('renovation_permit', 'state', 'acceptance_failed', 7),
    ('renovation_permit', 'state', 'closed', 8);

INSERT INTO label VALUES
    ('renovation_permit', NULL, NULL, 'zh', '装修许可'),
    ('renovation_permit', NULL, NULL, 'en', 'Renovation permit'),
    ('renovation_permit', 'unit_id', NULL, 'zh', '房屋'),
    ('renovation_permit', 'unit_id', NULL, 'en', 'Unit'),
    ('renovation_permit', 'contractor', NULL, 'zh', '施工单位'),
    ('renovation_permit', 'contractor', NULL, 'en', 'Contractor'),
    ('renovation_permit', 'scope_text', NULL, 'zh', '装修内容'),
    ('renovation_permit', 'scope_text', NULL, 'en', 'Scope of work'),
    ('renovation_permit', 'start_date', NULL, 'zh', '开工日期'),
    ('renovation_permit', 'start_date', NULL, 'en', 'Start date'),
    ('renovation_permit', 'end_date', NULL, 'zh', '竣工日期'),
    ('renovation_permit', 'end_date', NULL, 'en', 'End date'),
    ('renovation_permit', 'state', NULL, 'zh', '状态'),
    ('renovation_permit', 'state', NULL, 'en', 'State'),
    ('renovation_permit', 'state', 'pending', 'zh', '待审核'),
    ('renovation_permit', 'state', 'pending', 'en', 'Pending'),
    ('renovation_permit', 'state', 'active', 'zh', '装修中'),
    ('renovation_permit', 'state', 'active', 'en', 'Active'),
    ('renovation_permit', 'state', 'rejected', 'zh', '不通过'),
    ('renovation_permit', 'state', 'rejected', 'en', 'Rejected'),
    ('renovation_permit', 'state', 'suspended', 'zh', '停工'),
    ('renovation_permit', 'state', 'suspended', 'en', 'Suspended'),
    ('renovation_permit', 'state', 'awaiting_acceptance', 'zh', '待验收'),
    ('renovation_permit', 'state', 'awaiting_acceptance', 'en', 'Awaiting acceptance'),
    ('renovation_permit', 'state', 'accepted', 'zh', '验收合格'),
    ('renovation_permit', 'state', 'accepted', 'en', 'Accepted'),
    ('renovation_permit', 'state', 'acceptance_failed', 'zh', '验收不合格'),
    ('renovation_permit', 'state', 'acceptance_failed', 'en', 'Acceptance failed'),
    ('renovation_permit', 'state', 'closed', 'zh', '已结案'),
    ('renovation_permit', 'state', 'closed', 'en', 'Closed'),
    ('renovation_permit', 'note', NULL, 'zh', '备注'),
    ('renovation_permit', 'note', NULL, 'en', 'Note');

-- 施工人员.  A pass once revoked stays revoked, whoever wrote beside it.
CREATE TABLE permit_worker (
    id INTEGER PRIMARY KEY,
    permit_id INTEGER NOT NULL REFERENCES renovation_permit(id),
    name TEXT,
    pass_no TEXT,
    valid_to TEXT,
    standing TEXT NOT NULL DEFAULT 'valid',
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('permit_worker', 1, 2,
     'EXISTS(SELECT 1 FROM renovation_permit p
      JOIN unit u ON u.id = p.unit_id
      WHERE p.id = permit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('permit_worker', 'name', 'last'),
    ('permit_worker', 'valid_to', 'last'),
    ('permit_worker', 'standing', 'worst valid<revoked back@2'),
    ('permit_worker', 'note', 'last');

INSERT INTO personal VALUES
    ('permit_worker', 'name');

INSERT INTO enum VALUES
    ('permit_worker', 'standing', 'valid', 1),
    ('permit_worker', 'standing', 'revoked', 2);

INSERT INTO label VALUES
    ('permit_worker', NULL, NULL, 'zh', '施工人员'),
    ('permit_worker', NULL, NULL, 'en', 'Permit worker'),
    ('permit_worker', 'permit_id', NULL, 'zh', '装修许可'),
    ('permit_worker', 'permit_id', NULL, 'en', 'Permit'),
    ('permit_worker', 'name', NULL, 'zh', '姓名'),
    ('permit_worker', 'name', NULL, 'en', 'Name'),
    ('permit_worker', 'pass_no', NULL, 'zh', '出入证号'),
    ('permit_worker', 'pass_no', NULL, 'en', 'Pass number'),
    ('permit_worker', 'valid_to', NULL, 'zh', '有效期至'),
    ('permit_worker', 'valid_to', NULL, 'en', 'Valid to'),
    ('permit_worker', 'standing', NULL, 'zh', '证件状态'),
    ('permit_worker', 'standing', NULL, 'en', 'Standing'),
    ('permit_worker', 'standing', 'valid', 'zh', '有效'),
    ('permit_worker', 'standing', 'valid', 'en', 'Valid'),
    ('permit_worker', 'standing', 'revoked', 'zh', '吊销'),
    ('permit_worker', 'standing', 'revoked', 'en', 'Revoked'),
    ('permit_worker', 'note', NULL, 'zh', '备注'),
    ('permit_worker', 'note', NULL, 'en', 'Note');

-- 装修巡查
CREATE TABLE renovation_check (
    id INTEGER PRIMARY KEY,
    permit_id INTEGER NOT NULL REFERENCES renovation_permit(id),
    checked_at INTEGER NOT NULL,
    presence TEXT NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('renovation_check', 1, 2,
     'EXISTS(SELECT 1 FROM renovation_permit p
      JOIN unit u ON u.id = p.unit_id
      WHERE p.id = permit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('renovation_check', 'note', 'last');

INSERT INTO enum VALUES
    ('renovation_check', 'presence', 'working', 1),
    ('renovation_check', 'presence', 'nobody', 2),
    ('renovation_check', 'presence', 'refused', 3),
    ('renovation_check', 'presence', 'nearly_done', 4),
    ('renovation_check', 'presence', 'done', 5);

INSERT INTO label VALUES
    ('renovation_check', NULL, NULL, 'zh', '装修巡查'),
    ('renovation_check', NULL, NULL, 'en', 'Renovation check'),
    ('renovation_check', 'permit_id', NULL, 'zh', '装修许可'),
    ('renovation_check', 'permit_id', NULL, 'en', 'Permit'),
    ('renovation_check', 'checked_at', NULL, 'zh', '巡查时间'),
    ('renovation_check', 'checked_at', NULL, 'en', 'Checked at'),
    ('renovation_check', 'presence', NULL, 'zh', '现场情况'),
    ('renovation_check', 'presence', NULL, 'en', 'Presence'),
    ('renovation_check', 'presence', 'working', 'zh', '施工'),
    ('renovation_check', 'presence', 'working', 'en', 'Working'),
    ('renovation_check', 'presence', 'nobody', 'zh', '无人'),
    ('renovation_check', 'presence', 'nobody', 'en', 'Nobody there'),
    ('renovation_check', 'presence', 'refused', 'zh', '拒不开门'),
    ('renovation_check', 'presence', 'refused', 'en', 'Door not opened'),
    ('renovation_check', 'presence', 'nearly_done', 'zh', '基本完工'),
    ('renovation_check', 'presence', 'nearly_done', 'en', 'Nearly done'),
    ('renovation_check', 'presence', 'done', 'zh', '完工'),
    ('renovation_check', 'presence', 'done', 'en', 'Done'),
    ('renovation_check', 'note', NULL, 'zh', '备注'),
    ('renovation_check', 'note', NULL, 'en', 'Note');

-- 装修巡查项
CREATE TABLE check_item (
    id INTEGER PRIMARY KEY,
    check_id INTEGER NOT NULL REFERENCES renovation_check(id),
    item TEXT NOT NULL,
    answer TEXT NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('check_item', 1, 2,
     'EXISTS(SELECT 1 FROM renovation_check k
      JOIN renovation_permit p ON p.id = k.permit_id
      JOIN unit u ON u.id = p.unit_id
      WHERE k.id = check_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('check_item', 'note', 'last');

INSERT INTO enum VALUES
    ('check_item', 'answer', 'ok', 1),
    ('check_item', 'answer', 'abnormal', 2),
    ('check_item', 'answer', 'na', 3);

INSERT INTO label VALUES
    ('check_item', NULL, NULL, 'zh', '装修巡查项'),
    ('check_item', NULL, NULL, 'en', 'Check item'),
    ('check_item', 'check_id', NULL, 'zh', '装修巡查'),
    ('check_item', 'check_id', NULL, 'en', 'Check'),
    ('check_item', 'item', NULL, 'zh', '项目'),
    ('check_item', 'item', NULL, 'en', 'Item'),
    ('check_item', 'answer', NULL, 'zh', '结果'),
    ('check_item', 'answer', NULL, 'en', 'Answer'),
    ('check_item', 'answer', 'ok', 'zh', '正常'),
    ('check_item', 'answer', 'ok', 'en', 'OK'),
    ('check_item', 'answer', 'abnormal', 'zh', '异常'),
    ('check_item', 'answer', 'abnormal', 'en', 'Abnormal'),
    ('check_item', 'answer', 'na', 'zh', '不适用'),
    ('check_item', 'answer', 'na', 'en', 'Not applicable'),
    ('check_item', 'note', NULL, 'zh', '备注'),
    ('check_item', 'note', NULL, 'en', 'Note');

-- 违规.  The first five kinds are serious or critical, the next seven general,
-- the others are about order on the site; severity is judged case by case.
CREATE TABLE violation (
    id INTEGER PRIMARY KEY,
    permit_id INTEGER NOT NULL REFERENCES renovation_permit(id),
    check_id INTEGER REFERENCES renovation_check(id),
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    deadline INTEGER,
    state TEXT NOT NULL DEFAULT 'found',
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('violation', 1, 2,
     'EXISTS(SELECT 1 FROM renovation_permit p
      JOIN unit u ON u.id = p.unit_id
      WHERE p.id = permit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('violation', 'severity', 'worst minor<general<serious<critical back@2'),
    ('violation', 'deadline', 'min back@2'),
    ('violation', 'state',
     'state found>notified notified>rectifying rectifying>submitted
      submitted>passed submitted>failed failed>rectifying
      found>reported@2 notified>reported@2 reported>rectifying
      passed>closed@2
      prefer closed>failed>reported>passed>submitted>rectifying>
      notified>found'),
    ('violation', 'note', 'last');

INSERT INTO enum VALUES
    ('violation', 'kind', 'load_bearing', 1),
    ('violation', 'kind', 'gas_pipe_or_meter', 2),
    ('violation', 'kind', 'flue_or_vent', 3),
    ('violation', 'kind', 'balcony_enclosure', 4),
    ('violation', 'kind', 'waterproof_layer', 5),
    ('violation', 'kind', 'window_grille', 6),
    ('violation', 'kind', 'railing_removed', 7),
    ('violation', 'kind', 'door_moved_out', 8),
    ('violation', 'kind', 'heating_moved', 9),
    ('violation', 'kind', 'drain_pipe', 10),
    ('violation', 'kind', 'wires_without_conduit', 11),
    ('violation', 'kind', 'solar_heater', 12),
    ('violation', 'kind', 'permit_not_posted', 13),
    ('violation', 'kind', 'no_extinguishers', 14),
    ('violation', 'kind', 'no_worker_pass', 15),
    ('violation', 'kind', 'hot_work_without_permit', 16),
    ('violation', 'kind', 'overnight_stay', 17),
    ('violation', 'kind', 'waste_not_bagged', 18),
    ('violation', 'kind', 'door_open', 19),
    ('violation', 'kind', 'smoking', 20),
    ('violation', 'kind', 'lift_misuse', 21),
    ('violation', 'kind', 'debris_in_drain', 22),
    ('violation', 'kind', 'throwing', 23),
    ('violation', 'kind', 'noise_hours', 24),
    ('violation', 'severity', 'minor', 1),
    ('violation', 'severity', 'general', 2),
    ('violation', 'severity', 'serious', 3),
    ('violation', 'severity', 'critical', 4),
    ('violation', 'state', 'found', 1),
    ('violation', 'state', 'notified', 2),
    ('violation', 'state', 'rectifying', 3),
    ('violation', 'state', 'submitted', 4),
    ('violation', 'state', 'passed', 5),
    ('violation', 'state', 'failed', 6),
    ('violation', 'state', 'reported', 7),
    ('violation', 'state', 'closed', 8);

INSERT INTO label VALUES
    ('violation', NULL, NULL, 'zh', '违规'),
    ('violation', NULL, NULL, 'en', 'Violation'),
    ('violation', 'permit_id', NULL, 'zh', '装修许可'),
    ('violation', 'permit_id', NULL, 'en', 'Permit'),
    ('violation', 'check_id', NULL, 'zh', '装修巡查'),
    ('violation', 'check_id', NULL, 'en', 'Check'),
    ('violation', 'kind', NULL, 'zh', '违规类别'),
    ('violation', 'kind', NULL, 'en', 'Kind'),
    ('violation', 'kind', 'load_bearing', 'zh', '拆改承重结构'),
    ('violation', 'kind', 'load_bearing', 'en', 'Load-bearing structure altered'),
    ('violation', 'kind', 'gas_pipe_or_meter', 'zh', '燃气管表移位'),
    ('violation', 'kind', 'gas_pipe_or_meter', 'en', 'Gas pipe or meter moved'),
    ('violation', 'kind', 'flue_or_vent', 'zh', '拆改烟道排气道'),
    ('violation', 'kind', 'flue_or_vent', 'en', 'Flue or vent altered'),
    ('violation', 'kind', 'balcony_enclosure', 'zh', '封闭阳台'),
    ('violation', 'kind', 'balcony_enclosure', 'en', 'Balcony enclosed'),
    ('violation', 'kind', 'waterproof_layer', 'zh', '破坏防水层'),
    ('violation', 'kind', 'waterproof_layer', 'en', 'Waterproof layer broken'),
    ('violation', 'kind', 'window_grille', 'zh', '安装防护栏'),
    ('violation', 'kind', 'window_grille', 'en', 'Window grille'),
    ('violation', 'kind', 'railing_removed', 'zh', '拆除护栏'),
    ('violation', 'kind', 'railing_removed', 'en', 'Railing removed'),
    ('violation', 'kind', 'door_moved_out', 'zh', '户门外移'),
    ('violation', 'kind', 'door_moved_out', 'en', 'Door moved outward'),
    ('violation', 'kind', 'heating_moved', 'zh', '暖气移位'),
    ('violation', 'kind', 'heating_moved', 'en', 'Heating moved'),
    ('violation', 'kind', 'drain_pipe', 'zh', '拆改排水管'),
    ('violation', 'kind', 'drain_pipe', 'en', 'Drain pipe altered'),
    ('violation', 'kind', 'wires_without_conduit', 'zh', '电线未穿管'),
    ('violation', 'kind', 'wires_without_conduit', 'en', 'Wires without conduit'),
    ('violation', 'kind', 'solar_heater', 'zh', '安装太阳能热水器'),
    ('violation', 'kind', 'solar_heater', 'en', 'Solar heater'),
    ('violation', 'kind', 'permit_not_posted', 'zh', '未张贴许可证'),
    ('violation', 'kind', 'permit_not_posted', 'en', 'Permit not posted'),
    ('violation', 'kind', 'no_extinguishers', 'zh', '灭火器不足'),
    ('violation', 'kind', 'no_extinguishers', 'en', 'Too few extinguishers'),
    ('violation', 'kind', 'no_worker_pass', 'zh', '人员无证'),
    ('violation', 'kind', 'no_worker_pass', 'en', 'Worker without pass'),
    ('violation', 'kind', 'hot_work_without_permit', 'zh', '无动火证动火'),
    ('violation', 'kind', 'hot_work_without_permit', 'en', 'Hot work without permit'),
    ('violation', 'kind', 'overnight_stay', 'zh', '工地留宿'),
    ('violation', 'kind', 'overnight_stay', 'en', 'Overnight stay'),
    ('violation', 'kind', 'waste_not_bagged', 'zh', '垃圾未袋装'),
    ('violation', 'kind', 'waste_not_bagged', 'en', 'Waste not bagged'),
    ('violation', 'kind', 'door_open', 'zh', '施工未关门'),
    ('violation', 'kind', 'door_open', 'en', 'Door left open'),
    ('violation', 'kind', 'smoking', 'zh', '吸烟'),
    ('violation', 'kind', 'smoking', 'en', 'Smoking'),
    ('violation', 'kind', 'lift_misuse', 'zh', '违规用梯'),
    ('violation', 'kind', 'lift_misuse', 'en', 'Lift misused'),
    ('violation', 'kind', 'debris_in_drain', 'zh', '排水管倒渣'),
    ('violation', 'kind', 'debris_in_drain', 'en', 'Debris in drain'),
    ('violation', 'kind', 'throwing', 'zh', '高空抛物'),
    ('violation', 'kind', 'throwing', 'en', 'Throwing from height'),
    ('violation', 'kind', 'noise_hours', 'zh', '超时施工'),
    ('violation', 'kind', 'noise_hours', 'en', 'Work outside hours'),
    ('violation', 'severity', NULL, 'zh', '严重程度'),
    ('violation', 'severity', NULL, 'en', 'Severity'),
    ('violation', 'severity', 'minor', 'zh', '轻微'),
    ('violation', 'severity', 'minor', 'en', 'Minor'),
    ('violation', 'severity', 'general', 'zh', '一般'),
    ('violation', 'severity', 'general', 'en', 'General'),
    ('violation', 'severity', 'serious', 'zh', '严重'),
    ('violation', 'severity', 'serious', 'en', 'Serious'),
    ('violation', 'severity', 'critical', 'zh', '危及安全'),
    ('violation', 'severity', 'critical', 'en', 'Critical'),
    ('violation', 'deadline', NULL, 'zh', '整改期限'),
    ('violation', 'deadline', NULL, 'en', 'Deadline'),
    ('violation', 'state', NULL, 'zh', '状态'),
    ('violation', 'state', NULL, 'en', 'State'),
    ('violation', 'state', 'found', 'zh', '发现'),
    ('violation', 'state', 'found', 'en', 'Found'),
    ('violation', 'state', 'notified', 'zh', '已下整改通知'),
    ('violation', 'state', 'notified', 'en', 'Notified'),
    ('violation', 'state', 'rectifying', 'zh', '整改中'),
    ('violation', 'state', 'rectifying', 'en', 'Rectifying'),
    ('violation', 'state', 'submitted', 'zh', '待复查'),
    ('violation', 'state', 'submitted', 'en', 'Submitted'),
    ('violation', 'state', 'passed', 'zh', '复查合格'),
    ('violation', 'state', 'passed', 'en', 'Passed'),
    ('violation', 'state', 'failed', 'zh', '复查不合格'),
    ('violation', 'state', 'failed', 'en', 'Failed'),
    ('violation', 'state', 'reported', 'zh', '上报主管部门'),
    ('violation', 'state', 'reported', 'en', 'Reported'),
    ('violation', 'state', 'closed', 'zh', '销项'),
    ('violation', 'state', 'closed', 'en', 'Closed'),
    ('violation', 'note', NULL, 'zh', '备注'),
    ('violation', 'note', NULL, 'en', 'Note');

-- 违规记录.  That something was done; what it changed is the violation's state.
CREATE TABLE violation_event (
    id INTEGER PRIMARY KEY,
    violation_id INTEGER NOT NULL REFERENCES violation(id),
    kind TEXT NOT NULL,
    happened_at INTEGER NOT NULL,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('violation_event', 1, 2,
     'EXISTS(SELECT 1 FROM violation v
      JOIN renovation_permit p ON p.id = v.permit_id
      JOIN unit u ON u.id = p.unit_id
      WHERE v.id = violation_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('violation_event', 'note', 'last');

INSERT INTO enum VALUES
    ('violation_event', 'kind', 'warned', 1),
    ('violation_event', 'kind', 'notice_served', 2),
    ('violation_event', 'kind', 'notice_refused', 3),
    ('violation_event', 'kind', 'work_stopped', 4),
    ('violation_event', 'kind', 'reinspected', 5),
    ('violation_event', 'kind', 'reported', 6),
    ('violation_event', 'kind', 'other', 7);

INSERT INTO label VALUES
    ('violation_event', NULL, NULL, 'zh', '违规记录'),
    ('violation_event', NULL, NULL, 'en', 'Violation event'),
    ('violation_event', 'violation_id', NULL, 'zh', '违规'),
    ('violation_event', 'violation_id', NULL, 'en', 'Violation'),
    ('violation_event', 'kind', NULL, 'zh', '记录'),
    ('violation_event', 'kind', NULL, 'en', 'Event'),
    ('violation_event', 'kind', 'warned', 'zh', '口头劝阻'),
    ('violation_event', 'kind', 'warned', 'en', 'Warned'),
    ('violation_event', 'kind', 'notice_served', 'zh', '送达整改通知单'),
    ('violation_event', 'kind', 'notice_served', 'en', 'Notice served'),
    ('violation_event', 'kind', 'notice_refused', 'zh', '拒签通知单'),
    ('violation_event', 'kind', 'notice_refused', 'en', 'Notice refused'),
    ('violation_event', 'kind', 'work_stopped', 'zh', '责令停工'),
    ('violation_event', 'kind', 'work_stopped', 'en', 'Work stopped'),
    ('violation_event', 'kind', 'reinspected', 'zh', '复查'),
    ('violation_event', 'kind', 'reinspected', 'en', 'Reinspected'),
    ('violation_event', 'kind', 'reported', 'zh', '上报'),
    ('violation_event', 'kind', 'reported', 'en', 'Reported'),
    ('violation_event', 'kind', 'other', 'zh', '其他'),
    ('violation_event', 'kind', 'other', 'en', 'Other'),
    ('violation_event', 'happened_at', NULL, 'zh', '时间'),
    ('violation_event', 'happened_at', NULL, 'en', 'Happened at'),
    ('violation_event', 'note', NULL, 'zh', '备注'),
    ('violation_event', 'note', NULL, 'en', 'Note');

-- 闭水试验.  A leak once seen stays, until a supervisor says otherwise.
CREATE TABLE water_test (
    id INTEGER PRIMARY KEY,
    permit_id INTEGER NOT NULL REFERENCES renovation_permit(id),
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    depth_mm INTEGER,
    below_unit_checked TEXT,
    leak TEXT,
    note TEXT
) STRICT;

INSERT INTO record VALUES
    ('water_test', 1, 2,
     'EXISTS(SELECT 1 FROM renovation_permit p
      JOIN unit u ON u.id = p.unit_id
      WHERE p.id = permit_id AND u.area = :area)',
     NULL);

INSERT INTO rule VALUES
    ('water_test', 'ended_at', 'first'),
    ('water_test', 'below_unit_checked', 'last'),
    ('water_test', 'leak', 'worst no<yes back@2'),
    ('water_test', 'note', 'last');

INSERT INTO enum VALUES
    ('water_test', 'below_unit_checked', 'yes', 1),
    ('water_test', 'below_unit_checked', 'no', 2),
    ('water_test', 'leak', 'no', 1),
    ('water_test', 'leak', 'yes', 2);

INSERT INTO label VALUES
    ('water_test', NULL, NULL, 'zh', '闭水试验'),
    ('water_test', NULL, NULL, 'en', 'Water test'),
    ('water_test', 'permit_id', NULL, 'zh', '装修许可'),
    ('water_test', 'permit_id', NULL, 'en', 'Permit'),
    ('water_test', 'started_at', NULL, 'zh', '开始时间'),
    ('water_test', 'started_at', NULL, 'en', 'Started at'),
    ('water_test', 'ended_at', NULL, 'zh', '结束时间'),
    ('water_test', 'ended_at', NULL, 'en', 'Ended at'),
    ('water_test', 'depth_mm', NULL, 'zh', '水深毫米'),
    ('water_test', 'depth_mm', NULL, 'en', 'Depth, mm'),
    ('water_test', 'below_unit_checked', NULL, 'zh', '楼下已查看'),
    ('water_test', 'below_unit_checked', NULL, 'en', 'Unit below checked'),
    ('water_test', 'below_unit_checked', 'yes', 'zh', '是'),
    ('water_test', 'below_unit_checked', 'yes', 'en', 'Yes'),
    ('water_test', 'below_unit_checked', 'no', 'zh', '否'),
    ('water_test', 'below_unit_checked', 'no', 'en', 'No'),
    ('water_test', 'leak', NULL, 'zh', '渗漏'),
    ('water_test', 'leak', NULL, 'en', 'Leak'),
    ('water_test', 'leak', 'no', 'zh', '无'),
    ('water_test', 'leak', 'no', 'en', 'No'),
    ('water_test', 'leak', 'yes', 'zh', '有'),
    ('water_test', 'leak', 'yes', 'en', 'Yes'),
    ('water_test', 'note', NULL, 'zh', '备注'),
    ('water_test', 'note', NULL, 'en', 'Note');

-- Checks that are due: a day after the last one (or the start) while work goes
-- on; late after the second day.
CREATE VIEW renovation_check_due AS
SELECT permit_id, unit_id, last_at, base_ms + renovation_check_h * 3600000
           AS due_at,
       CASE WHEN now_ms > base_ms + renovation_late_h * 3600000 THEN 'yes'
            ELSE 'no' END AS late
FROM (SELECT p.id AS permit_id, p.unit_id, max(k.checked_at) AS last_at,
             coalesce(max(k.checked_at),
                      strftime('%s', p.start_date) * 1000 - offset_ms,
                      p._e >> 16) AS base_ms
      FROM renovation_permit AS p
      CROSS JOIN site_now
      LEFT JOIN renovation_check AS k
          ON k.permit_id = p.id AND k._void IS NULL
      WHERE p._void IS NULL AND p.state = 'active'
      GROUP BY p.id)
CROSS JOIN norm
CROSS JOIN site_now
WHERE now_ms >= base_ms + renovation_check_h * 3600000;

-- Water tests, judged.  gap_h: the longest time that nobody watched; every
-- check of the permit watches.  Of the verdicts the first that holds shows: leak, running, too_short, wrong_depth, below_unchecked, passed.
CREATE VIEW water_test_judged AS
WITH moment AS (
    SELECT id AS test_id, started_at AS at_ms FROM water_test
    UNION ALL
    SELECT id, coalesce(ended_at, now_ms) FROM water_test, site_now
    UNION ALL
    SELECT t.id, k.checked_at
    FROM water_test AS t
    CROSS JOIN site_now
    JOIN renovation_check AS k
        ON k.permit_id = t.permit_id AND k._void IS NULL
           AND k.checked_at >= t.started_at
           AND k.checked_at <= coalesce(t.ended_at, now_ms)
), gap AS (
    SELECT test_id, max(at_ms - before_ms) AS gap_ms
    FROM (SELECT test_id, at_ms,
                 lag(at_ms) OVER (PARTITION BY test_id ORDER BY at_ms)
                     AS before_ms
          FROM moment)
    GROUP BY test_id
)
SELECT t.id AS test_id, t.permit_id, t.started_at, t.ended_at,
       (coalesce(t.ended_at, now_ms) - t.started_at) / 3600000 AS hours,
       gap_ms / 3600000 AS gap_h,
       CASE WHEN gap_ms <= water_watch_h * 3600000 THEN 'yes' ELSE 'no' END
           AS watched,
       CASE WHEN t.leak = 'yes' THEN 'leak'
            WHEN t.ended_at IS NULL THEN 'running'
            WHEN t.ended_at - t.started_at < water_test_h * 3600000
                THEN 'too_short'
            WHEN coalesce(t.depth_mm, 0) NOT BETWEEN water_depth_min_mm
                                                 AND water_depth_max_mm
                THEN 'wrong_depth'
            WHEN coalesce(t.below_unit_checked, 'no') <> 'yes'
                THEN 'below_unchecked'
            ELSE 'passed' END AS verdict
FROM water_test AS t
JOIN gap ON gap.test_id = t.id
CROSS JOIN norm
CROSS JOIN site_now
WHERE t._void IS NULL;

-- Rectifications past their deadline.  One handed in for reinspection is no
-- longer the contractor's.
CREATE VIEW rectification_overdue AS
SELECT v.id AS violation_id, v.permit_id, p.unit_id, v.kind, v.severity,
       v.state, v.deadline, (now_ms - v.deadline) / 3600000 AS over_h
FROM violation AS v
JOIN renovation_permit AS p ON p.id = v.permit_id
CROSS JOIN site_now
WHERE v._void IS NULL AND v.state NOT IN ('submitted', 'passed', 'closed')
      AND v.deadline < now_ms;

-- Hours of work in force: the office's, else 08:00-12:00 and 14:00-18:00.
CREATE VIEW work_window AS
SELECT window_start, window_end FROM work_hours WHERE _void IS NULL
UNION ALL
SELECT column1, column2 FROM (VALUES (480, 720), (840, 1080))
WHERE NOT EXISTS (SELECT 1 FROM work_hours WHERE _void IS NULL);

-- Work that a check met outside those hours or on a holiday.
CREATE VIEW work_outside_hours AS
SELECT check_id, permit_id, checked_at, local_day
FROM (SELECT k.id AS check_id, k.permit_id, k.checked_at,
             date((k.checked_at + offset_ms) / 1000, 'unixepoch') AS local_day,
             (k.checked_at + offset_ms) / 60000 % 1440 AS minute
      FROM renovation_check AS k
      CROSS JOIN site_now
      WHERE k._void IS NULL AND k.presence = 'working')
WHERE NOT EXISTS (SELECT 1 FROM work_window
                  WHERE minute >= window_start AND minute < window_end)
      OR EXISTS (SELECT 1 FROM holiday
                 WHERE _void IS NULL AND holiday.day = local_day);

-- Words for what the views judge.
INSERT INTO label VALUES
    (NULL, NULL, 'leak', 'zh', '渗漏'),
    (NULL, NULL, 'leak', 'en', 'Leak'),
    (NULL, NULL, 'running', 'zh', '试验中'),
    (NULL, NULL, 'running', 'en', 'Running'),
    (NULL, NULL, 'too_short', 'zh', '时间不足'),
    (NULL, NULL, 'too_short', 'en', 'Too short'),
    (NULL, NULL, 'wrong_depth', 'zh', '水深不符'),
    (NULL, NULL, 'wrong_depth', 'en', 'Wrong depth'),
    (NULL, NULL, 'below_unchecked', 'zh', '楼下未查看'),
    (NULL, NULL, 'below_unchecked', 'en', 'Unit below not checked'),
    (NULL, NULL, 'passed', 'zh', '合格'),
    (NULL, NULL, 'passed', 'en', 'Passed');
