#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""From a fix to a signed patch in a process, where signatures are required: syscare build --sign, an archive, install, apply.

Runs inside tools/world. Must not know how signatures are made or verified: openssl(1) is asked for a second opinion. TAP."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'demo'))
from cases import case, run_cases  # noqa: E402
from stage import Failed, build, expect, run  # noqa: E402
from toy import FIXES, Toy, make_tree  # noqa: E402

WORK, MAKER, TRUSTED = '/tmp/signed', 'patchuser', '/etc/syscare/trusted.d'
STAGE = {}


def key(name):
    private, public = f'{WORK}/{name}-private.pem', f'{WORK}/{name}.pem'
    run('openssl', 'genpkey', '-algorithm', 'ed25519', '-out', private, user=MAKER)
    run('openssl', 'pkey', '-in', private, '-pubout', '-out', public, user=MAKER)
    return private


def fix():
    with open(f'{WORK}/fix.patch', 'w', encoding='utf-8') as file:
        file.write(FIXES['good'])
    os.chmod(f'{WORK}/fix.patch', 0o644)
    return f'{WORK}/fix.patch'


def make(output, *options):
    return build(MAKER, fix(), 'HP001', f'{WORK}/{output}', '--source', STAGE['tree'], '--build', 'make', '--target', '/opt/toy/toy', *options)[0]


def prepare():
    for folder in (WORK, TRUSTED, '/etc/syscare'):
        os.makedirs(folder, exist_ok=True)
    STAGE['tree'] = make_tree(f'{WORK}/tree')
    run('chown', '-R', MAKER, WORK)
    make_tree('/opt/toy')
    run('make', folder='/opt/toy')
    STAGE['vendor'], STAGE['stranger'] = key('vendor'), key('stranger')
    run('install', '-m', '644', f'{WORK}/vendor.pem', f'{TRUSTED}/vendor.pem')
    with open('/etc/syscare/syscare.conf', 'w', encoding='utf-8') as file:
        file.write('[service]\nrequire-signature=true\n')
    run('syscare', 'rescan')
    STAGE['toy'] = Toy('/opt/toy/toy')


def install(bundle, status=0):
    copy = f'/root/{os.path.basename(bundle)}.tar'
    run('cp', f'{bundle}.tar', copy)
    return run('syscare', 'install', copy, expect=status)


def info():
    return json.loads(run('syscare', 'info', 'HP001', '--json')[0])['patches'][0]


@case('syscare build --sign makes a signature that openssl verifies')
def _():
    STAGE['signed'] = bundle = make('signed', '--format', 'dir,tar', '--sign', STAGE['vendor'])
    run('openssl', 'pkeyutl', '-verify', '-rawin', '-pubin', '-inkey', f'{WORK}/vendor.pem', '-in', f'{bundle}/patch.json', '-sigfile',
        f'{bundle}/patch.json.sig')
    names = run('tar', '-tf', f'{bundle}.tar')[0]
    if 'patch.json.sig' not in names:
        raise Failed(f'the archive has no signature: {names}')


@case('a key that is none is an error before anything is built, or leaves no signature')
def _():
    for path in ('/nonexistent/key.pem', '/etc/shadow'):
        out, err = run('syscare', 'build', '--source', STAGE['tree'], '--build', 'make', '--patch', fix(), '--output', f'{WORK}/none', '--sign', path,
                       user=MAKER, expect=2)
        expect('output folder', os.path.exists(f'{WORK}/none'), False)
        if '--sign' not in err:
            raise Failed(f'{out}{err}')
    _out, err = run('syscare', 'build', '--source', STAGE['tree'], '--build', 'make', '--target', '/opt/toy/toy', '--patch', fix(), '--output',
                    f'{WORK}/wrong', '--sign', f'{WORK}/vendor.pem', user=MAKER, expect=2)
    if 'sign' not in err:
        raise Failed(err)


@case('unsigned and foreign bundles are refused')
def _():
    for output, options in (('unsigned', ()), ('foreign', ('--sign', STAGE['stranger']))):
        _out, err = install(make(output, '--format', 'dir,tar', *options), status=7)
        if 'signature' not in err:
            raise Failed(err)


@case('the signed one is installed and applied; the signer is shown')
def _():
    install(STAGE['signed'])
    expect('signer', info()['signer'], 'vendor')
    run('syscare', 'apply', 'HP001')
    expect('answer of the patched toy', STAGE['toy'].ask(21), 43)


@case('without the key it can be removed, and not be applied again')
def _():
    os.unlink(f'{TRUSTED}/vendor.pem')
    run('syscare', 'rescan')
    expect('problems', info()['problems'], ['untrusted'])
    run('syscare', 'remove', 'HP001')
    expect('answer of the toy', STAGE['toy'].ask(21), 42)
    run('syscare', 'apply', 'HP001', expect=7)
    expect('answer of the toy', STAGE['toy'].ask(21), 42)


if __name__ == '__main__':
    sys.exit(run_cases(prepare))
