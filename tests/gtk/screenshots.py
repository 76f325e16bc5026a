#!/usr/bin/python3 -Wignore
# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes the pictures of docs/screenshots from the real window with the mock's patches.

    screenshots.py PROGRAM INTERFACES SCHEMAS LOCALES FOLDER"""

import os
import subprocess
import sys
import time

import harness
from harness import until
from bundle import make_bundle

WIDE, NARROW = (1100, 760), (360, 720)
CHINESE = {'LC_ALL': 'C.UTF-8', 'LANGUAGE': 'zh_CN'}
RIGHT_TO_LEFT = {'LC_ALL': 'C.UTF-8', 'LANGUAGE': 'ar'}
DARK = {'ADW_DEBUG_COLOR_SCHEME': 'prefer-dark'}


def settle():
    """Lets transitions end: a picture has no event to wait for."""
    time.sleep(0.7)


def shot(desktop, folder, name, size):
    settle()
    desktop.picture(f'{folder}/{name}.png', *size)
    print(name, flush=True)


def start(desktop, size, environment=None):
    app = desktop.start_app(environment=environment or {})
    until(lambda: len(app.row_names()) == 13, 'the list')
    app.resize(*size)
    return app


def dialog_shot(desktop, folder, name, size):
    """A dialog over its window, and away with it."""
    settle()
    desktop.app.centre_dialog(*size)
    shot(desktop, folder, name, size)
    desktop.key('Escape')
    desktop.app.wait_for_windows(1)


def one_patch(desktop, folder):
    app = start(desktop, WIDE)
    app.select('HP007 · libc')
    app.see(contains='__ns_name_unpack')
    shot(desktop, folder, 'light', WIDE)
    app.search('redis')
    until(lambda: len(app.row_names()) == 2, 'two rows')
    app.select('HP001 · redis')
    app.click('Processes')
    app.see(contains='thread 1211')
    shot(desktop, folder, 'processes', WIDE)
    app.click('Overview')
    app.click('Deactivate')
    app.see(contains='The target is the build')
    dialog_shot(desktop, folder, 'confirm', WIDE)
    desktop.tell_mock('Fail', 'Submit', 'TargetMismatch', '/usr/bin/redis-check-rdb: the Build-ID is 3f2a…, the patch is for 8a1f…')
    app.click('Accept')
    until(lambda: len(app.windows()) == 2, 'the error')
    app.click('Details')
    dialog_shot(desktop, folder, 'error-action', WIDE)
    app.search('')
    app.select('HP101')
    app.see(contains='qfq_change_class')
    app.click('Processes')
    app.see(contains='holds the kernel')
    shot(desktop, folder, 'kernel-processes', WIDE)
    app.click('Overview')
    shot(desktop, folder, 'kernel', WIDE)


def several_patches(desktop, folder):
    app = desktop.app
    app.search('openssl')
    until(lambda: len(app.row_names()) == 2, 'two rows')
    app.list_node().select_all()
    app.see('2 patches selected')
    desktop.tell_mock('Hold', True)
    desktop.tell_mock('Foreign', 'apply', 'tcp_bbr')
    app.see(contains='started by user id')
    shot(desktop, folder, 'several', WIDE)
    desktop.tell_mock('Hold', False)
    app.see_not(contains='started by user id')
    app.click('Remove')
    app.see(contains='The target is the build')
    app.click('Remove', window='Remove')
    app.see('2 done, 0 not done')
    dialog_shot(desktop, folder, 'batch-result', WIDE)
    desktop.key('ctrl+u')
    app.see(contains='as it was before')
    app.select('HP003')
    app.click('History')
    app.see(contains='by you')
    shot(desktop, folder, 'history', WIDE)
    app.click('Overview')
    app.search('no such patch')
    app.see('Nothing matches')
    shot(desktop, folder, 'nothing-matches', WIDE)
    app.search('')
    subprocess.run([desktop.program, make_bundle(desktop)], check=True)
    app.see('CVE-2026-77777')
    dialog_shot(desktop, folder, 'install', WIDE)
    desktop.key('ctrl+question')
    app.see('Shortcuts')
    dialog_shot(desktop, folder, 'shortcuts', WIDE)


def looks(desktop, folder):
    app = start(desktop, WIDE, DARK)
    app.select('HP014 · nginx')
    app.see(contains='ngx_http_mp4_read_stsz_atom')
    shot(desktop, folder, 'dark', WIDE)

    app = start(desktop, WIDE, {'ADW_DEBUG_HIGH_CONTRAST': '1'})
    app.select('HP007 · libc')
    app.see(contains='__ns_name_unpack')
    shot(desktop, folder, 'high-contrast', WIDE)

    app = start(desktop, WIDE, {**DARK, 'ADW_DEBUG_HIGH_CONTRAST': '1'})
    app.select('HP007 · libc')
    app.see(contains='__ns_name_unpack')
    shot(desktop, folder, 'high-contrast-dark', WIDE)

    app = start(desktop, NARROW)
    shot(desktop, folder, 'narrow-list', NARROW)
    desktop.key('ctrl+f')
    desktop.type('HP001 redis')
    until(lambda: len(app.row_names()) == 1, 'one row')
    desktop.key('Return')
    app.see('Back to the list', harness.BUTTON)
    app.see(contains='xautoclaimCommand')
    shot(desktop, folder, 'narrow-detail', NARROW)
    app.click('Processes')
    app.see(contains='thread 1211')
    shot(desktop, folder, 'narrow-processes', NARROW)

    app = start(desktop, WIDE, RIGHT_TO_LEFT)
    app.select('HP007 · libc')
    app.see(contains='__ns_name_unpack')
    shot(desktop, folder, 'right-to-left', WIDE)

    app = start(desktop, WIDE, CHINESE)
    app.select('HP007 · libc')
    app.see(contains='__ns_name_unpack')
    shot(desktop, folder, 'zh_CN', WIDE)
    app.see(contains='停用(', role=harness.BUTTON).press()
    app.see(contains='The target is the build')
    dialog_shot(desktop, folder, 'zh_CN-confirm', WIDE)


def errors(desktop, folder):
    desktop.kill_mock()
    desktop.app.see('补丁服务未安装')
    shot(desktop, folder, 'zh_CN-error', WIDE)

    app = desktop.start_app()
    app.see('The patch service isn’t installed')
    app.resize(*WIDE)
    shot(desktop, folder, 'error-missing', WIDE)
    desktop.start_mock('--old')
    app.see('The patch service is another version')
    shot(desktop, folder, 'error-version', WIDE)
    desktop.kill_mock()
    desktop.start_mock()
    until(lambda: len(app.row_names()) == 13, 'the list')
    desktop.tell_mock('Empty')
    app.see('No patches installed', 'label')
    shot(desktop, folder, 'nothing-installed', WIDE)


def main():
    program, interfaces, schemas, locales, folder = sys.argv[1:6]
    os.environ['SYSCARE_LOCALE_DIR'] = locales
    with harness.Desktop(program, interfaces, schemas=schemas) as desktop:
        desktop.start_mock()
        one_patch(desktop, folder)
        several_patches(desktop, folder)
        looks(desktop, folder)
        errors(desktop, folder)


if __name__ == '__main__':
    main()
