/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans and writes redirects. Must not know where the threads are. */
#include "user/sites.h"
#include "process/ptracer.h"

#include <string.h>

#define PAGE 0x1000

/* One function's site in one process. */
typedef struct {
  const LpEntityFunction *function;
  const char *name;
  guint64 address;
  guint64 stub; /* where our redirect goes */
  guint8 current[LP_SITE_MAX];
  guint64 goes_to; /* where the redirect that stands there goes; 0 = none stands there */
} Site;

/* What a site holds, or will hold once the already planned changes are written. */
static gboolean
read_site (LpProcess *process, const LpArch *arch, LpEntity *entity, const LpImage *image, guint index,
           const GArray *changes, Site *site, GError **error)
{
  guint n;
  const LpEntityFunction *functions = lp_entity_functions (entity, &n);

  site->function = &functions[index];
  site->name = lp_entity_string (entity, site->function->name);
  site->address = image->identity.load_bias + site->function->old_address + site->function->site_offset;
  site->stub = image->base + site->function->stub_address;
  site->goes_to = 0;
  if (site->function->site_size > LP_SITE_MAX || site->function->site_size < arch->redirect_size)
    {
      lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s: function %s: impossible site of %u bytes",
                    lp_elf_name (lp_entity_elf (entity)), site->name, site->function->site_size);
      return FALSE;
    }
  if (!lp_process_read (process, site->address, site->current, site->function->site_size, error))
    return FALSE;
  for (guint i = 0; i < changes->len; i++)
    {
      const LpSiteChange *change = &g_array_index (changes, LpSiteChange, i);
      if (change->address == site->address)
        memcpy (site->current, change->after, change->size);
    }
  if (!arch->decode_redirect (site->current, site->function->site_size, site->address, &site->goes_to))
    site->goes_to = 0;
  return TRUE;
}

static gboolean
is_original (const Site *site)
{
  return memcmp (site->current, site->function->site_original, site->function->site_size) == 0;
}

static gboolean
set_conflict (LpProcess *process, const Site *site, GError **error)
{
  gboolean is_breakpoint = memchr (site->current, 0xcc, site->function->site_size) != NULL
                           && memchr (site->function->site_original, 0xcc, site->function->site_size) == NULL;

  lp_error_set (error, LP_ERROR_CONFLICT,
                is_breakpoint ? "take away the debugger's or tracer's breakpoint and try again"
                              : "another tool has changed this code; undo its change first",
                "process %d: function %s at 0x%" G_GINT64_MODIFIER "x: %s", lp_process_pid (process),
                site->name, site->address,
                is_breakpoint ? "a breakpoint (uprobe) stands in the bytes to change"
                              : "the code is not the original");
  return FALSE;
}

/* What lies below the redirect to @stub once @changes are written. */
static guint64
planned_below (const GPtrArray *images, const GArray *changes, guint64 stub)
{
  guint64 note = lp_images_note (images, stub);

  for (guint i = changes->len; note != 0 && i-- > 0;)
    {
      const LpSiteChange *change = &g_array_index (changes, LpSiteChange, i);
      if (change->previous_slot == note)
        return change->previous;
    }
  return lp_images_below (images, stub);
}

/* Whether the redirect to our stub stands, or lies below one of a later patch: laid on top of that it would
 * be below itself, and neither could ever be taken away. */
static gboolean
stands_already (const GPtrArray *images, const GArray *changes, const Site *site)
{
  guint64 goes_to = site->goes_to;

  for (guint depth = 0; depth < LP_STACKED_MAX && goes_to != 0; depth++)
    {
      if (goes_to == site->stub)
        return TRUE;
      goes_to = planned_below (images, changes, goes_to);
    }
  return FALSE;
}

/* The lowest redirect at @site that leads into one of @above; 0: none does. */
static guint64
find_above (const GPtrArray *images, GPtrArray *above, const GArray *changes, const Site *site)
{
  guint64 lowest = 0, goes_to = site->goes_to;

  for (guint depth = 0; depth < LP_STACKED_MAX && goes_to != 0 && above->len > 0; depth++)
    {
      const LpImage *image = lp_images_find (images, goes_to);
      if (image != NULL && g_ptr_array_find (above, image, NULL))
        lowest = goes_to;
      goes_to = planned_below (images, changes, goes_to);
    }
  return lowest;
}

