#!/usr/bin/python3 -Wignore
# SPDX-License-Identifier: GPL-2.0-or-later
"""The window's pages for a kernel patch, with a real service and a real kernel in a guest; see kernel-by-hand, which starts it.

    test_kernel_guest.py PROGRAM INTERFACES SCHEMAS SHARED-FOLDER PID-OF-THE-GUEST"""

import os
import re
import sys

import guest_bus
import harness
import tap
from harness import until

NAME = 'SLEEPER · vmlinux'
PATIENCE = 300  # seconds; an emulated machine is slow
SLEEP = 'sleep 600 >/dev/null 2>&1 & echo $!; until grep -q replacement /proc/$!/stack; do :; done'


def see_state(desktop, word):
    until(lambda: any(row.startswith(NAME) and row.endswith(', ' + word) for row in desktop.app.row_names()), f'the state {word}', PATIENCE)


def test_list(desktop, _guest):
    """the real service's kernel patch is listed"""
    see_state(desktop, 'Not applied')
    desktop.app.select(NAME)
    desktop.app.see(contains='hrtimer_nanosleep', timeout=PATIENCE)


def test_apply(desktop, guest):
    """applied from the window it is in the kernel, and the window says so"""
    desktop.app.click('Apply')
    desktop.app.click('Apply', window='Apply')
    see_state(desktop, 'Active')
    guest.run('test "$(cat /sys/kernel/livepatch/sleeper/enabled)" = 1')
    desktop.app.see(contains='The running kernel uses the new code.', timeout=PATIENCE)
    desktop.app.click('Processes')
    desktop.app.see('No stalled tasks', 'label', timeout=PATIENCE)
    desktop.app.click('Overview')


def test_transition(desktop, guest):
    """a withdrawal that a task holds up shows as such, with a count that the kernel confirms, and as a job of another client"""
    guest.sleeper = int(guest.run(SLEEP))
    guest.run('syscare deactive SLEEPER --timeout 1200 --no-wait')
    desktop.app.see(contains='Deactivating ' + NAME, timeout=PATIENCE)
    told = desktop.app.see(contains='tasks have switched so far.', timeout=PATIENCE)
    moved, total = (int(number) for number in re.search(r'(\d+) of (\d+) tasks', told.name or told.description).groups())
    assert 0 < total - moved <= 3, (moved, total)
    assert guest.run('cat /sys/kernel/livepatch/sleeper/transition').strip() == '1'
    desktop.app.see(contains='The kernel hasn’t switched all tasks', timeout=PATIENCE)


def test_stalled_task(desktop, guest):
    """the page of processes names the task that holds it up, with its function"""
    desktop.app.click('Processes')
    desktop.app.see(contains=f'PID {guest.sleeper}', timeout=PATIENCE)
    desktop.app.see('sleep, Pending', 'list item', timeout=PATIENCE)
    desktop.app.see(contains='replacement', timeout=PATIENCE)
    desktop.app.see('1 task holds the kernel’s transition up', timeout=PATIENCE)
    if os.environ.get('SYSCARE_TEST_PICTURES'):
        desktop.picture_of_failure('kernel-guest')


def test_end_of_transition(desktop, guest):
    """when the task ends, so does the transition, and the window says both without being asked"""
    guest.run(f'kill {guest.sleeper}')
    desktop.app.see('No stalled tasks', 'label', timeout=PATIENCE)
    desktop.app.click('Overview')
    see_state(desktop, 'Deactivated')
    desktop.app.see_not(contains='tasks have switched so far.')
    guest.run('! test -e /sys/kernel/livepatch/sleeper || test "$(cat /sys/kernel/livepatch/sleeper/enabled)" = 0')


def test_foreign(desktop, guest):
    """a livepatch that something else loads appears as that, and can only be looked at"""
    guest.run('syscare remove SLEEPER && syscare uninstall SLEEPER && insmod /mnt/share/sleeper.ko')
    name = 'sleeper · vmlinux'
    until(lambda: any('sleeper' in row and row.endswith(', Active') for row in desktop.app.row_names()), name, PATIENCE)
    desktop.app.select('sleeper')
    desktop.app.see(contains='Something else than this service loaded this patch', timeout=PATIENCE)
    assert not desktop.app.find('Deactivate', harness.BUTTON)


def main():
    program, interfaces, schemas, share, guest_pid = sys.argv[1:6]
    with harness.Desktop(program, interfaces, own_system_bus=False, schemas=schemas) as desktop:
        address = desktop.folder + '/guest_bus'
        os.environ['DBUS_SYSTEM_BUS_ADDRESS'] = 'unix:path=' + address
        guest = guest_bus.Bridge(share, address)
        try:
            guest.run('true', timeout=900)  # it is up, and its service runs
            desktop.start_app()
            desktop.app.resize(1100, 760)
            return tap.run(sys.modules['__main__'], desktop, guest,
                           on_failure=lambda name: (desktop.picture_of_failure(name), desktop.key('Escape')))
        finally:
            guest.end()


if __name__ == '__main__':
    sys.exit(main())
