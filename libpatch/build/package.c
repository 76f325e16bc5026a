/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bundles as archives and packages. */
#include "package.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "base/io.h"
#include "command.h"
#include "content.h"
#include "dpkg.h"
#include "format/entity.h"

/* Times inside of packages: any fixed one, for equal files of equal bundles. */
#define FIXED_TIME "1"

/* ---- names and versions ---- */

/* @text with everything but lower-case letters, digits and @extra as @other. Caller frees. */
static char *
reduced (const char *text, const char *extra, char other, gboolean lower)
{
  char *result = lower ? g_ascii_strdown (text, -1) : g_strdup (text);

  for (char *p = result; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && strchr (extra, *p) == NULL)
      *p = other;
  return result;
}

static char *
package_name (const LpManifest *manifest)
{
  gboolean kernel = strcmp (manifest->kind, "kernel") == 0 && manifest->target_packages[0] != NULL;
  g_autofree char *name
      = g_strdup_printf ("syscare-patch-%s-%s",
                         kernel ? manifest->target_packages[0] : manifest->target_source, manifest->name);

  return reduced (name, "+-.", '-', TRUE);
}

/* "hp1.1": the patch's own version and release. */
static char *
patch_version (const LpManifest *manifest)
{
  g_autofree char *version = g_strdup_printf ("hp%s.%s", manifest->version, manifest->release);

  return reduced (version, "+.~", '.', FALSE);
}

/* The version of the installed package @name, which the patch is for: NULL when another one is installed.
 * Builds of one source version may differ in their own ("+b1"), and a plain tree has no version ("0"). */
static char *
installed_version (const LpManifest *manifest, const char *name)
{
  g_autoptr (GPtrArray) packages = lp_dpkg_installed (name);

  for (guint i = 0; i < packages->len; i++)
    {
      const LpDpkgPackage *package = g_ptr_array_index (packages, i);
      if (strcmp (manifest->target_version, "0") == 0
          || strcmp (manifest->target_version, package->source_version) == 0)
        return g_strdup (package->version);
    }
  return NULL;
}

static void
add_owners (GPtrArray *names, const char *path)
{
  g_autoptr (GPtrArray) owners = lp_dpkg_owners (path);

  for (guint i = 0; i < owners->len; i++)
    if (!g_ptr_array_find_with_equal_func (names, owners->pdata[i], g_str_equal, NULL))
      g_ptr_array_add (names, g_strdup (owners->pdata[i]));
}

/* The binary packages that hold the target: those that the manifest names; else, for what was built from a
 * plain tree, the owners of the installed files that it was proven against. */
static GPtrArray *
target_packages (const LpManifest *manifest)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; manifest->target_packages[i] != NULL; i++)
    g_ptr_array_add (names, g_strdup (manifest->target_packages[i]));
  for (guint i = 0; manifest->target_packages[0] == NULL && i < manifest->objects->len; i++)
    {
      const LpManifestObject *object = g_ptr_array_index (manifest->objects, i);
      if (object->installed && object->files[0] != NULL)
        add_owners (names, object->files[0]);
    }
  return names;
}

/* (nullable): a condition "@before NAME @between VERSION @after" for each package of the target, joined by
 * @separator: a machine may have only some of them. */
static char *
dependency (const LpManifest *manifest, const char *before, const char *between, const char *after,
            const char *separator)
{
  g_autoptr (GPtrArray) names = target_packages (manifest);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autofree char *installed = installed_version (manifest, name);
      const char *version = installed != NULL ? installed : manifest->target_version;

      if (strcmp (version, "0") == 0)
        continue;
      g_string_append_printf (text, "%s%s%s%s%s%s", text->len > 0 ? separator : "", before, name, between,
                              version, after);
    }
  return text->len > 0 ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}

/* One line without control characters, never empty. */
static char *
summary (const LpManifest *manifest)
{
  g_autofree char *text
      = g_strdup (manifest->description[0] != '\0' ? manifest->description : "hot patch for SysCare");

  g_strdelimit (text, "\n\r\t", ' ');
  g_strstrip (text);
  return g_strdup (text[0] != '\0' ? text : "hot patch for SysCare");
}

static char *
details (const LpManifest *manifest)
{
  g_autofree char *issues = g_strjoinv (" ", manifest->issues);

  return g_strdup_printf ("Hot patch %s for %s %s.%s%s", manifest->name, manifest->target_source,
                          manifest->target_version, issues[0] != '\0' ? " Issues: " : "", issues);
}

/* ---- the tree that gets packed ---- */

