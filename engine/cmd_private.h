/* cmd_private.h - what cmd.c and cmd_help.c share. */
#ifndef GB_CMD_PRIVATE_H
#define GB_CMD_PRIVATE_H

#include "cmd.h"

/* The option of a command's table, or NULL. */
const struct gb_option *gb_cmd_option(const struct gb_command *command,
                                      const char *name);
/* The command's name that is likely meant, or NULL. */
const char *gb_cmd_nearest(const struct gb_program *program, const char *word);
/* Print the help of a command, or (NULL) of the program; returns 0. */
int gb_cmd_help(const struct gb_program *program,
                const struct gb_command *command);

#endif
