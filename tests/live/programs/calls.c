/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One thread per blocking system call that returns EINTR when a tracer stops it. "start" names them; "errors"
 * lists those that came back early; "signal" interrupts epoll_wait by a real signal; "finish" gives each what
 * it waits for. */
#include "keep.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int value (int x);

KEEP int
value (int x)
{
#ifdef PATCHED
  return x + 1000;
#else
  return x + 1;
#endif
}

#ifndef PATCHED_ONLY
typedef struct {
  const char *name;
  void (*wait) (int index);
  pthread_t thread;
  atomic_int result; /* 0 waits, 1 ok, -1 failed */
  int error;
  int fds[2];
} Call;

static Call calls[];
static int semaphores, queue;

static void
note (int index, int good)
{
  calls[index].error = errno;
  calls[index].result = good ? 1 : -1;
}

static int
make_epoll (int index)
{
  struct epoll_event event = { .events = EPOLLIN };
  int fd = epoll_create1 (EPOLL_CLOEXEC);

  epoll_ctl (fd, EPOLL_CTL_ADD, calls[index].fds[0], &event);
  return fd;
}

static void
wait_epoll (int index)
{
  struct epoll_event event;
  int fd = make_epoll (index), n;

  n = epoll_wait (fd, &event, 1, -1);
  if (n < 0 && errno == EINTR && calls[index].error == -1)
    {
      puts ("epoll_wait EINTR"); /* the announced signal */
      fflush (stdout);
      n = epoll_wait (fd, &event, 1, -1);
    }
  note (index, n == 1);
}

static void
wait_epoll_pwait (int index)
{
  struct epoll_event event;
  sigset_t set;

  sigemptyset (&set);
  note (index, epoll_pwait (make_epoll (index), &event, 1, 100000, &set) == 1);
}

static void
wait_semop (int index)
{
  struct sembuf operation = { 0, -1, 0 };

  note (index, semop (semaphores, &operation, 1) == 0);
}

static void
wait_semtimedop (int index)
{
  struct sembuf operation = { 1, -1, 0 };
  struct timespec limit = { 100, 0 };

  note (index, semtimedop (semaphores, &operation, 1, &limit) == 0);
}

static void
wait_sigtimedwait (int index)
{
  struct timespec limit = { 100, 0 };
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGUSR2);
  note (index, sigtimedwait (&set, NULL, &limit) == SIGUSR2);
}

static void
wait_recv (int index)
{
  struct timeval limit = { 100, 0 };
  char byte;

  setsockopt (calls[index].fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  note (index, recv (calls[index].fds[0], &byte, 1, 0) == 1);
}

static void
wait_read (int index)
{
  char byte;

  note (index, read (calls[index].fds[0], &byte, 1) == 1);
}

static void
wait_poll (int index)
{
  struct pollfd fd = { calls[index].fds[0], POLLIN, 0 };

  note (index, poll (&fd, 1, 100000) == 1);
}

static void
wait_select (int index)
{
  struct timeval limit = { 100, 0 };
  fd_set set;

  FD_ZERO (&set);
  FD_SET (calls[index].fds[0], &set);
  note (index, select (calls[index].fds[0] + 1, &set, NULL, NULL, &limit) == 1);
}

static void
wait_nanosleep (int index)
{
  struct timespec limit = { 100000, 0 };

  /* Ended by a real signal at the finish. */
  note (index, nanosleep (&limit, NULL) == -1 && errno == EINTR && calls[index].error == -1);
}

static void
wait_msgrcv (int index)
{
  struct {
    long type;
    char text[8];
  } message;

  note (index, msgrcv (queue, &message, sizeof message.text, 1, 0) >= 0);
}

static Call calls[] = {
  { "epoll_wait", wait_epoll },
  { "epoll_pwait", wait_epoll_pwait },
  { "semop", wait_semop },
  { "semtimedop", wait_semtimedop },
  { "sigtimedwait", wait_sigtimedwait },
  { "recv", wait_recv },
  { "read", wait_read },
  { "poll", wait_poll },
  { "select", wait_select },
  { "nanosleep", wait_nanosleep },
  { "msgrcv", wait_msgrcv },
};
#define N ((int)(sizeof calls / sizeof calls[0]))

static void *
run (void *data)
{
  int index = (int)(long)data;

  calls[index].wait (index);
  return NULL;
}

static void
nothing (int number)
{
}

/* Waits until every thread sleeps in its call. */
static void
await_sleep (void)
{
  char path[64], text[256];

  for (int i = 0; i < N; i++)
    for (;;)
      {
        FILE *file;
        snprintf (path, sizeof path, "/proc/self/task/%d/wchan", (int)getpid () + 1 + i);
        file = fopen (path, "r");
        size_t n = file != NULL ? fread (text, 1, sizeof text - 1, file) : 0;
        if (file != NULL)
          fclose (file);
        if (file == NULL || (n > 0 && text[0] != '0'))
          break;
        usleep (1000);
      }
}

static void
start (void)
{
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGUSR2);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  signal (SIGUSR1, nothing);
  siginterrupt (SIGUSR1, 1);
  semaphores = semget (IPC_PRIVATE, 2, 0600);
  queue = msgget (IPC_PRIVATE, 0600);
  for (int i = 0; i < N; i++)
    {
      socketpair (AF_UNIX, SOCK_STREAM, 0, calls[i].fds);
      pthread_create (&calls[i].thread, NULL, run, (void *)(long)i);
      printf ("%s%s", calls[i].name, i + 1 < N ? " " : "\n");
    }
  await_sleep ();
}

static void
finish (void)
{
  struct sembuf both[2] = { { 0, 1, 0 }, { 1, 1, 0 } };
  struct {
    long type;
    char text[8];
  } message = { 1, "x" };

  for (int i = 0; i < N; i++)
    {
      if (write (calls[i].fds[1], "x", 1) != 1)
        abort ();
      if (strcmp (calls[i].name, "sigtimedwait") == 0)
        pthread_kill (calls[i].thread, SIGUSR2);
      if (strcmp (calls[i].name, "nanosleep") == 0)
        {
          calls[i].error = -1;
          pthread_kill (calls[i].thread, SIGUSR1);
        }
    }
  semop (semaphores, both, 2);
  msgsnd (queue, &message, sizeof message.text, 0);
  for (int i = 0; i < N; i++)
    {
      pthread_join (calls[i].thread, NULL);
      printf ("%s=%s%s", calls[i].name, calls[i].result == 1 ? "ok" : strerror (calls[i].error),
              i + 1 < N ? " " : "\n");
    }
  semctl (semaphores, 0, IPC_RMID);
  msgctl (queue, IPC_RMID, NULL);
}

int
main (void)
{
  char line[64];

  while (fgets (line, sizeof line, stdin) != NULL)
    {
      if (strncmp (line, "start", 5) == 0)
        start ();
      else if (strncmp (line, "errors", 6) == 0)
        {
          int n = 0;
          for (int i = 0; i < N; i++)
            if (calls[i].result != 0)
              n += printf ("%s:%d ", calls[i].name, calls[i].error);
          puts (n == 0 ? "none" : "");
        }
      else if (strncmp (line, "signal", 6) == 0)
        {
          calls[0].error = -1;
          pthread_kill (calls[0].thread, SIGUSR1);
          continue; /* the thread answers */
        }
      else if (strncmp (line, "finish", 6) == 0)
        finish ();
      else
        printf ("%d\n", value (10));
      fflush (stdout);
    }
  return 0;
}
#endif
