/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patches made from small trees: every way in which a source becomes part of a program, and every way in
 * which a fix doesn't. */
#include "config.h"
#include "toy.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static void
assert_functions (Toy *toy, const char *expected)
{
  g_autofree char *functions = toy_functions (toy);

  g_assert_cmpstr (functions, ==, expected);
}

static void
assert_logged (const Toy *toy, const char *text)
{
  if (strstr (toy->log->str, text) == NULL)
    g_error ("'%s' was not reported:\n%s", text, toy->log->str);
}

static void
test_changed_function (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  assert_functions (toy, "tool:answer");
  /* The user's own tree is not touched by it. */
  g_autofree char *left = toy_run (toy, "ls tool-1.0");
  g_assert_cmpstr (left, ==, "Makefile\nanswer.c\nanswer.h\nmain.c");
}

static void
test_pipe (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "-pipe");
  assert_functions (toy, "tool:answer");
}

static void
test_clang (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy->build = (g_free (toy->build), g_strdup ("make CC=clang"));
  assert_functions (toy, "tool:answer");
}

/* Hazard 5: objects in /tmp that the compiler driver deletes. */
static void
test_one_step (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy->build = (g_free (toy->build), g_strdup ("gcc -g -O2 -o tool main.c answer.c"));
  assert_functions (toy, "tool:answer");
}

static void
test_one_step_clang (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy->build = (g_free (toy->build), g_strdup ("clang -g -O2 -o tool main.c answer.c -Wl,--build-id"));
  assert_functions (toy, "tool:answer");
}

static void
test_response_file (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy_write (toy, "link.rsp", "-g -O2 'main.o'\n  \"answer.o\" -o tool\n");
  toy->build = (g_free (toy->build), g_strdup ("make main.o answer.o; gcc @link.rsp"));
  assert_functions (toy, "tool:answer");
}

static void
test_archives (void)
{
  static const char *const builds[] = {
    "make main.o answer.o; ar rc libanswer.a answer.o; gcc -o tool main.o -L. -lanswer",
    "make main.o answer.o; ar rcT libanswer.a answer.o; gcc -o tool main.o libanswer.a",
    "make main.o answer.o; ld -r -o all.o main.o answer.o; gcc -o tool all.o",
    "make main.o answer.o; cp answer.o moved.o; rm answer.o; gcc -o tool main.o moved.o; rm moved.o",
  };

  for (guint i = 0; i < G_N_ELEMENTS (builds); i++)
    {
      g_autoptr (Toy) toy = toy_new ();
      toy_usual (toy, "");
      toy->build = (g_free (toy->build), g_strdup (builds[i]));
      assert_functions (toy, "tool:answer");
    }
}

/* Hazard 1: two files of one name with a static function of one name. */
static void
test_same_file_name (void)
{
  static const char unit[]
      = "static __attribute__ ((noinline)) int helper (int n)\n{\n  return n * n %s;\n}\n"
        "int %s (int n)\n{\n  return helper (n) + 1;\n}\n";
  g_autoptr (Toy) toy = toy_new ();
  g_autofree char *first = g_strdup_printf (unit, "+ 1", "first");
  g_autofree char *second = g_strdup_printf (unit, "- 3", "second");
  g_autofree char *fixed = g_strdup_printf (unit, "- 5", "second");

  toy_write (toy, "one/unit.c", first);
  toy_write (toy, "two/unit.c", second);
  toy_write (
      toy, "main.c",
      "int first (int), second (int);\nint main (int c, char **v) { return first (c) + second (c); }\n");
  toy_fix (toy, "two/unit.c", fixed);
  toy_make_fix (toy);
  toy->build = (g_free (toy->build), g_strdup ("gcc -g -O2 -o tool main.c one/unit.c two/unit.c"));

  g_autoptr (GError) error = NULL;
  LpBuildResult *result = toy_build (toy, &error);
  g_assert_no_error (error);
  const LpManifestObject *object = g_ptr_array_index (result->manifest->objects, 0);
  g_assert_cmpuint (object->functions->len, ==, 1);
  const LpManifestFunction *function = g_ptr_array_index (object->functions, 0);
  g_assert_cmpstr (function->name, ==, "helper");
  /* Linked in this order: the second helper lies behind the first. */
  g_autofree char *address
      = toy_run (toy,
                 "nm $(find cache -path '*/src/*' -name tool -type f) | sort | grep ' helper$' | tail -n 1");
  g_assert_cmpuint (function->address, ==, g_ascii_strtoull (address, NULL, 16));
  lp_build_result_free (result);
}

