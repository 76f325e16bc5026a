/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From pairs of objects to a manifest with entities; see bundle-maker.h. */

#include "config.h"

#include "build/bundle-maker.h"

#include "arch/arch.h"
#include "base/error.h"
#include "build/content.h"
#include "build/needed.h"
#include "diff/diff.h"

#include <string.h>

void
lp_bundle_draft_free (LpBundleDraft *draft)
{
  if (draft == NULL)
    return;
  g_clear_pointer (&draft->manifest, lp_manifest_free);
  g_clear_pointer (&draft->entities, g_ptr_array_unref);
  g_free (draft);
}

static LpElf *
open_baseline (const LpTraceUnit *unit, GError **error)
{
  g_autofree char *digest = lp_content_digest (unit->kept, error);

  if (digest == NULL)
    return NULL;
  if (strcmp (digest, unit->digest) == 0)
    return lp_elf_open (unit->kept, error);
  lp_error_set (error, LP_ERROR_REFUSED, NULL, "%s: its object was changed in place after it was compiled",
                unit->source);
  return NULL;
}

static gboolean
add_unit (GPtrArray *units, const LpPair *pair, GError **error)
{
  LpDiffUnit *unit = lp_diff_unit_new (pair->name);

  g_ptr_array_add (units, unit);
  if (pair->base != NULL && (unit->baseline = open_baseline (pair->base, error)) == NULL)
    return FALSE;
  if (pair->original != NULL && (unit->original = lp_elf_open (pair->original, error)) == NULL)
    return FALSE;
  if (pair->patched != NULL && (unit->patched = lp_elf_open (pair->patched, error)) == NULL)
    return FALSE;
  return TRUE;
}

/* Whether the new unit of @pair is in what the second build linked in @target's place. */
static gboolean
is_new_in (const LpBundleInput *input, const LpBuildTarget *target, const LpPair *pair)
{
  for (guint i = input->second->links->len; i > 0; i--)
    {
      const LpTraceLink *link = g_ptr_array_index (input->second->links, i - 1);
      if (strcmp (link->path, target->link->path) != 0)
        continue;
      g_autoptr (GPtrArray) units = lp_trace_link_units (input->second, link, NULL);
      return g_ptr_array_find (units, pair->second, NULL);
    }
  return FALSE;
}

/* The pairs that belong to @target. */
static GPtrArray *
collect_units (const LpBundleInput *input, const LpBuildTarget *target, GError **error)
{
  g_autoptr (GPtrArray) units = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_diff_unit_free);

  for (guint i = 0; i < input->pairs->len; i++)
    {
      const LpPair *pair = g_ptr_array_index (input->pairs, i);
      gboolean inside = pair->base != NULL ? g_ptr_array_find (target->units, pair->base, NULL)
                                           : is_new_in (input, target, pair);
      if (inside && !add_unit (units, pair, error))
        return NULL;
    }
  return g_steal_pointer (&units);
}

/* SHA-256 over the file images of the executable segments, in their order. */
static char *
text_digest (LpElf *elf)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guint n;
  const Elf64_Phdr *segments = lp_elf_segments (elf, &n);

  for (guint i = 0; i < n; i++)
    {
      const guint8 *data;
      if (segments[i].p_type != PT_LOAD || (segments[i].p_flags & PF_X) == 0)
        continue;
      data = lp_elf_at (elf, segments[i].p_vaddr, segments[i].p_filesz);
      if (data != NULL)
        g_checksum_update (checksum, data, segments[i].p_filesz);
    }
  return g_strdup (g_checksum_get_string (checksum));
}

static LpManifestObject *
describe_target (const LpBuildTarget *target)
{
  LpManifestObject *object = lp_manifest_object_new ();

  object->name = g_strdup (target->name);
  object->build_id = lp_elf_build_id_hex (target->shipped);
  if (object->build_id == NULL)
    object->build_id = g_strdup ("");
  object->text_digest = text_digest (target->shipped);
  object->files = g_strdupv (target->files);
  object->installed = target->installed;
  return object;
}

static GStrv
find_issues (const LpBundleInput *input)
{
  if (input->request->issues != NULL)
    return g_strdupv (input->request->issues);

  GPtrArray *issues = g_ptr_array_new ();
  for (guint i = 0; i < input->fixes->len; i++)
    {
      const LpFix *fix = g_ptr_array_index (input->fixes, i);
      for (guint k = 0; fix->issues[k] != NULL; k++)
        if (!g_ptr_array_find_with_equal_func (issues, fix->issues[k], g_str_equal, NULL))
          g_ptr_array_add (issues, g_strdup (fix->issues[k]));
    }
  g_ptr_array_add (issues, NULL);
  return (GStrv)g_ptr_array_free (issues, FALSE);
}