static void
add_note (GArray *changes, const Site *site, guint function, guint64 slot, guint64 before, guint64 after)
{
  const LpSiteChange change = {
    .address = site->address, .previous_slot = slot, .previous = after, .noted = before, .function = function
  };

  g_array_append_val (changes, change);
}

gboolean
lp_sites_plan_on (LpProcess *process, LpEntity *entity, const GPtrArray *images, const LpImage *image,
                  GPtrArray *above, GArray *changes, GError **error)
{
  const LpArch *arch = lp_arch_for_machine (LP_HOST_MACHINE);

  for (guint i = 0; i < image->identity.n_functions; i++)
    {
      LpSiteChange change = { .size = arch->redirect_size, .function = i };
      Site site;

      if (!read_site (process, arch, entity, image, i, changes, &site, error))
        return FALSE;
      if (stands_already (images, changes, &site))
        continue;
      change.previous_slot = lp_images_note (images, site.stub);
      guint64 upper = find_above (images, above, changes, &site);
      if (upper != 0)
        {
          guint64 lower = planned_below (images, changes, upper);
          add_note (changes, &site, i, change.previous_slot, image->sites[i].previous, lower);
          add_note (changes, &site, i, lp_images_note (images, upper), lower, site.stub);
          continue;
        }
      if (site.goes_to != 0 && lp_images_find (images, site.goes_to) != NULL)
        change.previous = site.goes_to;
      else if (!is_original (&site))
        return set_conflict (process, &site, error);

      change.address = site.address;
      memcpy (change.before, site.current, change.size);
      if (!arch->encode_redirect (site.address, site.stub, change.after, error))
        return FALSE;
      if (change.previous == image->sites[i].previous)
        change.previous_slot = 0; /* it says so already */
      g_array_append_val (changes, change);
    }
  return TRUE;
}

gboolean
lp_sites_check_free (LpProcess *process, LpEntity *entity, const GPtrArray *images, guint64 bias,
                     GError **error)
{
  const LpArch *arch = lp_arch_for_machine (LP_HOST_MACHINE);
  const LpImage future = { .identity = { .load_bias = bias } };
  g_autoptr (GArray) none = g_array_new (FALSE, TRUE, sizeof (LpSiteChange));
  guint n;

  lp_entity_functions (entity, &n);
  for (guint i = 0; i < n; i++)
    {
      Site site;
      if (!read_site (process, arch, entity, &future, i, none, &site, error))
        return FALSE;
      if ((site.goes_to == 0 || lp_images_find (images, site.goes_to) == NULL) && !is_original (&site))
        return set_conflict (process, &site, error);
    }
  return TRUE;
}

gboolean
lp_sites_plan_off (LpProcess *process, LpEntity *entity, const GPtrArray *images, const LpImage *image,
                   GArray *changes, GError **error)
{
  const LpArch *arch = lp_arch_for_machine (LP_HOST_MACHINE);

  for (guint i = 0; i < image->identity.n_functions; i++)
    {
      LpSiteChange change = { .size = arch->redirect_size, .function = i };
      guint64 previous = image->sites[i].previous;
      Site site;

      if (!read_site (process, arch, entity, image, i, changes, &site, error))
        return FALSE;
      if (is_original (&site))
        continue;
      if (site.goes_to != site.stub)
        {
          if (site.goes_to == 0 || lp_images_find (images, site.goes_to) == NULL)
            return set_conflict (process, &site, error);
          lp_error_set (error, LP_ERROR_OVERRIDDEN, "deactivate the later patch first",
                        "process %d: function %s is replaced by a later patch", lp_process_pid (process),
                        site.name);
          return FALSE;
        }

      change.address = site.address;
      memcpy (change.before, site.current, change.size);
      memcpy (change.after, site.function->site_original, change.size);
      /* A patch below this one gets its redirect back; one that is there no longer can't. */
      if (previous != 0 && lp_images_find (images, previous) != NULL
          && !arch->encode_redirect (site.address, previous, change.after, error))
        return FALSE;
      g_array_append_val (changes, change);
    }
  return TRUE;
}

