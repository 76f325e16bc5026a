/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of processes that map a target's file which nobody watches: a copy in a container's image, or
 * any file when there is no gate. They are patched after the fact, and the file's gate is set for those that
 * follow. Must not know how they are seen.
 *
 * Such a file may lie on a mount that its owner wants to take away: nothing here keeps it open. */
#include "base/urgent.h"
#include "user/trigger-private.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* After an event they are read this often (part of the window), until so many times none has come: a machine
 * on which programs start all the time isn't made to tell each of them. */
#define PAUSE_MS 5
#define QUIET_TIMES 10
#define FOUND_MAX 1024 /* files; further ones are handled after the fact each time */

typedef struct {
  LpTrigger *trigger;
  int pid;
  guint64 start, end;
  GPtrArray *entities;
  GArray *watched;    /* dup()s */
  gboolean is_probed; /* the net catches whoever reaches an old function */
  gboolean is_news;
} Sighting;

static void
sighting_free (Sighting *sighting)
{
  for (guint i = 0; i < sighting->watched->len; i++)
    close (g_array_index (sighting->watched, int, i));
  g_array_unref (sighting->watched);
  g_ptr_array_unref (sighting->entities);
  g_free (sighting);
}

static gboolean
sighting_finished (gpointer data)
{
  Sighting *sighting = data;
  LpTrigger *trigger = sighting->trigger;

  trigger->threads--;
  if (sighting->is_news && !trigger->closing)
    lp_trigger_plan_look (trigger, sighting->pid, NULL, "it runs a copy of the target's file");
  trigger->counts.spotted += sighting->is_news;
  sighting_free (sighting);
  return G_SOURCE_REMOVE;
}

static gboolean
is_watched (const Sighting *sighting, const struct stat *file)
{
  struct stat other;

  for (guint i = 0; i < sighting->watched->len; i++)
    if (fstat (g_array_index (sighting->watched, int, i), &other) == 0 && other.st_dev == file->st_dev
        && other.st_ino == file->st_ino)
      return TRUE;
  return FALSE;
}

/* Opens the mapped file, which may take as long as its file system likes, and sets its gate. */
static gpointer
sighting_thread (gpointer data)
{
  Sighting *sighting = data;
  LpTrigger *trigger = sighting->trigger;
  lp_urgent_end ();
  g_autofree char *path
      = g_strdup_printf ("/proc/%d/map_files/%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x", sighting->pid,
                         sighting->start, sighting->end);
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat file;

  if (fd >= 0 && fstat (fd, &file) == 0)
    {
      gboolean watched = is_watched (sighting, &file);
      if (!watched && trigger->gate != NULL && g_atomic_int_add (&trigger->n_found, 1) < FOUND_MAX)
        lp_gate_watch (trigger->gate, fd, NULL);
      sighting->is_news = !watched || (trigger->gate == NULL && !sighting->is_probed);
    }
  if (fd >= 0)
    close (fd);
  lp_trigger_run_in_loop (trigger, sighting_finished, sighting);
  return NULL;
}

/* Its mapping is in the kernel's ring, too, which is read a little later. */
static gboolean
was_met (const LpTrigger *trigger, int pid, guint64 start)
{
  for (guint i = 0; i < LP_TRIGGER_MET_MAX; i++)
    if (trigger->met[i].pid == pid && trigger->met[i].code == start)
      return TRUE;
  return FALSE;
}

