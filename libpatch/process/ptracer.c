/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The processes that trace. Must not know what they do. */
#include "process/ptracer.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SOON_US 200
#define TICK_US 5000 /* how exactly a limit on waiting is kept */
#define STACK (1u << 20)
/* No work takes this long. Should our other threads be killed while they hold a lock that the tracer needs
 * (the allocator's: fork() has all of it), it must not hold its process for good. First it lets go of it
 * properly; where it can't even do that, its end does. */
#define RESCUE_SECONDS 8
#define ORPHAN_SECONDS 1 /* after our other threads have ended */
#define WORK_SECONDS 10
#define TRACERS_MAX 512

typedef struct {
  LpPtracerFunc func; /* for one work, or NULL and then: */
  LpPtracerNext next;
  gpointer data;
  GError **error;
  gboolean done; /* the last work came to its end */
  gboolean result;
} Run;

static gint tracers[TRACERS_MAX]; /* atomic: their process ids, 0: free */

/* Of the thread that has started the tracer, whose thread-local memory the tracer uses. */
static __thread void (*watch_func) (gpointer data);
static __thread gpointer watch_data;

/* Likewise, when and how its work is ended early. A tracer may start another one, which has its own. */
typedef struct {
  int owner;
  int watchdog;      /* a timer; -1: there is none */
  gint64 overdue_at; /* monotonic microseconds */
  gboolean is_deferred;
  void (*rescue) (gpointer data);
  gpointer rescue_data;
} Limits;
static __thread Limits limits;

gboolean
lp_ptracer_is_one (int pid)
{
  for (guint i = 0; i < TRACERS_MAX && pid > 0; i++)
    if (g_atomic_int_get (&tracers[i]) == pid)
      return TRUE;
  return FALSE;
}

/* FALSE: there are too many. */
static gboolean
enter (int pid)
{
  for (guint i = 0; i < TRACERS_MAX; i++)
    if (g_atomic_int_compare_and_exchange (&tracers[i], 0, pid))
      return TRUE;
  return FALSE;
}

static void
leave (int pid)
{
  for (guint i = 0; i < TRACERS_MAX; i++)
    g_atomic_int_compare_and_exchange (&tracers[i], pid, 0);
}

static void
set_ticks (guint first_us, guint us)
{
  const struct itimerval ticks = { { 0, us }, { 0, first_us } };

  setitimer (ITIMER_REAL, &ticks, NULL);
}

void
lp_ptracer_watch (void (*func) (gpointer data), gpointer data, gboolean soon)
{
  watch_func = NULL;
  __atomic_signal_fence (__ATOMIC_SEQ_CST);
  watch_data = data;
  __atomic_signal_fence (__ATOMIC_SEQ_CST);
  watch_func = func;
  if (soon)
    set_ticks (SOON_US, TICK_US);
}

void
lp_ptracer_set_rescue (void (*func) (gpointer data), gpointer data)
{
  limits.rescue = NULL;
  __atomic_signal_fence (__ATOMIC_SEQ_CST);
  limits.rescue_data = data;
  __atomic_signal_fence (__ATOMIC_SEQ_CST);
  limits.rescue = func;
}

void
lp_ptracer_defer_rescue (gboolean on)
{
  __atomic_signal_fence (__ATOMIC_SEQ_CST);
  limits.is_deferred = on;
  __atomic_signal_fence (__ATOMIC_SEQ_CST);
}

/* SIGKILL, because a tracer that hangs may do so in the kernel, where nothing else wakes it. By the system
 * calls themselves: the C library's timer_create() may allocate. -1: there is none. */
static int
make_watchdog (void)
{
  struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
  int timer;

  return syscall (SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) == 0 ? timer : -1;
}

static void
set_watchdog (int timer, guint seconds)
{
  const struct itimerspec limit = { { 0, 0 }, { seconds, 0 } };

  if (timer >= 0)
    syscall (SYS_timer_settime, timer, 0, &limit, NULL);
}

static gboolean
is_overdue (void)
{
  gint64 now = g_get_monotonic_time ();

  if (getppid () != limits.owner)
    limits.overdue_at = MIN (limits.overdue_at, now + ORPHAN_SECONDS * G_USEC_PER_SEC);
  return now > limits.overdue_at;
}

/* Lets go properly, for which it may have to wait: a borrowed thread that is frozen, or whose file isn't
 * opened, mustn't go on with the registers that it has. */
static void
end_early (void)
{
  if (limits.rescue != NULL)
    {
      set_watchdog (limits.watchdog, 0);
      limits.rescue (limits.rescue_data);
    }
  _exit (1);
}

