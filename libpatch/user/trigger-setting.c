/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets the uprobes on the files that are watched and found: in a thread, because it takes some 10 ms and
 * more, and the loop must go on answering. Must not know which files those are. */
#include "base/step.h"
#include "base/urgent.h"
#include "user/trigger-private.h"

#include <fcntl.h>
#include <sys/stat.h>

#define POLL_MS 2

struct LpSetting {
  LpTrigger *trigger;
  GThread *thread;
  LpNet *net;
  GPtrArray *entities;
  GArray *files;      /* int: own descriptors */
  GArray *before;     /* LpProbed */
  GPtrArray *entries; /* result */
  gint has_entries;   /* atomic */
  GArray *probed;     /* result: LpProbed */
  GError *error;
  gboolean are_told; /* of the loop: the trigger has the entries */
  gint done;         /* atomic */
};

static void
note_probed (LpSetting *setting, int fd)
{
  struct stat file;

  if (fstat (fd, &file) != 0)
    return;
  LpProbed probed = { file.st_dev, file.st_ino, 0 };
  for (guint i = 0; i < setting->before->len; i++)
    {
      const LpProbed *before = &g_array_index (setting->before, LpProbed, i);
      if (before->device == file.st_dev && before->inode == file.st_ino)
        probed.since = before->since;
    }
  g_array_append_val (setting->probed, probed);
}

static void
read_targets (LpSetting *setting, GArray *probes)
{
  for (guint i = 0; i < setting->entities->len; i++)
    {
      LpEntity *entity = setting->entities->pdata[i];
      GBytes *entries = NULL;
      for (guint j = 0; j < setting->files->len; j++)
        {
          int fd = g_array_index (setting->files, int, j);
          g_autoptr (LpElf) elf
              = lp_trigger_is_target (fd, entity) ? lp_elf_open_fd (fd, "the target", NULL) : NULL;
          if (elf == NULL)
            continue;
          if (entries == NULL)
            entries = lp_entries_read (entity, elf);
          guint n = probes->len;
          lp_entries_add_probes (entity, elf, entries, fd, probes);
          if (probes->len > n)
            note_probed (setting, fd);
        }
      g_ptr_array_add (setting->entries, entries != NULL ? entries : g_bytes_new (NULL, 0));
    }
}

static gpointer
set_net (gpointer data)
{
  LpSetting *setting = data;
  g_autoptr (GArray) probes = g_array_new (FALSE, TRUE, sizeof (LpProbe));

  lp_urgent_end ();
  read_targets (setting, probes);
  g_atomic_int_set (&setting->has_entries, TRUE);
  gboolean all = lp_net_set (setting->net, probes, &setting->error);
  guint64 now = lp_trigger_now_ns ();
  for (guint i = setting->probed->len; i-- > 0;)
    {
      LpProbed *probed = &g_array_index (setting->probed, LpProbed, i);
      if (probed->since == 0 && all)
        probed->since = now;
      else if (probed->since == 0)
        g_array_remove_index (setting->probed, i); /* which ones failed isn't known */
    }
  g_atomic_int_set (&setting->done, TRUE);
  return NULL;
}

/* As soon as they are known: who is caught meanwhile gets its bytes back, else it would trap for ever. */
static void
publish_entries (LpTrigger *trigger)
{
  LpSetting *setting = trigger->setting;

  if (setting->are_told || !g_atomic_int_get (&setting->has_entries))
    return;
  g_ptr_array_unref (trigger->entries);
  trigger->entries = g_ptr_array_ref (setting->entries);
  setting->are_told = TRUE;
}

static void
add_files (LpSetting *setting, const GArray *files)
{
  for (guint i = 0; i < files->len; i++)
    {
      int fd = fcntl (g_array_index (files, int, i), F_DUPFD_CLOEXEC, 0);
      if (fd >= 0)
        g_array_append_val (setting->files, fd);
    }
}

