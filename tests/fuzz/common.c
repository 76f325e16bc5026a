/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts every fuzz target alike: a broken precondition inside the library is a finding, too. */
#include "fuzz.h"

#include <stdlib.h>

/* abort(): libFuzzer keeps the input of a program that aborts, but not of one that GLib ends with a trap. */
static GLogWriterOutput
fail_loudly (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  g_log_writer_standard_streams (level, fields, n_fields, user_data);
  if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) != 0)
    abort ();
  return G_LOG_WRITER_HANDLED;
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  g_log_set_writer_func (fail_loudly, NULL, NULL);
  return 0;
}
