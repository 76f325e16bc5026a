/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which verbs are possible now for some patches: what the table of states says and what polkit would say.
 * Must not know buttons. */
#pragma once

#include "client.h"
#include "patch.h"
#include "verbs.h"

G_BEGIN_DECLS

#define SC_MOST_PATCHES_AT_ONCE 256 /* the interface's limit for one call */

#define SC_TYPE_PERMISSIONS (sc_permissions_get_type ())
/* ScPermissions: signal "changed" (). */
G_DECLARE_FINAL_TYPE (ScPermissions, sc_permissions, SC, PERMISSIONS, GObject)

ScPermissions *sc_permissions_new (ScClient *client);

/* From now on about these ScPatch (may be empty). */
void sc_permissions_set_patches (ScPermissions *self, GPtrArray *patches);
GPtrArray *sc_permissions_get_patches (ScPermissions *self);

/* The patches that @verb would do something to, as far as known by now; caller unrefs. */
GPtrArray *sc_permissions_get_fit (ScPermissions *self, ScVerb verb);

/* TRUE when @verb can be offered; otherwise @reason says why not, in the reader's language (borrowed). */
gboolean sc_permissions_check (ScPermissions *self, ScVerb verb, const char **reason);

G_END_DECLS
