/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps in one process: map, switch, unmap. Each runs in a tracer thread of its own, so that the kernel
 * lets the process go whatever happens to us. Must not know about other processes. */
#include "user/target-private.h"
#include "process/references.h"
#include "process/sharing.h"
#include "user/place.h"

#include <string.h>

#define STOP_TIMEOUT_MS 500
#define CHOOSE_ATTEMPTS 8
#define SLEEP_LOOKS 50 /* times 1 ms */

/* Arguments and results of one step on their way into the tracer. */
typedef struct {
  LpTarget *target;
  gboolean on;
  gboolean only_placed;
  gboolean is_new; /* nothing can have changed since the target was looked at */
  LpConsistency consistency;
  GArray *undo; /* changes to take back instead of a plan */
  LpStop *held; /* the caller's own stop, when the process is held already */
  gboolean busy;
  LpStackHit hit;
  char *hit_name;
} Work;

/* Stops one thread that can be borrowed; the others go on. */
static LpRemote *
borrow_thread (LpStop *stop, const LpMaps *maps, GError **error)
{
  LpProcess *process = lp_stop_process (stop);
  g_autoptr (GError) first_error = NULL;

  for (guint attempt = 0; attempt < CHOOSE_ATTEMPTS; attempt++)
    {
      g_autoptr (GError) local_error = NULL;
      int tid = lp_remote_choose_thread (process, attempt, &local_error);
      LpRemote *remote = NULL;

      if (tid > 0 && lp_stop_thread (stop, tid, STOP_TIMEOUT_MS, &local_error))
        remote = lp_remote_begin (stop, maps, &local_error);
      if (remote != NULL)
        return remote;
      lp_stop_release (stop);
      if (first_error == NULL)
        first_error = g_steal_pointer (&local_error);
      if (!lp_process_is_alive (process))
        break;
    }
  g_propagate_error (error, g_steal_pointer (&first_error));
  return NULL;
}

/* Sweeps away what a killed worker has left: such an image was never active, so nobody can be in it. But one
 * that was unfinished when the target was looked at may be somebody's who was at work then: @images are those
 * of now. And it may be somebody's who still is, whom nothing stops from filling it: only what takes the
 * patch away, after which nobody brings it, sweeps. */
static gboolean
unmap_leftovers (LpTarget *target, LpRemote *remote, const GPtrArray *images, GError **error)
{
  for (guint i = 0; i < target->leftovers->len; i++)
    {
      guint64 base = g_array_index (target->leftovers, guint64, i);
      const LpImage *image = lp_images_find (images, base);
      if (image != NULL && image->base == base && !image->complete
          && !lp_place_unmap (target->process, remote, base, image->identity.image_size, error))
        return FALSE;
    }
  g_array_set_size (target->leftovers, 0);
  return TRUE;
}

static gboolean
place_in_tracer (gpointer data, GError **error)
{
  LpTarget *target = ((Work *)data)->target;
  g_autoptr (LpStop) stop = lp_stop_new (target->process);

  return lp_target_map_missing (target, borrow_thread (stop, target->maps, error), /* is_new= */ FALSE,
                                error);
}

gboolean
lp_target_place (LpTarget *target, GError **error)
{
  Work work = { .target = target };

  if (!lp_target_needs_place (target))
    return TRUE;
  if (lp_ptracer_run (place_in_tracer, &work, error) && lp_target_fill (target, FALSE, error))
    return TRUE;
  lp_target_unmap (target, TRUE, NULL, NULL);
  return FALSE;
}

/* What the world looks like now that everybody stands still. */
typedef struct {
  LpStop *stop;
  gboolean is_held; /* @stop is the caller's */
  gboolean is_new;  /* as in Work */
  const LpMaps *maps;
  LpMaps *own_maps; /* NULL: they are the target's */
  GPtrArray *images;
} Scene;

static void
scene_clear (Scene *scene)
{
  g_clear_pointer (&scene->images, g_ptr_array_unref);
  g_clear_pointer (&scene->own_maps, lp_maps_free);
  if (!scene->is_held)
    g_clear_pointer (&scene->stop, lp_stop_free); /* lets the process go */
}

