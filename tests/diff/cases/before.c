/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A loop whose pointer starts one byte before its string, as GCC makes it of `for (i = 0; ...) text[i]`: the relocation
 * names the string and subtracts one, which linkers honour even where they merge and move strings. Spelled out,
 * so that every compiler makes it. */
#include <stdio.h>

#ifdef FIX
#define TEXT "the mended text"
#else
#define TEXT "the wrong text"
#endif

__asm__(".pushsection .rodata.str1.1,\"aMS\",@progbits,1\n"
        ".string \"another one stands before it\"\n"
        ".Lbefore_text: .string \"" TEXT "\"\n"
        ".popsection\n");

__attribute__ ((noinline)) int
tell (int stop)
{
  const char *p;
  int sum = 0;

  __asm__("leaq .Lbefore_text-1(%%rip), %0" : "=r"(p));
  while (*++p != '\0' && *p != stop)
    {
      putchar (*p);
      sum = sum * 3 + *p;
    }
  putchar ('\n');
  return sum;
}

int
main (void)
{
  printf ("%d\n", tell ('#'));
  printf ("%d\n", tell ('d'));
  return 0;
}
