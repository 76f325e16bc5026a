/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens the entity of a patch that a request names, for the children that work with it. Must not know what
 * they do. */
#include "entity-file.h"

#include "base/error.h"
#include "wire.h"

LpEntity *
sc_entity_open (JsonObject *patch, LpBundleFlags flags, GError **error)
{
  const char *uuid = sc_wire_string (patch, "uuid");
  const char *name = sc_wire_string (patch, "name");
  g_autoptr (LpBundle) bundle = lp_bundle_open (sc_wire_string (patch, "bundle"), flags, error);

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
