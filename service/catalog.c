/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps the set of patches and their states. Must not know the bus, jobs or the disk. */
#include "catalog.h"

struct ScCatalog {
  ScCatalogListener listener;
  gpointer user_data;
  GHashTable *by_path; /* ScPatch->path -> ScPatch (owned) */
  GPtrArray *sorted;   /* ScPatch, borrowed; NULL: to be made */
  GHashTable *wishes;  /* uuid -> LpWish of the present boot */
  GPtrArray *expired;  /* LpWish of an earlier boot */
  guint64 generation;
  guint64 last_sequence;
};

ScCatalog *
sc_catalog_new (ScCatalogListener listener, gpointer user_data)
{
  ScCatalog *catalog = g_new0 (ScCatalog, 1);

  catalog->listener = listener;
  catalog->user_data = user_data;
  catalog->by_path = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)sc_patch_unref);
  catalog->wishes = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)sc_wish_free);
  catalog->expired = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_wish_free);
  catalog->generation = 1;
  return catalog;
}

void
sc_catalog_free (ScCatalog *catalog)
{
  if (catalog == NULL)
    return;
  g_clear_pointer (&catalog->sorted, g_ptr_array_unref);
  g_hash_table_unref (catalog->by_path);
  g_hash_table_unref (catalog->wishes);
  g_ptr_array_unref (catalog->expired);
  g_free (catalog);
}

static void
tell (ScCatalog *catalog, ScCatalogEvent event, ScPatch *patch)
{
  catalog->generation++;
  catalog->listener (event, patch, catalog->user_data);
}

void
sc_catalog_touch (ScCatalog *catalog, ScPatch *patch)
{
  tell (catalog, SC_CATALOG_CHANGED, patch);
}

/* A reboot ends every wish that isn't accepted or saved: no process of the earlier boot is left to carry the
 * patch. */
static gboolean
outlived (const LpWish *wish)
{
  return g_str_equal (wish->boot_id, sc_boot_id ()) || wish->state == LP_STATE_ACCEPTED || wish->restore;
}

static void
use_wish (ScCatalog *catalog, ScPatch *patch)
{
  const LpWish *wish = g_hash_table_lookup (catalog->wishes, patch->info->uuid);

  patch->wished = wish != NULL ? wish->state : LP_STATE_NOT_APPLIED;
  patch->restore = wish != NULL && wish->restore;
  patch->this_boot = wish != NULL && g_str_equal (wish->boot_id, sc_boot_id ());
  patch->sequence = wish != NULL ? wish->sequence : 0;
  patch->last_change = wish != NULL ? wish->changed : patch->last_change;
}

static void
remember_wish (ScCatalog *catalog, const LpWish *wish)
{
  LpWish *copy = sc_wish_copy (wish);

  catalog->last_sequence = MAX (catalog->last_sequence, wish->sequence);
  g_hash_table_replace (catalog->wishes, copy->uuid, copy);
}

static void
add_patch (ScCatalog *catalog, ScPatchInfo *info, gboolean missing)
{
  ScPatch *patch = sc_patch_new (info);

  patch->missing = missing;
  use_wish (catalog, patch);
  g_hash_table_insert (catalog->by_path, patch->path, patch);
  g_clear_pointer (&catalog->sorted, g_ptr_array_unref);
  tell (catalog, SC_CATALOG_ADDED, patch);
}

static void
remove_patch (ScCatalog *catalog, ScPatch *patch)
{
  g_autoptr (ScPatch) kept = sc_patch_ref (patch);

  g_hash_table_remove (catalog->by_path, patch->path);
  g_clear_pointer (&catalog->sorted, g_ptr_array_unref);
  tell (catalog, SC_CATALOG_REMOVED, kept);
}

/* A bundle was replaced: the object is taken from the bus and comes back with its new constant properties. */
static void
replace_patch (ScCatalog *catalog, ScPatch *patch, ScPatchInfo *info)
{
  guint64 job = patch->job;
  char *path = g_strdup (patch->path);

  remove_patch (catalog, patch);
  add_patch (catalog, info, FALSE);
  ((ScPatch *)g_hash_table_lookup (catalog->by_path, path))->job = job;
  g_free (path);
}

static void
remove_uninstalled (ScCatalog *catalog, GHashTable *installed, GHashTable *kept)
{
  g_autoptr (GPtrArray) patches = g_ptr_array_ref (sc_catalog_patches (catalog));

  for (guint i = 0; i < patches->len; i++)
    {
      ScPatch *patch = g_ptr_array_index (patches, i);

      if (patch->missing || g_hash_table_contains (installed, patch->info->uuid)
          || g_hash_table_contains (kept, patch->info->uuid))
        continue;
      /* Processes that carry it keep it in the list, with all that is known about it. */
      if (patch->patched + patch->loaded > 0 || patch->in_kernel)
        {
          patch->missing = TRUE;
          sc_catalog_touch (catalog, patch);
        }
      else
        remove_patch (catalog, patch);
    }
}

