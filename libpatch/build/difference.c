/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See difference.h. */

#include "config.h"

#include "build/difference.h"

#include "base/error.h"
#include "build/command.h"
#include "build/content.h"

#include <string.h>

static char *
find_other (LpSource *source, const char *to, const char *cache, GCancellable *cancellable, GError **error)
{
  if (g_str_has_suffix (to, ".dsc"))
    return g_canonicalize_filename (to, NULL);

  LpApt *apt = lp_source_apt (source, error);
  g_autofree char *folder = g_strdup_printf ("%s/sources/%s_%s", cache, source->package, to);
  return apt != NULL ? lp_apt_fetch_source (apt, source->package, to, folder, cancellable, error) : NULL;
}

static gboolean
unpack (const char *dsc, const char *tree, const char *scratch, GStrv environment, GCancellable *cancellable,
        GError **error)
{
  const char *const argv[] = { "dpkg-source", "-x", dsc, tree, NULL };
  g_auto (LpCommandResult) result = { 0 };

  if (!lp_command_run (argv, (const char *const *)environment, scratch, NULL, cancellable, &result, error))
    return FALSE;
  if (result.exit_status == 0)
    return TRUE;
  g_autofree char *line = lp_command_last_line (result.errors);
  lp_error_set (error, LP_ERROR_SOURCES_FAILED, NULL, "%s: can't be unpacked: %s", dsc, line);
  return FALSE;
}

/* diff(1) ends with 1 when there is a difference. NULL only on error. */
static char *
run_diff (const char *const *argv, const char *scratch, GStrv environment, GCancellable *cancellable,
          GError **error)
{
  g_auto (LpCommandResult) result = { 0 };

  if (!lp_command_run (argv, (const char *const *)environment, scratch, NULL, cancellable, &result, error))
    return NULL;
  if (result.exit_status <= 1)
    return g_steal_pointer (&result.output);
  g_autofree char *line = lp_command_last_line (result.errors);
  lp_error_set (error, LP_ERROR_FAILED, NULL, "diff: %s", line);
  return NULL;
}

/* New changelog entries as text; "" when there is none. */
static char *
new_changes (const char *scratch, GStrv environment, GCancellable *cancellable)
{
  const char *const argv[] = { "diff", "-u", "a/debian/changelog", "b/debian/changelog", NULL };
  g_autofree char *diff = run_diff (argv, scratch, environment, cancellable, NULL);
  g_auto (GStrv) lines = g_strsplit (diff != NULL ? diff : "", "\n", -1);
  GString *text = g_string_new (NULL);

  for (guint i = 0; lines[i] != NULL; i++)
    if (lines[i][0] == '+' && !g_str_has_prefix (lines[i], "+++"))
      g_string_append_printf (text, "%s\n", lines[i] + 1);
  return g_string_free (text, FALSE);
}

char *
lp_difference_make (LpSource *source, const char *to, const char *cache, const char *scratch,
                    const char *home, GCancellable *cancellable, GError **error)
{
  g_autofree char *work = g_build_filename (scratch, "difference", NULL);
  g_auto (GStrv) environment = lp_command_environment (home);
  const char *const argv[] = { "diff", "-urN", "--exclude=debian", "--exclude=.pc", "a", "b", NULL };

  if (source->dsc == NULL)
    {
      lp_error_set (error, LP_ERROR_NOT_SUPPORTED, "give the fix with --patch",
                    "--to needs a source package to compare with");
      return NULL;
    }
  g_autofree char *other = find_other (source, to, cache, cancellable, error);
  if (other == NULL || !lp_content_remove (work, error) || !lp_content_make_directory (work, error)
      || !unpack (source->dsc, "a", work, environment, cancellable, error)
      || !unpack (other, "b", work, environment, cancellable, error))
    return NULL;
  g_autofree char *diff = run_diff (argv, work, environment, cancellable, error);
  if (diff == NULL)
    return NULL;
  if (diff[0] == '\0')
    {
      lp_error_set (error, LP_ERROR_NOTHING_TO_PATCH, NULL,
                    "nothing to patch: %s %s and %s differ only in packaging", source->package,
                    source->version, to);
      return NULL;
    }

  g_autofree char *changes = new_changes (work, environment, cancellable);
  g_autofree char *name = g_path_get_basename (other);
  if (g_str_has_suffix (name, ".dsc"))
    name[strlen (name) - strlen (".dsc")] = '\0';
  char *path = g_strdup_printf ("%s/%s.diff", work, name);
  g_autofree char *text = g_strdup_printf ("Subject: %s from %s to %s\n\n%s\n%s", source->package,
                                           source->version, name, changes, diff);
  g_autoptr (GError) local = NULL;
  if (g_file_set_contents (path, text, -1, &local))
    return path;
  lp_error_set (error, LP_ERROR_FAILED, NULL, "%s", local->message);
  g_free (path);
  return NULL;
}
