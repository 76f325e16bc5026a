/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stopping, unwinding, borrowing and letting go a child of this test. */
#include "process/remote.h"
#include "process/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_THREADS 8
#define EXECUTE 'e' /* the child starts another program */

typedef struct {
  LpProcess *process;
  int to, from; /* pipes: a byte in, a byte out */
  pid_t pid;
} Child;

static int child_in;

__attribute__ ((noinline)) static char
innermost (void)
{
  char byte = 0;

  if (read (child_in, &byte, 1) != 1)
    _exit (0);
  __asm__ volatile("" ::: "memory"); /* no tail call */
  return byte;
}

__attribute__ ((noinline)) static char
middle (void)
{
  char byte = innermost ();

  __asm__ volatile("" ::: "memory");
  return byte;
}

static void *
idle (void *data)
{
  for (;;)
    pause ();
  return NULL;
}

static void
run_child (int in, int out)
{
  pthread_t thread;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  child_in = in;
  for (guint i = 0; i < N_THREADS; i++)
    pthread_create (&thread, NULL, idle, NULL);
  for (;;)
    {
      char byte = write (out, "x", 1) == 1 ? middle () : 0;
      if (byte == EXECUTE)
        execl ("/bin/true", "true", NULL);
      if (byte == 0 || byte == EXECUTE)
        _exit (0);
    }
}

static void
await_answer (Child *child)
{
  char byte;

  g_assert_cmpint (read (child->from, &byte, 1), ==, 1);
}

/* Whether each thread has come to the call that it waits in: on its way there the stacks are others. */
static gboolean
is_settled (Child *child)
{
  g_autoptr (GArray) tids = lp_process_threads (child->process, NULL);

  if (tids == NULL || tids->len != N_THREADS + 1)
    return FALSE;
  for (guint i = 0; i < tids->len; i++)
    {
      int tid = g_array_index (tids, int, i);
      g_autofree char *where = lp_process_thread_waits_in (child->process, tid);
      g_autofree char *wanted = g_strdup_printf ("system call %d", tid == child->pid ? SYS_read : SYS_pause);
      gsize size = strlen (wanted);
      if (strncmp (where, wanted, size) != 0 || g_ascii_isdigit (where[size]))
        return FALSE;
    }
  return TRUE;
}

static void
set_up (Child *child, gconstpointer data)
{
  GError *error = NULL;
  int in[2], out[2];

  g_assert_cmpint (pipe (in), ==, 0);
  g_assert_cmpint (pipe (out), ==, 0);
  child->pid = fork ();
  if (child->pid == 0)
    {
      close (in[1]);
      close (out[0]);
      run_child (in[0], out[1]);
    }
  close (in[0]);
  close (out[1]);
  child->to = in[1];
  child->from = out[0];
  await_answer (child);
  child->process = lp_process_open (child->pid, &error);
  g_assert_no_error (error);
  while (!is_settled (child))
    g_usleep (1000);
}

static void
tear_down (Child *child, gconstpointer data)
{
  int status;

  /* It still works, and ends well. */
  g_assert_cmpint (write (child->to, "y", 1), ==, 1);
  await_answer (child);
  close (child->to);
  g_assert_cmpint (waitpid (child->pid, &status, 0), ==, child->pid);
  g_assert_cmpint (status, ==, 0);
  g_assert_false (lp_process_is_alive (child->process));
  close (child->from);
  lp_process_free (child->process);
}

/* It has ended by itself, and well. */
static void
tear_down_ended (Child *child, gconstpointer data)
{
  int status;

  g_assert_cmpint (waitpid (child->pid, &status, 0), ==, child->pid);
  g_assert_cmpint (status, ==, 0);
  close (child->to);
  close (child->from);
  lp_process_free (child->process);
}

static gboolean
is_stopped (Child *child, int tid)
{
  g_autofree char *state = lp_process_status (child->process, tid, "State");

  return state != NULL && state[0] == 't';
}

