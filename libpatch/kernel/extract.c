/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies selected pieces, constants and entries into a new object; relocations are turned to where their
 * targets are now. */
#include "kernel/extract.h"

#include <string.h>

#include "base/error.h"
#include "kernel/entries.h"
#include "kernel/object-writer.h"

/* A reference to the old one of a name that the object defines anew. */
#define OLD_PREFIX "syscare.old."
#define STATIC_CALL_TRAMPOLINE "__SCT__"
#define STATIC_CALL_KEY "__SCK__"
#define PER_CPU ".data..percpu"

/* Where something of the patched object is in the new one. */
typedef struct {
  guint section;
  guint64 start;
} Place;

typedef struct {
  LpKernelUnit *unit;
  LpObjectWriter *writer;
  GHashTable *pieces;    /* LpPiece -> Place: selected ones */
  GHashTable *constants; /* "index:start" of MERGED and pool pieces -> Place */
  GHashTable *handles;   /* LpPiece -> handle of its symbol */
  GHashTable *sections;  /* section -> handle of its symbol */
  GHashTable *undefined; /* name -> handle */
  GHashTable *defined;   /* set of names */
  LpKernelExtract *extract;
  GError *failed; /* the first thing that went wrong while a constant was copied */
} Extraction;

static gboolean
knows_symbol (const LpObject *object, const char *name)
{
  for (guint i = 1; i < object->n_symbols; i++)
    if (g_strcmp0 (object->symbols[i].name, name) == 0)
      return TRUE;
  return FALSE;
}

static guint
section_for (Extraction *ex, const LpElfSection *like, const char *name)
{
  guint section = lp_object_writer_find_section (ex->writer, name);

  if (section != 0)
    return section;
  section = lp_object_writer_section (ex->writer, name, like->type,
                                      like->flags & ~(guint64)(SHF_GROUP | SHF_LINK_ORDER), like->align,
                                      like->entry_size);
  guint handle
      = lp_object_writer_symbol (ex->writer, &(LpObjectSymbol){ "", STB_LOCAL, STT_SECTION, STV_DEFAULT,
                                                                (guint16)section, 0, 0 });
  g_hash_table_insert (ex->sections, GUINT_TO_POINTER (section), GUINT_TO_POINTER (handle));
  return section;
}

static Place *
place_new (guint section, guint64 start)
{
  Place *place = g_new (Place, 1);

  *place = (Place){ section, start };
  return place;
}

/* What a piece at @start of a section aligned to @align is aligned to itself. */
static guint64
alignment_at (guint64 start, guint64 align)
{
  while (align > 1 && start % align != 0)
    align /= 2;
  return MAX (align, 1);
}

static void
add_piece_symbol (Extraction *ex, const LpPiece *piece, const Place *place)
{
  gboolean is_new_global = piece->peer == NULL && piece->symbol->bind != STB_LOCAL;
  LpObjectSymbol symbol = { .name = piece->name,
                            .bind = is_new_global ? piece->symbol->bind : STB_LOCAL,
                            .type = piece->symbol->type,
                            .visibility = piece->symbol->visibility,
                            .shndx = (guint16)place->section,
                            .value = place->start,
                            .size = piece->symbol->size };

  g_hash_table_insert (ex->handles, (gpointer)piece,
                       GUINT_TO_POINTER (lp_object_writer_symbol (ex->writer, &symbol)));
  g_hash_table_add (ex->defined, (gpointer)piece->name);
}

/* The module loader knows sections by their names: those of code where no probe may be set, and one of
 * per-cpu variables, of which code that is built in has several. */
static char *
section_name (const LpPiece *piece)
{
  const char *name = piece->header != NULL ? piece->header->name : ".bss";

  if (g_str_has_prefix (name, PER_CPU))
    return g_strdup (PER_CPU);
  if (piece->kind == LP_PIECE_FUNCTION && !g_str_has_prefix (name, ".text")
      && strcmp (name, ".kprobes.text") != 0 && strcmp (name, ".noinstr.text") != 0)
    return g_strconcat (".text.", piece->name, NULL);
  return g_strdup (name);
}

