/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what the user typed to patches: ids are resolved by the service, ambiguity is decided here. */
#pragma once

#include "context.h"

G_BEGIN_DECLS

/* The members of Patch that a program needs to name a patch. */
#define CLI_NAMING_PROPERTIES "Uuid", "Bundle", "Name", "Issues"

/* All patches that @match (floating a{sv}, as Manager.FindPatches takes it) fits, page by page: element-type
 * GVariant (a{sv}), sorted by full name. @properties: NULL-terminated; NULL = all; without --json those that
 * are empty are left out, as cli_get_string() and its like have it. */
GPtrArray *cli_list_patches (CliContext *context, GVariant *match, const char *const *properties,
                             GError **error);

/* The patches that @ids mean, each once, in the order given: element-type GVariant (a{sv} with "Path" and
 * @properties, among which CLI_NAMING_PROPERTIES must be). An id of a bundle means all its patches. Errors:
 * LP_ERROR_UNKNOWN_OBJECT, LP_ERROR_AMBIGUOUS (candidates in the hint). */
GPtrArray *cli_resolve (CliContext *context, const char *const *ids, const char *const *properties,
                        GError **error);

/* Which of @candidates (GVariant a{sv}) @id means: an exact uuid or bundle id, an exact full name (with or
 * without the object), the NAME alone or a CVE id, and only then leading parts. A new array of references. */
GPtrArray *cli_narrow (const char *id, GPtrArray *candidates);

/* Paths of @patches as a floating "ao". */
GVariant *cli_paths (GPtrArray *patches);

/* What @patches are called in a message: the name, or the common bundle's name, or "3 patches"; caller frees.
 */
char *cli_describe_patches (GPtrArray *patches);

/* How to call one patch: its full name, or its uuid where the name is not known (its bundle is gone);
 * borrowed. */
const char *cli_patch_name (GVariant *patch);

G_END_DECLS
