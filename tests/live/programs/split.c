/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c's loop; "split" sets advice on the page that holds value(), which splits the text mapping. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int value (int x);
void answer (const char *question, char *out, unsigned long size);

/* Text before and after value(), so that its page lies in the middle. */
__asm__(".section .text.first,\"ax\",@progbits\n .skip 16384, 0x90\n .previous");

int
main (void)
{
  static char line[256], text[256];

  while (fgets (line, sizeof line, stdin) != NULL)
    {
      if (strncmp (line, "split", 5) == 0
          && madvise ((void *)((uintptr_t)value & ~0xfffUL), 4096, MADV_DONTFORK) != 0)
        return 1;
      answer (line, text, sizeof text);
      puts (text);
      fflush (stdout);
    }
  return 0;
}
