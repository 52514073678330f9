/*
 * rule.c - conflict rules as text; what they do is in docs/MERGE.md.
 *
 *   rule    = "fact" | "last" | "first" | "sum" | "role" | "review"
 *           | ("max" | "min") [back]
 *           | "worst" value 1*("<" value) [back]
 *           | "state" 1*move "prefer" value 1*(">" value)
 *   back    = "back" "@" level
 *   move    = value ">" value ["@" level] ["!"]
 *   level   = "1" .. "9"
 *   value   = any bytes but blanks and < > @ !, not "back", not "prefer"
 *
 * Blanks may stand between any two of these.
 */
#include "schema.h"

#include <string.h>

/* Bytes of a rule's text: bounds the work of the quadratic checks below. */
#define RULE_TEXT_MAX 8192

static const struct {
    const char *name;
    enum gb_rule_kind kind;
} kinds[] = {
    {"fact", GB_RULE_FACT},   {"last", GB_RULE_LAST},
    {"first", GB_RULE_FIRST}, {"sum", GB_RULE_SUM},
    {"max", GB_RULE_MAX},     {"min", GB_RULE_MIN},
    {"worst", GB_RULE_WORST}, {"state", GB_RULE_STATE},
    {"role", GB_RULE_ROLE},   {"review", GB_RULE_REVIEW},
};

/* A rule being read: `token` is the one that comes next, empty at the end. */
struct parser {
    const char *at;
    struct gb_span token;
    struct gb_rule *rule;
    struct gb_fail *fail;
};

/* Blanks separate, and mean nothing else. */
static bool
is_blank(char c)
{
    return c && strchr(" \t\r\n", c);
}

/* Move on to the next token: one of < > @ !, or a word. */
static void
advance(struct parser *p)
{
    while (is_blank(*p->at))
        p->at++;
    const char *start = p->at;
    if (*p->at && strchr("<>@!", *p->at))
        p->at++;
    else
        p->at += strcspn(p->at, "<>@! \t\r\n");
    p->token = GB_SPAN(start, (size_t)(p->at - start));
}

/* Whether the next token is this one. */
static bool
next_is(const struct parser *p, const char *text)
{
    return gb_span_equal(p->token, gb_span_text(text));
}

/* Take the next token if it is this one. */
static bool
take(struct parser *p, const char *text)
{
    bool found = next_is(p, text);
    if (found)
        advance(p);
    return found;
}

/* Something else is wanted: what is there instead is named. */
static enum gb_err
expected(const struct parser *p, const char *what)
{
    if (!p->token.len)
        return gb_fail_set(p->fail, GB_E_SCHEMA,
                           "the rule ends where %s is "
                           "expected",
                           what);
    return gb_fail_set(p->fail, GB_E_SCHEMA, "%s is expected instead of '%.*s'",
                       what, (int)p->token.len, (const char *)p->token.ptr);
}

/* A value of worst or state. */
static enum gb_err
value(struct parser *p, struct gb_span *out)
{
    *out = p->token;
    if (!p->token.len || strchr("<>@!", *p->token.ptr) || next_is(p, "back") ||
        next_is(p, "prefer"))
        return expected(p, "a value");
    advance(p);
    return GB_OK;
}

/* "@n" behind its "@". */
static enum gb_err
level(struct parser *p, int *out)
{
    int c = p->token.len == 1 ? *p->token.ptr : 0;
    if (c < '1' || c > '9')
        return expected(p, "a level from 1 to 9");
    *out = c - '0';
    advance(p);
    return GB_OK;
}

/* ["back" "@" level] */
static enum gb_err
back(struct parser *p)
{
    if (!take(p, "back"))
        return GB_OK;
    if (!take(p, "@"))
        return expected(p, "'@'");
    return level(p, &p->rule->back);
}

/* Index of a value among those named so far, or -1. */
static int
find(const struct gb_rule *r, struct gb_span v)
{
    for (int i = 0; i < r->nvalues; i++)
        if (gb_span_equal(r->values[i], v))
            return i;
    return -1;
}

/* value 1*("<" value) [back] */
static enum gb_err
worst(struct parser *p)
{
    struct gb_rule *r = p->rule;
    do {
        struct gb_span v;
        enum gb_err err = value(p, &v);
        if (err)
            return err;
        if (find(r, v) >= 0)
            return gb_fail_set(p->fail, GB_E_SCHEMA, "'%.*s' is named twice",
                               (int)v.len, (const char *)v.ptr);
        r->values[r->nvalues++] = v;
    } while (take(p, "<"));
    if (r->nvalues < 2)
        return expected(p, "'<'");
    return back(p);
}

/* Index of a state, which is new if it was not named before. */
static int
state_index(struct gb_rule *r, struct gb_span v)
{
    int i = find(r, v);
    if (i < 0) {
        i = r->nvalues++;
        r->values[i] = v;
    }
    return i;
}

/* value ">" value ["@" level] ["!"] */
static enum gb_err
move(struct parser *p)
{
    struct gb_rule *r = p->rule;
    struct gb_span from, to;
    struct gb_move m = {.level = 1};
    enum gb_err err = value(p, &from);
    if (err)
        return err;
    if (!take(p, ">"))
        return expected(p, "'>'");
    err = value(p, &to);
    if (!err && take(p, "@"))
        err = level(p, &m.level);
    if (err)
        return err;
    m.review = take(p, "!");
    m.from = state_index(r, from);
    m.to = state_index(r, to);
    if (m.from == m.to || gb_rule_move(r, m.from, m.to))
        return gb_fail_set(p->fail, GB_E_SCHEMA, "the move %.*s>%.*s %s",
                           (int)from.len, (const char *)from.ptr, (int)to.len,
                           (const char *)to.ptr,
                           m.from == m.to ? "leads nowhere" : "is named twice");
    r->moves[r->nmoves++] = m;
    return GB_OK;
}

