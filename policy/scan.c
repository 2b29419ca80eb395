/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/scan.h"
#include "wire/right.h"

/* Groups in lists in groups: nothing we know is nested deeper. */
#define DEPTH_MAX 8

enum kind {
	KIND_START, /* before the first token */
	KIND_END,
	KIND_STRING, /* without its quotes */
	KIND_NUMBER,
	KIND_BOOL,
	KIND_NAME,
	KIND_OPEN,   /* { [ ( */
	KIND_CLOSE,  /* } ] ) */
	KIND_ASSIGN, /* = : */
	KIND_COMMA,
	KIND_SEMICOLON
};

struct token {
	enum kind kind;
	const char *at;
	int len;
	int line;
};

struct scanner {
	struct scan *scan;
	const char *file;
	struct faults *faults;
	char *at;
	int line;
	struct token open[DEPTH_MAX];
	size_t depth;
	bool stop;
	size_t room; /* of scan->lines */
};

#define complain(s, line, ...)                                     \
	do {                                                       \
		(s)->scan->unparsable = true;                      \
		if (!faults_at((s)->faults, (s)->file, (line)))    \
			faults_add((s)->faults, (s)->file, (line), \
			    __VA_ARGS__);                          \
	} while (0)

/* How much of a token a sentence quotes. */
static int
shown(const struct token *token)
{
	return token->len > 40 ? 40 : token->len;
}

static void
blank(char *from, const char *to)
{
	for (; from < to; from++)
		if (*from != '\n')
			*from = ' ';
}

/* Step over blanks and comments. */
static void
skip(struct scanner *s)
{
	char *end;
	int line = s->line;

	for (;;) {
		if (*s->at == '\n') {
			s->line++;
			s->at++;
		} else if (*s->at == ' ' || *s->at == '\t' || *s->at == '\r' ||
		    *s->at == '\f') {
			s->at++;
		} else if (*s->at == '#' ||
		    (s->at[0] == '/' && s->at[1] == '/')) {
			end = s->at + strcspn(s->at, "\n");
			blank(s->at, end);
		} else if (s->at[0] == '/' && s->at[1] == '*') {
			line = s->line;
			end = strstr(s->at + 2, "*/");
			if (end == NULL) {
				complain(s, line,
				    "this comment has no \"*/\" at its end");
				end = s->at + strlen(s->at);
			} else
				end += 2;
			blank(s->at, end);
		} else
			return;
	}
}

/*
 * A string ends on its line, and a backslash stands only before a quote or
 * another backslash: then libconfig sees the same string as we do.
 */
static void
take_string(struct scanner *s, struct token *token)
{
	char *at = s->at + 1;

	token->kind = KIND_STRING;
	token->at = at;
	for (; *at != '"' && *at != '\n' && *at != '\0'; at++) {
		if (*at == '\\' && (at[1] == '"' || at[1] == '\\'))
			at++;
		else if (*at == '\\')
			complain(s, s->line,
			    "a backslash in a string can "
			    "only stand before \\ or \"");
		else if ((unsigned char)*at < ' ' || *at == 0x7f)
			complain(s, s->line,
			    "a control character stands in "
			    "this string");
	}
	token->len = (int)(at - token->at);
	if (*at == '"')
		at++;
	else
		complain(s, s->line, "the string \"%.*s has no closing quote",
		    shown(token), token->at);
	s->at = at;
}

/* libconfig keeps 32 bits of a number without an L, and does not say so. */
static void
check_number(struct scanner *s, const struct token *token)
{
	char digits[32], *end;
	long long value, max = INT_MAX;
	int base = 10;

	if (token->len >= (int)sizeof(digits))
		goto bad;
	memcpy(digits, token->at, (size_t)token->len);
	digits[token->len] = '\0';
	if (strncasecmp(digits, "0x", 2) == 0)
		base = 16;
	errno = 0;
	value = strtoll(digits, &end, base);
	if (*end == 'L') {
		end += end[1] == 'L' ? 2 : 1;
		max = LLONG_MAX;
	}
	if (*end == '\0' && end != digits && errno == 0 && value <= max &&
	    value >= -max)
		return;
	if (*end == '\0') {
		s->scan->faulty = true;
		faults_add(s->faults, s->file, token->line,
		    "the number %s is out of range (at most %lld)", digits,
		    max);
		return;
	}
bad:
	complain(s, token->line,
	    "\"%.*s\" is not a number (a text needs "
	    "quotes)",
	    shown(token), token->at);
}

static void
take_number(struct scanner *s, struct token *token)
{
	token->kind = KIND_NUMBER;
	s->at++;
	while (isalnum((unsigned char)*s->at) || *s->at == '.')
		s->at++;
	token->len = (int)(s->at - token->at);
	check_number(s, token);
}

