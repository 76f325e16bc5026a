# SPDX-License-Identifier: GPL-2.0-or-later
"""A private bus with the dbusmock template of the service on it. Must not know what is tested."""
import json
import os
import subprocess

from gi.repository import Gio, GLib

from tap import SOURCE

NAME = 'org.openeuler.SysCare1'
PATH = '/org/openeuler/SysCare1'
MANAGER = NAME + '.Manager'
TEMPLATE = os.path.join(SOURCE, 'tests', 'mock', 'syscare.py')


class PrivateBus:
    """A message bus of its own, without any service; a context manager."""

    def __enter__(self):
        self.daemon = subprocess.Popen(['dbus-daemon', '--session', '--nofork', '--nopidfile', '--print-address'], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, encoding='utf-8')
        self.address = self.daemon.stdout.readline().strip()
        self.bus = Gio.DBusConnection.new_for_address_sync(
            self.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        return self

    def __exit__(self, *_):
        self.bus.close_sync(None)
        self.daemon.kill()
        self.daemon.wait()
        self.daemon.stdout.close()

    def call(self, path, interface, method, arguments, name=NAME):
        return self.bus.call_sync(name, path, interface, method, arguments, None, Gio.DBusCallFlags.NONE, 60000, None).unpack()

    def wait_for_name(self):
        """Returns when somebody owns the service's name."""
        loop = GLib.MainLoop()
        watch = Gio.bus_watch_name_on_connection(self.bus, NAME, Gio.BusNameWatcherFlags.NONE, lambda *_: loop.quit(), None)
        loop.run()
        Gio.bus_unwatch_name(watch)


class MockService(PrivateBus):
    """The bus with the template on it."""

    def __init__(self, **parameters):
        self.parameters = parameters

    def __enter__(self):
        super().__enter__()
        self.process = subprocess.Popen(['/usr/bin/python3', '-m', 'dbusmock', '--session', '--template', TEMPLATE, '-p', json.dumps(self.parameters)],
                                        stdout=subprocess.DEVNULL, env={**os.environ, 'DBUS_SESSION_BUS_ADDRESS': self.address})
        self.wait_for_name()
        return self

    def __exit__(self, *_):
        self.stop()
        super().__exit__()

    def stop(self):
        self.process.kill()
        self.process.wait()

    def mock(self, method, signature='()', *arguments):
        return self.call(PATH, 'org.freedesktop.DBus.Mock', method, GLib.Variant(signature, arguments))

    def fail_next(self, where, error, message='what went wrong\nwhat to do'):
        self.mock('FailNext', '(sss)', where, error, message)

    def calls(self, method):
        """Arguments of the calls of Manager's @method so far."""
        return [arguments for _, name, arguments in self.mock('GetCalls')[0] if name == method]

    def patches(self):
        return self.call(PATH, MANAGER, 'ListPatches', GLib.Variant('(a{sv}asa{sv})', ({}, [], {})))[0]
