# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases that tell one story in a private world, each in the state that the one before it left; TAP on standard output. Must not know what
they are about."""
import os
import subprocess
import time

from stage import Failed, expect

CASES = []
ERRORS = (Failed, OSError, ValueError, KeyError, IndexError, StopIteration, subprocess.TimeoutExpired)


def case(sentence):
    def keep(function):
        CASES.append((sentence, function))
        return function
    return keep


def run_cases(prepare, unchanged=None):
    """@prepare is called first. @unchanged, if given, returns (name, value) pairs that no case may change. Returns the exit status."""
    if 'SYSCARE_WORLD' not in os.environ:
        print('Bail out! only inside tools/world')
        return 1
    print(f'1..{len(CASES)}', flush=True)
    prepare()
    failures = 0
    for number, (sentence, check) in enumerate(CASES, 1):
        started = time.monotonic()
        try:
            before = unchanged() if unchanged else []
            check()
            for (what, was), (_, now) in zip(before, unchanged() if unchanged else []):
                expect(f'{what} after it', now, was)
            print(f'ok {number} {sentence} ({time.monotonic() - started:.1f} s)', flush=True)
        except ERRORS as error:
            failures += 1
            print(f'not ok {number} {sentence}')
            print('\n'.join('# ' + line for line in f'{type(error).__name__}: {error}'.splitlines()), flush=True)
    return 1 if failures else 0
