/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts a kernel module in and takes it out. Must not know what a livepatch is. */
#include "kernel/livepatch-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a signed module ends with (kernel, include/linux/module_signature.h). */
#define SIGNATURE_MARK "~Module signature appended~\n"
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
  { EPERM, LP_ERROR_MODULE_REJECTED, "the kernel doesn't allow it", "loading modules needs CAP_SYS_MODULE" },
  { ENOKEY, LP_ERROR_MODULE_REJECTED, "it isn't signed with a key that this kernel trusts",
    "build it with --sign-module-key, and enrol that key" },
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

static gboolean
file_has (const char *root, const char *path, const char *words)
{
  g_autofree char *file = g_build_filename (root, path, NULL), *text = NULL;

  return g_file_get_contents (file, &text, NULL, NULL) && strstr (text, words) != NULL;
}

static gboolean
is_signed (int fd)
{
  char end[sizeof SIGNATURE_MARK - 1];
  off_t size = lseek (fd, 0, SEEK_END);

  return size > (off_t)sizeof end
         && pread (fd, end, sizeof end, size - (off_t)sizeof end) == (ssize_t)sizeof end
         && memcmp (end, SIGNATURE_MARK, sizeof end) == 0;
}

/* Who takes only signed modules says EKEYREJECTED (enforced; Debian's kernel under Secure Boot, too) or EPERM
 * (lockdown) of one without a signature as of one with a strange key (kernel, module_sig_check()). EPERM is
 * also said where no module may be loaded any more. FALSE: it is something else. */
static gboolean
explain_refusal (const LpKernelPaths *paths, int fd, const char *name, int number, GError **error)
{
  gboolean locked_down = file_has (paths->sysfs, "kernel/security/lockdown", "[integrity]")
                         || file_has (paths->sysfs, "kernel/security/lockdown", "[confidentiality]");

  if (number == EPERM && file_has (paths->procfs, "sys/kernel/modules_disabled", "1"))
    lp_error_set (error, LP_ERROR_MODULE_REJECTED,
                  "reboot, and leave that setting out while patches are wanted",
                  "%s: the kernel loads no module any more: kernel.modules_disabled is set", name);
  else if (number == EKEYREJECTED || (number == EPERM && locked_down))
    lp_error_set (error, LP_ERROR_MODULE_REJECTED,
                  "build it with --sign-module-key, and enrol that key (mokutil); /proc/keys shows which the "
                  "kernel has, in .platform and the like",
                  "%s: the kernel rejected the module: it only loads signed modules (%s), and this one %s",
                  name, locked_down ? "lockdown" : "module.sig_enforce",
                  is_signed (fd) ? "is signed with a key that the kernel doesn't have" : "has no signature");
  else
    return FALSE;
  return TRUE;
}

gboolean
lp_module_load (const LpKernelPaths *paths, int fd, const char *name, GError **error)
{
  if (syscall (SYS_finit_module, fd, "", 0) == 0)
    return TRUE;

  int number = errno;
  if (explain_refusal (paths, fd, name, number, error))
    return FALSE;
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

static const char *
why_kept (const LpKernelPaths *paths, int number)
{
  if (number == EPERM && file_has (paths->procfs, "sys/kernel/modules_disabled", "1"))
    return "kernel.modules_disabled is set: the kernel keeps the module, which is out of effect, until the "
           "next boot";
  return "after a transition that was ended by force the kernel keeps the module until the next boot";
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
          lp_error_set (error, LP_ERROR_FAILED, why_kept (paths, number),
                        "%s: the module can't be unloaded: %s", name, g_strerror (number));
          return FALSE;
        }
      g_usleep (UNLOAD_PAUSE_US);
    }
  return TRUE;
}
