/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies what is constant about a patch out of its bundle. Must not know states or the bus. */
#include "patch-info.h"

#include "base/text.h"

#include <string.h>

static const char *const no_strings[] = { NULL };

/* Name space of livepatches that something else loaded; a random UUID. */
static const guint8 foreign_space[LP_UUID_BYTES]
    = { 0x6b, 0x1d, 0x5e, 0x2a, 0x94, 0x37, 0x4c, 0x08, 0xb2, 0x6f, 0x0d, 0xa1, 0x53, 0xe8, 0x7c, 0x19 };

static char *
copy (const char *text)
{
  return g_strdup (text != NULL ? text : "");
}

static GStrv
copy_vector (const char *const *vector)
{
  return g_strdupv ((GStrv)(vector != NULL ? vector : no_strings));
}

static GStrv
function_names (const LpManifestObject *object)
{
  guint n = object->functions != NULL ? object->functions->len : 0;
  GStrv names = g_new0 (char *, n + 1);

  for (guint i = 0; i < n; i++)
    names[i] = copy (((LpManifestFunction *)g_ptr_array_index (object->functions, i))->name);
  return names;
}

static GVariant *
source_patches (const LpManifest *manifest)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ss)"));
  for (guint i = 0; manifest != NULL && manifest->sources != NULL && i < manifest->sources->len; i++)
    {
      const LpManifestSource *source = g_ptr_array_index (manifest->sources, i);

      g_variant_builder_add (&builder, "(ss)", source->name, source->digest);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

ScPatchInfo *
sc_patch_info_new (const LpBundle *bundle, guint index)
{
  const LpManifest *manifest = bundle->manifest;
  const LpManifestObject *object = g_ptr_array_index (manifest->objects, index);
  ScPatchInfo *info = g_atomic_rc_box_new0 (ScPatchInfo);

  info->uuid = copy (object->uuid);
  info->name = lp_manifest_full_name (manifest, object);
  info->short_name = copy (manifest->name);
  info->bundle = copy (manifest->id);
  info->bundle_path = copy (bundle->path);
  info->entity = copy (object->entity);
  info->version = copy (manifest->version);
  info->release = copy (manifest->release);
  info->kind = copy (manifest->kind);
  info->architecture = copy (manifest->architecture);
  info->target_source = copy (manifest->target_source);
  info->target_packages = copy_vector ((const char *const *)manifest->target_packages);
  info->target_version = copy (manifest->target_version);
  info->object = copy (object->name);
  info->files = copy_vector ((const char *const *)object->files);
  info->build_id = copy (object->build_id);
  info->digest = copy (object->digest);
  info->license = copy (manifest->license);
  info->description = copy (manifest->description);
  info->severity = copy (manifest->severity);
  info->signer = copy (bundle->signer);
  info->issues = copy_vector ((const char *const *)manifest->issues);
  info->functions = function_names (object);
  info->sources = source_patches (manifest);
  info->module = copy (object->kernel != NULL ? object->kernel->module : NULL);
  info->kernel_release = copy (object->kernel != NULL ? object->kernel->release : NULL);
  info->replace = object->kernel != NULL && object->kernel->replace;
  return info;
}

ScPatchInfo *
sc_patch_info_new_orphan (const char *uuid, const char *digest, const char *build_id)
{
  ScPatchInfo *info = g_atomic_rc_box_new0 (ScPatchInfo);
  char **const empty[]
      = { &info->short_name,     &info->bundle,  &info->bundle_path,  &info->entity,
          &info->version,        &info->release, &info->architecture, &info->target_source,
          &info->target_version, &info->object,  &info->license,      &info->description,
          &info->severity,       &info->signer,  &info->module,       &info->kernel_release };
  GStrv *const none[] = { &info->target_packages, &info->files, &info->issues, &info->functions };

  for (guint i = 0; i < G_N_ELEMENTS (empty); i++)
    *empty[i] = copy (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (none); i++)
    *none[i] = copy_vector (NULL);
  info->uuid = copy (uuid);
  info->name = copy (NULL);
  info->kind = copy ("user");
  info->digest = copy (digest);
  info->build_id = copy (build_id);
  info->sources = source_patches (NULL);
  return info;
}

static void
set (char **text, const char *value)
{
  g_free (*text);
  *text = copy (value);
}

ScPatchInfo *
sc_patch_info_new_foreign (const char *module, const char *release, const char *build_id, const char *object,
                           GStrv functions)
{
  guint8 uuid[LP_UUID_BYTES];

  lp_uuid_v5 (foreign_space, module, strlen (module), uuid);
  g_autofree char *text = lp_uuid_format (uuid);
  ScPatchInfo *info = sc_patch_info_new_orphan (text, "", build_id);
  g_autofree char *name = g_strdup_printf ("linux-%s/%s/%s", release, module, object);

  set (&info->name, name);
  set (&info->short_name, module);
  set (&info->kind, "kernel");
  set (&info->object, object);
  set (&info->target_source, "linux");
  set (&info->target_version, release);
  set (&info->module, module);
  set (&info->kernel_release, release);
  g_strfreev (info->functions);
  info->functions = g_strdupv (functions);
  info->foreign = TRUE;
  return info;
}

ScPatchInfo *
sc_patch_info_ref (ScPatchInfo *info)
{
  return g_atomic_rc_box_acquire (info);
}

static void
clear (gpointer data)
{
  ScPatchInfo *info = data;
  char *const texts[]
      = { info->uuid,          info->name,           info->short_name, info->bundle,   info->bundle_path,
          info->entity,        info->version,        info->release,    info->kind,     info->architecture,
          info->target_source, info->target_version, info->object,     info->build_id, info->digest,
          info->license,       info->description,    info->severity,   info->signer,   info->module,
          info->kernel_release };
  GStrv const vectors[] = { info->target_packages, info->files, info->issues, info->functions };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (texts[i]);
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    g_strfreev (vectors[i]);
  g_variant_unref (info->sources);
}

void
sc_patch_info_unref (ScPatchInfo *info)
{
  g_atomic_rc_box_release_full (info, clear);
}

gboolean
sc_patch_info_equal (const ScPatchInfo *a, const ScPatchInfo *b)
{
  return g_str_equal (a->uuid, b->uuid) && g_str_equal (a->digest, b->digest)
         && g_str_equal (a->build_id, b->build_id) && g_str_equal (a->bundle, b->bundle)
         && g_str_equal (a->bundle_path, b->bundle_path) && g_str_equal (a->name, b->name)
         && g_str_equal (a->description, b->description) && g_str_equal (a->signer, b->signer)
         && g_strv_equal ((const char *const *)a->issues, (const char *const *)b->issues)
         && g_strv_equal ((const char *const *)a->files, (const char *const *)b->files);
}

int
sc_patch_info_compare (const ScPatchInfo *a, const ScPatchInfo *b)
{
  int order = g_strcmp0 (a->name, b->name);

  return order != 0 ? order : g_strcmp0 (a->uuid, b->uuid);
}
