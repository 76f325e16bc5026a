/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding and verifying targets; see target.h. */

#include "config.h"

#include "build/target.h"

#include "base/error.h"
#include "build/command.h"
#include "build/content.h"
#include "build/dpkg.h"

#include <stdlib.h>
#include <string.h>

void
lp_build_target_free (LpBuildTarget *target)
{
  g_free (target->name);
  g_free (target->package);
  g_clear_pointer (&target->shipped, lp_elf_unref);
  g_clear_pointer (&target->twin, lp_elf_unref);
  g_strfreev (target->files);
  g_clear_pointer (&target->units, g_ptr_array_unref);
  g_free (target);
}

/* A link output that holds changed units, before it is known whether it is a target. */
typedef struct {
  const LpTraceLink *link;
  GPtrArray *units;
} Candidate;

static void
candidate_free (Candidate *candidate)
{
  g_ptr_array_unref (candidate->units);
  g_free (candidate);
}

/* Linked twice with the same result: the later record stands for both. */
static gboolean
is_linked_again (const LpTrace *trace, guint index)
{
  const LpTraceLink *link = g_ptr_array_index (trace->links, index);

  for (guint i = index + 1; i < trace->links->len; i++)
    {
      const LpTraceLink *later = g_ptr_array_index (trace->links, i);
      if (strcmp (later->digest, link->digest) == 0 && strcmp (later->path, link->path) == 0)
        return TRUE;
    }
  return FALSE;
}

static GPtrArray *
find_candidates (const LpTrace *trace, GPtrArray *changed)
{
  GPtrArray *candidates = g_ptr_array_new_with_free_func ((GDestroyNotify)candidate_free);

  for (guint i = 0; i < trace->links->len; i++)
    {
      const LpTraceLink *link = g_ptr_array_index (trace->links, i);
      if (link->relocatable || is_linked_again (trace, i))
        continue;
      g_autoptr (GPtrArray) units = lp_trace_link_units (trace, link, NULL);
      g_autoptr (GPtrArray) hit = g_ptr_array_new ();
      for (guint k = 0; k < units->len; k++)
        if (g_ptr_array_find (changed, g_ptr_array_index (units, k), NULL))
          g_ptr_array_add (hit, g_ptr_array_index (units, k));
      if (hit->len == 0)
        continue;
      Candidate *candidate = g_new0 (Candidate, 1);
      candidate->link = link;
      candidate->units = g_steal_pointer (&hit);
      g_ptr_array_add (candidates, candidate);
    }
  return candidates;
}

/* The kept output, checked: nobody may have touched it since it was linked. */
static LpElf *
open_kept (const LpTraceLink *link, GError **error)
{
  g_autofree char *digest = lp_content_digest (link->kept, error);

  if (digest == NULL)
    return NULL;
  if (strcmp (digest, link->digest) == 0)
    return lp_elf_open (link->kept, error);
  lp_error_set (error, LP_ERROR_STATE_CORRUPT, NULL, "%s: changed since it was linked", link->kept);
  return NULL;
}

static LpBuildTarget *
new_target (const Candidate *candidate, GError **error)
{
  LpElf *twin = open_kept (candidate->link, error);

  if (twin == NULL)
    return NULL;
  LpBuildTarget *target = g_new0 (LpBuildTarget, 1);
  target->twin = twin;
  target->link = candidate->link;
  target->units = g_ptr_array_ref (candidate->units);
  target->package = g_strdup ("");
  return target;
}

/* --debuginfo: the shipped file and its separate debug information, joined, are the twin. */
static LpElf *
join_debuginfo (const LpBuildTargetContext *context, const char *shipped, GError **error)
{
  g_autofree char *joined = g_build_filename (context->scratch, "joined-twin", NULL);
  g_auto (GStrv) environment = lp_command_environment (context->scratch);
  const char *const argv[] = { "eu-unstrip", "-o", joined, "--", shipped, context->request->debuginfo, NULL };
  g_autofree char *output = lp_command_output (argv, (const char *const *)environment, context->scratch,
                                               context->cancellable, error);

  return output != NULL ? lp_elf_open (joined, error) : NULL;
}

/* Takes @path as the shipped file of @target and demands that the rebuilt file is its twin. @shown is its
 * name for people. */
