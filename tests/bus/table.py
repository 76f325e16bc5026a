#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The contract's table of states and verbs: every pair, on the bus, with a process that shows what really holds.
Inside tools/world."""
import sys

from stage import Client, Process, Service, Story, clear, compile_program, equal, fails, make_bundle, patch_path

# Columns: what the verb makes of a patch in that state; None: not possible; a state with "=": it holds already.
TABLE = {
    'apply': ('active', 'active', '=active', '=accepted'),
    'load': ('deactivated', '=deactivated', None, None),
    'activate': (None, 'active', '=active', '=accepted'),
    'deactivate': (None, '=deactivated', 'deactivated', 'deactivated'),
    'remove': ('=not-applied', 'not-applied', 'not-applied', 'not-applied'),
    'accept': (None, None, 'accepted', '=accepted'),
    'revoke': (None, None, '=active', 'active'),
}
STATES = ('not-applied', 'deactivated', 'active', 'accepted')
WAY = {'not-applied': (), 'deactivated': ('load',), 'active': ('apply',), 'accepted': ('apply', 'accept')}
ANSWER = {'not-applied': 20, 'deactivated': 20, 'active': 21, 'accepted': 21}

story = Story()
clear()
TOY = compile_program('/opt/toy/toy')
ONE = patch_path(make_bundle(TOY, 1))
service = Service().start()
root = Client()
toy = Process(TOY)


def do(verb, **options):
    if verb == 'load':
        return root.do('apply', ONE, activate=False, **options)
    return root.do(verb, ONE, **options)


def bring_to(state):
    do('remove')
    for verb in WAY[state]:
        do(verb)
    equal(root.state(ONE), state)


def pair(verb, state, wanted):
    @story.case(f'{verb} while {state}: {wanted or "InvalidState"}')
    def _():
        bring_to(state)
        can = root.manager('CanPerform', '(saoa{sv})', 'apply' if verb == 'load' else verb, [ONE], {})[0]
        if wanted is None:
            fails('InvalidState', do, verb)
            if verb != 'load':
                equal(can, ['invalid-state'])
            after = state
        else:
            after = wanted.lstrip('=')
            equal(can, ['yes'])
            if wanted[0] == '=':
                fails('InvalidState', do, verb, error_if_unchanged=True)
            equal(do(verb)[0]['Result'], 'unchanged' if wanted[0] == '=' else 'succeeded')
        equal((root.state(ONE), toy.ask(10)), (after, ANSWER[after]))


for name, row in TABLE.items():
    for number, result in enumerate(row):
        pair(name, STATES[number], result)


@story.case('methods of the patch do the same as Submit')
def _():
    bring_to('not-applied')
    for method, state in (('Apply', 'active'), ('Accept', 'accepted'), ('Revoke', 'active'), ('Deactivate', 'deactivated'), ('Activate', 'active'),
                          ('Remove', 'not-applied')):
        job = root.call(ONE, 'org.openeuler.SysCare1.Patch', method, variant())[0]
        root.wait(job)
        equal(root.state(ONE), state, method)


def variant():
    from stage import GLib  # pylint: disable=import-outside-toplevel
    return GLib.Variant('(a{sv})', ({},))


sys.exit(story.tell())
