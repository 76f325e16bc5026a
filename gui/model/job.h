/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One piece of work of the service, whoever asked for it.
 * Must not know widgets nor how it is kept up to date. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define SC_TYPE_JOB (sc_job_get_type ())
/* ScJob: signal "changed" (). */
G_DECLARE_FINAL_TYPE (ScJob, sc_job, SC, JOB, GObject)

ScJob *sc_job_new (const char *path);
void sc_job_update (ScJob *self, GVariant *values); /* a{sv}; emits "changed" */

const char *sc_job_get_path (ScJob *self);
const char *sc_job_get_verb (ScJob *self);
const char *sc_job_get_state (ScJob *self);
const char *sc_job_get_phase (ScJob *self);
const char *const *sc_job_get_patches (ScJob *self); /* object paths */
guint sc_job_get_uid (ScJob *self);                  /* who started it */
gboolean sc_job_is_cancelable (ScJob *self);
gboolean sc_job_is_known (ScJob *self); /* a first description has come */
gboolean sc_job_is_finished (ScJob *self);
double sc_job_get_fraction (ScJob *self);        /* 0 to 1 of the phase; -1: not known */
const char *sc_job_get_error_name (ScJob *self); /* "" when there is none */
const char *sc_job_get_error_message (ScJob *self);
GVariant *sc_job_get_results (ScJob *self); /* aa{sv}, borrowed; NULL before the end */

G_END_DECLS
