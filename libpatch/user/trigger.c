/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gate's keeper: watches the files of the bound patches, gives each held opener a tracer thread and a
 * deadline, and looks again at those that couldn't be patched at the gate. Must not know fanotify or ptrace.
 */
#include "user/trigger.h"
#include "user/gate.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A held opener is let go after this, whatever its tracer is doing. Attaching takes some 100 us, except to a
 * thread inside exec that holds its cred_guard_mutex (interpreters of scripts, ld.so; all of exec on older
 * kernels): there the tracer waits for that exec, which waits for us, so this must be short. The tracer then
 * attaches at the end of the exec, still before the first instruction in nearly all cases. */
#define DEADLINE_MS 50
/* How long a tracer may stay attached after the opener was let through (mapping a library takes the linker
 * some milliseconds). */
#define MEETING_MS 1000
/* Held at the same time; a fork bomb of the target is let through and looked at afterwards. */
#define MEETINGS_MAX 128
/* A process that has to be looked at again is, this long after it was met, and then no more: the next try
 * comes when something changes. */
static const guint second_look_ms[] = { 5, 50, 500, 3000 };

/* One held opener. Shared by the loop and its tracer thread. */
typedef struct {
  LpTrigger *trigger;
  LpGateEvent event;
  gint allowed; /* atomic */
  gint left;    /* atomic: its tracer is done with it, what it opens now is a new event */
  gint64 since; /* monotonic microseconds */
  GPtrArray *entities;
  LpMeetResult *result;
} Held;

/* A process that is to be looked at again. */
typedef struct {
  LpTrigger *trigger;
  int pid;
  guint look;
  GSource *wait; /* while the next look is planned */
  GPtrArray *entities;
  LpMeetResult *result;
} Look;

struct LpTrigger {
  GMainContext *context;
  LpGate *gate;
  GSource *gate_source;
  GSource *deadline_source; /* only while somebody is held */
  LpTriggerReport report;
  gpointer user_data;
  GPtrArray *entities; /* LpEntity; replaced as a whole, so that tracers keep theirs */
  GArray *watched;     /* int: descriptors of the watched files */
  GHashTable *held;    /* tid -> Held: met by a tracer that hasn't left it yet */
  guint threads;
  LpTriggerCounts counts; /* of the loop alone, as what follows */
  GHashTable *looks;      /* Look: planned ones */
  gboolean closing;
};

LpBinding *
lp_binding_new (LpEntity *entity, const char *const *files)
{
  LpBinding *binding = g_new0 (LpBinding, 1);

  binding->entity = lp_entity_ref (entity);
  binding->files = g_strdupv ((char **)files);
  return binding;
}

void
lp_binding_free (LpBinding *binding)
{
  if (binding == NULL)
    return;
  lp_entity_unref (binding->entity);
  g_strfreev (binding->files);
  g_free (binding);
}

static void
held_clear (gpointer data)
{
  Held *held = data;

  g_ptr_array_unref (held->entities);
  lp_meet_result_free (held->result);
}

static void
held_unref (gpointer data)
{
  g_atomic_rc_box_release_full (data, held_clear);
}

/* Exactly once per event, by whoever comes first: the tracer or the deadline. */
static gboolean
allow_once (Held *held)
{
  if (!g_atomic_int_compare_and_exchange (&held->allowed, FALSE, TRUE))
    return FALSE;
  lp_gate_allow (held->trigger->gate, &held->event);
  return TRUE;
}

static void
keeper_allow (gpointer user_data)
{
  Held *held = user_data;

  allow_once (held);
  lp_gate_abandon (held->trigger->gate);
}

/* No lock here: when we are killed, the tracer goes on alone, and whoever held the lock will never give it
 * back. */
static void
keeper_leaving (gpointer user_data)
{
  g_atomic_int_set (&((Held *)user_data)->left, TRUE);
}

static void
run_in_loop (LpTrigger *trigger, GSourceFunc func, gpointer data)
{
  g_main_context_invoke_full (trigger->context, G_PRIORITY_DEFAULT, func, data, NULL);
}

static gboolean start_look (gpointer data);

static void
look_free (Look *look)
{
  if (look->wait != NULL)
    {
      g_source_destroy (look->wait);
      g_source_unref (look->wait);
    }
  g_ptr_array_unref (look->entities);
  lp_meet_result_free (look->result);
  g_free (look);
}

