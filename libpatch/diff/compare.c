/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compare: pieces are equal when their bytes are and their relocations mean the same. */
#include "diff/compare.h"

#include <string.h>

#include "base/error.h"
#include "diff/lines.h"

typedef struct {
  GHashTable *known; /* LpPiece (original, private) -> LpPiece found equal or being compared */
} Comparison;

static gboolean pieces_equal (Comparison *comparison, LpPiece *a, LpPiece *b, gboolean *equal,
                              GError **error);
static gboolean constants_equal (Comparison *comparison, const LpReference *x, const LpReference *y,
                                 gboolean *equal, GError **error);

static gboolean
elements_equal (const LpReference *a, const LpReference *b)
{
  guint64 a_start, b_start;
  gsize a_size = lp_piece_element (a->piece, a->element, &a_start);
  gsize b_size = lp_piece_element (b->piece, b->element, &b_start);

  return a_size != 0 && a_size == b_size && (guint64)a->offset - a_start == (guint64)b->offset - b_start
         && memcmp (a->piece->bytes + a_start, b->piece->bytes + b_start, a_size) == 0;
}

static gboolean
references_equal (Comparison *comparison, const LpReference *a, const LpReference *b, gboolean *equal,
                  GError **error)
{
  *equal = FALSE;
  if (a->piece == NULL || b->piece == NULL)
    {
      *equal = a->piece == b->piece && a->offset == b->offset
               && strcmp (a->symbol->name, b->symbol->name) == 0 && a->symbol->value == b->symbol->value;
      return TRUE;
    }
  if (a->piece->kind == LP_PIECE_MERGED && b->piece->kind == LP_PIECE_MERGED)
    {
      *equal = elements_equal (a, b);
      return TRUE;
    }
  if (a->piece->is_pool && b->piece->is_pool)
    return constants_equal (comparison, a, b, equal, error);
  if (a->offset != b->offset)
    return TRUE;
  if (lp_piece_is_private (a->piece) && lp_piece_is_private (b->piece))
    return pieces_equal (comparison, a->piece, b->piece, equal, error);
  *equal = a->piece->peer == b->piece;
  return TRUE;
}

