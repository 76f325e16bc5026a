/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test helper: a sound kernel bundle around a livepatch module that was made by hand; prints its directory,
 * so that the service can be tested without a build. Knows nothing of the service. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "elf/elf-file.h"
#include "format/bundle.h"

static char *name = "HP001", *version = "6.1.0-1", *release, *vmlinux, *parent, *claimed_module;
static char **functions, **targets;
static gboolean replace;

static const GOptionEntry options[]
    = { { "name", 0, 0, G_OPTION_ARG_STRING, &name, "Patch name", "NAME" },
        { "version", 0, 0, G_OPTION_ARG_STRING, &version, "Version of the kernel's source package",
          "VERSION" },
        { "release", 0, 0, G_OPTION_ARG_STRING, &release, "Kernel release", "RELEASE" },
        { "vmlinux", 0, 0, G_OPTION_ARG_FILENAME, &vmlinux, "The kernel", "FILE" },
        { "module", 0, 0, G_OPTION_ARG_STRING, &claimed_module, "Claimed name of the module", "NAME" },
        { "target", 0, 0, G_OPTION_ARG_STRING_ARRAY, &targets, "Kernel object, sorted; none: vmlinux",
          "NAME[=FILE]" },
        { "function", 0, 0, G_OPTION_ARG_STRING_ARRAY, &functions, "Function that it replaces", "NAME" },
        { "replace", 0, 0, G_OPTION_ARG_NONE, &replace, "It replaces all others", NULL },
        { "parent", 0, 0, G_OPTION_ARG_FILENAME, &parent, "Where the bundle goes", "DIR" },
        { NULL } };

static void
die (const GError *error)
{
  fprintf (stderr, "kernel-bundle: %s\n", error != NULL ? error->message : "usage");
  exit (1);
}

/* A Build-ID of no file: other builds than any that runs. */
static char *
build_id_of (const char *path)
{
  g_autoptr (GError) error = NULL;

  if (path == NULL)
    return g_strdup ("");
  g_autoptr (LpElf) elf = lp_elf_open (path, &error);
  if (elf == NULL)
    die (error);
  return lp_elf_build_id_hex (elf);
}

static void
add_target (LpManifestKernel *kernel, const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, "=", 2);
  g_autofree char *build_id = build_id_of (parts[1]);

  g_ptr_array_add (kernel->targets, lp_manifest_kernel_target_new (parts[0], build_id));
}

static LpManifestObject *
make_object (const char *path, GBytes *content)
{
  LpManifestObject *object = lp_manifest_object_new ();
  g_autofree char *file = g_path_get_basename (path);
  g_autofree char *text = g_strconcat ("vmlinux=", vmlinux, NULL);

  object->entity = g_strdup (file);
  object->digest = lp_io_digest (content);
  object->size = g_bytes_get_size (content);
  object->build_id = build_id_of (vmlinux);
  object->text_digest = g_strdup ("");
  object->files = g_new0 (char *, 1);
  object->kernel = lp_manifest_kernel_new ();
  object->kernel->release = g_strdup (release);
  object->kernel->module
      = claimed_module != NULL ? g_strdup (claimed_module) : g_strndup (file, strcspn (file, "."));
  object->kernel->replace = replace;
  for (guint i = 0; targets != NULL && targets[i] != NULL; i++)
    add_target (object->kernel, targets[i]);
  if (targets == NULL)
    add_target (object->kernel, text);
  object->name = lp_manifest_kernel_object_name (object->kernel);
  for (guint i = 0; functions != NULL && functions[i] != NULL; i++)
    {
      LpManifestFunction *function = lp_manifest_function_new ();
      function->name = g_strdup (functions[i]);
      function->kind = g_strdup ("changed");
      function->unit = g_strdup ("test.c");
      function->proof = g_strdup ("identical");
      function->redirect = g_strdup ("");
      function->address = function->size = 1;
      g_ptr_array_add (object->functions, function);
    }
  return object;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("MODULE.ko");
  g_autoptr (GPtrArray) entities = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  g_autoptr (LpManifest) manifest = lp_manifest_new ();
  g_autoptr (GError) error = NULL;
  const char *const packages[] = { "linux-image-amd64", NULL };
  char *data = NULL;
  gsize size = 0;

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc != 2 || release == NULL
      || vmlinux == NULL || parent == NULL || !g_file_get_contents (argv[1], &data, &size, &error))
    die (error);

  GBytes *content = g_bytes_new_take (data, size);
  LpManifestSource *fix = lp_manifest_source_new ();
  fix->name = g_strdup ("by-hand.patch");
  fix->digest = lp_io_digest (content);
  g_ptr_array_add (entities, content);
  g_ptr_array_add (manifest->sources, fix);
  manifest->name = g_strdup (name);
  manifest->version = g_strdup ("1");
  manifest->release = g_strdup ("1");
  manifest->architecture = g_strdup ("x86_64");
  manifest->kind = g_strdup ("kernel");
  manifest->target_source = g_strdup ("linux");
  manifest->target_packages = g_strdupv ((char **)packages);
  manifest->target_version = g_strdup (version);
  manifest->description = g_strdup ("a test");
  manifest->severity = g_strdup ("low");
  manifest->license = g_strdup ("GPL-2.0-or-later");
  manifest->issues = g_new0 (char *, 1);
  LpManifestObject *object = make_object (argv[1], content);
  g_ptr_array_add (manifest->objects, object);
  manifest->id = lp_manifest_derive_id (manifest);
  object->uuid = lp_manifest_object_uuid (manifest->id, object->name);

  g_autofree char *path = lp_bundle_write (parent, manifest, entities, &error);
  if (path == NULL)
    die (error);
  puts (path);
  return 0;
}
