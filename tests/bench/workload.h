/*
 * workload.h - the reference workload: deterministic, without dependencies.
 *
 * WL_SHARED records stand on every device before a shift: 80 % patrol visits,
 * 12 % unit inspections, 8 % renovation checks.  A shift is 400 + 60 + 40
 * inserts, 200 changes of one column of shared records (40 % checks, 30 %
 * inspections, 30 % visits) and 10 voids of shared records; a fleet day is
 * WL_DEVICES shifts.  Its three tables are a schema of their own.
 */
#ifndef GB_BENCH_WORKLOAD_H
#define GB_BENCH_WORKLOAD_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WL_SHARED 20000
#define WL_DEVICES 200
#define WL_INSERTS 500
#define WL_CHANGES 200
#define WL_VOIDS 10
#define WL_OPS (WL_INSERTS + WL_CHANGES + WL_VOIDS)
#define WL_TABLES 3
#define WL_COLUMNS_MAX 11
#define WL_DAY_MS INT64_C(86400000)
#define WL_START_MS INT64_C(1764000000000)

enum wl_kind { WL_INSERT, WL_CHANGE, WL_VOID };
enum { WL_VISIT, WL_INSPECTION, WL_CHECK };

static const char *const wl_tables[WL_TABLES] = {
    "patrol_visit", "unit_inspection", "renovation_check"};
static const int wl_ncolumns[WL_TABLES] = {6, 11, 8}; /* without the id */
static const char *const wl_columns[WL_TABLES][WL_COLUMNS_MAX] = {
    {"patrol_id", "checkpoint_id", "scanned_at", "staff_id", "result", "note"},
    {"unit_id", "inspected_at", "staff_id", "water", "power", "gas", "windows",
     "leak", "meter_water", "meter_power", "note"},
    {"permit_id", "checked_at", "staff_id", "item", "verdict", "severity",
     "note", "status"}};

/* The schema: INTEGER or TEXT, and `last` for what changes. */
static const char *const wl_schema =
    "CREATE TABLE patrol_visit(id INTEGER PRIMARY KEY, patrol_id TEXT,"
    " checkpoint_id TEXT, scanned_at INTEGER, staff_id TEXT, result TEXT,"
    " note TEXT) STRICT;\n"
    "CREATE TABLE unit_inspection(id INTEGER PRIMARY KEY, unit_id TEXT,"
    " inspected_at INTEGER, staff_id TEXT, water TEXT, power TEXT, gas TEXT,"
    " windows TEXT, leak TEXT, meter_water INTEGER, meter_power INTEGER,"
    " note TEXT) STRICT;\n"
    "CREATE TABLE renovation_check(id INTEGER PRIMARY KEY, permit_id TEXT,"
    " checked_at INTEGER, staff_id TEXT, item TEXT, verdict TEXT,"
    " severity INTEGER, note TEXT, status TEXT) STRICT;\n"
    "INSERT INTO rule VALUES\n"
    "('patrol_visit','result','last'),('patrol_visit','note','last'),\n"
    "('unit_inspection','water','last'),('unit_inspection','power','last'),\n"
    "('unit_inspection','gas','last'),('unit_inspection','windows','last'),\n"
    "('unit_inspection','leak','last'),\n"
    "('unit_inspection','meter_water','last'),\n"
    "('unit_inspection','meter_power','last'),\n"
    "('unit_inspection','note','last'),\n"
    "('renovation_check','verdict','last'),\n"
    "('renovation_check','severity','last'),\n"
    "('renovation_check','note','last'),('renovation_check','status','last');"
    "\n";

struct wl_value {
    int text; /* else an integer */
    int64_t i;
    size_t len;
    char s[200];
};

struct wl_op {
    enum wl_kind kind;
    int table;
    int column; /* of a change, without the id */
    uint64_t key;
    uint64_t seed;
    int64_t ms;
    int device; /* from 0 */
};

