/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks at one process on behalf of a change: which entities concern it, which images it has. Stops and
 * writes nothing. Must not know about other processes. */
#include "user/target-private.h"
#include "base/text.h"
#include "process/fresh.h"

#include <string.h>
#include <unistd.h>

/* The only module with @build_id; NULL when there is none, or with @error when there are several. */
static const LpModule *
find_module (LpTarget *target, const char *build_id, GError **error)
{
  const LpModule *found = NULL;

  for (guint i = 0; i < target->modules->len; i++)
    {
      const LpModule *module = g_ptr_array_index (target->modules, i);
      if (g_strcmp0 (module->build_id, build_id) != 0)
        continue;
      if (found != NULL)
        {
          lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL, "process %d has %s mapped twice",
                        lp_process_pid (target->process), module->path);
          return NULL;
        }
      found = module;
    }
  return found;
}

/* Whether no page of @module's extent is free: a linker that reserves it first has no other plans for it. */
static gboolean
is_covered (const LpMaps *maps, const LpModule *module)
{
  guint64 address = module->start;

  while (address < module->end)
    {
      const LpMapping *mapping = lp_maps_find (maps, address);
      if (mapping == NULL)
        return FALSE;
      address = mapping->end;
    }
  return TRUE;
}

gboolean
lp_target_was_mapped_at (const LpTarget *target, const guint64 *starts, guint n)
{
  for (guint i = 0; i < target->parts->len; i++)
    {
      const LpPart *part = &g_array_index (target->parts, LpPart, i);
      gboolean found = FALSE;

      if (part->module == NULL || part->base != 0)
        continue;
      for (guint j = 0; j < n; j++)
        found |= starts[j] == part->module->map_start;
      if (!found || !is_covered (target->maps, part->module))
        return FALSE;
    }
  return TRUE;
}

guint64
lp_target_code (const LpTarget *target)
{
  const LpPart *part = target->parts->len > 0 ? &g_array_index (target->parts, LpPart, 0) : NULL;

  return part != NULL && part->module != NULL ? part->module->map_start : 0;
}

static gboolean
is_same_digest (const LpEntityIdentity *identity, const char *hex)
{
  for (guint i = 0; i < LP_DIGEST_SIZE; i++)
    if (identity->digest[i]
        != (g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1])))
      return FALSE;
  return TRUE;
}

static gboolean
is_image_of (const LpImage *image, LpEntity *entity, const LpModule *module)
{
  const LpEntityIdentity *identity = lp_entity_identity (entity);

  /* Another bias: the target was unloaded and loaded again elsewhere, and this image serves nobody. */
  return image->complete && memcmp (image->identity.uuid, identity->uuid, LP_UUID_SIZE) == 0
         && (module == NULL || image->identity.load_bias == module->bias);
}

/* The complete one of @images for @entity that belongs to @module as it is mapped now (NULL: to any). FALSE
 * only with an error. */
static gboolean
find_image (LpTarget *target, const GPtrArray *images, LpEntity *entity, const LpModule *module,
            const LpImage **found, GError **error)
{
  const LpEntityIdentity *identity = lp_entity_identity (entity);

  *found = NULL;
  for (guint i = 0; i < images->len; i++)
    {
      const LpImage *image = g_ptr_array_index (images, i);
      if (!is_image_of (image, entity, module))
        continue;
      if (!is_same_digest (&image->identity, lp_entity_digest (entity))
          || image->identity.n_functions != identity->n_functions)
        {
          lp_error_set (error, LP_ERROR_CONFLICT, "remove the other one first",
                        "process %d carries this patch from another file (its digest differs)",
                        lp_process_pid (target->process));
          return FALSE;
        }
      *found = image;
    }
  return TRUE;
}

static void
take_image (LpTarget *target, const GPtrArray *images, LpPart *part, const LpImage *image)
{
  part->base = image->base;
  part->state = part->module != NULL
                    ? lp_image_state (target->process, lp_arch_for_machine (LP_HOST_MACHINE), images, image)
                    : LP_IMAGE_LOADED;
}

gboolean
lp_target_adopt (LpTarget *target, const GPtrArray *images, GError **error)
{
  for (guint i = 0; i < target->parts->len; i++)
    {
      LpPart *part = &g_array_index (target->parts, LpPart, i);
      const LpImage *image = NULL;

      if (part->base != 0 || part->module == NULL)
        continue;
      if (!find_image (target, images, part->entity, part->module, &image, error))
        return FALSE;
      if (image != NULL)
        take_image (target, images, part, image);
    }
  return TRUE;
}

