#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The net on real processes: whoever reaches an old function by a way that the gate doesn't see is caught there, and the very call that
was caught is a new one. TAP on standard output. usage: net-test.py LP-DIFF LP-TRIGGER UPROBE-HELPER-SOURCE"""
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from targets import AGAIN, MAIN, PATIENT, SILENT, Target, Trigger, expect, expect_new, must, run_tests, start

NET = ('--without=gate',)
# Calls as often as each line of its input says, and says what the last call returned.
TALKER = '''
    #include <stdlib.h>
    int answer (int x);
    int main (void)
    {
      char line[32];
      setvbuf (stdout, NULL, _IOLBF, 0);
      while (fgets (line, sizeof line, stdin))
        {
          int last = 0;
          for (int i = atoi (line); i > 0; i--)
            last = answer (0);
          printf ("%d\\n", last);
        }
      return 0;
    }
'''
# One whose first instruction can't be undone, so that the redirect stands at the entry, where no uprobe may be.
UNWATCHED = '''
    int answer (int x);
    int asked;
    __attribute__ ((noinline, noipa)) int
    answer (int x)
    {
      asked++;
    #ifdef PATCHED
      return x + 2;
    #else
      return x + 1;
    #endif
    }
'''
# Forks as many children as it can at a time, each of which calls; says how many of them were old.
BOMB = '''
    #include <sys/wait.h>
    #include <unistd.h>
    int answer (int x);
    int main (void)
    {
      int old = 0, status;
      for (int i = 0; i < 1000; i++)
        {
          pid_t pid = fork ();
          if (pid == 0)
            _exit (answer (1) == 3 ? 0 : 1);
          if (pid < 0 && wait (&status) > 0)
            old += status != 0;
        }
      while (wait (&status) > 0)
        old += status != 0;
      printf ("%d\\n", old);
      return 0;
    }
'''
# A program whose code has no place for a breakpoint that isn't its own.
OTHER = '''
    #include <stdio.h>
    #define ONE(i) x = x * i + i; __asm__ volatile ("" : "+r" (x));
    #define TEN(i) ONE (i) ONE (3 * i) ONE (5 * i) ONE (7 * i) ONE (9 * i) ONE (11 * i) ONE (13 * i) ONE (15 * i) ONE (17 * i) ONE (19 * i)
    int main (void)
    {
      unsigned x = 1;
      TEN (3) TEN (5) TEN (7) TEN (9) TEN (11) TEN (13) TEN (15) TEN (17) TEN (19) TEN (21) TEN (23) TEN (25) TEN (27) TEN (29) TEN (31)
      printf ("%u\\n", x);
      return 0;
    }
'''
# Counts the SIGCONTs that it is sent, and its calls that one interrupts, from the call of the function on until the second byte of its input.
CONTINUED = '''
    #include <errno.h>
    #include <signal.h>
    #include <unistd.h>
    int answer (int x);
    static volatile int times;
    static void on_signal (int number) { times++; }
    int main (void)
    {
      struct sigaction action = { .sa_handler = on_signal };
      char byte;
      int interrupted = 0;
      sigaction (SIGCONT, &action, 0);
      if (read (0, &byte, 1) != 1)
        return 1;
      answer (1);
      while (read (0, &byte, 1) < 0 && errno == EINTR)
        interrupted++;
      printf ("%d %d\\n", times, interrupted);
      return 0;
    }
'''
# Two functions, in one of which an input line results in a call.
PAIR = SILENT.replace('puts', 'perror').replace('answer', 'reply') + '''
    #include <string.h>
    int answer (int x);
    int main (int argc, char **argv)
    {
      char line[32];
      setvbuf (stdout, NULL, _IOLBF, 0);
      while (fgets (line, sizeof line, stdin))
        printf ("%d\\n", strcmp (argv[1], "answer") == 0 ? answer (0) : reply (0));
      return 0;
    }
'''
# Preloaded: an older kernel, which has one perf event for each uprobe, and can't make the second of them.
FLAWED = '''
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <errno.h>
    #include <linux/bpf.h>
    #include <linux/perf_event.h>
    #include <stdarg.h>
    #include <sys/syscall.h>
    #define UPROBE_MULTI 48
    static long (*next) (long, ...);
    static int uprobes;
    long
    syscall (long number, ...)
    {
      long words[6];
      va_list list;
      va_start (list, number);
      for (int i = 0; i < 6; i++)
        words[i] = va_arg (list, long);
      va_end (list);
      if (next == 0)
        next = (long (*) (long, ...)) dlsym (RTLD_NEXT, "syscall");
      const union bpf_attr *bpf = (const void *) words[1];
      const struct perf_event_attr *event = (const void *) words[0];
      errno = EINVAL;
      if (number == SYS_bpf && words[0] == BPF_LINK_CREATE && bpf->link_create.attach_type == UPROBE_MULTI)
        return -1;
      if (number == SYS_perf_event_open && event->uprobe_path != 0 && ++uprobes == 2)
        return -1;
      return next (number, words[0], words[1], words[2], words[3], words[4], words[5]);
    }
'''
THREADS = '''
    #include <pthread.h>
    #include <unistd.h>
    int answer (int x);
    static int old;
    static void *work (void *data)
    {
      for (int i = 0; i < 2000; i++, usleep (10))
        if (answer (i) != i + 2)
          __sync_fetch_and_add (&old, 1);
      return NULL;
    }
    int main (void)
    {
      pthread_t threads[8];
      for (int i = 0; i < 8; i++)
        pthread_create (&threads[i], NULL, work, NULL);
      for (int i = 0; i < 8; i++)
        pthread_join (threads[i], NULL);
      printf ("%d\\n", old);
      return 0;
    }
'''


class Talker:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, calls=1):
        self.process.stdin.write(f'{calls}\n')
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate(timeout=60)


def state_of(pid):
    return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0]


def expect_all_ended(processes):
    """Each of @processes ends by itself; nobody is left stopped. Their outputs."""
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    expect({process.returncode for process in processes} <= {0, 1}, True, [process.returncode for process in processes])
    return outputs


def one_after_another(things):
    with Trigger(things.program, options=NET) as trigger:
        outputs = [start(things.program.path).stdout for _ in range(200)]
        _, counts = trigger.finish()
        expect(outputs.count('old\n'), 0, counts)
        expect((counts['caught'], counts['hits'], counts['old']), (200, 200, 0))
        expect(counts['signalled'] <= 10, True, f'only the last resort is a signal: {counts}')
    expect(start(things.program.path).stdout, 'old\n', 'after the trigger has ended')


def quiet(things):
    """A parent that asks for stops of its children sees none, but for those that the last resort, SIGSTOP, was used on (hazard 22)."""
    stops = 0
    with Trigger(things.program, options=NET) as trigger:
        for _ in range(100):
            child = subprocess.Popen([things.program.path], stdout=subprocess.PIPE, text=True)
            stops += os.waitid(os.P_PID, child.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT).si_code != os.CLD_EXITED
            expect(expect_all_ended([child]), ['new\n'])
        counts = trigger.finish()[1]
        expect(stops <= counts['signalled'] <= 5, True, f'{stops} stops seen: {counts}')


def parent_with_job_control(things):
    """runuser stops itself when its child is stopped by a signal, as a shell's job would: both go on when the child has been patched."""
    with Trigger(things.program, options=NET) as trigger:
        while True:  # until the hit comes within the frozen trigger's last heartbeat, and so has to end by a signal
            os.kill(trigger.process.pid, signal.SIGSTOP)
            parent = subprocess.Popen(['runuser', '-u', 'root', '--', things.program.path], stdout=subprocess.PIPE, text=True)
            code = os.waitid(os.P_PID, parent.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT).si_code
            os.kill(trigger.process.pid, signal.SIGCONT)
            outputs = expect_all_ended([parent])
            expect(parent.returncode, 0 if code == os.CLD_STOPPED else 1, 'exit status')
            if code == os.CLD_STOPPED:
                break
        expect(outputs, ['new\n'])
        counts = trigger.finish()[1]
        expect(counts['signalled'] >= 1, True, counts)


