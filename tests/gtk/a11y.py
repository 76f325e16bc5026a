# SPDX-License-Identifier: GPL-2.0-or-later
"""A window as assistive programs get it: the tree of accessible objects, read over AT-SPI's own bus in one go (all questions of
a level are under way at once, so that a snapshot of a window takes some ten milliseconds). Must not know what the window is for."""

from gi.repository import Gio, GLib

ACCESSIBLE = 'org.a11y.atspi.Accessible'
ROOT = '/org/a11y/atspi/accessible/root'
SENSITIVE, CHECKED, EXPANDED, SELECTED, FOCUSED = 24, 4, 10, 23, 12  # numbers of AtspiStateType
TIMEOUT_MSEC = 10000


class Node:
    """One accessible object as it was when the snapshot was taken."""

    def __init__(self, bus, name, path):
        self.bus, self.owner, self.path = bus, name, path
        self.name = self.description = self.role = ''
        self.children = []
        self.gone = False

    def call(self, interface, method, parameters=None):
        return self.bus.call_sync(self.owner, self.path, interface, method, parameters, None, Gio.DBusCallFlags.NONE, TIMEOUT_MSEC,
                                  None).unpack()

    def read_name(self):
        self.name = self.call('org.freedesktop.DBus.Properties', 'Get', GLib.Variant('(ss)', (ACCESSIBLE, 'Name')))[0]

    def has_state(self, number):
        low, high = self.call(ACCESSIBLE, 'GetState')[0]
        return bool((low | high << 32) >> number & 1)

    def press(self):
        self.call('org.a11y.atspi.Action', 'DoAction', GLib.Variant('(i)', (0,)))
        return True

    def select_only(self, index):
        self.call('org.a11y.atspi.Selection', 'ClearSelection')
        return self.call('org.a11y.atspi.Selection', 'SelectChild', GLib.Variant('(i)', (index,)))[0]

    def select_all(self):
        return self.call('org.a11y.atspi.Selection', 'SelectAll')[0]

    def set_text(self, text):
        return self.call('org.a11y.atspi.EditableText', 'SetTextContents', GLib.Variant('(s)', (text,)))[0]

    def walk(self):
        """This node and all below it, in order."""
        if self.gone:
            return
        yield self
        for child in self.children:
            yield from child.walk()


class Reader:
    """Takes snapshots of one program's windows. The items of lists with the names @closed are not looked into: their own names say
    all, and there are many of them."""

    def __init__(self, closed=()):
        self.closed = closed
        session = Gio.bus_get_sync(Gio.BusType.SESSION)
        address = session.call_sync('org.a11y.Bus', '/org/a11y/bus', 'org.a11y.Bus', 'GetAddress', None, None, Gio.DBusCallFlags.NONE,
                                    TIMEOUT_MSEC, None).unpack()[0]
        self.bus = Gio.DBusConnection.new_for_address_sync(
            address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        self.waiting = 0

    def find_program(self, pid):
        """The root node of the program with this process id; None while it isn't there."""
        registry = Node(self.bus, 'org.a11y.atspi.Registry', ROOT)
        for owner, path in registry.call(ACCESSIBLE, 'GetChildren')[0]:
            try:
                its_pid = self.bus.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                                             'GetConnectionUnixProcessID', GLib.Variant('(s)', (owner,)), None, Gio.DBusCallFlags.NONE,
                                             TIMEOUT_MSEC, None).unpack()[0]
            except GLib.Error:
                continue
            if its_pid == pid:
                return Node(self.bus, owner, path)
        return None

    def ask(self, node, interface, method, parameters, take):
        """Asks without waiting; @take gets the answer. An object that is gone is marked so."""
        def answered(bus, result):
            self.waiting -= 1
            try:
                take(bus.call_finish(result).unpack())
            except GLib.Error:
                node.gone = True
        self.waiting += 1
        self.bus.call(node.owner, node.path, interface, method, parameters, None, Gio.DBusCallFlags.NONE, TIMEOUT_MSEC, None, answered)

    def read(self, node, closed=False):
        """Reads @node and then, unless it is a list item of a @closed list, its children."""
        missing = {'name', 'role'}

        def known(part):
            missing.discard(part)
            if not missing and not (closed and node.role == 'list item' and node.name):
                self.ask(node, ACCESSIBLE, 'GetChildren', None, children)

        def properties(answer):
            node.name, node.description = answer[0].get('Name', ''), answer[0].get('Description', '')
            known('name')

        def role(answer):
            node.role = answer[0]
            known('role')

        def children(answer):
            node.children = [Node(self.bus, owner, path) for owner, path in answer[0]]
            for child in node.children:
                self.read(child, node.name in self.closed)

        self.ask(node, 'org.freedesktop.DBus.Properties', 'GetAll', GLib.Variant('(s)', (ACCESSIBLE,)), properties)
        self.ask(node, ACCESSIBLE, 'GetRoleName', None, role)

    def snapshot(self, root):
        """@root anew, with everything that is shown below it."""
        top = Node(self.bus, root.owner, root.path)
        self.read(top)
        context = GLib.MainContext.default()
        while self.waiting:
            context.iteration(True)
        return top