/* Hazard 4: two programs of one name. */
static void
test_same_program_name (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy->build = (g_free (toy->build),
                g_strdup ("make main.o answer.o; mkdir one two; gcc -o one/tool main.o answer.o;"
                          "gcc -o two/tool answer.o main.o"));
  g_autofree char *functions = toy_functions (toy);
  g_auto (GStrv) words = g_strsplit (functions, " ", -1);
  g_assert_cmpuint (g_strv_length (words), ==, 2);
  g_assert_cmpstr (words[0], !=, words[1]);
  g_assert_true (g_str_has_suffix (words[0], "one-tool:answer")
                 && g_str_has_suffix (words[1], "two-tool:answer"));
}

static void
test_one_target_of_two (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy->build = (g_free (toy->build), g_strdup ("make tool; gcc -o other answer.o main.o"));
  toy->target = g_strdup ("other");
  assert_functions (toy, "other:answer");
}

static void
test_header (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy_fix (toy, "answer.h", "#define FACTOR 9\nint answer (int n);\n");
  toy_make_fix (toy);
  assert_functions (toy, "tool:answer");
  assert_logged (toy, "affected end 2 compilations");
}

/* Hazard 6: a new source file, which a wildcard in the Makefile takes up. */
static void
test_new_file (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_write (toy, "main.c", "int answer (int);\nint main (int c, char **v) { return answer (c); }\n");
  toy_write (toy, "answer.c", "int answer (int n) { return n / 3 + 1; }\n");
  toy_write (toy, "Makefile",
             "tool: $(patsubst %.c,%.o,$(wildcard *.c))\n\tgcc -g -O2 -o $@ $^\n"
             "%.o: %.c\n\tgcc -g -O2 -c -o $@ $<\n");
  toy_fix (toy, "answer.c", "int check (int);\nint answer (int n) { return check (n) / 3 + 1; }\n");
  toy_fix (toy, "check.c", "int check (int n) { return n > 5 ? 5 : n; }\n");
  toy_make_fix (toy);
  assert_functions (toy, "tool:answer tool:check");
  assert_logged (toy, "check.c is a new source file");
  /* The unchanged tree is in its place again, and good for the next fix. */
  toy_fix (toy, "answer.c", "int answer (int n) { return n / 3 + 3; }\n");
  toy_make_fix (toy);
  assert_functions (toy, "tool:answer");
  assert_logged (toy, "baseline end cached");
}

static void
test_generated_code (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy_write (toy, "number.in", "40\n");
  toy_write (toy, "answer.c",
             "#include \"number.h\"\n#include \"answer.h\"\nint answer (int n) { return n / 3 + NUMBER; }\n");
  toy_write (toy, "Makefile",
             "tool: main.o answer.o\n\tgcc -g -O2 -o $@ $^\nanswer.o: number.h\n"
             "number.h: number.in\n\techo \"#define NUMBER $$(cat number.in)\" > $@\n"
             "%.o: %.c\n\tgcc -g -O2 -c -o $@ $<\n");
  toy_fix (toy, "number.in", "41\n");
  toy_make_fix (toy);
  assert_functions (toy, "tool:answer");
  assert_logged (toy, "number.in is read by the build itself");
}

static void
test_copied_source (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy->build
      = (g_free (toy->build),
         g_strdup ("make tool; mkdir variant; cp *.c *.h Makefile variant; make -C variant CFLAGS='-g -O1'"));
  g_autofree char *functions = toy_functions (toy);
  g_auto (GStrv) words = g_strsplit (functions, " ", -1);
  g_assert_cmpuint (g_strv_length (words), ==, 2);
  assert_logged (toy, "answer.c is compiled from a copy");
}

