#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""New programs, as the kernel leaves them at the end of exec: those that are as expected are known by what lies on their stack, all others by
/proc, and either way they run the new function, and keep what they were started with. TAP on standard output.
usage: fresh-test.py LP-DIFF LP-TRIGGER UPROBE.C"""
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from targets import MAIN, Target, Trigger, expect, must, run_tests, start

STEP = 'new program known by its stack'
TRIES = 20  # one that had to be let go at the deadline, on a busy machine, was met by nobody at its exec
PAGE = 4096

# Says what it thinks of SIGTRAP, whether anything of the patch is mapped, and how many arguments it has.
TELLING = '''
    #include <signal.h>
    #include <string.h>
    int answer (int x);
    int main (int argc, char **argv)
    {
      struct sigaction action;
      sigset_t blocked;
      char line[4096];
      int mapped = 0, patched = answer (1) == 3;
      FILE *maps = fopen ("/proc/self/maps", "r");
      while (maps != NULL && fgets (line, sizeof line, maps) != NULL)
        mapped |= strstr (line, "/entity") != NULL;
      sigaction (SIGTRAP, NULL, &action);
      sigprocmask (SIG_SETMASK, NULL, &blocked);
      printf ("SIGTRAP %s %s\\nmapped %d\\narguments %d\\n", action.sa_handler == SIG_IGN ? "ignored" : "default",
              sigismember (&blocked, SIGTRAP) ? "blocked" : "free", mapped, argc);
      return patched ? 0 : 1;
    }
'''

# Starts a program that is killed when it makes one of the calls that the tracer has it make.
FILTERED = '''
    #include <linux/filter.h>
    #include <linux/seccomp.h>
    #include <stddef.h>
    #include <sys/prctl.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    int main (int argc, char **argv)
    {
      struct sock_filter code[] = {
        BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
        BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_tkill, 2, 0),
        BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_fstat, 1, 0),
        BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      };
      struct sock_fprog filter = { sizeof code / sizeof *code, code };
      if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        return 98;
      execv (argv[1], argv + 1);
      return 99;
    }
'''


def steps_of(lines):
    return sum(int(line.split(' ', 2)[1]) for line in lines if line.startswith('step ') and line.endswith(STEP))


def check(target, known, *command, output=None, path=None, **options):
    """Starts @command until one has been met at its exec: patched, and looked at in the expected way (@known: by its stack)."""
    for _ in range(TRIES):
        with Trigger(target, *([path] if path else [])) as trigger:
            done = start(*(command or (target.path,)), **options)
            lines, counts = trigger.finish()
        if counts['patched'] == 0 and counts['missed'] > 0:
            continue
        expect((done.returncode, done.stdout), (0, output or 'new\n'), lines)
        expect((counts['patched'], steps_of(lines)), (1, int(known)), lines)
        return
    raise AssertionError(f'none of {TRIES} was met')


# ---------------------------------------------------------------------------------------------------- by the stack

def usual_programs(things):
    for target in (things.program, things.fixed, things.static, things.static_pie, things.low):
        check(target, True)


def thread_that_execs(things):
    check(things.program, True, things.threaded, things.program.path)


def many_arguments(things):
    check(things.telling, True, things.telling.path, *'x' * 2000,
          output='new\nSIGTRAP default free\nmapped 1\narguments 2001\n', env={f'V{i}': 'x' for i in range(1000)})


def without_environment(things):
    check(things.program, True, env={})


def ignored_sigtrap(things):
    check(things.telling, True, output='new\nSIGTRAP ignored free\nmapped 1\narguments 1\n',
          preexec_fn=lambda: signal.signal(signal.SIGTRAP, signal.SIG_IGN))


def blocked_sigtrap(things):
    check(things.telling, True, output='new\nSIGTRAP default blocked\nmapped 1\narguments 1\n',
          preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTRAP}))


def filtered_program(things):
    check(things.static, True, things.filtered, things.static.path)


# ---------------------------------------------------------------------------------------------------- by /proc

def more_arguments(things):
    """Their pointers fill more than what is read."""
    check(things.telling, False, things.telling.path, *'x' * 5000, output='new\nSIGTRAP default free\nmapped 1\narguments 5001\n')


def headers_elsewhere(things):
    """Program headers that don't follow the ELF header: the way to it isn't known then."""
    moved = things.folder / 'moved'
    moved.write_bytes(move_headers(things.program.path.read_bytes()))
    moved.chmod(0o755)
    check(things.program, False, moved, path=moved)


def move_headers(image):
    """The program headers in what is left of the first segment's last page, where the kernel finds them, too."""
    image = bytearray(image)
    start, = struct.unpack_from('<Q', image, 32)
    size, count = struct.unpack_from('<HH', image, 54)
    at = PAGE - count * size
    for i in range(count):
        kind, _, offset, _, _, length = struct.unpack_from('<IIQQQQ', image, start + i * size)
        if kind == 1 and offset == 0:  # PT_LOAD
            expect(length <= at, True, 'room for the headers')
            struct.pack_into('<QQ', image, start + i * size + 32, PAGE, PAGE)
        if kind == 6:  # PT_PHDR
            struct.pack_into('<QQQ', image, start + i * size + 8, at, at, at)
    image[at:PAGE] = image[start:start + count * size]
    struct.pack_into('<Q', image, 32, at)
    return bytes(image)


