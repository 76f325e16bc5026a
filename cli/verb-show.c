/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list, info, status, target: what the service says about patches. */
#include "config.h"
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "fields.h"
#include "json.h"
#include "patches.h"
#include "report.h"
#include "table.h"

/* More would hide the list that they come with. */
#define WARNINGS_SHOWN 10

/* Every view has the members that say how the patch does. */
#define STATE_PROPERTIES "Kind", "State", "Problems", "ProcessesTotal", "ProcessesPatched"

static int
print_json (GPtrArray *patches)
{
  CliJson *json = cli_json_new ();

  cli_json_open (json, "patches", '[');
  for (guint i = 0; i < patches->len; i++)
    cli_json_variant (json, NULL, patches->pdata[i]);
  cli_json_finish (json, TRUE);
  return CLI_EXIT_DONE;
}

/* What a line of the list shows: looked for once, there may be thousands. */
typedef struct {
  const char *name, *uuid, *state;
  guint64 total, patched;
  char *issues, *problems; /* owned (nullable) */
} Row;

static void
clear_row (Row *row)
{
  g_free (row->issues);
  g_free (row->problems);
}

static char *
joined (GVariant *words)
{
  g_autofree const char **vector = g_variant_get_strv (words, NULL);
  return g_strjoinv (",", (char **)vector);
}

static void
take_member (Row *row, const char *key, GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    {
      const char *text = g_variant_get_string (value, NULL);
      if (g_str_equal (key, "Name"))
        row->name = text;
      else if (g_str_equal (key, "Uuid"))
        row->uuid = text;
      else if (g_str_equal (key, "State"))
        row->state = text;
    }
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32))
    {
      if (g_str_equal (key, "ProcessesTotal"))
        row->total = g_variant_get_uint32 (value);
      else if (g_str_equal (key, "ProcessesPatched"))
        row->patched = g_variant_get_uint32 (value);
    }
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    {
      if (g_str_equal (key, "Issues") && row->issues == NULL)
        row->issues = joined (value);
      else if (g_str_equal (key, "Problems") && row->problems == NULL)
        row->problems = joined (value);
    }
}

static void
add_row (CliTable *table, GVariant *patch)
{
  Row row = { "", "", "", 0, 0, NULL, NULL };
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_iter_init (&iter, patch);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      take_member (&row, key, value);
      g_variant_unref (value);
    }
  cli_table_cell (table, CLI_PLAIN, *row.name != '\0' ? row.name : row.uuid);
  cli_table_cell (table, cli_word_style (row.state), cli_word (row.state));
  if (row.total != 0)
    cli_table_printf (table, CLI_PLAIN, "%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT, row.patched, row.total);
  else
    cli_table_cell (table, CLI_PLAIN, "");
  cli_table_cell (table, CLI_PLAIN, row.issues != NULL ? row.issues : "");
  cli_table_cell (table, CLI_WARN, row.problems != NULL ? row.problems : "");
  clear_row (&row);
}

