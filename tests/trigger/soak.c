/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One program of the soak, many kinds of life: each calls what is patched all the time, notes the last
 * answers in a page that others read, and says when an answer can't be or a system call failed that must not.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define THREADS 16
/* What patches change. */
#define HELPER 0
#define ANSWER 0
#define SECOND 0
struct state {
  long calls[THREADS];
  int last[THREADS];
  int second[THREADS];
  int lib;
  int used;
  int pid;
  unsigned char code[16], code2[16];
  long born, generations, gap_us, slow, firsts_old;
};
static struct state *state;
static struct state own;
static const char *mode = "";
extern char **environ;

/* helper's kind * 16 + answer's kind: 00, 11 (patch A), 03 (patch C), 13 (both); 01 and 10 can't be. */
__attribute__ ((noipa)) int
helper (int question)
{
  return question * 256 + HELPER;
}

__attribute__ ((noipa)) int
answer (int question)
{
  int got = helper (question);
  if (question == 77)
    usleep (2000);
  return got + ANSWER;
}

__attribute__ ((noipa)) int
second (int question)
{
  return question * 256 + SECOND;
}

static void
bad (const char *what, int value)
{
  char text[200];
  int n = snprintf (text, sizeof text, "%s %d: %s %x errno %d\n", mode, getpid (), what, value, errno);
  int fd = open ("/tmp/soak/bad", O_WRONLY | O_APPEND | O_CREAT, 0666);
  if (fd < 0 || write (fd, text, n) != n)
    _exit (99);
  close (fd);
}

static void
check (int thread, int question)
{
  int value = answer (question) - question * 256;
  int other = second (question) - question * 256;
  if (value != 0 && value != 0x11 && value != 3 && value != 0x13)
    bad ("answer", value);
  if (other != 0 && other != 7)
    bad ("second", other);
  state->last[thread] = value;
  state->second[thread] = other;
  state->calls[thread]++;
}

static long
now_us (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* How long an exec took. */
static void
note_birth (void)
{
  long now = now_us ();
  if (state->born != 0 && now - state->born > state->gap_us)
    state->gap_us = now - state->born;
  if (state->born != 0 && now - state->born > 1000000)
    state->slow++;
  state->generations++;
  state->firsts_old += answer (1) - 256 == 0;
}

static void
run_short (char *const argv[], int way)
{
  int status = 0;
  pid_t pid = -1;
  if (way == 0)
    {
      pid = vfork ();
      if (pid == 0)
        {
          execv (argv[0], argv);
          _exit (98);
        }
    }
  else if (posix_spawn (&pid, argv[0], NULL, NULL, argv, environ) != 0)
    bad ("spawn", errno);
  if (pid < 0 || waitpid (pid, &status, 0) != pid)
    bad ("waitpid", pid);
  if (status != 0)
    bad ("child's status", status);
}

static void *
thread_calls (void *data)
{
  long me = (long)data;
  for (unsigned i = 0;; i++)
    {
      check (me, (i & 0xff) == 0xff && me == 3 ? 77 : i & 0x3f);
      if (i % 16 == 0)
        usleep (100 + 150 * me);
    }
  return NULL;
}

static void *
thread_once (void *data)
{
  check ((long)data, 5);
  return NULL;
}

static void
threads (int n)
{
  pthread_t thread;
  for (long i = 1; i < n; i++)
    pthread_create (&thread, NULL, thread_calls, (void *)i);
  state->used = n;
  thread_calls ((void *)0);
}

/* Threads come and go. */
static void
thread_storm (void)
{
  state->used = 8;
  for (;;)
    {
      pthread_t thread[8];
      for (long i = 0; i < 8; i++)
        if (pthread_create (&thread[i], NULL, thread_once, (void *)i) != 0)
          bad ("pthread_create", 0);
      for (int i = 0; i < 8; i++)
        pthread_join (thread[i], NULL);
      usleep (500);
    }
}

static void
on_alarm (int number)
{
  int before = errno;
  check (1, 9);
  errno = before;
}

static void
signals (void)
{
  static char stack[65536];
  stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
  struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_ONSTACK | SA_RESTART };
  struct itimerval timer = { { 0, 1000 }, { 0, 1000 } };
  int ends[2];
  char byte = 0;
  sigaltstack (&alternate, NULL);
  sigaction (SIGALRM, &action, NULL);
  sigaction (SIGUSR1, &action, NULL);
  setitimer (ITIMER_REAL, &timer, NULL);
  if (pipe (ends) != 0)
    return;
  pid_t pid = fork ();
  if (pid == 0)
    {
      signal (SIGALRM, SIG_DFL);
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      for (;;)
        {
          usleep (700);
          if (write (ends[1], "x", 1) != 1)
            _exit (0);
        }
    }
  state->used = 2;
  for (;;)
    {
      if (read (ends[0], &byte, 1) != 1)
        bad ("read", errno);
      check (0, 11);
    }
}

