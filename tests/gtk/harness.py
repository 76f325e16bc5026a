# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the real window on a display and buses of its own, and drives it through AT-SPI as an assistive program would.
Must not know what a test wants to see.

    with Desktop(program, interfaces) as desktop:
        desktop.start_mock(); app = desktop.start_app(); app.click('Apply')
"""

import contextlib
import difflib
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from gi.repository import Gio, GLib

import a11y

TIMEOUT = 10  # seconds until a state that should come is called missing
BUTTON = ('button', 'push button', 'toggle button', 'tab', 'radio', 'radio button', 'check box')
BUS_CONFIG = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=%s</listen>%s
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>'''


LISTS = ('Patches', '补丁', 'Processes', '进程')
NOTIFICATIONS = '''<node><interface name="org.freedesktop.Notifications">
<method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="as" direction="in"/><arg type="a{sv}" direction="in"/><arg type="i" direction="in"/>
<arg type="u" direction="out"/></method>
<method name="CloseNotification"><arg type="u" direction="in"/></method>
<method name="GetCapabilities"><arg type="as" direction="out"/></method></interface></node>'''


class Missing(AssertionError):
    pass


def plain(name):
    """A button's name without mnemonic and dots. GTK 4.8 tells an explicit label and the text inside, one after the other."""
    name = name.replace('_', '').replace('…', '')
    half = len(name) // 2
    return name[:half] if name[:half] + ' ' + name[:half] == name else name


