/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors are known by function and format, flags by the function that uses them and their order in it.
 * Source: struct _ddebug in include/linux/dynamic_debug.h, include/linux/once_lite.h of the kernel. */
#include "kernel/twins.h"

#include <string.h>

#include "kernel/special.h"

#define DESCRIPTORS "__dyndbg"
#define ONCE ".data.once"
#define ONCE_SINCE_6_13 ".data..once"
#define MESSAGES ".printk_index"
#define BTF_ID "__BTF_ID__"   /* then "func__NAME__COUNTER"; filled in when vmlinux or the module is linked */
#define LINE_OFFSET 32        /* bytes: behind modname, function, filename and format */
#define LINE_MASK 0x3ffffu    /* lineno:18, then class_id:6, flags:8 */
#define DESCRIPTOR_POINTERS 4 /* relocations of those four */

/* The text that relocation @n of @piece refers to, or NULL. */
static const char *
text_of (LpPiece *piece, guint n)
{
  LpReference ref;
  guint64 start;

  if (n >= piece->relocations->len
      || !lp_object_reference (piece, &g_array_index (piece->relocations, LpElfRelocation, n), &ref, NULL)
      || ref.piece == NULL || ref.piece->bytes == NULL || ref.offset < 0
      || (guint64)ref.offset >= ref.piece->size)
    return NULL;
  if (ref.piece->kind == LP_PIECE_MERGED)
    return lp_piece_element (ref.piece, ref.offset, &start) > 0 ? (const char *)ref.piece->bytes + start
                                                                : NULL;
  const char *text = (const char *)ref.piece->bytes + ref.offset;
  return memchr (text, 0, ref.piece->size - (guint64)ref.offset) != NULL ? text : NULL;
}

static gboolean
same_descriptor (LpPiece *a, LpPiece *b)
{
  if (a->size != b->size || a->size < LINE_OFFSET + 4 || a->bytes == NULL || b->bytes == NULL)
    return FALSE;
  for (guint i = 0; i < DESCRIPTOR_POINTERS; i++)
    {
      const char *x = text_of (a, i), *y = text_of (b, i);
      if (x == NULL || y == NULL || strcmp (x, y) != 0)
        return FALSE;
    }
  return TRUE;
}

/* How many functions refer to both; 0: they can't be the same flag. */
static guint
common_users (LpPiece *a, LpPiece *b)
{
  GHashTableIter iter;
  gpointer name;
  guint n = 0;

  if (a->referrers == NULL || b->referrers == NULL || a->size != b->size || strcmp (a->base, b->base) != 0)
    return 0;
  g_hash_table_iter_init (&iter, a->referrers);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    n += g_hash_table_contains (b->referrers, name);
  return n;
}

/* The flag of a function that is inlined has many users, and shares one with nearly each of their own flags:
 * only the whole set tells it apart. */
static gboolean
same_flag (LpPiece *a, LpPiece *b)
{
  guint n = common_users (a, b);

  return n > 0 && n == g_hash_table_size (a->referrers) && n == g_hash_table_size (b->referrers);
}

static void
level_line (const LpPiece *a, LpPiece *b, GPtrArray *copies)
{
  guint8 *copy = g_memdup2 (b->bytes, b->size);
  guint32 here, there;

  memcpy (&there, a->bytes + LINE_OFFSET, sizeof there);
  memcpy (&here, copy + LINE_OFFSET, sizeof here);
  here = (here & ~LINE_MASK) | (there & LINE_MASK);
  memcpy (copy + LINE_OFFSET, &here, sizeof here);
  g_ptr_array_add (copies, copy);
  b->bytes = copy;
}

/* Named by a counter or the line: initcalls, texts of .modinfo, ids of BTF and the like. */
static gboolean
is_numbered (const LpPiece *piece)
{
  return piece->symbol != NULL && piece->header != NULL && piece->kind != LP_PIECE_FUNCTION
         && (g_str_has_prefix (piece->name, "__initcall__") || g_str_has_prefix (piece->name, BTF_ID)
             || g_str_has_prefix (piece->name, "__UNIQUE_ID_"));
}

/* Whether the names of two such ids say the same, but for the counter. */
static gboolean
same_id (const char *a, const char *b)
{
  gsize n = strlen (a), m = strlen (b);

  if (!g_str_has_prefix (a, BTF_ID))
    return TRUE;
  while (n > 0 && g_ascii_isdigit (a[n - 1]))
    n--;
  while (m > 0 && g_ascii_isdigit (b[m - 1]))
    m--;
  return n == m && strncmp (a, b, n) == 0;
}

