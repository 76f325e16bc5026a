/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the stages one after the other and says what came out. Must not do any stage's work. */
#include "diff/diff.h"

#include <string.h>

#include "base/error.h"
#include "diff/correlate.h"
#include "diff/stages.h"

LpDiffUnit *
lp_diff_unit_new (const char *name)
{
  LpDiffUnit *unit = g_new0 (LpDiffUnit, 1);
  unit->name = g_strdup (name);
  return unit;
}

void
lp_diff_unit_free (LpDiffUnit *unit)
{
  if (unit == NULL)
    return;
  g_free (unit->name);
  g_clear_pointer (&unit->baseline, lp_elf_unref);
  g_clear_pointer (&unit->original, lp_elf_unref);
  g_clear_pointer (&unit->patched, lp_elf_unref);
  g_free (unit);
}

void
lp_diff_result_free (LpDiffResult *result)
{
  if (result == NULL)
    return;
  g_clear_pointer (&result->entity, g_bytes_unref);
  g_clear_pointer (&result->functions, g_ptr_array_unref);
  g_clear_pointer (&result->proof, json_node_unref);
  g_strfreev (result->warnings);
  g_free (result);
}

static void
unit_state_free (gpointer data)
{
  LpUnitState *state = data;

  lp_object_free (state->original);
  lp_object_free (state->patched);
  lp_placement_free (state->placement);
  g_free (state);
}

static void
diff_clear (LpDiff *diff)
{
  g_clear_pointer (&diff->units, g_ptr_array_unref);
  g_clear_pointer (&diff->new_globals, g_hash_table_unref);
  g_clear_pointer (&diff->selected, g_ptr_array_unref);
  g_clear_pointer (&diff->relied_on, g_hash_table_unref);
  g_clear_pointer (&diff->warnings, g_ptr_array_unref);
  g_clear_pointer (&diff->target, lp_target_free);
  lp_proof_clear (&diff->proof);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (LpDiff, diff_clear)

LpUnitState *
lp_diff_unit_of (LpDiff *diff, const LpPiece *piece)
{
  for (guint i = 0; i < diff->units->len; i++)
    {
      LpUnitState *state = diff->units->pdata[i];
      if (state->original == piece->object || state->patched == piece->object)
        return state;
    }
  g_return_val_if_reached (NULL);
}

static const char *
source_file (const LpObject *object, const char *fallback)
{
  for (guint i = 1; i < object->n_symbols; i++)
    if (object->symbols[i].type == STT_FILE && object->symbols[i].name[0] != '\0')
      return object->symbols[i].name;
  return fallback;
}

/* --- load, correlate, compare
 * ------------------------------------------------------------------------------------------ */

static gboolean
load_unit (LpDiff *diff, const LpDiffUnit *request, GError **error)
{
  LpUnitState *state = g_new0 (LpUnitState, 1);

  g_ptr_array_add (diff->units, state);
  state->request = request;
  if (request->original == NULL && request->patched == NULL)
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "%s: neither an original nor a fixed object",
                    request->name);
      return FALSE;
    }
  if (request->original != NULL
      && (state->original = lp_object_new (request->original, request->name, error)) == NULL)
    return FALSE;
  if (request->patched != NULL
      && (state->patched = lp_object_new (request->patched, request->name, error)) == NULL)
    return FALSE;

  const LpObject *any = state->patched != NULL ? state->patched : state->original;
  state->file = source_file (any, request->name);
  if (any->arch != diff->arch || (state->original != NULL && state->original->arch != diff->arch))
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL, "%s: object for another machine than the target's",
                    request->name);
      return FALSE;
    }
  if (state->original != NULL && request->baseline == NULL)
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "%s: no baseline object", request->name);
      return FALSE;
    }
  state->placement = lp_placement_new (diff->target, request->baseline, request->name, error);
  return state->placement != NULL;
}

