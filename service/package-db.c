/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks dpkg and rpm by their own query programs. Must not know patches or polkit. */
#include "package-db.h"

#include <string.h>

#define DPKG_QUERY "/usr/bin/dpkg-query"
#define RPM "/usr/bin/rpm"

/* Runs @argv with a clean environment; its output, or NULL when it fails. */
static char *
run (const char *const *argv)
{
  const char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
  g_autofree char *output = NULL;
  int status = 0;

  if (!g_spawn_sync ("/", (char **)argv, (char **)environment,
                     G_SPAWN_STDERR_TO_DEV_NULL | G_SPAWN_CLOEXEC_PIPES, NULL, NULL, &output, NULL, &status,
                     NULL)
      || !g_spawn_check_wait_status (status, NULL))
    return NULL;
  return g_steal_pointer (&output);
}

void
sc_package_file_free (ScPackageFile *file)
{
  if (file == NULL)
    return;
  g_free (file->name);
  g_free (file->source);
  g_free (file->version);
  g_free (file->digest);
  g_free (file);
}

const char *
sc_package_db_feature (void)
{
  if (g_file_test (DPKG_QUERY, G_FILE_TEST_IS_EXECUTABLE)
      && g_file_test ("/var/lib/dpkg/status", G_FILE_TEST_EXISTS))
    return "package-dpkg";
  return g_file_test (RPM, G_FILE_TEST_IS_EXECUTABLE) ? "package-rpm" : NULL;
}

/* dpkg-query takes patterns: a path with such characters is not asked for, rather than quoted wrongly. */
static gboolean
is_plain_path (const char *path)
{
  return path[0] == '/' && strpbrk (path, "*?[]\\\n") == NULL;
}

/* The package that dpkg's database says owns exactly @path: "name" or "name:arch"; NULL when none, several,
 * or diverted. */
static char *
dpkg_owner (const char *path, char **why)
{
  const char *const argv[] = { DPKG_QUERY, "--search", "--", path, NULL };
  g_autofree char *output = run (argv);
  g_auto (GStrv) lines = g_strsplit (output != NULL ? output : "", "\n", -1);
  g_autofree char *wanted = g_strconcat (": ", path, NULL);
  char *owner = NULL;

  for (guint i = 0; lines[i] != NULL; i++)
    {
      if (g_str_has_prefix (lines[i], "diversion by ") || g_str_has_prefix (lines[i], "local diversion "))
        {
          g_free (owner);
          *why = g_strdup_printf ("%s is diverted", path);
          return NULL;
        }
      if (!g_str_has_suffix (lines[i], wanted))
        continue;
      g_free (owner);
      owner = g_strndup (lines[i], strlen (lines[i]) - strlen (wanted));
    }
  /* "a, b: /path": a file of several packages has no one owner */
  if (owner == NULL || strchr (owner, ',') != NULL)
    {
      *why = g_strdup_printf ("%s belongs to %s", path, owner == NULL ? "no package" : "several packages");
      g_clear_pointer (&owner, g_free);
    }
  return owner;
}

