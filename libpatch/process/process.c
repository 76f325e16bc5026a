/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One running process: identity, /proc files and threads. Must not know about ELF, ptrace or patches. */
#include "process/process.h"
#include "process/process-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Field numbers of /proc/PID/stat, counted from the first one behind the parenthesised command. */
enum { STAT_STATE = 0, STAT_FLAGS = 6, STAT_START_TIME = 19, STAT_N_FIELDS };

#define NAME_SIZE 4352                /* a path below /proc/PID/root */
#define STAT_SIZE 2048                /* some 52 numbers and a name */
#define KERNEL_THREAD_FLAG 0x00200000 /* PF_KTHREAD, linux/sched.h */

static void
set_gone_or_failed (const LpProcess *process, const char *name, int errnum, GError **error)
{
  if (errnum == ENOENT || errnum == ESRCH)
    lp_error_set (error, LP_ERROR_PROCESS_GONE, NULL, "process %d has exited", process->pid);
  else
    lp_error_set_errno (error, LP_ERROR_FAILED, errnum, "process %d: can't open /proc/%d/%s", process->pid,
                        process->pid, name);
}

/* Reads from the start to the end of file; /proc files have no size. */
static char *
read_all (int fd, gsize *size)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  gsize used = 0;

  for (;;)
    {
      g_byte_array_set_size (bytes, used + 4096);
      ssize_t n = pread (fd, bytes->data + used, 4096, (off_t)used);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return NULL;
      if (n == 0)
        break;
      used += n;
    }

  bytes->data[used] = '\0'; /* there is room: the last chunk was not filled */
  if (size != NULL)
    *size = used;
  return (char *)g_byte_array_free (g_steal_pointer (&bytes), FALSE);
}

/* Splits @stat around the command, which may itself hold spaces and parentheses. @command: (nullable), caller
 * frees. FALSE when too short. */
static gboolean
parse_stat (const char *stat, guint64 values[STAT_N_FIELDS], char *state, char **command)
{
  const char *p = strrchr (stat, ')'), *start = strchr (stat, '(');

  if (p == NULL || p[1] != ' ' || start == NULL || start > p)
    return FALSE;
  if (command != NULL)
    *command = g_strndup (start + 1, p - start - 1);
  p += 2;
  *state = *p;
  values[STAT_STATE] = 0;
  for (guint i = 1; i < STAT_N_FIELDS; i++)
    {
      p = strchr (p, ' ');
      if (p == NULL)
        return FALSE;
      p++;
      values[i] = g_ascii_strtoull (p, NULL, 10);
    }
  return TRUE;
}

static gboolean
read_stat (const LpProcess *process, guint64 values[STAT_N_FIELDS], char *state, char **command,
           GError **error)
{
  /* Comes in one piece; asked for often enough for a buffer of its own to matter. */
  char stat[STAT_SIZE];
  int fd = lp_process_open_file (process, "stat", O_RDONLY, error);
  ssize_t size = fd >= 0 ? pread (fd, stat, sizeof stat - 1, 0) : -1;

  if (fd >= 0 && size < 0)
    set_gone_or_failed (process, "stat", errno, error);
  if (fd >= 0)
    close (fd);
  if (size < 0)
    return FALSE;
  stat[size] = '\0';
  if (parse_stat (stat, values, state, command))
    return TRUE;
  lp_error_set (error, LP_ERROR_FAILED, NULL, "process %d: /proc/%d/stat is malformed", process->pid,
                process->pid);
  return FALSE;
}

static LpProcess *
process_new (int pid)
{
  LpProcess *process = g_new0 (LpProcess, 1);

  process->pid = pid;
  process->dir_fd = process->mem_fd = process->maps_fd = -1;
  return process;
}

LpProcess *
lp_process_hold (int pid)
{
  return process_new (pid);
}

