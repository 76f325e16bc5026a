#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bundles come and go as files, by the real dpkg, rpm and tar: completed ones are noticed, half-written ones never [37]; what is
in effect outlives the package that brought it [42]. Inside tools/world."""
import os
import shutil
import signal
import subprocess
import sys

from stage import (Client, GLib, MANAGER, PATCHES, PATH, Process, STATE, Service, Signals, Story, clear, compile_program, equal, make_bundle,
                   manifest, pack, patch_path, run, write)

story = Story()
clear()
TOY = compile_program('/opt/toy/toy')
OLD = make_bundle(TOY, 1, parent='/opt/made', name='HP001', release='1', description='one')
NEW = make_bundle(TOY, 2, parent='/opt/made', name='HP001', release='2', description='two')
THIRD = make_bundle(TOY, 3, parent='/opt/made', name='HP003')
ONE, TWO, THREE = (patch_path(bundle) for bundle in (OLD, NEW, THIRD))
os.makedirs(PATCHES)
service = Service().start()
root = Client()
toy = Process(TOY)
RPM = ('rpm', '--dbpath', '/opt/rpmdb', '--nodeps', '--nosignature')


def rescan():
    root.manager('Rescan', '(a{sv})', {})


def degraded(word):
    return [text for text in root.get(PATH, MANAGER, 'Degraded') if text.startswith(f'{word}: ')]


def fresh():
    """What a process answers that starts now."""
    process = Process(TOY)
    answer = process.ask(10)
    process.end()
    return answer


def comes(signals, patch):
    """Waits until @patch appears, without anybody asking for it."""
    signals.until(lambda _p, _i, name, values: name == 'InterfacesAdded' and values[0] == patch)


def goes(signals, patch):
    signals.until(lambda _p, _i, name, values: name == 'InterfacesRemoved' and values[0] == patch)


def gets(signals, patch, problems):
    signals.until(lambda path, _i, name, values: path == patch and name == 'PropertiesChanged' and values[1].get('Problems') == problems)


def deb(bundle, version):
    folder = f'/opt/deb-{version}'
    shutil.copytree(bundle, f'{folder}{PATCHES}/{os.path.basename(bundle)}')
    os.makedirs(f'{folder}/DEBIAN')
    write(f'{folder}/DEBIAN/control', f'Package: hotpatch-toy\nVersion: {version}\nArchitecture: amd64\nMaintainer: Nobody <nobody@localhost>\n'
          'Description: a hot patch\n')
    run('dpkg-deb', '--root-owner-group', '-b', folder, f'{folder}.deb')
    return f'{folder}.deb'


def rpm(bundle, version):
    name = os.path.basename(bundle)
    write('/opt/toy.spec', f'Name: hotpatch-toy\nVersion: {version}\nRelease: 1\nSummary: a hot patch\nLicense: GPL-2.0-or-later\nBuildArch: x86_64\n'
          f'%global __os_install_post %{{nil}}\n%description\n%{{summary}}.\n%install\nmkdir -p %{{buildroot}}{PATCHES}\n'
          f'cp -r {bundle} %{{buildroot}}{PATCHES}/\n%files\n%defattr(-,root,root)\n{PATCHES}/{name}\n')
    run('rpmbuild', '-bb', '--define', '_topdir /opt/rpmbuild', '--define', '_dbpath /opt/rpmdb', '/opt/toy.spec')
    return f'/opt/rpmbuild/RPMS/x86_64/hotpatch-toy-{version}-1.x86_64.rpm'


def remove(*patches):
    root.do('remove', *patches)


@story.case('files that come one by one are a patch when the last one is there, and not before')
def _():
    signals = Signals()
    target = f'{PATCHES}/{os.path.basename(OLD)}'
    os.mkdir(target)
    rescan()
    equal((root.listed(), degraded('bundle')), ({}, []))
    for name in ('patch.json', 'toy.entity'):
        for part in ('.dpkg-new', ';65a1b2c3'):
            shutil.copy(f'{OLD}/{name}', f'{target}/{name}{part}')
            rescan()
            equal((root.listed(), degraded('bundle')), ({}, []), name)
            os.unlink(f'{target}/{name}{part}')
    shutil.copy(f'{OLD}/patch.json', target)
    rescan()
    equal(root.listed(), {})
    with open(f'{OLD}/toy.entity', 'rb') as file:
        content = file.read()
    with open(f'{target}/toy.entity', 'wb') as file:
        file.write(content[:-1])
        file.flush()
        rescan()
        equal(root.listed(), {})
        file.write(content[-1:])
    comes(signals, ONE)
    equal((root.state(ONE), degraded('bundle')), ('not-applied', []))
    shutil.rmtree(target)
    goes(signals, ONE)


@story.case('a bundle is noticed when its owner or mode becomes right')
def _():
    signals = Signals()
    target = shutil.copytree(OLD, f'{PATCHES}/{os.path.basename(OLD)}')
    comes(signals, ONE)
    for path, spoil, mend in ((target, lambda p: os.chmod(p, 0o777), lambda p: os.chmod(p, 0o755)),
                              (f'{target}/toy.entity', lambda p: os.chown(p, 1, 1), lambda p: os.chown(p, 0, 0)),
                              (f'{target}/patch.json', lambda p: os.chmod(p, 0o664), lambda p: os.chmod(p, 0o644))):
        spoil(path)
        goes(signals, ONE)
        rescan()
        assert any(target in text for text in degraded('bundle')), path
        mend(path)
        comes(signals, ONE)
        rescan()
        equal(degraded('bundle'), [])
    shutil.rmtree(target)
    goes(signals, ONE)


@story.case('links and directories of another name are problems and never loaded')
def _():
    os.symlink(OLD, f'{PATCHES}/{os.path.basename(OLD)}')
    shutil.copytree(THIRD, f'{PATCHES}/somebody')
    os.makedirs(f'{PATCHES}/empty')
    rescan()
    told = degraded('bundle')
    equal((root.listed(), len(told)), ({}, 2))
    assert any('symbolic link' in text for text in told) and any('somebody' in text for text in told), told
    for name in os.listdir(PATCHES):
        path = f'{PATCHES}/{name}'
        (os.unlink if os.path.islink(path) else shutil.rmtree)(path)
    rescan()
    equal(degraded('bundle'), [])


@story.case('tar drops one into the directory')
def _():
    signals = Signals()
    for order in (['patch.json', 'toy.entity'], ['toy.entity', 'patch.json']):
        name = os.path.basename(OLD)
        run('tar', '-C', '/opt/made', '-czf', '/opt/bundle.tgz', '--owner=0', '--group=0', *(f'{name}/{file}' for file in order))
        run('tar', '-C', PATCHES, '-xzf', '/opt/bundle.tgz')
        comes(signals, ONE)
        equal(root.state(ONE), 'not-applied')
        shutil.rmtree(f'{PATCHES}/{name}')
        goes(signals, ONE)


def lifecycle(install, upgrade, reinstall, erase):
    """One package's life: installed, accepted, repeated, upgraded to another bundle, removed."""
    signals = Signals()
    install()
    comes(signals, ONE)
    root.do('apply', ONE)
    root.do('accept', ONE)
    equal((toy.ask(10), fresh()), (21, 21))

    reinstall()
    rescan()
    equal((root.listed()[ONE]['State'], root.listed()[ONE]['Problems'], toy.ask(10), fresh()), ('accepted', [], 21, 21))

    # Old processes, new ones and those after a restart or a reboot: the fix that was accepted stays.
    upgrade()
    gets(signals, ONE, ['bundle-missing'])
    rescan()
    rows = root.listed()
    equal((rows[ONE]['State'], rows[ONE]['Problems'], rows[TWO]['State']), ('accepted', ['bundle-missing'], 'not-applied'))
    equal((toy.ask(10), fresh()), (21, 21))
    service.restart(signal.SIGKILL)
    equal((root.state(ONE), toy.ask(10), fresh()), ('accepted', 21, 21))
    after_reboot()
    equal((root.state(ONE), toy.ask(10), fresh()), ('accepted', 21, 21))

    # The administrator changes over.
    remove(ONE)
    equal(ONE in root.listed(), False)
    root.do('apply', TWO)
    equal((toy.ask(10), fresh()), (22, 22))

    # The package goes: nobody is unpatched behind the administrator's back.
    erase()
    rescan()
    equal((root.state(TWO), root.listed()[TWO]['Problems'], toy.ask(10), fresh()), ('active', ['bundle-missing'], 22, 22))
    remove(TWO)
    equal((root.listed(), toy.ask(10), fresh()), ({}, 20, 20))
    rescan()
    equal(os.listdir(f'{STATE}/bundles'), [])