/* The image of @part, checked again after the stop; so is the target's mapping. */
static const LpImage *
verify_part (LpTarget *target, const LpPart *part, Scene *scene, GError **error)
{
  const LpImage *image = lp_images_find (scene->images, part->base);
  const LpEntityIdentity *identity = lp_entity_identity (part->entity);

  if (image == NULL || image->base != part->base || !image->complete
      || image->identity.n_functions != identity->n_functions
      || memcmp (image->identity.uuid, identity->uuid, LP_UUID_SIZE) != 0)
    lp_error_set (error, LP_ERROR_CHANGED, NULL,
                  "process %d: the patch's image at 0x%" G_GINT64_MODIFIER "x is gone or damaged",
                  lp_process_pid (target->process), part->base);
  else if (part->module != NULL
           && (image->identity.load_bias != part->module->bias
               || (!scene->is_new && !lp_module_is_unchanged (target->process, part->module, scene->maps))))
    lp_error_set (error, LP_ERROR_CHANGED, NULL, "process %d: %s is no longer mapped as it was",
                  lp_process_pid (target->process), part->module->path);
  else
    return image;
  return NULL;
}

/* Ranges of the patch that stands below: its code is the "old function" then. */
static void
add_previous_ranges (const LpSiteChange *change, Scene *scene, GArray *ranges)
{
  const LpImage *below = change->previous != 0 ? lp_images_find (scene->images, change->previous) : NULL;

  if (below != NULL)
    {
      LpCodeRange range = { below->base, below->text_end, TRUE, "an earlier patch's code" };
      g_array_append_val (ranges, range);
    }
}

/* What must be free of threads before @changes are written. */
static gboolean
add_ranges (Work *work, Scene *scene, const GArray *changes, GArray *ranges, GError **error)
{
  for (guint i = 0; i < changes->len; i++)
    {
      const LpSiteChange *change = &g_array_index (changes, LpSiteChange, i);
      const LpPart *part = &g_array_index (work->target->parts, LpPart, change->part);

      if (change->size == 0)
        continue; /* nobody comes to run other code by it */
      if (work->on && !lp_part_add_old_ranges (part, change->function, work->consistency, ranges, error))
        return FALSE;
      if (work->consistency == LP_CONSISTENCY_ENTRY)
        continue;
      if (work->on)
        add_previous_ranges (change, scene, ranges);
      else if (i == 0 || g_array_index (changes, LpSiteChange, i - 1).part != change->part)
        lp_part_add_image_ranges (part, ranges);
    }
  return TRUE;
}

/* All changes of the step, on what is there now that everybody stands still. */
static gboolean
plan_all (Work *work, Scene *scene, GArray *changes, GArray *ranges, GError **error)
{
  LpTarget *target = work->target;

  for (guint i = 0; i < target->parts->len; i++)
    {
      const LpPart *part = &g_array_index (target->parts, LpPart, i);
      if (part->base != 0 && part->module != NULL && verify_part (target, part, scene, error) == NULL)
        return FALSE;
    }
  return lp_target_plan (target, scene->images, work->on, changes, error)
         && add_ranges (work, scene, changes, ranges, error);
}

static gboolean
set_changed_meanwhile (const Work *work, guint64 address, GError **error)
{
  lp_error_set (error, LP_ERROR_CONFLICT, NULL,
                "process %d: the redirect at 0x%" G_GINT64_MODIFIER "x was changed meanwhile",
                lp_process_pid (work->target->process), address);
  return FALSE;
}

/* The reverse of changes made earlier; @ranges: what the threads must have left. */
static gboolean
plan_undo (Work *work, GArray *changes, GArray *ranges, GError **error)
{
  for (guint i = work->undo->len; i-- > 0;)
    {
      LpSiteChange change = g_array_index (work->undo, LpSiteChange, i);
      guint8 now[LP_SITE_MAX];

      if (change.size == 0)
        {
          guint64 note = 0;
          if (!lp_process_read (work->target->process, change.previous_slot, &note, sizeof note, error))
            return FALSE;
          if (note != change.previous)
            return set_changed_meanwhile (work, change.address, error);
          change.previous = change.noted;
          change.noted = note;
          g_array_append_val (changes, change);
          continue;
        }
      if (!lp_process_read (work->target->process, change.address, now, change.size, error))
        return FALSE;
      if (memcmp (now, change.after, change.size) != 0)
        return set_changed_meanwhile (work, change.address, error);
      memcpy (change.after, change.before, sizeof change.after);
      memcpy (change.before, now, change.size);
      change.previous_slot = 0;
      g_array_append_val (changes, change);
    }
  for (guint i = 0; i < work->target->parts->len && work->target->switched_on; i++)
    lp_part_add_image_ranges (&g_array_index (work->target->parts, LpPart, i), ranges);
  return TRUE;
}

