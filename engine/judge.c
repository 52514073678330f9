/* judge.c - whether an operation takes effect; see rec.h, MERGE.md §10 */
#include "rec.h"

#include <string.h>

#include "id.h"

static const struct {
    const char *name, *text;
} codes[] = {
#define X(name, text) {#name, text},
    GB_CODES(X)
#undef X
};

const char *
gb_code_name(enum gb_code c)
{
    return codes[c].name;
}

const char *
gb_code_text(enum gb_code c)
{
    return codes[c].text;
}

enum gb_code
gb_code_parse(struct gb_span name)
{
    int c = 0;
    while (c < GB_CODE_COUNT &&
           !gb_span_equal(name, gb_span_text(codes[c].name)))
        c++;
    return (enum gb_code)c;
}

/* A state's write: legal by the state it left, alone. */
static enum gb_code
judge_state(const struct gb_rule *rule, const struct gb_op *op,
            const struct gb_written *w, int level)
{
    int to = gb_rule_value(rule, &w->value);
    if (op->kind == GB_INSERT)
        return to == 0 ? GB_CODE_NONE : GB_CODE_ILLEGAL;
    const struct gb_move *move =
        gb_rule_move(rule, gb_rule_value(rule, &w->from), to);
    if (!move)
        return GB_CODE_ILLEGAL;
    return level < move->level ? GB_CODE_AUTHORITY : GB_CODE_NONE;
}

/* One value of an insert or set. */
static enum gb_code
judge_value(const struct gb_table *t, const struct gb_op *op,
            const struct gb_written *w, int level)
{
    const struct gb_column *c = &t->columns[w->column];
    if (op->kind == GB_SET && c->rule.kind == GB_RULE_FACT)
        return GB_CODE_FACT;
    if (c->rule.kind == GB_RULE_STATE) {
        enum gb_code code = judge_state(&c->rule, op, w, level);
        if (code)
            return code;
    }
    return level < gb_column_level(c, &w->value) ? GB_CODE_AUTHORITY
                                                 : GB_CODE_NONE;
}

/* A person's release overrules these two (MERGE.md §3). */
static enum gb_code
unless_forced(enum gb_code code, const struct gb_facts *facts)
{
    bool forgiven = code == GB_CODE_ILLEGAL || code == GB_CODE_AUTHORITY;
    return facts->forced && forgiven ? GB_CODE_NONE : code;
}

enum gb_code
gb_judge(const struct gb_table *t, const struct gb_op *op, int device,
         int level, const struct gb_facts *facts)
{
    if (op->kind >= GB_RESOLVE && device != 0)
        return GB_CODE_HUBONLY;
    if (op->kind == GB_INSERT && gb_id_device(op->id) != device)
        return GB_CODE_RANGE;
    if (op->kind == GB_INSERT && facts->exists)
        return GB_CODE_EXISTS;
    if ((op->kind != GB_INSERT && !facts->exists) || !facts->refers)
        return GB_CODE_MISSING;
    /* a resolution in the ledger is not judged again */
    if (op->kind == GB_RESOLVE)
        return GB_CODE_NONE;
    int needed = op->kind == GB_VOID ? t->voids : t->write;
    enum gb_code code = level < needed ? GB_CODE_AUTHORITY : GB_CODE_NONE;
    code = unless_forced(code, facts);
    for (int i = 0; i < op->nvalues && !code; i++)
        code = unless_forced(judge_value(t, op, &op->values[i], level), facts);
    return code;
}
