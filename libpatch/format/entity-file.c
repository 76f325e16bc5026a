/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes the ELF file of an entity whose image is laid out: headers, note, .eh_frame_hdr, tables, debug
 * symbols. Must not know what the pieces are for. Offsets in the file equal image addresses up to the end of
 * the data. */
#include "format/entity-writer-private.h"

#include <string.h>

#include "base/span.h"

/* Pointer encodings of .eh_frame_hdr; LSB Core, "DWARF Exception Header Encoding". */
#define EH_PE_UDATA4 0x03
#define EH_PE_SDATA4 0x0b
#define EH_PE_PCREL 0x10
#define EH_PE_DATAREL 0x30

typedef struct {
  GByteArray *file;
  GArray *headers; /* Elf64_Shdr */
  LpWriterStrings names;
  guint part_sections[LP_ENTITY_N_PARTS]; /* section index of each part, 0 when it is empty */
} Output;

static void
grow_to (GByteArray *file, guint64 size)
{
  guint before = file->len;

  g_assert (size >= before);
  g_byte_array_set_size (file, size);
  memset (file->data + before, 0, size - before);
}

static void
put (GByteArray *file, guint64 offset, gconstpointer bytes, gsize size)
{
  if (file->len < offset + size)
    grow_to (file, offset + size);
  if (size > 0)
    memcpy (file->data + offset, bytes, size);
}

static guint
add_section (Output *output, const char *name, const Elf64_Shdr *header)
{
  Elf64_Shdr copy = *header;

  copy.sh_name = lp_writer_strings_add (&output->names, name);
  g_array_append_val (output->headers, copy);
  return output->headers->len - 1;
}

/* A section that isn't loaded, at the end of the file so far. */
static guint
append_section (Output *output, const char *name, guint32 type, gconstpointer bytes, gsize size,
                guint64 entry_size)
{
  guint64 offset = lp_align_up (output->file->len, 8);

  put (output->file, offset, bytes, size);
  return add_section (output, name,
                      &(Elf64_Shdr){ .sh_type = type,
                                     .sh_offset = offset,
                                     .sh_size = size,
                                     .sh_addralign = 8,
                                     .sh_entsize = entry_size });
}

/* Rows sorted by the address of the code, as the search needs it. */
typedef struct {
  gint32 code;
  gint32 fde;
} FrameRow;

static int
compare_rows (gconstpointer a, gconstpointer b)
{
  const FrameRow *left = a;
  const FrameRow *right = b;

  return left->code < right->code ? -1 : left->code > right->code;
}

static guint64
piece_address (const LpEntityWriter *writer, guint index)
{
  const LpWriterPiece *piece = &g_array_index (writer->pieces, LpWriterPiece, index);

  return writer->parts[piece->part].address + piece->offset;
}

static void
put_frame_header (const LpEntityWriter *writer, Output *output)
{
  const guint8 encodings[4]
      = { 1 /* version */, EH_PE_PCREL | EH_PE_SDATA4, EH_PE_UDATA4, EH_PE_DATAREL | EH_PE_SDATA4 };
  guint64 base = writer->frame_header_address;
  gint32 frames = writer->parts[LP_ENTITY_EH_FRAME].address - (base + 4);
  guint32 n = writer->fdes->len;
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (FrameRow));

  for (guint i = 0; i < n; i++)
    {
      const LpWriterFde *fde = &g_array_index (writer->fdes, LpWriterFde, i);
      FrameRow row = {
        .code = (gint64)(piece_address (writer, fde->text) + fde->text_offset - base),
        .fde = (gint64)(piece_address (writer, fde->frame) + fde->frame_offset - base),
      };
      g_array_append_val (rows, row);
    }
  g_array_sort (rows, compare_rows);
  put (output->file, base, encodings, sizeof encodings);
  put (output->file, base + 4, &frames, sizeof frames);
  put (output->file, base + 8, &n, sizeof n);
  put (output->file, base + 12, rows->data, rows->len * sizeof (FrameRow));
  add_section (output, ".eh_frame_hdr",
               &(Elf64_Shdr){ .sh_type = SHT_PROGBITS,
                              .sh_flags = SHF_ALLOC,
                              .sh_addr = base,
                              .sh_offset = base,
                              .sh_size = writer->frame_header_size,
                              .sh_addralign = 4 });
}