static void
take_name(struct scanner *s, struct token *token)
{
	token->kind = KIND_NAME;
	while (isalnum((unsigned char)*s->at) || *s->at == '-' || *s->at == '_')
		s->at++;
	token->len = (int)(s->at - token->at);
	if ((token->len == 4 && strncasecmp(token->at, "true", 4) == 0) ||
	    (token->len == 5 && strncasecmp(token->at, "false", 5) == 0))
		token->kind = KIND_BOOL;
}

/* Something that no configuration has: say what, and give up on the file. */
static void
take_stranger(struct scanner *s)
{
	s->stop = true;
	if (*s->at == '@')
		complain(s, s->line,
		    "\"@\" is refused: other files cannot be "
		    "included; write it all here");
	else if (*s->at == '\'' || *s->at == '`' ||
	    strncmp(s->at, "\xe2\x80", 2) == 0)
		complain(s, s->line,
		    "this kind of quote is not one; use the "
		    "plain double quote \"");
	else if ((unsigned char)*s->at >= 0x80)
		complain(s, s->line,
		    "a character that is not plain ASCII "
		    "stands outside of quotes");
	else
		complain(s, s->line,
		    "\"%c\" cannot stand here (a text needs "
		    "quotes)",
		    *s->at);
}

static struct token
next(struct scanner *s)
{
	struct token token = { KIND_END, NULL, 1, 0 };
	char c;

	skip(s);
	token.at = s->at;
	token.line = s->line;
	c = *s->at;
	if (c == '\0')
		return token;
	if (c == '"')
		take_string(s, &token);
	else if (isdigit((unsigned char)c) || c == '-' || c == '+' || c == '.')
		take_number(s, &token);
	else if (isalpha((unsigned char)c))
		take_name(s, &token);
	else if (strchr("{[()]}=:,;", c) == NULL)
		take_stranger(s);
	else {
		s->at++;
		token.kind = strchr("{[(", c) != NULL ? KIND_OPEN :
		    strchr(")]}", c) != NULL	      ? KIND_CLOSE :
		    c == ','			      ? KIND_COMMA :
		    c == ';'			      ? KIND_SEMICOLON :
							KIND_ASSIGN;
	}
	return token;
}

static bool
is_right(const struct token *token)
{
	char word[16];

	if (token->len >= (int)sizeof(word))
		return false;
	memcpy(word, token->at, (size_t)token->len);
	word[token->len] = '\0';
	return right_by_name(word) != RIGHT_NONE;
}

/* libconfig would take the two for one string. */
static void
check_joined(struct scanner *s, const struct token *a, const struct token *b)
{
	s->scan->faulty = true;
	if (is_right(a) || is_right(b))
		faults_add(s->faults, s->file, b->line,
		    "unknown right \"%.*s%.*s\" (missing comma?)", shown(a),
		    a->at, shown(b), b->at);
	else
		faults_add(s->faults, s->file, b->line,
		    "\"%.*s\" \"%.*s\" would be read as one word (missing "
		    "comma?)",
		    shown(a), a->at, shown(b), b->at);
}

static bool
starts_value(const struct token *token)
{
	return token->kind == KIND_STRING || token->kind == KIND_NUMBER ||
	    token->kind == KIND_BOOL || token->kind == KIND_OPEN;
}

static bool
ends_value(const struct token *token)
{
	return token->kind == KIND_STRING || token->kind == KIND_NUMBER ||
	    token->kind == KIND_BOOL || token->kind == KIND_CLOSE;
}

/* Two neighbours at the top or inside { }. */
static void
check_setting(struct scanner *s, const struct token *a, const struct token *b)
{
	if (a->kind == KIND_ASSIGN) {
		if (b->kind == KIND_NAME)
			complain(s, b->line, "%.*s needs quotes: \"%.*s\"",
			    shown(b), b->at, shown(b), b->at);
		else if (!starts_value(b))
			complain(s, a->line, "there is no value after \"%c\"",
			    *a->at);
	} else if (a->kind == KIND_NAME && b->kind != KIND_ASSIGN)
		complain(s, a->line, "after \"%.*s\" an \"=\" is missing",
		    shown(a), a->at);
	else if (b->kind == KIND_ASSIGN && a->kind != KIND_NAME)
		complain(s, b->line, "before this \"%c\" there is no key",
		    *b->at);
	else if (a->kind == KIND_STRING && b->kind == KIND_STRING)
		check_joined(s, a, b);
	else if (starts_value(b) && a->kind != KIND_NAME)
		complain(s, b->line, "before %.*s a key and \"=\" are missing",
		    shown(b), b->at);
	else if (b->kind == KIND_COMMA && !ends_value(a))
		complain(s, b->line, "this comma is one too many");
}

