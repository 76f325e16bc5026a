/* SPDX-License-Identifier: GPL-2.0-or-later */
/* patch.json of kernel bundles: what it says of the livepatch module is written, read back and checked. */
#include <string.h>

#include "base/error.h"
#include "format/json.h"
#include "sample.h"

/* A kernel bundle for vmlinux and loop; the module's content doesn't matter to the format. */
static LpManifest *
kernel_manifest (GPtrArray **entities)
{
  LpManifest *manifest = sample_manifest ("HP001", 1, entities);
  LpManifestObject *object = manifest->objects->pdata[0];

  g_free (manifest->kind);
  manifest->kind = g_strdup ("kernel");
  object->kernel = lp_manifest_kernel_new ();
  object->kernel->release = g_strdup ("6.1.0-56-amd64");
  object->kernel->module = g_strdup ("syscare_HP001_00112233");
  object->kernel->replace = TRUE;
  g_ptr_array_add (object->kernel->targets, lp_manifest_kernel_target_new ("loop", "0011"));
  g_ptr_array_add (object->kernel->targets, lp_manifest_kernel_target_new ("vmlinux", SAMPLE_BUILD_ID));
  g_free (object->name);
  object->name = lp_manifest_kernel_object_name (object->kernel);
  g_free (manifest->id);
  manifest->id = lp_manifest_derive_id (manifest);
  g_free (object->uuid);
  object->uuid = lp_manifest_object_uuid (manifest->id, object->name);
  return manifest;
}

static void
test_round_trip (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) entities = NULL;
  g_autoptr (LpManifest) made = kernel_manifest (&entities);
  g_autofree char *text = lp_manifest_serialize (made);
  g_autoptr (LpManifest) manifest = lp_manifest_parse (text, -1, &error);
  g_assert_no_error (error);
  g_autofree char *again = lp_manifest_serialize (manifest);
  const LpManifestObject *object = manifest->objects->pdata[0];
  const LpManifestKernelTarget *loop = object->kernel->targets->pdata[0];

  g_assert_cmpstr (again, ==, text);
  g_assert_cmpstr (object->name, ==, "loop+vmlinux");
  g_assert_cmpstr (object->kernel->release, ==, "6.1.0-56-amd64");
  g_assert_cmpstr (object->kernel->module, ==, "syscare_HP001_00112233");
  g_assert_true (object->kernel->replace);
  g_assert_cmpuint (object->kernel->targets->len, ==, 2);
  g_assert_cmpstr (loop->name, ==, "loop");
  g_assert_cmpstr (loop->build_id, ==, "0011");
}

static void
test_replacing_is_another_patch (void)
{
  g_autoptr (GPtrArray) entities = NULL;
  g_autoptr (LpManifest) manifest = kernel_manifest (&entities);
  LpManifestObject *object = manifest->objects->pdata[0];

  object->kernel->replace = FALSE;
  g_autofree char *id = lp_manifest_derive_id (manifest);
  g_assert_cmpstr (id, !=, manifest->id);
}

/* Changes one thing of a good manifest; it must then not be read, and @message say why. */
static void
refuse (void (*change) (LpManifest *, LpManifestKernel *), const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) entities = NULL;
  g_autoptr (LpManifest) made = kernel_manifest (&entities);

  change (made, ((LpManifestObject *)made->objects->pdata[0])->kernel);
  g_autofree char *text = lp_manifest_serialize (made);
  g_autoptr (LpManifest) manifest = lp_manifest_parse (text, -1, &error);
  g_assert_null (manifest);
  g_assert_error (error, LP_ERROR, LP_ERROR_PATCH_CORRUPT);
  if (strstr (error->message, message) == NULL)
    g_test_fail_printf ("%s: %s", message, error->message);
}

static void
set_text (char **member, const char *value)
{
  g_free (*member);
  *member = g_strdup (value);
}

static void
be_a_path (LpManifest *manifest, LpManifestKernel *kernel)
{
  (void)manifest;
  set_text (&kernel->module, "../module");
}

static void
be_long (LpManifest *manifest, LpManifestKernel *kernel)
{
  (void)manifest;
  set_text (&kernel->module, "a23456789_123456789_123456789_123456789_123456789_123456");
}

static void
have_no_release (LpManifest *manifest, LpManifestKernel *kernel)
{
  (void)manifest;
  set_text (&kernel->release, "");
}