static void
test_failing_build (void)
{
  g_autoptr (Toy) toy = toy_new ();
  g_autoptr (GError) error = NULL;

  toy_usual (toy, "");
  toy->build = (g_free (toy->build), g_strdup ("echo before; make; gcc -c missing.c"));
  g_assert_null (toy_build (toy, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_SOURCES_FAILED);
  g_assert_nonnull (strstr (error->message, "missing.c"));
  /* The log that is named is there and holds everything. */
  const char *path = strstr (error->message, "/");
  const char *named = strstr (error->message, "the log is ");
  g_assert_nonnull (named);
  g_autofree char *log = NULL;
  g_assert_true (g_file_get_contents (named + strlen ("the log is "), &log, NULL, NULL));
  g_assert_true (g_str_has_prefix (log, "before\n"));
  g_assert_nonnull (path);
}

static void
test_fix_breaks_compilation (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy_fix (toy, "answer.c", "int answer (int n) { return undeclared; }\n");
  toy_make_fix (toy);
  toy_refused (toy, LP_ERROR_SOURCES_FAILED, "answer.c", "undeclared", "the log is", NULL);
}

static void
test_does_not_apply (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy_write (toy, "answer.c", "#include \"answer.h\"\nint answer (int n) { return 0; }\n");
  toy_refused (toy, LP_ERROR_SOURCES_FAILED, "fix.patch doesn't apply", "answer.c: hunk 1", NULL);
}

static void
test_not_a_fix (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  g_assert_true (g_file_set_contents (toy->fix, "nothing of the kind\n", -1, NULL));
  toy_refused (toy, LP_ERROR_SOURCES_FAILED, "holds no diff", NULL);
  g_assert_true (g_file_set_contents (toy->fix, "--- a/../../etc/x\n+++ b/../../etc/x\n@@ -1 +1 @@\n-a\n+b\n",
                                      -1, NULL));
  toy_refused (toy, LP_ERROR_SOURCES_FAILED, "not inside the source tree", NULL);
}

static void
test_already_applied (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  g_free (toy_run (toy, "patch -d tool-1.0 -p1 < fix.patch"));
  toy_refused (toy, LP_ERROR_NOTHING_TO_PATCH, "nothing to patch", "already", NULL);
}

static void
test_nothing_to_patch (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy_fix (toy, "main.c", "#if 0\nold\n#endif\n");
  g_autofree char *text = toy_run (toy, "cat tool-1.0/main.c");
  g_autofree char *commented = g_strdup_printf ("%s/* a comment */\n", text);
  toy_fix (toy, "main.c", commented);
  toy_make_fix (toy);
  toy_refused (toy, LP_ERROR_NOTHING_TO_PATCH, "nothing to patch", NULL);
}

static void
test_only_documents (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy_write (toy, "README", "one\n");
  toy_fix (toy, "README", "two\n");
  toy_make_fix (toy);
  toy_refused (toy, LP_ERROR_NOTHING_TO_PATCH, "nothing to patch", NULL);
}

static void
test_line_numbers (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy_write (toy, "answer.c",
             "#include <stdio.h>\n#include \"answer.h\"\nint answer (int n)\n{\n  if (n < 0)\n"
             "    fprintf (stderr, \"%s:%d\\n\", __FILE__, __LINE__);\n  return n;\n}\n");
  toy_fix (toy, "answer.c",
           "#include <stdio.h>\n\n\n#include \"answer.h\"\nint answer (int n)\n{\n  if (n < 0)\n"
           "    fprintf (stderr, \"%s:%d\\n\", __FILE__, __LINE__);\n  return n;\n}\n");
  toy_make_fix (toy);
  toy_refused (toy, LP_ERROR_NOTHING_TO_PATCH, "nothing to patch", NULL);
}

/* Hazard 6: a changed initial value is refused, and the variable is named. */
static void
test_initial_value (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy_write (toy, "answer.c",
             "#include \"answer.h\"\nint the_limit = 4;\nint answer (int n) { return n + the_limit; }\n");
  toy_fix (toy, "answer.c",
           "#include \"answer.h\"\nint the_limit = 5;\nint answer (int n) { return n + the_limit; }\n");
  toy_make_fix (toy);
  toy_refused (toy, LP_ERROR_REFUSED, "the_limit", NULL);
}

static void
test_lto (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "-flto");
  toy_refused (toy, LP_ERROR_REFUSED, "answer.c", "link-time optimisation", NULL);
}

static void
test_assembly (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_write (toy, "main.c", "int answer (void);\nint main (void) { return answer (); }\n");
  toy_write (toy, "answer.S",
             ".globl answer\nanswer:\n\tmovl $1, %eax\n\tret\n.section .note.GNU-stack,\"\",@progbits\n");
  toy_fix (toy, "answer.S",
           ".globl answer\nanswer:\n\tmovl $2, %eax\n\tret\n.section .note.GNU-stack,\"\",@progbits\n");
  toy_make_fix (toy);
  toy->build = (g_free (toy->build), g_strdup ("gcc -o tool main.c answer.S"));
  toy_refused (toy, LP_ERROR_REFUSED, "answer.S is an assembly source", NULL);
}

