# SPDX-License-Identifier: GPL-2.0-or-later
"""What the command line's tests share: TAP output, running syscare, a private bus. Must not know what is tested."""
import json
import os
import subprocess
import sys
import traceback

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SYSCARE = os.environ.get('SYSCARE', 'syscare')
CASES = []


def case(function):
    """A test; its docstring is its name, a sentence."""
    CASES.append(function)
    return function


def main():
    """Runs all cases; TAP on standard output."""
    failed = 0
    print(f'1..{len(CASES)}')
    for number, function in enumerate(CASES, 1):
        name = ' '.join(function.__doc__.split()).rstrip('.')
        try:
            function()
            print(f'ok {number} - {name}', flush=True)
        except BaseException as error:  # pylint: disable=broad-except
            if isinstance(error, KeyboardInterrupt):
                raise
            failed += 1
            for line in traceback.format_exc().rstrip().splitlines():
                print(f'# {line}')
            print(f'not ok {number} - {name}', flush=True)
    sys.exit(1 if failed else 0)


def equal(got, wanted, what=''):
    if got != wanted:
        raise AssertionError(f'{what}\n  got:    {got!r}\n  wanted: {wanted!r}')


def contains(text, part):
    if part not in text:
        raise AssertionError(f'{part!r} is not in:\n{text}')


def environment(**more):
    """English, no colours, no terminal's width."""
    env = {**os.environ, 'LC_ALL': 'C.UTF-8', 'LANGUAGE': '', **more}
    return {key: value for key, value in env.items() if value is not None}


def syscare(*arguments, status=0, env=None, user=None):
    """Runs syscare; fails unless it exits with @status (None: any). Returns the completed process."""
    command = [SYSCARE, *arguments]
    if user:
        command = ['runuser', '-u', user, '--', *command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8',
                          env=env or environment(), check=False)
    if status is not None and done.returncode != status:
        raise AssertionError(f'syscare {" ".join(arguments)}: status {done.returncode}, wanted {status}\n{done.stdout}{done.stderr}')
    return done


def syscare_json(*arguments, status=0, user=None):
    done = syscare(*arguments, '--json', status=status, user=user)
    return json.loads(done.stdout)


def error_form(done):
    """Standard error has the one form: a line `syscare: WHAT: WHY`, then indented lines. Returns (line, hint)."""
    lines = done.stderr.rstrip('\n').split('\n')
    if not lines[0].startswith('syscare: '):
        raise AssertionError(f'not an error line: {done.stderr!r}')
    for line in lines[1:]:
        if not line.startswith('  '):
            raise AssertionError(f'not indented: {line!r} in {done.stderr!r}')
    return lines[0], '\n'.join(line[2:] for line in lines[1:])
