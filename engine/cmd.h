/*
 * cmd.h - the command lines of the programs, as tables.
 *
 * A program is a const table of commands, a command a const table of options
 * and a function.  From the tables come the parsing (getopt_long: options may
 * stand anywhere, `--` ends them), the checks of how many words there are,
 * `--help` for the program and each command, `--version`, and the one line
 * that a wrong usage is answered with.  A command without a name is the
 * default: it runs when the first word names no command.
 *
 * Exit status: 0 done, 1 refused or failed, 2 wrong usage.  Errors are one
 * line on standard error, "PROGRAM: TEXT".
 */
#ifndef GB_CMD_H
#define GB_CMD_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

#define GB_OPTIONS_MAX 24 /* options of one command */

struct gb_option {
    const char *name;     /* "hub", given as --hub; NULL ends a table */
    char letter;          /* 'h' for -h; 0: none */
    const char *argument; /* "URL"; NULL: a flag; ending in "...": may be
                             given more than once */
    const char *help;     /* one line */
};

/* An entry that every command with machine-readable output has. */
#define GB_OPTION_JSON                                                         \
    {                                                                          \
        "json", 0, NULL, "print one JSON document"                             \
    }

struct gb_args; /* the words of this run, parsed */

struct gb_command {
    const char *name; /* "record"; NULL: the default command */
    /* "JOURNAL TABLE field=value..."; without the name; begins with the `min`
       words that must be there */
    const char *summary;
    const char *help;                /* one line */
    const struct gb_option *options; /* NULL: none but --help */
    int min, max;                    /* words; max -1: any number */
    /* Returns the exit status, often gb_cmd_fail()'s. */
    int (*run)(const struct gb_args *args); /* NULL ends a table */
};

struct gb_program {
    const char *name, *version;
    const char *summary; /* one line */
    const struct gb_command *commands;
};

/*
 * Parse and run; what main() returns.  Standard output is flushed, and a
 * failure to write it is an error.  Keeps no state, but getopt does: one
 * thread only.
 */
int gb_cmd_main(const struct gb_program *program, int argc, char **argv);

/* ---------------------------------------------------- inside a command -- */

const struct gb_program *gb_args_program(const struct gb_args *args);
int gb_args_count(const struct gb_args *args);
/* The i-th word behind the command; NULL behind the last. */
const char *gb_args_word(const struct gb_args *args, int i);
/* The option was given; the name must be in the command's table. */
bool gb_args_flag(const struct gb_args *args, const char *name);
/* Its argument, or NULL when it was not given. */
const char *gb_args_value(const struct gb_args *args, const char *name);
/* The n-th time that it was given, from 0; NULL behind the last. */
const char *gb_args_nth(const struct gb_args *args, const char *name, int n);
/* Its argument as a decimal integer within least..most; *out is left alone
 * when it was not given.  GB_E_USAGE otherwise. */
enum gb_err gb_args_int(const struct gb_args *args, const char *name,
                        int64_t least, int64_t most, int64_t *out,
                        struct gb_fail *fail);

/* ----------------------------------------------------------- reporting -- */

/* Print "PROGRAM: TEXT" to standard error (the sentence of the code when there
 * is no text); returns the exit status of the code. */
int gb_report(const char *program, const struct gb_fail *fail);
/* The same from inside a command; behind GB_E_USAGE stands the usage. */
int gb_cmd_fail(const struct gb_args *args, const struct gb_fail *fail);

#endif
