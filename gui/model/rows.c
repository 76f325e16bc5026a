/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list model over an array; see rows.h. */
#include "rows.h"

typedef struct {
  GPtrArray *items; /* GObject, owned */
} ScRowsPrivate;

static void list_model_init (GListModelInterface *iface);

G_DEFINE_ABSTRACT_TYPE_WITH_CODE (ScRows, sc_rows, G_TYPE_OBJECT,
                                  G_ADD_PRIVATE (ScRows)
                                      G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, list_model_init))

static GPtrArray *
items_of (ScRows *self)
{
  ScRowsPrivate *private = sc_rows_get_instance_private (self);

  return private->items;
}

guint
sc_rows_get_length (ScRows *self)
{
  return items_of (self)->len;
}

gpointer
sc_rows_get (ScRows *self, guint position)
{
  return g_ptr_array_index (items_of (self), position);
}

gboolean
sc_rows_find (ScRows *self, gconstpointer item, guint *position)
{
  return g_ptr_array_find (items_of (self), item, position);
}

void
sc_rows_add (ScRows *self, gpointer item)
{
  g_ptr_array_add (items_of (self), item);
}

void
sc_rows_tell_added (ScRows *self, guint first)
{
  if (items_of (self)->len > first)
    g_list_model_items_changed (G_LIST_MODEL (self), first, 0, items_of (self)->len - first);
}

void
sc_rows_tell_changed (ScRows *self, guint position)
{
  g_list_model_items_changed (G_LIST_MODEL (self), position, 1, 1);
}

void
sc_rows_remove (ScRows *self, guint position)
{
  g_ptr_array_remove_index (items_of (self), position);
  g_list_model_items_changed (G_LIST_MODEL (self), position, 1, 0);
}

void
sc_rows_replace (ScRows *self, GPtrArray *items, guint head, guint tail)
{
  ScRowsPrivate *private = sc_rows_get_instance_private (self);
  guint removed = private->items->len - head - tail, added = items->len - head - tail;

  g_ptr_array_unref (private->items);
  private->items = items;
  if (removed > 0 || added > 0)
    g_list_model_items_changed (G_LIST_MODEL (self), head, removed, added);
}

static GType
get_item_type (GListModel *model)
{
  return SC_ROWS_GET_CLASS (model)->item_type;
}

static guint
get_n_items (GListModel *model)
{
  return sc_rows_get_length (SC_ROWS (model));
}

static gpointer
get_item (GListModel *model, guint position)
{
  ScRows *self = SC_ROWS (model);

  return position < sc_rows_get_length (self) ? g_object_ref (sc_rows_get (self, position)) : NULL;
}

static void
list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

static void
sc_rows_finalize (GObject *object)
{
  g_ptr_array_unref (items_of (SC_ROWS (object)));
  G_OBJECT_CLASS (sc_rows_parent_class)->finalize (object);
}

static void
sc_rows_class_init (ScRowsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = sc_rows_finalize;
  klass->item_type = G_TYPE_OBJECT;
}

static void
sc_rows_init (ScRows *self)
{
  ScRowsPrivate *private = sc_rows_get_instance_private (self);

  private->items = g_ptr_array_new_with_free_func (g_object_unref);
}