static void
handle_sighting (int pid, guint64 start, guint64 end, gpointer user_data)
{
  LpTrigger *trigger = user_data;

  if (trigger->closing || pid == getpid () || g_hash_table_contains (trigger->held, GINT_TO_POINTER (pid))
      || was_met (trigger, pid, start))
    return; /* met at the gate just now */
  Sighting *sighting = g_new0 (Sighting, 1);
  sighting->trigger = trigger;
  sighting->pid = pid;
  sighting->start = start;
  sighting->end = end;
  sighting->entities = g_ptr_array_ref (trigger->entities);
  sighting->is_probed = trigger->net != NULL;
  for (guint i = 0; i < trigger->entities->len; i++)
    sighting->is_probed &= lp_entries_all_can_have_probes (trigger->entities->pdata[i]);
  sighting->watched = g_array_new (FALSE, FALSE, sizeof (int));
  for (guint i = 0; i < trigger->watched->len; i++)
    {
      int fd = fcntl (g_array_index (trigger->watched, int, i), F_DUPFD_CLOEXEC, 0);
      if (fd >= 0)
        g_array_append_val (sighting->watched, fd);
    }
  if (lp_trigger_start_thread (trigger, "sighting", sighting_thread, sighting))
    return;
  sighting_free (sighting);
  lp_trigger_plan_look (trigger, pid, NULL, "too many processes were starting at once");
}

static void
read_sightings (LpTrigger *trigger, gboolean *is_quiet)
{
  lp_trigger_collect (trigger); /* so that nobody seems to be held who isn't */
  if (!lp_spotter_dispatch (trigger->spotter, handle_sighting, trigger, is_quiet))
    lp_trigger_scan (trigger);
}

static void listen (LpTrigger *trigger);

static gboolean
on_pause_end (gpointer data)
{
  LpTrigger *trigger = data;
  gboolean is_quiet;

  read_sightings (trigger, &is_quiet);
  trigger->n_quiet = is_quiet ? trigger->n_quiet + 1 : 0;
  if (trigger->n_quiet < QUIET_TIMES)
    return G_SOURCE_CONTINUE;
  g_clear_pointer (&trigger->spotter_source, g_source_unref);
  lp_spotter_listen (trigger->spotter);
  listen (trigger);
  read_sightings (trigger, &is_quiet); /* what came before that */
  return G_SOURCE_REMOVE;
}

/* The first one is handled at once. */
static gboolean
spotter_is_readable (int fd, GIOCondition condition, gpointer user_data)
{
  LpTrigger *trigger = user_data;
  gboolean is_quiet;

  read_sightings (trigger, &is_quiet);
  g_clear_pointer (&trigger->spotter_source, g_source_unref);
  trigger->n_quiet = 0;
  trigger->spotter_source = g_timeout_source_new (PAUSE_MS);
  g_source_set_callback (trigger->spotter_source, on_pause_end, trigger, NULL);
  g_source_attach (trigger->spotter_source, trigger->context);
  return G_SOURCE_REMOVE;
}

static void
listen (LpTrigger *trigger)
{
  trigger->spotter_source = g_unix_fd_source_new (lp_spotter_fd (trigger->spotter), G_IO_IN);
  g_source_set_callback (trigger->spotter_source, G_SOURCE_FUNC (spotter_is_readable), trigger, NULL);
  g_source_attach (trigger->spotter_source, trigger->context);
}

void
lp_trigger_open_spotter (LpTrigger *trigger)
{
  g_autoptr (GError) error = NULL;

  trigger->spotter = lp_spotter_new (&error);
  if (trigger->spotter == NULL)
    g_ptr_array_add (trigger->lacks, g_strconcat ("events: ", error->message, NULL));
  else
    listen (trigger);
}

void
lp_trigger_set_spotter (LpTrigger *trigger)
{
  g_autoptr (GPtrArray) build_ids = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);

  if (trigger->spotter == NULL)
    return;
  for (guint i = 0; i < trigger->entities->len && !trigger->closing; i++)
    {
      const LpEntityIdentity *identity = lp_entity_identity (trigger->entities->pdata[i]);
      g_ptr_array_add (build_ids, g_bytes_new (identity->build_id, identity->build_id_size));
    }
  lp_spotter_set (trigger->spotter, build_ids);
}

void
lp_trigger_close_spotter (LpTrigger *trigger)
{
  if (trigger->spotter_source != NULL)
    {
      g_source_destroy (trigger->spotter_source);
      g_clear_pointer (&trigger->spotter_source, g_source_unref);
    }
  g_clear_pointer (&trigger->spotter, lp_spotter_free);
}
