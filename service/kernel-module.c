/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens and compares one livepatch module. Changes nothing; must not know states or wishes. */
#include "kernel-module.h"

#include "base/error.h"
#include "base/io.h"
#include "entity-file.h"
#include "kernel/identity.h"
#include "wire.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What a signed module ends with (kernel, include/linux/module_signature.h). */
#define SIGNATURE_MARK "~Module signature appended~\n"

void
sc_kernel_module_free (ScKernelModule *module)
{
  if (module == NULL)
    return;
  if (module->fd >= 0)
    close (module->fd);
  g_clear_pointer (&module->elf, lp_elf_unref);
  g_clear_pointer (&module->bundle, lp_bundle_free);
  g_free (module->name);
  g_free (module);
}

static const LpManifestObject *
find_object (const LpBundle *bundle, JsonObject *patch)
{
  for (guint i = 0; i < bundle->manifest->objects->len; i++)
    {
      const LpManifestObject *object = g_ptr_array_index (bundle->manifest->objects, i);

      if (g_str_equal (object->uuid, sc_wire_string (patch, "uuid"))
          && g_str_equal (object->digest, sc_wire_string (patch, "digest"))
          && g_str_equal (object->build_id, sc_wire_string (patch, "build-id")))
        return object;
    }
  return NULL;
}

/* The file is read again through the descriptor that the kernel will get: that very content must be the one
 * that was asked for. */
static gboolean
open_file (ScKernelModule *module, GError **error)
{
  g_autofree char *path = g_build_filename (module->bundle->path, module->object->entity, NULL);

  module->fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  g_autoptr (GBytes) bytes
      = module->fd >= 0 ? lp_io_read_fd (module->fd, path, LP_ENTITY_FILE_MAX, error) : NULL;
  if (bytes == NULL)
    {
      if (module->fd < 0)
        lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s: can't be opened", path);
      return FALSE;
    }

  g_autofree char *digest = lp_io_digest (bytes);
  if (!g_str_equal (digest, module->object->digest))
    {
      lp_error_set (error, LP_ERROR_CHANGED, "repeat the request", "%s: changed while it was read", path);
      return FALSE;
    }
  gsize size = 0, mark = strlen (SIGNATURE_MARK);
  const char *data = g_bytes_get_data (bytes, &size);
  module->has_signature = size > mark && memcmp (data + size - mark, SIGNATURE_MARK, mark) == 0;
  module->elf = lp_elf_new (bytes, path, error);
  return module->elf != NULL;
}

ScKernelModule *
sc_kernel_module_open (JsonObject *patch, LpBundleFlags flags, const LpKeyring *keyring, GError **error)
{
  g_autoptr (ScKernelModule) module = g_new0 (ScKernelModule, 1);

  module->fd = -1;
  module->name = g_strdup (sc_wire_string (patch, "name"));
  module->bundle = sc_entity_open_bundle (patch, flags, keyring, error);
  if (module->bundle == NULL)
    return NULL;
  module->object = find_object (module->bundle, patch);
  if (module->object == NULL || module->object->kernel == NULL)
    {
      lp_error_set (error, LP_ERROR_CHANGED,
                    "look at the patch again (syscare rescan), then repeat the request",
                    "%s: the patch on the disk is no longer the one that was asked for", module->name);
      return NULL;
    }
  module->kernel = module->object->kernel;
  return open_file (module, error) ? g_steal_pointer (&module) : NULL;
}

/* ---- the running kernel ---- */

static gboolean
check_kernel (const ScKernelModule *module, GError **error)
{
  g_autofree char *release = lp_kernel_release ();

  if (!g_str_equal (release, module->kernel->release))
    {
      lp_error_set (error, LP_ERROR_TARGET_MISMATCH, "build the patch for the running kernel",
                    "%s: the patch is for kernel %s, this one is %s", module->name, module->kernel->release,
                    release);
      return FALSE;
    }
  return TRUE;
}

/* The Build-ID of the file that would be loaded as module @object. NULL: there is none, or it can't be told
 * (compressed files): the patch itself looks at the module when it comes. */