static gboolean
is_sharer (const LpTarget *target, int pid)
{
  for (guint i = 0; i < target->sharers->len; i++)
    if (lp_process_pid (g_ptr_array_index (target->sharers, i)) == pid)
      return TRUE;
  return FALSE;
}

/* Looks at the processes that have appeared since the last look. Returns how many of them share the memory.
 */
static guint
find_new_sharers (LpTarget *target)
{
  int last = lp_process_last_number ();
  guint before = target->sharers->len;

  if (target->known_number == 0 || last == target->known_number)
    return 0;
  g_autoptr (GArray) pids = lp_process_sharers (lp_process_pid (target->process), target->known_number);
  for (guint i = 0; i < pids->len; i++)
    {
      int pid = g_array_index (pids, int, i);
      LpProcess *sharer = is_sharer (target, pid) ? NULL : lp_process_open (pid, NULL);
      if (sharer != NULL)
        g_ptr_array_add (target->sharers, sharer);
    }
  target->known_number = last;
  return target->sharers->len - before;
}

/* Once all that are known stand still, only a process that one of them had just made can be missing. */
gboolean
lp_target_stop_everybody (LpTarget *target, LpStop *stop, GError **error)
{
  guint added = target->sharers->len;

  do
    {
      for (guint i = target->sharers->len - added; i < target->sharers->len; i++)
        lp_stop_add_sharer (stop, g_ptr_array_index (target->sharers, i));
      if (!lp_stop_all (stop, STOP_TIMEOUT_MS, error))
        return FALSE;
      added = find_new_sharers (target);
  } while (added > 0);
  return TRUE;
}

static int
compare_images (gconstpointer a, gconstpointer b)
{
  const LpImage *x = *(LpImage *const *)a, *y = *(LpImage *const *)b;

  return x->base < y->base ? -1 : x->base > y->base;
}

/* What was there when the target was looked at, and what we have placed since. */
static void
add_placed_images (LpTarget *target)
{
  for (guint i = 0; i < target->parts->len; i++)
    {
      const LpPart *part = &g_array_index (target->parts, LpPart, i);
      LpImage *image
          = part->placed && lp_images_find (target->images, part->base) == NULL
                ? lp_image_read (target->process, part->base, lp_place_text_end (part->entity, part->base))
                : NULL;
      if (image == NULL)
        continue;
      g_ptr_array_add (target->images, image);
      g_ptr_array_sort (target->images, compare_images);
    }
}

static gboolean
stop_and_look (Work *work, Scene *scene, GError **error)
{
  LpTarget *target = work->target;

  scene->is_held = work->held != NULL;
  scene->is_new = work->is_new;
  scene->stop = scene->is_held ? work->held : lp_stop_new (target->process);
  if (!scene->is_held && !lp_target_stop_everybody (target, scene->stop, error))
    return FALSE;
  if (scene->is_new)
    {
      add_placed_images (target);
      scene->maps = target->maps;
      scene->images = g_ptr_array_ref (target->images);
      return TRUE;
    }
  scene->maps = scene->own_maps = lp_maps_read (target->process, error);
  if (scene->maps == NULL)
    return FALSE;
  scene->images = lp_images_read (target->process, scene->maps);
  return TRUE;
}

