#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The gate on real processes: whoever starts a bound program or loads a bound library runs the new function from the first call, and
neither it nor its parent notices. TAP on standard output. usage: gate-test.py LP-DIFF LP-TRIGGER"""
import itertools
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from targets import AGAIN, MAIN, PATIENT, SILENT, Target, Trigger, expect, expect_new, must, run_tests, start

# The patch brings data of its own.
COUNTING = '''
    #include <stdio.h>
    int answer (int x);
    __attribute__ ((noinline)) int
    answer (int x)
    {
    #ifdef PATCHED
      static volatile int calls = 1;
      printf ("new\\n");
      return x + ++calls;
    #else
      printf ("old\\n");
      return x + 1;
    #endif
    }
'''

# Calls once it is told to.
TOLD = '''
    int answer (int x);
    int main (void) { getchar (); return answer (1) == 3 ? 0 : 1; }
'''

# Says as whom it runs.
WHO = '''
    #include <unistd.h>
    int answer (int x);
    int main (int argc, char **argv)
    {
      int bad = answer (argc) != argc + 2;
      printf ("%d\\n", (int)geteuid ());
      return bad;
    }
'''


def expect_counted(outputs, trigger):
    """All of @outputs are new; but for those that had to be let go at the deadline on a busy machine, and these were counted."""
    _, counts = trigger.finish()
    expect(set(outputs) <= {'new\n', 'old\n'}, True, 'outputs')
    old = outputs.count('old\n')
    if old > counts['missed'] or old > len(outputs) / 20 or counts['failed']:
        raise AssertionError(f'{old} of {len(outputs)} ran the old function: {counts}')


# ---------------------------------------------------------------------------------------------------- programs

def one_after_another(things):
    with Trigger(things.program) as trigger:
        outputs = [start(things.program.path).stdout for _ in range(200)]
        expect_counted(outputs, trigger)
    expect(start(things.program.path).stdout, 'old\n', 'after the trigger has ended')


def eight_at_a_time(things):
    with Trigger(things.program) as trigger, ThreadPoolExecutor(8) as pool:
        outputs = [done.stdout for done in pool.map(lambda _: start(things.program.path), range(200))]
        expect_counted(outputs, trigger)


def many_at_once(things):
    """More at once than the trigger holds: all end well, and none is lost from the count."""
    with Trigger(things.program) as trigger:
        running = [subprocess.Popen([things.program.path], stdout=subprocess.PIPE, text=True) for _ in range(300)]
        outputs = [process.communicate()[0] for process in running]
        expect({process.returncode for process in running} <= {0, 1}, True, 'exit statuses')
        expect(set(outputs) <= {'new\n', 'old\n'}, True, 'outputs')
        _, counts = trigger.finish()
        # Those that were let through count as missed.
        if outputs.count('old\n') > counts['missed'] + counts['later']:
            raise AssertionError(f'{outputs.count("old" + chr(10))} ran the old code, counted: {counts}')


def static_program(things):
    with Trigger(things.static):
        expect_new(start(things.static.path))


def in_a_root_of_its_own(things):
    """It can't reach the patch's file there, and the patch has data."""
    root = things.folder / 'root'
    root.mkdir()
    program = Path(shutil.copy(things.counting.path, root))
    with Trigger(things.counting, program):
        for _ in range(20):
            expect_new(start('chroot', root, f'/{program.name}'))
    with Trigger(things.counting):
        expect_new(start(things.counting.path))


def fixed_address_program(things):
    with Trigger(things.fixed):
        expect_new(start(things.fixed.path))


def started_by_the_linker(things):
    with Trigger(things.program):
        expect_new(start('/lib64/ld-linux-x86-64.so.2', things.program.path))


def interpreter_of_a_script(things):
    """The kernel lets nobody attach before such an exec is over: most are met in time, all are patched."""
    script = things.folder / 'script'
    script.write_text(f'#!{things.patient.path}\n')
    script.chmod(0o755)
    with Trigger(things.patient):
        done = start(script)
        expect((done.returncode, done.stdout.splitlines()[-1]), (0, 'new'))


def exec_that_fails(things):
    """The program is opened, and then exec fails: the caller gets its error and goes on."""
    with Trigger(things.program) as trigger:
        try:
            subprocess.run([str(things.program.path), 'x' * (1 << 20)], check=False)
        except OSError as error:
            expect(error.errno, 7, 'errno')  # E2BIG
        else:
            raise AssertionError('exec did not fail')
        expect_new(start(things.program.path))
        counts = trigger.finish()[1]
        expect((counts['met'], counts['failed']), (2, 0), f'met, failed: {counts}')


def thread_that_execs(things):
    with Trigger(things.program):
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open(things.folder / 'thread.out', os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
            thread = threading.Thread(target=lambda: os.execv(things.program.path, [str(things.program.path)]))
            thread.start()
            thread.join()
            os._exit(99)
        expect(os.waitpid(pid, 0)[1], 0, 'wait status')
        expect((things.folder / 'thread.out').read_text(), 'new\n')


def exec_in_a_loop(things):
    with Trigger(things.again) as trigger:
        runs = [start(things.again.path, 300) for _ in range(2)]
        counts = trigger.finish()[1]
        for done in runs:
            expect((done.returncode, done.stdout.count('new\n'), done.stdout.count('old\n')), (0, 301, 0), f'counts: {counts}')
        expect((counts['patched'] + counts['later'] + counts['caught']) >= 602, True, f'counts: {counts}')


def vfork_by_a_parent(things):
    """The parent shares its memory with the child and waits until the exec is over: it goes on, and its memory is its own."""
    with Trigger(things.program):
        for _ in range(20):
            expect_new(start(things.vfork, things.program.path))
            # An exec that fails in the shared memory; also when the program has been opened already.
            expect(start(things.vfork, things.folder / 'nowhere').returncode, 99)
            expect(start(things.vfork, things.program.path, 'too long').returncode, 99)


def setuid_program(things):
    """It is patched and gets the privileges of its owner all the same, whoever starts it; with no_new_privs it gets none."""
    things.folder.chmod(0o755)
    program = things.folder / 'setuid'
    shutil.copy(things.who.path, program)
    for owner, caller in ((65534, 0), (0, 65534)):
        os.chown(program, owner, owner)
        program.chmod(0o4755)
        with Trigger(things.who, program):
            for _ in range(5):
                expect_answer(start(program, user=caller), f'new\n{owner}\n')
            expect_answer(start('setpriv', '--no-new-privs', program, user=caller), f'new\n{caller}\n')
    expect(stat.S_IMODE(program.stat().st_mode), 0o4755)


def expect_answer(done, output):
    expect((done.returncode, done.stdout), (0, output))


def parent_sees_no_stop(things):
    """waitpid with WUNTRACED and SIGCHLD: only the exit is seen."""
    seen = []
    old = signal.signal(signal.SIGCHLD, lambda *_: seen.append(1))
    try:
        with Trigger(things.program):
            pid = os.posix_spawn(things.program.path, [str(things.program.path)], {},
                                 file_actions=[(os.POSIX_SPAWN_OPEN, 1, '/dev/null', os.O_WRONLY, 0)])
            _, status = os.waitpid(pid, os.WUNTRACED | os.WCONTINUED)
            expect(os.WIFEXITED(status) and os.WEXITSTATUS(status), 0, 'first status')
            expect(len(seen), 1, 'SIGCHLD')
    finally:
        signal.signal(signal.SIGCHLD, old)


def reading_the_file(things):
    with Trigger(things.program) as trigger:
        expect(start('cmp', things.program.path, things.program.path).returncode, 0)
        expect(len(start('sha256sum', things.program.path).stdout.split()[0]), 64)
        expect(trigger.finish()[1]['failed'], 0, 'failed')


def reading_by_the_one_who_started_it(things):
    """As the service does all the time."""
    with Trigger(things.program) as trigger:
        for _ in range(20):
            things.program.path.read_bytes()
        expect(trigger.finish()[1]['met'], 0, 'met')


def readers_that_wait(things):
    """More of them than tracers stand ready, each asleep when its tracer gives up: all go on when they wake up, held by nobody."""
    read = f'import os, time; os.close(os.open("{things.program.path}", os.O_RDONLY)); time.sleep(1.3); [os.stat("/") for _ in range(200)]; ' \
        'print(open("/proc/self/status").read().split("TracerPid:")[1].split()[0])'
    with Trigger(things.program) as trigger:
        for _ in range(2):
            readers = [subprocess.Popen([sys.executable, '-c', read], stdout=subprocess.PIPE, text=True) for _ in range(12)]
            try:
                expect({reader.communicate(timeout=20)[0] for reader in readers}, {'0\n'}, 'tracer after the sleep')
            finally:
                for reader in readers:
                    reader.kill()
            expect_new(start(things.program.path))
        expect(trigger.finish()[1]['failed'], 0, 'failed')


# ---------------------------------------------------------------------------------------------------- libraries

def library_at_start(things):
    with Trigger(things.shared):
        for _ in range(20):
            expect_new(start(things.user))


def library_by_dlopen(things):
    with Trigger(things.shared):
        expect_new(start(things.loader, things.shared.path))


def library_by_dlmopen(things):
    with Trigger(things.shared):
        expect(start(things.multiloader, 1).returncode, 0)


def several_copies(things):
    """A second copy of the library in one process isn't patched: that is said, and its calls are counted."""
    for options in ((), ('--without=gate', '--without=events')):
        with Trigger(things.shared, options=options) as trigger:
            expect(start(things.multiloader, 3).returncode, 2, 'old calls')
            lines, counts = trigger.finish()
            expect(counts['old'] >= 2, True, counts)
            expect(any('mapped twice' in line for line in lines), True, lines)


