/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verifies a patch's target against the package database. Must not know polkit or the bus. */
#include "facts.h"

#include "elf/elf-file.h"
#include "fd.h"
#include "kernel/identity.h"
#include "package-db.h"
#include "truth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void
sc_target_facts_free (ScTargetFacts *facts)
{
  if (facts == NULL)
    return;
  g_free (facts->name);
  g_free (facts->source);
  g_free (facts->version);
  g_free (facts->object);
  g_free (facts->build_id);
  g_free (facts->why_not);
  g_free (facts);
}

static void
set (char **fact, const char *value)
{
  g_free (*fact);
  *fact = g_strdup (value);
}

static gboolean
only_root_writes (const struct stat *status)
{
  return status->st_uid == 0 && (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Whether nobody but root can change what @path (resolved) names: the file and every directory above it. */
static gboolean
path_is_roots (const char *path, char **why)
{
  g_autofree char *part = g_strdup (path);
  struct stat status;

  for (;;)
    {
      if (lstat (part, &status) != 0 || !only_root_writes (&status))
        {
          *why = g_strdup_printf ("%s: others than root can change it", part);
          return FALSE;
        }
      if (g_str_equal (part, "/"))
        return TRUE;
      char *parent = g_path_get_dirname (part);
      g_free (part);
      part = parent;
    }
}

static gboolean
build_id_is (int fd, const char *expected)
{
  g_autoptr (GBytes) bytes = lp_elf_peek_build_id_fd (fd);
  gsize size = 0;
  const guint8 *data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;
  g_autofree char *hex = sc_hex (data, size);

  return size > 0 && g_str_equal (hex, expected);
}

static char *
digest_fd (int fd, GChecksumType type)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (type);
  g_autofree guint8 *buffer = g_malloc (1 << 16);
  off_t offset = 0;

  for (;;)
    {
      ssize_t n = pread (fd, buffer, 1 << 16, offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return NULL;
      if (n == 0)
        return g_strdup (g_checksum_get_string (checksum));
      g_checksum_update (checksum, buffer, n);
      offset += n;
    }
}

/* Looks at one file; TRUE when everything about it is proven. Fills in the owner as far as it is certain, and
 * only when the file really is the build that the patch is for: else naming the package would repeat the
 * patch's claim. */
static gboolean
look_at_file (const char *path, const ScPatchInfo *info, ScTargetFacts *facts, char **why)
{
  SC_AUTO_FD fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  struct stat status;

  if (fd < 0 || fstat (fd, &status) != 0 || !S_ISREG (status.st_mode))
    {
      *why = g_strdup_printf ("%s: not a readable regular file", path);
      return FALSE;
    }
  if (!build_id_is (fd, info->build_id))
    {
      *why = g_strdup_printf ("%s is another build than the patch is for", path);
      return FALSE;
    }

  g_autoptr (ScPackageFile) package = sc_package_db_find (path, why);
  if (package == NULL)
    return FALSE;
  if (facts->source[0] != '\0' && !g_str_equal (facts->source, package->source))
    {
      *why = g_strdup_printf ("the target's files belong to both %s and %s", facts->source, package->source);
      return FALSE;
    }
  g_autofree char *object = g_path_get_basename (path);
  set (&facts->name, package->name);
  set (&facts->source, package->source);
  set (&facts->version, package->version);
  set (&facts->object, object);

  if (!path_is_roots (path, why))
    return FALSE;
  g_autofree char *digest = digest_fd (fd, package->digest_type);
  if (digest == NULL || !g_str_equal (digest, package->digest))
    {
      *why = g_strdup_printf ("%s differs from what package %s put there", path, package->name);
      return FALSE;
    }
  return TRUE;
}

/* The kernel that runs, as far as it can be known: release and Build-ID are those that the patch is for, and
 * the image of that release is, unchanged, the file that a package put there. */
static gboolean
look_at_kernel (const ScPatchInfo *info, ScTargetFacts *facts)
{
  g_autofree char *release = lp_kernel_release ();
  g_autofree char *build_id = lp_kernel_build_id (&lp_kernel_paths_default, "vmlinux");
  g_autofree char *image = g_strconcat ("/boot/vmlinuz-", release, NULL);
  g_autofree char *path = realpath (image, NULL);
  SC_AUTO_FD fd = path != NULL ? open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY) : -1;

  if (!g_str_equal (release, info->kernel_release) || g_strcmp0 (build_id, info->build_id) != 0)
    facts->why_not = g_strdup ("another kernel than the patch is for is running");
  else if (fd < 0)
    facts->why_not = g_strdup_printf ("%s: the running kernel's image isn't there", image);
  if (facts->why_not != NULL)
    return FALSE;

  g_autoptr (ScPackageFile) package = sc_package_db_find (path, &facts->why_not);
  if (package == NULL)
    return FALSE;
  set (&facts->name, package->name);
  set (&facts->source, package->source);
  set (&facts->version, package->version);
  set (&facts->object, info->object);
  g_autofree char *digest = digest_fd (fd, package->digest_type);
  if (!path_is_roots (path, &facts->why_not))
    return FALSE;
  if (digest == NULL || !g_str_equal (digest, package->digest))
    {
      facts->why_not = g_strdup_printf ("%s differs from what package %s put there", path, package->name);
      return FALSE;
    }
  return TRUE;
}

/* The patch's paths, links resolved, each once. Paths that don't exist are left out: they patch nothing. */
static GPtrArray *
resolve_paths (const ScPatchInfo *info)
{
  GPtrArray *paths = g_ptr_array_new_with_free_func (free);

  for (guint i = 0; info->files[i] != NULL; i++)
    {
      char *path = info->files[i][0] == '/' ? realpath (info->files[i], NULL) : NULL;

      if (path == NULL)
        continue;
      if (g_ptr_array_find_with_equal_func (paths, path, g_str_equal, NULL))
        free (path);
      else
        g_ptr_array_add (paths, path);
    }
  return paths;
}

ScTargetFacts *
sc_facts_look_up (const ScPatchInfo *info)
{
  ScTargetFacts *facts = g_new0 (ScTargetFacts, 1);
  g_autoptr (GPtrArray) paths = resolve_paths (info);

  facts->name = g_strdup ("");
  facts->source = g_strdup ("");
  facts->version = g_strdup ("");
  facts->object = g_strdup ("");
  facts->build_id = g_strdup (info->build_id);
  if (g_str_equal (info->kind, "kernel"))
    {
      facts->verified = look_at_kernel (info, facts);
      if (facts->why_not == NULL)
        facts->why_not = g_strdup ("");
      return facts;
    }
  facts->verified = paths->len > 0;

  for (guint i = 0; i < paths->len && facts->verified; i++)
    facts->verified = look_at_file (g_ptr_array_index (paths, i), info, facts, &facts->why_not);
  if (facts->why_not == NULL)
    facts->why_not = g_strdup (facts->verified ? "" : "no file of the target is on this machine");
  return facts;
}

static ScTargetFacts *
copy_facts (const ScTargetFacts *facts)
{
  ScTargetFacts *copy = g_new0 (ScTargetFacts, 1);

  copy->name = g_strdup (facts->name);
  copy->source = g_strdup (facts->source);
  copy->version = g_strdup (facts->version);
  copy->object = g_strdup (facts->object);
  copy->build_id = g_strdup (facts->build_id);
  copy->why_not = g_strdup (facts->why_not);
  copy->verified = facts->verified;
  return copy;
}

/* Several patches of one target are looked up once per request; nothing is remembered beyond it. */
static const ScTargetFacts *
find_same_target (GPtrArray *infos, GPtrArray *facts)
{
  const ScPatchInfo *wanted = g_ptr_array_index (infos, facts->len);

  for (guint i = 0; i < facts->len; i++)
    {
      const ScPatchInfo *info = g_ptr_array_index (infos, i);

      if (g_str_equal (info->build_id, wanted->build_id) && g_str_equal (info->kind, wanted->kind)
          && g_strv_equal ((const char *const *)info->files, (const char *const *)wanted->files))
        return g_ptr_array_index (facts, i);
    }
  return NULL;
}

static void
facts_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GPtrArray *infos = data;
  GPtrArray *facts = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_target_facts_free);

  for (guint i = 0; i < infos->len && !g_cancellable_is_cancelled (cancellable); i++)
    {
      const ScTargetFacts *same = find_same_target (infos, facts);

      g_ptr_array_add (facts,
                       same != NULL ? copy_facts (same) : sc_facts_look_up (g_ptr_array_index (infos, i)));
    }
  g_task_return_pointer (task, facts, (GDestroyNotify)g_ptr_array_unref);
}

void
sc_facts_async (GPtrArray *infos, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_task_data (task, g_ptr_array_ref (infos), (GDestroyNotify)g_ptr_array_unref);
  g_task_run_in_thread (task, facts_thread);
}

GPtrArray *
sc_facts_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
