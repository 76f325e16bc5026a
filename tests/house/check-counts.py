#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/check counts what really happened: nothing that failed, was skipped or never ran passes. TAP on standard output."""
import contextlib
import io
import json
import os
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tools/lib'))
sys.dont_write_bytecode = True
import check  # noqa: E402

PROTOCOLS = {'tap one': 'tap', 'plain': 'exitcode'}


def counted(results, protocols=None):
    """What Check.count() makes of a record with @results."""
    with tempfile.TemporaryDirectory() as folder:
        record = os.path.join(folder, 'log.json')
        with open(record, 'w', encoding='utf-8') as file:
            for result in results:
                file.write(json.dumps({'duration': 0.1, 'stdout': '', **result}) + '\n')
        with contextlib.redirect_stdout(io.StringIO()):
            return check.Check(folder).count(record, protocols or PROTOCOLS)


PLAIN = {'name': 'unit - syscare:plain', 'result': 'OK'}
TAP = {'name': 'unit - syscare:tap one', 'result': 'OK'}


def repeated():
    """What the end of a run says about a failure: the case, and what that case said and no other."""
    output = '1..3\nok 1 a\n# fine\nnot ok 2 b\n# why\nok 3 c\n# fine, too\n'
    with tempfile.TemporaryDirectory() as folder:
        one = check.Check(folder)
        record = os.path.join(folder, 'log.json')
        with open(record, 'w', encoding='utf-8') as file:
            file.write(json.dumps({'duration': 0.1, **TAP, 'result': 'FAIL', 'stdout': output}) + '\n')
        with contextlib.redirect_stdout(io.StringIO()) as said:
            one.tally.add('suite', *one.count(record, {'tap one': 'tap'}), 0.1)
            one.tally.report()
    return said.getvalue().split('What failed:')[-1].split('\n\n')


def only(result):
    name = result['name'].split(':')[-1]
    return counted([result], {name: PROTOCOLS[name]})


CASES = {
    'each case of a TAP program counts': (only({**TAP, 'stdout': '1..2\nok 1 a\nok 2 - b\n'}), (2, 0)),
    'a failed case counts once': (only({**TAP, 'result': 'FAIL', 'stdout': '1..2\nok 1 a\nnot ok 2 b\n'}), (1, 1)),
    'a skipped case counts as failed': (only({**TAP, 'stdout': '1..2\nok 1 a\nok 2 b # SKIP no root\n'}), (1, 1)),
    'cases that never ran count as failed': (only({**TAP, 'result': 'ERROR', 'stdout': '1..5\nok 1 a\n'}), (1, 1)),
    'a crash after the last case counts as failed': (only({**TAP, 'result': 'ERROR', 'stdout': '1..1\nok 1 a\n'}), (1, 1)),
    'words in the output of a case are no cases': (only({**TAP, 'stdout': '# ok 7 x\n1..1\nok 1 a\n  ok 9 nested\n'}), (1, 0)),
    'a plain program counts as one': (only(PLAIN), (1, 0)),
    'a plain program that prints "ok" still counts as one': (only({**PLAIN, 'stdout': 'ok 1\nok 2\n'}), (1, 0)),
    'a plain program that is skipped counts as failed': (only({**PLAIN, 'result': 'SKIP'}), (0, 1)),
    'a plain program that takes too long counts as failed': (only({**PLAIN, 'result': 'TIMEOUT'}), (0, 1)),
    'a program without any record counts as failed': (counted([{**TAP, 'stdout': '1..1\nok 1 a\n'}]), (1, 1)),
    'an empty record fails for every program': (counted([]), (0, 2)),
    'the end of the run repeats what failed': (repeated(), ['\n  tap one: b\n      # why', '2 passed, 1 failed\n']),
}


def main():
    print(f'1..{len(CASES)}')
    failures = 0
    for number, (sentence, (seen, wanted)) in enumerate(CASES.items(), 1):
        failures += seen != wanted
        print(f'{"ok" if seen == wanted else "not ok"} {number} {sentence}')
        if seen != wanted:
            print(f'# {seen} instead of {wanted}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