/* Two that patch the same process see each other here at the latest. */
static gboolean
agree_on_images (LpTarget *target, Scene *scene, GError **error)
{
  g_autoptr (GArray) surplus = g_array_new (FALSE, FALSE, sizeof (guint64));
  gboolean done = TRUE;

  if (!lp_target_agree (target, scene->images, surplus))
    {
      lp_target_set_image_gone (target, error);
      return FALSE;
    }
  if (surplus->len == 0)
    return TRUE;
  LpRemote *remote = lp_remote_begin (scene->stop, scene->maps, error);
  if (remote == NULL)
    return FALSE;
  for (guint i = 0; i < surplus->len && done; i++)
    {
      guint64 base = g_array_index (surplus, guint64, i);
      const LpImage *image = lp_images_find (scene->images, base);
      if (image != NULL && image->base == base)
        done = lp_place_unmap (target->process, remote, base, image->identity.image_size, error);
    }
  gboolean ended = lp_remote_end (remote, done ? error : NULL);
  g_clear_pointer (&scene->images, g_ptr_array_unref);
  g_clear_pointer (&scene->own_maps, lp_maps_free);
  scene->maps = scene->own_maps = done && ended ? lp_maps_read (target->process, error) : NULL;
  if (scene->maps == NULL)
    return FALSE;
  scene->images = lp_images_read (target->process, scene->maps);
  return TRUE;
}

/* TRUE when nobody is in @ranges; else notes who is. */
static gboolean
nobody_in (Work *work, Scene *scene, GArray *ranges, GError **error)
{
  if (work->target->is_fresh)
    return TRUE; /* nobody has been anywhere */
  if (!lp_stack_check (scene->stop, scene->maps, work->target->unwinder, ranges, &work->busy, &work->hit,
                       error))
    return FALSE;
  if (!work->busy)
    return TRUE;
  work->hit_name = g_strdup (work->hit.range != NULL ? work->hit.range->name : NULL);
  lp_error_set (error, LP_ERROR_PROCESS_BUSY, NULL, "process %d: thread %d %s%s",
                lp_process_pid (work->target->process), work->hit.tid,
                work->hit_name != NULL ? "is in "
                                       : "may be in the code to change: its stack can't be unwound",
                work->hit_name != NULL ? work->hit_name : "");
  return FALSE;
}

static gboolean
switch_scene (Work *work, Scene *scene, GError **error)
{
  LpTarget *target = work->target;
  g_autoptr (GArray) changes = g_array_new (FALSE, TRUE, sizeof (LpSiteChange));
  g_autoptr (GArray) ranges = g_array_new (FALSE, TRUE, sizeof (LpCodeRange));
  guint pages = 0;

  if (!stop_and_look (work, scene, error))
    return FALSE;
  if (work->on && work->undo == NULL && !work->is_new && !agree_on_images (target, scene, error))
    return FALSE;
  if (work->undo != NULL ? !plan_undo (work, changes, ranges, error)
                         : !plan_all (work, scene, changes, ranges, error))
    return FALSE;
  if (!nobody_in (work, scene, ranges, error))
    return FALSE;
  if (!lp_sites_write (target->process, changes, lp_stop_get_thread (scene->stop, 0)->tid, &pages, error))
    return FALSE;
  if (!scene->is_held)
    {
      lp_stop_release (scene->stop);
      target->stop_ns = MAX (target->stop_ns, lp_stop_duration (scene->stop));
    }
  target->private_pages += work->on ? pages : 0;
  g_clear_pointer (&target->changes, g_array_unref);
  target->changes = g_steal_pointer (&changes);
  target->switched_on = work->on;
  target->was_on |= work->on;
  return TRUE;
}

static gboolean
switch_in_tracer (gpointer data, GError **error)
{
  Scene scene = { 0 };
  gboolean done = switch_scene (data, &scene, error);

  scene_clear (&scene);
  return done;
}

/* No file is opened while the process stands still: it would take long, and a permission gate on the file
 * might wait for somebody who waits for us. */
static gboolean
prepare_unwinder (LpTarget *target)
{
  g_autoptr (LpMaps) maps = lp_maps_read (target->process, NULL);

  if (maps != NULL)
    target->unwinder = lp_unwinder_new (target->process, maps);
  return maps != NULL;
}

/* Where the thread that was in the way waits. Asked after the release, because a stopped thread waits only
 * for us: it gets a moment to go back to where it was. */
