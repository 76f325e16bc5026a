/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process that opens files which others have mapped and reads their Build-IDs. A file may be anybody's, and
 * its system may never answer: whoever asks then can't even be killed. So it is somebody who has nothing,
 * whom nobody waits for, and who is left behind in that case. Must not know what the answers are for. */
#pragma once

#include "base/error.h"

G_BEGIN_DECLS

#define LP_ASKER_BUILD_ID_MAX 64

typedef struct LpAsker LpAsker;

typedef struct {
  gboolean is_there;    /* it was (still) mapped and could be read */
  guint8 build_id_size; /* 0: it has none, or one that is too long */
  guint8 build_id[LP_ASKER_BUILD_ID_MAX];
  int file; /* O_PATH, the caller's; -1: it isn't there */
} LpAskerAnswer;

/* To be called before there are many threads. Errors: LP_ERROR_FAILED. */
LpAsker *lp_asker_new (GError **error);
void lp_asker_free (LpAsker *asker); /* and whatever it is waiting for */

int lp_asker_pid (const LpAsker *asker);
/* Readable when there is an answer, or when it has ended. */
int lp_asker_fd (const LpAsker *asker);

/* Asks for the file that process @pid has mapped exactly from @start to @end. Answers come in the same order.
 * Never blocks. FALSE: too many are asked already, or it has ended. */
gboolean lp_asker_ask (LpAsker *asker, int pid, guint64 start, guint64 end);
/* The next answer; never blocks. 1: there is one, 0: there isn't yet, -1: it has ended. */
int lp_asker_read (LpAsker *asker, LpAskerAnswer *answer);

G_END_DECLS
