#!/usr/bin/python3 -Wignore
# SPDX-License-Identifier: GPL-2.0-or-later
"""The window as a part of a desktop session: assistive programs, the keyboard alone, D-Bus activation, drag and drop, notifications,
and that it can be closed whatever it waits for. Against the mock service.

    test_session.py PROGRAM INTERFACES SCHEMAS DRAG-SOURCE"""

import os
import re
import signal
import subprocess
import sys

import a11y
import harness
import tap
from bundle import make_bundle
from harness import until

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TYPE_NAME = re.compile(r'^(Gtk|Adw|Sc)[A-Z]\w+$')  # what GTK 4.8 tells of a widget without a name
USED = (*harness.BUTTON, 'text', 'entry', 'list', 'list item', 'search box', 'switch', 'combo box',
        'menu item', 'menu item radio', 'menu item checkbox', 'check menu item', 'radio menu item')
NAME, PATH = 'org.openeuler.SysCare', '/org/openeuler/SysCare'


def ask(bus, *words):
    return subprocess.run(['gdbus', 'call', '--' + bus, *words], check=True, capture_output=True, text=True).stdout


def application(method, *words):
    """Calls a method of the window's program as a desktop shell does."""
    return ask('session', '-d', NAME, '-o', PATH, '-m', 'org.freedesktop.Application.' + method, *words)


def escape(desktop):
    desktop.key('Escape')
    desktop.app.wait_for_windows(1)


def open_patch(desktop, name, sign):
    desktop.app.select(name)
    desktop.app.see(contains=sign)


# ---------------------------------------------------------------------------------------------- names for assistive programs

def nameless(app):
    """The widgets in front that somebody uses and that say nothing of themselves."""
    found, seen = [], 0
    for node in app.windows()[0].walk():
        if node.role not in USED:
            continue
        seen += 1
        if not node.name.strip() or TYPE_NAME.match(node.name):
            found.append(f'{node.role} “{node.name}” {node.description}')
    assert seen > 0, 'nothing to use here: is the tree there?'
    return found


def test_names_of_pages(desktop):
    """every button, entry, list, row and menu entry of the pages has a name for screen readers"""
    app = desktop.app
    for name, sign in (('HP001 · redis', 'xautoclaimCommand'), ('HP101', 'qfq_change_class'), ('HP009', 'Curl_pgrsUpdate')):
        open_patch(desktop, name, sign)
        for page in ('Processes', 'History', 'Overview'):
            app.click(page)
            assert not nameless(app), (name, page, nameless(app))
    for menu in ('Main menu', 'Sorting and grouping', 'More for this patch'):
        app.click(menu)
        until(lambda: any('menu item' in n.role for n in app.windows()[0].walk()), 'the menu')
        assert not nameless(app), (menu, nameless(app))
        desktop.key('Escape')


def test_names_of_dialogs(desktop):
    """the same for the dialogs and the error page"""
    app = desktop.app
    open_patch(desktop, 'HP002 · redis', 'lpValidateNext')
    app.click('Apply')
    app.see(contains='The target is the build')
    assert not nameless(app), nameless(app)
    escape(desktop)
    application('Open', f"['file://{make_bundle(desktop)}']", '{}')
    app.see('CVE-2026-77777')
    assert not nameless(app), nameless(app)
    escape(desktop)
    desktop.tell_mock('Fail', 'Submit', 'Failed', 'a detail')
    open_patch(desktop, 'HP004 · libcrypto', 'BN_mod_exp')
    app.click('Activate')
    until(lambda: len(app.windows()) == 2, 'the error')
    assert not nameless(app), nameless(app)
    escape(desktop)
    desktop.kill_mock()
    app.see('The patch service isn’t installed', 'label')
    assert not nameless(app), nameless(app)
    desktop.start_mock()
    until(lambda: len(app.row_names()) == 13, 'the list again')