/* No signals of its own: no call may be interrupted. */
static void
quiet (void)
{
  state->used = 1;
  for (;;)
    {
      struct timespec t = { 0, 300000 };
      if (clock_nanosleep (CLOCK_MONOTONIC, 0, &t, NULL) != 0)
        bad ("nanosleep", errno);
      check (0, 12);
    }
}

static void
reexec (char *name)
{
  note_birth ();
  char *argv[] = { "/opt/soak/soak", "reexec", name, NULL };
  int status = 0;
  for (int i = 0; i < 5; i++)
    check (0, i);
  pid_t pid = fork ();
  if (pid == 0)
    {
      for (int i = 0; i < 5; i++)
        check (1, i);
      _exit (7);
    }
  if (pid < 0 || waitpid (pid, &status, 0) != pid || !WIFEXITED (status) || WEXITSTATUS (status) != 7)
    bad ("fork's status", status);
  usleep (1000);
  state->used = 1;
  state->born = now_us ();
  execv (argv[0], argv);
  bad ("execv", errno);
}

static void *
execs (void *data)
{
  char *argv[] = { "/opt/soak/soak", "threadexec", data, NULL };
  check (1, 3);
  usleep (1000);
  state->born = now_us ();
  execv (argv[0], argv);
  bad ("execv", errno);
  return NULL;
}

/* A thread that isn't the leader executes, while others call. */
static void
threadexec (char *name)
{
  note_birth ();
  pthread_t thread;
  for (long i = 2; i < 5; i++)
    pthread_create (&thread, NULL, thread_calls, (void *)i);
  pthread_create (&thread, NULL, execs, name);
  state->used = 1;
  thread_calls (0);
}

static void
forker (void)
{
  pid_t pids[4] = { 0 };
  state->used = 1;
  for (unsigned i = 0;; i++)
    {
      int status = 0, k = i % 4;
      if (pids[k] > 0
          && (waitpid (pids[k], &status, 0) != pids[k] || !WIFEXITED (status) || WEXITSTATUS (status) != 5))
        bad ("child's status", status);
      pids[k] = fork ();
      if (pids[k] == 0)
        {
          prctl (PR_SET_PDEATHSIG, SIGKILL);
          for (int j = 0; j < 40; j++, usleep (500))
            check (2 + k, j);
          _exit (5);
        }
      check (0, 4);
      usleep (2000);
    }
}

