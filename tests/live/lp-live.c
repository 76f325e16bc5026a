/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Developer command: makes one step of the user engine in running processes, without service or store. Built
 * for the tests and for debugging, not installed. */
#include "user/engine.h"
#include "user/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gint timeout_ms = 2000;
static gboolean entry_consistency, in_order, keep, verbose, machine_readable;

static const GOptionEntry options[] = {
  { "timeout", 't', 0, G_OPTION_ARG_INT, &timeout_ms, "How long busy processes are tried", "MS" },
  { "entry", 'e', 0, G_OPTION_ARG_NONE, &entry_consistency, "Only the overwritten bytes must be free", NULL },
  { "keep", 'k', 0, G_OPTION_ARG_NONE, &keep, "Keep what was done when a process fails", NULL },
  { "order", 'o', 0, G_OPTION_ARG_NONE, &in_order,
    "The entities are a stack, the lowest first, also where some are active", NULL },
  { "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "Show each phase", NULL },
  { "tsv", 0, 0, G_OPTION_ARG_NONE, &machine_readable,
    "Tab-separated: pid, status, stop_ns, private pages, reason, detail", NULL },
  { NULL },
};

static const struct {
  const char *word;
  LpStep step;
} steps[] = {
  { "load", LP_STEP_LOAD },
  { "apply", LP_STEP_ACTIVATE },
  { "deactivate", LP_STEP_DEACTIVATE },
  { "unload", LP_STEP_UNLOAD },
};

static void
show_progress (const char *phase, guint done, guint total, gboolean can_cancel, gpointer user_data)
{
  if (verbose)
    fprintf (stderr, "%s %u/%u%s\n", phase, done, total, can_cancel ? "" : " (no return)");
}

static void
show_results (const GPtrArray *results)
{
  for (guint i = 0; results != NULL && i < results->len; i++)
    {
      const LpProcessResult *r = g_ptr_array_index (results, i);
      if (machine_readable)
        printf ("%d\t%s\t%" G_GUINT64_FORMAT "\t%u\t%s\t%s\n", r->pid, lp_process_status_word (r->status),
                r->stop_ns, r->private_pages, r->reason, r->detail);
      else
        printf ("%d %s: %s, stopped %.3f ms, %u private pages%s%s%s%s\n", r->pid, r->command,
                lp_process_status_word (r->status), r->stop_ns / 1e6, r->private_pages,
                r->reason[0] != '\0' ? ": " : "", r->reason, r->detail[0] != '\0' ? " | " : "", r->detail);
    }
}

static int
run_scan (char **paths)
{
  static const char *const states[] = { "loaded", "active", "partial" };
  g_autoptr (GPtrArray) build_ids = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; paths[i] != NULL; i++)
    {
      g_autoptr (LpElf) elf = lp_elf_open (paths[i], &error);
      char *build_id = elf != NULL ? lp_elf_build_id_hex (elf) : NULL;
      if (build_id == NULL)
        {
          fprintf (stderr, "lp-live: %s: %s\n", paths[i], error != NULL ? error->message : "no Build-ID");
          return 1;
        }
      g_ptr_array_add (build_ids, build_id);
    }
  gint64 start = g_get_monotonic_time ();
  g_autoptr (LpScan) scan = lp_scan_run (build_ids, NULL, &error);
  gint64 took = g_get_monotonic_time () - start;
  if (scan == NULL)
    {
      fprintf (stderr, "lp-live: %s\n", error->message);
      return 1;
    }
  for (guint i = 0; i < scan->processes->len; i++)
    {
      const LpScanProcess *p = g_ptr_array_index (scan->processes, i);
      printf ("%d %s uid=%u unit=%s container=%s targets=%u", p->pid, p->command, p->uid, p->unit,
              p->container, p->build_ids->len);
      for (guint j = 0; j < p->images->len; j++)
        {
          const LpScanImage *image = &g_array_index (p->images, LpScanImage, j);
          printf (" image=0x%" G_GINT64_MODIFIER "x:%s", image->base, states[image->state]);
        }
      printf ("\n");
    }
  for (guint i = 0; i < scan->hanging->len; i++)
    fprintf (stderr, "silent: %d\n", g_array_index (scan->hanging, int, i));
  fprintf (stderr, "%u of interest, %u gone, %u unreadable, %" G_GINT64_FORMAT " us\n", scan->processes->len,
           scan->skipped, scan->denied, took);
  return 0;
}

static int
run_change (LpChange *change, gboolean dry_run)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) results = NULL;
  gboolean done;

  if (dry_run)
    {
      results = lp_change_check (change, &error);
      done = results != NULL;
    }
  else
    done = lp_change_run (change, NULL, show_progress, NULL, &results, &error);
  show_results (results);
  if (done)
    return 0;
  fprintf (stderr, "lp-live: %s: %s\n", lp_error_info_for (error)->name, error->message);
  return lp_error_info_for (error)->exit_code;
}

/* Adds the entities and pids of the command line to @change; a word that is a number is a pid. */
static gboolean
take_arguments (LpChange *change, char **words)
{
  for (guint i = 0; words[i] != NULL; i++)
    {
      g_autoptr (GError) error = NULL;
      int pid = atoi (words[i]);
      if (pid > 0 && strspn (words[i], "0123456789") == strlen (words[i]))
        {
          if (change->pids == NULL)
            change->pids = g_array_new (FALSE, FALSE, sizeof (int));
          g_array_append_val (change->pids, pid);
          continue;
        }
      g_autofree char *path = g_canonicalize_filename (words[i], NULL);
      LpEntity *entity = lp_entity_open (path, &error);
      if (entity == NULL)
        {
          fprintf (stderr, "lp-live: %s: %s\n", lp_error_info_for (error)->name, error->message);
          return FALSE;
        }
      g_ptr_array_add (change->entities, entity);
    }
  return change->entities->len > 0;
}

/* Makes the step or dry run that @verb names with the entities and pids of @words. */
static int
run_verb (const char *verb, char **words)
{
  g_autoptr (GPtrArray) entities = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_entity_unref);
  LpChange change = {
    .entities = entities,
    .step = LP_STEP_ACTIVATE,
    .timeout_ms = timeout_ms,
    .keep_on_failure = keep,
    .keeps_order = in_order,
    .consistency = entry_consistency ? LP_CONSISTENCY_ENTRY : LP_CONSISTENCY_STRICT,
  };
  gboolean dry_run = strcmp (verb, "check") == 0, known = dry_run;
  int status = 2;

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    if (strcmp (verb, steps[i].word) == 0)
      {
        change.step = steps[i].step;
        known = TRUE;
      }
  if (known && take_arguments (&change, words))
    status = run_change (&change, dry_run);
  else
    g_printerr ("lp-live: usage: %s",
                known ? "name at least one readable entity\n" : "unknown command (--help)\n");
  g_clear_pointer (&change.pids, g_array_unref);
  return status;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (
      "load|apply|deactivate|unload|check ENTITY... [PID...]   or   scan [TARGET-ELF...]");
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc < 2)
    {
      g_printerr ("lp-live: %s\n", error != NULL ? error->message : "say what to do (--help)");
      return 2;
    }
  return strcmp (argv[1], "scan") == 0 ? run_scan (argv + 2) : run_verb (argv[1], argv + 2);
}
