/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the engine fills in an LpProcessResult. Must not know how a step is made. */
#pragma once

#include "user/engine.h"

G_BEGIN_DECLS

LpProcessResult *lp_process_result_new (int pid);
/* Sets status, code and reason from @error: the one place where an error becomes a process's status. */
void lp_process_result_set_error (LpProcessResult *result, const GError *error);
/* Takes over everything but who it is and what was made private. */
void lp_process_result_copy (LpProcessResult *to, const LpProcessResult *from);

G_END_DECLS
