/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small command over libpatch/kernel for the tests and for debugging in the guest; prints one fact a line.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/livepatch.h"

static void
print_progress (guint remaining, gpointer user_data)
{
  printf ("remaining %u\n", remaining);
}

static int
finish (gboolean done, GPtrArray *stalled, const GError *error)
{
  for (guint i = 0; stalled != NULL && i < stalled->len; i++)
    {
      const LpStalledTask *task = stalled->pdata[i];
      printf ("stalled %d %d %s %s\n", task->pid, task->tid, task->command,
              strchr (task->stack, '+') != NULL ? task->stack : "-");
    }
  if (done)
    printf ("done\n");
  else
    printf ("error %s: %s\n", lp_error_info_for (error)->name, error->message);
  return done ? 0 : 1;
}

static int
list (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) patches = lp_livepatch_list (&lp_kernel_paths_default, &error);

  if (patches == NULL)
    return finish (FALSE, NULL, error);
  for (guint i = 0; i < patches->len; i++)
    {
      const LpLivepatch *patch = patches->pdata[i];
      for (guint k = 0; k < patch->objects->len; k++)
        {
          const LpLivepatchObject *object = patch->objects->pdata[k];
          g_ptr_array_add (object->functions, NULL);
          g_autofree char *functions = g_strjoinv (" ", (char **)object->functions->pdata);
          printf ("patch %s enabled %d transition %d object %s patched %d: %s\n", patch->name, patch->enabled,
                  patch->transition, object->name, object->patched, functions);
        }
    }
  return 0;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) stalled = NULL;
  const LpKernelPaths *paths = &lp_kernel_paths_default;

  if (argc == 2 && strcmp (argv[1], "list") == 0)
    return list ();
  if (argc != 4)
    {
      fprintf (
          stderr,
          "usage: lp-livepatch list | enable FILE TIMEOUT-MS | disable NAME TIMEOUT-MS | force NAME -\n");
      return 2;
    }
  if (strcmp (argv[1], "force") == 0)
    return finish (lp_livepatch_force (paths, argv[2], &error), NULL, error);

  guint timeout = (guint)atoi (argv[3]);
  if (strcmp (argv[1], "disable") == 0)
    return finish (lp_livepatch_disable (paths, argv[2], timeout, LP_TRANSITION_REVERSE, NULL, print_progress,
                                         NULL, &stalled, &error),
                   stalled, error);

  g_autofree char *name = g_path_get_basename (argv[2]);
  name[strcspn (name, ".")] = '\0';
  int fd = open (argv[2], O_RDONLY | O_CLOEXEC);
  gboolean done = lp_livepatch_enable (paths, fd, name, timeout, LP_TRANSITION_REVERSE, NULL, print_progress,
                                       NULL, &stalled, &error);
  close (fd);
  return finish (done, stalled, error);
}
