#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A request is frozen before polkit is asked: what changes during the question ends it [40]. Inside tools/world."""
import os
import shutil
import signal
import sys

from gi.repository import GLib

from stage import (Agent, Client, MANAGER, PATCHES, PATH, Process, Service, Story, User, add_rule, clear, compile_program, equal, fails,
                   make_bundle, manifest, patch_path)

story = Story()
clear()
TOY = compile_program('/opt/toy/toy')
TOY2 = compile_program('/opt/toy/second', salt=3)
BUNDLE = make_bundle(TOY, 1, description='one')
ONE = patch_path(BUNDLE)
TWO = patch_path(make_bundle(TOY2, 1, name='HP002'))
service = Service().start()
root = Client()
toy = Process(TOY)


def asking(verb='apply', paths=(ONE,), **options):
    user = User('patchuser')
    agent = Agent(user.pid)
    user.begin_submit(verb, list(paths), interactive=True, **options)
    return user, agent, agent.question()


@story.case('polkit asks, the right answer lets the request through')
def _():
    user, agent, question = asking()
    equal(question['action'], 'org.openeuler.syscare1.apply-user')
    assert 'toy-1.0-1/HP001/toy' in question['message'], question['message']
    equal((root.state(ONE), toy.ask(10)), ('not-applied', 20))
    agent.allow(question)
    user.wait(user.result()[0])
    equal((root.state(ONE), toy.ask(10)), ('active', 21))
    root.do('remove', ONE)
    user.end()


@story.case('the wrong answer is a refusal')
def _():
    user, agent, _question = asking()
    agent.refuse()
    fails('.AccessDenied', user.result)
    equal(root.state(ONE), 'not-applied')
    user.end()


@story.case('several targets are one question')
def _():
    user, agent, question = asking(paths=(ONE, TWO))
    assert '2 hot patches' in question['message'], question['message']
    agent.allow(question)
    results = user.wait(user.result()[0])
    equal(sorted(r['State'] for r in results), ['active', 'active'])
    root.do('remove', ONE, TWO)
    user.end()


@story.case('a state that changes during the question')
def _():
    user, agent, question = asking()
    root.do('apply', ONE)
    agent.allow(question)
    fails('Changed', user.result)
    root.do('remove', ONE)
    user.end()


@story.case('a patch that is replaced on the disk during the question')
def _():
    other = make_bundle(TOY, 2, parent='/opt/elsewhere', description='one')
    equal(manifest(other)['id'], manifest(BUNDLE)['id'], 'ids of the two')
    user, agent, question = asking()
    shutil.move(BUNDLE, '/opt/original')
    shutil.copytree(other, BUNDLE)
    agent.allow(question)
    fails('Changed', user.result)
    equal((root.state(ONE), toy.ask(10)), ('not-applied', 20))
    shutil.rmtree(BUNDLE)
    shutil.move('/opt/original', BUNDLE)
    root.manager('Rescan', '(a{sv})', {})
    user.end()


@story.case('a patch that is damaged on the disk during the question')
def _():
    user, agent, question = asking()
    entity = os.path.join(BUNDLE, 'toy.entity')
    with open(entity, 'rb') as file:
        whole = file.read()
    with open(entity, 'wb') as file:
        file.write(whole[:-1])
    agent.allow(question)
    fails(('PatchCorrupt', 'Changed', '.UnknownObject'), user.result)
    with open(entity, 'wb') as file:
        file.write(whole)
    root.manager('Rescan', '(a{sv})', {})
    equal(toy.ask(10), 20)
    user.end()


@story.case('a patch that is uninstalled during the question')
def _():
    user, agent, question = asking(paths=(TWO,))
    shutil.move(os.path.join(PATCHES, [n for n in os.listdir(PATCHES) if PATCHES + '/' + n != BUNDLE][0]), '/opt/gone')
    root.manager('Rescan', '(a{sv})', {})
    agent.allow(question)
    fails('.UnknownObject', user.result)
    user.end()


@story.case('a caller that leaves takes the question with it')
def _():
    user, agent, _question = asking()
    user.end()
    assert agent.cancelled.get(timeout=30)
    equal((root.state(ONE), root.get(ONE, 'org.openeuler.SysCare1.Patch', 'Job'), toy.ask(10)), ('not-applied', '/', 20))


@story.case('callers that leave, one after the other: polkit goes on answering')
def _():
    for _number in range(20):  # polkit was seen to hang after one of some thirty, when it was asked twice to take a question back
        user, agent, _question = asking()
        user.end()
        assert agent.cancelled.get(timeout=30)
    user, agent, _question = asking()
    agent.refuse()
    fails('.AccessDenied', user.result)
    user.end()


@story.case('a polkit that hangs is told of, before the caller\'s patience is over')
def _():
    polkit = root.connection.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'GetConnectionUnixProcessID',
                                       GLib.Variant('(s)', ('org.freedesktop.PolicyKit1',)), None, 0, -1, None).unpack()[0]
    os.kill(polkit, signal.SIGSTOP)
    try:
        fails('.AccessDenied', root.submit, 'apply', [ONE])
        degraded = root.get(PATH, MANAGER, 'Degraded')
    finally:
        os.kill(polkit, signal.SIGCONT)
    assert any('polkit' in line for line in degraded), degraded
    root.do('apply', ONE)
    root.do('remove', ONE)
    equal([line for line in root.get(PATH, MANAGER, 'Degraded') if 'polkit' in line], [])


@story.case('the generation that was expected')
def _():
    generation = root.get('/org/openeuler/SysCare1', 'org.openeuler.SysCare1.Manager', 'Generation')
    fails('Changed', root.submit, 'apply', [ONE], expected_generation=generation + 1)
    root.do('apply', ONE, expected_generation=generation)
    fails('Changed', root.submit, 'remove', [ONE], expected_generation=generation)
    root.do('remove', ONE)


@story.case('a question that is open does not hold up anybody else')
def _():
    user, agent, _question = asking()
    root.do('apply', ONE)
    root.do('remove', ONE)
    agent.refuse()
    fails('.AccessDenied', user.result)
    user.end()


add_rule('90-nothing.rules', '// only so that polkitd has read its rules once\n')
@story.case('who may not install can\'t fill the disk with bundles that wait for an answer')
def _():
    bundle = shutil.copytree(BUNDLE, '/opt/their-bundle')
    installed = sorted(os.listdir(PATCHES))
    install = (PATH, MANAGER, 'Install', '(sa{sv})', (bundle, {}))
    waiting = []
    for _number in range(4):
        user = User('patchuser')
        agent = Agent(user.pid)
        user.begin(*install, interactive=True)
        waiting.append((user, agent, agent.question()))
    late = User('patchuser')
    fails('.LimitsExceeded', late.call, *install, interactive=True)
    other = User('dba')
    fails('.InteractiveAuthorizationRequired', other.call, *install)  # has a count of its own
    for user, agent, _question in waiting:
        agent.refuse()
        fails('.AccessDenied', user.result)
        user.end()
    fails('.InteractiveAuthorizationRequired', late.call, *install)
    equal(sorted(name for name in os.listdir(PATCHES) if not name.startswith('.')), installed)
    late.end()
    other.end()
    shutil.rmtree(bundle)


sys.exit(story.tell())
