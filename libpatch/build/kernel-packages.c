/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Debian's kernel packages: linux-source-X.Y, linux-headers-RELEASE, linux-image-RELEASE, and its -dbg. */
#include "config.h"

#include "build/kernel-packages.h"

#include "base/error.h"
#include "build/command.h"
#include "build/content.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
lp_kernel_packages_clear (LpKernelPackages *packages)
{
  g_clear_pointer (&packages->apt, lp_apt_free);
  g_clear_pointer (&packages->version, g_free);
}

static void
say (const LpKernelPackages *packages, const char *format, const char *name)
{
  g_autofree char *text = g_strdup_printf ("%s %s %s", format, name, packages->version);

  if (packages->note != NULL)
    packages->note (text, packages->user_data);
}

/* The packages of one build have one version: that of the headers, whose name holds the release. */
static gboolean
find_version (LpKernelPackages *packages, GError **error)
{
  g_autofree char *folder = g_build_filename (packages->cache, "apt", NULL);
  g_autofree char *name = g_strconcat ("linux-headers-", packages->release, NULL);
  g_autofree char *source = NULL;

  if (packages->version != NULL)
    return TRUE;
  if (packages->apt == NULL)
    packages->apt = lp_apt_new (folder, error);
  if (packages->apt == NULL)
    return FALSE;
  if (lp_apt_find_source (packages->apt, name, NULL, &source, &packages->version, packages->cancellable,
                          error))
    return TRUE;
  g_prefix_error (error, "kernel %s: ", packages->release);
  return FALSE;
}

static char *
fetch (LpKernelPackages *packages, const char *name, GError **error)
{
  if (!find_version (packages, error))
    return NULL;
  say (packages, "fetching", name);
  return lp_apt_fetch_binary (packages->apt, name, packages->version, packages->folder, packages->cancellable,
                              error);
}

static gboolean
run (LpKernelPackages *packages, const char *const *argv, GError **error)
{
  g_autofree char *output = lp_command_output (argv, (const char *const *)packages->environment,
                                               packages->folder, packages->cancellable, error);

  return output != NULL;
}

gboolean
lp_kernel_packages_source (LpKernelPackages *packages, const char *tree, char **version, GError **error)
{
  const char *dot = strchr (packages->release, '.');
  gsize length = dot != NULL ? (gsize)(dot - packages->release) + 1 + strspn (dot + 1, "0123456789") : 0;
  g_autofree char *series = g_strndup (packages->release, length);
  g_autofree char *name = g_strconcat ("linux-source-", series, NULL);
  g_autofree char *unpacked = fetch (packages, name, error);

  if (unpacked == NULL)
    return FALSE;
  g_autofree char *archive = g_strdup_printf ("%s/usr/src/%s.tar.xz", unpacked, name);
  say (packages, "unpacking", name);
  const char *const argv[] = { "tar", "-x", "-C", tree, "--strip-components=1", "-f", archive, NULL };
  if (!lp_content_make_directory (tree, error) || !run (packages, argv, error)
      || !lp_content_remove (unpacked, error))
    return FALSE;
  *version = g_strdup (packages->version);
  return TRUE;
}

gboolean
lp_kernel_packages_headers (LpKernelPackages *packages, char **folder, GError **error)
{
  g_autofree char *name = g_strconcat ("linux-headers-", packages->release, NULL);
  g_autofree char *unpacked = fetch (packages, name, error);

  if (unpacked == NULL)
    return FALSE;
  *folder = g_build_filename (unpacked, "usr", "src", name, NULL);
  return TRUE;
}

gboolean
lp_kernel_packages_modules (LpKernelPackages *packages, char **folder, GError **error)
{
  g_autofree char *name = g_strconcat ("linux-image-", packages->release, NULL);
  g_autofree char *unpacked = fetch (packages, name, error);

  if (unpacked == NULL)
    return FALSE;
  *folder = g_build_filename (unpacked, "lib", "modules", packages->release, NULL);
  return TRUE;
}

gboolean
lp_kernel_packages_vmlinux (LpKernelPackages *packages, char **path, GError **error)
{
  g_autofree char *name = g_strdup_printf ("linux-image-%s-dbg", packages->release);
  g_autofree char *member = g_strdup_printf ("./usr/lib/debug/boot/vmlinux-%s", packages->release);
  g_autofree char *whole = g_build_filename (packages->folder, "vmlinux.debug", NULL);
  g_autofree char *stripped = g_build_filename (packages->folder, "vmlinux", NULL);
  const char *const strip[] = { "objcopy", "--strip-debug", "--keep-file-symbols", whole, stripped, NULL };

  if (!find_version (packages, error))
    return FALSE;
  say (packages, "fetching", name);
  if (!lp_apt_fetch_member (packages->apt, name, packages->version, member, whole, packages->cancellable,
                            error)
      || !run (packages, strip, error))
    return FALSE;
  unlink (whole);
  *path = g_steal_pointer (&stripped);
  return TRUE;
}
