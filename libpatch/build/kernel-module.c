/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A module outside of the tree: one C file that registers the patch, and the objects as they are. */
#include "config.h"

#include "build/kernel-module.h"

#include "base/error.h"
#include "build/command.h"
#include "build/content.h"
#include "build/kernel-headers.h"
#include "kernel/shipped.h"

#include <string.h>

void
lp_kernel_redirect_free (LpKernelRedirect *redirect)
{
  g_free (redirect->object);
  g_free (redirect->name);
  g_free (redirect->alias);
  g_free (redirect);
}

void
lp_kernel_callback_use_free (LpKernelCallbackUse *use)
{
  g_free (use->object);
  g_free (use->alias);
  g_free (use);
}

static void
hook_functions (const LpKernelModule *module, const char *object, guint index, GString *text)
{
  for (guint i = 0; i < module->redirects->len; i++)
    {
      const LpKernelRedirect *redirect = module->redirects->pdata[i];
      if (strcmp (redirect->object, object) == 0)
        g_string_append_printf (text, "extern char %s[];\n", redirect->alias);
    }
  g_string_append_printf (text, "static struct klp_func functions_%u[] = {\n", index);
  for (guint i = 0; i < module->redirects->len; i++)
    {
      const LpKernelRedirect *redirect = module->redirects->pdata[i];
      if (strcmp (redirect->object, object) == 0)
        g_string_append_printf (text, "\t{ .old_name = \"%s\", .new_func = %s, .old_sympos = %u },\n",
                                redirect->name, redirect->alias, redirect->position);
    }
  g_string_append (text, "\t{ }\n};\n");
}

static const char *
build_id_of (const LpKernelModule *module, const char *object)
{
  for (guint i = 0; i < module->targets->len; i++)
    {
      const LpManifestKernelTarget *target = module->targets->pdata[i];
      if (strcmp (target->name, object) == 0)
        return target->build_id;
    }
  return "";
}

/* vmlinux can't change under a patch; a module without a Build-ID is left to the kernel. */
static gboolean
needs_guard (const LpKernelModule *module, const char *object)
{
  return strcmp (object, LP_VMLINUX) != 0 && *build_id_of (module, object) != '\0';
}

/* A module may be loaded when the patch has long been enabled, and then be another build than the one that
 * the new code was proven against: the kernel itself only compares the names of functions. What a pre_patch
 * callback answers other than 0 keeps the patch out, or the module that comes. @then: (nullable): the fix's
 * own callback, as the one below. */
static void
hook_before (const LpKernelModule *module, const char *object, guint index, const char *then, GString *text)
{
  const char *build_id = build_id_of (module, object);

  /* Elf64_Nhdr, little-endian, "GNU" (gABI, "Note Section") */
  g_string_append_printf (
      text,
      "static int before_%u(struct klp_object *object)\n{\n"
      "\tstatic const u8 note[] = { 4, 0, 0, 0, %zu, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0",
      index, strlen (build_id) / 2);
  for (const char *c = build_id; c[0] != '\0' && c[1] != '\0'; c += 2)
    g_string_append_printf (text, ", 0x%.2s", c);
  g_string_append_printf (
      text,
      " };\n\tint status = 0;\n\n\tif (!guard_is_build(object->mod, note, sizeof(note))) {\n"
      "\t\tpr_err(\"livepatch %s is for another build of the module %s (Build-ID %s): they don't go "
      "together\\n\");\n"
      "\t\tstatus = -ENOEXEC;\n\t}\n",
      module->name, object, build_id);
  if (then != NULL)
    g_string_append_printf (text, "\tif (status == 0)\n\t\tstatus = %s(object);\n", then);
  g_string_append_printf (
      text, "\tif (status != 0)\n\t\tguard_forget(object->mod, \".klp.rela.%s.\");\n\treturn status;\n}\n",
      object);
}

static void
hook_after (const char *object, guint index, const char *then, GString *text)
{
  g_string_append_printf (text, "static void after_%u(struct klp_object *object)\n{\n", index);
  if (then != NULL)
    g_string_append_printf (text, "\t%s(object);\n", then);
  g_string_append_printf (text, "\tguard_forget(object->mod, \".klp.rela.%s.\");\n}\n", object);
}

