#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input to the whole product: each is refused with one clear line and the right exit status, and nothing changed.

Runs inside tools/world. Must not know how SysCare finds out: it uses the command line and looks from outside. TAP."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'demo'))
from cases import case, run_cases  # noqa: E402
from stage import Failed, build, code_in, expect, install, run, service_pid, start_service, stop_service, wait_until  # noqa: E402
from toy import FIXES, SOURCE, Toy, make_tree  # noqa: E402

PATCHES = '/usr/lib/syscare/patches'
WORK = '/tmp/refusals'
TARGET = '/opt/toy/toy'
MAKER = 'patchuser'


def refused(status, words, *command, user=None):
    """@command ends with @status and says so in one line `syscare: WHAT: WHY` that has all @words, and perhaps a hint under it."""
    out, err = run(*command, user=user, expect=status)
    lines = [line for line in err.splitlines() if line.startswith('syscare: ')]
    expect(f'number of error lines of `{" ".join(command)}`', len(lines), 1)
    text = err[err.index(lines[0]):]
    for line in text.splitlines()[1:]:
        if line.strip() and not line.startswith(' '):
            raise Failed(f'not one line and an indented hint: {text!r}')
    for word in words:
        if word.lower() not in text.lower():
            raise Failed(f'{text!r} does not say {word!r}')
    return text


def picture():
    """What may not change: states, installed files, code in the toy."""
    states = [(row['uuid'], row['name'], row['state']) for row in json.loads(run('syscare', 'list', '--json')[0])['patches']]
    files = run('bash', '-c', f'find {PATCHES} /etc/syscare -type f -print0 2>/dev/null | sort -z | xargs -0r sha256sum')[0]
    return [('states', states), ('installed files', files), ('code of the process', code_in(STAGE['toy'].pid)), ('answer', STAGE['toy'].ask(21))]


STAGE = {}


def write(name, text):
    path = os.path.join(WORK, re.sub(r'\W', '-', name) + '.patch')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    os.chmod(path, 0o644)
    return path


def toy_build(fix_name, tree=None, output=None, command='make'):
    return ('syscare', 'build', '--source', tree or STAGE['tree'], '--build', command, '--target', 'toy', '--patch', write(fix_name, FIXES[fix_name]),
            '--name', 'BAD', '--output', output or STAGE['output'])


def prepare():
    os.makedirs(WORK)
    os.chmod(WORK, 0o755)
    tree = make_tree(os.path.join(WORK, 'tree'))
    make_tree('/opt/toy')
    run('make', folder='/opt/toy')
    STAGE['tree'] = tree
    STAGE['output'] = os.path.join(WORK, 'output')
    os.makedirs(STAGE['output'])
    run('chown', '-R', MAKER, WORK)
    for name in ('good', 'other'):
        bundle, _, _ = build(MAKER, write(name, FIXES[name]), name.upper(), os.path.join(WORK, name), '--source', tree, '--build', 'make',
                             '--target', TARGET)
        STAGE[name] = bundle
    STAGE['manifest'] = install(STAGE['good'])
    STAGE['uuid'] = STAGE['manifest']['objects'][0]['uuid']
    STAGE['toy'] = Toy(TARGET)
    expect('answer of the toy', STAGE['toy'].ask(21), 42)


# ---------------------------------------------------------------------------------------------------- making

def nothing_made():
    expect('bundles made', glob.glob(os.path.join(STAGE['output'], '*')), [])


@case('a fix that does not apply')
def _():
    refused(8, ['toy.c'], *toy_build('elsewhere'), user=MAKER)
    nothing_made()


@case('a build that fails keeps its log and names it')
def _():
    text = refused(8, [], *toy_build('breaks the build'), user=MAKER)
    logs = [path for path in re.findall(r'(/[^\s:,;)]+)', text) if os.path.isfile(path)]
    if not logs or not any('no_such_variable' in open(path, encoding='utf-8', errors='replace').read() for path in logs):
        raise Failed(f'no log with the compiler\'s words is named: {text!r}')
    nothing_made()


