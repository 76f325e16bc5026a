/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The object shows each of them as one piece, under one of its names; which one depends on all others. */
#include "kernel/aliases.h"

#include <string.h>

#include "base/error.h"

/* The piece that @symbol is a name of, NULL when it is none. */
static LpPiece *
named_piece (const LpObject *object, guint symbol)
{
  const LpElfSymbol *s = &object->symbols[symbol];
  LpPiece *piece = object->by_symbol[symbol];

  return piece != NULL && (s->type == STT_FUNC || s->type == STT_OBJECT) && piece->symbol != NULL
                 && piece->start == s->value && s->shndx != SHN_COMMON
             ? piece
             : NULL;
}

/* name -> piece; a name that comes twice (static ones of several scopes) tells nothing. */
static GHashTable *
pieces_by_name (const LpObject *object)
{
  GHashTable *pieces = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 1; i < object->n_symbols; i++)
    {
      LpPiece *piece = named_piece (object, i);
      const char *name = object->symbols[i].name;
      if (piece != NULL)
        g_hash_table_insert (pieces, (gpointer)name, g_hash_table_contains (pieces, name) ? NULL : piece);
    }
  return pieces;
}

/* @a is one thing here, but its names are of two in the other object. */
static gboolean
refuse_split (const LpPiece *a, const char *name, const char *other, GError **error)
{
  lp_error_set (
      error, LP_ERROR_REFUSED,
      "let the fix leave both as they are to each other: the kernel can only redirect what has a place of "
      "its own",
      "%s: %s and %s are one in the original or in the fixed code, and two in the other", a->object->unit,
      name, other);
  return FALSE;
}

/* Demands that names of one piece of @here are names of one piece there, too. @partners: piece here -> there.
 */
static gboolean
check_together (const LpObject *here, GHashTable *there, GHashTable *partners, GError **error)
{
  g_autoptr (GHashTable) first = g_hash_table_new (NULL, NULL);

  for (guint i = 1; i < here->n_symbols; i++)
    {
      LpPiece *piece = named_piece (here, i);
      const char *name = here->symbols[i].name;
      LpPiece *other = piece != NULL ? g_hash_table_lookup (there, name) : NULL;
      LpPiece *known = other != NULL ? g_hash_table_lookup (partners, piece) : NULL;
      if (known != NULL && known != other)
        return refuse_split (piece, g_hash_table_lookup (first, piece), name, error);
      if (other == NULL || known != NULL)
        continue;
      g_hash_table_insert (partners, piece, other);
      g_hash_table_insert (first, piece, (gpointer)name);
    }
  return TRUE;
}

gboolean
lp_aliases_pair (LpObject *original, LpObject *patched, GError **error)
{
  g_autoptr (GHashTable) old = pieces_by_name (original), new = pieces_by_name (patched);
  g_autoptr (GHashTable) forth = g_hash_table_new (NULL, NULL), back = g_hash_table_new (NULL, NULL);
  GHashTableIter iter;
  gpointer key, value;

  if (!check_together (original, new, forth, error) || !check_together (patched, old, back, error))
    return FALSE;
  g_hash_table_iter_init (&iter, forth);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      LpPiece *a = key, *b = value;
      if (a->peer != NULL || b->peer != NULL || a->kind != b->kind || strcmp (a->name, b->name) == 0)
        continue;
      a->peer = b;
      b->peer = a;
    }
  return TRUE;
}
