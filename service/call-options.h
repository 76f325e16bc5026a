/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dictionary of options that ends every call, parsed strictly: an unknown key or a wrong type is an
 * error. Must not know what the options are used for. */
#pragma once

#include "user/engine.h"

#define SC_REASON_MAX 1024 /* bytes */

typedef enum {
  SC_OPTION_FORCE = 1 << 0,
  SC_OPTION_TIMEOUT = 1 << 1,
  SC_OPTION_REASON = 1 << 2,
  SC_OPTION_EXPECTED_GENERATION = 1 << 3,
  SC_OPTION_ON_FAILURE = 1 << 4,
  SC_OPTION_ACTIVATE = 1 << 5,
  SC_OPTION_CONSISTENCY = 1 << 6,
  SC_OPTION_ERROR_IF_UNCHANGED = 1 << 7,
  SC_OPTION_ACCEPTED = 1 << 8,
  SC_OPTION_OFFSET = 1 << 9,
  SC_OPTION_LIMIT = 1 << 10,
  SC_OPTION_OMIT_EMPTY = 1 << 11,
} ScOptionFlags;

/* What Submit and its relatives take. */
#define SC_OPTIONS_SUBMIT                                                                                    \
  (SC_OPTION_FORCE | SC_OPTION_TIMEOUT | SC_OPTION_REASON | SC_OPTION_EXPECTED_GENERATION                    \
   | SC_OPTION_ON_FAILURE | SC_OPTION_ACTIVATE | SC_OPTION_CONSISTENCY | SC_OPTION_ERROR_IF_UNCHANGED)

typedef struct {
  ScOptionFlags given;
  gboolean force;
  gboolean activate; /* TRUE unless told otherwise */
  gboolean keep_on_failure;
  gboolean error_if_unchanged;
  gboolean accepted;
  gboolean omit_empty;
  guint64 timeout; /* microseconds; 0: the service's setting */
  guint64 expected_generation;
  guint32 offset;
  guint32 limit;
  LpConsistency consistency;
  char *reason; /* "" when none */
} ScCallOptions;

/* Parses @options (a{sv}); keys outside @allowed are unknown. Errors: LP_ERROR_INVALID_ARGS naming the key.
 */
ScCallOptions *sc_call_options_parse (GVariant *options, ScOptionFlags allowed, GError **error);
/* What the service does by itself has none. Caller frees. */
ScCallOptions *sc_call_options_new_none (void);
void sc_call_options_free (ScCallOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScCallOptions, sc_call_options_free)
