/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the options of `syscare build`, shows the steps and tells the result. Must not know how a patch is
 * made. */
#include "config.h"
#include "build.h"

#include <glib/gi18n.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "build/build.h"
#include "build/package.h"
#include "json.h"
#include "report.h"

#define NAME_MAX_LENGTH 128 /* bytes of the patch's name */
#define VERSION_MAX 64      /* bytes of the patch's own version */

typedef struct {
  char **patches;
  char **more_patches; /* `--patch A B`: what stands behind */
  char *package;
  char *source;
  char *build;
  char *prepare;
  char *to;
  char **targets;
  char **issues;
  char *name;
  char *version;
  char *revision;
  char *description;
  char *severity;
  char *output;
  char *format;
  char *debuginfo;
  char *installed;
  char *cache;
  char *sign;
  char *release;
  char *headers;
  char *modules;
  char *module_source;
  char *sign_key;
  char *sign_certificate;
  gboolean kernel;
  gboolean replace;
  int jobs;
  gboolean keep;
  gboolean json;
  gboolean verbose;
  GPtrArray *packages; /* utf8, the words of --format that name one */
} Options;

static void
options_clear (Options *options)
{
  g_clear_pointer (&options->packages, g_ptr_array_unref);
  g_strfreev (options->patches);
  g_strfreev (options->more_patches);
  g_strfreev (options->targets);
  g_strfreev (options->issues);
  g_free (options->package);
  g_free (options->source);
  g_free (options->build);
  g_free (options->prepare);
  g_free (options->to);
  g_free (options->name);
  g_free (options->version);
  g_free (options->revision);
  g_free (options->description);
  g_free (options->severity);
  g_free (options->output);
  g_free (options->format);
  g_free (options->debuginfo);
  g_free (options->installed);
  g_free (options->cache);
  g_free (options->sign);
  g_free (options->release);
  g_free (options->headers);
  g_free (options->modules);
  g_free (options->module_source);
  g_free (options->sign_key);
  g_free (options->sign_certificate);
}

/* --kernel [RELEASE] */
static gboolean
on_kernel (const char *name, const char *value, gpointer data, GError **error)
{
  Options *options = data;

  (void)name;
  (void)error;
  options->kernel = TRUE;
  g_free (options->release);
  options->release = g_strdup (value);
  return TRUE;
}