/* Two neighbours inside [ ] or ( ). */
static void
check_element(struct scanner *s, char open, const struct token *a,
    const struct token *b)
{
	const char *both = open == '[' ? "[ ]" : "( )";

	if (b->kind == KIND_NAME)
		complain(s, b->line, "%.*s needs quotes: \"%.*s\"", shown(b),
		    b->at, shown(b), b->at);
	else if (b->kind == KIND_SEMICOLON)
		complain(s, b->line,
		    "\";\" cannot stand inside \"%s\" (is "
		    "the closing \"%c\" missing?)",
		    both, both[2]);
	else if (b->kind == KIND_ASSIGN)
		complain(s, b->line,
		    "\"%c\" cannot stand inside \"%s\" (is a "
		    "\"{\" missing?)",
		    *b->at, both);
	else if (a->kind == KIND_STRING && b->kind == KIND_STRING)
		check_joined(s, a, b);
	else if (ends_value(a) && starts_value(b))
		complain(s, b->line, "a comma is missing before %.*s", shown(b),
		    b->at);
	else if (b->kind == KIND_OPEN && open == '[')
		complain(s, b->line,
		    "only plain values can stand inside \"[ ]\"; a list of "
		    "groups is written ( { ... }, { ... } )");
	else if ((a->kind == KIND_COMMA && !starts_value(b)) ||
	    (b->kind == KIND_COMMA && !ends_value(a)))
		complain(s, b->line, "a comma is one too many in this list");
}

/* Keep the stack of open brackets; false when the rest makes no sense. */
static bool
check_nesting(struct scanner *s, const struct token *token)
{
	const struct token *open;

	if (token->kind == KIND_OPEN) {
		if (s->depth == DEPTH_MAX) {
			complain(s, token->line,
			    "brackets are nested deeper "
			    "than any rule needs");
			return false;
		}
		s->open[s->depth++] = *token;
		return true;
	}
	if (token->kind == KIND_CLOSE && s->depth == 0) {
		complain(s, token->line, "\"%c\" closes nothing", *token->at);
		return false;
	}
	open = s->depth > 0 ? &s->open[s->depth - 1] : NULL;
	if (token->kind == KIND_END && open != NULL)
		complain(s, open->line, "this \"%c\" is never closed",
		    *open->at);
	if (token->kind != KIND_CLOSE)
		return true;
	if (strchr("{}[]()", *open->at)[1] != *token->at) {
		complain(s, token->line,
		    "\"%c\" cannot close the \"%c\" of "
		    "line %d",
		    *token->at, *open->at, open->line);
		return false;
	}
	s->depth--;
	return true;
}

/* A string that follows another is part of it. */
static void
keep_line(struct scanner *s, const struct token *a, const struct token *b)
{
	struct scan *scan = s->scan;
	int *lines;

	if (b->kind != KIND_STRING || a->kind == KIND_STRING)
		return;
	if (scan->nlines == s->room) {
		s->room = s->room == 0 ? 64 : s->room * 2;
		lines = reallocarray(scan->lines, s->room, sizeof(*lines));
		if (lines == NULL) {
			s->faults->nomem = true;
			s->stop = true;
			return;
		}
		scan->lines = lines;
	}
	scan->lines[scan->nlines++] = b->line;
}

/*
 * Suspending somebody must work at once, also in a file that does not hold
 * otherwise and whose last good version stays in force.
 */
static bool
says_suspended(const struct scanner *s, const struct token last[2],
    const struct token *token)
{
	return s->depth == 0 && last[0].kind == KIND_NAME && last[0].len == 9 &&
	    strncmp(last[0].at, "suspended", 9) == 0 &&
	    last[1].kind == KIND_ASSIGN && token->kind == KIND_BOOL &&
	    token->len == 4;
}

void
scan_text(struct scan *scan, const char *file, char *text,
    struct faults *faults)
{
	struct scanner s = { .scan = scan,
		.file = file,
		.faults = faults,
		.at = text,
		.line = 1 };
	struct token last[2] = { { KIND_START, text, 0, 1 },
		{ KIND_START, text, 0, 1 } };
	struct token token;
	char open;

	memset(scan, 0, sizeof(*scan));
	do {
		token = next(&s);
		if (s.stop)
			break;
		open = s.depth > 0 ? *s.open[s.depth - 1].at : '{';
		if (open == '{')
			check_setting(&s, &last[1], &token);
		else if (token.kind != KIND_END)
			check_element(&s, open, &last[1], &token);
		scan->suspended |= says_suspended(&s, last, &token);
		keep_line(&s, &last[1], &token);
		if (!check_nesting(&s, &token))
			break;
		last[0] = last[1];
		last[1] = token;
	} while (token.kind != KIND_END && !s.stop);
	/* The rest is not read, so nothing can be said about it. */
	scan->unparsable |= s.stop;
}