static void
add_piece (Extraction *ex, LpPiece *piece)
{
  static const LpElfSection common = { .type = SHT_NOBITS, .flags = SHF_ALLOC | SHF_WRITE };
  const LpElfSection *like = piece->header != NULL ? piece->header : &common;
  g_autofree char *name = section_name (piece);
  guint64 align
      = piece->header != NULL ? alignment_at (piece->start - piece->lead, like->align) : piece->symbol->value;
  guint section = section_for (ex, like, name);
  const guint8 *bytes = piece->bytes != NULL ? piece->bytes - piece->lead : NULL;
  guint64 at = lp_object_writer_append (ex->writer, section, bytes, piece->lead + piece->size, align);
  Place *place = place_new (section, at + piece->lead);

  g_hash_table_insert (ex->pieces, piece, place);
  if (piece->symbol != NULL)
    add_piece_symbol (ex, piece, place);
}

static guint
undefined_handle (Extraction *ex, const char *name, LpPiece *old)
{
  g_autofree char *mangled
      = g_hash_table_contains (ex->defined, name) ? g_strconcat (OLD_PREFIX, name, NULL) : g_strdup (name);
  gpointer handle = g_hash_table_lookup (ex->undefined, mangled);

  if (handle != NULL)
    return GPOINTER_TO_UINT (handle);
  LpObjectSymbol symbol = { .name = mangled, .bind = STB_GLOBAL, .type = STT_NOTYPE, .shndx = SHN_UNDEF };
  LpKernelNeed *need = g_new (LpKernelNeed, 1);
  *need = (LpKernelNeed){ name, old };
  handle = GUINT_TO_POINTER (lp_object_writer_symbol (ex->writer, &symbol));
  g_hash_table_insert (ex->extract->needs, g_strdup (mangled), need);
  g_hash_table_insert (ex->undefined, g_strdup (mangled), handle);
  /* objtool looks for the key by name when it sees a call of the trampoline. A module may know the trampoline
   * alone (EXPORT_STATIC_CALL_TRAMP): then the site names that, and the kernel finds the key as it loads. */
  if (g_str_has_prefix (name, STATIC_CALL_TRAMPOLINE))
    {
      g_autofree char *key = g_strconcat (STATIC_CALL_KEY, name + strlen (STATIC_CALL_TRAMPOLINE), NULL);
      if (knows_symbol (ex->unit->patched, key))
        undefined_handle (ex, g_intern_string (key), NULL);
    }
  return GPOINTER_TO_UINT (handle);
}

static void relocate_range (Extraction *ex, LpPiece *piece, guint64 start, guint64 end, const Place *place);

/* Where the string, constant or piece that @destination means is; makes it when it isn't there yet. @base:
 * (out): its start in the patched piece. */
static const Place *
find_copy (Extraction *ex, const LpKernelDestination *destination, guint64 *base)
{
  LpPiece *piece = destination->piece;
  const Place *place = g_hash_table_lookup (ex->pieces, piece);
  LpKernelRange range;

  *base = 0;
  if (place != NULL)
    return place;
  if (piece->kind == LP_PIECE_MERGED)
    {
      gsize size = lp_piece_element (piece, destination->at, &range.start);
      range.end = range.start + size;
      if (size == 0)
        return NULL;
    }
  else if (piece->is_pool)
    {
      /* Code is meant as a whole, wherever in it. */
      const LpKernelRange *code = (piece->header->flags & SHF_EXECINSTR) != 0
                                      ? lp_kernel_unit_range (ex->unit, piece, destination->at)
                                      : NULL;
      range = code != NULL ? *code : lp_kernel_range_at (piece, destination->at);
    }
  else
    return NULL;

  *base = range.start;
  g_autofree char *key = g_strdup_printf ("%u:%" G_GUINT64_FORMAT, piece->index, range.start);
  place = g_hash_table_lookup (ex->constants, key);
  if (place != NULL)
    return place;
  guint section = section_for (ex, piece->header, piece->header->name);
  guint64 align = (piece->header->flags & SHF_STRINGS) != 0
                      ? piece->header->align
                      : alignment_at (range.start, piece->header->align);
  const guint8 *bytes = piece->bytes != NULL ? piece->bytes + range.start : NULL;
  Place *made = place_new (section, lp_object_writer_append (ex->writer, section, bytes,
                                                             range.end - range.start, align));
  g_hash_table_insert (ex->constants, g_steal_pointer (&key), made);
  relocate_range (ex, piece, range.start, range.end, made);
  return made;
}

