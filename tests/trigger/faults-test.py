#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGKILL of the trigger, of its guard, of both at once, or the end of the one that wants it, at each step that the code names (libpatch/base/step.h): each
process that was starting or calling ends by itself and right, nobody is left stopped or waiting. TAP on standard output.
usage: faults-test.py LP-DIFF LP-TRIGGER [--rounds N]   (N: instead of each place once, N places at random)"""
import random
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from time import sleep

from targets import SILENT, Target, Trigger, expect, must, run_tests

OPTIONS = {'gate': (), 'net': ('--without=gate',), 'signals': ('--without=gate', '--without=quiet'), 'events': ('--without=gate', '--without=net')}
VICTIMS = ('trigger', 'guard', 'service')
STARTS = 6
STEPS_MIN = 3  # of each way to catch a process; fewer would test nothing
# Calls now and then, for as long as its input lasts; says how many calls were old and how many were new.
CALLER = '''
    #include <poll.h>
    int answer (int x);
    int main (int argc, char **argv)
    {
      int old = 0, new = 0;
      struct pollfd input = { 0, POLLIN, 0 };
      do
        if (answer (argc) == argc + 2)
          new++;
        else
          old++;
      while (poll (&input, 1, 1) == 0);
      printf ("%d %d\\n", old, new);
      return 0;
    }
'''


class Things:
    def __init__(self, folder):
        self.target = Target(folder, 'program', ['-pie'], main=CALLER, answer=SILENT)
        self.kills = 0
        self.bpf = folder / 'bpf'
        self.bpf.mkdir()
        steps = {mode: {} for mode in OPTIONS}
        for _ in range(20):  # some are come to only when processes happen to come so
            for mode, known in steps.items():
                for name, times in self.steps(mode).items():
                    known[name] = max(times, known.get(name, 0))
            missed = steps_in_code() - {name for known in steps.values() for name in known}
            if not missed:
                break
        else:
            raise RuntimeError(f'steps that no process comes to: {missed}')
        self.places = [(mode, victim, name, time) for mode, known in steps.items() for name, times in sorted(known.items())
                       for time in range(1, times + 1) for victim in VICTIMS]

    def start(self, *before):
        return subprocess.Popen([*before, self.target.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def starts(self, mode):
        """Half of them by ld.so, which the kernel keeps tracers away from until the gate has answered. Events are read some ms after the fact:
        then they must still run."""
        processes = [self.start(*(('/lib64/ld-linux-x86-64.so.2',) if number % 2 else ())) for number in range(STARTS)]
        sleep(0.03 if mode == 'events' else 0)
        return processes

    def steps(self, mode):
        """How often each step is made when all goes well. A look that comes late finds the processes gone: then once more."""
        steps = {}
        for _ in range(50):
            steps = self.steps_of_one_run(mode)
            if len(steps) >= STEPS_MIN:
                break
        return steps

    def steps_of_one_run(self, mode):
        before = self.start()
        with Trigger(self.target, options=OPTIONS[mode]) as trigger:
            self.look(mode, trigger.process)
            self.end([before, *self.starts(mode)])
            lines, _ = trigger.finish()
        words = [line.split(' ', 2) for line in lines if line.startswith('step ')]
        return {name: int(times) for _, times, name in words}

    @staticmethod
    def look(mode, trigger):
        """In one of the modes all processes are looked at beside, as after lost hits."""
        if mode == 'events':
            with suppress(BrokenPipeError):  # it was killed
                trigger.stdin.write('l')
                trigger.stdin.flush()

    @staticmethod
    def end(processes):
        """All end when they are told to, by themselves; whoever is stopped or waits makes this fail."""
        for process in processes:
            out, _ = process.communicate(timeout=120)
            old, new = map(int, out.split())
            expect((process.returncode, old + new > 0), (0, True), out)

    def round_of_both(self, name, time):
        """Trigger and guard killed at once: whoever is stopped then goes on when the next trigger comes. Returns how many those were."""
        pin = f'--pin={self.bpf}/net'
        processes = [self.start()]
        command = [sys.argv[2], *OPTIONS['signals'], pin, f'--kill=both:{time}:{name}', self.target.entity, self.target.path]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as trigger:
            for line in trigger.stdout:  # until it is ready, or its end, if the place comes earlier
                if line == 'ready\n':
                    break
            processes += self.starts('signals')
            with suppress(subprocess.TimeoutExpired):  # nobody comes to that place
                trigger.wait(1)
        sleep(0.3)  # the kernel's patience
        stopped = sum('State:\tT' in Path(f'/proc/{process.pid}/status').read_text() for process in processes)
        with Trigger(self.target, options=(*OPTIONS['signals'], pin)) as trigger:
            self.end(processes)
            trigger.finish()
        return stopped

    def round(self, mode, victim, name, time):
        """One fault, amidst programs that start and one that ran before."""
        before = self.start()
        command = [sys.argv[2], *OPTIONS[mode], f'--kill={victim}:{time}:{name}', self.target.entity, self.target.path]
        trigger = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            for line in trigger.stdout:  # until it is ready, or its end, if the place comes earlier
                if line == 'ready\n':
                    break
            self.look(mode, trigger)
            self.end([before, *self.starts(mode)])
            complaints = trigger.communicate(timeout=120)[1]  # until the last tracer, too, has ended
            expect(complaints, '', 'complaints')
            self.kills += trigger.returncode == -signal.SIGKILL
            expect(trigger.returncode in ({0, -signal.SIGKILL} if victim == 'trigger' else {0}), True, f'the trigger ended with {trigger.returncode}')
            self.end([self.start()])
        finally:
            trigger.kill()
            trigger.communicate()


def steps_in_code():
    """All that the trigger's code names."""
    sources = (Path(__file__).resolve().parents[2] / 'libpatch/user').glob('*.c')
    return {name for source in sources for name in re.findall(r'lp_step \("([^"]+)"\)', source.read_text())}