def eight_at_a_time(things):
    with Trigger(things.program, options=NET) as trigger, ThreadPoolExecutor(8) as pool:
        outputs = [done.stdout for done in pool.map(lambda _: start(things.program.path), range(400))]
        _, counts = trigger.finish()
        expect(set(outputs) <= {'new\n', 'old\n'}, True, 'outputs')
        expect(outputs.count('old\n') <= counts['old'], True, counts)
        expect(outputs.count('old\n') < 20, True, outputs.count('old\n'))
        expect(counts['signalled'] <= 20, True, f'only the last resort is a signal: {counts}')


def many_at_once(things):
    """More than can be held: all end well, and whoever ran the old function is counted."""
    with Trigger(things.program, options=NET) as trigger:
        running = [subprocess.Popen([things.program.path], stdout=subprocess.PIPE, text=True) for _ in range(300)]
        outputs = expect_all_ended(running)
        _, counts = trigger.finish()
        expect(outputs.count('old\n') <= counts['old'], True, counts)


def fork_bomb(things):
    """A thousand children in one go, each of which calls once: all end, the trigger lives and works, whoever was old is counted (hazard 23)."""
    for options in ((), NET):
        with Trigger(things.bomb, options=options) as trigger:
            old = int(start(things.bomb.path, timeout=250).stdout)
            lines, counts = trigger.finish()
            expect(old <= counts['old'], True, f'{old} old calls, {counts}')
            expect(counts['caught'] + counts['patched'] > 0, True, lines[-5:])


