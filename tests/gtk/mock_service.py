#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A mock of org.openeuler.SysCare1 for tests of the window: it implements the interfaces' own XML, shows any number of patches in
every state, fails on demand with every error, and lets a test hold jobs and change things behind the window's back.

    mock_service.py --interfaces DIR [--patches N | --hostile] [--old]

It patches nothing, asks no polkit, and is no proof of anything but the window's own behaviour. What a test may ask of it is in the
interface org.openeuler.SysCare.Mock at /mock (see CONTROL)."""

import argparse
import glob
import os
import sys
import time

from gi.repository import Gio, GLib

import scene

NAME = 'org.openeuler.SysCare1'
ROOT = '/org/openeuler/SysCare1'
MANAGER, PATCH, JOB = NAME + '.Manager', NAME + '.Patch', NAME + '.Job'
STANDARD = ('AccessDenied', 'InteractiveAuthorizationRequired', 'InvalidArgs', 'LimitsExceeded', 'UnknownObject', 'UnknownMethod')
TABLE = {('apply', 'not-applied'): 'active', ('apply', 'deactivated'): 'active', ('activate', 'deactivated'): 'active',
         ('deactivate', 'active'): 'deactivated', ('deactivate', 'accepted'): 'deactivated',
         ('remove', 'deactivated'): 'not-applied', ('remove', 'active'): 'not-applied', ('remove', 'accepted'): 'not-applied',
         ('accept', 'active'): 'accepted', ('revoke', 'accepted'): 'active'}
PHASES = ['scan', 'check', 'place', 'switch', 'record']
CONTROL = """<node><interface name="org.openeuler.SysCare.Mock">
  <method name="Fail"><arg name="where" type="s"/><arg name="error" type="s"/><arg name="message" type="s"/></method>
  <method name="Hold"><arg name="hold" type="b"/></method>
  <method name="Permit"><arg name="verb" type="s"/><arg name="answer" type="s"/></method>
  <method name="Degrade"><arg name="troubles" type="as"/></method>
  <method name="SetState"><arg name="name" type="s"/><arg name="state" type="s"/></method>
  <method name="SetProblems"><arg name="name" type="s"/><arg name="problems" type="as"/></method>
  <method name="SetTasks"><arg name="name" type="s"/><arg name="moved" type="u"/><arg name="all" type="u"/></method>
  <method name="Foreign"><arg name="verb" type="s"/><arg name="name" type="s"/></method>
  <method name="Drop"><arg name="name" type="s"/></method>
  <method name="Empty"/>
  <method name="Findings"><arg name="severity" type="s"/><arg name="message" type="s"/></method>
  <method name="Log"><arg name="calls" type="as" direction="out"/></method>
