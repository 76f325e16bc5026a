/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks user names up. */
#include "config.h"
#include "users.h"

#include <pwd.h>

char *
cli_user_name (guint64 uid)
{
  if (uid >= G_MAXUINT32)
    return g_strdup ("-");

  const struct passwd *entry = getpwuid ((uid_t)uid);
  return entry != NULL ? g_strdup (entry->pw_name) : g_strdup_printf ("%" G_GUINT64_FORMAT, uid);
}