@case('a build command that fails before any change')
def _():
    refused(8, [], *toy_build('good', command='exit 3'), user=MAKER)
    nothing_made()


@case('a fix that changes nothing in the objects')
def _():
    refused(6, ['nothing to patch'], *toy_build('comment'), user=MAKER)
    nothing_made()


@case('a fix that changes the initial value of a global names it')
def _():
    refused(7, ['factor'], *toy_build('initial value'), user=MAKER)
    nothing_made()


@case('a fix file and a tree that are not there')
def _():
    for option, bad in (('--patch', '/no/such.patch'), ('--source', '/no/such/tree')):
        command = list(toy_build('good'))
        command[command.index(option) + 1] = bad
        refused(1, [bad], *command, user=MAKER)
    nothing_made()


@case('a package that is not installed')
def _():
    refused(7, ['no-such-package'], 'syscare', 'build', '--package', 'no-such-package', '--patch', write('good', FIXES['good']), '--output',
            STAGE['output'], user=MAKER)
    nothing_made()


# ---------------------------------------------------------------------------------------------------- managing

@case('an unknown id')
def _():
    for verb in ('apply', 'info', 'remove', 'processes'):
        refused(3, ['no-such-patch'], 'syscare', verb, 'no-such-patch')


@case('an id that fits several patches')
def _():
    place = os.path.join(PATCHES, os.path.basename(STAGE['other']))
    install(STAGE['other'])
    try:
        refused(2, [STAGE['manifest']['name']], 'syscare', 'apply', STAGE['manifest']['target']['source'] if isinstance(
            STAGE['manifest'].get('target'), dict) else 'tree')
    finally:
        shutil.rmtree(place)
        run('syscare', 'rescan')


@case('a patch for another build of the program')
def _():
    shutil.copy(TARGET, '/opt/toy/toy.kept')
    STAGE['toy'].end()
    make_tree('/opt/toy-other', SOURCE.replace('asked++', 'asked += 2'))
    run('make', folder='/opt/toy-other')
    os.replace('/opt/toy-other/toy', TARGET)
    other = Toy(TARGET)
    expect('answer of the other build', other.ask(21), 42)
    code = code_in(other.pid)
    try:
        refused(7, ['build'], 'syscare', 'apply', STAGE['uuid'])
        expect('answer of the other build', other.ask(21), 42)
        expect('code of the other build', code_in(other.pid), code)
    finally:
        other.end()
        os.replace('/opt/toy/toy.kept', TARGET)
        STAGE['toy'] = Toy(TARGET)
        STAGE['toy'].ask(21)


@case('a patch for another build that runs beside the right one')
def _():
    make_tree('/opt/toy-beside', SOURCE.replace('asked++', 'asked += 3'))
    run('make', folder='/opt/toy-beside')
    other = Toy('/opt/toy-beside/toy')
    expect('answer of the other build', other.ask(21), 42)
    code = code_in(other.pid)
    try:
        run('syscare', 'apply', STAGE['uuid'])
        expect('answer of the right build', STAGE['toy'].ask(21), 43)
        expect('answer of the other build', other.ask(21), 42)
        expect('code of the other build', code_in(other.pid), code)
    finally:
        run('syscare', 'remove', STAGE['uuid'])
        other.end()


def damaged(file, damage, words=()):
    """With @file of the installed bundle damaged, nothing of it can be applied, and the service says that it is damaged."""
    path = os.path.join(PATCHES, os.path.basename(STAGE['good']), file)
    with open(path, 'rb') as stream:
        good = stream.read()
    try:
        with open(path, 'wb') as stream:
            stream.write(damage(good))
        # As it is met without a rescan, then with one.
        for rescan in (False, True):
            if rescan:
                run('syscare', 'rescan', expect=None)
            _, err = run('syscare', 'apply', STAGE['uuid'], expect=None)
            status = subprocess.run(['syscare', 'apply', STAGE['uuid']], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, check=False).returncode
            if status not in (3, 7):
                raise Failed(f'exit status {status} instead of 7 (damaged) or 3 (not loaded): {err!r}')
            expect('answer of the toy', STAGE['toy'].ask(21), 42)
        degraded = run('gdbus', 'call', '--system', '-d', 'org.openeuler.SysCare1', '-o', '/org/openeuler/SysCare1', '-m',
                       'org.freedesktop.DBus.Properties.Get', 'org.openeuler.SysCare1.Manager', 'Degraded')[0]
        if 'bundle' not in degraded:
            raise Failed(f'Degraded does not name the bundle: {degraded}')
    finally:
        with open(path, 'wb') as stream:
            stream.write(good)
        run('syscare', 'rescan')


