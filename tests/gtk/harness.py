# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the real window on a display and buses of its own, and drives it through AT-SPI as an assistive program would.
Must not know what a test wants to see.

    with Desktop(program, interfaces) as desktop:
        desktop.start_mock(); app = desktop.start_app(); app.click('Apply')
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TIMEOUT = 15  # seconds until a state that should come is called missing
BUTTON = ('push button', 'button', 'toggle button', 'menu item', 'check box', 'radio menu item', 'check menu item')
BUS_CONFIG = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=%s</listen>%s
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>'''


class Missing(AssertionError):
    pass


def until(condition, what, timeout=TIMEOUT):
    """Waits for condition() to be true and returns its value. AT-SPI caches, so it is asked again and again."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Missing(f'{what} did not come within {timeout} s')
        time.sleep(0.03)


def end(process):
    if process and process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Desktop:
    """A display, a session bus, and (unless the world's own is to be used) a system bus."""

    def __init__(self, program, interfaces, own_system_bus=True, size='1280x900', schemas=None):
        self.program, self.interfaces, self.own_system_bus, self.size = program, interfaces, own_system_bus, size
        self.schemas = schemas
        self.processes, self.mock, self.app = [], None, None

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix='syscare-gtk-')
        os.chmod(self.folder, 0o700)
        os.environ.update(GSK_RENDERER='cairo', GSETTINGS_BACKEND='memory', LC_ALL='C.UTF-8', XDG_RUNTIME_DIR=self.folder,
                          XDG_CONFIG_HOME=self.folder, XDG_CACHE_HOME=self.folder, XDG_DATA_HOME=self.folder, TZ='UTC',
                          NO_AT_BRIDGE='0')
        os.environ.pop('LANGUAGE', None)
        if self.schemas:
            os.environ['GSETTINGS_SCHEMA_DIR'] = self.schemas
        try:
            self.start_display()
            self.start_buses()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        import gi
        gi.require_version('Atspi', '2.0')
        from gi.repository import Atspi
        self.atspi = Atspi
        Atspi.init()
        return self

    def __exit__(self, *_):
        end(self.app and self.app.process)
        end(self.mock)
        for process in reversed(self.processes):
            end(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_display(self):
        read, write = os.pipe()
        server = subprocess.Popen(['Xvfb', '-displayfd', str(write), '-screen', '0', self.size + 'x24', '-nolisten', 'tcp'],
                                  pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        self.processes.append(server)
        with os.fdopen(read) as file:
            number = file.readline().strip()
        if not number:
            raise Missing('Xvfb does not start')
        os.environ['DISPLAY'] = ':' + number
        os.environ.pop('WAYLAND_DISPLAY', None)

    def start_bus(self, arguments):
        bus = subprocess.Popen(['dbus-daemon', '--nofork', '--nopidfile', '--print-address=1', *arguments], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.DEVNULL)
        self.processes.append(bus)
        address = bus.stdout.readline().strip()
        if not address:
            raise Missing('dbus-daemon does not start')
        return address

    def start_buses(self):
        os.environ['DBUS_SESSION_BUS_ADDRESS'] = self.start_bus(['--session'])
        if not self.own_system_bus:
            return
        os.makedirs(self.folder + '/services')
        config = self.folder + '/system.conf'
        self.write_system_config(config, activatable=False)
        self.system_bus = None
        self.restart_system_bus(config)

    def write_system_config(self, path, activatable):
        if activatable:
            with open(self.folder + '/services/org.openeuler.SysCare1.service', 'w', encoding='utf-8') as file:
                file.write('[D-BUS Service]\nName=org.openeuler.SysCare1\nExec=/bin/false\n')
        services = f'<servicedir>{self.folder}/services</servicedir>' if activatable else ''
        with open(path, 'w', encoding='utf-8') as file:
            file.write(BUS_CONFIG % (self.folder + '/system_bus', services))

    def restart_system_bus(self, config=None):
        self.stop_system_bus()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.folder + '/system_bus')
        os.environ['DBUS_SYSTEM_BUS_ADDRESS'] = self.start_bus(['--config-file=' + (config or self.folder + '/system.conf')])
        self.system_bus = self.processes[-1]

    def stop_system_bus(self):
        if self.system_bus:
            end(self.system_bus)
            self.processes.remove(self.system_bus)
            self.system_bus = None

    # ------------------------------------------------------------------------------------------------ the service

    def start_mock(self, *arguments):
        here = os.path.dirname(os.path.abspath(__file__))
        self.mock = subprocess.Popen([sys.executable, here + '/mock_service.py', '--interfaces', self.interfaces, *arguments],
                                     stdout=subprocess.PIPE, text=True)
        if self.mock.stdout.readline().strip() != 'ready':
            raise Missing('the mock service does not start')

    def kill_mock(self):
        self.mock.send_signal(signal.SIGKILL)
        self.mock.wait()

    def tell_mock(self, method, *arguments):
        """Calls a method of the mock's control interface; returns what gdbus prints."""
        words = [('true' if a else 'false') if isinstance(a, bool) else a for a in arguments]
        return subprocess.run(['gdbus', 'call', '--system', '-d', 'org.openeuler.SysCare1', '-o', '/mock', '-m',
                               'org.openeuler.SysCare.Mock.' + method, *words], check=True, capture_output=True, text=True).stdout

    # -------------------------------------------------------------------------------------------------- the window

    def start_app(self, *arguments, environment=None, user=None):
        if self.app:
            end(self.app.process)
        self.app = App(self, [*arguments], environment or {})
        return self.app

    def picture(self, path, width=None, height=None):
        crop = ['-crop', f'{width}x{height}+0+0', '+repage'] if width else []
        subprocess.run(['import', '-window', 'root', *crop, '-colors', '128', 'png8:' + path], check=True)

    def key(self, *keys):
        subprocess.run(['xdotool', 'key', *keys], check=True)

    def type(self, text):
        subprocess.run(['xdotool', 'type', text], check=True)


class App:
    """One run of the program."""

    def __init__(self, desktop, arguments, environment):
        self.desktop, self.atspi = desktop, desktop.atspi
        self.began = time.monotonic()
        self.process = subprocess.Popen([desktop.program, *arguments], env={**os.environ, **environment})
        self.name = os.path.basename(desktop.program)
        self.root = until(self.find_root, 'the window')

    def find_root(self):
        if self.process.poll() is not None:
            raise Missing(f'the program ended with {self.process.returncode}')
        top = self.atspi.get_desktop(0)
        top.clear_cache()
        for i in range(top.get_child_count()):
            child = top.get_child_at_index(i)
            if child and child.get_name() == self.name and child.get_process_id() == self.process.pid and child.get_child_count():
                return child
        return None

    def close(self):
        end(self.process)

    def resize(self, width, height):
        found = subprocess.run(['xdotool', 'search', '--onlyvisible', '--pid', str(self.process.pid)], capture_output=True, text=True).stdout
        window = found.split()[0]
        subprocess.run(['xdotool', 'windowsize', '--sync', window, str(width), str(height), 'windowmove', window, '0', '0'], check=True)

    # ------------------------------------------------------------------------------------------------- what is there

    def walk(self, node=None):
        """Every visible node, depth first. Pages that aren't shown are left out: GTK 4.8 marks them only as not visible."""
        from gi.repository import GLib
        node = node or self.root
        try:
            if node is not self.root and not node.get_state_set().contains(self.atspi.StateType.VISIBLE):
                return
            yield node
            for i in range(node.get_child_count()):
                child = node.get_child_at_index(i)
                if child:
                    yield from self.walk(child)
        except GLib.Error:
            return  # it went away meanwhile

    def find_all(self, name=None, role=None, contains=None):
        from gi.repository import GLib
        for node in self.walk():
            try:
                own = node.get_name()
                if role and node.get_role_name() not in (role if isinstance(role, tuple) else (role,)):
                    continue
                if name is not None and own != name:
                    continue
                if contains is not None and contains not in own:
                    continue
                yield node
            except GLib.Error:
                continue

    def find(self, name=None, role=None, contains=None):
        return next(self.find_all(name, role, contains), None)

    def see(self, name=None, role=None, contains=None, timeout=TIMEOUT):
        """Waits until such a node is there."""
        return until(lambda: self.find(name, role, contains), f'{role or "text"} “{name or contains}”', timeout)

    def see_not(self, name=None, role=None, contains=None):
        until(lambda: not self.find(name, role, contains), f'the end of “{name or contains}”')

    def button(self, name):
        return self.see(name, BUTTON)

    def is_sensitive(self, node):
        node.clear_cache_single()
        return node.get_state_set().contains(self.atspi.StateType.SENSITIVE)

    def click(self, name, role=BUTTON):
        def pressed():
            node = self.find(name, role)
            return node and self.is_sensitive(node) and node
        node = until(pressed, f'a sensitive button “{name}”')
        node.get_action_iface().do_action(0)

    def rows(self):
        found = self.find('Patches', ('list', 'list box')) or self.find('补丁', ('list', 'list box'))
        return [found.get_child_at_index(i) for i in range(found.get_child_count())] if found else []

    def row_names(self):
        return [row.get_name() for row in self.rows() if row]

    def select(self, name):
        """Selects the row of the list whose name contains this."""
        def selected():
            found = self.see(name='Patches', role=('list', 'list box'))
            for i in range(found.get_child_count()):
                row = found.get_child_at_index(i)
                if row and name in row.get_name():
                    return found.get_selection_iface().select_child(i)
            return False
        until(selected, f'a row “{name}”')

    def search(self, text):
        entry = self.see('Search for patches')
        entry.get_editable_text_iface().set_text_contents(text)

    def texts(self):
        return [node.get_name() for node in self.walk() if node.get_name()]
