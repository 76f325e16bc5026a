/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What window.c and window-actions.c share, and nobody else. */
#pragma once

#include "model/job-tracker.h"
#include "model/operation.h"
#include "model/patch-store.h"
#include "widgets/detail-pane.h"
#include "widgets/error-page.h"
#include "widgets/job-bar.h"
#include "widgets/list-pane.h"
#include "widgets/window.h"

struct _ScWindow {
  AdwApplicationWindow parent_instance;

  ScClient *client;
  ScPatchStore *store;
  ScJobTracker *tracker;
  GSettings *settings;
  GCancellable *cancellable; /* of everything that the window asked for; cancelled when it closes */
  guint look_timer;          /* for the next look at the processes */
  gboolean was_filled;       /* patches were shown at least once */
  char *wanted_path;         /* patch to show as soon as it is known */
  ScOperation *undoable;     /* the last operation that a toast offers to undo */
  AdwToast *last_toast;      /* a new word replaces the old one instead of waiting for its end */
  GHashTable *own_jobs;      /* ScOperation that run now */

  AdwToastOverlay *toasts;
  GtkStack *main_stack;
  ScErrorPage *error_page;
  AdwLeaflet *leaflet;
  ScListPane *list_pane;
  ScDetailPane *detail_pane;
  ScJobBar *job_bar;
};
