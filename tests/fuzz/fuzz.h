/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput(); libFuzzer or replay.c
 * calls it. */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);
int LLVMFuzzerInitialize (int *argc, char ***argv);

/* Reads all @size bytes of @data, so that the sanitizer sees each of them touched. */
static inline void
fuzz_touch (const void *data, gsize size)
{
  static volatile guint8 sink;

  for (gsize i = 0; i < size; i++)
    sink = sink + ((const guint8 *)data)[i];
}

static inline void
fuzz_touch_string (const char *text)
{
  if (text != NULL)
    fuzz_touch (text, __builtin_strlen (text) + 1);
}

/* A refusal must be one of ours, say something, and be printable. */
static inline void
fuzz_check_error (GError *error)
{
  g_assert (error != NULL && error->domain == LP_ERROR && (guint)error->code < LP_N_ERRORS);
  g_assert (error->message[0] != '\0' && g_utf8_validate (error->message, -1, NULL));
  g_error_free (error);
}
