#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Signed patches: the right key opens the door, everything else doesn't; keys come and go. Keys and signatures are made with
openssl(1), so that the service verifies what it didn't make. Inside tools/world."""
import contextlib
import os
import shutil
import sys

from stage import (Agent, Client, GLib, MANAGER, PATCH, PATCHES, PATH, Process, Service, Signals, Story, User, add_rule, clear, compile_program,
                   drop_rule, equal, fails, make_bundle, pack, patch_path, run, write)

CONFIG, TRUSTED = '/etc/syscare-test.conf', '/etc/syscare-test.d'
SIGNATURE = 'patch.json.sig'

story = Story()
clear()
os.makedirs('/opt/keys')
os.makedirs(TRUSTED)


def make_key(name):
    private, public = f'/opt/keys/{name}-private.pem', f'/opt/keys/{name}.pem'
    run('openssl', 'genpkey', '-algorithm', 'ed25519', '-out', private)
    run('openssl', 'pkey', '-in', private, '-pubout', '-out', public)
    return public


def trust(name, key=None):
    shutil.copy(f'/opt/keys/{key or name}.pem', f'{TRUSTED}/{name}.pem')


def sign(bundle, name='vendor'):
    run('openssl', 'pkeyutl', '-sign', '-rawin', '-inkey', f'/opt/keys/{name}-private.pem', '-in', f'{bundle}/patch.json', '-out', f'{bundle}/{SIGNATURE}')
    return bundle


def require(yes=True):
    write(CONFIG, f'[service]\nrequire-signature={"true" if yes else "false"}\n')
    rescan()


def rescan():
    root.manager('Rescan', '(a{sv})', {})


def degraded(word):
    return [text for text in root.get(PATH, MANAGER, 'Degraded') if text.startswith(f'{word}: ')]


def signer(patch):
    return root.get(patch, PATCH, 'Signer')


def problems(patch):
    return root.listed()[patch]['Problems']


def install(path, client=None):
    client = client or root
    if client is root:
        return root.wait(root.manager('Install', '(sa{sv})', path, {})[0])[0]
    return client.wait(client.call(PATH, MANAGER, 'Install', '(sa{sv})', (path, {}))[0])[0]


def uninstall(*patches):
    root.wait(root.manager('Uninstall', '(aoa{sv})', list(patches), {})[0])


make_key('vendor')
make_key('stranger')
trust('vendor')
TOY, OTHER = compile_program('/opt/toy/toy'), compile_program('/opt/toy/other', salt=5)
BUNDLE = sign(make_bundle(TOY, 1, description='one'))
UNSIGNED = make_bundle(OTHER, 1, name='HP002')
ONE, TWO = patch_path(BUNDLE), patch_path(UNSIGNED)
service = Service(f'--config={CONFIG}', f'--trusted-dir={TRUSTED}').start()
root, user = Client(), User('patchuser')
toy, other = Process(TOY), Process(OTHER)


@story.case('the signer of a patch is the name of the key that verifies it')
def _():
    equal((signer(ONE), signer(TWO)), ('vendor', ''))
    equal((problems(ONE), problems(TWO), degraded('key')), ([], [], []))


@story.case('where signatures are required the signed patch is applied and the other one refused')
def _():
    require()
    equal((problems(ONE), problems(TWO)), ([], ['untrusted']))
    equal(root.do('apply', ONE)[0]['State'], 'active')
    for options in ({}, {'force': True}, {'activate': False}):
        fails('Untrusted', root.submit, 'apply', [TWO], **options)
    fails('Untrusted', root.submit, 'apply', [ONE, TWO])
    equal(root.manager('Check', '(saoa{sv})', 'apply', [TWO], {})[0][0]['ErrorName'], 'org.openeuler.SysCare1.Error.Untrusted')
    equal((toy.ask(10), other.ask(10)), (21, 25))
    root.do('remove', ONE)


@story.case('a signature by a key that nobody trusts is none')
def _():
    sign(BUNDLE, 'stranger')
    rescan()
    equal((signer(ONE), problems(ONE)), ('', ['untrusted']))
    fails('Untrusted', root.submit, 'apply', [ONE])
    sign(BUNDLE)
    rescan()
    equal((signer(ONE), problems(ONE)), ('vendor', []))