def library_by_preload(things):
    with Trigger(things.shared):
        expect_new(start('/bin/true', env={'LD_PRELOAD': f'{things.shared.path}:{things.caller}'}))


# ---------------------------------------------------------------------------------------------------- in nobody's way

def another_build(things):
    """A file that isn't the target isn't watched, and the trigger says so."""
    with Trigger(things.program, things.static.path) as trigger:
        expect(len(trigger.problems), 1, 'problems')
        expect('another build' in trigger.problems[0], True, trigger.problems[0])
        expect(start(things.static.path).stdout, 'old\n')


def killed_trigger(things):
    """SIGKILL while programs start: each of them runs to its end."""
    for _ in range(10):
        with Trigger(things.program) as trigger:
            running = [subprocess.Popen([things.program.path], stdout=subprocess.PIPE, text=True) for _ in range(8)]
            trigger.process.kill()
            outputs = [process.communicate(timeout=30)[0] for process in running]
        expect(set(outputs) <= {'new\n', 'old\n'}, True, outputs)
    expect(start(things.program.path).stdout, 'old\n')


def frozen_trigger(things):
    """While it is frozen an opener waits; the moment it is killed, which is its supervisor's part, the opener goes on."""
    output = things.folder / 'frozen.out'
    with Trigger(things.program) as trigger:
        os.kill(trigger.process.pid, signal.SIGSTOP)
        pid = os.fork()  # anything that waits for the exec would wait here, too
        if pid == 0:
            os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
            os.execv(things.program.path, [str(things.program.path)])
        while 'fanotify' not in Path(f'/proc/{pid}/wchan').read_text() and Path(f'/proc/{pid}/comm').read_text() != 'program\n':
            time.sleep(0.001)
        expect(os.waitpid(pid, os.WNOHANG), (0, 0), 'held')
    expect(os.WEXITSTATUS(os.waitpid(pid, 0)[1]), 1, 'exit status of the old function')
    expect(output.read_text(), 'old\n')


