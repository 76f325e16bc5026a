#!/usr/bin/python3 -Wignore
# SPDX-License-Identifier: GPL-2.0-or-later
"""The window of an ordinary user against the real service, the real polkit and a real patch in a real process, inside tools/world.

    test_real.py        (as root in a world; nothing is installed or left outside of it)

Two processes: root, who makes the patch, owns the machine and answers questions about it; and patchuser, who sits at the window."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'demo')]
INTERFACES = os.path.join(os.path.dirname(os.path.dirname(HERE)), 'data', 'dbus-1', 'interfaces')
USER, ADMIN_PASSWORD = 'patchuser', 'patchpw1'
NAME = 'HP001 · toy'


# ------------------------------------------------------------------------------------------------------- root's part

class Machine:
    """What root does and knows. Every public method can be called by the user's process."""

    def __init__(self):
        import stage
        import toy
        self.stage = stage
        self.toys = []
        subprocess.run(['glib-compile-schemas', '/usr/share/glib-2.0/schemas'], check=True)
        work = '/tmp/gtk-real'
        os.makedirs(work)
        os.chmod(work, 0o755)
        # Two programs that differ, so that a patch for each can be in effect at the same time.
        sources = {'toy': toy.SOURCE, 'other': toy.SOURCE.replace('int factor = 2;', 'int factor = 5;')}
        for name, source in sources.items():
            toy.make_tree(f'{work}/{name}', source)
            toy.make_tree(f'/opt/{name}', source)
            stage.run('make', folder=f'/opt/{name}')
        stage.run('chown', '-R', USER, work)
        self.bundles = {}
        for number, fix, name in (('HP001', 'good', 'toy'), ('HP002', 'other', 'toy'), ('HP003', 'good', 'other')):
            patch = f'{work}/{number}.patch'
            with open(patch, 'w', encoding='utf-8') as file:
                file.write(toy.FIXES[fix])
            self.bundles[number] = stage.build(USER, patch, number, f'{work}/{number}', '--source', f'{work}/{name}', '--build', 'make',
                                               '--target', f'/opt/{name}/toy')[0]
        self.toys = [toy.Toy('/opt/toy/toy') for _ in range(2)]
        self.other = toy.Toy('/opt/other/toy')
        stage.install(self.bundles['HP001'])
        stage.install(self.bundles['HP003'])

    def answers(self):
        """What the running copies make of 21: 42 is the original code, 43 the patch's."""
        return [toy.ask(21) for toy in self.toys]

    def other_answer(self):
        """What the other program makes of 21: 105, or 106 with the patch."""
        return self.other.ask(21)

    def start_toy(self):
        """One more copy; its process id."""
        import toy
        self.toys.append(toy.Toy('/opt/toy/toy'))
        return self.toys[-1].pid

    def end_toy(self):
        self.toys.pop().end()

    def pids(self):
        return [toy.pid for toy in self.toys]

    def bundle(self, number):
        return self.bundles[number]

    def syscare(self, *arguments):
        return self.stage.run('syscare', *arguments)[0]

    def forbid(self, action):
        """A rule of the administrator's: nobody may do @action. Without one: as before."""
        path = '/etc/polkit-1/rules.d/10-forbid.rules'
        if not action:
            os.unlink(path)
            return
        with open(path, 'w', encoding='utf-8') as file:
            file.write('polkit.addRule(function(action, subject) { if (action.id == "%s") return polkit.Result.NO; });\n' % action)
        os.chmod(path, 0o644)

    def kill_service(self):
        self.stage.stop_service(signal.SIGKILL)

    def start_service(self):
        self.stage.start_service()

    def serve(self, connection):
        """Until the user's process closes the connection."""
        file = connection.makefile('rw', encoding='utf-8')
        for line in file:
            method, arguments = json.loads(line)
            try:
                answer = {'result': getattr(self, method)(*arguments)}
            except Exception as error:  # the user's process raises it again
                answer = {'error': str(error)}
            file.write(json.dumps(answer) + '\n')
            file.flush()


class Remote:
    """The machine as the user's process calls it."""

    def __init__(self, connection):
        self.file = connection.makefile('rw', encoding='utf-8')

    def __getattr__(self, method):
        def call(*arguments):
            self.file.write(json.dumps([method, arguments]) + '\n')
            self.file.flush()
            answer = json.loads(self.file.readline())
            if 'error' in answer:
                raise AssertionError(answer['error'])
            return answer['result']
        return call


# ------------------------------------------------------------------------------------------------------- the user's part

def state(desktop, word):
    desktop.app.see(contains=f'{NAME}, ', role='list item')
    from harness import until
    until(lambda: any(row.startswith(NAME) and row.endswith(', ' + word) for row in desktop.app.row_names()), f'the state {word}')


