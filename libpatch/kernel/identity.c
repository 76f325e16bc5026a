/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the marks of identity of the running kernel, its modules, and module files. Changes nothing. */
#include "kernel/identity.h"

#include <elf.h>
#include <string.h>
#include <sys/utsname.h>

/* Notes are padded to this (gABI, "Note Section"; all 64-bit kernels use 4). */
#define NOTE_ALIGN(size) (((gsize)(size) + 3) & ~(gsize)3)

char *
lp_kernel_release (void)
{
  struct utsname kernel;

  return g_strdup (uname (&kernel) == 0 ? kernel.release : "");
}

static char *
to_hex (const guint8 *bytes, gsize size)
{
  GString *text = g_string_sized_new (2 * size);

  for (gsize i = 0; i < size; i++)
    g_string_append_printf (text, "%02x", bytes[i]);
  return g_string_free (text, FALSE);
}

/* The GNU Build-ID among the notes in @data, hex, or NULL. */
static char *
find_build_id (const guint8 *data, gsize size)
{
  gsize at = 0;

  while (size - at >= sizeof (Elf64_Nhdr))
    {
      Elf64_Nhdr note;
      memcpy (&note, data + at, sizeof note);
      gsize name = at + sizeof note, content = name + NOTE_ALIGN (note.n_namesz);
      gsize end = content + NOTE_ALIGN (note.n_descsz);
      if (content > size || end > size)
        return NULL;
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof ELF_NOTE_GNU
          && memcmp (data + name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0)
        return to_hex (data + content, note.n_descsz);
      at = end;
    }
  return NULL;
}

char *
lp_kernel_build_id (const LpKernelPaths *paths, const char *object)
{
  g_autofree char *path
      = strcmp (object, "vmlinux") == 0
            ? g_build_filename (paths->sysfs, "kernel", "notes", NULL)
            : g_build_filename (paths->sysfs, "module", object, "notes", ".note.gnu.build-id", NULL);
  g_autofree char *data = NULL;
  gsize size = 0;

  if (!g_file_get_contents (path, &data, &size, NULL))
    return NULL;
  return find_build_id ((const guint8 *)data, size);
}

/* Whether @path is the file of module @name: in file names "-" may stand for "_" (modprobe(8)). */
static gboolean
is_module_file (const char *path, const char *name)
{
  g_autofree char *base = g_path_get_basename (path);

  g_strdelimit (base, "-", '_');
  gsize length = strlen (name);
  return strncmp (base, name, length) == 0 && g_str_has_prefix (base + length, ".ko");
}

char *
lp_kernel_module_file (const char *folder, const char *name)
{
  g_autofree char *list = g_build_filename (folder, "modules.dep", NULL);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (list, &text, NULL, NULL))
    return NULL;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      lines[i][strcspn (lines[i], ":")] = '\0';
      if (is_module_file (lines[i], name))
        return g_path_is_absolute (lines[i]) ? g_strdup (lines[i])
                                             : g_build_filename (folder, lines[i], NULL);
    }
  return NULL;
}

const char *
lp_module_info (const LpElf *module, const char *key)
{
  const LpElfSection *section = lp_elf_section_by_name (module, ".modinfo");
  gsize size = 0, length = strlen (key);
  const char *data = section != NULL ? (const char *)lp_elf_section_data (module, section, &size) : NULL;

  /* KEY=VALUE strings, each with its NUL, with NULs between them. */
  for (gsize at = 0; data != NULL && at < size;)
    {
      gsize n = strnlen (data + at, size - at);
      if (at + n == size)
        return NULL; /* not terminated */
      if (n > length && strncmp (data + at, key, length) == 0 && data[at + length] == '=')
        return data + at + length + 1;
      at += n + 1;
    }
  return NULL;
}