static gboolean
note_new_global (LpDiff *diff, LpPiece *piece, GError **error)
{
  const LpElfSymbol *known;

  if (piece->symbol == NULL || piece->symbol->bind == STB_LOCAL || piece->peer != NULL)
    return TRUE;
  if (!lp_target_global (diff->target, piece->name, &known, error))
    return FALSE;
  if (known != NULL && piece->symbol->bind == STB_GLOBAL)
    {
      lp_error_set (error, LP_ERROR_REFUSED, "leave it in the file where it was",
                    "%s: the fix defines \"%s\" here, which %s has from another file: others would go on "
                    "using the old one",
                    piece->object->unit, piece->name, diff->target->name);
      return FALSE;
    }
  if (known == NULL)
    g_hash_table_insert (diff->new_globals, (gpointer)piece->name, piece);
  return TRUE;
}

/* Loaded data of a new unit that takes effect without being referred to: nobody would look at it. */
static gboolean
check_new_unit (const LpPiece *piece, GError **error)
{
  if (piece->kind != LP_PIECE_SPECIAL || (piece->header->flags & SHF_EXECINSTR) != 0)
    return TRUE;
  lp_error_set (error, LP_ERROR_REFUSED, NULL,
                "%s: the new file has a section %s, which a running program doesn't read again",
                piece->object->unit, piece->name);
  return FALSE;
}

static gboolean
compare_unit (LpDiff *diff, LpUnitState *state, GError **error)
{
  if (state->original != NULL && state->patched != NULL
      && (!lp_correlate (state->original, state->patched, error)
          || !lp_compare (state->original, state->patched, &state->counts, error)))
    return FALSE;
  for (guint i = 0; state->patched != NULL && i < state->patched->pieces->len; i++)
    {
      LpPiece *piece = state->patched->pieces->pdata[i];
      if (!note_new_global (diff, piece, error)
          || (state->original == NULL && !check_new_unit (piece, error)))
        return FALSE;
    }
  return TRUE;
}

/* --- prove
 * --------------------------------------------------------------------------------------------------------------
 */

static gboolean
prove_all (LpDiff *diff, GError **error)
{
  for (guint i = 0; i < diff->selected->len; i++)
    {
      LpPiece *piece = diff->selected->pdata[i];
      if (piece->kind == LP_PIECE_FUNCTION && piece->parent == NULL && piece->peer != NULL
          && !lp_prove_function (lp_diff_unit_of (diff, piece)->placement, piece->peer, &diff->proof, error))
        return FALSE;
    }
  for (guint u = 0; u < diff->units->len; u++)
    {
      LpUnitState *state = diff->units->pdata[u];
      for (guint i = 0; state->original != NULL && i < state->original->pieces->len; i++)
        {
          LpPiece *piece = state->original->pieces->pdata[i];
          if (g_hash_table_contains (diff->relied_on, piece)
              && !lp_prove_function (state->placement, piece, &diff->proof, error))
            return FALSE;
        }
    }
  return TRUE;
}

static void
warn (LpDiff *diff)
{
  for (guint i = 0; i < diff->selected->len; i++)
    {
      const LpPiece *piece = diff->selected->pdata[i];
      if (piece->kind != LP_PIECE_FUNCTION || piece->parent != NULL || piece->peer == NULL)
        continue;
      if (strcmp (piece->name, "main") == 0 || g_str_has_prefix (piece->header->name, ".text.startup"))
        g_ptr_array_add (diff->warnings,
                         g_strdup_printf ("%s: runs once at start; a running process won't run it again",
                                          piece->name));
      else if (g_str_has_prefix (piece->header->name, ".text.exit"))
        g_ptr_array_add (diff->warnings, g_strdup_printf ("%s: runs only at exit", piece->name));
    }
  if (diff->target->build_id_differs)
    g_ptr_array_add (
        diff->warnings,
        g_strdup ("the rebuilt file has another Build-ID than the shipped one; all code and data are equal"));
}

