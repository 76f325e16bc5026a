/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list model over an array of objects, for the model's lists to derive from. Must not know where the
 * objects come from. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define SC_TYPE_ROWS (sc_rows_get_type ())
G_DECLARE_DERIVABLE_TYPE (ScRows, sc_rows, SC, ROWS, GObject)

struct _ScRowsClass {
  GObjectClass parent_class;

  GType item_type; /* set by the derived class */
};

/* How many objects there are. */
guint sc_rows_get_length (ScRows *self);

/* The object at @position, which must be below the length; borrowed. */
gpointer sc_rows_get (ScRows *self, guint position);

/* TRUE and its @position when @item is in the list. */
gboolean sc_rows_find (ScRows *self, gconstpointer item, guint *position);

/* Takes over one reference to @item and puts it at the end. Nobody is told: sc_rows_tell_added(). */
void sc_rows_add (ScRows *self, gpointer item);

/* Tells the listeners that all from @first on are new. */
void sc_rows_tell_added (ScRows *self, guint first);

/* Tells the listeners that the object at @position belongs to another place or group now. */
void sc_rows_tell_changed (ScRows *self, guint position);

/* Takes the object at @position out, gives back the list's reference to it, and tells the listeners. */
void sc_rows_remove (ScRows *self, guint position);

/* Puts @items, an array that owns its objects, in place of all. Told is only what lies between the first
 * @head and the last @tail objects, which are the same as before. Takes over the array. */
void sc_rows_replace (ScRows *self, GPtrArray *items, guint head, guint tail);

G_END_DECLS
