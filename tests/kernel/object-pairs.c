/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pairs of small kernel objects, compiled here. */
#include "object-pairs.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"

/* As kernel code has them; FIX is 0 in the original and 1 in the patched object. */
static const char prelude[]
    = "#define INIT __attribute__((section(\".init.text\")))\n"
      "#define SCHED __attribute__((section(\".sched.text\")))\n"
      "#define NOTRACE __attribute__((no_instrument_function))\n"
      "#define NOINLINE __attribute__((noinline, noclone))\n"
      "extern void out(const char *, int); extern int in(void); extern int key;\n"
      "#define BUG(line) asm volatile (\"1: ud2\\n.pushsection __bug_table,\\\"aw\\\"\\n.long 1b - .\\n.long "
      "%c0 - .\\n\"\\\n"
      "  \".word %c1\\n.word 0\\n.popsection\" :: \"i\" (\"file.c\"), \"i\" (line))\n"
      "#define ALTERNATIVE(feature) asm volatile (\"1: nop; nop; nop; nop; nop\\n2:\\n.pushsection "
      ".altinstructions,\\\"a\\\"\\n\"\\\n"
      "  \".long 1b - .\\n.long 3f - .\\n.word %c0\\n.byte 2b - 1b\\n.byte 4f - 3f\\n.popsection\\n\"\\\n"
      "  \".pushsection .altinstr_replacement,\\\"ax\\\"\\n3: call other\\n4:\\n.popsection\" :: \"i\" "
      "(feature))\n"
      "#define BRANCH asm goto (\"1: .byte 0x0f, 0x1f, 0x44, 0, 0\\n.pushsection "
      "__jump_table,\\\"aw\\\"\\n.balign 8\\n\"\\\n"
      "  \".long 1b - .\\n.long %l[yes] - .\\n.quad key - .\\n.popsection\" :::: yes)\n"
      "#define LOCK asm volatile (\".pushsection .smp_locks,\\\"a\\\"\\n.balign 4\\n.long 671f - "
      ".\\n.popsection\\n671: lock; incl key\")\n"
      "#define ACCESS asm volatile (\"1: movl key, %%eax\\n2:\\n.pushsection __ex_table,\\\"a\\\"\\n.balign "
      "4\\n.long 1b - .\\n\"\\\n"
      "  \".long 2b - .\\n.long 1\\n.popsection\" ::: \"eax\")\n"
      "#define PARAVIRT asm volatile (\"771: call other\\n772:\\n.pushsection "
      ".parainstructions,\\\"a\\\"\\n.balign 8\\n.quad 771b\\n\"\\\n"
      "  \".byte 5\\n.byte 772b - 771b\\n.popsection\")\n"
      "#define AUX asm goto (\"jmp 6f\\n.pushsection .altinstr_aux,\\\"ax\\\"\\n6: testb $1, key\\njnz "
      "%l[yes]\\njmp %l[no]\\n\"\\\n"
      "  \".popsection\" :::: yes, no)\n"
      "#define UNREACHABLE asm volatile (\"1:\\n.pushsection .discard.reachable\\n.long 1b - "
      ".\\n.popsection\")\n";

void
run (const char *const *argv)
{
  g_autofree char *errors = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_assert_true (g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &errors,
                               &status, &error));
  if (status != 0)
    g_test_message ("%s", errors);
  g_assert_cmpint (status, ==, 0);
}

char *
compile (const char *folder, const char *name, const char *text, gboolean fix, gboolean sections)
{
  return compile_with (folder, name, text, fix, sections, "-fno-jump-tables");
}

char *
compile_with (const char *folder, const char *name, const char *text, gboolean fix, gboolean sections,
              const char *flag)
{
  g_autofree char *source = g_strdup_printf ("%s/%s.c", folder, name);
  g_autofree char *whole = g_strconcat (prelude, text, NULL);
  char *object = g_strdup_printf ("%s/%s.o", folder, name);
  const char *const argv[] = { "gcc",
                               "-c",
                               "-O2",
                               "-mcmodel=kernel",
                               "-fno-pie",
                               "-fno-asynchronous-unwind-tables",
                               "-fcf-protection=none",
                               "-fno-common",
                               flag,
                               "-pg",
                               "-mfentry",
                               "-mrecord-mcount",
                               fix ? "-DFIX=1" : "-DFIX=0",
                               "-o",
                               object,
                               source,
                               sections ? "-ffunction-sections" : "-fno-function-sections",
                               sections ? "-fdata-sections" : "-fno-data-sections",
                               NULL };

  g_assert_true (g_file_set_contents (source, whole, -1, NULL));
  run (argv);
  return object;
}

