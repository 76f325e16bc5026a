/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding, identifying and unpacking the source; see source.h. Sources: deb-src-control(5),
 * dpkg-buildpackage(1). */

#include "config.h"

#include "build/source.h"

#include "base/error.h"
#include "build/command.h"
#include "build/content.h"
#include "build/dpkg.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Raise it when anything changes that makes an older cached baseline unusable. */
#define CACHE_VERSION "2"

static const char *const tool_programs[] = { "gcc", "g++", "clang", "as", "ld", "ld.gold", "ld.lld" };

static void
add_tool (LpSource *source, const char *program, GStrv environment)
{
  const char *const argv[] = { program, "--version", NULL };
  g_autofree char *output = lp_command_output (argv, (const char *const *)environment, "/", NULL, NULL);

  if (output == NULL)
    return; /* not on this machine */
  output[strcspn (output, "\n")] = '\0';
  g_hash_table_insert (source->tools, g_strdup (program), g_strdup (output));
}

static void
find_tools (LpSource *source)
{
  g_auto (GStrv) environment = lp_command_environment ("/nonexistent");

  for (guint i = 0; i < G_N_ELEMENTS (tool_programs); i++)
    add_tool (source, tool_programs[i], environment);
  if (source->dsc != NULL)
    {
      g_autoptr (GPtrArray) packages = lp_dpkg_installed ("dpkg-dev");
      if (packages->len > 0)
        g_hash_table_insert (source->tools, g_strdup ("dpkg-dev"),
                             g_strdup (((LpDpkgPackage *)g_ptr_array_index (packages, 0))->version));
    }
}

static gint
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Digest over names, modes and contents of everything in the user's tree. */
static gboolean
digest_folder (GChecksum *checksum, const char *folder, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &local);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *entry;

  if (dir == NULL)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s", local->message);
      return FALSE;
    }
  while ((entry = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_strdup (entry));
  g_ptr_array_sort (names, compare_strings);

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autofree char *path = g_build_filename (folder, name, NULL);
      struct stat st;
      if (lstat (path, &st) < 0)
        continue;
      g_autofree char *header = g_strdup_printf ("%s%c%o%c", name, 0, (guint)st.st_mode, 0);
      g_checksum_update (checksum, (const guchar *)header, strlen (name) + 2);
      if (S_ISDIR (st.st_mode) && !digest_folder (checksum, path, error))
        return FALSE;
      g_autofree char *content = NULL;
      if (S_ISREG (st.st_mode) && (content = lp_content_digest (path, error)) == NULL)
        return FALSE;
      if (S_ISLNK (st.st_mode))
        content = g_file_read_link (path, NULL);
      if (content != NULL)
        g_checksum_update (checksum, (const guchar *)content, -1);
    }
  return TRUE;
}

static void
add_to_key (GChecksum *checksum, const char *text)
{
  g_checksum_update (checksum, (const guchar *)(text != NULL ? text : ""), -1);
  g_checksum_update (checksum, (const guchar *)"", 1); /* the NUL, as a separator */
}

static gboolean
compute_key (LpSource *source, GError **error)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (source->tools), (GCompareFunc)strcmp);
  g_autofree char *digest = NULL;

  add_to_key (checksum, CACHE_VERSION);
  if (source->dsc != NULL && (digest = lp_content_digest (source->dsc, error)) == NULL)
    return FALSE;
  if (source->dsc == NULL && !digest_folder (checksum, source->tree_path, error))
    return FALSE;
  add_to_key (checksum, digest != NULL ? digest : source->tree_path);
  for (GList *l = names; l != NULL; l = l->next)
    {
      add_to_key (checksum, l->data);
      add_to_key (checksum, g_hash_table_lookup (source->tools, l->data));
    }
  for (guint i = 0; source->command[i] != NULL; i++)
    add_to_key (checksum, source->command[i]);
  for (guint i = 0; source->prepare != NULL && source->prepare[i] != NULL; i++)
    add_to_key (checksum, source->prepare[i]);
  for (guint i = 0; source->settings[i] != NULL; i++)
    if (!g_str_has_prefix (source->settings[i],
                           "DEB_BUILD_OPTIONS=")) /* the number of jobs changes nothing */
      add_to_key (checksum, source->settings[i]);
  source->key = g_strdup_printf ("%s-%.24s", source->package, g_checksum_get_string (checksum));
  return TRUE;
}

