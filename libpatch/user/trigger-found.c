/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of the targets that no patch names: the program was moved, or lies in a layer of a container's image.
 * They are watched like the others, as long as a patch for them is bound. Must not know how uprobes are set.
 */
#include "base/io.h"
#include "base/text.h"
#include "base/urgent.h"
#include "process/maps.h"
#include "user/origin.h"
#include "user/scan.h"
#include "user/trigger-private.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each one costs uprobes and a descriptor; processes of further ones are looked at after the fact. */
#define FOUND_MAX 256
/* Somebody's file system may not answer: nobody waits longer than this for a survey. What it would have found
 * shows itself when it starts again. */
#define SURVEY_MS 5000

static gboolean
is_target_of_any (int fd, const GPtrArray *entities)
{
  for (guint i = 0; i < entities->len; i++)
    if (lp_trigger_is_target (fd, entities->pdata[i]))
      return TRUE;
  return FALSE;
}

static gboolean
is_wanted (const LpTrigger *trigger, int fd)
{
  struct stat file;

  return fstat (fd, &file) == 0 && file.st_nlink > 0 && is_target_of_any (fd, trigger->entities);
}

static gboolean
has_no_name (int fd)
{
  struct stat file;

  return fstat (fd, &file) == 0 && file.st_nlink == 0;
}

/* Nobody can start it any more, and nobody runs it: a lease for writing is given only to who is the only one
 * that has the file open, and a mapping has it open, too. Source: F_SETLEASE in fcntl(2). */
static gboolean
is_dead (const LpTrigger *trigger, int fd)
{
  gboolean is_ours_alone = has_no_name (fd) && g_hash_table_contains (trigger->leased, GINT_TO_POINTER (fd))
                           && fcntl (fd, F_SETLEASE, F_WRLCK) == 0;

  if (is_ours_alone)
    fcntl (fd, F_SETLEASE, F_RDLCK);
  return is_ours_alone;
}

/* It isn't closed before its uprobes are gone, and we have noticed: else its number might be another file's,
 * which would seem to have them. */
static void
drop (LpTrigger *trigger, guint i)
{
  int fd = g_array_index (trigger->found, int, i);

  g_array_remove_index (trigger->found, i);
  g_array_append_val (trigger->dropped, fd);
  if (trigger->gate != NULL)
    lp_gate_unwatch (trigger->gate, fd, NULL);
}

/* When the net isn't just being set it stands on those that are there. */
static void
close_dropped (LpTrigger *trigger)
{
  if (trigger->setting != NULL)
    return;
  for (guint i = 0; i < trigger->dropped->len; i++)
    {
      lp_trigger_end_lease (trigger, g_array_index (trigger->dropped, int, i));
      close (g_array_index (trigger->dropped, int, i));
    }
  g_array_set_size (trigger->dropped, 0);
}

/* For one that is found, upon which the net is set anew. Of those that were found before the dead ones go,
 * and if there are too many the first that only those can start who run it already, and have the patch.
 * FALSE: there are too many all the same. */
static gboolean
make_room (LpTrigger *trigger)
{
  GArray *found = trigger->found;

  close_dropped (trigger);
  for (guint i = found->len; i-- > 0 && trigger->dropped->len < FOUND_MAX;)
    if (is_dead (trigger, g_array_index (found, int, i)))
      drop (trigger, i);
  for (guint i = 0; found->len >= FOUND_MAX && i < found->len && trigger->dropped->len < FOUND_MAX; i++)
    if (has_no_name (g_array_index (found, int, i)))
      drop (trigger, i);
  return found->len < FOUND_MAX;
}

void
lp_trigger_add_found (LpTrigger *trigger, int fd)
{
  if (trigger->closing || !is_wanted (trigger, fd) || lp_trigger_find_file (trigger->watched, fd) >= 0
      || lp_trigger_find_file (trigger->found, fd) >= 0 || !lp_trigger_lease (trigger, fd))
    {
      close (fd);
      return;
    }
  if (!make_room (trigger))
    {
      lp_trigger_end_lease (trigger, fd);
      close (fd);
      return;
    }
  g_array_append_val (trigger->found, fd);
  if (trigger->gate != NULL)
    lp_gate_watch (trigger->gate, fd, NULL);
  lp_trigger_extend_net (trigger);
}

void
lp_trigger_take_dropped (LpTrigger *trigger, GArray *gone)
{
  if (trigger->dropped->len > 0)
    g_array_append_vals (gone, trigger->dropped->data, trigger->dropped->len);
  g_array_set_size (trigger->dropped, 0);
}

void
lp_trigger_prune_found (LpTrigger *trigger, GArray *gone)
{
  lp_trigger_take_dropped (trigger, gone);
  for (guint i = trigger->found->len; i-- > 0;)
    {
      int fd = g_array_index (trigger->found, int, i);
      gboolean is_named = lp_trigger_find_file (trigger->watched, fd) >= 0;
      if (!is_named && is_wanted (trigger, fd))
        continue;
      if (!is_named && trigger->gate != NULL)
        lp_gate_unwatch (trigger->gate, fd, NULL);
      g_array_append_val (gone, fd);
      g_array_remove_index_fast (trigger->found, i);
    }
}

/* ---- those that run ---- */

/* A file as maps shows it. */
typedef struct {
  guint32 major, minor;
  guint64 inode;
} Key;

typedef struct {
  LpTrigger *trigger;
  GPtrArray *build_ids; /* utf8 */
  GPtrArray *entities;
  GArray *seen;      /* Key */
  GArray *origins;   /* int: result */
  GSource *deadline; /* of the loop */
  gint state;        /* atomic */
} Survey;

