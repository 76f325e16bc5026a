/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prepares a kernel's tree as its distribution did: the same configuration, compiler and release name, but
 * only what single files need (make prepare modules_prepare). Source: Documentation/kbuild/ of the kernel. */
#include "config.h"

#include "build/kernel-tree.h"

#include "base/error.h"
#include "build/apt.h"
#include "build/command.h"
#include "build/content.h"
#include "build/kernel-packages.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define READY "ready"

typedef struct {
  LpKernelTree *tree;
  const LpBuildRequest *request;
  const char *cache;
  guint jobs;
  LpKernelNote note;
  gpointer user_data;
  GCancellable *cancellable;
} Opening;

static void
say (const Opening *opening, const char *text)
{
  if (opening->note != NULL)
    opening->note (text, opening->user_data);
}

void
lp_kernel_tree_close (LpKernelTree *tree, gboolean keep)
{
  if (tree == NULL)
    return;
  g_free (tree->release);
  g_free (tree->version);
  g_free (tree->package);
  g_free (tree->source);
  g_free (tree->objects);
  g_free (tree->vmlinux);
  g_free (tree->modules);
  g_free (tree->compiler);
  g_free (tree->compiler_version);
  g_strfreev (tree->environment);
  lp_workspace_close (tree->workspace, keep);
  g_free (tree);
}

/* The first line that says what is wrong, else the last one. Caller frees. */
static char *
first_error (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    if (strstr (lines[i], "error:") != NULL || strstr (lines[i], "not found") != NULL)
      return g_strdup (g_strstrip (lines[i]));
  return lp_command_last_line (text);
}

gboolean
lp_kernel_tree_make (const LpKernelTree *tree, const char *const *arguments, GCancellable *cancellable,
                     GError **error)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *objects = g_strconcat ("O=", tree->objects, NULL);
  g_autofree char *compiler = g_strconcat ("CC=", tree->compiler, NULL);
  g_autofree char *release = g_strconcat ("KERNELRELEASE=", tree->release, NULL);
  g_auto (LpCommandResult) result = { 0 };

  g_ptr_array_add (argv, (gpointer) "make");
  g_ptr_array_add (argv, (gpointer) "-C");
  g_ptr_array_add (argv, tree->source);
  g_ptr_array_add (argv, objects);
  g_ptr_array_add (argv, compiler);
  g_ptr_array_add (argv, release);
  for (guint i = 0; arguments[i] != NULL; i++)
    g_ptr_array_add (argv, (gpointer)arguments[i]);
  g_ptr_array_add (argv, NULL);
  if (!lp_command_run ((const char *const *)argv->pdata, (const char *const *)tree->environment, tree->source,
                       NULL, cancellable, &result, error))
    return FALSE;
  g_autofree char *log = g_strconcat (result.output, result.errors, NULL);
  g_file_set_contents (tree->workspace->log, log, -1, NULL);
  if (result.exit_status == 0)
    return TRUE;
  g_autofree char *line = first_error (result.errors);
  lp_error_set (error, LP_ERROR_SOURCES_FAILED, NULL, "make: %s (log: %s)", line, tree->workspace->log);
  return FALSE;
}

static char *
read_text (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, NULL);
  return text;
}

/* The value of a CONFIG_ line, without quotes; NULL when it isn't set. Caller frees. */
static char *
config_value (const char *config, const char *name)
{
  g_auto (GStrv) lines = g_strsplit (config, "\n", -1);
  gsize length = strlen (name);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *value = lines[i] + length + 1;
      if (strncmp (lines[i], name, length) != 0 || lines[i][length] != '=')
        continue;
      value += value[0] == '"';
      return g_strndup (value, strcspn (value, "\""));
    }
  return NULL;
}