static char *
build_id_on_disk (const ScKernelModule *module, const char *object, char **path)
{
  g_autofree char *folder = g_build_filename ("/lib/modules", module->kernel->release, NULL);

  *path = lp_kernel_module_file (folder, object);
  g_autoptr (LpElf) elf = *path != NULL ? lp_elf_open (*path, NULL) : NULL;
  return elf != NULL ? lp_elf_build_id_hex (elf) : NULL;
}

/* While the patch is enabled the kernel would refuse to load such a module. */
static gboolean
check_file (const ScKernelModule *module, const char *object, const char *wanted, GError **error)
{
  g_autofree char *path = NULL;
  g_autofree char *build_id = build_id_on_disk (module, object, &path);

  if (build_id == NULL || g_str_equal (build_id, wanted))
    return TRUE;
  lp_error_set (error, LP_ERROR_TARGET_MISMATCH, "build the patch for that module",
                "%s: %s, which would be loaded, is another build (Build-ID %s) than the patch is for (%s)",
                module->name, path, build_id, wanted);
  return FALSE;
}

/* What has no Build-ID is left to the kernel, which compares versions. */
static gboolean
check_build_id (const ScKernelModule *module, const char *object, const char *wanted, GError **error)
{
  g_autofree char *build_id = lp_kernel_build_id (&lp_kernel_paths_default, object);

  if (wanted[0] == '\0' || (build_id != NULL && g_str_equal (build_id, wanted)))
    return TRUE;
  if (build_id == NULL)
    return g_str_equal (object, "vmlinux") || check_file (module, object, wanted, error);
  lp_error_set (error, LP_ERROR_TARGET_MISMATCH, "build the patch for what is loaded",
                "%s: the %s that runs is another build (Build-ID %s) than the patch is for (%s)",
                module->name, object, build_id, wanted);
  return FALSE;
}

static gboolean
check_targets (const ScKernelModule *module, GError **error)
{
  if (!check_build_id (module, "vmlinux", module->object->build_id, error))
    return FALSE;
  for (guint i = 0; i < module->kernel->targets->len; i++)
    {
      const LpManifestKernelTarget *target = g_ptr_array_index (module->kernel->targets, i);

      if (!check_build_id (module, target->name, target->build_id, error))
        return FALSE;
    }
  return TRUE;
}

/* What the module says of itself must be what the manifest says of it. */
static gboolean
check_module_info (const ScKernelModule *module, GError **error)
{
  const char *name = lp_module_info (module->elf, "name");
  const char *livepatch = lp_module_info (module->elf, "livepatch");
  const char *vermagic = lp_module_info (module->elf, "vermagic");
  gsize length = strlen (module->kernel->release);

  if (g_strcmp0 (name, module->kernel->module) != 0)
    lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s: the module is named %s, the manifest says %s",
                  module->name, name != NULL ? name : "(nothing)", module->kernel->module);
  else if (g_strcmp0 (livepatch, "Y") != 0)
    lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s: the module is no livepatch", module->name);
  else if (vermagic == NULL || strncmp (vermagic, module->kernel->release, length) != 0
           || vermagic[length] != ' ')
    lp_error_set (error, LP_ERROR_TARGET_MISMATCH, "build the patch again",
                  "%s: the module was compiled for kernel \"%s\", the manifest says %s", module->name,
                  vermagic != NULL ? vermagic : "", module->kernel->release);
  else
    return TRUE;
  return FALSE;
}

/* Lockdown's present mode stands in brackets: "none [integrity] confidentiality". */
static const char *
who_wants_signatures (void)
{
  g_autofree char *enforce = NULL, *lockdown = NULL;

  g_file_get_contents ("/sys/module/module/parameters/sig_enforce", &enforce, NULL, NULL);
  g_file_get_contents ("/sys/kernel/security/lockdown", &lockdown, NULL, NULL);
  if (enforce != NULL && enforce[0] == 'Y')
    return "module.sig_enforce";
  return lockdown != NULL && strstr (lockdown, "[none]") == NULL ? "lockdown" : NULL;
}

/* The kernel would refuse it, too, but say less. Whose the signature is only the kernel can tell. */
static gboolean
check_signature (const ScKernelModule *module, GError **error)
{
  const char *who = module->has_signature ? NULL : who_wants_signatures ();

  if (who == NULL)
    return TRUE;
  lp_error_set (
      error, LP_ERROR_MODULE_REJECTED,
      "build the patch with --sign-module-key, and enrol that key in the kernel's keyring (mokutil)",
      "%s: this kernel only loads signed modules (%s), and this one has no signature", module->name, who);
  return FALSE;
}