/* Plans the next look at a process, or reports it when there were enough. */
static void
look_again (Look *look)
{
  LpTrigger *trigger = look->trigger;

  if (look->look < G_N_ELEMENTS (second_look_ms) && !trigger->closing)
    {
      look->wait = g_timeout_source_new (second_look_ms[look->look++]);
      g_source_set_callback (look->wait, start_look, look, NULL);
      g_source_attach (look->wait, trigger->context);
      g_hash_table_add (trigger->looks, look);
      return;
    }
  look->result->outcome = LP_MEET_FAILED;
  trigger->counts.failed++;
  trigger->report (look->result, trigger->user_data);
  look_free (look);
}

static gboolean
look_finished (gpointer data)
{
  Look *look = data;
  LpTrigger *trigger = look->trigger;

  trigger->threads--;
  if (look->result->outcome == LP_MEET_LATER)
    look_again (look);
  else
    {
      trigger->report (look->result, trigger->user_data);
      look_free (look);
    }
  return G_SOURCE_REMOVE;
}

/* The engine's ordinary way, on this one process. */
static gpointer
look_thread (gpointer data)
{
  Look *look = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) results = NULL;
  g_autoptr (GArray) pids = g_array_new (FALSE, FALSE, sizeof (int));
  LpChange change = { .step = LP_STEP_ACTIVATE, .entities = look->entities, .pids = pids, .timeout_ms = 100 };

  g_array_append_val (pids, look->pid);
  gboolean done = lp_change_run (&change, NULL, NULL, NULL, &results, &error);
  const LpProcessResult *first = results != NULL && results->len > 0 ? results->pdata[0] : NULL;
  g_free (look->result->reason);
  look->result->reason = g_strdup (!done                                    ? error->message
                                   : first != NULL && first->reason != NULL ? first->reason
                                                                            : "");
  if (!done)
    look->result->outcome = LP_MEET_LATER;
  else if (first == NULL || first->status == LP_PROCESS_GONE)
    look->result->outcome = LP_MEET_NOT_CONCERNED;
  else
    look->result->outcome = first->status == LP_PROCESS_UNPATCHABLE ? LP_MEET_LATER : LP_MEET_PATCHED;
  run_in_loop (look->trigger, look_finished, look);
  return NULL;
}

static gboolean
start_thread (LpTrigger *trigger, const char *name, GThreadFunc func, gpointer data)
{
  GThread *thread = g_thread_try_new (name, func, data, NULL);

  if (thread == NULL)
    return FALSE;
  g_thread_unref (thread);
  trigger->threads++;
  return TRUE;
}

static gboolean
start_look (gpointer data)
{
  Look *look = data;

  g_clear_pointer (&look->wait, g_source_unref);
  g_hash_table_steal (look->trigger->looks, look);
  if (look->trigger->threads >= MEETINGS_MAX || !start_thread (look->trigger, "look", look_thread, look))
    look_again (look);
  return G_SOURCE_REMOVE;
}

static void
plan_look (LpTrigger *trigger, int pid, GPtrArray *entities, const char *reason)
{
  Look *look = g_new0 (Look, 1);

  trigger->counts.later++;
  look->trigger = trigger;
  look->pid = pid;
  look->entities = g_ptr_array_ref (entities);
  look->result = g_new0 (LpMeetResult, 1);
  look->result->pid = pid;
  look->result->reason = g_strdup (reason);
  look->result->outcome = LP_MEET_LATER;
  look_again (look);
}

static gboolean
meeting_finished (gpointer data)
{
  Held *held = data;
  LpTrigger *trigger = held->trigger;
  gpointer key = GINT_TO_POINTER (held->event.tid);

  if (g_hash_table_lookup (trigger->held, key) == held)
    g_hash_table_remove (trigger->held, key);
  trigger->threads--;
  if (held->result->outcome == LP_MEET_LATER)
    plan_look (trigger, held->result->pid, held->entities, held->result->reason);
  else if (held->result->outcome != LP_MEET_NOT_CONCERNED)
    {
      trigger->counts.patched += held->result->outcome == LP_MEET_PATCHED;
      trigger->counts.failed += held->result->outcome == LP_MEET_FAILED;
      trigger->report (held->result, trigger->user_data);
    }
  held_unref (held);
  return G_SOURCE_REMOVE;
}

static gpointer
meeting_thread (gpointer data)
{
  Held *held = data;
  LpMeetKeeper keeper = { keeper_allow, keeper_leaving, held };

  held->result = lp_meet (held->event.tid, held->event.exec, held->entities, MEETING_MS, &keeper);
  allow_once (held); /* there was no tracer */
  run_in_loop (held->trigger, meeting_finished, held);
  return NULL;
}