/* Same place, same content, referring to things of the same names. */
static gboolean
same_numbered (LpPiece *a, LpPiece *b)
{
  if (!same_id (a->name, b->name) || a->size != b->size || (a->bytes == NULL) != (b->bytes == NULL)
      || a->relocations->len != b->relocations->len || strcmp (a->header->name, b->header->name) != 0
      || (a->bytes != NULL && memcmp (a->bytes, b->bytes, a->size) != 0))
    return FALSE;
  for (guint i = 0; i < a->relocations->len; i++)
    {
      LpReference x, y;
      if (!lp_object_reference (a, &g_array_index (a->relocations, LpElfRelocation, i), &x, NULL)
          || !lp_object_reference (b, &g_array_index (b->relocations, LpElfRelocation, i), &y, NULL))
        return FALSE;
      const char *to_x = x.piece != NULL ? x.piece->name : x.symbol->name;
      const char *to_y = y.piece != NULL ? y.piece->name : y.symbol->name;
      if (x.offset != y.offset || strcmp (to_x, to_y) != 0)
        return FALSE;
    }
  return TRUE;
}

static gboolean
is_in (const LpPiece *piece, const char *section)
{
  return piece->header != NULL && piece->symbol != NULL && strcmp (piece->header->name, section) == 0;
}

typedef enum { NO_TWIN, DESCRIPTOR, FLAG, NUMBERED } TwinKind;

static TwinKind
twin_kind (const LpPiece *piece)
{
  if (is_in (piece, DESCRIPTORS))
    return DESCRIPTOR;
  if (is_in (piece, ONCE) || is_in (piece, ONCE_SINCE_6_13))
    return FLAG;
  return is_numbered (piece) ? NUMBERED : NO_TWIN;
}

static gboolean
is_twin (LpPiece *a, LpPiece *b, TwinKind kind)
{
  switch (kind)
    {
    case DESCRIPTOR:
      return same_descriptor (a, b);
    case FLAG:
      return same_flag (a, b);
    case NUMBERED:
      return same_numbered (a, b);
    default:
      return FALSE;
    }
}

static void
find_twin (LpPiece *a, LpObject *patched, GPtrArray *copies)
{
  TwinKind kind = twin_kind (a);

  for (guint i = 0; kind != NO_TWIN && i < patched->pieces->len; i++)
    {
      LpPiece *b = patched->pieces->pdata[i];
      if (b->peer != NULL || twin_kind (b) != kind || !is_twin (a, b, kind))
        continue;
      a->peer = b;
      b->peer = a;
      if (kind == DESCRIPTOR)
        level_line (a, b, copies);
      return;
    }
}

/* A flag whose users change with the fix. Of those left over it is the one with most of the same users. */
static void
find_similar_flag (LpPiece *a, LpObject *patched)
{
  LpPiece *best = NULL;
  guint most = 0;

  if (a->peer != NULL || twin_kind (a) != FLAG)
    return;
  for (guint i = 0; i < patched->pieces->len; i++)
    {
      LpPiece *b = patched->pieces->pdata[i];
      guint n = b->peer == NULL && twin_kind (b) == FLAG ? common_users (a, b) : 0;
      if (n <= most)
        continue;
      most = n;
      best = b;
    }
  if (best == NULL)
    return;
  a->peer = best;
  best->peer = a;
}

/* What only the index of messages refers to holds their lines, too: it stays where it is. */
static void
set_aside_messages (LpObject *object)
{
  const LpElfSection *index = lp_elf_section_by_name (object->elf, MESSAGES);
  GArray *relocations = index != NULL ? lp_elf_relocations (object->elf, index->index, NULL) : NULL;

  for (guint i = 0; relocations != NULL && i < relocations->len; i++)
    {
      LpPiece *piece;
      gint64 offset;
      if (lp_special_place (object, &g_array_index (relocations, LpElfRelocation, i), &piece, &offset)
          && (piece->kind == LP_PIECE_CONST || piece->kind == LP_PIECE_DATA) && piece->referrers == NULL)
        piece->is_table = TRUE;
    }
}

void
lp_twins_pair (LpObject *original, LpObject *patched, GPtrArray *copies)
{
  set_aside_messages (original);
  set_aside_messages (patched);
  for (guint i = 0; i < original->pieces->len; i++)
    find_twin (original->pieces->pdata[i], patched, copies);
  for (guint i = 0; i < original->pieces->len; i++)
    find_similar_flag (original->pieces->pdata[i], patched);
}
