/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files are watched for which patches. Must not know what happens to those who come, nor how uprobes
 * are set. */
#include "base/step.h"
#include "user/own-table.h"
#include "user/trigger-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TABLE_POLL_MS 1

void
lp_trigger_close_files (GArray *files)
{
  for (guint i = 0; i < files->len; i++)
    close (g_array_index (files, int, i));
  g_array_unref (files);
}

static gboolean
is_same_inode (int a, int b)
{
  struct stat one, other;

  return fstat (a, &one) == 0 && fstat (b, &other) == 0 && one.st_dev == other.st_dev
         && one.st_ino == other.st_ino;
}

int
lp_trigger_find_file (const GArray *watched, int fd)
{
  for (guint i = 0; watched != NULL && i < watched->len; i++)
    if (is_same_inode (fd, g_array_index (watched, int, i)))
      return g_array_index (watched, int, i);
  return -1;
}

/* The same of some that may have leases. These don't end with our descriptors, of which threads may have
 * copies, but belong to those of the same file that are kept. */
static void
close_all (LpTrigger *trigger, GArray *files)
{
  for (guint i = 0; i < files->len; i++)
    {
      int fd = g_array_index (files, int, i);
      if (lp_trigger_find_file (trigger->watched, fd) < 0 && lp_trigger_find_file (trigger->found, fd) < 0)
        lp_trigger_end_lease (trigger, fd);
      g_hash_table_remove (trigger->leased, GINT_TO_POINTER (fd));
    }
  lp_trigger_close_files (files);
}

/* Takes the marks of @from away, except on inodes that are also in @keep. */
static void
unwatch_missing (LpTrigger *trigger, const GArray *from, const GArray *keep)
{
  for (guint i = 0; trigger->gate != NULL && i < from->len; i++)
    if (lp_trigger_find_file (keep, g_array_index (from, int, i)) < 0)
      lp_gate_unwatch (trigger->gate, g_array_index (from, int, i), NULL);
}

gboolean
lp_trigger_is_target (int fd, LpEntity *entity)
{
  g_autoptr (GBytes) found = lp_elf_peek_build_id_fd (fd);
  const LpEntityIdentity *identity = lp_entity_identity (entity);
  gsize size = 0;
  const void *build_id = found != NULL ? g_bytes_get_data (found, &size) : NULL;

  return build_id != NULL && size == identity->build_id_size
         && memcmp (build_id, identity->build_id, size) == 0;
}

/* Opens the file that @fd (O_PATH) is on for reading. One that is watched already, from before or just now
 * under another name (@watched), must not be opened by the loop, which would hold itself: its descriptor is
 * used again. What was only seen in a process has no descriptor, but may have a gate. */
static int
open_for_reading (LpTrigger *trigger, int fd, const GArray *watched)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  int known = lp_trigger_find_file (trigger->watched, fd);

  if (known < 0)
    known = lp_trigger_find_file (watched, fd);
  if (known < 0)
    known = lp_trigger_find_file (trigger->found, fd);
  if (known < 0 && trigger->gate != NULL)
    lp_gate_unwatch (trigger->gate, fd, NULL);
  return known >= 0 ? fcntl (known, F_DUPFD_CLOEXEC, 0)
                    : open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* A descriptor of @path's file, open for reading, if that is the target of @entity; -1 and a line in
 * @problems or, when there is no such file, in @missing otherwise. */
static int
find_target (LpTrigger *trigger, const char *path, LpEntity *entity, const GArray *watched,
             GPtrArray *problems, GPtrArray *missing)
{
  int fd = open (path, O_PATH | O_CLOEXEC);
  int readable = fd >= 0 ? open_for_reading (trigger, fd, watched) : -1;
  int number = errno;

  if (fd >= 0)
    close (fd);
  gboolean is_written = readable >= 0 && !lp_trigger_lease (trigger, readable);
  if (readable >= 0 && !is_written && lp_trigger_is_target (readable, entity))
    return readable;
  gboolean is_missing = readable < 0 && (number == ENOENT || number == ENOTDIR);
  g_ptr_array_add (is_missing ? missing : problems,
                   g_strdup_printf ("%s: %s", path,
                                    readable < 0 ? g_strerror (number)
                                    : is_written ? "is being written to; `syscare rescan` when that is done"
                                                 : "is another build now"));
  if (readable >= 0 && lp_trigger_find_file (trigger->watched, readable) < 0
      && lp_trigger_find_file (trigger->found, readable) < 0 && lp_trigger_find_file (watched, readable) < 0)
    lp_trigger_end_lease (trigger, readable);
  g_hash_table_remove (trigger->leased, GINT_TO_POINTER (readable));
  if (readable >= 0)
    close (readable);
  return -1;
}

