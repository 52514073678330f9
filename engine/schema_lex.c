/* schema_lex.c - SQL in tokens; see schema_load.h */
#include "schema_load.h"

#include <string.h>

struct gb_lexer
gb_lex_start(struct gb_span text, int line)
{
    return (struct gb_lexer){
        .at = text.ptr, .end = text.ptr + text.len, .line = line};
}

/* The byte i further on, or 0 behind the end. */
static int
peek(const struct gb_lexer *x, size_t i)
{
    return i < (size_t)(x->end - x->at) ? x->at[i] : 0;
}

/* Step over n bytes and count their lines. */
static void
skip(struct gb_lexer *x, size_t n)
{
    for (; n > 0 && x->at < x->end; n--)
        x->line += *x->at++ == '\n';
}

/* The blanks of SQLite, and its byte order mark. */
static size_t
blank(const struct gb_lexer *x)
{
    int c = peek(x, 0);
    if (c == ' ' || (c >= '\t' && c <= '\r' && c != '\v'))
        return 1;
    return c == 0xef && peek(x, 1) == 0xbb && peek(x, 2) == 0xbf ? 3 : 0;
}

/* Skip blanks and comments; an unclosed one goes on to the end. */
static void
skip_blanks(struct gb_lexer *x)
{
    for (;;) {
        size_t n = blank(x);
        if (n) {
            skip(x, n);
        } else if (peek(x, 0) == '-' && peek(x, 1) == '-') {
            x->comment = true;
            while (x->at < x->end && *x->at != '\n')
                x->at++;
        } else if (peek(x, 0) == '/' && peek(x, 1) == '*' && peek(x, 2)) {
            x->comment = true;
            skip(x, 2);
            while (x->at < x->end && (peek(x, 0) != '*' || peek(x, 1) != '/'))
                skip(x, 1);
            skip(x, 2);
        } else {
            return;
        }
    }
}

/* Bytes that names consist of. */
static bool
is_name(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '$' || c >= 0x80;
}

/* Skip what is quoted, up to a closing quote that is not doubled. */
static void
skip_quoted(struct gb_lexer *x, int quote)
{
    skip(x, 1);
    while (x->at < x->end) {
        bool closing = peek(x, 0) == quote;
        bool doubled = closing && quote != ']' && peek(x, 1) == quote;
        skip(x, doubled ? 2 : 1);
        if (closing && !doubled)
            return;
    }
}

/* Skip one token, and say what it is. */
static enum gb_token_kind
skip_token(struct gb_lexer *x)
{
    int c = peek(x, 0);
    if (c == '\'' || ((c == 'x' || c == 'X') && peek(x, 1) == '\'')) {
        if (c != '\'')
            skip(x, 1);
        skip_quoted(x, '\'');
        return GB_TOKEN_STRING;
    }
    if (c == '"' || c == '`' || c == '[') {
        skip_quoted(x, c == '[' ? ']' : c);
        return GB_TOKEN_QUOTED;
    }
    bool number = c >= '0' && c <= '9';
    if (!is_name(c) || c == '$') {
        skip(x, 1);
        return GB_TOKEN_SIGN;
    }
    while (is_name(peek(x, 0)) || (number && peek(x, 0) == '.'))
        x->at++;
    return number ? GB_TOKEN_NUMBER : GB_TOKEN_WORD;
}

struct gb_token
gb_lex_next(struct gb_lexer *x)
{
    skip_blanks(x);
    struct gb_token t = {.line = x->line, .text = GB_SPAN(x->at, 0)};
    if (x->at < x->end) {
        t.kind = skip_token(x);
        t.text.len = (size_t)(x->at - t.text.ptr);
    }
    return t;
}

/* ASCII lower case, whatever the locale. */
static int
lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

bool
gb_name_alike(struct gb_span a, struct gb_span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

bool
gb_token_word(const struct gb_token *t, const char *word)
{
    return t->kind == GB_TOKEN_WORD &&
           gb_name_alike(t->text, gb_span_text(word));
}

bool
gb_token_sign(const struct gb_token *t, char sign)
{
    return t->kind == GB_TOKEN_SIGN && t->text.len == 1 &&
           *t->text.ptr == (uint8_t)sign;
}

struct gb_span
gb_token_name(const struct gb_token *t)
{
    if (t->kind != GB_TOKEN_QUOTED || t->text.len < 2)
        return t->text;
    return GB_SPAN(t->text.ptr + 1, t->text.len - 2);
}