static void
test_rewritten_object (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy->build = (g_free (toy->build),
                g_strdup ("make main.o answer.o; objcopy --weaken answer.o; gcc -o tool main.o answer.o"));
  toy_refused (toy, LP_ERROR_REFUSED, "answer.c: its object was rewritten by", "objcopy", NULL);
}

static void
test_unlinked_source (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy->build = (g_free (toy->build), g_strdup ("make answer.o; gcc -o tool main.c -Danswer=abs"));
  toy_refused (toy, LP_ERROR_REFUSED, "answer.c is compiled, but goes into no program", NULL);
}

/* Hazard 3: the same compiler with other options made the installed file. */
static void
test_other_build (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  g_free (toy_run (toy, "cp -a tool-1.0 other; make -C other CFLAGS='-g -O1' CC=gcc"));
  toy->installed = g_build_filename (toy->folder, "other", "tool", NULL);
  toy_refused (toy, LP_ERROR_TARGET_MISMATCH, "is not what this source builds here", "--debuginfo", NULL);
}

/* The same objects, linked in another order: not what is built here, but with its own debug information each
 * function can be proven. */
static void
test_debuginfo (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  g_free (toy_run (toy, "cp -a tool-1.0 other; cd other; make CC=gcc; gcc -o tool answer.o main.o;"
                        "objcopy --only-keep-debug tool tool.debug; strip tool"));
  toy->installed = g_build_filename (toy->folder, "other", "tool", NULL);
  toy_refused (toy, LP_ERROR_TARGET_MISMATCH, "--debuginfo", NULL);
  toy->debuginfo = g_build_filename (toy->folder, "other", "tool.debug", NULL);
  assert_functions (toy, "tool:answer");
  assert_logged (toy, "the given debug information is used");
}

static void
test_stripped_target (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  /* Another folder: other debug information, another Build-ID, the same code. */
  g_free (toy_run (toy, "cp -a tool-1.0 other; make -C other CC=gcc; strip other/tool"));
  toy->installed = g_build_filename (toy->folder, "other", "tool", NULL);
  assert_functions (toy, "tool:answer");
  assert_logged (toy, "every allocated section is the shipped one");
}

static void
test_dropped_hunk (void)
{
  g_autoptr (Toy) toy = toy_new ();
  g_autoptr (GError) error = NULL;

  toy_usual (toy, "");
  toy_write (toy, "tests/check.sh", "something else entirely\n");
  g_autofree char *text = NULL;
  g_assert_true (g_file_get_contents (toy->fix, &text, NULL, NULL));
  g_autofree char *both
      = g_strconcat (text,
                     "--- a/tests/check.sh\n+++ b/tests/check.sh\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n",
                     NULL);
  g_assert_true (g_file_set_contents (toy->fix, both, -1, NULL));
  LpBuildResult *result = toy_build (toy, &error);
  g_assert_no_error (error);
  const LpManifestSource *source = g_ptr_array_index (result->manifest->sources, 0);
  g_assert_cmpstr (source->dropped[0], ==, "tests/check.sh: hunk 1: does not match at line 1");
  assert_logged (toy, "tests/check.sh: hunk 1");
  lp_build_result_free (result);
}

/* Hazard 7: other names of a source file keep their bytes. */
static void
test_hard_link (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy->build = (g_free (toy->build), g_strdup ("make; ln answer.c other-name"));
  g_free (toy_functions (toy));
  g_autofree char *left
      = toy_run (toy, "cmp $(find cache -path '*/src/*' -name other-name) tool-1.0/answer.c;"
                      "cmp $(find cache -path '*/src/*' -name answer.c) tool-1.0/answer.c && echo equal");
  g_assert_cmpstr (left, ==, "equal");
}

static void
test_cache (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  assert_functions (toy, "tool:answer");
  assert_functions (toy, "tool:answer");
  assert_logged (toy, "baseline end cached");
  g_free (toy_run (toy, "for f in cache/*/trace.json; do head -c 1000 $f > t; cp t $f; done"));
  assert_functions (toy, "tool:answer");
  assert_logged (toy, "the cached build is damaged and made again");
  /* A changed source is another baseline. */
  toy_write (toy, "new.h", "\n");
  assert_functions (toy, "tool:answer");
  g_assert_null (strstr (toy->log->str, "baseline end cached"));
}

static void
test_equal_inputs (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  g_free (toy_functions (toy));
  g_free (toy_run (toy, "mv output first; rm -r cache"));
  g_free (toy_functions (toy));
  g_free (toy_run (toy, "diff -r first output"));
}

