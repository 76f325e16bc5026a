/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The diff against real compilers: each case is a small program with its fix behind #ifdef FIX. It is
 * compiled as `syscare build` would do it, diffed, and run with the entity applied: it must then print what
 * the fixed program prints, to the letter. Cases that must be refused name the words that the refusal must
 * say. */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "diff/diff.h"

#define UUID "6f9619ff-8b86-d011-b42d-00cf4fc964ff"

typedef enum {
  EXPECT_FIXED, /* the patched program behaves like the fixed one */
  EXPECT_NOTHING,
  EXPECT_REFUSED,
  EXPECT_MISMATCH,
} Expect;

typedef enum {
  LINK_PROGRAM,
  LINK_LIBRARY, /* all files but the last are a shared library */
} Link;

typedef enum {
  DAMAGE_NONE,
  DAMAGE_CODE,   /* a number in the linked code isn't what the source says */
  DAMAGE_STRING, /* nor is a string that the code refers to */
  DAMAGE_TWIN,   /* the shipped file isn't its twin */
} Damage;

typedef struct {
  const char *name;
  const char *files[4]; /* in tests/diff/cases */
  Link link;
  Expect expect;
  const char *says;   /* refused: words of the message; fixed: function that must be replaced */
  const char *not_in; /* function that must not be replaced */
  const char *flags;  /* in addition */
  guint only;         /* variants: bit mask, 0 = all */
  Damage damage;
  guint only_fixed;       /* index of a file that the original doesn't have */
  gboolean has_libraries; /* the diff is told what the C library defines */
} Case;

typedef struct {
  const char *name;
  const char *compiler;
  const char *flags;
  const char *link;
} Variant;

enum {
  GCC_O2 = 1,
  GCC_O0 = 2,
  GCC_O2_FIXED = 4,
  GCC_O0_FIXED = 8,
  GCC_CET = 16,
  CLANG_O2 = 32,
  CLANG_O0 = 64
};

static const Variant variants[] = {
  { "gcc-O2-pie", "gcc", "-O2 -fPIE", "-pie" },
  { "gcc-O0-pie", "gcc", "-O0 -fPIE", "-pie" },
  { "gcc-O2-nopie", "gcc", "-O2 -fno-pie", "-no-pie" },
  { "gcc-O0-nopie", "gcc", "-O0 -fno-pie", "-no-pie" },
  { "gcc-O3-cet-noplt", "gcc", "-O3 -fPIE -fcf-protection -fno-plt -fstack-protector-strong", "-pie" },
  { "clang-O2-pie", "clang", "-O2 -fPIE", "-pie" },
  { "clang-O0-pie", "clang", "-O0 -fPIE", "-pie" },
  { "gcc-Os-gold", "gcc", "-Os -fPIE", "-pie -fuse-ld=gold" },
  { "clang-O2-lld", "clang", "-O2 -fPIE", "-pie -fuse-ld=lld" },
};

#define GCC_OPTIMISED (GCC_O2 | GCC_O2_FIXED | GCC_CET)

