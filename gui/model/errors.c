/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors of the bus in plain sentences; see errors.h. */
#include "errors.h"

#include <glib/gi18n.h>
#include <string.h>

#define OWN_PREFIX "org.openeuler.SysCare1.Error."

typedef struct {
  const char *name; /* last part of the D-Bus name */
  const char *sentence;
  const char *advice;
  ScFailureKind kind;
} ErrorRow;

static const ErrorRow table[] = {
  { "Failed", N_ ("Something outside the service went wrong."), N_ ("The details say what.") },
  { "Ambiguous", N_ ("More than one patch fits."), N_ ("Choose one of them.") },
  { "InvalidState", N_ ("The patch’s state doesn’t allow this."),
    N_ ("It may have changed a moment ago; look again.") },
  { "Changed", N_ ("The patches changed while you were deciding, so nothing was done."),
    N_ ("Look again and repeat it.") },
  { "Busy", N_ ("Somebody else is working on the same target."), N_ ("Wait until that job has ended.") },
  { "Cancelled", N_ ("The job was cancelled and what it had done was undone."), "", SC_FAILURE_CANCELLED },
  { "NotCancelable", N_ ("The job can’t be cancelled any more."), N_ ("It will end in a moment.") },
  { "PatchCorrupt", N_ ("The patch’s files are damaged."), N_ ("Get the patch again from where it came.") },
  { "Untrusted", N_ ("The patch isn’t signed by a key that this machine trusts."),
    N_ ("Ask whoever made it for a signed one, or let the administrator add the key.") },
  { "TargetMismatch", N_ ("The target is another build than the one that the patch is for."),
    N_ ("Get the patch for the installed version.") },
  { "TargetMissing", N_ ("The target isn’t on this machine."),
    N_ ("Install the package that the patch is for.") },
  { "Conflict", N_ ("Something else changed the same code."),
    N_ ("Find out which tool did (a debugger, a tracer, another patch) and end it.") },
  { "Overridden", N_ ("A later patch stands on top of this one."), N_ ("Remove the later patch first.") },
  { "KernelUnsupported", N_ ("The running kernel lacks a feature that is needed."),
    N_ ("The details name the feature.") },
  { "ModuleRejected", N_ ("The kernel refused the patch’s module."), N_ ("The kernel’s log says why.") },
  { "TransitionTimeout", N_ ("The kernel didn’t switch all tasks in time."),
    N_ ("The page “Processes” names the tasks that held it up. Try again later.") },
  { "ProcessBusy", N_ ("A process didn’t leave the old functions in time."),
    N_ ("Try again when it is less busy. The page “Processes” names the thread and the function.") },
  { "ProcessGone", N_ ("The process ended meanwhile."), N_ ("Look again.") },
  { "PartlyApplied", N_ ("Some processes carry the patch, some don’t."),
    N_ ("The page “Processes” says which and why.") },
  { "RollbackFailed", N_ ("It failed, and undoing it failed too."),
    N_ ("Look at the processes at once: the details name them.") },
  { "StateCorrupt", N_ ("The service’s records can’t be read."), N_ ("The service’s log names the file.") },
  { "NotSupported", N_ ("That can’t be done on this machine."), N_ ("The details say why.") },
  { "AccessDenied", N_ ("You aren’t allowed to do this."), N_ ("An administrator may allow it."),
    SC_FAILURE_DECLINED },
  { "AuthFailed", N_ ("You aren’t allowed to do this."), N_ ("An administrator may allow it."),
    SC_FAILURE_DECLINED },
  { "InteractiveAuthorizationRequired",
    N_ ("This needs an administrator’s password, and nobody could be asked."),
    N_ ("Start a polkit agent, as desktops have one, and repeat it."), SC_FAILURE_DECLINED },
  { "InvalidArgs", N_ ("The service didn’t understand the request."),
    N_ ("The window and the service may be of different versions.") },
  { "UnknownMethod", N_ ("The service didn’t understand the request."),
    N_ ("The window and the service may be of different versions.") },
  { "LimitsExceeded", N_ ("Too much at once: the service refused it."),
    N_ ("Wait until other jobs have ended.") },
  { "UnknownObject", N_ ("The patch or job isn’t there any more."), N_ ("Look again.") },
  { "ServiceUnknown", N_ ("The patch service isn’t running."), N_ ("Start it and repeat it.") },
  { "NoReply", N_ ("The patch service didn’t answer."), N_ ("It may have been restarted; look again.") },
  { "Disconnected", N_ ("The connection to the patch service is gone."),
    N_ ("It may have been restarted; look again.") },
};

static const ErrorRow *
find_row (const char *error_name)
{
  const char *last = strrchr (error_name, '.');

  last = last ? last + 1 : error_name;
  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_str_equal (table[i].name, last))
      return &table[i];
  return &table[0];
}

ScFailure *
sc_failure_new (const char *error_name, const char *message)
{
  const ErrorRow *row = find_row (error_name);
  ScFailure *self = g_new0 (ScFailure, 1);

  self->kind = row->kind;
  self->name = g_strdup (error_name);
  self->sentence = g_strdup (_ (row->sentence));
  self->advice = g_strdup (*row->advice ? _ (row->advice) : "");
  self->detail = g_strdup (message);
  return self;
}

ScFailure *
sc_failure_from_error (const GError *error)
{
  g_autofree char *name = g_dbus_error_get_remote_error (error);
  g_autoptr (GError) copy = g_error_copy (error);

  g_dbus_error_strip_remote_error (copy);
  if (name)
    return sc_failure_new (name, copy->message);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return sc_failure_new (OWN_PREFIX "Cancelled", copy->message);
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN))
    return sc_failure_new ("org.freedesktop.DBus.Error.ServiceUnknown", copy->message);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED))
    return sc_failure_new ("org.freedesktop.DBus.Error.Disconnected", copy->message);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    return sc_failure_new ("org.freedesktop.DBus.Error.NoReply", copy->message);
  return sc_failure_new (OWN_PREFIX "Failed", copy->message);
}

gboolean
sc_error_is_incompatibility (const GError *error)
{
  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_PROPERTY)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

void
sc_failure_free (ScFailure *self)
{
  g_free (self->name);
  g_free (self->sentence);
  g_free (self->advice);
  g_free (self->detail);
  g_free (self);
}
