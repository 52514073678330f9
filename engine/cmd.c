/* cmd.c - see cmd.h; help is in cmd_help.c */
#include "cmd_private.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONG_BASE 256 /* getopt's value of option i is LONG_BASE + i */

/* One option as it was given. */
struct given {
    const struct gb_option *option;
    const char *value; /* NULL for a flag */
};

struct gb_args {
    const struct gb_program *program;
    const struct gb_command *command;
    struct given *given; /* in the order of the command line */
    int ngiven;
    char **words;
    int nwords;
};

/* ----------------------------------------------------------- accessors -- */

const struct gb_program *
gb_args_program(const struct gb_args *args)
{
    return args->program;
}

int
gb_args_count(const struct gb_args *args)
{
    return args->nwords;
}

const char *
gb_args_word(const struct gb_args *args, int i)
{
    return i >= 0 && i < args->nwords ? args->words[i] : NULL;
}

/* The n-th time that an option was given, or NULL. */
static const struct given *
find_given(const struct gb_args *args, const char *name, int n)
{
    gb_assert(gb_cmd_option(args->command, name));
    for (int i = 0; i < args->ngiven; i++)
        if (!strcmp(args->given[i].option->name, name) && n-- == 0)
            return &args->given[i];
    return NULL;
}

bool
gb_args_flag(const struct gb_args *args, const char *name)
{
    return find_given(args, name, 0);
}

const char *
gb_args_nth(const struct gb_args *args, const char *name, int n)
{
    const struct given *g = find_given(args, name, n);
    return g ? g->value : NULL;
}

const char *
gb_args_value(const struct gb_args *args, const char *name)
{
    return gb_args_nth(args, name, 0);
}

enum gb_err
gb_args_int(const struct gb_args *args, const char *name, int64_t least,
            int64_t most, int64_t *out, struct gb_fail *fail)
{
    const char *text = gb_args_value(args, name);
    if (!text)
        return GB_OK;
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    bool digits = text[strspn(text, "-0123456789")] == 0 && *text;
    if (errno || *end || !digits || v < least || v > most)
        return gb_fail_set(fail, GB_E_USAGE,
                           "--%s '%s': give a number from %" PRId64
                           " to %" PRId64,
                           name, text, least, most);
    *out = v;
    return GB_OK;
}

/* ----------------------------------------------------------- reporting -- */

int
gb_report(const char *program, const struct gb_fail *fail)
{
    fprintf(stderr, "%s: %s\n", program,
            *fail->text ? fail->text : gb_err_sentence(fail->code));
    return gb_err_status(fail->code);
}

/* Wrong usage of a command: the text, and how it is used. */
static int
usage(const struct gb_program *program, const struct gb_command *command,
      const char *text)
{
    fprintf(stderr, "%s: %s; usage: %s%s%s %s\n", program->name, text,
            program->name, command->name ? " " : "",
            command->name ? command->name : "", command->summary);
    return gb_err_status(GB_E_USAGE);
}

int
gb_cmd_fail(const struct gb_args *args, const struct gb_fail *fail)
{
    if (fail->code == GB_E_USAGE)
        return usage(args->program, args->command, fail->text);
    return gb_report(args->program->name, fail);
}

/* ------------------------------------------------------------- parsing -- */

/* getopt's tables for the command: its options and --help. */
static void
getopt_tables(const struct gb_command *command, struct option *longs,
              char *shorts)
{
    *shorts++ = ':';
    int n = 0;
    for (const struct gb_option *o = command->options; o && o->name; o++) {
        gb_assert(n < GB_OPTIONS_MAX);
        gb_assert(o->letter != 'h');
        longs[n] = (struct option){.name = o->name,
                                   .has_arg = o->argument ? required_argument
                                                          : no_argument,
                                   .val = LONG_BASE + n};
        n++;
        if (o->letter)
            *shorts++ = o->letter;
        if (o->letter && o->argument)
            *shorts++ = ':';
    }
    longs[n] = (struct option){.name = "help", .val = 'h'};
    longs[n + 1] = (struct option){0};
    memcpy(shorts, "h::", 4); /* so that "-h=" is seen */
}

/* The option that getopt's value means. */
static const struct gb_option *
option_of(const struct gb_command *command, int value)
{
    for (int i = 0; command->options && command->options[i].name; i++)
        if (value == LONG_BASE + i || value == command->options[i].letter)
            return &command->options[i];
    return NULL;
}

