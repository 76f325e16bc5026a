/* SPDX-License-Identifier: GPL-2.0-or-later */
/* patch.json: written canonically, read strictly, every malformed member named. */
#include <string.h>

#include "base/error.h"
#include "format/json.h"
#include "sample.h"

static char *
sample_text (void)
{
  g_autoptr (GPtrArray) entities = NULL;
  g_autoptr (LpManifest) manifest = sample_manifest ("HP001", 2, &entities);
  LpManifestObject *object = manifest->objects->pdata[0];

  object->proof = json_from_string ("{\"z\": 1, \"a\": {\"y\": [1, 2.5, null], \"b\": true}}", NULL);
  return lp_manifest_serialize (manifest);
}

static void
test_round_trip (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = sample_text ();
  g_autoptr (LpManifest) manifest = lp_manifest_parse (text, -1, &error);
  g_assert_no_error (error);
  g_autofree char *again = lp_manifest_serialize (manifest);
  const LpManifestObject *object = manifest->objects->pdata[1];
  const LpManifestFunction *function = object->functions->pdata[0];
  const LpManifestSource *source = manifest->sources->pdata[0];

  g_assert_cmpstr (again, ==, text);
  g_assert_cmpstr (manifest->name, ==, "HP001");
  g_assert_cmpstr (manifest->target_version, ==, "2:1.0-1");
  g_assert_cmpstr (manifest->description, ==, "Answers, as it should.\n\xc3\x84 second line.");
  g_assert_cmpstr (manifest->issues[1], ==, "CVE-2026-0002");
  g_assert_cmpstr (g_hash_table_lookup (manifest->tools, "gcc"), ==, "12.2.0");
  g_assert_cmpstr (source->dropped[0], ==, "tests/unit/a.tcl: hunk 1: does not apply");
  g_assert_cmpstr (object->name, ==, "object-1");
  g_assert_true (object->installed);
  g_assert_cmphex (function->address, ==, 0x401000);
  g_assert_cmpuint (function->size, ==, 32);
  g_assert_nonnull (((const LpManifestObject *)manifest->objects->pdata[0])->proof);
}

/* Members come sorted at every level, so that equal inputs give equal files whatever order they were filled
 * in. */
static void
test_canonical (void)
{
  g_autofree char *text = sample_text ();
  const char *architecture = strstr (text, "\"architecture\"");
  const char *version = strstr (text, "  \"version\"");
  const char *proof = strstr (text, "\"proof\" : {\n        \"a\"");

  g_assert_nonnull (architecture);
  g_assert_true (architecture < version);
  g_assert_nonnull (proof);
  g_assert_true (g_str_has_suffix (text, "\n}\n"));
}

static void
test_names (void)
{
  g_autoptr (GPtrArray) entities = NULL;
  g_autoptr (LpManifest) manifest = sample_manifest ("HP001", 1, &entities);
  LpManifestObject *object = manifest->objects->pdata[0];
  g_autofree char *full_name = lp_manifest_full_name (manifest, object);
  g_autofree char *uuid = lp_manifest_object_uuid (manifest->id, "object-0");

  g_assert_cmpstr (full_name, ==, "sample-1.0-1/HP001/object-0");
  g_assert_cmpstr (uuid, ==, object->uuid);
  g_assert_null (lp_manifest_object_uuid ("no uuid", "object-0"));
}

static void
test_id_follows_from_content (void)
{
  g_autoptr (GPtrArray) entities = NULL, other_entities = NULL;
  g_autoptr (LpManifest) manifest = sample_manifest ("HP001", 2, &entities);
  g_autoptr (LpManifest) other = sample_manifest ("HP002", 2, &other_entities);
  g_autofree char *original = g_strdup (manifest->id);

  g_assert_cmpstr (manifest->id, !=, other->id);

  /* The order of the objects and what is filled in later don't matter. */
  gpointer first = manifest->objects->pdata[0];
  manifest->objects->pdata[0] = manifest->objects->pdata[1];
  manifest->objects->pdata[1] = first;
  g_free (manifest->description);
  manifest->description = g_strdup ("another");
  g_autofree char *same = lp_manifest_derive_id (manifest);
  g_assert_cmpstr (same, ==, original);

  /* A target's Build-ID does, and no value can pretend to be two. */
  LpManifestObject *object = manifest->objects->pdata[0];
  object->build_id[0] = 'f';
  g_autofree char *different = lp_manifest_derive_id (manifest);
  g_assert_cmpstr (different, !=, original);
}

