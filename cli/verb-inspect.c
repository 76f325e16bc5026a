/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inspect: reads a patch with libpatch and shows what is in it. Needs the service only to find an installed
 * patch by its id. */
#include "config.h"
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "bus.h"
#include "fields.h"
#include "format/bundle.h"
#include "json.h"
#include "patches.h"
#include "report.h"
#include "table.h"
#include "unpack.h"

/* ------------------------------------------------------------------------------------------------ for people
 */

static void
print_words (const char *title, GStrv values)
{
  g_autofree char *joined = values != NULL ? g_strjoinv (" ", values) : NULL;
  cli_field (title, joined);
}

static void
print_sources (const LpManifest *manifest)
{
  for (guint i = 0; i < manifest->sources->len; i++)
    {
      const LpManifestSource *source = manifest->sources->pdata[i];
      cli_field (_ ("Fix"), source->name);
      cli_field (_ ("  SHA-256"), source->digest);
      for (gsize j = 0; source->dropped != NULL && source->dropped[j] != NULL; j++)
        cli_field (_ ("  Left out"), source->dropped[j]);
    }
}

static void
print_manifest (const LpManifest *manifest)
{
  cli_field (_ ("Bundle"), manifest->id);
  cli_field (_ ("Name"), manifest->name);
  cli_field (_ ("Kind"), manifest->kind);
  cli_field (_ ("Architecture"), manifest->architecture);
  cli_field (_ ("Target"), manifest->target_source);
  cli_field (_ ("Target version"), manifest->target_version);
  print_words (_ ("Packages"), manifest->target_packages);
  cli_field_text (_ ("Description"), manifest->description);
  print_words (_ ("Issues"), manifest->issues);
  cli_field (_ ("Severity"), manifest->severity);
  cli_field (_ ("License"), manifest->license);
  print_words (_ ("Replaces"), manifest->replaces);
  print_sources (manifest);
}

/* The entity's record of a function of the manifest, or NULL: both carry the address in the target. */
static const LpEntityFunction *
entity_function (const LpEntity *entity, const LpManifestFunction *function)
{
  guint n = 0;
  const LpEntityFunction *functions = entity != NULL ? lp_entity_functions (entity, &n) : NULL;

  for (guint i = 0; i < n; i++)
    if (function->address != 0 && functions[i].old_address == function->address)
      return &functions[i];
  return NULL;
}

/* Where the redirect stands, in words. */
static const char *
redirect_sentence (const char *redirect)
{
  if (g_strcmp0 (redirect, "after-entry") == 0)
    return _ ("after the first instruction");
  if (g_strcmp0 (redirect, "at-entry") == 0)
    return _ ("at the entry (no uprobe can watch it)");
  return redirect != NULL ? redirect : "";
}