/* A copy of a list that stands in the code, to own. */
static GStrv
strings (const char *const *words)
{
  return g_strdupv ((char **)words);
}

/* First "NAME: value" of a control file. */
static char *
control_value (const char *text, const char *name)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  gsize length = strlen (name);

  for (guint i = 0; lines[i] != NULL; i++)
    if (strncmp (lines[i], name, length) == 0 && lines[i][length] == ':')
      return g_strstrip (g_strdup (lines[i] + length + 1));
  return NULL;
}

static gboolean
read_dsc (LpSource *source, guint jobs, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *text = NULL;

  if (!g_file_get_contents (source->dsc, &text, NULL, &local))
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s", local->message);
      return FALSE;
    }
  source->package = control_value (text, "Source");
  source->version = control_value (text, "Version");
  if (source->package == NULL || source->version == NULL || strpbrk (source->package, "/ ") != NULL)
    {
      lp_error_set (error, LP_ERROR_SOURCES_FAILED, NULL, "%s: not a Debian source control file",
                    source->dsc);
      return FALSE;
    }
  /* -B, not -b: the architecture's packages, as the distribution's own builders make them; documentation
   * packages hold no code. -d: the dependencies were checked, with better words, by
   * lp_source_check_dependencies(). */
  source->command = strings ((const char *const[]){ "dpkg-buildpackage", "-B", "-d", "-uc", "-us", NULL });
  /* None of these changes an ELF file: debug symbol packages and strong compression would only be thrown
   * away. That the result is what the distribution shipped is proven afterwards, section by section. */
  g_autofree char *options = g_strdup_printf ("DEB_BUILD_OPTIONS=nocheck noautodbgsym parallel=%u", jobs);
  source->settings = strings ((const char *const[]){ options, "DPKG_DEB_COMPRESSOR_TYPE=none", NULL });
  return TRUE;
}

static gboolean
find_tree (LpSource *source, const LpBuildRequest *request, GError **error)
{
  source->tree_path = g_canonicalize_filename (request->source, NULL);
  if (!g_file_test (source->tree_path, G_FILE_TEST_IS_DIR))
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: no such folder", source->tree_path);
      return FALSE;
    }
  if (request->build_command == NULL)
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, "for example --build 'make -j2'",
                    "a source folder needs a build command");
      return FALSE;
    }
  source->package = g_path_get_basename (source->tree_path);
  source->version = g_strdup ("");
  /* "tool-1.2" is the package tool in version 1.2. */
  for (char *dash = strrchr (source->package, '-'); dash != NULL && g_ascii_isdigit (dash[1]); dash = NULL)
    {
      g_free (source->version);
      source->version = g_strdup (dash + 1);
      *dash = '\0';
    }
  source->command = strings ((const char *const[]){ "/bin/sh", "-e", "-c", request->build_command, NULL });
  if (request->prepare_command != NULL)
    source->prepare
        = strings ((const char *const[]){ "/bin/sh", "-e", "-c", request->prepare_command, NULL });
  source->settings = strings ((const char *const[]){ NULL });
  return TRUE;
}

LpApt *
lp_source_apt (LpSource *source, GError **error)
{
  if (source->apt == NULL)
    source->apt = lp_apt_new (source->apt_folder, error);
  return source->apt;
}