static const Case cases[] = {
  { "a-changed-function", { "changed.c" }, .says = "work" },
  { "a-new-function-and-new-data-go-along", { "new.c" }, .says = "work" },
  { "string-literals-and-tables", { "strings.c" }, .says = "describe" },
  { "a-pointer-that-starts-before-its-string", { "before.c" }, .says = "tell" },
  { "a-switch-table", { "switch.c" }, .says = "choose" },
  { "two-switch-tables-and-shared-strings", { "switch2.c" }, .says = "route" },
  { "a-computed-goto", { "goto.c" }, .says = "run" },
  { "unnamed-initialisers", { "locals.c" }, .says = "help", .not_in = "other" },
  { "a-function-that-gets-split", { "split.c" }, .says = "receive" },
  { "static-locals-keep-their-values", { "static-local.c" }, .says = "count" },
  { "cold-part", { "cold.c" }, .says = "guard" },
  { "isra-part-constprop-clones", { "clones.c" }, .says = "outer" },
  { "same-names-in-two-files",
    { "twins-a.c", "twins-b.c", "twins-main.c" },
    .says = "run_b",
    .not_in = "run_a" },
  { "got-and-plt-references", { "imports.c" }, .says = "work" },
  { "a-new-import", { "new-import.c" }, .says = "work", .has_libraries = TRUE },
  { "copy-relocated-data", { "copy.c" }, .says = "work" },
  { "function-pointers-stay-equal", { "pointers.c" }, .says = "pick" },
  { "floating-point-constants", { "floats.c" }, .says = "scale" },
  { "varargs-and-large-frames", { "varargs.c" }, .says = "report" },
  { "recursion-and-tail-calls", { "recursion.c" }, .says = "depth" },
  { "two-units-share-a-new-function", { "units-a.c", "units-b.c", "units-main.c" }, .says = "first" },
  { "a-header-change-reaches-two-units", { "inline-a.c", "inline-b.c", "inline-main.c" }, .says = "area" },
  { "thread-local-of-the-program", { "tls.c" }, .says = "work" },
  { "weak-and-common-symbols", { "weak.c" }, .says = "work", .flags = "-fcommon" },
  { "a-library-function", { "lib.c", "lib-main.c" }, .link = LINK_LIBRARY, .says = "lib_work" },
  { "a-library-keeps-interposition",
    { "interpose.c", "interpose-main.c" },
    .link = LINK_LIBRARY,
    .says = "lib_call" },

  { "same-file-names-and-same-symbols",
    { "one/util.c", "two/util.c", "util-main.c" },
    .says = "util_two",
    .not_in = "util_one" },
  { "a-new-file", { "newfile.c", "newfile-extra.c" }, .says = "work", .only_fixed = 1 },

  { "the-same-source-is-nothing-to-patch", { "same.c" }, .expect = EXPECT_NOTHING },
  { "only-line-numbers-moved", { "lines.c" }, .expect = EXPECT_NOTHING },
  { "a-number-that-is-no-line-number", { "numbers.c" }, .says = "work" },
  { "line-numbers-beside-a-fix", { "lines-fix.c" }, .says = "mended", .not_in = "untouched" },

  { "refuses-a-changed-initial-value", { "initial.c" }, .expect = EXPECT_REFUSED, .says = "limit_of_things" },
  { "refuses-a-changed-table", { "table.c" }, .expect = EXPECT_REFUSED, .says = "prices" },
  { "refuses-a-changed-size", { "size.c" }, .expect = EXPECT_REFUSED, .says = "buffer" },
  { "refuses-a-new-import", { "new-import.c" }, .expect = EXPECT_REFUSED, .says = "getppid" },
  { "refuses-a-new-ifunc",
    { "new-ifunc.c" },
    .expect = EXPECT_REFUSED,
    .says = "ifunc",
    .has_libraries = TRUE },
  { "refuses-a-new-constructor", { "constructor.c" }, .expect = EXPECT_REFUSED, .says = "before main" },
  { "refuses-a-new-thread-local", { "new-tls.c" }, .expect = EXPECT_REFUSED, .says = "thread-local" },
  { "refuses-a-function-without-room",
    { "short.c" },
    .expect = EXPECT_REFUSED,
    .says = "too short",
    .flags = "-falign-functions=1",
    .only = GCC_O2 },
  { "refuses-a-new-file-with-a-constructor",
    { "newfile.c", "newfile-extra.c", "newfile-constructor.c" },
    .expect = EXPECT_REFUSED,
    .says = ".init_array",
    .only_fixed = 2 },
  { "refuses-exception-tables",
    { "cleanup.c" },
    .expect = EXPECT_REFUSED,
    .says = "exception tables",
    .flags = "-fexceptions" },
  { "refuses-a-librarys-thread-local",
    { "lib-tls.c", "lib-tls-main.c" },
    .link = LINK_LIBRARY,
    .expect = EXPECT_REFUSED,
    .says = "thread-local" },
  { "refuses-a-function-that-moved",
    { "moved-a.c", "moved-b.c" },
    .expect = EXPECT_REFUSED,
    .says = "helper" },
  { "refuses-an-element-of-a-linker-set", { "set.c" }, .expect = EXPECT_REFUSED, .says = "my_set" },
  { "finds-one-other-instruction",
    { "mismatch.c" },
    .expect = EXPECT_MISMATCH,
    .says = "victim",
    .damage = DAMAGE_CODE },
  { "finds-another-string",
    { "constant.c" },
    .expect = EXPECT_MISMATCH,
    .says = "victim",
    .damage = DAMAGE_STRING },
  { "finds-that-the-twin-is-no-twin",
    { "constant.c" },
    .expect = EXPECT_MISMATCH,
    .says = ".rodata",
    .damage = DAMAGE_TWIN },
};

