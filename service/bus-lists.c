/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Manager.ListPatches and FindPatches: they wait for a fresh look at the processes, never for a job. Decides
 * nothing. */
#include "bus.h"

#include "match.h"

#define PAGE_MAX 1000
#define SC_OPTIONS_LIST (SC_OPTION_OFFSET | SC_OPTION_LIMIT | SC_OPTION_OMIT_EMPTY)

typedef struct {
  ScBus *bus;
  GDBusMethodInvocation *invocation;
  ScMatch *match;
  GArray *wanted; /* guint, indexes of properties; NULL: only paths are wanted */
  gboolean omit_empty;
  guint offset, limit;
} ScListing;

static void
listing_free (ScListing *listing)
{
  sc_match_free (listing->match);
  g_clear_pointer (&listing->wanted, g_array_unref);
  g_free (listing);
}

static GVariant *
find_result (GPtrArray *found)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("ao"));
  for (guint i = 0; i < found->len; i++)
    g_variant_builder_add (&builder, "o", ((ScPatch *)g_ptr_array_index (found, i))->path);
  return g_variant_new ("(ao)", &builder);
}

static GVariant *
patch_variant (ScListing *listing, const ScPatch *patch)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "Path", g_variant_new_object_path (patch->path));
  for (guint i = 0; i < listing->wanted->len; i++)
    {
      guint index = g_array_index (listing->wanted, guint, i);
      GVariant *value = sc_bus_patch_value (patch, index, listing->omit_empty);

      if (value == NULL)
        continue;
      g_autoptr (GVariant) owned = g_variant_take_ref (value);
      g_variant_builder_add (&builder, "{sv}", sc_bus_patch_value_name (index), owned);
    }
  return g_variant_builder_end (&builder);
}

static GVariant *
list_result (ScListing *listing, GPtrArray *found)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = listing->offset; i < found->len && i - listing->offset < listing->limit; i++)
    g_variant_builder_add_value (&builder, patch_variant (listing, g_ptr_array_index (found, i)));
  return g_variant_new ("(aa{sv})", &builder);
}

static void
on_truth (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScListing *listing = user_data;
  ScService *service = listing->bus->service;

  sc_truth_refresh_finish (service->truth, result);
  g_autoptr (GPtrArray) found = sc_match_filter (listing->match, sc_catalog_patches (service->catalog));
  g_dbus_method_invocation_return_value (listing->invocation, listing->wanted != NULL
                                                                  ? list_result (listing, found)
                                                                  : find_result (found));
  listing_free (listing);
}

/* Each property once, in the order of the table; Uuid always. NULL with an error for an unknown name. */
static GArray *
find_wanted (const char *const *properties, GError **error)
{
  g_autoptr (GArray) wanted = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; properties[i] != NULL; i++)
    if (sc_bus_patch_value_index (properties[i]) < 0)
      {
        lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "patches have no property \"%.64s\"",
                      properties[i]);
        return NULL;
      }
  for (guint i = 0; i < sc_bus_patch_values (); i++)
    {
      const char *name = sc_bus_patch_value_name (i);

      if (properties[0] == NULL || g_str_equal (name, "Uuid") || g_strv_contains (properties, name))
        g_array_append_val (wanted, i);
    }
  return g_steal_pointer (&wanted);
}

static void
start_listing (ScBus *bus, GDBusMethodInvocation *invocation, GVariant *match, const char *const *properties,
               GVariant *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ScCallOptions) parsed
      = sc_call_options_parse (options, properties != NULL ? SC_OPTIONS_LIST : 0, &error);
  ScMatch *parsed_match = parsed != NULL ? sc_match_new (match, &error) : NULL;

  g_autoptr (GArray) wanted
      = parsed_match != NULL && properties != NULL ? find_wanted (properties, &error) : NULL;

  if (parsed_match == NULL || (properties != NULL && wanted == NULL))
    {
      sc_match_free (parsed_match);
      sc_bus_return_error (invocation, error);
      return;
    }
  ScListing *listing = g_new0 (ScListing, 1);
  listing->bus = bus;
  listing->invocation = invocation;
  listing->match = parsed_match;
  listing->wanted = g_steal_pointer (&wanted);
  listing->omit_empty = parsed->omit_empty;
  listing->offset = parsed->offset;
  listing->limit = parsed->limit == 0 || parsed->limit > PAGE_MAX ? PAGE_MAX : parsed->limit;
  sc_truth_refresh_async (bus->service->truth, SC_FRESH_ENOUGH, on_truth, listing);
}

static gboolean
on_list_patches (ScBusManager *manager, GDBusMethodInvocation *invocation, GVariant *match,
                 const char *const *properties, GVariant *options, gpointer bus)
{
  start_listing (bus, invocation, match, properties, options);
  return TRUE;
}

static gboolean
on_find_patches (ScBusManager *manager, GDBusMethodInvocation *invocation, GVariant *match, GVariant *options,
                 gpointer bus)
{
  start_listing (bus, invocation, match, NULL, options);
  return TRUE;
}

void
sc_bus_lists_connect (ScBus *bus, ScBusManager *manager)
{
  g_signal_connect (manager, "handle-list-patches", G_CALLBACK (on_list_patches), bus);
  g_signal_connect (manager, "handle-find-patches", G_CALLBACK (on_find_patches), bus);
}
