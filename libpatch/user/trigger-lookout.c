/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks of each file whose code somebody maps whether it is a target's: once, for the lookout doesn't tell of
 * files that are known to be others. Where the kernel has no lookout, or files don't answer, the kernel's
 * mmap events take its place (trigger-spot.c), which cost each start of a program some 20 us.
 *
 * To ask, the file is opened, by a process that nobody waits for (user/asker.h). */
#include "user/trigger-private.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASKED_MAX 8   /* at the same time */
#define LATER_MAX 512 /* files that wait for these; more are looked for in all processes */
#define LOOK_MS 500
#define HELD_MS 5 /* whether somebody is still held is looked at this often */
/* A file that hasn't answered in this time keeps others from being asked. */
#define ANSWER_SECONDS 2
/* What can't be told from times and size is asked again after this: a file on a server, whose attributes are
 * kept for a while, or one that is written to by way of its mappings. */
#define KNOWN_SECONDS 60
/* A file that was changed a moment ago may yet change within the same time stamp. */
#define SETTLED_SECONDS 3

/* One question. */
struct LpAsking {
  struct lp_lookout_sight sight;
  gint64 since;         /* monotonic microseconds: when it was asked */
  gboolean was_held;    /* by a tracer, which sees to one target's file */
  gboolean is_outdated; /* the mapping ends elsewhere by now, and is asked about again */
};

static gboolean on_look_time (gpointer data);

static void
start_looking (LpTrigger *trigger)
{
  if (trigger->asking_source != NULL)
    return;
  trigger->asking_source = g_timeout_source_new (LOOK_MS);
  g_source_set_callback (trigger->asking_source, on_look_time, trigger, NULL);
  g_source_attach (trigger->asking_source, trigger->context);
}

/* Those that wait for their turn. */
static void
ask_next (LpTrigger *trigger)
{
  while (g_queue_get_length (&trigger->asked) < ASKED_MAX && !g_queue_is_empty (&trigger->asked_later))
    {
      LpAsking *asking = g_queue_peek_head (&trigger->asked_later);
      const struct lp_lookout_sight *sight = &asking->sight;
      if (asking->is_outdated)
        {
          g_free (g_queue_pop_head (&trigger->asked_later));
          continue;
        }
      asking->since = g_get_monotonic_time ();
      if (!lp_asker_ask (trigger->asker, (int)sight->pid, sight->start, sight->end))
        return; /* it has ended, which is told next */
      g_queue_push_tail (&trigger->asked, g_queue_pop_head (&trigger->asked_later));
      start_looking (trigger);
    }
}

static gboolean
is_target (const LpTrigger *trigger, const LpAskerAnswer *answer)
{
  g_autoptr (GBytes) build_id = g_bytes_new_static (answer->build_id, answer->build_id_size);

  for (guint i = 0; i < trigger->build_ids->len; i++)
    if (g_bytes_equal (trigger->build_ids->pdata[i], build_id))
      return TRUE;
  return FALSE;
}

/* Whether @is says so of one of the watched files. */
static gboolean
is_any_watched (const LpTrigger *trigger, const LpAsking *asking,
                gboolean (*is) (const LpLookout *lookout, const struct lp_lookout_sight *sight,
                                const struct stat *status))
{
  struct stat status;

  for (guint i = 0; i < trigger->watched->len; i++)
    if (fstat (g_array_index (trigger->watched, int, i), &status) == 0
        && is (trigger->lookout, &asking->sight, &status))
      return TRUE;
  return FALSE;
}

/* The same size as a target's file: nearly always a copy of it. */
static gboolean
has_size (const LpLookout *lookout, const struct lp_lookout_sight *sight, const struct stat *status)
{
  return (guint64)status->st_size == sight->file.size;
}

/* Whether a file that didn't answer is taken for a target's. */
static gboolean
is_likely (const LpTrigger *trigger, const LpAsking *asking)
{
  return !asking->is_outdated && is_any_watched (trigger, asking, has_size);
}

/* A copy of a target's file, in a process that was held by a tracer. */
typedef struct {
  LpTrigger *trigger;
  struct lp_lookout_sight sight;
  int file; /* as in LpAskerAnswer */
} Copy;

static gboolean
on_copy_time (gpointer data)
{
  Copy *copy = data;
  LpTrigger *trigger = copy->trigger;
  int pid = (int)copy->sight.pid;

  lp_trigger_collect (trigger);
  if (!trigger->closing && g_hash_table_contains (trigger->held, GINT_TO_POINTER (pid)))
    return G_SOURCE_CONTINUE;
  trigger->threads--;
  if (lp_trigger_minds_mapping (trigger, pid, copy->sight.start))
    lp_trigger_handle_copy (trigger, pid, copy->sight.time, /* path= */ NULL, copy->file);
  else if (copy->file >= 0)
    close (copy->file);
  return G_SOURCE_REMOVE;
}

/* The tracer sees to one file. Whether it is this one (then there is a gate on the copy), it tells when it is
 * through; before, nobody else can tell whether the process lacks a patch. @file is taken. */
