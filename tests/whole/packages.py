#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""From a fix to a package of the distribution: syscare build --format deb,rpm; installed by the real dpkg and rpm, noticed, upgraded without a
gap in the protection, removed.

Runs inside tools/world. Must not know how packages are written: dpkg-deb(1) and rpm(8) are asked what is in them. TAP."""
import filecmp
import glob
import json
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'demo'))
from cases import case, run_cases  # noqa: E402
from stage import Failed, build, expect, run, wait_until  # noqa: E402
from toy import FIXES, Toy, make_tree  # noqa: E402

WORK, MAKER, TRUSTED, PATCHES = '/tmp/packages', 'patchuser', '/etc/syscare/trusted.d', '/usr/lib/syscare/patches'
NAME = 'syscare-patch-tree-hp001'
RPM = ('rpm', '--dbpath', f'{WORK}/rpmdb', '--nodeps', '--nosignature')
STAGE = {}


def write(path, text):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    os.chmod(path, 0o644)
    return path


def make(output, fix, *options):
    """Gives the bundle, its .deb and its .rpm."""
    path = write(f'{WORK}/{fix}.patch', FIXES[fix])
    bundle = build(MAKER, path, 'HP001', f'{WORK}/{output}', '--source', STAGE['tree'], '--build', 'make', '--target', '/opt/toy/toy', '--format',
                   'deb,rpm', '--sign', f'{WORK}/vendor-private.pem', '--issue', 'CVE-2026-0001', '--description', '100% of the answers are one too small',
                   *options)[0]
    return bundle, glob.glob(f'{WORK}/{output}/*.deb')[0], glob.glob(f'{WORK}/{output}/*.rpm')[0]


def install_target(version):
    """The program that is patched, as a package of the distribution."""
    folder = f'{WORK}/target-{version}'
    os.makedirs(f'{folder}/DEBIAN')
    os.makedirs(f'{folder}/opt/toy')
    run('cp', '/opt/made/toy', f'{folder}/opt/toy/toy')
    write(f'{folder}/DEBIAN/control', f'Package: toy\nVersion: {version}\nArchitecture: amd64\nMaintainer: Nobody <nobody@localhost>\nDescription: a toy\n')
    run('dpkg-deb', '--root-owner-group', '-b', folder, f'{folder}.deb')
    run('dpkg', '-i', f'{folder}.deb')


def prepare():
    for folder in (WORK, TRUSTED, f'{WORK}/rpmdb'):
        os.makedirs(folder, exist_ok=True)
    STAGE['tree'] = make_tree(f'{WORK}/tree')
    run('chown', '-R', MAKER, WORK)
    make_tree('/opt/made')
    run('make', folder='/opt/made')
    install_target('1.0-1')
    run('openssl', 'genpkey', '-algorithm', 'ed25519', '-out', f'{WORK}/vendor-private.pem', user=MAKER)
    run('openssl', 'pkey', '-in', f'{WORK}/vendor-private.pem', '-pubout', '-out', f'{TRUSTED}/vendor.pem')
    write('/etc/syscare/syscare.conf', '[service]\nrequire-signature=true\n')
    run('syscare', 'rescan')
    STAGE['toy'] = Toy('/opt/toy/toy')


def bundle_id(bundle):
    return os.path.basename(bundle)


def noticed(bundle):
    wait_until(f'{bundle} is noticed', lambda: rows().get(bundle_id(bundle)))


def rows():
    """What the service shows, without telling it to look: id of the bundle -> patch."""
    out = run('syscare', 'list', '--json')[0]
    return {patch['bundle']: patch for patch in json.loads(out)['patches']}


def fresh():
    toy = Toy('/opt/toy/toy')
    answer = toy.ask(21)
    toy.end()
    return answer


class Asker(threading.Thread):
    """Asks the running program again and again; what it answered."""

    def __init__(self):
        super().__init__()
        self.over, self.answers = threading.Event(), set()

    def run(self):
        while not self.over.is_set():
            self.answers |= {STAGE['toy'].ask(21), fresh()}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def same_files(bundle, root=''):
    inside = f'{root}{PATCHES}/{bundle_id(bundle)}'
    names = sorted(os.listdir(bundle))
    expect('files', (sorted(os.listdir(inside)), 'patch.json.sig' in names), (names, True))
    expect('differing files', filecmp.cmpfiles(bundle, inside, names, shallow=False)[1:], ([], []))


@case('syscare build writes a .deb and a .rpm that hold the signed bundle and depend on the target\'s version')
def _():
    STAGE['old'] = bundle, deb, rpm = make('old', 'good')
    expect('name', os.path.basename(deb), f'{NAME}_0+hp1.1_amd64.deb')
    expect('control', run('dpkg-deb', '-f', deb, 'Package', 'Depends', 'Recommends', 'Description')[0].splitlines()[:4],
           [f'Package: {NAME}', 'Depends: toy (= 1.0-1)', 'Recommends: syscare', 'Description: 100% of the answers are one too small'])
    run('dpkg-deb', '-x', deb, f'{WORK}/in-deb')
    expect('requires', [line for line in run('rpm', '-qp', '--requires', rpm)[0].splitlines() if not line.startswith('rpmlib(')], ['toy = 1.0-1'])
    expect('rpm', run('rpm', '-qp', '--qf', '%{NAME} %{VERSION}-%{RELEASE} %{ARCH} %{SUMMARY}', rpm)[0],
           f'{NAME} 0-0.hp1.1 x86_64 100% of the answers are one too small')
    expect('scripts', run('rpm', '-qp', '--scripts', rpm)[0], '')
    same_files(bundle, f'{WORK}/in-deb')
    listing = run('dpkg-deb', '-c', deb)[0].splitlines()
    expect('owners', {line.split()[1] for line in listing}, {'root/root'})
    expect('modes', {line.split()[0] for line in listing}, {'drwxr-xr-x', '-rw-r--r--'})


@case('equal patches give equal packages')
def _():
    _bundle, deb, rpm = make('again', 'good')
    expect('deb', filecmp.cmp(deb, STAGE['old'][1], shallow=False), True)
    expect('rpm', run('rpm', '-qp', '--qf', '%{SIGMD5}', rpm)[0], run('rpm', '-qp', '--qf', '%{SIGMD5}', STAGE['old'][2])[0])


@case('a tool that is missing, a format and a version that are none are told before anything is built')
def _():
    def refused(status, word, *options):
        _out, err = run('syscare', 'build', '--source', STAGE['tree'], '--build', 'touch built', '--patch', f'{WORK}/good.patch', '--output',
                        f'{WORK}/none', *options, user=MAKER, expect=status)
        if word not in err:
            raise Failed(err)
        expect('output folder', os.path.exists(f'{WORK}/none'), False)
    refused(2, '--format', '--format', 'deb,zip')
    refused(2, 'version', '--patch-version', '1-2')
    os.rename('/usr/bin/rpmbuild', '/usr/bin/rpmbuild.away')
    try:
        refused(7, 'rpmbuild', '--format', 'rpm')
    finally:
        os.rename('/usr/bin/rpmbuild.away', '/usr/bin/rpmbuild')


@case('dpkg installs it and the service notices it, with its signer')
def _():
    bundle, deb, _rpm = STAGE['old']
    run('dpkg', '-i', deb)
    noticed(bundle)
    expect('verified', run('dpkg', '--verify', NAME)[0], '')
    patch = rows()[bundle_id(bundle)]
    signer = json.loads(run('syscare', 'info', patch['uuid'], '--json')[0])['patches'][0]['signer']
    expect('patch', (patch['state'], signer, patch['problems']), ('not-applied', 'vendor', []))
    run('syscare', 'apply', 'HP001')
    run('syscare', 'accept', 'HP001')
    expect('answers', (STAGE['toy'].ask(21), fresh()), (43, 43))


@case('an upgrade of the package leaves no moment without the fix')
def _():
    STAGE['new'] = bundle, deb, _rpm = make('new', 'other', '--patch-version', '2')
    expect('name', os.path.basename(deb), f'{NAME}_0+hp2.1_amd64.deb')
    old = bundle_id(STAGE['old'][0])
    with Asker() as asker:
        run('dpkg', '-i', deb)
        noticed(bundle)
        run('syscare', 'rescan')
    expect('answers meanwhile', asker.answers, {43})
    patches = rows()
    expect('the old one', (patches[old]['state'], patches[old]['problems']), ('accepted', ['bundle-missing']))
    expect('the new one', (patches[bundle_id(bundle)]['state'], patches[bundle_id(bundle)]['problems']), ('not-applied', []))
    run('syscare', 'remove', patches[old]['uuid'])
    run('syscare', 'apply', patches[bundle_id(bundle)]['uuid'])
    expect('answers', (STAGE['toy'].ask(21), fresh()), (44, 44))


@case('removing the package takes nothing out of effect; the administrator does')
def _():
    run('dpkg', '-r', NAME)
    run('syscare', 'rescan')
    patch = rows()[bundle_id(STAGE['new'][0])]
    expect('patch', (patch['state'], patch['problems'], STAGE['toy'].ask(21)), ('active', ['bundle-missing'], 44))
    run('syscare', 'remove', patch['uuid'])
    expect('left', (rows(), STAGE['toy'].ask(21)), ({}, 42))


@case('rpm installs and erases it')
def _():
    bundle, _deb, rpm = STAGE['old']
    run(*RPM, '-i', rpm)
    noticed(bundle)
    same_files(bundle)
    run('syscare', 'apply', 'HP001')
    expect('answer', STAGE['toy'].ask(21), 43)
    run('syscare', 'remove', 'HP001')
    run(*RPM, '-e', NAME)
    wait_until('it is gone', lambda: not rows())


@case('dpkg refuses it beside another version of the target')
def _():
    install_target('1.0-2')
    out, err = run('dpkg', '-i', STAGE['old'][1], expect=1)
    if 'depends on toy (= 1.0-1)' not in out + err:
        raise Failed(out + err)
    run('dpkg', '-P', NAME)


if __name__ == '__main__':
    sys.exit(run_cases(prepare))