static GStrv
find_packages (GPtrArray *targets)
{
  GPtrArray *packages = g_ptr_array_new ();

  for (guint i = 0; i < targets->len; i++)
    {
      const LpBuildTarget *target = g_ptr_array_index (targets, i);
      if (target->package[0] != '\0'
          && !g_ptr_array_find_with_equal_func (packages, target->package, g_str_equal, NULL))
        g_ptr_array_add (packages, g_strdup (target->package));
    }
  g_ptr_array_add (packages, NULL);
  return (GStrv)g_ptr_array_free (packages, FALSE);
}

static void
add_sources (const LpBundleInput *input, LpManifest *manifest)
{
  for (guint i = 0; i < input->fixes->len; i++)
    {
      const LpFix *fix = g_ptr_array_index (input->fixes, i);
      GPtrArray *dropped = g_ptr_array_index (input->affected->dropped, i);
      GPtrArray *copy = g_ptr_array_new ();
      LpManifestSource *source = lp_manifest_source_new ();
      for (guint k = 0; k < dropped->len; k++)
        g_ptr_array_add (copy, g_strdup (g_ptr_array_index (dropped, k)));
      g_ptr_array_add (copy, NULL);
      source->name = g_strdup (fix->name);
      source->digest = g_strdup (fix->digest);
      source->dropped = (GStrv)g_ptr_array_free (copy, FALSE);
      g_ptr_array_add (manifest->sources, source);
    }
}

static const char *
or_empty (const char *text)
{
  return text != NULL ? text : "";
}

/* Everything but the objects. */
static LpManifest *
describe_bundle (const LpBundleInput *input)
{
  const LpBuildRequest *request = input->request;
  const LpFix *first = g_ptr_array_index (input->fixes, 0);
  const LpBuildTarget *target = g_ptr_array_index (input->targets, 0);
  const LpArch *arch = lp_arch_for_machine (lp_elf_header (target->shipped)->e_machine);
  static const char *const none[] = { NULL };
  LpManifest *manifest = lp_manifest_new ();
  GHashTableIter iter;
  gpointer name, version;

  manifest->name = g_strdup (request->name != NULL ? request->name : "HP001");
  manifest->version = g_strdup (request->version != NULL ? request->version : "1");
  manifest->release = g_strdup (request->revision != NULL ? request->revision : "1");
  manifest->architecture = g_strdup (arch != NULL ? arch->name : "");
  manifest->kind = g_strdup ("user");
  manifest->target_source = g_strdup (input->source->package);
  manifest->target_packages = find_packages (input->targets);
  manifest->target_version = g_strdup (input->source->version[0] != '\0' ? input->source->version : "0");
  manifest->description = g_strdup (request->description != NULL ? request->description : first->subject);
  manifest->severity = g_strdup (or_empty (request->severity));
  manifest->license = lp_source_license (input->trace->tree);
  manifest->issues = find_issues (input);
  manifest->replaces = g_strdupv ((GStrv)none);
  add_sources (input, manifest);
  g_hash_table_insert (manifest->tools, g_strdup ("syscare"), g_strdup (SYSCARE_VERSION));
  g_hash_table_iter_init (&iter, input->trace->tools);
  while (g_hash_table_iter_next (&iter, &name, &version))
    g_hash_table_insert (manifest->tools, g_strdup (name), g_strdup (version));
  return manifest;
}

static GStrv
join_warnings (const LpBuildTarget *target, GStrv from_diff)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  if (!target->installed)
    g_strv_builder_add (builder,
                        "no installed file was compared: the unchanged build's own output is the target");
  if (from_diff != NULL)
    g_strv_builder_addv (builder, (const char **)from_diff);
  return g_strv_builder_end (builder);
}

/* Puts what the diff of one target gave into its object. */
static void
take_result (LpManifestObject *object, const LpBuildTarget *target, LpDiffResult *result)
{
  object->entity = g_strconcat (target->name, ".entity", NULL);
  object->digest = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, result->entity);
  object->size = g_bytes_get_size (result->entity);
  if (result->functions != NULL)
    {
      g_ptr_array_unref (object->functions);
      object->functions = g_ptr_array_ref (result->functions);
    }
  object->proof = result->proof != NULL ? json_node_copy (result->proof) : NULL;
  object->warnings = join_warnings (target, result->warnings);
}