LpElf *
open_object (const char *path)
{
  g_autoptr (GError) error = NULL;
  LpElf *elf = lp_elf_open (path, &error);

  g_assert_no_error (error);
  return elf;
}

Pair *
pair_new (const char *text)
{
  return pair_new_with (text, "-fno-jump-tables");
}

Pair *
pair_new_with (const char *text, const char *flag)
{
  Pair *pair = g_new0 (Pair, 1);

  pair->folder = g_dir_make_tmp ("kernel-objects-XXXXXX", NULL);
  g_assert_nonnull (pair->folder);
  g_autofree char *original = compile_with (pair->folder, "original", text, FALSE, TRUE, flag);
  g_autofree char *patched = compile_with (pair->folder, "patched", text, TRUE, TRUE, flag);
  pair->original = open_object (original);
  pair->patched = open_object (patched);
  LpKernelSources sources = { "drivers/file.c", pair->original, pair->patched };
  pair->unit = lp_kernel_unit_new (&sources, &pair->error);
  return pair;
}

void
remove_folder (const char *folder)
{
  const char *const argv[] = { "rm", "-r", folder, NULL };

  run (argv);
}

void
pair_free (Pair *pair)
{
  lp_kernel_unit_free (pair->unit);
  lp_elf_unref (pair->original);
  lp_elf_unref (pair->patched);
  g_clear_error (&pair->error);
  remove_folder (pair->folder);
  g_free (pair->folder);
  g_free (pair);
}
LpElf *
extract (Pair *pair, const char *replaced, LpKernelExtract **result)
{
  g_assert_no_error (pair->error);
  g_assert_cmpuint (pair->unit->replaced->len, ==, 1);
  g_assert_cmpstr (((LpPiece *)pair->unit->replaced->pdata[0])->name, ==, replaced);
  *result = lp_kernel_extract (pair->unit, &pair->error);
  g_assert_no_error (pair->error);
  LpElf *elf = lp_elf_new ((*result)->object, "extract", &pair->error);
  g_assert_no_error (pair->error);
  return elf;
}

guint
count_relocations (LpElf *elf, const char *name)
{
  const LpElfSection *section = lp_elf_section_by_name (elf, name);
  GArray *relocations = section != NULL ? lp_elf_relocations (elf, section->index, NULL) : NULL;

  return relocations != NULL ? relocations->len : 0;
}

void
assert_refused (const Pair *pair, const char *words)
{
  g_assert_error (pair->error, LP_ERROR, LP_ERROR_REFUSED);
  if (strstr (pair->error->message, words) == NULL)
    g_test_fail_printf ("%s", pair->error->message);
}

Kernel *
kernel_new (const char *name, const char *other, const char *text)
{
  Kernel *kernel = g_new0 (Kernel, 1);
  g_autoptr (GError) error = NULL;

  kernel->folder = g_dir_make_tmp ("kernel-shapes-XXXXXX", NULL);
  g_autofree char *a = compile (kernel->folder, "a", other, FALSE, FALSE);
  g_autofree char *b = compile (kernel->folder, "b", text, FALSE, FALSE);
  g_autofree char *file = g_build_filename (kernel->folder, "linked", NULL);
  gboolean is_vmlinux = strcmp (name, LP_VMLINUX) == 0;
  const char *const module[] = { "ld", "-r", "-o", file, a, b, NULL };
  const char *const vmlinux[] = { "ld",
                                  "-Ttext=0xffffffff81000000",
                                  "--defsym=in=0xffffffff81800000",
                                  "-e0",
                                  "--defsym=out=0xffffffff81800010",
                                  "--defsym=__fentry__=0xffffffff81800020",
                                  "--defsym=key=0xffffffff81900000",
                                  "--defsym=__start_ro_after_init=0xffffffff81a00000",
                                  "--defsym=sealed=0xffffffff81a00010",
                                  "--defsym=__end_ro_after_init=0xffffffff81b00000",
                                  "-o",
                                  file,
                                  a,
                                  b,
                                  NULL };
  run (is_vmlinux ? vmlinux : module);
  kernel->module = open_object (file);
  kernel->baseline = open_object (b);
  kernel->shipped = lp_shipped_new (kernel->module, name, &error);
  g_assert_no_error (error);
  kernel->proof = lp_shipped_proof_new (kernel->shipped, kernel->baseline, "b.c", &error);
  g_assert_no_error (error);
  return kernel;
}

void
kernel_free (Kernel *kernel)
{
  lp_shipped_proof_free (kernel->proof);
  lp_shipped_free (kernel->shipped);
  lp_elf_unref (kernel->module);
  lp_elf_unref (kernel->baseline);
  remove_folder (kernel->folder);
  g_free (kernel->folder);
  g_free (kernel);
}
