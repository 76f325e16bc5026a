/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Placing in one process: maps what is missing, fills it, takes away what was never used. Runs where the
 * caller runs. Must not know about redirects. */
#include "user/fill.h"
#include "user/place.h"
#include "user/target-private.h"

/* The page of code in which the first redirect will stand: it becomes the process's own anyway. */
static guint64
replaced_code (const LpPart *part)
{
  guint n;
  const LpEntityFunction *functions = lp_entity_functions (part->entity, &n);

  return n > 0 ? (part->module->bias + functions[0].old_address + functions[0].site_offset)
                     & ~(guint64)(LP_REMOTE_CODE_SIZE - 1)
               : 0;
}

/* Parts whose image this unmap is about. */
gboolean
lp_part_is_to_unmap (const LpPart *part, gboolean only_placed)
{
  return part->base != 0 && (part->placed || !only_placed);
}

static gboolean
map_parts (LpTarget *target, LpRemote *remote, gboolean is_new, GError **error)
{
  gboolean is_fresh = is_new; /* nobody else changes anything */

  for (guint i = 0; i < target->parts->len; i++)
    {
      LpPart *part = &g_array_index (target->parts, LpPart, i);
      if (part->base != 0 || part->module == NULL)
        continue;
      g_autoptr (LpMaps) read = is_fresh ? NULL : lp_maps_read (target->process, error);
      const LpMaps *maps = is_fresh ? target->maps : read;
      is_fresh = FALSE;
      if (maps == NULL)
        return FALSE;
      if (!lp_place_map (target->process, remote, maps, part->entity, part->module,
                         is_new ? replaced_code (part) : 0, &part->base, error))
        return FALSE;
      part->placed = TRUE;
      part->state = LP_IMAGE_LOADED;
    }
  return TRUE;
}

/* Now that a thread is held: the trigger may have met the process since the target was looked at. */
static gboolean
look_again (LpTarget *target, GError **error)
{
  g_autoptr (LpMaps) maps = lp_maps_read (target->process, error);

  if (maps == NULL)
    return FALSE;
  g_autoptr (GPtrArray) images = lp_images_read (target->process, maps);
  return lp_target_adopt (target, images, error);
}

/* Maps what is missing by means of @remote, which is given back. */
gboolean
lp_target_map_missing (LpTarget *target, LpRemote *remote, gboolean is_new, GError **error)
{
  if (remote == NULL)
    return FALSE;
  gboolean done = (is_new || look_again (target, error)) && map_parts (target, remote, is_new, error);
  gboolean ended = lp_remote_end (remote, done ? error : NULL);
  return done && ended;
}

void
lp_target_set_image_gone (const LpTarget *target, GError **error)
{
  lp_error_set (error, LP_ERROR_CHANGED, NULL, "process %d: the patch's image was taken away meanwhile",
                lp_process_pid (target->process));
}

/* Whether nothing is mapped where the image was. */
static gboolean
is_unmapped (const LpTarget *target, guint64 base)
{
  guint8 byte;

  return lp_process_is_alive (target->process)
         && !lp_process_read (target->process, base, &byte, sizeof byte, NULL);
}

gboolean
lp_target_fill (LpTarget *target, gboolean stopped, GError **error)
{
  g_autoptr (LpSymbols) symbols = lp_symbols_new (target->process, target->modules, stopped);

  for (guint i = 0; i < target->parts->len; i++)
    {
      LpPart *part = &g_array_index (target->parts, LpPart, i);
      guint pages;

      if (!part->placed)
        continue;
      g_autoptr (GError) local_error = NULL;
      if (!lp_fill_image (target->process, part->entity, part->module, symbols, part->base, &pages,
                          &local_error))
        {
          /* Somebody has taken the patch away, and this for what a killed worker has left. */
          if (is_unmapped (target, part->base))
            lp_target_set_image_gone (target, error);
          else
            g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      target->private_pages += pages;
    }
  return TRUE;
}

gboolean
lp_target_needs_place (const LpTarget *target)
{
  for (guint i = 0; i < target->parts->len; i++)
    {
      const LpPart *part = &g_array_index (target->parts, LpPart, i);
      if (part->base == 0 && part->module != NULL)
        return TRUE;
    }
  return FALSE;
}

/* Takes away what was placed and has never been used. */
void
lp_target_unplace (LpTarget *target, LpStop *stop)
{
  LpRemote *remote = lp_remote_begin (stop, target->maps, NULL);

  for (guint i = 0; i < target->parts->len && remote != NULL; i++)
    {
      LpPart *part = &g_array_index (target->parts, LpPart, i);
      if (lp_part_is_to_unmap (part, /* only_placed= */ TRUE)
          && lp_place_unmap (target->process, remote, part->base, part->image_size, NULL))
        part->base = 0;
    }
  if (remote != NULL)
    lp_remote_end (remote, NULL);
}