static void
put_part (const LpEntityWriter *writer, Output *output, LpEntityPart index)
{
  static const struct {
    const char *name;
    guint64 flags;
  } kinds[LP_ENTITY_N_PARTS] = {
    [LP_ENTITY_TEXT] = { ".text", SHF_ALLOC | SHF_EXECINSTR },
    [LP_ENTITY_RODATA] = { ".rodata", SHF_ALLOC },
    [LP_ENTITY_EH_FRAME] = { ".eh_frame", SHF_ALLOC },
    [LP_ENTITY_GOT] = { ".got", SHF_ALLOC },
    [LP_ENTITY_DATA] = { ".data", SHF_ALLOC | SHF_WRITE },
    [LP_ENTITY_BSS] = { ".bss", SHF_ALLOC | SHF_WRITE },
  };
  const LpWriterPart *part = &writer->parts[index];

  if (part->size == 0)
    return;
  if (part->bytes != NULL)
    put (output->file, part->address, part->bytes->data, part->size);
  /* .bss has no bytes; its offset is where the data ends. */
  output->part_sections[index]
      = add_section (output, kinds[index].name,
                     &(Elf64_Shdr){ .sh_type = part->bytes != NULL ? SHT_PROGBITS : SHT_NOBITS,
                                    .sh_flags = kinds[index].flags,
                                    .sh_addr = part->address,
                                    .sh_offset = part->bytes != NULL ? part->address : writer->data_file_end,
                                    .sh_size = part->size,
                                    .sh_addralign = part->align,
                                    .sh_entsize = index == LP_ENTITY_GOT ? 8 : 0 });
}

static void
put_sites (const LpEntityWriter *writer, Output *output)
{
  guint64 address = writer->identity.sites;
  guint64 size = writer->n_functions * sizeof (LpEntitySite);

  for (guint i = 0; i < writer->n_functions; i++)
    {
      const LpEntityFunction *function = &g_array_index (writer->functions, LpEntityFunction, i);
      LpEntitySite site
          = { .site = function->old_address + function->site_offset, .stub = function->stub_address };
      put (output->file, address + i * sizeof site, &site, sizeof site);
    }
  add_section (output, SECTION_SITES,
               &(Elf64_Shdr){ .sh_type = SHT_PROGBITS,
                              .sh_flags = SHF_ALLOC,
                              .sh_addr = address,
                              .sh_offset = address,
                              .sh_size = size,
                              .sh_addralign = 8,
                              .sh_entsize = sizeof (LpEntitySite) });
}

static void
put_image (const LpEntityWriter *writer, Output *output)
{
  LpEntityNote note = {
    .header = { .n_namesz = sizeof note.name, .n_descsz = sizeof note.identity, .n_type = LP_ENTITY_NOTE },
    .name = LP_ENTITY_NOTE_NAME,
    .identity = writer->identity,
  };

  put (output->file, LP_ENTITY_NOTE_OFFSET, &note, sizeof note);
  add_section (output, ".note.syscare",
               &(Elf64_Shdr){ .sh_type = SHT_NOTE,
                              .sh_flags = SHF_ALLOC,
                              .sh_addr = LP_ENTITY_NOTE_OFFSET,
                              .sh_offset = LP_ENTITY_NOTE_OFFSET,
                              .sh_size = sizeof note,
                              .sh_addralign = 4 });
  put_sites (writer, output);
  put_part (writer, output, LP_ENTITY_GOT);
  put_part (writer, output, LP_ENTITY_TEXT);
  put_part (writer, output, LP_ENTITY_RODATA);
  if (writer->frame_header_size > 0)
    put_frame_header (writer, output);
  put_part (writer, output, LP_ENTITY_EH_FRAME);
  if (output->file->len < writer->text_end)
    grow_to (output->file, writer->text_end);
  if (writer->data_end > 0)
    grow_to (output->file, writer->data_start);
  put_part (writer, output, LP_ENTITY_DATA);
  put_part (writer, output, LP_ENTITY_BSS);
}

static void
put_tables (const LpEntityWriter *writer, Output *output)
{
  const struct {
    const char *name;
    const GArray *array;
  } tables[] = {
    { SECTION_FUNCTIONS, writer->functions },
    { SECTION_RANGES, writer->ranges },
    { SECTION_SYMBOLS, writer->symbols },
    { SECTION_RELOCATIONS, writer->relocations },
  };

  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    {
      gsize entry_size = g_array_get_element_size ((GArray *)tables[i].array);
      append_section (output, tables[i].name, SHT_PROGBITS, tables[i].array->data,
                      tables[i].array->len * entry_size, entry_size);
    }
  append_section (output, SECTION_STRINGS, SHT_PROGBITS, writer->strings.bytes->data,
                  writer->strings.bytes->len, 0);
}

static void
put_debug_symbols (const LpEntityWriter *writer, Output *output)
{
  g_autoptr (GArray) symbols = g_array_new (FALSE, TRUE, sizeof (Elf64_Sym));

  g_array_set_size (symbols, 1); /* the null symbol */
  for (guint i = 0; i < writer->debug_symbols->len; i++)
    {
      const LpWriterDebugSymbol *symbol = &g_array_index (writer->debug_symbols, LpWriterDebugSymbol, i);
      LpEntityPart part = g_array_index (writer->pieces, LpWriterPiece, symbol->piece).part;
      Elf64_Sym raw = {
        .st_name = symbol->name,
        .st_info = ELF64_ST_INFO (STB_LOCAL, symbol->type),
        .st_shndx = output->part_sections[part],
        .st_value = piece_address (writer, symbol->piece) + symbol->offset,
        .st_size = symbol->size,
      };
      g_array_append_val (symbols, raw);
    }

  guint table = append_section (output, ".symtab", SHT_SYMTAB, symbols->data,
                                symbols->len * sizeof (Elf64_Sym), sizeof (Elf64_Sym));
  guint strings = append_section (output, ".strtab", SHT_STRTAB, writer->debug_strings.bytes->data,
                                  writer->debug_strings.bytes->len, 0);
  Elf64_Shdr *header = &g_array_index (output->headers, Elf64_Shdr, table);
  header->sh_link = strings;
  header->sh_info = symbols->len; /* all are local */
}

