/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of LpProcess, shared by process.c and memory.c only. */
#pragma once

#include <glib.h>

struct LpProcess {
  int pid;
  int dir_fd;  /* O_PATH of /proc/PID: dead once the process is; -1: it is held (lp_process_hold()) */
  int mem_fd;  /* /proc/PID/mem, -1 until needed: bound to the address space */
  int maps_fd; /* /proc/PID/maps, likewise */
  guint64 start_time;
  gboolean kernel_thread;
  char *command;
};
