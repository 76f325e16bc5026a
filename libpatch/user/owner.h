/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom a process belongs to: user, systemd unit, container; for display only. Must not know about patches. */
#pragma once

#include "process/process.h"

G_BEGIN_DECLS

/* @unit, @container: "" when none, caller frees. Never fails. Sources: systemd's cgroup naming
 * (systemd.slice(5)); the cgroup paths that docker, containerd, cri-o, podman and systemd-nspawn make. */
void lp_owner_read (const LpProcess *process, guint *uid, char **unit, char **container);

/* Parses the content of /proc/PID/cgroup. */
void lp_owner_parse_cgroup (const char *text, char **unit, char **container);

G_END_DECLS
