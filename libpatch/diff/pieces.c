/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cuts an object file into pieces. Must not know that there is a second object, or a linked file.
 * Sources: gABI chapter 4; GCC's varasm.cc conventions for section names (.rodata.FUNCTION for switch tables,
 * .text.unlikely.FUNCTION for FUNCTION.cold). */
#include "diff/object-private.h"

#include <string.h>

#include "base/error.h"

#ifndef SHT_X86_64_UNWIND
#define SHT_X86_64_UNWIND 0x70000001
#endif

/* "foo.constprop.0.isra.3" -> "foo.constprop.isra": GCC numbers clones and static locals in the order it
 * meets them. */
static char *
strip_numbers (const char *name)
{
  GString *out = g_string_new (NULL);

  for (const char *p = name; *p != '\0';)
    {
      gsize digits = *p == '.' ? strspn (p + 1, "0123456789") : 0;
      if (digits > 0 && p != name && (p[digits + 1] == '.' || p[digits + 1] == '\0'))
        p += digits + 1;
      else
        g_string_append_c (out, *p++);
    }
  return g_string_free (out, FALSE);
}

static gboolean
has_prefix_word (const char *name, const char *word)
{
  gsize n = strlen (word);
  return strncmp (name, word, n) == 0 && (name[n] == '\0' || name[n] == '.');
}

/* What the pieces of @section are when they have a name (@named) or not. FALSE: the section isn't loaded, or
 * isn't code or data. */
static gboolean
classify (const LpElfSection *section, gboolean named, LpPieceKind *kind)
{
  if ((section->flags & SHF_ALLOC) == 0 || section->type == SHT_NOTE || section->type == SHT_X86_64_UNWIND
      || strcmp (section->name, ".eh_frame") == 0)
    return FALSE;

  gboolean ordinary = section->type == SHT_PROGBITS || section->type == SHT_NOBITS;
  if (!ordinary || has_prefix_word (section->name, ".gcc_except_table")
      || has_prefix_word (section->name, ".ctors") || has_prefix_word (section->name, ".dtors"))
    *kind = LP_PIECE_SPECIAL;
  else if (section->flags & SHF_EXECINSTR)
    *kind = named ? LP_PIECE_FUNCTION : LP_PIECE_SPECIAL;
  else if (section->flags & SHF_TLS)
    *kind = LP_PIECE_TLS;
  else if (section->flags & SHF_MERGE)
    *kind = LP_PIECE_MERGED;
  else if ((section->flags & SHF_WRITE) == 0)
    *kind = named ? LP_PIECE_CONST : LP_PIECE_ANONYMOUS;
  else if (named)
    *kind = has_prefix_word (section->name, ".data.rel.ro") ? LP_PIECE_CONST : LP_PIECE_DATA;
  else
    /* Variables have symbols; what has none is an initialiser that the compiler copies from. */
    *kind = has_prefix_word (section->name, ".data") ? LP_PIECE_ANONYMOUS : LP_PIECE_SPECIAL;
  return TRUE;
}

/* Whether @symbol says that something begins where it stands (rather than a label inside of it). */
static gboolean
names_something (const LpElfSymbol *symbol)
{
  switch (symbol->type)
    {
    case STT_FUNC:
    case STT_OBJECT:
    case STT_TLS:
    case STT_GNU_IFUNC:
      return TRUE;
    case STT_NOTYPE:
      return symbol->name[0] != '\0' && !g_str_has_prefix (symbol->name, ".L") && symbol->name[0] != '$';
    default:
      return FALSE;
    }
}