static gboolean
verify (const LpBuildTargetContext *context, LpBuildTarget *target, const char *path, const char *shown,
        GPtrArray *notes, GError **error)
{
  g_autofree char *why = NULL;
  gboolean same_id;

  g_clear_pointer (&target->shipped, lp_elf_unref);
  target->shipped = lp_elf_open (path, error);
  if (target->shipped == NULL)
    return FALSE;
  if (lp_build_is_twin (target->shipped, target->twin, &same_id, &why))
    {
      g_autofree char *id = lp_elf_build_id_hex (target->shipped);
      if (same_id)
        g_ptr_array_add (notes, g_strdup_printf ("%s: rebuilt with the same Build-ID %s", shown,
                                                 id != NULL ? id : "(none)"));
      else
        g_ptr_array_add (notes,
                         g_strdup_printf ("%s: every allocated section is the shipped one; the Build-ID "
                                          "differs, as it also covers debug information",
                                          shown));
      return TRUE;
    }
  if (context->request->debuginfo != NULL)
    {
      LpElf *twin = join_debuginfo (context, path, error);
      if (twin == NULL)
        return FALSE;
      lp_elf_unref (target->twin);
      target->twin = twin;
      g_ptr_array_add (notes,
                       g_strdup_printf ("%s: the rebuild differs (%s), the given debug information is used",
                                        shown, why));
      return TRUE;
    }
  lp_error_set (error, LP_ERROR_TARGET_MISMATCH,
                "another compiler, other libraries or other options made the installed file: give its debug "
                "information with --debuginfo FILE",
                "%s is not what this source builds here: %s", shown, why);
  return FALSE;
}

static void
add_sorted (GPtrArray *files, const char *path)
{
  if (!g_ptr_array_find_with_equal_func (files, path, g_str_equal, NULL))
    g_ptr_array_add (files, g_strdup (path));
}