/* --- compiling
 * ---------------------------------------------------------------------------------------------------------
 */

static char *cases_dir, *apply_library, *c_library;

G_GNUC_PRINTF (1, 2)
static void
run (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *command = g_strdup_vprintf (format, args);
  va_end (args);

  g_autofree char *err = NULL;
  g_autoptr (GError) error = NULL;
  int status;
  g_assert_true (g_spawn_command_line_sync (command, NULL, &err, &status, &error));
  if (status != 0)
    g_error ("%s\n%s", command, err);
}

/* A sanitised library needs its runtime in the plain program that it is preloaded into. */
static char *
preload_list (const char *library)
{
#if defined(__SANITIZE_ADDRESS__)
  g_autofree char *runtime = NULL;
  g_assert_true (g_spawn_command_line_sync ("gcc -print-file-name=libasan.so", &runtime, NULL, NULL, NULL));
  return g_strdup_printf ("%s:%s", g_strchomp (runtime), library);
#else
  return g_strdup (library);
#endif
}

static char *
output_of (const char *dir, const char *program, const char *preload)
{
  g_auto (GStrv) environment = g_get_environ ();
  g_autofree char *path = g_build_filename (dir, program, NULL);
  char *argv[] = { path, NULL }, *out = NULL;
  g_autofree char *err = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  environment = g_environ_setenv (environment, "LD_LIBRARY_PATH", dir, TRUE);
  environment = g_environ_setenv (environment, "LC_ALL", "C", TRUE);
  if (preload != NULL)
    {
      g_autofree char *entity = g_build_filename (dir, "entity", NULL);
      g_autofree char *list = preload_list (preload);
      environment = g_environ_setenv (environment, "LD_PRELOAD", list, TRUE);
      environment = g_environ_setenv (environment, "ASAN_OPTIONS", "detect_leaks=0", TRUE);
      environment = g_environ_setenv (environment, "LP_APPLY_ENTITY", entity, TRUE);
    }
  g_assert_true (g_spawn_sync (NULL, argv, environment, 0, NULL, NULL, &out, &err, &status, &error));
  if (status != 0)
    g_error ("%s%s: status %d: %s", path, preload != NULL ? " (patched)" : "", status, err);
  return out;
}

static guint
n_files (const Case *test)
{
  guint n = 0;
  while (n < G_N_ELEMENTS (test->files) && test->files[n] != NULL)
    n++;
  return n;
}

/* A file that only the fix has is in every kind but the original ones. */
static gboolean
is_in (const Case *test, guint i, const char *kind)
{
  return test->only_fixed == 0 || i < test->only_fixed || strcmp (kind, "base") != 0;
}

/* Compiles file @i to DIR/i.KIND.o. */
static void
compile (const Case *test, const Variant *variant, const char *dir, guint i, const char *kind,
         const char *extra)
{
  gboolean library = test->link == LINK_LIBRARY && i + 1 < n_files (test);
  run ("%s -g %s %s %s %s -c -o %s/%u.%s.o %s/%s", variant->compiler, variant->flags,
       test->flags != NULL ? test->flags : "", library ? "-fPIC" : "", extra, dir, i, kind, cases_dir,
       test->files[i]);
}

