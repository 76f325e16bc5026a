/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one place that logs: structured records for the journal, plain lines on stderr where there is none.
 * Must not know who reads them. */
#pragma once

#include "caller.h"

/* MESSAGE_ID of each kind of record (journalctl MESSAGE_ID=...). Each has an entry in the catalogs
 * (data/systemd/syscared*.catalog) that explains it; a test compares the two. */
#define SC_MESSAGE_STARTED "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d01"
#define SC_MESSAGE_STOPPING "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d02"
#define SC_MESSAGE_TROUBLE "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d03" /* the service can't work */
#define SC_MESSAGE_DECISION "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d04"
#define SC_MESSAGE_JOB_BEGIN "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d05"
#define SC_MESSAGE_JOB_END "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d06"
#define SC_MESSAGE_STATE "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d07"
#define SC_MESSAGE_SETTINGS "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d08" /* a mistake in the settings file */
#define SC_MESSAGE_FILES "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d09"    /* a bundle, key or state file isn't sound */
#define SC_MESSAGE_GATE "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d0a"     /* new processes may escape */
#define SC_MESSAGE_ESCAPED "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d0b"  /* a process wasn't patched at its start */
#define SC_MESSAGE_JOB_FAILED "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d0c"

/* Fields that go along with a record; NULL or 0 members are left out. */
typedef struct {
  const char *patch;      /* SYSCARE_PATCH: uuid */
  const char *name;       /* SYSCARE_NAME: full name */
  const char *verb;       /* SYSCARE_VERB */
  const char *action;     /* SYSCARE_ACTION: polkit action */
  const char *result;     /* SYSCARE_RESULT */
  const char *reason;     /* SYSCARE_REASON: the caller's words */
  guint64 job;            /* SYSCARE_JOB */
  gint64 pid;             /* SYSCARE_PID: of a process that was patched or wasn't */
  const GError *error;    /* SYSCARE_ERROR: its name */
  const ScCaller *caller; /* SYSCARE_UID, SYSCARE_LOGIN_UID, SYSCARE_SESSION */
} ScLogFields;

/* @level: G_LOG_LEVEL_*; those for debugging only when G_MESSAGES_DEBUG asks for them, all others always.
 * @fields: (nullable). */
void sc_log (GLogLevelFlags level, const char *message_id, const ScLogFields *fields, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
