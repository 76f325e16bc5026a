/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Manager.ListPatches and FindPatches: they wait for a fresh look at the processes, never for a job. Decides
 * nothing. */
#include "bus.h"

#include "match.h"

#define PAGE_MAX 1000

typedef struct {
  ScBus *bus;
  GDBusMethodInvocation *invocation;
  ScMatch *match;
  GStrv properties; /* NULL: only paths are wanted */
  guint offset, limit;
} ScListing;

static void
listing_free (ScListing *listing)
{
  sc_match_free (listing->match);
  g_strfreev (listing->properties);
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

/* One property at a time: g_dbus_interface_skeleton_get_properties() makes all 26, mostly to be thrown away.
 */
static void
add_property (GVariantBuilder *builder, ScListing *listing, ScBusPatch *skeleton, const char *path,
              const char *name)
{
  GDBusInterfaceSkeleton *interface = G_DBUS_INTERFACE_SKELETON (skeleton);
  GDBusInterfaceVTable *vtable = g_dbus_interface_skeleton_get_vtable (interface);
  GVariant *value = vtable->get_property (listing->bus->connection, NULL, path,
                                          sc_bus_patch_interface_info ()->name, name, NULL, skeleton);

  if (value == NULL)
    return;
  g_autoptr (GVariant) owned = g_variant_take_ref (value);
  g_variant_builder_add (builder, "{sv}", name, owned);
}

static GVariant *
patch_variant (ScListing *listing, const ScPatch *patch)
{
  ScBusPatch *skeleton = g_hash_table_lookup (listing->bus->patches, patch->path);
  GDBusPropertyInfo **all = sc_bus_patch_interface_info ()->properties;
  gboolean want_all = listing->properties[0] == NULL;
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "Path", g_variant_new_object_path (patch->path));
  for (guint i = 0; all[i] != NULL; i++)
    if (want_all || g_str_equal (all[i]->name, "Uuid")
        || g_strv_contains ((const char *const *)listing->properties, all[i]->name))
      add_property (&builder, listing, skeleton, patch->path, all[i]->name);
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
  g_dbus_method_invocation_return_value (listing->invocation, listing->properties != NULL
                                                                  ? list_result (listing, found)
                                                                  : find_result (found));
  listing_free (listing);
}

static gboolean
check_properties (const char *const *properties, GError **error)
{
  GDBusInterfaceInfo *info = sc_bus_patch_interface_info ();

  for (guint i = 0; properties[i] != NULL; i++)
    if (g_dbus_interface_info_lookup_property (info, properties[i]) == NULL)
      {
        lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "patches have no property \"%.64s\"",
                      properties[i]);
        return FALSE;
      }
  return TRUE;
}

static void
start_listing (ScBus *bus, GDBusMethodInvocation *invocation, GVariant *match, const char *const *properties,
               GVariant *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ScCallOptions) parsed
      = sc_call_options_parse (options, properties != NULL ? SC_OPTION_OFFSET | SC_OPTION_LIMIT : 0, &error);
  ScMatch *parsed_match = parsed != NULL ? sc_match_new (match, &error) : NULL;

  if (parsed_match == NULL || (properties != NULL && !check_properties (properties, &error)))
    {
      sc_match_free (parsed_match);
      sc_bus_return_error (invocation, error);
      return;
    }
  ScListing *listing = g_new0 (ScListing, 1);
  listing->bus = bus;
  listing->invocation = invocation;
  listing->match = parsed_match;
  listing->properties = g_strdupv ((char **)properties);
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