static enum gb_err
no_argument_error(const char *name, struct gb_fail *fail)
{
    return gb_fail_set(fail, GB_E_USAGE, "--%s takes no argument", name);
}

/* What is wrong with the option that getopt stopped at. */
static enum gb_err
option_error(const struct gb_command *command, int kind, const char *word,
             struct gb_fail *fail)
{
    const struct gb_option *o = optopt ? option_of(command, optopt) : NULL;
    if (kind == ':' && o)
        return gb_fail_set(fail, GB_E_USAGE, "--%s needs %s", o->name,
                           o->argument);
    if (o || optopt == 'h')
        return no_argument_error(o ? o->name : "help", fail);
    if (optopt > 0 && optopt < 0x80)
        return gb_fail_set(fail, GB_E_USAGE, "unknown option -%c", optopt);
    return gb_fail_set(fail, GB_E_USAGE, "unknown option %.*s",
                       (int)strcspn(word, "="), word);
}

/* getopt takes the beginning of a long option's name for the whole; a later
 * version may have two that begin so. */
static enum gb_err
check_whole(const struct gb_option *o, int value, char **argv,
            struct gb_fail *fail)
{
    const char *word = argv[optind - (optarg == argv[optind - 1] ? 2 : 1)];
    size_t n = strcspn(word, "=");
    if (value < LONG_BASE || n == strlen(o->name) + 2)
        return GB_OK;
    return gb_fail_set(fail, GB_E_USAGE, "unknown option %.*s: write --%s",
                       (int)n, word, o->name);
}

/* Note an option; only those that end in "..." may be given again. */
static enum gb_err
take_option(struct gb_args *args, int value, char **argv, struct gb_fail *fail)
{
    const struct gb_option *o = option_of(args->command, value);
    const char *dots = o->argument ? strstr(o->argument, "...") : NULL;
    enum gb_err e = check_whole(o, value, argv, fail);
    if (e)
        return e;
    if (!dots && gb_args_flag(args, o->name))
        return gb_fail_set(fail, GB_E_USAGE, "--%s is given twice", o->name);
    args->given[args->ngiven++] =
        (struct given){.option = o, .value = o->argument ? optarg : NULL};
    return GB_OK;
}

