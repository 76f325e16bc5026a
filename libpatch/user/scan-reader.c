/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads processes one after the other in a child that is killed and replaced when one of them keeps it
 * waiting. Must not know what is done with the answers. */
#include "user/scan-reader.h"
#include "process/module.h"
#include "user/image.h"
#include "user/owner.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long one process may take. A reading that was merely slow is given a second chance with a new child;
 * once some have hung for good, the others get less. */
#define PATIENCE_MS 3000
#define SHORT_PATIENCE_MS 300
#define PATIENT_WITH 2 /* processes */
#define LOOK_MS 200    /* how often a cancellation is looked for */

/* Those of @build_ids that one of @modules has. */
static GPtrArray *
wanted_build_ids (const GPtrArray *modules, const GPtrArray *build_ids)
{
  GPtrArray *found = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < build_ids->len; i++)
    for (guint j = 0; j < modules->len; j++)
      {
        const LpModule *module = g_ptr_array_index (modules, j);
        const char *build_id = g_ptr_array_index (build_ids, i);
        if (g_strcmp0 (module->build_id, build_id) == 0)
          {
            g_ptr_array_add (found, g_strdup (build_id));
            break;
          }
      }
  return found;
}

static GArray *
scan_images (LpProcess *process, const LpMaps *maps)
{
  GArray *result = g_array_new (FALSE, TRUE, sizeof (LpScanImage));
  g_autoptr (GPtrArray) images = lp_images_read (process, maps);

  for (guint i = 0; i < images->len; i++)
    {
      const LpImage *image = g_ptr_array_index (images, i);
      LpScanImage entry = { .identity = image->identity, .base = image->base };

      if (!image->complete)
        continue; /* a killed worker's remainder: never active, swept away when the patch is */
      entry.state = lp_image_state (process, lp_arch_for_machine (LP_HOST_MACHINE), images, image);
      g_array_append_val (result, entry);
    }
  return result;
}

static LpScanProcess *
read_process (LpProcess *process, const GPtrArray *build_ids, LpModuleCache *cache, LpReadOutcome *outcome,
              GError **error)
{
  g_autoptr (LpMaps) maps = lp_maps_read (process, error);

  if (maps == NULL)
    return NULL;
  g_autoptr (GPtrArray) modules = build_ids->len > 0 ? lp_modules_read (process, maps, cache) : NULL;
  g_autoptr (GPtrArray) found = modules != NULL ? wanted_build_ids (modules, build_ids) : g_ptr_array_new ();
  g_autoptr (GArray) images = scan_images (process, maps);
  *outcome = LP_READ_PLAIN;
  if (found->len == 0 && images->len == 0)
    return NULL;

  LpScanProcess *entry = g_new0 (LpScanProcess, 1);
  *outcome = LP_READ_FOUND;
  entry->pid = lp_process_pid (process);
  entry->start_time = lp_process_start_time (process);
  entry->command = g_strdup (lp_process_command (process));
  entry->build_ids = g_steal_pointer (&found);
  entry->images = g_steal_pointer (&images);
  lp_owner_read (process, &entry->uid, &entry->unit, &entry->container);
  return entry;
}

static LpScanProcess *
look_at_process (int pid, const GPtrArray *build_ids, LpModuleCache *cache, LpReadOutcome *outcome)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpProcess) process = lp_process_open (pid, &error);
  LpScanProcess *found = NULL;

  *outcome = LP_READ_PLAIN;
  if (process != NULL && !lp_process_is_kernel_thread (process))
    found = read_process (process, build_ids, cache, outcome, &error);
  if (error != NULL)
    *outcome = g_error_matches (error, LP_ERROR, LP_ERROR_PROCESS_GONE) ? LP_READ_GONE : LP_READ_DENIED;
  return found;
}

/* What the child says about one process; what is found follows as a GVariant of FOUND_TYPE. */
typedef struct {
  guint32 outcome;
  guint32 size; /* bytes that follow */
} Answer;

/* pid, start time, uid; command, unit, container (bytes: names may be anything); Build-IDs; images */
#define FOUND_TYPE "(ituayayayasay)"
#define MAX_FOUND (64u << 20)

struct LpScanReader {
  const GArray *pids;
  const GPtrArray *build_ids;
  guint next;           /* index of the process that is being read */
  gboolean second_time; /* it has hung once */
  guint n_hanging;
  pid_t child; /* 0 = none */
  int fd;      /* its answers */
};

LpScanReader *
lp_scan_reader_new (const GArray *pids, const GPtrArray *build_ids)
{
  LpScanReader *reader = g_new0 (LpScanReader, 1);

  reader->pids = pids;
  reader->build_ids = build_ids;
  reader->fd = -1;
  return reader;
}