static gboolean
watch_binding (LpTrigger *trigger, const LpBinding *binding, GArray *watched, GPtrArray *problems,
               GError **error)
{
  g_autoptr (GPtrArray) missing = g_ptr_array_new_with_free_func (g_free);
  gboolean is_found = FALSE;

  for (guint i = 0; binding->files != NULL && binding->files[i] != NULL; i++)
    {
      int fd = find_target (trigger, binding->files[i], binding->entity, watched, problems, missing);
      if (fd < 0)
        continue;
      is_found = TRUE;
      gboolean is_new = lp_trigger_find_file (watched, fd) < 0;
      if (is_new)
        g_array_append_val (watched, fd);
      else
        {
          g_hash_table_remove (trigger->leased, GINT_TO_POINTER (fd));
          close (fd); /* another name of the same file */
        }
      if (is_new && trigger->gate != NULL && !lp_gate_watch (trigger->gate, fd, error))
        return FALSE;
    }
  /* Not every package that has a name of the file is on every machine. */
  for (guint i = 0; i < missing->len && !is_found; i++)
    g_ptr_array_add (problems, g_strdup (missing->pdata[i]));
  return TRUE;
}

/* When it returns no uprobe stands any more that isn't wanted: a thread that is just getting its own table of
 * descriptors keeps them for a moment. */
static void
set_net (LpTrigger *trigger, GPtrArray *problems)
{
  if (trigger->net == NULL)
    return;
  lp_trigger_set_net (trigger, problems);
  while (!lp_own_table_are_all_taken ())
    lp_trigger_poll (NULL, 0, TABLE_POLL_MS);
}

gboolean
lp_trigger_bind (LpTrigger *trigger, GPtrArray *bindings, GPtrArray **problems, GError **error)
{
  GArray *watched = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GPtrArray) entities = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_entity_unref);

  *problems = g_ptr_array_new_with_free_func (g_free);
  lp_trigger_await_setting (trigger, NULL);
  for (guint i = 0; i < bindings->len; i++)
    {
      const LpBinding *binding = bindings->pdata[i];
      g_ptr_array_add (entities, lp_entity_ref (binding->entity));
      if (!watch_binding (trigger, binding, watched, *problems, error))
        {
          unwatch_missing (trigger, watched, trigger->watched);
          close_all (trigger, watched);
          return FALSE;
        }
    }
  GArray *before = trigger->watched;
  unwatch_missing (trigger, before, watched);
  trigger->watched = watched;
  g_ptr_array_unref (trigger->entities);
  trigger->entities = g_steal_pointer (&entities);
  g_ptr_array_unref (trigger->entries);
  trigger->entries = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  lp_trigger_prune_found (trigger, before);
  lp_trigger_set_watch (trigger);
  lp_step ("files watched");
  set_net (trigger, *problems);
  close_all (trigger, before); /* whoever wants to write to them may: nothing of ours is on them */
  lp_trigger_survey (trigger);
  return TRUE;
}

/* What remains of the files is bound as before. */
static void
let_go_of (LpTrigger *trigger, const GArray *gone)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);

  lp_trigger_await_setting (trigger, NULL);
  for (guint i = 0; i < gone->len && trigger->gate != NULL; i++)
    lp_gate_unwatch (trigger->gate, g_array_index (gone, int, i), NULL);
  set_net (trigger, problems);
}

static void
report_written (LpTrigger *trigger, int fd)
{
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *path = g_file_read_link (link, NULL);
  g_autofree char *reason = g_strdup_printf ("%s: is being written to; nothing is bound to it any more",
                                             path != NULL ? path : "a target's file");
  const LpMeetResult result = { .outcome = LP_MEET_FAILED, .reason = reason };

  trigger->report (&result, trigger->user_data);
}

static void
take_written (LpTrigger *trigger, GArray *files, GArray *gone)
{
  for (guint i = files->len; i-- > 0;)
    {
      int fd = g_array_index (files, int, i);
      if (!lp_trigger_lease_is_wanted (trigger, fd))
        continue;
      g_array_append_val (gone, fd);
      g_array_remove_index_fast (files, i);
    }
}

void
lp_trigger_let_go_of_written (LpTrigger *trigger)
{
  GArray *gone = g_array_new (FALSE, FALSE, sizeof (int));

  take_written (trigger, trigger->watched, gone);
  take_written (trigger, trigger->found, gone);
  take_written (trigger, trigger->dropped, gone);
  if (gone->len > 0)
    let_go_of (trigger, gone);
  for (guint i = 0; i < gone->len; i++)
    {
      lp_trigger_end_lease (trigger, g_array_index (gone, int, i));
      report_written (trigger, g_array_index (gone, int, i));
    }
  close_all (trigger, gone);
}

void
lp_trigger_unwatch_all (LpTrigger *trigger)
{
  GArray *gone = trigger->watched;

  if (trigger->found->len > 0)
    g_array_append_vals (gone, trigger->found->data, trigger->found->len);
  g_array_set_size (trigger->found, 0);
  lp_trigger_take_dropped (trigger, gone);
  trigger->watched = g_array_new (FALSE, FALSE, sizeof (int));
  if (gone->len > 0)
    let_go_of (trigger, gone);
  close_all (trigger, gone);
}
