#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine behind the browser, inside tools/world: Cockpit of one version, the service, patched processes. Answers the browser
test's questions, one JSON array [method, argument...] a line on standard input, and ends with it.

    machine.py VERSION_PREFIX CACHE_FOLDER       ("287" from the machine's own package sources, else from its backports)

Must not know what the page looks like."""
import ast
import base64
import fcntl
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(TESTS, 'demo')]
import stage  # noqa: E402
import toy  # noqa: E402

INTERFACES = os.path.join(os.path.dirname(TESTS), 'data', 'dbus-1', 'interfaces')
PACKAGES = ['cockpit-ws', 'cockpit-bridge', 'cockpit-system', 'openssh-client', 'openssh-server']
WORK = '/tmp/cockpit-test'
RULES = '/etc/polkit-1/rules.d'
USERS = ('patchadmin', 'patchuser', 'dba')
# The toy isn't of any package, so nothing about it can be verified: a test's rule names the user alone.
DELEGATION = '''polkit.addRule(function(action, subject) {
    if (/^org.openeuler.syscare1.(apply|withdraw)-user$/.test(action.id) && subject.user == "dba")
        return polkit.Result.YES;
});
'''


def backports():
    """The machine's own package source, for its suite of backports."""
    for path in sorted(glob.glob('/etc/apt/sources.list.d/*.sources')):
        with open(path, encoding='utf-8') as file:
            for paragraph in file.read().split('\n\n'):
                suites = re.search(r'^Suites: (\w+)\s.*\b\1-updates\b', paragraph, re.M)
                if suites:
                    name = suites[1] + '-backports'
                    with open('/etc/apt/sources.list.d/backports.sources', 'w', encoding='utf-8') as out:
                        out.write(re.sub(r'^Suites:.*$', 'Suites: ' + name, paragraph, flags=re.M).strip() + '\n')
                    return name
    for path in ['/etc/apt/sources.list', *sorted(glob.glob('/etc/apt/sources.list.d/*.list'))]:
        if os.path.exists(path):
            with open(path, encoding='utf-8') as file:
                found = re.search(r'^deb (.*\S) (\w+)-updates (.*)$', file.read(), re.M)
            if found:
                with open('/etc/apt/sources.list.d/backports.list', 'w', encoding='utf-8') as out:
                    out.write(f'deb {found[1]} {found[2]}-backports {found[3]}\n')
                return found[2] + '-backports'
    raise stage.Failed('no package source with updates to derive backports from')


def install_cockpit(version, cache):
    """Cockpit into this world; what was fetched once is kept in @cache."""
    os.makedirs(os.path.join(cache, 'partial'), exist_ok=True)
    options = ['-q', '-y', '--no-install-recommends', '-o', f'Dir::Cache::archives={cache}', '-o', 'APT::Keep-Downloaded-Packages=true',
               '-o', 'APT::Sandbox::User=root']
    os.environ['DEBIAN_FRONTEND'] = 'noninteractive'
    with open(os.path.join(cache, 'one-at-a-time'), 'w', encoding='utf-8') as lock:  # apt doesn't wait for another world's
        fcntl.flock(lock, fcntl.LOCK_EX)
        install_packages(version, options)
    installed, _ = stage.run('dpkg-query', '-W', '-f', '${Version}', 'cockpit-ws')
    if not installed.startswith(version):
        raise stage.Failed(f'Cockpit {installed} instead of {version}')


def install_packages(version, options):
    if version != '287':
        suite = backports()
        stage.run('apt-get', '-q', 'update')
        stage.run('apt-get', *options, '-t', suite, 'install', *PACKAGES)
    else:
        try:
            stage.run('apt-get', *options, 'install', *PACKAGES)
        except stage.Failed:
            stage.run('apt-get', '-q', 'update')
            stage.run('apt-get', *options, 'install', *PACKAGES)


class Machine:
    """Every public method can be called by the browser test."""

    def __init__(self, version, cache):
        self.children = []
        install_cockpit(version, cache)
        self.prepare_login(version)
        self.port = stage.free_port()
        self.start_cockpit(version)
        self.toys = []
        self.bundles = {}
        self.mocked = False

    def spawn(self, *command, **more):
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=more.pop('stderr', subprocess.DEVNULL), **more)
        self.children.append(child)
        return child

    # ------------------------------------------------------------------------------------------------ Cockpit

    def prepare_login(self, version):
        os.makedirs('/run/cockpit', exist_ok=True)
        # A real machine's sudo knows who may; a world has no logind, so nothing but a password is left to ask.
        for user in USERS:
            # Cockpit's newer bridge wants a session bus, which a login gives where there is a logind.
            home = os.path.expanduser('~' + user)
            stage.run('install', '-d', '-m', '700', '-o', user, f'{home}/.runtime')
            self.spawn('runuser', '-u', user, '--', 'dbus-daemon', '--session', '--nofork', '--nopidfile', f'--address=unix:path={home}/.bus')
        with open('/etc/security/pam_env.conf', 'a', encoding='utf-8') as file:
            file.write('DBUS_SESSION_BUS_ADDRESS DEFAULT=unix:path=@{HOME}/.bus\n')
            # So does this; without it the newer bridge finds no place to talk to ssh, and says that the host can't be reached.
            file.write('XDG_RUNTIME_DIR DEFAULT=@{HOME}/.runtime\n')
        if version != '287':
            os.makedirs('/etc/cockpit', exist_ok=True)
            with open('/etc/cockpit/cockpit.conf', 'w', encoding='utf-8') as file:
                file.write('[basic]\nCommand = /usr/lib/cockpit/cockpit-session\n[negotiate]\nCommand = /usr/lib/cockpit/cockpit-session\n')

    def start_cockpit(self, version):
        as_user = ['runuser', '-u', 'cockpit-wsinstance', '--'] if version == '287' else []
        with open('/run/world/cockpit-ws.log', 'w', encoding='utf-8') as log:
            self.spawn(*as_user, '/usr/lib/cockpit/cockpit-ws', '--no-tls', '-p', str(self.port), '-a', '127.0.0.1', stderr=log)
        stage.wait_until('cockpit-ws listens', lambda: stage.run('ss', '-Hltn', f'sport = :{self.port}', expect=None)[0] != '', 60)

    def address(self):
        return f'http://127.0.0.1:{self.port}'

    def end_session(self, user):
        """The user's login ends as when the machine or the network between fails."""
        stage.run('pkill', '-KILL', '-u', user, '-f', 'cockpit-bridge')

    def serve_ssh(self):
        """The port at which other machines reach this one, with passwords, as Cockpit on them does."""
        os.makedirs('/run/sshd', exist_ok=True)
        port = stage.free_port()
        with open('/run/world/sshd.log', 'w', encoding='utf-8') as log:
            self.spawn('/usr/sbin/sshd', '-D', '-e', '-p', str(port), '-o', 'ListenAddress=127.0.0.1', '-o', 'UsePAM=yes',
                       '-o', 'PasswordAuthentication=yes', '-o', 'KbdInteractiveAuthentication=no', stderr=log)
        stage.wait_until('sshd listens', lambda: stage.run('ss', '-Hltn', f'sport = :{port}', expect=None)[0] != '', 60)
        return port

    # ------------------------------------------------------------------------------------------------ patches

    def make_patches(self, *names):
        """Two programs with two patches for one and one for the other, or just those called @names; the first of each is installed.
        Two copies of the first program run."""
        os.makedirs(WORK)
        os.chmod(WORK, 0o755)
        sources = {'toy': toy.SOURCE, 'other': toy.SOURCE.replace('int factor = 2;', 'int factor = 5;')}
        for name, source in sources.items():
            toy.make_tree(f'{WORK}/{name}', source)
            toy.make_tree(f'/opt/{name}', source)
            stage.run('make', folder=f'/opt/{name}')
        stage.run('chown', '-R', 'patchuser', WORK)
        for number, fix, name in (('HP001', 'good', 'toy'), ('HP002', 'other', 'toy'), ('HP003', 'good', 'other')):
            if names and number not in names:
                continue
            patch = f'{WORK}/{number}.patch'
            with open(patch, 'w', encoding='utf-8') as file:
                file.write(toy.FIXES[fix])
            self.bundles[number] = stage.build('patchuser', patch, number, f'{WORK}/{number}', '--source', f'{WORK}/{name}', '--build', 'make',
                                               '--target', f'/opt/{name}/toy', '--issue', f'CVE-2026-{number[2:]}4', '--severity', 'high')[0]
        self.toys = [toy.Toy('/opt/toy/toy') for _ in range(2)] + [toy.Toy('/opt/other/toy')]
        for number in self.bundles.keys() & {'HP001', 'HP003'}:
            stage.install(self.bundles[number])
        return [one.pid for one in self.toys]

    def answers(self):
        """What the running copies make of 21: 42, 42, 105 is the original code; 43 and 106 the patches'."""
        return [one.ask(21) for one in self.toys]

    def archive(self, number):
        """A bundle as one file, as somebody gets it."""
        bundle = self.bundles[number]
        path = f'{WORK}/{number}.tar.gz'
        stage.run('tar', '-czf', path, '-C', os.path.dirname(bundle), os.path.basename(bundle))
        return path

    def archive_bytes(self, number):
        """The same for a machine whose files the browser can't see, in base64."""
        with open(self.archive(number), 'rb') as file:
            return base64.b64encode(file.read()).decode()

    def names(self):
        """The installed patches, by the short names."""
        return sorted(row['name'].split('/')[1] for row in json.loads(stage.run('syscare', 'list', '--json')[0])['patches'])

    def syscare(self, *arguments):
        return stage.run('syscare', *arguments)[0]

    def state(self, name):
        return json.loads(stage.run('syscare', 'list', '--json')[0]) and next(
            row['state'] for row in json.loads(stage.run('syscare', 'list', '--json')[0])['patches'] if f'/{name}/' in row['name'])

    def delegate(self):
        """The administrator lets dba apply and withdraw patches of programs."""
        with open(f'{RULES}/45-test.rules', 'w', encoding='utf-8') as file:
            file.write(DELEGATION)
        os.chmod(f'{RULES}/45-test.rules', 0o644)

    def take_delegation_back(self):
        os.unlink(f'{RULES}/45-test.rules')

    def uploads_left(self):
        return glob.glob('/root/.cache/syscare-upload.*') + glob.glob('/home/*/.cache/syscare-upload.*')

    # ------------------------------------------------------------------------------------------------ the service

    def kill_service(self):
        stage.stop_service(signal.SIGKILL)

    def start_service(self):
        stage.start_service()

    def mock(self, *arguments):
        """Instead of the service, or of another mock, its mock with the made-up patches of the desktop window's tests."""
        if self.mocked:
            self.end_mock_only()
        else:
            stage.stop_service(signal.SIGKILL)
        self.mocked = True
        self.spawn('/usr/bin/python3', '-B', '-Wignore', os.path.join(TESTS, 'gtk', 'mock_service.py'), '--interfaces', INTERFACES, *arguments)
        stage.run('gdbus', 'wait', '--system', '--timeout', '20', 'org.openeuler.SysCare1')

    def mock_call(self, method, *arguments):
        stage.run('gdbus', 'call', '--system', '-d', 'org.openeuler.SysCare1', '-o', '/mock', '-m', f'org.openeuler.SysCare.Mock.{method}', *arguments)

    def mock_log(self):
        """What the mock was asked, one line for each call."""
        return ast.literal_eval(stage.run('gdbus', 'call', '--system', '-d', 'org.openeuler.SysCare1', '-o', '/mock', '-m',
                                          'org.openeuler.SysCare.Mock.Log')[0].replace('@as ', ''))[0]

    def end_mock_only(self):
        child = self.children.pop()
        child.terminate()
        child.wait()
        self.mocked = False

    def end_mock(self):
        self.end_mock_only()
        stage.start_service()

    def close(self):
        for one in self.toys:
            one.end()
        for child in self.children:
            child.terminate()
        shutil.rmtree(WORK, ignore_errors=True)


def main():
    machine = Machine(*sys.argv[1:])
    print(json.dumps({'result': machine.address()}), flush=True)
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        try:
            answer = {'result': getattr(machine, method)(*arguments)}
        except Exception as error:  # the browser test raises it again
            answer = {'error': f'{method}: {error}'}
        print(json.dumps(answer), flush=True)
    machine.close()


if __name__ == '__main__':
    main()
