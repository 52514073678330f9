/*
 * site.h - what the site's own operations say (kinds 8 to 11 of op.h), and
 * what a hub therefore knows of its devices.
 *
 * Payloads are tagged fields (tlv.h); FORMAT.md "Payloads" lists the tags.
 */
#ifndef GB_SITE_H
#define GB_SITE_H

#include "op.h"

/* GB_SITE */
enum {
    GB_SITE_NAME = 1,
    GB_SITE_TIMEZONE = 2,
    GB_SITE_HUB_KEY = 3,     /* signs replica 0's sets and deltas */
    GB_SITE_LEDGER_KEY = 4,  /* signs commits */
    GB_SITE_RECEIVE_KEY = 5, /* containers for the hub are sealed to it */
    GB_SITE_EPOCH = 6
};
/* GB_SCHEMA */
enum { GB_SCHEMA_VERSION = 1, GB_SCHEMA_TEXT = 2 };
/* GB_DEVICE: what is not there stays as it was */
enum {
    GB_DEVICE_NUMBER = 1,
    GB_DEVICE_NAME = 2,
    GB_DEVICE_LEVEL = 3,
    GB_DEVICE_ATTRIBUTE = 4, /* NAME=VALUE, any number; replace all */
    GB_DEVICE_TICKET = 5,    /* SHA-256 of the ticket's secret */
    GB_DEVICE_SIGN_KEY = 6,  /* comes with the first contact */
    GB_DEVICE_RECEIVE_KEY = 7
};

/* GB_RELEASE; both are a person's, an automatic one has neither */
enum { GB_RELEASE_FORCE = 1, GB_RELEASE_REASON = 2 };

#define GB_ATTRIBUTES_MAX 1024 /* bytes of all attributes of a device */

/* A device as the ledger has it. */
struct gb_device {
    int number;
    int level;
    char name[128];
    uint8_t ticket[32];
    bool enrolled;    /* the keys below are known, */
    int64_t since_ms; /* since then */
    uint8_t sign_key[32], receive_key[32];
    uint32_t seq;    /* last set in its chain */
    uint8_t sha[32]; /* its hash; zeros at seq 0 */
    int64_t last;    /* largest effective stamp of its chain */
    char attributes[GB_ATTRIBUTES_MAX]; /* NAME=VALUE lines */
    uint64_t moved;                     /* position of their last change */
};

/* The site as the ledger has it. */
struct gb_site {
    uint8_t id[16];
    char name[128];
    char timezone[64];
    uint32_t epoch;
    uint8_t hub_key[32], ledger_key[32], receive_key[32];
};

#endif
