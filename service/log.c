/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes log records by GLib's structured logging. Must not know who reads them. */
#include "log.h"

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

void
sc_log (GLogLevelFlags level, const char *message_id, const ScLogFields *more, const char *format, ...)
{
  static const ScLogFields none = { 0 };
  const ScLogFields *extra = more != NULL ? more : &none;
  g_autoptr (GArray) fields = g_array_sized_new (FALSE, FALSE, sizeof (GLogField), 12);
  g_autofree char *job = extra->job != 0 ? g_strdup_printf ("%" G_GUINT64_FORMAT, extra->job) : NULL;
  g_autofree char *uid = extra->uid_known ? g_strdup_printf ("%" G_GINT64_FORMAT, extra->uid) : NULL;
  va_list args;

  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);

  add (fields, "MESSAGE", message);
  add (fields, "PRIORITY", priority (level));
  add (fields, "GLIB_DOMAIN", "syscared");
  add (fields, "SYSLOG_IDENTIFIER", "syscared");
  add (fields, "MESSAGE_ID", message_id);
  add (fields, "SYSCARE_PATCH", extra->patch);
  add (fields, "SYSCARE_VERB", extra->verb);
  add (fields, "SYSCARE_ACTION", extra->action);
  add (fields, "SYSCARE_RESULT", extra->result);
  add (fields, "SYSCARE_JOB", job);
  add (fields, "SYSCARE_UID", uid);
  g_log_structured_array (level, (const GLogField *)fields->data, fields->len);
}
