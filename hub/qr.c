/* qr.c - see qr.h */
#include "hub/qr.h"

#include <errno.h>
#include <qrencode.h>

#define QUIET 4 /* modules around the code that stay light */

/* The module is dark; false outside. */
static bool
dark(const QRcode *code, int x, int y)
{
    if (x < 0 || y < 0 || x >= code->width || y >= code->width)
        return false;
    return code->data[y * code->width + x] & 1;
}

/* One line of characters, for two lines of modules. */
static void
draw_line(const QRcode *code, int y, struct gb_buf *out)
{
    /* by upper | lower << 1, dark being the foreground */
    static const char *const blocks[] = {" ", "▀", "▄", "█"};
    gb_buf_text(out, "\033[30;107m"); /* black on bright white */
    for (int x = -QUIET; x < code->width + QUIET; x++)
        gb_buf_text(out, blocks[(dark(code, x, y) ? 1 : 0) |
                                (dark(code, x, y + 1) ? 2 : 0)]);
    gb_buf_text(out, "\033[0m\n");
}

enum gb_err
gb_qr_draw(struct gb_span bytes, struct gb_buf *out, int *columns,
           struct gb_fail *fail)
{
    if (bytes.len > 2953)
        return gb_fail_set(fail, GB_E_LIMIT, "%zu bytes do not fit one QR code",
                           bytes.len);
    QRcode *code =
        QRcode_encodeData((int)bytes.len, bytes.ptr, 0, QR_ECLEVEL_L);
    if (!code)
        return gb_fail_set(fail, errno == ERANGE ? GB_E_LIMIT : GB_E_MEMORY,
                           "no QR code can be made");
    *columns = code->width + 2 * QUIET;
    for (int y = -QUIET; y < code->width + QUIET; y += 2)
        draw_line(code, y, out);
    QRcode_free(code);
    return gb_buf_check(out, "a QR code", fail);
}