def after_reboot():
    """The service starts in another boot; nobody carries anything."""
    global toy  # pylint: disable=global-statement
    service.stop()
    toy.end()
    write('/tmp/other-boot', f'00000000-0000-4000-8000-{os.urandom(6).hex()}\n')
    run('mount', '--bind', '/tmp/other-boot', '/proc/sys/kernel/random/boot_id')
    toy = Process(TOY)
    service.start()
    run('umount', '/proc/sys/kernel/random/boot_id')


@story.case('dpkg installs, repeats, upgrades and removes, and the protection has no gap')
def _():
    old, new = deb(OLD, '1'), deb(NEW, '2')
    lifecycle(lambda: run('dpkg', '-i', old), lambda: run('dpkg', '-i', new), lambda: run('dpkg', '-i', old), lambda: run('dpkg', '-r', 'hotpatch-toy'))


@story.case('rpm installs, repeats, upgrades and removes, and the protection has no gap')
def _():
    old, new = rpm(OLD, '1'), rpm(NEW, '2')
    lifecycle(lambda: run(*RPM, '-i', old), lambda: run(*RPM, '-U', new), lambda: run(*RPM, '-i', '--force', old), lambda: run(*RPM, '-e', 'hotpatch-toy'))


@story.case('packages come and go while the service is down [42]')
def _():
    service.stop()
    run('dpkg', '-i', '/opt/deb-1.deb')
    service.start()
    root.do('apply', ONE)
    root.do('accept', ONE)
    service.stop(signal.SIGKILL)
    run('dpkg', '-i', '/opt/deb-2.deb')
    equal(toy.ask(10), 21)
    service.start()
    equal((root.state(ONE), root.state(TWO), fresh()), ('accepted', 'not-applied', 21))
    service.stop()
    run('dpkg', '-r', 'hotpatch-toy')
    service.start()
    equal((root.state(ONE), TWO in root.listed(), toy.ask(10), fresh()), ('accepted', False, 21, 21))
    remove(ONE)


