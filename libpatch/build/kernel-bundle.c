/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fills in the manifest of a kernel bundle. */
#include "config.h"

#include "build/kernel-bundle.h"

#include <string.h>

#define NAME_PART_MAX 32 /* characters of the patch's name in the module's; MODULE_NAME_LEN is 56 */

static const char *
or_empty (const char *text)
{
  return text != NULL ? text : "";
}

static GStrv
find_issues (const LpKernelBundleInput *input)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  if (input->request->issues != NULL)
    return g_strdupv (input->request->issues);
  for (guint i = 0; i < input->fixes->len; i++)
    g_strv_builder_addv (builder, (const char **)((const LpFix *)input->fixes->pdata[i])->issues);
  return g_strv_builder_end (builder);
}

static void
add_sources (const LpKernelBundleInput *input, LpManifest *manifest)
{
  for (guint i = 0; i < input->fixes->len; i++)
    {
      const LpFix *fix = input->fixes->pdata[i];
      GPtrArray *dropped = input->affected->dropped->pdata[i];
      g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
      LpManifestSource *source = lp_manifest_source_new ();
      for (guint k = 0; k < dropped->len; k++)
        g_strv_builder_add (builder, dropped->pdata[k]);
      source->name = g_strdup (fix->name);
      source->digest = g_strdup (fix->digest);
      source->dropped = g_strv_builder_end (builder);
      g_ptr_array_add (manifest->sources, source);
    }
}

/* "syscare_HP001_1a2b3c4d": what people see in lsmod; the id's part keeps two builds apart. */
static char *
module_name (const LpManifest *manifest)
{
  g_autofree char *name = g_strndup (manifest->name, NAME_PART_MAX);

  for (char *c = name; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c))
      *c = '_';
  return g_strdup_printf ("syscare_%s_%.8s", name, manifest->id);
}

LpManifest *
lp_kernel_bundle_describe (const LpKernelBundleInput *input)
{
  static const char *const none[] = { NULL };
  const LpBuildRequest *request = input->request;
  const LpFix *first = input->fixes->pdata[0];
  LpManifest *manifest = lp_manifest_new ();
  LpManifestObject *object = lp_manifest_object_new ();
  const char *packages[] = { NULL, NULL };
  g_autofree char *image = g_strconcat ("linux-image-", input->tree->release, NULL);

  packages[0] = image;
  manifest->name = g_strdup (request->name != NULL ? request->name : "HP001");
  manifest->version = g_strdup (request->version != NULL ? request->version : "1");
  manifest->release = g_strdup (request->revision != NULL ? request->revision : "1");
  manifest->architecture = g_strdup ("x86_64");
  manifest->kind = g_strdup ("kernel");
  manifest->target_source = g_strdup (input->tree->package);
  manifest->target_version = g_strdup (input->tree->version);
  manifest->target_packages = g_strdupv ((GStrv)(request->source == NULL ? packages : none));
  manifest->description = g_strdup (request->description != NULL ? request->description : first->subject);
  manifest->severity = g_strdup (or_empty (request->severity));
  manifest->license = g_strdup ("GPL-2.0-only");
  manifest->issues = find_issues (input);
  manifest->replaces = g_strdupv ((GStrv)none);
  add_sources (input, manifest);
  g_hash_table_insert (manifest->tools, g_strdup ("syscare"), g_strdup (SYSCARE_VERSION));
  g_hash_table_insert (manifest->tools, g_strdup ("cc"), g_strdup (input->tree->compiler_version));

  object->kernel = lp_manifest_kernel_new ();
  object->kernel->release = g_strdup (input->tree->release);
  object->kernel->replace = request->kernel.replace;
  g_ptr_array_unref (object->kernel->targets);
  object->kernel->targets = g_ptr_array_ref (input->targets);
  object->name = lp_manifest_kernel_object_name (object->kernel);
  object->build_id = g_strdup (input->build_id);
  object->text_digest = g_strdup ("");
  object->files = g_strdupv ((GStrv)none);
  object->warnings = g_strdupv ((GStrv)none);
  object->installed = TRUE;
  g_ptr_array_add (manifest->objects, object);
  manifest->id = lp_manifest_derive_id (manifest);
  object->uuid = lp_manifest_object_uuid (manifest->id, object->name);
  object->kernel->module = module_name (manifest);
  object->entity = g_strconcat (object->kernel->module, ".ko", NULL);
  return manifest;
}
