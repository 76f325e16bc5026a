#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGKILL between any two steps of any verb, of the service and of its worker: nothing that was acknowledged is lost, nothing is half done.
Inside tools/world. The steps are told by the code itself (libpatch/base/step.h), in programs that are linked for this test only."""
import os
import shutil
import sys

import stage
from stage import Client, Error, MANAGER, PATCH, PATCHES, PATH, Process, Service, Story, TOOLS, clear, compile_program, equal, make_bundle, patch_path, run

ORDERS, STEPS = '/run/syscare-faults', '/run/syscare-faults.log'
SERVICE_PROGRAM, WORKER_PROGRAM = 'syscared-faults', 'syscare-worker-faults'
stage.SERVICE = TOOLS[2]

# verb: the state it is tried in, and what holds when it was done
VERBS = {
    'apply': ('not-applied', 'active'),
    'deactivate': ('active', 'deactivated'),
    'activate': ('deactivated', 'active'),
    'accept': ('active', 'accepted'),
    'revoke': ('accepted', 'active'),
    'remove': ('accepted', 'not-applied'),
    'uninstall': ('not-applied', 'missing'),
    'install': ('missing', 'not-applied'),
}
WAY = {'not-applied': [], 'active': ['apply'], 'deactivated': ['apply', 'deactivate'], 'accepted': ['apply', 'accept']}


class Scene:
    """A service, two programs with a patch each; the second one is accepted all the while and must stay so."""

    def __init__(self):
        clear()
        self.disarm()
        # The bus shall start no other service in place of the killed one.
        os.unlink('/usr/share/dbus-1/system-services/org.openeuler.SysCare1.service')
        run('gdbus', 'call', '--system', '-d', 'org.freedesktop.DBus', '-o', '/', '-m', 'org.freedesktop.DBus.ReloadConfig')
        self.toy, self.other = Process(compile_program('/opt/toy/toy')), Process(compile_program('/opt/toy/other', 5))
        self.bundle, other_bundle = make_bundle('/opt/toy/toy', 1), make_bundle('/opt/toy/other', 7, name='HP002')
        self.patch, self.kept = patch_path(self.bundle), patch_path(other_bundle)
        shutil.copytree(self.bundle, '/tmp/copy')
        self.service = Service('--trigger=', f'--worker={TOOLS[3]}').start()
        self.client = Client()
        self.client.do('apply', self.kept)
        self.client.do('accept', self.kept)

    @staticmethod
    def disarm():
        for path in (ORDERS, STEPS):
            if os.path.exists(path):
                os.unlink(path)

    @staticmethod
    def arm(program, number):
        Scene.disarm()
        with open(ORDERS, 'w', encoding='ascii') as file:
            file.write(f'{program} {number}')

    @staticmethod
    def steps():
        with open(STEPS, encoding='ascii') as file:
            return [tuple(line.strip().split(' ', 1)) for line in file]

    def state(self):
        return self.client.state(self.patch) or 'missing'

    def do(self, verb):
        if verb == 'install':
            job = self.client.manager('Install', '(sa{sv})', '/tmp/copy', {})[0]
        elif verb == 'uninstall':
            job = self.client.manager('Uninstall', '(aoa{sv})', [self.patch], {})[0]
        else:
            job = self.client.submit(verb, [self.patch])
        return self.client.wait(job)

    def reach(self, wanted):
        """From whatever is now to the state @wanted."""
        state = self.state()
        if state == wanted:
            return
        if state == 'missing':
            self.do('install')
        elif state != 'not-applied':
            self.do('remove')
        if wanted == 'missing':
            self.do('uninstall')
        for verb in WAY.get(wanted, []):
            self.do(verb)
        equal(self.state(), wanted)

    def attempt(self, verb):
        """Whether it was acknowledged."""
        try:
            self.do(verb)
            return True
        except Error as error:
            self.refusal = error
            return False

    def look(self, what, program):
        """After a kill: truth and books agree, the other patch is where it was."""
        if program == SERVICE_PROGRAM:
            equal(self.service.process.wait(60), -9, f'{what}: exit status')
            self.disarm()
            self.service.start()
        self.disarm()
        # After a worker's death the service brings back what is wished for.
        while self.state() != 'missing' and self.client.get(self.patch, PATCH, 'Job') != '/':
            pass
        state = self.state()
        equal(self.toy.ask(10), 21 if state in ('active', 'accepted') else 20, f'{what}: the program, whose patch is {state}')
        equal(self.other.ask(10), 27, f'{what}: the other program')
        equal(self.client.state(self.kept), 'accepted', f'{what}: the other patch')
        equal(self.client.get(PATH, MANAGER, 'Degraded'), [], f'{what}: Degraded')
        left = [name for name in os.listdir(PATCHES) if name.startswith('.')]
        assert len(left) <= 1, f'{what}: {left} is left'
        self.client.manager('GetHistory', '(tua{sv})', 0, 0, {})
        return state


def story():
    tale = Story()
    scene = Scene()
    total = []

    def try_verb(verb):
        before, after = VERBS[verb]
        scene.reach(before)
        scene.do(verb)  # the first time some files are made that stay
        scene.reach(before)
        scene.arm('nobody', 0)
        scene.do(verb)
        steps = scene.steps()
        scene.disarm()
        equal(scene.state(), after)
        assert steps, 'the code tells no steps'
        for program in (SERVICE_PROGRAM, WORKER_PROGRAM):
            own = [name for who, name in steps if who == program]
            for number, name in enumerate(own, 1):
                what = f'{verb}, {program} killed after step {number} of {len(own)} ({name})'
                scene.reach(before)
                scene.arm(program, number)
                acknowledged = scene.attempt(verb)
                assert os.path.exists(STEPS), f'{what}: it did not even begin: {scene.refusal}'
                equal(len([who for who, _ in scene.steps() if who == program]) >= number, True, f'{what}: it was killed')
                state = scene.look(what, program)
                allowed = [after] if acknowledged else [before, after]
                assert state in allowed, f'{what}: {state}, acknowledged: {acknowledged}'
                total.append(what)

    for verb in VERBS:
        tale.case(f'{verb}: killed between any two steps, it is done or not done, and kept when it was acknowledged')(lambda verb=verb: try_verb(verb))

    @tale.case('a patch that is accepted through all this is still so, in the process and after all restarts')
    def _():
        equal(scene.client.state(scene.kept), 'accepted')
        print(f'# {len(total)} kills')
        assert len(total) > 40, total

    return tale.tell()


sys.exit(story())