def take_all_descriptors(process):
    """No further one can be opened by @process. Returns its limits until then."""
    used = {int(name) for name in os.listdir(f'/proc/{process.pid}/fd')}
    limits = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (min(set(range(len(used) + 1)) - used), limits[1]))
    return limits


def run_by_shell(program):
    """What the shell says of its end; the one who tests must not wait for ever if the program does."""
    return (start('timeout', '--signal=KILL', '20', 'sh', '-c', f'{program}; echo status $?').stdout.splitlines()[-1:] or ['killed'])[0]


def names_of_threads(pid):
    names = set()
    for task in Path(f'/proc/{pid}/task').iterdir():
        with suppress(OSError):  # it has just ended
            names.add(Path(task, 'comm').read_text().strip())
    return names


def unreadable_gate(things):
    """The kernel refuses whose event it has no descriptor for. That is the only one: the gate is given up, which is said, and the net takes over."""
    path = things.program.path
    with Trigger(things.program) as trigger:
        said = ''
        while said != 'status 126':  # a descriptor that came to be free is used
            limits = take_all_descriptors(trigger.process)
            said = run_by_shell(path)
            expect(said in ('status 0', 'status 126'), True, said)
            if said == 'status 126':
                expect(run_by_shell(path) in ('status 0', 'status 1'), True, 'the next one')
            resource.prlimit(trigger.process.pid, resource.RLIMIT_NOFILE, limits)
        for _ in range(3):
            expect(run_by_shell(path), 'status 0', 'the next ones')
        while 'gate' in names_of_threads(trigger.process.pid):
            time.sleep(0.01)
        lines, counts = trigger.finish()
        expect(any(line.startswith('met 0 failed') and "the gate can't be read" in line for line in lines), True, lines)
        expect(counts['caught'] > 0, True, counts)