@story.case('a patch.json that was exchanged under the signature makes it unsigned')
def _():
    changed = make_bundle(TOY, 7, parent='/opt/changed', description='one')
    equal(os.path.basename(changed), os.path.basename(BUNDLE))
    shutil.copy(f'{BUNDLE}/{SIGNATURE}', changed)
    shutil.move(BUNDLE, '/opt/kept')
    shutil.move(changed, BUNDLE)
    rescan()
    equal((signer(ONE), problems(ONE)), ('', ['untrusted']))
    fails('Untrusted', root.submit, 'apply', [ONE])
    equal(toy.ask(10), 20)
    shutil.rmtree(BUNDLE)
    shutil.move('/opt/kept', BUNDLE)
    rescan()


@story.case('a patch.json with one byte changed, and an entity with one byte changed, are damage')
def _():
    for name in ('patch.json', 'toy.entity'):
        path = f'{BUNDLE}/{name}'
        with open(path, 'rb') as file:
            whole = file.read()
        spoilt = bytearray(whole)
        spoilt[len(whole) // 2] ^= 1
        with open(path, 'wb') as file:
            file.write(spoilt)
        # Whether or not the service has looked since, nothing of it is loaded.
        fails(('PatchCorrupt', 'Changed', '.UnknownObject'), root.submit, 'apply', [ONE])
        rescan()
        assert ONE not in root.listed() and degraded('bundle'), name
        with open(path, 'wb') as file:
            file.write(whole)
        rescan()
        equal((signer(ONE), degraded('bundle')), ('vendor', []))
    equal(toy.ask(10), 20)


@contextlib.contextmanager
def no_keys():
    """The trusted keys are gone, and inotify sees nothing of that."""
    os.makedirs('/opt/nobody', exist_ok=True)
    run('mount', '--bind', '/opt/nobody', TRUSTED)
    try:
        yield
    finally:
        run('umount', TRUSTED)


@story.case('a key that was withdrawn since the last look does not count in the moment of loading')
def _():
    with no_keys():
        fails(('Untrusted', 'Changed'), root.do, 'apply', ONE)
    equal(toy.ask(10), 20)


@story.case('rules may go by the signer')
def _():
    require(False)
    add_rule('50-test.rules', 'polkit.addRule(function(action, subject) { if (subject.user == "patchuser" && action.id == '
             '"org.openeuler.syscare1.apply-user") return action.lookup("patch.signer") == "vendor" ? polkit.Result.YES : polkit.Result.NO; });')
    fails('.AccessDenied', user.submit, 'apply', TWO)
    equal(user.do('apply', ONE)[0]['State'], 'active')
    root.do('remove', ONE)
    drop_rule('50-test.rules')


@story.case('the key that goes during the question takes the request with it')
def _():
    asker = User('patchuser')
    agent = Agent(asker.pid)
    asker.begin_submit('apply', [ONE], interactive=True)
    question = agent.question()
    with no_keys():
        rescan()
        agent.allow(question)
        fails('Changed', asker.result)
    rescan()
    equal((signer(ONE), toy.ask(10)), ('vendor', 20))
    asker.end()


@story.case('keys that are added and removed are noticed')
def _():
    signals = Signals()
    changed = lambda path, _i, name, values: name == 'InterfacesAdded' and values[0] == ONE  # noqa: E731
    os.unlink(f'{TRUSTED}/vendor.pem')
    equal(signals.until(changed)[3][1][PATCH]['Signer'], '')
    trust('other-name', 'vendor')
    equal(signals.until(changed)[3][1][PATCH]['Signer'], 'other-name')
    os.unlink(f'{TRUSTED}/other-name.pem')
    trust('vendor')
    rescan()


@story.case('a file that is no key is reported, and the others count')
def _():
    write(f'{TRUSTED}/broken.pem', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n')
    shutil.copy('/opt/keys/stranger-private.pem', f'{TRUSTED}/private.pem')
    trust('writable', 'stranger')
    os.chmod(f'{TRUSTED}/writable.pem', 0o666)
    service.restart()
    told = degraded('key')
    equal(len(told), 3)
    for word in ('broken.pem', 'private.pem', 'writable.pem'):
        assert any(word in text for text in told), (word, told)
        assert word in service.logged()
    equal(signer(ONE), 'vendor')
    require()
    equal(root.do('apply', ONE)[0]['State'], 'active')
    root.do('remove', ONE)
    os.chmod(TRUSTED, 0o777)
    rescan()
    equal((signer(ONE), len(degraded('key'))), ('', 1))
    os.chmod(TRUSTED, 0o755)
    for name in ('broken', 'private', 'writable'):
        os.unlink(f'{TRUSTED}/{name}.pem')
    rescan()
    equal((signer(ONE), degraded('key')), ('vendor', []))


@story.case('what is installed must be signed, and polkit is told by whom')
def _():
    made = make_bundle(OTHER, 3, parent='/opt/made', name='HP003')
    three = patch_path(made)
    fails('Untrusted', install, made)
    sign(made, 'stranger')
    fails('Untrusted', install, made)
    shutil.copy(f'{BUNDLE}/{SIGNATURE}', f'{made}/{SIGNATURE}')
    fails('Untrusted', install, made)
    sign(made)
    add_rule('50-test.rules', 'polkit.addRule(function(action, subject) { if (subject.user == "patchuser" && action.id == '
             '"org.openeuler.syscare1.install") return action.lookup("patch.signer") == "vendor" ? polkit.Result.YES : polkit.Result.NO; });')
    result = install(made, user)
    equal((result['Result'], result['Signer'], signer(three)), ('succeeded', 'vendor', 'vendor'))
    assert os.path.exists(f'{PATCHES}/{os.path.basename(made)}/{SIGNATURE}')
    equal(install(made, user)['Result'], 'unchanged')
    uninstall(three)
    require(False)
    os.unlink(f'{made}/{SIGNATURE}')
    fails('.AccessDenied', install, made, user)
    equal(install(made)['Signer'], '')
    equal(signer(three), '')


@story.case('the same bundle brings its signature later, and doesn\'t lose it to an unsigned copy')
def _():
    made = '/opt/made/' + [name for name in os.listdir('/opt/made')][0]
    three = patch_path(made)
    sign(made)
    equal((install(made, user)['Result'], signer(three)), ('succeeded', 'vendor'))
    os.unlink(f'{made}/{SIGNATURE}')
    equal((install(made)['Result'], signer(three)), ('unchanged', 'vendor'))
    uninstall(three)


@story.case('an unsigned patch that is active when signatures become required is told, and can be withdrawn')
def _():
    root.do('apply', TWO)
    root.do('accept', TWO)
    late = Process(OTHER)
    equal(late.ask(10), 21)
    require()
    equal((root.state(TWO), problems(TWO), other.ask(10)), ('accepted', ['untrusted'], 21))
    service.restart()
    assert 'untrusted' in problems(TWO)
    fresh = Process(OTHER)  # code that nobody trusts comes into no further process
    equal((fresh.ask(10), other.ask(10)), (25, 21))
    equal(root.do('deactivate', TWO)[0]['State'], 'deactivated')
    equal(other.ask(10), 25)
    root.do('remove', TWO)
    for process in (late, fresh):
        process.end()


@story.case('a reboot does not bring back what has lost its signature, and says so')
def _():
    root.do('apply', ONE)
    root.do('accept', ONE)
    service.stop()
    toy.end()
    os.rename(f'{BUNDLE}/{SIGNATURE}', '/opt/signature')
    running = Process(TOY)
    service.start()
    while not any('signature' in text for text in degraded('restore')):
        pass  # the service answers before its restore has ended
    equal((root.state(ONE), running.ask(10)), ('accepted', 20))
    os.rename('/opt/signature', f'{BUNDLE}/{SIGNATURE}')
    rescan()
    root.wait(root.call(PATH, MANAGER, 'Restore', GLib.Variant('(a{sv})', (pack({}),)))[0])
    equal((root.state(ONE), running.ask(10)), ('accepted', 21))
    root.do('remove', ONE)


sys.exit(story.tell())
