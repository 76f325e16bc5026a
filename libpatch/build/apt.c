/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private apt: configuration, index, fetching; see apt.h. Sources: apt.conf(5), sources.list(5),
 * deb-src-control(5). */

#include "config.h"

#include "build/apt.h"

#include "base/error.h"
#include "build/command.h"
#include "build/content.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Lists older than this are fetched again before somebody is told that a package doesn't exist: seconds. */
#define LISTS_FRESH (60 * 60)

struct LpApt {
  char *folder;
  GPtrArray *options; /* "-o", "Dir::State=...": on every command line, where nothing overrides them */
  GStrv environment;
  gboolean updated; /* in this run */
};

static void
add_option (LpApt *apt, const char *format, const char *value)
{
  g_ptr_array_add (apt->options, g_strdup ("-o"));
  g_ptr_array_add (apt->options, g_strdup_printf ("%s=%s", format, value));
}

/* "deb [opts] URI suite comps" -> the same line and the one for its sources. */
static void
append_one_line (GString *result, const char *line)
{
  g_autofree char *text = g_strstrip (g_strdup (line));

  if (!g_str_has_prefix (text, "deb ") && !g_str_has_prefix (text, "deb\t"))
    return; /* comments; deb-src lines follow from their deb lines, and one without would not be our business
             */
  g_string_append_printf (result, "%s\ndeb-src%s\n", text, text + strlen ("deb"));
}

static gboolean
stanza_is_disabled (const char *stanza)
{
  g_autofree char *lower = g_ascii_strdown (stanza, -1);
  const char *field = strstr (lower, "enabled:");

  if (field == NULL || (field != lower && field[-1] != '\n'))
    return FALSE;
  field += strlen ("enabled:");
  field += strspn (field, " \t");
  return g_str_has_prefix (field, "no") || g_str_has_prefix (field, "false") || g_str_has_prefix (field, "0");
}

static void
append_stanza (GString *result, const char *stanza)
{
  g_auto (GStrv) lines = g_strsplit (stanza, "\n", -1);

  if (stanza_is_disabled (stanza))
    return;
  for (guint i = 0; lines[i] != NULL; i++)
    {
      if (g_ascii_strncasecmp (lines[i], "Types:", strlen ("Types:")) == 0)
        g_string_append (result, "Types: deb deb-src\n");
      else if (lines[i][0] != '#' && lines[i][0] != '\0')
        g_string_append_printf (result, "%s\n", lines[i]);
    }
  g_string_append (result, "\n");
}

char *
lp_apt_with_sources (const char *text, gboolean deb822)
{
  GString *result = g_string_new (NULL);

  if (!deb822)
    {
      g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
      for (guint i = 0; lines[i] != NULL; i++)
        append_one_line (result, lines[i]);
      return g_string_free (result, FALSE);
    }
  g_autoptr (GRegex) blank = g_regex_new ("\\n[ \\t]*\\n", G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT, NULL);
  g_auto (GStrv) stanzas = g_regex_split (blank, text, G_REGEX_MATCH_DEFAULT);
  for (guint i = 0; stanzas[i] != NULL; i++)
    {
      g_autofree char *lower = g_ascii_strdown (stanzas[i], -1);
      if (strstr (lower, "uris:") != NULL)
        append_stanza (result, stanzas[i]);
    }
  return g_string_free (result, FALSE);
}

static gboolean
derive_file (LpApt *apt, const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_autofree char *name = g_path_get_basename (path);
  gboolean deb822 = g_str_has_suffix (name, ".sources");
  g_autoptr (GError) local = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return TRUE; /* not there, or not for our eyes: apt would not read it either */
  g_autofree char *derived = lp_apt_with_sources (text, deb822);
  g_autofree char *target = g_build_filename (apt->folder, "sources.list.d", name, NULL);
  if (g_file_set_contents (target, derived, -1, &local))
    return TRUE;
  lp_error_set (error, LP_ERROR_FAILED, NULL, "%s", local->message);
  return FALSE;
}

