/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Follows a job of the service to its end: progress, Ctrl-C, results. Must not know what the job is for. */
#pragma once

#include <stdio.h>

#include "context.h"

G_BEGIN_DECLS

/* Waits for the job at @path. @title: what it does, for the progress line ("apply HP001"). @results: (out):
 * Job.Results (aa{sv}), set in success and in failure, NULL when they could not be read. Ctrl-C cancels the
 * job; a second one leaves it running and returns LP_ERROR_CANCELLED. Errors: the job's own. */
gboolean cli_job_wait (CliContext *context, const char *path, const char *title, GVariant **results,
                       GError **error);

/* "17" out of ".../jobs/17"; borrowed. */
const char *cli_job_number (const char *path);

/* The processes of one result that need a look (all but patched, unchanged and gone), as an indented table;
 * returns their number. */
guint cli_job_print_processes (GVariant *result, FILE *out);

G_END_DECLS
