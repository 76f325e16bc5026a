/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is left when a build is killed, cancelled or hangs: nothing that runs, and a work folder that the next
 * run can use. The builder is the real program. Whatever must be "in the middle" waits at a FIFO, so nothing
 * here depends on time. */
#include "config.h"
#include "toy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static GSubprocess *
start_builder (Toy *toy)
{
  g_autoptr (GError) error = NULL;
  GSubprocess *process
      = g_subprocess_new (G_SUBPROCESS_FLAGS_STDERR_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE, &error,
                          g_getenv ("SYSCARE"), "build", "--source", toy->tree, "--build", toy->build,
                          "--patch", toy->fix, "--cache", toy->cache, "--output", toy->output, NULL);

  g_assert_no_error (error);
  return process;
}

/* Makes a FIFO in the test's folder; gives its path. */
static char *
make_fifo (Toy *toy)
{
  char *path = g_build_filename (toy->folder, "gate", NULL);

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  return path;
}

/* Returns when somebody opens the FIFO for reading, and keeps him there. */
static int
await_reader (const char *fifo)
{
  int fd = open (fifo, O_WRONLY | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

/* The process whose number is in the test's file @name. */
static int
open_process (Toy *toy, const char *name)
{
  g_autofree char *path = g_build_filename (toy->folder, name, NULL);
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  int fd = (int)syscall (SYS_pidfd_open, atoi (text), 0);
  g_assert_true (fd >= 0 || errno == ESRCH);
  return fd;
}

/* A process descriptor becomes readable when its process has ended; the limit only ends a failing test. */
static void
assert_ended (int fd)
{
  struct pollfd event = { .fd = fd, .events = POLLIN };

  if (fd < 0)
    return; /* gone before we looked */
  g_assert_cmpint (poll (&event, 1, 30000), ==, 1);
  close (fd);
}

static void
kill_builder (GSubprocess *builder, int signal_number)
{
  g_autoptr (GError) error = NULL;

  g_subprocess_send_signal (builder, signal_number);
  g_subprocess_wait (builder, NULL, &error);
  g_assert_no_error (error);
}

static void
assert_builds (Toy *toy, const char *expected)
{
  g_autofree char *functions = toy_functions (toy);

  g_assert_cmpstr (functions, ==, expected);
}

/* Killed while the unchanged tree is being built: the compilers die with the builder, the next run starts
 * anew. */
static void
test_killed_in_baseline (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  g_autofree char *fifo = make_fifo (toy);
  toy->build = (g_free (toy->build), g_strdup_printf ("echo $$ > %s/pid; cat %s; make", toy->folder, fifo));
  g_autoptr (GSubprocess) builder = start_builder (toy);
  int gate = await_reader (fifo);
  int child = open_process (toy, "pid");
  kill_builder (builder, SIGKILL);
  assert_ended (child);
  close (gate);

  g_free (toy_run (toy, "rm gate; : > gate"));
  assert_builds (toy, "tool:answer");
  g_assert_null (strstr (toy->log->str, "cached"));
}

/* Killed while the fixed source stands in the tree: the next run finds the original. */
static void
test_killed_while_changed (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  g_autofree char *fifo = make_fifo (toy);
  g_autofree char *good = NULL;
  g_assert_true (g_file_get_contents (toy->fix, &good, NULL, NULL));
  g_autofree char *original = toy_run (toy, "cat tool-1.0/answer.c");
  g_autofree char *waits = g_strdup_printf ("%s\n#include \"%s\"\n", original, fifo);
  toy_fix (toy, "answer.c", waits);
  toy_make_fix (toy);

  g_autoptr (GSubprocess) builder = start_builder (toy);
  int gate = await_reader (fifo);
  g_autofree char *changed = toy_run (toy, "cat cache/tool-*/src/tool-1.0/answer.c");
  g_assert_cmpstr (changed, !=, original);
  kill_builder (builder, SIGKILL);
  close (gate);

  g_assert_true (g_file_set_contents (toy->fix, good, -1, NULL));
  assert_builds (toy, "tool:answer");
  g_assert_nonnull (strstr (toy->log->str, "baseline end cached"));
  g_autofree char *restored
      = toy_run (toy, "cat cache/tool-*/src/tool-1.0/answer.c; ls -A cache/tool-*/undo");
  g_assert_cmpstr (restored, ==, original);
}

/* Cancelled: everything of the build ends, also what made itself a session of its own, and nothing else. */
static void
test_cancelled (void)
{
  g_autoptr (Toy) toy = toy_new ();
  g_autoptr (GError) error = NULL;

  toy_usual (toy, "");
  g_autofree char *fifo = make_fifo (toy);
  g_autoptr (GSubprocess) bystander = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE, &error, "cat", NULL);
  g_assert_no_error (error);
  toy->build = (g_free (toy->build),
                g_strdup_printf ("setsid sleep 10000 & echo $! > %s/daemon; echo $$ > %s/pid; cat %s",
                                 toy->folder, toy->folder, fifo));
  g_autoptr (GSubprocess) builder = start_builder (toy);
  int gate = await_reader (fifo);
  int child = open_process (toy, "pid");
  int background = open_process (toy, "daemon");
  kill_builder (builder, SIGINT);
  g_assert_true (g_subprocess_get_if_exited (builder));
  g_assert_cmpint (g_subprocess_get_exit_status (builder), !=, 0);
  assert_ended (child);
  assert_ended (background);
  close (gate);
  g_assert_nonnull (g_subprocess_get_identifier (bystander));
  g_assert_true (g_output_stream_close (g_subprocess_get_stdin_pipe (bystander), NULL, NULL));
  g_assert_true (g_subprocess_wait_check (bystander, NULL, &error));
  g_assert_no_error (error);
}

/* What a build leaves running in the background doesn't outlive it. */
static void
test_daemon_left_behind (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy->build
      = (g_free (toy->build),
         g_strdup_printf ("setsid sleep 10000 > /dev/null 2>&1 & echo $! > %s/daemon; make", toy->folder));
  assert_builds (toy, "tool:answer");
  assert_ended (open_process (toy, "daemon"));
}

/* A process of the build that stops itself and is continued by its parent, who is told about it: as it is
 * untraced. */
static void
test_job_control (void)
{
  g_autoptr (Toy) toy = toy_new ();

  toy_usual (toy, "");
  toy->build
      = (g_free (toy->build),
         g_strdup ("bash -c 'set -m; sh -c \"kill -STOP \\$\\$; make\" & wait; kill -CONT %1; wait -f %1'"));
  assert_builds (toy, "tool:answer");
}

/* Two builds of one source: the second waits and says so. */
static void
test_two_at_once (void)
{
  g_autoptr (Toy) toy = toy_new ();
  g_autoptr (GError) error = NULL;

  toy_usual (toy, "");
  g_autofree char *fifo = make_fifo (toy);
  toy->build = (g_free (toy->build), g_strdup_printf ("cat %s; make", fifo));
  g_autoptr (GSubprocess) first = start_builder (toy);
  int gate = await_reader (fifo);
  g_autoptr (GSubprocess) second = start_builder (toy);
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (g_subprocess_get_stderr_pipe (second));
  for (gboolean waiting = FALSE; !waiting;)
    {
      g_autofree char *line = g_data_input_stream_read_line (lines, NULL, NULL, &error);
      g_assert_no_error (error);
      g_assert_nonnull (line);
      waiting = strstr (line, "waiting for another build") != NULL;
    }
  close (gate);
  g_assert_true (g_subprocess_wait_check (first, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait_check (second, NULL, &error));
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/build/killed/in-the-unchanged-build", test_killed_in_baseline);
  g_test_add_func ("/build/killed/while-the-tree-is-changed", test_killed_while_changed);
  g_test_add_func ("/build/killed/cancelling-ends-the-whole-tree-only", test_cancelled);
  g_test_add_func ("/build/killed/no-daemon-outlives-the-build", test_daemon_left_behind);
  g_test_add_func ("/build/killed/stopping-and-continuing-works", test_job_control);
  g_test_add_func ("/build/killed/a-second-build-waits", test_two_at_once);
  return g_test_run ();
}
