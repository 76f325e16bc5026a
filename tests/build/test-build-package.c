/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patches for Debian packages: one that the test writes itself, and the distribution's less, fetched with the
 * private apt. */
#include "config.h"
#include "toy.h"

#include <string.h>

static void
on_progress (const char *step, const char *event, const char *text, double seconds, gpointer user_data)
{
  Toy *toy = user_data;

  g_string_append_printf (toy->log, "%s %s %s\n", step, event, text);
}

static LpBuildResult *
build (Toy *toy, LpBuildOrigin origin, const char *source, GError **error)
{
  LpBuildRequest *request = lp_build_request_new ();
  const char *const patches[] = { toy->fix, NULL };

  request->origin = origin;
  request->source = g_strdup (source);
  request->patches = g_strdupv ((GStrv)patches);
  request->output = g_strdup (toy->output);
  request->cache = g_strdup (toy->cache);
  request->installed = g_strdup (toy->installed);
  g_string_truncate (toy->log, 0);
  LpBuildResult *result = lp_build_run (request, NULL, on_progress, toy, error);
  lp_build_request_free (request);
  return result;
}

#define RULES                                                                                                \
  "#!/usr/bin/make -f\nexport SOURCE_DATE_EPOCH = 1700000000\nclean:\n\trm -rf debian/toolpkg tool *.o "     \
  "*.d\n"                                                                                                    \
  "build build-arch:\n\t$(MAKE) CFLAGS='-g -O2 -ffile-prefix-map=$(CURDIR)=.'\n"                             \
  "binary binary-arch: build-arch\n\tinstall -D tool debian/toolpkg/usr/bin/tool\n\tstrip "                  \
  "debian/toolpkg/usr/bin/tool\n"                                                                            \
  "\tcp debian/toolpkg/usr/bin/tool debian/toolpkg/usr/bin/a-copy\n\tln -s tool "                            \
  "debian/toolpkg/usr/bin/another-name\n"                                                                    \
  "\tmkdir -p debian/toolpkg/DEBIAN\n\tdpkg-gencontrol -ptoolpkg -Pdebian/toolpkg\n"                         \
  "\tdpkg-deb --root-owner-group -b debian/toolpkg ..\n"

/* A native source package without debhelper; gives the .dsc. */
static char *
make_source_package (Toy *toy, const char *build_depends)
{
  g_autofree char *control = g_strdup_printf (
      "Source: toolpkg\nSection: misc\nPriority: optional\nMaintainer: Nobody <nobody@localhost>\n"
      "Standards-Version: 4.6.1\nRules-Requires-Root: no\n%s\nPackage: toolpkg\nArchitecture: any\n"
      "Description: a tool\n It answers.\n",
      build_depends);

  toy_usual (toy, "");
  toy_write (toy, "debian/control", control);
  toy_write (toy, "debian/changelog",
             "toolpkg (2:1.0) unstable; urgency=low\n\n  * One.\n\n -- Nobody <nobody@localhost>  Tue, 14 "
             "Nov 2023 22:13:20 +0000\n");
  toy_write (toy, "debian/rules", RULES);
  toy_write (toy, "debian/source/format", "3.0 (native)\n");
  toy_write (toy, "debian/copyright", "Format: x\n\nFiles: *\nCopyright: nobody\nLicense: ISC\n");
  g_free (toy_run (toy, "chmod 755 tool-1.0/debian/rules; dpkg-source -b tool-1.0"));
  return g_build_filename (toy->folder, "toolpkg_1.0.dsc", NULL);
}

static void
test_source_package (void)
{
  g_autoptr (Toy) toy = toy_new ();
  g_autofree char *dsc = make_source_package (toy, "");
  g_autoptr (GError) error = NULL;

  LpBuildResult *result = build (toy, LP_BUILD_FROM_DSC, dsc, &error);
  g_assert_no_error (error);
  const LpManifest *manifest = result->manifest;
  g_assert_cmpstr (manifest->target_source, ==, "toolpkg");
  g_assert_cmpstr (manifest->target_version, ==, "2:1.0");
  g_assert_cmpstr (manifest->license, ==, "ISC");
  g_assert_cmpuint (manifest->objects->len, ==, 1);
  const LpManifestObject *object = g_ptr_array_index (manifest->objects, 0);
  /* The file that links end at gives the name; its copies are the same object, links come last. */
  g_assert_cmpstr (object->name, ==, "tool");
  g_autofree char *files = g_strjoinv (" ", object->files);
  g_assert_cmpstr (files, ==, "/usr/bin/a-copy /usr/bin/tool /usr/bin/another-name");
  /* Nobody ships this package: the patch says what it was made for. */
  g_assert_false (object->installed);
  g_assert_nonnull (strstr (object->warnings[0], "no installed file was compared"));
  g_autofree char *name = lp_manifest_full_name (manifest, object);
  g_assert_cmpstr (name, ==, "toolpkg-1.0/HP001/tool");
  lp_build_result_free (result);
}

