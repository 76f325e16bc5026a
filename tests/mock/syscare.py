# SPDX-License-Identifier: GPL-2.0-or-later
'''python-dbusmock template of org.openeuler.SysCare1, for authors of clients.

    python3 -m dbusmock --template tests/mock/syscare.py [-p '{"patches": 10000}']

It has the interfaces of the real service (a test compares them), every state and every error, and no effect on anything:
no process is touched and polkit is not asked. Parameters:
  patches      how many patches (default 6); their states go round through all five
  job_seconds  how long a job runs (default 0.05)
The interface org.freedesktop.DBus.Mock has, beside dbusmock's own members:
  FailNext(s where, s error, s message)  the next call of Manager method `where`, or the next job ("job"), ends with this error
  HoldJobs(b hold)                       jobs run until they are released, and can be cancelled meanwhile
'''

import time
import uuid as uuids

import dbus
import dbus.service
from dbusmock import MOCK_IFACE, DBusMockObject
from dbusmock import mockobject
from gi.repository import GLib

BUS_NAME = 'org.openeuler.SysCare1'
MAIN_OBJ = '/org/openeuler/SysCare1'
MAIN_IFACE = 'org.openeuler.SysCare1.Manager'
PATCH_IFACE = 'org.openeuler.SysCare1.Patch'
JOB_IFACE = 'org.openeuler.SysCare1.Job'
OWN_ERROR = 'org.openeuler.SysCare1.Error.'
STANDARD_ERROR = 'org.freedesktop.DBus.Error.'
SYSTEM_BUS = True
IS_OBJECT_MANAGER = True

STATES = ['not-applied', 'deactivated', 'active', 'accepted', 'unknown']
# (verb, state) -> new state, as in the description of the Manager interface
TABLE = {
    ('apply', 'not-applied'): 'active', ('apply', 'deactivated'): 'active',
    ('activate', 'deactivated'): 'active',
    ('deactivate', 'active'): 'deactivated', ('deactivate', 'accepted'): 'deactivated',
    ('remove', 'deactivated'): 'not-applied', ('remove', 'active'): 'not-applied', ('remove', 'accepted'): 'not-applied',
    ('accept', 'active'): 'accepted',
    ('revoke', 'accepted'): 'active',
}
UNCHANGED = {('apply', 'active'), ('apply', 'accepted'), ('activate', 'active'), ('activate', 'accepted'),
             ('deactivate', 'deactivated'), ('remove', 'not-applied'), ('accept', 'accepted'), ('revoke', 'active')}
VERBS = {verb for verb, state in TABLE}
OPTIONS = {'force': dbus.Boolean, 'timeout': dbus.UInt64, 'reason': dbus.String, 'expected-generation': dbus.UInt64,
           'on-failure': dbus.String, 'activate': dbus.Boolean, 'consistency': dbus.String, 'error-if-unchanged': dbus.Boolean}
MATCH_KEYS = {'id', 'target', 'bundle', 'kind', 'state', 'issue'}
PAGE = 1000
NAMESPACE = uuids.UUID('00000000-0000-5000-8000-000000000000')


