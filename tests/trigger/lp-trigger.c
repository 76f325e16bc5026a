/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lp-trigger: the trigger by hand, for developers and tests. Binds an entity to files until its standard
 * input ends.
 *
 *   lp-trigger [--without=gate|net|events]... ENTITY FILE...
 *
 * Prints "ready" once the files are watched, a line for each process that was met, and the counts at the end.
 */
#include <glib-unix.h>
#include <stdio.h>
#include <unistd.h>

#include "user/trigger.h"

static const char *const outcome_words[] = {
  [LP_MEET_PATCHED] = "patched",
  [LP_MEET_NOT_CONCERNED] = "not-concerned",
  [LP_MEET_LATER] = "later",
  [LP_MEET_FAILED] = "failed",
};

static void
print_meeting (const LpMeetResult *result, gpointer user_data)
{
  printf ("met %d %s %.1f us %s\n", result->pid, outcome_words[result->outcome], result->held_ns / 1000.0,
          result->reason);
  fflush (stdout);
}

static gboolean
input_is_readable (int fd, GIOCondition condition, gpointer user_data)
{
  char byte;

  if (read (fd, &byte, 1) > 0)
    return G_SOURCE_CONTINUE;
  g_main_loop_quit (user_data);
  return G_SOURCE_REMOVE;
}

static gboolean
run (LpTriggerFlags without, char **argv, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (LpEntity) entity = lp_entity_open (argv[1], error);
  g_autoptr (LpTrigger) trigger
      = entity != NULL ? lp_trigger_new (without, print_meeting, NULL, error) : NULL;
  g_autoptr (GPtrArray) bindings = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_binding_free);
  g_autoptr (GPtrArray) problems = NULL;

  if (trigger == NULL)
    return FALSE;
  g_ptr_array_add (bindings, lp_binding_new (entity, (const char *const *)argv + 2));
  if (!lp_trigger_bind (trigger, bindings, &problems, error))
    return FALSE;
  for (guint i = 0; i < lp_trigger_lacks (trigger)->len; i++)
    printf ("lack %s\n", (char *)lp_trigger_lacks (trigger)->pdata[i]);
  for (guint i = 0; i < problems->len; i++)
    printf ("problem %s\n", (char *)problems->pdata[i]);
  printf ("ready\n");
  fflush (stdout);

  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, input_is_readable, loop);
  g_main_loop_run (loop);
  lp_trigger_close (trigger);
  LpTriggerCounts counts = lp_trigger_counts (trigger);
  printf ("counts met %" G_GUINT64_FORMAT " patched %" G_GUINT64_FORMAT " later %" G_GUINT64_FORMAT
          " missed %" G_GUINT64_FORMAT " failed %" G_GUINT64_FORMAT " caught %" G_GUINT64_FORMAT
          " spotted %" G_GUINT64_FORMAT " hits %" G_GUINT64_FORMAT " signalled %" G_GUINT64_FORMAT
          " old %" G_GUINT64_FORMAT "\n",
          counts.met, counts.patched, counts.later, counts.missed, counts.failed, counts.caught,
          counts.spotted, counts.hits, counts.signalled, counts.old_calls);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  LpTriggerFlags without = 0;

  for (; argc > 1 && g_str_has_prefix (argv[1], "--without="); argc--, argv++)
    without |= g_str_equal (argv[1], "--without=gate")  ? LP_TRIGGER_GATE
               : g_str_equal (argv[1], "--without=net") ? LP_TRIGGER_NET
                                                        : LP_TRIGGER_EVENTS;
  if (argc < 3)
    {
      fprintf (stderr, "usage: lp-trigger [--without=gate|net|events]... ENTITY FILE...\n");
      return 2;
    }
  if (run (without, argv, &error))
    return 0;
  fprintf (stderr, "lp-trigger: %s\n", error->message);
  return 1;
}