static gpointer
await_child (gpointer child)
{
  while (waitpid (GPOINTER_TO_INT (child), NULL, 0) < 0 && errno == EINTR)
    ;
  return NULL;
}

/* @hangs: even SIGKILL may have to wait until a FUSE server answers, so nobody waits for it here. */
static void
end_child (LpScanReader *reader, gboolean hangs)
{
  if (reader->child > 0)
    {
      kill (reader->child, SIGKILL);
      close (reader->fd);
      if (hangs)
        g_thread_unref (g_thread_new ("scan-reaper", await_child, GINT_TO_POINTER (reader->child)));
      else
        await_child (GINT_TO_POINTER (reader->child));
    }
  reader->child = 0;
  reader->fd = -1;
}

void
lp_scan_reader_free (LpScanReader *reader)
{
  if (reader == NULL)
    return;
  end_child (reader, /* hangs= */ reader->next < reader->pids->len);
  g_free (reader);
}

static GVariant *
bytes_variant (gconstpointer data, gsize size)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, data, size, 1);
}

static GVariant *
describe (const LpScanProcess *p)
{
  GVariantBuilder build_ids;

  g_variant_builder_init (&build_ids, G_VARIANT_TYPE ("as"));
  for (guint i = 0; i < p->build_ids->len; i++)
    g_variant_builder_add (&build_ids, "s", (const char *)g_ptr_array_index (p->build_ids, i));
  GVariant *members[] = {
    g_variant_new_int32 (p->pid),
    g_variant_new_uint64 (p->start_time),
    g_variant_new_uint32 (p->uid),
    bytes_variant (p->command, strlen (p->command)),
    bytes_variant (p->unit, strlen (p->unit)),
    bytes_variant (p->container, strlen (p->container)),
    g_variant_builder_end (&build_ids),
    bytes_variant (p->images->data, (gsize)p->images->len * sizeof (LpScanImage)),
  };
  return g_variant_ref_sink (g_variant_new_tuple (members, G_N_ELEMENTS (members)));
}

static char *
child_text (GVariant *tuple, gsize index)
{
  g_autoptr (GVariant) bytes = g_variant_get_child_value (tuple, index);
  gsize size;
  const char *text = g_variant_get_fixed_array (bytes, &size, 1);

  return g_strndup (text != NULL ? text : "", size);
}

static LpScanProcess *
understand (GBytes *bytes)
{
  g_autoptr (GVariant) tuple
      = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (FOUND_TYPE), bytes, FALSE));
  LpScanProcess *p = g_new0 (LpScanProcess, 1);
  g_autoptr (GVariant) build_ids = g_variant_get_child_value (tuple, 6);
  g_autoptr (GVariant) images = g_variant_get_child_value (tuple, 7);
  gint32 pid;
  gsize size;

  g_variant_get_child (tuple, 0, "i", &pid);
  g_variant_get_child (tuple, 1, "t", &p->start_time);
  g_variant_get_child (tuple, 2, "u", &p->uid);
  p->pid = pid;
  p->command = child_text (tuple, 3);
  p->unit = child_text (tuple, 4);
  p->container = child_text (tuple, 5);
  p->build_ids = g_ptr_array_new_with_free_func (g_free);
  for (gsize i = 0; i < g_variant_n_children (build_ids); i++)
    {
      char *build_id;
      g_variant_get_child (build_ids, i, "s", &build_id);
      g_ptr_array_add (p->build_ids, build_id);
    }
  gconstpointer data = g_variant_get_fixed_array (images, &size, 1);
  p->images = g_array_new (FALSE, TRUE, sizeof (LpScanImage));
  if (size >= sizeof (LpScanImage))
    g_array_append_vals (p->images, data, size / sizeof (LpScanImage));
  return p;
}

static gboolean
write_all (int fd, gconstpointer data, gsize size)
{
  for (gsize done = 0; done < size;)
    {
      ssize_t n = write (fd, (const char *)data + done, size - done);
      if (n < 0 && errno != EINTR)
        return FALSE;
      done += MAX (n, 0);
    }
  return TRUE;
}

/* A child that hangs must not keep its parent's pipes and sockets open: only @fd stays, as number 3, and
 * nothing that is opened later can be taken for the standard output. */
static gboolean
keep_only (int *fd)
{
  enum { OWN = STDERR_FILENO + 1 };

  if (dup2 (*fd, OWN) != OWN) /* does nothing when it is already that one */
    return FALSE;
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  for (int i = 0; i < OWN; i++)
    if (null < 0 || dup2 (null, i) != i)
      return FALSE;
  *fd = OWN;
  return close_range (OWN + 1, ~0u, 0) == 0;
}