def rounds_of(places):
    def test(things):
        things.kills = 0
        for place in places:
            try:
                things.round(*place)
            except (AssertionError, subprocess.TimeoutExpired, ValueError) as error:
                raise AssertionError(f'{place}: {error}') from error
        # Some places, later times above all, are reached only when processes happen to come so.
        firsts = sum(place[3] == 1 for place in places)
        expect(places[0][1] != 'trigger' or things.kills >= firsts / 2, True, f'only {things.kills} kills')
    return test


def both_at_once(names):
    def test(things):
        must('mount', '-t', 'bpf', 'bpf', things.bpf)
        try:
            stopped = 0
            for name in names:
                for time in (1, 2, 4):
                    try:
                        stopped += things.round_of_both(name, time)
                    except (AssertionError, subprocess.TimeoutExpired, ValueError) as error:
                        raise AssertionError(f'{name}, {time}: {error}') from error
            expect(stopped > 0, True, 'a process that was left stopped between two triggers')
            expect((things.bpf / 'net').exists(), False, 'a pin after the end')
        finally:
            must('umount', '-l', things.bpf)
    return test


def main():
    with tempfile.TemporaryDirectory(prefix='faults-test.') as folder:
        things = Things(Path(folder))
        if '--rounds' in sys.argv:
            random.seed(4)
            places = random.choices(things.places, k=int(sys.argv[sys.argv.index('--rounds') + 1]))
        else:
            # The first time of each, and one that is amidst others.
            places = [place for place in things.places if place[3] in (1, 4)]
        tests = []
        for mode in OPTIONS:
            for victim in VICTIMS:
                mine = [place for place in places if place[:2] == (mode, victim)]
                names = len({place[2] for place in mine})
                tests.append((f'{mode}: {victim} killed {len(mine)} times, at {names} steps', rounds_of(mine)))
                if names < STEPS_MIN:
                    raise RuntimeError(f'{mode}, {victim}: only {names} steps were seen')
        names = sorted({place[2] for place in things.places if place[0] == 'signals'})
        tests.append(('trigger and guard killed at once: the next trigger lets everybody go (hazard 22)', both_at_once(names)))
        print(f'1..{len(tests)}', flush=True)
        return run_tests(tests, things)


if __name__ == '__main__':
    sys.exit(main())