/* splitmix64 */
static inline uint64_t
wl_mix(uint64_t z)
{
    z += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

static inline uint64_t
wl_next(uint64_t *s)
{
    *s += 0x9E3779B97F4A7C15ULL;
    return wl_mix(*s);
}

static inline int
wl_table_of(uint64_t i)
{
    return i % 25 < 20 ? WL_VISIT : i % 25 < 23 ? WL_INSPECTION : WL_CHECK;
}

/* A shared record's key is its index; times of devices interleave. */
static inline uint64_t
wl_key(int day, int device, int i)
{
    return ((uint64_t)day + 1) << 40 | (uint64_t)device << 20 | (uint64_t)i;
}

/* The record id of a key: a device's number is its index + 1. */
static inline int64_t
wl_id(uint64_t key)
{
    uint64_t device = key >> 20 & 0xFFFFF;
    if (!(key >> 40))
        return (int64_t)key + 1;
    return (int64_t)((device + 1) << 40 | (key >> 40) << 20 | (key & 0xFFFFF));
}

/* Days above 1000 are history: they lie before the shared records. */
static inline int64_t
wl_key_ms(uint64_t key)
{
    int64_t day = (int64_t)(key >> 40);
    int64_t device = (int64_t)(key >> 20 & 0xFFFFF), i = key & 0xFFFFF;
    if (!day)
        return WL_START_MS + (int64_t)key * 1000;
    if (day > 1000)
        day = 1000 - day;
    return WL_START_MS + day * WL_DAY_MS + device * 37 + i * 57600;
}

static inline int
wl_key_device(uint64_t key)
{
    return (int)(key >> 40 ? key >> 20 & 0xFFFFF : key % WL_DEVICES);
}

static inline void
wl_text(struct wl_value *v, const char *s)
{
    v->text = 1;
    v->len = (size_t)snprintf(v->s, sizeof v->s, "%s", s);
}

static inline void
wl_int(struct wl_value *v, int64_t i)
{
    v->text = 0;
    v->i = i;
}

/* \1 and \2 stand for two numbers, \3 for the second in four digits. */
static const char *const wl_notes[] = {
    "正常，未发现异常。",
    "\1号楼消防通道有杂物堆放，已通知\2单元业主清理。",
    "地下车库B\1区灯不亮，已报修，单号\2。",
    "电梯\1轿厢异响，维保单位预计\2分钟到场。",
    "业主不在家，改约下午\1点再上门，电话尾号\3。",
    "Fire door on floor \1 does not latch, wedge removed, ticket \2.",
    "Water stain near riser, floor \1, about \2 cm wide, photo taken.",
    "水表井盖松动，已临时固定，第\1次发现，编号\2。",
    "空置房\1窗户未关严，已关闭并拍照，雨水未进入室内，序号\2。",
    "装修垃圾堆放在\1层公共走廊，已要求24小时内清运，联系人工号\2。",
    "Extinguisher pressure low at bay \1, replaced with spare no. \2.",
    "巡更点\1二维码破损，手工补录，原码\2。",
    "燃气阀门已关闭，管道无泄漏，读数\1，复核人\2。",
    "墙体开槽深度超标，责令停工整改，位置在\1轴，卡号\2。",
    "防水层闭水试验24小时，\1处渗漏，需返工，复查日期\2日。",
    "Quiet. Gate \1 locked at \2:00.",
    "单元门禁失灵，\1号读卡器无反应，已切换备用，工单\2。",
    "业主反映楼上漏水，已进\1室查看，为空调冷凝水，记录号\2。",
    "天台门未上锁，已锁闭，钥匙交\1号岗，封条\2。",
    "Unit \1 breaker off, fridge unplugged, no smell of gas, seal \2 intact.",
    "无",
    "OK",
    "已复核",
    "外墙瓷砖空鼓约\1平方米，设警戒线，上报工程部，报告\2。"};
#define WL_NOTES (sizeof wl_notes / sizeof wl_notes[0])

static inline void
wl_note(struct wl_value *v, uint64_t h)
{
    const char *p = wl_notes[h % WL_NOTES];
    int one = (int)((h >> 20) % 60) + 1, two = (int)((h >> 32) % 9000) + 100;
    v->text = 1;
    for (v->len = 0; *p; p++) {
        size_t room = sizeof v->s - v->len;
        if (*p > 3 || *p < 0)
            v->s[v->len++] = *p;
        else
            v->len +=
                (size_t)snprintf(v->s + v->len, room, *p == 3 ? "%04d" : "%d",
                                 *p == 1 ? one : two);
    }
    v->s[v->len] = 0;
}

static inline void
wl_staff(struct wl_value *v, int device)
{
    char b[64];
    snprintf(b, sizeof b, "S%04d", 1000 + device);
    wl_text(v, b);
}

static inline void
wl_visit_value(int column, uint64_t h, int64_t ms, int device, uint64_t key,
               struct wl_value *v)
{
    static const char *const results[] = {
        "ok", "ok", "ok", "ok", "ok", "abnormal", "repaired", "missed"};
    char b[64];
    switch (column) {
    case 0:
        snprintf(b, sizeof b, "P%" PRId64 "-%03d-%02d", ms / WL_DAY_MS % 100000,
                 device, (int)((key & 0xFFFFF) / 25));
        wl_text(v, b);
        return;
    case 1:
        snprintf(b, sizeof b, "CP-B%02d-F%02d-%d", (int)(h % 24),
                 (int)((h >> 8) % 33), (int)((h >> 16) % 4));
        wl_text(v, b);
        return;
    case 2:
        wl_int(v, ms);
        return;
    case 3:
        wl_staff(v, device);
        return;
    default:
        wl_text(v, results[h % 8]);
    }
}

static inline void
wl_inspection_value(int column, uint64_t h, int64_t ms, int device,
                    struct wl_value *v)
{
    static const char *const answers[] = {"ok",  "ok",    "ok",
                                          "off", "fault", "na"};
    char b[64];
    switch (column) {
    case 0:
        snprintf(b, sizeof b, "B%02d-%02d%02d", (int)(h % 24),
                 (int)((h >> 8) % 33), (int)((h >> 16) % 8));
        wl_text(v, b);
        return;
    case 1:
        wl_int(v, ms);
        return;
    case 2:
        wl_staff(v, device);
        return;
    case 8:
    case 9:
        wl_int(v, (int64_t)(h % 900000) + 1000);
        return;
    default:
        wl_text(v, answers[h % 6]);
    }
}

static inline void
wl_check_value(int column, uint64_t h, int64_t ms, int device,
               struct wl_value *v)
{
    static const char *const items[] = {
        "水电改造", "防水施工", "墙体拆改", "吊顶",     "动火作业",
        "垃圾清运", "噪音时段", "消防设施", "燃气管道", "门窗更换"};
    static const char *const verdicts[] = {"pass", "pass", "rectify", "stop"};
    static const char *const states[] = {"open", "notified", "fixed", "closed"};
    char b[64];
    switch (column) {
    case 0:
        snprintf(b, sizeof b, "RP2025%05d", (int)(h % 20000));
        wl_text(v, b);
        return;
    case 1:
        wl_int(v, ms);
        return;
    case 2:
        wl_staff(v, device);
        return;
    case 3:
        wl_text(v, items[h % 10]);
        return;
    case 4:
        wl_text(v, verdicts[h % 4]);
        return;
    case 5:
        wl_int(v, (int64_t)(h % 5));
        return;
    default:
        wl_text(v, states[h % 4]);
    }
}

static inline void
wl_value_of(int table, int column, uint64_t h, int64_t ms, int device,
            uint64_t key, struct wl_value *v)
{
    if (!strcmp(wl_columns[table][column], "note"))
        wl_note(v, h);
    else if (table == WL_VISIT)
        wl_visit_value(column, h, ms, device, key, v);
    else if (table == WL_INSPECTION)
        wl_inspection_value(column, h, ms, device, v);
    else
        wl_check_value(column, h, ms, device, v);
}

/* A cell of a record as it was inserted. */
static inline void
wl_cell(int table, int column, uint64_t key, struct wl_value *v)
{
    uint64_t h =
        wl_mix(key * 31 + ((uint64_t)column + 1) * 7 + (uint64_t)table);
    wl_value_of(table, column, h, wl_key_ms(key), wl_key_device(key), key, v);
}

/* The value that a change writes. */
static inline void
wl_changed(const struct wl_op *op, struct wl_value *v)
{
    wl_value_of(op->table, op->column, op->seed, op->ms, op->device, op->key,
                v);
}

/* A change of a shared record, `i` inserts into the shift. */
static inline struct wl_op
wl_change(int day, int device, int i, uint64_t *s)
{
    static const int visit[] = {4, 5}, inspection[] = {3, 4, 5, 6, 7, 8, 9, 10},
                     check[] = {4, 5, 6, 7, 6, 7};
    struct wl_op op = {.kind = WL_CHANGE, .device = device};
    uint64_t q = wl_next(s) % 100;
    op.key = wl_next(s) % (WL_SHARED / 25) * 25;
    if (q < 40) {
        op.table = WL_CHECK;
        op.key += 23 + wl_next(s) % 2;
        op.column = check[wl_next(s) % 6];
    } else if (q < 70) {
        op.table = WL_INSPECTION;
        op.key += 20 + wl_next(s) % 3;
        op.column = inspection[wl_next(s) % 8];
    } else {
        op.table = WL_VISIT;
        op.key += wl_next(s) % 20;
        op.column = visit[wl_next(s) % 2];
    }
    op.seed = wl_next(s);
    op.ms = WL_START_MS + (day + 1) * WL_DAY_MS + device * 37 +
            (int64_t)(i ? i - 1 : 0) * 57600 + 11;
    return op;
}

/* A shift; ops has room for all of it.  Returns how many operations. */
static inline int
wl_shift(int day, int device, int inserts, int changes, int voids,
         struct wl_op *ops)
{
    uint64_t s = wl_mix((uint64_t)day << 32 ^ (uint64_t)device ^ 0xABCDEF);
    int n = 0, changed = 0;
    for (int i = 0; i < inserts || changed < changes;) {
        if (i < inserts) {
            uint64_t key = wl_key(day, device, i);
            ops[n++] = (struct wl_op){.table = wl_table_of((uint64_t)i),
                                      .key = key,
                                      .ms = wl_key_ms(key),
                                      .device = device};
            i++;
        }
        if (changed < changes && (i >= inserts || (int64_t)changed * inserts <
                                                      (int64_t)i * changes)) {
            ops[n++] = wl_change(day, device, i, &s);
            changed++;
        }
    }
    for (int k = 0; k < voids; k++) {
        uint64_t key = wl_next(&s) % (WL_SHARED / 10) * 10 + (uint64_t)k % 10;
        ops[n++] =
            (struct wl_op){.kind = WL_VOID,
                           .table = wl_table_of(key),
                           .key = key,
                           .ms = WL_START_MS + (day + 1) * WL_DAY_MS +
                                 device * 37 + (int64_t)inserts * 57600 + 12,
                           .device = device};
    }
    return n;
}

#endif
