/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which pid namespace we are in, for programs in the kernel, which see all of them (namespace.bpf.h). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Its inode number; 0: it is the initial one. */
guint64 lp_pid_namespace_inode (void);

G_END_DECLS
