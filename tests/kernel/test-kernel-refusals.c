/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the builder of kernel patches refuses once it has compared: references and tables that can't be
 * carried over, and functions that can't be found in the shipped kernel. Pairs of small objects, compiled
 * here; no kernel is needed. */
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "build/kernel-module.h"
#include "kernel/module-convert.h"
#include "kernel/resolve.h"
#include "object-pairs.h"

static void
test_table_without_its_place (void)
{
  g_autoptr (Pair) pair = pair_new ("asm (\".pushsection __ex_table,\\\"a\\\"\\n.long 0\\n.long 1f - "
                                    ".\\n.long 1f - .\\n.long 0\\n.popsection\\n.text\\n1: nop\");\n"
                                    "int first (int x) { out (\"a\", x + FIX); return in (); }\n");

  assert_refused (pair, "__ex_table: an entry doesn't begin with its place in code");
}

static void
test_table_with_half_an_entry (void)
{
  g_autoptr (Pair) pair = pair_new ("asm (\".pushsection __ex_table,\\\"a\\\"\\n.long 1f - .\\n.long "
                                    "0\\n.long 0\\n.popsection\\n.text\\n1: nop\");\n"
                                    "int first (int x) { out (\"a\", x + FIX); return in (); }\n");

  assert_refused (pair, "__ex_table: not a whole number of entries");
}

static void
test_alternative_without_replacement (void)
{
  g_autoptr (Pair) pair
      = pair_new ("int first (int x) { asm volatile (\"1: nop\\n.pushsection "
                  ".altinstructions,\\\"a\\\"\\n.long 1b - .\\n.long elsewhere - .\\n\""
                  "\".word 1\\n.byte 1, 1\\n.popsection\"); out (\"a\", x + FIX); return in (); }\n");

  assert_refused (pair, ".altinstructions has no replacement");
}

static void
test_unknown_relocation (void)
{
  g_autoptr (Pair) pair = pair_new (
      "int first (int x) { asm volatile (\".long second@SIZE\"); out (\"a\", x + FIX); return in (); }\n"
      "int second (int x) { return in () + x; }\n");

  assert_refused (pair, "relocation type");
}

/* The assembler makes it as short as it can. */
static void
test_short_branch (void)
{
  g_autoptr (Pair) pair = pair_new ("SCHED NOINLINE int second (int x) { out (\"b\", x); return in (); }\n"
                                    "SCHED NOINLINE int first (int x) { if (FIX) key++; asm volatile "
                                    "(\"testl %%edi, %%edi\\njz second\" ::: \"memory\"); "
                                    "return x; }\n");

  assert_refused (pair, "by a short branch");
}

static void
test_callbacks_of_one_kind (void)
{
  g_autoptr (Pair) pair = pair_new (
      "NOINLINE int first (int x) { out (\"a\", x + FIX); return in (); }\n"
      "#if FIX\nstatic void one (void *object) { key++; }\nstatic void two (void *object) { key--; }\n"
      "static void *a[2] __attribute__((used, section (\".syscare.callbacks.post_patch\"))) = { one, two "
      "};\n#endif\n");
  g_autoptr (Pair) no_function
      = pair_new ("NOINLINE int first (int x) { out (\"a\", x + FIX); return in (); }\n"
                  "#if FIX\nstatic void *a __attribute__((used, section "
                  "(\".syscare.callbacks.post_patch\"))) = &key;\n#endif\n");

  assert_refused (pair, "not exactly one callback of this kind in this file");
  assert_refused (no_function, "the callback is no function of this file");
}

/* Where a name stands twice at one place, or also in code that is gone, nobody can say which one is meant. */
static void
test_position_unknown (void)
{
  static const char text[]
      = "static NOINLINE __attribute__((used)) int helper (int x) { out (\"b\", x); return in () * 3; }\n"
        "int second (int x) { return helper (x) + 2; }\n";
  g_autoptr (Kernel) module = kernel_new (
      "module",
      "static INIT NOINLINE __attribute__((used)) int helper (int x) { out (\"a\", x); return in (); }\n",
      text);
  g_autoptr (GError) error = NULL;
  guint position;

  g_assert_true (lp_shipped_proof_function (module->proof, "helper", &error));
  const LpElfSymbol *helper = lp_shipped_proof_locate (module->proof, "helper", &error);
  g_assert_no_error (error);
  g_assert_false (lp_shipped_position (module->shipped, helper, &position, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, "which of the 2 symbols named helper is meant"));
}

