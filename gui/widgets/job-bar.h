/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The strip at the bottom of the window with the jobs that run now, whoever started them.
 * Must not know what happens when one ends. */
#pragma once

#include "model/job-tracker.h"
#include "model/patch-store.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define SC_TYPE_JOB_BAR (sc_job_bar_get_type ())
/* ScJobBar: signal "cancel-failed" (GError). */
G_DECLARE_FINAL_TYPE (ScJobBar, sc_job_bar, SC, JOB_BAR, AdwBin)

void sc_job_bar_connect (ScJobBar *self, ScJobTracker *tracker, ScPatchStore *store,
                         ScClient *client); /* once */

G_END_DECLS
