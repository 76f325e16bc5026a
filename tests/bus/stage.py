# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bus tests stand on: programs that run, bundles that patch them, the service, calls on the real system bus.

Runs inside tools/world. Must not know what is tested."""
import json
import os
import pwd
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import traceback

import gi
gi.require_version('Gio', '2.0')
from gi.repository import Gio, GLib  # noqa: E402

NAME, PATH = 'org.openeuler.SysCare1', '/org/openeuler/SysCare1'
MANAGER, PATCH, JOB = (f'{NAME}.{part}' for part in ('Manager', 'Patch', 'Job'))
OWN, STANDARD = f'{NAME}.Error.', 'org.freedesktop.DBus.Error.'
TOOLS = os.environ.get('BUS_TEST_TOOLS', '').split(':')  # bus-bundle, make-entity
SERVICE = os.environ.get('SYSCARED', '/usr/libexec/syscare/syscared')  # a build with sanitizers, say
PATCHES, STATE, RUNTIME = '/usr/lib/syscare/patches', '/var/lib/syscare', '/run/syscare'
RULES = '/etc/polkit-1/rules.d'
WAIT = 60000  # milliseconds for a reply that must come

PROGRAM = '''/* Answers numbers; "wait" stays inside answer() until the next line comes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char line[256];

__attribute__ ((noinline)) int
answer (int question, int stay)
{
  if (stay && (printf ("inside\\n"), fflush (stdout), fgets (line, sizeof line, stdin)) == NULL)
    exit (0);
  return question * 2 + SALT;
}

int
main (void)
{
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      int stay = strncmp (line, "wait", 4) == 0;
      printf ("%d\\n", answer (stay ? 0 : atoi (line), stay));
      fflush (stdout);
    }
  return 0;
}
'''
FIXED = '__attribute__ ((noinline)) int\nanswer (int question, int stay)\n{\n  return question * 2 + DIFFERENCE;\n}\n'

# As the program's own answer(), but by bare system calls: new code that stays inside, too.
FIXED_STAYS = '''static long
call (long number, long fd, const void *data, long size)
{
  long result;
  __asm__ volatile ("syscall" : "=a" (result) : "a" (number), "D" (fd), "S" (data), "d" (size) : "rcx", "r11", "memory");
  return result;
}

__attribute__ ((noinline)) int
answer (int question, int stay)
{
  char line[256];
  if (stay)
    {
      call (1, 1, "inside\\n", 7);
      call (0, 0, line, sizeof line);
    }
  return question * 2 + DIFFERENCE;
}
'''


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8', check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f'{" ".join(command)}: {done.returncode}: {done.stdout}')
    return done.stdout


def compile_program(path, salt=0):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + '.c', 'w', encoding='utf-8') as file:
        file.write(PROGRAM)
    run('gcc', '-O2', f'-DSALT={salt}', '-ffunction-sections', '-Wl,--build-id', '-o', path, path + '.c')
    os.unlink(path + '.c')
    return path


def make_bundle(target, difference, parent=PATCHES, source='toy', code=FIXED, **words):
    """A bundle that makes answer() of @target add @difference; returns its directory."""
    os.makedirs(parent, exist_ok=True)
    base = f'/tmp/fixed-{os.getpid()}-{difference}'
    with open(base + '.c', 'w', encoding='utf-8') as file:
        file.write(code)
    run('gcc', '-O2', f'-DDIFFERENCE={difference}', '-ffunction-sections', '-fno-asynchronous-unwind-tables', '-c', '-o', base + '.o', base + '.c')
    options = [f'--source={source}', f'--description=adds {difference}', f'--make-entity={TOOLS[1]}', f'--parent={parent}']
    if words.pop('kernel', False):
        options.append('--kernel')
    for key, value in words.items():
        for one in value if isinstance(value, list) else [value]:
            options.append(f'--{key.replace("_", "-")}={one}')
    return run(TOOLS[0], *options, target, base + '.o').strip().splitlines()[-1]


def manifest(bundle):
    with open(os.path.join(bundle, 'patch.json'), encoding='utf-8') as file:
        return json.load(file)


def patch_path(bundle, index=0):
    return f'{PATH}/patches/' + manifest(bundle)['objects'][index]['uuid'].replace('-', '')


class Process:
    """A running program; asking it is an event, so nobody has to sleep."""

    def __init__(self, program, user=None):
        command = ['setpriv', f'--reuid={user}', f'--regid={user}', '--clear-groups', program] if user else [program]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding='utf-8')
        self.pid = self.process.pid
        self.ask(0)

    def say(self, text):
        self.process.stdin.write(f'{text}\n')
        self.process.stdin.flush()

    def ask(self, number):
        self.say(number)
        return int(self.process.stdout.readline())

    def stay(self):
        """Now a thread is inside the function, until leave()."""
        self.say('wait')
        assert self.process.stdout.readline() == 'inside\n'

    def leave(self):
        self.say('')
        return int(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Error(Exception):
    def __init__(self, error):
        self.name = Gio.dbus_error_get_remote_error(error) or f'local: {error.domain}'
        self.message = error.message.removeprefix(f'GDBus.Error:{self.name}: ')
        super().__init__(f'{self.name}: {self.message}')

    def remember(self, name, message):
        self.name, self.message, self.args = name, message, (f'{name}: {message}',)
        return self


class Client:
    """A connection of its own to the system bus, so that it can vanish."""

    def __init__(self):
        address = Gio.dbus_address_get_for_bus_sync(Gio.BusType.SYSTEM, None)
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.connection = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)

    def call(self, path, interface, method, parameters=None, interactive=False, timeout=WAIT):
        flags = Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION if interactive else Gio.DBusCallFlags.NONE
        try:
            answer = self.connection.call_sync(NAME, path, interface, method, parameters, None, flags, timeout, None)
        except GLib.Error as error:
            raise Error(error) from None
        return answer.unpack()

    def manager(self, method, signature='()', *values, **more):
        return self.call(PATH, MANAGER, method, GLib.Variant(signature, values), **more)

    def submit(self, verb, paths, **options):
        interactive = options.pop('interactive', False)
        return self.manager('Submit', '(saoa{sv})', verb, paths, pack(options), interactive=interactive)[0]

    def wait(self, job):
        return self.call(job, JOB, 'Wait', GLib.Variant('(a{sv})', ({},)))[0]

    def do(self, verb, *paths, **options):
        return self.wait(self.submit(verb, list(paths), **options))

    def get(self, path, interface, name):
        return self.call(path, 'org.freedesktop.DBus.Properties', 'Get', GLib.Variant('(ss)', (interface, name)))[0]

    def listed(self, match=None, properties=()):
        rows = self.manager('ListPatches', '(a{sv}asa{sv})', pack(match or {}), list(properties), {})[0]
        return {row['Path']: row for row in rows}

    def cancel(self, job):
        cancel(lambda: self.call(job, JOB, 'Cancel', GLib.Variant('(a{sv})', ({},))))

    def state(self, path):
        row = self.listed().get(path)
        return row['State'] if row else None

    def close(self):
        self.connection.close_sync(None)


class Signals:
    """What the service signals, as events; a thread of its own dispatches them."""

    def __init__(self):
        self.seen, self.counted = queue.Queue(), []
        ready = queue.Queue()
        in_thread(self.listen, ready)
        ready.get(timeout=30)

    def listen(self, ready):
        context = GLib.MainContext()
        context.push_thread_default()
        self.client = Client()
        self.client.connection.signal_subscribe(NAME, None, None, None, None, Gio.DBusSignalFlags.NONE, self.on_signal)
        self.client.get(PATH, MANAGER, 'Version')  # the match is in place when this answer is there
        ready.put(True)
        GLib.MainLoop(context).run()

    def on_signal(self, _connection, _sender, path, interface, name, parameters):
        self.counted.append((path, name))
        self.seen.put((path, interface, name, parameters.unpack()))

    def until(self, accept):
        while True:
            signalled = self.seen.get(timeout=60)
            if accept(*signalled):
                return signalled


TYPES = {'timeout': 't', 'expected-generation': 't', 'offset': 'u', 'limit': 'u'}


def pack(options):
    packed = {}
    for key, value in options.items():
        key = key.replace('_', '-')
        kind = TYPES.get(key, 'b' if isinstance(value, bool) else 's' if isinstance(value, str) else 't')
        packed[key] = value if isinstance(value, GLib.Variant) else GLib.Variant(kind, value)
    return packed


def fails(name, function, *arguments, **more):
    """The error that the call must end with; @name without prefix, standard names with a leading dot. Several names: either
    is right, because the service may or may not have looked at the disk meanwhile."""
    names = name if isinstance(name, tuple) else (name,)
    wanted = [STANDARD + one[1:] if one.startswith('.') else OWN + one for one in names]
    try:
        answer = function(*arguments, **more)
    except Error as error:
        assert error.name in wanted, f'{error} instead of {wanted}'
        return error
    raise AssertionError(f'{answer!r} instead of {wanted}')


def equal(seen, wanted, what=''):
    assert seen == wanted, f'{what}{": " if what else ""}{seen!r} instead of {wanted!r}'


class Service:
    """syscared with a log that tests may read."""
    started = []

    def __init__(self, *options):
        self.started.append(self)
        self.options = (*options, f'--worker={os.environ["SYSCARE_WORKER"]}') if 'SYSCARE_WORKER' in os.environ else options
        self.program, self.log = SERVICE, f'/tmp/syscared-{os.getpid()}.log'
        self.process = None

    def start(self):
        """Returns when it says that it is ready."""
        ready = f'/tmp/notify-{os.getpid()}'
        if os.path.exists(ready):
            os.unlink(ready)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(ready)
        listener.settimeout(60)
        with open(self.log, 'a', encoding='utf-8') as log:
            self.process = subprocess.Popen([self.program, *self.options], stdout=log, stderr=log,
                                            env={**os.environ, 'NOTIFY_SOCKET': ready, 'G_MESSAGES_DEBUG': 'syscared', 'G_DEBUG': 'fatal-criticals'})
        assert listener.recv(4096).startswith(b'READY=1')
        listener.close()
        return self

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        status = self.process.wait()
        if how == signal.SIGTERM:
            said = self.logged().splitlines()
            first = next((number for number, line in enumerate(said) if 'Sanitizer' in line), len(said) - 10)
            equal(status, 0, 'exit status of syscared, which said "' + '\n'.join(said[first:first + 60] if status else ()) + '"')

    def restart(self, how=signal.SIGTERM):
        self.stop(how)
        return self.start()

    def logged(self):
        with open(self.log, encoding='utf-8', errors='replace') as file:
            return file.read()

    def workers(self):
        with open(f'/proc/{self.process.pid}/task/{self.process.pid}/children', encoding='ascii') as file:
            return [int(pid) for pid in file.read().split()]


def add_rule(name, text):
    """A polkit rule; returns when polkitd has read it: it says so by a signal."""
    os.makedirs(RULES, exist_ok=True)
    changed_by(lambda: write(os.path.join(RULES, name), text))


def drop_rule(name):
    changed_by(lambda: os.unlink(os.path.join(RULES, name)))


def write(path, text):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def changed_by(function):
    """Waits for polkit's Changed signal after @function."""
    client = Client()
    loop, seen = GLib.MainLoop(), []

    def on_changed(*_):
        seen.append(True)
        loop.quit()

    client.connection.signal_subscribe('org.freedesktop.PolicyKit1', 'org.freedesktop.PolicyKit1.Authority', 'Changed', None, None,
                                       Gio.DBusSignalFlags.NONE, on_changed)
    client.connection.call_sync('org.freedesktop.PolicyKit1', '/org/freedesktop/PolicyKit1/Authority', 'org.freedesktop.DBus.Peer', 'Ping', None,
                                None, Gio.DBusCallFlags.NONE, WAIT, None)
    GLib.timeout_add_seconds(20, loop.quit)
    function()
    loop.run()
    client.close()
    assert seen, 'polkitd did not notice the rule'