def until(condition, what, timeout=TIMEOUT):
    """Waits for condition() to be true and returns its value. GTK 4.8 doesn't signal every change over AT-SPI, so it is asked anew."""
    end = time.monotonic() + timeout
    context = GLib.MainContext.default()
    while True:
        while context.iteration(False):
            pass
        try:
            value = condition()
        except GLib.Error:
            value = None  # what was looked at went away at that moment
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
        return self

    def __exit__(self, *_):
        end(self.app and self.app.process)
        end(self.mock)
        for process in reversed(self.processes):
            end(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_display(self):
        """Of a number that nobody has: a server in another mount namespace can have the same lowest free one, and clients take the
        abstract socket, which they share, first. It doesn't begin anew when its last client leaves (the accessibility bus looks in before
        the window does): that would end whoever comes just then."""
        read, write = os.pipe()
        server = subprocess.Popen(['Xvfb', f':{random.randrange(1000, 30000)}', '-displayfd', str(write), '-screen', '0',
                                   self.size + 'x24', '-nolisten', 'tcp', '-noreset'], pass_fds=[write], stderr=subprocess.DEVNULL)
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

    def adopt(self, pid):
        """The program of that process id, which somebody else started, is the window from now on."""
        if self.app:
            end(self.app.process)
        self.app = App(self, [], {}, pid)
        return self.app

    def picture(self, path, width=None, height=None):
        crop = ['-crop', f'{width}x{height}+0+0', '+repage'] if width else []
        subprocess.run(['import', '-window', 'root', *crop, '+dither', '-colors', '200', 'png8:' + path], check=True)

    def picture_of_failure(self, name):
        """For whoever looks into a failed test: the screen, if $SYSCARE_TEST_PICTURES names a directory."""
        folder = os.environ.get('SYSCARE_TEST_PICTURES')
        if folder:
            self.picture(f'{folder}/{name}.png')

    def watch_notifications(self):
        """Plays the desktop's notification service; returns the list that the summaries are appended to."""
        info = Gio.DBusNodeInfo.new_for_xml(NOTIFICATIONS).interfaces[0]
        told = []

        def on_call(_bus, _sender, _path, _interface, method, parameters, invocation):
            if method == 'Notify':
                told.append(parameters.unpack()[3])
                invocation.return_value(GLib.Variant('(u)', (1,)))
            elif method == 'GetCapabilities':
                invocation.return_value(GLib.Variant('(as)', (['body', 'actions'],)))
            else:
                invocation.return_value(None)
        session = Gio.bus_get_sync(Gio.BusType.SESSION)
        session.register_object('/org/freedesktop/Notifications', info, on_call, None, None)
        Gio.bus_own_name_on_connection(session, 'org.freedesktop.Notifications', Gio.BusNameOwnerFlags.NONE, None, None)
        return told

    def unfocus(self):
        """Takes the keyboard away from the window, to the display's root, and the pointer, which the keyboard would follow."""
        subprocess.run(['xdotool', 'mousemove', '1279', '899'], check=True)
        root = subprocess.run(['xdotool', 'search', '--maxdepth', '0', ''], capture_output=True, text=True, check=False).stdout.split()
        subprocess.run(['xdotool', 'windowfocus', root[0]], check=True)

    @contextlib.contextmanager
    def drag(self, source, path, x, y):
        """Drags the file @path from the window of the program @source to that point of the display, as a hand with a mouse does."""
        process = subprocess.Popen([source, path], stdout=subprocess.PIPE, text=True)
        try:
            window = process.stdout.readline().split()[1]
            for step in (['windowmove', '--sync', window, '1150', '780'], ['mousemove', '--sync', '1200', '830'], ['mousedown', '1']):
                subprocess.run(['xdotool', *step], check=True)
            for way in range(1, 11):  # a jump is no drag
                subprocess.run(['xdotool', 'mousemove', '--sync', str(1200 + (x - 1200) * way // 10), str(830 + (y - 830) * way // 10)],
                               check=True)
                time.sleep(0.05)
            subprocess.run(['xdotool', 'mouseup', '1'], check=True)
            yield process
        finally:
            end(process)

    def key(self, *keys):
        subprocess.run(['xdotool', 'key', *keys], check=True)

    def type(self, text):
        subprocess.run(['xdotool', 'type', text], check=True)


class Started:
    """A process that isn't our child, with what is used of subprocess.Popen."""

    def __init__(self, pid):
        self.pid = pid
        self.descriptor = os.pidfd_open(pid)

    def poll(self):
        return 0 if select.select([self.descriptor], [], [], 0)[0] else None

    def wait(self, timeout=None):
        if not select.select([self.descriptor], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return 0

    def terminate(self):
        signal.pidfd_send_signal(self.descriptor, signal.SIGTERM)

    def kill(self):
        signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)


class App:
    """One run of the program, or the one that has the process id @started."""

    def __init__(self, desktop, arguments, environment, started=None):
        self.desktop = desktop
        self.began = time.monotonic()
        self.process = Started(started) if started else subprocess.Popen(
            [desktop.program, *arguments], env={**os.environ, 'G_DEBUG': 'fatal-criticals', **environment})
        self.reader = None
        self.root = until(self.find_root, 'the window')

    def find_root(self):
        if self.process.poll() is not None:
            raise Missing(f'the program ended with {self.process.returncode}')
        try:
            self.reader = self.reader or a11y.Reader(LISTS)
            root = self.reader.find_program(self.process.pid)
            return root if root and root.call(a11y.ACCESSIBLE, 'GetChildren')[0] else None
        except GLib.Error:
            return None  # the bus of assistive technologies is still being started

    def close(self):
        end(self.process)

    def x_windows(self):
        return subprocess.run(['xdotool', 'search', '--onlyvisible', '--pid', str(self.process.pid)], check=False, capture_output=True,
                              text=True).stdout.split()

    def centre_dialog(self, width, height):
        """Puts the dialog over the middle of a window of that size, as a window manager would."""
        dialog = until(lambda: [window for window in self.x_windows() if window != self.x_window], 'the dialog')[0]
        shape = dict(line.split('=') for line in subprocess.run(['xdotool', 'getwindowgeometry', '--shell', dialog], check=True,
                                                                capture_output=True, text=True).stdout.split())
        subprocess.run(['xdotool', 'windowmove', '--sync', dialog, str(max(0, (width - int(shape['WIDTH'])) // 2)),
                        str(max(0, (height - int(shape['HEIGHT'])) // 2))], check=True)

    def resize(self, width, height):
        window = self.x_window = self.x_windows()[0]
        subprocess.run(['xdotool', 'windowsize', '--sync', window, str(width), str(height), 'windowmove', window, '0', '0',
                        'windowfocus', '--sync', window, 'mousemove', '200', '40'], check=True)

    # ------------------------------------------------------------------------------------------------- what is there

    def windows(self):
        """The windows and dialogs, each as a snapshot; what stands behind a dialog can't be used and is without content."""
        owners = [a11y.Node(self.root.bus, owner, path) for owner, path in self.root.call(a11y.ACCESSIBLE, 'GetChildren')[0]]
        for node in owners[:-1] if len(owners) > 1 else []:
            with contextlib.suppress(GLib.Error):
                node.read_name()
        front = [self.reader.snapshot(owners[-1])] if owners else []
        return front + owners[:-1]

    def find_all(self, name=None, role=None, contains=None, within=None):
        roles = role if isinstance(role, tuple) else (role,) if role else None
        for window in [within] if within else self.windows():
            for node in window.walk():
                if roles and node.role not in roles:
                    continue
                if name is not None and name not in (node.name, plain(node.name)):
                    continue
                if contains is not None and contains not in node.name and contains not in node.description:
                    continue
                yield node

    def find(self, name=None, role=None, contains=None, within=None):
        return next(self.find_all(name, role, contains, within), None)

    def see(self, name=None, role=None, contains=None, timeout=TIMEOUT):
        """Waits until such a node is there; a failure names the texts that come nearest."""
        try:
            return until(lambda: self.find(name, role, contains), f'{role or "text"} “{name or contains}”', timeout)
        except Missing as error:
            near = difflib.get_close_matches(name or contains or '', self.texts(), 3, 0.5)
            raise Missing(f'{error}; the nearest there: {near}') from None

    def see_not(self, name=None, role=None, contains=None):
        until(lambda: not self.find(name, role, contains), f'the end of “{name or contains}”')

    def click(self, name, role=BUTTON, window=None):
        """Presses a button as soon as it is there and sensitive; with @window only in the window of that title."""
        def pressed():
            for top in self.windows():
                if window is not None and top.name != window:
                    continue
                for node in self.find_all(name, role, within=top):
                    with contextlib.suppress(GLib.Error):  # a menu button is two: one of them can be pressed
                        if node.has_state(a11y.SENSITIVE) and node.press():
                            return True
            return False
        until(pressed, f'a sensitive button “{name}”')

    def wait_for_windows(self, n):
        until(lambda: len(self.windows()) == n, f'{n} windows')

    def list_node(self):
        return self.find('Patches', ('list', 'list box')) or self.find('补丁', ('list', 'list box'))

    def row_names(self):
        found = self.list_node()
        return [row.name for row in found.children if not row.gone] if found else []

    def select(self, name):
        """Selects the row of the list whose name contains this."""
        def selected():
            found = self.list_node()
            for index, row in enumerate(found.children if found else []):
                if name in row.name:
                    return found.select_only(index)
            return False
        until(selected, f'a row “{name}”')

    def search(self, text):
        self.see('Search for patches').set_text(text)

    def texts(self):
        return [text for window in self.windows() for node in window.walk() for text in (node.name, node.description) if text]
