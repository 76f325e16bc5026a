/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts a kernel module in and takes it out. Must not know what a livepatch is. */
#include "kernel/livepatch-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How long a module may stay in use after its patch was disabled, and how often that is looked at. */
#define UNLOAD_PATIENCE_US (5 * G_USEC_PER_SEC)
#define UNLOAD_PAUSE_US (20 * 1000)

/* What the kernel means by an error of finit_module(2); the exact reason is in its log. */
static const struct {
  int number;
  LpError code;
  const char *why;
  const char *hint;
} load_errors[] = {
  { EEXIST, LP_ERROR_CONFLICT, "a module of this name is already loaded", NULL },
  { EPERM, LP_ERROR_MODULE_REJECTED, "the kernel doesn't allow it",
    "loading modules needs CAP_SYS_MODULE, and may be forbidden by lockdown or kernel.modules_disabled" },
  { ENOKEY, LP_ERROR_MODULE_REJECTED, "it isn't signed with a key that this kernel trusts",
    "build it with --sign-module-key, and enrol that key" },
  { EKEYREJECTED, LP_ERROR_MODULE_REJECTED,
    "it takes signed modules only, and this one isn't signed, or with a key that it doesn't have",
    "build it with --sign-module-key, and enrol that key; the kernel's log says which it is" },
  { EBADMSG, LP_ERROR_MODULE_REJECTED, "its signature is malformed", NULL },
  { ENOEXEC, LP_ERROR_MODULE_REJECTED, "it was built for another kernel, or is damaged",
    "build it for the running kernel; the kernel's log says what differs" },
  { ENOENT, LP_ERROR_MODULE_REJECTED, "it refers to a symbol that this kernel doesn't have",
    "the kernel's log names the symbol" },
  { EINVAL, LP_ERROR_MODULE_REJECTED, "a function that it replaces isn't there or isn't traceable",
    "the kernel's log names the function" },
  { EBUSY, LP_ERROR_CONFLICT, "another livepatch is in transition, or holds the function",
    "wait for the other transition to end, see /sys/kernel/livepatch" },
};

gboolean
lp_module_load (int fd, const char *name, GError **error)
{
  if (syscall (SYS_finit_module, fd, "", 0) == 0)
    return TRUE;

  int number = errno;
  for (guint i = 0; i < G_N_ELEMENTS (load_errors); i++)
    if (load_errors[i].number == number)
      {
        lp_error_set (error, load_errors[i].code, load_errors[i].hint,
                      "%s: the kernel rejected the module: %s (%s)", name, load_errors[i].why,
                      g_strerror (number));
        return FALSE;
      }
  lp_error_set_errno (error, LP_ERROR_MODULE_REJECTED, number, "%s: the kernel rejected the module", name);
  return FALSE;
}

static gboolean
module_is_loaded (const LpKernelPaths *paths, const char *name)
{
  g_autofree char *folder = lp_module_folder (paths, name);

  return g_file_test (folder, G_FILE_TEST_IS_DIR);
}

gboolean
lp_module_unload (const LpKernelPaths *paths, const char *name, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + UNLOAD_PATIENCE_US;

  while (module_is_loaded (paths, name))
    {
      if (syscall (SYS_delete_module, name, O_NONBLOCK) == 0 || errno == ENOENT)
        return TRUE;
      if ((errno != EBUSY && errno != EWOULDBLOCK) || g_get_monotonic_time () > deadline)
        {
          int number = errno;
          lp_error_set (
              error, LP_ERROR_FAILED,
              "after a transition that was ended by force the kernel keeps the module until the next boot",
              "%s: the module can't be unloaded: %s", name, g_strerror (number));
          return FALSE;
        }
      g_usleep (UNLOAD_PAUSE_US);
    }
  return TRUE;
}
