/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom a process belongs to. Must not know about patches. */
#include "user/owner.h"

#include <string.h>

#define CONTAINER_ID_LENGTH 64 /* hexadecimal digits */
#define SHORT_ID_LENGTH 12

/* A container id inside one path element: 64 hexadecimal digits, maybe between a prefix ("docker-") and
 * ".scope". */
static char *
container_id (const char *element)
{
  gsize run = 0;

  for (const char *p = element;; p++)
    {
      if (g_ascii_isxdigit (*p))
        {
          run++;
          continue;
        }
      if (run == CONTAINER_ID_LENGTH)
        return g_strndup (p - run, SHORT_ID_LENGTH);
      if (*p == '\0')
        return NULL;
      run = 0;
    }
}

/* "machine-NAME.scope" is what systemd-machined calls a container. */
static char *
machine_name (const char *element)
{
  if (!g_str_has_prefix (element, "machine-") || !g_str_has_suffix (element, ".scope"))
    return NULL;
  return g_strndup (element + strlen ("machine-"),
                    strlen (element) - strlen ("machine-") - strlen (".scope"));
}

static void
parse_path (const char *path, char **unit, char **container)
{
  g_auto (GStrv) elements = g_strsplit (path, "/", -1);

  for (guint i = 0; elements[i] != NULL; i++)
    {
      char *id = container_id (elements[i]);
      if (id == NULL)
        id = machine_name (elements[i]);
      if (id != NULL)
        {
          g_free (*container);
          *container = id;
        }
      else if (g_str_has_suffix (elements[i], ".service") || g_str_has_suffix (elements[i], ".scope"))
        {
          g_free (*unit); /* the innermost one counts */
          *unit = g_strdup (elements[i]);
        }
    }
}

void
lp_owner_parse_cgroup (const char *text, char **unit, char **container)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  *unit = NULL;
  *container = NULL;
  for (guint i = 0; lines[i] != NULL; i++)
    {
      /* "0::/path" (version 2) or "1:name=systemd:/path" (version 1): the others only repeat it. */
      const char *first = strchr (lines[i], ':');
      const char *path = first != NULL ? strchr (first + 1, ':') : NULL;
      if (path != NULL && (first[1] == ':' || g_str_has_prefix (first + 1, "name=systemd:")) && *unit == NULL)
        parse_path (path + 1, unit, container);
    }
  if (*unit == NULL)
    *unit = g_strdup ("");
  if (*container == NULL)
    *container = g_strdup ("");
}

void
lp_owner_read (const LpProcess *process, guint *uid, char **unit, char **container)
{
  g_autofree char *ids = lp_process_status (process, 0, "Uid");
  g_autofree char *cgroup = lp_process_read_file (process, "cgroup", NULL, NULL);

  *uid = ids != NULL ? (guint)g_ascii_strtoull (ids, NULL, 10) : 0;
  lp_owner_parse_cgroup (cgroup != NULL ? cgroup : "", unit, container);
}