def press(desktop, verb, confirm=True):
    desktop.app.click(verb)
    if confirm:
        desktop.app.click(verb, window=verb)


def test_list(desktop, machine):
    """the installed patches are listed; search and filters find them"""
    from harness import until
    until(lambda: len(desktop.app.row_names()) == 2, 'two rows')
    desktop.app.click('Active: 0')
    desktop.app.see('Nothing matches', 'label')
    desktop.app.click('Not applied: 2')
    desktop.app.search('HP001')
    until(lambda: len(desktop.app.row_names()) == 1, 'one row')
    desktop.app.click('All: 2')
    state(desktop, 'Not applied')
    desktop.app.select(NAME)
    desktop.app.see('answer', 'label')


def test_batch(desktop, machine):
    """two patches are applied and removed at once, with one password each time and a list of results"""
    from agent import Agent
    from harness import until
    desktop.app.search('toy')
    until(lambda: len(desktop.app.row_names()) == 2, 'two rows')
    desktop.app.list_node().select_all()
    desktop.app.see('2 patches selected')
    for verb, answers in (('Apply', ([43, 43], 106)), ('Remove', ([42, 42], 105))):
        with Agent(desktop.app.process.pid, ADMIN_PASSWORD) as agent:
            press(desktop, verb)
            desktop.app.see('2 done, 0 not done', timeout=20)
            assert agent.prompts == 1, agent.prompts
        desktop.key('Escape')
        desktop.app.wait_for_windows(1)
        assert (machine.answers(), machine.other_answer()) == answers
    desktop.app.search('HP001')
    until(lambda: len(desktop.app.row_names()) == 1, 'one row')
    desktop.app.select(NAME)


def test_no_agent(desktop, machine):
    """without anybody to ask for a password nothing happens, and the window says so quietly"""
    press(desktop, 'Apply')
    desktop.app.see(contains='nobody could be asked')
    assert machine.answers() == [42, 42]
    assert len(desktop.app.windows()) == 1


def test_wrong_password(desktop, machine):
    """a wrong password changes nothing and is no error dialog"""
    from agent import Agent
    with Agent(desktop.app.process.pid, 'wrong') as agent:
        press(desktop, 'Apply')
        desktop.app.see(contains='allowed to do this.', timeout=20)
        assert agent.prompts >= 1
    state(desktop, 'Not applied')
    assert machine.answers() == [42, 42]


def test_dismissed(desktop, machine):
    """a dismissed password dialog changes nothing and is no error dialog"""
    from agent import Agent
    from harness import until
    with Agent(desktop.app.process.pid, None) as agent:
        press(desktop, 'Apply')
        until(lambda: agent.prompts == 1, 'the prompt')
        desktop.app.see(contains='allowed to do this.', timeout=20)
    state(desktop, 'Not applied')
    assert machine.answers() == [42, 42]
    assert len(desktop.app.windows()) == 1


def test_apply(desktop, machine):
    """with the right password the patch becomes active in the running processes"""
    from agent import Agent
    with Agent(desktop.app.process.pid, ADMIN_PASSWORD):
        press(desktop, 'Apply')
        state(desktop, 'Active')
    assert machine.answers() == [43, 43]
    desktop.app.see(contains='The new code runs in all 2 processes')


def test_processes(desktop, machine):
    """the processes page names the processes that run the new code"""
    desktop.app.click('Processes')
    desktop.app.see('2 of 2 processes run the new code')
    for pid in machine.pids():
        desktop.app.see(contains=f'PID {pid}')
    desktop.app.click('Overview')


def test_processes_live(desktop, machine):
    """a process that starts while the page is open comes, with the new code, and one that ends goes"""
    desktop.app.click('Processes')
    pid = machine.start_toy()
    desktop.app.see(contains=f'PID {pid}', timeout=60)
    assert machine.answers() == [43, 43, 43]
    desktop.app.see('3 of 3 processes run the new code', timeout=60)
    desktop.app.click('Overview')
    desktop.app.see(contains='The new code runs in all 3 processes', timeout=60)
    machine.end_toy()
    desktop.app.see(contains='The new code runs in all 2 processes', timeout=60)
    desktop.app.click('Processes')
    desktop.app.see('2 of 2 processes run the new code', timeout=60)
    desktop.app.see_not(contains=f'PID {pid}')
    desktop.app.click('Overview')


