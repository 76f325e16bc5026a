/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one table of verbs and options that drives the parser, the help, the completion and their tests.
 * Must not know how a verb does its work: it only names the function. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct CliContext CliContext;

/* Every option that any verb takes. The order is the order of the help. */
typedef enum {
  CLI_OPTION_TARGET,
  CLI_OPTION_STATE,
  CLI_OPTION_ISSUE,
  CLI_OPTION_FORCE,
  CLI_OPTION_REASON,
  CLI_OPTION_TIMEOUT,
  CLI_OPTION_ON_FAILURE,
  CLI_OPTION_CONSISTENCY,
  CLI_OPTION_NO_ACTIVATE,
  CLI_OPTION_DRY_RUN,
  CLI_OPTION_NO_WAIT,
  CLI_OPTION_ERROR_IF_UNCHANGED,
  CLI_OPTION_ACCEPTED,
  CLI_OPTION_SINCE,
  CLI_OPTION_LIMIT,
  CLI_OPTION_JSON,
  CLI_OPTION_BUS,
  CLI_OPTION_HOST,
  CLI_OPTION_NO_ASK_PASSWORD,
  CLI_OPTION_HELP,
  CLI_OPTION_VERSION,
  CLI_N_OPTIONS
} CliOptionId;

/* What a word on the command line stands for; the completion offers these. */
typedef enum {
  CLI_VALUE_NONE,
  CLI_VALUE_TEXT,
  CLI_VALUE_PATCH,
  CLI_VALUE_FILE,
  CLI_VALUE_VERB,       /* any verb: `help VERB` */
  CLI_VALUE_STATE_VERB, /* a verb that changes a state, then patches: `check [VERB] ID...` */
  CLI_VALUE_PATCH_OR_FILE,
  CLI_VALUE_TARGET,
  CLI_VALUE_ISSUE,
  CLI_VALUE_STATE,
  CLI_VALUE_SEVERITY,
  CLI_VALUE_FORMAT,
  CLI_VALUE_ON_FAILURE,
  CLI_VALUE_CONSISTENCY,
} CliValue;

typedef struct {
  const char *name;     /* long name without dashes */
  char letter;          /* 0 when there is no short form */
  const char *argument; /* metavariable, NULL for a flag; translatable */
  CliValue value;
  const char *help; /* translatable */
} CliOption;

typedef int (*CliRun) (CliContext *context); /* returns the exit status */

typedef struct {
  const char *name;
  const char *alias;     /* NULL when there is none */
  const char *word;      /* what the bus calls it; NULL unless it changes a state */
  const char *arguments; /* "ID..." */
  CliValue value;        /* of each argument */
  guint min_arguments, max_arguments;
  guint32 options;         /* CLI_BIT (CLI_OPTION_...) */
  const char *summary;     /* one line; translatable */
  const char *description; /* a paragraph; translatable */
  CliRun run;              /* NULL for `build`, which reads its own arguments */
} CliVerb;

#define CLI_BIT(option) (1u << (option))
#define CLI_ANY_NUMBER G_MAXUINT

/* The table; ends with a row whose name is NULL. */
extern const CliVerb cli_verbs[];
extern const CliOption cli_options[CLI_N_OPTIONS];

/* The options of `build`, which it parses itself (build.c); here for the completion, and a test compares.
 * Ends with a NULL name. */
extern const CliOption cli_build_options[];

/* The row whose name, alias or bus word is @name, or NULL. */
const CliVerb *cli_verb_find (const char *name);

/* The name that is nearest to @name in spelling, for "did you mean", or NULL when none is near. */
const char *cli_verb_nearest (const char *name);

/* Words that an option's value may be; NULL-terminated; NULL when it is free. */
const char *const *cli_value_words (CliValue value);

G_END_DECLS
