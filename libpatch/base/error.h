/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one, closed error domain of libpatch, and the table that names each error for people and programs.
 * Must not know who reports an error (bus, command line): they look the code up in the table. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define LP_ERROR (lp_error_quark ())

/**
 * LpError:
 *
 * Every way in which SysCare can fail. The first group has the D-Bus names of the interface contract
 * (`org.openeuler.SysCare1.Error.NAME`), the second the standard D-Bus names, the third is met by
 * `syscare build` only and never crosses the bus.
 */
typedef enum {
  LP_ERROR_FAILED,        /* something outside our control went wrong (I/O, memory, a tool) */
  LP_ERROR_AMBIGUOUS,     /* an id fits more than one patch */
  LP_ERROR_INVALID_STATE, /* the (state, verb) pair isn't in the table */
  LP_ERROR_CHANGED,       /* the world changed between question and answer */
  LP_ERROR_BUSY,          /* somebody else is working on this target */
  LP_ERROR_CANCELLED,
  LP_ERROR_NOT_CANCELABLE,     /* past the point of no return */
  LP_ERROR_PATCH_CORRUPT,      /* an entity or patch.json is malformed or its digest differs */
  LP_ERROR_UNTRUSTED,          /* signature, owner or mode is not acceptable */
  LP_ERROR_TARGET_MISMATCH,    /* the ELF file is not the one the patch was made for */
  LP_ERROR_TARGET_MISSING,     /* no such ELF file or kernel object on this machine */
  LP_ERROR_CONFLICT,           /* somebody else's bytes stand where the redirect must go */
  LP_ERROR_OVERRIDDEN,         /* a later patch stands on top */
  LP_ERROR_KERNEL_UNSUPPORTED, /* this kernel lacks a needed feature */
  LP_ERROR_MODULE_REJECTED,    /* the kernel refused the livepatch module */
  LP_ERROR_TRANSITION_TIMEOUT, /* a livepatch transition did not end in time */
  LP_ERROR_PROCESS_BUSY,       /* threads did not leave the functions in time */
  LP_ERROR_PROCESS_GONE,       /* the process exited or exec()ed */
  LP_ERROR_PARTLY_APPLIED,     /* on-failure=keep: some processes carry the patch, some don't */
  LP_ERROR_ROLLBACK_FAILED,    /* a step failed and undoing the others failed too */
  LP_ERROR_STATE_CORRUPT,      /* the recorded state can't be read */
  LP_ERROR_NOT_SUPPORTED,      /* the request is understood but can't be done here */

  LP_ERROR_ACCESS_DENIED,
  LP_ERROR_AUTH_REQUIRED, /* polkit would have to ask, and interaction was not allowed */
  LP_ERROR_INVALID_ARGS,
  LP_ERROR_LIMITS_EXCEEDED,
  LP_ERROR_UNKNOWN_OBJECT, /* no such patch or job */

  LP_ERROR_NOTHING_TO_PATCH, /* the fix changes nothing in the objects */
  LP_ERROR_REFUSED,          /* the change can't be made safely by a hot patch */
  LP_ERROR_SOURCES_FAILED,   /* the sources did not build, or the fix does not apply to them */
} LpError;

#define LP_N_ERRORS (LP_ERROR_SOURCES_FAILED + 1)

/**
 * LpErrorInfo:
 * @code: the enumerator
 * @name: CamelCase name, the last part of the D-Bus error name ("TargetMismatch")
 * @standard: the name belongs to `org.freedesktop.DBus.Error.`, not to ours
 * @exit_code: exit status of the command line (docs: syscare(1))
 * @sentence: one short sentence that explains the error to a person (translatable)
 */
typedef struct {
  LpError code;
  const char *name;
  gboolean standard;
  int exit_code;
  const char *sentence;
} LpErrorInfo;

GQuark lp_error_quark (void);

/* The table's row of @code; never NULL for a valid enumerator. */
const LpErrorInfo *lp_error_info (LpError code);

/* The row whose name is @name (CamelCase, without prefix), or NULL. */
const LpErrorInfo *lp_error_info_by_name (const char *name);

/* The row for @error: its own if the domain is LP_ERROR, G_IO_ERROR_CANCELLED as Cancelled, else Failed. */
const LpErrorInfo *lp_error_info_for (const GError *error);

/**
 * lp_error_set:
 * @error: (out) (optional): where to put the error; nothing happens when NULL
 * @code: what kind of failure
 * @hint: (nullable): what the administrator can do about it; becomes the second line of the message
 * @format: what failed and where ("redis-check-rdb: .text.foo: relocation 12 is out of range"): lower case,
 *   no full stop, one line
 */
void lp_error_set (GError **error, LpError code, const char *hint, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

/* lp_error_set() with the text of @errnum appended (": Permission denied"). ENOENT and so on don't change
 * @code. */
void lp_error_set_errno (GError **error, LpError code, int errnum, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

/* Splits @message at its first newline: the first line (caller frees) and the hint (borrowed, NULL if none).
 */
char *lp_error_split (const char *message, const char **hint);

G_END_DECLS