static gboolean
relocate (Extraction *ex, LpPiece *from, const LpElfRelocation *relocation, guint section, guint64 offset,
          GError **error)
{
  LpKernelDestination destination;
  guint64 base;

  if (!lp_kernel_unit_destination (ex->unit, from, relocation, &destination, error))
    return FALSE;
  if (destination.kind == LP_KERNEL_TO_SHIPPED)
    {
      guint handle = undefined_handle (ex, destination.name, destination.old);
      lp_object_writer_relocation (ex->writer, section, NULL, offset, relocation->type, handle,
                                   destination.offset);
      return TRUE;
    }
  const Place *place = find_copy (ex, &destination, &base);
  if (place == NULL)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL,
                    "%s: %s refers to %s+%" G_GINT64_FORMAT ", which isn't in the patch", ex->unit->source,
                    from != NULL ? from->name : "an entry of a special section", destination.piece->name,
                    destination.at);
      return FALSE;
    }
  /* A name where the compiler used one, so that objtool and people see calls of functions. */
  gpointer handle = ex->unit->patched->symbols[relocation->symbol].type != STT_SECTION
                        ? g_hash_table_lookup (ex->handles, destination.piece)
                        : NULL;
  gint64 addend = destination.offset - (gint64)base;
  if (handle == NULL)
    {
      handle = g_hash_table_lookup (ex->sections, GUINT_TO_POINTER (place->section));
      addend += (gint64)place->start;
    }
  lp_object_writer_relocation (ex->writer, section, NULL, offset, relocation->type, GPOINTER_TO_UINT (handle),
                               addend);
  return TRUE;
}

static void
relocate_range (Extraction *ex, LpPiece *piece, guint64 start, guint64 end, const Place *place)
{
  for (guint i = 0; i < piece->relocations->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (piece->relocations, LpElfRelocation, i);
      guint64 at = r->offset - piece->start;
      if (at >= start && at < end && ex->failed == NULL)
        relocate (ex, piece, r, place->section, place->start + at - start, &ex->failed);
    }
}

static gboolean
relocate_piece (Extraction *ex, LpPiece *piece, GError **error)
{
  const Place *place = g_hash_table_lookup (ex->pieces, piece);

  for (guint i = 0; i < piece->relocations->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (piece->relocations, LpElfRelocation, i);
      if (!relocate (ex, piece, r, place->section, place->start + r->offset - piece->start, error))
        return FALSE;
    }
  return TRUE;
}

/* Bytes [@start, @start + @size) of a section that isn't cut into pieces. */
static guint64
copy_bytes (Extraction *ex, guint index, guint64 start, guint64 size, guint *section)
{
  guint n;
  gsize available;
  const LpElfSection *like = &lp_elf_sections (ex->unit->patched->elf, &n)[index];
  const guint8 *bytes = lp_elf_section_data (ex->unit->patched->elf, like, &available);

  *section = section_for (ex, like, like->name);
  return lp_object_writer_append (ex->writer, *section, bytes != NULL ? bytes + start : NULL, size,
                                  alignment_at (start, like->align));
}

