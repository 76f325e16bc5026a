/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names errors by libpatch's error table. Must not know bus types. */
#include "error-names.h"

static const char *
full_name (const LpErrorInfo *info)
{
  g_autofree char *name
      = g_strconcat (info->standard ? SC_ERROR_PREFIX_STANDARD : SC_ERROR_PREFIX, info->name, NULL);

  return g_intern_string (name);
}

const char *
sc_error_name (const GError *error)
{
  return full_name (lp_error_info_for (error));
}

const char *
sc_error_name_for_short (const char *name)
{
  const LpErrorInfo *info = name != NULL && name[0] != '\0' ? lp_error_info_by_name (name) : NULL;

  if (name == NULL || name[0] == '\0')
    return "";
  return full_name (info != NULL ? info : lp_error_info (LP_ERROR_FAILED));
}