/* Lets go who has been held too long. The tracer finds that out by itself. */
static gboolean
enforce_deadline (gpointer data)
{
  LpTrigger *trigger = data;
  gint64 oldest = g_get_monotonic_time () - DEADLINE_MS * 1000;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, trigger->held);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((Held *)value)->since < oldest && allow_once (value))
      trigger->counts.missed++;
  gboolean somebody = g_hash_table_size (trigger->held) > 0;
  if (somebody)
    return G_SOURCE_CONTINUE;
  g_clear_pointer (&trigger->deadline_source, g_source_unref);
  return G_SOURCE_REMOVE;
}

static void
arm_deadline (LpTrigger *trigger)
{
  if (trigger->deadline_source != NULL)
    return;
  trigger->deadline_source = g_timeout_source_new (DEADLINE_MS / 2);
  g_source_set_callback (trigger->deadline_source, enforce_deadline, trigger, NULL);
  g_source_attach (trigger->deadline_source, trigger->context);
}

/* The second event of one exec, or an opener that its tracer holds still. */
static gboolean
is_known (LpTrigger *trigger, int tid)
{
  Held *held = g_hash_table_lookup (trigger->held, GINT_TO_POINTER (tid));

  return held != NULL && !g_atomic_int_get (&held->left);
}

/* Ourselves and our tracers, which open the files that are mapped in a process. Our only children are
 * tracers. */
static gboolean
is_ours (int tid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", tid);
  g_autofree char *status = NULL;

  if (!g_file_get_contents (path, &status, NULL, NULL))
    return FALSE;
  const char *process = strstr (status, "\nTgid:"), *parent = strstr (status, "\nPPid:");
  return (process != NULL && atoi (process + 6) == getpid ())
         || (parent != NULL && atoi (parent + 6) == getpid ());
}

static void
handle_event (const LpGateEvent *event, gpointer user_data)
{
  LpTrigger *trigger = user_data;

  /* Our own opens, a known one's next event, and processes that this pid namespace can't name. */
  if (event->tid == 0 || is_known (trigger, event->tid) || is_ours (event->tid))
    {
      trigger->counts.missed += event->tid == 0;
      lp_gate_allow (trigger->gate, event);
      return;
    }

  Held *held = g_atomic_rc_box_new0 (Held);
  held->trigger = trigger;
  held->event = *event;
  held->since = g_get_monotonic_time ();
  held->entities = g_ptr_array_ref (trigger->entities);
  trigger->counts.met++;
  arm_deadline (trigger);
  if (trigger->threads < MEETINGS_MAX && start_thread (trigger, "meeting", meeting_thread, held))
    {
      g_hash_table_replace (trigger->held, GINT_TO_POINTER (event->tid), g_atomic_rc_box_acquire (held));
      return;
    }

  trigger->counts.missed++;
  allow_once (held);
  plan_look (trigger, event->tid, held->entities, "too many processes were starting at once");
  held_unref (held);
}

static gboolean
gate_is_readable (int fd, GIOCondition condition, gpointer user_data)
{
  LpTrigger *trigger = user_data;
  g_autoptr (GError) error = NULL;

  if (lp_gate_dispatch (trigger->gate, handle_event, trigger, &error))
    return G_SOURCE_CONTINUE;
  LpMeetResult broken = { .outcome = LP_MEET_FAILED, .reason = error->message };
  trigger->report (&broken, trigger->user_data);
  return G_SOURCE_REMOVE;
}

LpTrigger *
lp_trigger_new (LpTriggerReport report, gpointer user_data, GError **error)
{
  LpGate *gate = lp_gate_new (error);

  if (gate == NULL)
    return NULL;
  LpTrigger *trigger = g_new0 (LpTrigger, 1);
  trigger->context = g_main_context_ref_thread_default ();
  trigger->gate = gate;
  trigger->report = report;
  trigger->user_data = user_data;
  trigger->entities = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_entity_unref);
  trigger->watched = g_array_new (FALSE, FALSE, sizeof (int));
  trigger->held = g_hash_table_new_full (NULL, NULL, NULL, held_unref);
  trigger->looks = g_hash_table_new_full (NULL, NULL, (GDestroyNotify)look_free, NULL);
  trigger->gate_source = g_unix_fd_source_new (lp_gate_fd (gate), G_IO_IN);
  /* Before anything else that the loop has to do. */
  g_source_set_priority (trigger->gate_source, G_PRIORITY_HIGH);
  g_source_set_callback (trigger->gate_source, G_SOURCE_FUNC (gate_is_readable), trigger, NULL);
  g_source_attach (trigger->gate_source, trigger->context);
  return trigger;
}

