/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files are watched and probed for which patches. Must not know what happens to those who come. */
#include "base/step.h"
#include "base/urgent.h"
#include "user/trigger-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTING_POLL_MS 2

static void
close_all (LpTrigger *trigger, GArray *watched)
{
  for (guint i = 0; i < watched->len; i++)
    {
      g_hash_table_remove (trigger->leased, GINT_TO_POINTER (g_array_index (watched, int, i)));
      close (g_array_index (watched, int, i));
    }
  g_array_unref (watched);
}

static gboolean
is_same_inode (int a, int b)
{
  struct stat one, other;

  return fstat (a, &one) == 0 && fstat (b, &other) == 0 && one.st_dev == other.st_dev
         && one.st_ino == other.st_ino;
}

/* The descriptor in @watched that is on the same file as @fd; -1: none is. */
static int
find_inode (const GArray *watched, int fd)
{
  for (guint i = 0; watched != NULL && i < watched->len; i++)
    if (is_same_inode (fd, g_array_index (watched, int, i)))
      return g_array_index (watched, int, i);
  return -1;
}

/* Takes the marks of @from away, except on inodes that are also in @keep. */
static void
unwatch_missing (LpTrigger *trigger, const GArray *from, const GArray *keep)
{
  for (guint i = 0; trigger->gate != NULL && i < from->len; i++)
    if (find_inode (keep, g_array_index (from, int, i)) < 0)
      lp_gate_unwatch (trigger->gate, g_array_index (from, int, i), NULL);
}

/* Whether the file behind @fd is the target of @entity. */
static gboolean
is_target (int fd, LpEntity *entity)
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
 * used again. */
static int
open_for_reading (LpTrigger *trigger, int fd, const GArray *watched)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  int known = find_inode (trigger->watched, fd);

  if (known < 0)
    known = find_inode (watched, fd);
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
  if (readable >= 0 && !is_written && is_target (readable, entity))
    return readable;
  gboolean is_missing = readable < 0 && (number == ENOENT || number == ENOTDIR);
  g_ptr_array_add (is_missing ? missing : problems,
                   g_strdup_printf ("%s: %s", path,
                                    readable < 0 ? g_strerror (number)
                                    : is_written ? "is being written to; `syscare rescan` when that is done"
                                                 : "is another build now"));
  if (readable >= 0 && find_inode (trigger->watched, readable) < 0 && find_inode (watched, readable) < 0)
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
      gboolean is_new = find_inode (watched, fd) < 0;
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

/* ---- the net's part, in a thread: it takes some 10 ms and more, and the loop must go on answering ---- */

typedef struct {
  LpNet *net;
  GPtrArray *entities;
  GArray *watched;
  GPtrArray *entries; /* result */
  GError *error;
  gboolean has_probes;
  gint done; /* atomic */
} Setting;

static gpointer
set_net (gpointer data)
{
  Setting *setting = data;
  g_autoptr (GArray) probes = g_array_new (FALSE, TRUE, sizeof (LpProbe));

  lp_urgent_end ();
  for (guint i = 0; i < setting->entities->len; i++)
    {
      LpEntity *entity = setting->entities->pdata[i];
      GBytes *entries = NULL;
      for (guint j = 0; j < setting->watched->len; j++)
        {
          int fd = g_array_index (setting->watched, int, j);
          g_autoptr (LpElf) elf = is_target (fd, entity) ? lp_elf_open_fd (fd, "the target", NULL) : NULL;
          if (elf == NULL)
            continue;
          if (entries == NULL)
            entries = lp_entries_read (entity, elf);
          lp_entries_add_probes (entity, elf, entries, fd, probes);
        }
      g_ptr_array_add (setting->entries, entries != NULL ? entries : g_bytes_new (NULL, 0));
    }
  setting->has_probes = probes->len > 0;
  lp_net_set (setting->net, probes, &setting->error);
  g_atomic_int_set (&setting->done, TRUE);
  return NULL;
}

/* Sets the uprobes; meanwhile gate and net are served. */
static void
bind_net (LpTrigger *trigger, GPtrArray *problems)
{
  Setting setting = { .net = trigger->net, .entities = trigger->entities, .watched = trigger->watched };
  GPollFD fds[]
      = { { .fd = lp_net_fd (trigger->net), .events = G_IO_IN },
          { .fd = trigger->gate_source != NULL ? lp_gate_fd (trigger->gate) : -1, .events = G_IO_IN } };

  setting.entries = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  lp_net_forget (trigger->net);
  GThread *thread = g_thread_try_new ("net", set_net, &setting, &setting.error);
  while (thread != NULL && !g_atomic_int_get (&setting.done))
    {
      lp_trigger_poll (fds, G_N_ELEMENTS (fds), SETTING_POLL_MS);
      lp_trigger_dispatch_gate (trigger);
      lp_trigger_dispatch_net (trigger);
      lp_trigger_enforce_deadline (trigger);
    }
  if (thread != NULL)
    g_thread_join (thread);
  lp_step ("uprobes set");
  g_ptr_array_unref (trigger->entries);
  trigger->entries = setting.entries;
  lp_trigger_beat_net (trigger, setting.has_probes);
  if (setting.error != NULL)
    g_ptr_array_add (problems, g_strdup_printf ("the net: %s", setting.error->message));
  g_clear_error (&setting.error);
}

gboolean
lp_trigger_bind (LpTrigger *trigger, GPtrArray *bindings, GPtrArray **problems, GError **error)
{
  GArray *watched = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GPtrArray) entities = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_entity_unref);

  *problems = g_ptr_array_new_with_free_func (g_free);
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
  lp_trigger_set_spotter (trigger);
  lp_step ("files watched");
  if (trigger->net != NULL)
    bind_net (trigger, *problems);
  close_all (trigger, before); /* whoever wants to write to them may: nothing of ours is on them */
  return TRUE;
}

/* What remains of trigger->watched is bound as before. */
static void
let_go_of (LpTrigger *trigger, const GArray *gone)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < gone->len && trigger->gate != NULL; i++)
    lp_gate_unwatch (trigger->gate, g_array_index (gone, int, i), NULL);
  if (trigger->net != NULL)
    bind_net (trigger, problems);
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

void
lp_trigger_let_go_of_written (LpTrigger *trigger)
{
  GArray *gone = g_array_new (FALSE, FALSE, sizeof (int));

  for (guint i = trigger->watched->len; i-- > 0;)
    {
      int fd = g_array_index (trigger->watched, int, i);
      if (!lp_trigger_lease_is_wanted (trigger, fd))
        continue;
      g_array_append_val (gone, fd);
      g_array_remove_index_fast (trigger->watched, i);
    }
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

  trigger->watched = g_array_new (FALSE, FALSE, sizeof (int));
  if (gone->len > 0)
    let_go_of (trigger, gone);
  close_all (trigger, gone);
}
