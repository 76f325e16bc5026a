/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one run of the program was asked: verb, options, arguments, and the connection that they go over. */
#pragma once

#include <gio/gio.h>

#include "verbs.h"

G_BEGIN_DECLS

struct CliContext {
  const CliVerb *verb;
  gboolean flags[CLI_N_OPTIONS]; /* options without a value */
  char *values[CLI_N_OPTIONS];   /* options with one; NULL when not given */
  GStrv arguments;               /* what stands behind the verb */
  GDBusConnection *bus;          /* NULL until cli_bus_open() */
  gboolean agent;                /* a password can be asked for on the terminal */
};

static inline gboolean
cli_flag (const CliContext *context, CliOptionId option)
{
  return context->flags[option];
}

/* NULL when the option wasn't given. */
static inline const char *
cli_value (const CliContext *context, CliOptionId option)
{
  return context->values[option];
}

static inline gboolean
cli_json (const CliContext *context)
{
  return context->flags[CLI_OPTION_JSON];
}

/* Reads the command line into @context by the verb table. @argv[0] is the program. `build` keeps its
 * arguments unread. Errors: LP_ERROR_INVALID_ARGS. */
gboolean cli_context_parse (CliContext *context, int argc, char **argv, GError **error);
void cli_context_clear (CliContext *context);

G_END_DECLS
