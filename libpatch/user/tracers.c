/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread each, which stands still while its tracer lives. Source: futex(2), prctl(2). */
#include "user/tracers.h"
#include "base/urgent.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef enum {
  MEMBER_BUSY, /* from the start on */
  MEMBER_WAITS,
  MEMBER_GONE,
} MemberState;

typedef struct {
  LpTracers *tracers;
  GThread *thread;
  gint state;         /* atomic, futex: MemberState */
  gint home;          /* the processor that it waits on; -1: any */
  gint processor;     /* atomic: where it waits */
  gint pid;           /* atomic: of the tracer, once it has waited; 0 before */
  gint is_unbound;    /* atomic: it may be on another processor than its home */
  LpPtracerFunc func; /* belongs to the one who gives while it waits, to the tracer and its thread then */
  void (*lost) (gpointer data);
  gpointer data;
} Member;

struct LpTracers {
  int owner;
  gint closing; /* atomic */
  guint n;
  Member members[];
};

static void
wake (Member *member)
{
  syscall (SYS_futex, &member->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Asked of the kernel: the C library reads it in the memory of its own thread, which is the one that stands
 * still. */
static int
this_processor (void)
{
  unsigned int processor;

  return syscall (SYS_getcpu, &processor, NULL, NULL) == 0 ? (int)processor : -1;
}

/* Goes first, and on its home, until it has been given work. Between two works whoever was let go by the
 * first may wait for this processor: so nothing is done twice here. */
static void
become_ready (Member *member)
{
  gboolean is_first = g_atomic_int_get (&member->pid) == 0;

  if (is_first)
    lp_urgent_begin (LP_URGENCY_ACTS);
  else
    lp_urgent_begin_again (LP_URGENCY_ACTS);
  if (!is_first && member->home >= 0 && !g_atomic_int_get (&member->is_unbound))
    return;
  g_atomic_int_set (&member->is_unbound, FALSE);
  lp_urgent_bind (member->home);
  g_atomic_int_set (&member->processor, this_processor ());
  g_atomic_int_set (&member->pid, getpid ());
}

/* In the tracer. */
static LpPtracerFunc
next_work (gpointer data, gpointer *func_data)
{
  Member *member = data;

  member->func = NULL;
  if (prctl (PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid () != member->tracers->owner)
    return NULL;
  become_ready (member);
  g_atomic_int_set (&member->state, MEMBER_WAITS);
  while (g_atomic_int_get (&member->state) == MEMBER_WAITS && !g_atomic_int_get (&member->tracers->closing))
    syscall (SYS_futex, &member->state, FUTEX_WAIT_PRIVATE, MEMBER_WAITS, NULL, NULL, 0);
  *func_data = member->data;
  return member->func;
}

static gpointer
member_thread (gpointer data)
{
  Member *member = data;

  gboolean served = lp_ptracer_serve (next_work, member, NULL);
  /* Killed while it waited: from here on nobody gives it work. */
  if (g_atomic_int_compare_and_exchange (&member->state, MEMBER_WAITS, MEMBER_GONE))
    return NULL;
  if (!served && member->func != NULL)
    member->lost (member->data);
  g_atomic_int_set (&member->state, MEMBER_GONE);
  return NULL;
}

static void
start (LpTracers *tracers, Member *member)
{
  member->tracers = tracers;
  member->func = NULL;
  member->pid = 0;
  member->state = MEMBER_BUSY;
  member->thread = g_thread_try_new ("tracer", member_thread, member, NULL);
  if (member->thread == NULL)
    member->state = MEMBER_GONE;
}

LpTracers *
lp_tracers_new (guint n, const GArray *processors)
{
  LpTracers *tracers = g_malloc0 (sizeof *tracers + n * sizeof (Member));

  tracers->owner = getpid ();
  tracers->n = n;
  for (guint i = 0; i < n; i++)
    {
      tracers->members[i].home
          = processors->len > 0 ? g_array_index (processors, int, i % processors->len) : -1;
      start (tracers, &tracers->members[i]);
    }
  return tracers;
}

void
lp_tracers_free (LpTracers *tracers)
{
  if (tracers == NULL)
    return;
  g_atomic_int_set (&tracers->closing, TRUE);
  for (guint i = 0; i < tracers->n; i++)
    {
      Member *member = &tracers->members[i];
      /* It may have looked at closing just before, and at its state just after this. */
      g_atomic_int_compare_and_exchange (&member->state, MEMBER_WAITS, MEMBER_BUSY);
      wake (member);
      if (member->thread != NULL)
        g_thread_join (member->thread);
    }
  g_free (tracers);
}

/* FALSE: it doesn't wait (any more). */
static gboolean
give (Member *member, LpPtracerFunc func, void (*lost) (gpointer data), gpointer data)
{
  if (g_atomic_int_get (&member->state) != MEMBER_WAITS)
    return FALSE;
  member->lost = lost;
  member->data = data;
  member->func = func;
  if (!g_atomic_int_compare_and_exchange (&member->state, MEMBER_WAITS, MEMBER_BUSY))
    return FALSE;
  wake (member);
  return TRUE;
}

gboolean
lp_tracers_give (LpTracers *tracers, LpPtracerFunc func, void (*lost) (gpointer data), gpointer data)
{
  gint here = sched_getcpu ();

  /* One that waits on this processor first: it takes it over at once. */
  for (guint i = 0; i < tracers->n; i++)
    if (g_atomic_int_get (&tracers->members[i].processor) == here
        && give (&tracers->members[i], func, lost, data))
      return TRUE;
  for (guint i = 0; i < tracers->n; i++)
    if (give (&tracers->members[i], func, lost, data))
      return TRUE;
  return FALSE;
}

void
lp_tracers_unbind (LpTracers *tracers)
{
  for (guint i = 0; i < tracers->n; i++)
    {
      int pid = g_atomic_int_get (&tracers->members[i].pid);
      if (g_atomic_int_get (&tracers->members[i].state) != MEMBER_BUSY || !lp_ptracer_is_one (pid))
        continue;
      lp_urgent_unbind (pid);
      g_atomic_int_set (&tracers->members[i].is_unbound, TRUE);
    }
}

void
lp_tracers_mend (LpTracers *tracers)
{
  for (guint i = 0; i < tracers->n; i++)
    {
      Member *member = &tracers->members[i];
      if (g_atomic_int_get (&member->state) != MEMBER_GONE)
        continue;
      if (member->thread != NULL)
        g_thread_join (member->thread);
      start (tracers, member);
    }
}
