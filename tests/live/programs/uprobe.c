/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets a uprobe at a file offset through the perf interface and holds it until its input ends. */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int
main (int argc, char **argv)
{
  struct perf_event_attr attributes = { .size = sizeof attributes };
  FILE *type = fopen ("/sys/bus/event_source/devices/uprobe/type", "r");
  unsigned number;
  char byte;

  if (argc != 3 || type == NULL || fscanf (type, "%u", &number) != 1)
    return 2;
  fclose (type);
  attributes.type = number;
  attributes.uprobe_path = (unsigned long)argv[1];
  attributes.probe_offset = strtoul (argv[2], NULL, 10);
  int fd = syscall (SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0)
    {
      perror ("perf_event_open");
      return 1;
    }
  puts ("set");
  fflush (stdout);
  while (read (0, &byte, 1) > 0)
    ;
  return 0;
}
