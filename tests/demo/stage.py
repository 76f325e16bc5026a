# SPDX-License-Identifier: GPL-2.0-or-later
"""What the demo and its kin have in common: the stock redis-server in a private world, its fixes, and looking at a process
from outside. Must not know how SysCare works inside: it uses the command line as its users do."""
import glob
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tarfile
import tempfile
import time

from redis_wire import Redis, restore_corrupt_stream

INSTALLED, FIXED = '5:7.0.15-1~deb12u7', '5:7.0.15-1~deb12u10'
FIX, SECOND_FIX = 'CVE-2026-66373', 'CVE-2026-81934'
ACCEPTED, REJECTED = '+OK', '-ERR Bad data format'
RULE = '''polkit.addRule(function(action, subject) {
    if ((action.id == "org.openeuler.syscare1.apply-user" || action.id == "org.openeuler.syscare1.withdraw-user") &&
        action.lookup("target.source") == "redis" && action.lookup("target.verified") == "true" &&
        subject.isInGroup("dba"))
        return polkit.Result.YES;
});
'''
HANGS_SECONDS = 1200  # nothing here takes so long, also on a busy machine: it hangs
# The note that every patch image in a process carries: name size, description size, type, name.
IMAGE_NOTE = struct.pack('<III8s', 8, 192, 0x53435031, b'SysCare\0')
IMAGE_NOTE_OFFSET = 0x40


class Failed(Exception):
    """Something isn't as expected; the words say what."""


def run(*command, user=None, expect=0, folder=None):
    """Runs @command, as @user if given; returns (standard output, standard error)."""
    if user:
        home = os.path.expanduser('~' + user)
        command = ('runuser', '-u', user, '--', 'env', '-C', folder or home, f'HOME={home}', f'USER={user}', *command)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8',
                          errors='replace', cwd=folder, check=False, timeout=HANGS_SECONDS)
    if expect is not None and done.returncode != expect:
        words = ' '.join(command[command.index('USER=' + user) + 1:] if user else command)
        last = '\n'.join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise Failed(f'`{words}`{" as " + user if user else ""} ended with {done.returncode} instead of {expect}:\n{last}')
    return done.stdout, done.stderr


def expect(what, seen, wanted):
    if seen != wanted:
        raise Failed(f'{what}: {seen!r} instead of {wanted!r}')


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_until(what, condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f'{what}: not within {seconds} s')
        time.sleep(0.02)


# -------------------------------------------------------------------------------------------------- the machine's part

def install_stock_redis():
    options = ['-y', '-q', '--no-install-recommends', '--allow-downgrades']
    wanted = [f'redis-server={INSTALLED}', f'redis-tools={INSTALLED}']
    environment = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'}
    for attempt in ('', 'update'):
        if attempt:
            run('apt-get', '-q', 'update')
        done = subprocess.run(['apt-get', 'install', *options, *wanted], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding='utf-8', errors='replace', check=False)
        if done.returncode == 0:
            return
    raise Failed(f'the stock redis-server can\'t be installed:\n{done.stdout[-1500:]}')


def private_apt(folder):
    return ['-o', 'Dir::Etc::sourcelist=/dev/null', '-o', f'Dir::Etc::sourceparts={folder}/parts', '-o', f'Dir::State::lists={folder}/lists',
            '-o', f'Dir::Cache={folder}/cache', '-o', 'APT::Sandbox::User=root', '-q']


def fetch_fixes(folder):
    """debian/patches of the fixed source package, by a private apt configuration derived from the machine's own one."""
    for part in ('parts', 'lists/partial', 'cache/archives/partial', 'source'):
        os.makedirs(os.path.join(folder, part))
    for path in ['/etc/apt/sources.list', *glob.glob('/etc/apt/sources.list.d/*')]:
        if not os.path.isfile(path):
            continue
        with open(path, encoding='utf-8') as file:
            text = file.read()
        if path.endswith('.sources'):
            text = re.sub(r'^Types:.*$', 'Types: deb-src', text, flags=re.M)
        elif path.endswith('.list'):
            text = '\n'.join(re.sub(r'^deb\s', 'deb-src ', line) for line in text.splitlines() if line.startswith('deb ')) + '\n'
        else:
            continue
        if 'debian' in text:
            with open(os.path.join(folder, 'parts', os.path.basename(path)), 'w', encoding='utf-8') as file:
                file.write(text)
    run('apt-get', *private_apt(folder), 'update')
    run('apt-get', *private_apt(folder), 'source', '--download-only', f'redis={FIXED}', folder=os.path.join(folder, 'source'))
    archive = glob.glob(os.path.join(folder, 'source', '*.debian.tar.*'))
    if not archive:
        raise Failed('the source package has no debian archive')
    with tarfile.open(archive[0]) as tar:
        for fix in (FIX, SECOND_FIX):
            with open(os.path.join(folder, fix + '.patch'), 'wb') as file:
                file.write(tar.extractfile(f'debian/patches/{fix}.patch').read())
            os.chmod(os.path.join(folder, fix + '.patch'), 0o644)
    os.chmod(folder, 0o755)


