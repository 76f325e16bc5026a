/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions to dpkg-query(1). */
#include "dpkg.h"

#include <string.h>

#include "command.h"

/* The lines that @argv prints; none when it fails. */
static GStrv
lines_of (const char *const *argv)
{
  g_auto (GStrv) environment = lp_command_environment ("/nonexistent");
  g_autofree char *output = lp_command_output (argv, (const char *const *)environment, "/", NULL, NULL);

  return g_strsplit (output != NULL ? output : "", "\n", -1);
}

static void
package_free (gpointer data)
{
  LpDpkgPackage *package = data;

  g_free (package->version);
  g_free (package->source);
  g_free (package->source_version);
  g_free (package);
}

GPtrArray *
lp_dpkg_installed (const char *name)
{
  const char *const argv[]
      = { "dpkg-query", "-W", "-f", "${db:Status-Status}\t${Version}\t${source:Package}\t${source:Version}\n",
          name,         NULL };
  g_auto (GStrv) lines = lines_of (argv);
  GPtrArray *packages = g_ptr_array_new_with_free_func (package_free);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) fields = g_strsplit (lines[i], "\t", -1);
      if (g_strv_length (fields) != 4 || strcmp (fields[0], "installed") != 0)
        continue;
      LpDpkgPackage *package = g_new0 (LpDpkgPackage, 1);
      package->version = g_strdup (fields[1]);
      package->source = g_strdup (fields[2]);
      package->source_version = g_strdup (fields[3]);
      g_ptr_array_add (packages, package);
    }
  return packages;
}

GPtrArray *
lp_dpkg_owners (const char *path)
{
  const char *const argv[] = { "dpkg-query", "--search", "--", path, NULL };
  g_autofree char *end = g_strconcat (": ", path, NULL);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  if (strpbrk (path, "*?[]\\\n") != NULL)
    return names;
  g_auto (GStrv) lines = lines_of (argv);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      if (!g_str_has_suffix (lines[i], end))
        continue;
      g_autofree char *owners = g_strndup (lines[i], strlen (lines[i]) - strlen (end));
      g_auto (GStrv) words = g_strsplit (owners, ", ", -1);
      for (guint k = 0; words[k] != NULL; k++)
        if (strchr (words[k], ' ') == NULL) /* "diversion by NAME from" */
          g_ptr_array_add (names, g_strndup (words[k], strcspn (words[k], ":"))); /* "libc6:amd64" */
    }
  return names;
}
