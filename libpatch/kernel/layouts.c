/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads layouts with libdw. Source: DWARF 5, section 5.7 (structures), 5.8 (enumerations). */
#include "kernel/layouts.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "diff/line-table.h"

#define NESTED_MAX 32 /* anonymous structures in each other */

typedef struct {
  char *name;     /* of the member, or of the enumerator */
  guint64 offset; /* bits from the start of the structure; an enumerator's value */
  guint64 size;   /* bits */
} Member;

typedef struct {
  const char *what; /* "struct" */
  guint64 size;     /* bytes */
  GPtrArray *members;
} Layout;

static void
member_free (gpointer data)
{
  g_free (((Member *)data)->name);
  g_free (data);
}

static void
layout_free (gpointer data)
{
  g_ptr_array_unref (((Layout *)data)->members);
  g_free (data);
}

static guint64
number (Dwarf_Die *die, unsigned int name, guint64 otherwise)
{
  Dwarf_Attribute attribute;
  Dwarf_Word value;
  Dwarf_Sword negative;

  if (dwarf_attr_integrate (die, name, &attribute) == NULL)
    return otherwise;
  if (dwarf_formudata (&attribute, &value) == 0)
    return value;
  return dwarf_formsdata (&attribute, &negative) == 0 ? (guint64)negative : otherwise;
}

/* What the members' type is when qualifiers and other names are taken away. */
static gboolean
plain_type (Dwarf_Die *die, Dwarf_Die *type)
{
  Dwarf_Attribute attribute;

  return dwarf_attr_integrate (die, DW_AT_type, &attribute) != NULL
         && dwarf_formref_die (&attribute, type) != NULL && dwarf_peel_type (type, type) == 0;
}

static const char *
kind_of (int tag)
{
  return tag == DW_TAG_structure_type ? "struct" : tag == DW_TAG_union_type ? "union" : NULL;
}

/* The structure or union that @die (a member, a variable, another name) has, or has an array of, when that
 * has no name under which it is compared by itself. */
static gboolean
unnamed_structure (Dwarf_Die *die, Dwarf_Die *type)
{
  gboolean has_type = plain_type (die, type);

  while (has_type && dwarf_tag (type) == DW_TAG_array_type)
    has_type = plain_type (type, type);
  return has_type && kind_of (dwarf_tag (type)) != NULL && dwarf_diename (type) == NULL;
}

static void
add_members (Layout *layout, Dwarf_Die *die, const char *prefix, guint64 base, guint depth)
{
  Dwarf_Die child, type;

  for (int more = dwarf_child (die, &child); more == 0; more = dwarf_siblingof (&child, &child))
    {
      const char *name = dwarf_diename (&child);
      g_autofree char *path = NULL;
      Dwarf_Word bytes = 0;
      if (dwarf_tag (&child) != DW_TAG_member)
        continue;
      guint64 offset = base + 8 * number (&child, DW_AT_data_member_location, 0)
                       + number (&child, DW_AT_data_bit_offset, 0);
      path = g_strconcat (prefix, name != NULL ? name : "", NULL);
      if (unnamed_structure (&child, &type) && depth < NESTED_MAX)
        {
          g_autofree char *inner = name != NULL ? g_strconcat (path, ".", NULL) : g_strdup (prefix);
          add_members (layout, &type, inner, offset, depth + 1);
        }
      if (name == NULL)
        continue; /* what is in it, or the place of what follows, was or will be seen */
      if (plain_type (&child, &type))
        dwarf_aggregate_size (&type, &bytes);
      Member *member = g_new (Member, 1);
      *member = (Member){ g_steal_pointer (&path), offset, number (&child, DW_AT_bit_size, 8 * bytes) };
      g_ptr_array_add (layout->members, member);
    }
}

static void
add_enumerators (Layout *layout, Dwarf_Die *die)
{
  Dwarf_Die child;

  for (int more = dwarf_child (die, &child); more == 0; more = dwarf_siblingof (&child, &child))
    if (dwarf_tag (&child) == DW_TAG_enumerator)
      {
        Member *member = g_new (Member, 1);
        *member = (Member){ g_strdup (dwarf_diename (&child)), number (&child, DW_AT_const_value, 0), 0 };
        g_ptr_array_add (layout->members, member);
      }
}