static LpDiffResult *
diff_target (const LpBundleInput *input, const LpBuildTarget *target, const char *uuid, GError **error)
{
  g_autoptr (GPtrArray) units = collect_units (input, target, error);

  if (units == NULL)
    return NULL;
  g_autoptr (GPtrArray) libraries = lp_build_needed (input->trace, target->shipped, error);
  if (libraries == NULL)
    return NULL;
  LpDiffRequest request = {
    .object_name = target->name,
    .uuid = uuid,
    .shipped = target->shipped,
    .twin = target->twin,
    .units = units,
    .libraries = libraries,
  };
  return lp_diff_run (&request, error);
}

/* One pass over @targets. Those in which nothing changes are moved to @unchanged; then the bundle's id, and
 * with it every uuid, is another one, and the pass must be repeated for the others. */
static LpBundleDraft *
diff_targets (const LpBundleInput *input, GPtrArray *targets, GPtrArray *unchanged, GError **error)
{
  g_autoptr (LpBundleDraft) draft = g_new0 (LpBundleDraft, 1);

  draft->manifest = describe_bundle (input);
  draft->entities = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  for (guint i = 0; i < targets->len; i++)
    g_ptr_array_add (draft->manifest->objects, describe_target (g_ptr_array_index (targets, i)));
  draft->manifest->id = lp_manifest_derive_id (draft->manifest);

  for (guint i = 0; i < targets->len; i++)
    {
      LpBuildTarget *target = g_ptr_array_index (targets, i);
      LpManifestObject *object = g_ptr_array_index (draft->manifest->objects, i);
      g_autoptr (GError) local = NULL;
      object->uuid = lp_manifest_object_uuid (draft->manifest->id, target->name);
      g_autoptr (LpDiffResult) result = diff_target (input, target, object->uuid, &local);
      if (result != NULL && result->entity != NULL)
        {
          take_result (object, target, result);
          g_ptr_array_add (draft->entities, g_bytes_ref (result->entity));
          continue;
        }
      if (local != NULL && !g_error_matches (local, LP_ERROR, LP_ERROR_NOTHING_TO_PATCH))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
      g_ptr_array_add (unchanged, target);
    }
  return g_steal_pointer (&draft);
}

LpBundleDraft *
lp_bundle_make (const LpBundleInput *input, GPtrArray *notes, GError **error)
{
  g_autoptr (GPtrArray) targets = g_ptr_array_new ();
  g_autoptr (GPtrArray) unchanged = g_ptr_array_new ();

  for (guint i = 0; i < input->targets->len; i++)
    g_ptr_array_add (targets, g_ptr_array_index (input->targets, i));
  g_autoptr (LpBundleDraft) draft = diff_targets (input, targets, unchanged, error);
  if (draft == NULL || unchanged->len == 0)
    return g_steal_pointer (&draft);

  for (guint i = 0; i < unchanged->len; i++)
    {
      LpBuildTarget *target = g_ptr_array_index (unchanged, i);
      g_ptr_array_add (notes, g_strdup_printf ("%s: nothing changes but line numbers", target->name));
      g_ptr_array_remove (targets, target);
    }
  g_clear_pointer (&draft, lp_bundle_draft_free);
  if (targets->len == 0)
    {
      lp_error_set (error, LP_ERROR_NOTHING_TO_PATCH, NULL,
                    "nothing to patch: the fix changes no code and no data");
      return NULL;
    }
  g_ptr_array_set_size (unchanged, 0);
  return diff_targets (input, targets, unchanged, error);
}

gboolean
lp_bundle_prove (const LpBundleInput *input, const LpBundleDraft *draft, GError **error)
{
  for (guint i = 0; i < draft->manifest->objects->len; i++)
    {
      const LpManifestObject *object = g_ptr_array_index (draft->manifest->objects, i);
      g_autoptr (LpEntity) entity
          = lp_entity_new (g_ptr_array_index (draft->entities, i), object->entity, error);
      if (entity == NULL)
        return FALSE;
      g_autofree char *uuid = lp_entity_uuid (entity);
      g_autofree char *build_id = lp_entity_build_id (entity);
      guint n_functions;
      lp_entity_functions (entity, &n_functions);
      if (strcmp (uuid, object->uuid) == 0 && strcmp (build_id, object->build_id) == 0 && n_functions > 0)
        continue;
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: the patch that was made is not for %s", object->entity,
                    object->name);
      return FALSE;
    }
  return TRUE;
}