static void
hook_callbacks (const LpKernelModule *module, const char *object, guint index, GString *text,
                GString *declarations)
{
  gboolean guard = needs_guard (module, object);
  const char *before = NULL, *after = NULL;

  for (guint i = 0; i < module->callbacks->len; i++)
    {
      const LpKernelCallbackUse *use = module->callbacks->pdata[i];
      const char *type = use->callback == LP_CALLBACK_PRE_PATCH ? "int" : "void";
      if (strcmp (use->object, object) != 0)
        continue;
      g_string_append_printf (declarations, "extern %s %s(struct klp_object *);\n", type, use->alias);
      if (guard && use->callback == LP_CALLBACK_PRE_PATCH)
        before = use->alias;
      else if (guard && use->callback == LP_CALLBACK_POST_UNPATCH)
        after = use->alias;
      else
        g_string_append_printf (text, ", .callbacks.%s = %s", lp_kernel_callback_name (use->callback),
                                use->alias);
    }
  if (!guard)
    return;
  hook_before (module, object, index, before, declarations);
  hook_after (object, index, after, declarations);
  g_string_append_printf (text, ", .callbacks.pre_patch = before_%u, .callbacks.post_unpatch = after_%u",
                          index, index);
}

static gboolean
any_guard (const LpKernelModule *module)
{
  for (guint i = 0; i < module->redirects->len; i++)
    if (needs_guard (module, ((const LpKernelRedirect *)module->redirects->pdata[i])->object))
      return TRUE;
  return FALSE;
}

char *
lp_kernel_module_hook (const LpKernelModule *module)
{
  g_autoptr (GString) text = g_string_new ("#include <linux/module.h>\n#include <linux/livepatch.h>\n");
  g_autoptr (GString) objects = g_string_new ("static struct klp_object objects[] = {\n");
  g_autofree char *description = g_strescape (module->description, "");
  const char *before = NULL;
  guint n = 0;
  GHashTableIter iter;
  gpointer space;

  if (any_guard (module))
    g_string_append (text, "#include \"livepatch-guard.h\"\n");
  for (guint i = 0; i < module->redirects->len; i++)
    {
      const char *object = ((const LpKernelRedirect *)module->redirects->pdata[i])->object;
      if (g_strcmp0 (object, before) == 0)
        continue;
      before = object;
      hook_functions (module, object, n, text);
      g_string_append_printf (objects, "\t{ .name = %s%s%s, .funcs = functions_%u",
                              strcmp (object, LP_VMLINUX) == 0 ? "" : "\"",
                              strcmp (object, LP_VMLINUX) == 0 ? "NULL" : object,
                              strcmp (object, LP_VMLINUX) == 0 ? "" : "\"", n);
      hook_callbacks (module, object, n++, objects, text);
      g_string_append (objects, " },\n");
    }
  g_string_append_printf (text, "%s\t{ }\n};\n", objects->str);
  g_string_append_printf (
      text, "static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objects, .replace = %s };\n",
      module->replace ? "true" : "false");
  g_string_append (text, "static int __init start(void) { return klp_enable_patch(&patch); }\n"
                         "static void __exit stop(void) { }\nmodule_init(start);\nmodule_exit(stop);\n"
                         "MODULE_INFO(livepatch, \"Y\");\n");
  g_string_append_printf (text, "MODULE_LICENSE(\"%s\");\nMODULE_DESCRIPTION(\"%s\");\n", module->license,
                          description);
  g_hash_table_iter_init (&iter, module->spaces);
  while (g_hash_table_iter_next (&iter, &space, NULL))
    g_string_append_printf (text, "MODULE_INFO(import_ns, \"%s\");\n", (char *)space);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
write_file (const char *folder, const char *name, const void *data, gsize size, GError **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) local = NULL;

  if (g_file_set_contents (path, data, (gssize)size, &local))
    return TRUE;
  lp_error_set (error, LP_ERROR_FAILED, NULL, "%s", local->message);
  return FALSE;
}

static GBytes *
read_file (const char *path, GError **error)
{
  g_autoptr (GError) local = NULL;
  char *data;
  gsize size;

  if (g_file_get_contents (path, &data, &size, &local))
    return g_bytes_new_take (data, size);
  lp_error_set (error, LP_ERROR_FAILED, NULL, "%s", local->message);
  return NULL;
}