static void
handle_when_let_go (LpTrigger *trigger, const struct lp_lookout_sight *sight, int file)
{
  g_autoptr (GSource) source = g_timeout_source_new (HELD_MS);
  const Copy copy = { trigger, *sight, file };

  trigger->threads++; /* waited for in the end like one */
  g_source_set_callback (source, on_copy_time, g_memdup2 (&copy, sizeof copy), g_free);
  g_source_attach (source, trigger->context);
}

/* @answer's file is taken. */
static void
handle_answer (LpTrigger *trigger, const LpAsking *asking, LpAskerAnswer *answer)
{
  const struct lp_lookout_sight *sight = &asking->sight;
  gint64 settled = (gint64)sight->file.changed + SETTLED_SECONDS;
  gboolean is_other = answer->is_there && !is_target (trigger, answer);
  gboolean is_watched = !is_other && is_any_watched (trigger, asking, lp_lookout_is_of);
  /* Whoever runs it can't reach an old function unseen by the net, not even by an overlay that hides it from
   * the gate. */
  gboolean is_seen_to = is_watched && lp_trigger_has_probes (trigger);

  if (is_seen_to)
    lp_lookout_know (trigger->lookout, sight, /* seconds= */ 0);
  else if (is_other && settled < g_get_real_time () / G_USEC_PER_SEC)
    lp_lookout_know (trigger->lookout, sight, KNOWN_SECONDS);
  if (trigger->closing || is_other || is_seen_to || (is_watched && asking->was_held)
      || (!answer->is_there && !is_likely (trigger, asking)))
    {
      if (answer->file >= 0)
        close (answer->file);
    }
  else if (asking->was_held)
    handle_when_let_go (trigger, sight, answer->file);
  else
    lp_trigger_handle_copy (trigger, (int)sight->pid, sight->time, /* path= */ NULL, answer->file);
}

static void
close_lookout (LpTrigger *trigger)
{
  if (trigger->lookout == NULL)
    return;
  lp_trigger_drop_source (&trigger->lookout_source);
  lp_trigger_drop_source (&trigger->asking_source);
  lp_trigger_drop_source (&trigger->asker_source);
  g_queue_clear_full (&trigger->asked_later, g_free);
  g_queue_clear_full (&trigger->asked, g_free);
  g_atomic_int_set (&trigger->asker_pid, 0);
  g_clear_pointer (&trigger->asker, lp_asker_free);
  g_clear_pointer (&trigger->lookout, lp_lookout_free);
}

/* Those whose questions won't be answered any more, as far as one may guess; all others are left to the look
 * at all processes, which takes its time where files don't answer. */
static void
look_at_likely (LpTrigger *trigger, const GQueue *questions)
{
  for (const GList *link = questions->head; link != NULL; link = link->next)
    {
      const LpAsking *asking = link->data;
      if (!asking->was_held && is_likely (trigger, asking))
        lp_trigger_handle_copy (trigger, (int)asking->sight.pid, asking->sight.time, /* path= */ NULL,
                                /* file= */ -1);
    }
}

/* A file's system doesn't answer, or the asker has ended: the lookout is given up for good, because whoever
 * has made that happen can do it again. */
static void
give_up (LpTrigger *trigger)
{
  look_at_likely (trigger, &trigger->asked);
  look_at_likely (trigger, &trigger->asked_later);
  close_lookout (trigger);
  lp_trigger_open_spotter (trigger);
  lp_trigger_set_spotter (trigger);
  lp_trigger_scan (trigger); /* whoever wasn't asked about */
}

/* FALSE: the asker has ended. */
static gboolean
take_answers (LpTrigger *trigger)
{
  LpAskerAnswer answer;
  int result;

  while ((result = lp_asker_read (trigger->asker, &answer)) > 0)
    {
      g_autofree LpAsking *asking = g_queue_pop_head (&trigger->asked);
      LpAsking *next = g_queue_peek_head (&trigger->asked);
      if (next != NULL)
        next->since = g_get_monotonic_time (); /* it had to wait until now */
      if (asking != NULL)
        handle_answer (trigger, asking, &answer);
    }
  return result == 0;
}