/* The child: answers for one process after the other. Never returns. */
static void
run_child (const LpScanReader *reader, int fd)
{
  LpModuleCache *cache = lp_module_cache_new ();

  for (guint i = reader->next; i < reader->pids->len; i++)
    {
      LpReadOutcome outcome;
      LpScanProcess *found
          = look_at_process (g_array_index (reader->pids, int, i), reader->build_ids, cache, &outcome);
      GVariant *variant = found != NULL ? describe (found) : NULL;
      Answer answer = { outcome, variant != NULL ? g_variant_get_size (variant) : 0 };

      if (!write_all (fd, &answer, sizeof answer)
          || (variant != NULL && !write_all (fd, g_variant_get_data (variant), answer.size)))
        break;
      g_clear_pointer (&variant, g_variant_unref);
      lp_scan_process_free (found);
    }
  _exit (0); /* buffers, handlers at exit and everything else belong to the parent */
}

static gboolean
start_child (LpScanReader *reader, GError **error)
{
  int ends[2];
  sigset_t all, before;
  pid_t parent = getpid ();

  if (pipe2 (ends, O_CLOEXEC) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't start reading the processes");
      return FALSE;
    }
  /* Signals are for the parent: its handlers must not run in the child. */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  reader->child = fork ();
  if (reader->child == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      if (getppid () == parent && keep_only (&ends[1]))
        run_child (reader, ends[1]);
      _exit (1);
    }
  int errnum = errno;
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  close (ends[1]);
  reader->fd = ends[0];
  if (reader->child > 0)
    return TRUE;
  reader->child = 0;
  close (reader->fd);
  reader->fd = -1;
  lp_error_set_errno (error, LP_ERROR_FAILED, errnum, "can't start reading the processes");
  return FALSE;
}

/* How reading from the child went. */
typedef enum { GOT_IT, CHILD_ENDED, TOO_LATE, CANCELLED } Got;

/* Exactly @size bytes from the child. */
static Got
read_answer (const LpScanReader *reader, void *buffer, gsize size, gint64 deadline, GCancellable *cancellable)
{
  for (gsize done = 0; done < size;)
    {
      struct pollfd poll_fd = { reader->fd, POLLIN, 0 };
      gint64 left_ms = (deadline - g_get_monotonic_time ()) / 1000;

      if (g_cancellable_is_cancelled (cancellable))
        return CANCELLED;
      int ready = poll (&poll_fd, 1, (int)CLAMP (left_ms, 0, LOOK_MS));
      if (ready == 0 && left_ms <= 0)
        return TOO_LATE;
      if (ready <= 0)
        continue;
      ssize_t n = read (reader->fd, (char *)buffer + done, size - done);
      if (n == 0 || (n < 0 && errno != EINTR))
        return CHILD_ENDED;
      done += MAX (n, 0);
    }
  return GOT_IT;
}

/* The answer about the process that is next. */
static Got
next_answer (LpScanReader *reader, GCancellable *cancellable, LpReadOutcome *outcome, LpScanProcess **process)
{
  guint patience = reader->n_hanging < PATIENT_WITH ? PATIENCE_MS : SHORT_PATIENCE_MS;
  gint64 deadline = g_get_monotonic_time () + (gint64)patience * 1000;
  Answer answer;
  Got got = read_answer (reader, &answer, sizeof answer, deadline, cancellable);

  if (got != GOT_IT)
    return got;
  *outcome = answer.outcome;
  if (answer.outcome != LP_READ_FOUND)
    return GOT_IT;
  if (answer.size > MAX_FOUND)
    return CHILD_ENDED;
  g_autofree char *data = g_malloc (answer.size);
  got = read_answer (reader, data, answer.size, deadline, cancellable);
  if (got != GOT_IT)
    return got;
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_steal_pointer (&data), answer.size);
  *process = understand (bytes);
  return GOT_IT;
}

gboolean
lp_scan_reader_next (LpScanReader *reader, GCancellable *cancellable, int *pid, LpReadOutcome *outcome,
                     LpScanProcess **process, GError **error)
{
  *process = NULL;
  while (reader->next < reader->pids->len)
    {
      if (reader->child == 0 && !start_child (reader, error))
        return FALSE;
      Got got = next_answer (reader, cancellable, outcome, process);
      if (got == CANCELLED)
        {
          g_cancellable_set_error_if_cancelled (cancellable, error);
          return FALSE;
        }
      if (got != GOT_IT)
        end_child (reader, /* hangs= */ got == TOO_LATE);
      if (got != GOT_IT && !reader->second_time)
        {
          reader->second_time = TRUE; /* slow, or the child died of something: once more */
          continue;
        }
      *pid = g_array_index (reader->pids, int, reader->next++);
      reader->second_time = FALSE;
      if (got != GOT_IT)
        {
          reader->n_hanging++;
          *outcome = LP_READ_HANGING;
        }
      return TRUE;
    }
  return FALSE;
}
