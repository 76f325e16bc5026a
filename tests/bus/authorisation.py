#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what: the shipped example rule with the real polkit, in both directions, and facts that no patch can claim.
Inside tools/world."""
import os
import shutil
import signal
import sys

from stage import (Client, Process, Service, Story, User, add_rule, clear, compile_program, drop_rule, equal, fails, make_bundle,
                   make_package, patch_path, run)

EXAMPLE = '/usr/share/doc/syscare/examples/50-syscare-redis.rules'
ASK = '.InteractiveAuthorizationRequired'
KEYS = ['verb', 'patch.uuid', 'patch.name', 'patch.bundle', 'patch.kind', 'patch.issues', 'patch.count', 'patch.digest', 'patch.signer',
        'target.name', 'target.source', 'target.version', 'target.object', 'target.buildid', 'target.verified', 'force']

story = Story()
clear()
CACHE = compile_program('/usr/lib/bus-redis/cache-server')
OTHER = compile_program('/usr/lib/bus-other/other-server', salt=5)
make_package('bus-redis', 'redis', '/usr/lib/bus-redis')
make_package('bus-other', 'other', '/usr/lib/bus-other')
REDIS = patch_path(make_bundle(CACHE, 1, source='redis', name='HP001'))
FOREIGN = patch_path(make_bundle(OTHER, 1, source='other', name='HP001'))
# Says in every word that it is for redis, and is for the other program.
LIAR = patch_path(make_bundle(OTHER, 2, source='redis', name='HP002', file=CACHE))
# The same code as redis', but at a place of which no package knows.
os.makedirs('/opt/copy')
shutil.copy(CACHE, '/opt/copy/cache-server')
COPY = patch_path(make_bundle('/opt/copy/cache-server', 3, source='redis', name='HP003'))
# A kernel patch that says the same.
KERNEL = patch_path(make_bundle(CACHE, 4, source='redis', name='HP004', kernel=True, file=CACHE))
with open(EXAMPLE, encoding='utf-8') as file:
    add_rule('50-syscare-redis.rules', file.read())
service = Service().start()
root, dba, stranger = Client(), User('dba'), User('patchuser')
cache, other = Process(CACHE), Process(OTHER)


@story.case('the delegate applies, withdraws and removes redis patches')
def _():
    for verb, answer, state in (('apply', 21, 'active'), ('deactivate', 20, 'deactivated'), ('activate', 21, 'active'), ('remove', 20, 'not-applied')):
        results = dba.do(verb, REDIS)
        equal((results[0]['State'], cache.ask(10)), (state, answer), verb)


@story.case('the delegate is asked for a password for everything else')
def _():
    for patch in (FOREIGN, LIAR, COPY):
        fails(ASK, dba.submit, 'apply', patch)
        equal(dba.can('apply', patch), ['challenge'])
    for verb in ('apply', 'remove'):
        equal(dba.can(verb, KERNEL), ['challenge'], verb)
    error = fails(ASK, dba.submit, 'apply', KERNEL)
    assert 'apply-kernel' in error.message, error
    fails(ASK, dba.submit, 'apply', REDIS, KERNEL)
    fails(ASK, dba.submit, 'apply', REDIS, force=True)
    equal(dba.can('apply', REDIS), ['yes'])
    equal(dba.can('apply', REDIS, force=True), ['challenge'])
    dba.do('apply', REDIS)
    fails(ASK, dba.submit, 'accept', REDIS)
    equal(dba.can('accept', REDIS), ['challenge'])
    equal(dba.can('activate', REDIS, FOREIGN), ['yes', 'invalid-state'])
    dba.do('remove', REDIS)
    equal((cache.ask(10), other.ask(10)), (20, 25))


@story.case('one foreign patch in a request stops all of it')
def _():
    fails(ASK, dba.submit, 'apply', REDIS, FOREIGN)
    equal((root.state(REDIS), root.state(FOREIGN)), ('not-applied', 'not-applied'))


@story.case('somebody who is not in the group may nothing')
def _():
    fails(ASK, stranger.submit, 'apply', REDIS)
    error = fails(ASK, stranger.call, '/org/openeuler/SysCare1', 'org.openeuler.SysCare1.Manager', 'Submit', '(saoa{sv})', ('apply', [REDIS], {}),
                  interactive=True)
    assert 'nobody to ask' in error.message, error
    for method, signature, values in (('Rescan', '(a{sv})', ({},)), ('Save', '(a{sv})', ({},)), ('Restore', '(a{sv})', ({},)),
                                      ('Uninstall', '(aoa{sv})', ([REDIS], {}))):
        fails(ASK, stranger.call, '/org/openeuler/SysCare1', 'org.openeuler.SysCare1.Manager', method, signature, values)


@story.case('a changed, a writable or a diverted file is not verified')
def _():
    with open(CACHE, 'rb') as file:
        whole = file.read()
    shutil.copy2(CACHE, '/tmp/original')

    def changed():
        shutil.copy2('/tmp/original', CACHE + '.new')
        with open(CACHE + '.new', 'ab') as out:
            out.write(b'\0')
        os.rename(CACHE + '.new', CACHE)

    def back():
        shutil.copy2('/tmp/original', CACHE + '.new')
        os.rename(CACHE + '.new', CACHE)

    ways = {
        'changed': (changed, back),
        'writable': (lambda: os.chmod(CACHE, 0o775), lambda: os.chmod(CACHE, 0o755)),
        'folder writable': (lambda: os.chmod('/usr/lib/bus-redis', 0o777), lambda: os.chmod('/usr/lib/bus-redis', 0o755)),
        'not root\'s': (lambda: os.chown(CACHE, 1, 1), lambda: os.chown(CACHE, 0, 0)),
        'diverted': (lambda: run('dpkg-divert', '--local', '--no-rename', '--add', CACHE), lambda: run('dpkg-divert', '--no-rename', '--remove', CACHE)),
    }
    for name, (spoil, mend) in ways.items():
        equal(dba.can('apply', REDIS), ['yes'], 'before ' + name)
        spoil()
        equal(dba.can('apply', REDIS), ['challenge'], name)
        fails(ASK, dba.submit, 'apply', REDIS)
        mend()
    equal(dba.can('apply', REDIS), ['yes'])
    with open(CACHE, 'rb') as file:
        equal(file.read() == whole, True)


@story.case('rules see every detail, and only facts')
def _():
    facts = {'verb': 'apply', 'patch.kind': 'user', 'patch.count': '1', 'patch.issues': 'CVE-2026-0001', 'patch.signer': '', 'target.name': 'bus-other',
             'target.source': 'other', 'target.version': '7:1.0-1', 'target.object': 'other-server', 'target.verified': 'true', 'force': 'false'}
    present = ' && '.join(f'typeof action.lookup("{key}") === "string"' for key in KEYS)
    right = ' && '.join(f'action.lookup("{key}") === "{value}"' for key, value in facts.items())
    add_rule('40-details.rules', 'polkit.addRule(function(action, subject) { if (action.id == "org.openeuler.syscare1.apply-user" && '
             f'subject.user == "patchuser") return {present} && {right} ? polkit.Result.YES : polkit.Result.NO; }});')
    equal(stranger.can('apply', FOREIGN, LIAR, COPY), ['yes', 'no', 'no'])
    error = fails('.AccessDenied', stranger.submit, 'apply', LIAR)
    assert 'apply-user' in error.message, error
    stranger.do('apply', FOREIGN)
    equal(other.ask(10), 21)
    root.do('remove', FOREIGN)
    drop_rule('40-details.rules')


@story.case('what the liar claims is not repeated to polkit')
def _():
    add_rule('40-liar.rules', 'polkit.addRule(function(action, subject) { if (subject.user == "patchuser" && action.lookup("verb") == "apply") return '
             'action.lookup("target.name") === "" && action.lookup("target.source") === "" && action.lookup("target.version") === "" && '
             'action.lookup("target.verified") === "false" ? polkit.Result.YES : polkit.Result.NO; });')
    equal(stranger.can('apply', LIAR, COPY, REDIS), ['yes', 'yes', 'no'])
    drop_rule('40-liar.rules')


@story.case('refusals and their authors are in the history and in the log [39]')
def _():
    records = root.manager('GetHistory', '(tua{sv})', 0, 0, {})[0]
    denied = [r for r in records if r['Result'] == 'denied' and r['Uid'] == dba.uid]
    assert denied and denied[0]['ErrorName'] == 'org.freedesktop.DBus.Error.InteractiveAuthorizationRequired', denied[:1]
    assert f'for uid {dba.uid} ' in service.logged()


@story.case('the table of actions has no kept authorisation')
def _():
    text = run('pkaction', '--verbose')
    ours = [block for block in text.split('\n\n') if block.startswith('org.openeuler.syscare1.')]
    equal(len(ours), 13)
    assert not any('_keep' in block for block in ours)


@story.case('without polkit nobody may anything, and the error says why')
def _():
    activation = '/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service'
    os.rename(activation, activation + '.away')
    run('gdbus', 'call', '--system', '-d', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', '-m', 'org.freedesktop.DBus.ReloadConfig')
    pid = root.connection.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'GetConnectionUnixProcessID',
                                    variant('(s)', ('org.freedesktop.PolicyKit1',)), None, 0, -1, None).unpack()[0]
    os.kill(pid, signal.SIGKILL)
    run('sh', '-c', 'while gdbus call --system -d org.freedesktop.DBus -o /org/freedesktop/DBus -m org.freedesktop.DBus.NameHasOwner '
        'org.freedesktop.PolicyKit1 | grep -q true; do :; done')
    for client in (root, dba):
        error = fails('.AccessDenied', client.submit, 'apply', [REDIS] if client is root else REDIS)
        assert 'polkit' in error.message, error
    equal((root.state(REDIS), cache.ask(10)), ('not-applied', 20))
    degraded = root.get('/org/openeuler/SysCare1', 'org.openeuler.SysCare1.Manager', 'Degraded')
    assert any(text.startswith('polkit: ') for text in degraded), degraded


def variant(signature, values):
    from stage import GLib  # pylint: disable=import-outside-toplevel
    return GLib.Variant(signature, values)


sys.exit(story.tell())