static guint
first_relocation (const LpPiece *piece, guint64 offset)
{
  guint low = 0, high = piece->relocations->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (g_array_index (piece->relocations, LpElfRelocation, middle).offset - piece->start < offset)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

/* Compares @size bytes of @a from @a_from on with those of @b: the bytes that no relocation covers, then the
 * relocations. */
static gboolean
range_equal (Comparison *comparison, LpPiece *a, guint64 a_from, LpPiece *b, guint64 b_from, guint64 size,
             gboolean *equal, GError **error)
{
  guint i = first_relocation (a, a_from), k = first_relocation (b, b_from);
  guint i_end = first_relocation (a, a_from + size), k_end = first_relocation (b, b_from + size);
  guint64 at = 0; /* up to here everything is equal */

  *equal = FALSE;
  if ((a->bytes == NULL) != (b->bytes == NULL) || i_end - i != k_end - k)
    return TRUE;
  for (; i < i_end; i++, k++)
    {
      const LpElfRelocation *ra = &g_array_index (a->relocations, LpElfRelocation, i);
      const LpElfRelocation *rb = &g_array_index (b->relocations, LpElfRelocation, k);
      guint64 offset = ra->offset - a->start - a_from;
      LpReference x, y;
      gboolean same;

      if (offset != rb->offset - b->start - b_from || ra->type != rb->type)
        return TRUE;
      if (offset > at && a->bytes != NULL
          && memcmp (a->bytes + a_from + at, b->bytes + b_from + at, offset - at) != 0)
        return TRUE;
      if (!lp_object_reference (a, ra, &x, error) || !lp_object_reference (b, rb, &y, error)
          || !references_equal (comparison, &x, &y, &same, error))
        return FALSE;
      if (!same)
        return TRUE;
      at = MAX (at, offset + x.info->width);
    }
  *equal = at >= size || a->bytes == NULL
           || memcmp (a->bytes + a_from + at, b->bytes + b_from + at, size - at) == 0;
  return TRUE;
}

static gboolean
content_equal (Comparison *comparison, LpPiece *a, LpPiece *b, gboolean *equal, GError **error)
{
  *equal = FALSE;
  return a->size != b->size || range_equal (comparison, a, 0, b, 0, a->size, equal, error);
}

/* One constant of a pool, wherever it stands in it. */
static gboolean
constants_equal (Comparison *comparison, const LpReference *x, const LpReference *y, gboolean *equal,
                 GError **error)
{
  guint64 a_from = (guint64)x->offset, b_from = (guint64)y->offset;

  *equal = FALSE;
  if (x->offset < 0 || y->offset < 0 || a_from >= x->piece->size || b_from >= y->piece->size)
    return TRUE;
  guint64 a_size = lp_piece_constant_end (x->piece, a_from) - a_from;
  guint64 b_size = lp_piece_constant_end (y->piece, b_from) - b_from;
  return a_size != b_size
         || range_equal (comparison, x->piece, a_from, y->piece, b_from, a_size, equal, error);
}

static gboolean
pieces_equal (Comparison *comparison, LpPiece *a, LpPiece *b, gboolean *equal, GError **error)
{
  if (g_hash_table_lookup (comparison->known, a) == b)
    {
      *equal = TRUE; /* also while it is being compared: a table and its function refer to each other */
      return TRUE;
    }

  g_hash_table_insert (comparison->known, a, b);
  if (!content_equal (comparison, a, b, equal, error))
    return FALSE;
  if (!*equal)
    g_hash_table_remove (comparison->known, a);
  return TRUE;
}

static gboolean
refuse_data (const LpPiece *a, const LpPiece *b, GError **error)
{
  const char *what = a->kind == LP_PIECE_TLS     ? "thread-local variable"
                     : a->kind == LP_PIECE_CONST ? "constant"
                                                 : "variable";

  if (a->size != b->size)
    lp_error_set (error, LP_ERROR_REFUSED,
                  "keep the variable as it is and put what is new into a new variable",
                  "%s: %s \"%s\": the fix changes its size from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                  " bytes",
                  a->object->unit, what, a->name, a->size, b->size);
  else
    lp_error_set (error, LP_ERROR_REFUSED,
                  "replacing code doesn't change the value that running processes hold: use a new variable "
                  "in the functions that read it",
                  "%s: %s \"%s\": the fix changes its initial value", a->object->unit, what, a->name);
  return FALSE;
}

static gboolean
compare_data (Comparison *comparison, LpPiece *a, LpCompareCounts *counts, GError **error)
{
  LpPiece *b = a->peer;
  gboolean equal;

  if (a->kind != b->kind)
    {
      lp_error_set (error, LP_ERROR_REFUSED, "keep the variable as it is and use a new one",
                    "%s: variable \"%s\": the fix moves it from %s to %s", a->object->unit, a->name,
                    a->header != NULL ? a->header->name : "common",
                    b->header != NULL ? b->header->name : "common");
      return FALSE;
    }
  if (!content_equal (comparison, a, b, &equal, error))
    return FALSE;
  if (!equal)
    return refuse_data (a, b, error);
  counts->data_equal++;
  return TRUE;
}

/* Loaded sections that work without being referred to, in order of appearance under each name. */
static GPtrArray *
special_pieces (LpObject *object)
{
  GPtrArray *result = g_ptr_array_new ();

  for (guint i = 0; i < object->pieces->len; i++)
    {
      LpPiece *piece = object->pieces->pdata[i];
      if (piece->kind == LP_PIECE_SPECIAL)
        g_ptr_array_add (result, piece);
    }
  return result;
}

static const char *
special_purpose (const LpPiece *piece)
{
  if (piece->header->type == SHT_INIT_ARRAY || piece->header->type == SHT_PREINIT_ARRAY
      || g_str_has_prefix (piece->name, ".ctors"))
    return "functions that run before main";
  if (piece->header->type == SHT_FINI_ARRAY || g_str_has_prefix (piece->name, ".dtors"))
    return "functions that run at exit";
  if (g_str_has_prefix (piece->name, ".gcc_except_table"))
    return "exception tables";
  return "loaded data whose purpose isn't known";
}

static gboolean
compare_special (Comparison *comparison, LpObject *original, LpObject *patched, GError **error)
{
  g_autoptr (GPtrArray) old = special_pieces (original), new = special_pieces (patched);

  for (guint i = 0; i < MAX (old->len, new->len); i++)
    {
      LpPiece *a = i < old->len ? old->pdata[i] : NULL, *b = i < new->len ? new->pdata[i] : NULL;
      gboolean equal = FALSE;

      if (a != NULL && b != NULL && strcmp (a->name, b->name) == 0
          && !content_equal (comparison, a, b, &equal, error))
        return FALSE;
      if (!equal)
        {
          const LpPiece *which = b != NULL ? b : a;
          lp_error_set (error, LP_ERROR_REFUSED, NULL, "%s: section %s (%s) differs between original and fix",
                        which->object->unit, which->name, special_purpose (which));
          return FALSE;
        }
    }
  return TRUE;
}

/* Whether @a equals its peer once the peer's line numbers are those of @a. */
static gboolean
lines_only (Comparison *comparison, LpPiece *a, gboolean *equal, GError **error)
{
  LpPiece *b = a->peer;
  const guint8 *bytes = b->bytes;
  g_autofree guint8 *levelled = lp_lines_levelled (a, b);

  *equal = FALSE;
  if (levelled == NULL)
    return TRUE;
  b->bytes = levelled;
  gboolean ok = content_equal (comparison, a, b, equal, error);
  b->bytes = bytes;
  return ok;
}

static gboolean
compare_function (Comparison *comparison, LpPiece *a, LpCompareCounts *counts, GError **error)
{
  LpPiece *b = a->peer;
  gboolean equal, line_only = FALSE;

  if (!content_equal (comparison, a, b, &equal, error))
    return FALSE;
  if (!equal && !lines_only (comparison, a, &line_only, error))
    return FALSE;
  if (line_only)
    {
      counts->functions_line_only++;
      return TRUE;
    }
  if (a->symbol->type != b->symbol->type
      && (a->symbol->type == STT_GNU_IFUNC || b->symbol->type == STT_GNU_IFUNC))
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL, "%s: %s: the fix turns it into, or from, an ifunc",
                    a->object->unit, a->name);
      return FALSE;
    }
  if (equal)
    {
      counts->functions_equal++;
      return TRUE;
    }
  if (a->symbol->type == STT_GNU_IFUNC)
    {
      lp_error_set (error, LP_ERROR_REFUSED, "patch the functions that it chooses from",
                    "%s: %s: the fix changes an ifunc's resolver, which ran when the program started",
                    a->object->unit, a->name);
      return FALSE;
    }
  a->changed = b->changed = TRUE;
  return TRUE;
}

