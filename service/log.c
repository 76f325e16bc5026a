/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes log records with the writers of GLib. Must not know who reads them. */
#include "log.h"

#include "base/error.h"

#include <stdio.h>
#include <unistd.h>

#define DOMAIN "syscared"

static const char *
priority (GLogLevelFlags level)
{
  switch (level & G_LOG_LEVEL_MASK)
    {
    case G_LOG_LEVEL_ERROR:
    case G_LOG_LEVEL_CRITICAL:
      return "3";
    case G_LOG_LEVEL_WARNING:
      return "4";
    case G_LOG_LEVEL_MESSAGE:
      return "5";
    case G_LOG_LEVEL_INFO:
      return "6";
    default:
      return "7";
    }
}

static void
add (GArray *fields, const char *key, const char *value)
{
  GLogField field = { key, value, -1 };

  if (value != NULL && value[0] != '\0')
    g_array_append_val (fields, field);
}

static void
add_number (GArray *fields, GPtrArray *texts, const char *key, gint64 number)
{
  char *text = g_strdup_printf ("%" G_GINT64_FORMAT, number);

  g_ptr_array_add (texts, text);
  add (fields, key, text);
}

static void
add_caller (GArray *fields, GPtrArray *texts, const ScCaller *caller)
{
  add_number (fields, texts, "SYSCARE_UID", caller->uid);
  if (caller->login_uid != G_MAXUINT)
    add_number (fields, texts, "SYSCARE_LOGIN_UID", caller->login_uid);
  add (fields, "SYSCARE_SESSION", caller->session);
}

/* Not by g_log_structured_array(): its default writer drops what is only informative, and who was allowed
 * what must be on record. */
static void
write_record (GLogLevelFlags level, const GArray *fields)
{
  const GLogField *first = (const GLogField *)fields->data;

  if (level == G_LOG_LEVEL_DEBUG && g_log_writer_default_would_drop (level, DOMAIN))
    return;
  if (g_log_writer_is_journald (STDERR_FILENO)
      && g_log_writer_journald (level, first, fields->len, NULL) == G_LOG_WRITER_HANDLED)
    return;
  g_autofree char *line = g_log_writer_format_fields (level, first, fields->len, /* use_color= */ FALSE);
  fprintf (stderr, "%s\n", line);
}

void
sc_log (GLogLevelFlags level, const char *message_id, const ScLogFields *more, const char *format, ...)
{
  static const ScLogFields none = { 0 };
  const ScLogFields *extra = more != NULL ? more : &none;
  g_autoptr (GArray) fields = g_array_sized_new (FALSE, FALSE, sizeof (GLogField), 16);
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  va_list args;

  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);

  add (fields, "MESSAGE", message);
  add (fields, "PRIORITY", priority (level));
  add (fields, "GLIB_DOMAIN", DOMAIN);
  add (fields, "SYSLOG_IDENTIFIER", DOMAIN);
  add (fields, "MESSAGE_ID", message_id);
  add (fields, "SYSCARE_PATCH", extra->patch);
  add (fields, "SYSCARE_NAME", extra->name);
  add (fields, "SYSCARE_VERB", extra->verb);
  add (fields, "SYSCARE_ACTION", extra->action);
  add (fields, "SYSCARE_RESULT", extra->result);
  add (fields, "SYSCARE_REASON", extra->reason);
  add (fields, "SYSCARE_ERROR", extra->error != NULL ? lp_error_info_for (extra->error)->name : NULL);
  if (extra->job != 0)
    add_number (fields, texts, "SYSCARE_JOB", (gint64)extra->job);
  if (extra->pid != 0)
    add_number (fields, texts, "SYSCARE_PID", extra->pid);
  if (extra->caller != NULL)
    add_caller (fields, texts, extra->caller);
  write_record (level, fields);
}
