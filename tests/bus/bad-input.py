#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad calls, bad bundles, bad settings: each has its own error, and nothing has happened. Inside tools/world."""
import os
import shutil
import sys
import tarfile

from stage import (Client, GLib, JOB, MANAGER, PATCH, PATCHES, PATH, Process, STATE, Service, Story, User, add_rule, clear, compile_program, equal, fails,
                   make_bundle, manifest, pack, patch_path, run, write)

NOWHERE = f'{PATH}/patches/00000000000000000000000000000000'

story = Story()
clear()
TOY, OTHER = compile_program('/opt/toy/toy'), compile_program('/opt/toy/other', salt=5)
BUNDLE = make_bundle(TOY, 1)
ONE = patch_path(BUNDLE)
CONFIG = '/etc/syscare-test.conf'
service = Service(f'--config={CONFIG}').start()
root, user = Client(), User('patchuser')
toy = Process(TOY)
DEGRADED = (PATH, MANAGER, 'Degraded')


def call(path, interface, method, signature, *values):
    return root.call(path, interface, method, GLib.Variant(signature, tuple(pack(v) if isinstance(v, dict) else v for v in values)))


def install(path, client=None):
    if client:
        return client.wait(client.call(PATH, MANAGER, 'Install', '(sa{sv})', (path, {}))[0])
    return root.wait(call(PATH, MANAGER, 'Install', '(sa{sv})', path, {})[0])


def untouched():
    root.manager('Rescan', '(a{sv})', {})  # behind what the store's thread still has to clear away
    equal((sorted(os.listdir(PATCHES)), root.state(ONE), toy.ask(10)), ([os.path.basename(BUNDLE)], 'not-applied', 20))


@story.case('unknown options, wrong types, wrong words are InvalidArgs')
def _():
    submit = lambda verb='apply', paths=(ONE,), **options: root.submit(verb, list(paths), **options)  # noqa: E731
    fails('.InvalidArgs', submit, nonsense=True)
    fails('.InvalidArgs', submit, force=GLib.Variant('s', 'yes'))
    fails('.InvalidArgs', submit, timeout=GLib.Variant('u', 3))
    fails('.InvalidArgs', submit, timeout=GLib.Variant('t', 1 << 60))
    fails('.InvalidArgs', submit, on_failure='never')
    fails('.InvalidArgs', submit, consistency='')
    fails('.InvalidArgs', submit, reason='x' * 1025)
    fails('.InvalidArgs', submit, verb='accept', activate=False)
    fails('.InvalidArgs', submit, verb='destroy')
    fails('.InvalidArgs', submit, verb='')
    fails('.InvalidArgs', submit, paths=())
    fails('.InvalidArgs', submit, paths=(ONE, ONE))
    for method, signature, values in (('Rescan', '(a{sv})', ({'force': True},)), ('Save', '(a{sv})', ({'x': True},)),
                                      ('Restore', '(a{sv})', ({'activate': True},)), ('Uninstall', '(aoa{sv})', ([ONE], {'force': True})),
                                      ('GetHistory', '(tua{sv})', (0, 0, {'x': True})), ('CanPerform', '(saoa{sv})', ('apply', [ONE], {'reason': 'x'})),
                                      ('Check', '(saoa{sv})', ('destroy', [ONE], {})), ('FindPatches', '(a{sv}a{sv})', ({'name': 'x'}, {})),
                                      ('FindPatches', '(a{sv}a{sv})', ({'id': True}, {})), ('FindPatches', '(a{sv}a{sv})', ({'id': ''}, {})),
                                      ('ListPatches', '(a{sv}asa{sv})', ({}, ['Nonsense'], {})),
                                      ('ListPatches', '(a{sv}asa{sv})', ({}, [], {'limit': GLib.Variant('b', True)}))):
        fails('.InvalidArgs', call, PATH, MANAGER, method, signature, *values)
    fails('.InvalidArgs', call, ONE, PATCH, 'Apply', '(a{sv})', {'x': True})
    fails('.InvalidArgs', call, ONE, PATCH, 'Accept', '(a{sv})', {'activate': True})
    fails('.InvalidArgs', call, ONE, PATCH, 'ListProcesses', '(a{sv})', {'x': True})
    untouched()


