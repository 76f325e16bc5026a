/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The patched value() leaves a callback of its own with the program, where the last word has said: "heap" (a
 * string, too), "frame" (a variable of main()), "page" (one that can't be written afterwards), "list" (what
 * libc calls at the end). "use" uses them, "forget" takes them out again. Any other line: the answer of
 * value(). */
#include "keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct {
  const char *word;
  int (*callback) (int);
} Memory;

int value (int x);
extern Memory *memory;
#ifndef PATCHED_ONLY
Memory *memory; /* NULL: libc's list */
#endif

#ifdef PATCHED
int patch_only (int x);
void patch_end (int status, void *data);

KEEP int
patch_only (int x)
{
  UNKNOWN (x);
  return x + 2000;
}

KEEP void
patch_end (int status, void *data)
{
  (void)data;
  printf ("the patch says goodbye, %d\n", status);
}

/* Not called "word": GCC would name the section of a literal after its size only. */
static const char new_word[] = "a word of the patch";
#endif

KEEP int
value (int x)
{
  UNKNOWN (x);
#ifdef PATCHED
  if (memory == NULL)
    on_exit (patch_end, NULL);
  else
    {
      if (memory->word != NULL)
        memory->word = new_word;
      memory->callback = patch_only;
    }
  return x + 1000;
#else
  if (x == -1)
    on_exit (NULL, NULL); /* never: the program has it */
  return x + 1;
#endif
}

#ifndef PATCHED_ONLY
#define PAGE 4096

static int
old_callback (int x)
{
  return x + 1;
}

/* So that no pointer of an earlier call is left in dead stack memory. */
KEEP static void
wipe_stack (void)
{
  volatile char frame[16384];

  memset ((char *)frame, 0, sizeof frame);
  __asm__ volatile("" ::"r"(frame) : "memory");
}

int
main (void)
{
  char line[64];
  Memory frame = { NULL, old_callback };
  Memory *heap = malloc (sizeof *heap);
  Memory *page = mmap (NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  *heap = (Memory){ "a word of the program", old_callback };
  *page = (Memory){ NULL, old_callback };
  memory = heap;
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      if (strncmp (line, "use", 3) == 0)
        printf ("%s, %d\n", memory->word != NULL ? memory->word : "no word", memory->callback (10));
      else
        {
          memory = strncmp (line, "frame", 5) == 0  ? &frame
                   : strncmp (line, "page", 4) == 0 ? page
                   : strncmp (line, "list", 4) == 0 ? NULL
                   : strncmp (line, "heap", 4) == 0 ? heap
                                                    : memory;
          int v = value (10);
          if (strncmp (line, "forget", 6) == 0)
            *memory = (Memory){ "a word of the program", old_callback };
          if (memory == page)
            mprotect (page, PAGE, PROT_READ);
          printf ("%d\n", v);
        }
      fflush (stdout);
      wipe_stack ();
    }
  return 0;
}
#endif