static void
close_all (GArray *watched)
{
  for (guint i = 0; i < watched->len; i++)
    close (g_array_index (watched, int, i));
  g_array_unref (watched);
}

static gboolean
is_same_inode (int a, int b)
{
  struct stat one, other;

  return fstat (a, &one) == 0 && fstat (b, &other) == 0 && one.st_dev == other.st_dev
         && one.st_ino == other.st_ino;
}

static gboolean
holds_inode (const GArray *watched, int fd)
{
  for (guint i = 0; watched != NULL && i < watched->len; i++)
    if (is_same_inode (fd, g_array_index (watched, int, i)))
      return TRUE;
  return FALSE;
}

/* Takes the marks of @from away, except on inodes that are also in @keep; closes all of @from. */
static void
unwatch_missing (LpTrigger *trigger, GArray *from, const GArray *keep)
{
  for (guint i = 0; i < from->len; i++)
    if (!holds_inode (keep, g_array_index (from, int, i)))
      lp_gate_unwatch (trigger->gate, g_array_index (from, int, i), NULL);
  close_all (from);
}

/* Whether the file behind @fd (O_PATH) is the target of @entity. */
static gboolean
is_target (int fd, LpEntity *entity)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  int readable = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  g_autoptr (GBytes) found = readable >= 0 ? lp_elf_peek_build_id_fd (readable) : NULL;
  const LpEntityIdentity *identity = lp_entity_identity (entity);
  gsize size = 0;
  const void *build_id = found != NULL ? g_bytes_get_data (found, &size) : NULL;

  if (readable >= 0)
    close (readable);
  return build_id != NULL && size == identity->build_id_size
         && memcmp (build_id, identity->build_id, size) == 0;
}

/* A descriptor of @path's file if that is the target of @entity; -1 and a line in @problems otherwise. A file
 * that is watched already, from before or just now under another name (@watched), must not be opened by the
 * loop, which would hold itself; O_PATH isn't an open in that sense. */
static int
find_target (LpTrigger *trigger, const char *path, LpEntity *entity, const GArray *watched,
             GPtrArray *problems)
{
  int fd = open (path, O_PATH | O_CLOEXEC);

  if (fd >= 0 && (holds_inode (trigger->watched, fd) || holds_inode (watched, fd) || is_target (fd, entity)))
    return fd;
  g_ptr_array_add (problems,
                   g_strdup_printf ("%s: %s", path, fd < 0 ? g_strerror (errno) : "is another build now"));
  if (fd >= 0)
    close (fd);
  return -1;
}

static gboolean
watch_binding (LpTrigger *trigger, const LpBinding *binding, GArray *watched, GPtrArray *problems,
               GError **error)
{
  for (guint i = 0; binding->files != NULL && binding->files[i] != NULL; i++)
    {
      int fd = find_target (trigger, binding->files[i], binding->entity, watched, problems);
      if (fd < 0)
        continue;
      gboolean is_new = !holds_inode (watched, fd);
      if (is_new)
        g_array_append_val (watched, fd);
      else
        close (fd); /* another name of the same file */
      if (is_new && !lp_gate_watch (trigger->gate, fd, error))
        return FALSE;
    }
  return TRUE;
}

void
lp_trigger_free (LpTrigger *trigger)
{
  if (trigger == NULL)
    return;
  trigger->closing = TRUE;
  unwatch_missing (trigger, trigger->watched, NULL);
  g_hash_table_unref (trigger->looks);
  /* Tracers that are under way end within MEETING_MS; the loop still answers for them, and handles their
   * results. */
  while (trigger->threads > 0)
    g_main_context_iteration (trigger->context, TRUE);
  g_source_destroy (trigger->gate_source);
  g_source_unref (trigger->gate_source);
  if (trigger->deadline_source != NULL)
    {
      g_source_destroy (trigger->deadline_source);
      g_source_unref (trigger->deadline_source);
    }
  lp_gate_free (trigger->gate);
  g_hash_table_unref (trigger->held);
  g_ptr_array_unref (trigger->entities);
  g_main_context_unref (trigger->context);
  g_free (trigger);
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
          return FALSE;
        }
    }
  unwatch_missing (trigger, g_steal_pointer (&trigger->watched), watched);
  trigger->watched = watched;
  g_ptr_array_unref (trigger->entities);
  trigger->entities = g_steal_pointer (&entities);
  return TRUE;
}

LpTriggerCounts
lp_trigger_counts (LpTrigger *trigger)
{
  return trigger->counts;
}