@story.case('unknown patches are UnknownObject')
def _():
    fails('.UnknownObject', root.submit, 'apply', [NOWHERE])
    fails('.UnknownObject', root.submit, 'apply', [ONE, NOWHERE])
    fails('.UnknownObject', root.submit, 'apply', ['/'])
    fails('.UnknownObject', call, PATH, MANAGER, 'Check', '(saoa{sv})', 'apply', [NOWHERE], {})
    fails('.UnknownObject', call, PATH, MANAGER, 'CanPerform', '(saoa{sv})', 'apply', [NOWHERE], {})
    fails('.UnknownObject', call, PATH, MANAGER, 'Uninstall', '(aoa{sv})', [NOWHERE], {})
    fails('.InvalidArgs', root.submit, 'apply', [ONE] * 300)
    untouched()


@story.case('every way to name a patch, and the ambiguous one')
def _():
    name, uuid, bundle = root.listed()[ONE]['Name'], root.listed()[ONE]['Uuid'], root.listed()[ONE]['Bundle']
    second = make_bundle(OTHER, 1, name='HP002')
    root.manager('Rescan', '(a{sv})', {})
    find = lambda **match: call(PATH, MANAGER, 'FindPatches', '(a{sv}a{sv})', match, {})[0]  # noqa: E731
    for one in (uuid, uuid[:8], name, 'toy-1.0-1/HP001', 'toy-1.0/HP001', 'HP001', uuid.upper()):
        equal(find(id=one), [ONE], one)
    equal(find(bundle=bundle), [ONE])
    for several in ('toy-1.0', 'CVE-2026-0001', 'cve-2026-0001'):
        equal(len(find(id=several)), 2, several)
    equal(find(id='no such patch'), [])
    equal(find(id='HP00'), [])
    equal((find(target='other'), find(target='toy', issue='CVE-2026-0001', kind='user', state='not-applied', id='HP001')),
          ([patch_path(second)], [ONE]))
    equal((find(kind='kernel'), find(state='accepted'), len(find())), ([], [], 2))
    page = lambda **options: [row['Path'] for row in call(PATH, MANAGER, 'ListPatches', '(a{sv}asa{sv})', {}, ['State'], options)[0]]  # noqa: E731
    equal(page(limit=1) + page(limit=1, offset=1), page())
    equal(page(offset=2), [])
    row = call(PATH, MANAGER, 'ListPatches', '(a{sv}asa{sv})', {}, ['State'], {})[0][0]
    equal(sorted(row), ['Path', 'State', 'Uuid'])
    # The list is made another way than the properties of the objects: it must say the same.
    for row in call(PATH, MANAGER, 'ListPatches', '(a{sv}asa{sv})', {}, [], {})[0]:
        path = row.pop('Path')
        equal(row, call(path, 'org.freedesktop.DBus.Properties', 'GetAll', '(s)', PATCH)[0])
        short = call(PATH, MANAGER, 'ListPatches', '(a{sv}asa{sv})', {'id': GLib.Variant('s', row['Uuid'])}, [], {'omit-empty': GLib.Variant('b', True)})[0]
        equal(short, [{'Path': path, **{name: value for name, value in row.items() if value not in ('', '/', 0, [])}}])
    shutil.rmtree(second)
    root.manager('Rescan', '(a{sv})', {})


@story.case('a patch for another build, and one for nothing at all')
def _():
    shutil.copy(OTHER, '/opt/toy/rebuilt')
    rebuilt = make_bundle('/opt/toy/rebuilt', 1, name='HP004')
    compile_program('/opt/toy/rebuilt', salt=9)
    shutil.copy(OTHER, '/opt/toy/gone')
    gone = make_bundle('/opt/toy/gone', 1, name='HP005')
    os.unlink('/opt/toy/gone')
    root.manager('Rescan', '(a{sv})', {})
    wrong, missing = patch_path(rebuilt), patch_path(gone)
    rows = root.listed()
    equal((rows[wrong]['Problems'], rows[missing]['Problems']), (['target-changed'], ['target-missing']))
    error = fails('TargetMismatch', root.submit, 'apply', [wrong])
    assert 'HP004' in error.message and 'Build-ID' in error.message, error
    fails('TargetMissing', root.submit, 'apply', [missing])
    findings = call(PATH, MANAGER, 'Check', '(saoa{sv})', 'apply', [wrong], {})[0]
    equal(findings[0]['ErrorName'], 'org.openeuler.SysCare1.Error.TargetMismatch')
    running = Process('/opt/toy/rebuilt')
    fails('TargetMismatch', root.submit, 'apply', [wrong])
    equal(running.ask(10), 29)
    running.end()
    equal(root.do('apply', missing, force=True)[0]['State'], 'active')
    root.do('remove', missing)
    for bundle in (rebuilt, gone):
        shutil.rmtree(bundle)
    root.manager('Rescan', '(a{sv})', {})
    untouched()