static void
print_functions (const LpManifestObject *object, const LpEntity *entity)
{
  g_autoptr (CliTable) table = cli_table_new ();

  cli_table_column (table, _ ("FUNCTION"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("KIND"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("ADDRESS"), CLI_COLUMN_RIGHT);
  cli_table_column (table, _ ("SIZE"), CLI_COLUMN_RIGHT);
  cli_table_column (table, _ ("NEW SIZE"), CLI_COLUMN_RIGHT);
  cli_table_column (table, _ ("PROOF"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("UNIT"), CLI_COLUMN_SHRINK);
  cli_table_column (table, _ ("REDIRECT"), CLI_COLUMN_SHRINK);
  for (guint i = 0; i < object->functions->len; i++)
    {
      const LpManifestFunction *function = object->functions->pdata[i];
      const LpEntityFunction *placed = entity_function (entity, function);
      g_autofree char *address = function->address != 0
                                     ? g_strdup_printf ("0x%" G_GINT64_MODIFIER "x", function->address)
                                     : g_strdup ("");
      g_autofree char *old_size
          = function->address != 0 ? g_strdup_printf ("%" G_GUINT64_FORMAT, function->size) : g_strdup ("");
      guint64 new_size = placed != NULL ? placed->new_size : function->address == 0 ? function->size : 0;
      g_autofree char *new_text
          = new_size != 0 ? g_strdup_printf ("%" G_GUINT64_FORMAT, new_size) : g_strdup ("");

      cli_table_cell (table, CLI_PLAIN, function->name);
      cli_table_cell (table, CLI_PLAIN, function->carried ? "carried" : cli_word (function->kind));
      cli_table_cell (table, CLI_PLAIN, address);
      cli_table_cell (table, CLI_PLAIN, old_size);
      cli_table_cell (table, CLI_PLAIN, new_text);
      cli_table_cell (table, CLI_GOOD, cli_word (function->proof != NULL ? function->proof : ""));
      cli_table_cell (table, CLI_PLAIN, function->unit != NULL ? function->unit : "");
      cli_table_cell (table, CLI_PLAIN, redirect_sentence (function->redirect));
    }
  cli_table_print (table, stdout, 2);
}

/* The free-form record of what was proven: one line per member. */
static void
print_proof (JsonNode *proof)
{
  if (proof == NULL || !JSON_NODE_HOLDS_OBJECT (proof))
    return;

  JsonObjectIter iter;
  const char *key;
  JsonNode *value;
  json_object_iter_init (&iter, json_node_get_object (proof));
  while (json_object_iter_next (&iter, &key, &value))
    {
      g_autofree char *text = json_node_get_value_type (value) == G_TYPE_STRING
                                  ? json_node_dup_string (value)
                                  : json_to_string (value, FALSE);
      g_autofree char *title = g_strdup_printf (_ ("  Proof, %s"), key);
      cli_field (title, text);
    }
}

static void
print_object (const LpManifest *manifest, const LpManifestObject *object, const LpEntity *entity)
{
  g_autofree char *full_name = lp_manifest_full_name (manifest, object);
  g_autofree char *entity_text = g_strdup_printf (ngettext ("%s, %u byte", "%s, %u bytes", object->size),
                                                  object->entity, (guint)object->size);

  putchar ('\n');
  cli_field (_ ("Patch"), full_name);
  cli_field ("  UUID", object->uuid);
  cli_field (_ ("  Build-ID"), object->build_id);
  print_words (_ ("  Files"), object->files);
  cli_field (_ ("  Made for"), object->installed
                                   ? _ ("the installed file, byte for byte")
                                   : _ ("its own unchanged build: no installed file was compared"));
  cli_field (_ ("  Entity"), entity_text);
  cli_field (_ ("  SHA-256"), object->digest);
  print_proof (object->proof);
  for (gsize i = 0; object->warnings != NULL && object->warnings[i] != NULL; i++)
    cli_field (_ ("  Warning"), object->warnings[i]);
  print_functions (object, entity);
}

static void
print_bundle (const LpBundle *bundle)
{
  print_manifest (bundle->manifest);
  for (guint i = 0; i < bundle->manifest->objects->len; i++)
    print_object (bundle->manifest, bundle->manifest->objects->pdata[i],
                  i < bundle->entities->len ? bundle->entities->pdata[i] : NULL);
  printf ("\n%s\n", _ ("Every digest, UUID and Build-ID agrees."));
}

/* ------------------------------------------------------------------------------------------------ JSON */

static void
add_entity_functions (CliJson *json, const LpEntity *entity)
{
  guint n = 0;
  const LpEntityFunction *functions = lp_entity_functions (entity, &n);

  cli_json_open (json, "functions", '[');
  for (guint i = 0; i < n; i++)
    {
      cli_json_open (json, NULL, '{');
      cli_json_string (json, "name", lp_entity_string (entity, functions[i].name));
      cli_json_number (json, "old_address", functions[i].old_address);
      cli_json_number (json, "old_size", functions[i].old_size);
      cli_json_number (json, "new_size", functions[i].new_size);
      cli_json_string (json, "redirect",
                       (functions[i].flags & LP_FUNCTION_AT_ENTRY) != 0 ? "at-entry" : "after-entry");
      cli_json_number (json, "redirect_offset", functions[i].site_offset);
      cli_json_number (json, "redirect_size", functions[i].site_size);
      cli_json_boolean (json, "entry_safe", (functions[i].flags & LP_FUNCTION_ENTRY_SAFE) != 0);
      cli_json_close (json);
    }
  cli_json_close (json);
}

static void
add_entity (CliJson *json, const LpEntity *entity)
{
  g_autofree char *uuid = lp_entity_uuid (entity);
  g_autofree char *build_id = lp_entity_build_id (entity);

  cli_json_string (json, "uuid", uuid);
  cli_json_string (json, "build_id", build_id);
  cli_json_string (json, "digest", lp_entity_digest (entity));
  add_entity_functions (json, entity);
}

static void
print_bundle_json (const LpBundle *bundle, const char *path)
{
  CliJson *json = cli_json_new ();
  g_autofree char *manifest = lp_manifest_serialize (bundle->manifest);

  cli_json_string (json, "directory", path);
  cli_json_boolean (json, "verified", TRUE); /* lp_bundle_open() fails otherwise */
  cli_json_raw (json, "manifest", g_strchomp (manifest));
  cli_json_open (json, "objects", '[');
  for (guint i = 0; i < bundle->manifest->objects->len; i++)
    {
      const LpManifestObject *object = bundle->manifest->objects->pdata[i];
      const LpEntity *entity = i < bundle->entities->len ? bundle->entities->pdata[i] : NULL;
      g_autofree char *full_name = lp_manifest_full_name (bundle->manifest, object);
      cli_json_open (json, NULL, '{');
      cli_json_string (json, "name", full_name);
      if (entity != NULL)
        add_entity (json, entity);
      cli_json_close (json);
    }
  cli_json_finish (json, TRUE);
}

/* ------------------------------------------------------------------------------------------------ what is
 * meant */

static int
show_bundle (CliContext *context, const char *directory, const char *what, const char *asked)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpBundle) bundle = lp_bundle_open (directory, 0, &error);

  if (bundle == NULL)
    {
      cli_error_explain (&error);
      return cli_report (context, what, error);
    }
  if (cli_json (context))
    print_bundle_json (bundle, asked);
  else
    print_bundle (bundle);
  return CLI_EXIT_DONE;
}

/* An entity without the rest of its bundle. */
static int
show_entity (CliContext *context, const char *path, const char *what)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpEntity) entity = lp_entity_open (path, &error);
  guint n = 0;

  if (entity == NULL)
    {
      cli_error_explain (&error);
      return cli_report (context, what, error);
    }
  if (cli_json (context))
    {
      CliJson *json = cli_json_new ();
      cli_json_open (json, "objects", '[');
      cli_json_open (json, NULL, '{');
      add_entity (json, entity);
      cli_json_finish (json, TRUE);
      return CLI_EXIT_DONE;
    }

  g_autofree char *uuid = lp_entity_uuid (entity);
  g_autofree char *build_id = lp_entity_build_id (entity);
  const LpEntityFunction *functions = lp_entity_functions (entity, &n);
  g_autoptr (CliTable) table = cli_table_new ();
  cli_field ("UUID", uuid);
  cli_field (_ ("Build-ID"), build_id);
  cli_field (_ ("SHA-256"), lp_entity_digest (entity));
  cli_table_column (table, _ ("FUNCTION"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("ADDRESS"), CLI_COLUMN_RIGHT);
  cli_table_column (table, _ ("SIZE"), CLI_COLUMN_RIGHT);
  cli_table_column (table, _ ("NEW SIZE"), CLI_COLUMN_RIGHT);
  cli_table_column (table, _ ("REDIRECT"), CLI_COLUMN_SHRINK);
  for (guint i = 0; i < n; i++)
    {
      gboolean at_entry = (functions[i].flags & LP_FUNCTION_AT_ENTRY) != 0;
      cli_table_cell (table, CLI_PLAIN, lp_entity_string (entity, functions[i].name));
      cli_table_printf (table, CLI_PLAIN, "0x%" G_GINT64_MODIFIER "x", functions[i].old_address);
      cli_table_printf (table, CLI_PLAIN, "%" G_GUINT64_FORMAT, functions[i].old_size);
      cli_table_printf (table, CLI_PLAIN, "%" G_GUINT64_FORMAT, functions[i].new_size);
      cli_table_cell (table, CLI_PLAIN, redirect_sentence (at_entry ? "at-entry" : "after-entry"));
    }
  cli_table_print (table, stdout, 2);
  return CLI_EXIT_DONE;
}