def cancel(call):
    """Each attempt to switch a busy process is a moment without a way back: then not now, but after it."""
    while True:
        try:
            return call()
        except Error as error:
            assert 'past the point of no return' in error.message, error


class User:
    """A process of another user with a connection of its own; does what it is told on its standard input."""

    def __init__(self, name):
        entry = pwd.getpwnam(name)
        command = ['setpriv', f'--reuid={entry.pw_uid}', f'--regid={entry.pw_gid}', '--init-groups', sys.executable, __file__, '--remote']
        self.uid = entry.pw_uid
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding='utf-8')
        self.pid = self.process.pid
        self.result()

    def begin(self, path, interface, method, signature='()', values=(), interactive=False):
        self.process.stdin.write(json.dumps([path, interface, method, signature, values, interactive]) + '\n')
        self.process.stdin.flush()

    def result(self):
        line = self.process.stdout.readline()
        assert line, 'the user process is gone'
        answer = json.loads(line)
        if 'error' in answer:
            raise Error.__new__(Error).remember(answer['error'], answer['message'])
        return answer['value']

    def call(self, *arguments, **more):
        self.begin(*arguments, **more)
        return self.result()

    def begin_submit(self, verb, paths, interactive=False, **options):
        self.begin(PATH, MANAGER, 'Submit', '(saoa{sv})', (verb, paths, options), interactive)

    def submit(self, verb, *paths, **options):
        self.begin_submit(verb, list(paths), **options)
        return self.result()[0]

    def wait(self, job):
        return self.call(job, JOB, 'Wait', '(a{sv})', ({},))[0]

    def cancel(self, job):
        cancel(lambda: self.call(job, JOB, 'Cancel', '(a{sv})', ({},)))

    def do(self, verb, *paths, **options):
        return self.wait(self.submit(verb, *paths, **options))

    def can(self, verb, *paths, **options):
        return self.call(PATH, MANAGER, 'CanPerform', '(saoa{sv})', (verb, list(paths), options))[0]

    def end(self):
        self.process.kill()
        self.process.wait()