static char *
await_sleep (const Work *work)
{
  for (guint i = 0;; i++)
    {
      char *where = lp_process_thread_waits_in (work->target->process, work->hit.tid);
      if (where[0] != '\0' || i == SLEEP_LOOKS)
        return where;
      g_free (where);
      g_usleep (1000);
    }
}

/* Runs @func in a tracer. In most cases a look at the words on the stacks says that nobody is in the way;
 * only if it doesn't, unwind tables are opened for a second, exact one. @detail then says who was in the way.
 */
static gboolean
run_step (Work *work, LpPtracerFunc func, char **detail, GError **error)
{
  g_autoptr (GError) first_error = NULL;

  find_new_sharers (work->target); /* so that hardly any are left for the stop */
  if (lp_ptracer_run (func, work, &first_error))
    return TRUE;
  gboolean unsure = work->busy && work->hit.needs_unwinder;
  if (!unsure || !prepare_unwinder (work->target))
    g_propagate_error (error, g_steal_pointer (&first_error));
  else
    {
      work->busy = FALSE;
      if (lp_ptracer_run (func, work, error))
        return TRUE;
    }
  if (work->busy && detail != NULL)
    {
      g_autofree char *where = await_sleep (work);
      g_free (*detail);
      *detail = g_strdup_printf ("thread %d, %s%s%s", work->hit.tid,
                                 work->hit_name != NULL ? work->hit_name : "unknown function",
                                 where[0] != '\0' ? ", waits in " : "", where);
    }
  g_clear_pointer (&work->hit_name, g_free);
  return FALSE;
}

gboolean
lp_target_switch (LpTarget *target, gboolean on, LpConsistency consistency, char **detail, GError **error)
{
  Work work = { .target = target, .on = on, .consistency = consistency };

  return run_step (&work, switch_in_tracer, detail, error);
}

/* As lp_target_activate_held(), but for what is left behind. */
static gboolean
activate_held (LpTarget *target, LpStop *stop, gboolean is_new, GError **error)
{
  Work work = { .target = target, .on = TRUE, .held = stop, .is_new = is_new };

  if (lp_target_needs_place (target)
      && (!lp_target_map_missing (target, lp_remote_begin (stop, target->maps, error), is_new, error)
          || !lp_target_fill (target, TRUE, error)))
    return FALSE;
  g_autoptr (GError) first_error = NULL;
  if (switch_in_tracer (&work, &first_error))
    return TRUE;
  gboolean unsure = work.busy && work.hit.needs_unwinder;
  g_clear_pointer (&work.hit_name, g_free);
  if (!unsure || !prepare_unwinder (target))
    {
      g_propagate_error (error, g_steal_pointer (&first_error));
      return FALSE;
    }
  work.busy = FALSE;
  gboolean done = switch_in_tracer (&work, error);
  g_clear_pointer (&work.hit_name, g_free);
  return done;
}

gboolean
lp_target_activate_held (LpTarget *target, LpStop *stop, gboolean is_new, GError **error)
{
  gboolean done = activate_held (target, stop, is_new, error);

  if (!done && target->is_fresh)
    lp_target_unplace (target, stop);
  return done;
}

gboolean
lp_target_undo_switch (LpTarget *target, char **detail, GError **error)
{
  g_autoptr (GArray) undo = g_steal_pointer (&target->changes);
  Work work = { .target = target, .on = !target->switched_on, .undo = undo };

  if (undo == NULL || run_step (&work, switch_in_tracer, detail, error))
    return TRUE;
  target->changes = g_steal_pointer (&undo); /* not made: may be tried again */
  return FALSE;
}

/* Whether somebody else has taken the image of @part away: what is there now isn't ours. One that we have
 * placed and not filled is recognised by the room that it lies in only. */
static gboolean
is_gone (const LpPart *part, const Scene *scene)
{
  const LpImage *image = lp_images_find (scene->images, part->base);

  return image == NULL ? !lp_place_is_room (scene->maps, part->base, part->image_size)
                       : image->base != part->base;
}