static void
test_clean_environment (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  g_setenv ("CFLAGS", "-O0 -DFACTOR=1", TRUE);
  g_setenv ("SYSCARE_TEST_NOISE", "1", TRUE);
  toy->build = (g_free (toy->build),
                g_strdup ("test -z \"$CFLAGS$SYSCARE_TEST_NOISE\"; test -z \"$(ls -A $HOME)\"; make"));
  assert_functions (toy, "tool:answer");
  g_unsetenv ("CFLAGS");
  g_unsetenv ("SYSCARE_TEST_NOISE");
}

static void
test_distributed_compiler (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy->build = (g_free (toy->build), g_strdup ("cp /bin/true distcc; ./distcc; make"));
  toy_refused (toy, LP_ERROR_NOT_SUPPORTED, "distcc", NULL);
}

static void
test_built_tree (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  g_free (toy_run (toy, "make -C tool-1.0"));
  toy_refused (toy, LP_ERROR_SOURCES_FAILED, "the build compiled nothing", "clean tree", NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/build/a-changed-function-is-found", test_changed_function);
  g_test_add_func ("/build/compiler-and-assembler-may-be-joined-by-a-pipe", test_pipe);
  g_test_add_func ("/build/clang-compiles-in-the-driver", test_clang);
  g_test_add_func ("/build/temporary-objects-are-kept", test_one_step);
  g_test_add_func ("/build/temporary-objects-of-clang-are-kept", test_one_step_clang);
  g_test_add_func ("/build/response-files-are-read", test_response_file);
  g_test_add_func ("/build/objects-are-followed-through-archives-and-copies", test_archives);
  g_test_add_func ("/build/two-files-of-one-name-are-two-files", test_same_file_name);
  g_test_add_func ("/build/two-programs-of-one-name-are-two-objects", test_same_program_name);
  g_test_add_func ("/build/a-target-can-be-chosen", test_one_target_of_two);
  g_test_add_func ("/build/a-header-reaches-whoever-includes-it", test_header);
  g_test_add_func ("/build/a-new-source-file-is-built", test_new_file);
  g_test_add_func ("/build/generated-code-is-generated-again", test_generated_code);
  g_test_add_func ("/build/a-copied-source-is-not-missed", test_copied_source);
  g_test_add_func ("/build/a-failing-build-keeps-its-log", test_failing_build);
  g_test_add_func ("/build/a-fix-that-does-not-compile-is-named", test_fix_breaks_compilation);
  g_test_add_func ("/build/a-fix-that-does-not-apply-is-named", test_does_not_apply);
  g_test_add_func ("/build/what-is-no-fix-is-refused", test_not_a_fix);
  g_test_add_func ("/build/an-applied-fix-is-recognised", test_already_applied);
  g_test_add_func ("/build/a-comment-is-nothing-to-patch", test_nothing_to_patch);
  g_test_add_func ("/build/documents-are-nothing-to-patch", test_only_documents);
  g_test_add_func ("/build/line-numbers-are-nothing-to-patch", test_line_numbers);
  g_test_add_func ("/build/a-changed-initial-value-is-named", test_initial_value);
  g_test_add_func ("/build/link-time-optimisation-is-refused", test_lto);
  g_test_add_func ("/build/assembly-is-refused", test_assembly);
  g_test_add_func ("/build/a-rewritten-object-is-refused", test_rewritten_object);
  g_test_add_func ("/build/an-object-that-goes-nowhere-is-refused", test_unlinked_source);
  g_test_add_func ("/build/another-build-of-the-target-is-refused", test_other_build);
  g_test_add_func ("/build/debug-information-can-be-given", test_debuginfo);
  g_test_add_func ("/build/another-build-id-over-the-same-code-is-accepted", test_stripped_target);
  g_test_add_func ("/build/a-hunk-in-a-test-may-fail", test_dropped_hunk);
  g_test_add_func ("/build/other-names-of-a-source-keep-their-bytes", test_hard_link);
  g_test_add_func ("/build/the-unchanged-build-is-kept-and-checked", test_cache);
  g_test_add_func ("/build/equal-inputs-give-equal-bundles", test_equal_inputs);
  g_test_add_func ("/build/the-environment-is-clean", test_clean_environment);
  g_test_add_func ("/build/compilations-on-other-machines-are-refused", test_distributed_compiler);
  g_test_add_func ("/build/a-tree-that-is-already-built-is-refused", test_built_tree);
  return g_test_run ();
}
