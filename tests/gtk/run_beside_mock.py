#!/usr/bin/python3 -Wignore
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a program on a display of its own, with the mock service on a system bus of its own.

    run_beside_mock.py INTERFACES SCHEMAS LOCALES LANGUAGE PROGRAM [ARGUMENT]..."""

import os
import subprocess
import sys

import harness


def main():
    interfaces, schemas, locales, language, *command = sys.argv[1:]
    os.environ['SYSCARE_LOCALE_DIR'] = locales
    with harness.Desktop(command[0], interfaces, schemas=schemas, size='2000x1000') as desktop:
        desktop.start_mock()
        return subprocess.run(command, env={**os.environ, 'LANGUAGE': language}, check=False).returncode


if __name__ == '__main__':
    sys.exit(main())
