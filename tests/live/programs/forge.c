/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image as a hostile process would forge it: every site holds a redirect, and each one's chain of patches
 * leads round in a circle through a table as large as it may be. Says "forged" and waits for the end of
 * input. */
#include "format/entity.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define N 65536
#define SITES 0x1000
#define CODE (SITES + N * sizeof (LpEntitySite))
#define SIZE (CODE + 0x1000)

int
main (void)
{
  const LpEntityIdentity identity = {
    .version = LP_ENTITY_VERSION, .digest = { 1 }, .n_functions = N, .image_size = SIZE, .sites = SITES
  };
  const Elf64_Nhdr note = { 8, sizeof identity, LP_ENTITY_NOTE };
  unsigned char *image = mmap (NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  LpEntitySite *sites = (LpEntitySite *)(image + SITES);

  if (image == MAP_FAILED)
    return 1;
  memcpy (image, ELFMAG, SELFMAG);
  memcpy (image + LP_ENTITY_NOTE_OFFSET, &note, sizeof note);
  memcpy (image + LP_ENTITY_NOTE_OFFSET + sizeof note, "SysCare", 8);
  memcpy (image + LP_ENTITY_NOTE_OFFSET + sizeof note + 8, &identity, sizeof identity);
  image[CODE] = 0xe9; /* jmp to the next instruction, which is the last site's stub */
  for (unsigned i = 0; i < N; i++)
    sites[i] = (LpEntitySite){ (guint64)(image + CODE), i == N - 1 ? CODE + 5 : 0x100000000 + i,
                               (guint64)(image + CODE + 5) };
  if (mprotect (image, SIZE, PROT_READ | PROT_EXEC) != 0)
    return 1;
  puts ("forged");
  fflush (stdout);
  return getchar () == EOF ? 0 : 1;
}