/* "gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0" -> gcc-12; else gcc. It must be the very compiler. */
static gboolean
find_compiler (LpKernelTree *tree, GError **error)
{
  g_autofree char *config = read_text (tree->objects, ".config");
  g_autofree char *wanted = config != NULL ? config_value (config, "CONFIG_CC_VERSION_TEXT") : NULL;

  if (wanted == NULL)
    {
      lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL, "%s: no CONFIG_CC_VERSION_TEXT in .config",
                    tree->objects);
      return FALSE;
    }
  tree->compiler = g_strndup (wanted, strcspn (wanted, " "));
  g_autofree char *program = g_find_program_in_path (tree->compiler);
  g_autofree char *version = NULL;
  if (program != NULL)
    {
      const char *const argv[] = { tree->compiler, "--version", NULL };
      g_autofree char *output
          = lp_command_output (argv, (const char *const *)tree->environment, "/", NULL, NULL);
      version = output != NULL ? g_strndup (output, strcspn (output, "\n")) : NULL;
    }
  if (g_strcmp0 (version, wanted) == 0)
    {
      tree->compiler_version = g_steal_pointer (&version);
      return TRUE;
    }
  lp_error_set (error, LP_ERROR_REFUSED, "install that very version of the compiler",
                "the kernel was compiled by \"%s\", here is %s%s%s: another compiler makes other code",
                wanted, version != NULL ? "\"" : "", version != NULL ? version : "none",
                version != NULL ? "\"" : "");
  return FALSE;
}

/* What may differ from the shipped configuration: names of keys and salts, which no code depends on. */
static gboolean
may_differ (const char *line)
{
  static const char *const names[] = { "CONFIG_BUILD_SALT=",       "CONFIG_MODULE_SIG_KEY=",
                                       "CONFIG_MODULE_SIG_ALL",    "CONFIG_SYSTEM_TRUSTED_KEYS",
                                       "CONFIG_SYSTEM_REVOCATION", "CONFIG_SYSTEM_EXTRA_CERTIFICATE",
                                       "CONFIG_PAHOLE_VERSION=",   NULL };
  const char *name = g_str_has_prefix (line, "# ") ? line + 2 : line;

  if (line[0] == '\0' || (line[0] == '#' && strstr (line, " is not set") == NULL))
    return TRUE;
  for (guint i = 0; names[i] != NULL; i++)
    if (g_str_has_prefix (name, names[i]))
      return TRUE;
  return FALSE;
}

/* olddefconfig answers what the configuration doesn't say; it must not change what it says. */
static gboolean
check_config (const LpKernelTree *tree, const char *shipped, GError **error)
{
  g_autofree char *now = read_text (tree->objects, ".config");
  g_auto (GStrv) lines = g_strsplit (shipped, "\n", -1);
  g_auto (GStrv) have = g_strsplit (now != NULL ? now : "", "\n", -1);
  g_autoptr (GHashTable) set = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; have[i] != NULL; i++)
    g_hash_table_add (set, have[i]);
  for (guint i = 0; lines[i] != NULL; i++)
    if (!may_differ (lines[i]) && !g_hash_table_contains (set, lines[i]))
      {
        lp_error_set (
            error, LP_ERROR_REFUSED,
            "a tool that the kernel was built with may be missing (pahole of package dwarves, for BTF), or "
            "it is "
            "another kernel's source",
            "the kernel's configuration says \"%s\", but that can't be had with this source and compiler",
            lines[i]);
        return FALSE;
      }
  return TRUE;
}

static gboolean
prepare (Opening *opening, const char *headers, GError **error)
{
  LpKernelTree *tree = opening->tree;
  g_autofree char *config_path = g_build_filename (headers, ".config", NULL);
  g_autofree char *symvers = g_build_filename (headers, "Module.symvers", NULL);
  g_autofree char *config_copy = g_build_filename (tree->objects, ".config", NULL);
  g_autofree char *symvers_copy = g_build_filename (tree->objects, "Module.symvers", NULL);
  g_autofree char *jobs = g_strdup_printf ("-j%u", opening->jobs);
  const char *const configure[] = { "olddefconfig", NULL };
  const char *const make[] = { jobs, "prepare", "modules_prepare", NULL };
  g_autofree char *config = read_text (headers, ".config");

  if (config == NULL || !g_file_test (symvers, G_FILE_TEST_EXISTS))
    {
      lp_error_set (error, LP_ERROR_TARGET_MISSING,
                    "give the folder of the kernel's headers with --kernel-headers",
                    "%s: has no .config and Module.symvers", headers);
      return FALSE;
    }
  if (!lp_content_remove (tree->objects, error) || !lp_workspace_copy (config_path, config_copy, error)
      || !lp_workspace_copy (symvers, symvers_copy, error) || !find_compiler (tree, error))
    return FALSE;
  say (opening, "preparing the kernel's tree (once for each kernel)");
  return lp_kernel_tree_make (tree, configure, opening->cancellable, error)
         && check_config (tree, config, error)
         && lp_kernel_tree_make (tree, make, opening->cancellable, error);
}