/* A function and its .cold part are one: both are replaced or none. */
static void
spread_to_parts (LpObject *object)
{
  for (guint i = 0; i < object->pieces->len; i++)
    {
      LpPiece *piece = object->pieces->pdata[i];
      if (piece->kind != LP_PIECE_FUNCTION || piece->parent == NULL)
        continue;
      if (piece->changed || piece->peer == NULL || piece->parent->peer != piece->peer->parent)
        piece->parent->changed = TRUE;
    }
}

static void
settle_parts (LpObject *original, LpObject *patched, LpCompareCounts *counts)
{
  spread_to_parts (original);
  spread_to_parts (patched);
  for (guint i = 0; i < patched->pieces->len; i++)
    {
      LpPiece *piece = patched->pieces->pdata[i];
      if (piece->kind != LP_PIECE_FUNCTION || piece->parent != NULL)
        continue;
      if (piece->peer == NULL)
        {
          piece->changed = FALSE;
          counts->functions_new++;
          continue;
        }
      piece->changed = piece->peer->changed = piece->changed || piece->peer->changed;
      counts->functions_changed += piece->changed;
    }
}

gboolean
lp_compare (LpObject *original, LpObject *patched, LpCompareCounts *counts, GError **error)
{
  g_autoptr (GHashTable) known = g_hash_table_new (NULL, NULL);
  Comparison comparison = { .known = known };

  for (guint i = 0; i < original->pieces->len; i++)
    {
      LpPiece *piece = original->pieces->pdata[i];
      gboolean ok = TRUE;

      if (piece->peer == NULL || piece->is_table)
        continue;
      if (piece->kind == LP_PIECE_FUNCTION)
        ok = compare_function (&comparison, piece, counts, error);
      else
        ok = compare_data (&comparison, piece, counts, error);
      if (!ok)
        return FALSE;
    }
  if (!compare_special (&comparison, original, patched, error))
    return FALSE;
  settle_parts (original, patched, counts);
  return TRUE;
}