def test_rows_say_all(desktop):
    """a row tells name, target and state, and as description CVE, severity and problem, without empty pieces"""
    for row in desktop.app.list_node().children:
        for text in (row.name, row.description):
            assert not re.search(r'^[ ,.]|, ,|\. \.|[ ,.] *$', text) or text.endswith('.'), text
    row = next(row for row in desktop.app.list_node().children if row.name.startswith('HP001 · redis'))
    assert row.description == 'CVE-2026-66373. High. Some processes run the target without the patch.', row.description


# ------------------------------------------------------------------------------------------------------- the keyboard alone

def focused(app):
    """The name of the widget that has the keyboard."""
    for window in app.windows():
        for node in window.walk():
            if node.role in USED and node.name and node.has_state(a11y.FOCUSED):
                return harness.plain(node.name)
    return ''


def tab_to(desktop, name):
    for _ in range(60):
        if name in focused(desktop.app):
            return
        desktop.key('Tab')
    raise harness.Missing(f'no way to “{name}” by Tab; the last was “{focused(desktop.app)}”')


def test_keyboard_only(desktop):
    """search, open, deactivate with its question, undo, processes and history: without a mouse"""
    app = desktop.app
    desktop.key('ctrl+f')
    desktop.type('HP003')
    until(lambda: len(app.row_names()) == 1, 'one row')
    desktop.key('Return')
    app.see(contains='tls_process_cert_verify')
    tab_to(desktop, 'Deactivate')
    desktop.key('space')
    app.see('Deactivate HP003 · libssl.so.3?')
    app.see(contains='The target is the build')
    tab_to(desktop, 'Deactivate')
    desktop.key('Return')
    until(lambda: app.row_names()[0].endswith('Deactivated'), 'the new state')
    desktop.key('ctrl+u')
    until(lambda: app.row_names()[0].endswith('Active'), 'the old state')
    desktop.key('alt+2')
    app.see('41 of 41 processes run the new code')
    desktop.key('alt+3')
    app.see(contains='by you')
    desktop.key('alt+1')
    desktop.key('ctrl+shift+l')
    until(lambda: len(app.row_names()) == 13, 'the whole list')


def test_shortcuts_window(desktop):
    """the window of shortcuts opens by key and knows every shortcut of the program"""
    app = desktop.app
    desktop.key('ctrl+question')
    app.see('Shortcuts')
    app.see('Clear search and filters')
    escape(desktop)
    with open(TOP + '/gui/application.c', encoding='utf-8') as file:
        table = file.read().split('keys[] = {')[1].split('};')[0]
    with open(TOP + '/gui/ui/help-overlay.ui', encoding='utf-8') as file:
        told = ' '.join(re.findall(r'name="accelerator">([^<]*)<', file.read())).replace('&lt;', '<').replace('&gt;', '>').split()
    accelerators = re.findall(r'"((?:<\w+>)+\w+|F\d+)"', table)
    assert len(accelerators) > 10
    assert not set(accelerators) - set(told), set(accelerators) - set(told)


# ------------------------------------------------------------------------------------------------------- the desktop around it

def test_drop(desktop):
    """a patch file dragged from another program onto the window is shown before anything is installed"""
    with desktop.drag(sys.argv[4], make_bundle(desktop), 500, 400):
        desktop.app.see('CVE-2026-77777')
        desktop.app.see('Install Patch', 'label')
    assert "'Install" not in desktop.tell_mock('Log')
    escape(desktop)


def test_notification_leads_to_patch(desktop):
    """pressing a notification shows the patch that it is about"""
    path = re.search(r"'(/org/openeuler/SysCare1/patches/\w+)'", ask(
        'system', '-d', 'org.openeuler.SysCare1', '-o', '/org/openeuler/SysCare1', '-m', 'org.openeuler.SysCare1.Manager.ListPatches',
        '{}', '["Name"]', '{"offset": <uint32 5>, "limit": <uint32 1>}')).group(1)
    name = ask('system', '-d', 'org.openeuler.SysCare1', '-o', path, '-m', 'org.freedesktop.DBus.Properties.Get',
               'org.openeuler.SysCare1.Patch', 'Name').split("'")[1]
    application('ActivateAction', 'show-patch', f"[<'{path}'>]", '{}')
    desktop.app.see(contains=name)


