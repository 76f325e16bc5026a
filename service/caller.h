/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who asks: taken from the bus once per request, before anything else, and never changed. Must not know what
 * is asked. */
#pragma once

#include <gio/gio.h>

typedef struct {
  char *sender; /* unique name on the bus; "" for the service itself */
  guint uid;
  guint pid;            /* 0: unknown; for the record only, never for decisions */
  guint login_uid;      /* G_MAXUINT: unknown */
  char *session;        /* audit session id, "" when unknown */
  gboolean interactive; /* the message allows a question to the user */
  GCancellable *gone;   /* cancelled when the sender leaves the bus */
} ScCaller;

ScCaller *sc_caller_new (const char *sender, guint uid, guint pid, gboolean interactive);
/* The service itself, acting on recorded wishes. */
ScCaller *sc_caller_new_self (void);
ScCaller *sc_caller_ref (ScCaller *caller);
void sc_caller_unref (ScCaller *caller);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScCaller, sc_caller_unref)
