/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fetches the list of patches page by page. */
#include "config.h"
#include "patches.h"

#include "bus.h"

/* The most that one call of ListPatches returns. */
#define PAGE 1000
/* Calls under way at a time: the service makes a page while the one before it is taken in. */
#define AHEAD 2

typedef struct {
  CliContext *context;
  GVariant *match;
  const char *const *properties;
  GPtrArray *patches;
  guint offset;   /* of the next page to ask for */
  guint waiting;  /* answers to come */
  gboolean ended; /* a page was not full, or something failed */
  GError *error;
} Pager;

static GVariant *
page_arguments (const Pager *pager)
{
  static const char *const all[] = { NULL };
  GVariantDict options;

  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "offset", "u", pager->offset);
  g_variant_dict_insert (&options, "limit", "u", PAGE);
  g_variant_dict_insert (&options, "omit-empty", "b", !cli_json (pager->context));
  return g_variant_new ("(@a{sv}^as@a{sv})", pager->match,
                        pager->properties != NULL ? pager->properties : all, g_variant_dict_end (&options));
}

static void
take_page (Pager *pager, GVariant *reply)
{
  g_autoptr (GVariant) page = g_variant_get_child_value (reply, 0);
  gsize n = g_variant_n_children (page);

  for (gsize i = 0; i < n; i++)
    g_ptr_array_add (pager->patches, g_variant_get_child_value (page, i));
  if (n < PAGE)
    pager->ended = TRUE;
}

static void ask_for_page (Pager *pager);

/* Answers come in the order of the calls: the bus keeps it, and the service answers at once or all together.
 */
static void
on_page (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Pager *pager = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  pager->waiting--;
  if (reply == NULL && pager->error == NULL)
    pager->error = g_steal_pointer (&error);
  g_clear_error (&error);
  if (reply == NULL)
    pager->ended = TRUE;
  else if (!pager->ended) /* what was asked for past the end is empty */
    take_page (pager, reply);
  while (!pager->ended && pager->waiting < AHEAD)
    ask_for_page (pager);
}

static void
ask_for_page (Pager *pager)
{
  cli_call_async (pager->context, CLI_BUS_PATH, CLI_MANAGER, "ListPatches", page_arguments (pager),
                  "(aa{sv})", on_page, pager);
  pager->offset += PAGE;
  pager->waiting++;
}

GPtrArray *
cli_list_patches (CliContext *context, GVariant *match, const char *const *properties, GError **error)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (match);
  g_autoptr (GPtrArray) patches = g_ptr_array_new_with_free_func ((GDestroyNotify)g_variant_unref);
  /* Signals that somebody else waits for are not delivered in between. */
  g_autoptr (GMainContext) own = g_main_context_new ();
  Pager pager = { .context = context, .match = owned, .properties = properties, .patches = patches };

  if (!cli_bus_open (context, error))
    return NULL;
  g_main_context_push_thread_default (own);
  ask_for_page (&pager);
  while (pager.waiting > 0)
    g_main_context_iteration (own, TRUE);
  g_main_context_pop_thread_default (own);
  if (pager.error == NULL)
    return g_steal_pointer (&patches);
  cli_bus_translate_error (&pager.error);
  g_propagate_error (error, pager.error);
  return NULL;
}
