#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The service says what the processes say, and keeps what was wished, however it ends. Inside tools/world."""
import os
import shutil
import signal
import sys

from stage import (Client, Process, Service, Story, clear, compile_program, equal, fails, make_bundle, patch_path, run, PATCHES, RUNTIME, STATE,
                   write)

story = Story()
clear()
TOY = compile_program('/opt/toy/toy')
BUNDLE = make_bundle(TOY, 1)
ONE = patch_path(BUNDLE)
service = Service('--trigger=').start()  # new processes stay unpatched until somebody asks
me = Client()
toys = [Process(TOY), Process(TOY)]


def answers():
    return [toy.ask(10) for toy in toys]


def look():
    """The row of the patch after a look at the processes that begins now: a list may be a second old."""
    me.manager('Rescan', '(a{sv})', {})
    return me.listed()[ONE]


@story.case('an installed patch is listed as not applied, with its processes')
def _():
    row = look()
    equal((row['State'], row['ProcessesTotal'], row['ProcessesPatched'], row['Problems']), ('not-applied', 2, 0, []))
    equal(answers(), [20, 20])


@story.case('processes that come and go are counted, and the generation stays: nothing that is decided by it has changed')
def _():
    def generation():
        return me.get('/org/openeuler/SysCare1', 'org.openeuler.SysCare1.Manager', 'Generation')
    before = generation()
    toys.append(Process(TOY))
    equal((look()['ProcessesTotal'], generation()), (3, before))
    toys.pop().end()
    equal((look()['ProcessesTotal'], generation()), (2, before))


@story.case('apply reaches every process')
def _():
    results = me.do('apply', ONE, reason='first')
    equal([(r['Result'], r['State']) for r in results], [('succeeded', 'active')])
    equal(sorted(p['Pid'] for p in results[0]['Processes']), sorted(toy.pid for toy in toys))
    equal(answers(), [21, 21])
    row = me.listed()[ONE]
    equal((row['State'], row['ProcessesPatched'], row['Problems']), ('active', 2, []))


@story.case('SIGKILL and a new start change nothing [31]')
def _():
    service.restart(signal.SIGKILL)
    equal(me.state(ONE), 'active')
    equal(answers(), [21, 21])


@story.case('without state and runtime folders the processes still say that it is active')
def _():
    service.stop(signal.SIGKILL)
    shutil.rmtree(STATE)
    shutil.rmtree(RUNTIME)
    service.start()
    equal(me.state(ONE), 'active')


@story.case('a process without the patch is a problem of an active patch, and apply mends it')
def _():
    toys.append(Process(TOY))
    row = look()
    equal((row['State'], row['ProcessesTotal'], row['ProcessesPatched'], row['Problems']), ('active', 3, 2, ['processes-unpatched']))
    me.do('apply', ONE)
    equal(answers(), [21, 21, 21])
    equal(me.listed()[ONE]['Problems'], [])


@story.case('acceptance is durable before the answer, and a start brings the patch to new processes [30][32]')
def _():
    me.do('accept', ONE)
    service.stop(signal.SIGKILL)
    toys.append(Process(TOY))
    equal(toys[-1].ask(10), 20)
    service.start()
    equal(me.state(ONE), 'accepted')
    equal(answers(), [21] * 4)


@story.case('apply on an accepted patch leaves it accepted [33]')
def _():
    equal([r['Result'] for r in me.do('apply', ONE)], ['unchanged'])
    equal(me.state(ONE), 'accepted')
    fails('InvalidState', me.do, 'apply', ONE, error_if_unchanged=True)


@story.case('a patch whose files are gone stays in the list while processes carry it')
def _():
    shutil.move(BUNDLE, '/opt/kept')
    me.manager('Rescan', '(a{sv})', {})
    row = me.listed()[ONE]
    equal((row['State'], row['Problems']), ('accepted', ['bundle-missing']))
    assert any(text.startswith('bundle-missing: ') for text in me.get('/org/openeuler/SysCare1', 'org.openeuler.SysCare1.Manager', 'Degraded'))
    # The store's copy stands for them, also in another life.
    service.restart(signal.SIGKILL)
    row = me.listed()[ONE]
    equal((row['State'], row['Problems'], row['Name']), ('accepted', ['bundle-missing'], 'toy-1.0-1/HP001/toy'))
    me.do('deactivate', ONE)
    equal(answers(), [20] * 4)
    me.do('activate', ONE)
    me.do('accept', ONE)
    equal(answers(), [21] * 4)
    # Without the copy only the processes know the patch.
    service.stop(signal.SIGKILL)
    shutil.move(f'{STATE}/bundles', '/opt/copies')
    service.start()
    row = me.listed()[ONE]
    equal((row['State'], row['Problems'], row['Name']), ('accepted', ['bundle-missing'], ''))
    fails('PatchCorrupt', me.do, 'deactivate', ONE)
    shutil.rmtree('/opt/copies')
    shutil.move('/opt/kept', BUNDLE)
    me.manager('Rescan', '(a{sv})', {})
    equal(me.listed()[ONE]['Problems'], [])


