/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inspect: reads a patch with libpatch and shows what is in it. */
#include "config.h"
#include "commands.h"

#include "base/error.h"
#include "context.h"
#include "report.h"
#include "text.h"

int
cli_inspect (CliContext *context)
{
  g_autoptr (GError) error = NULL;

  lp_error_set (&error, LP_ERROR_NOT_SUPPORTED, NULL, "%s",
                _ ("this build of SysCare cannot read patches yet"));
  return cli_report (context, "inspect", error);
}