static gint
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Regular files first, then the links that end at one of them. The name is that of the file most links end at
 * (Debian's redis-server is a link to redis-check-rdb, which redis-check-aof is a copy of). */
static void
name_files (const LpTrace *trace, LpBuildTarget *target, GPtrArray *regular)
{
  g_autoptr (GPtrArray) links = g_ptr_array_new_with_free_func (g_free);
  guint best = 0;
  const char *name = NULL;

  g_ptr_array_sort (regular, compare_strings);
  for (guint i = 0; i < regular->len; i++)
    {
      const char *path = g_ptr_array_index (regular, i);
      guint n = 0;
      for (guint k = 0; k < trace->packaged->len; k++)
        {
          const LpTracePackaged *packaged = g_ptr_array_index (trace->packaged, k);
          if (strcmp (packaged->link, path) != 0)
            continue;
          add_sorted (links, packaged->path);
          n++;
        }
      if (name == NULL || n > best)
        {
          name = path;
          best = n;
        }
    }
  g_ptr_array_sort (links, compare_strings);
  GPtrArray *files = g_ptr_array_new ();
  for (guint i = 0; i < regular->len; i++)
    g_ptr_array_add (files, g_strdup (g_ptr_array_index (regular, i)));
  for (guint i = 0; i < links->len; i++)
    g_ptr_array_add (files, g_strdup (g_ptr_array_index (links, i)));
  g_ptr_array_add (files, NULL);
  target->files = (GStrv)g_ptr_array_free (files, FALSE);
  target->name = g_path_get_basename (name);
}

/* The version of binary package @name that is installed, if it was built from this very source; else NULL. */
static char *
installed_version (const LpSource *source, const char *name)
{
  g_autoptr (GPtrArray) packages = lp_dpkg_installed (name);

  for (guint i = 0; i < packages->len; i++)
    {
      const LpDpkgPackage *package = g_ptr_array_index (packages, i);
      if (strcmp (package->source, source->package) == 0
          && strcmp (package->source_version, source->version) == 0)
        return g_strdup (package->version);
    }
  return NULL;
}

/* Root of the folder that holds package @name's files as shipped: "" for the machine itself, a folder for a
 * fetched package, NULL when there is none. */
static char *
shipped_root (const LpBuildTargetContext *context, const char *name, GPtrArray *notes)
{
  LpSource *source = context->source;
  g_autofree char *version = installed_version (source, name);
  g_autofree char *folder
      = g_strdup_printf ("%s/sources/%s_%s/shipped", context->cache, source->package, source->version);
  g_autofree char *unpacked = g_build_filename (folder, name, NULL);
  g_autofree char *asked = source->asked != NULL ? installed_version (source, source->asked) : NULL;
  g_autoptr (GError) error = NULL;

  if (version != NULL)
    return g_strdup ("");
  if (asked != NULL)
    {
      g_ptr_array_add (notes, g_strdup_printf ("%s is not installed here: left out", name));
      return NULL;
    }
  if (g_file_test (unpacked, G_FILE_TEST_IS_DIR))
    return g_steal_pointer (&unpacked);
  LpApt *apt = lp_source_apt (source, &error);
  char *root = apt != NULL
                   ? lp_apt_fetch_binary (apt, name, source->version, folder, context->cancellable, &error)
                   : NULL;
  if (root == NULL)
    g_ptr_array_add (notes, g_strdup_printf ("%s %s is neither installed nor to be had from the archive",
                                             name, source->version));
  else
    g_ptr_array_add (notes,
                     g_strdup_printf ("%s is not installed here: compared with the archive's package", name));
  return root;
}

static gboolean
is_asked_for (const LpBuildTargetContext *context, const char *path)
{
  return context->request->targets == NULL || context->request->targets[0] == NULL
         || g_strv_contains ((const char *const *)context->request->targets, path);
}

/* Whether packaged file @packaged is @link's output, stripped. */
static gboolean
is_output_of (const LpTracePackaged *packaged, const LpTraceLink *link)
{
  if (packaged->link[0] != '\0')
    return FALSE;
  if (packaged->build_id[0] != '\0' || link->build_id[0] != '\0')
    return strcmp (packaged->build_id, link->build_id) == 0;
  g_autofree char *a = g_path_get_basename (packaged->path);
  g_autofree char *b = g_path_get_basename (link->path);
  return strcmp (a, b) == 0;
}

/* Verifies one installed (or fetched) file of @target. */
static gboolean
verify_packaged (const LpBuildTargetContext *context, LpBuildTarget *target, const LpTracePackaged *packaged,
                 GPtrArray *regular, GPtrArray *notes, GError **error)
{
  g_autofree char *root = NULL;
  g_autofree char *path = NULL;

  if (context->request->installed != NULL)
    path = g_strdup (context->request->installed);
  else
    {
      root = shipped_root (context, packaged->package, notes);
      if (root == NULL)
        return TRUE;
      path = g_strconcat (root, packaged->path, NULL);
    }
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      lp_error_set (error, LP_ERROR_TARGET_MISSING, "reinstall the package", "%s of package %s is missing",
                    path, packaged->package);
      return FALSE;
    }
  g_autofree char *shown = root != NULL && root[0] != '\0'
                               ? g_strdup_printf ("%s of the archive's %s", packaged->path, packaged->package)
                               : g_strdup (path);
  if (!verify (context, target, path, shown, notes, error))
    return FALSE;
  target->installed = TRUE;
  g_free (target->package);
  target->package = g_strdup (packaged->package);
  g_ptr_array_add (regular, g_strdup (packaged->path));
  return TRUE;
}

static gboolean
add_package_target (const LpBuildTargetContext *context, const Candidate *candidate, GPtrArray *targets,
                    GPtrArray *notes, GError **error)
{
  g_autoptr (GPtrArray) regular = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) unshipped = g_ptr_array_new ();
  LpBuildTarget *target = NULL;

  for (guint i = 0; i < context->trace->packaged->len; i++)
    {
      const LpTracePackaged *packaged = g_ptr_array_index (context->trace->packaged, i);
      if (!is_output_of (packaged, candidate->link) || !is_asked_for (context, packaged->path))
        continue;
      if (target == NULL && (target = new_target (candidate, error)) == NULL)
        return FALSE;
      guint before = regular->len;
      if (!verify_packaged (context, target, packaged, regular, notes, error))
        {
          lp_build_target_free (target);
          return FALSE;
        }
      if (regular->len == before)
        g_ptr_array_add (unshipped, (gpointer)packaged);
    }
  if (target == NULL)
    return TRUE;
  /* From a .dsc without any shipped counterpart: what was built here is the target, and the patch says so. */
  if (regular->len == 0 && context->source->origin == LP_BUILD_FROM_DSC)
    {
      for (guint i = 0; i < unshipped->len; i++)
        g_ptr_array_add (regular, g_strdup (((LpTracePackaged *)g_ptr_array_index (unshipped, i))->path));
      target->shipped = lp_elf_ref (target->twin);
    }
  if (regular->len == 0)
    {
      lp_build_target_free (target);
      return TRUE;
    }
  name_files (context->trace, target, regular);
  g_ptr_array_add (targets, target);
  return TRUE;
}

