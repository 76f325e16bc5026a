/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Modules, dynamic symbols and unwinding, compared with what the dynamic linker and libelf say about this
 * process. */
#include "elf/elf-file.h"
#include "process/symbols.h"
#include "process/unwind.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct {
  LpProcess *process;
  LpMaps *maps;
  GPtrArray *modules;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  GError *error = NULL;

  f->process = lp_process_open (getpid (), &error);
  g_assert_no_error (error);
  f->maps = lp_maps_read (f->process, &error);
  g_assert_no_error (error);
  f->modules = lp_modules_read (f->process, f->maps, NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_ptr_array_unref (f->modules);
  lp_maps_free (f->maps);
  lp_process_free (f->process);
}

typedef struct {
  Fixture *fixture;
  guint n;
} Compare;

static int
compare_with_linker (struct dl_phdr_info *info, size_t size, void *data)
{
  Compare *compare = data;
  const LpModule *module = lp_modules_find (compare->fixture->modules, (guint64)(gsize)info->dlpi_phdr);

  if (info->dlpi_name != NULL && strstr (info->dlpi_name, "vdso") != NULL)
    return 0; /* no file */
  g_assert_nonnull (module);
  g_assert_cmphex (module->bias, ==, info->dlpi_addr);
  g_assert_cmphex (module->program_headers, ==, (guint64)(gsize)info->dlpi_phdr);
  compare->n++;
  return 0;
}

static void
test_bias_is_the_linkers (Fixture *f, gconstpointer data)
{
  Compare compare = { f, 0 };

  dl_iterate_phdr (compare_with_linker, &compare);
  g_assert_cmpuint (compare.n, >, 3);
  g_assert_cmpuint (compare.n, ==, f->modules->len);
}

static void
test_build_id_is_the_files (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < f->modules->len; i++)
    {
      const LpModule *module = g_ptr_array_index (f->modules, i);
      g_autoptr (LpElf) elf = lp_elf_open (module->path, NULL);
      g_autofree char *build_id = elf != NULL ? lp_elf_build_id_hex (elf) : NULL;
      g_assert_nonnull (elf);
      g_assert_cmpstr (module->build_id, ==, build_id);
    }
}

static void
test_module_file_is_opened (Fixture *f, gconstpointer data)
{
  const LpModule *module = lp_modules_find (f->modules, (guint64)(gsize)&test_module_file_is_opened);
  GError *error = NULL;
  int fd = lp_module_open (f->process, module, &error);

  g_assert_no_error (error);
  g_autoptr (LpElf) elf = lp_elf_open_fd (fd, "self", &error);
  close (fd);
  g_assert_no_error (error);
  g_autofree char *build_id = lp_elf_build_id_hex (elf);
  g_assert_cmpstr (build_id, ==, module->build_id);
  g_assert_true (lp_module_is_unchanged (f->process, module, f->maps));
}

static void
test_symbols_are_the_linkers (Fixture *f, gconstpointer data)
{
  static const char *const names[]
      = { "printf", "malloc", "stdout", "environ", "pthread_create", "g_free", "qsort", "g_string_new" };
  g_autoptr (LpSymbols) symbols = lp_symbols_new (f->process, f->modules, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      LpSymbolMatch match;
      GError *error = NULL;
      g_assert_true (lp_symbols_find (symbols, names[i], NULL, &match, &error));
      g_assert_cmphex (match.address, ==, (guint64)(gsize)dlsym (RTLD_DEFAULT, names[i]));
    }
}

static void
test_versions_are_told_apart (Fixture *f, gconstpointer data)
{
  g_autoptr (LpSymbols) symbols = lp_symbols_new (f->process, f->modules, FALSE);
  LpSymbolMatch match;
  GError *error = NULL;

  /* x86-64's glibc has these two; ask the linker for both, too. */
  void *old = dlvsym (RTLD_DEFAULT, "pthread_cond_wait", "GLIBC_2.2.5"),
       *new = dlvsym (RTLD_DEFAULT, "pthread_cond_wait", "GLIBC_2.3.2");
  g_assert_true (old != NULL && new != NULL &&old != new);
  g_assert_true (lp_symbols_find (symbols, "pthread_cond_wait", "GLIBC_2.2.5", &match, &error));
  g_assert_cmphex (match.address, ==, (guint64)(gsize)old);
  g_assert_true (lp_symbols_find (symbols, "pthread_cond_wait", "GLIBC_2.3.2", &match, &error));
  g_assert_cmphex (match.address, ==, (guint64)(gsize) new);
  g_assert_true (lp_symbols_find (symbols, "pthread_cond_wait", NULL, &match, &error));
  g_assert_cmphex (match.address, ==, (guint64)(gsize) new);
}

static void
test_absent_symbol_is_an_error (Fixture *f, gconstpointer data)
{
  g_autoptr (LpSymbols) symbols = lp_symbols_new (f->process, f->modules, FALSE);
  LpSymbolMatch match;
  g_autoptr (GError) error = NULL;

  g_assert_false (lp_symbols_find (symbols, "syscare_has_no_such_function", NULL, &match, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_TARGET_MISMATCH);
  g_clear_error (&error);
  g_assert_false (lp_symbols_find (symbols, "getdtablesize", "GLIBC_99", &match, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_TARGET_MISMATCH);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/modules/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("load bias and program headers are the dynamic linker's", test_bias_is_the_linkers);
  ADD ("Build-IDs are those of the files", test_build_id_is_the_files);
  ADD ("a module's file is opened through the mapping", test_module_file_is_opened);
  ADD ("symbols are found where the dynamic linker finds them (hazard 20)", test_symbols_are_the_linkers);
  ADD ("versions are told apart", test_versions_are_told_apart);
  ADD ("an absent symbol or version is an error", test_absent_symbol_is_an_error);
  return g_test_run ();
}