static gboolean
write_and_read_back (LpProcess *process, guint64 address, const guint8 *bytes, gsize size, int tid,
                     GError **error)
{
  guint8 present[LP_SITE_MAX];

  if (!lp_process_write (process, address, bytes, size, tid, error)
      || !lp_process_read (process, address, present, size, error))
    return FALSE;
  if (memcmp (present, bytes, size) == 0)
    return TRUE;
  lp_error_set (error, LP_ERROR_FAILED, NULL,
                "process %d: the bytes written at 0x%" G_GINT64_MODIFIER "x did not stay",
                lp_process_pid (process), address);
  return FALSE;
}

/* A note that no redirect of its own comes with. That of one which is taken back says nothing any more. */
static gboolean
undo_notes (LpProcess *process, const GArray *changes, guint n, int tid)
{
  gboolean done = TRUE;

  while (n-- > 0)
    {
      const LpSiteChange *change = &g_array_index (changes, LpSiteChange, n);
      if (change->size == 0)
        done &= lp_process_write (process, change->previous_slot, &change->noted, sizeof change->noted, tid,
                                  NULL);
    }
  return done;
}

static gboolean
undo (LpProcess *process, const GArray *changes, guint n, int tid)
{
  gboolean done = TRUE;

  while (n-- > 0)
    {
      const LpSiteChange *change = &g_array_index (changes, LpSiteChange, n);
      done &= change->size == 0
              || write_and_read_back (process, change->address, change->before, change->size, tid, NULL);
    }
  return done;
}

/* How many different pages @changes touch. */
static guint
count_pages (const GArray *changes)
{
  g_autoptr (GHashTable) pages = g_hash_table_new (g_direct_hash, g_direct_equal);

  for (guint i = 0; i < changes->len; i++)
    {
      const LpSiteChange *change = &g_array_index (changes, LpSiteChange, i);
      if (change->size == 0)
        continue;
      g_hash_table_add (pages, (gpointer)(gsize)(change->address / PAGE));
      g_hash_table_add (pages, (gpointer)(gsize)((change->address + change->size - 1) / PAGE));
    }
  return g_hash_table_size (pages);
}

static gboolean
write_changes (LpProcess *process, const GArray *changes, int stopped_tid, GError **error)
{
  /* The notes first: a redirect must never stand without its image knowing what was there before. */
  for (guint i = 0; i < changes->len; i++)
    {
      const LpSiteChange *change = &g_array_index (changes, LpSiteChange, i);
      if (change->previous_slot != 0
          && !lp_process_write (process, change->previous_slot, &change->previous, sizeof change->previous,
                                stopped_tid, error))
        {
          undo_notes (process, changes, i, stopped_tid);
          return FALSE;
        }
    }
  for (guint i = 0; i < changes->len; i++)
    {
      const LpSiteChange *change = &g_array_index (changes, LpSiteChange, i);
      if (change->size == 0
          || write_and_read_back (process, change->address, change->after, change->size, stopped_tid, error))
        continue;
      gboolean undone = undo (process, changes, i + 1, stopped_tid);
      undone &= undo_notes (process, changes, changes->len, stopped_tid);
      if (!undone && lp_process_is_alive (process))
        g_prefix_error (error, "and the original code could not be put back: ");
      return FALSE;
    }
  return TRUE;
}

gboolean
lp_sites_write (LpProcess *process, const GArray *changes, int stopped_tid, guint *pages, GError **error)
{
  lp_ptracer_defer_rescue (TRUE);
  gboolean done = write_changes (process, changes, stopped_tid, error);
  lp_ptracer_defer_rescue (FALSE);

  if (done)
    *pages += count_pages (changes);
  return done;
}