def test_deactivate_and_undo(desktop, machine):
    """deactivating brings the original code back, undo the new one"""
    from agent import Agent
    with Agent(desktop.app.process.pid, ADMIN_PASSWORD):
        press(desktop, 'Deactivate')
        state(desktop, 'Deactivated')
        assert machine.answers() == [42, 42]
        desktop.app.see(contains=f'{NAME} deactivated')
        desktop.key('ctrl+u')
        state(desktop, 'Active')
    assert machine.answers() == [43, 43]


def test_other_client(desktop, machine):
    """what the command line does shows here at once"""
    machine.syscare('deactive', 'HP001')
    state(desktop, 'Deactivated')
    machine.syscare('active', 'HP001')
    state(desktop, 'Active')


def test_forbidden(desktop, machine):
    """a rule of polkit's that forbids an action turns its button off, with the reason, and on again when it goes"""
    import a11y
    from harness import BUTTON, until
    machine.forbid('org.openeuler.syscare1.accept-user')
    until(lambda: not desktop.app.find('Accept', BUTTON).has_state(a11y.SENSITIVE), 'an insensitive button')
    assert desktop.app.find('Accept', BUTTON).description == 'You aren’t allowed to do this'
    machine.forbid('')
    until(lambda: desktop.app.find('Accept', BUTTON).has_state(a11y.SENSITIVE), 'a sensitive button')


def test_history(desktop, machine):
    """the history names what was done and by whom"""
    desktop.app.click('History')
    desktop.app.see(contains='by you')
    desktop.app.click('Overview')


def test_service_killed_and_back(desktop, machine):
    """a killed service is a page; when it is back the truth is there again"""
    machine.kill_service()
    desktop.app.see(contains='The patch service isn’t', role='label')
    machine.start_service()
    state(desktop, 'Active')
    assert machine.answers() == [43, 43]


def test_install(desktop, machine):
    """a bundle opened by the user shows what it says and is installed with a password"""
    from agent import Agent
    subprocess.run([desktop.program, machine.bundle('HP002')], check=True)
    desktop.app.see('HP002')
    desktop.app.see('Install Patch', 'label')
    with Agent(desktop.app.process.pid, ADMIN_PASSWORD):
        desktop.app.click('Install', window='Install Patch')
        desktop.app.see(contains='Patch installed')
    desktop.app.search('HP002')
    desktop.app.see(contains='HP002 · toy, ', role='list item')
    desktop.app.search('HP001')


def test_remove(desktop, machine):
    """removing asks first, and leaves the original code"""
    from agent import Agent
    desktop.app.select(NAME)
    with Agent(desktop.app.process.pid, ADMIN_PASSWORD):
        press(desktop, 'Remove')
        state(desktop, 'Not applied')
    assert machine.answers() == [42, 42]


def test_activation(desktop, machine):
    """the session starts the installed program when somebody asks for it, and it shows the truth"""
    import re
    from harness import until
    desktop.app.close()
    bus = ('gdbus', 'call', '--session', '-d', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', '-m')
    subprocess.run(['gdbus', 'call', '--session', '-d', 'org.openeuler.SysCare', '-o', '/org/openeuler/SysCare', '-m',
                    'org.freedesktop.Application.Activate', '{}'], check=True, capture_output=True)
    told = subprocess.run([*bus, 'org.freedesktop.DBus.GetConnectionUnixProcessID', 'org.openeuler.SysCare'], check=True,
                          capture_output=True, text=True).stdout
    desktop.adopt(int(re.search(r'uint32 (\d+)', told).group(1)))
    until(lambda: len(desktop.app.row_names()) == 3, 'three rows')
    state(desktop, 'Not applied')


def sit_down(connection):
    import harness
    import tap
    machine = Remote(connection)
    with harness.Desktop('/usr/bin/syscare-gui', INTERFACES, own_system_bus=False) as desktop:
        desktop.start_app()
        desktop.app.resize(1100, 760)

        def tidy_up(name):
            desktop.picture_of_failure(name)
            desktop.key('Escape')
        return tap.run(sys.modules['__main__'], desktop, machine, on_failure=tidy_up)


def become(user):
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ.update(HOME=entry.pw_dir, USER=user, LOGNAME=user)
    os.chdir('/')


def main():
    machine = Machine()
    roots, users = socket.socketpair()
    child = os.fork()
    if child == 0:
        roots.close()
        become(USER)
        sys.stdout.flush()
        status = sit_down(users)
        sys.stdout.flush()
        os._exit(status)
    users.close()
    machine.serve(roots)
    _, status = os.waitpid(child, 0)
    for toy in [*machine.toys, machine.other]:
        toy.end()
    shutil.rmtree('/tmp/gtk-real')
    return os.waitstatus_to_exitcode(status)


if __name__ == '__main__':
    sys.exit(main())