def overflow(things):
    """A ring that nobody reads runs over. That is noticed, and a look at all processes finds those whose hits were lost."""
    while True:  # until all of the calls come within the frozen trigger's last heartbeat
        with Talker(things.talker.path) as first, Talker(things.talker.path) as second:
            with Trigger(things.talker, options=(*NET, '--without=events', '--without=hold')) as trigger:
                os.kill(trigger.process.pid, signal.SIGSTOP)
                expect(first.ask(20000), 1)
                expect(second.ask(), 1)
                os.kill(trigger.process.pid, signal.SIGCONT)
                lines, counts = trigger.finish()
            if counts['lost'] > 0:
                expect([line.split(' ', 2)[2] for line in lines if line.startswith('step ')].count('all looked at'), 1, lines)
                expect((first.ask(), second.ask()), (2, 2), 'answers after the look at all')
                return


# An overlay's upper layer may not lie on an overlay.
IN_OVERLAY = ('mount -t tmpfs layers /mnt && mkdir /mnt/upper /mnt/work /mnt/merged && '
              'mount -t overlay overlay -o "lowerdir=$1,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/merged && exec "/mnt/merged/$2"')


def in_overlay(path):
    """The command that starts the program at @path as a container does: in an overlay mount of its own over the program's folder."""
    return ['unshare', '-m', 'sh', '-c', IN_OVERLAY, 'sh', str(path.parent), path.name]


def overlay(things):
    """A container's view: another mount over the same lower file. Some kernels' gates see that, and some don't: the net always does."""
    with Trigger(things.program) as trigger:
        expect_new(start(*in_overlay(things.program.path)))
        expect(trigger.finish()[1]['old'], 0, 'old calls')
    # The mmap events see it, too.
    with Trigger(things.program, options=(*NET, '--without=events')) as trigger:
        expect_new(start(*in_overlay(things.program.path)))
        _, counts = trigger.finish()
        expect((counts['caught'], counts['old']), (1, 0), counts)


