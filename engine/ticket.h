/*
 * ticket.h - the ticket that makes a folder on a handheld one of the site's
 * devices: its number, a secret for the first contact, the hub's keys and
 * address, and the signed delta with schema, staff and scope, so that the
 * device works before it has met the hub (docs/PROTOCOL.md).
 *
 * A ticket is one JSON object:
 *
 *   {"gengbu_ticket": 1,
 *    "site": {"id": hex of 16 bytes, "name", "timezone", "epoch"},
 *    "device": 7, "name": "A3-1", "level": 1, "attributes": {"area": "A3"},
 *    "secret": hex of 32 bytes,
 *    "hub": {"sign": "ssh-ed25519 AAAA...", "ledger": ..., "receive": ...},
 *    "url": "http://192.0.2.7:8080",        absent when there is none
 *    "delta": [base64 of a container, ...]}  absent in a QR code
 *
 * Whoever holds a ticket can be the device: it is given by hand, once.  Its
 * deltas are signed by the hub; the rest is believed as it is handed over.
 */
#ifndef GB_TICKET_H
#define GB_TICKET_H

#include "journal.h"

#define GB_TICKET_MAX (8 * 1024 * 1024) /* bytes of the file */
#define GB_TICKET_VERSION 1

struct gb_ticket {
    struct gb_enrolment enrolment;
    struct gb_span *deltas; /* containers, in order; owned if read */
    size_t ndeltas;
    struct gb_arena arena; /* of a ticket that was read */
};

/*
 * Append the ticket to out.  `compact` leaves out the deltas and all white
 * space: what a QR code holds.  GB_E_LIMIT when it grows past GB_TICKET_MAX:
 * the caller writes it without deltas then, and the device needs one contact
 * first.  What is written holds a secret.
 */
enum gb_err gb_ticket_write(const struct gb_ticket *t, bool compact,
                            struct gb_buf *out, struct gb_fail *fail);

/*
 * Take a ticket's text apart.  Untrusted input: every field is checked, and
 * the keys as by gb_key_check(); the deltas' signatures are not.  Names that
 * are not known are left alone.  GB_E_TICKET says what is wrong, GB_E_VERSION:
 * a newer format.  The caller releases *out, after a failure too.
 */
enum gb_err gb_ticket_read(struct gb_span text, struct gb_ticket *out,
                           struct gb_fail *fail);

/* Wipes the secret; harmless on {0}, may be repeated. */
void gb_ticket_release(struct gb_ticket *t);

/* Whether this may be a hub's address: http:// or https://, a host, printable
 * ASCII without spaces, shorter than gb_enrolment.url. */
bool gb_ticket_url_valid(struct gb_span url);

#endif
