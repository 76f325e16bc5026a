/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens the entity of a patch that a request names, for the children that work with it. Must not know what
 * they do. */
#include "entity-file.h"

#include "base/error.h"
#include "wire.h"

/* The service asked polkit with the signer's name; a key that was withdrawn since counts no longer. */
static gboolean
check_signer (JsonObject *patch, const LpBundle *bundle, const LpKeyring *keyring, GError **error)
{
  const char *signer = sc_wire_string (patch, "signer");

  if (keyring == NULL || signer[0] == '\0' || g_strcmp0 (signer, bundle->signer) == 0)
    return TRUE;
  lp_error_set (error, LP_ERROR_UNTRUSTED,
                "look at the patch again (syscare rescan), then repeat the request",
                "%s: has no signature of %s, or that key is no longer trusted",
                sc_wire_string (patch, "name"), signer);
  return FALSE;
}

LpBundle *
sc_entity_open_bundle (JsonObject *patch, LpBundleFlags flags, const LpKeyring *keyring, GError **error)
{
  g_autoptr (LpBundle) bundle
      = lp_bundle_open_signed (sc_wire_string (patch, "bundle"), flags, keyring, error);

  return bundle != NULL && check_signer (patch, bundle, keyring, error) ? g_steal_pointer (&bundle) : NULL;
}

LpEntity *
sc_entity_open (JsonObject *patch, LpBundleFlags flags, const LpKeyring *keyring, GError **error)
{
  const char *uuid = sc_wire_string (patch, "uuid");
  const char *name = sc_wire_string (patch, "name");
  g_autoptr (LpBundle) bundle = sc_entity_open_bundle (patch, flags, keyring, error);

  if (bundle == NULL)
    return NULL;
  for (guint i = 0; i < bundle->manifest->objects->len; i++)
    {
      const LpManifestObject *object = g_ptr_array_index (bundle->manifest->objects, i);
      LpEntity *entity = g_ptr_array_index (bundle->entities, i);

      if (!g_str_equal (object->uuid, uuid))
        continue;
      if (entity == NULL)
        {
          lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL, "%s: kernel patches are not supported here",
                        name);
          return NULL;
        }
      g_autofree char *build_id = lp_entity_build_id (entity);
      if (g_str_equal (lp_entity_digest (entity), sc_wire_string (patch, "digest"))
          && g_str_equal (build_id, sc_wire_string (patch, "build-id")))
        return lp_entity_ref (entity);
      break;
    }
  lp_error_set (error, LP_ERROR_CHANGED, "look at the patch again (syscare rescan), then repeat the request",
                "%s: the patch on the disk is no longer the one that was asked for", name);
  return NULL;
}
