/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages between the service and a worker: JSON objects, each with its length in front, over a socket
 * pair. Both sides take the other's words as untrusted. Must not know what the messages mean. */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#define SC_WIRE_FD 3                  /* the worker's end */
#define SC_WIRE_MAX (8 * 1024 * 1024) /* bytes of one message */
#define SC_WIRE_HEADER 4              /* bytes: length, big-endian */

/* Header and text of @object. */
GBytes *sc_wire_encode (JsonObject *object);
/* Length in the header; 0 when it is out of range. */
gsize sc_wire_length (const guint8 *header);
/* Errors: LP_ERROR_FAILED. */
JsonObject *sc_wire_decode (const char *text, gsize size, GError **error);

/* Blocking, for the worker. FALSE without an error at the end of the stream. */
gboolean sc_wire_write (int fd, JsonObject *object, GError **error);
JsonObject *sc_wire_read (int fd, GError **error);

/* Members of @object; "" or 0 when absent or of another type. Strings are borrowed. */
const char *sc_wire_string (JsonObject *object, const char *name);
gint64 sc_wire_int (JsonObject *object, const char *name);
gboolean sc_wire_bool (JsonObject *object, const char *name);
/* Borrowed; NULL when absent or of another type. */
JsonArray *sc_wire_array (JsonObject *object, const char *name);
/* The strings of such an array; what isn't one is left out. Empty when it is absent; caller frees. */
GStrv sc_wire_strv (JsonObject *object, const char *name);
/* Element @index as an object, NULL when it isn't one. */
JsonObject *sc_wire_element (JsonArray *array, guint index);

/* An error as {"error": name, "message": text} and back. */
void sc_wire_set_error (JsonObject *object, const GError *error);
GError *sc_wire_get_error (JsonObject *object);
