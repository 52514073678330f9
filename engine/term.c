/* term.c - tables; see term.h */
#include "term.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2 /* columns between two columns */

/* ---------------------------------------------------------- clean text -- */

/* Bytes of the valid character at the start of s, or 0. */
static size_t
character(struct gb_span s)
{
    for (size_t n = 1; n <= 4 && n <= s.len; n++)
        if (gb_utf8_valid(GB_SPAN(s.ptr, n)))
            return n;
    return 0;
}

void
gb_term_clean(struct gb_buf *out, struct gb_span text)
{
    while (text.len) {
        size_t n = character(text);
        struct gb_span c = GB_SPAN(text.ptr, n);
        if (n == 1 && (*c.ptr == '\n' || *c.ptr == '\t'))
            gb_buf_u8(out, ' ');
        else if (n == 0 || gb_utf8_control(c))
            gb_buf_u8(out, '?');
        else
            gb_buf_span(out, c);
        n = n ? n : 1;
        text = GB_SPAN(text.ptr + n, text.len - n);
    }
}

/* ---------------------------------------------------------------- grid -- */

void
gb_grid_init(struct gb_grid *g, const struct gb_grid_column *columns, int count)
{
    gb_assert(count > 0 && count <= GB_GRID_COLUMNS_MAX);
    *g = (struct gb_grid){.columns = columns, .count = count};
    gb_buf_init(&g->cells, GB_GRID_MAX);
    gb_buf_init(&g->clean, GB_GRID_MAX);
    for (int i = 0; i < count; i++)
        g->width[i] = gb_utf8_width(gb_span_text(columns[i].title));
}

void
gb_grid_release(struct gb_grid *g)
{
    gb_buf_release(&g->cells);
    gb_buf_release(&g->clean);
}

void
gb_grid_cell(struct gb_grid *g, struct gb_span text)
{
    gb_buf_clear(&g->clean);
    gb_term_clean(&g->clean, text);
    if (g->clean.failed && !g->cells.failed)
        g->cells.failed = g->clean.failed;
    struct gb_span clean = gb_buf_view(&g->clean);
    size_t *width = &g->width[g->ncells++ % (size_t)g->count];
    size_t w = gb_utf8_width(clean);
    *width = w > *width ? w : *width;
    gb_buf_string(&g->cells, clean);
}

void
gb_grid_text(struct gb_grid *g, const char *text)
{
    gb_grid_cell(g, gb_span_text(text ? text : ""));
}

void
gb_grid_printf(struct gb_grid *g, const char *format, ...)
{
    char text[1024]; /* longer ones are cut; a cell of text is no format */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    gb_grid_text(g, text);
}

size_t
gb_grid_rows(const struct gb_grid *g)
{
    return g->ncells / (size_t)g->count;
}

/* n spaces. */
static void
spaces(struct gb_buf *out, size_t n)
{
    uint8_t *to = gb_buf_grow(out, n);
    if (to)
        memset(to, ' ', n);
}

/* One cell; nothing is padded at the end of a line. */
static void
print_cell(const struct gb_grid *g, int column, struct gb_span text,
           struct gb_buf *out)
{
    bool last = column == g->count - 1, right = g->columns[column].right;
    size_t pad = g->width[column] - gb_utf8_width(text);
    if (right)
        spaces(out, pad);
    gb_buf_span(out, text);
    if (!last)
        spaces(out, (right ? 0 : pad) + GAP);
}

/* Take the blanks off the end of a line that begins at `from`, and end it. */
static void
end_line(struct gb_buf *out, size_t from)
{
    while (!out->failed && out->len > from && out->ptr[out->len - 1] == ' ')
        out->len--;
    gb_buf_u8(out, '\n');
}

enum gb_err
gb_grid_print(struct gb_grid *g, struct gb_buf *out, struct gb_fail *fail)
{
    gb_assert(g->ncells % (size_t)g->count == 0);
    enum gb_err err = gb_buf_check(&g->cells, "table", fail);
    if (err)
        return err;
    size_t from = out->len;
    for (int i = 0; i < g->count; i++)
        print_cell(g, i, gb_span_text(g->columns[i].title), out);
    end_line(out, from);
    struct gb_reader cells = gb_reader_of(gb_buf_view(&g->cells));
    while (gb_read_left(&cells)) {
        from = out->len;
        for (int i = 0; i < g->count; i++)
            print_cell(g, i, gb_read_string(&cells), out);
        end_line(out, from);
    }
    gb_assert(gb_read_done(&cells));
    return gb_buf_check(out, "table", fail);
}
