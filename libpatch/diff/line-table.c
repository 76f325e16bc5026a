/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The line table of an object file, read with libdwfl, which relocates the debugging sections of an ET_REL in
 * memory. Must not know what the lines are needed for. Source: elfutils, libdwfl.h; DWARF 5 section 6.2. */
#include "diff/line-table.h"

#include <elfutils/libdwfl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"

/* Up to the next row, instructions come from @line; 0 ends a sequence. */
typedef struct {
  Dwarf_Addr address;
  int line;
} Row;

struct LpLineTable {
  Dwfl *dwfl;
  Elf *elf; /* libdwfl's, with the section addresses that it chose */
  GArray *rows;
};

static int
no_debug_file (Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base, const char *file,
               const char *link, GElf_Word crc, char **found)
{
  return -1;
}

static const Dwfl_Callbacks callbacks = {
  .find_debuginfo = no_debug_file,
  .section_address = dwfl_offline_section_address,
};

int
lp_line_table_descriptor (LpElf *elf)
{
  gsize size;
  const guint8 *bytes = g_bytes_get_data (lp_elf_bytes (elf), &size);
  int fd = memfd_create ("syscare-object", MFD_CLOEXEC);

  if (fd >= 0 && !lp_io_write_all (fd, lp_elf_name (elf), bytes, size, NULL))
    lp_fd_clear (&fd);
  return fd;
}

static gint
compare_rows (gconstpointer a, gconstpointer b)
{
  const Row *x = a, *y = b;

  if (x->address != y->address)
    return x->address < y->address ? -1 : 1;
  return (x->line == 0 ? 0 : 1) - (y->line == 0 ? 0 : 1); /* a sequence may begin where another ends */
}

/* By units, not by address: clang writes no .debug_aranges. */
static void
read_rows (LpLineTable *table, Dwfl_Module *module)
{
  Dwarf_Addr bias;
  Dwarf_Die *unit = NULL;

  while ((unit = dwfl_module_nextcu (module, unit, &bias)) != NULL)
    {
      Dwarf_Lines *lines;
      size_t n;
      if (dwarf_getsrclines (unit, &lines, &n) != 0)
        continue;
      for (size_t i = 0; i < n; i++)
        {
          Dwarf_Line *line = dwarf_onesrcline (lines, i);
          Row row = { 0 };
          bool ends = false;
          if (dwarf_lineaddr (line, &row.address) != 0 || dwarf_lineno (line, &row.line) != 0
              || dwarf_lineendsequence (line, &ends) != 0)
            continue;
          if (ends)
            row.line = 0;
          row.address += bias;
          g_array_append_val (table->rows, row);
        }
    }
  g_array_sort (table->rows, compare_rows);
}

LpLineTable *
lp_line_table_new (LpElf *elf)
{
  LpLineTable *table = g_new0 (LpLineTable, 1);
  Dwfl_Module *module = NULL;
  GElf_Addr bias;
  int fd = lp_line_table_descriptor (elf);

  table->rows = g_array_new (FALSE, FALSE, sizeof (Row));
  if (fd < 0)
    return table;
  table->dwfl = dwfl_begin (&callbacks);
  if (table->dwfl != NULL)
    module = dwfl_report_offline (table->dwfl, "object", "object", fd);
  if (module == NULL)
    {
      close (fd); /* else libdwfl owns it */
      return table;
    }
  dwfl_report_end (table->dwfl, NULL, NULL);
  table->elf = dwfl_module_getelf (module, &bias);
  read_rows (table, module);
  return table;
}

void
lp_line_table_free (LpLineTable *table)
{
  if (table == NULL)
    return;
  if (table->dwfl != NULL)
    dwfl_end (table->dwfl);
  g_array_unref (table->rows);
  g_free (table);
}

int
lp_line_table_at (LpLineTable *table, guint section, guint64 offset)
{
  GElf_Shdr header;
  Elf_Scn *scn = table->elf != NULL ? elf_getscn (table->elf, section) : NULL;
  guint low = 0, high = table->rows->len;

  if (scn == NULL || gelf_getshdr (scn, &header) == NULL)
    return 0;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (g_array_index (table->rows, Row, middle).address <= header.sh_addr + offset)
        low = middle + 1;
      else
        high = middle;
    }
  return low > 0 ? g_array_index (table->rows, Row, low - 1).line : 0;
}
