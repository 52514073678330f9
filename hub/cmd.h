/*
 * cmd.h - the commands of gengbu-hub, one file each, and what they share.
 *
 * Each is a `run` of the table in main_hub.c: it returns the exit status.  The
 * hub is the first word of every command.
 */
#ifndef GB_HUB_CMD_H
#define GB_HUB_CMD_H

#include "engine/cmd.h"
#include "hub/office.h"

int gb_cmd_init(const struct gb_args *args);
int gb_cmd_load(const struct gb_args *args);
int gb_cmd_enrol(const struct gb_args *args);
int gb_cmd_serve(const struct gb_args *args);
int gb_cmd_import(const struct gb_args *args);
int gb_cmd_export(const struct gb_args *args);
int gb_cmd_status(const struct gb_args *args);
int gb_cmd_devices(const struct gb_args *args);
int gb_cmd_digest(const struct gb_args *args);
int gb_cmd_rebuild(const struct gb_args *args);
int gb_cmd_conflicts(const struct gb_args *args);
int gb_cmd_resolve(const struct gb_args *args);
int gb_cmd_quarantine(const struct gb_args *args);
int gb_cmd_explain(const struct gb_args *args);
int gb_cmd_schema(const struct gb_args *args);
int gb_cmd_backup(const struct gb_args *args);

/* Open the hub that the first word names, for writing; `program` is who holds
 * its lock ("gengbu-hub load") and must outlive it.  The site's time zone
 * becomes the process's, and hub.db learns its offset of today. */
enum gb_err gb_cmd_open(const struct gb_args *args, const char *program,
                        struct gb_office **out, struct gb_fail *fail);

/* The supervisor whom `--actor` names, by the records as they are. */
enum gb_err gb_cmd_supervisor(struct gb_office *o, const char *text,
                              int64_t *actor, struct gb_fail *fail);

/* `quarantine HUB retry N` (cmd_retry.c). */
enum gb_err gb_cmd_retry(const struct gb_args *args, struct gb_fail *fail);

/* Print a document or text and release it; returns the exit status. */
int gb_cmd_print(const struct gb_args *args, struct gb_buf *out);

/* What people may call something: UTF-8 without control characters, 1 to max
 * bytes.  GB_E_USAGE names the option. */
enum gb_err gb_cmd_name(const char *option, const char *text, size_t max,
                        struct gb_fail *fail);

/* A server holds HUB/serving all its life, so that hub.db is not taken away
 * under it: GB_E_BUSY names it. */
enum gb_err gb_cmd_serving(const char *hub, const char *program,
                           struct gb_lock *lock, struct gb_fail *fail);

#endif