static gboolean
parse_options (Options *options, int argc, char **argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "patch", 'p', 0, G_OPTION_ARG_FILENAME_ARRAY, &options->patches,
      N_ ("source fix, applied with -p1; may be repeated"), N_ ("FILE") },
    { "package", 0, 0, G_OPTION_ARG_STRING, &options->package, N_ ("patch this distribution package"),
      N_ ("NAME[=VERSION]") },
    { "source", 0, 0, G_OPTION_ARG_FILENAME, &options->source,
      N_ ("patch what this source package or folder builds"), N_ ("FILE.dsc|DIR") },
    { "kernel", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, (gpointer)on_kernel,
      N_ ("make a livepatch module for the running, or this, kernel"), N_ ("RELEASE") },
    { "module-source", 0, 0, G_OPTION_ARG_FILENAME, &options->module_source,
      N_ ("with --kernel: patch the module that this folder builds"), N_ ("DIR") },
    { "replace", 0, 0, G_OPTION_ARG_NONE, &options->replace,
      N_ ("with --kernel: take the place of all livepatches that stand"), NULL },
    { "kernel-headers", 0, 0, G_OPTION_ARG_FILENAME, &options->headers,
      N_ ("with --kernel: folder with .config and Module.symvers"), N_ ("DIR") },
    { "kernel-modules", 0, 0, G_OPTION_ARG_FILENAME, &options->modules,
      N_ ("with --kernel: folder with the shipped modules"), N_ ("DIR") },
    { "sign-module-key", 0, 0, G_OPTION_ARG_FILENAME, &options->sign_key,
      N_ ("with --kernel: sign the module with this key"), N_ ("PEM") },
    { "sign-module-cert", 0, 0, G_OPTION_ARG_FILENAME, &options->sign_certificate,
      N_ ("certificate of that key"), N_ ("FILE") },
    { "build", 0, 0, G_OPTION_ARG_STRING, &options->build, N_ ("command that builds the folder"),
      N_ ("COMMAND") },
    { "prepare", 0, 0, G_OPTION_ARG_STRING, &options->prepare, N_ ("command that is run before it"),
      N_ ("COMMAND") },
    { "target", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->targets,
      N_ ("patch only this file, installed or in the built folder; may be repeated"), N_ ("ELF") },
    { "name", 0, 0, G_OPTION_ARG_STRING, &options->name, N_ ("name of the patch (HP001)"), N_ ("NAME") },
    { "patch-version", 0, 0, G_OPTION_ARG_STRING, &options->version, N_ ("version of the patch itself (1)"),
      N_ ("VERSION") },
    { "patch-release", 0, 0, G_OPTION_ARG_STRING, &options->revision, N_ ("release of the patch itself (1)"),
      N_ ("RELEASE") },
    { "issue", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->issues, N_ ("what it repairs; may be repeated"),
      N_ ("CVE") },
    { "description", 0, 0, G_OPTION_ARG_STRING, &options->description, N_ ("one sentence for people"),
      N_ ("TEXT") },
    { "severity", 0, 0, G_OPTION_ARG_STRING, &options->severity, N_ ("low, medium, high or critical"),
      N_ ("WORD") },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &options->output, N_ ("folder that gets the bundle (.)"),
      N_ ("DIR") },
    { "format", 0, 0, G_OPTION_ARG_STRING, &options->format, N_ ("what to write: dir, tar, deb, rpm (dir)"),
      N_ ("LIST") },
    { "debuginfo", 0, 0, G_OPTION_ARG_FILENAME, &options->debuginfo,
      N_ ("separate debug information of the target"), N_ ("FILE") },
    { "installed", 0, 0, G_OPTION_ARG_FILENAME, &options->installed,
      N_ ("compare with this file as the shipped one"), N_ ("ELF") },
    { "sign", 0, 0, G_OPTION_ARG_FILENAME, &options->sign, N_ ("sign the bundle with this private key"),
      N_ ("KEY.pem") },
    { "jobs", 'j', 0, G_OPTION_ARG_INT, &options->jobs, N_ ("compile so many at a time"), N_ ("N") },
    { "cache", 0, 0, G_OPTION_ARG_FILENAME, &options->cache, N_ ("folder that keeps unchanged builds"),
      N_ ("DIR") },
    { "keep", 0, 0, G_OPTION_ARG_NONE, &options->keep, N_ ("keep the objects of this run"), NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options->json, N_ ("print the result as JSON"), NULL },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &options->verbose, N_ ("say more"), NULL },
    { "to", 0, 0, G_OPTION_ARG_STRING, &options->to,
      N_ ("the difference to this version of the source package is the fix"), N_ ("VERSION|FILE.dsc") },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->more_patches, NULL, NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) local = NULL;
  GOptionGroup *group = g_option_group_new (NULL, NULL, NULL, options, NULL);

  g_option_group_add_entries (group, entries);
  g_option_group_set_translation_domain (group, GETTEXT_PACKAGE);
  g_option_context_set_main_group (context, group);
  g_option_context_set_summary (
      context,
      _ ("Makes a hot patch from a source fix, for a package, a source package, a folder or a kernel."));
  if (g_option_context_parse (context, &argc, &argv, &local))
    return TRUE;
  lp_error_set (error, LP_ERROR_INVALID_ARGS, _ ("`syscare build --help` shows the options"), "%s",
                local->message);
  return FALSE;
}

static gboolean
usage (GError **error, const char *what)
{
  lp_error_set (error, LP_ERROR_INVALID_ARGS, _ ("`syscare build --help` shows the options"), "%s", what);
  return FALSE;
}