/* The one of @images that leads into @part's module, and if there is none the one that @part has, else any;
 * NULL: there is none for it. */
static const LpImage *
best_image (LpTarget *target, const GPtrArray *images, const LpPart *part)
{
  const LpImage *own = lp_images_find (images, part->base), *any = NULL;

  for (guint i = 0; i < images->len; i++)
    {
      const LpImage *image = g_ptr_array_index (images, i);
      if (!is_image_of (image, part->entity, part->module)
          || !is_same_digest (&image->identity, lp_entity_digest (part->entity)))
        continue;
      if (lp_image_state (target->process, lp_arch_for_machine (LP_HOST_MACHINE), images, image)
          != LP_IMAGE_LOADED)
        return image;
      any = image;
    }
  return own != NULL && own->base == part->base && own->complete ? own : any;
}

gboolean
lp_target_agree (LpTarget *target, const GPtrArray *images, GArray *surplus)
{
  gboolean all = TRUE;

  for (guint i = 0; i < target->parts->len; i++)
    {
      LpPart *part = &g_array_index (target->parts, LpPart, i);
      const LpImage *best = part->module != NULL ? best_image (target, images, part) : NULL;

      if (part->module == NULL || (best != NULL && best->base == part->base))
        continue;
      if (best == NULL)
        {
          part->base = 0;
          part->placed = all = FALSE;
          continue;
        }
      if (part->placed && !target->was_on)
        g_array_append_val (surplus, part->base);
      part->placed = FALSE;
      take_image (target, images, part, best);
    }
  return all;
}

static gboolean
add_part (LpTarget *target, LpEntity *entity, GError **error)
{
  g_autofree char *build_id = lp_entity_build_id (entity);
  g_autoptr (GError) local_error = NULL;
  const LpImage *image;
  LpPart part = { .entity = entity, .image_size = lp_entity_identity (entity)->image_size };

  part.module = find_module (target, build_id, &local_error);
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (!find_image (target, target->images, entity, part.module, &image, error))
    return FALSE;
  if (image != NULL)
    take_image (target, target->images, &part, image);
  if (part.module == NULL && image == NULL)
    return TRUE;
  part.entity = lp_entity_ref (entity);
  g_array_append_val (target->parts, part);
  return TRUE;
}

/* Remembers images that were never filled to their end. Only the change that takes the same patch away sweeps
 * them away. */
static void
note_leftovers (LpTarget *target, GPtrArray *entities)
{
  for (guint i = 0; i < target->images->len; i++)
    {
      const LpImage *image = g_ptr_array_index (target->images, i);
      for (guint j = 0; j < entities->len && !image->complete; j++)
        if (memcmp (image->identity.uuid, lp_entity_identity (g_ptr_array_index (entities, j))->uuid,
                    LP_UUID_SIZE)
            == 0)
          {
            g_array_append_val (target->leftovers, image->base);
            break;
          }
    }
}

static void
clear_part (gpointer data)
{
  lp_entity_unref (((LpPart *)data)->entity);
}

static LpTarget *
target_new (void)
{
  LpTarget *target = g_new0 (LpTarget, 1);

  target->parts = g_array_new (FALSE, FALSE, sizeof (LpPart));
  g_array_set_clear_func (target->parts, clear_part);
  target->leftovers = g_array_new (FALSE, FALSE, sizeof (guint64));
  target->sharers = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_process_free);
  return target;
}

/* What it needs isn't there before the dynamic linker has run. */
static gboolean
has_imports (const LpEntity *entity)
{
  guint n;
  const LpEntitySymbol *symbols = lp_entity_symbols (entity, &n);

  for (guint i = 0; i < n; i++)
    if (symbols[i].kind == LP_ENTITY_SYMBOL_IMPORT)
      return TRUE;
  return FALSE;
}

LpTarget *
lp_target_new_fresh (int pid, guint64 sp, GPtrArray *entities)
{
  g_autoptr (LpTarget) target = target_new ();

  target->is_fresh = TRUE;
  target->process = lp_process_hold (pid);
  /* Where there is one patch, and it turns out to be the program's, the interpreter doesn't concern it. */
  if (!lp_fresh_read (target->process, sp, /* program_only= */ entities->len == 1, &target->maps,
                      &target->modules))
    return NULL;
  target->images = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_image_free);
  for (guint i = 0; i < entities->len; i++)
    if (!add_part (target, g_ptr_array_index (entities, i), NULL))
      return NULL;
  const LpPart *part = target->parts->len == 1 ? &g_array_index (target->parts, LpPart, 0) : NULL;
  if (part == NULL || part->module != g_ptr_array_index (target->modules, 0) || has_imports (part->entity))
    return NULL;
  return g_steal_pointer (&target);
}