def put(path, content):
    """As package managers do: a new file takes the name. The old one may be mapped, and whoever writes into it changes what runs."""
    with open(path + '.new', 'wb') as file:
        file.write(content)
    os.rename(path + '.new', path)


def spoil(path):
    with open(path, 'rb') as file:
        whole = file.read()
    put(path, whole[:len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1:])
    return whole


@story.case('where the installed files are damaged the copy is restored, and the damage is told')
def _():
    service.stop()
    toys.append(Process(TOY))
    whole = spoil(f'{BUNDLE}/toy.entity')
    service.start()
    equal((me.state(ONE), toys[-1].ask(10), me.listed()[ONE]['Problems']), ('accepted', 21, ['bundle-missing']))
    degraded = me.get('/org/openeuler/SysCare1', 'org.openeuler.SysCare1.Manager', 'Degraded')
    assert any(text.startswith('bundle: ') and 'toy.entity' in text for text in degraded), degraded
    put(f'{BUNDLE}/toy.entity', whole)
    me.manager('Rescan', '(a{sv})', {})
    equal(me.listed()[ONE]['Problems'], [])


@story.case('a start refuses to restore a damaged patch and says so [32]')
def _():
    me.do('deactivate', ONE)
    me.do('activate', ONE)
    me.do('accept', ONE)
    service.stop()
    toys.append(Process(TOY))
    entity = f'{BUNDLE}/toy.entity'
    whole = spoil(entity)
    for name in os.listdir(f'{STATE}/bundles'):
        spoil(f'{STATE}/bundles/{name}/toy.entity')
    service.start()
    degraded = me.get('/org/openeuler/SysCare1', 'org.openeuler.SysCare1.Manager', 'Degraded')
    assert any('toy.entity' in text or 'digest' in text for text in degraded), degraded
    equal(toys[-1].ask(10), 20)
    put(entity, whole)
    me.manager('Rescan', '(a{sv})', {})
    job = me.manager('Restore', '(a{sv})', {})[0]
    me.wait(job)
    equal(answers(), [21] * 6)


@story.case('deactivate withdraws acceptance, remove leaves nothing')
def _():
    me.do('deactivate', ONE)
    equal((me.state(ONE), answers()), ('deactivated', [20] * 6))
    me.do('remove', ONE)
    equal((me.state(ONE), answers()), ('not-applied', [20] * 6))
    service.restart(signal.SIGKILL)
    equal(me.state(ONE), 'not-applied')


@story.case('a patch that is loaded without being active is deactivated')
def _():
    equal(me.do('apply', ONE, activate=False)[0]['State'], 'deactivated')
    equal(answers(), [20] * 6)
    me.do('activate', ONE)
    equal(answers(), [21] * 6)
    me.do('remove', ONE)


@story.case('a reboot ends what is merely active; what is accepted or saved comes back')
def _():
    names = {'accepted': 21, 'saved': 22, 'active': 23, 'deactivated': 24}
    programs = {name: compile_program(f'/opt/reboot/{name}', salt=number) for number, name in enumerate(names)}
    bundles = {name: make_bundle(programs[name], names[name], name='HPR' + name) for name in names}
    paths = {name: patch_path(bundle) for name, bundle in bundles.items()}
    me.manager('Rescan', '(a{sv})', {})
    before = {name: Process(program) for name, program in programs.items()}
    me.do('apply', paths['saved'])
    me.manager('Save', '(a{sv})', {})
    for name in ('accepted', 'active', 'deactivated'):
        me.do('apply', paths[name])
    me.do('accept', paths['accepted'])
    me.do('deactivate', paths['deactivated'])
    service.stop(signal.SIGKILL)
    for process in before.values():
        process.end()
    # The kernel's boot id is what tells a reboot from a restart.
    write('/tmp/other-boot', '00000000-0000-4000-8000-000000000000\n')
    run('mount', '--bind', '/tmp/other-boot', '/proc/sys/kernel/random/boot_id')
    after = {name: Process(program) for name, program in programs.items()}
    service.start()
    rows = me.listed()
    equal({name: rows[path]['State'] for name, path in paths.items()},
          {'accepted': 'accepted', 'saved': 'active', 'active': 'not-applied', 'deactivated': 'not-applied'})
    equal({name: process.ask(0) for name, process in after.items()}, {'accepted': 21, 'saved': 22, 'active': 2, 'deactivated': 3})
    me.do('remove', paths['accepted'], paths['saved'])
    for name, process in after.items():
        process.end()
        shutil.rmtree(bundles[name])
    me.manager('Rescan', '(a{sv})', {})


@story.case('a bundle that somebody drops into the directory is noticed, a half-written one is not [37]')
def _():
    second = make_bundle(TOY, 2, parent='/opt/elsewhere', name='HP002')
    shutil.copytree(second, f'{PATCHES}/.half')
    shutil.move(second, PATCHES)
    me.manager('Rescan', '(a{sv})', {})
    equal(sorted(row['Name'] for row in me.listed().values()), ['toy-1.0-1/HP001/toy', 'toy-1.0-1/HP002/toy'])


sys.exit(story.tell())
