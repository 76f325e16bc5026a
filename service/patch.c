/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How truth and wish become the state that is shown. Must not know the bus or how the processes are read. */
#include "patch.h"

#define PATCH_PATH_PREFIX "/org/openeuler/SysCare1/patches/"

static void
outcome_free (gpointer data)
{
  ScOutcomeRecord *record = data;

  g_free (record->status);
  g_free (record->reason);
  g_free (record->detail);
  g_free (record);
}

char *
sc_patch_path_for_uuid (const char *uuid)
{
  GString *path = g_string_new (PATCH_PATH_PREFIX);

  for (const char *c = uuid; *c != '\0'; c++)
    if (*c != '-')
      g_string_append_c (path, *c);
  return g_string_free (path, FALSE);
}

ScPatch *
sc_patch_new (ScPatchInfo *info)
{
  ScPatch *patch = g_rc_box_new0 (ScPatch);

  patch->info = sc_patch_info_ref (info);
  patch->path = sc_patch_path_for_uuid (info->uuid);
  patch->wished = LP_STATE_NOT_APPLIED;
  patch->problems = g_new0 (char *, 1);
  patch->outcomes = g_hash_table_new_full (NULL, NULL, NULL, outcome_free);
  return patch;
}

ScPatch *
sc_patch_ref (ScPatch *patch)
{
  return g_rc_box_acquire (patch);
}

static void
clear (gpointer data)
{
  ScPatch *patch = data;

  sc_patch_info_unref (patch->info);
  g_free (patch->path);
  g_strfreev (patch->problems);
  g_hash_table_unref (patch->outcomes);
}

void
sc_patch_unref (ScPatch *patch)
{
  g_rc_box_release_full (patch, clear);
}

LpState
sc_patch_compute_state (LpState wished, const ScCarriers *carriers)
{
  if (carriers->active + carriers->partial > 0)
    return wished == LP_STATE_ACCEPTED ? LP_STATE_ACCEPTED : LP_STATE_ACTIVE;
  if (carriers->loaded > 0)
    return LP_STATE_DEACTIVATED;
  return wished;
}

gboolean
sc_patch_is_kernel (const ScPatch *patch)
{
  return g_str_equal (patch->info->kind, "kernel");
}

gboolean
sc_state_is_in_effect (LpState state)
{
  return state == LP_STATE_ACTIVE || state == LP_STATE_ACCEPTED;
}

gboolean
sc_patch_is_lost (const ScPatch *patch)
{
  return sc_patch_is_kernel (patch) && !patch->in_kernel && patch->this_boot
         && sc_state_is_in_effect (patch->wished);
}

gboolean
sc_patch_lacks_effect (const ScPatch *patch)
{
  if (sc_patch_is_kernel (patch))
    return !patch->in_kernel && !sc_patch_is_lost (patch);
  return patch->total > patch->patched;
}

static GStrv
find_problems (const ScPatch *patch, LpState state, const ScCarriers *carriers, const char *target_problem,
               gboolean overridden, gboolean untrusted)
{
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  gboolean is_kernel = sc_patch_is_kernel (patch);

  if (patch->missing)
    g_strv_builder_add (words, patch->info->foreign ? "foreign" : "bundle-missing");
  if (carriers->other_digest)
    g_strv_builder_add (words, "digest-mismatch");
  if (overridden)
    g_strv_builder_add (words, "overridden");
  if (!is_kernel && sc_state_is_in_effect (state) && carriers->active < carriers->total)
    g_strv_builder_add (words, "processes-unpatched");
  if (target_problem != NULL)
    g_strv_builder_add (words, target_problem);
  if (is_kernel && carriers->partial > 0)
    g_strv_builder_add (words, "transition-pending");
  if (is_kernel && sc_state_is_in_effect (state) && !patch->in_kernel && target_problem == NULL)
    g_strv_builder_add (words, "not-loaded");
  if (untrusted)
    g_strv_builder_add (words, "untrusted");
  return g_strv_builder_end (words);
}

gboolean
sc_patch_observe (ScPatch *patch, const ScCarriers *carriers, const char *target_problem, gboolean overridden,
                  gboolean untrusted)
{
  gboolean is_kernel = sc_patch_is_kernel (patch);
  guint patched = is_kernel ? carriers->moved : carriers->active;

  patch->in_kernel = is_kernel && carriers->active + carriers->partial > 0;
  LpState state = sc_patch_compute_state (patch->wished, carriers);

  /* Images that a step has only placed so far are its preparations, not a state that somebody asked for. */
  if (patch->in_step && state == LP_STATE_DEACTIVATED && patch->state == LP_STATE_NOT_APPLIED)
    state = LP_STATE_NOT_APPLIED;
  if (sc_patch_is_lost (patch))
    state = LP_STATE_DEACTIVATED;
  g_auto (GStrv) problems = find_problems (patch, state, carriers, target_problem, overridden, untrusted);
  gboolean same = state == patch->state && carriers->total == patch->total && patched == patch->patched
                  && g_strv_equal ((const char *const *)problems, (const char *const *)patch->problems);

  patch->state = state;
  patch->total = carriers->total;
  patch->patched = patched;
  patch->loaded = carriers->loaded;
  g_strfreev (patch->problems);
  patch->problems = g_steal_pointer (&problems);
  return !same;
}

gboolean
sc_patch_has_files (const ScPatch *patch)
{
  return !patch->missing || patch->info->kept;
}

gboolean
sc_patch_has_problem (const ScPatch *patch, const char *problem)
{
  return g_strv_contains ((const char *const *)patch->problems, problem);
}

void
sc_patch_set_outcome (ScPatch *patch, int pid, guint64 start_time, const char *status, const char *reason,
                      const char *detail)
{
  ScOutcomeRecord *record = g_new0 (ScOutcomeRecord, 1);

  record->start_time = start_time;
  record->status = g_strdup (status);
  record->reason = g_strdup (reason);
  record->detail = g_strdup (detail);
  g_hash_table_insert (patch->outcomes, GINT_TO_POINTER (pid), record);
}