def start_redis(port):
    folder = '/var/lib/redis'
    process = subprocess.Popen(['runuser', '-u', 'redis', '--', '/usr/bin/redis-server', '--port', str(port), '--bind', '127.0.0.1', '--dir', folder,
                                '--save', '', '--enable-debug-command', 'yes'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers():
        if process.poll() is not None:
            raise Failed('redis-server ended at its start')
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return True
        except OSError:
            return False
    wait_until('redis-server answers', answers)
    return process


# -------------------------------------------------------------------------------------------------- looking from outside

def images_in(pid):
    """Start addresses of the patch images mapped in @pid, by the note that each carries."""
    found = []
    with open(f'/proc/{pid}/maps', encoding='utf-8') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as memory:
        for line in maps:
            start = int(line.split('-')[0], 16)
            if line.split()[1][0] != 'r' or '[v' in line:
                continue
            try:
                memory.seek(start + IMAGE_NOTE_OFFSET)
                if memory.read(len(IMAGE_NOTE)) == IMAGE_NOTE:
                    found.append(start)
            except (OSError, ValueError, OverflowError):
                continue
    return found


def code_in(pid):
    """The executable mappings of @pid: (permissions, size, file)."""
    with open(f'/proc/{pid}/maps', encoding='utf-8') as maps:
        rows = [line.split(None, 5) for line in maps]
    ranges = [([int(part, 16) for part in row[0].split('-')], row) for row in rows if 'x' in row[1]]
    return sorted((row[1], end - start, row[5].strip() if len(row) > 5 else '') for (start, end), row in ranges)


def state_of(patch):
    answer = json.loads(run('syscare', 'info', patch, '--json')[0])
    rows = answer['patches'] if isinstance(answer, dict) else answer
    expect(f'number of patches called {patch}', len(rows), 1)
    return rows[0]['state']


def service_pid():
    text = run('gdbus', 'call', '--system', '-d', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', '-m',
               'org.freedesktop.DBus.GetConnectionUnixProcessID', 'org.openeuler.SysCare1')[0]
    return int(re.search(r'uint32 (\d+)', text)[1])


# -------------------------------------------------------------------------------------------------- SysCare's part

def start_service():
    """Returns once the service has told that it is ready (sd_notify(3)): what was accepted is bound and restored by then. Should the bus have
    started another one for somebody's call in between, that one is awaited."""
    path = os.path.join(tempfile.mkdtemp(), 'notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(0.2)
        process = subprocess.Popen(['/usr/libexec/syscare/syscared'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, 'NOTIFY_SOCKET': path})
        wait_until('the service is ready', lambda: process.poll() is not None or b'READY=1' in received(notify))
    shutil.rmtree(os.path.dirname(path))
    run('gdbus', 'wait', '--system', '--timeout', '20', 'org.openeuler.SysCare1')


def received(notify):
    try:
        return notify.recv(4096)
    except TimeoutError:
        return b''


def stop_service(how):
    """Ends the service by the signal @how and waits till the bus knows."""
    pid = service_pid()
    os.kill(pid, how)
    wait_until('the service has ended', lambda: not is_running(pid))
    wait_until('the bus knows', lambda: 'false' in run('gdbus', 'call', '--system', '-d', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', '-m',
                                                       'org.freedesktop.DBus.NameHasOwner', 'org.openeuler.SysCare1')[0])


def is_running(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            return file.read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except (FileNotFoundError, ProcessLookupError):  # before it is opened, or before it is read
        return False


def build(user, fix, name, output, *what):
    """Makes a bundle as @user; returns (bundle folder, seconds, what was said)."""
    os.makedirs(output, exist_ok=True)
    shutil.chown(output, user, user)
    started = time.monotonic()
    out, err = run('syscare', 'build', *what, '--patch', fix, '--name', name, '--output', output, user=user)
    bundles = [os.path.dirname(path) for path in glob.glob(os.path.join(output, '*', 'patch.json'))]
    expect(f'bundles in {output}', len(bundles), 1)
    return bundles[0], time.monotonic() - started, out + err


def install(bundle):
    """Installs what somebody else made, as an administrator does: a copy of one's own. Returns its manifest."""
    copy = os.path.join('/root', os.path.basename(bundle))
    shutil.copytree(bundle, copy)
    run('chown', '-R', 'root:root', copy)
    run('syscare', 'install', copy)
    shutil.rmtree(copy)
    with open(os.path.join(bundle, 'patch.json'), encoding='utf-8') as file:
        return json.load(file)


def allow_dba():
    path = '/etc/polkit-1/rules.d/45-redis-dba.rules'
    with open(path, 'w', encoding='utf-8') as file:
        file.write(RULE)
    run('chmod', '644', path)


class Server:
    """The redis-server under test and the one connection to it."""

    def __init__(self, payload):
        self.port = free_port()
        self.process = start_redis(self.port)
        self.redis = Redis(self.port)
        self.payload = payload
        self.identity = self.redis.identity()
        self.pid = self.identity[0]
        self.code = code_in(self.pid)

    def expect(self, wanted):
        """The answer to the corrupt stream is @wanted, from the same process over the same connection."""
        answer = restore_corrupt_stream(self.redis, self.payload)
        expect('answer to the corrupt stream', answer, wanted)
        expect('process, run and connection', self.redis.identity(), self.identity)
        return f'{answer} (pid {self.pid}, same connection)'

    def end(self):
        self.process.terminate()
        self.process.wait()
