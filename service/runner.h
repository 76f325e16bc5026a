/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries out jobs on patches: plans anew, lets a worker change the processes, reads the truth back, makes
 * wishes and history durable, and only then ends the job. Must not know polkit or the bus. */
#pragma once

#include "service.h"

/* Makes @job carry out its verb on its patches, as one transaction. */
void sc_runner_attach (ScService *service, ScJob *job);
/* Makes @job bring every one of its patches into effect where it isn't, each for itself: one that fails
 * doesn't keep the others out. States and acceptance stay as they are. */
void sc_runner_attach_restore (ScService *service, ScJob *job);
