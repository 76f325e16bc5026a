/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A loop like main.c's with one child process: "fork", "child" (the child answers), "end" (the child ends).
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void answer (const char *question, char *out, unsigned long size);

static int to_child[2], from_child[2];

static void
serve (void)
{
  char byte, out[256];

  close (to_child[1]);
  while (read (to_child[0], &byte, 1) == 1)
    {
      answer ("", out, sizeof out);
      strcat (out, "\n");
      if (write (from_child[1], out, strlen (out)) < 0)
        _exit (1);
    }
  _exit (0);
}

int
main (void)
{
  char question[64], out[256];
  pid_t child = 0;
  int status;

  while (fgets (question, sizeof question, stdin) != NULL)
    {
      if (strncmp (question, "fork", 4) == 0)
        {
          if (pipe (to_child) != 0 || pipe (from_child) != 0)
            return 1;
          child = fork ();
          if (child == 0)
            serve ();
          printf ("child %d\n", child);
        }
      else if (strncmp (question, "child", 5) == 0)
        {
          if (write (to_child[1], "x", 1) != 1)
            return 1;
          ssize_t n = read (from_child[0], out, sizeof out);
          fwrite (out, 1, n > 0 ? n : 0, stdout);
        }
      else if (strncmp (question, "end", 3) == 0)
        {
          close (to_child[1]);
          waitpid (child, &status, 0);
          printf ("child ended %d\n", status);
        }
      else
        {
          answer (question, out, sizeof out);
          puts (out);
        }
      fflush (stdout);
    }
  return 0;
}