def spoilt():
    """Ways to spoil a bundle; each gets a copy of one."""
    def bytes_of(name, change):
        def spoil(folder):
            path = os.path.join(folder, name)
            with open(path, 'rb') as file:
                data = bytearray(file.read())
            changed = change(bytearray(data))
            assert changed != data, 'nothing was spoilt'
            with open(path, 'wb') as file:
                file.write(changed)
        return spoil

    def flip(at):
        def change(data):
            data[int(len(data) * at)] ^= 1
            return data
        return change

    for at in (0.0, 0.3, 0.9):
        yield f'entity, bit flipped at {at}', bytes_of('toy.entity', flip(at))
    for part in (0.0, 0.5, 0.99):
        yield f'entity, cut at {part}', bytes_of('toy.entity', lambda data, part=part: data[:int(len(data) * part)])
        yield f'patch.json, cut at {part}', bytes_of('patch.json', lambda data, part=part: data[:int(len(data) * part)])
    yield 'entity missing', lambda folder: os.unlink(os.path.join(folder, 'toy.entity'))
    yield 'entity a link', lambda folder: (os.rename(folder + '/toy.entity', '/opt/real'), os.symlink('/opt/real', folder + '/toy.entity'))
    yield 'entity a pipe', lambda folder: (os.unlink(folder + '/toy.entity'), os.mkfifo(folder + '/toy.entity'))
    digest = manifest(BUNDLE)['objects'][0]['digest'].encode()
    yield 'other digest', bytes_of('patch.json', lambda data: data.replace(digest, digest[::-1]))
    yield 'no digest', bytes_of('patch.json', lambda data: data.replace(digest, b''))
    yield 'not JSON', bytes_of('patch.json', lambda data: b'[' * 100000)


@story.case('damaged bundles in the patch directory are named and never loaded [43]')
def _():
    shutil.copytree(BUNDLE, '/opt/sound')
    for name, spoil in spoilt():
        spoil(BUNDLE)
        root.manager('Rescan', '(a{sv})', {})
        equal(sorted(root.listed()), [], name)
        degraded = root.get(*DEGRADED)
        assert any(text.startswith('bundle: ') and BUNDLE in text for text in degraded), (name, degraded)
        shutil.rmtree(BUNDLE)
        shutil.copytree('/opt/sound', BUNDLE)
    shutil.copytree('/opt/sound', PATCHES + '/11111111-1111-4111-8111-111111111111')
    root.manager('Rescan', '(a{sv})', {})
    equal(sorted(root.listed()), [ONE], 'a directory of another name')
    shutil.rmtree(PATCHES + '/11111111-1111-4111-8111-111111111111')
    root.manager('Rescan', '(a{sv})', {})
    equal(root.get(*DEGRADED), [])


@story.case('damaged bundles are not installed')
def _():
    for name, spoil in spoilt():
        folder = '/opt/incoming'
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(BUNDLE, folder)
        spoil(folder)
        try:
            install(folder)
        except Exception as error:  # noqa: BLE001 pylint: disable=broad-except
            allowed = ('PatchCorrupt', 'InvalidArgs', 'Failed')
            assert getattr(error, 'name', '').rsplit('.', 1)[-1] in allowed, (name, error)
        else:
            raise AssertionError(f'{name}: was installed')
    shutil.rmtree('/opt/incoming')
    untouched()


def archive(path, members, mode='w'):
    with tarfile.open(path, mode) as tar:
        for name, source in members:
            if callable(source):
                tar.addfile(source(tarfile.TarInfo(name)))
            else:
                tar.add(source, name)
    return path


def link(target, kind=tarfile.SYMTYPE):
    def make(info):
        info.type, info.linkname = kind, target
        return info
    return make


