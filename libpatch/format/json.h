/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strict reading and canonical writing of JSON from outside: patch.json, the store's state and history.
 * json-glib parses recursively and takes more than JSON (comments, single quotes), so a document is looked
 * through first: size, nesting, UTF-8 and grammar of its tokens. Must not know what the documents mean. */
#pragma once

#include <json-glib/json-glib.h>

#include "base/error.h"

G_BEGIN_DECLS

#define LP_JSON_DEPTH_MAX 32

/* An object of a document while its members are read. */
typedef struct {
  JsonObject *object;
  const char *where; /* "objects[1]." or "": prefix of members in messages */
  LpError code;      /* what a malformed member is */
} LpJson;

/* NULL when the @length bytes are one JSON value, nested at most LP_JSON_DEPTH_MAX deep; else what is wrong,
 * and at which offset. */
const char *lp_json_check_grammar (const char *data, gsize length, gsize *offset);

/* Parses @length bytes (-1: NUL-terminated), which must be one JSON object. @name is used in messages.
 * Errors: @code. */
JsonNode *lp_json_parse (const char *data, gssize length, const char *name, LpError code, GError **error);

/* Sets @json->code with "WHERE MEMBER: WHAT" and returns FALSE. */
gboolean lp_json_refuse (const LpJson *json, const char *member, const char *what, GError **error);

/* Each reads one member: FALSE and an error when it has another type, is too long or missing (unless
 * @required is FALSE: then *@value stays as it was). Strings are valid UTF-8 of at most @max bytes; the
 * caller frees them; an older value is freed. */
gboolean lp_json_string (const LpJson *json, const char *member, gboolean required, gsize max, char **value,
                         GError **error);
gboolean lp_json_strings (const LpJson *json, const char *member, gboolean required, gsize max, GStrv *value,
                          GError **error);
gboolean lp_json_boolean (const LpJson *json, const char *member, gboolean required, gboolean *value,
                          GError **error);
/* A whole number from 0 to 2^53, what every JSON reader keeps exactly. */
gboolean lp_json_uint (const LpJson *json, const char *member, gboolean required, guint64 *value,
                       GError **error);
/* A string with a hexadecimal number, "0x401000": any 64-bit number. */
gboolean lp_json_address (const LpJson *json, const char *member, gboolean required, guint64 *value,
                          GError **error);
/* Borrowed; *@value is NULL when it is missing and not required. */
gboolean lp_json_object (const LpJson *json, const char *member, gboolean required, JsonObject **value,
                         GError **error);
gboolean lp_json_array (const LpJson *json, const char *member, gboolean required, guint max,
                        JsonArray **value, GError **error);
/* Element @index of @array as an object; @where: (out): its prefix for messages, caller frees. */
gboolean lp_json_element (const LpJson *json, const char *member, JsonArray *array, guint index,
                          LpJson *element, char **where, GError **error);

/* Canonical text: members sorted, two-space indent (or none), a newline at the end; caller frees. */
char *lp_json_to_text (JsonNode *node, gboolean pretty);
/* Canonical, pretty text of the object @node with the member @member set to the SHA-256 (hex) of the same
 * text without it, so that damage shows. It says nothing about who wrote it. Caller frees. */
char *lp_json_seal (JsonNode *node, const char *member);
/* Whether the @length bytes at @data, parsed as @node, are what lp_json_seal() wrote: the text without the
 * seal has the digest that the seal names. Errors: @code. */
gboolean lp_json_check_seal (JsonNode *node, const char *member, const char *data, gsize length, LpError code,
                             GError **error);

/* Adds members for writing; NULL strings become "", NULL vectors []. */
void lp_json_add_string (JsonObject *object, const char *member, const char *value);
void lp_json_add_strings (JsonObject *object, const char *member, char *const *value);
void lp_json_add_address (JsonObject *object, const char *member, guint64 value);

G_END_DECLS