gboolean
lp_kernel_tree_copy (const LpKernelTree *tree, const char *from, const char *to, GCancellable *cancellable,
                     GError **error)
{
  const char *const argv[] = {
    "sh", "-c", "rm -rf \"$2\"; cp -al \"$1\" \"$2\" 2>/dev/null || { rm -rf \"$2\"; cp -a \"$1\" \"$2\"; }",
    "sh", from, to,
    NULL
  };
  g_autofree char *output
      = lp_command_output (argv, (const char *const *)tree->environment, "/", cancellable, error);

  return output != NULL;
}

static gboolean
link_tree (Opening *opening, GError **error)
{
  LpKernelTree *tree = opening->tree;
  g_autofree char *given = g_canonicalize_filename (opening->request->source, NULL);
  g_autofree char *from = g_build_filename (given, ".", NULL);
  const char *const version[] = { "make", "-s", "-C", tree->source, "kernelversion", NULL };

  if (!lp_kernel_tree_copy (tree, from, tree->source, opening->cancellable, error))
    return FALSE;
  g_autofree char *said
      = lp_command_output (version, (const char *const *)tree->environment, "/", opening->cancellable, error);
  if (said == NULL)
    return FALSE;
  tree->version = g_strdup (g_strstrip (said));
  return TRUE;
}

static gboolean
make_ready (Opening *opening, const char *stamp, GError **error)
{
  LpKernelTree *tree = opening->tree;
  const LpBuildRequest *request = opening->request;
  g_autofree char *headers = g_strdup (request->kernel.headers);

  if (!lp_workspace_clear (tree->workspace, error))
    return FALSE;
  LpKernelPackages packages = { .folder = tree->workspace->kept,
                                .cache = opening->cache,
                                .release = tree->release,
                                .environment = tree->environment,
                                .note = opening->note,
                                .user_data = opening->user_data,
                                .cancellable = opening->cancellable };
  gboolean ok = request->source != NULL
                    ? link_tree (opening, error)
                    : lp_kernel_packages_source (&packages, tree->source, &tree->version, error);
  ok = ok && (headers != NULL || lp_kernel_packages_headers (&packages, &headers, error));
  ok = ok && (tree->modules != NULL || lp_kernel_packages_modules (&packages, &tree->modules, error));
  ok = ok && (tree->vmlinux != NULL || lp_kernel_packages_vmlinux (&packages, &tree->vmlinux, error));
  lp_kernel_packages_clear (&packages);
  if (!ok || !prepare (opening, headers, error))
    return FALSE;
  g_autofree char *text = g_strdup_printf ("%s\n%s\n%s\n", tree->version, tree->modules, tree->vmlinux);
  return g_file_set_contents (stamp, text, -1, error);
}

/* What an earlier run left ready. */
static gboolean
take_ready (LpKernelTree *tree, const char *stamp)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents (stamp, &text, NULL, NULL))
    return FALSE;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  if (g_strv_length (lines) < 3 || !g_file_test (lines[1], G_FILE_TEST_IS_DIR)
      || !g_file_test (lines[2], G_FILE_TEST_EXISTS) || !find_compiler (tree, NULL))
    return FALSE;
  tree->version = g_strdup (lines[0]);
  g_free (tree->modules);
  tree->modules = g_strdup (lines[1]);
  g_free (tree->vmlinux);
  tree->vmlinux = g_strdup (lines[2]);
  tree->cached = TRUE;
  return TRUE;
}

static char *
absolute (const char *path)
{
  return path != NULL ? g_canonicalize_filename (path, NULL) : NULL;
}