@story.case('a bundle of a package is uninstalled by the package manager only')
def _():
    run('dpkg', '-i', '/opt/deb-1.deb')
    rescan()
    job = root.call(PATH, MANAGER, 'Uninstall', GLib.Variant('(aoa{sv})', ([ONE], pack({}))))[0]
    try:
        root.wait(job)
    except Exception as error:  # noqa: BLE001 pylint: disable=broad-except
        assert 'NotSupported' in str(error) and 'package' in str(error), error
    else:
        raise AssertionError('was uninstalled')
    assert ONE in root.listed() and manifest(f'{PATCHES}/{os.path.basename(OLD)}')
    equal(subprocess.run(['dpkg', '--verify', 'hotpatch-toy'], capture_output=True, check=False).stdout, b'')
    run('dpkg', '-r', 'hotpatch-toy')
    rescan()
    equal(root.listed(), {})


@story.case('what doesn\'t fit on the disk is not applied, and nothing half-kept is left')
def _():
    shutil.copytree(OLD, f'{PATCHES}/{os.path.basename(OLD)}')
    rescan()
    run('mount', '-t', 'tmpfs', '-o', 'size=4k,nr_inodes=8', 'tmpfs', f'{STATE}/bundles')
    before = toy.ask(10)
    try:
        root.do('apply', ONE)
    except Exception as error:  # noqa: BLE001 pylint: disable=broad-except
        assert 'could not be recorded' in str(error), error
    else:
        raise AssertionError('was recorded')
    equal(before, 20)
    run('umount', f'{STATE}/bundles')
    rescan()
    remove(ONE)
    equal((root.state(ONE), toy.ask(10)), ('not-applied', 20))


sys.exit(story.tell())