static void
print_list (GPtrArray *patches)
{
  g_autoptr (CliTable) table = cli_table_new ();

  cli_table_column (table, _ ("NAME"), CLI_COLUMN_SHRINK);
  cli_table_column (table, _ ("STATE"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("PROCESSES"), CLI_COLUMN_RIGHT);
  cli_table_column (table, _ ("ISSUES"), CLI_COLUMN_SHRINK);
  cli_table_column (table, _ ("PROBLEMS"), CLI_COLUMN_SHRINK);
  for (guint i = 0; i < patches->len; i++)
    add_row (table, patches->pdata[i]);
  cli_table_print (table, stdout, 0);
}

/* What is wrong with the service itself: a list that looks well must not hide it. */
static void
warn_degraded (CliContext *context)
{
  g_autoptr (GVariant) reply = cli_ask (context, CLI_BUS_PATH, CLI_PROPERTIES, "Get",
                                        g_variant_new ("(ss)", CLI_MANAGER, "Degraded"), "(v)", NULL);
  g_autoptr (GVariant) boxed = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
  g_autoptr (GVariant) value = boxed != NULL ? g_variant_get_variant (boxed) : NULL;
  if (value == NULL || !g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    return;

  gsize n;
  g_autofree const char **reasons = g_variant_get_strv (value, &n);
  for (gsize i = 0; i < MIN (n, WARNINGS_SHOWN); i++)
    {
      g_autofree char *shown = cli_escape (reasons[i]);
      fprintf (stderr, "syscare: %s %s\n", _ ("warning:"), shown);
    }
  if (n > WARNINGS_SHOWN)
    fprintf (stderr,
             ngettext ("syscare: %u more warning\n", "syscare: %u more warnings\n", n - WARNINGS_SHOWN),
             (guint)(n - WARNINGS_SHOWN));
}

int
cli_list (CliContext *context)
{
  static const char *const shown[]
      = { "Name", "Issues", "State", "Problems", "ProcessesTotal", "ProcessesPatched", NULL };
  static const char *const all[] = { CLI_NAMING_PROPERTIES, STATE_PROPERTIES, "TargetName", "TargetVersion",
                                     "TargetObject",        "Severity",       "LastChange", NULL };
  static const struct {
    CliOptionId option;
    const char *key;
  } filters[]
      = { { CLI_OPTION_TARGET, "target" }, { CLI_OPTION_STATE, "state" }, { CLI_OPTION_ISSUE, "issue" } };
  g_autoptr (GError) error = NULL;
  GVariantDict match;
  gboolean filtered = FALSE;

  g_variant_dict_init (&match, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (filters); i++)
    if (cli_value (context, filters[i].option) != NULL)
      {
        g_variant_dict_insert (&match, filters[i].key, "s", cli_value (context, filters[i].option));
        filtered = TRUE;
      }
  g_autoptr (GPtrArray) patches
      = cli_list_patches (context, g_variant_dict_end (&match), cli_json (context) ? all : shown, &error);
  if (patches == NULL)
    return cli_report (context, "list", error);

  if (cli_json (context))
    return print_json (patches);
  if (patches->len == 0)
    fprintf (stderr, "%s\n", filtered ? _ ("No patch fits.") : _ ("No patches are installed."));
  print_list (patches);
  fflush (stdout);
  warn_degraded (context);
  return CLI_EXIT_DONE;
}

static void
print_list_field (const char *title, GVariant *patch, const char *key)
{
  g_autofree const char **values = cli_get_strings (patch, key);
  cli_field_lines (title, values);
}

static void
print_state (GVariant *patch)
{
  guint64 total = cli_get_number (patch, "ProcessesTotal");
  const char *state = cli_get_string (patch, "State");
  g_autofree char *styled = cli_style (cli_word (state), cli_word_style (state));
  g_autofree const char **problems = cli_get_strings (patch, "Problems");

  cli_field_title (_ ("State"));
  fputs (styled, stdout);
  if (total != 0 && g_str_equal (cli_get_string (patch, "Kind"), "kernel"))
    printf (ngettext (" (transition: %u of %u task switched)", " (transition: %u of %u tasks switched)",
                      total),
            (guint)cli_get_number (patch, "ProcessesPatched"), (guint)total);
  else if (total != 0)
    printf (ngettext (" (%u of %u process patched)", " (%u of %u processes patched)", total),
            (guint)cli_get_number (patch, "ProcessesPatched"), (guint)total);
  putchar ('\n');
  for (gsize i = 0; problems[i] != NULL; i++)
    problems[i] = cli_problem_sentence (problems[i], cli_get_string (patch, "Kind"));
  cli_field_lines (_ ("Problems"), problems);
}

/* Whether the file on disk is the build that the patch is for, as far as the service's problems tell. */
static const char *
target_sentence (GVariant *patch)
{
  g_autofree const char **problems = cli_get_strings (patch, "Problems");

  if (g_str_equal (cli_get_string (patch, "Kind"), "kernel"))
    return g_strv_contains (problems, "target-changed") ? _ ("no, another kernel is running")
                                                        : _ ("yes, this very kernel is running");
  if (g_strv_contains (problems, "target-missing"))
    return _ ("no, it is not on this machine");
  if (g_strv_contains (problems, "target-changed"))
    return _ ("no, another build is installed");
  return _ ("yes, the very build that the patch was made for");
}

static void
print_target (GVariant *patch)
{
  cli_field (_ ("Target"), cli_get_string (patch, "TargetName"));
  cli_field (_ ("Target version"), cli_get_string (patch, "TargetVersion"));
  cli_field (_ ("Object"), cli_get_string (patch, "TargetObject"));
  print_list_field (_ ("Files"), patch, "TargetFiles");
  cli_field (_ ("Build-ID"), cli_get_string (patch, "TargetBuildId"));
  cli_field (_ ("Architecture"), cli_get_string (patch, "Architecture"));
  cli_field (_ ("Installed"), target_sentence (patch));
}

static void
print_source_patches (GVariant *patch)
{
  g_autoptr (GVariant) sources = g_variant_lookup_value (patch, "SourcePatches", G_VARIANT_TYPE ("a(ss)"));

  for (gsize i = 0; sources != NULL && i < g_variant_n_children (sources); i++)
    {
      const char *name, *digest;
      g_variant_get_child (sources, i, "(&s&s)", &name, &digest);
      cli_field (_ ("Source patch"), name);
      cli_field (_ ("  SHA-256"), digest);
    }
}

static void
print_info (GVariant *patch)
{
  g_autofree char *changed = cli_format_time (cli_get_number (patch, "LastChange"));

  cli_field (_ ("Name"), cli_get_string (patch, "Name"));
  cli_field ("UUID", cli_get_string (patch, "Uuid"));
  print_state (patch);
  cli_field_text (_ ("Description"), cli_get_string (patch, "Description"));
  print_list_field (_ ("Issues"), patch, "Issues");
  cli_field (_ ("Severity"), cli_get_string (patch, "Severity"));
  cli_field (_ ("Kind"), cli_get_string (patch, "Kind"));
  print_target (patch);
  print_list_field (_ ("Functions"), patch, "Functions");
  cli_field (_ ("Version"), cli_get_string (patch, "Version"));
  cli_field (_ ("Release"), cli_get_string (patch, "Release"));
  cli_field (_ ("License"), cli_get_string (patch, "License"));
  cli_field (_ ("Bundle"), cli_get_string (patch, "Bundle"));
  cli_field (_ ("SHA-256"), cli_get_string (patch, "Digest"));
  cli_field (_ ("Signer"), cli_get_string (patch, "Signer"));
  print_source_patches (patch);
  cli_field (_ ("Last change"), changed);
}

static void
print_status (GVariant *patch)
{
  cli_field (_ ("Name"), cli_patch_name (patch));
  print_state (patch);
}

static void
print_target_of (GVariant *patch)
{
  cli_field (_ ("Name"), cli_patch_name (patch));
  print_target (patch);
}

/* The common part of the verbs that show patches one by one. */
static int
show (CliContext *context, const char *const *properties, void (*print) (GVariant *patch))
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) patches
      = cli_resolve (context, (const char *const *)context->arguments, properties, &error);

  if (patches == NULL)
    return cli_report (context, context->verb->name, error);
  if (cli_json (context))
    return print_json (patches);
  for (guint i = 0; i < patches->len; i++)
    {
      if (i != 0)
        putchar ('\n');
      print (patches->pdata[i]);
    }
  return CLI_EXIT_DONE;
}

int
cli_info (CliContext *context)
{
  return show (context, NULL, print_info);
}

int
cli_status (CliContext *context)
{
  static const char *const properties[] = { CLI_NAMING_PROPERTIES, STATE_PROPERTIES, "LastChange", NULL };
  return show (context, properties, print_status);
}

int
cli_target (CliContext *context)
{
  static const char *const properties[]
      = { CLI_NAMING_PROPERTIES, "Problems",    "Kind",          "TargetName",   "TargetVersion",
          "TargetObject",        "TargetFiles", "TargetBuildId", "Architecture", NULL };
  return show (context, properties, print_target_of);
}
