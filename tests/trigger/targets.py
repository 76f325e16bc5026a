# SPDX-License-Identifier: GPL-2.0-or-later
"""Targets with one patched function, and the trigger by hand: what the tests of gate and net share. Must not know what they test."""
import subprocess
import sys
import textwrap
import time

LP_DIFF, LP_TRIGGER = sys.argv[1:3]
UUID = '11111111-2222-3333-4444-5555555555'
ANSWER = '''
    #include <stdio.h>
    int answer (int x);
    __attribute__ ((noinline)) int
    answer (int x)
    {
    #ifdef PATCHED
      printf ("new\\n");
      return x + 2;
    #else
      printf ("old\\n");
      return x + 1;
    #endif
    }
'''
# The same function without a word for each call.
SILENT = '''
    #include <stdio.h>
    int answer (int x);
    __attribute__ ((noinline, noipa)) int
    answer (int x)
    {
    #ifdef PATCHED
      if (x > 1000000)
        puts ("far");
      return x + 2;
    #else
      if (x > 1000000)
        puts ("far away");
      return x + 1;
    #endif
    }
'''
# Goes on calling until it gets the new answer, for some seconds at most.
PATIENT = '''
    #include <unistd.h>
    int answer (int x);
    int main (int argc, char **argv)
    {
      for (int i = 0; i < 500; i++, usleep (10000))
        if (answer (i) == i + 2)
          return 0;
      return 1;
    }
'''
# Executes itself as often as its argument says: the same process id each time, and no moment to breathe.
AGAIN = '''
    #include <stdlib.h>
    #include <unistd.h>
    int answer (int x);
    int main (int argc, char **argv)
    {
      char left[16];
      if (answer (argc) != argc + 2)
        return 1;
      fflush (stdout);
      if (atoi (argv[1]) == 0)
        return 0;
      snprintf (left, sizeof left, "%d", atoi (argv[1]) - 1);
      execl (argv[0], argv[0], left, (char *)0);
      return 2;
    }
'''
MAIN = '''
    int answer (int x);
    int main (int argc, char **argv) { return answer (argc) == argc + 2 ? 0 : 1; }
'''


def must(*command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f'{command}: {done.stdout}')
    return done.stdout


class Target:
    """A program or library with the function answer(), and the entity that patches it."""

    count = 0

    def __init__(self, folder, name, link, flags=('-O2', '-fPIE'), main=MAIN, answer=ANSWER):
        Target.count += 1
        self.folder = folder / name
        self.folder.mkdir()
        source = self.folder / 'answer.c'
        source.write_text(textwrap.dedent(answer + main))
        self.path = self.folder / name
        sections = ['-ffunction-sections', '-fdata-sections']
        must('gcc', *flags, '-c', source, '-o', self.folder / 'baseline.o')
        must('gcc', *flags, *sections, '-c', source, '-o', self.folder / 'original.o')
        must('gcc', *flags, *sections, '-DPATCHED', '-c', source, '-o', self.folder / 'patched.o')
        must('gcc', *link, '-Wl,--build-id', self.folder / 'baseline.o', '-o', self.path)
        self.entity = self.folder / 'entity'
        must(LP_DIFF, '--shipped', self.path, '--twin', self.path, '--uuid', f'{UUID}{Target.count:02}', '--out', self.entity,
             *(self.folder / f'{kind}.o' for kind in ('baseline', 'original', 'patched')))


class Trigger:
    """A running lp-trigger; as a context it is ended in order."""

    def __init__(self, target, *files, options=()):
        files = files or (target.path,)
        self.process = subprocess.Popen([LP_TRIGGER, *options, target.entity, *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.problems = []
        for line in self.process.stdout:
            if line == 'ready\n':
                return
            self.problems.append(line)
        raise RuntimeError('lp-trigger did not start')

    def unbind(self):
        """Takes the patch away from the files; returns when no process that starts gets it any more."""
        self.process.stdin.write('u')
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line == 'settled\n':
                return
        raise RuntimeError('lp-trigger has ended')

    @staticmethod
    def read_counts(line):
        words = line.split()[1:]
        return dict(zip(words[::2], map(int, words[1::2])))

    def counts(self):
        self.process.stdin.write('c')
        self.process.stdin.flush()
        return self.read_counts(next(line for line in self.process.stdout if line.startswith('counts ')))

    def finish(self):
        """Ends it; (lines, counts)."""
        text, _ = self.process.communicate()
        return text.splitlines(), self.read_counts(next(line for line in text.splitlines() if line.startswith('counts ')))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def start(*command, timeout=120, **options):
    return subprocess.run([str(word) for word in command], **({'stdin': subprocess.DEVNULL} if 'input' not in options else {}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=timeout, **options)


def expect(have, want, what=''):
    if have != want:
        raise AssertionError(f'{what}: {have!r} instead of {want!r}')


def expect_new(done):
    expect((done.returncode, done.stdout), (0, 'new\n'))


def run_tests(tests, things):
    """Runs (name, function) pairs; TAP on standard output. Returns the exit status."""
    failed = 0
    for number, (name, test) in enumerate(tests, 1):
        started = time.monotonic()
        try:
            test(things)
            print(f'ok {number} - {name}  ({time.monotonic() - started:.1f} s)', flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f'not ok {number} - {name}\n# {type(error).__name__}: {error}', flush=True)
    return 1 if failed else 0