def now():
    return dbus.UInt64(time.time_ns() // 1000)


def strings(*values):
    return dbus.Array([dbus.String(v) for v in values], signature='s')


def dictionaries(values):
    return dbus.Array([dbus.Dictionary(v, signature='sv') for v in values], signature='a{sv}')


def error(name, message):
    prefix = STANDARD_ERROR if name in ('AccessDenied', 'InteractiveAuthorizationRequired', 'InvalidArgs', 'LimitsExceeded',
                                        'UnknownObject') else OWN_ERROR
    return dbus.exceptions.DBusException(message, name=prefix + name)


def check_options(options, known):
    for key, value in options.items():
        if key not in known:
            raise error('InvalidArgs', f'unknown option "{key}"')
        if not isinstance(value, known[key]):
            raise error('InvalidArgs', f'option "{key}" has the wrong type')


def manager():
    return mockobject.objects[MAIN_OBJ]


def find_patch(path):
    patch = manager().patches.get(str(path))
    if patch is None:
        raise error('UnknownObject', f'no patch at {path}')
    return patch


class Patch(DBusMockObject):
    '''One patch; its properties live in self.props, as dbusmock keeps them.'''

    def get(self, name):
        return self.props[PATCH_IFACE][name]

    def set_state(self, state):
        patched = self.get('ProcessesTotal') if state in ('active', 'accepted') else 0
        self.UpdateProperties(PATCH_IFACE, {'State': dbus.String(state), 'ProcessesPatched': dbus.UInt32(patched),
                                            'LastChange': now()})

    def processes(self, status=None):
        return [{'Pid': dbus.UInt32(1000 + i), 'Command': 'redis-server', 'Uid': dbus.UInt32(0), 'Unit': 'redis-server.service',
                 'Container': '', 'Status': status or ('patched' if i < self.get('ProcessesPatched') else 'pending'), 'Reason': '',
                 'Detail': '', 'Since': now()} for i in range(self.get('ProcessesTotal'))]

    @dbus.service.method(PATCH_IFACE, in_signature='a{sv}', out_signature='o')
    def Apply(self, options):
        return manager().start('apply', [self], options)

    @dbus.service.method(PATCH_IFACE, in_signature='a{sv}', out_signature='o')
    def Activate(self, options):
        return manager().start('activate', [self], options)

    @dbus.service.method(PATCH_IFACE, in_signature='a{sv}', out_signature='o')
    def Deactivate(self, options):
        return manager().start('deactivate', [self], options)

    @dbus.service.method(PATCH_IFACE, in_signature='a{sv}', out_signature='o')
    def Remove(self, options):
        return manager().start('remove', [self], options)

    @dbus.service.method(PATCH_IFACE, in_signature='a{sv}', out_signature='o')
    def Accept(self, options):
        return manager().start('accept', [self], options)

    @dbus.service.method(PATCH_IFACE, in_signature='a{sv}', out_signature='o')
    def Revoke(self, options):
        return manager().start('revoke', [self], options)

    @dbus.service.method(PATCH_IFACE, in_signature='a{sv}', out_signature='aa{sv}')
    def ListProcesses(self, options):
        check_options(options, {})
        return dictionaries(self.processes())


class Job(DBusMockObject):
    '''One job; `work` changes the patches and returns the results.'''

    def begin(self, work):
        self.work = work
        self.UpdateProperties(JOB_IFACE, {'State': 'running', 'Phase': 'switch', 'Total': dbus.UInt32(1)})
        if not manager().hold:
            GLib.timeout_add(int(manager().job_seconds * 1000), self.finish)

    def finish(self, failure=None):
        if self.props[JOB_IFACE]['FinishedTime'] != 0:
            return False
        failure = failure or manager().take_failure('job')
        results = [] if failure else self.work()
        state = 'succeeded' if failure is None else 'cancelled' if failure.get_dbus_name().endswith('.Cancelled') else 'failed'
        name, message = (failure.get_dbus_name(), failure.get_dbus_message()) if failure else ('', '')
        if failure:
            results = [{'Patch': p.path, 'Uuid': p.get('Uuid'), 'Name': p.get('Name'), 'Result': 'failed', 'State': p.get('State'),
                        'Processes': dictionaries(p.processes('failed'))} for p in self.targets]
        self.UpdateProperties(JOB_IFACE, {'State': state, 'Phase': '', 'Cancelable': dbus.Boolean(False), 'FinishedTime': now(),
                                          'ErrorName': name, 'ErrorMessage': message, 'Results': dictionaries(results)})
        for ok, fail in self.waiting:
            if failure:
                fail(failure)
            else:
                ok(dictionaries(results))
        self.EmitSignal(JOB_IFACE, 'Finished', 'sss', [state, name, message])
        manager().EmitSignal(MAIN_IFACE, 'JobFinished', 'osss', [self.path, state, name, message])
        return False

    @dbus.service.method(JOB_IFACE, in_signature='a{sv}', out_signature='')
    def Cancel(self, options):
        check_options(options, {})
        if not self.props[JOB_IFACE]['Cancelable']:
            raise error('NotCancelable', 'the job is past the point of no return')
        GLib.idle_add(self.finish, error('Cancelled', 'cancelled'))

    @dbus.service.method(JOB_IFACE, in_signature='a{sv}', out_signature='aa{sv}', async_callbacks=('ok', 'fail'))
    def Wait(self, options, ok, fail):
        properties = self.props[JOB_IFACE]
        if properties['FinishedTime'] == 0:
            self.waiting.append((ok, fail))
        elif properties['ErrorName']:
            fail(dbus.exceptions.DBusException(properties['ErrorMessage'], name=properties['ErrorName']))
        else:
            ok(properties['Results'])

    @dbus.service.signal(JOB_IFACE, signature='sss')
    def Finished(self, state, error_name, error_message):
        pass


def patch_properties(i):
    '''Realistic, and the same every time.'''
    version = f'7.0.{i}-1~deb12u7'
    name = f'redis-{version}/HP{i:03}/redis-check-rdb'
    state = STATES[i % len(STATES)]
    bundle = uuids.uuid5(NAMESPACE, f'bundle {i}')
    total = i % 3
    return {
        'Uuid': dbus.String(uuids.uuid5(bundle, 'redis-check-rdb')), 'Name': dbus.String(name), 'Bundle': dbus.String(bundle),
        'Version': '1', 'Release': '1', 'Kind': 'user', 'Architecture': 'x86_64', 'TargetName': 'redis', 'TargetVersion': '5:' + version,
        'TargetObject': 'redis-check-rdb', 'TargetFiles': strings('/usr/bin/redis-check-rdb', '/usr/bin/redis-server'),
        'TargetBuildId': f'{i:040x}', 'Digest': f'{i:064x}', 'License': 'BSD-3-Clause', 'Description': f'fix number {i}',
        'Issues': strings(f'CVE-2026-{10000 + i}'), 'Severity': 'high',
        'SourcePatches': dbus.Array([dbus.Struct((f'CVE-2026-{10000 + i}.patch', f'{i:064x}'), signature='ss')], signature='(ss)'),
        'Functions': strings('xautoclaimCommand'), 'Signer': '', 'State': state,
        'Problems': strings('processes-unpatched') if state == 'active' and i % 7 == 0 else strings(),
        'ProcessesTotal': dbus.UInt32(total), 'ProcessesPatched': dbus.UInt32(total if state in ('active', 'accepted') else 0),
        'LastChange': dbus.UInt64(1767225600000000 + i), 'Job': dbus.ObjectPath('/'),
    }


def fits_id(patch, wanted):
    uuid, bundle, name = patch.get('Uuid'), patch.get('Bundle'), patch.get('Name')
    low = wanted.lower()
    return (uuid.startswith(low) or bundle.startswith(low) or uuid.replace('-', '').startswith(low) or name.startswith(wanted)
            or name.split('/')[1] == wanted or wanted.upper() in patch.get('Issues')
            or name.replace('-1~deb12u7', '').startswith(wanted))


def select(match):
    unknown = set(match) - MATCH_KEYS
    if unknown:
        raise error('InvalidArgs', f'unknown key "{sorted(unknown)[0]}"')
    fits = {
        'id': fits_id,
        'target': lambda p, v: v in (p.get('TargetName'), p.get('TargetObject')),
        'bundle': lambda p, v: p.get('Bundle').startswith(v),
        'kind': lambda p, v: p.get('Kind') == v,
        'state': lambda p, v: p.get('State') == v,
        'issue': lambda p, v: v.upper() in p.get('Issues'),
    }
    return [p for p in manager().sorted_patches if all(fits[key](p, str(value)) for key, value in match.items())]


def start(self, verb, patches, options):
    '''What Submit does after polkit.'''
    self.fail_if_told('Submit')
    check_options(options, OPTIONS)
    if verb not in VERBS:
        raise error('InvalidArgs', f'unknown verb "{verb}"')
    for patch in patches:
        state = patch.get('State')
        if (verb, state) not in TABLE and (verb, state) not in UNCHANGED:
            raise error('InvalidState', f'{patch.get("Name")} is {state}\nwait until its state is known')
        if (verb, state) in UNCHANGED and options.get('error-if-unchanged'):
            raise error('InvalidState', f'{patch.get("Name")} is {state} already')

    def work():
        results = []
        for patch in patches:
            state = patch.get('State')
            unchanged = (verb, state) in UNCHANGED
            new = state if unchanged else TABLE[(verb, state)]
            if verb == 'apply' and not options.get('activate', True) and state == 'not-applied':
                new = 'deactivated'
            if not unchanged:
                patch.set_state(new)
            results.append({'Patch': patch.path, 'Uuid': patch.get('Uuid'), 'Name': patch.get('Name'),
                            'Result': 'unchanged' if unchanged else 'succeeded', 'State': dbus.String(new),
                            'Processes': dictionaries(patch.processes('unchanged' if unchanged else 'patched'))})
            self.record(verb, patch, options.get('reason', ''), 'unchanged' if unchanged else 'succeeded')
        return results

    return self.new_job(verb, patches, work)


def new_job(self, verb, patches, work):
    self.jobs += 1
    path = f'{MAIN_OBJ}/jobs/{self.jobs}'
    job = Job(self.bus_name, path, JOB_IFACE, {
        'Id': dbus.UInt64(self.jobs), 'Verb': verb, 'Patches': dbus.Array([dbus.ObjectPath(p.path) for p in patches], signature='o'),
        'StartedByUid': dbus.UInt32(0), 'CreatedTime': now(), 'State': 'queued', 'Phase': '', 'Done': dbus.UInt32(0),
        'Total': dbus.UInt32(0), 'Cancelable': dbus.Boolean(True), 'FinishedTime': dbus.UInt64(0), 'ErrorName': '', 'ErrorMessage': '',
        'Results': dictionaries([])})
    job.targets = patches
    job.waiting = []
    adopt(self, job, path)
    self.object_manager_emit_added(path)
    GLib.idle_add(job.begin, work)
    return dbus.ObjectPath(path)


def record(self, verb, patch, reason, result):
    self.history.insert(0, {'Time': now(), 'Uid': dbus.UInt32(0), 'LoginUid': dbus.UInt32(1000), 'Session': 'c1', 'Verb': verb,
                            'Patch': patch.get('Uuid'), 'Name': patch.get('Name'), 'Reason': dbus.String(reason), 'Result': result,
                            'ErrorName': '', 'ErrorMessage': '', 'Processes': dictionaries([])})


def take_failure(self, where):
    return self.failures.pop(where, None)


def fail_if_told(self, where):
    failure = self.take_failure(where)
    if failure:
        raise failure


def adopt(self, child, path):
    '''What AddObject does for objects of its own class.'''
    child.path = path
    child.logfile = self.logfile
    child.object_manager = self.object_manager
    child.is_logfile_owner = False
    mockobject.objects[path] = child


def load(self, parameters):
    self.jobs = 0
    self.hold = False
    self.history = []
    self.failures = {}
    self.job_seconds = float(parameters.get('job_seconds', 0.05))
    self.patches = {}
    for function in (start, new_job, record, take_failure, fail_if_told):
        setattr(self, function.__name__, function.__get__(self))
    # dbusmock looks for methods only; with this the signal is in the introspection data too
    self.methods.setdefault(MAIN_IFACE, {})['JobFinished'] = ('osss', '', '', JobFinished)
    self.AddProperties(MAIN_IFACE, {
        'Version': '0.1.0', 'Features': strings('user-patches'), 'KernelRelease': '6.1.0', 'OldCalls': dbus.UInt64(0), 'Degraded': strings(),
        'Generation': dbus.UInt64(1)})
    for i in range(int(parameters.get('patches', 6))):
        properties = patch_properties(i)
        path = f'{MAIN_OBJ}/patches/{properties["Uuid"].replace("-", "")}'
        patch = Patch(self.bus_name, path, PATCH_IFACE, properties)
        adopt(self, patch, path)
        self.patches[path] = patch
    self.sorted_patches = sorted(self.patches.values(), key=lambda p: p.get('Name'))


@dbus.service.method(MAIN_IFACE, in_signature='a{sv}asa{sv}', out_signature='aa{sv}')
def ListPatches(self, match, properties, options):
    self.fail_if_told('ListPatches')
    check_options(options, {'offset': dbus.UInt32, 'limit': dbus.UInt32, 'omit-empty': dbus.Boolean})
    first = options.get('offset', 0)
    page = select(match)[first:first + min(options.get('limit', 0) or PAGE, PAGE)]
    known = patch_properties(0)
    for name in properties:
        if name not in known:
            raise error('InvalidArgs', f'unknown property "{name}"')
    wanted = set(properties or known) | {'Uuid'}
    rows = [{'Path': dbus.ObjectPath(p.path), **{name: p.get(name) for name in wanted}} for p in page]
    if options.get('omit-empty', False):
        rows = [{name: value for name, value in row.items() if value and value != '/'} for row in rows]
    return dictionaries(rows)


@dbus.service.method(MAIN_IFACE, in_signature='a{sv}a{sv}', out_signature='ao')
def FindPatches(self, match, options):
    self.fail_if_told('FindPatches')
    check_options(options, {})
    return dbus.Array([dbus.ObjectPath(p.path) for p in select(match)], signature='o')


@dbus.service.method(MAIN_IFACE, in_signature='saoa{sv}', out_signature='aa{sv}')
def Check(self, verb, patches, options):
    self.fail_if_told('Check')
    check_options(options, OPTIONS)
    if verb not in VERBS:
        raise error('InvalidArgs', f'unknown verb "{verb}"')
    findings = []
    for path in patches:
        state = find_patch(path).get('State')
        finding = {'Patch': path, 'Severity': 'ok', 'Finding': 'ready', 'ErrorName': '', 'Message': ''}
        if (verb, state) in UNCHANGED:
            finding['Finding'] = 'unchanged'
        elif (verb, state) not in TABLE:
            finding.update(Severity='error', ErrorName=OWN_ERROR + 'InvalidState', Message=f'not possible in state {state}')
        findings.append(finding)
    return dictionaries(findings)


@dbus.service.method(MAIN_IFACE, in_signature='saoa{sv}', out_signature='as')
def CanPerform(self, verb, patches, options):
    check_options(options, {'force': dbus.Boolean})
    answers = []
    for path in patches:
        state = find_patch(path).get('State')
        possible = (verb, state) in TABLE or (verb, state) in UNCHANGED or (verb, state) == ('uninstall', 'not-applied')
        answers.append('yes' if possible else 'invalid-state')
    return strings(*answers)


@dbus.service.method(MAIN_IFACE, in_signature='saoa{sv}', out_signature='o')
def Submit(self, verb, patches, options):
    return self.start(verb, [find_patch(path) for path in patches], options)


@dbus.service.method(MAIN_IFACE, in_signature='sa{sv}', out_signature='o')
def Install(self, path, options):
    self.fail_if_told('Install')
    check_options(options, {'reason': dbus.String})
    return self.new_job('install', [], lambda: [{'Bundle': str(NAMESPACE), 'Patches': dbus.Array([], signature='o'), 'Digest': '0' * 64,
                                                  'Signer': '', 'Result': 'succeeded'}])


@dbus.service.method(MAIN_IFACE, in_signature='aoa{sv}', out_signature='o')
def Uninstall(self, patches, options):
    self.fail_if_told('Uninstall')
    check_options(options, {'reason': dbus.String, 'expected-generation': dbus.UInt64})
    found = [find_patch(path) for path in patches]
    for patch in found:
        if patch.get('State') != 'not-applied':
            raise error('InvalidState', f'{patch.get("Name")} is {patch.get("State")}\nremove it first')

    def work():
        for patch in found:
            del self.patches[patch.path]
            self.sorted_patches.remove(patch)
            self.RemoveObject(patch.path)
            self.object_manager_emit_removed(patch.path)
        return [{'Bundle': p.get('Bundle'), 'Result': 'succeeded'} for p in found]

    return self.new_job('uninstall', found, work)


@dbus.service.method(MAIN_IFACE, in_signature='a{sv}', out_signature='')
def Rescan(self, options):
    self.fail_if_told('Rescan')
    check_options(options, {})


@dbus.service.method(MAIN_IFACE, in_signature='a{sv}', out_signature='')
def Save(self, options):
    self.fail_if_told('Save')
    check_options(options, {'reason': dbus.String})


@dbus.service.method(MAIN_IFACE, in_signature='a{sv}', out_signature='o')
def Restore(self, options):
    self.fail_if_told('Restore')
    check_options(options, {'accepted': dbus.Boolean, 'timeout': dbus.UInt64, 'reason': dbus.String})
    return dbus.ObjectPath('/')


@dbus.service.method(MAIN_IFACE, in_signature='tua{sv}', out_signature='aa{sv}')
def GetHistory(self, since, limit, options):
    self.fail_if_told('GetHistory')
    check_options(options, {})
    return dictionaries([r for r in self.history if r['Time'] >= since][:limit or PAGE])


@dbus.service.signal(MAIN_IFACE, signature='osss')
def JobFinished(self, job, state, error_name, error_message):
    pass


@dbus.service.method(MOCK_IFACE, in_signature='sss', out_signature='')
def FailNext(self, where, name, message):
    self.failures[str(where)] = error(str(name), str(message))


@dbus.service.method(MOCK_IFACE, in_signature='b', out_signature='')
def HoldJobs(self, hold):
    self.hold = bool(hold)
