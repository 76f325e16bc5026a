/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A child that has just executed a program: what its stack says of it, compared with what /proc does. */
#include "process/fresh.h"
#include "process/ptracer.h"
#include "process/registers.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
  const char *program;
  int pid, go; /* the child executes when the pipe's end is closed */
  gboolean in_environment;
} Child;

static const char *const large[] = { "PAD=xxxxxxxx", "A=1", "B=2", NULL };

static void
run_child (const Child *child, int in)
{
  const char *const arguments[] = { child->program, "one", "two", NULL }, *const none[] = { NULL };
  char byte;

  if (read (in, &byte, 1) == 0)
    execve (child->program, (char *const *)arguments, (char *const *)(child->in_environment ? large : none));
  _exit (99);
}

/* The tracer's ticks interrupt it. */
static int
await_child (const Child *child)
{
  int status = 0, got;

  do
    got = waitpid (child->pid, &status, __WALL);
  while (got < 0 && errno == EINTR);
  g_assert_cmpint (got, ==, child->pid);
  return status;
}

/* Runs it to the end of its exec; the registers there. */
static void
stop_at_start (Child *child, LpRegisters *registers)
{
  g_assert_cmpint (ptrace (PTRACE_SEIZE, child->pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL), ==, 0);
  close (child->go);
  g_assert_cmpint (await_child (child) >> 8, ==, SIGTRAP | PTRACE_EVENT_EXEC << 8);
  g_assert_cmpint (ptrace (PTRACE_INTERRUPT, child->pid, 0, 0), ==, 0);
  g_assert_cmpint (ptrace (PTRACE_CONT, child->pid, 0, 0), ==, 0);
  g_assert_cmpint (await_child (child) >> 16, ==, PTRACE_EVENT_STOP);
  g_assert_cmpint (ptrace (PTRACE_GETREGS, child->pid, 0, registers), ==, 0);
}

static void
compare_modules (const LpModule *known, const LpModule *seen)
{
  g_assert_cmphex (known->bias, ==, seen->bias);
  g_assert_cmphex (known->start, ==, seen->start);
  g_assert_cmphex (known->end, ==, seen->end);
  g_assert_cmphex (known->map_start, ==, seen->map_start);
  g_assert_cmphex (known->map_end, ==, seen->map_end);
  g_assert_cmphex (known->dynamic, ==, seen->dynamic);
  g_assert_cmphex (known->program_headers, ==, seen->program_headers);
  g_assert_cmpint (known->type, ==, seen->type);
  g_assert_cmpint (known->machine, ==, seen->machine);
  g_assert_cmpstr (known->build_id, ==, seen->build_id);
}

/* Nothing that is known to be mapped isn't, and nothing begins where nothing does. */
static void
compare_maps (const LpMaps *known, const LpMaps *seen, guint64 sp)
{
  guint64 last = 0;

  for (guint i = 0; i < known->mappings->len; i++)
    {
      const LpMapping *m = &g_array_index (known->mappings, LpMapping, i);
      g_assert_cmphex (m->start, >=, last);
      last = m->end;
      g_assert_nonnull (lp_maps_find (seen, m->start));
    }
  g_assert_cmpstr (lp_maps_find (known, sp)->path, ==, "[stack]");
  g_assert_cmpstr (lp_maps_find (seen, sp)->path, ==, "[stack]");
}

static void
check_refusals (LpProcess *process, guint64 sp)
{
  const guint64 endless[4] = { 1, 1, 1, 1 };
  LpMaps *maps = NULL;
  GPtrArray *modules = NULL;

  g_assert_false (lp_fresh_read (process, sp + 4, FALSE, &maps, &modules)); /* not the vector */
  g_assert_false (lp_fresh_read (process, 0x1000, FALSE, &maps, &modules)); /* nothing is mapped there */
  /* More arguments than there are. */
  g_assert_true (lp_process_write (process, sp, endless, sizeof endless, 0, NULL));
  const guint64 many = G_MAXUINT64;
  g_assert_true (lp_process_write (process, sp, &many, sizeof many, 0, NULL));
  g_assert_false (lp_fresh_read (process, sp, FALSE, &maps, &modules));
  g_assert_null (maps);
  g_assert_null (modules);
}

static gboolean
look (gpointer data, GError **error)
{
  Child *child = data;
  LpRegisters registers;
  gboolean executed;
  LpMaps *known = NULL;
  GPtrArray *modules = NULL;

  stop_at_start (child, &registers);
  guint64 sp = lp_registers_sp (&registers);
  g_assert_true (lp_registers_leave_exec (&registers, &executed));
  g_assert_true (executed);
  g_autoptr (LpProcess) held = lp_process_hold (child->pid);
  g_assert_true (lp_fresh_read (held, sp, TRUE, &known, &modules));
  g_assert_cmpuint (modules->len, ==, 1);
  g_ptr_array_unref (modules);
  lp_maps_free (known);
  g_assert_true (lp_fresh_read (held, sp, FALSE, &known, &modules));
  g_autoptr (LpProcess) process = lp_process_open (child->pid, NULL);
  g_autoptr (LpMaps) seen = lp_maps_read (process, NULL);
  g_autoptr (GPtrArray) all = lp_modules_read (process, seen, NULL);
  g_assert_cmpuint (modules->len, ==, all->len);
  for (guint i = 0; i < modules->len; i++)
    {
      const LpModule *module = g_ptr_array_index (modules, i);
      g_assert_nonnull (lp_modules_find (all, module->map_start));
      compare_modules (module, lp_modules_find (all, module->map_start));
    }
  compare_maps (known, seen, sp);
  lp_maps_free (known);
  g_ptr_array_unref (modules);
  check_refusals (held, sp);
  kill (child->pid, SIGKILL);
  return TRUE;
}

static void
test_program (gconstpointer data)
{
  for (guint i = 0; i < 2; i++)
    {
      Child child = { .program = data, .in_environment = i == 1 };
      GError *error = NULL;
      int pipe_ends[2];

      g_assert_cmpint (pipe (pipe_ends), ==, 0);
      child.go = pipe_ends[1];
      child.pid = fork ();
      if (child.pid == 0)
        {
          close (pipe_ends[1]);
          run_child (&child, pipe_ends[0]);
        }
      close (pipe_ends[0]);
      g_assert_true (lp_ptracer_run (look, &child, &error));
      g_assert_no_error (error);
      g_assert_cmpint (waitpid (child.pid, NULL, __WALL), ==, child.pid);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/fresh/a program as its stack shows it is the one that proc shows", "/bin/true",
                        test_program);
  g_test_add_data_func ("/fresh/ld.so as the program", "/lib64/ld-linux-x86-64.so.2", test_program);
  return g_test_run ();
}
