/* cmd_help.c - help and suggestions, from the tables of cmd.h */
#include "cmd_private.h"

#include <stdio.h>
#include <string.h>

#include "near.h"

/* Space between the two columns of a list. */
#define GUTTER 2

const struct gb_option *
gb_cmd_option(const struct gb_command *command, const char *name)
{
    for (const struct gb_option *o = command->options; o && o->name; o++)
        if (!strcmp(o->name, name))
            return o;
    return NULL;
}

/* --------------------------------------------------------- suggestions -- */

const char *
gb_cmd_nearest(const struct gb_program *program, const char *word)
{
    const char *best = NULL;
    size_t least = strlen(word) < 4 ? 2 : 3; /* fewer edits than this */
    const struct gb_command *c = program->commands;
    for (; c->run; c++) {
        if (!c->name)
            continue;
        size_t d = gb_near_distance(gb_span_text(word), gb_span_text(c->name));
        if (*word && !strncmp(c->name, word, strlen(word)))
            d = 0; /* its beginning */
        if (d < least) {
            least = d;
            best = c->name;
        }
    }
    return best;
}

/* ---------------------------------------------------------------- help -- */

/* One line of a list: the left text padded to `width` columns. */
static void
line(const char *left, size_t width, const char *right)
{
    size_t has = gb_utf8_width(gb_span_text(left));
    printf("  %s%*s%s\n", left, (int)(width - has + GUTTER), "", right);
}

/* "-o, --out FILE" */
static void
option_text(const struct gb_option *o, char *out, size_t size)
{
    char letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(out, size, "%s--%s%s%s", letter, o->name, o->argument ? " " : "",
             o->argument ? o->argument : "");
}

/* The wider of two widths. */
static size_t
wider(size_t width, const char *text)
{
    size_t w = gb_utf8_width(gb_span_text(text));
    return w > width ? w : width;
}

/* The options of a table and these last ones, as a list. */
static void
list_options(const struct gb_option *options, const struct gb_option *last)
{
    const struct gb_option *tables[] = {options, last};
    char text[120];
    size_t width = 0;
    for (int print = 0; print < 2; print++)
        for (int i = 0; i < 2; i++)
            for (const struct gb_option *o = tables[i]; o && o->name; o++) {
                option_text(o, text, sizeof text);
                if (print)
                    line(text, width, o->help);
                else
                    width = wider(width, text);
            }
}

/* The commands of the program, as a list. */
static void
list_commands(const struct gb_program *program)
{
    size_t width = 0;
    for (int print = 0; print < 2; print++) {
        const struct gb_command *c = program->commands;
        for (; c->run; c++)
            if (c->name && print)
                line(c->name, width, c->help);
            else if (c->name)
                width = wider(width, c->name);
    }
}

static const struct gb_option help_option[] = {{"help", 'h', NULL, "show this"},
                                               {0}};
static const struct gb_option program_options[] = {
    {"help", 'h', NULL, "show this; `COMMAND --help` shows a command's"},
    {"version", 'V', NULL, "show the version"},
    {0}};

/* How a command is used, and what it does. */
static void
show_command(const struct gb_program *program, const struct gb_command *c)
{
    printf("usage: %s%s%s %s\n%s\n", program->name, c->name ? " " : "",
           c->name ? c->name : "", c->summary, c->help);
}

/* Help of the whole program. */
static void
program_help(const struct gb_program *program)
{
    const struct gb_command *c = program->commands;
    const struct gb_option *options = NULL;
    bool named = false;
    printf("%s - %s\n\n", program->name, program->summary);
    for (; c->run; c++) {
        named = named || c->name;
        if (!c->name) {
            show_command(program, c);
            options = c->options;
        }
    }
    if (named) {
        printf("%s%s COMMAND ...\n\nCommands:\n",
               options ? "\n" : "usage: ", program->name);
        list_commands(program);
    }
    printf("\nOptions:\n");
    list_options(options, program_options);
}

int
gb_cmd_help(const struct gb_program *program, const struct gb_command *command)
{
    if (command && command->name) {
        show_command(program, command);
        printf("\nOptions:\n");
        list_options(command->options, help_option);
    } else {
        program_help(program);
    }
    return 0;
}