/* The MD5 that package @owner recorded for @path, NULL when it has none. */
static char *
dpkg_digest (const char *owner, const char *path)
{
  const char *const argv[] = { DPKG_QUERY, "--control-show", owner, "md5sums", NULL };
  g_autofree char *output = run (argv);
  g_auto (GStrv) lines = g_strsplit (output != NULL ? output : "", "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    if (strlen (lines[i]) > 34 && g_str_equal (lines[i] + 34, path + 1))
      return g_strndup (lines[i], 32);
  return NULL;
}

static ScPackageFile *
dpkg_find_as (const char *path, char **why)
{
  g_autofree char *owner = dpkg_owner (path, why);
  if (owner == NULL)
    return NULL;

  const char *const argv[]
      = { DPKG_QUERY,     "--show",
          "--showformat", "${db:Status-Status}\\t${Package}\\t${source:Package}\\t${Version}",
          owner,          NULL };
  g_autofree char *output = run (argv);
  g_auto (GStrv) words = g_strsplit (output != NULL ? output : "", "\t", -1);
  g_autofree char *digest = dpkg_digest (owner, path);

  if (g_strv_length (words) != 4 || !g_str_equal (words[0], "installed") || digest == NULL)
    {
      *why = g_strdup_printf ("package %s %s", owner,
                              digest == NULL ? "has no record of the file's digest"
                                             : "is not completely installed");
      return NULL;
    }

  ScPackageFile *file = g_new0 (ScPackageFile, 1);
  file->name = g_strdup (words[1]);
  file->source = g_strdup (words[2]);
  file->version = g_strdup (words[3]);
  file->digest = g_steal_pointer (&digest);
  file->digest_type = G_CHECKSUM_MD5;
  return file;
}

/* The same file under the name it had before /usr was merged ("/lib/x" for "/usr/lib/x"), NULL when the
 * directory isn't a link into /usr. */
static char *
unmerged_alias (const char *path)
{
  const char *rest = g_str_has_prefix (path, "/usr/") ? path + strlen ("/usr") : NULL;
  const char *slash = rest != NULL ? strchr (rest + 1, '/') : NULL;
  if (slash == NULL)
    return NULL;

  g_autofree char *directory = g_strndup (rest, slash - rest);
  g_autofree char *link = g_file_read_link (directory, NULL);
  g_autofree char *expected = g_strconcat ("usr", directory, NULL);

  if (link == NULL || !g_str_equal (link[0] == '/' ? link + 1 : link, expected))
    return NULL;
  return g_strdup (rest);
}

static ScPackageFile *
dpkg_find (const char *path, char **why)
{
  ScPackageFile *file = dpkg_find_as (path, why);
  g_autofree char *alias = unmerged_alias (path);

  if (file != NULL || alias == NULL || strstr (*why, "diverted") != NULL)
    return file;
  g_clear_pointer (why, g_free);
  return dpkg_find_as (alias, why);
}

/* "redis-7.0.15-1.src.rpm" -> "redis" */
static char *
source_name (const char *source_rpm)
{
  g_autofree char *name = g_strdup (source_rpm);

  for (int i = 0; i < 2; i++)
    {
      char *dash = strrchr (name, '-');

      if (dash == NULL)
        return g_strdup ("");
      *dash = '\0';
    }
  return g_steal_pointer (&name);
}

static GChecksumType
rpm_digest_type (const char *digest)
{
  return strlen (digest) == 32 ? G_CHECKSUM_MD5 : G_CHECKSUM_SHA256;
}

static ScPackageFile *
rpm_find (const char *path, char **why)
{
  const char *const query[]
      = { RPM, "-q", "-f", "--qf", "%{NAME}\\t%{SOURCERPM}\\t%{EVR}\\n", "--", path, NULL };
  const char *const dump[] = { RPM, "-q", "--dump", "-f", "--", path, NULL };
  g_autofree char *output = run (query);
  g_auto (GStrv) words = g_strsplit (output != NULL ? g_strchomp (output) : "", "\t", -1);

  if (g_strv_length (words) != 3 || strchr (words[2], '\n') != NULL)
    {
      *why = g_strdup_printf ("%s belongs to %s", path, output == NULL ? "no package" : "several packages");
      return NULL;
    }

  g_autofree char *files = run (dump);
  g_auto (GStrv) lines = g_strsplit (files != NULL ? files : "", "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      /* path size mtime digest mode owner group isconfig isdoc rdev symlink */
      g_auto (GStrv) columns = g_strsplit (lines[i], " ", -1);

      if (g_strv_length (columns) != 11 || !g_str_equal (columns[0], path))
        continue;
      ScPackageFile *file = g_new0 (ScPackageFile, 1);
      file->name = g_strdup (words[0]);
      file->source = source_name (words[1]);
      file->version = g_strdup (words[2]);
      file->digest = g_strdup (columns[3]);
      file->digest_type = rpm_digest_type (columns[3]);
      return file;
    }
  *why = g_strdup_printf ("package %s has no record of the file's digest", words[0]);
  return NULL;
}

ScPackageFile *
sc_package_db_find (const char *path, char **why)
{
  const char *feature = sc_package_db_feature ();

  if (feature == NULL)
    *why = g_strdup ("this machine has no package database that SysCare knows");
  else if (!is_plain_path (path))
    *why = g_strdup_printf ("%s: a name that can't be asked for", path);
  else
    return g_str_equal (feature, "package-dpkg") ? dpkg_find (path, why) : rpm_find (path, why);
  return NULL;
}

gboolean
sc_package_db_owns (const char *path)
{
  const char *feature = sc_package_db_feature ();
  const char *const dpkg[] = { DPKG_QUERY, "--search", "--", path, NULL };
  const char *const rpm[] = { RPM, "-q", "-f", "--", path, NULL };

  if (feature == NULL || !is_plain_path (path))
    return FALSE;
  g_autofree char *output = run (g_str_equal (feature, "package-dpkg") ? dpkg : rpm);
  return output != NULL;
}
