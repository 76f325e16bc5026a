/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which threads still act for a set of patches that isn't bound any more. Must not know what they do.
 *
 * Somebody who was met a moment before a patch is taken away gets it a moment after that; and who was met
 * before one is added comes to run without it. Whoever changes the set must therefore wait for those before
 * it looks at the processes that run. */
#include "user/trigger-private.h"

typedef struct {
  LpTriggerSettled func;
  gpointer user_data;
} Waiter;

GPtrArray *
lp_trigger_use (LpTrigger *trigger)
{
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (trigger->users, trigger->entities));

  g_hash_table_insert (trigger->users, trigger->entities, GUINT_TO_POINTER (n + 1));
  return g_ptr_array_ref (trigger->entities);
}

static gboolean
is_settled (const LpTrigger *trigger)
{
  guint n_current = g_hash_table_contains (trigger->users, trigger->entities) ? 1 : 0;

  return g_hash_table_size (trigger->users) == n_current && trigger->n_surveys == 0
         && trigger->setting == NULL;
}

void
lp_trigger_look_who_waits (LpTrigger *trigger)
{
  while (is_settled (trigger) && !g_queue_is_empty (&trigger->waiters))
    {
      g_autofree Waiter *waiter = g_queue_pop_head (&trigger->waiters);
      waiter->func (waiter->user_data);
    }
}

void
lp_trigger_unuse (LpTrigger *trigger, GPtrArray *entities)
{
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (trigger->users, entities));

  if (n > 1)
    g_hash_table_insert (trigger->users, entities, GUINT_TO_POINTER (n - 1));
  else
    g_hash_table_remove (trigger->users, entities);
  g_ptr_array_unref (entities);
  lp_trigger_look_who_waits (trigger);
}

void
lp_trigger_settle (LpTrigger *trigger, LpTriggerSettled func, gpointer user_data)
{
  Waiter *waiter = g_new (Waiter, 1);

  lp_trigger_collect (trigger);
  *waiter = (Waiter){ func, user_data };
  g_queue_push_tail (&trigger->waiters, waiter);
  lp_trigger_look_who_waits (trigger);
}
