/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of processes that map a target's file which nobody watches: a copy in a container's image, or
 * any file when there is no gate. They are patched after the fact, and gate and net are set for those that
 * follow. Must not know how they are seen.
 *
 * Such a file may lie on a mount that its owner wants to take away: it isn't kept open by that one
 * (user/origin.h). */
#include "base/io.h"
#include "base/urgent.h"
#include "user/origin.h"
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
  int file;            /* O_PATH; -1: the process is gone */
  guint64 time;        /* of the mapping */
  char *path;          /* (nullable) */
  GArray *watched;     /* LpProbed, without time */
  GArray *probed;      /* LpProbed */
  gboolean is_probed;  /* where the net is, it catches whoever reaches an old function */
  int origin;          /* a file that may be kept open; -1: there is none, or it is known */
  gboolean is_unknown; /* what file it is can't be told any more */
  gboolean is_news;
} Sighting;

static void
sighting_free (Sighting *sighting)
{
  lp_fd_clear (&sighting->file);
  lp_fd_clear (&sighting->origin);
  g_free (sighting->path);
  g_array_unref (sighting->watched);
  g_array_unref (sighting->probed);
  g_free (sighting);
}

static gboolean
is_watched_path (const LpTrigger *trigger, const char *path)
{
  for (guint i = 0; i < trigger->watched->len; i++)
    {
      g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", g_array_index (trigger->watched, int, i));
      g_autofree char *watched = g_file_read_link (link, NULL);
      if (g_strcmp0 (watched, path) == 0)
        return TRUE;
    }
  return FALSE;
}

/* What file it was can't be told. If the net stood there, it has seen the process, unless that made no
 * call. */
static gboolean
was_seen (const LpTrigger *trigger, const Sighting *sighting)
{
  return lp_trigger_was_hit (trigger, sighting->pid)
         || (trigger->gate == NULL && sighting->is_probed && sighting->path != NULL
             && is_watched_path (trigger, sighting->path));
}

static gboolean
sighting_finished (gpointer data)
{
  Sighting *sighting = data;
  LpTrigger *trigger = sighting->trigger;

  trigger->threads--;
  if (sighting->is_unknown)
    sighting->is_news = !was_seen (trigger, sighting);
  if (sighting->origin >= 0)
    lp_trigger_add_found (trigger, lp_fd_steal (&sighting->origin));
  if (sighting->is_news && !trigger->closing)
    lp_trigger_plan_late_look (trigger, sighting->pid, "it runs a copy of the target's file");
  trigger->counts.spotted += sighting->is_news;
  sighting_free (sighting);
  return G_SOURCE_REMOVE;
}

static const LpProbed *
find_file (const GArray *files, const struct stat *file)
{
  for (guint i = 0; i < files->len; i++)
    {
      const LpProbed *one = &g_array_index (files, LpProbed, i);
      if (one->device == file->st_dev && one->inode == file->st_ino)
        return one;
    }
  return NULL;
}

/* A file that no patch names. TRUE: its uprobes stood before the mapping was there. */
static gboolean
has_net (Sighting *sighting, int fd)
{
  struct stat file;

  sighting->origin = lp_origin_open (sighting->pid, fd);
  const LpProbed *probed = sighting->origin >= 0 && fstat (sighting->origin, &file) == 0
                               ? find_file (sighting->probed, &file)
                               : NULL;
  sighting->is_unknown = sighting->origin < 0;
  if (probed != NULL)
    lp_fd_clear (&sighting->origin);
  return probed != NULL && probed->since < sighting->time;
}