static void
add_layout (GHashTable *layouts, Dwarf_Die *type, const char *what, const char *name)
{
  g_autofree char *key = g_strdup_printf ("%s %s", what, name);

  if (g_hash_table_contains (layouts, key))
    return;
  Layout *layout = g_new0 (Layout, 1);
  layout->what = what;
  layout->size = number (type, DW_AT_byte_size, 0);
  layout->members = g_ptr_array_new_with_free_func (member_free);
  if (dwarf_tag (type) == DW_TAG_enumeration_type)
    add_enumerators (layout, type);
  else
    add_members (layout, type, "", 0, 0);
  g_hash_table_insert (layouts, g_steal_pointer (&key), layout);
}

static void
add_type (GHashTable *layouts, Dwarf_Die *die)
{
  int tag = dwarf_tag (die);
  const char *name = dwarf_diename (die), *what = tag == DW_TAG_enumeration_type ? "enum" : kind_of (tag);
  Dwarf_Die type;

  if (name == NULL || dwarf_hasattr (die, DW_AT_declaration))
    return;
  if (what != NULL)
    add_layout (layouts, die, what, name);
  else if (tag == DW_TAG_typedef && unnamed_structure (die, &type))
    add_layout (layouts, &type, "typedef", name);
  else if (tag == DW_TAG_variable && unnamed_structure (die, &type))
    add_layout (layouts, &type, "variable", name);
}

typedef struct {
  GHashTable *layouts;
  guint n_units;
} Reading;

static int
add_units (Dwfl_Module *module, void **user_data G_GNUC_UNUSED, const char *name G_GNUC_UNUSED,
           Dwarf_Addr start G_GNUC_UNUSED, void *argument)
{
  Reading *reading = argument;
  Dwarf_Addr bias;
  Dwarf *dwarf = dwfl_module_getdwarf (module, &bias);
  Dwarf_CU *unit = NULL;
  Dwarf_Die die, child;

  while (dwarf != NULL && dwarf_get_units (dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0)
    {
      reading->n_units++;
      for (int more = dwarf_child (&die, &child); more == 0; more = dwarf_siblingof (&child, &child))
        add_type (reading->layouts, &child);
    }
  return DWARF_CB_OK;
}

static int
no_debug_file (Dwfl_Module *module G_GNUC_UNUSED, void **user_data G_GNUC_UNUSED,
               const char *name G_GNUC_UNUSED, Dwarf_Addr base G_GNUC_UNUSED, const char *file G_GNUC_UNUSED,
               const char *link G_GNUC_UNUSED, GElf_Word crc G_GNUC_UNUSED, char **found G_GNUC_UNUSED)
{
  return -1;
}

/* "struct foo" -> Layout; NULL: can't be read. */
static GHashTable *
read_layouts (LpElf *elf, GError **error)
{
  static const Dwfl_Callbacks callbacks
      = { .find_debuginfo = no_debug_file, .section_address = dwfl_offline_section_address };
  g_autoptr (GHashTable) layouts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, layout_free);
  Reading reading = { layouts, 0 };
  Dwfl *dwfl = NULL;
  int fd = -1;

  if (lp_elf_section_by_name (elf, ".debug_info") == NULL)
    return g_steal_pointer (&layouts);
  fd = lp_line_table_descriptor (elf);
  dwfl = fd >= 0 ? dwfl_begin (&callbacks) : NULL;
  gboolean ok
      = dwfl != NULL && dwfl_report_offline (dwfl, "object", "object", fd) != NULL; /* takes @fd over */
  if (!ok && fd >= 0)
    close (fd);
  ok = ok && dwfl_report_end (dwfl, NULL, NULL) == 0 && dwfl_getmodules (dwfl, add_units, &reading, 0) == 0;
  if (dwfl != NULL)
    dwfl_end (dwfl);
  if (ok && reading.n_units > 0)
    return g_steal_pointer (&layouts);
  lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: its debug information can't be read", lp_elf_name (elf));
  return NULL;
}

