/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: JSON from outside as each of its readers takes it: manifest, recorded states, a line of
 * history. Texts are sealed first, so that their members are reached; what is accepted must be written and
 * read back the same. */
#include <string.h>

#include "format/json.h"
#include "format/manifest.h"
#include "fuzz.h"
#include "store/store-private.h"

static void
read_manifest (const char *text)
{
  GError *error = NULL;
  g_autoptr (LpManifest) manifest = lp_manifest_parse (text, -1, &error);

  if (manifest == NULL)
    {
      fuzz_check_error (error);
      return;
    }
  g_autofree char *once = lp_manifest_serialize (manifest);
  g_autoptr (LpManifest) again = lp_manifest_parse (once, -1, &error);
  g_assert_no_error (error);
  g_autofree char *twice = lp_manifest_serialize (again);
  g_assert_cmpstr (once, ==, twice);
  g_autofree char *id = lp_manifest_derive_id (manifest);
  fuzz_touch_string (id);
}

static void
read_wishes (const char *text)
{
  GError *error = NULL;
  g_autoptr (GHashTable) wishes = lp_wishes_parse (text, strlen (text), &error);

  if (wishes == NULL)
    fuzz_check_error (error);
}

static void
read_history (const char *text, gsize length)
{
  GError *error = NULL;
  g_autoptr (LpHistoryRecord) record = lp_history_parse (text, length, &error);

  if (record == NULL)
    fuzz_check_error (error);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  GError *error = NULL;
  g_autoptr (JsonNode) node
      = lp_json_parse ((const char *)data, size, "input", LP_ERROR_STATE_CORRUPT, &error);

  if (node == NULL)
    {
      fuzz_check_error (error);
      return 0;
    }
  g_autofree char *manifest = lp_json_seal (node, LP_MANIFEST_SEAL);
  g_autofree char *state = lp_json_seal (node, LP_STATE_SEAL);
  read_manifest (manifest);
  read_wishes (state);
  read_history ((const char *)data, size);
  return 0;
}
