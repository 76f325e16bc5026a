/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lp-trigger: the trigger by hand, for developers and tests. Binds an entity to files until its standard
 * input ends.
 *
 *   lp-trigger [--without=gate|net|events|lookout|quiet|hold]... [--kill=VICTIM:N:STEP] [--slow=STEP]
 * [--pin=PATH] ENTITY FILE...
 *
 * Prints "ready" once the files are watched and all has settled; at the end a line for each process that was
 * met, and the counts, those of the steps (base/step.h) included. --kill: SIGKILL at the Nth time that STEP
 * is made, for the "trigger" itself, the net's "guard" or "both" at once; "service": as if the one that wants
 * it had been killed. --slow: whoever makes STEP takes half a second for it.
 *
 * On standard input "u": binds nothing any more, and prints "settled" when that has settled; "l": looks at
 * all processes; "c": prints the counts.
 */
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/step.h"
#include "user/trigger.h"

static const char *const outcome_words[] = {
  [LP_MEET_PATCHED] = "patched",
  [LP_MEET_NOT_CONCERNED] = "not-concerned",
  [LP_MEET_LATER] = "later",
  [LP_MEET_FAILED] = "failed",
};

/* ---- steps. The hook is also called by tracers, which share our memory: no locks, no allocation. ---- */

#define STEPS_MAX 64

static struct {
  const char *name; /* atomic */
  gint times;       /* atomic */
} steps[STEPS_MAX];
static char **order; /* VICTIM, N, STEP; NULL: none */
static const char *slow_step;
static pid_t self;
static char *children_file;
static int end_pipe[2];

/* The only child of the main thread; tracers are other threads' children. */
static void
kill_guard (void)
{
  char text[64];
  int fd = open (children_file, O_RDONLY | O_CLOEXEC);
  gssize size = fd >= 0 ? read (fd, text, sizeof text - 1) : 0;

  if (fd >= 0)
    close (fd);
  text[MAX (size, 0)] = '\0';
  if (atoi (text) > 1)
    kill (atoi (text), SIGKILL);
}

static void
kill_victim (void)
{
  if (strcmp (order[0], "both") == 0)
    kill_guard ();
  if (strcmp (order[0], "both") == 0 || strcmp (order[0], "trigger") == 0)
    kill (self, SIGKILL);
  else if (strcmp (order[0], "guard") == 0)
    kill_guard ();
  else if (write (end_pipe[1], "", 1) != 1)
    abort ();
}

static void
dawdle (void)
{
  gint64 end = g_get_monotonic_time () + G_USEC_PER_SEC / 2;

  while (g_get_monotonic_time () < end)
    usleep (10000);
}

static void
on_step (const char *name)
{
  guint i = 0;

  if (slow_step != NULL && strcmp (slow_step, name) == 0)
    dawdle ();

  while (i < STEPS_MAX - 1 && !g_atomic_pointer_compare_and_exchange (&steps[i].name, NULL, name)
         && strcmp (steps[i].name, name) != 0)
    i++;
  if (g_atomic_int_add (&steps[i].times, 1) + 1 == (order != NULL ? atoi (order[1]) : 0)
      && strcmp (order[2], name) == 0)
    kill_victim ();
}

static void
print_steps (void)
{
  for (guint i = 0; i < STEPS_MAX && steps[i].name != NULL; i++)
    printf ("step %d %s\n", steps[i].times, steps[i].name);
}

/* Printed at the end: nobody reads meanwhile, and the loop must not wait for a full pipe. */
static void
note_meeting (const LpMeetResult *result, gpointer user_data)
{
  g_string_append_printf (user_data, "met %d %s %.1f us %s\n", result->pid, outcome_words[result->outcome],
                          result->held_ns / 1000.0, result->reason);
}

typedef struct {
  GMainLoop *loop;
  LpTrigger *trigger;
} Run;

static void
note_settled (gpointer user_data)
{
  printf ("settled\n");
  fflush (stdout);
}

static void
note_ready (gpointer user_data)
{
  printf ("ready\n");
  fflush (stdout);
}

static void
print_counts (LpTrigger *trigger)
{
  LpTriggerCounts counts = lp_trigger_counts (trigger);

  printf ("counts met %" G_GUINT64_FORMAT " patched %" G_GUINT64_FORMAT " later %" G_GUINT64_FORMAT
          " missed %" G_GUINT64_FORMAT " failed %" G_GUINT64_FORMAT " caught %" G_GUINT64_FORMAT
          " spotted %" G_GUINT64_FORMAT " probed %" G_GUINT64_FORMAT " hits %" G_GUINT64_FORMAT
          " signalled %" G_GUINT64_FORMAT " old %" G_GUINT64_FORMAT " lost %" G_GUINT64_FORMAT
          " asked %" G_GUINT64_FORMAT "\n",
          counts.met, counts.patched, counts.later, counts.missed, counts.failed, counts.caught,
          counts.spotted, counts.probed, counts.hits, counts.signalled, counts.old_calls, counts.lost,
          counts.asked);
  fflush (stdout);
}