static gboolean
asker_is_readable (int fd, GIOCondition condition, gpointer user_data)
{
  LpTrigger *trigger = user_data;

  if (!take_answers (trigger))
    {
      give_up (trigger);
      return G_SOURCE_REMOVE;
    }
  ask_next (trigger);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_look_time (gpointer data)
{
  LpTrigger *trigger = data;
  gint64 oldest = g_get_monotonic_time () - ANSWER_SECONDS * G_USEC_PER_SEC;
  gboolean lives = take_answers (trigger); /* should it be us who were kept from working */

  if (lives)
    ask_next (trigger);
  const LpAsking *first = g_queue_peek_head (&trigger->asked);
  if (lives && first != NULL && first->since >= oldest)
    return G_SOURCE_CONTINUE;
  g_clear_pointer (&trigger->asking_source, g_source_unref);
  if (!lives || first != NULL)
    give_up (trigger);
  return G_SOURCE_REMOVE;
}

static gboolean
is_same_mapping (const struct lp_lookout_sight *one, const struct lp_lookout_sight *other)
{
  return one->pid == other->pid && one->start == other->start
         && memcmp (&one->file, &other->file, sizeof one->file) == 0;
}

/* Where the code is the first segment, the whole file is mapped as code, and what is behind it is cut off and
 * mapped over a moment later: only who asks for the last end is answered. */
static void
outdate (GQueue *questions, const struct lp_lookout_sight *sight)
{
  for (GList *link = questions->head; link != NULL; link = link->next)
    {
      LpAsking *asking = link->data;
      asking->is_outdated |= is_same_mapping (&asking->sight, sight);
    }
}

static void
handle_sight (const struct lp_lookout_sight *sight, gpointer user_data)
{
  LpTrigger *trigger = user_data;

  gboolean is_same = is_same_mapping (&trigger->last_sight, sight) && trigger->last_sight.end == sight->end;
  trigger->last_sight = *sight;
  if (is_same || trigger->closing || (int)sight->pid == getpid ())
    return;
  outdate (&trigger->asked, sight);
  outdate (&trigger->asked_later, sight);
  trigger->counts.asked++;
  if (g_queue_get_length (&trigger->asked_later) >= LATER_MAX)
    {
      lp_trigger_scan (trigger);
      return;
    }
  LpAsking *asking = g_new0 (LpAsking, 1);
  asking->sight = *sight;
  asking->was_held = !lp_trigger_minds_mapping (trigger, (int)sight->pid, sight->start);
  g_queue_push_tail (&trigger->asked_later, asking);
}

static gboolean
lookout_is_readable (int fd, GIOCondition condition, gpointer user_data)
{
  LpTrigger *trigger = user_data;

  lp_trigger_collect (trigger); /* so that nobody seems to be held who isn't */
  if (!lp_lookout_dispatch (trigger->lookout, handle_sight, trigger))
    lp_trigger_scan (trigger);
  ask_next (trigger);
  return G_SOURCE_CONTINUE;
}

static gboolean
open_lookout (LpTrigger *trigger)
{
  trigger->lookout = lp_lookout_new (NULL);
  if (trigger->lookout != NULL)
    trigger->asker = lp_asker_new (NULL);
  if (trigger->asker == NULL)
    {
      g_clear_pointer (&trigger->lookout, lp_lookout_free);
      return FALSE;
    }
  g_atomic_int_set (&trigger->asker_pid, lp_asker_pid (trigger->asker));
  trigger->asker_source = g_unix_fd_source_new (lp_asker_fd (trigger->asker), G_IO_IN | G_IO_HUP);
  g_source_set_callback (trigger->asker_source, G_SOURCE_FUNC (asker_is_readable), trigger, NULL);
  g_source_attach (trigger->asker_source, trigger->context);
  trigger->lookout_source = g_unix_fd_source_new (lp_lookout_fd (trigger->lookout), G_IO_IN);
  g_source_set_callback (trigger->lookout_source, G_SOURCE_FUNC (lookout_is_readable), trigger, NULL);
  g_source_attach (trigger->lookout_source, trigger->context);
  return TRUE;
}

/* Whoever starts one of the watched files need not be told of, see handle_answer(). */
static void
set_lookout (LpTrigger *trigger)
{
  struct stat status;
  gboolean is_seen_to = lp_trigger_has_probes (trigger);

  if (trigger->lookout == NULL)
    return;
  if (!lp_lookout_set (trigger->lookout, trigger->build_ids->len > 0))
    {
      close_lookout (trigger);
      lp_trigger_open_spotter (trigger);
      return;
    }
  for (guint i = 0; i < trigger->watched->len; i++)
    {
      int fd = g_array_index (trigger->watched, int, i);
      if (lp_lookout_learn (trigger->lookout, fd) && is_seen_to && fstat (fd, &status) == 0)
        lp_lookout_know_file (trigger->lookout, &status);
    }
}

/* ---- the one or the other ---- */

void
lp_trigger_open_watch (LpTrigger *trigger, gboolean with_lookout)
{
  if (!with_lookout || !open_lookout (trigger))
    lp_trigger_open_spotter (trigger);
}

void
lp_trigger_set_watch (LpTrigger *trigger)
{
  GPtrArray *build_ids = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);

  for (guint i = 0; i < trigger->entities->len && !trigger->closing; i++)
    {
      const LpEntityIdentity *identity = lp_entity_identity (trigger->entities->pdata[i]);
      g_ptr_array_add (build_ids, g_bytes_new (identity->build_id, identity->build_id_size));
    }
  g_ptr_array_unref (trigger->build_ids);
  trigger->build_ids = build_ids;
  set_lookout (trigger);
  lp_trigger_set_spotter (trigger);
}

void
lp_trigger_close_watch (LpTrigger *trigger)
{
  close_lookout (trigger);
  lp_trigger_close_spotter (trigger);
}