static void
test_function_that_is_only_made_apart (void)
{
  g_autoptr (Kernel) module = kernel_new ("module", "int third (int x) { return in (); }\n",
                                          "int first (int x) { return in () + x; }\n");
  g_autoptr (GError) error = NULL;

  g_assert_false (lp_shipped_proof_function (module->proof, "first.part.0", &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
  g_assert_nonnull (
      strstr (error->message,
              "b.c: first.part.0: the compiler makes this function only with function sections"));
}

/* Linking a branch to its key writes to the key. */
static void
test_sealed_key (void)
{
  static const char text[]
      = "#undef BRANCH\n#define BRANCH(key) asm goto (\"1: .byte 0x0f, 0x1f, 0x44, 0, 0\\n.pushsection "
        "__jump_table,\\\"aw\\\"\\n\""
        "\".balign 8\\n.long 1b - .\\n.long %l[yes] - .\\n.quad \" key \" - .\\n.popsection\" :::: yes)\n"
        "NOINLINE int first (int x) { BRANCH (\"sealed\"); out (\"a\", x + FIX); return 1; yes: return in "
        "(); }\n";
  g_autoptr (Kernel) kernel = kernel_new (LP_VMLINUX, "int zero (void) { return in (); }\n", text);
  g_autoptr (Pair) pair = pair_new (text);
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  g_autoptr (GError) error = NULL;

  g_hash_table_insert (names, (gpointer) "sealed",
                       lp_livepatch_reference (LP_VMLINUX, LP_VMLINUX, "sealed", 0));
  g_assert_false (lp_kernel_check_keys (kernel->shipped, elf, names, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
  g_assert_nonnull (
      strstr (error->message, "static branch whose key sealed is read-only since the kernel has booted"));
}

/* What objtool warns of means that stacks can't be unwound. */
static void
test_objtool (void)
{
  g_autofree char *folder = g_dir_make_tmp ("kernel-refusals-XXXXXX", NULL);
  g_autofree char *tool = g_build_filename (folder, "objtool", NULL);
  char *environment[] = { (char *)"PATH=/usr/bin:/bin", NULL };
  LpWorkspace workspace = { .scratch = folder };
  LpKernelTree tree = { .objects = folder, .workspace = &workspace, .environment = environment };
  char *argv[] = { tool, NULL };
  g_autoptr (GBytes) object = g_bytes_new_static ("object", 6);
  g_autoptr (GError) error = NULL;

  g_assert_true (
      g_file_set_contents (tool,
                           "#!/bin/sh\necho \"$2: warning: objtool: first+0x3: can't find jump dest\"\n", -1,
                           NULL));
  g_assert_cmpint (g_chmod (tool, 0755), ==, 0);
  g_assert_null (lp_kernel_objtool (&tree, argv, object, "kernel-file.c", NULL, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, "kernel-file.c: objtool doesn't understand the new code"));
  g_assert_nonnull (strstr (error->message, "first+0x3: can't find jump dest"));
  remove_folder (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define CASE(name, function) g_test_add_func ("/kernel refusals/" name, function)
  CASE ("a table whose entries don't name their place", test_table_without_its_place);
  CASE ("a table with half an entry", test_table_with_half_an_entry);
  CASE ("an alternative without replacement code", test_alternative_without_replacement);
  CASE ("a relocation that nobody knows", test_unknown_relocation);
  CASE ("a branch that is too short to leave its section", test_short_branch);
  CASE ("callbacks: two of one kind, or no function", test_callbacks_of_one_kind);
  CASE ("a name that is also in code that is gone", test_position_unknown);
  CASE ("a function that the kernel's build doesn't make", test_function_that_is_only_made_apart);
  CASE ("a static branch whose key is sealed", test_sealed_key);
  CASE ("what objtool warns of", test_objtool);
  return g_test_run ();
}