</interface></node>"""


def next_state(verb, values):
    """The state that @verb leads to; None when it does nothing. What some processes lack can be activated once more."""
    state = values['State']
    if verb == 'activate' and 'processes-unpatched' in values['Problems']:
        return state
    return TABLE.get((verb, state))


class Failure(Exception):
    def __init__(self, name, message):
        super().__init__(message)
        self.name = (('org.freedesktop.DBus.Error.' if name in STANDARD else NAME + '.Error.') + name)


class Thing:
    """An object on the bus: properties of one interface, read from a dictionary."""

    def __init__(self, service, path, info, values):
        self.service, self.path, self.info, self.values = service, path, info, values
        self.types = {p.name: p.signature for p in info.properties}
        self.cache = {}
        self.registration = service.bus.register_object(path, info, self.on_call, self.on_get, None)

    def variant(self, name):
        if name not in self.cache:
            self.cache[name] = GLib.Variant(self.types[name], self.values[name])
        return self.cache[name]

    def entry(self, names):
        """The row of ListPatches; kept, because making one takes Python longer than a real service takes for a page."""
        key = tuple(names)
        if key not in self.cache:
            entry = {name: self.variant(name) for name in [*names, 'Uuid']}
            entry['Path'] = GLib.Variant('o', self.path)
            self.cache[key] = GLib.Variant('a{sv}', entry)
        return self.cache[key]

    def on_get(self, _bus, _sender, _path, _interface, name):
        return self.variant(name)

    def on_call(self, _bus, _sender, _path, _interface, method, parameters, invocation):
        self.service.answer(self, method, parameters, invocation)

    def change(self, **values):
        self.values.update(values)
        self.cache = {key: value for key, value in self.cache.items() if isinstance(key, str) and key not in values}
        self.service.emit(self.path, 'org.freedesktop.DBus.Properties', 'PropertiesChanged', GLib.Variant(
            '(sa{sv}as)', (self.info.name, {name: self.variant(name) for name in values}, [])))

    def close(self):
        self.service.bus.unregister_object(self.registration)


class Service:
    def __init__(self, bus, interfaces, patches, old):
        self.bus = bus
        self.info = {}
        for path in glob.glob(os.path.join(interfaces, '*.xml')):
            for interface in Gio.DBusNodeInfo.new_for_xml(open(path, encoding='utf-8').read()).interfaces:
                self.info[interface.name] = interface
        if old:  # a version from before ListPatches and Generation
            self.info[MANAGER] = Gio.DBusNodeInfo.new_for_xml(
                f'<node><interface name="{MANAGER}"><property name="Version" type="s" access="read"/></interface></node>').interfaces[0]
        self.hold, self.failures, self.permits, self.log, self.findings = False, {}, {}, [], []
        self.held, self.jobs, self.history = [], {}, []
        self.manager = Thing(self, ROOT, self.info[MANAGER], {
            'Version': '0.0.1' if old else '0.1.0', 'Features': ['user-patches', 'kernel-patches', 'gate'],
            'KernelRelease': '6.1.0-38-amd64', 'OldCalls': 0, 'Degraded': [], 'Generation': 1})
        control = Gio.DBusNodeInfo.new_for_xml(CONTROL).interfaces[0]
        bus.register_object('/mock', control, self.on_control, None, None)
        self.patches = {}
        for values in patches:
            self.add(values)
        self.order = sorted(self.patches.values(), key=lambda p: p.values['Name'])

    def add(self, values):
        path = f'{ROOT}/patches/{values["Uuid"].replace("-", "")}'
        self.patches[path] = Thing(self, path, self.info[PATCH], values)

    def emit(self, path, interface, signal, parameters):
        self.bus.emit_signal(None, path, interface, signal, parameters)

    def bump(self):
        self.manager.change(Generation=self.manager.values['Generation'] + 1)

    # ------------------------------------------------------------------------------------------------- calls

    def answer(self, thing, method, parameters, invocation):
        arguments = parameters.unpack()
        if method == 'Wait' and not thing.values['FinishedTime']:
            thing.waiting.append(invocation)
            return
        if method != 'ListProcesses' and method != 'CanPerform':
            self.log.append(f'{method} {arguments}')
        try:
            if method in self.failures:
                raise self.failures.pop(method)
            result = getattr(self, 'do_' + method)(thing, *arguments)
        except Failure as failure:
            invocation.return_dbus_error(failure.name, str(failure))
            return
        invocation.return_value(result)

    def find(self, path):
        if path not in self.patches:
            raise Failure('UnknownObject', f'no patch at {path}')
        return self.patches[path]

    def expect(self, options):
        generation = self.manager.values['Generation']
        if options.get('expected-generation', generation) != generation:
            raise Failure('Changed', f'the generation is {generation}, not {options["expected-generation"]} as expected')

    def do_ListPatches(self, _manager, _match, properties, options):
        first, limit = options.get('offset', 0), min(options.get('limit', 0) or 1000, 1000)
        names = properties or [n for n in self.info[PATCH].properties]
        builder = GLib.VariantBuilder(GLib.VariantType('aa{sv}'))
        for patch in self.order[first:first + limit]:
            builder.add_value(patch.entry(names))
        return GLib.Variant.new_tuple(builder.end())

    def do_CanPerform(self, _manager, verb, paths, _options):
        def permit(path):
            name = self.find(path).values['TargetObject']
            return self.permits.get(f'{verb} {name}', self.permits.get(verb, 'challenge'))
        return GLib.Variant('(as)', ([permit(p) if next_state(verb, self.find(p).values)
                                      else 'invalid-state' for p in paths],))

    def do_Check(self, _manager, verb, paths, _options):
        found = [{'Patch': GLib.Variant('o', p), 'Severity': GLib.Variant('s', s), 'Finding': GLib.Variant('s', 'ready'),
                  'ErrorName': GLib.Variant('s', ''), 'Message': GLib.Variant('s', m), 'Pid': GLib.Variant('u', 1207),
                  'Command': GLib.Variant('s', 'redis-server'), 'Detail': GLib.Variant('s', '')}
                 for p in paths for s, m in (self.findings or [('ok', 'The target is the build that the patch is for')])]
        return GLib.Variant('(aa{sv})', (found,))

    def do_Submit(self, _manager, verb, paths, options):
        self.expect(options)
        patches = [self.find(p) for p in paths]
        for patch in patches:
            if not next_state(verb, patch.values):
                raise Failure('InvalidState', f'{patch.values["Name"]} is {patch.values["State"]}')
        path = self.start(verb, patches, os.getuid())
        self.jobs[path].load_only = not options.get('activate', True)
        return GLib.Variant('(o)', (path,))

    def do_Install(self, _manager, path, _options):
        def install():
            self.add(scene.patch('busybox', '1:1.35.0-4', 'HP001', 'busybox', 'not-applied', 'low', ['CVE-2026-3'], 'From ' + path))
            self.order = sorted(self.patches.values(), key=lambda p: p.values['Name'])
            return [{'Result': GLib.Variant('s', 'succeeded')}]
        return GLib.Variant('(o)', (self.start('install', [], os.getuid(), install),))

    def do_Uninstall(self, _manager, paths, options):
        self.expect(options)

        def uninstall():
            for path in paths:
                self.drop(self.find(path))
            return []
        return GLib.Variant('(o)', (self.start('uninstall', [self.find(p) for p in paths], os.getuid(), uninstall),))

    def do_Rescan(self, _manager, _options):
        return None

    def do_GetHistory(self, _manager, _since, limit, _options):
        return GLib.Variant('(aa{sv})', (self.history[:limit],))

    def do_ListProcesses(self, patch, _options):
        values = patch.values
        listed = values['_processes'] if values['_processes'] is not None else [
            scene.process(2000 + i, values['TargetObject'], 'patched' if i < values['ProcessesPatched'] else 'pending',
                          values['TargetName'] + '.service') for i in range(values['ProcessesTotal'])]
        types = {'Pid': 'u', 'Uid': 'u', 'Since': 't'}
        return GLib.Variant('(aa{sv})', ([{k: GLib.Variant(types.get(k, 's'), v) for k, v in p.items()} for p in listed],))

    def do_Cancel(self, job, _options):
        if not job.values['Cancelable']:
            raise Failure('NotCancelable', 'the job is past the point of no return')
        job.change(State='cancelling')
        GLib.timeout_add(50, self.finish, job, Failure('Cancelled', 'cancelled'))

    def do_Wait(self, job, _options):
        if job.values['ErrorName']:
            failure = Failure('Failed', job.values['ErrorMessage'])
            failure.name = job.values['ErrorName']
            raise failure
        return GLib.Variant('(aa{sv})', (job.values['Results'],))

    # -------------------------------------------------------------------------------------------------- jobs

    def start(self, verb, patches, uid, work=None):
        number = len(self.jobs) + 1
        path = f'{ROOT}/jobs/{number}'
        job = Thing(self, path, self.info[JOB], {
            'Id': number, 'Verb': verb, 'Patches': [p.path for p in patches], 'StartedByUid': uid, 'CreatedTime': 1, 'State': 'queued',
            'Phase': '', 'Done': 0, 'Total': 0, 'Cancelable': True, 'FinishedTime': 0, 'ErrorName': '', 'ErrorMessage': '', 'Results': []})
        job.patches, job.work, job.load_only, job.waiting = patches, work, False, []
        self.jobs[path] = job
        for patch in patches:
            patch.change(Job=path)
        GLib.timeout_add(10, self.step, job, 0)
        return path

    def step(self, job, phase):
        if job.values['FinishedTime'] or job.values['State'] == 'cancelling':
            return False
        if self.hold and PHASES[phase] == 'switch':
            job.change(State='running', Phase='switch', Done=3, Total=5)
            self.held.append(job)
            return False
        job.change(State='running', Phase=PHASES[phase], Done=phase, Total=len(PHASES))
        if phase + 1 < len(PHASES):
            GLib.timeout_add(10, self.step, job, phase + 1)
        else:
            GLib.timeout_add(10, self.finish, job, self.failures.pop('job', None))
        return False

    def finish(self, job, failure):
        if job.values['FinishedTime']:
            return False
        verb, results = job.values['Verb'], []
        if not failure and job.work:
            results = job.work()
        for patch in job.patches:
            state = patch.values['State']
            new = state if failure or job.work else 'deactivated' if job.load_only else next_state(verb, patch.values)
            total = patch.values['ProcessesTotal']
            if patch.path in self.patches:
                if verb == 'activate' and not failure:
                    patch.change(Problems=[word for word in patch.values['Problems'] if word != 'processes-unpatched'])
                    patch.values['_processes'] = None
                patch.change(State=new, Job='/', ProcessesPatched=total if new in ('active', 'accepted') else 0, LastChange=scene.CHANGED)
            self.record(verb, patch, failure)
            results.append({'Patch': GLib.Variant('o', patch.path), 'Uuid': GLib.Variant('s', patch.values['Uuid']),
                            'Name': GLib.Variant('s', patch.values['Name']), 'State': GLib.Variant('s', new),
                            'Result': GLib.Variant('s', 'rolled-back' if failure else 'succeeded'),
                            'Processes': GLib.Variant('aa{sv}', [{
                                'Pid': GLib.Variant('u', 1207), 'Command': GLib.Variant('s', 'redis-server'),
                                'Status': GLib.Variant('s', 'failed'), 'Reason': GLib.Variant('s', 'a thread is in an old function'),
                                'Detail': GLib.Variant('s', 'thread 1211, xautoclaimCommand')}] if failure else [])})
        name, message = (failure.name, str(failure)) if failure else ('', '')
        state = 'succeeded' if not failure else 'cancelled' if failure.name.endswith('.Cancelled') else 'failed'
        job.change(State=state, Phase='', Cancelable=False, FinishedTime=2, ErrorName=name, ErrorMessage=message, Results=results)
        self.emit(job.path, JOB, 'Finished', GLib.Variant('(sss)', (state, name, message)))
        self.emit(ROOT, MANAGER, 'JobFinished', GLib.Variant('(osss)', (job.path, state, name, message)))
        self.bump()
        for invocation in job.waiting:
            self.answer(job, 'Wait', GLib.Variant('(a{sv})', ({},)), invocation)
        return False

    def record(self, verb, patch, failure):
        self.history.insert(0, {
            'Time': GLib.Variant('t', time.time_ns() // 1000), 'Uid': GLib.Variant('u', 0), 'LoginUid': GLib.Variant('u', os.getuid()),
            'Session': GLib.Variant('s', ''), 'Verb': GLib.Variant('s', verb), 'Patch': GLib.Variant('s', patch.values['Uuid']),
            'Name': GLib.Variant('s', patch.values['Name']), 'Reason': GLib.Variant('s', ''),
            'Result': GLib.Variant('s', 'failed' if failure else 'succeeded'),
            'ErrorName': GLib.Variant('s', failure.name if failure else ''),
            'ErrorMessage': GLib.Variant('s', str(failure) if failure else '')})

    # ------------------------------------------------------------------------------------------------ control

    def by_name(self, name):
        return next(p for p in self.patches.values() if name in p.values['Name'])

    def drop(self, patch):
        del self.patches[patch.path]
        self.order.remove(patch)
        patch.close()
        self.emit(ROOT, 'org.freedesktop.DBus.ObjectManager', 'InterfacesRemoved', GLib.Variant('(oas)', (patch.path, [PATCH])))

    def on_control(self, _bus, _sender, _path, _interface, method, parameters, invocation):
        result = getattr(self, 'control_' + method)(*parameters.unpack())
        invocation.return_value(result)

    def control_Fail(self, where, name, message):
        self.failures[where] = Failure(name, message)

    def control_Hold(self, hold):
        self.hold = hold
        if not hold:
            for job in self.held:
                GLib.timeout_add(10, self.step, job, PHASES.index('record'))
            self.held = []

    def control_Permit(self, verb, answer):
        self.permits[verb] = answer

    def control_Degrade(self, troubles):
        self.manager.change(Degraded=troubles)

    def control_SetState(self, name, state):
        self.by_name(name).change(State=state)
        self.bump()

    def control_SetProblems(self, name, problems):
        self.by_name(name).change(Problems=problems)
        self.bump()

    def control_SetTasks(self, name, moved, total):
        self.by_name(name).change(ProcessesPatched=moved, ProcessesTotal=total)
        self.bump()

    def control_Foreign(self, verb, name):
        self.start(verb, [self.by_name(name)], 4242)

    def control_Drop(self, name):
        self.drop(self.by_name(name))
        self.bump()

    def control_Empty(self):
        for patch in list(self.patches.values()):
            self.drop(patch)
        self.bump()

    def control_Findings(self, severity, message):
        self.findings = [(severity, message)] if severity else []

    def control_Log(self):
        return GLib.Variant('(as)', (self.log,))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--interfaces', required=True)
    parser.add_argument('--patches', type=int, default=0, help='so many made-up ones instead of the scene')
    parser.add_argument('--hostile', action='store_true', help='patches and processes whose texts are meant to harm or to break a view')
    parser.add_argument('--old', action='store_true', help='a service that lacks what the window needs')
    parser.add_argument('--new', action='store_true', help='a later version, with words that the window has never heard of')
    arguments = parser.parse_args()
    loop = GLib.MainLoop()
    bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
    patches = scene.many(arguments.patches) if arguments.patches else scene.hostile() if arguments.hostile else scene.scene()
    if arguments.new:
        next(patch for patch in patches if patch['TargetName'] == 'curl').update(State='quarantined', Problems=['haunted'])
    service = Service(bus, arguments.interfaces, patches, arguments.old)
    if arguments.new:
        service.manager.values.update(Version='99.0', Features=['user-patches', 'hypervisor-patches'], Degraded=['moon: it is full'])
    Gio.bus_own_name_on_connection(bus, NAME, Gio.BusNameOwnerFlags.NONE, lambda *_: print('ready', flush=True),
                                   lambda *_: sys.exit('name lost'))
    loop.run()
    del service


if __name__ == '__main__':
    main()
