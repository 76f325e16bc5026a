/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The error table: code, name, exit status and sentence of every error. Must not know who reports it. */
#include "base/error.h"

#include <gio/gio.h>
#include <string.h>

/* The sentences are translated where they are shown; this only marks them for extraction. */
#define N_(text) text

#define OWN(code, name, exit, sentence) [code] = { code, name, FALSE, exit, sentence }
#define STANDARD(code, name, exit, sentence) [code] = { code, name, TRUE, exit, sentence }

static const LpErrorInfo error_table[LP_N_ERRORS] = {
  OWN (LP_ERROR_FAILED, "Failed", 1, N_ ("the operation failed")),
  OWN (LP_ERROR_AMBIGUOUS, "Ambiguous", 2, N_ ("the id fits more than one patch")),
  OWN (LP_ERROR_INVALID_STATE, "InvalidState", 1, N_ ("not possible in the patch's present state")),
  OWN (LP_ERROR_CHANGED, "Changed", 5, N_ ("something changed since the question was asked")),
  OWN (LP_ERROR_BUSY, "Busy", 5, N_ ("another job is working on this target")),
  OWN (LP_ERROR_CANCELLED, "Cancelled", 1, N_ ("cancelled")),
  OWN (LP_ERROR_NOT_CANCELABLE, "NotCancelable", 5, N_ ("the job can no longer be cancelled")),
  OWN (LP_ERROR_PATCH_CORRUPT, "PatchCorrupt", 7, N_ ("the patch is damaged")),
  OWN (LP_ERROR_UNTRUSTED, "Untrusted", 7, N_ ("the patch is not trusted")),
  OWN (LP_ERROR_TARGET_MISMATCH, "TargetMismatch", 7,
       N_ ("the target is another build than the patch was made for")),
  OWN (LP_ERROR_TARGET_MISSING, "TargetMissing", 7, N_ ("the target is not on this machine")),
  OWN (LP_ERROR_CONFLICT, "Conflict", 7, N_ ("something else has changed the same code")),
  OWN (LP_ERROR_OVERRIDDEN, "Overridden", 7, N_ ("a later patch stands on top of this one")),
  OWN (LP_ERROR_KERNEL_UNSUPPORTED, "KernelUnsupported", 7, N_ ("this kernel lacks a needed feature")),
  OWN (LP_ERROR_MODULE_REJECTED, "ModuleRejected", 7, N_ ("the kernel rejected the patch module")),
  OWN (LP_ERROR_TRANSITION_TIMEOUT, "TransitionTimeout", 5,
       N_ ("the kernel's transition did not end in time")),
  OWN (LP_ERROR_PROCESS_BUSY, "ProcessBusy", 5, N_ ("threads kept running the old code")),
  OWN (LP_ERROR_PROCESS_GONE, "ProcessGone", 1, N_ ("the process is gone")),
  OWN (LP_ERROR_PARTLY_APPLIED, "PartlyApplied", 1, N_ ("some processes were changed, some were not")),
  OWN (LP_ERROR_ROLLBACK_FAILED, "RollbackFailed", 1,
       N_ ("a step failed, and undoing the others failed too")),
  OWN (LP_ERROR_STATE_CORRUPT, "StateCorrupt", 1, N_ ("the recorded state is damaged")),
  OWN (LP_ERROR_NOT_SUPPORTED, "NotSupported", 7, N_ ("not supported here")),

  STANDARD (LP_ERROR_ACCESS_DENIED, "AccessDenied", 4, N_ ("not authorised")),
  STANDARD (LP_ERROR_AUTH_REQUIRED, "InteractiveAuthorizationRequired", 4, N_ ("authentication is needed")),
  STANDARD (LP_ERROR_INVALID_ARGS, "InvalidArgs", 2, N_ ("the request is malformed")),
  STANDARD (LP_ERROR_LIMITS_EXCEEDED, "LimitsExceeded", 5, N_ ("too many requests at once")),
  STANDARD (LP_ERROR_UNKNOWN_OBJECT, "UnknownObject", 3, N_ ("no such patch")),

  OWN (LP_ERROR_NOTHING_TO_PATCH, "NothingToPatch", 6, N_ ("nothing to patch")),
  OWN (LP_ERROR_REFUSED, "Refused", 7, N_ ("the fix can't be made a hot patch safely")),
  OWN (LP_ERROR_SOURCES_FAILED, "SourcesFailed", 8, N_ ("the sources did not build")),
};

GQuark
lp_error_quark (void)
{
  return g_quark_from_static_string ("lp-error-quark");
}

const LpErrorInfo *
lp_error_info (LpError code)
{
  g_return_val_if_fail ((guint)code < LP_N_ERRORS, &error_table[LP_ERROR_FAILED]);
  return &error_table[code];
}

const LpErrorInfo *
lp_error_info_by_name (const char *name)
{
  for (guint i = 0; i < LP_N_ERRORS; i++)
    if (strcmp (error_table[i].name, name) == 0)
      return &error_table[i];
  return NULL;
}

const LpErrorInfo *
lp_error_info_for (const GError *error)
{
  if (error->domain == LP_ERROR && (guint)error->code < LP_N_ERRORS)
    return &error_table[error->code];
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return &error_table[LP_ERROR_CANCELLED];
  return &error_table[LP_ERROR_FAILED];
}

void
lp_error_set (GError **error, LpError code, const char *hint, const char *format, ...)
{
  if (error == NULL)
    return;

  va_list args;
  va_start (args, format);
  g_autofree char *raw = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *what
      = g_utf8_make_valid (raw,
                           -1); /* names out of foreign files may be anything; the bus takes UTF-8 only */

  if (hint != NULL)
    g_set_error (error, LP_ERROR, code, "%s\n%s", what, hint);
  else
    g_set_error_literal (error, LP_ERROR, code, what);
}

void
lp_error_set_errno (GError **error, LpError code, int errnum, const char *format, ...)
{
  if (error == NULL)
    return;

  va_list args;
  va_start (args, format);
  g_autofree char *raw = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *what = g_utf8_make_valid (raw, -1);

  g_set_error (error, LP_ERROR, code, "%s: %s", what, g_strerror (errnum));
}

char *
lp_error_split (const char *message, const char **hint)
{
  const char *newline = strchr (message, '\n');

  if (hint != NULL)
    *hint = newline != NULL && newline[1] != '\0' ? newline + 1 : NULL;
  return newline != NULL ? g_strndup (message, newline - message) : g_strdup (message);
}
