/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notices what changes in the patch directory, in the bundles in it that aren't settled yet, and among the
 * trusted keys; inotify, so an idle machine stays idle. Must not know what a bundle is. */
#pragma once

#include <gio/gio.h>

typedef struct ScWatch ScWatch;
typedef void (*ScWatchFunction) (gpointer user_data);

/* @changed is called, once, some time after the last of a series of changes. */
ScWatch *sc_watch_new (ScWatchFunction changed, gpointer user_data);
void sc_watch_free (ScWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScWatch, sc_watch_free)

/* Watches @directory from now on; nothing when it is watched already or doesn't exist. */
void sc_watch_add (ScWatch *watch, const char *directory);
/* Watches these (a bounded number of them) instead of the ones that were given the last time. What happened
 * in a new one before it was watched counts as a change. */
void sc_watch_set_unsettled (ScWatch *watch, const char *const *directories);