static int
inspect_file (CliContext *context, const char *path, const char *what)
{
  g_autofree char *directory = g_path_get_dirname (path);
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *manifest = g_build_filename (directory, LP_MANIFEST_FILE, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (CliUnpacked) unpacked = NULL;

  if (g_str_equal (base, LP_MANIFEST_FILE))
    return show_bundle (context, directory, what, path);
  if (!cli_is_archive (path))
    return g_file_test (manifest, G_FILE_TEST_EXISTS) ? show_bundle (context, directory, what, path)
                                                      : show_entity (context, path, what);
  unpacked = cli_unpack (path, &error);
  if (unpacked == NULL)
    return cli_report (context, what, error);
  return show_bundle (context, unpacked->bundle, what, path);
}

static int
inspect_installed (CliContext *context, const char *id, const char *what)
{
  static const char *const naming[] = { CLI_NAMING_PROPERTIES, NULL };
  const char *ids[] = { id, NULL };
  g_autoptr (GError) error = NULL;

  if (cli_value (context, CLI_OPTION_HOST) != NULL)
    {
      lp_error_set (&error, LP_ERROR_INVALID_ARGS, _ ("run `ssh HOST syscare inspect ID`"), "%s",
                    _ ("the files of a patch can only be read on its own machine"));
      return cli_report (context, what, error);
    }
  g_autoptr (GPtrArray) patches = cli_resolve (context, ids, naming, &error);
  if (patches == NULL)
    return cli_report (context, what, error);

  g_autofree char *directory
      = g_build_filename (SYSCARE_PATCH_DIR, cli_get_string (patches->pdata[0], "Bundle"), NULL);
  return show_bundle (context, directory, what, directory);
}

int
cli_inspect (CliContext *context)
{
  const char *argument = context->arguments[0];
  g_autofree char *what = g_strdup_printf ("inspect %s", argument);

  if (g_file_test (argument, G_FILE_TEST_IS_DIR))
    return show_bundle (context, argument, what, argument);
  if (g_file_test (argument, G_FILE_TEST_EXISTS))
    return inspect_file (context, argument, what);
  if (g_path_is_absolute (argument) || *argument == '.')
    {
      g_autoptr (GError) error = NULL;
      lp_error_set (&error, LP_ERROR_UNKNOWN_OBJECT,
                    _ ("give a bundle's directory or archive, one of its files, or an ID"), "%s",
                    _ ("no such file or directory"));
      return cli_report (context, what, error);
    }
  return inspect_installed (context, argument, what);
}