def entity_file():
    return next(os.path.basename(path) for path in glob.glob(os.path.join(STAGE['good'], '*')) if not path.endswith(('patch.json', '.sig')))


@case('a truncated entity')
def _():
    damaged(entity_file(), lambda data: data[:len(data) // 2])


@case('an entity with one bit flipped')
def _():
    damaged(entity_file(), lambda data: data[:len(data) // 2] + bytes([data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1:])


@case('a truncated patch.json')
def _():
    damaged('patch.json', lambda data: data[:len(data) // 2])


@case('a patch.json with one bit flipped in a digest')
def _():
    def flip(data):
        at = data.index(b'"digest"') + data[data.index(b'"digest"'):].index(b':') + 4
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
    damaged('patch.json', flip)


@case('a verb that the state does not allow')
def _():
    for verb in ('accept', 'revoke', 'deactive', 'active'):
        refused(1, [], 'syscare', verb, STAGE['uuid'])


@case('no polkit')
def _():
    activation = '/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service'
    pid = int(re.search(r'uint32 (\d+)', run('gdbus', 'call', '--system', '-d', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', '-m',
                                             'org.freedesktop.DBus.GetConnectionUnixProcessID', 'org.freedesktop.PolicyKit1')[0])[1])
    with open(f'/proc/{pid}/cmdline', 'rb') as file:
        command = file.read().decode().split('\0')[:-1]
    os.rename(activation, activation + '.away')
    run('gdbus', 'call', '--system', '-d', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', '-m', 'org.freedesktop.DBus.ReloadConfig')
    os.kill(pid, 9)
    try:
        wait_until('the bus knows that polkit is gone', lambda: 'PolicyKit1' not in run(
            'gdbus', 'call', '--system', '-d', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', '-m', 'org.freedesktop.DBus.ListNames')[0])
        refused(4, [], 'syscare', 'apply', STAGE['uuid'], '--no-ask-password', user=MAKER)
    finally:
        os.rename(activation + '.away', activation)
        run('gdbus', 'call', '--system', '-d', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', '-m', 'org.freedesktop.DBus.ReloadConfig')
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run('gdbus', 'wait', '--system', '--timeout', '20', 'org.freedesktop.PolicyKit1')


@case('no service')
def _():
    activation = '/usr/share/dbus-1/system-services/org.openeuler.SysCare1.service'
    os.rename(activation, activation + '.away')
    run('gdbus', 'call', '--system', '-d', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', '-m', 'org.freedesktop.DBus.ReloadConfig')
    stop_service(15)
    try:
        refused(1, ['syscared'], 'syscare', 'list')
        refused(1, ['bus'], 'syscare', '--bus', 'unix:path=/no/such/bus', 'list')
    finally:
        os.rename(activation + '.away', activation)
        run('gdbus', 'call', '--system', '-d', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', '-m', 'org.freedesktop.DBus.ReloadConfig')
        start_service()


@case('after all that a good patch still goes in and out')
def _():
    run('syscare', 'apply', STAGE['uuid'])
    expect('answer of the patched toy', STAGE['toy'].ask(21), 43)
    run('syscare', 'remove', STAGE['uuid'])
    expect('answer of the toy', STAGE['toy'].ask(21), 42)
    if service_pid() <= 1:
        raise Failed('the service is gone')


if __name__ == '__main__':
    sys.exit(run_cases(prepare, picture))
