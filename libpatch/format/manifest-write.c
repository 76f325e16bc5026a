/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes patch.json. Must not know what is valid: manifest-read.c decides. */
#include "format/json.h"
#include "format/manifest.h"

static JsonObject *
function_to_json (const LpManifestFunction *function)
{
  JsonObject *json = json_object_new ();

  lp_json_add_string (json, "name", function->name);
  lp_json_add_string (json, "kind", function->kind);
  if (function->carried)
    json_object_set_boolean_member (json, "carried", TRUE);
  lp_json_add_address (json, "address", function->address);
  json_object_set_int_member (json, "size", function->size);
  lp_json_add_string (json, "unit", function->unit);
  lp_json_add_string (json, "proof", function->proof);
  lp_json_add_string (json, "redirect", function->redirect);
  return json;
}

static JsonObject *
kernel_to_json (const LpManifestKernel *kernel)
{
  JsonObject *json = json_object_new ();
  JsonArray *targets = json_array_new ();

  lp_json_add_string (json, "release", kernel->release);
  lp_json_add_string (json, "module", kernel->module);
  json_object_set_boolean_member (json, "replace", kernel->replace);
  for (guint i = 0; i < kernel->targets->len; i++)
    {
      const LpManifestKernelTarget *target = kernel->targets->pdata[i];
      JsonObject *element = json_object_new ();
      lp_json_add_string (element, "name", target->name);
      lp_json_add_string (element, "build-id", target->build_id);
      json_array_add_object_element (targets, element);
    }
  json_object_set_array_member (json, "targets", targets);
  return json;
}

static JsonObject *
object_to_json (const LpManifestObject *object)
{
  JsonObject *json = json_object_new ();
  JsonArray *functions = json_array_new ();

  lp_json_add_string (json, "name", object->name);
  lp_json_add_string (json, "uuid", object->uuid);
  lp_json_add_string (json, "entity", object->entity);
  lp_json_add_string (json, "digest", object->digest);
  json_object_set_int_member (json, "size", object->size);
  lp_json_add_string (json, "build-id", object->build_id);
  lp_json_add_string (json, "text-digest", object->text_digest);
  lp_json_add_strings (json, "files", object->files);
  json_object_set_boolean_member (json, "installed", object->installed);
  lp_json_add_strings (json, "warnings", object->warnings);
  for (guint i = 0; i < object->functions->len; i++)
    json_array_add_object_element (functions, function_to_json (object->functions->pdata[i]));
  json_object_set_array_member (json, "functions", functions);
  if (object->kernel != NULL)
    json_object_set_object_member (json, "kernel", kernel_to_json (object->kernel));
  if (object->proof != NULL)
    json_object_set_member (json, "proof", json_node_copy (object->proof));
  return json;
}

static JsonObject *
source_to_json (const LpManifestSource *source)
{
  JsonObject *json = json_object_new ();

  lp_json_add_string (json, "name", source->name);
  lp_json_add_string (json, "digest", source->digest);
  lp_json_add_strings (json, "dropped", source->dropped);
  return json;
}

static JsonObject *
target_to_json (const LpManifest *manifest)
{
  JsonObject *json = json_object_new ();

  lp_json_add_string (json, "source", manifest->target_source);
  lp_json_add_string (json, "version", manifest->target_version);
  lp_json_add_strings (json, "packages", manifest->target_packages);
  return json;
}

static JsonObject *
tools_to_json (GHashTable *tools)
{
  JsonObject *json = json_object_new ();
  GHashTableIter iter;
  gpointer tool, version;

  g_hash_table_iter_init (&iter, tools);
  while (g_hash_table_iter_next (&iter, &tool, &version))
    lp_json_add_string (json, tool, version);
  return json;
}

char *
lp_manifest_serialize (const LpManifest *manifest)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  JsonObject *json = json_object_new ();
  JsonArray *sources = json_array_new ();
  JsonArray *objects = json_array_new ();

  json_node_take_object (root, json);
  json_object_set_int_member (json, "format", LP_MANIFEST_FORMAT);
  lp_json_add_string (json, "id", manifest->id);
  lp_json_add_string (json, "name", manifest->name);
  lp_json_add_string (json, "version", manifest->version);
  lp_json_add_string (json, "release", manifest->release);
  lp_json_add_string (json, "architecture", manifest->architecture);
  lp_json_add_string (json, "kind", manifest->kind);
  lp_json_add_string (json, "description", manifest->description);
  lp_json_add_string (json, "severity", manifest->severity);
  lp_json_add_string (json, "license", manifest->license);
  lp_json_add_strings (json, "issues", manifest->issues);
  lp_json_add_strings (json, "replaces", manifest->replaces);
  json_object_set_object_member (json, "target", target_to_json (manifest));
  json_object_set_object_member (json, "tools", tools_to_json (manifest->tools));
  for (guint i = 0; i < manifest->sources->len; i++)
    json_array_add_object_element (sources, source_to_json (manifest->sources->pdata[i]));
  json_object_set_array_member (json, "sources", sources);
  for (guint i = 0; i < manifest->objects->len; i++)
    json_array_add_object_element (objects, object_to_json (manifest->objects->pdata[i]));
  json_object_set_array_member (json, "objects", objects);
  return lp_json_seal (root, LP_MANIFEST_SEAL);
}