/* Opens the mapped file, which may take as long as its file system likes, and sets its gate. */
static gpointer
sighting_thread (gpointer data)
{
  Sighting *sighting = data;
  LpTrigger *trigger = sighting->trigger;
  lp_urgent_end ();
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", sighting->file);
  LP_AUTO_FD int fd = sighting->file >= 0 ? open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
  struct stat file;

  if (fd >= 0 && fstat (fd, &file) == 0)
    {
      gboolean is_watched = find_file (sighting->watched, &file) != NULL;
      if (is_watched)
        sighting->is_news = trigger->gate == NULL && !sighting->is_probed;
      else
        sighting->is_news = !has_net (sighting, fd) || !sighting->is_probed;
      if (!is_watched && trigger->gate != NULL && !lp_origin_asks_twice (fd)
          && g_atomic_int_add (&trigger->n_found, 1) < FOUND_MAX)
        lp_gate_watch (trigger->gate, fd, NULL);
    }
  else
    {
      sighting->is_unknown = TRUE;
      sighting->origin = sighting->path != NULL ? lp_origin_open_path (sighting->path) : -1;
    }
  lp_trigger_run_in_loop (trigger, sighting_finished, sighting);
  return NULL;
}

/* Its mapping is told of, too, a little later. */
static gboolean
was_met (const LpTrigger *trigger, int pid, guint64 start)
{
  for (guint i = 0; i < LP_TRIGGER_MET_MAX; i++)
    if (trigger->met[i].pid == pid && trigger->met[i].code == start)
      return TRUE;
  return FALSE;
}

gboolean
lp_trigger_minds_mapping (const LpTrigger *trigger, int pid, guint64 start)
{
  return !trigger->closing && pid != getpid ()
         && !g_hash_table_contains (trigger->held, GINT_TO_POINTER (pid)) && !was_met (trigger, pid, start);
}

static int
open_mapped (int pid, guint64 start, guint64 end)
{
  g_autofree char *path
      = g_strdup_printf ("/proc/%d/map_files/%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x", pid, start,
                         end);

  return open (path, O_PATH | O_CLOEXEC);
}

gboolean
lp_trigger_has_probes (const LpTrigger *trigger)
{
  gboolean has = trigger->net != NULL;

  for (guint i = 0; i < trigger->entities->len; i++)
    has &= lp_entries_all_can_have_probes (trigger->entities->pdata[i]);
  return has;
}

void
lp_trigger_handle_copy (LpTrigger *trigger, int pid, guint64 time, const char *path, int file)
{
  Sighting *sighting = g_new0 (Sighting, 1);

  sighting->trigger = trigger;
  sighting->pid = pid;
  sighting->file = file;
  sighting->time = time;
  sighting->path = g_strdup (path);
  sighting->origin = -1;
  sighting->is_probed = lp_trigger_has_probes (trigger);
  sighting->probed = g_array_ref (trigger->probed);
  sighting->watched = g_array_new (FALSE, FALSE, sizeof (LpProbed));
  for (guint i = 0; i < trigger->watched->len; i++)
    {
      struct stat status;
      if (fstat (g_array_index (trigger->watched, int, i), &status) != 0)
        continue;
      LpProbed one = { status.st_dev, status.st_ino, 0 };
      g_array_append_val (sighting->watched, one);
    }
  if (lp_trigger_start_thread (trigger, "sighting", sighting_thread, sighting))
    return;
  sighting_free (sighting);
  lp_trigger_plan_late_look (trigger, pid, "too many processes were starting at once");
}

/* The file is opened at once, since the process may end any moment. This asks neither the file's system nor
 * us for anything. */
static void
handle_sighting (const LpSpotted *spotted, gpointer user_data)
{
  LpTrigger *trigger = user_data;

  if (lp_trigger_minds_mapping (trigger, spotted->pid, spotted->start))
    lp_trigger_handle_copy (trigger, spotted->pid, spotted->time, spotted->path,
                            open_mapped (spotted->pid, spotted->start, spotted->end));
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
  if (trigger->spotter != NULL)
    lp_spotter_set (trigger->spotter, trigger->build_ids);
}

void
lp_trigger_close_spotter (LpTrigger *trigger)
{
  lp_trigger_drop_source (&trigger->spotter_source);
  g_clear_pointer (&trigger->spotter, lp_spotter_free);
}