def remote():
    """The other side of User."""
    client = Client()
    print(json.dumps({'value': None}), flush=True)
    for line in sys.stdin:
        path, interface, method, signature, values, interactive = json.loads(line)
        values = [pack(value) if isinstance(value, dict) else value for value in values]
        try:
            answer = {'value': client.call(path, interface, method, GLib.Variant(signature, tuple(values)), interactive=interactive)}
        except Error as error:
            answer = {'error': error.name, 'message': error.message}
        print(json.dumps(answer), flush=True)


class Agent:
    """A polkit agent for one process: says when polkit asks, answers when it is told to. Needs root, as the real agents'
    helper does."""

    XML = '''<node><interface name="org.freedesktop.PolicyKit1.AuthenticationAgent">
      <method name="BeginAuthentication"><arg type="s"/><arg type="s"/><arg type="s"/><arg type="a{ss}"/><arg type="s"/><arg type="a(sa{sv})"/></method>
      <method name="CancelAuthentication"><arg type="s"/></method></interface></node>'''
    AUTHORITY = ('org.freedesktop.PolicyKit1', '/org/freedesktop/PolicyKit1/Authority', 'org.freedesktop.PolicyKit1.Authority')

    def __init__(self, pid):
        self.asked, self.cancelled, self.pending = queue.Queue(), queue.Queue(), None
        started = threading.Event()
        threading.Thread(target=self.serve, args=(pid, started), daemon=True).start()
        assert started.wait(30), 'the agent could not be registered'

    def serve(self, pid, started):
        context = GLib.MainContext()
        context.push_thread_default()
        self.connection = Client().connection
        info = Gio.DBusNodeInfo.new_for_xml(self.XML).interfaces[0]
        self.connection.register_object('/agent', info, self.on_call, None, None)
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            start = int(file.read().rsplit(')', 1)[1].split()[19])
        details = {'pid': GLib.Variant('u', pid), 'start-time': GLib.Variant('t', start)}
        self.ask('RegisterAuthenticationAgent', GLib.Variant('((sa{sv})ss)', (('unix-process', details), 'C', '/agent')))
        started.set()
        GLib.MainLoop(context).run()

    def ask(self, method, parameters):
        name, path, interface = self.AUTHORITY
        return self.connection.call_sync(name, path, interface, method, parameters, None, Gio.DBusCallFlags.NONE, WAIT, None)

    def on_call(self, _connection, _sender, _path, _interface, method, parameters, invocation):
        if method == 'CancelAuthentication':
            invocation.return_value(None)
            self.pending.return_dbus_error('org.freedesktop.PolicyKit1.Error.Cancelled', 'cancelled')
            self.cancelled.put(True)
            return
        self.pending = invocation
        action, message, _icon, details, cookie, identities = parameters.unpack()
        self.asked.put({'action': action, 'message': message, 'details': details, 'cookie': cookie, 'identities': identities})

    def question(self):
        """Waits until polkit asks."""
        return self.asked.get(timeout=30)

    def allow(self, question):
        kind, words = question['identities'][0]
        words = {key: GLib.Variant('u', value) for key, value in words.items()}
        self.ask('AuthenticationAgentResponse2', GLib.Variant('(us(sa{sv}))', (0, question['cookie'], (kind, words))))
        self.pending.return_value(None)

    def refuse(self):
        self.pending.return_value(None)


