/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The trigger's end of the lookout. Must not know what the files are for. */
#include "user/lookout.h"
#include "user/lookout.skel.h"
#include "user/namespace.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A file as stat() has it, and as the kernel does. */
typedef struct {
  dev_t device;
  ino_t inode;
  struct lp_lookout_file file;
} Learned;

struct LpLookout {
  struct lp_lookout *skeleton;
  struct bpf_link *link; /* while it is on */
  struct ring_buffer *ring;
  struct lp_lookout_control *control;
  GArray *learned; /* Learned */
  guint64 lost;    /* when we looked last */
  LpLookoutFunc func;
  gpointer user_data;
};

static int
take_sight (void *data, void *record, size_t size)
{
  LpLookout *lookout = data;

  if (size >= sizeof (struct lp_lookout_sight))
    lookout->func (record, lookout->user_data);
  return 0;
}

/* 0, or a negative error number. */
static int
attach (LpLookout *lookout)
{
  lookout->link = bpf_program__attach (lookout->skeleton->progs.written);
  return lookout->link != NULL ? 0 : -errno;
}

static void
detach (LpLookout *lookout)
{
  if (lookout->link != NULL)
    bpf_link__destroy (lookout->link);
  lookout->link = NULL;
}

static gboolean
load (LpLookout *lookout, GError **error)
{
  lookout->skeleton = lp_lookout__open ();
  int result = lookout->skeleton != NULL ? lp_lookout__load (lookout->skeleton) : -errno;
  if (result == 0)
    result = attach (lookout);
  if (result != 0)
    {
      lp_error_set_errno (error, result == -EPERM ? LP_ERROR_ACCESS_DENIED : LP_ERROR_KERNEL_UNSUPPORTED,
                          -result, "the lookout's program can't be loaded into the kernel");
      return FALSE;
    }
  lookout->control = mmap (NULL, sizeof *lookout->control, PROT_READ | PROT_WRITE, MAP_SHARED,
                           bpf_map__fd (lookout->skeleton->maps.control), 0);
  lookout->ring = ring_buffer__new (bpf_map__fd (lookout->skeleton->maps.sights), take_sight, lookout, NULL);
  if (lookout->control != MAP_FAILED && lookout->ring != NULL)
    return TRUE;
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "the lookout's memory can't be mapped");
  return FALSE;
}

LpLookout *
lp_lookout_new (GError **error)
{
  g_autoptr (LpLookout) lookout = g_new0 (LpLookout, 1);

  lookout->learned = g_array_new (FALSE, FALSE, sizeof (Learned));
  lookout->control = MAP_FAILED;
  libbpf_set_print (NULL); /* what it has to say: the errors that it returns are what we report */
  if (!load (lookout, error))
    return NULL;
  guint64 inode = lp_pid_namespace_inode ();
  lookout->control->has_namespace = inode != 0;
  lookout->control->namespace_inode = inode;
  detach (lookout); /* it could be attached */
  return g_steal_pointer (&lookout);
}

void
lp_lookout_free (LpLookout *lookout)
{
  if (lookout == NULL)
    return;
  if (lookout->control != MAP_FAILED)
    munmap (lookout->control, sizeof *lookout->control);
  detach (lookout);
  ring_buffer__free (lookout->ring);
  lp_lookout__destroy (lookout->skeleton);
  g_array_unref (lookout->learned);
  g_free (lookout);
}

gboolean
lp_lookout_set (LpLookout *lookout, gboolean on)
{
  __atomic_add_fetch (&lookout->control->epoch, 1, __ATOMIC_SEQ_CST);
  g_array_set_size (lookout->learned, 0);
  if (!on)
    detach (lookout);
  return !on || lookout->link != NULL || attach (lookout) == 0;
}

int
lp_lookout_fd (const LpLookout *lookout)
{
  return ring_buffer__epoll_fd (lookout->ring);
}

gboolean
lp_lookout_dispatch (LpLookout *lookout, LpLookoutFunc func, gpointer user_data)
{
  lookout->func = func;
  lookout->user_data = user_data;
  ring_buffer__consume (lookout->ring);
  guint64 lost = __atomic_load_n (&lookout->control->lost, __ATOMIC_RELAXED), before = lookout->lost;
  lookout->lost = lost;
  return lost == before;
}

static void
know (LpLookout *lookout, const struct lp_lookout_known *known)
{
  bpf_map_update_elem (bpf_map__fd (lookout->skeleton->maps.known), &known->file.key, known, BPF_ANY);
}

void
lp_lookout_know (LpLookout *lookout, const struct lp_lookout_sight *sight, guint seconds)
{
  struct lp_lookout_known known = { .file = sight->file, .epoch = sight->epoch };
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  known.until
      = seconds != 0 ? ((guint64)now.tv_sec + seconds) * G_GUINT64_CONSTANT (1000000000) : LP_LOOKOUT_FOREVER;
  know (lookout, &known);
}

/* The kernel's part sees us map it. FALSE: it hasn't. */
static gboolean
see_mapped (LpLookout *lookout, int fd, struct lp_lookout_file *file)
{
  struct lp_lookout_control *control = lookout->control;

  memset (&control->learned, 0, sizeof control->learned);
  __atomic_store_n (&control->learner, (guint32)syscall (SYS_gettid), __ATOMIC_SEQ_CST);
  void *mapped = mmap (NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
  __atomic_store_n (&control->learner, 0, __ATOMIC_SEQ_CST);
  if (mapped == MAP_FAILED)
    return FALSE;
  munmap (mapped, 1);
  *file = control->learned;
  return file->key.device != 0;
}

gboolean
lp_lookout_learn (LpLookout *lookout, int fd)
{
  Learned learned = { 0 };
  struct stat status;

  if (fstat (fd, &status) != 0 || !see_mapped (lookout, fd, &learned.file) || learned.file.key.has_clones)
    return FALSE;
  learned.device = status.st_dev;
  learned.inode = status.st_ino;
  g_array_append_val (lookout->learned, learned);
  return TRUE;
}

/* NULL: it wasn't learned. */
static const struct lp_lookout_file *
find_learned (const LpLookout *lookout, const struct stat *status)
{
  for (guint i = 0; i < lookout->learned->len; i++)
    {
      const Learned *learned = &g_array_index (lookout->learned, Learned, i);
      if (learned->device == status->st_dev && learned->inode == status->st_ino)
        return &learned->file;
    }
  return NULL;
}

void
lp_lookout_know_file (LpLookout *lookout, const struct stat *status)
{
  const struct lp_lookout_file *file = find_learned (lookout, status);
  struct lp_lookout_known known = { .until = LP_LOOKOUT_FOREVER, .epoch = lookout->control->epoch };

  if (file == NULL)
    return;
  known.file = *file;
  know (lookout, &known);
}

gboolean
lp_lookout_is_of (const LpLookout *lookout, const struct lp_lookout_sight *sight, const struct stat *status)
{
  const struct lp_lookout_file *file = find_learned (lookout, status), *seen = &sight->file;

  return file != NULL && memcmp (&file->key, &seen->key, sizeof file->key) == 0
         && (guint64)status->st_size == seen->size && (guint64)status->st_ctim.tv_sec == seen->changed
         && (guint32)status->st_ctim.tv_nsec == seen->changed_ns;
}