/* The installed files are gone and the patch is wished for: from now on the copy stands for them. Clients see
 * the same object with one problem more. */
static void
use_kept (ScCatalog *catalog, ScPatchInfo *info)
{
  g_autofree char *path = sc_patch_path_for_uuid (info->uuid);
  ScPatch *patch = g_hash_table_lookup (catalog->by_path, path);

  if (patch != NULL && !g_str_equal (patch->info->digest, info->digest))
    {
      remove_patch (catalog, patch);
      patch = NULL;
    }
  if (patch == NULL)
    {
      add_patch (catalog, info, /* missing= */ TRUE);
      return;
    }
  gboolean news = !patch->missing || !patch->info->kept;
  sc_patch_info_unref (patch->info);
  patch->info = sc_patch_info_ref (info);
  patch->missing = TRUE;
  use_wish (catalog, patch);
  if (news)
    sc_catalog_touch (catalog, patch);
}

void
sc_catalog_set_installed (ScCatalog *catalog, const ScRecordsSnapshot *snapshot)
{
  g_autoptr (GHashTable) installed = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) kept = g_hash_table_new (g_str_hash, g_str_equal);

  g_hash_table_remove_all (catalog->wishes);
  for (guint i = 0; i < snapshot->wishes->len; i++)
    {
      const LpWish *wish = g_ptr_array_index (snapshot->wishes, i);

      if (outlived (wish))
        remember_wish (catalog, wish);
      else
        g_ptr_array_add (catalog->expired, sc_wish_copy (wish));
    }

  for (guint i = 0; i < snapshot->infos->len; i++)
    g_hash_table_add (installed, ((ScPatchInfo *)g_ptr_array_index (snapshot->infos, i))->uuid);
  for (guint i = 0; i < snapshot->kept->len; i++)
    g_hash_table_add (kept, ((ScPatchInfo *)g_ptr_array_index (snapshot->kept, i))->uuid);
  remove_uninstalled (catalog, installed, kept);
  for (guint i = 0; i < snapshot->kept->len; i++)
    use_kept (catalog, g_ptr_array_index (snapshot->kept, i));

  for (guint i = 0; i < snapshot->infos->len; i++)
    {
      ScPatchInfo *info = g_ptr_array_index (snapshot->infos, i);
      g_autofree char *path = sc_patch_path_for_uuid (info->uuid);
      ScPatch *patch = g_hash_table_lookup (catalog->by_path, path);

      if (patch == NULL)
        add_patch (catalog, info, FALSE);
      else if (patch->missing || !sc_patch_info_equal (patch->info, info))
        replace_patch (catalog, patch, info);
      else
        use_wish (catalog, patch);
    }
}

static void
add_orphans (ScCatalog *catalog, ScTruth *truth)
{
  g_autoptr (GPtrArray) carried = sc_truth_carried (truth);

  for (guint i = 0; i < carried->len; i++)
    {
      ScPatchInfo *info = g_ptr_array_index (carried, i);
      g_autofree char *path = sc_patch_path_for_uuid (info->uuid);

      if (!g_hash_table_contains (catalog->by_path, path))
        add_patch (catalog, info, TRUE);
    }
}

static gboolean
share_a_function (const ScPatchInfo *a, const ScPatchInfo *b)
{
  for (guint i = 0; a->functions[i] != NULL; i++)
    if (g_strv_contains ((const char *const *)b->functions, a->functions[i]))
      return TRUE;
  return FALSE;
}

/* A kernel patch that another one replaced, or that has a later one with the same function on top. */
static gboolean
is_overridden (ScTruth *truth, const ScPatch *patch, GPtrArray *patches)
{
  gboolean in_effect = sc_state_is_in_effect (patch->wished);

  for (guint i = 0; in_effect && sc_patch_is_kernel (patch) && i < patches->len; i++)
    {
      const ScPatch *other = g_ptr_array_index (patches, i);
      ScCarriers carriers;

      if (other == patch || !sc_patch_is_kernel (other))
        continue;
      sc_truth_carriers (truth, other->info, &carriers);
      if (carriers.active == 0)
        continue;
      if (sc_patch_is_lost (patch) ? other->info->replace
                                   : patch->in_kernel && other->sequence > patch->sequence
                                         && share_a_function (patch->info, other->info))
        return TRUE;
    }
  return FALSE;
}

/* Nobody carries it just now, but it is wished for and can be brought back. */
static gboolean
is_kept_for (const ScPatch *patch)
{
  return patch->info->kept && (patch->wished != LP_STATE_NOT_APPLIED || patch->restore);
}

/* Processes that come and go change their number and nothing that anybody decides by: the generation stays.
 */