static gboolean
find_package (LpSource *source, const char *spec, const char *cache, LpSourceNote note, gpointer user_data,
              GCancellable *cancellable, GError **error)
{
  const char *equals = strchr (spec, '=');
  g_autofree char *package = NULL;
  g_autofree char *package_version = NULL;

  source->asked = equals != NULL ? g_strndup (spec, equals - spec) : g_strdup (spec);
  source->asked_version = equals != NULL ? g_strdup (equals + 1) : NULL;
  g_autoptr (GPtrArray) installed = lp_dpkg_installed (source->asked);
  for (guint i = 0; i < installed->len && package == NULL; i++)
    {
      const LpDpkgPackage *one = g_ptr_array_index (installed, i);
      if (source->asked_version == NULL)
        source->asked_version = g_strdup (one->version);
      if (strcmp (one->version, source->asked_version) != 0)
        continue;
      package = g_strdup (one->source);
      package_version = g_strdup (one->source_version);
    }

  LpApt *apt = lp_source_apt (source, error);
  if (apt == NULL
      || (package == NULL
          && !lp_apt_find_source (apt, source->asked, source->asked_version, &package, &package_version,
                                  cancellable, error)))
    return FALSE;
  g_autofree char *text
      = g_strdup_printf ("%s is built from source package %s %s", source->asked, package, package_version);
  note (text, user_data);
  g_autofree char *folder = g_strdup_printf ("%s/sources/%s_%s", cache, package, package_version);
  source->dsc = lp_apt_fetch_source (apt, package, package_version, folder, cancellable, error);
  return source->dsc != NULL;
}

LpSource *
lp_source_find (const LpBuildRequest *request, const char *cache, guint jobs, LpSourceNote note,
                gpointer user_data, GCancellable *cancellable, GError **error)
{
  g_autoptr (LpSource) source = g_new0 (LpSource, 1);

  source->origin = request->origin;
  source->tools = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  source->apt_folder = g_build_filename (cache, "apt", NULL);
  if (g_str_has_suffix (request->source, ".src.rpm"))
    {
      lp_error_set (error, LP_ERROR_NOT_SUPPORTED, "unpack it and use --source DIR --build COMMAND",
                    "%s: source packages of this kind can't be built yet", request->source);
      return NULL;
    }

  gboolean found = FALSE;
  switch (request->origin)
    {
    case LP_BUILD_FROM_PACKAGE:
      found = find_package (source, request->source, cache, note, user_data, cancellable, error);
      break;
    case LP_BUILD_FROM_DSC:
      source->dsc = g_canonicalize_filename (request->source, NULL);
      found = TRUE;
      break;
    case LP_BUILD_FROM_TREE:
      found = find_tree (source, request, error);
      break;
    case LP_BUILD_FROM_KERNEL: /* kernel-tree.c */
      lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "a kernel is no source package");
      break;
    }
  if (!found || (source->dsc != NULL && !read_dsc (source, jobs, error)))
    return NULL;
  find_tools (source);
  return compute_key (source, error) ? g_steal_pointer (&source) : NULL;
}

void
lp_source_free (LpSource *source)
{
  if (source == NULL)
    return;
  g_free (source->package);
  g_free (source->version);
  g_free (source->asked);
  g_free (source->asked_version);
  g_free (source->dsc);
  g_free (source->key);
  g_free (source->tree_path);
  g_strfreev (source->command);
  g_strfreev (source->prepare);
  g_strfreev (source->settings);
  g_hash_table_unref (source->tools);
  lp_apt_free (source->apt);
  g_free (source->apt_folder);
  g_free (source);
}

char *
lp_source_unpack (const LpSource *source, const char *folder, const char *home, GCancellable *cancellable,
                  GError **error)
{
  g_auto (GStrv) environment = lp_command_environment (home);
  g_autofree char *name = NULL;

  if (source->dsc == NULL)
    name = g_path_get_basename (source->tree_path);
  else
    name = g_strdup_printf ("%s-source", source->package);
  g_autofree char *tree = g_build_filename (folder, name, NULL);
  const char *const copy[] = { "cp", "-a", "--reflink=auto", "--", source->tree_path, tree, NULL };
  const char *const unpack[] = { "dpkg-source", "-x", source->dsc, tree, NULL };
  g_auto (LpCommandResult) result = { 0 };

  if (!lp_command_run (source->dsc != NULL ? unpack : copy, (const char *const *)environment, folder, NULL,
                       cancellable, &result, error))
    return NULL;
  if (result.exit_status == 0)
    return g_steal_pointer (&tree);
  g_autofree char *line = lp_command_last_line (result.errors);
  lp_error_set (error, LP_ERROR_SOURCES_FAILED, NULL, "%s: can't be unpacked: %s",
                source->dsc != NULL ? source->dsc : source->tree_path, line);
  return NULL;
}

