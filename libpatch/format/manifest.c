/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The manifest in memory, its id and its names. Must not know JSON: manifest-read.c, manifest-write.c. */
#include "format/manifest.h"

#include <string.h>

#include "base/text.h"

/* The name space of bundle ids: made once, for this purpose. */
static const guint8 bundle_space[LP_UUID_BYTES]
    = { 0x3b, 0x4c, 0x1f, 0x6a, 0x93, 0x0e, 0x4d, 0x27, 0xa5, 0x58, 0x7e, 0x10, 0xc2, 0x6d, 0x8f, 0xb4 };

LpManifest *
lp_manifest_new (void)
{
  LpManifest *manifest = g_new0 (LpManifest, 1);

  manifest->sources = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_manifest_source_free);
  manifest->objects = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_manifest_object_free);
  manifest->tools = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return manifest;
}

void
lp_manifest_free (LpManifest *manifest)
{
  if (manifest == NULL)
    return;
  g_free (manifest->id);
  g_free (manifest->name);
  g_free (manifest->version);
  g_free (manifest->release);
  g_free (manifest->architecture);
  g_free (manifest->kind);
  g_free (manifest->target_source);
  g_strfreev (manifest->target_packages);
  g_free (manifest->target_version);
  g_free (manifest->description);
  g_free (manifest->severity);
  g_free (manifest->license);
  g_strfreev (manifest->issues);
  g_strfreev (manifest->replaces);
  g_ptr_array_unref (manifest->sources);
  g_ptr_array_unref (manifest->objects);
  g_hash_table_unref (manifest->tools);
  g_free (manifest->seal);
  g_free (manifest);
}

LpManifestObject *
lp_manifest_object_new (void)
{
  LpManifestObject *object = g_new0 (LpManifestObject, 1);

  object->functions = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_manifest_function_free);
  return object;
}

void
lp_manifest_object_free (LpManifestObject *object)
{
  if (object == NULL)
    return;
  g_free (object->name);
  g_free (object->uuid);
  g_free (object->entity);
  g_free (object->digest);
  g_free (object->build_id);
  g_free (object->text_digest);
  g_strfreev (object->files);
  g_ptr_array_unref (object->functions);
  g_clear_pointer (&object->proof, json_node_unref);
  g_strfreev (object->warnings);
  lp_manifest_kernel_free (object->kernel);
  g_free (object);
}

LpManifestKernel *
lp_manifest_kernel_new (void)
{
  LpManifestKernel *kernel = g_new0 (LpManifestKernel, 1);

  kernel->targets = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_manifest_kernel_target_free);
  return kernel;
}

void
lp_manifest_kernel_free (LpManifestKernel *kernel)
{
  if (kernel == NULL)
    return;
  g_free (kernel->release);
  g_free (kernel->module);
  g_ptr_array_unref (kernel->targets);
  g_free (kernel);
}

LpManifestKernelTarget *
lp_manifest_kernel_target_new (const char *name, const char *build_id)
{
  LpManifestKernelTarget *target = g_new0 (LpManifestKernelTarget, 1);

  target->name = g_strdup (name);
  target->build_id = g_strdup (build_id);
  return target;
}

void
lp_manifest_kernel_target_free (LpManifestKernelTarget *target)
{
  if (target == NULL)
    return;
  g_free (target->name);
  g_free (target->build_id);
  g_free (target);
}

LpManifestFunction *
lp_manifest_function_new (void)
{
  return g_new0 (LpManifestFunction, 1);
}

void
lp_manifest_function_free (LpManifestFunction *function)
{
  if (function == NULL)
    return;
  g_free (function->name);
  g_free (function->kind);
  g_free (function->unit);
  g_free (function->proof);
  g_free (function->redirect);
  g_free (function);
}

LpManifestSource *
lp_manifest_source_new (void)
{
  return g_new0 (LpManifestSource, 1);
}

void
lp_manifest_source_free (LpManifestSource *source)
{
  if (source == NULL)
    return;
  g_free (source->name);
  g_free (source->digest);
  g_strfreev (source->dropped);
  g_free (source);
}

/* "key=value" with its length in front, so that no value can look like the next key. */
static void
add_line (GString *text, const char *key, const char *value)
{
  const char *shown = value != NULL ? value : "";

  g_string_append_printf (text, "%s %" G_GSIZE_FORMAT " %s\n", key, strlen (shown), shown);
}

static int
compare_objects (gconstpointer a, gconstpointer b)
{
  const LpManifestObject *left = *(const LpManifestObject *const *)a;
  const LpManifestObject *right = *(const LpManifestObject *const *)b;

  return g_strcmp0 (left->name, right->name);
}

char *
lp_manifest_derive_id (const LpManifest *manifest)
{
  g_autoptr (GString) text = g_string_new ("SysCare bundle 1\n");
  g_autoptr (GPtrArray) objects = g_ptr_array_sized_new (manifest->objects->len);
  guint8 uuid[LP_UUID_BYTES];

  add_line (text, "name", manifest->name);
  add_line (text, "version", manifest->version);
  add_line (text, "release", manifest->release);
  add_line (text, "architecture", manifest->architecture);
  add_line (text, "kind", manifest->kind);
  add_line (text, "target-source", manifest->target_source);
  add_line (text, "target-version", manifest->target_version);
  for (guint i = 0; i < manifest->sources->len; i++) /* in their order: they are applied in it */
    add_line (text, "source", ((const LpManifestSource *)manifest->sources->pdata[i])->digest);

  for (guint i = 0; i < manifest->objects->len; i++)
    g_ptr_array_add (objects, manifest->objects->pdata[i]);
  g_ptr_array_sort (objects, compare_objects);
  for (guint i = 0; i < objects->len; i++)
    {
      const LpManifestObject *object = objects->pdata[i];
      add_line (text, "object", object->name);
      add_line (text, "build-id", object->build_id);
      if (object->kernel != NULL)
        add_line (text, "replace", object->kernel->replace ? "yes" : "no");
    }
  lp_uuid_v5 (bundle_space, text->str, text->len, uuid);
  return lp_uuid_format (uuid);
}

char *
lp_manifest_object_uuid (const char *bundle_id, const char *object_name)
{
  guint8 space[LP_UUID_BYTES], uuid[LP_UUID_BYTES];

  if (!lp_uuid_parse (bundle_id, space))
    return NULL;
  lp_uuid_v5 (space, object_name, strlen (object_name), uuid);
  return lp_uuid_format (uuid);
}

char *
lp_manifest_kernel_object_name (const LpManifestKernel *kernel)
{
  g_autoptr (GString) name = g_string_new (NULL);

  for (guint i = 0; i < kernel->targets->len; i++)
    g_string_append_printf (name, "%s%s", i > 0 ? "+" : "",
                            ((const LpManifestKernelTarget *)kernel->targets->pdata[i])->name);
  return g_string_free (g_steal_pointer (&name), FALSE);
}

char *
lp_manifest_full_name (const LpManifest *manifest, const LpManifestObject *object)
{
  const char *colon = strchr (manifest->target_version, ':');

  return g_strdup_printf ("%s-%s/%s/%s", manifest->target_source,
                          colon != NULL ? colon + 1 : manifest->target_version, manifest->name, object->name);
}
