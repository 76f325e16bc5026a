/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test helper in the guest: asks the kernel one thing that a fix changes, and prints "old" or "new". Knows
 * nothing of patches. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/kd.h>
#include <linux/loop.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

_Noreturn static void
die (const char *what)
{
  fprintf (stderr, "kernel-probe: %s: %s\n", what, strerror (errno));
  exit (2);
}

/* @failed: the call that old kernels allow didn't work; with @wanted it is the fix that forbids it. */
static const char *
verdict (int failed, int wanted, const char *what)
{
  if (failed && errno != wanted)
    die (what);
  return failed ? "new" : "old";
}

/* CVE-2026-93146: nanoseconds that are none. */
static const char *
probe_timens (const char *unused)
{
  static const char text[] = "monotonic 10 18446744073709551615\n";

  (void)unused;
  if (unshare (CLONE_NEWTIME) != 0)
    die ("unshare");
  int fd = open ("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    die ("timens_offsets");
  return verdict (write (fd, text, sizeof text - 1) < 0, EINVAL, "writing an offset");
}

/* CVE-2025-38709: another block size under somebody who has the device for itself. */
static const char *
probe_loop (const char *file)
{
  int control = open ("/dev/loop-control", O_RDWR | O_CLOEXEC), n, result;
  char path[64];

  if (control < 0 || (n = ioctl (control, LOOP_CTL_GET_FREE)) < 0)
    die ("loop-control");
  snprintf (path, sizeof path, "/dev/loop%d", n);
  int device = open (path, O_RDWR | O_CLOEXEC), backing = open (file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (device < 0 || backing < 0 || ftruncate (backing, 1 << 20) != 0
      || ioctl (device, LOOP_SET_FD, backing) != 0)
    die (path);
  int owner = open (path, O_RDWR | O_EXCL | O_CLOEXEC);
  if (owner < 0)
    die ("exclusive open");
  result = ioctl (device, LOOP_SET_BLOCK_SIZE, 1024UL);
  int number = errno;
  close (owner);
  ioctl (device, LOOP_CLR_FD, 0);
  errno = number;
  return verdict (result != 0, EBUSY, "LOOP_SET_BLOCK_SIZE");
}

static void
write_text (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  if (fd < 0 || write (fd, text, strlen (text)) != (ssize_t)strlen (text))
    die (path);
  close (fd);
}

/* CVE-2026-98655: where the kernel's code is, told to anybody. */
static const char *
probe_perf (const char *unused)
{
  struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
                                  .size = sizeof attr,
                                  .config = PERF_COUNT_SW_DUMMY,
                                  .exclude_kernel = 1,
                                  .text_poke = 1 };

  (void)unused;
  /* Debian's default, 3, refuses everything; 2 allows what isn't the kernel's. */
  write_text ("/proc/sys/kernel/perf_event_paranoid", "2");
  if (setgid (NOBODY) != 0 || setuid (NOBODY) != 0)
    die ("setuid");
  long fd = syscall (SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
  return verdict (fd < 0, EACCES, "perf_event_open");
}

/* CVE-2026-72379: a file without a name in a file system of a user namespace that doesn't know its owner. */
static const char *
probe_tmpfile (const char *unused)
{
  char ready, path[64], map[64];
  int there[2], back[2];

  (void)unused;
  if (pipe (there) != 0 || pipe (back) != 0)
    die ("pipe");
  pid_t child = fork ();
  if (child == 0)
    {
      close (back[1]);
      if (unshare (CLONE_NEWUSER | CLONE_NEWNS) != 0 || write (there[1], "u", 1) != 1
          || read (back[0], &ready, 1) != 1 || setgid (0) != 0 || setuid (0) != 0
          || syscall (SYS_mount, "probe", "/mnt", "tmpfs", 0, "mode=0777") != 0
          || write (there[1], "m", 1) != 1)
        die ("user namespace");
      (void)!read (back[0], &ready, 1); /* the end of the parent's work */
      _exit (0);
    }
  close (there[1]);
  if (child < 0 || read (there[0], &ready, 1) != 1)
    die ("child");
  snprintf (path, sizeof path, "/proc/%d/setgroups", child);
  write_text (path, "deny");
  snprintf (map, sizeof map, "0 %d 1\n", NOBODY);
  snprintf (path, sizeof path, "/proc/%d/uid_map", child);
  write_text (path, map);
  snprintf (path, sizeof path, "/proc/%d/gid_map", child);
  write_text (path, map);
  if (write (back[1], "g", 1) != 1 || read (there[0], &ready, 1) != 1)
    die ("mount");
  snprintf (path, sizeof path, "/proc/%d/root/mnt", child);
  int fd = open (path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), number = errno;
  close (back[1]);
  waitpid (child, NULL, 0);
  errno = number;
  return verdict (fd < 0, EOVERFLOW, "O_TMPFILE");
}

/* The auxiliary vector is replaced as a whole, not only its beginning. */
static const char *
probe_auxv (const char *unused)
{
  unsigned long vector[2] = { AT_PAGESZ, 4096 }, seen[64] = { 0 };

  (void)unused;
  if (prctl (PR_SET_MM, PR_SET_MM_AUXV, vector, sizeof vector, 0) != 0)
    die ("PR_SET_MM_AUXV");
  int fd = open ("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read (fd, seen, sizeof seen) < (ssize_t)sizeof vector || seen[0] != AT_PAGESZ)
    die ("/proc/self/auxv");
  return seen[2] == AT_NULL ? "new" : "old";
}

/* A hint on a file that can't change. */
static const char *
probe_rw_hint (const char *file)
{
  int fd = open (file, O_RDWR | O_CREAT | O_CLOEXEC, 0600), flags = 0;
  uint64_t hint = RWH_WRITE_LIFE_SHORT;

  if (fd < 0 || ioctl (fd, FS_IOC_GETFLAGS, &flags) != 0)
    die (file);
  flags |= FS_IMMUTABLE_FL;
  if (ioctl (fd, FS_IOC_SETFLAGS, &flags) != 0)
    die ("FS_IOC_SETFLAGS");
  int result = fcntl (fd, F_SET_RW_HINT, &hint), number = errno;
  flags &= ~FS_IMMUTABLE_FL;
  ioctl (fd, FS_IOC_SETFLAGS, &flags);
  errno = number;
  return verdict (result != 0, EPERM, "F_SET_RW_HINT");
}

/* Somebody else's keyboard. */
static const char *
probe_kbmeta (const char *path)
{
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct none[2] = { 0 };
  int fd = open (path, O_RDWR | O_NOCTTY | O_CLOEXEC);

  if (fd < 0)
    die (path);
  if (syscall (SYS_capset, &header, none) != 0)
    die ("capset");
  return verdict (ioctl (fd, KDSKBMETA, K_METABIT) != 0, EPERM, "KDSKBMETA");
}

/* settimeofday() of 32-bit programs: a million microseconds. Their system calls can be made from any program;
 * addresses must fit in 32 bits. The other fields are refused afterwards, so that no clock is set. */
static const char *
probe_compat_time (const char *unused)
{
  int32_t *memory = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  long result;

  (void)unused;
  if (memory == MAP_FAILED)
    die ("mmap");
  memory[0] = -1; /* no such second: refused later, with the same error */
  memory[1] = 1000000;
  /* Old code takes the microseconds and stumbles over the time zone's address, new code never gets there. */
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(79L), "b"((long)(uintptr_t)memory), "c"(1L)
                   : "memory", "r8", "r9", "r10", "r11");
  errno = (int)-result;
  if (result != -EFAULT && result != -EINVAL)
    die ("settimeofday");
  return result == -EINVAL ? "new" : "old";
}

static const struct {
  const char *name;
  const char *(*probe) (const char *argument);
} probes[] = {
  { "timens", probe_timens },   { "loop", probe_loop },

  { "tmpfile", probe_tmpfile }, { "perf", probe_perf },     { "auxv", probe_auxv },
  { "rw-hint", probe_rw_hint }, { "kbmeta", probe_kbmeta }, { "compat-time", probe_compat_time },
};

int
main (int argc, char **argv)
{
  for (size_t i = 0; argc >= 2 && i < sizeof probes / sizeof *probes; i++)
    if (strcmp (probes[i].name, argv[1]) == 0)
      {
        puts (probes[i].probe (argc > 2 ? argv[2] : ""));
        return 0;
      }
  fprintf (stderr, "usage: kernel-probe NAME [FILE]\n");
  return 2;
}