static LpPiece *
add_piece (LpObject *object, LpPieceKind kind, guint section, guint64 start, guint64 size,
           const LpElfSymbol *symbol)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (object->elf, &n);
  LpPiece *piece = g_new0 (LpPiece, 1);

  piece->object = object;
  piece->kind = kind;
  piece->index = object->pieces->len;
  piece->section = section;
  piece->start = start;
  piece->size = size;
  piece->symbol = symbol;
  piece->writer_piece = -1;
  piece->relocations = g_array_new (FALSE, FALSE, sizeof (LpElfRelocation));
  piece->name = symbol != NULL ? symbol->name : "";
  if (section < n)
    {
      gsize available;
      const guint8 *bytes = lp_elf_section_data (object->elf, &sections[section], &available);
      piece->header = &sections[section];
      piece->bytes = bytes != NULL ? bytes + start : NULL;
      if (symbol == NULL)
        piece->name = piece->header->name;
      if (object->by_section[section] == NULL)
        object->by_section[section] = g_ptr_array_new ();
      g_ptr_array_add (object->by_section[section], piece);
    }
  piece->base = strip_numbers (piece->name);
  g_ptr_array_add (object->pieces, piece);
  return piece;
}

/* By place; at one place the symbol that tells most first: sized, global, then by name so that the choice is
 * always the same. */
static gint
by_place (gconstpointer a, gconstpointer b)
{
  const LpElfSymbol *x = *(const LpElfSymbol *const *)a, *y = *(const LpElfSymbol *const *)b;

  if (x->value != y->value)
    return x->value < y->value ? -1 : 1;
  if ((x->size == 0) != (y->size == 0))
    return x->size == 0 ? 1 : -1;
  if ((x->type == STT_NOTYPE) != (y->type == STT_NOTYPE))
    return x->type == STT_NOTYPE ? 1 : -1;
  if ((x->bind == STB_LOCAL) != (y->bind == STB_LOCAL))
    return x->bind == STB_LOCAL ? 1 : -1;
  return strcmp (x->name, y->name);
}

/* Cuts @section at the symbols in @named (sorted); what lies before the first one is a piece of its own. */
static void
cut_section (LpObject *object, const LpElfSection *section, GPtrArray *named)
{
  LpPieceKind kind;
  LpSectionUse use = object->use != NULL ? object->use (section->name) : LP_SECTION_ORDINARY;

  if (use == LP_SECTION_TABLE || (use == LP_SECTION_AUX && section->size == 0))
    return;
  if (use == LP_SECTION_AUX)
    {
      add_piece (object, LP_PIECE_ANONYMOUS, section->index, 0, section->size, NULL)->is_pool = TRUE;
      return;
    }
  if (!classify (section, named->len > 0, &kind) || section->size == 0)
    return;

  const LpElfSymbol *first = named->len > 0 ? named->pdata[0] : NULL;
  if (kind == LP_PIECE_MERGED || kind == LP_PIECE_SPECIAL || first == NULL)
    {
      add_piece (object, kind, section->index, 0, section->size, NULL);
      return;
    }
  if (first->value > 0)
    {
      LpPieceKind unnamed;
      classify (section, FALSE, &unnamed);
      add_piece (object, unnamed, section->index, 0, MIN (first->value, section->size), NULL);
    }

  for (guint i = 0; i < named->len;)
    {
      const LpElfSymbol *symbol = named->pdata[i];
      guint64 end = symbol->value + symbol->size;
      guint next = i + 1;
      while (next < named->len
             && (((const LpElfSymbol *)named->pdata[next])->value < end
                 || ((const LpElfSymbol *)named->pdata[next])->value == symbol->value))
        next++;
      end = next < named->len ? ((const LpElfSymbol *)named->pdata[next])->value : section->size;
      if (symbol->value < section->size)
        add_piece (object, kind, section->index, symbol->value, MIN (end, section->size) - symbol->value,
                   symbol);
      i = next;
    }
}

