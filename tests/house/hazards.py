#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/hazards.md names a test for each known way to fail: no number is missing, each test is there and is run. TAP on standard output.

Must not know what any test does."""
import os
import re
import sys

from checks import run_checks

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NUMBERS = [str(n) for n in range(1, 51)]
NUMBERS[NUMBERS.index('19') + 1:NUMBERS.index('19') + 1] = ['19a']
NUMBERS[NUMBERS.index('22') + 1:NUMBERS.index('22') + 1] = ['22' + letter for letter in 'abcdefghi']


def text_of(name):
    """A file of the tree; empty when it isn't there."""
    try:
        with open(os.path.join(TOP, name), encoding='utf-8') as file:
            return file.read()
    except FileNotFoundError:
        return ''


def rows():
    """(number, failure, tests) of each row of the table."""
    for line in text_of('docs/hazards.md').splitlines():
        cells = [cell.strip() for cell in line.strip('|').split(' | ')]
        if len(cells) == 3 and re.fullmatch(r'\d+[a-z]?', cells[0].strip('| ')):
            yield cells[0].strip('| '), cells[1], cells[2].rstrip('| ')


def tests_of(cell):
    """(file, case) pairs of a cell; the case is empty when there is none."""
    return [(name, case) for name, _, case in (word.partition(': ') for word in re.findall(r'`([^`]+)`', cell))]


def has_case(name, case):
    """Whether the test file has the case: as a string of its own, the end of a test's path, a line's words, or a function's name that is added."""
    text = text_of(name).replace("\\'", "'").replace('"\n', '"')
    text = re.sub(r'"\s+"', '', text)
    return re.search(rf"(?:[\"'/(]){re.escape(case)}(?=[\"')])", text) is not None


def is_run(name):
    """Whether Meson runs the file: it, its name without "test-", or a script that names it stands in a meson.build."""
    folder, file = os.path.split(name)
    stem = os.path.splitext(file)[0]
    build = text_of(os.path.join(folder, 'meson.build'))
    words = {file, stem, stem.removeprefix('test-')}
    if any(re.search(rf"['/]{re.escape(word)}'", build) for word in words):
        return True
    scripts = [other for other in os.listdir(os.path.join(TOP, folder)) if other.endswith('.sh') and other in build]
    return any(file in text_of(os.path.join(folder, other)) for other in scripts)


ROWS = list(rows())


def numbers():
    """Every known hazard has its row, and there is no other"""
    seen = [number for number, _, _ in ROWS]
    yield from (f'{number}: no row' for number in NUMBERS if number not in seen)
    yield from (f'{number}: {seen.count(number)} rows' for number in sorted(set(seen)) if seen.count(number) > 1 or number not in NUMBERS)


def shown():
    """Every row names a test, or says that it is open, and why"""
    for number, failure, cell in ROWS:
        if not failure:
            yield f'{number}: does not say what fails'
        if '*open*' in cell and not re.search(r'\*open\*: \w[^`]{20,}', cell):
            yield f'{number}: open without a reason'
        elif '*open*' not in cell and not tests_of(cell):
            yield f'{number}: neither a test nor open'


def existing():
    """Every test that is named is in its file"""
    for number, _, cell in ROWS:
        for name, case in tests_of(cell):
            if not case or not has_case(name, case):
                yield f'{number}: {name} has no case "{case}"'


def running():
    """Every file that is named is run by Meson"""
    for name in sorted({name for _, _, cell in ROWS for name, _ in tests_of(cell)}):
        if not is_run(name):
            yield f'{name}: in no meson.build'


CHECKS = [numbers, shown, existing, running]


def main():
    failures = run_checks(CHECKS)
    still_open = [number for number, _, cell in ROWS if '*open*' in cell]
    cases = sum(len(tests_of(cell)) for _, _, cell in ROWS)
    print(f'# {len(ROWS)} hazards, {cases} tests, {len(still_open)} open{": " if still_open else ""}{", ".join(still_open)}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