static LpSetting *
setting_new (LpTrigger *trigger)
{
  LpSetting *setting = g_new0 (LpSetting, 1);

  setting->trigger = trigger;
  setting->net = trigger->net;
  setting->entities = g_ptr_array_ref (trigger->entities);
  setting->files = g_array_new (FALSE, FALSE, sizeof (int));
  add_files (setting, trigger->watched);
  add_files (setting, trigger->found);
  setting->before = g_array_ref (trigger->probed);
  setting->entries = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  setting->probed = g_array_new (FALSE, FALSE, sizeof (LpProbed));
  return setting;
}

static void
setting_free (LpSetting *setting)
{
  g_ptr_array_unref (setting->entities);
  lp_trigger_close_files (setting->files);
  g_array_unref (setting->before);
  g_ptr_array_unref (setting->entries);
  g_array_unref (setting->probed);
  g_clear_error (&setting->error);
  g_free (setting);
}

/* @problems: (nullable) */
static void
finish_setting (LpTrigger *trigger, GPtrArray *problems)
{
  LpSetting *setting = trigger->setting;

  g_thread_join (setting->thread);
  lp_step ("uprobes set");
  publish_entries (trigger);
  trigger->setting = NULL;
  g_array_unref (trigger->probed);
  trigger->probed = g_array_ref (setting->probed);
  lp_trigger_beat_net (trigger, setting->probed->len > 0);
  if (setting->error != NULL && problems != NULL)
    g_ptr_array_add (problems, g_strdup_printf ("the net: %s", setting->error->message));
  setting_free (setting);
}

void
lp_trigger_await_setting (LpTrigger *trigger, GPtrArray *problems)
{
  GPollFD fds[2] = { { .events = G_IO_IN }, { .events = G_IO_IN } };

  if (trigger->setting == NULL)
    return;
  fds[0].fd = lp_net_fd (trigger->net);
  fds[1].fd = trigger->gate_source != NULL ? lp_gate_fd (trigger->gate) : -1;
  while (!g_atomic_int_get (&trigger->setting->done))
    {
      lp_trigger_poll (fds, G_N_ELEMENTS (fds), POLL_MS);
      publish_entries (trigger);
      lp_trigger_dispatch_gate (trigger);
      lp_trigger_dispatch_net (trigger);
      lp_trigger_enforce_deadline (trigger);
    }
  finish_setting (trigger, problems);
}

void
lp_trigger_set_net (LpTrigger *trigger, GPtrArray *problems)
{
  LpSetting *setting = setting_new (trigger);

  lp_net_forget (trigger->net);
  setting->thread = g_thread_try_new ("net", set_net, setting, &setting->error);
  if (setting->thread != NULL)
    {
      trigger->setting = setting;
      lp_trigger_await_setting (trigger, problems);
      return;
    }
  g_ptr_array_add (problems, g_strdup_printf ("the net: %s", setting->error->message));
  setting_free (setting);
}

/* A bind may have ended it already. */
static gboolean
extension_over (gpointer data)
{
  LpTrigger *trigger = data;

  trigger->threads--;
  if (trigger->setting != NULL && g_atomic_int_get (&trigger->setting->done))
    finish_setting (trigger, NULL);
  if (trigger->must_set_again)
    lp_trigger_extend_net (trigger);
  lp_trigger_look_who_waits (trigger);
  return G_SOURCE_REMOVE;
}

static gpointer
extend_net (gpointer data)
{
  LpSetting *setting = data;
  LpTrigger *trigger = setting->trigger;

  set_net (setting); /* it isn't ours any more */
  lp_trigger_run_in_loop (trigger, extension_over, trigger);
  return NULL;
}

void
lp_trigger_extend_net (LpTrigger *trigger)
{
  trigger->must_set_again = trigger->setting != NULL;
  if (trigger->net == NULL || trigger->closing || trigger->setting != NULL)
    return;
  LpSetting *setting = setting_new (trigger);
  setting->thread = g_thread_try_new ("net", extend_net, setting, NULL);
  if (setting->thread == NULL)
    {
      setting_free (setting); /* the file's processes are patched after the fact, and counted */
      return;
    }
  trigger->setting = setting;
  trigger->threads++;
}