/* Replaces @from (which must be there) by @to, and what must be said about it. */
typedef struct {
  const char *from;
  const char *to;
  const char *message;
} Change;

static const Change changes[] = {
  { "\"format\" : 1", "\"format\" : 2", "format: 2 is not known" },
  { "\"format\" : 1", "\"format\" : \"1\"", "format: not a whole number" },
  { "\"format\" : 1", "\"format\" : -1", "format: not a whole number" },
  { "\"format\" : 1", "\"format\" : 1.0", "format: not a whole number" },
  { "\"format\" : 1", "\"format\" : 99999999999999999999", "format: not a whole number" },
  { "\"format\"", "\"fromat\"", "format: missing" },
  { "\"kind\" : \"user\"", "\"kind\" : \"User\"", "kind: not one of the known words" },
  { "\"kind\" : \"user\"", "\"kind\" : null", "kind: not a string" },
  { "\"HP001\"", "\"../HP001\"", "name: not a word" },
  { "\"HP001\"", "\"HP 001\"", "name: not a word" },
  { "\"HP001\"", "\"\"", "name: not a word" },
  { "\"HP001\"", "\"\\u0000HP\"", "malformed escape sequence" },
  { "\"HP001\"", "\"\\ud800HP\"", "malformed escape sequence" },
  { "\"HP001\"", "\"\\ud800\\ud800\"", "malformed escape sequence" },
  { "\"HP001\"", "\"\\udc00HP\"", "malformed escape sequence" },
  { "\"HP001\"", "\"\\u12\"", "malformed escape sequence" },
  { "\"HP001\"", "\"\\x\"", "malformed escape sequence" },
  { "\"HP001\"", "\"\\ud83d\\ude00\"", "name: not a word" },
  { "\"severity\" : \"high\"", "\"severity\" : \"huge\"", "severity: not one of the known words" },
  { "\"CVE-2026-0002\"", "\"CVE-2026-0002; rm\"", "issues: an element has the wrong form" },
  { "\"CVE-2026-0002\"", "7", "issues: an element is not a string" },
  { "\"issues\" : [", "\"issues\" : {\"a\" : [", "" },
  { "\"2:1.0-1\"", "\"2:1.0/1\"", "target.version: not a word" },
  { "\"target\" : {", "\"tarjet\" : {", "target: missing" },
  { "\"sample-server\"", "\"-o\"", "target.packages: an element has the wrong form" },
  { "\"12.2.0\"", "[]", "tools.gcc: not a string" },
  { "\"CVE-2026-0001.patch\"", "\"a/CVE-2026-0001.patch\"", "sources[0].name: not a plain file name" },
  { "\"entity\" : \"object-1.entity\"", "\"entity\" : \"../object-1.entity\"",
    "objects[1].entity: not a plain file name" },
  { "\"entity\" : \"object-1.entity\"", "\"entity\" : \"..\"", "objects[1].entity: not a plain file name" },
  { "\"entity\" : \"object-1.entity\"", "\"entity\" : \"patch.json\"", "objects[1].entity: is the manifest" },
  { "\"entity\" : \"object-1.entity\"", "\"entity\" : \"object-0.entity\"", "share one entity file" },
  { "\"name\" : \"object-1\"", "\"name\" : \"object-0\"", "objects[1].uuid: does not follow" },
  { "\"/usr/bin/sample\"", "\"usr/bin/sample\"", "objects[0].files: an element has the wrong form" },
  { "\"/usr/bin/sample\"", "\"/usr/../sample\"", "objects[0].files: an element has the wrong form" },
  { "\"installed\" : true", "\"installed\" : 1", "objects[0].installed: neither true nor false" },
  { "\"build-id\" : \"0011", "\"build-id\" : \"001", "objects[0].build-id: not a Build-ID" },
  { "\"build-id\" : \"0011", "\"build-id\" : \"00110000000000000000000000000000000011",
    "objects[0].build-id: not a Build-ID" },
  { "\"text-digest\" : \"", "\"text-digest\" : \"0", "objects[0].text-digest: not a SHA-256" },
  { "\"digest\" : \"", "\"digest\" : \"z", "digest: not a SHA-256" },
  { "\"address\" : \"0x401000\"", "\"address\" : \"401000\"",
    "objects[0].functions[0].address: not a number" },
  { "\"address\" : \"0x401000\"", "\"address\" : \"0x\"", "objects[0].functions[0].address: not a number" },
  { "\"address\" : \"0x401000\"", "\"address\" : \"0x-1\"", "objects[0].functions[0].address: not a number" },
  { "\"redirect\" : \"after-entry\"", "\"redirect\" : \"before-entry\"",
    "objects[0].functions[0].redirect: not one of" },
  { "\"name\" : \"answer\"", "\"name\" : \"\"", "objects[0].functions[0].name: empty" },
  { "\"name\" : \"answer\"", "\"name\" : \"a\\nb\"", "objects[0].functions[0].name: has control characters" },
  { "\"objects\" : [", "\"objects\" : [], \"x\" : [", "objects: empty" },
  { "\"objects\" : [", "\"objects\" : [7, ", "objects: an element is not an object" },
  { "{", "/* comment */ {", "not JSON" },
  { "\"user\"", "'user'", "not JSON" },
  { "{", "[", "" },
  { "\"user\"", "\"user\x01\"", "control character" },
  { "\"user\"", "\"user\xff\"", "not UTF-8" },
  { "]", "]]]]]]]]]]]]", "" },
};

