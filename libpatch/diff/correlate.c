/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Correlate: which piece of the patched object is which piece of the original one. */
#include "diff/correlate.h"

#include <string.h>

#include "base/error.h"

static gboolean
is_correlatable (const LpPiece *piece)
{
  return piece->symbol != NULL && (!lp_piece_is_private (piece) || piece->is_table);
}

/* Pieces of one group have the same kind of content and the same name without numbers. */
static char *
group_key (const LpPiece *piece)
{
  const char *class = piece->kind == LP_PIECE_FUNCTION ? "f" : piece->kind == LP_PIECE_TLS ? "t" : "d";
  return g_strconcat (class, ":", piece->base, NULL);
}

typedef struct {
  GPtrArray *side[2]; /* original, patched */
} Group;

static void
group_free (gpointer data)
{
  Group *group = data;

  g_ptr_array_unref (group->side[0]);
  g_ptr_array_unref (group->side[1]);
  g_free (group);
}

static void
collect (GHashTable *groups, GPtrArray *order, LpObject *object, guint side)
{
  for (guint i = 0; i < object->pieces->len; i++)
    {
      LpPiece *piece = object->pieces->pdata[i];
      if (!is_correlatable (piece))
        continue;

      g_autofree char *key = group_key (piece);
      Group *group = g_hash_table_lookup (groups, key);
      if (group == NULL)
        {
          group = g_new0 (Group, 1);
          group->side[0] = g_ptr_array_new ();
          group->side[1] = g_ptr_array_new ();
          g_hash_table_insert (groups, g_steal_pointer (&key), group);
          g_ptr_array_add (order, group);
        }
      g_ptr_array_add (group->side[side], piece);
    }
}

static void
pair (LpPiece *a, LpPiece *b)
{
  a->peer = b;
  b->peer = a;
}

static gboolean
same_bytes (const LpPiece *a, const LpPiece *b)
{
  if (a->size != b->size || (a->bytes == NULL) != (b->bytes == NULL)
      || a->relocations->len != b->relocations->len)
    return FALSE;
  return a->bytes == NULL || memcmp (a->bytes, b->bytes, a->size) == 0;
}

static gboolean
has_number (const LpPiece *piece)
{
  return strcmp (piece->name, piece->base) != 0;
}

/* Whether functions that could be one refer to both; things that nothing refers to fit each other. */
static gboolean
share_referrer (const LpPiece *a, const LpPiece *b)
{
  if (a->referrers == NULL || b->referrers == NULL)
    return a->referrers == b->referrers;

  GHashTableIter iter;
  gpointer name;
  g_hash_table_iter_init (&iter, a->referrers);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (g_hash_table_contains (b->referrers, name))
      return TRUE;
  return FALSE;
}

static gboolean
same_referrers (const LpPiece *a, const LpPiece *b)
{
  guint na = a->referrers != NULL ? g_hash_table_size (a->referrers) : 0;
  guint nb = b->referrers != NULL ? g_hash_table_size (b->referrers) : 0;
  GHashTableIter iter;
  gpointer name;

  if (na != nb)
    return FALSE;
  if (na == 0)
    return TRUE;
  g_hash_table_iter_init (&iter, a->referrers);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (!g_hash_table_contains (b->referrers, name))
      return FALSE;
  return TRUE;
}

static gboolean
same_name (const LpPiece *a, const LpPiece *b)
{
  return strcmp (a->name, b->name) == 0;
}

/* Ways in which two pieces of one group can be the same, surest first. The weaker ones are only asked about
 * what is left over. */
static gboolean
plain_name (const LpPiece *a, const LpPiece *b)
{
  return same_name (a, b) && !has_number (a);
}

static gboolean
same_content_and_users (const LpPiece *a, const LpPiece *b)
{
  return a->size == b->size && same_bytes (a, b) && same_referrers (a, b);
}

static gboolean
same_size_and_users (const LpPiece *a, const LpPiece *b)
{
  return a->size == b->size && same_referrers (a, b);
}

static gboolean
some_common_user (const LpPiece *a, const LpPiece *b)
{
  return share_referrer (a, b);
}

static gboolean
same_code (const LpPiece *a, const LpPiece *b)
{
  return same_bytes (a, b);
}

typedef gboolean (*Fits) (const LpPiece *, const LpPiece *);

/* Pairs those that fit exactly one free piece on the other side, which fits only them. With
 * @same_name_decides, equal full names choose among several. */
static void
pair_where (Group *group, Fits fits, gboolean name_decides)
{
  for (guint i = 0; i < group->side[0]->len; i++)
    {
      LpPiece *a = group->side[0]->pdata[i];
      LpPiece *found = NULL;
      guint n_here = 0, n_there = 0;
      if (a->peer != NULL)
        continue;

      for (guint k = 0; k < group->side[1]->len; k++)
        {
          LpPiece *b = group->side[1]->pdata[k];
          if (b->peer != NULL || !fits (a, b) || (name_decides && !same_name (a, b)))
            continue;
          found = b;
          n_there++;
        }
      for (guint k = 0; found != NULL && k < group->side[0]->len; k++)
        {
          LpPiece *other = group->side[0]->pdata[k];
          if (other->peer == NULL && fits (other, found) && (!name_decides || same_name (other, found)))
            n_here++;
        }
      if (n_there == 1 && n_here == 1)
        pair (a, found);
    }
}

static LpPiece *
first_free (GPtrArray *pieces)
{
  for (guint i = 0; i < pieces->len; i++)
    if (((LpPiece *)pieces->pdata[i])->peer == NULL)
      return pieces->pdata[i];
  return NULL;
}

static gboolean
correlate_functions (Group *group, GError **error)
{
  pair_where (group, plain_name, FALSE);
  pair_where (group, same_code, TRUE);
  pair_where (group, same_code, FALSE);
  if (group->side[0]->len == 1 && group->side[1]->len == 1 && first_free (group->side[0]) != NULL)
    pair (group->side[0]->pdata[0], group->side[1]->pdata[0]);
  /* Clones of one function that are left over are new ones; their callers differ for that reason and go
   * along. */
  return TRUE;
}

static gboolean
correlate_data (Group *group, GError **error)
{
  pair_where (group, plain_name, FALSE);
  pair_where (group, same_content_and_users, TRUE);
  pair_where (group, same_content_and_users, FALSE);
  pair_where (group, same_size_and_users, FALSE);
  pair_where (group, some_common_user, FALSE);

  LpPiece *a = first_free (group->side[0]), *b = first_free (group->side[1]);
  if (a == NULL || b == NULL || a->kind == LP_PIECE_CONST || a->is_table)
    return TRUE;

  lp_error_set (error, LP_ERROR_REFUSED,
                "give the new variable a name of its own, so that it can't be mistaken for the old one",
                "%s: static variable \"%s\": can't tell which of the original's variables of that name it is",
                b->object->unit, b->name);
  return FALSE;
}

gboolean
lp_correlate (LpObject *original, LpObject *patched, GError **error)
{
  g_autoptr (GHashTable) groups = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, group_free);
  g_autoptr (GPtrArray) order = g_ptr_array_new ();

  collect (groups, order, original, 0);
  collect (groups, order, patched, 1);
  for (guint i = 0; i < order->len; i++)
    {
      Group *group = order->pdata[i];
      const LpPiece *any = group->side[0]->len > 0 ? group->side[0]->pdata[0] : group->side[1]->pdata[0];
      if (!(any->kind == LP_PIECE_FUNCTION ? correlate_functions : correlate_data) (group, error))
        return FALSE;
    }
  return TRUE;
}