static gboolean
stop_everybody (gpointer data, GError **error)
{
  Child *child = data;
  g_autoptr (LpStop) stop = lp_stop_new (child->process);

  g_assert_true (lp_stop_all (stop, 5000, error));
  g_assert_cmpuint (lp_stop_n_threads (stop), ==, N_THREADS + 1);
  for (guint i = 0; i < lp_stop_n_threads (stop); i++)
    g_assert_true (is_stopped (child, lp_stop_get_thread (stop, i)->tid));
  lp_stop_release (stop);
  g_assert_cmpuint (lp_stop_duration (stop), >, 0);
  return TRUE;
}

static void
test_all_threads_stop_and_go (Child *child, gconstpointer data)
{
  GError *error = NULL;

  g_assert_true (lp_ptracer_run (stop_everybody, child, &error));
  g_assert_no_error (error);
  g_assert_false (is_stopped (child, child->pid));
}

static gboolean
leave_stopped (gpointer data, GError **error)
{
  Child *child = data;
  static LpStop *never_released; /* the tracer's end must let them go */

  never_released = lp_stop_new (child->process);
  return lp_stop_all (never_released, 5000, error);
}

static void
test_end_of_tracer_lets_go (Child *child, gconstpointer data)
{
  GError *error = NULL;

  g_assert_true (lp_ptracer_run (leave_stopped, child, &error));
  /* tear_down() asks the child. */
}

static gboolean
make_calls (gpointer data, GError **error)
{
  Child *child = data;
  g_autoptr (LpStop) stop = lp_stop_new (child->process);
  g_autoptr (LpMaps) maps = lp_maps_read (child->process, error);
  const guint64 none[6] = { 0 };
  gint64 result;

  g_assert_true (lp_stop_thread (stop, child->pid, 5000, error));
  LpRemote *remote = lp_remote_begin (stop, maps, error);
  g_assert_nonnull (remote);
  g_assert_true (lp_remote_call (remote, SYS_getpid, none, &result, error));
  g_assert_cmpint (result, ==, child->pid);
  const guint64 map[6] = { 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, (guint64)-1, 0 };
  g_assert_true (lp_remote_call (remote, SYS_mmap, map, &result, error));
  g_assert_cmpint (result, >, 0);
  g_autoptr (LpMaps) now = lp_maps_read (child->process, error);
  g_assert_nonnull (lp_maps_find (now, result));
  const guint64 bad[6] = { 1, 0, 0, 0, 0, 0 };
  g_assert_true (lp_remote_call (remote, SYS_munmap, bad, &result, error));
  g_assert_cmpint (result, ==, -EINVAL);
  return lp_remote_end (remote, error);
}

static void
test_calls_are_made_in_the_child (Child *child, gconstpointer data)
{
  GError *error = NULL;

  g_assert_true (lp_ptracer_run (make_calls, child, &error));
  g_assert_no_error (error);
}