static char *
changed_text (const Change *change)
{
  g_autofree char *text = sample_text ();
  char *place = strstr (text, change->from);

  g_assert_nonnull (place);
  *place = '\0';
  return g_strconcat (text, change->to, place + strlen (change->from), NULL);
}

/* As somebody would who knows what he does; NULL when it is no JSON. */
static char *
seal (const char *text)
{
  g_autoptr (JsonNode) node = lp_json_parse (text, -1, "changed", LP_ERROR_FAILED, NULL);

  return node != NULL ? lp_json_seal (node, LP_MANIFEST_SEAL) : NULL;
}

static void
test_malformed (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *text = changed_text (&changes[i]);
      g_autofree char *sealed = seal (text);
      g_autoptr (LpManifest) manifest = lp_manifest_parse (sealed != NULL ? sealed : text, -1, &error);

      g_test_message ("%s -> %s", changes[i].to, error != NULL ? error->message : "(accepted)");
      g_assert_null (manifest);
      g_assert_true (g_error_matches (error, LP_ERROR, LP_ERROR_PATCH_CORRUPT)
                     || (i == 0 && g_error_matches (error, LP_ERROR, LP_ERROR_NOT_SUPPORTED)));
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      if (strstr (error->message, changes[i].message) == NULL)
        g_test_fail_printf ("%s: %s", changes[i].to, error->message);
    }
}

static void
test_unknown_members_are_ignored (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text
      = changed_text (&(Change){ "\"format\" : 1", "\"future\": {\"x\": []}, \"format\": 1", NULL });
  g_autofree char *sealed = seal (text);
  g_autoptr (LpManifest) manifest = lp_manifest_parse (sealed, -1, &error);

  g_assert_no_error (error);
  g_assert_nonnull (manifest);

  /* Unsealed, or written in another way, it was tampered with. */
  g_assert_null (lp_manifest_parse (text, -1, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_PATCH_CORRUPT);
  g_clear_error (&error);
  g_autofree char *spaced = g_strconcat (sealed, " ", NULL);
  g_assert_null (lp_manifest_parse (spaced, -1, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_PATCH_CORRUPT);
}

/* json-glib parses recursively: without the limit this document would overflow the stack of a root process.
 */
static void
test_nesting_is_limited (void)
{
  for (guint depth = 30; depth <= 1000000; depth = depth < 100 ? depth + 1 : depth * 10)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GString) text = g_string_new ("{\"a\":");
      for (guint i = 1; i < depth; i++)
        g_string_append_c (text, '[');
      for (guint i = 1; i < depth; i++)
        g_string_append_c (text, ']');
      g_string_append_c (text, '}');
      g_autoptr (JsonNode) node
          = lp_json_parse (text->str, text->len, "deep", LP_ERROR_STATE_CORRUPT, &error);
      g_assert_true ((node != NULL) == (depth <= LP_JSON_DEPTH_MAX));
      g_assert_true (node != NULL || g_error_matches (error, LP_ERROR, LP_ERROR_STATE_CORRUPT));
    }
}