/* The machine's sources as they are now become ours. */
static gboolean
derive_sources (LpApt *apt, GError **error)
{
  g_autofree char *target = g_build_filename (apt->folder, "sources.list.d", NULL);
  g_autofree char *empty = g_build_filename (apt->folder, "sources.list", NULL);
  g_autoptr (GDir) parts = g_dir_open ("/etc/apt/sources.list.d", 0, NULL);
  const char *name;

  if (!lp_content_remove (target, error) || !lp_content_make_directory (target, error))
    return FALSE;
  g_file_set_contents (empty, "", 0, NULL);
  if (!derive_file (apt, "/etc/apt/sources.list", error))
    return FALSE;
  while (parts != NULL && (name = g_dir_read_name (parts)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/etc/apt/sources.list.d", name, NULL);
      if ((g_str_has_suffix (name, ".list") || g_str_has_suffix (name, ".sources"))
          && !derive_file (apt, path, error))
        return FALSE;
    }
  return TRUE;
}

LpApt *
lp_apt_new (const char *folder, GError **error)
{
  static const char *const subfolders[] = { "state/lists/partial", "cache/archives/partial" };
  g_autofree char *program = g_find_program_in_path ("apt-get");

  if (program == NULL)
    {
      lp_error_set (error, LP_ERROR_NOT_SUPPORTED,
                    "give the source with --source FILE.dsc or --source DIR --build COMMAND",
                    "apt-get is not on this machine: --package can't fetch anything");
      return NULL;
    }

  g_autoptr (LpApt) apt = g_new0 (LpApt, 1);
  apt->folder = g_strdup (folder);
  apt->options = g_ptr_array_new_with_free_func (g_free);
  apt->environment = lp_command_environment (folder);
  for (guint i = 0; i < G_N_ELEMENTS (subfolders); i++)
    {
      g_autofree char *path = g_build_filename (folder, subfolders[i], NULL);
      if (!lp_content_make_directory (path, error))
        return NULL;
    }
  g_autofree char *state = g_build_filename (folder, "state", NULL);
  g_autofree char *cache = g_build_filename (folder, "cache", NULL);
  g_autofree char *list = g_build_filename (folder, "sources.list", NULL);
  g_autofree char *parts = g_build_filename (folder, "sources.list.d", NULL);
  add_option (apt, "Dir::State", state);
  add_option (apt, "Dir::State::status", "/var/lib/dpkg/status");
  add_option (apt, "Dir::Cache", cache);
  add_option (apt, "Dir::Etc::sourcelist", list);
  add_option (apt, "Dir::Etc::sourceparts", parts);
  add_option (apt, "Acquire::Languages", "none");
  /* apt's unprivileged helper can't write into our private folders. */
  add_option (apt, "APT::Sandbox::User", "");
  if (!derive_sources (apt, error))
    return NULL;
  return g_steal_pointer (&apt);
}

void
lp_apt_free (LpApt *apt)
{
  if (apt == NULL)
    return;
  g_free (apt->folder);
  g_ptr_array_unref (apt->options);
  g_strfreev (apt->environment);
  g_free (apt);
}

static gboolean
run_apt (LpApt *apt, const char *program, const char *const *arguments, const char *cwd,
         GCancellable *cancellable, LpCommandResult *result, GError **error)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();

  g_ptr_array_add (argv, (gpointer)program);
  for (guint i = 0; i < apt->options->len; i++)
    g_ptr_array_add (argv, g_ptr_array_index (apt->options, i));
  for (guint i = 0; arguments[i] != NULL; i++)
    g_ptr_array_add (argv, (gpointer)arguments[i]);
  g_ptr_array_add (argv, NULL);
  return lp_command_run ((const char *const *)argv->pdata, (const char *const *)apt->environment, cwd, NULL,
                         cancellable, result, error);
}

/* Fetches the lists unless that was done lately. Success isn't demanded: one dead repository must not hide
 * the others. */
static gboolean
update_lists (LpApt *apt, gboolean force, GCancellable *cancellable, GError **error)
{
  const char *const arguments[] = { "update", NULL };
  g_auto (LpCommandResult) result = { 0 };
  g_autofree char *stamp = g_build_filename (apt->folder, "updated", NULL);
  struct stat st;

  if (apt->updated || (!force && stat (stamp, &st) == 0 && time (NULL) - st.st_mtime < LISTS_FRESH))
    return TRUE;
  apt->updated = TRUE;
  if (!run_apt (apt, "apt-get", arguments, apt->folder, cancellable, &result, error))
    return FALSE;
  if (result.exit_status == 0)
    g_file_set_contents (stamp, "", 0, NULL);
  return TRUE;
}

