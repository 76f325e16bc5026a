/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c's loop under a seccomp filter that kills the process for mmap, munmap and open. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

void answer (const char *question, char *out, unsigned long size);

int
main (void)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 3, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_munmap, 2, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };
  char question[256], out[256];

  setvbuf (stdin, question, _IOLBF, sizeof question);
  setvbuf (stdout, out, _IOLBF, sizeof out);
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
      || prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
    return 1;
  static char line[256], text[256];
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      answer (line, text, sizeof text);
      puts (text);
      fflush (stdout);
    }
  return 0;
}