/* Links objects of @kind ("base": the original, "fixed": all with the fix) to DIR/KIND. */
static void
link_all (const Case *test, const Variant *variant, const char *dir, const char *kind)
{
  g_autoptr (GString) objects = g_string_new (NULL);
  guint n = n_files (test), n_library = test->link == LINK_LIBRARY ? n - 1 : 0;

  for (guint i = 0; i < n; i++)
    {
      if (i == n_library && n_library != 0)
        {
          run ("%s -shared -Wl,-soname,lib%s.so -Wl,--build-id -o %s/lib%s.so %s", variant->compiler, kind,
               dir, kind, objects->str);
          g_string_truncate (objects, 0);
        }
      if (is_in (test, i, kind))
        g_string_append_printf (objects, "%s/%u.%s.o ", dir, i, kind);
    }
  if (n_library != 0)
    g_string_append_printf (objects, "-L%s -l%s", dir, kind);
  run ("%s %s -rdynamic -Wl,--build-id -o %s/%s %s", variant->compiler, variant->link, dir, kind,
       objects->str);
}

/* Changes one byte of @needle, which stands in the file once. */
static void
damage (const char *dir, const char *name, const void *needle, gsize needle_size)
{
  g_autofree char *path = g_build_filename (dir, name, NULL), *bytes = NULL;
  gsize size;
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));

  guint8 *found = memmem (bytes, size, needle, needle_size);
  g_assert_nonnull (found);
  found[1] ^= 1;
  g_assert_true (g_file_set_contents (path, bytes, (gssize)size, NULL));
  g_chmod (path, 0755);
}

static void
apply_damage (const Case *test, const char *dir)
{
  static const guint8 number[] = { 0x15, 0xcd, 0x5b, 0x07 }; /* 123456789 */
  static const char text[] = "a telling string";

  if (test->damage == DAMAGE_CODE)
    damage (dir, "base", number, sizeof number);
  if (test->damage == DAMAGE_STRING)
    damage (dir, "base", text, sizeof text);
  run ("strip -o %s/shipped %s/%s", dir, dir, test->link == LINK_LIBRARY ? "libbase.so" : "base");
  if (test->damage == DAMAGE_TWIN)
    damage (dir, "shipped", text, sizeof text);
}

G_GNUC_PRINTF (1, 2)
static LpElf *
open_elf (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *path = g_strdup_vprintf (format, args);
  va_end (args);

  g_autoptr (GError) error = NULL;
  LpElf *elf = lp_elf_open (path, &error);
  g_assert_no_error (error);
  return elf;
}

/* --- one case
 * -------------------------------------------------------------------------------------------------------------
 */

static LpDiffResult *
diff (const Case *test, const char *dir, GError **error)
{
  g_autoptr (GPtrArray) units = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_diff_unit_free);
  const char *object = test->link == LINK_LIBRARY ? "libbase.so" : "base";
  guint n = n_files (test);

  for (guint i = 0; i < (test->link == LINK_LIBRARY ? n - 1 : n); i++)
    {
      LpDiffUnit *unit = lp_diff_unit_new (test->files[i]);
      if (is_in (test, i, "base"))
        {
          unit->baseline = open_elf ("%s/%u.base.o", dir, i);
          unit->original = open_elf ("%s/%u.original.o", dir, i);
        }
      unit->patched = open_elf ("%s/%u.patched.o", dir, i);
      g_ptr_array_add (units, unit);
    }

  g_autoptr (LpElf) shipped = open_elf ("%s/shipped", dir), twin = open_elf ("%s/%s", dir, object);
  g_autoptr (GPtrArray) libraries = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_elf_unref);
  if (test->has_libraries)
    g_ptr_array_add (libraries, open_elf ("%s", c_library));
  LpDiffRequest request = { .object_name = object,
                            .uuid = UUID,
                            .shipped = shipped,
                            .twin = twin,
                            .units = units,
                            .libraries = libraries };
  return lp_diff_run (&request, error);
}

