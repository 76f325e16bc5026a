/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one place that logs: structured records for the journal, plain lines on stderr where there is none.
 * Must not know who reads them. */
#pragma once

#include <glib.h>

/* MESSAGE_ID of each kind of record (journalctl MESSAGE_ID=...). */
#define SC_MESSAGE_STARTED "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d01"
#define SC_MESSAGE_STOPPING "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d02"
#define SC_MESSAGE_TROUBLE "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d03"
#define SC_MESSAGE_DECISION "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d04"
#define SC_MESSAGE_JOB_BEGIN "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d05"
#define SC_MESSAGE_JOB_END "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d06"
#define SC_MESSAGE_STATE "3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d07"

/* Fields that go along with a record; NULL or 0 members are left out. */
typedef struct {
  const char *patch;  /* SYSCARE_PATCH: uuid */
  const char *verb;   /* SYSCARE_VERB */
  const char *action; /* SYSCARE_ACTION: polkit action */
  const char *result; /* SYSCARE_RESULT */
  guint64 job;        /* SYSCARE_JOB */
  gint64 uid;         /* SYSCARE_UID when uid_known */
  gboolean uid_known;
} ScLogFields;

/* @level: G_LOG_LEVEL_*; @fields: (nullable). */
void sc_log (GLogLevelFlags level, const char *message_id, const ScLogFields *fields, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