/* The replacement code of an alternative, and the entry's reference to it. */
static gboolean
add_replacement (Extraction *ex, const LpSpecialEntry *entry, const LpElfRelocation *reference, guint section,
                 guint64 offset, GError **error)
{
  guint index, target;
  guint64 start, size;
  GArray *relocations = lp_entry_replacement (ex->unit->patched, entry, &index, &start, &size, error);

  if (relocations == NULL)
    return FALSE;
  LpPiece *from = lp_object_piece_at (ex->unit->patched, index, (gint64)start);
  g_autofree char *key = g_strdup_printf ("%u:%" G_GUINT64_FORMAT, from->index, start);
  guint64 copy = copy_bytes (ex, index, start, size, &target);
  if (size > 0 && !g_hash_table_contains (ex->constants, key))
    g_hash_table_insert (ex->constants, g_steal_pointer (&key), place_new (target, copy));
  gpointer handle = g_hash_table_lookup (ex->sections, GUINT_TO_POINTER (target));
  lp_object_writer_relocation (ex->writer, section, NULL, offset, reference->type, GPOINTER_TO_UINT (handle),
                               (gint64)copy);
  for (guint i = 0; i < relocations->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (relocations, LpElfRelocation, i);
      if (r->offset >= start && r->offset < start + size
          && !relocate (ex, from, r, target, copy + r->offset - start, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
add_entry (Extraction *ex, const LpSpecialEntry *entry, GError **error)
{
  GArray *relocations = lp_elf_relocations (ex->unit->patched->elf, entry->section, error);
  gboolean is_alternative = strcmp (entry->table->name, ".altinstructions") == 0;
  guint section;

  if (relocations == NULL)
    return FALSE;
  guint64 at = copy_bytes (ex, entry->section, entry->start, entry->size, &section);
  for (guint i = 0; i < entry->n; i++)
    {
      const LpElfRelocation *r = &g_array_index (relocations, LpElfRelocation, entry->first + i);
      guint64 offset = at + r->offset - entry->start;
      gboolean ok = is_alternative && i == 1 ? add_replacement (ex, entry, r, section, offset, error)
                                             : relocate (ex, NULL, r, section, offset, error);
      if (!ok)
        return FALSE;
    }
  return TRUE;
}

/* In the order of the tables, which @kept isn't in. */
static gboolean
add_entries (Extraction *ex, gboolean alternatives, GError **error)
{
  const LpKernelUnit *unit = ex->unit;

  for (guint i = 0; i < unit->entries->len; i++)
    {
      const LpSpecialEntry *entry = &g_array_index (unit->entries, LpSpecialEntry, i);
      gboolean is_kept = (strcmp (entry->table->name, ".altinstructions") == 0) == alternatives;
      for (guint k = 0; is_kept && k < unit->kept->len; k++)
        if (g_array_index (unit->kept, guint, k) == i && !add_entry (ex, entry, error))
          return FALSE;
    }
  return TRUE;
}

static gboolean
fill (Extraction *ex, GError **error)
{
  LpKernelUnit *unit = ex->unit;

  for (guint i = 0; i < unit->selected->len; i++)
    add_piece (ex, unit->selected->pdata[i]);
  for (guint i = 0; i < unit->selected->len; i++)
    if (!relocate_piece (ex, unit->selected->pdata[i], error))
      return FALSE;
  /* Others are about replacement code, which alternatives bring. */
  if (!add_entries (ex, TRUE, error) || !add_entries (ex, FALSE, error))
    return FALSE;
  ex->extract->n_entries = unit->kept->len;
  return TRUE;
}

LpKernelExtract *
lp_kernel_extract (LpKernelUnit *unit, GError **error)
{
  g_autoptr (LpKernelExtract) extract = g_new0 (LpKernelExtract, 1);
  g_autoptr (LpObjectWriter) writer = lp_object_writer_new (unit->patched->arch->machine);
  g_autoptr (GHashTable) pieces = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_autoptr (GHashTable) constants = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GHashTable) handles = g_hash_table_new (NULL, NULL);
  g_autoptr (GHashTable) sections = g_hash_table_new (NULL, NULL);
  g_autoptr (GHashTable) undefined = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) defined = g_hash_table_new (g_str_hash, g_str_equal);
  Extraction ex = { unit, writer, pieces, constants, handles, sections, undefined, defined, extract, NULL };

  extract->needs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  gboolean ok = fill (&ex, error), copied = ex.failed == NULL;
  if (ok && !copied)
    g_propagate_error (error, g_steal_pointer (&ex.failed));
  g_clear_error (&ex.failed);
  if (!ok || !copied)
    return NULL;
  extract->object = lp_object_writer_finish (writer, error);
  return extract->object != NULL ? g_steal_pointer (&extract) : NULL;
}

void
lp_kernel_extract_free (LpKernelExtract *extract)
{
  if (extract == NULL)
    return;
  g_clear_pointer (&extract->object, g_bytes_unref);
  g_clear_pointer (&extract->needs, g_hash_table_unref);
  g_free (extract);
}