/* Enumerators that say how many others there are: nothing in memory has such a value. */
static gboolean
is_count (const char *name)
{
  static const char *const words[] = { "MAX", "NR_", "NUM", "LAST", "COUNT" };
  g_autofree char *upper = g_ascii_strup (name, -1);

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if (strstr (upper, words[i]) != NULL)
      return TRUE;
  return FALSE;
}

static const Member *
find_member (const Layout *layout, const char *name)
{
  for (guint i = 0; i < layout->members->len; i++)
    if (strcmp (((const Member *)layout->members->pdata[i])->name, name) == 0)
      return layout->members->pdata[i];
  return NULL;
}

/* How @b differs from @a, NULL: not at all. @is_root: (out): by members of its own. Caller frees. */
static char *
difference (const Layout *a, const Layout *b, gboolean *is_root)
{
  gboolean is_enum = strcmp (a->what, "enum") == 0;

  *is_root = TRUE;
  for (guint i = 0; i < a->members->len; i++)
    {
      const Member *member = a->members->pdata[i];
      if (find_member (b, member->name) == NULL)
        return g_strdup_printf ("\"%s\" is no longer in it", member->name);
    }
  for (guint i = 0; !is_enum && i < b->members->len; i++)
    {
      const Member *member = b->members->pdata[i];
      if (find_member (a, member->name) == NULL)
        return g_strdup_printf ("\"%s\" is new in it", member->name);
    }
  *is_root = FALSE;
  for (guint i = 0; i < a->members->len; i++)
    {
      const Member *before = a->members->pdata[i], *after = find_member (b, before->name);
      if (is_enum && (before->offset == after->offset || is_count (before->name)))
        continue;
      if (is_enum)
        return g_strdup_printf ("\"%s\" is %" G_GUINT64_FORMAT " instead of %" G_GUINT64_FORMAT, before->name,
                                after->offset, before->offset);
      if (before->offset != after->offset)
        return g_strdup_printf ("\"%s\" is at byte %" G_GUINT64_FORMAT " instead of %" G_GUINT64_FORMAT,
                                before->name, after->offset / 8, before->offset / 8);
      if (before->size != after->size)
        return g_strdup_printf ("\"%s\" has %" G_GUINT64_FORMAT " bits instead of %" G_GUINT64_FORMAT,
                                before->name, after->size, before->size);
    }
  return a->size == b->size
             ? NULL
             : g_strdup_printf ("it has %" G_GUINT64_FORMAT " bytes instead of %" G_GUINT64_FORMAT, b->size,
                                a->size);
}

gboolean
lp_layouts_compare (LpElf *original, LpElf *patched, const char *source, GError **error)
{
  g_autoptr (GHashTable) old = read_layouts (original, error);
  g_autoptr (GHashTable) new = old != NULL ? read_layouts (patched, error) : NULL;
  g_autofree char *found = NULL;
  const char *where = NULL;
  gboolean found_root = FALSE;
  GHashTableIter iter;
  gpointer name, value;

  if (new == NULL)
    return FALSE;
  /* A structure in others changes those, too: the one that was edited is named, or the first one in the
   * alphabet. */
  g_hash_table_iter_init (&iter, old);
  while (g_hash_table_iter_next (&iter, &name, &value))
    {
      const Layout *other = g_hash_table_lookup (new, name);
      gboolean is_root = FALSE;
      char *text = other != NULL ? difference (value, other, &is_root) : NULL;
      if (text != NULL
          && (found == NULL || is_root > found_root || (is_root == found_root && strcmp (name, where) < 0)))
        {
          g_free (found);
          found = g_steal_pointer (&text);
          found_root = is_root;
          where = name;
        }
      g_free (text);
    }
  if (found == NULL)
    return TRUE;
  lp_error_set (error, LP_ERROR_REFUSED,
                "keep what is new in a shadow variable (syscare-patch.h); where only the new code has such "
                "things, give the new "
                "layout another name",
                "%s: %s: the fix changes its layout (%s), but those that the kernel holds keep the old one",
                source, where, found);
  return FALSE;
}
