/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ptrace loop behind tracer.h: one thread that starts the command, follows its tree and lets go of it.
 * Must not know what a compiler is. */

#include "config.h"

#include "build/tracer.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
  const char *const *argv;
  const char *const *envp;
  const char *cwd;
  int log_fd;
  const LpTracerEvents *events;
  gpointer user_data;
  GCancellable *cancellable;

  GMutex lock; /* guards root against the cancelling thread */
  pid_t root;  /* 0 once it has been waited for */
  gboolean ended;
  int status;
  GHashTable *tracees; /* pid -> itself: everything that we hold and must not leave behind */
  GError *error;
} Tracer;

#define TRACE_OPTIONS                                                                                        \
  (PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC   \
   | PTRACE_O_TRACEEXIT)

/* The child's side; only calls that are safe after fork() in a program with threads. */
static void
child_main (const Tracer *tracer, const char *program, int start_fd)
{
  static const int defaults[] = { SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGQUIT };
  sigset_t none;
  char byte;

  for (guint i = 0; i < G_N_ELEMENTS (defaults); i++)
    signal (defaults[i], SIG_DFL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);

  setsid ();
  int null_fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  if (dup2 (null_fd, STDIN_FILENO) < 0 || dup2 (tracer->log_fd, STDOUT_FILENO) < 0
      || dup2 (tracer->log_fd, STDERR_FILENO) < 0 || chdir (tracer->cwd) < 0)
    _exit (126);
  /* Nobody may run before the tracer has hold of us: it writes one byte when it has. */
  if (read (start_fd, &byte, 1) != 1)
    _exit (126);
  execve (program, (char *const *)tracer->argv, (char *const *)tracer->envp);
  _exit (127);
}

static char *
find_program (const char *name, const char *const *envp)
{
  if (strchr (name, '/') != NULL)
    return g_strdup (name);

  const char *path = g_environ_getenv ((char **)envp, "PATH");
  g_auto (GStrv) directories = g_strsplit (path != NULL ? path : "/usr/bin:/bin", ":", -1);
  for (guint i = 0; directories[i] != NULL; i++)
    {
      g_autofree char *file = g_build_filename (directories[i], name, NULL);
      if (access (file, X_OK) == 0)
        return g_steal_pointer (&file);
    }
  return NULL;
}

static gboolean
start_command (Tracer *tracer, GError **error)
{
  g_autofree char *program = find_program (tracer->argv[0], tracer->envp);
  int start[2];

  if (program == NULL)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: not found in PATH", tracer->argv[0]);
      return FALSE;
    }
  if (pipe2 (start, O_CLOEXEC) < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "pipe");
      return FALSE;
    }

  pid_t pid = fork ();
  if (pid == 0)
    child_main (tracer, program, start[0]);
  close (start[0]);
  if (pid < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "fork");
      close (start[1]);
      return FALSE;
    }

  if (ptrace (PTRACE_SEIZE, pid, NULL, TRACE_OPTIONS) < 0)
    {
      int errnum = errno;
      kill (pid, SIGKILL);
      waitpid (pid, NULL, __WALL);
      close (start[1]);
      lp_error_set (
          error, LP_ERROR_NOT_SUPPORTED,
          "allow ptrace (kernel.yama.ptrace_scope below 3, the container's SYS_PTRACE or seccomp profile)",
          "the build can't be traced: ptrace: %s", g_strerror (errnum));
      return FALSE;
    }

  g_mutex_lock (&tracer->lock);
  tracer->root = pid;
  g_mutex_unlock (&tracer->lock);
  g_hash_table_add (tracer->tracees, GINT_TO_POINTER (pid));
  gssize written = write (start[1], "g", 1);
  (void)written; /* it can only fail when the child is dead, and then we are told so by wait */
  close (start[1]);
  return TRUE;
}

/* Called in whatever thread cancels. Killing the command wakes the loop, which ends the rest. */
static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Tracer *tracer = user_data;

  g_mutex_lock (&tracer->lock);
  if (tracer->root > 0)
    kill (tracer->root, SIGKILL);
  g_mutex_unlock (&tracer->lock);
}

/* Pids in the table are held by us: the kernel can't give them to anybody else before we have waited for
 * them. */
static void
kill_tracees (Tracer *tracer)
{
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, tracer->tracees);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    kill (GPOINTER_TO_INT (key), SIGKILL);
}