def catch_slowly(target):
    """A trigger of @target with a thread that has caught somebody, and needs a while to end."""
    with subprocess.Popen([target.path], stdin=subprocess.PIPE) as process:
        trigger = Trigger(target, options=["--slow=catch's tracer over"])
        process.communicate(b'\n')
        expect(process.returncode, 0, 'exit status of the caught one')
    return trigger


def is_leased(path):
    """Somebody keeps writers away from it."""
    rows = [row.split() for row in Path('/proc/locks').read_text().splitlines()]
    return any(row[1] == 'LEASE' and row[5].endswith(f':{path.stat().st_ino}') for row in rows)


def written_during_a_catch(things):
    """Once a writer is let in, nobody traps in what he writes, whoever has had descriptors of the uprobes."""
    target = Target(things.folder, 'written', ['-pie'], main=TOLD, answer=SILENT)
    content = target.path.read_bytes()
    build_id = bytes.fromhex(re.search(r'Build ID: (\w+)', must('readelf', '-n', target.path))[1])
    with catch_slowly(target) as trigger:
        expect(is_leased(target.path), True, 'leased')
        with target.path.open('r+b') as file:
            file.write(content.replace(build_id, build_id[::-1]))  # the same code, as another build
        hits = trigger.counts()['hits']
        expect(start(target.path).returncode, 1, 'exit status of the old function')
        expect(trigger.counts()['hits'] - hits, 0, 'hits in the new file')


def unbound_during_a_catch(things):
    """What isn't bound any more keeps no writer waiting, whoever has had descriptors of the file."""
    target = Target(things.folder, 'unbound', ['-pie'], main=TOLD, answer=SILENT)
    with catch_slowly(target) as trigger:
        expect(is_leased(target.path), True, 'leased')
        trigger.process.stdin.write('u')
        trigger.counts()  # when these come it is done
        expect(is_leased(target.path), False, 'leased still')


def deleted_files_of(process):
    """Those that it has open, by name."""
    names = set()
    for file in Path(f'/proc/{process.pid}/fd').iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            names.add(os.readlink(file))
    return {name for name in names if name.endswith(' (deleted)')}


def deleted_copies(things):
    """Copies of a program that come and go, as with containers, aren't kept; but one that runs still is."""
    with Trigger(things.told) as trigger:
        def run_copy(name):
            copy = Path(shutil.copy(things.told.path, things.folder / name))
            for looks in itertools.count(1):
                if looks % 1000 == 1:  # on a busy machine a file may be found only when it is started again
                    process = subprocess.Popen([copy], stdin=subprocess.PIPE)
                if is_leased(copy):  # found
                    copy.unlink()
                    return process
                if looks % 1000 == 0:
                    process.communicate(b'\n')
                time.sleep(0.001)

        with run_copy('lasting') as lasting:
            for number in range(60):
                with run_copy(f'copy{number}') as process:
                    process.communicate(b'\n')
                kept = deleted_files_of(trigger.process)
                if number >= 20 and len(kept) < 10:
                    break
                time.sleep(max(0, number - 20) / 100)  # the uprobes may just be set, or somebody may have had the last ones open
            else:
                raise AssertionError(f'{len(kept)} are kept')
            expect(f'{things.folder}/lasting (deleted)' in kept, True, kept)
            lasting.communicate(b'\n')