@story.case('things that are no bundles are not installed')
def _():
    os.makedirs('/opt/things', exist_ok=True)
    good = [(name, os.path.join(BUNDLE, name)) for name in sorted(os.listdir(BUNDLE))]
    os.symlink(BUNDLE, '/opt/things/link')
    os.mkfifo('/opt/things/pipe')
    os.makedirs('/opt/things/empty')
    os.makedirs('/opt/things/nested/inner')
    write('/opt/things/text', 'no archive\n')
    theirs = shutil.copytree(BUNDLE, '/opt/things/theirs')
    run('chown', '-R', 'patchadmin', theirs)
    cases = {
        '.InvalidArgs': ['relative/path', '', '/opt/things/missing', '/opt/things/link', '/opt/things/pipe', '/dev/zero', '/opt/things/nested'],
        'PatchCorrupt': ['/opt/things/text', '/opt/things/empty', '/etc/passwd',
                         archive('/opt/things/outside.tar', [('../patch.json', good[0][1]), ('toy.entity', good[1][1])]),
                         archive('/opt/things/twice.tar', [*good, good[0]]), archive('/opt/things/symlink.tar', [good[0], ('toy.entity', link('/etc/passwd'))]),
                         archive('/opt/things/hardlink.tar', [good[0], ('toy.entity', link('patch.json', tarfile.LNKTYPE))]),
                         archive('/opt/things/device.tar', [good[0], ('toy.entity', link('', tarfile.CHRTYPE))]),
                         archive('/opt/things/two.tar', [('a/' + good[0][0], good[0][1]), ('b/' + good[1][0], good[1][1])])],
        '.AccessDenied': [theirs],
    }
    for error, paths in cases.items():
        for path in paths:
            try:
                fails(error, install, path)
            except AssertionError as failure:
                raise AssertionError(f'{path}: {failure}') from None
    fails('.AccessDenied', user.call, PATH, MANAGER, 'Install', '(sa{sv})', (theirs, {}))
    os.chmod('/opt/things', 0o700)
    fails('.AccessDenied', user.call, PATH, MANAGER, 'Install', '(sa{sv})', ('/opt/things/text', {}))
    shutil.rmtree('/opt/things')
    untouched()


@story.case('size and number of files are limited')
def _():
    write(CONFIG, '[install]\nsize-limit=1\nfile-limit=4\n')
    root.manager('Rescan', '(a{sv})', {})
    big = shutil.copytree(BUNDLE, '/opt/big')
    with open(big + '/large', 'wb') as file:
        file.truncate(2 << 20)
    fails('.LimitsExceeded', install, big)
    fails('.LimitsExceeded', install, archive('/opt/big.tar.xz', [(n, os.path.join(big, n)) for n in os.listdir(big)], 'w:xz'))
    os.unlink(big + '/large')
    for number in range(5):
        write(f'{big}/file{number}', 'x')
    fails('.LimitsExceeded', install, big)
    shutil.rmtree(big)
    os.unlink(CONFIG)
    root.manager('Rescan', '(a{sv})', {})
    untouched()


@story.case('a sound bundle is installed from a directory and from an archive, once')
def _():
    os.makedirs('/opt/made', exist_ok=True)
    made = make_bundle(OTHER, 1, parent='/opt/made', name='HP002')
    other = patch_path(made)
    fails('.InteractiveAuthorizationRequired', install, made, user)
    result = install(made)[0]
    equal((result['Result'], result['Bundle'], result['Patches']), ('succeeded', manifest(made)['id'], [other]))
    equal(root.state(other), 'not-applied')
    equal(install(made)[0]['Result'], 'unchanged')
    again = make_bundle(OTHER, 4, parent='/opt/again', name='HP002', description='adds 1')
    equal(manifest(again)['id'], manifest(made)['id'])
    fails('Conflict', install, again)
    root.do('apply', other, force=True)
    fails('InvalidState', call, PATH, MANAGER, 'Uninstall', '(aoa{sv})', [other], {})
    root.do('remove', other)
    root.wait(call(PATH, MANAGER, 'Uninstall', '(aoa{sv})', [other], {'reason': 'no longer needed'})[0])
    untouched()
    for mode in ('w', 'w:gz', 'w:xz'):
        install(archive('/opt/made/bundle.tar', [(os.path.basename(made), made)], mode))
        assert other in root.listed()
        root.wait(call(PATH, MANAGER, 'Uninstall', '(aoa{sv})', [other], {})[0])
    untouched()
    equal([r['Verb'] for r in root.manager('GetHistory', '(tua{sv})', 0, 2, {})[0]], ['uninstall', 'install'])


