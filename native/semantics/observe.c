// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "semantics.h"

#define SEEN_MAX 16384

/* Members of a JSON object. Labels and values are plain text of this program: nothing needs escaping. */
static char seen[SEEN_MAX];
static size_t seen_size;

static void append(const char *format, va_list arguments)
{
	size_t left = SEEN_MAX - seen_size;
	int size = vsnprintf(seen + seen_size, left, format, arguments);

	if (size < 0 || (size_t)size >= left)
		die("too much was seen");
	seen_size += (size_t)size;
}

static void append_text(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	append(format, arguments);
	va_end(arguments);
}

void see(const char *label, const char *format, ...)
{
	va_list arguments;

	append_text("%s\"%s\":\"", seen_size ? "," : "", label);
	va_start(arguments, format);
	append(format, arguments);
	va_end(arguments);
	append_text("\"");
}

void see_result(const char *label, ssize_t result)
{
	if (result < 0)
		see(label, "%s", strerrorname_np(errno));
	else
		see(label, "%zd", result);
}

void see_events(const char *label, uint32_t events, bool with_output)
{
	static const struct {
		uint32_t bit;
		const char *name;
		bool output;
	} known[] = {
	    {POLLIN, "IN", false},	   {POLLPRI, "PRI", false},	  {POLLOUT, "OUT", true},
	    {POLLERR, "ERR", false},	   {POLLHUP, "HUP", false},	  {POLLNVAL, "NVAL", false},
	    {POLLRDNORM, "RDNORM", false}, {POLLRDBAND, "RDBAND", false}, {POLLWRNORM, "WRNORM", true},
	    {POLLWRBAND, "WRBAND", true},  {POLLRDHUP, "RDHUP", false},
	};
	char names[128] = "";

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (!(events & known[i].bit) || (known[i].output && !with_output))
			continue;
		if (*names)
			strcat(names, " ");
		strcat(names, known[i].name);
	}
	see(label, "%s", *names ? names : "none");
}

void seen_print(void)
{
	printf("{%s}\n", seen);
	fflush(stdout);
	seen_size = 0;
	*seen = 0;
}

void die(const char *what)
{
	fprintf(stderr, "semantics: %s: %s\n", what, strerror(errno));
	_Exit(1);
}
