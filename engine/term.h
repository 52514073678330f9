/*
 * term.h - what people read on a terminal: tables, progress, sizes, times.
 *
 * Chinese text takes two columns a character, and everything here counts in
 * columns (gb_utf8_width()).  What came from outside cannot drive the
 * terminal, nor turn the direction of a line: control characters
 * (gb_utf8_control()) and bytes that are not UTF-8 are shown as '?', line feeds
 * and tabs as spaces.
 */
#ifndef GB_TERM_H
#define GB_TERM_H

#include "buf.h"

/* Text made harmless for a terminal, appended to out. */
void gb_term_clean(struct gb_buf *out, struct gb_span text);
/* The same, onto standard output: a name that a stick brought, perhaps. */
void gb_term_print(const char *text);

/* ---------------------------------------------------------------- grid -- */

#define GB_GRID_COLUMNS_MAX 16
#define GB_GRID_MAX (64 * 1024 * 1024) /* bytes of all cells */

struct gb_grid_column {
    const char *title;
    bool right; /* aligned right, as numbers are */
};

/*
 * A table for people: a line of titles, then the rows, columns two spaces
 * apart and as wide as their widest cell.  Cells are given row by row; rows
 * are kept until printing, as widths are known only then.  Sticky.
 */
struct gb_grid {
    const struct gb_grid_column *columns; /* borrowed */
    int count;
    struct gb_buf cells; /* varint length and bytes each, already clean */
    struct gb_buf clean; /* the cell in work */
    size_t ncells;
    size_t width[GB_GRID_COLUMNS_MAX];
};

void gb_grid_init(struct gb_grid *g, const struct gb_grid_column *columns,
                  int count);
void gb_grid_release(struct gb_grid *g);
void gb_grid_cell(struct gb_grid *g, struct gb_span text);
void gb_grid_text(struct gb_grid *g, const char *text); /* NULL: empty */
void gb_grid_printf(struct gb_grid *g, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
size_t gb_grid_rows(const struct gb_grid *g);
/* Append the table to out; rows must be whole.  GB_E_MEMORY, GB_E_LIMIT. */
enum gb_err gb_grid_print(struct gb_grid *g, struct gb_buf *out,
                          struct gb_fail *fail);

/* ------------------------------------------------------------ progress -- */

/*
 * A bar on standard error if that is a terminal, nothing anywhere else.  It is
 * drawn anew only when its look would change, so it may be told of every
 * step, and it is wiped at the end.  What does not fit into the line is left
 * out of the front of `what`.
 */
struct gb_progress {
    const char *what; /* borrowed */
    uint64_t total;   /* 0: not known */
    bool bytes;       /* numbers are shown as sizes */
    bool on;
    uint64_t next; /* not drawn again before this */
};

void gb_progress_begin(struct gb_progress *p, const char *what, uint64_t total,
                       bool bytes);
void gb_progress_at(struct gb_progress *p, uint64_t done);
void gb_progress_end(struct gb_progress *p);

/* -------------------------------------------------------- sizes, times -- */

#define GB_TERM_SIZE 24 /* enough for all texts below, with NUL */

/* "0 B", "1023 B", "1.0 KiB", "57 MiB"; returns out. */
const char *gb_term_size(char out[GB_TERM_SIZE], uint64_t bytes);

/* Whether a name can be that of an IANA zone: letters, digits, "_+-", and '/'
 * within, so that no name leads out of the folder of zones. */
bool gb_term_zone_name(const char *name);
/*
 * The zone in which times are shown, an IANA name ("Asia/Shanghai").  It is
 * the process's TZ: set first before there are threads; again does nothing.
 * GB_E_UNKNOWN if this system does not know it.
 */
enum gb_err gb_term_zone(const char *name, struct gb_fail *fail);
/* "2026-11-23 08:30:00" there; returns out. */
const char *gb_term_time(char out[GB_TERM_SIZE], int64_t ms);
/* Whether an INTEGER of this name is a time, as it ends in _at, _start, _end,
 * _ms or deadline; and whether a value of it can be one (1990 and later). */
bool gb_term_time_name(const char *name);
bool gb_term_is_time(const char *name, int64_t ms);
/* Such a time as people write it: "2026-11-23 08:30", with seconds or a T in
 * between too, or "08:30" for the last time that it was so before now_ms.
 * False: it is none. */
bool gb_term_parse_time(struct gb_span text, int64_t now_ms, int64_t *out);

#endif
