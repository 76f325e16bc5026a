# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the functions of a test file whose names begin with "test_" as cases of TAP; a case's docstring is its sentence."""

import os
import sys
import time
import traceback


def run(module, *arguments, on_failure=None):
    """Every case gets @arguments. A case that raises has failed; on_failure(its name) is called, the others still run. Returns the
    exit status. By hand, CASES="test_a test_b" runs these only."""
    wanted = os.environ.get('CASES', '').split()
    cases = [value for name, value in vars(module).items() if name.startswith('test_') and (not wanted or name in wanted)]
    print(f'1..{len(cases)}', flush=True)
    failed = 0
    for number, case in enumerate(cases, 1):
        began = time.monotonic()
        sentence = (case.__doc__ or case.__name__).strip().split('\n')[0].replace('#', '')
        try:
            case(*arguments)
            print(f'ok {number} {sentence}', flush=True)
        except Exception:  # a test reports whatever goes wrong in it
            failed += 1
            print(f'not ok {number} {sentence}', flush=True)
            for line in traceback.format_exc().splitlines():
                print('# ' + line, flush=True)
            if on_failure:
                on_failure(case.__name__)
        print(f'# {time.monotonic() - began:.1f} s', file=sys.stderr, flush=True)
    return 1 if failed else 0