static void
test_grammar (void)
{
  static const char *const good[] = {
    "{}", " [ ] ", "0", "-0.5e+10", "[1,2]", "{\"a\":{\"b\":[true,false,null]}}", "\"\\u00e4\\ud83d\\ude00\""
  };
  static const char *const bad[]
      = { "",      " ",           "{",        "[",    "[1,]",        "{,}", "{\"a\"}",   "{\"a\":}",
          "{a:1}", "[1 2]",       "01",       "1.",   ".5",          "1e",  "+1",        "-",
          "tru",   "nulll",       "\"dr\"{}", "{}{}", "[]]",         "[}",  "//",        "/**/{}",
          "'a'",   "\"\\u12g4\"", "\"a",      "\"\\", "\"\\ud83d\"", "NaN", "{\"a\":1,}" };
  gsize offset;

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_null (lp_json_check_grammar (good[i], strlen (good[i]), &offset));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *copy = g_memdup2 (bad[i], strlen (bad[i])); /* ends where its allocation ends */
      g_assert_nonnull (lp_json_check_grammar (copy != NULL ? copy : "", strlen (bad[i]), &offset));
      g_assert_cmpuint (offset, <=, strlen (bad[i]));
    }
}

static void
test_not_terminated (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = sample_text ();
  gsize length = strlen (text);
  g_autofree char *copy = g_memdup2 (text, length); /* no NUL behind it */
  g_autoptr (LpManifest) manifest = lp_manifest_parse (copy, length, &error);

  g_assert_no_error (error);
  g_assert_nonnull (manifest);
  g_assert_null (lp_manifest_parse ("", 0, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_PATCH_CORRUPT);
}

static void
assert_documented (JsonNode *node, const char *text)
{
  if (JSON_NODE_HOLDS_ARRAY (node))
    {
      JsonArray *array = json_node_get_array (node);
      for (guint i = 0; i < json_array_get_length (array); i++)
        assert_documented (json_array_get_element (array, i), text);
    }
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return;

  JsonObjectIter iter;
  const char *name;
  JsonNode *member;
  json_object_iter_init (&iter, json_node_get_object (node));
  while (json_object_iter_next (&iter, &name, &member))
    {
      g_autofree char *quoted = g_strdup_printf ("`%s`", name);
      if (strstr (text, quoted) == NULL)
        g_test_fail_printf ("docs/patch-format.md doesn't say what %s is", quoted);
      if (strcmp (name, "tools") != 0 && strcmp (name, "proof") != 0)
        assert_documented (member, text);
    }
}

static void
test_documented (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL, *manifest = sample_text ();
  g_autoptr (JsonNode) node = lp_json_parse (manifest, -1, "sample", LP_ERROR_FAILED, &error);
  g_autoptr (GBytes) file = sample_entity ("2ed6657d-e927-568b-95e1-2665a8aea6a2", NULL);
  g_autoptr (LpElf) elf = lp_elf_new (file, "sample", &error);
  guint n;

  g_assert_true (g_file_get_contents (PATCH_FORMAT_DOC, &text, NULL, &error));
  assert_documented (node, text);
  const LpElfSection *sections = lp_elf_sections (elf, &n);
  for (guint i = 1; i < n; i++)
    {
      g_autofree char *quoted = g_strdup_printf ("`%s`", sections[i].name);
      if (strstr (text, quoted) == NULL && strcmp (sections[i].name, ".shstrtab") != 0)
        g_test_fail_printf ("docs/patch-format.md doesn't say what %s is", quoted);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/manifest/what is written is read back", test_round_trip);
  g_test_add_func ("/manifest/is canonical", test_canonical);
  g_test_add_func ("/manifest/full name and uuid", test_names);
  g_test_add_func ("/manifest/its id follows from its content", test_id_follows_from_content);
  g_test_add_func ("/manifest/every malformed member is named", test_malformed);
  g_test_add_func ("/manifest/unknown members are ignored", test_unknown_members_are_ignored);
  g_test_add_func ("/manifest/deep nesting is refused, not followed", test_nesting_is_limited);
  g_test_add_func ("/manifest/what is no JSON is refused before it is parsed", test_grammar);
  g_test_add_func ("/manifest/nothing is read behind the end", test_not_terminated);
  g_test_add_func ("/manifest/every member and section is documented", test_documented);
  return g_test_run ();
}