/* Value of control field @name in @stanza (caller frees), NULL when absent. */
static char *
control_field (const char *stanza, const char *name)
{
  g_auto (GStrv) lines = g_strsplit (stanza, "\n", -1);
  gsize length = strlen (name);

  for (guint i = 0; lines[i] != NULL; i++)
    if (g_ascii_strncasecmp (lines[i], name, length) == 0 && lines[i][length] == ':')
      return g_strstrip (g_strdup (lines[i] + length + 1));
  return NULL;
}

/* apt-cache's answer split into stanzas; an empty array when there is none. */
static GStrv
query_index (LpApt *apt, const char *verb, const char *what, GCancellable *cancellable, GError **error)
{
  const char *const arguments[] = { verb, what, NULL };
  g_auto (LpCommandResult) result = { 0 };

  if (!run_apt (apt, "apt-cache", arguments, apt->folder, cancellable, &result, error))
    return NULL;
  return g_strsplit (g_strstrip (result.output), "\n\n", -1);
}

/* "Source: redis (5:7.0.15-1)" of a binary package's stanza; absent parts are the binary's own. */
static void
source_of_stanza (const char *stanza, char **source, char **version)
{
  g_autofree char *field = control_field (stanza, "Source");
  char *parenthesis = field != NULL ? strchr (field, '(') : NULL;

  if (parenthesis != NULL)
    {
      *version = g_strndup (parenthesis + 1, strcspn (parenthesis + 1, ")"));
      *parenthesis = '\0';
    }
  else
    *version = control_field (stanza, "Version");
  *source = field != NULL ? g_strdup (g_strstrip (field)) : control_field (stanza, "Package");
}

static gboolean
find_binary (LpApt *apt, const char *name, const char *version, char **source, char **source_version,
             GCancellable *cancellable, GError **error)
{
  g_auto (GStrv) stanzas = query_index (apt, "show", name, cancellable, error);

  for (guint i = 0; stanzas != NULL && stanzas[i] != NULL; i++)
    {
      g_autofree char *package = control_field (stanzas[i], "Package");
      g_autofree char *has = control_field (stanzas[i], "Version");
      if (package == NULL || has == NULL || strcmp (package, name) != 0
          || (version != NULL && strcmp (has, version) != 0))
        continue;
      source_of_stanza (stanzas[i], source, source_version);
      return TRUE;
    }
  return FALSE;
}

static gboolean
find_source (LpApt *apt, const char *name, const char *version, char **source, char **source_version,
             GCancellable *cancellable, GError **error)
{
  g_auto (GStrv) stanzas = query_index (apt, "showsrc", name, cancellable, error);

  for (guint i = 0; stanzas != NULL && stanzas[i] != NULL; i++)
    {
      g_autofree char *package = control_field (stanzas[i], "Package");
      g_autofree char *has = control_field (stanzas[i], "Version");
      gboolean is_it = package != NULL && has != NULL
                       && (version == NULL ? strcmp (package, name) == 0 : strcmp (has, version) == 0);
      if (!is_it)
        continue;
      *source = g_steal_pointer (&package);
      *source_version = g_steal_pointer (&has);
      return TRUE;
    }
  return FALSE;
}

gboolean
lp_apt_find_source (LpApt *apt, const char *name, const char *version, char **source, char **source_version,
                    GCancellable *cancellable, GError **error)
{
  for (guint attempt = 0; attempt < 2; attempt++)
    {
      g_autoptr (GError) local = NULL;
      if (!update_lists (apt, /* force= */ attempt > 0, cancellable, error))
        return FALSE;
      if (find_binary (apt, name, version, source, source_version, cancellable, &local)
          || (local == NULL && find_source (apt, name, version, source, source_version, cancellable, &local)))
        return TRUE;
      if (local != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
    }
  lp_error_set (error, LP_ERROR_TARGET_MISSING,
                "see `apt-cache policy NAME` for the versions; one that the archive no longer has can be "
                "given with --source FILE.dsc",
                "%s%s%s: no source of this package in the machine's suites", name, version != NULL ? "=" : "",
                version != NULL ? version : "");
  return FALSE;
}

/* The newest versions are sometimes in the index before, and old ones after, the server has the files. */
static void
fetch_error (const char *what, const char *version, const LpCommandResult *result, GError **error)
{
  g_autofree char *line = lp_command_last_line (result->errors);

  if (strstr (result->errors, "404") != NULL)
    lp_error_set (error, LP_ERROR_TARGET_MISSING, "try the version before it, or again later",
                  "%s %s: listed in the archive's index but not served (404)", what, version);
  else
    lp_error_set (error, LP_ERROR_TARGET_MISSING, NULL, "%s %s: can't be fetched: %s", what, version, line);
}

static char *
find_by_suffix (const char *folder, const char *prefix, const char *suffix)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_prefix (name, prefix) && g_str_has_suffix (name, suffix))
      return g_build_filename (folder, name, NULL);
  return NULL;
}

