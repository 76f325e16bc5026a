#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits hold, with ten thousand patches installed: pages, lengths of strings and lists, the queue, one user's share of it; and whoever only reads is
served meanwhile. Inside tools/world."""
import os
import sys

from stage import (Client, GLib, JOB, MANAGER, PATCHES, PATH, Process, Service, Story, User, add_rule, clear, compile_program, equal, fails,
                   make_bundle, pack, patch_path, run, write)

MANY, QUEUE, SHARE = 10000, 8, 3
LONG = 300 * 1000000  # microseconds

story = Story()
clear()
TOY = compile_program('/opt/toy/toy')
make_bundle(TOY, 1, count=MANY - QUEUE - 1)  # one for the program, the others for what isn't there
WORKING = [patch_path(make_bundle(TOY, 1, name=f'QUEUE{number}')) for number in range(QUEUE + 1)]
write('/etc/syscare-test.conf', f'[service]\nqueue-limit={QUEUE}\nqueue-limit-per-user={SHARE}\n')
add_rule('50-test.rules', 'polkit.addRule(function(action, subject) { if (subject.user == "patchuser" && action.id.indexOf('
         '"org.openeuler.syscare1.apply-") == 0) return polkit.Result.YES; });')
service = Service('--config=/etc/syscare-test.conf', '--trigger=').start()
root, user = Client(), User('patchuser')
toy = Process(TOY)


def page(properties=('Name',), match=None, **options):
    return root.manager('ListPatches', '(a{sv}asa{sv})', pack(match or {}), list(properties), pack(options))[0]


def everything(**options):
    rows, part = [], [None]
    while part:
        part = page(offset=len(rows), **options)
        rows += part
    return rows


PATHS = [row['Path'] for row in everything()]


@story.case('ten thousand patches come page by page, each once and in order')
def _():
    equal(len(os.listdir(PATCHES)), MANY)
    rows = everything()
    names = [row['Name'] for row in rows]
    equal((len(rows), len({row['Path'] for row in rows}), names), (MANY, MANY, sorted(names)))
    for limit, count in ((0, 1000), (1, 1), (999, 999), (1001, 1000), (0xffffffff, 1000)):
        equal(len(page(limit=limit)), count, limit)
    equal((page(offset=MANY), page(offset=0xffffffff)), ([], []))
    equal(len(page(offset=MANY - 1, limit=0xffffffff)), 1)
    equal([row['Path'] for row in everything(omit_empty=True)], [row['Path'] for row in rows])
    listed = run('syscare', 'list').splitlines()[1:]
    equal([line.split()[0] for line in listed], names)


@story.case('strings and lists that are too long are refused, and the refusal is short')
def _():
    long = 'x' * 100000
    refused = [fails('.InvalidArgs', page, match={'id': 'x' * 512}), fails('.InvalidArgs', page, [long]), fails('.InvalidArgs', page, match={long: 'x'}),
               fails('.InvalidArgs', page, **{long: True}), fails('.InvalidArgs', page, ['Name'] * 100000 + ['x']),
               fails('.InvalidArgs', root.submit, long, PATHS[:1]), fails('.InvalidArgs', root.submit, 'apply', PATHS[:1], reason='x' * 1025),
               fails('.InvalidArgs', root.submit, 'apply', PATHS[:257]), fails('.InvalidArgs', root.submit, 'apply', PATHS),
               fails('.InvalidArgs', root.manager, 'Check', '(saoa{sv})', 'apply', PATHS[:257], {}),
               fails('.InvalidArgs', root.manager, 'CanPerform', '(saoa{sv})', 'apply', PATHS[:257], {}),
               fails('.InvalidArgs', root.manager, 'Uninstall', '(aoa{sv})', PATHS[:257], {}),
               fails('.InvalidArgs', root.manager, 'Install', '(sa{sv})', '/' + 'x' * 4096, {})]
    for error in refused:
        assert len(error.message) < 1000, error.message[:200]
    equal(page(match={'id': 'x' * 511}), [])
    equal(len(page(['Name'] * 100000, limit=1)), 1)
    equal(len(root.manager('CanPerform', '(saoa{sv})', 'apply', PATHS[:256], {})[0]), 256)
    equal(root.manager('GetHistory', '(tua{sv})', 0, 0xffffffff, {})[0], [])


@story.case('the queue takes as many jobs as it may, of a user his share; everybody can still read, and it drains')
def _():
    toy.stay()
    jobs = [user.submit('apply', path, timeout=LONG) for path in WORKING[:SHARE]]
    fails('.LimitsExceeded', user.submit, 'apply', WORKING[SHARE])
    jobs += [root.submit('apply', [path], timeout=LONG) for path in WORKING[SHARE:QUEUE]]
    error = fails('.LimitsExceeded', root.submit, 'apply', [WORKING[QUEUE]])
    assert f'{QUEUE} in all' in error.message, error
    for reader in (user.call, lambda *call: root.call(*call[:3], GLib.Variant(*call[3:]))):
        equal(len(reader(PATH, MANAGER, 'FindPatches', '(a{sv}a{sv})', ({}, {}))[0]), MANY)
    equal({row['Path'] for row in everything(properties=('Job',)) if row['Job'] != '/'}, set(WORKING[:QUEUE]))
    equal(root.get(jobs[-1], JOB, 'State'), 'queued')

    for job in reversed(jobs):
        root.cancel(job)
        fails('Cancelled', root.wait, job)
    equal(toy.leave(), 0)
    equal(root.do('apply', WORKING[QUEUE])[0]['State'], 'active')
    equal(toy.ask(10), 21)
    root.do('remove', WORKING[QUEUE])
    equal((toy.ask(10), [row for row in everything(properties=('State', 'Job')) if (row['State'], row['Job']) != ('not-applied', '/')]), (20, []))


sys.exit(story.tell())
