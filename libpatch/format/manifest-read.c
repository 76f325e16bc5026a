/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads patch.json: type, length and form of every member. Must not know whether what it says is true:
 * bundle.c compares it with the files, the engine with the target. */
#include <string.h>

#include "base/text.h"
#include "format/entity.h"
#include "format/json.h"
#include "format/manifest.h"

/* Limits in bytes or elements: far above what is real, low enough to stay harmless. */
#define TOKEN_MAX 128
#define NAME_MAX_BYTES 255
#define TEXT_MAX 65536
#define LINE_BYTES_MAX 4096
#define OBJECTS_MAX 1024
#define FUNCTIONS_MAX 65536
#define SOURCES_MAX 1024
#define TOOLS_MAX 256
#define KERNEL_TARGETS_MAX 256
#define MODULE_NAME_MAX 55 /* bytes; MODULE_NAME_LEN of the kernel, without the NUL */

/* A word that is safe in names, paths and commands: starts with a letter or digit, then also @extra. */
static gboolean
is_token (const char *text, const char *extra)
{
  if (!g_ascii_isalnum (text[0]))
    return FALSE;
  for (const char *c = text; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && strchr (extra, *c) == NULL)
      return FALSE;
  return TRUE;
}

static gboolean
is_line (const char *text)
{
  for (const char *c = text; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      return FALSE;
  return TRUE;
}

/* A name without a directory, which doesn't hide and isn't an option. */
static gboolean
is_file_name (const char *text)
{
  return text[0] != '\0' && text[0] != '.' && text[0] != '-' && strchr (text, '/') == NULL && is_line (text);
}

static gboolean
is_one_of (const char *text, const char *const *words)
{
  return g_strv_contains (words, text);
}

static gboolean
read_token (const LpJson *json, const char *member, const char *extra, char **value, GError **error)
{
  if (!lp_json_string (json, member, TRUE, TOKEN_MAX, value, error))
    return FALSE;
  return is_token (*value, extra)
         || lp_json_refuse (json, member, "not a word of letters, digits and a few signs", error);
}

static gboolean
read_word (const LpJson *json, const char *member, const char *const *words, char **value, GError **error)
{
  if (!lp_json_string (json, member, TRUE, TOKEN_MAX, value, error))
    return FALSE;
  return is_one_of (*value, words) || lp_json_refuse (json, member, "not one of the known words", error);
}

static gboolean
read_uuid (const LpJson *json, const char *member, char **value, GError **error)
{
  guint8 uuid[LP_UUID_BYTES];

  if (!lp_json_string (json, member, TRUE, TOKEN_MAX, value, error))
    return FALSE;
  return lp_uuid_parse (*value, uuid) || lp_json_refuse (json, member, "not a UUID in lower case", error);
}

static gboolean
read_digest (const LpJson *json, const char *member, gboolean may_be_empty, char **value, GError **error)
{
  if (!lp_json_string (json, member, TRUE, TOKEN_MAX, value, error))
    return FALSE;
  return (may_be_empty && (*value)[0] == '\0') || lp_hex_is (*value, LP_DIGEST_SIZE)
         || lp_json_refuse (json, member, "not a SHA-256 in hex", error);
}

static gboolean
read_file_name (const LpJson *json, const char *member, char **value, GError **error)
{
  if (!lp_json_string (json, member, TRUE, NAME_MAX_BYTES, value, error))
    return FALSE;
  return is_file_name (*value) || lp_json_refuse (json, member, "not a plain file name", error);
}

static gboolean
read_line (const LpJson *json, const char *member, char **value, GError **error)
{
  if (!lp_json_string (json, member, TRUE, LINE_BYTES_MAX, value, error))
    return FALSE;
  return is_line (*value) || lp_json_refuse (json, member, "has control characters", error);
}

/* A list of strings; each must pass @check. Missing ones are empty. */
static gboolean
read_list (const LpJson *json, const char *member, gboolean (*check) (const char *), GStrv *value,
           GError **error)
{
  g_auto (GStrv) list = g_new0 (char *, 1);

  if (!lp_json_strings (json, member, FALSE, LINE_BYTES_MAX, &list, error))
    return FALSE;
  for (guint i = 0; list[i] != NULL; i++)
    if (!check (list[i]))
      return lp_json_refuse (json, member, "an element has the wrong form", error);
  *value = g_steal_pointer (&list);
  return TRUE;
}

static gboolean
is_path (const char *text)
{
  return text[0] == '/' && is_line (text) && strstr (text, "/../") == NULL && !g_str_has_suffix (text, "/..");
}

static gboolean
is_issue (const char *text)
{
  return is_token (text, "-_.:") && strlen (text) <= TOKEN_MAX;
}

static gboolean
is_package (const char *text)
{
  return is_token (text, "+-._") && strlen (text) <= TOKEN_MAX;
}

static gboolean
is_uuid (const char *text)
{
  guint8 uuid[LP_UUID_BYTES];

  return lp_uuid_parse (text, uuid);
}

static gboolean
read_function (const LpJson *json, LpManifestFunction *function, GError **error)
{
  static const char *const kinds[] = { "changed", "new", NULL };
  static const char *const proofs[] = { "identical", "", NULL };
  static const char *const redirects[] = { "after-entry", "at-entry", "", NULL };

  if (!read_line (json, "name", &function->name, error)
      || !read_word (json, "kind", kinds, &function->kind, error)
      || !lp_json_boolean (json, "carried", FALSE, &function->carried, error)
      || !lp_json_address (json, "address", TRUE, &function->address, error)
      || !lp_json_uint (json, "size", TRUE, &function->size, error)
      || !read_line (json, "unit", &function->unit, error)
      || !read_word (json, "proof", proofs, &function->proof, error)
      || !read_word (json, "redirect", redirects, &function->redirect, error))
    return FALSE;
  if (function->carried && strcmp (function->kind, "new") != 0)
    return lp_json_refuse (json, "carried", "what is redirected isn't carried", error);
  return function->name[0] != '\0' || lp_json_refuse (json, "name", "empty", error);
}

static gboolean
read_functions (const LpJson *json, LpManifestObject *object, GError **error)
{
  g_autofree char *where = NULL;
  JsonArray *array;
  LpJson element;

  if (!lp_json_array (json, "functions", TRUE, FUNCTIONS_MAX, &array, error))
    return FALSE;
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      LpManifestFunction *function = lp_manifest_function_new ();
      g_ptr_array_add (object->functions, function);
      if (!lp_json_element (json, "functions", array, i, &element, &where, error)
          || !read_function (&element, function, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_build_id (const LpJson *json, char **value, GError **error)
{
  guint8 build_id[LP_BUILD_ID_MAX];

  if (!lp_json_string (json, "build-id", TRUE, TOKEN_MAX, value, error))
    return FALSE;
  return (*value)[0] == '\0' || lp_hex_decode (*value, build_id, sizeof build_id, NULL)
         || lp_json_refuse (json, "build-id", "not a Build-ID in hex", error);
}

static gboolean
read_module_name (const LpJson *json, const char *member, char **value, GError **error)
{
  if (!read_token (json, member, "_", value, error))
    return FALSE;
  return strlen (*value) <= MODULE_NAME_MAX
         || lp_json_refuse (json, member, "longer than the kernel's module names are", error);
}

static gboolean
read_kernel_targets (const LpJson *json, LpManifestKernel *kernel, GError **error)
{
  g_autofree char *where = NULL;
  JsonArray *array;
  LpJson element;

  if (!lp_json_array (json, "targets", TRUE, KERNEL_TARGETS_MAX, &array, error))
    return FALSE;
  if (json_array_get_length (array) == 0)
    return lp_json_refuse (json, "targets", "empty", error);
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      LpManifestKernelTarget *target = lp_manifest_kernel_target_new (NULL, NULL);
      const LpManifestKernelTarget *before = i > 0 ? kernel->targets->pdata[i - 1] : NULL;
      g_ptr_array_add (kernel->targets, target);
      if (!lp_json_element (json, "targets", array, i, &element, &where, error)
          || !read_module_name (&element, "name", &target->name, error)
          || !read_build_id (&element, &target->build_id, error))
        return FALSE;
      if (before != NULL && strcmp (before->name, target->name) >= 0)
        return lp_json_refuse (json, "targets", "not sorted by name, or a name comes twice", error);
    }
  return TRUE;
}

/* The member is there exactly for kernel bundles. */
static gboolean
read_kernel (const LpJson *json, const LpManifest *manifest, LpManifestObject *object, GError **error)
{
  g_autofree char *where = g_strconcat (json->where, "kernel.", NULL);
  gboolean is_kernel = strcmp (manifest->kind, "kernel") == 0;
  JsonObject *member;

  if (!lp_json_object (json, "kernel", is_kernel, &member, error))
    return FALSE;
  if (!is_kernel)
    return member == NULL || lp_json_refuse (json, "kernel", "the bundle isn't for a kernel", error);

  LpJson kernel = { member, where, json->code };
  object->kernel = lp_manifest_kernel_new ();
  if (!read_token (&kernel, "release", "+-._~", &object->kernel->release, error)
      || !read_module_name (&kernel, "module", &object->kernel->module, error)
      || !lp_json_boolean (&kernel, "replace", TRUE, &object->kernel->replace, error)
      || !read_kernel_targets (&kernel, object->kernel, error))
    return FALSE;
  g_autofree char *name = lp_manifest_kernel_object_name (object->kernel);
  return strcmp (name, object->name) == 0
         || lp_json_refuse (json, "name", "not the names of the kernel objects", error);
}

/* What ties the object to the bundle and to its target. */
static gboolean
check_object (const LpJson *json, const LpManifest *manifest, const LpManifestObject *object, GError **error)
{
  g_autofree char *uuid = lp_manifest_object_uuid (manifest->id, object->name);

  if (strcmp (uuid, object->uuid) != 0)
    return lp_json_refuse (json, "uuid", "does not follow from the bundle's id and the object's name", error);
  if (strcmp (object->entity, LP_MANIFEST_FILE) == 0)
    return lp_json_refuse (json, "entity", "is the manifest itself", error);
  if (object->size == 0 || object->size > LP_ENTITY_FILE_MAX)
    return lp_json_refuse (json, "size", "zero or beyond the limit", error);
  if (object->build_id[0] == '\0' && object->text_digest[0] == '\0')
    return lp_json_refuse (json, "build-id", "neither a Build-ID nor a digest tells what the target is",
                           error);
  return TRUE;
}

static gboolean
read_object (const LpJson *json, const LpManifest *manifest, LpManifestObject *object, GError **error)
{
  JsonObject *proof;

  if (!read_file_name (json, "name", &object->name, error) || !read_uuid (json, "uuid", &object->uuid, error)
      || !read_file_name (json, "entity", &object->entity, error)
      || !read_digest (json, "digest", FALSE, &object->digest, error)
      || !lp_json_uint (json, "size", TRUE, &object->size, error)
      || !read_build_id (json, &object->build_id, error)
      || !read_digest (json, "text-digest", TRUE, &object->text_digest, error)
      || !read_list (json, "files", is_path, &object->files, error)
      || !lp_json_boolean (json, "installed", TRUE, &object->installed, error)
      || !read_list (json, "warnings", is_line, &object->warnings, error)
      || !read_functions (json, object, error) || !read_kernel (json, manifest, object, error)
      || !lp_json_object (json, "proof", FALSE, &proof, error))
    return FALSE;
  if (proof != NULL)
    object->proof = json_node_copy (json_object_get_member (json->object, "proof"));
  return check_object (json, manifest, object, error);
}

/* Sorted by name, no name and no file twice. */
static gboolean
check_order (const LpJson *json, const LpManifest *manifest, GError **error)
{
  g_autoptr (GHashTable) files = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < manifest->objects->len; i++)
    {
      const LpManifestObject *object = manifest->objects->pdata[i];
      const LpManifestObject *before = i > 0 ? manifest->objects->pdata[i - 1] : NULL;

      if (before != NULL && strcmp (before->name, object->name) >= 0)
        return lp_json_refuse (json, "objects", "not sorted by name, or a name comes twice", error);
      if (!g_hash_table_add (files, object->entity))
        return lp_json_refuse (json, "objects", "two objects share one entity file", error);
    }
  return TRUE;
}

static gboolean
read_objects (const LpJson *json, LpManifest *manifest, GError **error)
{
  g_autofree char *where = NULL;
  JsonArray *array;
  LpJson element;

  if (!lp_json_array (json, "objects", TRUE, OBJECTS_MAX, &array, error))
    return FALSE;
  if (json_array_get_length (array) == 0)
    return lp_json_refuse (json, "objects", "empty", error);
  if (strcmp (manifest->kind, "kernel") == 0 && json_array_get_length (array) > 1)
    return lp_json_refuse (json, "objects", "a kernel bundle has one livepatch module", error);
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      LpManifestObject *object = lp_manifest_object_new ();
      g_ptr_array_add (manifest->objects, object);
      if (!lp_json_element (json, "objects", array, i, &element, &where, error)
          || !read_object (&element, manifest, object, error))
        return FALSE;
    }
  return check_order (json, manifest, error);
}

static gboolean
read_sources (const LpJson *json, LpManifest *manifest, GError **error)
{
  g_autofree char *where = NULL;
  JsonArray *array;
  LpJson element;

  if (!lp_json_array (json, "sources", TRUE, SOURCES_MAX, &array, error))
    return FALSE;
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      LpManifestSource *source = lp_manifest_source_new ();
      g_ptr_array_add (manifest->sources, source);
      if (!lp_json_element (json, "sources", array, i, &element, &where, error)
          || !read_file_name (&element, "name", &source->name, error)
          || !read_digest (&element, "digest", FALSE, &source->digest, error)
          || !read_list (&element, "dropped", is_line, &source->dropped, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_target (const LpJson *json, LpManifest *manifest, GError **error)
{
  JsonObject *object;

  if (!lp_json_object (json, "target", TRUE, &object, error))
    return FALSE;
  LpJson target = { object, "target.", json->code };
  return read_token (&target, "source", "+-._", &manifest->target_source, error)
         && read_token (&target, "version", "+-._~:^", &manifest->target_version, error)
         && read_list (&target, "packages", is_package, &manifest->target_packages, error);
}

static gboolean
read_tools (const LpJson *json, LpManifest *manifest, GError **error)
{
  JsonObject *object;

  if (!lp_json_object (json, "tools", FALSE, &object, error))
    return FALSE;
  if (object == NULL)
    return TRUE;
  if (json_object_get_size (object) > TOOLS_MAX)
    return lp_json_refuse (json, "tools", "too many", error);

  LpJson tools = { object, "tools.", json->code };
  g_autoptr (GList) names = json_object_get_members (object);
  for (GList *name = names; name != NULL; name = name->next)
    {
      g_autofree char *version = NULL;
      if (!is_line (name->data) || strlen (name->data) > TOKEN_MAX)
        return lp_json_refuse (json, "tools", "a name has the wrong form", error);
      if (!read_line (&tools, name->data, &version, error))
        return FALSE;
      g_hash_table_insert (manifest->tools, g_strdup (name->data), g_steal_pointer (&version));
    }
  return TRUE;
}

static gboolean
read_format (const LpJson *json, GError **error)
{
  guint64 format = 0;

  if (!lp_json_uint (json, "format", TRUE, &format, error))
    return FALSE;
  if (format == LP_MANIFEST_FORMAT)
    return TRUE;
  lp_error_set (error, LP_ERROR_NOT_SUPPORTED, "A newer SysCare made it: update SysCare on this machine.",
                "format: %" G_GUINT64_FORMAT " is not known to this SysCare", format);
  return FALSE;
}

static gboolean
read_manifest (const LpJson *json, LpManifest *manifest, GError **error)
{
  static const char *const kinds[] = { "user", "kernel", NULL };
  static const char *const severities[] = { "", "low", "medium", "high", "critical", NULL };

  manifest->description = g_strdup ("");
  manifest->license = g_strdup ("");
  return read_format (json, error) && read_uuid (json, "id", &manifest->id, error)
         && read_token (json, "name", "+-._", &manifest->name, error)
         && read_token (json, "version", "+-._~", &manifest->version, error)
         && read_token (json, "release", "+-._~", &manifest->release, error)
         && read_token (json, "architecture", "-_", &manifest->architecture, error)
         && read_word (json, "kind", kinds, &manifest->kind, error)
         && lp_json_string (json, "description", FALSE, TEXT_MAX, &manifest->description, error)
         && read_word (json, "severity", severities, &manifest->severity, error)
         && lp_json_string (json, "license", FALSE, LINE_BYTES_MAX, &manifest->license, error)
         && read_list (json, "issues", is_issue, &manifest->issues, error)
         && read_list (json, "replaces", is_uuid, &manifest->replaces, error)
         && read_target (json, manifest, error) && read_tools (json, manifest, error)
         && read_sources (json, manifest, error) && read_objects (json, manifest, error);
}

LpManifest *
lp_manifest_parse (const char *data, gssize length, GError **error)
{
  g_autoptr (JsonNode) root = lp_json_parse (data, length, LP_MANIFEST_FILE, LP_ERROR_PATCH_CORRUPT, error);
  g_autoptr (LpManifest) manifest = NULL;

  if (root == NULL)
    return NULL;
  manifest = lp_manifest_new ();
  LpJson json = { json_node_get_object (root), "", LP_ERROR_PATCH_CORRUPT };
  gsize size = length < 0 ? strlen (data) : (gsize)length;
  /* First of all, so that damage is called damage and not, say, an unknown format. */
  if (!lp_json_check_seal (root, LP_MANIFEST_SEAL, data, size, LP_ERROR_PATCH_CORRUPT, error)
      || !read_manifest (&json, manifest, error))
    {
      g_prefix_error (error, "%s: ", LP_MANIFEST_FILE);
      return NULL;
    }
  manifest->seal = g_strdup (json_object_get_string_member (json.object, LP_MANIFEST_SEAL));
  return g_steal_pointer (&manifest);
}