/* Everything that is given takes part in the folder's name. */
static char *
workspace_key (const LpBuildRequest *request, const char *release)
{
  const char *given[]
      = { request->source, request->debuginfo, request->kernel.headers, request->kernel.modules };
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gboolean any = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (given); i++)
    {
      g_autofree char *path = absolute (given[i]);
      any = any || path != NULL;
      g_checksum_update (sum, (const guchar *)(path != NULL ? path : ""), -1);
      g_checksum_update (sum, (const guchar *)"\n", 1);
    }
  return any ? g_strdup_printf ("kernel-%s-%.12s", release, g_checksum_get_string (sum))
             : g_strdup_printf ("kernel-%s", release);
}

static gboolean
open_tree (Opening *opening, GError **error)
{
  LpKernelTree *tree = opening->tree;
  const LpBuildRequest *request = opening->request;
  struct utsname name;

  uname (&name);
  tree->release = g_strdup (request->kernel.release != NULL ? request->kernel.release : name.release);
  if (strspn (tree->release, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_~")
          != strlen (tree->release)
      || tree->release[0] == '.' || tree->release[0] == '-' || tree->release[0] == '\0')
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "%s: not the name of a kernel release",
                    tree->release);
      return FALSE;
    }
  tree->package = g_strdup ("linux");
  g_autofree char *key = workspace_key (request, tree->release);
  tree->workspace = lp_workspace_open (opening->cache, key, opening->note, opening->user_data,
                                       opening->cancellable, error);
  if (tree->workspace == NULL)
    return FALSE;
  tree->environment = lp_command_environment (tree->workspace->home);
  tree->source = g_build_filename (tree->workspace->source, "linux", NULL);
  tree->objects = g_build_filename (tree->workspace->folder, "objects", NULL);
  tree->vmlinux = absolute (request->debuginfo);
  tree->modules = absolute (request->kernel.modules);
  g_autofree char *stamp = g_build_filename (tree->objects, READY, NULL);
  return take_ready (tree, stamp) || make_ready (opening, stamp, error);
}

LpKernelTree *
lp_kernel_tree_open (const LpBuildRequest *request, const char *cache, guint jobs, LpKernelNote note,
                     gpointer user_data, GCancellable *cancellable, GError **error)
{
  LpKernelTree *tree = g_new0 (LpKernelTree, 1);
  Opening opening = { tree, request, cache, jobs, note, user_data, cancellable };

  if (open_tree (&opening, error))
    return tree;
  lp_kernel_tree_close (tree, FALSE);
  return NULL;
}

/* The file of module @name under @folder; names of files may have dashes for underscores. */
static char *
find_module (const char *folder, const char *name)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *entry;

  while (dir != NULL && (entry = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, entry, NULL);
      char *found = NULL;
      if (g_file_test (path, G_FILE_TEST_IS_DIR) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK))
        found = find_module (path, name);
      else if (strstr (entry, ".ko") != NULL)
        {
          g_autofree char *base
              = g_strdelimit (g_strndup (entry, (gsize)(strstr (entry, ".ko") - entry)), "-", '_');
          found = strcmp (base, name) == 0 ? g_strdup (path) : NULL;
        }
      if (found != NULL)
        return found;
    }
  return NULL;
}

char *
lp_kernel_tree_module (const LpKernelTree *tree, const char *name, GCancellable *cancellable, GError **error)
{
  g_autofree char *path = find_module (tree->modules, name);

  if (path == NULL)
    {
      lp_error_set (error, LP_ERROR_TARGET_MISSING,
                    "give the folder with the shipped modules with --kernel-modules",
                    "%s: no module named %s", tree->modules, name);
      return NULL;
    }
  const char *tool = g_str_has_suffix (path, ".xz")    ? "xz"
                     : g_str_has_suffix (path, ".zst") ? "zstd"
                     : g_str_has_suffix (path, ".gz")  ? "gzip"
                                                       : NULL;
  if (tool == NULL)
    return g_steal_pointer (&path);
  g_autofree char *plain = g_strdup_printf ("%s/%s.ko", tree->workspace->scratch, name);
  const char *const argv[] = { "sh", "-c", "\"$1\" -dc \"$2\" >\"$3\"", "sh", tool, path, plain, NULL };
  g_autofree char *output
      = lp_command_output (argv, (const char *const *)tree->environment, "/", cancellable, error);
  return output != NULL ? g_steal_pointer (&plain) : NULL;
}
