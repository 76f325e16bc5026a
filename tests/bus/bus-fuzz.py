#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random calls with random arguments on every interface: no crash, and from users who may nothing, no change.
Inside tools/world. BUS_FUZZ_CALLS and BUS_FUZZ_SEED choose how many and which."""
import os
import pwd
import random
import subprocess
import sys

from stage import (Client, Error, Gio, GLib, MANAGER, PATCHES, PATH, Process, Service, Story, clear, compile_program, equal, make_bundle, patch_path)

CALLS, SEED = int(os.environ.get('BUS_FUZZ_CALLS', '1500')), int(os.environ.get('BUS_FUZZ_SEED', '1'))
WORDS = ['', 'apply', 'remove', 'accept', 'uninstall', 'force', 'reason', 'timeout', 'activate', 'limit', 'offset', 'id', 'state', 'target', 'HP001',
         'toy-1.0-1/HP001/toy', '/', '/etc/passwd', '/opt', '/dev/zero', '../..', 'x' * 5000, 'ü\u202e', 'State', 'CVE-2026-0001', 'strict', 'keep']


class Calls:
    """Makes random calls out of the introspected interfaces."""

    def __init__(self, seed):
        self.random, self.client = random.Random(seed), Client()
        self.paths = [PATH, PATH + '/nowhere', PATH + '/jobs/1', PATH + '/patches/0']
        self.paths += self.client.manager('FindPatches', '(a{sv}a{sv})', {}, {})[0]
        self.interfaces = {}
        for path in self.paths[:1] + self.paths[4:5]:
            xml = self.client.call(path, 'org.freedesktop.DBus.Introspectable', 'Introspect')[0]
            for interface in Gio.DBusNodeInfo.new_for_xml(xml).interfaces:
                self.interfaces[interface.name] = interface

    def value(self, signature):
        """A random GVariant of the type."""
        kind, pick = GLib.VariantType(signature), self.random
        if kind.is_array() and kind.element().is_dict_entry():
            entries = [f'{signature[2:3]}' for _ in range(pick.choice([0, 0, 1, 2, 5]))]
            return GLib.Variant('a{sv}', {pick.choice(WORDS): self.value(pick.choice(['s', 'b', 'u', 't', 'as', 'v', 'a{sv}'])) for _ in entries})
        if kind.is_array():
            element = signature[1:]
            items = [self.value(element) for _ in range(pick.choice([0, 1, 2, 3, 300]))]
            return GLib.Variant.new_array(GLib.VariantType(element), items)
        simple = {'s': lambda: pick.choice(WORDS), 'o': lambda: pick.choice(self.paths), 'b': lambda: pick.random() < 0.5,
                  'u': lambda: pick.choice([0, 1, 7, 2**32 - 1]), 't': lambda: pick.choice([0, 1, 2**40, 2**64 - 1])}
        if signature == 'v':
            return GLib.Variant('v', self.value(pick.choice(['s', 'u', 'b'])))
        return GLib.Variant(signature, simple[signature]())

    def make(self):
        pick = self.random
        interface = self.interfaces[pick.choice(sorted(self.interfaces))]
        if not interface.methods:
            return
        method = pick.choice(interface.methods)
        arguments = [argument.signature for argument in method.in_args]
        if pick.random() < 0.05:
            arguments = [pick.choice(['s', 'as', 'a{sv}', 'u'])]
        values = [self.value(signature) for signature in arguments]
        try:
            self.client.call(pick.choice(self.paths), interface.name, method.name, GLib.Variant.new_tuple(*values), timeout=120000)
        except Error as error:
            assert not error.name.endswith('.NoReply') and not error.name.startswith('local'), f'{interface.name}.{method.name}: {error}'


def remote():
    calls = Calls(int(sys.argv[2]))
    for _ in range(int(sys.argv[3])):
        calls.make()


def story():
    tale = Story()
    clear()
    toy_path = compile_program('/opt/toy/toy')
    one = patch_path(make_bundle(toy_path, 1))
    service, toy = Service().start(), Process(toy_path)
    root = Client()

    @tale.case(f'{CALLS} random calls by each of three users change nothing')
    def _():
        root.manager('Rescan', '(a{sv})', {})  # what the start of the program changed is known from here on
        before = (root.get(PATH, MANAGER, 'Generation'), sorted(os.listdir(PATCHES)), toy.ask(10))
        users = []
        for number, name in enumerate(('patchuser', 'dba', 'nobody')):
            entry = pwd.getpwnam(name)
            users.append(subprocess.Popen(['setpriv', f'--reuid={entry.pw_uid}', f'--regid={entry.pw_gid}', '--clear-groups', sys.executable, __file__,
                                           '--remote', str(SEED * 100 + number), str(CALLS)]))
        equal([user.wait() for user in users], [0, 0, 0], 'exit status of the callers')
        root.manager('Rescan', '(a{sv})', {})  # behind what the store's thread still has to clear away
        equal((root.get(PATH, MANAGER, 'Generation'), sorted(os.listdir(PATCHES)), toy.ask(10)), before)
        equal(root.state(one), 'not-applied')

    @tale.case(f'{CALLS} random calls by root, and the service still answers')
    def _():
        calls = Calls(SEED)
        for _ in range(CALLS):
            calls.make()
        equal(service.process.poll(), None)
        assert root.listed() is not None

    return tale.tell()


if sys.argv[1:2] == ['--remote']:
    remote()
else:
    sys.exit(story())
