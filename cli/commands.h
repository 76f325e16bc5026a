/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions behind the verbs: each does one verb's work and returns the exit status. */
#pragma once

#include "verbs.h"

G_BEGIN_DECLS

int cli_list (CliContext *context);
int cli_info (CliContext *context);
int cli_status (CliContext *context);
int cli_target (CliContext *context);
int cli_check (CliContext *context);
int cli_change (CliContext *context); /* apply, active, deactive, remove, accept, revoke */
int cli_processes (CliContext *context);
int cli_install (CliContext *context);
int cli_uninstall (CliContext *context);
int cli_rescan (CliContext *context);
int cli_save (CliContext *context);
int cli_restore (CliContext *context);
int cli_history (CliContext *context);
int cli_monitor (CliContext *context);
int cli_inspect (CliContext *context);
int cli_build_verb (CliContext *context);
int cli_help (CliContext *context);
int cli_version (CliContext *context);

G_END_DECLS
