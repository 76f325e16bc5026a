/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stack of a new program: argument count, pointers to arguments and environment, auxiliary vector. Trusts
 * nothing in it. Sources: psABI x86-64 3.4.1 and 3.4.2; getauxval(3); fs/binfmt_elf.c, create_elf_tables().
 */
#include "process/fresh.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#define PAGE 0x1000
#define VECTOR_MAX (8 * PAGE) /* bytes of pointers: some 4,000 arguments and variables */
#define VDSO_SIZE (2 * PAGE)
/* Below the stack pointer the kernel leaves much more, or none at all (RLIMIT_STACK), and nothing else. */
#define STACK_BELOW (2 * PAGE)

/* What the auxiliary vector says; 0: nothing. */
typedef struct {
  guint64 headers;           /* the program's */
  guint64 interpreter, vdso; /* where they are loaded */
} Vector;

static void
take_entry (Vector *vector, guint64 type, guint64 value)
{
  switch (type)
    {
    case AT_PHDR:
      vector->headers = value;
      break;
    case AT_BASE:
      vector->interpreter = value;
      break;
    case AT_SYSINFO_EHDR:
      vector->vdso = value;
      break;
    default:
      break;
    }
}

/* FALSE: it doesn't end within these @n words. */
static gboolean
parse_stack (const guint64 *words, gsize n, Vector *vector)
{
  if (n == 0 || words[0] >= n)
    return FALSE;
  gsize i = 1 + (gsize)words[0] + 1; /* count, arguments, NULL */

  while (i < n && words[i] != 0)
    i++;
  for (i++; i + 1 < n; i += 2)
    {
      if (words[i] == AT_NULL)
        return TRUE;
      take_entry (vector, words[i], words[i + 1]);
    }
  return FALSE;
}

/* To the end of a page at a time, because the stack ends at one. */
static gboolean
read_vector (LpProcess *process, guint64 sp, Vector *vector)
{
  guint64 words[VECTOR_MAX / sizeof (guint64)];
  gsize have = 0, wanted = PAGE - sp % PAGE;

  while (have + wanted <= sizeof words
         && lp_process_read_some (process, sp + have, (char *)words + have, wanted) == wanted)
    {
      have += wanted;
      wanted = PAGE;
      memset (vector, 0, sizeof *vector);
      if (parse_stack (words, have / sizeof (guint64), vector))
        return TRUE;
    }
  return FALSE;
}

static void
add_mapping (GArray *mappings, guint64 start, guint64 end, int prot, const char *name)
{
  LpMapping mapping = { .start = start, .end = end, .prot = prot, .path = name };

  g_array_append_val (mappings, mapping);
}

static int
compare_mappings (gconstpointer a, gconstpointer b)
{
  const LpMapping *x = a, *y = b;

  return x->start < y->start ? -1 : x->start > y->start;
}

/* The program's headers stand behind its ELF header, where every linker puts them. */
static LpModule *
read_program (LpProcess *process, const Vector *vector, GArray *mappings)
{
  guint64 base = vector->headers - sizeof (Elf64_Ehdr);
  LpModule *module = vector->headers > sizeof (Elf64_Ehdr) && base % PAGE == 0
                         ? lp_module_read_at (process, base, mappings)
                         : NULL;

  if (module == NULL || module->program_headers == vector->headers)
    return module;
  lp_module_free (module);
  return NULL;
}

gboolean
lp_fresh_read (LpProcess *process, guint64 sp, gboolean program_only, LpMaps **maps, GPtrArray **modules)
{
  g_autoptr (LpMaps) known = g_new0 (LpMaps, 1);
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_module_free);
  Vector vector;

  known->mappings = g_array_new (FALSE, FALSE, sizeof (LpMapping));
  if (!read_vector (process, sp, &vector))
    return FALSE;
  LpModule *program = read_program (process, &vector, known->mappings);
  gboolean has_interpreter = vector.interpreter != 0 && !program_only;
  LpModule *interpreter
      = has_interpreter ? lp_module_read_at (process, vector.interpreter, known->mappings) : NULL;
  if (program != NULL)
    g_ptr_array_add (found, program);
  if (interpreter != NULL)
    g_ptr_array_add (found, interpreter);
  if (program == NULL || (has_interpreter && interpreter == NULL))
    return FALSE;

  if (vector.vdso != 0)
    add_mapping (known->mappings, vector.vdso, vector.vdso + VDSO_SIZE, PROT_READ | PROT_EXEC, "[vdso]");
  add_mapping (known->mappings, sp / PAGE * PAGE - STACK_BELOW, sp / PAGE * PAGE + PAGE,
               PROT_READ | PROT_WRITE, "[stack]");
  g_array_sort (known->mappings, compare_mappings);
  *maps = g_steal_pointer (&known);
  *modules = g_steal_pointer (&found);
  return TRUE;
}
