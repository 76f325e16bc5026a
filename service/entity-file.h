/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The entity of a patch that the service names to a child: what stands on the disk must still be what was
 * named. */
#pragma once

#include "format/bundle.h"

/* The bundle that @patch (members as below) names, its signature checked. */
LpBundle *sc_entity_open_bundle (JsonObject *patch, LpBundleFlags flags, const LpKeyring *keyring,
                                 GError **error);
/* @patch: members uuid, name, bundle (directory), digest, build-id, signer (name of the trusted key that must
 * have signed it; "": none need). @keyring: (nullable): the signer isn't looked at. Errors: LP_ERROR_CHANGED,
 * LP_ERROR_UNTRUSTED, LP_ERROR_NOT_SUPPORTED (a kernel patch), those of lp_bundle_open(). */
LpEntity *sc_entity_open (JsonObject *patch, LpBundleFlags flags, const LpKeyring *keyring, GError **error);