def test_silent_service(desktop):
    """a service that runs but doesn't answer any more is a page that says so; the list is back as soon as it answers"""
    app = desktop.app
    until(lambda: len(app.row_names()) == 13, 'the list')
    os.kill(desktop.mock.pid, signal.SIGSTOP)
    try:
        app.see('The patch service doesn’t answer', 'label', timeout=120)  # it is given 30 s
        assert not app.row_names()
    finally:
        os.kill(desktop.mock.pid, signal.SIGCONT)
    until(lambda: len(app.row_names()) == 13, 'the list again')


def test_activation(desktop):
    """the session bus starts the program when somebody asks for it, as .desktop file and service file promise"""
    desktop.app.close()
    with open(TOP + '/data/desktop/org.openeuler.SysCare.service.in', encoding='utf-8') as file:
        text = file.read().replace('@bindir@/syscare-gui', desktop.program)
    os.makedirs(desktop.folder + '/dbus-1/services', exist_ok=True)
    with open(f'{desktop.folder}/dbus-1/services/{NAME}.service', 'w', encoding='utf-8') as file:
        file.write(text)
    ask('session', '-d', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', '-m', 'org.freedesktop.DBus.ReloadConfig')
    # As a session manager does: the test's system bus came after the session bus.
    ask('session', '-d', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', '-m', 'org.freedesktop.DBus.UpdateActivationEnvironment',
        str({'DBUS_SYSTEM_BUS_ADDRESS': os.environ['DBUS_SYSTEM_BUS_ADDRESS'], 'G_DEBUG': 'fatal-criticals'}))
    with open(TOP + '/data/desktop/org.openeuler.SysCare.desktop.in', encoding='utf-8') as file:
        assert 'DBusActivatable=true\n' in file.read()
    application('Open', f"['file://{make_bundle(desktop)}']", '{}')
    pid = int(re.search(r'uint32 (\d+)', ask('session', '-d', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', '-m',
                                             'org.freedesktop.DBus.GetConnectionUnixProcessID', NAME)).group(1))
    app = desktop.adopt(pid)
    app.see('CVE-2026-77777')
    app.click('Cancel')
    until(lambda: len(app.row_names()) == 13, 'the list')
    application('Activate', '{}')
    app.wait_for_windows(1)  # the same window comes to the front, no second one
    app.close()


def test_close_while_waiting(desktop):
    """the window closes at once while the service doesn't answer: at the start, and with a question under way"""
    os.kill(desktop.mock.pid, signal.SIGSTOP)
    try:
        app = desktop.start_app()
        app.see('Asking the patch service', 'label')
        app.resize(1100, 760)
        desktop.key('ctrl+w')
        assert app.process.wait(10) == 0
    finally:
        os.kill(desktop.mock.pid, signal.SIGCONT)
    app = desktop.start_app()
    until(lambda: len(app.row_names()) == 13, 'the list')
    app.resize(1100, 760)
    open_patch(desktop, 'HP004 · libcrypto', 'BN_mod_exp')
    os.kill(desktop.mock.pid, signal.SIGSTOP)
    try:
        app.click('Activate')
        app.search('nginx')  # it still lives
        until(lambda: len(app.row_names()) == 1, 'one row')
        desktop.key('ctrl+w')
        assert app.process.wait(10) == 0
    finally:
        os.kill(desktop.mock.pid, signal.SIGCONT)


def main():
    program, interfaces, schemas = sys.argv[1:4]
    with harness.Desktop(os.path.abspath(program), interfaces, schemas=schemas) as desktop:
        desktop.start_mock()
        desktop.start_app()
        until(lambda: len(desktop.app.row_names()) == 13, 'the list')
        desktop.app.resize(1100, 760)

        def tidy_up(name):
            desktop.picture_of_failure(name)
            desktop.key('Escape')
        return tap.run(sys.modules['__main__'], desktop, on_failure=tidy_up)


if __name__ == '__main__':
    sys.exit(main())
