/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lets polkit ask for a password on our terminal. polkit's library is loaded only when it comes to that, so
 * that `syscare list` doesn't pay for it. Must not know what is being authorised. */
#pragma once

#include "context.h"

G_BEGIN_DECLS

/* Registers polkit's text agent for this process. FALSE when nobody can or shall be asked: --no-ask-password,
 * no terminal, we are root, or polkit isn't there; the service then decides without asking. */
gboolean cli_agent_start (CliContext *context);

/* Gives the terminal its modes back: a question that was broken off leaves the echo switched off. */
void cli_agent_restore_terminal (void);

G_END_DECLS
