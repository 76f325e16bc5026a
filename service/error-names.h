/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one place where an error becomes the name that the interface contract gives it. Must not know bus
 * types. */
#pragma once

#include "base/error.h"

#define SC_ERROR_PREFIX "org.openeuler.SysCare1.Error."
#define SC_ERROR_PREFIX_STANDARD "org.freedesktop.DBus.Error."

/* Full D-Bus error name of @error, static. */
const char *sc_error_name (const GError *error);
/* The same for the short name of the table ("TargetMismatch"); "" for "". */
const char *sc_error_name_for_short (const char *name);