@story.case('an installer who may reads his own file, and nobody else\'s')
def _():
    add_rule('50-test.rules', 'polkit.addRule(function(action, subject) { if (subject.user == "patchuser" && action.id == '
             '"org.openeuler.syscare1.install") return action.lookup("patch.digest").length == 64 ? polkit.Result.YES : polkit.Result.NO; });')
    made = make_bundle(OTHER, 6, parent='/home/patchuser/made', name='HP006')
    run('chown', '-R', 'patchuser', '/home/patchuser/made')
    os.chmod('/home/patchuser', 0o700)
    equal(install(made, user)[0]['Result'], 'succeeded')
    equal(os.stat(os.path.join(PATCHES, os.path.basename(made))).st_uid, 0)
    root.wait(call(PATH, MANAGER, 'Uninstall', '(aoa{sv})', [patch_path(made)], {})[0])
    untouched()


@story.case('without a signature nothing comes in where signatures are required')
def _():
    write(CONFIG, '[service]\nrequire-signature=true\n')
    root.manager('Rescan', '(a{sv})', {})
    equal(root.listed()[ONE]['Problems'], ['untrusted'])
    fails('Untrusted', root.submit, 'apply', [ONE])
    fails('Untrusted', root.submit, 'apply', [ONE], force=True)
    fails('Untrusted', install, BUNDLE)
    os.unlink(CONFIG)
    root.manager('Rescan', '(a{sv})', {})
    equal(root.listed()[ONE]['Problems'], [])


@story.case('files that others than root may change are not trusted')
def _():
    os.chmod(BUNDLE + '/toy.entity', 0o666)
    root.manager('Rescan', '(a{sv})', {})
    equal(root.listed(), {})
    assert any('bundle: ' in text for text in root.get(*DEGRADED))
    os.chmod(BUNDLE + '/toy.entity', 0o644)
    root.manager('Rescan', '(a{sv})', {})
    untouched()


@story.case('mistakes in the settings are told, the rest counts, the file stays as it is [36]')
def _():
    text = '[service]\nrequire-signature=perhaps\nbusy-timeout=-1\nqueue-limit=7\nnonsense=1\n\n[elsewhere]\nx=1\n'
    write(CONFIG, text)
    service.restart()
    degraded = [line for line in root.get(*DEGRADED) if line.startswith('settings: ')]
    equal(len(degraded), 4)
    for word in ('require-signature', 'busy-timeout', 'nonsense', 'elsewhere'):
        assert any(word in line for line in degraded), (word, degraded)
        assert word in service.logged()
    with open(CONFIG, encoding='utf-8') as file:
        equal(file.read(), text)
    write(CONFIG, 'no settings file\n')
    root.manager('Rescan', '(a{sv})', {})
    equal(len([line for line in root.get(*DEGRADED) if line.startswith('settings: ')]), 1)
    os.unlink(CONFIG)
    root.manager('Rescan', '(a{sv})', {})
    equal(root.get(*DEGRADED), [])
    untouched()


@story.case('a damaged state file is moved aside, and the processes still say what is active')
def _():
    root.do('apply', ONE)
    service.stop()
    states = [name for name in os.listdir('/var/lib/syscare') if name.startswith('state')]
    equal(len(states), 1)
    write('/var/lib/syscare/' + states[0], '{ this is not it')
    service.start()
    equal((root.state(ONE), toy.ask(10)), ('active', 21))
    assert any(text.startswith('state: ') for text in root.get(*DEGRADED)), root.get(*DEGRADED)
    root.do('remove', ONE)
    untouched()


@story.case('accept on a full disk says so and what to do; nothing is taken for accepted')
def _():
    service.stop()
    run('mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', STATE)
    service.start()
    root.do('apply', ONE)
    filler = os.path.join(STATE, 'filler')
    with open(filler, 'wb', buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    error = fails('Failed', root.do, 'accept', ONE)
    assert f"can't be recorded in {STATE}: No space left on device" in error.message, error.message
    assert 'try again' in error.message and '.new' not in error.message, error.message
    equal((root.state(ONE), toy.ask(10)), ('active', 21))
    os.unlink(filler)
    root.do('accept', ONE)
    equal(root.state(ONE), 'accepted')
    root.do('remove', ONE)
    service.stop()
    run('umount', STATE)
    service.start()
    untouched()


@story.case('a job that is over is told so')
def _():
    job = root.submit('apply', [ONE])
    root.wait(job)
    fails('NotCancelable', call, job, JOB, 'Cancel', '(a{sv})', {})
    fails('.InvalidArgs', call, job, JOB, 'Wait', '(a{sv})', {'x': True})
    root.do('remove', ONE)


sys.exit(story.tell())