/* What is packed has these modes whatever the caller's umask is. */
static gboolean
set_mode (const char *path, int mode, GError **error)
{
  if (g_chmod (path, mode) == 0)
    return TRUE;
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: can't set its mode", path);
  return FALSE;
}

static gboolean
make_folder (const char *path, GError **error)
{
  return lp_content_make_directory (path, error) && set_mode (path, 0755, error);
}

static gboolean
write_file (const char *path, const void *data, gsize size, GError **error)
{
  return lp_io_create_at (AT_FDCWD, path, 0644, data, size, error) && set_mode (path, 0644, error);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* The names of what is in @folder, sorted. */
static GPtrArray *
sorted_names (const char *folder, GError **error)
{
  g_autoptr (GDir) directory = g_dir_open (folder, 0, NULL);
  const char *name;

  if (directory == NULL)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: can't be read", folder);
      return NULL;
    }
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  while ((name = g_dir_read_name (directory)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  return names;
}

/* Makes @root/@path; the modes of the folders between are packed too. */
static gboolean
make_folders (const char *root, const char *path, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (path + 1, "/", -1);
  g_autofree char *folder = g_strdup (root);

  for (guint i = 0; parts[i] != NULL; i++)
    {
      g_autofree char *below = g_build_filename (folder, parts[i], NULL);
      if (!make_folder (below, error))
        return FALSE;
      g_free (folder);
      folder = g_steal_pointer (&below);
    }
  return TRUE;
}

/* Copies the files of @bundle into @root's LP_PACKAGE_FOLDER; adds their sums to @sums (nullable). */
static gboolean
fill_tree (const char *bundle, const char *root, GString *sums, GError **error)
{
  g_autofree char *id = g_path_get_basename (bundle);
  g_autofree char *below = g_build_filename (LP_PACKAGE_FOLDER, id, NULL);
  g_autoptr (GPtrArray) names = sorted_names (bundle, error);

  if (names == NULL || !make_folders (root, below, error))
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autofree char *from = g_build_filename (bundle, name, NULL);
      g_autofree char *to = g_build_filename (root, below, name, NULL);
      g_autoptr (GBytes) bytes = lp_io_read_at (AT_FDCWD, from, LP_ENTITY_FILE_MAX, error);
      gsize size;
      const void *data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;

      if (bytes == NULL || !write_file (to, data, size, error))
        return FALSE;
      g_autofree char *sum = g_compute_checksum_for_bytes (G_CHECKSUM_MD5, bytes);
      if (sums != NULL)
        g_string_append_printf (sums, "%s  %s/%s\n", sum, below + 1, name);
    }
  return TRUE;
}

/* Runs @argv with fixed times, at home in @home. */
static gboolean
run (const char *const *argv, const char *home, GError **error)
{
  g_auto (GStrv) environment = lp_command_environment (home);

  environment = g_environ_setenv (environment, "SOURCE_DATE_EPOCH", FIXED_TIME, TRUE);
  g_autofree char *output = lp_command_output (argv, (const char *const *)environment, home, NULL, error);
  return output != NULL;
}

/* ---- tar ---- */

static gboolean
write_tar (const char *bundle, const LpManifest *manifest, const char *folder, const char *path,
           GError **error)
{
  g_autofree char *absolute = g_canonicalize_filename (bundle, NULL);
  g_autofree char *parent = g_path_get_dirname (absolute);
  g_autofree char *name = g_path_get_basename (absolute);
  const char *const argv[]
      = { "tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "-C", parent,
          "-cf", path,          name,        NULL };

  (void)manifest;
  return run (argv, folder, error);
}

static char *
tar_name (const char *bundle, const LpManifest *manifest)
{
  g_autofree char *id = g_path_get_basename (bundle);

  (void)manifest;
  return g_strconcat (id, ".tar", NULL);
}

/* ---- deb ---- */

static const char *
deb_architecture (const LpManifest *manifest)
{
  if (strcmp (manifest->architecture, "x86_64") == 0)
    return "amd64";
  return strcmp (manifest->architecture, "aarch64") == 0 ? "arm64" : manifest->architecture;
}

static char *
deb_version (const LpManifest *manifest)
{
  g_autofree char *target = reduced (manifest->target_version, "+.~:-", '.', FALSE);
  g_autofree char *patch = patch_version (manifest);

  return g_strdup_printf ("%s%s+%s", g_ascii_isdigit (target[0]) ? "" : "0+", target, patch);
}

static gboolean
write_deb (const char *bundle, const LpManifest *manifest, const char *folder, const char *path,
           GError **error)
{
  g_autofree char *root = g_build_filename (folder, "root", NULL);
  g_autofree char *debian = g_build_filename (root, "DEBIAN", NULL);
  g_autofree char *control_file = g_build_filename (debian, "control", NULL);
  g_autofree char *sums_file = g_build_filename (debian, "md5sums", NULL);
  g_autofree char *name = package_name (manifest);
  g_autofree char *version = deb_version (manifest);
  g_autofree char *depends = dependency (manifest, "", " (= ", ")", " | ");
  g_autofree char *line = summary (manifest);
  g_autofree char *more = details (manifest);
  g_autofree char *control
      = g_strdup_printf ("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: syscare build "
                         "<root@localhost>\nSection: admin\n"
                         "Priority: optional\n%s%s%sRecommends: syscare\nDescription: %s\n %s\n",
                         name, version, deb_architecture (manifest), depends != NULL ? "Depends: " : "",
                         depends != NULL ? depends : "", depends != NULL ? "\n" : "", line, more);
  g_autoptr (GString) sums = g_string_new (NULL);
  const char *const argv[] = { "dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, path, NULL };

  return make_folder (root, error) && make_folder (debian, error) && fill_tree (bundle, root, sums, error)
         && write_file (control_file, control, strlen (control), error)
         && write_file (sums_file, sums->str, sums->len, error) && run (argv, folder, error);
}

static char *
deb_name (const char *bundle, const LpManifest *manifest)
{
  g_autofree char *name = package_name (manifest);
  g_autofree char *version = deb_version (manifest);
  const char *colon = strchr (version, ':'); /* file names have no epoch */

  (void)bundle;
  return g_strdup_printf ("%s_%s_%s.deb", name, colon != NULL ? colon + 1 : version,
                          deb_architecture (manifest));
}

/* ---- rpm ---- */

typedef struct {
  char *epoch, *version, *release;
} RpmVersion;

static void
rpm_version_clear (RpmVersion *v)
{
  g_free (v->epoch);
  g_free (v->version);
  g_free (v->release);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RpmVersion, rpm_version_clear)

/* EPOCH:VERSION-RELEASE of the target, then the patch's own in the release. */
static RpmVersion
rpm_version (const LpManifest *manifest)
{
  const char *colon = strchr (manifest->target_version, ':');
  const char *rest = colon != NULL ? colon + 1 : manifest->target_version;
  const char *dash = strrchr (rest, '-');
  g_autofree char *version = dash != NULL ? g_strndup (rest, dash - rest) : g_strdup (rest);
  g_autofree char *release = reduced (dash != NULL ? dash + 1 : "0", "+._~^", '.', FALSE);
  g_autofree char *patch = patch_version (manifest);
  RpmVersion v = { NULL };

  v.epoch = colon != NULL ? g_strndup (manifest->target_version, colon - manifest->target_version)
                          : g_strdup ("0");
  v.version = reduced (version, "+._~^", '.', FALSE);
  v.release = g_strdup_printf ("%s.%s", release, patch);
  return v;
}

/* In a spec file '%' begins a macro. Caller frees. */
static char *
spec_text (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, "%", -1);

  return g_strjoinv ("%%", parts);
}

static char *
spec (const char *bundle, const LpManifest *manifest, const char *root)
{
  g_autofree char *id = g_path_get_basename (bundle);
  g_autofree char *name = package_name (manifest);
  g_auto (RpmVersion) version = rpm_version (manifest);
  g_autofree char *line = summary (manifest);
  g_autofree char *more = details (manifest);
  g_autofree char *shown_line = spec_text (line);
  g_autofree char *shown_more = spec_text (more);
  g_autofree char *license = spec_text (manifest->license[0] != '\0' ? manifest->license : "unknown");
  g_autofree char *quoted = g_shell_quote (root);
  g_autofree char *source = spec_text (quoted);
  g_autofree char *requires = dependency (manifest, "", " = ", "", " or ");
  gboolean several = requires != NULL && strstr (requires, " or ") != NULL;
  g_autofree char *requires_line
      = requires != NULL
            ? g_strdup_printf ("Requires: %s%s%s\n", several ? "(" : "", requires, several ? ")" : "")
            : g_strdup ("");

  return g_strdup_printf (
      "Name: %s\nEpoch: %s\nVersion: %s\nRelease: %s\nSummary: %s\nLicense: %s\nAutoReqProv: "
      "no\n%sRecommends: syscare\n"
      "%%global __os_install_post %%{nil}\n%%global debug_package %%{nil}\n%%global _build_id_links none\n"
      "%%description\n%s\n%%install\nmkdir -p '%%{buildroot}'\ncp -r %s/usr '%%{buildroot}/'\n"
      "%%files\n%%defattr(0644,root,root,0755)\n" LP_PACKAGE_FOLDER "/%s\n",
      name, version.epoch, version.version, version.release, shown_line, license, requires_line, shown_more,
      source, id);
}

static gboolean
write_rpm (const char *bundle, const LpManifest *manifest, const char *folder, const char *path,
           GError **error)
{
  g_autofree char *root = g_build_filename (folder, "root", NULL);
  g_autofree char *spec_file = g_build_filename (folder, "patch.spec", NULL);
  g_autofree char *text = spec (bundle, manifest, root);
  g_autofree char *top = g_strdup_printf ("_topdir %s/top", folder);
  g_autofree char *database = g_strdup_printf ("_dbpath %s/db", folder);
  g_autofree char *output = g_strdup_printf ("_rpmdir %s/out", folder);
  g_autofree char *out = g_build_filename (folder, "out", NULL);
  const char *const argv[] = { "rpmbuild",
                               "-bb",
                               "--quiet",
                               "--target",
                               manifest->architecture,
                               "--define",
                               top,
                               "--define",
                               database,
                               "--define",
                               output,
                               "--define",
                               "_rpmfilename made.rpm",
                               "--define",
                               "_buildhost localhost",
                               "--define",
                               "use_source_date_epoch_as_buildtime 1",
                               "--define",
                               "clamp_mtime_to_source_date_epoch 1",
                               spec_file,
                               NULL };
  g_autofree char *made = g_build_filename (out, "made.rpm", NULL);

  if (!make_folder (root, error) || !fill_tree (bundle, root, NULL, error)
      || !write_file (spec_file, text, strlen (text), error) || !run (argv, folder, error))
    return FALSE;
  if (g_rename (made, path) == 0)
    return TRUE;
  lp_error_set (error, LP_ERROR_FAILED, NULL, "rpmbuild made no package: %s", g_strerror (errno));
  return FALSE;
}

static char *
rpm_name (const char *bundle, const LpManifest *manifest)
{
  g_autofree char *name = package_name (manifest);
  g_auto (RpmVersion) version = rpm_version (manifest);

  (void)bundle;
  return g_strdup_printf ("%s-%s-%s.%s.rpm", name, version.version, version.release, manifest->architecture);
}

/* ---- all of them ---- */

typedef struct {
  const char *word, *tool, *hint;
  char *(*name) (const char *bundle, const LpManifest *manifest);
  /* Makes the file @path; @folder, where it stands, is empty and goes afterwards. */
  gboolean (*write) (const char *bundle, const LpManifest *manifest, const char *folder, const char *path,
                     GError **error);
} Format;

static const Format formats[] = {
  { "tar", "tar", "install tar", tar_name, write_tar },
  { "deb", "dpkg-deb", "install dpkg", deb_name, write_deb },
  { "rpm", "rpmbuild", "install rpm (Debian) or rpm-build", rpm_name, write_rpm },
};

static const Format *
find_format (const char *word)
{
  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    if (strcmp (formats[i].word, word) == 0)
      return &formats[i];
  return NULL;
}

gboolean
lp_package_is_format (const char *word)
{
  return find_format (word) != NULL;
}

gboolean
lp_package_check_tool (const char *format, GError **error)
{
  const Format *found = find_format (format);

  g_return_val_if_fail (found != NULL, FALSE);
  g_autofree char *path = g_find_program_in_path (found->tool);
  if (path != NULL)
    return TRUE;
  lp_error_set (error, LP_ERROR_NOT_SUPPORTED, found->hint, "%s is needed to write a %s and is not there",
                found->tool, format);
  return FALSE;
}

char *
lp_package_write (const char *format, const char *bundle, const LpManifest *manifest, GError **error)
{
  const Format *found = find_format (format);

  g_return_val_if_fail (found != NULL, NULL);
  g_autofree char *parent = g_path_get_dirname (bundle);
  g_autofree char *name = found->name (bundle, manifest);
  g_autofree char *path = g_build_filename (parent, name, NULL);
  g_autofree char *pattern = g_build_filename (parent, ".package-XXXXXX", NULL);

  if (g_mkdtemp (pattern) == NULL)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s can't be written", parent);
      return NULL;
    }
  g_autofree char *folder = g_canonicalize_filename (pattern, NULL);
  g_autofree char *made = g_build_filename (folder, "made", NULL);
  gboolean ok = found->write (bundle, manifest, folder, made, error);
  if (ok && g_rename (made, path) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s can't be written", path);
      ok = FALSE;
    }
  lp_content_remove (folder, NULL); /* what can't be removed is only litter */
  return ok ? g_steal_pointer (&path) : NULL;
}
