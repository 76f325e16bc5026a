#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks that are full or read-only: each verb says what is wrong and where, and nothing that was acknowledged is lost. Inside tools/world."""
import os
import shutil
import sys

from stage import Client, MANAGER, PATCHES, PATH, Process, STATE, Service, Story, clear, compile_program, equal, fails, make_bundle, patch_path, run


def fill(folder):
    """Takes all the room that is left; returns the file that has it."""
    filler = os.path.join(folder, '.filler')
    with open(filler, 'wb', buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
    return filler


def story():
    tale = Story()
    clear()
    for folder in (PATCHES, STATE):
        os.makedirs(folder)
    os.chmod(STATE, 0o700)
    run('mount', '-t', 'tmpfs', '-o', 'size=1m,mode=755', 'none', PATCHES)
    run('mount', '-t', 'tmpfs', '-o', 'size=64k,mode=700', 'none', STATE)
    toy_path = compile_program('/opt/toy/toy')
    bundle = make_bundle(toy_path, 1)
    second = make_bundle(compile_program('/opt/toy/other', 5), 7, name='HP002')
    shutil.move(second, '/tmp/second')
    one = patch_path(bundle)
    service, toy, root = Service('--trigger=').start(), Process(toy_path), Client()
    root.do('apply', one)
    root.do('accept', one)

    def stands():
        """The accepted patch is there, also for the next life of the service."""
        equal((root.state(one), toy.ask(10)), ('accepted', 21))
        service.restart()
        equal((root.state(one), toy.ask(10)), ('accepted', 21))

    @tale.case('every verb on a full state directory: it fails and says so, and what was accepted stays accepted')
    def _():
        for verb in ('deactivate', 'remove'):
            filler = fill(STATE)
            error = fails('Failed', root.do, verb, one)
            assert STATE in error.message and 'No space left on device' in error.message, error
            assert 'the change was made, but' in error.message, error
            equal(toy.ask(10), 20, verb)
            os.unlink(filler)
            service.restart()  # which makes the truth follow what was acknowledged last
            stands()

    @tale.case('an install on a full patch directory: it fails and says so, and leaves nothing')
    def _():
        filler = fill(PATCHES)
        error = fails('Failed', root.manager, 'Install', '(sa{sv})', '/tmp/second', {})
        assert 'No space left on device' in error.message, error
        os.unlink(filler)
        equal(os.listdir(PATCHES), [os.path.basename(bundle)])
        root.wait(root.manager('Install', '(sa{sv})', '/tmp/second', {})[0])
        equal(len(os.listdir(PATCHES)), 2)
        root.wait(root.manager('Uninstall', '(aoa{sv})', [patch_path('/tmp/second')], {})[0])
        stands()

    @tale.case('a read-only state directory: accepted patches are there, changes say why they can\'t be kept')
    def _():
        run('mount', '-o', 'remount,ro', STATE)
        stands()
        error = fails('Failed', root.do, 'revoke', one)
        assert STATE in error.message and 'Read-only file system' in error.message, error
        stands()
        run('mount', '-o', 'remount,rw', STATE)
        root.do('revoke', one)
        root.do('accept', one)
        stands()

    @tale.case('a read-only patch directory: patches work, install and uninstall say why not')
    def _():
        run('mount', '-o', 'remount,ro', PATCHES)
        stands()
        error = fails('Failed', root.manager, 'Install', '(sa{sv})', '/tmp/second', {})
        assert PATCHES in error.message and 'Read-only file system' in error.message, error
        root.do('remove', one)
        root.do('apply', one)
        root.do('accept', one)
        run('mount', '-o', 'remount,rw', PATCHES)
        stands()

    @tale.case('all of it is in the history')
    def _():
        verbs = {record['Verb'] for record in root.manager('GetHistory', '(tua{sv})', 0, 0, {})[0]}
        assert {'apply', 'accept', 'revoke', 'install', 'uninstall'} <= verbs, verbs
        equal(root.get(PATH, MANAGER, 'Degraded'), [])

    return tale.tell()


sys.exit(story())
