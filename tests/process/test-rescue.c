/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tracer that waits for ever, as for a lock of a killed thread, or is slow, amidst its work on a child of
 * this test: the child goes on as if nothing had been. Without a rescue the tracer's end (its watchdog's
 * doing) would leave the child with the tracer's registers. */
#include "process/remote.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
  LpProcess *process;
  int to, from; /* pipes: a byte in, a byte out */
  int told;     /* a pipe: of the tracer */
  pid_t pid;
} Child;

/* Has a page of its own, which the tracer may cover. */
__attribute__ ((noinline, aligned (4096))) static void
answer_all (int in, int out)
{
  char byte = 'x';

  do
    if (write (out, &byte, 1) != 1)
      _exit (1);
  while (read (in, &byte, 1) == 1);
  _exit (0);
}

static void
set_up (Child *child, gconstpointer data)
{
  int in[2], out[2];
  char byte;

  g_assert_cmpint (pipe (in), ==, 0);
  g_assert_cmpint (pipe (out), ==, 0);
  child->pid = fork ();
  if (child->pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      close (in[1]);
      close (out[0]);
      answer_all (in[0], out[1]);
    }
  close (in[0]);
  close (out[1]);
  child->to = in[1];
  child->from = out[0];
  g_assert_cmpint (read (child->from, &byte, 1), ==, 1);
  child->process = lp_process_open (child->pid, NULL);
  g_assert_nonnull (child->process);
}

static void
tear_down (Child *child, gconstpointer data)
{
  int status;

  close (child->to);
  g_assert_cmpint (waitpid (child->pid, &status, 0), ==, child->pid);
  g_assert_cmpint (status, ==, 0);
  close (child->from);
  lp_process_free (child->process);
}

/* Never comes back; a rescue may come from here on. */
static void
tell_and_hang (const Child *child)
{
  g_assert_cmpint (write (child->told, "h", 1), ==, 1);
  for (;;)
    pause ();
}

/* Lasts as long as the tracer. */
static LpRemote *
borrow (const Child *child)
{
  LpStop *stop = lp_stop_new (child->process);

  g_assert_true (lp_stop_all (stop, 5000, NULL));
  LpRemote *remote = lp_remote_begin (stop, lp_maps_read (child->process, NULL), NULL);
  g_assert_nonnull (remote);
  return remote;
}

static gboolean
hang_between_calls (gpointer data, GError **error)
{
  Child *child = data;
  LpRemote *remote = borrow (child);
  const guint64 none[6] = { 0 };
  gint64 result;

  g_assert_true (lp_remote_call (remote, SYS_getpid, none, &result, error));
  g_assert_cmpint (result, ==, child->pid);
  tell_and_hang (child);
  return lp_remote_end (remote, error);
}

static guint64
code_page (void)
{
  return (guint64)(gsize)answer_all & ~(guint64)(LP_REMOTE_CODE_SIZE - 1);
}

/* The child itself doesn't come back from what it is told to do. */
static gboolean
hang_in_calls (gpointer data, GError **error)
{
  Child *child = data;
  LpRemote *remote = borrow (child);
  LpRemoteCall calls[] = { { SYS_getpid }, { SYS_pause } };
  guint made;

  g_assert_cmpint (write (child->told, "h", 1), ==, 1);
  lp_remote_run (remote, code_page (), calls, G_N_ELEMENTS (calls), "", NULL, &made, error);
  return lp_remote_end (remote, error);
}

/* The end comes amidst anything. */
static gboolean
call_on_and_on (gpointer data, GError **error)
{
  Child *child = data;
  g_autoptr (LpStop) stop = lp_stop_new (child->process);
  g_autoptr (LpMaps) maps = lp_maps_read (child->process, error);
  const guint64 none[6] = { 0 };
  gint64 result;

  g_assert_true (lp_stop_all (stop, 5000, error));
  g_assert_cmpint (write (child->told, "h", 1), ==, 1);
  for (;;)
    {
      LpRemote *remote = lp_remote_begin (stop, maps, NULL);
      g_assert_true (lp_remote_call (remote, SYS_getpid, none, &result, NULL));
      g_assert_true (lp_remote_end (remote, NULL));
    }
  return TRUE;
}

static gboolean
call_at_once_on_and_on (gpointer data, GError **error)
{
  Child *child = data;
  LpRemote *remote = borrow (child);

  g_assert_cmpint (write (child->told, "h", 1), ==, 1);
  for (;;)
    {
      LpRemoteCall calls[] = { { SYS_getpid }, { SYS_getppid } };
      guint made;
      g_assert_true (
          lp_remote_run (remote, code_page (), calls, G_N_ELEMENTS (calls), "", NULL, &made, NULL));
    }
  return TRUE;
}

static gboolean
hang_while_stopped (gpointer data, GError **error)
{
  Child *child = data;
  g_autoptr (LpStop) stop = lp_stop_new (child->process);

  g_assert_true (lp_stop_all (stop, 5000, error));
  tell_and_hang (child);
  return TRUE;
}

/* Has @func run by the tracer of a process that is killed once the tracer hangs. */
static void
test_owner_killed (Child *child, gconstpointer func)
{
  guint8 before[LP_REMOTE_CODE_SIZE], after[LP_REMOTE_CODE_SIZE];
  int told[2], status;
  char byte;

  g_assert_true (lp_process_read (child->process, code_page (), before, sizeof before, NULL));
  g_assert_cmpint (pipe (told), ==, 0);
  pid_t owner = fork ();
  if (owner == 0)
    {
      child->told = told[1];
      lp_ptracer_run ((LpPtracerFunc)func, child, NULL);
      _exit (1);
    }
  close (told[1]);
  g_assert_cmpint (read (told[0], &byte, 1), ==, 1);
  kill (owner, SIGKILL);
  g_assert_cmpint (waitpid (owner, &status, 0), ==, owner);
  g_assert_true (WIFSIGNALED (status));

  g_assert_cmpint (write (child->to, "y", 1), ==, 1);
  g_assert_cmpint (read (child->from, &byte, 1), ==, 1);
  g_assert_true (byte == 'y');
  g_assert_cmpint (read (told[0], &byte, 1), ==, 0); /* the tracer has ended */
  close (told[0]);
  g_assert_true (lp_process_read (child->process, code_page (), after, sizeof after, NULL));
  g_assert_cmpmem (before, sizeof before, after, sizeof after);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                                                      \
  g_test_add ("/rescue/" name, Child, (gconstpointer)func, set_up, test_owner_killed, tear_down)
  ADD ("a tracer hangs between two calls of a borrowed thread (hazard 22)", hang_between_calls);
  ADD ("a borrowed thread doesn't come back from its calls (hazard 22)", hang_in_calls);
  /* Where it comes is a matter of chance. */
  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *name = g_strdup_printf ("/rescue/a tracer that is slow, %u (hazard 22)", i);
      g_autofree char *at_once
          = g_strdup_printf ("/rescue/one that has several calls made, %u (hazard 22)", i);
      g_test_add (name, Child, (gconstpointer)call_on_and_on, set_up, test_owner_killed, tear_down);
      g_test_add (at_once, Child, (gconstpointer)call_at_once_on_and_on, set_up, test_owner_killed,
                  tear_down);
    }
  ADD ("a tracer hangs while all threads stand still (hazard 22)", hang_while_stopped);
  return g_test_run ();
}
