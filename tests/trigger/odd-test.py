#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What machines and programs do beside starting: limits, sandboxes, other tools on the same file or process. Each process is patched, or
goes on unharmed and is counted. TAP on standard output. usage: odd-test.py LP-DIFF LP-TRIGGER GATE-SOURCE"""
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import suppress
from pathlib import Path

from targets import SILENT, Target, Trigger, expect, must, run_tests, start

NET = ('--without=gate',)
# Does what its argument says before it calls; the exit status says whether that was the new function.
STRANGE = '''
    #define _GNU_SOURCE
    #include <errno.h>
    #include <fcntl.h>
    #include <poll.h>
    #include <pthread.h>
    #include <signal.h>
    #include <string.h>
    #include <sys/epoll.h>
    #include <sys/prctl.h>
    #include <sys/syscall.h>
    #include <time.h>
    #include <unistd.h>
    int answer (int x);
    static volatile int interrupted;
    /* Calls that come back with EINTR when a signal, or a careless tracer, interrupts them. */
    static void *sleeper (void *data)
    {
      struct epoll_event event;
      struct timespec rest = { 0, 200000000 };
      int epoll = epoll_create1 (0);
      for (int i = 0; i < 2; i++)
        {
          if (epoll_wait (epoll, &event, 1, 100) < 0 && errno == EINTR)
            interrupted++;
          if (poll (0, 0, 100) < 0 && errno == EINTR)
            interrupted++;
          if (nanosleep (&rest, &rest) < 0 && errno == EINTR)
            interrupted++;
        }
      return data;
    }
    int main (int argc, char **argv)
    {
      const char *what = argc > 1 ? argv[1] : "";
      sigset_t all;
      pthread_t threads[4];
      if (strcmp (what, "strict") == 0 && prctl (PR_SET_SECCOMP, 1) != 0)
        return 90;
      if (strcmp (what, "hidden") == 0)
        prctl (PR_SET_DUMPABLE, 0);
      if (strcmp (what, "deaf") == 0)
        {
          sigfillset (&all);
          sigprocmask (SIG_BLOCK, &all, 0);
        }
      if (strcmp (what, "closed") == 0)
        syscall (SYS_close_range, 0, ~0u, 0);
      if (strcmp (what, "lazy") == 0)
        {
          for (int i = 0; i < 4; i++)
            pthread_create (&threads[i], 0, sleeper, 0);
          usleep (50000);
        }
      int status = answer (argc) == argc + 2 ? 0 : 1;
      if (strcmp (what, "lazy") == 0)
        {
          for (int i = 0; i < 4; i++)
            pthread_join (threads[i], 0);
          status += interrupted > 0 ? 50 : 0;
        }
      syscall (SYS_exit, status);
      return 91;
    }
'''
# Opens the file that it is told, as a linker does, and waits in calls that a careless tracer would interrupt.
READER = '''
    #include <errno.h>
    #include <fcntl.h>
    #include <poll.h>
    #include <sys/epoll.h>
    #include <time.h>
    int main (int argc, char **argv)
    {
      struct epoll_event event;
      struct timespec rest = { 0, 200000000 };
      int epoll = epoll_create1 (0), bad = open (argv[1], O_RDONLY) < 0 ? 100 : 0;
      for (int i = 0; i < 4; i++)
        {
          bad += epoll_wait (epoll, &event, 1, 150) < 0 && errno == EINTR;
          bad += poll (0, 0, 150) < 0 && errno == EINTR;
          bad += nanosleep (&rest, &rest) < 0 && errno == EINTR;
        }
      return bad;
    }
'''
# Two processes in one memory, the second made by clone() or vfork() as the argument says, call the same function: 0 when that came out right.
SHARED = '''
    #define _GNU_SOURCE
    #include <sched.h>
    #include <unistd.h>
    int answer (int x);
    volatile int is_inside, may_leave;
    __attribute__ ((noinline, noipa, aligned (4096))) int
    answer (int x)
    {
      if (x == 99)
        for (is_inside = 1; !may_leave;)
          usleep (1000);
    #ifdef PATCHED
      return x + 2;
    #else
      return x + 1;
    #endif
    }
'''
SHARER = '''
    #include <signal.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/wait.h>
    static char stack[1 << 16], big[300000], *arguments[] = { big, big, 0 };
    static int stay (void *data) { return answer (99) == 0; }
    static int exec_in_vain (void *path) { return execv (path, arguments) == 0; }
    int main (int argc, char **argv)
    {
      int status, pid = 0, number = 0;
      if (strcmp (argv[1], "clone") == 0)
        pid = clone (stay, stack + sizeof stack, CLONE_VM | SIGCHLD, 0);
      while (pid > 0 && !is_inside)
        usleep (1000);
      printf ("there\\n");
      fflush (stdout);
      if (getchar () == EOF)
        return 90;
      if (strcmp (argv[1], "vfork") == 0)
        {
          pid = vfork ();
          if (pid == 0)
            _exit (answer (1) == 3 ? 0 : 1);
          waitpid (pid, &status, 0);
          printf ("%d\\n", status != 0);
          return answer (1) == 3 ? 0 : 1;
        }
      if (strcmp (argv[1], "exec") == 0) /* too long an argument */
        {
          memset (big, 'x', sizeof big - 1);
          pid = clone (exec_in_vain, stack + sizeof stack, CLONE_VM | SIGCHLD, argv[0]);
          while (waitpid (pid, &status, WNOHANG) == 0)
            for (int i = 0; i < 1000; i++)
              number += answer (1);
          return WIFEXITED (status) && WEXITSTATUS (status) == 0 && number > 0 ? 0 : 1;
        }
      int early = answer (1);
      may_leave = 1;
      waitpid (pid, &status, 0);
      if (early != 2 || status != 0)
        return 1;
      for (int i = 0; i < 500; i++, usleep (10000))
        if (answer (1) == 3)
          return 0;
      return 2;
    }
'''
WAYS = ((), NET)


def expect_patched(things, *before, options=(), argument='', user=None):
    """The program, started behind the words @before, runs the new function; nothing was seen to run the old one."""
    with Trigger(things.program, options=options) as trigger:
        done = start(*before, things.program.path, *([argument] if argument else []), user=user)
        lines, counts = trigger.finish()
        expect((done.returncode, counts['old']), (0, 0), f'exit status and old calls, {before} {argument} {options}: {done.stdout} {lines}')


def for_both_ways(*before, argument='', user=None):
    def test(things):
        for options in WAYS:
            expect_patched(things, *before, options=options, argument=argument, user=user)
    return test


def limits(things):
    for limit in ('--nofile=4', '--fsize=0', '--memlock=0', '--nproc=1', '--stack=65536', '--core=0'):
        for options in WAYS:
            expect_patched(things, 'prlimit', limit, options=options)


def little_memory(things):
    """Hardly more than the program itself can live with (a patch needs some pages): it is patched, or runs the old function and is counted."""
    too_little, least = 0, 1 << 26
    while least - too_little > 1 << 14:
        size = (too_little + least) // 2
        if start('prlimit', f'--as={size}', things.program.path).returncode == 1:
            least = size
        else:
            too_little = size
    for options in WAYS:
        for more in (1 << 16, 1 << 20):
            with Trigger(things.program, options=options) as trigger:
                done = start('prlimit', f'--as={least + more}', things.program.path)
                lines, counts = trigger.finish()
                # The net's process has called by then: the gate counts it as failed, and tells why.
                expect(done.returncode == 0 or (done.returncode == 1 and counts['failed'] + counts['old'] > 0), True, f'{options}, {more}: {done}, {lines}')


def interrupted_calls(things):
    """Threads that wait while another one is caught, and who opens a watched file and waits then."""
    with subprocess.Popen([things.program.path, 'lazy']) as process:  # that it would be seen
        while process.poll() is None:
            for number in (signal.SIGSTOP, signal.SIGCONT):
                process.send_signal(number)
                time.sleep(0.001)
    expect(process.returncode, 51, 'exit status after stops by signals')
    for options in WAYS:
        expect_patched(things, options=options, argument='lazy')
    with Trigger(things.program) as trigger:
        readers = [subprocess.Popen([things.reader, things.program.path]) for _ in range(8)]
        expect({reader.wait(60) for reader in readers}, {0}, 'calls that came back with EINTR')
        expect(trigger.finish()[1]['met'], 8, 'met')


def under_strace(things):
    """A tracer has it from its start: it runs the old function, which is counted, and ends as ever."""
    for options in WAYS:
        with Trigger(things.program, options=options) as trigger:
            done = start('strace', '-f', '-o', '/dev/null', things.program.path)
            lines, counts = trigger.finish()
            expect((done.returncode, counts['old'] > 0), (1, True), f'{options}: {lines}')


def in_containers(things):
    """Other mount, process and user namespaces, by root and by somebody else; two process namespaces, one in the other."""
    for before in (('unshare', '-m'), ('unshare', '-fpm', '--mount-proc'), ('unshare', '-fp', 'unshare', '-fp'), ('unshare', '-Ur'), ('unshare', '-Urfpm', '--mount-proc')):
        for user in (None, 65534):
            if user is not None and '-U' not in before[1]:
                continue
            for options in WAYS:
                expect_patched(things, *before, options=options, user=user)


def other_names(things):
    """A hard link, and a bind mount that is read-only."""
    link, mounted = things.folder / 'link', things.folder / 'mounted'
    os.link(things.program.path, link)
    mounted.touch()
    script = 'mount --bind "$1" "$2" && mount -o remount,bind,ro "$2" && exec "$2"'
    for options in WAYS:
        with Trigger(things.program, options=options):
            expect(start(link).returncode, 0, f'the link, {options}')
            expect(start('unshare', '-m', 'sh', '-c', script, 'sh', things.program.path, mounted).returncode, 0, f'the mount, {options}')


def scanner(things):
    """A virus scanner has permission events on the same file, set before ours and after."""
    def scan():
        process = subprocess.Popen([things.gate, things.program.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        expect(process.stdout.readline(), 'ready\n', 'the scanner')
        return process
    for first in (True, False):
        other = scan() if first else None
        with Trigger(things.program):
            other = other or scan()
            expect([start(things.program.path).returncode for _ in range(20)], [0] * 20, f'first: {first}')
            other.communicate()
            expect(start(things.program.path).returncode, 0, 'without the scanner')


def stopped(things):
    """One that is stopped by a signal stays so, and is new when it goes on."""
    for options in WAYS:
        with subprocess.Popen([things.asked.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            os.kill(process.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            with Trigger(things.asked, options=options):
                expect(Path(f'/proc/{process.pid}/stat').read_text().rsplit(')', 1)[1].split()[0], 'T', 'state')
                os.kill(process.pid, signal.SIGCONT)
                process.stdin.write('\n')
                process.stdin.flush()
                expect(process.stdout.readline(), '3\n', f'{options}: answer')
            process.stdin.close()


def frozen(things):
    """One that the control groups' freezer holds stops, but makes no system call for us: it isn't patched, and goes on as it was."""
    groups = things.folder / 'groups'
    groups.mkdir()
    must('mount', '-t', 'cgroup2', 'groups', groups)
    group = groups / f'odd-test-{os.getpid()}'
    try:
        group.mkdir()
        with subprocess.Popen([things.asked.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            (group / 'cgroup.procs').write_text(str(process.pid))
            (group / 'cgroup.freeze').write_text('1')
            while 'frozen 1' not in (group / 'cgroup.events').read_text():
                time.sleep(0.01)
            # On one processor, and before its tracer, so that it stands wherever it is sent at once.
            cpus = {min(os.sched_getaffinity(0))}
            os.sched_setaffinity(process.pid, cpus)
            with suppress(PermissionError):
                os.sched_setscheduler(process.pid, os.SCHED_FIFO, os.sched_param(10))
            with Trigger(things.asked, options=(*NET, '--without=events')) as trigger:
                os.sched_setaffinity(trigger.process.pid, cpus)
                trigger.process.stdin.write('l')
                trigger.process.stdin.flush()
                lines, _ = trigger.finish()
            (group / 'cgroup.freeze').write_text('0')
            expect('step 1 all looked at' in lines, True, lines)
            process.stdin.write('\n')
            process.stdin.flush()
            expect(process.stdout.readline(), '2\n', 'the old answer')
            process.stdin.close()
        expect(process.returncode, 0, 'exit status')
        group.rmdir()
    finally:
        must('umount', '-l', groups)


def text_relocations(things):
    """The linker writes into the library's code when it loads it, and makes it executable only then."""
    for options in WAYS:
        with Trigger(things.textrel, options=options) as trigger:
            done = start(things.user)
            lines, counts = trigger.finish()
            expect(done.returncode == 0 or (done.returncode == 1 and counts['failed'] + counts['later'] + counts['old'] > 0), True, f'{options}: {done} {lines}')