/* File names drop the epoch: "5:7.0.15-1" -> "7.0.15-1". */
static const char *
without_epoch (const char *version)
{
  const char *colon = strchr (version, ':');

  return colon != NULL ? colon + 1 : version;
}

char *
lp_apt_fetch_source (LpApt *apt, const char *source, const char *version, const char *folder,
                     GCancellable *cancellable, GError **error)
{
  g_autofree char *what = g_strdup_printf ("%s=%s", source, version);
  const char *const arguments[] = { "source", "--download-only", "--only-source", what, NULL };
  g_autofree char *dsc = g_strdup_printf ("%s/%s_%s.dsc", folder, source, without_epoch (version));
  g_auto (LpCommandResult) result = { 0 };

  if (!lp_content_make_directory (folder, error))
    return NULL;
  if (g_file_test (dsc, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&dsc); /* dpkg-source verifies all digests in it when it unpacks */
  if (!update_lists (apt, /* force= */ FALSE, cancellable, error)
      || !run_apt (apt, "apt-get", arguments, folder, cancellable, &result, error))
    return NULL;
  if (result.exit_status == 0 && g_file_test (dsc, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&dsc);
  fetch_error (source, version, &result, error);
  return NULL;
}

/* The .deb of @name in folder @download; caller frees. */
static char *
download_binary (LpApt *apt, const char *name, const char *version, const char *download,
                 GCancellable *cancellable, GError **error)
{
  g_autofree char *what = g_strdup_printf ("%s=%s", name, version);
  const char *const arguments[] = { "download", what, NULL };
  g_autofree char *prefix = g_strconcat (name, "_", NULL);
  g_auto (LpCommandResult) result = { 0 };

  if (!lp_content_make_directory (download, error)
      || !update_lists (apt, /* force= */ FALSE, cancellable, error)
      || !run_apt (apt, "apt-get", arguments, download, cancellable, &result, error))
    return NULL;
  char *deb = find_by_suffix (download, prefix, ".deb");
  if (result.exit_status == 0 && deb != NULL)
    return deb;
  g_free (deb);
  fetch_error (name, version, &result, error);
  return NULL;
}

char *
lp_apt_fetch_binary (LpApt *apt, const char *name, const char *version, const char *folder,
                     GCancellable *cancellable, GError **error)
{
  g_autofree char *download = g_build_filename (folder, "deb", NULL);
  g_autofree char *unpacked = g_build_filename (folder, name, NULL);
  g_autofree char *deb = download_binary (apt, name, version, download, cancellable, error);

  if (deb == NULL)
    return NULL;
  /* Under its own name only when it is whole: a folder that is there is taken as it is next time. */
  g_autofree char *partial = g_strconcat (unpacked, ".new", NULL);
  const char *const unpack[] = { "dpkg-deb", "-x", deb, partial, NULL };
  if (!lp_content_remove (partial, error) || !lp_content_remove (unpacked, error))
    return NULL;
  g_autofree char *output
      = lp_command_output (unpack, (const char *const *)apt->environment, folder, cancellable, error);
  unlink (deb);
  if (output == NULL)
    return NULL;
  if (rename (partial, unpacked) == 0)
    return g_steal_pointer (&unpacked);
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s", unpacked);
  return NULL;
}

gboolean
lp_apt_fetch_member (LpApt *apt, const char *name, const char *version, const char *member, const char *path,
                     GCancellable *cancellable, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *download = g_build_filename (folder, "deb", NULL);
  g_autofree char *deb = download_binary (apt, name, version, download, cancellable, error);
  g_autofree char *partial = g_strconcat (path, ".new", NULL);

  if (deb == NULL)
    return FALSE;
  const char *const unpack[]
      = { "sh",    "-c", "dpkg-deb --fsys-tarfile \"$1\" | tar -x -O \"$2\" >\"$3\"", "sh", deb, member,
          partial, NULL };
  g_autofree char *output
      = lp_command_output (unpack, (const char *const *)apt->environment, folder, cancellable, error);
  unlink (deb);
  if (output == NULL)
    return FALSE;
  if (rename (partial, path) == 0)
    return TRUE;
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s", path);
  return FALSE;
}
