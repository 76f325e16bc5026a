/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What became of one process in a change. Must not know how it came to that. */
#include "user/result.h"

#include <string.h>

void
lp_process_result_free (LpProcessResult *result)
{
  if (result == NULL)
    return;
  g_free (result->command);
  g_free (result->reason);
  g_free (result->detail);
  g_free (result);
}

const char *
lp_process_status_word (LpProcessStatus status)
{
  static const char *const words[] = {
    [LP_PROCESS_DONE] = "patched",
    [LP_PROCESS_UNCHANGED] = "unchanged",
    [LP_PROCESS_BUSY] = "pending",
    [LP_PROCESS_UNPATCHABLE] = "unpatchable",
    [LP_PROCESS_FAILED] = "failed",
    [LP_PROCESS_GONE] = "gone",
    [LP_PROCESS_ROLLED_BACK] = "rolled-back",
  };

  return (guint)status < G_N_ELEMENTS (words) ? words[status] : "failed";
}

LpProcessResult *
lp_process_result_new (int pid)
{
  LpProcessResult *result = g_new0 (LpProcessResult, 1);

  result->pid = pid;
  result->command = g_strdup ("");
  result->reason = g_strdup ("");
  result->detail = g_strdup ("");
  return result;
}

static LpProcessStatus
status_for_code (LpError code)
{
  switch (code)
    {
    case LP_ERROR_PROCESS_GONE:
      return LP_PROCESS_GONE;
    case LP_ERROR_PROCESS_BUSY:
      return LP_PROCESS_BUSY;
    case LP_ERROR_NOT_SUPPORTED:   /* no room, denied mapping, mapped twice */
    case LP_ERROR_TARGET_MISMATCH: /* other code, missing import */
    case LP_ERROR_REFUSED:         /* out of reach */
    case LP_ERROR_ACCESS_DENIED:   /* the kernel doesn't let us attach */
      return LP_PROCESS_UNPATCHABLE;
    default:
      return LP_PROCESS_FAILED;
    }
}

void
lp_process_result_set_error (LpProcessResult *result, const GError *error)
{
  result->code = lp_error_info_for (error)->code;
  result->status = status_for_code (result->code);
  g_free (result->reason);
  result->reason = lp_error_split (error->message, NULL);
}

void
lp_process_result_copy (LpProcessResult *to, const LpProcessResult *from)
{
  g_free (to->command);
  g_free (to->reason);
  g_free (to->detail);
  to->command = g_strdup (from->command);
  to->status = from->status;
  to->code = from->code;
  to->reason = g_strdup (from->reason);
  to->detail = g_strdup (from->detail);
  to->stop_ns = from->stop_ns;
}