static gboolean
is_group_leader (pid_t pid)
{
  char path[64];

  g_snprintf (path, sizeof path, "/proc/%d/status", pid);
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  const char *line = strstr (text, "\nTgid:");
  return line != NULL && atoi (line + strlen ("\nTgid:")) == pid;
}

static void
handle_stop (Tracer *tracer, pid_t pid, int status)
{
  int signal_number = WSTOPSIG (status);
  int event = status >> 16;
  unsigned long message = 0;
  int deliver = 0;

  g_hash_table_add (tracer->tracees, GINT_TO_POINTER (pid));
  switch (event)
    {
    case PTRACE_EVENT_EXEC:
      /* The other threads are gone, and an exec by one of them took over the leader's pid. */
      if (ptrace (PTRACE_GETEVENTMSG, pid, NULL, &message) == 0 && (pid_t)message != pid)
        g_hash_table_remove (tracer->tracees, GINT_TO_POINTER ((pid_t)message));
      tracer->events->on_exec (pid, tracer->user_data);
      break;
    case PTRACE_EVENT_EXIT:
      if (ptrace (PTRACE_GETEVENTMSG, pid, NULL, &message) == 0 && is_group_leader (pid))
        tracer->events->on_exit (pid, (int)message, tracer->user_data);
      break;
    case PTRACE_EVENT_STOP:
      if (signal_number == SIGSTOP || signal_number == SIGTSTP || signal_number == SIGTTIN
          || signal_number == SIGTTOU)
        {
          /* Job control works as without us: it stays stopped until SIGCONT. */
          ptrace (PTRACE_LISTEN, pid, NULL, NULL);
          return;
        }
      break;
    case 0:
      deliver = signal_number;
      break;
    default: /* fork, vfork, clone: the new one reports by itself */
      break;
    }
  ptrace (PTRACE_CONT, pid, NULL, (void *)(gintptr)deliver);
}

static void
follow_tree (Tracer *tracer)
{
  for (;;)
    {
      int status;
      /* __WNOTHREAD: other threads of this program may have children of their own. */
      pid_t pid = waitpid (-1, &status, __WALL | __WNOTHREAD);
      if (pid < 0 && errno == EINTR)
        continue;
      if (pid < 0)
        return;

      if (WIFSTOPPED (status))
        {
          handle_stop (tracer, pid, status);
          if (tracer->ended)
            kill (pid, SIGKILL);
          continue;
        }

      g_hash_table_remove (tracer->tracees, GINT_TO_POINTER (pid));
      if (pid == tracer->root)
        {
          g_mutex_lock (&tracer->lock);
          tracer->root = 0;
          g_mutex_unlock (&tracer->lock);
          tracer->status = status;
          tracer->ended = TRUE;
          kill_tracees (tracer);
        }
    }
}

static gpointer
tracer_thread (gpointer user_data)
{
  Tracer *tracer = user_data;

  if (start_command (tracer, &tracer->error))
    {
      gulong handler = 0;
      if (tracer->cancellable != NULL)
        handler = g_cancellable_connect (tracer->cancellable, G_CALLBACK (on_cancelled), tracer, NULL);
      follow_tree (tracer);
      if (handler != 0)
        g_cancellable_disconnect (tracer->cancellable, handler);
    }
  return NULL;
}

gboolean
lp_tracer_run (const char *const *argv, const char *const *envp, const char *cwd, int log_fd,
               const LpTracerEvents *events, gpointer user_data, GCancellable *cancellable, int *status,
               GError **error)
{
  Tracer tracer = {
    .argv = argv,
    .envp = envp,
    .cwd = cwd,
    .log_fd = log_fd,
    .events = events,
    .user_data = user_data,
    .cancellable = cancellable,
  };
  g_autoptr (GHashTable) tracees = g_hash_table_new (NULL, NULL);

  tracer.tracees = tracees;
  g_mutex_init (&tracer.lock);
  /* ptrace and wait go by thread: a thread of its own has no other children that wait could take away. */
  GThread *thread = g_thread_new ("syscare-tracer", tracer_thread, &tracer);
  g_thread_join (thread);
  g_mutex_clear (&tracer.lock);

  if (tracer.error != NULL)
    {
      g_propagate_error (error, tracer.error);
      return FALSE;
    }
  if (cancellable != NULL && g_cancellable_is_cancelled (cancellable))
    {
      lp_error_set (error, LP_ERROR_CANCELLED, NULL, "%s: cancelled", argv[0]);
      return FALSE;
    }
  *status = tracer.status;
  return TRUE;
}
