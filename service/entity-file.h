/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The entity of a patch that the service names to a child: what stands on the disk must still be what was
 * named. */
#pragma once

#include "format/bundle.h"

/* @patch: members uuid, name, bundle (directory), digest, build-id. Errors: LP_ERROR_CHANGED,
 * LP_ERROR_NOT_SUPPORTED (a kernel patch), those of lp_bundle_open(). */
LpEntity *sc_entity_open (JsonObject *patch, LpBundleFlags flags, GError **error);
