/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A JSON writer. */
#include "config.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

struct CliJson {
  GString *text;
  GString *brackets; /* closing brackets still to come */
  gboolean first;    /* nothing stands in the innermost bracket yet */
};

CliJson *
cli_json_new (void)
{
  CliJson *json = g_new0 (CliJson, 1);
  json->text = g_string_new (NULL);
  json->brackets = g_string_new (NULL);
  json->first = TRUE;
  cli_json_open (json, NULL, '{');
  return json;
}

void
cli_json_free (CliJson *json)
{
  g_string_free (json->text, TRUE);
  g_string_free (json->brackets, TRUE);
  g_free (json);
}

static void
newline (CliJson *json)
{
  g_string_append_c (json->text, '\n');
  for (gsize i = 0; i < json->brackets->len; i++)
    g_string_append (json->text, "  ");
}

static void
append_quoted (GString *out, const char *text)
{
  g_string_append_c (out, '"');
  for (const char *p = text; *p != '\0'; p++)
    {
      guchar c = *p;
      if (c == '"' || c == '\\')
        g_string_append_printf (out, "\\%c", c);
      else if (c == '\n')
        g_string_append (out, "\\n");
      else if (c < 0x20 || c == 0x7f)
        g_string_append_printf (out, "\\u%04x", c);
      else
        g_string_append_c (out, c);
    }
  g_string_append_c (out, '"');
}

static void
begin (CliJson *json, const char *key)
{
  if (!json->first)
    g_string_append_c (json->text, ',');
  if (json->brackets->len != 0)
    newline (json);
  json->first = FALSE;
  if (key == NULL)
    return;
  append_quoted (json->text, key);
  g_string_append (json->text, ": ");
}

void
cli_json_open (CliJson *json, const char *key, char bracket)
{
  begin (json, key);
  g_string_append_c (json->text, bracket);
  g_string_append_c (json->brackets, bracket == '{' ? '}' : ']');
  json->first = TRUE;
}

void
cli_json_close (CliJson *json)
{
  gsize last = json->brackets->len - 1;
  char bracket = json->brackets->str[last];

  g_string_truncate (json->brackets, last);
  if (!json->first)
    newline (json);
  g_string_append_c (json->text, bracket);
  json->first = FALSE;
}

void
cli_json_string (CliJson *json, const char *key, const char *value)
{
  begin (json, key);
  if (g_utf8_validate (value, -1, NULL))
    {
      append_quoted (json->text, value);
      return;
    }
  g_autofree char *valid = g_utf8_make_valid (value, -1);
  append_quoted (json->text, valid);
}

void
cli_json_number (CliJson *json, const char *key, guint64 value)
{
  begin (json, key);
  g_string_append_printf (json->text, "%" G_GUINT64_FORMAT, value);
}

void
cli_json_boolean (CliJson *json, const char *key, gboolean value)
{
  begin (json, key);
  g_string_append (json->text, value ? "true" : "false");
}

void
cli_json_strings (CliJson *json, const char *key, const char *const *values)
{
  cli_json_open (json, key, '[');
  for (gsize i = 0; values != NULL && values[i] != NULL; i++)
    cli_json_string (json, NULL, values[i]);
  cli_json_close (json);
}

void
cli_json_raw (CliJson *json, const char *key, const char *text)
{
  begin (json, key);
  for (const char *p = text; *p != '\0'; p++)
    {
      if (*p == '\n')
        newline (json);
      else
        g_string_append_c (json->text, *p);
    }
}

char *
cli_json_key (const char *name)
{
  GString *key = g_string_sized_new (strlen (name) + 4);

  for (const char *p = name; *p != '\0'; p++)
    {
      if (g_ascii_isupper (*p) && p != name && !g_ascii_isupper (p[-1]))
        g_string_append_c (key, '_');
      g_string_append_c (key, *p == '-' ? '_' : g_ascii_tolower (*p));
    }
  return g_string_free (key, FALSE);
}

static void
write_dictionary (CliJson *json, const char *key, GVariant *value)
{
  GVariantIter iter;
  GVariant *entry;

  cli_json_open (json, key, '{');
  g_variant_iter_init (&iter, value);
  while ((entry = g_variant_iter_next_value (&iter)) != NULL)
    {
      g_autoptr (GVariant) name = g_variant_get_child_value (entry, 0);
      g_autoptr (GVariant) member = g_variant_get_child_value (entry, 1);
      g_autofree char *member_key = cli_json_key (g_variant_get_string (name, NULL));
      cli_json_variant (json, member_key, member);
      g_variant_unref (entry);
    }
  cli_json_close (json);
}

static void
write_container (CliJson *json, const char *key, GVariant *value)
{
  GVariantIter iter;
  GVariant *child;

  cli_json_open (json, key, '[');
  g_variant_iter_init (&iter, value);
  while ((child = g_variant_iter_next_value (&iter)) != NULL)
    {
      cli_json_variant (json, NULL, child);
      g_variant_unref (child);
    }
  cli_json_close (json);
}

static void
write_number (CliJson *json, const char *key, GVariant *value)
{
  g_autofree char *text = g_variant_print (value, FALSE);
  begin (json, key);
  g_string_append (json->text, text);
}

void
cli_json_variant (CliJson *json, const char *key, GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT))
    {
      g_autoptr (GVariant) inner = g_variant_get_variant (value);
      cli_json_variant (json, key, inner);
    }
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE ("a{s*}")))
    write_dictionary (json, key, value);
  else if (g_variant_is_container (value))
    write_container (json, key, value);
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    cli_json_boolean (json, key, g_variant_get_boolean (value));
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
           || g_variant_is_of_type (value, G_VARIANT_TYPE_OBJECT_PATH)
           || g_variant_is_of_type (value, G_VARIANT_TYPE_SIGNATURE))
    cli_json_string (json, key, g_variant_get_string (value, NULL));
  else
    write_number (json, key, value);
}

/* Takes the line breaks and their indentation out again; none stand inside of strings. */
static void
flatten (GString *text)
{
  gsize to = 0;

  for (gsize from = 0; from < text->len; from++)
    {
      if (text->str[from] != '\n')
        {
          text->str[to++] = text->str[from];
          continue;
        }
      while (from + 1 < text->len && text->str[from + 1] == ' ')
        from++;
    }
  g_string_truncate (text, to);
}

void
cli_json_finish (CliJson *json, gboolean pretty)
{
  while (json->brackets->len != 0)
    cli_json_close (json);
  if (!pretty)
    flatten (json->text);
  g_string_append_c (json->text, '\n');
  fwrite (json->text->str, 1, json->text->len, stdout);
  fflush (stdout);
  cli_json_free (json);
}
