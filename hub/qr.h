/* qr.h - a QR code (ISO/IEC 18004) for a terminal, two modules a character. */
#ifndef GB_QR_H
#define GB_QR_H

#include "engine/buf.h"

/*
 * Append the code of these bytes, dark on light whatever the terminal's
 * colours are, with its quiet zone.  *columns is how wide it is.  GB_E_LIMIT:
 * too many bytes for one code (2,953).
 */
enum gb_err gb_qr_draw(struct gb_span bytes, struct gb_buf *out, int *columns,
                       struct gb_fail *fail);

#endif
