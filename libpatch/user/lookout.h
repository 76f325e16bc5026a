/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells which processes have mapped the code of a file that nobody has called known: so each file is asked
 * about once, and starts of known programs cost next to nothing. Must not know what the files are for.
 *
 * All of it is seen: programs, interpreters and libraries, wherever they are mapped and by whichever call. */
#pragma once

#include "base/error.h"
#include "user/lookout-shared.h"

#include <sys/stat.h>

G_BEGIN_DECLS

typedef struct LpLookout LpLookout;

/* @sight: borrowed for the call. */
typedef void (*LpLookoutFunc) (const struct lp_lookout_sight *sight, gpointer user_data);

/* Errors: LP_ERROR_KERNEL_UNSUPPORTED, LP_ERROR_ACCESS_DENIED. It is switched off at first. */
LpLookout *lp_lookout_new (GError **error);
void lp_lookout_free (LpLookout *lookout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpLookout, lp_lookout_free)

/* Nothing is known or learned any more. While it is off it costs nobody anything. FALSE: it can't be switched
 * on. */
gboolean lp_lookout_set (LpLookout *lookout, gboolean on);

/* Readable when lp_lookout_dispatch() has something to do. */
int lp_lookout_fd (const LpLookout *lookout);
/* Never blocks. A mapping that is changed while a program starts is told each time. FALSE: some sights were
 * lost. */
gboolean lp_lookout_dispatch (LpLookout *lookout, LpLookoutFunc func, gpointer user_data);

/* The file of @sight is known as long as it has this content, but not longer than @seconds (0: no limit), and
 * until lp_lookout_set(); if that was called since the sight, nothing happens. */
void lp_lookout_know (LpLookout *lookout, const struct lp_lookout_sight *sight, guint seconds);
/* Finds out what the kernel has as the file that @fd is on, by mapping it; until lp_lookout_set(). Where
 * stat() has another number for its file system than the kernel (overlayfs), nothing else tells. FALSE: it
 * can't be known (the lookout is off, or the file may have clones which nothing distinguishes from it). */
gboolean lp_lookout_learn (LpLookout *lookout, int fd);
/* A file that was learned, and that @status is of, is known, without a limit. */
void lp_lookout_know_file (LpLookout *lookout, const struct stat *status);
/* Whether that is certainly the file of @sight, with the content that it has now. */
gboolean lp_lookout_is_of (const LpLookout *lookout, const struct lp_lookout_sight *sight,
                           const struct stat *status);

G_END_DECLS