static gboolean
replaces (const LpDiffResult *result, const char *name)
{
  for (guint i = 0; i < result->functions->len; i++)
    {
      const LpManifestFunction *function = result->functions->pdata[i];
      if (strcmp (function->kind, "changed") == 0 && strncmp (function->name, name, strlen (name)) == 0)
        return TRUE;
    }
  return FALSE;
}

static void
check_fixed (const Case *test, const char *dir, LpDiffResult *result)
{
  g_autofree char *entity = g_build_filename (dir, "entity", NULL);

  g_assert_true (replaces (result, test->says));
  g_assert_false (test->not_in != NULL && replaces (result, test->not_in));
  g_assert_true (g_file_set_contents (entity, g_bytes_get_data (result->entity, NULL),
                                      (gssize)g_bytes_get_size (result->entity), NULL));

  g_autofree char *before = output_of (dir, "base", NULL), *wanted = output_of (dir, "fixed", NULL);
  g_autofree char *after = output_of (dir, "base", apply_library);
  g_assert_cmpstr (before, !=, wanted);
  g_assert_cmpstr (after, ==, wanted);
}

static void
check_again (const Case *test, const char *dir, const LpDiffResult *result)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpDiffResult) again = diff (test, dir, &error);

  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (again->entity, result->entity));
}

typedef struct {
  const Case *test;
  const Variant *variant;
} Pair;

static void
run_case (gconstpointer data)
{
  const Pair *pair = data;
  const Case *test = pair->test;
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("lp-diff-XXXXXX", &error);
  g_assert_no_error (error);

  for (guint i = 0; i < n_files (test); i++)
    {
      compile (test, pair->variant, dir, i, "base", "");
      compile (test, pair->variant, dir, i, "fixed", "-DFIX");
      compile (test, pair->variant, dir, i, "original", "-ffunction-sections -fdata-sections");
      compile (test, pair->variant, dir, i, "patched", "-DFIX -ffunction-sections -fdata-sections");
    }
  link_all (test, pair->variant, dir, "base");
  link_all (test, pair->variant, dir, "fixed");
  apply_damage (test, dir);

  g_autoptr (LpDiffResult) result = diff (test, dir, &error);
  switch (test->expect)
    {
    case EXPECT_FIXED:
      g_assert_no_error (error);
      check_fixed (test, dir, result);
      check_again (test, dir, result);
      break;
    case EXPECT_NOTHING:
      g_assert_error (error, LP_ERROR, LP_ERROR_NOTHING_TO_PATCH);
      break;
    case EXPECT_REFUSED:
      g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
      g_assert_nonnull (strstr (error->message, test->says));
      break;
    case EXPECT_MISMATCH:
      g_assert_error (error, LP_ERROR, LP_ERROR_TARGET_MISMATCH);
      g_assert_nonnull (strstr (error->message, test->says));
      break;
    }
  run ("rm -rf %s", dir);
}

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) pairs = g_ptr_array_new_with_free_func (g_free);

  g_test_init (&argc, &argv, NULL);
  cases_dir = g_test_build_filename (G_TEST_DIST, "cases", NULL);
  apply_library = g_strdup (g_getenv ("LP_APPLY_LIBRARY"));
  g_assert_nonnull (apply_library);
  g_assert_true (g_spawn_command_line_sync ("gcc -print-file-name=libc.so.6", &c_library, NULL, NULL, NULL));
  g_strchomp (c_library);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint v = 0; v < G_N_ELEMENTS (variants); v++)
      {
        if (cases[i].only != 0 && (cases[i].only & (1u << v)) == 0)
          continue;
        Pair *pair = g_new0 (Pair, 1);
        pair->test = &cases[i];
        pair->variant = &variants[v];
        g_ptr_array_add (pairs, pair);
        g_autofree char *path = g_strdup_printf ("/diff/%s/%s", cases[i].name, variants[v].name);
        g_test_add_data_func (path, pair, run_case);
      }

  int status = g_test_run ();
  g_free (cases_dir);
  g_free (apply_library);
  g_free (c_library);
  return status;
}