static gboolean
check_format (Options *options, GError **error)
{
  g_auto (GStrv) words = g_strsplit (options->format != NULL ? options->format : "dir", ",", -1);

  options->packages = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; words[i] != NULL; i++)
    {
      if (strcmp (words[i], "dir") == 0
          || g_ptr_array_find_with_equal_func (options->packages, words[i], g_str_equal, NULL))
        continue;
      if (!lp_package_is_format (words[i]))
        return usage (error, _ ("--format takes dir, tar, deb and rpm"));
      /* A build takes minutes: a tool that isn't there is told before it. */
      if (!lp_package_check_tool (words[i], error))
        return FALSE;
      g_ptr_array_add (options->packages, g_strdup (words[i]));
    }
  return TRUE;
}

/* As patch.json has it. */
static gboolean
is_version (const char *text)
{
  return text == NULL
         || (text[0] != '\0' && strlen (text) <= VERSION_MAX
             && strspn (text, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "+._~") == strlen (text));
}

/* As libpatch wants it in patch.json. */
static gboolean
is_name (const char *text)
{
  return text == NULL
         || (g_ascii_isalnum (text[0]) && strlen (text) <= NAME_MAX_LENGTH
             && strspn (text, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "+-._") == strlen (text));
}

static gboolean
check_options (const Options *options, GError **error)
{
  static const char *const severities[] = { "low", "medium", "high", "critical", NULL };

  gboolean any_kernel_option = options->replace || options->headers != NULL || options->modules != NULL
                               || options->module_source != NULL || options->sign_key != NULL;

  if (options->kernel && options->package != NULL)
    return usage (error, _ ("give one of --package and --kernel"));
  if (!options->kernel && any_kernel_option)
    return usage (error, _ ("this option goes with --kernel"));
  if ((options->sign_key == NULL) != (options->sign_certificate == NULL))
    return usage (error, _ ("--sign-module-key and --sign-module-cert go together"));
  if (!options->kernel && (options->package != NULL) == (options->source != NULL))
    return usage (error, _ ("give one of --package, --source and --kernel"));
  if (options->kernel && (options->build != NULL || options->prepare != NULL || options->to != NULL))
    return usage (error, _ ("--build, --prepare and --to don't go with --kernel"));
  gboolean has_patch = options->patches != NULL || options->more_patches != NULL;
  if (has_patch == (options->to != NULL))
    return usage (error, _ ("give at least one --patch, or --to"));
  if (options->package != NULL && (options->build != NULL || options->prepare != NULL))
    return usage (error, _ ("--build and --prepare go with --source DIR"));
  /* A build takes minutes: a key that isn't there is told before it. */
  if (options->sign != NULL && access (options->sign, R_OK) != 0)
    return usage (error, _ ("--sign takes a file with a private key that can be read"));
  if (!is_name (options->name))
    return usage (error, _ ("a patch's name is letters, digits and + - . _, a letter or digit first"));
  if (!is_version (options->version) || !is_version (options->revision))
    return usage (error, _ ("a patch's version and release are letters, digits and + . _ ~"));
  if (options->jobs < 0 || options->jobs > 1024)
    return usage (error, _ ("--jobs takes a number from 1 to 1024"));
  if (options->severity != NULL && !g_strv_contains (severities, options->severity))
    return usage (error, _ ("--severity takes low, medium, high or critical"));
  return TRUE;
}

static GStrv
join (GStrv first, GStrv second)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  if (first != NULL)
    g_strv_builder_addv (builder, (const char **)first);
  if (second != NULL)
    g_strv_builder_addv (builder, (const char **)second);
  return g_strv_builder_end (builder);
}

