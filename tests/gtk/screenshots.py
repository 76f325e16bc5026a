#!/usr/bin/python3 -Wignore
# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes the pictures of docs/screenshots from the real window with the mock's patches.

    screenshots.py PROGRAM INTERFACES SCHEMAS LOCALES FOLDER"""

import os
import sys
import time

import harness
from harness import until

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


def pictures(desktop, folder):
    app = start(desktop, WIDE)
    app.select('HP001 · redis')
    app.see(contains='xautoclaimCommand')
    shot(desktop, folder, 'light', WIDE)
    app.click('Processes')
    app.see(contains='thread 1211')
    shot(desktop, folder, 'processes', WIDE)
    app.click('Overview')
    app.click('Deactivate')
    app.see(contains='The target is the build')
    shot(desktop, folder, 'confirm', WIDE)
    desktop.key('Escape')
    app.wait_for_windows(1)
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
    app.search('no such patch')
    app.see('Nothing matches')
    shot(desktop, folder, 'nothing-matches', WIDE)

    app = start(desktop, WIDE, DARK)
    app.select('HP014 · nginx')
    app.see(contains='ngx_http_mp4_read_stsz_atom')
    shot(desktop, folder, 'dark', WIDE)

    app = start(desktop, WIDE, {'ADW_DEBUG_HIGH_CONTRAST': '1'})
    app.select('HP007 · libc')
    app.see(contains='__ns_name_unpack')
    shot(desktop, folder, 'high-contrast', WIDE)

    app = start(desktop, NARROW)
    shot(desktop, folder, 'narrow-list', NARROW)
    desktop.key('ctrl+f')
    desktop.type('HP001 redis')
    until(lambda: len(app.row_names()) == 1, 'one row')
    desktop.key('Return')
    app.see('Back to the list', harness.BUTTON)
    app.see(contains='xautoclaimCommand')
    shot(desktop, folder, 'narrow-detail', NARROW)

    app = start(desktop, WIDE, RIGHT_TO_LEFT)
    app.select('HP001 · redis')
    app.see(contains='xautoclaimCommand')
    shot(desktop, folder, 'right-to-left', WIDE)

    app = start(desktop, WIDE, CHINESE)
    app.select('HP001 · redis')
    app.see(contains='xautoclaimCommand')
    shot(desktop, folder, 'zh_CN', WIDE)
    desktop.kill_mock()
    app.see('补丁服务未安装')
    shot(desktop, folder, 'zh_CN-error', WIDE)

    app = desktop.start_app()
    app.see('The patch service isn’t installed')
    app.resize(*WIDE)
    shot(desktop, folder, 'error-missing', WIDE)
    desktop.start_mock('--old')
    app.see('The patch service is another version')
    shot(desktop, folder, 'error-version', WIDE)


def main():
    program, interfaces, schemas, locales, folder = sys.argv[1:6]
    os.environ['SYSCARE_LOCALE_DIR'] = locales
    with harness.Desktop(program, interfaces, schemas=schemas) as desktop:
        desktop.start_mock()
        pictures(desktop, folder)


if __name__ == '__main__':
    main()
