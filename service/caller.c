/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who asks, with what the kernel's audit knows about the login behind it. Must not know what is asked. */
#include "caller.h"

#define UNKNOWN G_MAXUINT32

/* A number out of /proc/PID/NAME; UNKNOWN when it can't be read. */
static guint
read_number (guint pid, const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u/%s", pid, name);
  g_autofree char *text = NULL;
  guint64 number = UNKNOWN;

  if (pid == 0 || !g_file_get_contents (path, &text, NULL, NULL)
      || !g_ascii_string_to_unsigned (g_strstrip (text), 10, 0, UNKNOWN, &number, NULL))
    return UNKNOWN;
  return (guint)number;
}

ScCaller *
sc_caller_new (const char *sender, guint uid, guint pid, gboolean interactive)
{
  ScCaller *caller = g_rc_box_new0 (ScCaller);
  guint session = read_number (pid, "sessionid");

  caller->sender = g_strdup (sender);
  caller->uid = uid;
  caller->pid = pid;
  caller->login_uid = read_number (pid, "loginuid");
  caller->session = session != UNKNOWN ? g_strdup_printf ("%u", session) : g_strdup ("");
  caller->interactive = interactive;
  caller->gone = g_cancellable_new ();
  return caller;
}

ScCaller *
sc_caller_new_self (void)
{
  return sc_caller_new ("", 0, 0, FALSE);
}

ScCaller *
sc_caller_ref (ScCaller *caller)
{
  return g_rc_box_acquire (caller);
}

static void
clear (gpointer data)
{
  ScCaller *caller = data;

  g_free (caller->sender);
  g_free (caller->session);
  g_object_unref (caller->gone);
}

void
sc_caller_unref (ScCaller *caller)
{
  g_rc_box_release_full (caller, clear);
}