def elsewhere(things):
    """The program isn't where the patch says that it is, but somebody runs it: its file is found by him, and all others come into the net."""
    with Talker(things.talker.path) as talker:
        for options in (NET, (*NET, '--without=events')):
            with Trigger(things.talker, things.folder / 'nowhere', options=options) as trigger:
                expect(trigger.counts()['probed'], 1, 'files under the net')
                expect(start(*in_overlay(things.talker.path), input='1\n').stdout, '2\n', 'in an overlay')
                expect(start(things.talker.path, input='1\n').stdout, '2\n', 'at its place')
                expect(talker.ask(), 2, 'the one that ran before')
                counts = trigger.finish()[1]
                expect(counts['old'], 0, f'old calls: {counts}')


def two_layers(things):
    """A name in an overlay beside the one of its lower file: to open the one asks for the other on newer kernels, and who asks himself waits for
    ever."""
    program = things.program
    mounted = IN_OVERLAY.replace('exec "/mnt/merged/$2"', f'exec {sys.argv[2]} {program.entity} {program.path} "/mnt/merged/$2"')
    command = ['unshare', '-m', 'sh', '-c', mounted, 'sh', program.path.parent, program.path.name]
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as trigger:
        watchdog = threading.Timer(60, trigger.kill)
        watchdog.start()
        lines = iter(trigger.stdout.readline, '')
        is_ready = any(line == 'ready\n' for line in lines)
        if is_ready:
            expect_new(start(program.path))
        trigger.communicate()
        watchdog.cancel()
        expect((is_ready, trigger.returncode), (True, 0))


def copy_of(target, folder):
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(target.path, folder))


def images(things):
    """Containers whose image has a copy of the file, each with a mount of its own: once a process has shown the file of their layer, all that
    come are caught."""
    copy = copy_of(things.talker, things.folder / 'image')
    for options in ((), NET):
        with Trigger(things.talker, options=options) as trigger, Talker(in_overlay(copy)) as first:
            olds = 0
            while trigger.counts()['probed'] < 2:
                olds += first.ask() == 1
            for _ in range(20):
                expect(start(*in_overlay(copy), input='1\n').stdout, '2\n', 'a later one')
            expect(first.ask(), 2, 'the first one')
            counts = trigger.finish()[1]
            expect(counts['old'] >= (olds > 0), True, counts)


def short_lived(things):
    """The same where nobody stays long enough to show the file: whoever may have called unseen is counted."""
    copy = copy_of(things.program, things.folder / 'image')
    for options in ((), NET):
        with Trigger(things.program, options=options) as trigger:
            olds = [start(*in_overlay(copy)).stdout for _ in range(30)].count('old\n')
            until = time.monotonic() + 60
            while (counts := trigger.counts())['old'] < olds and time.monotonic() < until:
                time.sleep(0.05)
            expect(counts['old'] >= olds, True, f'{olds} old values: {counts}')


def mapped_before(things):
    """It runs already when the trigger comes, and nobody tells the trigger: its next call is a new one."""
    with Talker(things.talker.path) as talker:
        expect(talker.ask(), 1, 'before')
        with Trigger(things.talker) as trigger:
            expect(talker.ask(), 2, 'the first call under the net')
            expect(trigger.finish()[1]['caught'], 1, 'caught')


def no_traps(things):
    with Talker(things.talker.path) as talker, Trigger(things.talker, options=NET) as trigger:
        expect(talker.ask(), 2)
        expect(talker.ask(100000), 2)
        expect(trigger.finish()[1]['hits'], 1, 'hits of 100,001 calls')
    # Met at the gate: not even the first call traps.
    with Trigger(things.talker) as trigger:
        with Talker(things.talker.path) as talker:
            expect(talker.ask(100000), 2)
        counts = trigger.finish()[1]
        expect((counts['patched'], counts['hits']), (1, 0), counts)