static JsonNode *
describe_proof (LpDiff *diff)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "build-id-equal");
  json_builder_add_boolean_value (builder, !diff->target->build_id_differs);
  json_builder_set_member_name (builder, "functions");
  json_builder_add_int_value (builder, diff->proof.functions);
  json_builder_set_member_name (builder, "bytes");
  json_builder_add_int_value (builder, (gint64)diff->proof.bytes);
  json_builder_set_member_name (builder, "relocations");
  json_builder_add_int_value (builder, diff->proof.relocations);
  json_builder_set_member_name (builder, "symbols");
  json_builder_add_int_value (builder, g_hash_table_size (diff->proof.symbols));
  json_builder_set_member_name (builder, "units");
  json_builder_begin_array (builder);
  for (guint i = 0; i < diff->units->len; i++)
    {
      const LpUnitState *state = diff->units->pdata[i];
      json_builder_begin_object (builder);
      json_builder_set_member_name (builder, "name");
      json_builder_add_string_value (builder, state->request->name);
      json_builder_set_member_name (builder, "equal");
      json_builder_add_int_value (builder, state->counts.functions_equal);
      json_builder_set_member_name (builder, "changed");
      json_builder_add_int_value (builder, state->counts.functions_changed);
      json_builder_set_member_name (builder, "line-numbers-only");
      json_builder_add_int_value (builder, state->counts.functions_line_only);
      json_builder_set_member_name (builder, "new");
      json_builder_add_int_value (builder, state->counts.functions_new);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return json_builder_get_root (builder);
}

static gboolean
has_replaced (LpDiff *diff)
{
  for (guint i = 0; i < diff->selected->len; i++)
    {
      const LpPiece *piece = diff->selected->pdata[i];
      if (piece->kind == LP_PIECE_FUNCTION && piece->peer != NULL)
        return TRUE;
    }
  return FALSE;
}

static gboolean
run_stages (LpDiff *diff, GError **error)
{
  for (guint i = 0; i < diff->request->units->len; i++)
    if (!load_unit (diff, diff->request->units->pdata[i], error))
      return FALSE;
  for (guint i = 0; i < diff->units->len; i++)
    if (!compare_unit (diff, diff->units->pdata[i], error))
      return FALSE;
  if (!lp_select (diff, error))
    return FALSE;
  if (!has_replaced (diff))
    {
      lp_error_set (error, LP_ERROR_NOTHING_TO_PATCH, NULL,
                    "%s: no function differs in anything but line numbers", diff->request->object_name);
      return FALSE;
    }
  return prove_all (diff, error);
}

LpDiffResult *
lp_diff_run (const LpDiffRequest *request, GError **error)
{
  g_auto (LpDiff) diff = { .request = request };

  diff.target = lp_target_new (request->shipped, request->twin, request->object_name, error);
  if (diff.target == NULL)
    return NULL;
  diff.target->libraries = request->libraries;
  diff.arch = diff.target->arch;
  diff.units = g_ptr_array_new_with_free_func (unit_state_free);
  diff.new_globals = g_hash_table_new (g_str_hash, g_str_equal);
  diff.selected = g_ptr_array_new ();
  diff.relied_on = g_hash_table_new (NULL, NULL);
  diff.warnings = g_ptr_array_new_with_free_func (g_free);
  diff.proof.symbols = g_hash_table_new (NULL, NULL);
  if (!run_stages (&diff, error))
    return NULL;

  g_autoptr (LpDiffResult) result = g_new0 (LpDiffResult, 1);
  result->functions = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_manifest_function_free);
  result->entity = lp_emit (&diff, result->functions, error);
  if (result->entity == NULL)
    return NULL;
  warn (&diff);
  result->proof = describe_proof (&diff);
  g_ptr_array_add (diff.warnings, NULL);
  result->warnings = (GStrv)g_ptr_array_free (g_steal_pointer (&diff.warnings), FALSE);
  return g_steal_pointer (&result);
}