class Story:
    """Cases in order; each is a TAP line."""

    def __init__(self):
        self.cases = []
        self.case('the service ends in good order when it is told to')(self.stop_services)

    @staticmethod
    def stop_services():
        for service in Service.started:
            if service.process.poll() is None:
                service.stop()

    def case(self, sentence):
        def register(function):
            self.cases.append((sentence, function))
            return function
        return register

    def tell(self):
        if 'SYSCARE_WORLD' not in os.environ:
            print('Bail out! only inside tools/world')
            return 1
        failed = 0
        self.cases.append(self.cases.pop(0))  # the end comes last
        print(f'1..{len(self.cases)}')
        for number, (sentence, function) in enumerate(self.cases, 1):
            try:
                function()
                print(f'ok {number} {sentence}', flush=True)
            except Exception as error:  # noqa: BLE001 pylint: disable=broad-except
                failed += 1
                print(f'not ok {number} {sentence}')
                lines = f'{type(error).__name__}: {error}\n{traceback.format_exc()}'.splitlines()
                print('\n'.join('# ' + line for line in lines), flush=True)
        return 1 if failed else 0


def in_thread(function, *arguments):
    """Runs @function beside the test; .result() gives its value or raises its error."""
    class Promise(threading.Thread):
        def run(self):
            try:
                self.value, self.error = function(*arguments), None
            except Exception as error:  # noqa: BLE001 pylint: disable=broad-except
                self.value, self.error = None, error

        def result(self):
            self.join(WAIT / 1000)
            assert not self.is_alive(), 'no answer'
            if self.error:
                raise self.error
            return self.value

    promise = Promise(daemon=True)
    promise.start()
    return promise


def clear():
    for folder in (PATCHES, STATE, RUNTIME):
        shutil.rmtree(folder, ignore_errors=True)


def make_package(name, source, folder):
    """A Debian package that holds @folder, installed: dpkg itself writes the records that the service reads."""
    root = f'/tmp/deb-{name}'
    shutil.copytree(folder, root + folder)
    os.makedirs(root + '/DEBIAN')
    write(root + '/DEBIAN/control', f'Package: {name}\nSource: {source}\nVersion: 7:1.0-1\nArchitecture: amd64\nMaintainer: Nobody <nobody@localhost>\n'
          'Description: a test\n')
    files = [os.path.join(where, file) for where, _, names in os.walk(root + folder) for file in names]
    write(root + '/DEBIAN/md5sums', ''.join(run('md5sum', file).replace(root + '/', '') for file in files))
    run('dpkg-deb', '--root-owner-group', '-b', root, f'{root}.deb')
    run('dpkg', '-i', f'{root}.deb')


if __name__ == '__main__':
    if sys.argv[1:] != ['--remote']:
        sys.exit('this is a library')
    remote()
