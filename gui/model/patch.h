/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One patch as the service last described it.
 * Must not know where the description comes from, nor how it is shown. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum {
  SC_STATE_UNKNOWN, /* also every word that this window doesn't know yet */
  SC_STATE_NOT_APPLIED,
  SC_STATE_DEACTIVATED,
  SC_STATE_ACTIVE,
  SC_STATE_ACCEPTED,
} ScState;

#define SC_N_STATES (SC_STATE_ACCEPTED + 1)

typedef enum {
  SC_KIND_USER,
  SC_KIND_KERNEL,
} ScKind;

/* How severe what it repairs is; sorts upwards. */
typedef enum {
  SC_SEVERITY_NONE,
  SC_SEVERITY_LOW,
  SC_SEVERITY_MEDIUM,
  SC_SEVERITY_HIGH,
  SC_SEVERITY_CRITICAL,
} ScSeverity;

/* What an update changed. */
typedef enum {
  SC_UPDATE_NOTHING = 0,
  SC_UPDATE_SHOWN = 1 << 0, /* something that is shown */
  SC_UPDATE_PLACE = 1 << 1, /* something that lists filter or sort by */
} ScUpdate;

#define SC_TYPE_PATCH (sc_patch_get_type ())
/* ScPatch: signal "changed" () after each update that changed something. */
G_DECLARE_FINAL_TYPE (ScPatch, sc_patch, SC, PATCH, GObject)

ScPatch *sc_patch_new (const char *path);

/* Takes over the properties in @values (a{sv}); those of the wrong type are left out. Emits "changed". */
ScUpdate sc_patch_update (ScPatch *self, GVariant *values);

const char *sc_patch_get_path (ScPatch *self);
const char *sc_patch_get_uuid (ScPatch *self);
const char *sc_patch_get_name (ScPatch *self); /* full name, "" when the service doesn't know it */
/* "redis-7.0.15-1~deb12u7/HP001/redis-check-rdb" -> "HP001 · redis-check-rdb"; NULL for "". Caller frees. */
char *sc_patch_title_from_name (const char *name);

const char *sc_patch_get_title (ScPatch *self);  /* "HP001 · redis-check-rdb", never empty */
const char *sc_patch_get_target (ScPatch *self); /* "redis 7.0.15-1~deb12u7", "" when not known */
const char *sc_patch_get_target_name (ScPatch *self);
const char *sc_patch_get_object (ScPatch *self);      /* "redis-check-rdb" */
const char *sc_patch_get_description (ScPatch *self); /* "" when there is none */
const char *sc_patch_get_job (ScPatch *self);         /* object path, NULL when nobody works on it */
const char *const *sc_patch_get_issues (ScPatch *self);
const char *const *sc_patch_get_problems (ScPatch *self);
gboolean sc_patch_has_problem (ScPatch *self, const char *problem);
ScKind sc_patch_get_kind (ScPatch *self);
ScState sc_patch_get_state (ScPatch *self);
ScSeverity sc_patch_get_severity (ScPatch *self);
guint sc_patch_get_total (ScPatch *self);          /* processes that run the target */
guint sc_patch_get_patched (ScPatch *self);        /* those in which the new code is active */
guint64 sc_patch_get_last_change (ScPatch *self);  /* microseconds since the epoch, 0: never */
const char *sc_patch_get_haystack (ScPatch *self); /* case-folded text that search looks through */

/* A property that only the detail page shows ("Digest"), if it is known by now; else NULL. Caller unrefs. */
GVariant *sc_patch_get_detail (ScPatch *self, const char *property, const GVariantType *type);

/* Names of the properties that lists need; all others are asked for one patch at a time. */
extern const char *const sc_patch_list_properties[];

G_END_DECLS
