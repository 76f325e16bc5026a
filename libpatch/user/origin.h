/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a file that somebody has mapped to the same file where it may be kept open: a uprobe keeps the mount
 * busy by which its file was named, and a container's mounts are not ours to keep. Must not know what is done
 * with it. Sources: proc(5), open_by_handle_at(2), Documentation/filesystems/overlayfs.rst. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A descriptor, open for reading, on the file that is really mapped where @fd's file is: of an overlay that
 * of the layer. It lies on a mount that stands as long as the machine runs. -1: there is none, or it can't be
 * found. @pid: a process in whose mount namespace @fd's mount is. May take as long as file systems like. */
int lp_origin_open (int pid, int fd);
/* Likewise of the file at @path, where the process that had it mapped, by whatever name, is gone. Nobody
 * knows whether that was this file. */
int lp_origin_open_path (const char *path);

/* Whether @fd's file is one of an overlay, and this kernel asks for permission to open the layer's file, too,
 * when it is opened: a permission mark on both would make whoever answers wait for himself. */
gboolean lp_origin_asks_twice (int fd);

G_END_DECLS
