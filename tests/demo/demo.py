#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job on real input: a hot patch for the stock redis-server, made, applied, withdrawn. Runs inside tools/world.

Must not know how SysCare works inside: it uses the command line as its users do, and looks at the server from outside."""
import glob
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import time

from redis_wire import Redis, corrupt_stream, restore_corrupt_stream

HERE = os.path.dirname(os.path.abspath(__file__))
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
# The note that every patch image in a process carries: name size, description size, type, name.
IMAGE_NOTE = struct.pack('<III8s', 8, 192, 0x53435031, b'SysCare\0')
IMAGE_NOTE_OFFSET = 0x40


class Failed(Exception):
    """Something isn't as expected; the words say what."""


class Shown:
    """The lines that tell what happens, and the table at the end; with @tap each line is a test case."""

    def __init__(self, tap=False):
        self.tap = tap
        self.rows = []
        self.started = self.mark = time.monotonic()

    def __call__(self, what, seen):
        now = time.monotonic()
        self.rows.append((what, seen, now - self.mark))
        if self.tap:
            print(f'ok {len(self.rows)} {what}\n# {seen}', flush=True)
        else:
            print(f'[{now - self.mark:6.2f} s] {what}: {seen}', flush=True)
        self.mark = now

    def table(self):
        width = max(len(what) for what, _, _ in self.rows)
        print('\nWhat was shown')
        for what, seen, seconds in self.rows:
            print(f'  {what:<{width}}  {seconds:7.2f} s  {seen}')
        print(f'  {"all":<{width}}  {time.monotonic() - self.started:7.2f} s')


def run(*command, user=None, expect=0, folder=None):
    """Runs @command, as @user if given; returns (standard output, standard error)."""
    if user:
        home = os.path.expanduser('~' + user)
        command = ('runuser', '-u', user, '--', 'env', '-C', folder or home, f'HOME={home}', f'USER={user}', *command)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8',
                          errors='replace', cwd=folder, check=False)
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


def wait_until(what, condition, seconds=30):
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
    private = ['-o', 'Dir::Etc::sourcelist=/dev/null', '-o', f'Dir::Etc::sourceparts={folder}/parts', '-o', f'Dir::State::lists={folder}/lists',
               '-o', f'Dir::Cache={folder}/cache', '-o', 'APT::Sandbox::User=root', '-q']
    run('apt-get', *private, 'update')
    run('apt-get', *private, 'source', '--download-only', f'redis={FIXED}', folder=os.path.join(folder, 'source'))
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
                                '--save', '', '--enable-debug-command', 'yes'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def answers():
        if process.poll() is not None:
            raise Failed('redis-server ended at its start')
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return True
        except OSError:
            return False
    wait_until('redis-server answers', answers)


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
    with open(os.path.join(bundle, 'patch.json'), encoding='utf-8') as file:
        manifest = json.load(file)
    place = os.path.join('/usr/lib/syscare/patches', os.path.basename(bundle))
    shutil.copytree(bundle, place)
    run('chown', '-R', 'root:root', place)
    run('chmod', '-R', 'u=rwX,go=rX', place)
    run('syscare', 'rescan')
    return manifest


def allow_dba():
    path = '/etc/polkit-1/rules.d/45-redis-dba.rules'
    with open(path, 'w', encoding='utf-8') as file:
        file.write(RULE)
    run('chmod', '644', path)


class Server:
    """The redis-server under test and the one connection to it."""

    def __init__(self, payload):
        port = free_port()
        start_redis(port)
        self.redis = Redis(port)
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


def demo(show, folder):
    install_stock_redis()
    show('stock redis-server installed in the world', run('dpkg-query', '-W', '-f', '${Version}', 'redis-server')[0])
    fetch_fixes(folder)
    show('fixes of the security suite fetched', f'{FIX}, {SECOND_FIX} from redis {FIXED}')

    package = ('--package', f'redis-server={INSTALLED}')
    bundle, first, said = build('patchuser', f'{folder}/{FIX}.patch', 'HP001', '/tmp/demo-first', *package)
    if not re.search(r'corrupt-dump\.tcl', said):
        raise Failed('the build does not say that it dropped the test hunk')
    show('first hot patch built', f'{first:.1f} s, with the baseline build; its test hunk dropped')
    _, second, _ = build('patchuser', f'{folder}/{SECOND_FIX}.patch', 'HP002', '/tmp/demo-second', *package)
    show('second hot patch built', f'{second:.1f} s, baseline from the cache ({second / first:.0%} of the first)')
    toy = os.path.join(folder, 'toy')
    shutil.copytree(os.path.join(HERE, 'toy'), toy)
    run('chown', '-R', 'patchuser:', toy)
    other, seconds, _ = build('patchuser', f'{toy}/fix.patch', 'TOY001', '/tmp/demo-toy', '--source', toy, '--build', 'make', '--target', 'toy')
    show('patch for a program of no package built', f'{seconds:.1f} s')

    manifest, toy_manifest = install(bundle), install(other)
    patch, toy_patch = manifest['objects'][0]['uuid'], toy_manifest['objects'][0]['uuid']
    allow_dba()
    show('both installed, redis delegated to group dba', f'state {state_of(patch)}')

    with open(f'{folder}/{FIX}.patch', encoding='latin-1') as file:
        server = Server(corrupt_stream(file.read()))
    show('before', server.expect(ACCEPTED))
    run('syscare', 'apply', patch, user='dba')
    show('applied by dba', server.expect(REJECTED))
    run('syscare', 'deactive', patch, user='dba')
    show('deactivated by dba', server.expect(ACCEPTED))
    run('syscare', 'active', patch, user='dba')
    show('activated by dba', server.expect(REJECTED))
    run('syscare', 'accept', patch)
    expect('state', state_of(patch), 'accepted')
    show('accepted by the administrator', server.expect(REJECTED))

    os.kill(service_pid(), signal.SIGKILL)
    subprocess.Popen(['/usr/libexec/syscare/syscared'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run('gdbus', 'wait', '--system', '--timeout', '20', 'org.openeuler.SysCare1')
    expect('state after the restart', state_of(patch), 'accepted')
    expect('images in the process', len(images_in(server.pid)), 1)
    show('syscared killed and started again', f'state accepted; {server.expect(REJECTED)}')

    run('syscare', 'apply', toy_patch, '--no-ask-password', user='dba', expect=4)
    expect('state of the other patch', state_of(toy_patch), 'not-applied')
    show('dba refused for another target', 'not authorised (exit status 4), nothing changed')

    run('syscare', 'remove', patch, user='dba')
    expect('state after remove', state_of(patch), 'not-applied')
    expect('images in the process', len(images_in(server.pid)), 0)
    expect('executable mappings', code_in(server.pid), server.code)
    show('removed by dba', f'no mapping left; {server.expect(ACCEPTED)}')


def main():
    if 'SYSCARE_WORLD' not in os.environ:
        print('demo: run tools/demo: this needs the private world', file=sys.stderr)
        return 2
    folder = '/tmp/demo'
    os.makedirs(folder)
    show = Shown(tap='--tap' in sys.argv[1:])
    try:
        demo(show, folder)
    except (Failed, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        if show.tap:
            print(f'not ok {len(show.rows) + 1} the next step')
        print(f'demo: failed after {len(show.rows)} steps: {error}', file=sys.stderr)
        return 1
    if show.tap:
        print(f'1..{len(show.rows)}')
        return 0
    show.table()
    print('demo: ok')
    return 0


if __name__ == '__main__':
    sys.exit(main())