static void
dl (void)
{
  state->used = 1;
  for (unsigned i = 0;; i++)
    {
      void *lib = dlopen ("/opt/soak/libsoak.so", RTLD_NOW);
      int (*reply) (int) = lib != NULL ? (int (*) (int))dlsym (lib, "reply") : NULL;
      if (reply == NULL)
        {
          bad ("dlopen", 0);
          _exit (98);
        }
      for (int j = 0; j < 30; j++)
        {
          int value = reply (j) - j * 256;
          if (value != 0 && value != 1)
            bad ("reply", value);
          state->lib = value;
          if (j % 10 == 0)
            usleep (200);
        }
      check (0, 3);
      dlclose (lib);
      /* something else may lie there then */
      void *there
          = mmap (NULL, 65536 + (i % 5) * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      memset (there, 0x90, 65536);
      usleep (300);
      for (int j = 0; j < 65536; j++)
        if (((unsigned char *)there)[j] != 0x90)
          {
            bad ("somebody wrote into memory of mine", j);
            break;
          }
      munmap (there, 65536 + (i % 5) * 4096);
    }
}

/* Has the library all the time, several threads. */
static int (*library_reply) (int);
static void *
lib_calls (void *data)
{
  for (unsigned i = 0;; i++)
    {
      int value = library_reply (i & 63) - (int)(i & 63) * 256;
      if (value != 0 && value != 1)
        bad ("reply", value);
      state->lib = value;
      check ((long)data, 6);
      if (i % 8 == 0)
        usleep (150);
    }
  return NULL;
}

static void
lib (void)
{
  pthread_t thread;
  library_reply = (int (*) (int))dlsym (dlopen ("/opt/soak/libsoak.so", RTLD_NOW), "reply");
  for (long i = 1; i < 6; i++)
    pthread_create (&thread, NULL, lib_calls, (void *)i);
  state->used = 6;
  lib_calls ((void *)0);
}

static void
children (int way)
{
  char *argv[] = { "/opt/soak/soak", "short", NULL }, *other[] = { "/opt/soak/suid", "short", NULL };
  state->used = 1;
  for (unsigned i = 0;; i++)
    {
      check (0, 2);
      run_short (way == 2 ? other : argv, way & 1);
      usleep (1500);
    }
}

static void
filtered (void)
{
#define ALLOW(call)                                                                                          \
  BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
  struct sock_filter code[] = { BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
                                ALLOW (SYS_clock_nanosleep),
                                ALLOW (SYS_exit_group),
                                ALLOW (SYS_rt_sigreturn),
                                ALLOW (SYS_write),
                                ALLOW (SYS_restart_syscall),
                                BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS) };
  struct sock_fprog program = { sizeof code / sizeof *code, code };
  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  state->used = 1;
  if (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    bad ("seccomp", 0);
  for (;;)
    {
      check (0, 2);
      usleep (300);
    }
}

static ucontext_t main_context, other_context;
static void
coroutine (void)
{
  for (;;)
    {
      check (1, 2);
      swapcontext (&other_context, &main_context);
    }
}

static void
coroutines (void)
{
  static char stack[65536];
  getcontext (&other_context);
  other_context.uc_stack.ss_sp = stack;
  other_context.uc_stack.ss_size = sizeof stack;
  makecontext (&other_context, coroutine, 0);
  state->used = 2;
  for (;;)
    {
      check (0, 2);
      swapcontext (&main_context, &other_context);
      usleep (200);
    }
}

int
main (int argc, char **argv)
{
  state = &own;
  mode = argc > 1 ? argv[1] : "";
  if (argc > 2)
    {
      char path[200];
      snprintf (path, sizeof path, "/tmp/soak/%s", argv[2]);
      int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
      if (fd < 0 || ftruncate (fd, sizeof *state) != 0)
        return 97;
      state = mmap (NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      close (fd);
      if (state == MAP_FAILED)
        return 96;
      state->pid = getpid ();
    }
  memcpy (state->code, (void *)answer, 16);
  memcpy (state->code2, (void *)second, 16);
  if (!strcmp (mode, "short"))
    for (int i = 0; i < 3; i++)
      check (0, i);
  else if (!strcmp (mode, "code"))
    for (int i = 0; i < 32; i++)
      printf ("%02x%s", i < 16 ? state->code[i] : state->code2[i - 16], i == 31 ? "\n" : "");
  else if (!strcmp (mode, "threads"))
    threads (12);
  else if (!strcmp (mode, "storm"))
    thread_storm ();
  else if (!strcmp (mode, "signals"))
    signals ();
  else if (!strcmp (mode, "quiet"))
    quiet ();
  else if (!strcmp (mode, "reexec"))
    reexec (argv[2]);
  else if (!strcmp (mode, "threadexec"))
    threadexec (argv[2]);
  else if (!strcmp (mode, "forker"))
    forker ();
  else if (!strcmp (mode, "dl"))
    dl ();
  else if (!strcmp (mode, "lib"))
    lib ();
  else if (!strcmp (mode, "vfork"))
    children (0);
  else if (!strcmp (mode, "spawn"))
    children (1);
  else if (!strcmp (mode, "suid"))
    children (2);
  else if (!strcmp (mode, "filtered"))
    filtered ();
  else if (!strcmp (mode, "coroutines"))
    coroutines ();
  else
    return 95;
  return 0;
}