static void
observe (ScCatalog *catalog, ScPatch *patch, const ScCarriers *carriers, const char *target_problem,
         gboolean overridden, gboolean untrusted)
{
  LpState state = patch->state;
  g_auto (GStrv) problems = g_strdupv (patch->problems);

  if (!sc_patch_observe (patch, carriers, target_problem, overridden, untrusted))
    return;
  if (state == patch->state
      && g_strv_equal ((const char *const *)problems, (const char *const *)patch->problems))
    catalog->listener (SC_CATALOG_CHANGED, patch, catalog->user_data);
  else
    sc_catalog_touch (catalog, patch);
}

void
sc_catalog_observe (ScCatalog *catalog, ScTruth *truth, gboolean require_signature)
{
  if (sc_truth_scan (truth) == NULL)
    return;
  add_orphans (catalog, truth);

  g_autoptr (GPtrArray) patches = g_ptr_array_ref (sc_catalog_patches (catalog));
  for (guint i = 0; i < patches->len; i++)
    {
      ScPatch *patch = g_ptr_array_index (patches, i);
      gboolean untrusted = require_signature && sc_patch_has_files (patch) && patch->info->signer[0] == '\0';
      ScCarriers carriers;

      sc_truth_carriers (truth, patch->info, &carriers);
      if (patch->missing && carriers.active + carriers.partial + carriers.loaded == 0 && !is_kept_for (patch))
        remove_patch (catalog, patch);
      else
        observe (catalog, patch, &carriers, sc_truth_target_problem (truth, patch->info),
                 is_overridden (truth, patch, patches), untrusted);
    }
}

void
sc_catalog_set_wish (ScCatalog *catalog, const LpWish *wish)
{
  g_autofree char *path = sc_patch_path_for_uuid (wish->uuid);
  ScPatch *patch = g_hash_table_lookup (catalog->by_path, path);

  if (wish->state == LP_STATE_NOT_APPLIED && !wish->restore)
    g_hash_table_remove (catalog->wishes, wish->uuid);
  else
    remember_wish (catalog, wish);
  if (patch != NULL)
    {
      use_wish (catalog, patch);
      patch->last_change = wish->changed;
    }
}

guint64
sc_catalog_generation (const ScCatalog *catalog)
{
  return catalog->generation;
}

static int
compare_patches (gconstpointer a, gconstpointer b)
{
  return sc_patch_info_compare ((*(ScPatch *const *)a)->info, (*(ScPatch *const *)b)->info);
}

GPtrArray *
sc_catalog_patches (const ScCatalog *catalog)
{
  GHashTableIter iter;
  gpointer patch;

  if (catalog->sorted != NULL)
    return catalog->sorted;

  /* The sorted view is a cache: making it doesn't change the catalogue. */
  ScCatalog *self = (ScCatalog *)catalog;
  self->sorted = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_unref);
  g_hash_table_iter_init (&iter, catalog->by_path);
  while (g_hash_table_iter_next (&iter, NULL, &patch))
    g_ptr_array_add (self->sorted, sc_patch_ref (patch));
  g_ptr_array_sort (self->sorted, compare_patches);
  return self->sorted;
}

ScPatch *
sc_catalog_lookup (const ScCatalog *catalog, const char *path)
{
  return g_hash_table_lookup (catalog->by_path, path);
}

GPtrArray *
sc_catalog_infos (const ScCatalog *catalog)
{
  GPtrArray *infos = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_info_unref);
  GPtrArray *patches = sc_catalog_patches (catalog);

  for (guint i = 0; i < patches->len; i++)
    {
      ScPatch *patch = g_ptr_array_index (patches, i);

      if (sc_patch_has_files (patch))
        g_ptr_array_add (infos, sc_patch_info_ref (patch->info));
    }
  return infos;
}

guint64
sc_catalog_next_sequence (ScCatalog *catalog)
{
  return ++catalog->last_sequence;
}

static int
compare_sequences (gconstpointer a, gconstpointer b)
{
  const ScPatch *left = *(ScPatch *const *)a, *right = *(ScPatch *const *)b;

  return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

GPtrArray *
sc_catalog_wished_active (const ScCatalog *catalog, gboolean accepted_only)
{
  GPtrArray *wished = g_ptr_array_new ();
  GPtrArray *patches = sc_catalog_patches (catalog);

  for (guint i = 0; i < patches->len; i++)
    {
      ScPatch *patch = g_ptr_array_index (patches, i);

      if (patch->wished == LP_STATE_ACCEPTED || (patch->wished == LP_STATE_ACTIVE && !accepted_only))
        g_ptr_array_add (wished, patch);
    }
  g_ptr_array_sort (wished, compare_sequences);
  return wished;
}

GPtrArray *
sc_catalog_take_expired (ScCatalog *catalog)
{
  GPtrArray *expired = catalog->expired;

  catalog->expired = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_wish_free);
  return expired;
}
