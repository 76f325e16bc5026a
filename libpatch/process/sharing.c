/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds processes that share one memory. Must not stop or read them. */
#include "process/sharing.h"
#include "process/process.h"

#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_NUMBERS_TRIED 4096 /* more new ones than that: the list of processes is shorter */

/* The order of kcmp(2): 0 the same, 1 less, 2 more; negative when it can't be told. */
static long
compare_memory (int pid, int other)
{
  return syscall (SYS_kcmp, pid, other, KCMP_VM, 0, 0);
}

gboolean
lp_process_shares_memory (int pid, int other)
{
  return compare_memory (pid, other) == 0;
}

int
lp_process_last_number (void)
{
  FILE *file = fopen ("/proc/loadavg", "re");
  int number = 0;

  if (file == NULL)
    return 0;
  if (fscanf (file, "%*s %*s %*s %*s %d", &number) != 1)
    number = 0;
  fclose (file);
  return number;
}

/* The process that task @number belongs to, 0 when it is gone. */
static int
leader_of (int number)
{
  g_autoptr (LpProcess) task = lp_process_open (number, NULL);
  g_autofree char *leader = task != NULL ? lp_process_status (task, 0, "Tgid") : NULL;

  return leader != NULL ? atoi (leader) : 0;
}

static void
add_sharer (GArray *sharers, int pid, int number)
{
  if (number == pid || !lp_process_shares_memory (pid, number))
    return;
  int leader = leader_of (number);
  gboolean known = leader == 0 || leader == pid;

  for (guint i = 0; i < sharers->len; i++)
    known |= g_array_index (sharers, int, i) == leader;
  if (!known)
    g_array_append_val (sharers, leader);
}

GArray *
lp_process_sharers (int pid, int since)
{
  GArray *sharers = g_array_new (FALSE, FALSE, sizeof (int));
  int last = since > 0 ? lp_process_last_number () : 0;

  /* A smaller number than before: they have begun again from the bottom. */
  if (since > 0 && last >= since && last - since <= MAX_NUMBERS_TRIED)
    {
      for (int number = since + 1; number <= last; number++)
        add_sharer (sharers, pid, number);
      return sharers;
    }
  g_autoptr (GArray) pids = lp_process_list (NULL);
  for (guint i = 0; pids != NULL && i < pids->len; i++)
    add_sharer (sharers, pid, g_array_index (pids, int, i));
  return sharers;
}

static int
compare_pids (gconstpointer a, gconstpointer b)
{
  int x = *(const int *)a, y = *(const int *)b;
  long order = compare_memory (x, y);

  if (order == 1 || order == 2)
    return order == 1 ? -1 : 1;
  return x < y ? -1 : x > y; /* the same memory, or one of them is gone */
}

GHashTable *
lp_process_sharing_groups (const GArray *pids)
{
  GHashTable *table = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
  g_autoptr (GArray) sorted = g_array_sized_new (FALSE, FALSE, sizeof (int), pids->len);
  GArray *group = NULL;

  g_array_append_vals (sorted, pids->data, pids->len);
  g_array_sort (sorted, compare_pids);
  for (guint i = 1; i < sorted->len; i++)
    {
      int before = g_array_index (sorted, int, i - 1), pid = g_array_index (sorted, int, i);

      if (!lp_process_shares_memory (before, pid))
        {
          group = NULL;
          continue;
        }
      if (group == NULL)
        {
          group = g_array_new (FALSE, FALSE, sizeof (int));
          g_array_append_val (group, before);
          g_hash_table_insert (table, GINT_TO_POINTER (before), group);
        }
      g_array_append_val (group, pid);
      g_hash_table_insert (table, GINT_TO_POINTER (pid), g_array_ref (group));
    }
  return table;
}