/* All that is there, by /proc. */
static gboolean
look (LpTarget *target, GPtrArray *entities, GError **error)
{
  target->maps = lp_maps_read_kept (target->process, error);
  if (target->maps == NULL)
    return FALSE;
  target->modules = lp_modules_read (target->process, target->maps, NULL);
  target->images = lp_images_read (target->process, target->maps);
  for (guint i = 0; i < entities->len; i++)
    if (!add_part (target, g_ptr_array_index (entities, i), error))
      return FALSE;
  note_leftovers (target, entities);
  return TRUE;
}

LpTarget *
lp_target_new (int pid, GPtrArray *entities, GError **error)
{
  g_autoptr (LpTarget) target = target_new ();

  target->process = lp_process_open (pid, error);
  return target->process != NULL && look (target, entities, error) ? g_steal_pointer (&target) : NULL;
}

LpTarget *
lp_target_new_held (int pid, GPtrArray *entities, GError **error)
{
  g_autoptr (LpTarget) target = target_new ();

  target->process = lp_process_hold (pid);
  return look (target, entities, error) ? g_steal_pointer (&target) : NULL;
}

void
lp_target_free (LpTarget *target)
{
  if (target == NULL)
    return;
  lp_unwinder_free (target->unwinder);
  g_clear_pointer (&target->parts, g_array_unref);
  g_clear_pointer (&target->leftovers, g_array_unref);
  g_clear_pointer (&target->sharers, g_ptr_array_unref);
  g_clear_pointer (&target->changes, g_array_unref);
  g_clear_pointer (&target->images, g_ptr_array_unref);
  g_clear_pointer (&target->modules, g_ptr_array_unref);
  lp_maps_free (target->maps);
  lp_process_free (target->process);
  g_strfreev (target->stack);
  g_free (target->kept);
  g_free (target);
}

LpProcess *
lp_target_process (LpTarget *target)
{
  return target->process;
}

void
lp_target_set_sharers (LpTarget *target, const GArray *pids, int known_number)
{
  target->known_number = known_number;
  for (guint i = 0; i < pids->len; i++)
    {
      int pid = g_array_index (pids, int, i);
      LpProcess *sharer = pid != lp_process_pid (target->process) ? lp_process_open (pid, NULL) : NULL;
      if (sharer != NULL)
        g_ptr_array_add (target->sharers, sharer);
    }
}

guint64
lp_target_stop_ns (const LpTarget *target)
{
  return target->stop_ns;
}

guint
lp_target_private_pages (const LpTarget *target)
{
  return target->private_pages;
}

static gboolean
part_needs (const LpPart *part, LpStep step)
{
  switch (step)
    {
    case LP_STEP_LOAD:
      return part->module != NULL && part->base == 0;
    case LP_STEP_ACTIVATE:
      return part->module != NULL && (part->base == 0 || part->state != LP_IMAGE_ACTIVE);
    case LP_STEP_DEACTIVATE:
      return part->base != 0 && part->state != LP_IMAGE_LOADED;
    case LP_STEP_UNLOAD:
      return part->base != 0;
    default:
      return FALSE;
    }
}

gboolean
lp_target_concerns (const LpTarget *target)
{
  return target->parts->len > 0 || target->leftovers->len > 0;
}

gboolean
lp_target_needs (const LpTarget *target, LpStep step)
{
  for (guint i = 0; i < target->parts->len; i++)
    if (part_needs (&g_array_index (target->parts, LpPart, i), step))
      return TRUE;
  return step == LP_STEP_UNLOAD && target->leftovers->len > 0;
}

void
lp_target_keep_order (LpTarget *target, const char *const *stack)
{
  g_autoptr (GStrvBuilder) uuids = g_strv_builder_new ();

  for (guint i = 0; i < target->parts->len && stack == NULL; i++)
    {
      g_autofree char *uuid = lp_entity_uuid (g_array_index (target->parts, LpPart, i).entity);
      g_strv_builder_add (uuids, uuid);
    }
  g_strfreev (target->stack);
  target->stack = stack != NULL ? g_strdupv ((char **)stack) : g_strv_builder_end (uuids);
}