/* Sort argv into options and words; *help when it was asked for. */
static enum gb_err
parse(struct gb_args *args, int argc, char **argv, bool *help,
      struct gb_fail *fail)
{
    struct option longs[GB_OPTIONS_MAX + 2];
    char shorts[2 * GB_OPTIONS_MAX + 5];
    getopt_tables(args->command, longs, shorts);
    enum gb_err err = GB_OK;
    optind = 0; /* start anew */
    opterr = 0;
    int value;
    while (!err && !*help &&
           (value = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (value == 'h' && optarg && *optarg == '=')
            err = no_argument_error("help", fail);
        else if (value == 'h')
            *help = true;
        else if (value == '?' || value == ':')
            err = option_error(args->command, value, argv[optind - 1], fail);
        else
            err = take_option(args, value, argv, fail);
    }
    args->words = argv + optind;
    args->nwords = argc - optind;
    return err;
}

/* GB_E_USAGE that names word i of those that must be there. */
static enum gb_err
missing_word(const struct gb_command *c, int i, struct gb_fail *fail)
{
    const char *word = c->summary;
    while (i--)
        word += strcspn(word, " ") + 1;
    return gb_fail_set(fail, GB_E_USAGE, "%.*s is missing",
                       (int)strcspn(word, " "), word);
}

/* Whether there are as many words as the command takes. */
static enum gb_err
check_count(const struct gb_args *args, struct gb_fail *fail)
{
    const struct gb_command *c = args->command;
    if (args->nwords < c->min)
        return missing_word(c, args->nwords, fail);
    if (c->max >= 0 && args->nwords > c->max)
        return gb_fail_set(fail, GB_E_USAGE, "'%s' is one word too many",
                           args->words[c->max]);
    return GB_OK;
}

/* Run a command on argv, from which its name is gone. */
static int
run(const struct gb_program *program, const struct gb_command *command,
    int argc, char **argv)
{
    struct gb_args args = {.program = program, .command = command};
    struct gb_fail fail = {0};
    bool help = false;
    int status;
    args.given = calloc((size_t)argc + 1, sizeof *args.given);
    if (!args.given) {
        gb_fail_set(&fail, GB_E_MEMORY, "out of memory");
        return gb_report(program->name, &fail);
    }
    enum gb_err err = parse(&args, argc, argv, &help, &fail);
    if (!err && help)
        status = gb_cmd_help(program, command);
    else if (err || (err = check_count(&args, &fail)))
        status = gb_cmd_fail(&args, &fail);
    else
        status = command->run(&args);
    free(args.given);
    return status;
}

/* ------------------------------------------------------- which command -- */

/* Whether a word before the command's name is an option that takes the next
 * word as its argument, in any command. */
static bool
takes_next(const struct gb_program *program, const char *word)
{
    if (word[0] != '-' || word[1] == 0 || strchr(word, '='))
        return false;
    const struct gb_command *c = program->commands;
    for (; c->run; c++)
        for (const struct gb_option *o = c->options; o && o->name; o++)
            if (o->argument &&
                (word[1] == '-' ? !strcmp(word + 2, o->name)
                                : word[1] == o->letter && word[2] == 0))
                return true;
    return false;
}

/* Index of the first word that is neither option nor argument of one; argc
 * when there is none. */
static int
first_word(const struct gb_program *program, int argc, char **argv)
{
    int i = 1;
    while (i < argc && argv[i][0] == '-' && argv[i][1]) {
        if (!strcmp(argv[i], "--"))
            return argc;
        i += takes_next(program, argv[i]) ? 2 : 1;
    }
    return i < argc ? i : argc;
}

/* The command of a name (NULL: the default one), or NULL. */
static const struct gb_command *
find_command(const struct gb_program *program, const char *name)
{
    const struct gb_command *c = program->commands;
    for (; c->run; c++)
        if (name ? c->name && !strcmp(c->name, name) : !c->name)
            return c;
    return NULL;
}

/* The first word names no command, and there is no default. */
static int
unknown_command(const struct gb_program *program, const char *word)
{
    struct gb_fail fail = {0};
    const char *near = gb_cmd_nearest(program, word);
    if (near)
        gb_fail_set(&fail, GB_E_USAGE,
                    "unknown command '%s': did you mean '%s'? `%s --help` "
                    "lists them all",
                    word, near, program->name);
    else
        gb_fail_set(&fail, GB_E_USAGE,
                    "unknown command '%s': `%s --help` lists them all", word,
                    program->name);
    return gb_report(program->name, &fail);
}

/* No word at all, and no default. */
static int
no_command(const struct gb_program *program, int argc, char **argv)
{
    struct gb_fail fail = {0};
    if (argc > 1)
        gb_fail_set(&fail, GB_E_USAGE,
                    "no command stands with '%s': `%s --help` lists them",
                    argv[1], program->name);
    else
        gb_fail_set(&fail, GB_E_USAGE,
                    "a command is needed: `%s --help` lists them",
                    program->name);
    return gb_report(program->name, &fail);
}

/* Whether the words before the command ask for this. */
static bool
asks(char **argv, int end, const char *name, const char *letter)
{
    for (int i = 1; i < end; i++)
        if (!strcmp(argv[i], name) || !strcmp(argv[i], letter))
            return true;
    return false;
}

/* gb_cmd_main() without the care for standard output. */
static int
dispatch(const struct gb_program *program, int argc, char **argv)
{
    int at = first_word(program, argc, argv);
    const char *word = at < argc ? argv[at] : NULL;
    const struct gb_command *command =
        word ? find_command(program, word) : NULL;
    if (!command && asks(argv, at, "--version", "-V")) {
        printf("%s %s\n", program->name, program->version);
        return 0;
    }
    if (!command && asks(argv, at, "--help", "-h"))
        return gb_cmd_help(program, NULL);
    if (command) {
        memmove(argv + at, argv + at + 1,
                (size_t)(argc - at) * sizeof *argv); /* with the NULL */
        return run(program, command, argc - 1, argv);
    }
    command = find_command(program, NULL);
    if (command)
        return run(program, command, argc, argv);
    return word ? unknown_command(program, word)
                : no_command(program, argc, argv);
}

int
gb_cmd_main(const struct gb_program *program, int argc, char **argv)
{
    int status = dispatch(program, argc, argv);
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    struct gb_fail fail = {0};
    gb_fail_set(&fail, GB_E_IO, "writing to standard output failed: %s",
                errno ? strerrordesc_np(errno) : "see above");
    return gb_report(program->name, &fail);
}