def forgotten(things):
    """When other patches are bound, what the net knows of processes is forgotten by one act, however many those are: the loop does that."""
    log = things.folder / 'strace'
    with Trigger(things.talker, options=NET) as trigger:
        for _ in range(8):
            expect(start(things.talker.path, input='1\n').stdout, '2\n')
        command = ['strace', '-e', 'trace=bpf', '-o', log, '-p', str(trigger.process.pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            expect('attached' in strace.stderr.readline(), True, 'strace')
            trigger.unbind()
            strace.terminate()
        counts = trigger.finish()[1]
        expect((counts['caught'], log.read_text().count('BPF_MAP_DELETE_ELEM')), (8, 0), log.read_text())


def restarted_trigger(things):
    """A patched process is recognised under the new uprobes: it traps once, is left alone, and then traps no more (hazard 19a)."""
    with Talker(things.talker.path) as talker:
        for _ in range(3):
            with Trigger(things.talker, options=NET) as trigger:
                expect(talker.ask(1000), 2)
                counts = trigger.finish()[1]
                expect(counts['hits'] <= 1, True, counts)
                expect(counts['old'], 0, counts)
        expect(talker.ask(), 2, 'without a trigger it stays patched')


def foreign_uprobe(things):
    """Somebody else's uprobe on the same function, set while ours stands: alive, new, and not counted as old (hazards 19, 19a)."""
    offset = int(next(line.split()[1] for line in must('readelf', '-sW', things.talker.path).splitlines() if line.endswith(' answer'))
                 .lstrip(':'), 16)
    with Talker(things.talker.path) as talker, Trigger(things.talker, options=NET) as trigger:
        expect(talker.ask(), 2)
        helper = subprocess.Popen([things.uprobe, things.talker.path, str(offset)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        helper.stdout.readline()
        expect(talker.ask(100), 2)
        helper.communicate()
        expect(talker.ask(100), 2)
        expect(trigger.finish()[1]['old'], 0, 'old calls')


def children(things):
    """fork()ed and exec()ed over and over: each image is looked at anew."""
    with Trigger(things.program, options=NET) as trigger:
        done = start('sh', '-c', f'for i in 1 2 3 4 5 6 7 8 9 10; do {things.program.path}; done; exec {things.program.path}')
        expect(done.stdout, 'new\n' * 11)
        expect(trigger.finish()[1]['caught'], 11, 'caught')


def exec_in_a_loop(things):
    with Trigger(things.again, options=NET) as trigger:
        done = start(things.again.path, 300)
        counts = trigger.finish()[1]
        expect((done.returncode, done.stdout.count('new\n'), done.stdout.count('old\n')), (0, 301, 0), f'counts: {counts}')
        expect(counts['caught'], 301, f'counts: {counts}')


def many_threads(things):
    """Eight threads call all the time: at most those calls that had begun are old ones, and they are counted."""
    with Trigger(things.threads, options=NET) as trigger:
        done = start(things.threads.path)
        old = int(done.stdout)
        counts = trigger.finish()[1]
        expect(old <= max(counts['old'], 0), True, f'{old} old calls: {counts}')
        expect(old < 2000, True, f'{old} of 16,000 calls were old: {counts}')


def static_and_fixed(things):
    for target in (things.static, things.fixed):
        with Trigger(target, options=NET):
            expect_new(start(target.path))


def library(things):
    with Trigger(things.shared, options=NET):
        expect_new(start(things.user))
        expect_new(start('/bin/true', env={'LD_PRELOAD': f'{things.shared.path}:{things.caller}'}))


def traced_process(things):
    """A debugger has it: it can't be patched, isn't stopped again and again, its calls are counted, and the reason is told (hazard 26)."""
    with Trigger(things.talker, options=NET) as trigger:
        done = subprocess.run(['strace', '-o', '/dev/null', things.talker.path], input='1000\n1000\n', stdout=subprocess.PIPE, text=True, timeout=120,
                              check=False)
        expect((done.returncode, done.stdout), (0, '1\n1\n'))
        lines, counts = trigger.finish()
        expect(counts['hits'] >= 2000, True, counts)
        expect(counts['hits'] - counts['old'] < 20, True, counts)
        expect(counts['caught'], 0, lines)


def held_again(things):
    """A thread that can't be patched is held again before whoever had it then is done with it: each call is counted all the same."""
    with Trigger(things.talker, options=(*NET, "--slow=catch's tracer over")) as trigger:
        done = subprocess.run(['strace', '-o', '/dev/null', things.talker.path], input='100\n100\n', stdout=subprocess.PIPE, text=True, timeout=120,
                              check=False)
        expect((done.returncode, done.stdout), (0, '1\n1\n'))
        counts = trigger.finish()[1]
        expect(counts['old'], counts['hits'], counts)


def overwritten(things):
    """Another program is copied over the file, as `cp` does it, into the same inode: it runs as it would anywhere; the old content is bound again."""
    kept, said = things.folder / 'kept', start(things.other).stdout
    shutil.copy(things.written.path, kept)
    inode = os.stat(things.written.path).st_ino
    for options in ((), NET, ('--without=net',)):
        with Trigger(things.written, options=options) as trigger:
            expect(start(things.written.path).returncode, 0, 'exit status of the patched one')
            must('cp', things.other, things.written.path)
            expect(os.stat(things.written.path).st_ino, inode, 'inode')
            for _ in range(3):
                done = start(things.written.path)
                expect((done.returncode, done.stdout), (0, said), f'the new program, {options}')
            expect(any('is being written to' in line for line in trigger.finish()[0]), True, 'it is told')
        must('cp', kept, things.written.path)
    with open(things.written.path, 'r+b'), Trigger(things.written) as trigger:
        expect('is being written to' in trigger.problems[0], True, 'one that somebody has open for writing isn\'t bound')


def copies(things):
    """Another inode with the same Build-ID, as in another image: patched soon after its start, and its file is bound from then on (hazard 27)."""
    copy = things.folder / 'copy'
    shutil.copy(things.patient.path, copy)
    with Trigger(things.patient) as trigger:
        done = start(copy)
        expect((done.returncode, done.stdout.splitlines()[-1]), (0, 'new'))
        for _ in range(20):
            expect_new(start(copy))
        expect(0 < trigger.finish()[1]['spotted'] < 10, True, 'spotted')  # the others were met at their start


def missing_uprobe(things):
    """One of a file's uprobes can't be set, which is told: it is tried again when another file is found."""
    copy = copy_of(things.pair, things.folder / 'image')
    with Talker([things.pair.path, 'answer']) as first, Talker([things.pair.path, 'reply']) as second:
        os.environ['LD_PRELOAD'] = str(things.flawed)
        try:
            trigger = Trigger(things.pair)
        finally:
            del os.environ['LD_PRELOAD']
        with trigger, Talker([copy, 'answer']) as other:
            expect((any("a uprobe can't be set" in problem for problem in trigger.problems), trigger.counts()['probed']), (True, 0), trigger.problems)
            until = time.monotonic() + 60
            while trigger.counts()['probed'] < 2 and time.monotonic() < until:
                start(copy, 'answer', input='1\n')
            expect((first.ask(), second.ask(), other.ask(), trigger.counts()['probed']), (2, 2, 2, 2))


def events_alone(things):
    """Neither fanotify nor uprobes: the kernel's mmap events are left, some milliseconds after the fact."""
    with Trigger(things.patient, options=('--without=gate', '--without=net')) as trigger:
        expect(trigger.problems, ['lack gate: switched off\n', 'lack net: switched off\n'])
        for pause in (0, 0, 0.01, 0.03, 0.06, 0.1, 0.2, 0):  # shorter and longer than it looks by itself after an event
            time.sleep(pause)
            done = start(things.patient.path)
            expect((done.returncode, done.stdout.splitlines()[-1]), (0, 'new'), f'{pause} s after the last one')


def unwatched(things):
    """No gate, and a function that no uprobe can watch: the mmap events are left, as if there were no net either."""
    with Trigger(things.unwatched, options=NET) as trigger:
        for _ in range(5):
            expect(start(things.unwatched.path).returncode, 0, 'it never became new: exit status')
        expect(trigger.finish()[1]['hits'], 0, 'uprobe hits')


def gate_alone(things):
    with Trigger(things.program, options=('--without=net', '--without=events')) as trigger:
        expect(trigger.problems, ['lack net: switched off\n', 'lack events: switched off\n'])
        expect_new(start(things.program.path))


def killed_trigger(things):
    """SIGKILL at any time: each program runs to its end, none is left stopped (hazards 22, 22g, 22h)."""
    for number in range(20):
        with Trigger(things.program, options=NET) as trigger:
            running = [subprocess.Popen([things.program.path], stdout=subprocess.PIPE, text=True) for _ in range(number % 10)]
            trigger.process.kill()
            running += [subprocess.Popen([things.program.path], stdout=subprocess.PIPE, text=True) for _ in range(4)]
            expect_all_ended(running)
    expect(start(things.program.path).stdout, 'old\n')


def continued_once(things):
    """The guard of a killed trigger sends SIGCONT to whom it finds stopped, and to nobody again and again."""
    for step in ('hit read', 'caught thread seized', 'caught process patched'):
        with subprocess.Popen([things.continued.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            with Trigger(things.continued, options=(*NET, '--without=quiet', f'--kill=trigger:1:{step}')) as trigger:
                children = Path(f'/proc/{trigger.process.pid}/task/{trigger.process.pid}/children').read_text().split()
                guard = os.pidfd_open(next(int(pid) for pid in children if Path(f'/proc/{pid}/comm').read_text() == 'syscare-guard\n'))
                process.stdin.write(b'1')
                process.stdin.flush()
                select.select([guard], [], [])
                os.close(guard)
            process.stdin.write(b'2')
            output = process.communicate(timeout=120)[0]
            times, interrupted = map(int, output.split())
            # The guard, and at the same moment a tracer that is still at work.
            expect((process.returncode, 1 <= times <= 2, interrupted <= times), (0, True, True), f'{step}: {output}')


def frozen_trigger(things):
    """A frozen trigger: who hits within its last heartbeat may be stopped until it is killed, who hits later isn't (hazards 22, 22g)."""
    with Trigger(things.program, options=NET) as trigger:
        os.kill(trigger.process.pid, signal.SIGSTOP)
        running = [subprocess.Popen([things.program.path], stdout=subprocess.PIPE, text=True) for _ in range(8)]
        while True:  # the heartbeat runs out: from then on all go through
            last = subprocess.Popen([things.program.path], stdout=subprocess.PIPE, text=True)
            os.waitid(os.P_PID, last.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
            running.append(last)
            if state_of(last.pid) == 'Z':
                break
        trigger.process.kill()
        expect_all_ended(running)


class Things:
    """All targets, built once."""

    def __init__(self, folder, uprobe_source):
        self.folder = folder
        self.program = Target(folder, 'program', ['-pie'])
        self.again = Target(folder, 'again', ['-pie'], main=AGAIN)
        self.patient = Target(folder, 'patient', ['-pie'], main=PATIENT)
        self.bomb = Target(folder, 'bomb', ['-pie'], main=BOMB, answer=SILENT)
        self.unwatched = Target(folder, 'unwatched', ['-pie'], main=PATIENT, answer=UNWATCHED)
        self.talker = Target(folder, 'talker', ['-pie'], main=TALKER, answer=SILENT)
        self.written = Target(folder, 'written', ['-pie'], answer=SILENT)
        self.continued = Target(folder, 'continued', ['-pie'], main=CONTINUED, answer=SILENT)
        self.pair = Target(folder, 'pair', ['-pie'], main=PAIR, answer=SILENT)
        self.flawed = folder / 'flawed.so'
        (folder / 'flawed.c').write_text(FLAWED)
        must('gcc', '-O2', '-shared', '-fPIC', folder / 'flawed.c', '-o', self.flawed)
        self.other = folder / 'other'
        (folder / 'other.c').write_text(OTHER)
        must('gcc', '-O2', '-fPIE', '-pie', folder / 'other.c', '-o', self.other)
        self.threads = Target(folder, 'threads', ['-pie'], main=THREADS, answer=SILENT)
        self.static = Target(folder, 'static', ['-static'], ['-O2', '-fno-pie'])
        self.fixed = Target(folder, 'fixed', ['-no-pie'], ['-O2', '-fno-pie'])
        self.shared = Target(folder, 'libanswer.so', ['-shared', '-Wl,-soname,libanswer.so'], ['-O2', '-fPIC'], main='')
        self.user = folder / 'user'
        (folder / 'user.c').write_text(MAIN)
        must('gcc', '-O2', folder / 'user.c', '-o', self.user, '-L', self.shared.folder, '-lanswer', f'-Wl,-rpath,{self.shared.folder}')
        self.caller = folder / 'libcaller.so'
        (folder / 'caller.c').write_text('int answer (int x);\n__attribute__ ((constructor)) static void call (void) { answer (1); }\n')
        must('gcc', '-O2', '-shared', '-fPIC', folder / 'caller.c', '-o', self.caller)
        self.uprobe = folder / 'uprobe'
        must('gcc', '-O2', uprobe_source, '-o', self.uprobe)


TESTS = [
    ('200 starts one after another, the gate off: no old call', one_after_another),
    ('a parent sees no stop of its child (hazard 22)', quiet),
    ('a parent that stops itself when its child is stopped goes on with it', parent_with_job_control),
    ('400 starts eight at a time, the gate off: old calls are counted, and few', eight_at_a_time),
    ('300 starts at once all end well, and whoever ran the old function is counted (hazard 23)', many_at_once),
    ('1,000 children at once: the trigger lives, and whoever ran the old function is counted (hazard 23)', fork_bomb),
    ('lost hits are noticed and repaired by a look at all processes', overflow),
    ('an overlay mount over the same lower file, with and without the gate (hazard 27)', overlay),
    ('a file that has a name in an overlay, too (hazard 22h)', two_layers),
    ("a file that isn't where the patch says: found by the process that runs it (hazard 27)", elsewhere),
    ('containers of one image: once its file is known, all are caught (hazard 27)', images),
    ('containers of one image whose processes end at once: who may have been old is counted (hazard 27)', short_lived),
    ('a mapping that existed before (hazard 23)', mapped_before),
    ('a patched process never traps', no_traps),
    ('what is known of processes is forgotten at once, not one by one', forgotten),
    ('a restarted trigger recognises the processes that are patched (hazard 19a)', restarted_trigger),
    ("somebody else's uprobe on the same function (hazards 19, 19a)", foreign_uprobe),
    ('a shell that forks and execs (hazards 25, 29)', children),
    ('a program that executes itself 300 times (hazard 25)', exec_in_a_loop),
    ('eight threads that call all the time (hazard 14)', many_threads),
    ('a static program and one at a fixed address', static_and_fixed),
    ('a library', library),
    ('a thread that is held again at once: each old call is counted (hazard 23)', held_again),
    ('a process that a debugger has is left alone, and its calls are counted (hazard 26)', traced_process),
    ('another program is copied over the file: it is none of ours', overwritten),
    ('a copy of the file is found by its Build-ID and bound (hazard 27)', copies),
    ("an older kernel's uprobe that couldn't be set is tried again", missing_uprobe),
    ('without fanotify and uprobes the mmap events are left (hazard 23)', events_alone),
    ('a function that no uprobe can watch is patched by the mmap events without the gate', unwatched),
    ('without uprobes and events the gate is left', gate_alone),
    ('a killed trigger leaves nobody stopped (hazards 22, 22g)', killed_trigger),
    ("a killed trigger's guard sends SIGCONT to whom it finds stopped, once (hazard 22)", continued_once),
    ('a frozen trigger stops nobody for long (hazards 22, 22g)', frozen_trigger),
]


def main():
    with tempfile.TemporaryDirectory(prefix='net-test.') as folder:
        print(f'1..{len(TESTS)}', flush=True)
        return run_tests(TESTS, Things(Path(folder), sys.argv[3]))


if __name__ == '__main__':
    sys.exit(main())