gboolean
lp_process_keep (LpProcess *process, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d", process->pid);
  guint64 values[STAT_N_FIELDS];
  char state;

  process->dir_fd = open (path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (process->dir_fd < 0)
    {
      set_gone_or_failed (process, "", errno, error);
      return FALSE;
    }
  if (!read_stat (process, values, &state, &process->command, error))
    return FALSE;
  if (state == 'Z' || state == 'X')
    {
      lp_error_set (error, LP_ERROR_PROCESS_GONE, NULL, "process %d has exited", process->pid);
      return FALSE;
    }

  process->start_time = values[STAT_START_TIME];
  process->kernel_thread = (values[STAT_FLAGS] & KERNEL_THREAD_FLAG) != 0;
  return TRUE;
}

LpProcess *
lp_process_open (int pid, GError **error)
{
  g_autoptr (LpProcess) process = process_new (pid);

  return lp_process_keep (process, error) ? g_steal_pointer (&process) : NULL;
}

void
lp_process_free (LpProcess *process)
{
  if (process == NULL)
    return;
  if (process->dir_fd >= 0)
    close (process->dir_fd);
  if (process->mem_fd >= 0)
    close (process->mem_fd);
  if (process->maps_fd >= 0)
    close (process->maps_fd);
  g_free (process->command);
  g_free (process);
}

int
lp_process_pid (const LpProcess *process)
{
  return process->pid;
}

guint64
lp_process_start_time (const LpProcess *process)
{
  return process->start_time;
}

const char *
lp_process_command (const LpProcess *process)
{
  return process->command;
}

gboolean
lp_process_is_alive (const LpProcess *process)
{
  guint64 values[STAT_N_FIELDS];
  char state;

  return read_stat (process, values, &state, NULL, NULL) && state != 'Z' && state != 'X';
}

gboolean
lp_process_is_kernel_thread (const LpProcess *process)
{
  return process->kernel_thread;
}

/* @name below the process's directory, for calls that take @name and a directory; @buffer is used if need be.
 */
static const char *
name_below (const LpProcess *process, const char *name, char buffer[NAME_SIZE])
{
  if (process->dir_fd >= 0)
    return name;
  g_snprintf (buffer, NAME_SIZE, "/proc/%d/%s", process->pid, name);
  return buffer;
}

int
lp_process_open_file (const LpProcess *process, const char *name, int flags, GError **error)
{
  char buffer[NAME_SIZE];
  int fd = openat (process->dir_fd, name_below (process, name, buffer), flags | O_CLOEXEC);

  if (fd < 0)
    set_gone_or_failed (process, name, errno, error);
  return fd;
}

gboolean
lp_process_stat_file (const LpProcess *process, const char *name, struct stat *status)
{
  char buffer[NAME_SIZE];

  return fstatat (process->dir_fd, name_below (process, name, buffer), status, 0) == 0;
}

char *
lp_process_read_file (const LpProcess *process, const char *name, gsize *size, GError **error)
{
  int fd = lp_process_open_file (process, name, O_RDONLY, error);

  if (fd < 0)
    return NULL;
  char *text = read_all (fd, size);
  if (text == NULL)
    set_gone_or_failed (process, name, errno, error);
  close (fd);
  return text;
}

int
lp_process_maps_fd (LpProcess *process)
{
  if (process->maps_fd < 0)
    process->maps_fd = lp_process_open_file (process, "maps", O_RDONLY, NULL);
  return process->maps_fd;
}

char *
lp_process_read_maps (LpProcess *process, GError **error)
{
  int fd = lp_process_maps_fd (process);
  char *text = fd >= 0 ? read_all (fd, NULL) : NULL;

  if (text == NULL)
    set_gone_or_failed (process, "maps", errno, error);
  return text;
}

char *
lp_process_status_value (const char *text, const char *key)
{
  gsize key_size = strlen (key);

  for (const char *line = text; line != NULL && *line != '\0';)
    {
      const char *end = strchrnul (line, '\n');
      if (strncmp (line, key, key_size) == 0 && line[key_size] == ':')
        return g_strstrip (g_strndup (line + key_size + 1, end - line - key_size - 1));
      line = *end == '\n' ? end + 1 : end;
    }
  return NULL;
}

char *
lp_process_status (const LpProcess *process, int tid, const char *key)
{
  g_autofree char *name = tid > 0 ? g_strdup_printf ("task/%d/status", tid) : g_strdup ("status");
  g_autofree char *text = lp_process_read_file (process, name, NULL, NULL);

  return lp_process_status_value (text, key);
}

char *
lp_process_thread_waits_in (const LpProcess *process, int tid)
{
  g_autofree char *syscall_name = g_strdup_printf ("task/%d/syscall", tid);
  g_autofree char *wchan_name = g_strdup_printf ("task/%d/wchan", tid);
  g_autofree char *call = lp_process_read_file (process, syscall_name, NULL, NULL);
  g_autofree char *wchan = lp_process_read_file (process, wchan_name, NULL, NULL);

  if (call == NULL || !g_ascii_isdigit (call[0]))
    return g_strdup ("");
  guint64 number = g_ascii_strtoull (call, NULL, 10);
  if (wchan == NULL || wchan[0] == '\0' || wchan[0] == '0')
    return g_strdup_printf ("system call %" G_GUINT64_FORMAT, number);
  return g_strdup_printf ("system call %" G_GUINT64_FORMAT ", in %s", number, wchan);
}

static int
compare_ints (gconstpointer a, gconstpointer b)
{
  int x = *(const int *)a, y = *(const int *)b;

  return x < y ? -1 : x > y;
}

/* The numeric names in the directory @fd, which is closed; ascending. NULL with errno. */
static GArray *
list_numbers (int fd)
{
  DIR *dir = fdopendir (fd);
  struct dirent *entry;

  if (dir == NULL)
    return NULL;
  GArray *numbers = g_array_new (FALSE, FALSE, sizeof (int));
  while ((entry = readdir (dir)) != NULL)
    if (g_ascii_isdigit (entry->d_name[0]))
      {
        int number = atoi (entry->d_name);
        g_array_append_val (numbers, number);
      }
  closedir (dir);
  g_array_sort (numbers, compare_ints);
  return numbers;
}

GArray *
lp_process_list (GError **error)
{
  int fd = open ("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  GArray *pids = fd >= 0 ? list_numbers (fd) : NULL;

  if (pids == NULL)
    lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't list /proc");
  return pids;
}

GArray *
lp_process_threads (const LpProcess *process, GError **error)
{
  int fd = lp_process_open_file (process, "task", O_RDONLY | O_DIRECTORY, error);

  if (fd < 0)
    return NULL;
  g_autoptr (GArray) tids = list_numbers (fd);
  if (tids == NULL || tids->len == 0)
    {
      lp_error_set (error, LP_ERROR_PROCESS_GONE, NULL, "process %d has exited", process->pid);
      return NULL;
    }
  return g_steal_pointer (&tids);
}
