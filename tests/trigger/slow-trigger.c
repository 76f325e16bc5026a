/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Linked into a syscare-trigger for tests: its clock goes at a twentieth of the speed, so that a tracer that
 * waits for something (a second at most) does so until the test has done what it wants to do meanwhile. */
#include <glib.h>
#include <time.h>

/* Instead of GLib's, for what is linked with this. */
gint64
g_get_monotonic_time (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return ((gint64)t.tv_sec * G_USEC_PER_SEC + t.tv_nsec / 1000) / 20;
}