LpPiece *
lp_object_piece_at (LpObject *object, guint section, gint64 offset)
{
  GPtrArray *pieces = section < object->n_sections ? object->by_section[section] : NULL;
  if (pieces == NULL)
    return NULL;

  guint low = 0, high = pieces->len;
  while (high - low > 1)
    {
      guint middle = low + (high - low) / 2;
      LpPiece *piece = pieces->pdata[middle];
      if (offset >= 0 && (guint64)offset >= piece->start)
        low = middle;
      else
        high = middle;
    }
  return pieces->pdata[low];
}

static void
cut_all (LpObject *object)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (object->elf, &n);
  g_autofree GPtrArray **named = g_new0 (GPtrArray *, n);

  for (guint i = 0; i < n; i++)
    named[i] = g_ptr_array_new ();
  for (guint i = 1; i < object->n_symbols; i++)
    {
      const LpElfSymbol *symbol = &object->symbols[i];
      if (symbol->section != SHN_UNDEF && symbol->section < n && symbol->shndx != SHN_ABS
          && symbol->shndx != SHN_COMMON && names_something (symbol))
        g_ptr_array_add (named[symbol->section], (gpointer)symbol);
    }
  for (guint i = 1; i < n; i++)
    {
      g_ptr_array_sort (named[i], by_place);
      cut_section (object, &sections[i], named[i]);
    }
  for (guint i = 0; i < n; i++)
    g_ptr_array_unref (named[i]);
}

static void
map_symbols (LpObject *object)
{
  for (guint i = 1; i < object->n_symbols; i++)
    {
      const LpElfSymbol *symbol = &object->symbols[i];

      if (symbol->shndx == SHN_COMMON)
        object->by_symbol[i] = add_piece (object, LP_PIECE_DATA, SHN_COMMON, 0, symbol->size, symbol);
      else if (symbol->shndx != SHN_UNDEF && symbol->shndx != SHN_ABS)
        object->by_symbol[i] = lp_object_piece_at (object, symbol->section, (gint64)symbol->value);
    }
}

static gboolean
share_out_relocations (LpObject *object, GError **error)
{
  for (guint i = 1; i < object->n_sections; i++)
    {
      if (object->by_section[i] == NULL)
        continue;
      GArray *relocations = lp_elf_relocations (object->elf, i, error);
      if (relocations == NULL)
        return FALSE;
      for (guint k = 0; k < relocations->len; k++)
        {
          const LpElfRelocation *r = &g_array_index (relocations, LpElfRelocation, k);
          LpPiece *piece = lp_object_piece_at (object, i, (gint64)r->offset);
          g_array_append_val (piece->relocations, *r);
        }
    }
  return TRUE;
}

static void
add_part (LpPiece *function, LpPiece *part)
{
  part->parent = function;
  if (function->parts == NULL)
    function->parts = g_ptr_array_new ();
  g_ptr_array_add (function->parts, part);
}

/* foo.cold (GCC >= 9: foo.cold; before: foo.cold.N) belongs to foo. */
static void
adopt_cold_parts (LpObject *object)
{
  g_autoptr (GHashTable) functions = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < object->pieces->len; i++)
    {
      LpPiece *piece = object->pieces->pdata[i];
      if (piece->kind == LP_PIECE_FUNCTION)
        g_hash_table_insert (functions, (gpointer)piece->name, piece);
    }
  for (guint i = 0; i < object->pieces->len; i++)
    {
      LpPiece *piece = object->pieces->pdata[i];
      const char *cold = piece->kind == LP_PIECE_FUNCTION ? strstr (piece->name, ".cold") : NULL;
      if (cold == NULL || !g_str_has_suffix (piece->base, ".cold"))
        continue;
      g_autofree char *name = g_strndup (piece->name, (gsize)(cold - piece->name));
      LpPiece *function = g_hash_table_lookup (functions, name);
      if (function != NULL)
        add_part (function, piece);
    }
}

static gint
compare_offsets (gconstpointer a, gconstpointer b)
{
  guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;
  return x < y ? -1 : x > y;
}

