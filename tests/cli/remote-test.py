#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""syscare --host between two private worlds: one has the service and a real sshd on the loopback interface, the other only a client.

Runs on the plain machine, as root. The worlds share the network and one folder; openssh-server is installed inside of a world only.
Parts of it run inside them: `remote-test.py --server FOLDER`, `remote-test.py --client FOLDER`."""
import json
import os
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'bus'))
WORLD = os.path.join(SOURCE, 'tools', 'world')


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8', stdin=subprocess.DEVNULL, check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f'{" ".join(command)}: {done.returncode}: {done.stdout[-2000:]}')
    return done.stdout


def server(folder):
    """The machine that is managed: its service, a bundle, a running program, sshd."""
    import stage  # pylint: disable=import-outside-toplevel
    environment = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'}
    try:
        run('apt-get', 'install', '-y', '--no-install-recommends', 'openssh-server', env=environment)
    except AssertionError:  # lists that are older than the archive
        run('apt-get', 'update', env=environment)
        run('apt-get', 'install', '-y', '--no-install-recommends', 'openssh-server', env=environment)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    key = os.path.join(folder, 'key')
    run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key)
    for home, user in (('/root', 'root'), ('/home/patchuser', 'patchuser')):
        run('install', '-d', '-m', '700', '-o', user, f'{home}/.ssh')
        run('install', '-m', '600', '-o', user, f'{key}.pub', f'{home}/.ssh/authorized_keys')
    os.makedirs('/run/sshd', exist_ok=True)
    daemon = subprocess.Popen(['/usr/sbin/sshd', '-D', '-e', '-p', str(port), '-o', 'ListenAddress=127.0.0.1', '-o', 'UsePAM=no'],  # pylint: disable=consider-using-with
                              stderr=open(os.path.join(folder, 'sshd.log'), 'w', encoding='utf-8'))
    stage.clear()
    path = stage.compile_program('/opt/toy/toy')
    stage.make_bundle(path, 1)
    service, toy = stage.Service().start(), stage.Process(path)
    ask = f'ssh-keyscan -p {port} 127.0.0.1'
    while subprocess.run(ask.split(), stdout=open(os.path.join(folder, 'known'), 'w', encoding='utf-8'), stderr=subprocess.DEVNULL, check=False).returncode \
            or not os.path.getsize(os.path.join(folder, 'known')):
        assert daemon.poll() is None, 'sshd ended'
    print(f'ready {port}', flush=True)
    for line in sys.stdin:  # the test asks how the program answers
        print(f'answers {toy.ask(int(line))}', flush=True)
    service.stop()
    daemon.terminate()


def client(folder, port):
    """The other machine: no service, no bus of the first one; only ssh."""
    os.makedirs('/root/.ssh', mode=0o700, exist_ok=True)
    run('install', '-m', '600', os.path.join(folder, 'known'), '/root/.ssh/known_hosts')
    run('install', '-m', '600', os.path.join(folder, 'key'), '/root/.ssh/id_ed25519')
    for line in sys.stdin:
        words = [word.replace('@HOST', f'127.0.0.1:{port}') for word in json.loads(line)]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, encoding='utf-8', check=False,
                              env={**os.environ, 'LC_ALL': 'C.UTF-8', 'LANGUAGE': ''})
        print(json.dumps([done.returncode, done.stdout, done.stderr]), flush=True)


class Machine:
    """A private world in which one of the two above runs."""

    def __init__(self, role, folder, *words):
        options = ['--rw', folder, '--no-service', '--']
        self.process = subprocess.Popen([WORLD, *options, 'env', f'BUS_TEST_TOOLS={os.environ["BUS_TEST_TOOLS"]}', '/usr/bin/python3', '-B',  # pylint: disable=consider-using-with
                                         os.path.abspath(__file__), role, folder, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding='utf-8')

    def say(self, text):
        self.process.stdin.write(text + '\n')
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        assert line, 'the world has ended'
        return line.strip()

    def end(self):
        self.process.stdin.close()
        return self.process.wait()


def story(folder):
    from tap import case, contains, equal, main  # pylint: disable=import-outside-toplevel
    managed = Machine('--server', folder)
    ready = managed.hear()
    assert ready.startswith('ready '), ready
    there = Machine('--client', folder, ready.split()[1])

    def syscare(*words, status=0):
        there.say(json.dumps(['/usr/bin/syscare', *words]))
        done = json.loads(there.hear())
        equal(done[0], status, done)
        return done

    def answer(number):
        managed.say(str(number))
        return managed.hear()

    @case
    def lists():
        """a machine lists the patches of another one, which has no patch and no service of its own"""
        patches = json.loads(syscare('--host', 'ssh://root@@HOST', 'list', '--json')[1])['patches']
        equal([patch['state'] for patch in patches], ['not-applied'])
        equal(answer(10), 'answers 20')

    @case
    def applies():
        """it applies one there, as root of that machine, waits for the job, and takes it back"""
        contains(syscare('-H', 'ssh://root@@HOST', 'apply', 'HP001')[1], 'active')
        equal(answer(10), 'answers 21')
        contains(syscare('list', '-H', 'ssh://root@@HOST')[1], '1/1')
        syscare('remove', '--host', 'ssh://root@@HOST', 'HP001')
        equal(answer(10), 'answers 20')

    @case
    def is_authorised_there():
        """polkit over there decides about the user over there: patchuser may look but not change"""
        contains(syscare('--host', 'ssh://patchuser@@HOST', 'list')[1], 'HP001')
        syscare('--host', 'ssh://patchuser@@HOST', 'apply', 'HP001', status=4)
        equal(answer(10), 'answers 20')

    @case
    def refuses_relative_files():
        """install over there takes whole paths only, and inspect of an installed patch is refused"""
        contains(syscare('--host', 'ssh://root@@HOST', 'install', 'bundle.tar', status=2)[2], 'that machine')
        contains(syscare('--host', 'ssh://root@@HOST', 'inspect', 'HP001', status=2)[2], 'its own machine')

    @case
    def says_what_is_wrong():
        """a wrong machine, a wrong user and options that exclude each other are told in a sentence"""
        contains(syscare('--host', 'ssh://nobody@@HOST', '--no-ask-password', 'list', status=1)[2], 'cannot reach the bus of ssh://nobody@127.0.0.1')
        contains(syscare('--host', '-oProxyCommand=true', 'list', status=2)[2], 'not the name of a machine')
        contains(syscare('--host', 'a', '--bus', 'unix:path=/b', 'list', status=2)[2], 'exclude each other')

    @case
    def leaves_nothing():
        """both worlds end in good order"""
        equal([there.end(), managed.end()], [0, 0])

    main()


if sys.argv[1:2] == ['--server']:
    server(sys.argv[2])
elif sys.argv[1:2] == ['--client']:
    client(sys.argv[2], sys.argv[3])
else:
    with tempfile.TemporaryDirectory(dir='/var/tmp') as place:
        story(place)
