# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks that are read off the files: each a generator of complaints whose docstring is its sentence. TAP on standard output."""

SHOWN = 40  # complaints of one check


def run_checks(checks):
    """Returns how many of @checks found something."""
    print(f'1..{len(checks)}')
    failures = 0
    for number, check in enumerate(checks, 1):
        found = list(check())
        failures += bool(found)
        print(f'{"not ok" if found else "ok"} {number} {check.__doc__}')
        for line in found[:SHOWN]:
            print('# ' + line)
    return failures