/* The path of a link output below the user's own tree. */
static gboolean
is_tree_target (const LpBuildTargetContext *context, const Candidate *candidate, const char *wanted)
{
  const char *relative = lp_trace_relative (context->trace, candidate->link->path);

  if (g_path_is_absolute (wanted))
    {
      g_autofree char *inside = g_build_filename (context->source->tree_path, relative, NULL);
      return strcmp (inside, wanted) == 0;
    }
  g_autofree char *normal = g_canonicalize_filename (wanted, context->trace->tree);
  return strcmp (normal, candidate->link->path) == 0;
}

/* An installed path that was asked for: is this link output its twin? Equal Build-ID, or equal sections under
 * the same name. */
static gboolean
matches_installed (const Candidate *candidate, const char *path, gboolean by_name)
{
  g_autofree char *id = lp_content_build_id (path);
  g_autofree char *a = g_path_get_basename (path);
  g_autofree char *b = g_path_get_basename (candidate->link->path);

  return by_name ? strcmp (a, b) == 0 : id[0] != '\0' && strcmp (id, candidate->link->build_id) == 0;
}

static const char *
asked_target (const LpBuildTargetContext *context, const Candidate *candidate, gboolean *is_installed)
{
  GStrv wanted = context->request->targets;

  *is_installed = FALSE;
  for (guint i = 0; wanted[i] != NULL; i++)
    if (is_tree_target (context, candidate, wanted[i]))
      return wanted[i];
  *is_installed = TRUE;
  for (guint pass = 0; pass < 2; pass++)
    for (guint i = 0; wanted[i] != NULL; i++)
      if (g_path_is_absolute (wanted[i])
          && matches_installed (candidate, wanted[i], /* by_name= */ pass == 1))
        return wanted[i];
  return NULL;
}

static gboolean
is_latest_output (const LpTrace *trace, const LpTraceLink *link)
{
  for (guint i = trace->links->len; i > 0; i--)
    {
      const LpTraceLink *other = g_ptr_array_index (trace->links, i - 1);
      if (strcmp (other->path, link->path) == 0)
        return other == link;
    }
  return FALSE;
}

static gboolean
add_tree_target (const LpBuildTargetContext *context, const Candidate *candidate, GPtrArray *targets,
                 GPtrArray *notes, GError **error)
{
  gboolean everything = context->request->targets == NULL || context->request->targets[0] == NULL;
  gboolean is_installed = FALSE;
  const char *wanted = NULL;

  if (!is_latest_output (context->trace, candidate->link)
      || !g_file_test (candidate->link->path, G_FILE_TEST_EXISTS))
    return TRUE;
  if (!everything && (wanted = asked_target (context, candidate, &is_installed)) == NULL)
    return TRUE;
  LpBuildTarget *target = new_target (candidate, error);
  if (target == NULL)
    return FALSE;

  const char *shipped = context->request->installed != NULL ? context->request->installed
                        : is_installed                      ? wanted
                                                            : NULL;
  if (shipped != NULL && !verify (context, target, shipped, shipped, notes, error))
    {
      lp_build_target_free (target);
      return FALSE;
    }
  if (shipped == NULL)
    target->shipped = lp_elf_ref (target->twin);
  target->installed = shipped != NULL;
  target->name = g_path_get_basename (is_installed ? wanted : candidate->link->path);
  g_autofree char *file = NULL;
  if (is_installed)
    file = g_strdup (wanted);
  else if (context->request->installed != NULL)
    file = g_canonicalize_filename (context->request->installed, NULL);
  else
    file = g_build_filename (context->source->tree_path,
                             lp_trace_relative (context->trace, candidate->link->path), NULL);
  const char *const files[] = { file, NULL };
  target->files = g_strdupv ((GStrv)files);
  g_ptr_array_add (targets, target);
  return TRUE;
}

static gint
compare_targets (gconstpointer a, gconstpointer b)
{
  const LpBuildTarget *first = *(LpBuildTarget *const *)a;
  const LpBuildTarget *second = *(LpBuildTarget *const *)b;
  int order = strcmp (first->name, second->name);

  return order != 0 ? order : strcmp (first->files[0], second->files[0]);
}

/* Two files of one name in different folders are two objects: as many folders as needed become part of the
 * names. */