/* (element-type LpImage): what the image of @part must lie below. */
static GPtrArray *
images_above (const LpTarget *target, const LpPart *part, const GPtrArray *images)
{
  GPtrArray *above = g_ptr_array_new ();
  g_autofree char *own = target->stack != NULL && images->len > 1 ? lp_entity_uuid (part->entity) : NULL;
  char **after = own != NULL ? target->stack : NULL;

  while (after != NULL && *after != NULL && strcmp (*after, own) != 0)
    after++;
  for (guint i = 0; after != NULL && *after != NULL && i < images->len; i++)
    {
      const LpImage *image = g_ptr_array_index (images, i);
      g_autofree char *uuid = lp_uuid_format (image->identity.uuid);
      if (image->complete && g_strv_contains ((const char *const *)after + 1, uuid))
        g_ptr_array_add (above, (gpointer)image);
    }
  return above;
}

/* Plans one part; nothing is left in @changes when that fails. */
static gboolean
plan_part (LpTarget *target, guint index, const GPtrArray *images, gboolean on, GArray *changes,
           GError **error)
{
  const LpPart *part = &g_array_index (target->parts, LpPart, index);
  const LpImage *image = lp_images_find (images, part->base);
  g_autoptr (GPtrArray) above = images_above (target, part, images);
  guint first = changes->len;

  if (image == NULL)
    return TRUE;
  if (on ? !lp_sites_plan_on (target->process, part->entity, images, image, above, changes, error)
         : !lp_sites_plan_off (target->process, part->entity, images, image, changes, error))
    {
      g_array_set_size (changes, first);
      return FALSE;
    }
  for (guint i = first; i < changes->len; i++)
    g_array_index (changes, LpSiteChange, i).part = index;
  return TRUE;
}

/* One look at all parts that aren't planned yet. A part on which another one is stacked (LP_ERROR_OVERRIDDEN)
 * may have to wait for that one; without *@progress there is nobody left to wait for. */
static gboolean
plan_round (LpTarget *target, const GPtrArray *images, gboolean on, gboolean *planned, GArray *changes,
            gboolean *progress, GError **error)
{
  *progress = FALSE;
  for (guint i = 0; i < target->parts->len; i++)
    {
      const LpPart *part = &g_array_index (target->parts, LpPart, i);
      g_autoptr (GError) local_error = NULL;

      if (planned[i] || part->base == 0 || part->module == NULL)
        continue;
      planned[i] = plan_part (target, i, images, on, changes, &local_error);
      *progress |= planned[i];
      if (planned[i])
        continue;
      gboolean waits = g_error_matches (local_error, LP_ERROR, LP_ERROR_OVERRIDDEN);
      g_clear_error (error);
      g_propagate_error (error, g_steal_pointer (&local_error));
      if (!waits)
        return FALSE;
    }
  return TRUE;
}

gboolean
lp_target_plan (LpTarget *target, const GPtrArray *images, gboolean on, GArray *changes, GError **error)
{
  g_autofree gboolean *planned = g_new0 (gboolean, target->parts->len);
  g_autoptr (GError) last = NULL;
  gboolean progress = TRUE;

  while (progress)
    {
      g_clear_error (&last);
      if (!plan_round (target, images, on, planned, changes, &progress, &last))
        break;
    }
  if (last == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&last));
  return FALSE;
}

/* What a step that switches on needs of @part, whose image may not be there yet. */
static gboolean
check_part (LpTarget *target, const LpPart *part, LpConsistency consistency, GError **error)
{
  g_autoptr (GArray) ranges = g_array_new (FALSE, TRUE, sizeof (LpCodeRange));
  guint n;

  if (part->base == 0
      && !lp_sites_check_free (target->process, part->entity, target->images, part->module->bias, error))
    return FALSE;
  lp_entity_functions (part->entity, &n);
  for (guint i = 0; i < n; i++)
    if (!lp_part_add_old_ranges (part, i, consistency, ranges, error))
      return FALSE;
  return TRUE;
}

gboolean
lp_target_check (LpTarget *target, LpStep step, LpConsistency consistency, GError **error)
{
  gboolean on = step == LP_STEP_ACTIVATE || step == LP_STEP_LOAD;
  g_autoptr (GArray) changes = g_array_new (FALSE, TRUE, sizeof (LpSiteChange));

  for (guint i = 0; i < target->parts->len && on; i++)
    {
      const LpPart *part = &g_array_index (target->parts, LpPart, i);
      if (part->module != NULL && !check_part (target, part, consistency, error))
        return FALSE;
    }
  return step == LP_STEP_LOAD || lp_target_plan (target, target->images, on, changes, error);
}