def deadline(things):
    """All tracers are frozen: the deadline lets the opener go, which is counted, and the net catches it."""
    with Trigger(things.program) as trigger:
        tasks = Path(f'/proc/{trigger.process.pid}/task')
        children = [int(word) for task in tasks.iterdir() for word in (task / 'children').read_text().split()]
        tracers = [pid for pid in children if Path(f'/proc/{pid}/comm').read_text() == 'tracer\n']
        expect(len(tracers) > 0, True, 'there are tracers')
        for pid in tracers:
            os.kill(pid, signal.SIGSTOP)
        done = start(things.program.path)
        for pid in tracers:
            os.kill(pid, signal.SIGCONT)
        lines, counts = trigger.finish()
        expect((counts['missed'], done.returncode == 0 or counts['old'] > 0), (1, True), f'{done} {lines}')


def shared_memory(things):
    """While another process runs the old function in the same memory, nobody gets the new one; whoever called in vain is counted."""
    for what in ('clone', 'vfork'):
        with subprocess.Popen([things.sharer.path, what], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            expect(process.stdout.readline(), 'there\n')
            with Trigger(things.sharer, options=(*NET, '--without=events')) as trigger:
                output = process.communicate('\n', timeout=120)[0]
                lines, counts = trigger.finish()
                expect((process.returncode, counts['old'] >= int(output or 1)), (0, True), f'{what}: {output} {lines}')


def exec_in_vain(things):
    """A process fails to execute the target while another one runs it in the same memory: its code isn't replaced under that one's feet."""
    for _ in range(10):
        with subprocess.Popen([things.sharer.path, 'exec'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            expect(process.stdout.readline(), 'there\n')
            with Trigger(things.sharer, options=('--without=net', '--without=events')) as trigger:
                process.communicate('\n', timeout=120)
                lines, counts = trigger.finish()
                expect((process.returncode, counts['met'] > 0), (0, True), lines)


class Things:
    def __init__(self, folder, gate_source):
        self.folder = folder
        folder.chmod(0o755)
        self.program = Target(folder, 'program', ['-pie'], main=STRANGE, answer=SILENT)
        self.asked = Target(folder, 'asked', ['-pie'], answer=SILENT, main='''
            int answer (int x);
            int main (void)
            {
              while (getchar () != EOF)
                {
                  printf ("%d\\n", answer (1));
                  fflush (stdout);
                }
              return 0;
            }''')
        self.sharer = Target(folder, 'sharer', ['-pie'], main=SHARER, answer=SHARED)
        self.reader = self.compile('reader', READER)
        self.gate = folder / 'gate'
        must('gcc', '-O2', '-D_GNU_SOURCE', gate_source, '-o', self.gate)
        self.textrel = Target(folder, 'libtextrel.so', ['-shared', '-Wl,-z,notext', '-Wl,-soname,libtextrel.so'], ['-O2', '-mcmodel=large', '-fno-pic'],
                              main='', answer='extern int moved; int *const where_from (void) { return &moved; } int moved;' + SILENT)
        self.user = self.compile('user', 'int answer (int x);\nint main (int argc, char **argv) { return answer (argc) == argc + 2 ? 0 : 1; }\n',
                                 '-L', self.textrel.folder, '-ltextrel', f'-Wl,-rpath,{self.textrel.folder}')

    def compile(self, name, text, *flags):
        source = self.folder / f'{name}.c'
        source.write_text(textwrap.dedent(text))
        must('gcc', '-O2', '-D_GNU_SOURCE', source, '-o', self.folder / name, *flags)
        return self.folder / name


TESTS = [
    ('a program with hardly any resources', limits),
    ('a program with hardly any address space: patched, or counted', little_memory),
    ('a program that may gain no privileges', for_both_ways('setpriv', '--no-new-privs')),
    ('a program that may only read, write and end (seccomp strict)', for_both_ways(argument='strict')),
    ('a program that nobody may look into (not dumpable)', for_both_ways(argument='hidden', user=65534)),
    ('a program that blocks all signals', for_both_ways(argument='deaf')),
    ('a program that has no descriptor', for_both_ways(argument='closed')),
    ('no call of a thread that waits, and of a reader, comes back with EINTR (hazard 18)', interrupted_calls),
    ('a program under strace from its start is let alone and counted (hazard 26)', under_strace),
    ('programs in mount, process and user namespaces (hazard 27)', in_containers),
    ('a hard link, and a read-only bind mount', other_names),
    ('a virus scanner on the same file, set before and after', scanner),
    ('a program that is stopped', stopped),
    ('a program in a frozen control group goes on as it was', frozen),
    ('a library with text relocations', text_relocations),
    ('two processes in one memory: none runs the new function while the other one is in the old one (hazard 14)', shared_memory),
    ("two processes in one memory: one's exec fails, the other one goes on (hazard 14)", exec_in_vain),
    ('the tracers are frozen: the deadline lets an opener go, and it is counted', deadline),
]


def main():
    with tempfile.TemporaryDirectory(prefix='odd-test.') as folder:
        print(f'1..{len(TESTS)}', flush=True)
        return run_tests(TESTS, Things(Path(folder), sys.argv[3]))


if __name__ == '__main__':
    sys.exit(main())