/* "dpkg-checkbuilddeps: error: Unmet build dependencies: libfoo-dev (>= 1.2) libbar-dev | libbaz-dev" -> the
 * first names. */
static char *
missing_names (const char *errors)
{
  const char *list = strstr (errors, "Unmet build dependencies:");
  GString *names = g_string_new (NULL);

  if (list == NULL)
    return g_string_free (names, FALSE);
  g_autoptr (GRegex) noise = g_regex_new ("\\([^)]*\\)|<[^>]*>|\\[[^]]*\\]|\\|\\s*\\S+", G_REGEX_DEFAULT,
                                          G_REGEX_MATCH_DEFAULT, NULL);
  g_autofree char *line = g_strndup (list, strcspn (list, "\n"));
  g_autofree char *clean = g_regex_replace (noise, line + strlen ("Unmet build dependencies:"), -1, 0, "",
                                            G_REGEX_MATCH_DEFAULT, NULL);
  g_auto (GStrv) words = g_strsplit_set (clean, " \t", -1);
  for (guint i = 0; words[i] != NULL; i++)
    {
      words[i][strcspn (words[i], ":")] = '\0'; /* "python3:any" */
      if (words[i][0] != '\0')
        g_string_append_printf (names, "%s%s", names->len > 0 ? " " : "", words[i]);
    }
  return g_string_free (names, FALSE);
}

gboolean
lp_source_check_dependencies (const LpSource *source, const char *tree, const char *home,
                              GCancellable *cancellable, GError **error)
{
  const char *const argv[] = { "dpkg-checkbuilddeps", "-B", NULL };
  g_auto (GStrv) environment = lp_command_environment (home);
  g_auto (LpCommandResult) result = { 0 };

  if (source->dsc == NULL)
    return TRUE;
  for (guint i = 0; source->settings[i] != NULL; i++)
    {
      g_auto (GStrv) pair = g_strsplit (source->settings[i], "=", 2);
      environment = g_environ_setenv (environment, pair[0], pair[1], TRUE);
    }
  environment = g_environ_setenv (environment, "DEB_BUILD_PROFILES", "nocheck", TRUE);
  if (!lp_command_run (argv, (const char *const *)environment, tree, NULL, cancellable, &result, error))
    return FALSE;
  if (result.exit_status == 0)
    return TRUE;
  g_autofree char *names = missing_names (result.errors);
  g_autofree char *hint = g_strdup_printf ("install them: apt-get install %s", names);
  if (names[0] == '\0')
    {
      g_autofree char *line = lp_command_last_line (result.errors);
      lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL, "%s: build dependencies: %s", source->package, line);
    }
  else
    lp_error_set (error, LP_ERROR_NOT_SUPPORTED, hint, "%s: build dependencies are missing: %s",
                  source->package, names);
  return FALSE;
}

char *
lp_source_license (const char *tree)
{
  g_autofree char *path = g_build_filename (tree, "debian", "copyright", NULL);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL) || !g_utf8_validate (text, -1, NULL))
    return g_strdup ("");
  g_auto (GStrv) stanzas = g_strsplit (text, "\n\n", -1);
  for (guint i = 0; stanzas[i] != NULL; i++)
    {
      g_autofree char *files = control_value (stanzas[i], "Files");
      g_autofree char *license = control_value (stanzas[i], "License");
      if (files != NULL && license != NULL && strcmp (files, "*") == 0 && strpbrk (license, " ,") == NULL)
        return g_steal_pointer (&license);
    }
  return g_strdup ("");
}
