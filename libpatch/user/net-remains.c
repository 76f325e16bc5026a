/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a killed trigger leaves when its guard was killed, too: threads that SIGSTOP has stopped, and the
 * array that names them, which a pin in the BPF file system keeps. Must not know uprobes. Sources: bpf(2),
 * BPF_OBJ_PIN; proc(5). */
#include "process/process.h"
#include "user/net.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND G_GINT64_CONSTANT (1000000000)
/* A hold that has begun ends within LP_NET_PATIENCE_NS, and then maybe in a stop. */
#define LOOK_PAUSE_US 1000
#define LOOKS_MAX (10 * LP_NET_PATIENCE_NS / 1000 / LOOK_PAUSE_US)

static gint64
clock_ns (clockid_t clock)
{
  struct timespec t = { 0, 0 };

  clock_gettime (clock, &t);
  return (gint64)t.tv_sec * NS_PER_SECOND + t.tv_nsec;
}

/* NULL: nothing of ours is there. */
static struct lp_net_control *
open_remains (const char *pin)
{
  struct lp_net_control *control = MAP_FAILED;
  struct bpf_map_info info = { 0 };
  guint32 size = sizeof info;
  int map = bpf_obj_get (pin);

  if (map < 0)
    return NULL;
  if (bpf_obj_get_info_by_fd (map, &info, &size) == 0 && info.type == BPF_MAP_TYPE_ARRAY
      && info.value_size == sizeof *control)
    control = mmap (NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
  close (map);
  return control != MAP_FAILED ? control : NULL;
}

static guint
settled_state (const struct lp_net_slot *slot)
{
  guint state = __atomic_load_n (&slot->state, __ATOMIC_SEQ_CST);

  for (guint i = 0;
       i < LOOKS_MAX && LP_NET_HOW (state) != LP_NET_FREE && LP_NET_HOW (state) != LP_NET_STOPPED; i++)
    {
      g_usleep (LOOK_PAUSE_US);
      state = __atomic_load_n (&slot->state, __ATOMIC_SEQ_CST);
    }
  return state;
}

/* Whether @process is the one that was stopped and not another one of its number: it began before the last
 * moment, @until (CLOCK_MONOTONIC), in which anybody could be stopped. */
static gboolean
is_as_old (const LpProcess *process, guint64 until)
{
  gint64 suspended = clock_ns (CLOCK_BOOTTIME) - clock_ns (CLOCK_MONOTONIC);
  gint64 began = (gint64)lp_process_start_time (process) * (NS_PER_SECOND / sysconf (_SC_CLK_TCK));

  return until == 0 || began <= (gint64)until + suspended;
}

static void
let_go (struct lp_net_slot *slot, guint64 until)
{
  guint state = settled_state (slot);

  /* A signal that doesn't come is undone by the one who sends it. */
  if (LP_NET_HOW (state) < LP_NET_STOPPING
      || (LP_NET_HOW (state) == LP_NET_STOPPING
          && __atomic_compare_exchange_n (&slot->state, &state, LP_NET_FREE, FALSE, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST)))
    return;
  g_autoptr (LpProcess) process = lp_process_open ((int)slot->pid, NULL);
  g_autofree char *how = process != NULL ? lp_process_status (process, (int)(state >> 3), "State") : NULL;
  if (how != NULL && how[0] == 'T' && is_as_old (process, until))
    kill ((pid_t)slot->pid, SIGCONT);
}

void
lp_net_end_remains (const char *pin)
{
  struct lp_net_control *control = open_remains (pin);

  if (control == NULL)
    return;
  guint64 until = __atomic_exchange_n (&control->alive_until, 0, __ATOMIC_SEQ_CST);
  for (guint i = 0; i < LP_NET_SLOTS; i++)
    let_go (&control->slots[i], until);
  munmap (control, sizeof *control);
  unlink (pin);
}

gboolean
lp_net_pin (int map, const char *pin)
{
  return bpf_obj_pin (map, pin) == 0;
}