static void
check_batch (LpProcess *process, LpRemote *remote, const LpMaps *maps)
{
  GError *error = NULL;
  guint64 code = (guint64)(gsize)tear_down & ~(guint64)(LP_REMOTE_CODE_SIZE - 1);
  guint8 before[LP_REMOTE_CODE_SIZE], after[LP_REMOTE_CODE_SIZE];
  guint made;
  struct stat opened, program;
  LpRemoteCall calls[] = {
    { SYS_openat,
      { (guint64)(gint64)AT_FDCWD, 0, O_RDONLY },
      .text_at = 1,
      .to_call = { 1, 2, 3 },
      .to_argument = { 0, 4, 0 } },
    { SYS_fstat, .answer_at = 1 },
    { SYS_mmap, { 0, 4096, PROT_READ, MAP_PRIVATE } },
    { SYS_close },
    { SYS_close, { (guint64)-1 } },
    { SYS_getpid },
  };

  g_assert_true (lp_process_read (process, code, before, sizeof before, NULL));
  g_assert_true (
      lp_remote_run (remote, code, calls, G_N_ELEMENTS (calls), "/proc/self/exe", &opened, &made, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (made, ==, 5); /* up to the one that fails */
  g_assert_cmpint (calls[0].result, >=, 0);
  g_assert_cmpint (calls[1].result, ==, 0);
  g_assert_cmpint (calls[2].result, >, 0);
  g_assert_cmpint (calls[3].result, ==, 0);
  g_assert_cmpint (calls[4].result, ==, -EBADF);
  g_assert_cmpint (calls[5].result, ==, 0);
  g_assert_true (lp_process_stat_file (process, "exe", &program));
  g_assert_cmpuint (opened.st_dev, ==, program.st_dev);
  g_assert_cmpuint (opened.st_ino, ==, program.st_ino);
  g_assert_cmpint (opened.st_ctim.tv_nsec, ==, program.st_ctim.tv_nsec);
  g_autoptr (LpMaps) now = lp_maps_read (process, NULL);
  const LpMapping *mapping = lp_maps_find (now, (guint64)calls[2].result);
  g_assert_nonnull (mapping);
  g_assert_nonnull (strstr (mapping->path, "test-"));
  g_assert_true (lp_process_read (process, code, after, sizeof after, NULL));
  g_assert_cmpmem (before, sizeof before, after, sizeof after);

  LpRemoteCall absent = { SYS_openat, { (guint64)(gint64)AT_FDCWD, 0, O_RDONLY }, .text_at = 1 };
  g_assert_true (lp_remote_run (remote, code, &absent, 1, "/nowhere", NULL, &made, &error));
  g_assert_cmpuint (made, ==, 1);
  g_assert_cmpint (absent.result, ==, -ENOENT);
}

/* It works, and the signal is ignored as before. */
static void
check_batch_that_ignores (LpStop *stop, LpProcess *process, const LpMaps *maps)
{
  struct {
    guint64 handler, flags, restorer, mask;
  } ignore = { (guint64)(gsize)SIG_IGN, 0, 0, 0 };
  LpThread *thread = lp_stop_get_thread (stop, 0);
  LpRemoteCall call = { SYS_getpid };
  g_autoptr (GError) error = NULL;
  gint64 result;
  guint made;

  g_assert_true (lp_stop_read_registers (stop, thread, NULL));
  guint64 room = lp_registers_sp (&thread->registers) - 4096;
  const guint64 arguments[6] = { SIGTRAP, room, 0, 8 };
  g_assert_true (lp_process_write (process, room, &ignore, sizeof ignore, thread->tid, NULL));
  LpRemote *remote = lp_remote_begin (stop, maps, NULL);
  g_assert_true (lp_remote_call (remote, SYS_rt_sigaction, arguments, &result, NULL));
  g_assert_cmpint (result, ==, 0);
  g_assert_true (lp_remote_end (remote, NULL));
  guint64 code = (guint64)(gsize)tear_down & ~(guint64)(LP_REMOTE_CODE_SIZE - 1);
  remote = lp_remote_begin (stop, maps, NULL);
  g_assert_true (lp_remote_run (remote, code, &call, 1, "", NULL, &made, &error));
  g_assert_no_error (error);
  g_assert_true (lp_remote_end (remote, NULL));
  g_assert_cmpint (call.result, ==, lp_process_pid (process));
  g_autofree char *ignored = lp_process_status (process, 0, "SigIgn");
  g_assert_cmpuint (g_ascii_strtoull (ignored, NULL, 16) & 1 << (SIGTRAP - 1), !=, 0);
}

static gboolean
make_calls_at_once (gpointer data, GError **error)
{
  Child *child = data;
  g_autoptr (LpStop) stop = lp_stop_new (child->process);
  g_autoptr (LpMaps) maps = lp_maps_read (child->process, error);

  g_assert_true (lp_stop_all (stop, 5000, error));
  LpRemote *remote = lp_remote_begin (stop, maps, error);
  g_assert_nonnull (remote);
  check_batch (child->process, remote, maps);
  g_assert_true (lp_remote_end (remote, error));
  check_batch_that_ignores (stop, child->process, maps);
  return TRUE;
}

static void
test_calls_are_made_at_once (Child *child, gconstpointer data)
{
  GError *error = NULL;

  g_assert_true (lp_ptracer_run (make_calls_at_once, child, &error));
  g_assert_no_error (error);
}

/* At least as long as the functions that are looked for: instrumented code is longer. */
#ifdef __SANITIZE_ADDRESS__
#define CODE_SIZE 1024
#else
#define CODE_SIZE 128
#endif

typedef struct {
  gboolean innermost, middle, child;
} Seen;

static gboolean
note_frame (guint64 pc, gboolean is_return, gpointer data)
{
  Seen *seen = data;
  guint64 inner = (guint64)(gsize)innermost, mid = (guint64)(gsize)middle, top = (guint64)(gsize)run_child;

  seen->innermost |= pc > inner && pc < inner + CODE_SIZE;
  seen->middle |= seen->innermost && pc > mid && pc < mid + CODE_SIZE;
  seen->child |= seen->middle && pc > top && pc < top + 4 * CODE_SIZE;
  return TRUE;
}

static gboolean
walk_main_thread (gpointer data, GError **error)
{
  Child *child = data;
  g_autoptr (LpMaps) maps = lp_maps_read (child->process, error);
  g_autoptr (LpUnwinder) unwinder = lp_unwinder_new (child->process, maps);
  g_autoptr (LpStop) stop = lp_stop_new (child->process);
  Seen seen = { 0 };

  g_assert_true (lp_stop_all (stop, 5000, error));
  for (guint i = 0; i < lp_stop_n_threads (stop); i++)
    {
      LpThread *thread = lp_stop_get_thread (stop, i);
      g_assert_true (lp_stop_read_registers (stop, thread, error));
      g_assert_true (lp_unwinder_walk (unwinder, &thread->registers, note_frame, &seen));
    }
  g_assert_true (seen.innermost && seen.middle && seen.child);
  return TRUE;
}

static void
test_call_chains_are_exact (Child *child, gconstpointer data)
{
  GError *error = NULL;

  g_assert_true (lp_ptracer_run (walk_main_thread, child, &error));
  g_assert_no_error (error);
}

static gboolean
check_stacks (gpointer data, GError **error)
{
  Child *child = data;
  g_autoptr (LpMaps) maps = lp_maps_read (child->process, error);
  g_autoptr (LpUnwinder) unwinder = lp_unwinder_new (child->process, maps);
  g_autoptr (LpStop) stop = lp_stop_new (child->process);
  g_autoptr (GArray) ranges = g_array_new (FALSE, FALSE, sizeof (LpCodeRange));
  guint64 mid = (guint64)(gsize)middle, unused = (guint64)(gsize)tear_down;
  const LpCodeRange on_stack = { mid, mid + CODE_SIZE / 2, TRUE, "middle" },
                    not_on_stack = { unused, unused + 64, TRUE, "tear_down" };
  gboolean busy;
  LpStackHit hit = { 0 };

  g_assert_true (lp_stop_all (stop, 5000, error));
  g_array_append_val (ranges, not_on_stack);
  g_assert_true (lp_stack_check (stop, maps, unwinder, ranges, &busy, &hit, error));
  g_assert_false (busy);
  g_array_append_val (ranges, on_stack);
  g_assert_true (lp_stack_check (stop, maps, unwinder, ranges, &busy, &hit, error));
  g_assert_true (busy);
  g_assert_cmpint (hit.tid, ==, child->pid);
  g_assert_cmpstr (hit.range->name, ==, "middle");
  return TRUE;
}

static void
test_function_on_a_stack_is_found (Child *child, gconstpointer data)
{
  GError *error = NULL;

  g_assert_true (lp_ptracer_run (check_stacks, child, &error));
  g_assert_no_error (error);
}

static void
test_gone_process_is_an_error (void)
{
  pid_t pid = fork ();
  g_autoptr (GError) error = NULL;
  char byte;

  if (pid == 0)
    {
      pause ();
      _exit (0);
    }
  g_autoptr (LpProcess) process = lp_process_open (pid, &error);
  g_assert_no_error (error);
  g_assert_true (lp_process_read (process, (guint64)(gsize)&test_gone_process_is_an_error, &byte, 1, &error));
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  g_assert_false (lp_process_is_alive (process));
  g_assert_false (
      lp_process_read (process, (guint64)(gsize)&test_gone_process_is_an_error, &byte, 1, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_PROCESS_GONE);
  g_clear_error (&error);
  g_assert_null (lp_process_threads (process, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_PROCESS_GONE);
  g_clear_error (&error);
  g_assert_null (lp_process_open (pid, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_PROCESS_GONE);
}

static void
test_exec_ends_the_address_space (void)
{
  int out[2];
  char byte;
  g_autoptr (GError) error = NULL;
  int start[2];

  g_assert_cmpint (pipe (out), ==, 0);
  g_assert_cmpint (pipe (start), ==, 0);
  pid_t pid = fork ();
  if (pid == 0)
    {
      if (read (start[0], &byte, 1) == 1)
        {
          dup2 (out[1], 1);
          execl ("/bin/sh", "sh", "-c", "echo; exec sleep 1000", NULL);
        }
      _exit (1);
    }
  g_autoptr (LpProcess) process = lp_process_open (pid, &error);
  g_assert_true (
      lp_process_read (process, (guint64)(gsize)&test_exec_ends_the_address_space, &byte, 1, &error));
  g_assert_cmpint (write (start[1], "x", 1), ==, 1);
  g_assert_cmpint (read (out[0], &byte, 1), ==, 1);
  g_assert_true (lp_process_is_alive (process));
  g_assert_false (
      lp_process_read (process, (guint64)(gsize)&test_exec_ends_the_address_space, &byte, 1, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_PROCESS_GONE);
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  close (out[0]);
  close (out[1]);
  close (start[0]);
  close (start[1]);
}

static gboolean
stop_during_exec (gpointer data, GError **error)
{
  Child *child = data;
  g_autoptr (GArray) tids = lp_process_threads (child->process, error);
  g_autoptr (LpStop) stop = lp_stop_new (child->process);
  int held = g_array_index (tids, int, N_THREADS);
  char byte = EXECUTE, state;

  if (!lp_stop_thread (stop, held, 5000, error) || write (child->to, &byte, 1) != 1)
    return FALSE;
  do
    {
      g_autofree char *text = lp_process_status (child->process, held, "State");
      state = text != NULL ? text[0] : 'Z';
  } while (state != 'Z');
  /* The exec waits for that thread's end to be noted by us, and has what we need to attach to any other. */
  lp_stop_all (stop, 5000, NULL);
  return TRUE;
}

static void
test_exec_during_the_stop (Child *child, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  /* A tracer that hangs is killed, which is an error. */
  lp_ptracer_run (stop_during_exec, child, &error);
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/stop/" name, Child, NULL, set_up, function, tear_down)
  ADD ("all threads stop, and go on", test_all_threads_stop_and_go);
  ADD ("the end of the tracer lets everybody go (hazard 22)", test_end_of_tracer_lets_go);
  ADD ("system calls are made in the child, by a thread that waits in read()",
       test_calls_are_made_in_the_child);
  ADD ("several calls are made in one go, up to the one that fails", test_calls_are_made_at_once);
  ADD ("call chains are exact to their outermost frame", test_call_chains_are_exact);
  ADD ("a function on a stack is found, another isn't", test_function_on_a_stack_is_found);
  g_test_add ("/stop/a program that is started during the stop starts (hazard 22i)", Child, NULL, set_up,
              test_exec_during_the_stop, tear_down_ended);
  g_test_add_func ("/process/a process that is gone (hazards 24, 29)", test_gone_process_is_an_error);
  g_test_add_func ("/process/an exec ends the address space that we hold", test_exec_ends_the_address_space);
  return g_test_run ();
}
