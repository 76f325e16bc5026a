/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts every fuzz target alike: a broken precondition inside the library is a finding, too. */
#include "fuzz.h"

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  g_log_set_always_fatal (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
  return 0;
}
