#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Workers and trigger behind sockets of a service manager instead of as children of the service. Inside tools/world; the manager is
systemd-socket-activate(1), which hands connections over as systemd itself does."""
import os
import shutil
import signal
import subprocess
import sys

from stage import (Client, JOB, MANAGER, PATH, PATCHES, Process, Service, Story, clear, compile_program, equal, fails, make_bundle, patch_path, run)

LIBEXEC = '/usr/libexec/syscare'
SOCKETS = {name: f'/run/{name}.socket' for name in ('syscare-worker', 'syscare-trigger')}
managers = {}


def listen(name):
    """Returns once it listens."""
    managers[name] = subprocess.Popen(['systemd-socket-activate', '--accept', '-l', SOCKETS[name], f'{LIBEXEC}/{name}'], stderr=subprocess.PIPE,  # pylint: disable=consider-using-with
                                      encoding='utf-8')
    while 'Listening on' not in managers[name].stderr.readline():
        assert managers[name].poll() is None, f'{name}: nobody listens'


def lives(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            return file.read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except (FileNotFoundError, ProcessLookupError):
        return False


def helpers(name):
    """Pids of the instances that the manager has started."""
    with open(f'/proc/{managers[name].pid}/task/{managers[name].pid}/children', encoding='ascii') as file:
        return [int(pid) for pid in file.read().split() if lives(pid)]


def story():
    tale = Story()
    clear()
    for name in SOCKETS:
        listen(name)
    toy_path = compile_program('/opt/toy/toy')
    bundle = make_bundle(toy_path, 1)
    one = patch_path(bundle)
    service = Service(f'--worker={SOCKETS["syscare-worker"]}', f'--trigger={SOCKETS["syscare-trigger"]}').start()
    toy, client = Process(toy_path), Client()

    @tale.case('a job is done by a worker that isn\'t a child of the service, new processes are met, and all is well')
    def _():
        client.do('apply', one)
        equal(toy.ask(10), 21)
        later = Process(toy_path)
        equal(later.ask(10), 21)
        later.end()
        equal(client.get(PATH, MANAGER, 'Degraded'), [])
        equal(service.workers(), [], 'children of the service')
        equal(len(helpers('syscare-trigger')), 1, 'triggers')

    @tale.case('a bundle is taken in by such a worker, and its errors arrive')
    def _():
        client.do('remove', one)
        shutil.move(bundle, '/tmp/moved')
        client.manager('Rescan', '(a{sv})', {})
        client.wait(client.manager('Install', '(sa{sv})', '/tmp/moved', {})[0])
        equal(os.listdir(PATCHES), [os.path.basename(bundle)])
        fails('PatchCorrupt', client.manager, 'Install', '(sa{sv})', '/etc/passwd', {})

    @tale.case('a worker that is killed in its work is told as such, and nothing has changed')
    def _():
        toy.stay()
        job = client.submit('apply', [one], timeout=600 * 10**6)
        while client.get(job, JOB, 'Phase') != 'switch':
            pass
        met = Process(toy_path)
        equal(met.ask(10), 21, 'started meanwhile')
        for pid in helpers('syscare-worker'):
            os.kill(pid, signal.SIGKILL)
        error = fails('Failed', client.wait, job)
        assert 'ended before it was done' in error.message, error
        toy.leave()
        equal((toy.ask(10), met.ask(10), client.state(one)), (20, 20, 'not-applied'))
        met.end()

    @tale.case('a job is cancelled, and its worker undoes what it did')
    def _():
        toy.stay()
        job = client.submit('apply', [one], timeout=600 * 10**6)
        while client.get(job, JOB, 'Phase') != 'switch':
            pass
        met = Process(toy_path)
        equal(met.ask(10), 21, 'started meanwhile')
        client.cancel(job)
        fails('Cancelled', client.wait, job)
        toy.leave()
        equal((toy.ask(10), met.ask(10), client.state(one)), (20, 20, 'not-applied'))
        met.end()

    @tale.case('a trigger that is killed, and one that hangs, is replaced by another one')
    def _():
        client.do('apply', one)
        for how in (signal.SIGKILL, signal.SIGSTOP):
            old = helpers('syscare-trigger')
            equal(len(old), 1)
            os.kill(old[0], how)
            while not [pid for pid in helpers('syscare-trigger') if pid not in old]:
                pass
            while client.get(PATH, MANAGER, 'Degraded'):
                pass
            later = Process(toy_path)
            equal(later.ask(10), 21)
            later.end()
        client.do('remove', one)

    @tale.case('a helper takes orders from root only, also when the socket lets others in')
    def _():
        os.chmod(SOCKETS['syscare-worker'], 0o666)
        code = f'import socket; s = socket.socket(socket.AF_UNIX); s.connect({SOCKETS["syscare-worker"]!r}); print(len(s.recv(100)))'
        equal(run('setpriv', '--reuid=patchuser', '--regid=patchuser', '--clear-groups', sys.executable, '-c', code).strip(), '0')

    @tale.case('without its manager nothing is done, the error says who is missing, and with it all goes on')
    def _():
        managers['syscare-worker'].terminate()
        managers['syscare-worker'].wait()
        error = fails('Failed', client.do, 'apply', one)
        assert SOCKETS['syscare-worker'] in error.message, error
        equal(toy.ask(10), 20)
        os.unlink(SOCKETS['syscare-worker'])
        listen('syscare-worker')
        client.do('apply', one)
        equal(toy.ask(10), 21)

    @tale.case('a service that is killed leaves no trigger behind, and the next one knows the state')
    def _():
        service.restart(signal.SIGKILL)
        equal(Client().state(one), 'active')
        while len(helpers('syscare-trigger')) != 1:
            pass
        equal(toy.ask(10), 21)

    status = tale.tell()
    for manager in managers.values():
        manager.terminate()
    return status


sys.exit(story())