/* ---- the other livepatches ---- */

static gboolean
is_known (JsonArray *known, const char *module)
{
  for (guint i = 0; known != NULL && i < json_array_get_length (known); i++)
    if (g_strcmp0 (json_array_get_string_element (known, i), module) == 0)
      return TRUE;
  return FALSE;
}

/* The kernel names functions "NAME,POSITION". Functions of equal name in different objects are taken for the
 * same: in doubt it is a conflict. */
static const char *
shared_function (const ScKernelModule *module, const LpLivepatch *other)
{
  for (guint i = 0; i < other->objects->len; i++)
    {
      const LpLivepatchObject *object = g_ptr_array_index (other->objects, i);

      for (guint k = 0; k < object->functions->len; k++)
        for (guint j = 0; j < module->object->functions->len; j++)
          {
            const LpManifestFunction *function = g_ptr_array_index (module->object->functions, j);
            const char *name = g_ptr_array_index (object->functions, k);
            gsize length = strcspn (name, ",");

            if (g_str_equal (function->kind, "changed") && strlen (function->name) == length
                && strncmp (function->name, name, length) == 0)
              return function->name;
          }
    }
  return NULL;
}

static gboolean
check_against (const ScKernelModule *module, const LpLivepatch *other, JsonArray *known, gboolean force,
               GError **error)
{
  const char *function = shared_function (module, other);

  if (g_str_equal (other->name, module->kernel->module))
    lp_error_set (error, LP_ERROR_CONFLICT, NULL, "%s: a livepatch named %s is already enabled", module->name,
                  other->name);
  else if (other->transition)
    lp_error_set (error, LP_ERROR_BUSY, "wait until it has ended", "%s: livepatch %s is in transition",
                  module->name, other->name);
  else if (module->kernel->replace && !is_known (known, other->name) && !force)
    lp_error_set (error, LP_ERROR_CONFLICT, "force replaces it all the same",
                  "%s: it would take away livepatch %s, which something else than SysCare loaded",
                  module->name, other->name);
  else if (!module->kernel->replace && function != NULL && !force)
    lp_error_set (error, LP_ERROR_CONFLICT,
                  "withdraw that one first, or build one patch of both fixes; force stacks them all the same",
                  "%s: livepatch %s replaces function %s, too, whose fix would be lost", module->name,
                  other->name, function);
  else
    return TRUE;
  return FALSE;
}

static gboolean
check_others (const ScKernelModule *module, JsonArray *known, gboolean force, GError **error)
{
  g_autoptr (GPtrArray) patches = lp_livepatch_list (&lp_kernel_paths_default, error);

  for (guint i = 0; patches != NULL && i < patches->len; i++)
    {
      const LpLivepatch *other = g_ptr_array_index (patches, i);

      if ((other->enabled || other->transition) && !check_against (module, other, known, force, error))
        return FALSE;
    }
  return patches != NULL;
}

gboolean
sc_kernel_module_check (const ScKernelModule *module, JsonArray *known, gboolean force, GError **error)
{
  return lp_livepatch_supported (&lp_kernel_paths_default, error) && check_kernel (module, error)
         && check_targets (module, error) && check_module_info (module, error)
         && check_signature (module, error) && check_others (module, known, force, error);
}

gboolean
sc_kernel_module_check_pair (const ScKernelModule *module, const ScKernelModule *other, gboolean force,
                             GError **error)
{
  for (guint i = 0; !force && i < module->object->functions->len; i++)
    for (guint k = 0; k < other->object->functions->len; k++)
      {
        const LpManifestFunction *mine = g_ptr_array_index (module->object->functions, i);
        const LpManifestFunction *theirs = g_ptr_array_index (other->object->functions, k);

        if (!g_str_equal (mine->kind, "changed") || !g_str_equal (theirs->kind, "changed")
            || !g_str_equal (mine->name, theirs->name))
          continue;
        lp_error_set (error, LP_ERROR_CONFLICT,
                      "apply one of them, or build one patch of both fixes; force stacks them all the same",
                      "%s: %s replaces function %s, too, whose fix would be lost", module->name, other->name,
                      mine->name);
        return FALSE;
      }
  return TRUE;
}
