#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Several that patch the same busy process at the same time, as a job's worker and the trigger do when a patch is activated: the process
lives, and the patch is in it once. TAP on standard output. usage: race-test.py LP-DIFF LP-TRIGGER LP-LIVE"""
import ctypes
import os
import select
import struct
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from time import sleep

from targets import SILENT, Target, Trigger, expect, run_tests, start

LP_LIVE = sys.argv[3]
NET = ('--without=gate',)
# Eight threads that call all the time; without an argument for a while only. Says how many calls were old.
BUSY = '''
    #include <pthread.h>
    #include <unistd.h>
    int answer (int x);
    static int old;
    static long calls = 300;
    static void *work (void *data)
    {
      for (long i = 0; i < calls; i++, usleep (20))
        if (answer (i & 0xffff) != (i & 0xffff) + 2)
          __sync_fetch_and_add (&old, 1);
      return NULL;
    }
    int main (int argc, char **argv)
    {
      pthread_t threads[8];
      if (argc > 1)
        calls = 1L << 60;
      for (int i = 0; i < 8; i++)
        pthread_create (&threads[i], NULL, work, NULL);
      for (int i = 0; i < 8; i++)
        pthread_join (threads[i], NULL);
      printf ("%d\\n", old);
      return 0;
    }
'''


FAN_CLASS_CONTENT, FAN_MARK_ADD, FAN_OPEN_PERM, FAN_ALLOW, AT_FDCWD = 4, 1, 0x10000, 1, -100  # linux/fanotify.h
LATE_SECONDS = 6  # calls of a borrowed thread are given up sooner


class LateGate:
    """Somebody else who is asked about each opening of @path, as a virus scanner: answers the first program of @name late."""

    def __init__(self, path, name):
        libc = ctypes.CDLL(None, use_errno=True)
        self.name, self.was_asked, self.over = name, threading.Event(), False
        self.group = libc.fanotify_init(FAN_CLASS_CONTENT, os.O_RDONLY)
        if self.group < 0 or libc.fanotify_mark(self.group, FAN_MARK_ADD, ctypes.c_uint64(FAN_OPEN_PERM), AT_FDCWD, os.fsencode(path)):
            raise OSError(ctypes.get_errno(), 'fanotify')
        self.thread = threading.Thread(target=self.answer_all)
        self.thread.start()

    def answer_all(self):
        while not self.over:
            if select.select([self.group], [], [], 0.1)[0]:
                event = os.read(self.group, 24)  # one that fits: struct fanotify_event_metadata
                file, pid = struct.unpack_from('=ii', event, 16)
                threading.Thread(target=self.answer, args=(file, pid)).start()

    def answer(self, file, pid):
        if not self.was_asked.is_set() and Path(f'/proc/{pid}/comm').read_text() == f'{self.name}\n':
            self.was_asked.set()
            sleep(LATE_SECONDS)
        os.write(self.group, struct.pack('=iI', file, FAN_ALLOW))
        os.close(file)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        os.close(self.group)


class Things:
    def __init__(self, folder):
        self.target = Target(folder, 'busy', ['-pie'], main=BUSY, answer=SILENT)


def live(*words):
    return subprocess.Popen([LP_LIVE, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def starting_processes(things):
    """The trigger's own tracers meet each other: one thread after the other hits while a look is under way."""
    for number in range(100):
        with Trigger(things.target, options=NET):
            done = start(things.target.path)
            expect((done.returncode, done.stdout.strip().isdigit()), (0, True), f'round {number}: {done}')


def running_process(things):
    """Two that apply, and the trigger that is just binding, on one process; then all is taken away."""
    process = subprocess.Popen([things.target.path, 'on'], stdout=subprocess.DEVNULL)
    entity, seen = things.target.entity, Counter()

    def images():
        return Path(f'/proc/{process.pid}/maps').read_text().count(str(entity))

    try:
        for number in range(60):
            applying = [live('apply', entity, process.pid) for _ in range(2)]
            with Trigger(things.target, options=NET if number % 2 else ()) as trigger:
                said = [(job.communicate(timeout=60)[0], job.returncode) for job in applying]
                trigger.finish()
            expect((process.poll(), {status for _, status in said}), (None, {0}), f'round {number}: {said}')
            seen.update(' patched,' in text for text, _ in said)
            expect(images(), 1, f'round {number}, images: {said}')
            for step in ('deactivate', 'unload'):
                job = live(step, entity, process.pid)
                text = job.communicate(timeout=60)[0]
                expect(job.returncode, 0, f'round {number}, {step}: {text}')
            expect((process.poll(), images()), (None, 0), f'round {number}, what is left')
        expect(seen[True] > 0, True, f'nobody but the trigger has patched anything: {seen}')
    finally:
        process.kill()
        process.wait()


def while_it_is_taken_away(things):
    """A program's tracer dawdles while the patch is taken away: it may patch, but not after that was said to be done."""
    entity = things.target.entity
    for step in ('opener let through', 'opener about to be seized'):
        with Trigger(things.target, options=(f'--slow={step}',)) as trigger:
            process = subprocess.Popen([things.target.path, 'on'], stdout=subprocess.DEVNULL)
            try:
                # Held, or met by now: what it runs is its own file.
                trigger.unbind()
                had = Path(f'/proc/{process.pid}/maps').read_text().count(str(entity))
                trigger.finish()
                expect(Path(f'/proc/{process.pid}/maps').read_text().count(str(entity)), had, f'{step}: images, at the end')
                expect(process.poll(), None, f'{step}: the process')
            finally:
                process.kill()
                process.wait()


def late_image(things):
    """Somebody doesn't let a borrowed thread open the patch's image for long: it waits, and goes on as itself."""
    for options in ((), NET):
        with Trigger(things.target, options=options) as trigger:
            with LateGate(things.target.entity, 'busy') as gate:
                process = subprocess.Popen([things.target.path], stdout=subprocess.PIPE, text=True)
                expect(gate.was_asked.wait(30), True, f'{options}: the image is opened')
                out, _ = process.communicate(timeout=60)
                expect((process.returncode, out.strip().isdigit()), (0, True), f'{options}: {out}')
            trigger.finish()


TESTS = [
    ('somebody else answers late when the image is opened: nobody is harmed (hazard 22)', late_image),
    ('a program that starts while its patch is taken away: it has it by the time that this is done, or not at all', while_it_is_taken_away),
    ('processes that start while the trigger binds: none is harmed, however many threads call (hazard 22)', starting_processes),
    ('a running process that two apply to while the trigger binds: the patch is in it once, and goes as a whole', running_process),
]


def main():
    with tempfile.TemporaryDirectory(prefix='race-test.') as folder:
        print(f'1..{len(TESTS)}', flush=True)
        return run_tests(TESTS, Things(Path(folder)))


if __name__ == '__main__':
    sys.exit(main())