/* value 1*(">" value), which has to name every state once. */
static enum gb_err
prefer(struct parser *p)
{
    struct gb_rule *r = p->rule;
    int rank = 0;
    for (int i = 0; i < r->nvalues; i++)
        r->prefer[i] = -1;
    do {
        struct gb_span v;
        enum gb_err err = value(p, &v);
        if (err)
            return err;
        int i = find(r, v);
        if (i < 0 || r->prefer[i] >= 0)
            return gb_fail_set(p->fail, GB_E_SCHEMA,
                               i < 0 ? "prefer names '%.*s', which no move does"
                                     : "prefer names '%.*s' twice",
                               (int)v.len, (const char *)v.ptr);
        r->prefer[i] = rank++;
    } while (take(p, ">"));
    for (int i = 0; i < r->nvalues; i++)
        if (r->prefer[i] < 0)
            return gb_fail_set(
                p->fail, GB_E_SCHEMA, "prefer is not total: '%.*s' is missing",
                (int)r->values[i].len, (const char *)r->values[i].ptr);
    return GB_OK;
}

/* Every state can be reached from the first; `reached` is zeroed. */
static enum gb_err
reachable(const struct parser *p, bool *reached)
{
    const struct gb_rule *r = p->rule;
    bool more = true;
    reached[0] = true;
    while (more) {
        more = false;
        for (int i = 0; i < r->nmoves; i++) {
            const struct gb_move *m = &r->moves[i];
            more |= reached[m->from] && !reached[m->to];
            reached[m->to] |= reached[m->from];
        }
    }
    for (int i = 0; i < r->nvalues; i++)
        if (!reached[i])
            return gb_fail_set(
                p->fail, GB_E_SCHEMA, "nobody can reach the state '%.*s'",
                (int)r->values[i].len, (const char *)r->values[i].ptr);
    return GB_OK;
}

/* 1*move "prefer" value 1*(">" value) */
static enum gb_err
state(struct parser *p, bool *reached)
{
    do {
        enum gb_err err = move(p);
        if (err)
            return err;
    } while (p->token.len && !next_is(p, "prefer"));
    if (!take(p, "prefer"))
        return expected(p, "prefer");
    enum gb_err err = prefer(p);
    return err ? err : reachable(p, reached);
}

/* Room for as many values and moves as the text has signs that need them. */
static bool
make_room(struct gb_rule *r, struct gb_arena *arena, bool **reached)
{
    size_t signs = 0;
    for (const char *c = r->text; *c; c++)
        signs += *c == '<' || *c == '>';
    r->values = gb_arena_array(arena, 2 * signs + 1, sizeof *r->values);
    r->prefer = gb_arena_array(arena, 2 * signs + 1, sizeof *r->prefer);
    r->moves = gb_arena_array(arena, signs + 1, sizeof *r->moves);
    *reached = gb_arena_array(arena, 2 * signs + 1, sizeof **reached);
    return r->values && r->prefer && r->moves && *reached;
}

/* What follows the name of a rule. */
static enum gb_err
arguments(struct parser *p, struct gb_arena *arena)
{
    bool *reached = NULL;
    switch (p->rule->kind) {
    case GB_RULE_MAX:
    case GB_RULE_MIN:
        return back(p);
    case GB_RULE_WORST:
    case GB_RULE_STATE:
        if (!make_room(p->rule, arena, &reached))
            return gb_fail_memory(p->fail);
        return p->rule->kind == GB_RULE_WORST ? worst(p) : state(p, reached);
    default:
        return GB_OK;
    }
}

enum gb_err
gb_rule_parse(const char *text, struct gb_arena *arena, struct gb_rule *r,
              struct gb_fail *fail)
{
    *r = (struct gb_rule){.kind = GB_RULE_FACT};
    if (strlen(text) > RULE_TEXT_MAX)
        return gb_fail_set(fail, GB_E_SCHEMA,
                           "the rule is longer than %d bytes", RULE_TEXT_MAX);
    r->text = gb_arena_text(arena, text);
    if (!r->text)
        return gb_fail_memory(fail);
    struct parser p = {.at = r->text, .rule = r, .fail = fail};
    advance(&p);
    size_t k = 0, n = sizeof kinds / sizeof *kinds;
    while (k < n && !next_is(&p, kinds[k].name))
        k++;
    if (k == n)
        return gb_fail_set(fail, GB_E_SCHEMA, "there is no rule '%.*s'",
                           (int)p.token.len, (const char *)p.token.ptr);
    r->kind = kinds[k].kind;
    advance(&p);
    enum gb_err err = arguments(&p, arena);
    if (!err && p.token.len)
        err = gb_fail_set(fail, GB_E_SCHEMA, "'%.*s' does not belong here",
                          (int)p.token.len, (const char *)p.token.ptr);
    return err;
}

int
gb_rule_value(const struct gb_rule *r, const struct gb_value *v)
{
    return v->type == GB_TEXT ? find(r, v->as.s) : -1;
}

const struct gb_move *
gb_rule_move(const struct gb_rule *r, int from, int to)
{
    for (int i = 0; i < r->nmoves; i++)
        if (r->moves[i].from == from && r->moves[i].to == to)
            return &r->moves[i];
    return NULL;
}

int
gb_column_level(const struct gb_column *c, const struct gb_value *v)
{
    for (int i = 0; i < c->nlevels; i++)
        if (gb_value_equal(&c->levels[i].value, v))
            return c->levels[i].level;
    return 1;
}