static LpBuildRequest *
make_request (const Options *options)
{
  LpBuildRequest *request = lp_build_request_new ();

  request->source = g_strdup (options->package != NULL ? options->package : options->source);
  request->origin = LP_BUILD_FROM_PACKAGE;
  if (options->source != NULL)
    request->origin
        = g_file_test (options->source, G_FILE_TEST_IS_DIR) ? LP_BUILD_FROM_TREE : LP_BUILD_FROM_DSC;
  if (options->kernel)
    request->origin = LP_BUILD_FROM_KERNEL;
  request->kernel.release = g_strdup (options->release);
  request->kernel.headers = g_strdup (options->headers);
  request->kernel.modules = g_strdup (options->modules);
  request->kernel.module_source = g_strdup (options->module_source);
  request->kernel.sign_key = g_strdup (options->sign_key);
  request->kernel.sign_certificate = g_strdup (options->sign_certificate);
  request->kernel.replace = options->replace;
  request->build_command = g_strdup (options->build);
  request->prepare_command = g_strdup (options->prepare);
  request->targets = g_strdupv (options->targets);
  request->patches = join (options->patches, options->more_patches);
  request->to = g_strdup (options->to);
  request->name = g_strdup (options->name);
  request->version = g_strdup (options->version);
  request->revision = g_strdup (options->revision);
  request->description = g_strdup (options->description);
  request->severity = g_strdup (options->severity);
  request->issues = g_strdupv (options->issues);
  request->output = g_strdup (options->output != NULL ? options->output : ".");
  request->cache = g_strdup (options->cache);
  request->debuginfo = g_strdup (options->debuginfo);
  request->installed = g_strdup (options->installed);
  request->jobs = (guint)options->jobs;
  request->keep = options->keep;
  return request;
}

/* Steps go to standard error, one line each; standard output holds the result alone. */
static void
on_progress (const char *step, const char *event, const char *text, double seconds, gpointer user_data)
{
  const Options *options = user_data;

  if (strcmp (event, "begin") == 0)
    fprintf (stderr, "%-9s %s\n", step, text);
  else if (strcmp (event, "end") == 0)
    fprintf (stderr, "%-9s %s (%.1f s)\n", step, text, seconds);
  else if (strcmp (event, "warning") == 0)
    fprintf (stderr, "%-9s   %s %s\n", "", _ ("warning:"), text);
  else if (strcmp (event, "note") == 0 || options->verbose)
    fprintf (stderr, "%-9s   %s\n", "", text);
}

/* Ctrl-C and termination cancel: the tree of the build is ended, the work folder put right. */
static gpointer
wait_for_signal (gpointer user_data)
{
  GCancellable *cancellable = user_data;
  sigset_t set;
  int signal_number;

  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGHUP);
  sigaddset (&set, SIGUSR1); /* the build is over */
  while (sigwait (&set, &signal_number) == 0 && signal_number != SIGUSR1)
    g_cancellable_cancel (cancellable);
  g_object_unref (cancellable);
  return NULL;
}

static void
block_signals (void)
{
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGHUP);
  sigaddset (&set, SIGUSR1);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
}

static void
add_object (CliJson *json, const LpManifestObject *object)
{
  cli_json_open (json, NULL, '{');
  cli_json_string (json, "name", object->name);
  cli_json_string (json, "uuid", object->uuid);
  cli_json_string (json, "build_id", object->build_id);
  cli_json_strings (json, "files", (const char *const *)object->files);
  cli_json_boolean (json, "installed", object->installed);
  cli_json_open (json, "functions", '[');
  for (guint i = 0; i < object->functions->len; i++)
    {
      const LpManifestFunction *function = g_ptr_array_index (object->functions, i);
      cli_json_open (json, NULL, '{');
      cli_json_string (json, "name", function->name);
      cli_json_string (json, "kind", function->kind);
      cli_json_close (json);
    }
  cli_json_close (json);
  cli_json_strings (json, "warnings", (const char *const *)object->warnings);
  cli_json_close (json);
}