static void
note_start (LpPiece *piece, gint64 offset)
{
  guint64 start = (guint64)offset;

  if (offset < 0 || start >= piece->size)
    return;
  if (piece->starts == NULL)
    piece->starts = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_array_append_val (piece->starts, start);
}

/* Sections that no function or variable gave its name to. */
static gboolean
is_pool_section (const char *name)
{
  static const char *const names[]
      = { ".rodata", ".data", ".data.rel.ro", ".data.rel.ro.local", ".data.rel", ".data.rel.local" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (names[i], name) == 0)
      return TRUE;
  return FALSE;
}

/* Linkers merge no elements that hold addresses: they are constants like others, known by what they refer to.
 */
static void
unmerge_relocated (LpObject *object)
{
  for (guint i = 0; i < object->pieces->len; i++)
    {
      LpPiece *piece = object->pieces->pdata[i];
      if (piece->kind != LP_PIECE_MERGED || piece->relocations->len == 0)
        continue;
      piece->kind = LP_PIECE_ANONYMOUS;
      piece->is_pool = TRUE;
    }
}

static void
sort_starts (LpObject *object)
{
  for (guint i = 0; i < object->pieces->len; i++)
    {
      LpPiece *piece = object->pieces->pdata[i];
      if (piece->starts == NULL)
        continue;
      g_array_sort (piece->starts, compare_offsets);
      piece->is_pool = piece->is_pool || is_pool_section (piece->header->name);
    }
}

static void
note_referrer (LpPiece *function, LpPiece *data)
{
  if (data->kind == LP_PIECE_ANONYMOUS || data->kind == LP_PIECE_MERGED)
    return;
  if (data->referrers == NULL)
    data->referrers = g_hash_table_new (g_str_hash, g_str_equal);
  /* By the name in the source: "foo" also for foo.part.0 and foo.constprop.1. */
  const char *name = lp_piece_function (function)->name;
  g_autofree char *source_name = g_strndup (name, strcspn (name, "."));
  g_hash_table_add (data->referrers, (gpointer)g_intern_string (source_name));
}

/* Notes what @piece refers to: starts of tables, users of variables, tables of labels (computed goto). */
static gboolean
follow_piece (LpPiece *piece, GError **error)
{
  for (guint k = 0; k < piece->relocations->len; k++)
    {
      LpReference ref;
      if (!lp_object_reference (piece, &g_array_index (piece->relocations, LpElfRelocation, k), &ref, error))
        return FALSE;
      if (ref.piece == NULL)
        continue;
      if (ref.piece->kind == LP_PIECE_ANONYMOUS)
        note_start (ref.piece, ref.offset);
      if (piece->kind == LP_PIECE_FUNCTION && ref.piece->kind != LP_PIECE_FUNCTION)
        note_referrer (piece, ref.piece);
      if ((piece->kind == LP_PIECE_CONST || piece->kind == LP_PIECE_DATA)
          && ref.piece->kind == LP_PIECE_FUNCTION && ref.offset != 0)
        {
          piece->is_table = TRUE;
          piece->parent = lp_piece_function (ref.piece);
        }
    }
  return TRUE;
}

/* Code first: it says where the tables begin, from which the entries count. */
static gboolean
follow_references (LpObject *object, GError **error)
{
  for (guint pass = 0; pass < 2; pass++)
    {
      for (guint i = 0; i < object->pieces->len; i++)
        {
          LpPiece *piece = object->pieces->pdata[i];
          if ((piece->kind == LP_PIECE_FUNCTION) == (pass == 0) && !follow_piece (piece, error))
            return FALSE;
        }
      sort_starts (object);
    }
  return TRUE;
}

gboolean
lp_object_cut (LpObject *object, GError **error)
{
  cut_all (object);
  map_symbols (object);
  if (!share_out_relocations (object, error))
    return FALSE;
  unmerge_relocated (object);
  adopt_cold_parts (object);
  return follow_references (object, error);
}