static void
put_segments (const LpEntityWriter *writer, Output *output, guint64 offset)
{
  g_autoptr (GArray) segments = g_array_new (FALSE, TRUE, sizeof (Elf64_Phdr));
  guint64 data_align = MAX (writer->page_size,
                            MAX (writer->parts[LP_ENTITY_DATA].align, writer->parts[LP_ENTITY_BSS].align));
  Elf64_Phdr code = { .p_type = PT_LOAD,
                      .p_flags = PF_R | PF_X,
                      .p_filesz = writer->text_end,
                      .p_memsz = writer->text_end,
                      .p_align = writer->page_size };
  Elf64_Phdr data = { .p_type = PT_LOAD,
                      .p_flags = PF_R | PF_W,
                      .p_offset = writer->data_start,
                      .p_vaddr = writer->data_start,
                      .p_paddr = writer->data_start,
                      .p_filesz = writer->data_file_end - writer->data_start,
                      .p_memsz = writer->data_end - writer->data_start,
                      .p_align = data_align };
  Elf64_Phdr note = { .p_type = PT_NOTE,
                      .p_flags = PF_R,
                      .p_offset = LP_ENTITY_NOTE_OFFSET,
                      .p_vaddr = LP_ENTITY_NOTE_OFFSET,
                      .p_paddr = LP_ENTITY_NOTE_OFFSET,
                      .p_filesz = sizeof (LpEntityNote),
                      .p_memsz = sizeof (LpEntityNote),
                      .p_align = 4 };
  Elf64_Phdr frames = { .p_type = PT_GNU_EH_FRAME,
                        .p_flags = PF_R,
                        .p_offset = writer->frame_header_address,
                        .p_vaddr = writer->frame_header_address,
                        .p_paddr = writer->frame_header_address,
                        .p_filesz = writer->frame_header_size,
                        .p_memsz = writer->frame_header_size,
                        .p_align = 4 };

  g_array_append_val (segments, code);
  if (writer->data_end > 0)
    g_array_append_val (segments, data);
  g_array_append_val (segments, note);
  if (writer->frame_header_size > 0)
    g_array_append_val (segments, frames);
  g_assert (segments->len == writer->n_segments);
  put (output->file, offset, segments->data, segments->len * sizeof (Elf64_Phdr));
}

static void
put_headers (const LpEntityWriter *writer, Output *output)
{
  guint64 segments = lp_align_up (LP_ENTITY_NOTE_OFFSET + sizeof (LpEntityNote), 8);
  guint names = add_section (output, ".shstrtab", &(Elf64_Shdr){ .sh_type = SHT_STRTAB, .sh_addralign = 1 });
  Elf64_Shdr *header = &g_array_index (output->headers, Elf64_Shdr, names);

  header->sh_offset = output->file->len;
  header->sh_size = output->names.bytes->len;
  put (output->file, header->sh_offset, output->names.bytes->data, output->names.bytes->len);

  guint64 sections = lp_align_up (output->file->len, 8);
  put (output->file, sections, output->headers->data, output->headers->len * sizeof (Elf64_Shdr));
  put_segments (writer, output, segments);
  Elf64_Ehdr elf = {
    .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
    .e_type = ET_DYN,
    .e_machine = writer->machine,
    .e_version = EV_CURRENT,
    .e_phoff = segments,
    .e_shoff = sections,
    .e_ehsize = sizeof elf,
    .e_phentsize = sizeof (Elf64_Phdr),
    .e_phnum = writer->n_segments,
    .e_shentsize = sizeof (Elf64_Shdr),
    .e_shnum = output->headers->len,
    .e_shstrndx = names,
  };
  put (output->file, 0, &elf, sizeof elf);
}

GBytes *
lp_writer_make_file (LpEntityWriter *writer)
{
  Output output = { .file = g_byte_array_new (), .headers = g_array_new (FALSE, TRUE, sizeof (Elf64_Shdr)) };

  lp_writer_strings_init (&output.names);
  g_array_set_size (output.headers, 1); /* the null section */
  put_image (writer, &output);
  put_tables (writer, &output);
  put_debug_symbols (writer, &output);
  put_headers (writer, &output);
  lp_writer_strings_clear (&output.names);
  g_array_unref (output.headers);
  return g_byte_array_free_to_bytes (output.file);
}
