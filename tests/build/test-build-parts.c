/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of a build that are pure functions or read foreign files: command lines, fixes, archives, apt's
 * sources, the cached trace. */
#include "config.h"

#include "base/error.h"
#include "build/apt.h"
#include "build/command.h"
#include "build/content.h"
#include "build/fix.h"
#include "build/needed.h"
#include "build/tool.h"
#include "build/trace.h"

#include <glib/gstdio.h>
#include <string.h>

#define STRINGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
assert_words (GStrv words, const char *expected)
{
  g_autofree char *joined = g_strjoinv (" ", words);

  g_assert_cmpstr (joined, ==, expected);
  g_strfreev (words);
}

static void
test_tool_names (void)
{
  static const struct {
    const char *executable;
    LpToolKind kind;
  } cases[] = {
    { "/usr/lib/gcc/x86_64-linux-gnu/12/cc1", LP_TOOL_CC1 },
    { "/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus", LP_TOOL_CC1 },
    { "/usr/bin/x86_64-linux-gnu-as", LP_TOOL_AS },
    { "/usr/bin/x86_64-linux-gnu-ld.bfd", LP_TOOL_LD },
    { "/usr/bin/x86_64-linux-gnu-ld.gold", LP_TOOL_LD },
    { "/usr/lib/llvm-14/bin/clang", LP_TOOL_CLANG },
    { "/usr/bin/clang++-14", LP_TOOL_CLANG },
    { "/usr/bin/x86_64-linux-gnu-objcopy", LP_TOOL_OBJCOPY },
    { "/usr/bin/distcc", LP_TOOL_FOREIGN },
    { "/usr/bin/x86_64-linux-gnu-gcc-12", LP_TOOL_OTHER }, /* its cc1 is what counts */
    { "/bin/dash", LP_TOOL_OTHER },
    { "/usr/bin/basic-as-such", LP_TOOL_OTHER },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (lp_tool_kind (cases[i].executable), ==, cases[i].kind);
}

static void
test_compiler_command_lines (void)
{
  const char *const *cc1
      = STRINGS ("cc1", "-quiet", "-I", ".", "-MD", "x.d", "-MF", "y.d", "-MP", "-MT", "x.o", "-D", "A=1",
                 "x.c", "-dumpdir", "out/", "-dumpbase", "x.c", "-O2", "-fstack-usage", "-o", "/tmp/cc1.s");

  g_assert_cmpstr (lp_tool_cc1_source (cc1), ==, "x.c");
  g_assert_cmpstr (lp_tool_option (cc1, "-o"), ==, "/tmp/cc1.s");
  g_assert_false (lp_tool_cc1_preprocesses (cc1));
  assert_words (lp_tool_replay_cc1 (cc1, "new.s", "aux/"),
                "cc1 -quiet -I . -D A=1 x.c -dumpdir aux/ -dumpbase x.c -O2 -ffunction-sections "
                "-fdata-sections -o new.s");
  assert_words (lp_tool_depend_cc1 (STRINGS ("cc1", "-quiet", "x.c", "-MMD", "x.d", "-o", "x.s"), "deps"),
                "cc1 -quiet x.c -E -M -MF deps");

  const char *const *as = STRINGS ("as", "-I", "dir", "--gdwarf-5", "--64", "-o", "x.o", "/tmp/cc1.s");
  g_assert_cmpstr (lp_tool_as_input (as), ==, "/tmp/cc1.s");
  assert_words (lp_tool_replay_as (as, "new.s", "new.o"), "as -I dir --gdwarf-5 --64 -o new.o new.s");
  assert_words (lp_tool_replay_as (STRINGS ("as", "--64", "-o", "x.o", "-"), "new.s", "new.o"),
                "as --64 -o new.o new.s");
  g_assert_null (lp_tool_as_input (STRINGS ("as", "--64", "-o", "x.o")));
}

static void
test_clang_command_lines (void)
{
  const char *source, *object;

  g_assert_true (
      lp_tool_clang_compile (STRINGS ("clang", "-c", "-I", "inc.c", "a.c", "-o", "a.o"), &source, &object));
  g_assert_cmpstr (source, ==, "a.c");
  g_assert_cmpstr (object, ==, "a.o");
  g_assert_true (lp_tool_clang_compile (STRINGS ("clang", "-cc1", "-emit-obj", "-o", "b.o", "-x", "c", "b.c"),
                                        &source, &object));
  g_assert_cmpstr (source, ==, "b.c");
  g_assert_false (lp_tool_clang_compile (STRINGS ("clang", "-c", "a.c", "b.c"), &source, &object));
  g_assert_false (lp_tool_clang_compile (STRINGS ("clang", "-E", "-c", "a.c"), &source, &object));
  g_assert_false (lp_tool_clang_compile (STRINGS ("clang", "a.o", "-o", "a"), &source, &object));
  assert_words (lp_tool_replay_clang (STRINGS ("clang++", "-c", "a.cc", "-MD", "-MF", "a.d", "-oa.o"), "n.o"),
                "clang++ --driver-mode=g++ -c a.cc -ffunction-sections -fdata-sections -o n.o");
}

static void
test_lto_and_objcopy (void)
{
  const char *input, *output;

  g_assert_true (lp_tool_uses_lto (STRINGS ("cc1", "-flto")));
  g_assert_true (lp_tool_uses_lto (STRINGS ("cc1", "-flto=auto")));
  g_assert_false (lp_tool_uses_lto (STRINGS ("cc1", "-flto", "-fno-lto")));
  g_assert_true (lp_tool_objcopy_files (STRINGS ("strip", "-g", "a.o"), &input, &output));
  g_assert_cmpstr (output, ==, "a.o");
  g_assert_true (lp_tool_objcopy_files (STRINGS ("objcopy", "-R", ".note", "a.o", "b.o"), &input, &output));
  g_assert_cmpstr (input, ==, "a.o");
  g_assert_cmpstr (output, ==, "b.o");
}

static void
test_dependency_rules (void)
{
  assert_words (lp_tool_parse_depend ("x.o: x.c \\\n a\\ b.h c$$d.h\\\n  e\\#.h\nx.c:\n"),
                "x.c a b.h c$d.h e#.h");
  assert_words (lp_tool_parse_depend ("nothing"), "");
  assert_words (lp_tool_parse_depend (""), "");
}

static void
test_response_files (void)
{
  g_autofree char *folder = g_dir_make_tmp ("syscare-parts-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "args", NULL);

  g_assert_true (g_file_set_contents (file, "-o 'a b'\n\"c\\\"d\" e\\ f @missing", -1, NULL));
  assert_words (lp_tool_expand_responses (STRINGS ("ld", "@args", "z"), folder),
                "ld -o a b c\"d e f @missing z");
  /* A file that names itself ends too. */
  g_assert_true (g_file_set_contents (file, "@args", -1, NULL));
  g_strfreev (lp_tool_expand_responses (STRINGS ("ld", "@args"), folder));
  g_unlink (file);
  g_rmdir (folder);
}

static LpFix *
fix_from (const char *text, GError **error)
{
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "CVE-2024-0001-parts.patch", NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  LpFix *fix = lp_fix_load (path, error);
  g_unlink (path);
  return fix;
}

static void
test_fix_is_read (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpFix) fix = fix_from (
      "Subject: [PATCH 2/3] Check the length\n\nfixes CVE-2023-12345 and CVE-2024-0001\n---\n a.c | 2 +-\n\n"
      "diff --git a/src/a.c b/src/a.c\nindex 1..2 100644\n--- a/src/a.c\n+++ b/src/a.c\n"
      "@@ -1,2 +1,2 @@ f\n-- a/not-a-header\n+x\n y\n@@ -9 +9 @@\n-a\n+b\n\\ No newline at end of file\n"
      "diff --git a/new.c b/new.c\nnew file mode 100644\n--- /dev/null\n+++ b/new.c\n@@ -0,0 +1 @@\n+n\n"
      "diff --git a/o b/p\nsimilarity index 100%\nrename from o\nrename to p\n"
      "--- x/gone.c\t2024-01-01\n+++ y/gone.c\t1970-01-01\n@@ -1 +0,0 @@\n-g\n",
      &error);

  g_assert_no_error (error);
  g_assert_cmpstr (fix->subject, ==, "Check the length");
  g_autofree char *issues = g_strjoinv (" ", fix->issues);
  g_assert_cmpstr (issues, ==, "CVE-2023-12345 CVE-2024-0001");
  g_assert_cmpuint (fix->files->len, ==, 4);
  const LpFixFile *first = g_ptr_array_index (fix->files, 0);
  g_assert_cmpstr (first->path, ==, "src/a.c");
  g_assert_cmpuint (first->n_hunks, ==, 2);
  g_assert_true (((LpFixFile *)g_ptr_array_index (fix->files, 1))->creates);
  g_assert_true (((LpFixFile *)g_ptr_array_index (fix->files, 2))->not_text);
  const LpFixFile *last = g_ptr_array_index (fix->files, 3);
  g_assert_cmpstr (last->path, ==, "gone.c");
  g_assert_true (last->removes);
}

static void
test_loose_match_is_noted (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("syscare-parts-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "a.c", NULL);
  g_autoptr (LpFix) fix
      = fix_from ("--- a/a.c\n+++ b/a.c\n@@ -1,5 +1,5 @@\n one\n two\n-three\n+3\n four\n five\n", &error);

  g_assert_no_error (error);
  g_assert_true (g_file_set_contents (file, "ONE\ntwo\nthree\nfour\nfive\n", -1, NULL));
  g_autoptr (LpFixResult) result = lp_fix_apply (g_ptr_array_index (fix->files, 0), folder, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (result->outcome, ==, LP_FIX_APPLIED);
  g_assert_cmpuint (result->notes->len, ==, 1);
  g_autoptr (LpFixResult) again = lp_fix_apply (g_ptr_array_index (fix->files, 0), folder, NULL, &error);
  g_assert_cmpint (again->outcome, ==, LP_FIX_ALREADY);
  g_unlink (file);
  g_rmdir (folder);
}

static void
test_apt_sources (void)
{
  g_autofree char *lines = lp_apt_with_sources (
      "# deb http://commented x main\ndeb [signed-by=/k.gpg] http://host/debian suite main contrib\n"
      "deb-src http://host/debian suite main\n",
      FALSE);
  g_assert_cmpstr (lines, ==,
                   "deb [signed-by=/k.gpg] http://host/debian suite main contrib\n"
                   "deb-src [signed-by=/k.gpg] http://host/debian suite main contrib\n");
  g_autofree char *stanzas
      = lp_apt_with_sources ("Types: deb\nURIs: http://host/debian\nSuites: a b\nComponents: main\n# note\n"
                             "Signed-By:\n -----BEGIN\n .\n x\n\nEnabled: no\nTypes: deb\nURIs: http://off\n",
                             TRUE);
  g_assert_cmpstr (stanzas, ==,
                   "Types: deb deb-src\nURIs: http://host/debian\nSuites: a b\nComponents: "
                   "main\nSigned-By:\n -----BEGIN\n .\n x\n\n");
}

static void
test_damaged_archives (void)
{
  static const char header[] = "!<arch>\n";
  static const char member[] = "a.o/            0           0     0     644     4         `\nabcd";
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "syscare-parts.a", NULL);
  g_autofree char *whole = g_strconcat (header, member, NULL);
  gsize size = strlen (whole);

  for (gsize n = 0; n <= size; n++)
    {
      g_autoptr (GPtrArray) digests = g_ptr_array_new_with_free_func (g_free);
      g_autoptr (GError) error = NULL;
      g_assert_true (g_file_set_contents (path, whole, (gssize)n, NULL));
      gboolean ok = lp_content_archive_digests (path, digests, &error);
      gboolean complete = n == size || n == strlen (header);
      g_assert_cmpint (ok, ==, complete);
      g_assert_cmpuint (digests->len, ==, n == size ? 1 : 0);
    }
  g_unlink (path);
}

static LpTrace *
example_trace (void)
{
  LpTrace *trace = lp_trace_new ("/tree");
  LpTraceUnit *unit = lp_trace_add_unit (trace);
  LpTraceLink *link = lp_trace_add_link (trace);

  unit->env = lp_trace_add_environment (trace, STRINGS ("A=1"));
  unit->source = g_strdup ("/tree/a.c");
  unit->cwd = g_strdup ("/tree");
  unit->compiler = g_strdup ("/cc1");
  unit->argv = g_strdupv ((GStrv)STRINGS ("cc1", "a.c"));
  unit->assembler = g_strdup ("/as");
  unit->as_argv = g_strdupv ((GStrv)STRINGS ("as"));
  unit->object = g_strdup ("/tmp/a.o");
  unit->digest = g_strdup ("d1");
  unit->kept = g_strdup ("/kept/a.o");
  link->path = g_strdup ("/tree/tool");
  link->digest = g_strdup ("d2");
  link->kept = g_strdup ("/kept/tool");
  link->build_id = g_strdup ("ab");
  link->inputs = g_strdupv ((GStrv)STRINGS ("d1", "elsewhere"));
  return trace;
}

static void
test_trace_round_trip (void)
{
  g_autoptr (LpTrace) trace = example_trace ();
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "syscare-parts.json", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;

  g_assert_true (lp_trace_save (trace, path, &error));
  g_autoptr (LpTrace) same = lp_trace_load (path, &error);
  g_assert_no_error (error);
  g_autoptr (GPtrArray) foreign = g_ptr_array_new ();
  g_autoptr (GPtrArray) units = lp_trace_link_units (same, g_ptr_array_index (same->links, 0), foreign);
  g_assert_cmpuint (units->len, ==, 1);
  g_assert_cmpstr (lp_trace_relative (same, ((LpTraceUnit *)g_ptr_array_index (units, 0))->source), ==,
                   "a.c");
  g_assert_cmpstr (g_ptr_array_index (foreign, 0), ==, "elsewhere");

  /* Cut off anywhere it is refused, and nothing worse. */
  g_assert_true (g_file_get_contents (path, &text, &size, NULL));
  for (gsize n = 0; n < size; n += 7)
    {
      g_autoptr (GError) local = NULL;
      g_assert_true (g_file_set_contents (path, text, (gssize)n, NULL));
      g_assert_null (lp_trace_load (path, &local));
      g_assert_error (local, LP_ERROR, LP_ERROR_STATE_CORRUPT);
    }
  g_unlink (path);
}

static gpointer
run_many_tools (gpointer cancellable)
{
  static const char *const argv[] = { "true", NULL };

  for (guint i = 0; i < 150; i++)
    {
      g_auto (LpCommandResult) result = { 0 };
      g_autoptr (GError) error = NULL;
      lp_command_run (argv, NULL, "/", NULL, cancellable, &result, &error);
      g_assert_no_error (error);
      g_assert_cmpint (result.exit_status, ==, 0);
    }
  return NULL;
}

/* As replay does it: several tools at once, one cancellable for all. */
static void
test_tools_at_once (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("tools", run_many_tools, cancellable);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

static gpointer
run_endless_tool (gpointer cancellable)
{
  static const char *const argv[] = { "sleep", "infinity", NULL };
  g_auto (LpCommandResult) result = { 0 };
  GError *error = NULL;

  g_assert_false (lp_command_run (argv, NULL, "/", NULL, cancellable, &result, &error));
  return error;
}

static void
test_cancelled_tool (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GThread *thread = g_thread_new ("tool", run_endless_tool, cancellable);

  g_cancellable_cancel (cancellable);
  g_autoptr (GError) error = g_thread_join (thread);
  g_assert_error (error, LP_ERROR, LP_ERROR_CANCELLED);
}

/* This very program: the machine's dynamic linker found all of its libraries, so must we. */
static void
test_needed_libraries (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpTrace) trace = lp_trace_new ("/nonexistent");
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autoptr (LpElf) elf = lp_elf_open (self, &error);
  g_assert_no_error (error);
  g_autoptr (GPtrArray) libraries = lp_build_needed (trace, elf, &error);
  gboolean found = FALSE;

  g_assert_no_error (error);
  for (guint i = 0; i < libraries->len; i++)
    found = found || strstr (lp_elf_name (g_ptr_array_index (libraries, i)), "libc.so.6") != NULL;
  g_assert_true (found);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/build/parts/tools-are-known-by-their-executables", test_tool_names);
  g_test_add_func ("/build/parts/compiler-and-assembler-are-repeated-with-sections",
                   test_compiler_command_lines);
  g_test_add_func ("/build/parts/clang-is-repeated-with-sections", test_clang_command_lines);
  g_test_add_func ("/build/parts/link-time-optimisation-and-objcopy-are-recognised", test_lto_and_objcopy);
  g_test_add_func ("/build/parts/dependency-rules-are-unquoted", test_dependency_rules);
  g_test_add_func ("/build/parts/response-files-are-split-like-gnu-does", test_response_files);
  g_test_add_func ("/build/parts/a-fix-is-read-with-its-header", test_fix_is_read);
  g_test_add_func ("/build/parts/a-loose-match-is-noted", test_loose_match_is_noted);
  g_test_add_func ("/build/parts/apt-sources-get-their-sources", test_apt_sources);
  g_test_add_func ("/build/parts/damaged-archives-are-refused", test_damaged_archives);
  g_test_add_func ("/build/parts/the-trace-survives-its-file", test_trace_round_trip);
  g_test_add_func ("/build/parts/tools-run-side-by-side", test_tools_at_once);
  g_test_add_func ("/build/parts/a-tool-is-ended-when-cancelled", test_cancelled_tool);
  g_test_add_func ("/build/parts/needed-libraries-are-found", test_needed_libraries);
  return g_test_run ();
}
