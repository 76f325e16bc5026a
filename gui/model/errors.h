/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors of the bus in plain sentences, chosen by their names.
 * Must not know who asked for what failed. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum {
  SC_FAILURE_REAL,     /* to be shown as an error */
  SC_FAILURE_DECLINED, /* not authorised, or the password dialog was dismissed: a quiet word is enough */
  SC_FAILURE_CANCELLED,
} ScFailureKind;

typedef struct {
  ScFailureKind kind;
  char *name;     /* D-Bus error name, "" when it didn't come over the bus */
  char *sentence; /* what it means, translated */
  char *advice;   /* what to do, translated; "" when there is nothing to say */
  char *detail;   /* the service's own text, to be shown on demand */
} ScFailure;

/* @error_name: a full D-Bus name. @message: the service's text. */
ScFailure *sc_failure_new (const char *error_name, const char *message);
/* The same from the GError of a call. */
ScFailure *sc_failure_from_error (const GError *error);
/* TRUE when the service lacks what was called: it is of another version. */
gboolean sc_error_is_incompatibility (const GError *error);
void sc_failure_free (ScFailure *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScFailure, sc_failure_free)

G_END_DECLS