static void
unbind (LpTrigger *trigger)
{
  g_autoptr (GPtrArray) bindings = g_ptr_array_new ();
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GError) error = NULL;

  if (lp_trigger_bind (trigger, bindings, &problems, &error))
    lp_trigger_settle (trigger, note_settled, NULL);
  else
    g_printerr ("lp-trigger: %s\n", error->message);
}

static gboolean
input_is_readable (int fd, GIOCondition condition, gpointer user_data)
{
  const Run *run = user_data;
  char byte;

  if (read (fd, &byte, 1) > 0)
    {
      if (byte == 'u')
        unbind (run->trigger);
      else if (byte == 'l')
        lp_trigger_look_at_all (run->trigger);
      else if (byte == 'c')
        print_counts (run->trigger);
      return G_SOURCE_CONTINUE;
    }
  g_main_loop_quit (run->loop);
  return G_SOURCE_REMOVE;
}

static gboolean
end_is_asked_for (int fd, GIOCondition condition, gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_REMOVE;
}

static gboolean
run (LpTriggerFlags without, const char *pin, char **argv, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (LpEntity) entity = lp_entity_open (argv[1], error);
  g_autoptr (GString) meetings = g_string_new (NULL);
  g_autoptr (LpTrigger) trigger
      = entity != NULL ? lp_trigger_new (without, pin, note_meeting, meetings, error) : NULL;
  g_autoptr (GPtrArray) bindings = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_binding_free);
  g_autoptr (GPtrArray) problems = NULL;

  if (trigger == NULL)
    return FALSE;
  lp_trigger_spare (trigger, getppid ());
  g_ptr_array_add (bindings, lp_binding_new (entity, (const char *const *)argv + 2));
  if (!lp_trigger_bind (trigger, bindings, &problems, error))
    return FALSE;
  for (guint i = 0; i < lp_trigger_lacks (trigger)->len; i++)
    printf ("lack %s\n", (char *)lp_trigger_lacks (trigger)->pdata[i]);
  for (guint i = 0; i < problems->len; i++)
    printf ("problem %s\n", (char *)problems->pdata[i]);
  lp_trigger_settle (trigger, note_ready, NULL);

  Run reader = { loop, trigger };
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, input_is_readable, &reader);
  g_unix_fd_add (end_pipe[0], G_IO_IN, end_is_asked_for, loop);
  g_main_loop_run (loop);
  lp_trigger_close (trigger);
  fputs (meetings->str, stdout);
  print_counts (trigger);
  print_steps ();
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  LpTriggerFlags without = 0;
  const char *pin = NULL;

  self = getpid ();
  children_file = g_strdup_printf ("/proc/%d/task/%d/children", self, self);
  lp_step_hook = on_step;
  if (pipe (end_pipe) != 0)
    return 1;
  for (; argc > 1 && g_str_has_prefix (argv[1], "--"); argc--, argv++)
    if (g_str_has_prefix (argv[1], "--kill="))
      order = g_strsplit (argv[1] + strlen ("--kill="), ":", 3);
    else if (g_str_has_prefix (argv[1], "--slow="))
      slow_step = argv[1] + strlen ("--slow=");
    else if (g_str_has_prefix (argv[1], "--pin="))
      pin = argv[1] + strlen ("--pin=");
    else
      without |= g_str_equal (argv[1], "--without=gate")      ? LP_TRIGGER_GATE
                 : g_str_equal (argv[1], "--without=net")     ? LP_TRIGGER_NET
                 : g_str_equal (argv[1], "--without=quiet")   ? LP_TRIGGER_QUIET
                 : g_str_equal (argv[1], "--without=hold")    ? LP_TRIGGER_HOLD
                 : g_str_equal (argv[1], "--without=lookout") ? LP_TRIGGER_LOOKOUT
                                                              : LP_TRIGGER_EVENTS;
  if (order != NULL && g_strv_length (order) != 3)
    argc = 0;
  if (argc < 3)
    {
      fprintf (stderr,
               "usage: lp-trigger [--without=gate|net|events|lookout|quiet|hold]... [--kill=VICTIM:N:STEP] "
               "[--slow=STEP] [--pin=PATH] ENTITY FILE...\n");
      return 2;
    }
  if (run (without, pin, argv, &error))
    return 0;
  fprintf (stderr, "lp-trigger: %s\n", error->message);
  return 1;
}