static void
test_missing_dependencies (void)
{
  g_autoptr (Toy) toy = toy_new ();
  g_autofree char *dsc = make_source_package (
      toy, "Build-Depends: no-such-thing-dev (>= 2) | nor-this-dev, syscare-needs-this:any [linux-any]\n");
  g_autoptr (GError) error = NULL;

  g_assert_null (build (toy, LP_BUILD_FROM_DSC, dsc, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (error->message, "apt-get install no-such-thing-dev syscare-needs-this"));
}

static void
test_altered_source (void)
{
  g_autoptr (Toy) toy = toy_new ();
  g_autofree char *dsc = make_source_package (toy, "");
  g_autoptr (GError) error = NULL;

  g_free (toy_run (toy, "for f in toolpkg_1.0.tar.*; do echo x >> $f; done"));
  g_assert_null (build (toy, LP_BUILD_FROM_DSC, dsc, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_SOURCES_FAILED);
  g_assert_nonnull (strstr (error->message, "can't be unpacked"));
}

/* What the machine's apt knows, as a digest over names, sizes and times. */
static char *
apt_state (Toy *toy)
{
  return toy_run (
      toy,
      "find /etc/apt /var/lib/apt/lists /var/cache/apt -type f -printf '%p %s %T@\\n' | sort | sha256sum");
}

#define LESS_FIX                                                                                             \
  "--- a/prompt.c\n+++ b/prompt.c\n@@ -355,7 +355,7 @@\n \t\tpos = curr_byte(where);\n \t\tlen = "           \
  "ch_length();\n"                                                                                           \
  " \t\tif (pos != NULL_POSITION && len > "                                                                  \
  "0)\n-\t\t\tap_int(percentage(pos,len));\n+\t\t\tap_int(percentage(pos,len) + %d);\n"                      \
  " \t\telse\n \t\t\tap_quest();\n \t\tbreak;\n"

static void
write_less_fix (Toy *toy, int number)
{
  g_autofree char *text = g_strdup_printf (LESS_FIX, number);

  g_assert_true (g_file_set_contents (toy->fix, text, -1, NULL));
}

/* The shipped less is proven to be what its source builds here, and patched; the second fix doesn't build it
 * again. */
static void
test_distribution_package (void)
{
  g_autoptr (Toy) toy = toy_new ();
  g_autofree char *before = apt_state (toy);
  g_autoptr (GError) error = NULL;

  write_less_fix (toy, 1);
  LpBuildResult *result = build (toy, LP_BUILD_FROM_PACKAGE, "less", &error);
  g_assert_no_error (error);
  g_assert_false (result->baseline_cached);
  g_assert_cmpuint (result->manifest->objects->len, ==, 1);
  const LpManifestObject *object = g_ptr_array_index (result->manifest->objects, 0);
  g_assert_cmpstr (object->name, ==, "less");
  g_assert_true (object->installed);
  g_assert_cmpuint (object->functions->len, ==, 1);
  const LpManifestFunction *function = g_ptr_array_index (object->functions, 0);
  g_assert_cmpstr (function->name, ==, "pr_expand");
  g_autofree char *first = g_strdup (result->manifest->id);
  lp_build_result_free (result);

  write_less_fix (toy, 2);
  result = build (toy, LP_BUILD_FROM_PACKAGE, "less", &error);
  g_assert_no_error (error);
  g_assert_true (result->baseline_cached);
  g_assert_cmpstr (result->manifest->id, !=, first);
  lp_build_result_free (result);

  /* Only our own copy of the lists was written. */
  g_autofree char *after = apt_state (toy);
  g_assert_cmpstr (before, ==, after);
}

static void
test_unknown_version (void)
{
  g_autoptr (Toy) toy = toy_new ();
  g_autoptr (GError) error = NULL;

  write_less_fix (toy, 1);
  g_assert_null (build (toy, LP_BUILD_FROM_PACKAGE, "less=1-no-such-version", &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_TARGET_MISSING);
  g_assert_nonnull (strstr (error->message, "less=1-no-such-version"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/build/package/a-source-package-is-built-and-its-files-are-named", test_source_package);
  g_test_add_func ("/build/package/missing-build-dependencies-are-listed", test_missing_dependencies);
  g_test_add_func ("/build/package/an-altered-source-is-refused", test_altered_source);
  g_test_add_func ("/build/package/the-distribution-s-own-binary-is-patched", test_distribution_package);
  g_test_add_func ("/build/package/an-unknown-version-is-named", test_unknown_version);
  return g_test_run ();
}
