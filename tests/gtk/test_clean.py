#!/usr/bin/python3 -Wignore
# SPDX-License-Identifier: GPL-2.0-or-later
"""A day of the window, from its start to its end: what it does in test_window.py, one thing after the other, and then it must end by
itself with status 0. Built with sanitizers (tools/check does both) that says that it used no memory wrongly and lost none: what GTK
and the libraries below it never free is in leaks.supp.

    test_clean.py PROGRAM INTERFACES SCHEMAS"""

import os
import signal
import sys
import types

import harness
import tap
import test_window
from harness import until

HERE = os.path.dirname(os.path.abspath(__file__))
# Every page, dialog and way of ending that the window has, once each.
DAY = ('list', 'search', 'kind_order_and_groups', 'kernel_transition', 'processes', 'deactivate_and_undo', 'apply', 'progress_and_cancel',
       'other_client', 'reasons', 'declined', 'failed_job', 'batch', 'history', 'install', 'foreign', 'troubles', 'empty',
       'service_killed_and_back', 'old_service')


def quit_window(desktop, keys):
    desktop.key(keys)
    status = desktop.app.process.wait(120)
    assert status == 0, f'the window ended with {status}'


def test_end(desktop):
    """after all that the window ends by itself, with nothing lost"""
    quit_window(desktop, 'ctrl+q')


def test_end_while_waiting(desktop):
    """a window that waits for a silent service ends as well, with nothing lost"""
    desktop.start_app()
    until(lambda: len(desktop.app.row_names()) == 13, 'the list')
    desktop.app.resize(1100, 760)
    test_window.open_patch(desktop, 'HP004 · libcrypto.so.3')
    os.kill(desktop.mock.pid, signal.SIGSTOP)
    try:
        desktop.app.click('Activate')
        quit_window(desktop, 'ctrl+w')
    finally:
        os.kill(desktop.mock.pid, signal.SIGCONT)


def main():
    program, interfaces, schemas = sys.argv[1:4]
    os.environ['GDK_DEBUG'] = 'gl-disable'  # drivers are unloaded before the end, so that their leaks have no name
    os.environ['LSAN_OPTIONS'] = f'suppressions={HERE}/leaks.supp:print_suppressions=0'
    cases = {f'test_{name}': getattr(test_window, 'test_' + name) for name in DAY}
    day = types.SimpleNamespace(**cases, test_end=test_end, test_end_while_waiting=test_end_while_waiting)
    with harness.Desktop(program, interfaces, schemas=schemas) as desktop:
        desktop.start_mock()
        desktop.start_app()
        desktop.app.resize(1100, 760)
        return tap.run(day, desktop, on_failure=lambda name: test_window.tidy_up(desktop, name))


if __name__ == '__main__':
    sys.exit(main())