class Things:
    """All targets, built once."""

    def __init__(self, folder):
        self.folder = folder
        self.program = Target(folder, 'program', ['-pie'])
        self.again = Target(folder, 'again', ['-pie'], main=AGAIN)
        self.patient = Target(folder, 'patient', ['-pie'], main=PATIENT)
        self.told = Target(folder, 'told', ['-pie'], main=TOLD, answer=SILENT)
        self.who = Target(folder, 'who', ['-pie'], main=WHO)
        self.static = Target(folder, 'static', ['-static'], ['-O2', '-fno-pie'])
        self.counting = Target(folder, 'counting', ['-static'], ['-O2', '-fno-pie'], answer=COUNTING)
        self.fixed = Target(folder, 'fixed', ['-no-pie'], ['-O2', '-fno-pie'])
        self.shared = Target(folder, 'libanswer.so', ['-shared', '-Wl,-soname,libanswer.so'], ['-O2', '-fPIC'], main='')
        self.user = self.compile('user', MAIN, '-L', self.shared.folder, '-lanswer', f'-Wl,-rpath,{self.shared.folder}')
        self.loader = self.compile('loader', '''
            #include <dlfcn.h>
            int main (int argc, char **argv)
            {
              int (*answer) (int) = (int (*) (int)) dlsym (dlopen (argv[1], RTLD_NOW), "answer");
              return answer (1) == 3 ? 0 : 1;
            }''')
        self.multiloader = self.compile('multiloader', '''
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <stdlib.h>
            int main (int argc, char **argv)
            {
              int old = 0;
              for (int i = atoi (argv[1]); i > 0; i--)
                {
                  int (*answer) (int) = (int (*) (int)) dlsym (dlmopen (LM_ID_NEWLM, PATH, RTLD_NOW), "answer");
                  old += answer (1) != 3;
                }
              return old;
            }''', f'-DPATH="{self.shared.path}"')
        self.vfork = self.compile('vfork', '''
            #define _GNU_SOURCE
            #include <string.h>
            #include <sys/wait.h>
            #include <unistd.h>
            static char longest[1 << 20]; /* longer than an argument may be */
            int main (int argc, char **argv)
            {
              volatile int seen = 0;
              pid_t pid = vfork ();
              if (pid == 0)
                {
                  seen = 1;
                  execl (argv[1], argv[1], argc > 2 ? memset (longest, 'x', sizeof longest - 1) : (char *)0, (char *)0);
                  _exit (99);
                }
              int status;
              if (!seen || waitpid (pid, &status, WUNTRACED) != pid)
                return 98;
              return WIFEXITED (status) ? WEXITSTATUS (status) : 97;
            }''')
        self.caller = self.compile('libcaller.so', '''
            int answer (int x);
            __attribute__ ((constructor)) static void call (void) { answer (1); }''', '-shared', '-fPIC')

    def compile(self, name, text, *flags):
        source = self.folder / f'{name}.c'
        source.write_text(textwrap.dedent(text))
        must('gcc', '-O2', source, '-o', self.folder / name, *flags)
        return self.folder / name


TESTS = [
    ('200 starts one after another all run the new function, and the old one when the trigger has ended', one_after_another),
    ('200 starts eight at a time all run the new function', eight_at_a_time),
    ('300 starts at once all end well, and whoever ran the old function is counted', many_at_once),
    ('a static program', static_program),
    ("a program in a root of its own, where the patch's file is not", in_a_root_of_its_own),
    ('a program at a fixed address', fixed_address_program),
    ('a program started by ld.so by hand', started_by_the_linker),
    ('the interpreter of a script', interpreter_of_a_script),
    ('an exec that fails gives its error to the caller', exec_that_fails),
    ('an exec by a thread that is not the leader', thread_that_execs),
    ('a child by vfork, and one whose exec fails', vfork_by_a_parent),
    ('a program that executes itself 300 times, one call after the other (hazard 25)', exec_in_a_loop),
    ('a setuid program', setuid_program),
    ('the parent sees no stop and one SIGCHLD', parent_sees_no_stop),
    ('reading the file is nothing special', reading_the_file),
    ('who has started the trigger reads the file unmet', reading_by_the_one_who_started_it),
    ('readers that sleep after the open are let go, however many (hazard 22)', readers_that_wait),
    ('a library that a program needs', library_at_start),
    ('a library by dlopen', library_by_dlopen),
    ('a library by dlmopen', library_by_dlmopen),
    ('several copies of a library by dlmopen: those that stay old are named and counted', several_copies),
    ('a library by LD_PRELOAD, called by a constructor', library_by_preload),
    ('another build at the path is left alone and named', another_build),
    ('a trigger killed while programs start leaves none waiting (hazard 22h)', killed_trigger),
    ('copies that are deleted are dropped when nobody runs them any more', deleted_copies),
    ('a file is written to while a thread catches somebody: the new content has no uprobe', written_during_a_catch),
    ('a file is unbound while a thread catches somebody: it has no lease', unbound_during_a_catch),
    ("a gate that can't be read is given up: one opener is refused, nobody waits, the net takes over (hazard 22h)", unreadable_gate),
    ('a frozen trigger that is killed lets its openers go (hazard 22h)', frozen_trigger),
]


def main():
    with tempfile.TemporaryDirectory(prefix='gate-test.') as folder:
        print(f'1..{len(TESTS)}', flush=True)
        return run_tests(TESTS, Things(Path(folder)))


if __name__ == '__main__':
    sys.exit(main())