/* The thread and the deadline go on from RUNNING; whoever doesn't come first leaves the trigger alone. */
enum { RUNNING, FINISHED, ABANDONED };

static gboolean
is_new (Survey *survey, const LpMapping *mapping)
{
  Key key = { mapping->major, mapping->minor, mapping->inode };

  for (guint i = 0; i < survey->seen->len; i++)
    {
      const Key *seen = &g_array_index (survey->seen, Key, i);
      if (seen->major == key.major && seen->minor == key.minor && seen->inode == key.inode)
        return FALSE;
    }
  g_array_append_val (survey->seen, key);
  return TRUE;
}

static void
survey_mapping (Survey *survey, const LpProcess *process, const LpMapping *mapping)
{
  g_autofree char *name = g_strdup_printf ("map_files/%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x",
                                           mapping->start, mapping->end);
  LP_AUTO_FD int fd = lp_process_open_file (process, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, NULL);

  if (fd < 0 || !is_target_of_any (fd, survey->entities))
    return;
  int origin = lp_origin_open (lp_process_pid (process), fd);
  if (origin >= 0)
    g_array_append_val (survey->origins, origin);
}

static void
survey_process (Survey *survey, int pid)
{
  g_autoptr (LpProcess) process = lp_process_open (pid, NULL);
  g_autoptr (LpMaps) maps = process != NULL ? lp_maps_read (process, NULL) : NULL;

  for (guint i = 0; maps != NULL && i < maps->mappings->len; i++)
    {
      const LpMapping *mapping = &g_array_index (maps->mappings, LpMapping, i);
      if ((mapping->prot & PROT_EXEC) != 0 && mapping->inode != 0 && is_new (survey, mapping))
        survey_mapping (survey, process, mapping);
    }
}

static void
survey_free (Survey *survey)
{
  if (survey->deadline != NULL)
    g_source_unref (survey->deadline);
  for (guint i = 0; i < survey->origins->len; i++)
    close (g_array_index (survey->origins, int, i));
  g_array_unref (survey->origins);
  g_array_unref (survey->seen);
  g_ptr_array_unref (survey->build_ids);
  g_ptr_array_unref (survey->entities);
  g_free (survey);
}

static void
end_waiting (LpTrigger *trigger)
{
  trigger->threads--;
  trigger->n_surveys--;
  lp_trigger_look_who_waits (trigger);
}

static gboolean
on_deadline (gpointer data)
{
  Survey *survey = data;
  LpTrigger *trigger = survey->trigger;

  g_clear_pointer (&survey->deadline, g_source_unref);
  if (g_atomic_int_compare_and_exchange (&survey->state, RUNNING, ABANDONED))
    end_waiting (trigger); /* the survey is the thread's now */
  return G_SOURCE_REMOVE;
}

static gboolean
survey_finished (gpointer data)
{
  Survey *survey = data;
  LpTrigger *trigger = survey->trigger;

  for (guint i = 0; i < survey->origins->len; i++)
    lp_trigger_add_found (trigger, g_array_index (survey->origins, int, i));
  g_array_set_size (survey->origins, 0);
  if (survey->deadline != NULL)
    g_source_destroy (survey->deadline);
  survey_free (survey);
  end_waiting (trigger);
  return G_SOURCE_REMOVE;
}

static gpointer
survey_thread (gpointer data)
{
  Survey *survey = data;
  g_autoptr (LpScan) scan = NULL;

  lp_urgent_end ();
  scan = lp_scan_run (survey->build_ids, NULL, NULL);
  for (guint i = 0; scan != NULL && i < scan->processes->len; i++)
    {
      const LpScanProcess *process = scan->processes->pdata[i];
      if (process->build_ids->len > 0)
        survey_process (survey, process->pid);
    }
  if (g_atomic_int_compare_and_exchange (&survey->state, RUNNING, FINISHED))
    lp_trigger_run_in_loop (survey->trigger, survey_finished, survey);
  else
    survey_free (survey);
  return NULL;
}

void
lp_trigger_survey (LpTrigger *trigger)
{
  if (trigger->closing || (trigger->gate == NULL && trigger->net == NULL))
    return;
  g_autoptr (GHashTable) known = g_steal_pointer (&trigger->surveyed);
  trigger->surveyed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Survey *survey = g_new0 (Survey, 1);
  survey->trigger = trigger;
  survey->build_ids = g_ptr_array_new_with_free_func (g_free);
  survey->entities = g_ptr_array_ref (trigger->entities);
  survey->seen = g_array_new (FALSE, FALSE, sizeof (Key));
  survey->origins = g_array_new (FALSE, FALSE, sizeof (int));
  for (guint i = 0; i < trigger->entities->len; i++)
    {
      const LpEntityIdentity *identity = lp_entity_identity (trigger->entities->pdata[i]);
      g_autofree char *build_id = lp_hex_encode (identity->build_id, identity->build_id_size);
      g_hash_table_add (trigger->surveyed, g_strdup (build_id));
      if (!g_hash_table_contains (known, build_id))
        g_ptr_array_add (survey->build_ids, g_steal_pointer (&build_id));
    }
  g_autoptr (GSource) deadline = g_timeout_source_new (SURVEY_MS);
  g_source_set_callback (deadline, on_deadline, survey, NULL);
  survey->deadline = g_source_ref (deadline);
  GThread *thread
      = survey->build_ids->len > 0 ? g_thread_try_new ("survey", survey_thread, survey, NULL) : NULL;
  if (thread == NULL)
    {
      survey_free (survey); /* nothing is new; otherwise the spotter finds them later */
      return;
    }
  g_thread_unref (thread);
  trigger->threads++;
  trigger->n_surveys++;
  g_source_attach (deadline, trigger->context);
}
