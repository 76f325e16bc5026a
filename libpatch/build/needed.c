/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding the libraries of DT_NEEDED; see needed.h. Sources: gABI chapter 5 (dynamic section), ldconfig(8).
 */

#include "config.h"

#include "build/needed.h"

#include "base/error.h"
#include "build/command.h"

#include <string.h>

/* Values of @tag in the dynamic section of @elf, in their order; borrowed strings. */
static GPtrArray *
dynamic_strings (LpElf *elf, gint64 tag, GError **error)
{
  g_autoptr (GPtrArray) values = g_ptr_array_new ();
  const LpElfSection *dynamic = lp_elf_section_by_name (elf, ".dynamic");
  guint n_sections;
  const LpElfSection *sections = lp_elf_sections (elf, &n_sections);
  gsize size = 0, strings_size = 0;
  const guint8 *bytes = dynamic != NULL ? lp_elf_section_data (elf, dynamic, &size) : NULL;
  const guint8 *strings = dynamic != NULL && dynamic->link < n_sections
                              ? lp_elf_section_data (elf, &sections[dynamic->link], &strings_size)
                              : NULL;

  for (gsize at = 0; bytes != NULL && sizeof (Elf64_Dyn) <= size - at; at += sizeof (Elf64_Dyn))
    {
      Elf64_Dyn entry;
      memcpy (&entry, bytes + at, sizeof entry);
      if (entry.d_tag == DT_NULL)
        break;
      if (entry.d_tag != tag)
        continue;
      guint64 start = entry.d_un.d_val;
      if (strings == NULL || start >= strings_size
          || memchr (strings + start, '\0', strings_size - start) == NULL)
        {
          lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s: .dynamic names a string outside its table",
                        lp_elf_name (elf));
          return NULL;
        }
      g_ptr_array_add (values, (gpointer)(strings + start));
    }
  return g_steal_pointer (&values);
}

/* @path as a library of the name @soname for @elf's machine, or NULL. */
static LpElf *
open_library (const char *path, const char *soname, LpElf *elf)
{
  g_autoptr (LpElf) library = lp_elf_open (path, NULL);

  if (library == NULL || lp_elf_header (library)->e_machine != lp_elf_header (elf)->e_machine
      || lp_elf_header (library)->e_type != ET_DYN)
    return NULL;
  g_autoptr (GPtrArray) names = dynamic_strings (library, DT_SONAME, NULL);
  if (names == NULL || names->len != 1 || strcmp (g_ptr_array_index (names, 0), soname) != 0)
    return NULL;
  return g_steal_pointer (&library);
}

/* The latest library of that name that the build linked. */
static LpElf *
library_of_build (const LpTrace *trace, const char *soname, LpElf *elf)
{
  for (guint i = trace->links->len; i > 0; i--)
    {
      const LpTraceLink *link = g_ptr_array_index (trace->links, i - 1);
      g_autofree char *base = g_path_get_basename (link->path);
      if (link->relocatable || !g_str_has_prefix (base, "lib"))
        continue;
      LpElf *library = open_library (link->kept, soname, elf);
      if (library != NULL)
        return library;
    }
  return NULL;
}

/* One line of the linker's cache: "libc.so.6 (libc6,x86-64) => /lib/x86_64-linux-gnu/libc.so.6". */
static LpElf *
library_of_line (const char *line, const char *soname, LpElf *elf)
{
  const char *start = line + strspn (line, " \t"), *arrow = strstr (start, " => ");
  gsize length = strlen (soname);

  if (arrow == NULL || strncmp (start, soname, length) != 0 || start[length] != ' ')
    return NULL;
  return open_library (arrow + strlen (" => "), soname, elf);
}

/* What the machine's dynamic linker has in its cache; empty where there is no such cache. */
static GStrv
read_cache (void)
{
  const char *const argv[] = { "ldconfig", "-p", NULL };
  g_auto (GStrv) environment = lp_command_environment ("/nonexistent");
  g_autofree char *output
      = lp_command_output (argv, (const char *const *)environment, "/", /* cancellable= */ NULL, NULL);

  return g_strsplit (output != NULL ? output : "", "\n", -1);
}

GPtrArray *
lp_build_needed (const LpTrace *trace, LpElf *elf, GError **error)
{
  g_autoptr (GPtrArray) libraries = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_elf_unref);
  g_autoptr (GPtrArray) names = dynamic_strings (elf, DT_NEEDED, error);
  g_auto (GStrv) cache = NULL;

  if (names == NULL)
    return NULL;
  for (guint i = 0; i < names->len; i++)
    {
      const char *soname = g_ptr_array_index (names, i);
      LpElf *library = library_of_build (trace, soname, elf);
      if (library == NULL && cache == NULL)
        cache = read_cache ();
      for (guint k = 0; library == NULL && cache[k] != NULL; k++)
        library = library_of_line (cache[k], soname, elf);
      if (library != NULL)
        g_ptr_array_add (libraries, library);
    }
  return g_steal_pointer (&libraries);
}
