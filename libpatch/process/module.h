/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ELF files that a process has mapped: which file each one is, where it lies, its Build-ID. Must not know
 * about patches.
 *
 * A module is recognised by the Build-ID of the file that is really mapped there, never by a path: told by
 * the kernel (PROCMAP_QUERY), or read from the file through /proc/PID/map_files (which reaches deleted files
 * and other mount namespaces), or where that isn't allowed, from the notes in memory. */
#pragma once

#include "process/maps.h"

G_BEGIN_DECLS

typedef struct {
  char *path;           /* as in maps: for messages only */
  guint32 major, minor; /* device and inode as in maps */
  guint64 inode;
  guint64 bias;  /* run-time address minus link-time address; 0 for ET_EXEC */
  guint64 start; /* lowest and highest (exclusive) address of all its segments */
  guint64 end;
  guint64 map_start; /* one executable mapping of it: the key into map_files */
  guint64 map_end;
  guint64 dynamic;         /* run-time address of PT_DYNAMIC, 0 when static */
  guint64 program_headers; /* run-time address of the program headers, 0 when they aren't loaded */
  guint16 type;            /* ET_EXEC, ET_DYN */
  guint16 machine;         /* EM_* */
  char *build_id;          /* lower-case hex, NULL when it has none */
} LpModule;

/* Remembers what was read of a file, so that a scan of many processes opens every library once. Valid for one
 * scan only: a (device, inode) pair can be used again. */
typedef struct LpModuleCache LpModuleCache;
LpModuleCache *lp_module_cache_new (void);
void lp_module_cache_free (LpModuleCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpModuleCache, lp_module_cache_free)

/* All ELF64 files with executable mappings, ascending (element-type LpModule). A file that is mapped twice
 * (dlmopen) gives two. Mappings that aren't ELF or can't be read are left out. @cache: (nullable). Never
 * fails. */
GPtrArray *lp_modules_read (LpProcess *process, const LpMaps *maps, LpModuleCache *cache);
void lp_module_free (LpModule *module);

/* The ELF file that the kernel has loaded at @base, where its header lies, in a process of which nothing has
 * run yet: all is read out of its memory, what maps would tell of the file is unknown. Its segments are
 * appended to @mappings (element-type LpMapping). NULL: that isn't there, or isn't code of this kind. */
LpModule *lp_module_read_at (LpProcess *process, guint64 base, GArray *mappings);

/* Opens the file that the process has mapped there, read-only. Errors: LP_ERROR_PROCESS_GONE, LP_ERROR_FAILED
 * (mapped no longer, or neither map_files nor the path in the process's own root lead to this very file). */
int lp_module_open (const LpProcess *process, const LpModule *module, GError **error);

/* Whether @maps still shows @module's file at its place, with the same Build-ID. Opens no file. */
gboolean lp_module_is_unchanged (LpProcess *process, const LpModule *module, const LpMaps *maps);

/* Whether the process has exactly [@start, @start + @size) mapped of the file with these numbers, of stat(2).
 * FALSE also when the kernel can't tell (before Linux 6.11) or numbers it otherwise. */
gboolean lp_module_is_file (LpProcess *process, guint64 start, guint64 size, guint64 device, guint64 inode);

/* The module that holds @address, or NULL. */
const LpModule *lp_modules_find (const GPtrArray *modules, guint64 address);

G_END_DECLS
