/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The properties of a patch as values for a list of thousands: straight from the core's patch, because a
 * skeleton takes three times as long for one. tests/bus/bad-input.py compares the two. Decides nothing. */
#include "bus.h"

#include <string.h>

typedef struct {
  const char *name;
  char type;         /* 's' text, 'w' words, 'u' and 't' numbers, 'v' a value, 'c' computed */
  gboolean constant; /* a member of ScPatchInfo, else of ScPatch */
  gsize offset;
} ScValueRow;

#define INFO(name, type, member)                                                                             \
  {                                                                                                          \
    name, type, TRUE, G_STRUCT_OFFSET (ScPatchInfo, member)                                                  \
  }
#define PATCH(name, type, member)                                                                            \
  {                                                                                                          \
    name, type, FALSE, G_STRUCT_OFFSET (ScPatch, member)                                                     \
  }

static const ScValueRow value_table[] = {
  INFO ("Uuid", 's', uuid),
  INFO ("Name", 's', name),
  INFO ("Bundle", 's', bundle),
  INFO ("Version", 's', version),
  INFO ("Release", 's', release),
  INFO ("Kind", 's', kind),
  INFO ("Architecture", 's', architecture),
  INFO ("TargetName", 's', target_source),
  INFO ("TargetVersion", 's', target_version),
  INFO ("TargetObject", 's', object),
  INFO ("TargetFiles", 'w', files),
  INFO ("TargetBuildId", 's', build_id),
  INFO ("Digest", 's', digest),
  INFO ("License", 's', license),
  INFO ("Description", 's', description),
  INFO ("Issues", 'w', issues),
  INFO ("Severity", 's', severity),
  INFO ("SourcePatches", 'v', sources),
  INFO ("Functions", 'w', functions),
  INFO ("Signer", 's', signer),
  PATCH ("State", 'c', state),
  PATCH ("Problems", 'w', problems),
  PATCH ("ProcessesTotal", 'u', total),
  PATCH ("ProcessesPatched", 'u', patched),
  PATCH ("LastChange", 't', last_change),
  PATCH ("Job", 'c', job),
};

int
sc_bus_patch_value_index (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (value_table); i++)
    if (strcmp (value_table[i].name, name) == 0)
      return (int)i;
  return -1;
}

guint
sc_bus_patch_values (void)
{
  return G_N_ELEMENTS (value_table);
}

const char *
sc_bus_patch_value_name (guint index)
{
  return value_table[index].name;
}

char *
sc_bus_patch_job_path (const ScPatch *patch)
{
  return patch->job != 0 ? g_strdup_printf (SC_BUS_PATH "/jobs/%" G_GUINT64_FORMAT, patch->job)
                         : g_strdup ("/");
}

static GVariant *
computed (const ScPatch *patch, const ScValueRow *row, gboolean omit_empty)
{
  if (strcmp (row->name, "State") == 0)
    return g_variant_new_string (lp_state_word (patch->state));
  g_autofree char *path = sc_bus_patch_job_path (patch);
  return omit_empty && patch->job == 0 ? NULL : g_variant_new_object_path (path);
}

GVariant *
sc_bus_patch_value (const ScPatch *patch, guint index, gboolean omit_empty)
{
  const ScValueRow *row = &value_table[index];
  const void *member = row->constant ? G_STRUCT_MEMBER_P (patch->info, row->offset)
                                     : G_STRUCT_MEMBER_P ((gpointer)patch, row->offset);
  const char *text;
  GStrv words;
  gssize count;

  switch (row->type)
    {
    case 's':
      text = *(char *const *)member != NULL ? *(char *const *)member : "";
      return omit_empty && text[0] == '\0' ? NULL : g_variant_new_string (text);
    case 'w':
      words = *(const GStrv *)member;
      count = words != NULL ? g_strv_length (words) : 0;
      return omit_empty && count == 0 ? NULL : g_variant_new_strv ((const char *const *)words, count);
    case 'u':
      return omit_empty && *(const guint *)member == 0 ? NULL : g_variant_new_uint32 (*(const guint *)member);
    case 't':
      return omit_empty && *(const guint64 *)member == 0 ? NULL
                                                         : g_variant_new_uint64 (*(const guint64 *)member);
    case 'v':
      return omit_empty && g_variant_n_children (*(GVariant *const *)member) == 0
                 ? NULL
                 : g_variant_ref (*(GVariant *const *)member);
    default:
      return computed (patch, row, omit_empty);
    }
}