static void
have_no_targets (LpManifest *manifest, LpManifestKernel *kernel)
{
  (void)manifest;
  g_ptr_array_set_size (kernel->targets, 0);
}

static void
have_no_hex (LpManifest *manifest, LpManifestKernel *kernel)
{
  (void)manifest;
  set_text (&((LpManifestKernelTarget *)kernel->targets->pdata[0])->build_id, "xyz");
}

static void
be_unsorted (LpManifest *manifest, LpManifestKernel *kernel)
{
  (void)manifest;
  set_text (&((LpManifestKernelTarget *)kernel->targets->pdata[0])->name, "zram");
}

static void
be_named_otherwise (LpManifest *manifest, LpManifestKernel *kernel)
{
  (void)manifest;
  set_text (&((LpManifestKernelTarget *)kernel->targets->pdata[0])->name, "dummy");
}

static void
be_for_users (LpManifest *manifest, LpManifestKernel *kernel)
{
  (void)kernel;
  set_text (&manifest->kind, "user");
}

static void
say_nothing (LpManifest *manifest, LpManifestKernel *kernel)
{
  (void)kernel;
  g_clear_pointer (&((LpManifestObject *)manifest->objects->pdata[0])->kernel, lp_manifest_kernel_free);
}

static void
carry_what_is_redirected (LpManifest *manifest, LpManifestKernel *kernel)
{
  const LpManifestObject *object = manifest->objects->pdata[0];

  (void)kernel;
  for (guint i = 0; i < object->functions->len; i++)
    ((LpManifestFunction *)object->functions->pdata[i])->carried = TRUE;
}

static void
test_carried (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) entities = NULL;
  g_autoptr (LpManifest) made = kernel_manifest (&entities);
  g_autofree char *before = lp_manifest_serialize (made);
  LpManifestFunction *function = lp_manifest_function_new ();

  g_assert_null (strstr (before, "carried")); /* bundles without one are as they always were */
  function->name = g_strdup ("body");
  function->kind = g_strdup ("new");
  function->carried = TRUE;
  function->size = 64;
  function->unit = g_strdup ("kernel/file.c");
  function->proof = g_strdup ("");
  function->redirect = g_strdup ("");
  g_ptr_array_add (((LpManifestObject *)made->objects->pdata[0])->functions, function);
  g_autofree char *text = lp_manifest_serialize (made);
  g_autoptr (LpManifest) manifest = lp_manifest_parse (text, -1, &error);
  g_assert_no_error (error);
  GPtrArray *functions = ((LpManifestObject *)manifest->objects->pdata[0])->functions;
  g_assert_true (((LpManifestFunction *)functions->pdata[functions->len - 1])->carried);
  g_assert_false (((LpManifestFunction *)functions->pdata[0])->carried);
}

static void
test_malformed (void)
{
  refuse (be_a_path, "kernel.module: not a word");
  refuse (be_long, "kernel.module: longer");
  refuse (have_no_release, "kernel.release: not a word");
  refuse (have_no_targets, "kernel.targets: empty");
  refuse (have_no_hex, "kernel.targets[0].build-id: not a Build-ID");
  refuse (be_unsorted, "kernel.targets: not sorted");
  refuse (be_named_otherwise, "objects[0].name: not the names");
  refuse (be_for_users, "objects[0].kernel: the bundle isn't for a kernel");
  refuse (carry_what_is_redirected, "carried: what is redirected isn't carried");
  refuse (say_nothing, "objects[0].kernel: missing");
}

static void
test_documented (void)
{
  static const char *const members[] = { "kernel", "release", "module", "replace", "targets", "carried" };
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (PATCH_FORMAT_DOC, &text, NULL, &error));
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    {
      g_autofree char *quoted = g_strdup_printf ("`%s`", members[i]);
      if (strstr (text, quoted) == NULL)
        g_test_fail_printf ("docs/patch-format.md doesn't say what %s is", quoted);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/manifest/kernel/what is written is read back", test_round_trip);
  g_test_add_func ("/manifest/kernel/what is carried is told", test_carried);
  g_test_add_func ("/manifest/kernel/a replacing patch is another patch", test_replacing_is_another_patch);
  g_test_add_func ("/manifest/kernel/every malformed member is named", test_malformed);
  g_test_add_func ("/manifest/kernel/every member is documented", test_documented);
  return g_test_run ();
}