static void
make_names_unique (GPtrArray *targets)
{
  for (guint i = 0; i < targets->len; i++)
    {
      LpBuildTarget *target = g_ptr_array_index (targets, i);
      gboolean equal = FALSE;
      for (guint k = 0; k < targets->len; k++)
        if (k != i && strcmp (((LpBuildTarget *)g_ptr_array_index (targets, k))->name, target->name) == 0)
          equal = TRUE;
      if (!equal)
        continue;
      for (guint k = 0; k < targets->len; k++)
        {
          LpBuildTarget *other = g_ptr_array_index (targets, k);
          if (k == i || strcmp (other->name, target->name) != 0)
            continue;
          g_free (other->name);
          other->name = g_strdelimit (g_strdup (other->files[0] + 1), "/", '-');
        }
      g_free (target->name);
      target->name = g_strdelimit (g_strdup (target->files[0] + 1), "/", '-');
    }
  g_ptr_array_sort (targets, compare_targets);
}

/* Nothing of the fix may get lost: each changed unit is in a target, or in link outputs that nobody has
 * installed, which is said once for each of those. */
static gboolean
check_all_covered (const LpBuildTargetContext *context, GPtrArray *changed, GPtrArray *candidates,
                   GPtrArray *targets, GPtrArray *notes, GError **error)
{
  g_autoptr (GHashTable) elsewhere = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < changed->len; i++)
    {
      const LpTraceUnit *unit = g_ptr_array_index (changed, i);
      const Candidate *holder = NULL;
      gboolean covered = FALSE;
      for (guint k = 0; k < targets->len && !covered; k++)
        covered = g_ptr_array_find (((LpBuildTarget *)g_ptr_array_index (targets, k))->units, unit, NULL);
      for (guint k = 0; k < candidates->len && !covered && holder == NULL; k++)
        if (g_ptr_array_find (((Candidate *)g_ptr_array_index (candidates, k))->units, unit, NULL))
          holder = g_ptr_array_index (candidates, k);
      if (covered)
        continue;
      if (holder == NULL)
        {
          lp_error_set (error, LP_ERROR_REFUSED, NULL,
                        "%s changes, but it can't be told into which file its object %s went",
                        lp_trace_relative (context->trace, unit->source), unit->object);
          return FALSE;
        }
      if (g_hash_table_add (elsewhere, (gpointer)holder->link))
        g_ptr_array_add (notes, g_strdup_printf ("%s also changes in %s, which is not among the targets",
                                                 lp_trace_relative (context->trace, unit->source),
                                                 lp_trace_relative (context->trace, holder->link->path)));
    }
  return TRUE;
}

static gboolean
any_is_packaged (const LpTrace *trace, GPtrArray *candidates)
{
  for (guint i = 0; i < candidates->len; i++)
    for (guint k = 0; k < trace->packaged->len; k++)
      if (is_output_of (g_ptr_array_index (trace->packaged, k),
                        ((Candidate *)g_ptr_array_index (candidates, i))->link))
        return TRUE;
  return FALSE;
}

GPtrArray *
lp_build_targets_find (const LpBuildTargetContext *context, GPtrArray *changed, GPtrArray *notes,
                       GError **error)
{
  g_autoptr (GPtrArray) candidates = find_candidates (context->trace, changed);
  g_autoptr (GPtrArray) targets = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_build_target_free);

  for (guint i = 0; i < candidates->len; i++)
    {
      const Candidate *candidate = g_ptr_array_index (candidates, i);
      gboolean ok = context->source->dsc != NULL
                        ? add_package_target (context, candidate, targets, notes, error)
                        : add_tree_target (context, candidate, targets, notes, error);
      if (!ok)
        return NULL;
    }
  if (!check_all_covered (context, changed, candidates, targets, notes, error))
    return NULL;
  if (targets->len == 0 && context->source->dsc != NULL && !any_is_packaged (context->trace, candidates))
    {
      lp_error_set (error, LP_ERROR_NOTHING_TO_PATCH, NULL,
                    "nothing to patch: what the fix changes is in no file of any package");
      return NULL;
    }
  if (targets->len == 0)
    {
      lp_error_set (error, LP_ERROR_TARGET_MISSING, "name it with --target or --installed",
                    "no installed program or library holds what the fix changes");
      return NULL;
    }
  g_ptr_array_sort (targets, compare_targets);
  make_names_unique (targets);
  return g_steal_pointer (&targets);
}
