/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes JSON text straight from D-Bus values: ten thousand patches become text in milliseconds and without a
 * tree. Keys are the contract's CamelCase names in snake_case, so they are as stable as the bus interface. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct CliJson CliJson;

CliJson *cli_json_new (void); /* an open object */
/* One line (@pretty FALSE) or indented by two blanks; the object is closed. Prints to standard output and
 * frees. */
void cli_json_finish (CliJson *json, gboolean pretty);
void cli_json_free (CliJson *json);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliJson, cli_json_free)

/* In arrays @key is NULL. */
void cli_json_open (CliJson *json, const char *key, char bracket); /* '{' or '[' */
void cli_json_close (CliJson *json);
void cli_json_string (CliJson *json, const char *key, const char *value);
void cli_json_number (CliJson *json, const char *key, guint64 value);
void cli_json_boolean (CliJson *json, const char *key, gboolean value);
void cli_json_strings (CliJson *json, const char *key, const char *const *values);
/* JSON text that somebody else made. */
void cli_json_raw (CliJson *json, const char *key, const char *text);
/* Any D-Bus value; variants are unpacked, dictionaries with string keys become objects. */
void cli_json_variant (CliJson *json, const char *key, GVariant *value);

/* "TargetBuildId" -> "target_build_id"; caller frees. */
char *cli_json_key (const char *name);

G_END_DECLS
