/* csv.c - see csv.h */
#include "hub/csv.h"

#include <string.h>

void
gb_csv_open(struct gb_csv *csv, struct gb_span text)
{
    memset(csv, 0, sizeof *csv);
    csv->at = text.ptr;
    csv->end = text.ptr + text.len;
    csv->next = 1;
    gb_buf_init(&csv->text, (size_t)GB_CSV_FIELDS_MAX * GB_CSV_FIELD_MAX);
    if (text.len >= 3 && !memcmp(text.ptr, "\xef\xbb\xbf", 3))
        csv->at += 3;
}

void
gb_csv_release(struct gb_csv *csv)
{
    gb_buf_release(&csv->text);
}

static bool
at_end(const struct gb_csv *csv)
{
    return csv->at == csv->end;
}

/* Length of the line end that stands here; 0: none. */
static size_t
line_end(const struct gb_csv *csv)
{
    size_t left = (size_t)(csv->end - csv->at);
    if (left && csv->at[0] == '\n')
        return 1;
    return left > 1 && csv->at[0] == '\r' && csv->at[1] == '\n' ? 2 : 0;
}

/* Between the quotes; csv->at stands behind the opening one. */
static enum gb_err
read_quoted(struct gb_csv *csv, struct gb_fail *fail)
{
    unsigned line = csv->next;
    for (;; csv->at++) {
        if (at_end(csv))
            return gb_fail_set(fail, GB_E_FORMAT,
                               "line %u: the quote is never closed", line);
        if (*csv->at == '"') {
            csv->at++;
            if (at_end(csv) || *csv->at != '"')
                break;
        }
        csv->next += *csv->at == '\n';
        gb_buf_u8(&csv->text, *csv->at);
    }
    if (!at_end(csv) && *csv->at != ',' && !line_end(csv))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "line %u: text behind a closing quote", csv->next);
    return GB_OK;
}

static enum gb_err
read_plain(struct gb_csv *csv, struct gb_fail *fail)
{
    const uint8_t *from = csv->at;
    while (!at_end(csv) && *csv->at != ',' && !line_end(csv)) {
        if (*csv->at == '"' || *csv->at == '\r')
            return gb_fail_set(
                fail, GB_E_FORMAT,
                "line %u: %s within a field: put the field in "
                "quotes",
                csv->next, *csv->at == '"' ? "a quote" : "a carriage return");
        csv->at++;
    }
    gb_buf_add(&csv->text, from, (size_t)(csv->at - from));
    return GB_OK;
}

/* One field, up to the comma or the end of the line. */
static enum gb_err
read_field(struct gb_csv *csv, struct gb_fail *fail)
{
    unsigned line = csv->next;
    size_t start = csv->text.len;
    if (csv->nfields == GB_CSV_FIELDS_MAX)
        return gb_fail_set(fail, GB_E_LIMIT, "line %u: more than %d fields",
                           line, GB_CSV_FIELDS_MAX);
    enum gb_err e;
    if (!at_end(csv) && *csv->at == '"') {
        csv->at++;
        e = read_quoted(csv, fail);
    } else {
        e = read_plain(csv, fail);
    }
    if (e)
        return e;
    struct gb_span field =
        GB_SPAN(csv->text.ptr + start, csv->text.len - start);
    if (csv->text.failed || field.len > GB_CSV_FIELD_MAX)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "line %u: a field of more than "
                           "%d bytes",
                           line, GB_CSV_FIELD_MAX);
    if (field.len && !gb_utf8_valid(field))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "line %u: field %d is not UTF-8: save the file as "
                           "\"CSV UTF-8\"",
                           line, csv->nfields + 1);
    csv->starts[csv->nfields++] = start;
    return GB_OK;
}

/* Spans are made when the row's bytes move no more. */
static void
make_spans(struct gb_csv *csv)
{
    for (int i = 0; i < csv->nfields; i++) {
        size_t start = csv->starts[i];
        size_t end = i + 1 < csv->nfields ? csv->starts[i + 1] : csv->text.len;
        csv->fields[i] = end > start
                             ? GB_SPAN(csv->text.ptr + start, end - start)
                             : GB_SPAN("", 0);
    }
}

enum gb_err
gb_csv_next(struct gb_csv *csv, bool *row, struct gb_fail *fail)
{
    *row = false;
    gb_buf_clear(&csv->text);
    csv->nfields = 0;
    for (size_t n; (n = line_end(csv)); csv->next++)
        csv->at += n;
    if (at_end(csv))
        return GB_OK;
    csv->line = csv->next;
    for (;;) {
        enum gb_err e = read_field(csv, fail);
        if (e)
            return e;
        if (at_end(csv) || *csv->at != ',')
            break;
        csv->at++;
    }
    csv->at += line_end(csv);
    csv->next++;
    make_spans(csv);
    *row = true;
    return GB_OK;
}
