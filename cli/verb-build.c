/* SPDX-License-Identifier: GPL-2.0-or-later */
/* build: hands its arguments, unread, to the patch maker. */
#include "config.h"
#include "commands.h"

#include "base/error.h"
#include "context.h"
#include "report.h"
#include "text.h"

int
cli_build_verb (CliContext *context)
{
  g_autoptr (GError) error = NULL;

  lp_error_set (&error, LP_ERROR_NOT_SUPPORTED, NULL, "%s",
                _ ("this build of SysCare cannot make patches yet"));
  return cli_report (context, "build", error);
}