def tiny_stack(things):
    """RLIMIT_STACK leaves no room below the stack pointer for the calls that are made at once; or it does: both are right."""
    for size in (2, 3, 4, 8, 16):
        for padding in range(0, PAGE, PAGE // 4):
            with Trigger(things.program) as trigger:
                done = start(things.program.path, env={'V': 'x' * padding},
                             preexec_fn=lambda size=size: resource.setrlimit(resource.RLIMIT_STACK, (size * PAGE, size * PAGE)))
                _, counts = trigger.finish()
            if done.returncode != -signal.SIGSEGV:  # no room for the program itself
                expect((done.returncode, done.stdout, counts['failed']), (0, 'new\n', 0), counts)


def foreign_uprobe_in_the_site(things):
    """Somebody's uprobe in the very bytes to change: found when the image is there already. It is taken away again, and the program runs as it is."""
    with open(things.telling.entity, 'rb') as file:
        entity = file.read()
    sites, = struct.unpack_from('<Q', entity, 0x54 + 120)  # LpEntityIdentity.sites
    site, = struct.unpack_from('<Q', entity, sites)
    # Small position-independent programs are linked so that addresses and file offsets are equal.
    for _ in range(TRIES):
        with Trigger(things.telling, options=('--without=net', '--without=events')) as trigger, \
                subprocess.Popen([things.uprobe, things.telling.path, str(site)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as helper:
            expect(helper.stdout.readline(), 'set\n')
            done = start(things.telling.path)
            helper.stdin.close()
            lines, counts = trigger.finish()
        if counts['failed'] == 0 and counts['missed'] > 0:
            continue
        expect((done.returncode, done.stdout), (1, 'old\nSIGTRAP default free\nmapped 0\narguments 1\n'), lines)
        expect((counts['failed'], counts['patched'], steps_of(lines)), (1, 0, 1), lines)
        expect(any('breakpoint' in line for line in lines), True, lines)
        return
    raise AssertionError('none was met')


class Things:
    """All targets, built once."""

    def __init__(self, folder, uprobe_source):
        self.folder = folder
        self.program = Target(folder, 'program', ['-pie'])
        self.fixed = Target(folder, 'fixed', ['-no-pie'], ['-O2', '-fno-pie'])
        self.static = Target(folder, 'static', ['-static'], ['-O2', '-fno-pie'], main=MAIN)
        self.static_pie = Target(folder, 'static-pie', ['-static-pie'])
        # Nothing below it can be mapped.
        self.low = Target(folder, 'low', ['-no-pie', '-Wl,-Ttext-segment=0x10000'], ['-O2', '-fno-pie'])
        self.telling = Target(folder, 'telling', ['-pie'], main=TELLING)
        self.filtered = self.compile('filtered', FILTERED)
        self.threaded = self.compile('threaded', '''
            #include <pthread.h>
            #include <unistd.h>
            static void *run (void *data) { execl (data, data, (char *)0); return NULL; }
            int main (int argc, char **argv)
            {
              pthread_t thread;
              pthread_create (&thread, NULL, run, argv[1]);
              pthread_join (thread, NULL);
              return 99;
            }''')
        self.uprobe = folder / 'uprobe'
        must('gcc', '-O2', uprobe_source, '-o', self.uprobe)

    def compile(self, name, text):
        source = self.folder / f'{name}.c'
        source.write_text(textwrap.dedent(text))
        must('gcc', '-O2', source, '-o', self.folder / name)
        return self.folder / name


TESTS = [
    ('programs of all usual kinds are known by their stack', usual_programs),
    ('an exec by a thread that is not the leader', thread_that_execs),
    ('2,000 arguments and 1,000 variables', many_arguments),
    ('no environment', without_environment),
    ('a program that ignores SIGTRAP goes on ignoring it', ignored_sigtrap),
    ('a program that blocks SIGTRAP goes on blocking it', blocked_sigtrap),
    ('a program with a seccomp filter against the calls that it is told', filtered_program),
    ('5,000 arguments: by /proc', more_arguments),
    ('program headers that are elsewhere: by /proc', headers_elsewhere),
    ('stacks with little room or none', tiny_stack),
    ("somebody's uprobe in the bytes to change: nothing is left of the try", foreign_uprobe_in_the_site),
]


def main():
    os.environ.pop('LD_PRELOAD', None)
    with tempfile.TemporaryDirectory(prefix='fresh-test.') as folder:
        print(f'1..{len(TESTS)}', flush=True)
        return run_tests(TESTS, Things(Path(folder), sys.argv[3]))


if __name__ == '__main__':
    sys.exit(main())