/* Makes waitpid() come back to look at the time. */
static void
on_tick (int number)
{
  int before = errno;

  if (watch_func != NULL)
    watch_func (watch_data);
  if (is_overdue () && !limits.is_deferred)
    end_early ();
  errno = before;
}

/* Whether a thread is still attached to us. A thread that runs can't be detached from without a stop, which
 * it would see (calls that come back with EINTR); the end of its tracer lets it go unseen. Source: ptrace(2).
 */
static gboolean
holds_somebody (void)
{
  siginfo_t unused;

  return waitid (P_ALL, 0, &unused, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL | __WNOTHREAD) == 0;
}

/* One work after the other; the timers run only while there is one. */
static void
serve (Run *run)
{
  gpointer data = run->data;

  for (;;)
    {
      run->done = FALSE;
      LpPtracerFunc func = run->func != NULL ? run->func : run->next (run->data, &data);
      run->done = func == NULL;
      if (run->done)
        return;
      limits.overdue_at = g_get_monotonic_time () + RESCUE_SECONDS * G_USEC_PER_SEC;
      set_watchdog (limits.watchdog, WORK_SECONDS);
      set_ticks (TICK_US, TICK_US);
      run->result = func (data, run->error);
      run->done = TRUE;
      if (run->func != NULL)
        return; /* the process's end drops its timers */
      if (holds_somebody ())
        return;
      set_ticks (0, 0);
      set_watchdog (limits.watchdog, 0);
    }
}

static int
run_tracer (void *data)
{
  Run *run = data;
  const struct sigaction action = { .sa_handler = on_tick };
  int pid = getpid ();
  sigset_t tick;

  run->done = enter (pid); /* nothing was begun */
  if (!run->done)
    return 0;
  /* Handlers, timers and priority are this process's own. It stands between a program and its work: it goes
   * first. */
  sigemptyset (&tick);
  sigaddset (&tick, SIGALRM);
  sigaction (SIGALRM, &action, NULL);
  sigprocmask (SIG_UNBLOCK, &tick, NULL);
  setpriority (PRIO_PROCESS, 0, -20);
  limits.watchdog = make_watchdog ();
  serve (run);
  leave (pid);
  return 0; /* clone() ends this process, and nothing else: memory and descriptors are the caller's */
}

/* When this thread is killed, the kernel writes 0 to where the C library has the thread's number, in the
 * memory that the tracer goes on with as if it were this thread: to it, locks that nobody has would seem to
 * be its own (pthread_rwlock_rdlock() says EDEADLK). Returns where the kernel shall write again after the
 * tracer's end; NULL: unknown. Source: set_tid_address(2), PR_GET_TID_ADDRESS in prctl(2). */
static int *
keep_thread_number (int *instead)
{
  int *address = NULL;

  if (prctl (PR_GET_TID_ADDRESS, &address, 0, 0, 0) != 0 || address == NULL)
    return NULL;
  syscall (SYS_set_tid_address, instead);
  return address;
}

/* FALSE with @error: there was no tracer, or it ended amidst its work. */
static gboolean
run (Run *run, GError **error)
{
  sigset_t all, before;
  int written_instead;
  void *stack = mmap (NULL, STACK, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);

  if (stack == MAP_FAILED)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't start a tracer");
      return FALSE;
    }
  /* The new process shares memory and descriptors with us, and (as after vfork()) this thread stands still
   * until it ends, so that it may use this thread's everything. But it is a process: a SIGKILL for us doesn't
   * hit it. */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  const Limits outer = limits; /* no tick of ours comes before they are back */
  limits = (Limits){ .owner = getpid (), .watchdog = -1 };
  int *address = keep_thread_number (&written_instead);
  int pid = clone (run_tracer, (char *)stack + STACK, CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_FS, run);
  int errnum = errno;
  if (address != NULL)
    syscall (SYS_set_tid_address, address);
  watch_func = NULL;
  limits = outer;
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (pid < 0)
    lp_error_set_errno (error, LP_ERROR_FAILED, errnum, "can't start a tracer");
  else
    {
      waitpid (pid, NULL, __WALL);
      leave (pid);
    }
  if (pid >= 0 && !run->done && error != NULL && *error == NULL)
    lp_error_set (error, LP_ERROR_FAILED, NULL, "the tracer ended before its work was done");
  munmap (stack, STACK);
  return pid >= 0 && run->done;
}

gboolean
lp_ptracer_run (LpPtracerFunc func, gpointer data, GError **error)
{
  Run work = { .func = func, .data = data, .error = error };

  return run (&work, error) && work.result;
}

gboolean
lp_ptracer_serve (LpPtracerNext next, gpointer data, GError **error)
{
  Run work = { .next = next, .data = data };

  return run (&work, error);
}
