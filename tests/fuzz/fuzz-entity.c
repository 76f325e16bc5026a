/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: an entity file whose digest is right. What is accepted must be safe to use. */
#include "fuzz.h"
#include "use-entity.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  GError *error = NULL;
  LpEntityIdentity identity;
  g_autoptr (LpEntity) entity = lp_entity_new (bytes, "input", &error);

  lp_entity_peek_identity (data, size, &identity);
  if (entity == NULL)
    {
      fuzz_check_error (error);
      return 0;
    }
  fuzz_use_entity (entity);
  g_autofree char *uuid = lp_entity_uuid (entity);
  g_autofree char *build_id = lp_entity_build_id (entity);
  fuzz_touch_string (uuid);
  fuzz_touch_string (build_id);
  return 0;
}