/* No redirect may lead into the image. */
static gboolean
verify_inactive (LpTarget *target, const LpPart *part, Scene *scene, GError **error)
{
  const LpImage *image = lp_images_find (scene->images, part->base);

  if (image == NULL || part->module == NULL
      || lp_image_state (target->process, lp_arch_for_machine (LP_HOST_MACHINE), scene->images, image)
             == LP_IMAGE_LOADED)
    return TRUE;
  lp_error_set (error, LP_ERROR_INVALID_STATE, "deactivate it first", "process %d still uses the patch",
                lp_process_pid (target->process));
  return FALSE;
}

/* TRUE when the process may still use something of @part's image (a string or callback that got about, a
 * coroutine that waits in its code), which then stays, as nobody's. Only an image that nothing ever led into
 * is surely free of that. */
static gboolean
is_still_used (Work *work, Scene *scene, const LpPart *part, const GArray *code)
{
  LpTarget *target = work->target;
  guint64 where;

  if (part->placed && !target->was_on)
    return FALSE;
  if (!lp_references_exist (scene->stop, scene->maps, part->base, part->base + part->image_size, code,
                            &where))
    return FALSE;
  g_free (target->kept);
  target->kept = where != 0 ? g_strdup_printf ("0x%" G_GINT64_MODIFIER "x still points to it", where)
                            : g_strdup ("it may still be pointed to");
  return TRUE;
}

static gboolean
unmap_part (Work *work, Scene *scene, LpRemote *remote, LpPart *part, const GArray *code, GError **error)
{
  LpProcess *process = work->target->process;
  gboolean done = is_still_used (work, scene, part, code)
                      ? lp_place_retire (process, part->base, lp_stop_get_thread (scene->stop, 0)->tid, error)
                      : lp_place_unmap (process, remote, part->base, part->image_size, error);

  part->base = done ? 0 : part->base;
  part->placed = done ? FALSE : part->placed;
  return done;
}

static gboolean
unmap_parts (Work *work, Scene *scene, const GArray *code, GError **error)
{
  LpTarget *target = work->target;
  LpRemote *remote = lp_remote_begin (scene->stop, scene->maps, error);
  gboolean done;

  if (remote == NULL)
    return FALSE;
  done = work->only_placed || unmap_leftovers (target, remote, scene->images, error);
  for (guint i = 0; i < target->parts->len && done; i++)
    {
      LpPart *part = &g_array_index (target->parts, LpPart, i);
      if (lp_part_is_to_unmap (part, work->only_placed))
        done = unmap_part (work, scene, remote, part, code, error);
    }
  gboolean ended = lp_remote_end (remote, done ? error : NULL);
  return done && ended;
}

static gboolean
unmap_in_tracer (gpointer data, GError **error)
{
  Work *work = data;
  Scene scene = { 0 };
  g_autoptr (GArray) ranges = g_array_new (FALSE, TRUE, sizeof (LpCodeRange));
  gboolean done = stop_and_look (work, &scene, error);

  for (guint i = 0; i < work->target->parts->len && done; i++)
    {
      LpPart *part = &g_array_index (work->target->parts, LpPart, i);
      if (!lp_part_is_to_unmap (part, work->only_placed))
        continue;
      if (is_gone (part, &scene))
        {
          part->base = 0;
          part->placed = FALSE;
          continue;
        }
      lp_part_add_image_ranges (part, ranges);
      done = verify_inactive (work->target, part, &scene, error);
    }
  done = done && nobody_in (work, &scene, ranges, error) && unmap_parts (work, &scene, ranges, error);
  if (done)
    {
      lp_stop_release (scene.stop);
      work->target->stop_ns = MAX (work->target->stop_ns, lp_stop_duration (scene.stop));
    }
  scene_clear (&scene);
  return done;
}

gboolean
lp_target_unmap (LpTarget *target, gboolean only_placed, char **detail, GError **error)
{
  Work work = { .target = target, .only_placed = only_placed };
  gboolean needed = !only_placed && target->leftovers->len > 0;

  for (guint i = 0; i < target->parts->len; i++)
    needed |= lp_part_is_to_unmap (&g_array_index (target->parts, LpPart, i), only_placed);
  return !needed || run_step (&work, unmap_in_tracer, detail, error);
}

const char *
lp_target_kept (const LpTarget *target)
{
  return target->kept;
}
