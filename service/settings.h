/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings file (/etc/syscare/syscare.conf). A mistake in it is told, never repaired: the file is only
 * ever read, and the default of the one bad key is used. Must not know what the settings do. */
#pragma once

#include <glib.h>

typedef struct {
  gboolean require_signature; /* [service] require-signature: refuse bundles without a trusted signature */
  guint busy_timeout; /* [service] busy-timeout, seconds: how long threads may keep running old code */
  guint queue_limit;  /* [service] queue-limit: unfinished jobs at once */
  guint queue_limit_per_user; /* [service] queue-limit-per-user; root isn't limited by it */
  guint keep_jobs;            /* [service] keep-jobs, seconds: how long a finished job can be looked at */
  gboolean restore_at_start;  /* [service] restore-at-start */
  gboolean gate;              /* [service] gate: meet new processes; read at the start only */
  guint install_size_limit;   /* [install] size-limit, MiB of all files of a bundle */
  guint install_file_limit;   /* [install] file-limit, number of files of a bundle */
  GStrv problems;             /* one sentence per mistake, "" vector when there is none */
} ScSettings;

/* Never fails: a missing file gives the defaults, a damaged one the defaults and problems. Blocks on the
 * file. */
ScSettings *sc_settings_load (const char *path);
void sc_settings_free (ScSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScSettings, sc_settings_free)