GBytes *
lp_kernel_objtool (const LpKernelTree *tree, GStrv objtool, GBytes *object, const char *name,
                   GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *file = g_strconcat (name, ".o", NULL);
  g_autofree char *path = g_build_filename (tree->workspace->scratch, file, NULL);
  g_auto (LpCommandResult) result = { 0 };

  if (objtool == NULL || objtool[0] == NULL)
    return g_bytes_ref (object);
  if (!write_file (tree->workspace->scratch, file, g_bytes_get_data (object, NULL), g_bytes_get_size (object),
                   error))
    return NULL;
  for (guint i = 0; objtool[i] != NULL; i++)
    g_ptr_array_add (argv, objtool[i]);
  if (!g_strv_contains ((const char *const *)objtool, "--module"))
    g_ptr_array_add (argv, (gpointer) "--module");
  g_ptr_array_add (argv, path);
  g_ptr_array_add (argv, NULL);
  if (!lp_command_run ((const char *const *)argv->pdata, (const char *const *)tree->environment,
                       tree->objects, NULL, cancellable, &result, error))
    return NULL;
  g_autofree char *said = g_strconcat (result.output, result.errors, NULL);
  if (result.exit_status == 0 && strstr (said, "warning:") == NULL)
    return read_file (path, error);
  g_autofree char *line = lp_command_last_line (said);
  lp_error_set (error, LP_ERROR_REFUSED,
                "write the fix without inline assembly, or patch the callers of this function",
                "%s: objtool doesn't understand the new code: %s", name, line);
  return NULL;
}

/* Everything that kbuild wants to find in the folder. */
static gboolean
fill_folder (const char *folder, const LpKernelModule *module, GError **error)
{
  g_autofree char *hook = lp_kernel_module_hook (module);
  g_autoptr (GString) makefile = g_string_new (NULL);

  g_string_printf (makefile, "obj-m := %s.o\n%s-y := hook.o", module->name, module->name);
  for (guint i = 0; i < module->objects->len; i++)
    {
      GBytes *bytes = module->objects->pdata[i];
      g_autofree char *shipped = g_strdup_printf ("unit%u.o_shipped", i);
      g_string_append_printf (makefile, " unit%u.o", i);
      if (!write_file (folder, shipped, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), error))
        return FALSE;
      /* modpost reads each object's .cmd file to find its sources. */
      g_autofree char *command = g_strdup_printf (".unit%u.o.cmd", i);
      if (!write_file (folder, command, "", 0, error))
        return FALSE;
    }
  g_string_append_c (makefile, '\n');
  g_autoptr (GBytes) guard = g_resource_lookup_data (lp_kernel_headers_get_resource (),
                                                     "/org/openeuler/syscare/build/livepatch-guard.h",
                                                     G_RESOURCE_LOOKUP_FLAGS_NONE, error);
  return guard != NULL && write_file (folder, "hook.c", hook, strlen (hook), error)
         && write_file (folder, "livepatch-guard.h", g_bytes_get_data (guard, NULL), g_bytes_get_size (guard),
                        error)
         && write_file (folder, "Makefile", makefile->str, makefile->len, error);
}

LpElf *
lp_kernel_module_link (const LpKernelTree *tree, const LpKernelModule *module, GCancellable *cancellable,
                       GError **error)
{
  g_autofree char *folder = g_build_filename (tree->workspace->scratch, "module", NULL);
  g_autofree char *where = g_strconcat ("M=", folder, NULL);
  g_autofree char *file = g_strdup_printf ("%s/%s.ko", folder, module->name);
  /* References that livepatch resolves are undefined for modpost: lp_module_convert() turns them, and finds
   * any other. */
  const char *const make[] = { where, "KBUILD_MODPOST_WARN=1", "modules", NULL };

  if (!lp_content_remove (folder, error) || !lp_content_make_directory (folder, error)
      || !fill_folder (folder, module, error) || !lp_kernel_tree_make (tree, make, cancellable, error))
    return NULL;
  return lp_elf_open (file, error);
}

GBytes *
lp_kernel_module_sign (const LpKernelTree *tree, GBytes *module, const char *key, const char *certificate,
                       GCancellable *cancellable, GError **error)
{
  g_autofree char *tool = g_build_filename (tree->objects, "scripts", "sign-file", NULL);
  g_autofree char *path = g_build_filename (tree->workspace->scratch, "signed.ko", NULL);
  g_autofree char *key_path = g_canonicalize_filename (key, NULL);
  g_autofree char *certificate_path = g_canonicalize_filename (certificate, NULL);
  const char *const argv[] = { tool, "sha256", key_path, certificate_path, path, NULL };

  if (!g_file_test (tool, G_FILE_TEST_IS_EXECUTABLE))
    {
      lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL,
                    "the kernel's configuration has no module signatures");
      return NULL;
    }
  if (!write_file (tree->workspace->scratch, "signed.ko", g_bytes_get_data (module, NULL),
                   g_bytes_get_size (module), error))
    return NULL;
  g_autofree char *output
      = lp_command_output (argv, (const char *const *)tree->environment, "/", cancellable, error);
  return output != NULL ? read_file (path, error) : NULL;
}
