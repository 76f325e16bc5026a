/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All patches that the service knows: the installed ones and those that only processes know. Keeps them in
 * order, keeps their states true, counts the changes. Must not know the bus, jobs or the disk. */
#pragma once

#include "records.h"
#include "truth.h"

typedef struct ScCatalog ScCatalog;

typedef enum { SC_CATALOG_ADDED, SC_CATALOG_CHANGED, SC_CATALOG_REMOVED } ScCatalogEvent;
typedef void (*ScCatalogListener) (ScCatalogEvent event, ScPatch *patch, gpointer user_data);

ScCatalog *sc_catalog_new (ScCatalogListener listener, gpointer user_data);
void sc_catalog_free (ScCatalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScCatalog, sc_catalog_free)

/* Takes over what a scan of the patch directory found; wishes of an earlier boot count only when they outlive
 * one. */
void sc_catalog_set_installed (ScCatalog *catalog, const ScRecordsSnapshot *snapshot);
/* Takes over what the processes say. @require_signature: unsigned patches are shown as untrusted. */
void sc_catalog_observe (ScCatalog *catalog, ScTruth *truth, gboolean require_signature);
/* Takes over a wish that has become durable. */
void sc_catalog_set_wish (ScCatalog *catalog, const LpWish *wish);
/* Tells the listener that clients see something new in @patch. */
void sc_catalog_touch (ScCatalog *catalog, ScPatch *patch);

guint64 sc_catalog_generation (const ScCatalog *catalog);
/* All of them (ScPatch), sorted, borrowed. */
GPtrArray *sc_catalog_patches (const ScCatalog *catalog);
/* By object path, borrowed; NULL when there is none. */
ScPatch *sc_catalog_lookup (const ScCatalog *catalog, const char *path);
/* Installed ones as ScPatchInfo, caller frees. */
GPtrArray *sc_catalog_infos (const ScCatalog *catalog);
/* The next number in the order of activation. */
guint64 sc_catalog_next_sequence (ScCatalog *catalog);
/* Installed or not, patches whose wish is to be in effect (ScPatch, borrowed), in the order of activation.
 * @accepted_only leaves out those that are merely active or saved. */
GPtrArray *sc_catalog_wished_active (const ScCatalog *catalog, gboolean accepted_only);
/* Wishes (LpWish) of an earlier boot that ended with it: to be forgotten. Caller frees. */
GPtrArray *sc_catalog_take_expired (ScCatalog *catalog);
