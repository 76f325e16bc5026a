/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of users. */
#pragma once

#include <glib.h>

/* The login name of @uid, or its number; "-" for the uid that stands for "not known". Caller frees. */
char *cli_user_name (guint64 uid);