static void
print_json (const LpBuildResult *result, GStrv packages)
{
  const LpManifest *manifest = result->manifest;
  CliJson *json = cli_json_new ();

  cli_json_string (json, "bundle", manifest->id);
  cli_json_string (json, "path", result->path);
  cli_json_strings (json, "packages", (const char *const *)packages);
  cli_json_string (json, "log", result->log);
  cli_json_string (json, "name", manifest->name);
  cli_json_string (json, "target_source", manifest->target_source);
  cli_json_string (json, "target_version", manifest->target_version);
  cli_json_strings (json, "issues", (const char *const *)manifest->issues);
  cli_json_boolean (json, "baseline_cached", result->baseline_cached);
  cli_json_number (json, "milliseconds", (guint64)(result->seconds * 1000));
  cli_json_open (json, "objects", '[');
  for (guint i = 0; i < manifest->objects->len; i++)
    add_object (json, g_ptr_array_index (manifest->objects, i));
  cli_json_close (json);
  cli_json_open (json, "dropped", '[');
  for (guint i = 0; i < manifest->sources->len; i++)
    {
      const LpManifestSource *source = g_ptr_array_index (manifest->sources, i);
      for (guint k = 0; source->dropped != NULL && source->dropped[k] != NULL; k++)
        cli_json_string (json, NULL, source->dropped[k]);
    }
  cli_json_close (json);
  cli_json_finish (json, TRUE);
}

static void
print_result (const LpBuildResult *result, GStrv packages)
{
  for (guint i = 0; i < result->manifest->objects->len; i++)
    {
      const LpManifestObject *object = g_ptr_array_index (result->manifest->objects, i);
      g_autofree char *name = lp_manifest_full_name (result->manifest, object);
      g_autoptr (GString) functions = g_string_new (NULL);
      for (guint k = 0; k < object->functions->len; k++)
        g_string_append_printf (functions, " %s",
                                ((LpManifestFunction *)g_ptr_array_index (object->functions, k))->name);
      printf ("%s:%s\n", name, functions->str);
    }
  printf ("%s\n", result->path);
  for (guint i = 0; packages[i] != NULL; i++)
    printf ("%s\n", packages[i]);
}

/* Puts the bundle into each package that was asked for; they stand beside its directory. */
static GStrv
write_packages (const Options *options, const LpBuildResult *result, GError **error)
{
  g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();

  for (guint i = 0; i < options->packages->len; i++)
    {
      g_autofree char *path
          = lp_package_write (options->packages->pdata[i], result->path, result->manifest, error);
      if (path == NULL)
        return NULL;
      g_strv_builder_add (paths, path);
    }
  return g_strv_builder_end (paths);
}

static gboolean
run (Options *options, GError **error)
{
  if (!check_options (options, error) || !check_format (options, error))
    return FALSE;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  LpBuildRequest *request = make_request (options);
  block_signals ();
  GThread *watcher = g_thread_new ("signals", wait_for_signal, g_object_ref (cancellable));
  LpBuildResult *result = lp_build_run (request, cancellable, on_progress, options, error);
  kill (getpid (), SIGUSR1);
  g_thread_join (watcher);
  lp_build_request_free (request);
  if (result == NULL)
    return FALSE; /* cppcheck-suppress memleak; g_thread_join() took the watcher */

  g_auto (GStrv) packages = NULL;
  if (options->sign == NULL || lp_bundle_sign (result->path, options->sign, error))
    packages = write_packages (options, result, error);
  gboolean ok = packages != NULL;
  if (ok && options->json)
    print_json (result, packages);
  else if (ok)
    print_result (result, packages);
  lp_build_result_free (result);
  return ok;
}

int
cli_build (int argc, char **argv)
{
  Options options = { 0 };
  CliContext context = { 0 };
  g_autoptr (GError) error = NULL;
  int status = CLI_EXIT_DONE;

  if (!parse_options (&options, argc, argv, &error) || !run (&options, &error))
    {
      context.flags[CLI_OPTION_JSON] = options.json;
      status = cli_report (&context, "build", error);
    }
  options_clear (&options);
  return status;
}
