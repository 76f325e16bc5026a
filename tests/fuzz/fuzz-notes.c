/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: looking for an identity in bytes of unknown quality: a run of notes, the start of a mapping, a
 * file. */
#include <sys/mman.h>
#include <unistd.h>

#include "elf/elf-private.h"
#include "format/entity.h"
#include "fuzz.h"

static void
read_notes (const guint8 *data, gsize size, guint64 align)
{
  gsize build_id_size = 0;
  const guint8 *build_id = lp_elf_find_build_id (data, size, align, &build_id_size);

  if (build_id != NULL)
    fuzz_touch (build_id, build_id_size);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static int file = -1;
  LpEntityIdentity identity;

  read_notes (data, size, 4);
  read_notes (data, size, 8);
  if (lp_entity_peek_identity (data, size, &identity))
    fuzz_touch (identity.build_id, identity.build_id_size);

  if (file < 0)
    file = memfd_create ("input", MFD_CLOEXEC);
  g_assert (file >= 0 && ftruncate (file, 0) == 0 && pwrite (file, data, size, 0) == (ssize_t)size);
  g_autoptr (GBytes) build_id = lp_elf_peek_build_id_fd (file);
  if (build_id != NULL)
    fuzz_touch (g_bytes_get_data (build_id, NULL), g_bytes_get_size (build_id));
  return 0;
}
