/* SPDX-License-Identifier: GPL-2.0-or-later */
/* build: hands its arguments, unread, to the patch maker. */
#include "config.h"
#include "commands.h"

#include "build.h"
#include "context.h"

int
cli_build_verb (CliContext *context)
{
  g_autoptr (GPtrArray) arguments = g_ptr_array_new ();

  g_ptr_array_add (arguments, (gpointer) "build");
  for (guint i = 0; context->arguments != NULL && context->arguments[i] != NULL; i++)
    g_ptr_array_add (arguments, context->arguments[i]);
  int argc = (int)arguments->len;
  g_ptr_array_add (arguments, NULL);
  g_set_prgname ("syscare build"); /* its help names it */
  return cli_build (argc, (char **)arguments->pdata);
}
