#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The client's side of every verb, state and error, against the dbusmock template on a private bus.

What the real service does is tested elsewhere: this is about arguments that go out, and words and statuses that come back."""
import json
import os
import re
import signal
import subprocess
from xml.etree import ElementTree

from gi.repository import GLib

from mockbus import MANAGER, PATH, MockService, PrivateBus
from tap import SOURCE, SYSCARE, case, contains, environment, equal, error_form, main, syscare
from terminal import Terminal

with open(os.path.join(SOURCE, 'libpatch', 'base', 'error.c'), encoding='utf-8') as error_table:
    ERRORS = re.findall(r'(OWN|STANDARD) \(LP_ERROR_\w+, "(\w+)", (\d), N_ \("(.*)"\)\)', error_table.read())
LOCAL_ERRORS = {'NothingToPatch', 'Refused', 'SourcesFailed'}  # never cross the bus
# Where the client knows better than the service what to do.
HINTS = {'InteractiveAuthorizationRequired': 'run it on a terminal without --no-ask-password to be asked for the password, or as root'}
STATE_VERBS = {'apply': 'apply', 'active': 'activate', 'deactive': 'deactivate', 'remove': 'remove', 'accept': 'accept', 'revoke': 'revoke'}
MOCK = MockService().__enter__()


def cli(*arguments, status=0, bus=MOCK):
    return syscare(*arguments, '--bus', bus.address, status=status)


def cli_json(*arguments, status=0, bus=MOCK):
    return json.loads(cli(*arguments, '--json', status=status, bus=bus).stdout)


@case
def list_shows_states():
    """list shows every patch with state, processes and issues; --json has stable keys"""
    shown = cli('list').stdout.splitlines()
    equal(shown[0].split(), ['NAME', 'STATE', 'PROCESSES', 'ISSUES'])
    equal([line.split()[1] for line in shown[1:]], ['not-applied', 'deactivated', 'active', 'accepted', 'unknown', 'not-applied'])
    patches = cli_json('list')['patches']
    equal(set(patches[0]), {'path', 'uuid', 'bundle', 'name', 'issues', 'state', 'problems', 'processes_total', 'processes_patched', 'kind',
                            'target_name', 'target_version', 'target_object', 'severity', 'last_change'})
    equal((patches[2]['processes_patched'], patches[2]['processes_total']), (2, 2))


@case
def list_warns():
    """list says what is wrong with the service itself, on standard error"""
    with MockService(patches=1) as bus:
        equal(cli('list', bus=bus).stderr, '')
        bus.mock('UpdateProperties', '(sa{sv})', MANAGER, {'Degraded': GLib.Variant('as', ['bundle: /x: damaged', 'polkit: not there'])})
        equal(cli('list', bus=bus).stderr, 'syscare: warning: bundle: /x: damaged\nsyscare: warning: polkit: not there\n')


@case
def list_filters():
    """list hands its filters to the service"""
    equal([p['state'] for p in cli_json('list', '--state', 'active')['patches']], ['active'])
    equal([p['issues'] for p in cli_json('list', '--issue', 'CVE-2026-10004')['patches']], [['CVE-2026-10004']])
    equal(len(cli_json('list', '--target', 'redis')['patches']), 6)
    done = cli('list', '--target', 'nginx')
    equal((done.stdout, done.stderr), ('', 'No patch fits.\n'))
    equal(cli_json('list', '--target', 'nginx'), {'patches': []})


@case
def ids():
    """every form of an id finds its patch"""
    patch = cli_json('info', 'HP003')['patches'][0]
    for form in (patch['uuid'], patch['uuid'].replace('-', ''), patch['uuid'].upper(), patch['uuid'][:8], patch['bundle'], patch['name'],
                 'redis-7.0.3-1~deb12u7/HP003', 'redis-7.0.3/HP003', 'redis-7.0.3', 'HP003', 'CVE-2026-10003', 'cve-2026-10003'):
        equal(cli_json('status', form)['patches'][0]['uuid'], patch['uuid'], form)
    equal(len(cli_json('status', 'HP003', patch['uuid'], 'HP001')['patches']), 2)


@case
def unknown_id():
    """an unknown id is status 3 for every verb that takes one"""
    for verb in (*STATE_VERBS, 'info', 'status', 'target', 'check', 'processes', 'uninstall', 'inspect'):
        line, hint = error_form(cli(verb, 'HP999', status=3))
        contains(line, 'no such patch: "HP999"')
        contains(hint, 'syscare list')
    equal(cli_json('apply', 'HP999', status=3)['error']['name'], 'UnknownObject')


@case
def ambiguous_id():
    """an ambiguous id is status 2, lists its candidates, and nothing is submitted"""
    before = len(MOCK.calls('Submit'))
    line, hint = error_form(cli('apply', 'redis-7', status=2))
    contains(line, '"redis-7" fits 6 patches')
    for patch in MOCK.patches():
        contains(hint, patch['Uuid'] + '  ' + patch['Name'])
    equal(len(MOCK.calls('Submit')), before)
    equal(cli_json('apply', 'redis-7', status=2)['error']['name'], 'Ambiguous')


@case
def show_verbs():
    """info, status and target show what the service says"""
    for part in ('redis-7.0.2-1~deb12u7/HP002/redis-check-rdb', 'active (2 of 2 processes patched)', 'xautoclaimCommand', 'CVE-2026-10002.patch',
                 'BSD-3-Clause', '/usr/bin/redis-server', '5:7.0.2-1~deb12u7'):
        contains(cli('info', 'HP002').stdout, part)
    contains(cli('status', 'HP000').stdout, 'not-applied')
    contains(cli('target', 'HP002').stdout, '0' * 39 + '2')
    contains(cli('processes', 'HP002').stdout, 'redis-server.service')
    equal([p['status'] for p in cli_json('processes', 'HP002')['patches'][0]['processes']], ['patched', 'patched'])


@case
def state_table():
    """each verb in each state ends as the service's table says: done, unchanged, or InvalidState with status 1"""
    with MockService(patches=5) as bus:
        for verb, word in STATE_VERBS.items():
            for number, state in enumerate(('not-applied', 'deactivated', 'active', 'accepted', 'unknown')):
                patch = bus.patches()[number]
                bus.call(patch['Path'], 'org.freedesktop.DBus.Mock', 'UpdateProperties',
                         GLib.Variant('(sa{sv})', ('org.openeuler.SysCare1.Patch', {'State': GLib.Variant('s', state)})))
                done = cli(verb, patch['Uuid'], status=None, bus=bus)
                entry = TABLE.get((word, state))
                equal(done.returncode, 0 if entry else 1, f'{verb} {state}')
                if entry is None:
                    contains(error_form(done)[0], "not possible in the patch's present state")
                else:
                    contains(done.stdout, ': ' + entry[0])
                    equal('(unchanged)' in done.stdout, entry[1], f'{verb} {state}')


TABLE = {('apply', 'not-applied'): ('active', False), ('apply', 'deactivated'): ('active', False), ('apply', 'active'): ('active', True),
         ('apply', 'accepted'): ('accepted', True), ('activate', 'deactivated'): ('active', False), ('activate', 'active'): ('active', True),
         ('activate', 'accepted'): ('accepted', True), ('deactivate', 'active'): ('deactivated', False),
         ('deactivate', 'accepted'): ('deactivated', False), ('deactivate', 'deactivated'): ('deactivated', True),
         ('remove', 'deactivated'): ('not-applied', False), ('remove', 'active'): ('not-applied', False),
         ('remove', 'accepted'): ('not-applied', False), ('remove', 'not-applied'): ('not-applied', True),
         ('accept', 'active'): ('accepted', False), ('accept', 'accepted'): ('accepted', True), ('revoke', 'accepted'): ('active', False),
         ('revoke', 'active'): ('active', True)}


@case
def every_error_of_a_call():
    """every error of a call has its exit status, its sentence, its detail and its hint"""
    for _, name, status, sentence in ERRORS:
        if name in LOCAL_ERRORS:
            continue
        MOCK.fail_next('Submit', name)
        line, hint = error_form(cli('apply', 'HP000', status=int(status)))
        contains(line, 'syscare: apply redis-7.0.0-1~deb12u7/HP000/redis-check-rdb: ')
        contains(line, 'what went wrong')
        contains(line, sentence if name != 'Failed' else 'what went wrong')
        equal(hint, HINTS.get(name, 'what to do'))
        MOCK.fail_next('Submit', name, 'bare')
        error = cli_json('apply', 'HP000', status=int(status))['error']
        equal((error['name'], error['exit_code']), (name, int(status)))
        contains(error['message'], 'bare')


@case
def every_error_of_a_job():
    """every error of a job has its exit status; processes that failed are shown"""
    for _, name, status, _ in ERRORS:
        if name in LOCAL_ERRORS:
            continue
        MOCK.fail_next('job', name)
        done = cli('remove', 'HP002', status=int(status))
        equal(done.stdout, '')
        contains(error_form(done)[1], 'redis-server  failed')
        MOCK.fail_next('job', name)
        shown = cli_json('remove', 'HP002', status=int(status))
        equal(shown['error']['name'], name)
        equal(shown['state'], 'cancelled' if name == 'Cancelled' else 'failed')
        equal([p['status'] for p in shown['results'][0]['processes']], ['failed', 'failed'])


@case
def errors_of_other_calls():
    """an error of any other call is reported with its status too"""
    for method, words in (('ListPatches', ['list']), ('Check', ['check', 'HP000']), ('Rescan', ['rescan']), ('Save', ['save']),
                          ('Restore', ['restore']), ('GetHistory', ['history']), ('Install', ['install', '/etc/hostname']),
                          ('Uninstall', ['uninstall', 'HP000'])):
        for name, status in (('AccessDenied', 4), ('InteractiveAuthorizationRequired', 4), ('LimitsExceeded', 5), ('StateCorrupt', 1)):
            MOCK.fail_next(method, name)
            line, hint = error_form(cli(*words, status=status))
            contains(line, 'what went wrong')
            equal(hint, HINTS.get(name, 'what to do'))


@case
def unknown_error():
    """an error that a later service may add is status 1 with its text"""
    MOCK.fail_next('Submit', 'BrandNew')
    line, _ = error_form(cli('apply', 'HP000', status=1))
    contains(line, 'what went wrong')


@case
def options_go_out():
    """the options of a verb reach the service with their types"""
    cli('apply', 'HP002', 'HP003', '--force', '--reason', 'ticket 1', '--timeout', '500ms', '--on-failure', 'keep', '--consistency', 'entry')
    verb, paths, options = MOCK.calls('Submit')[-1]
    equal(verb, 'apply')
    equal(len(paths), 2)
    equal(options, {'force': True, 'reason': 'ticket 1', 'timeout': 500000, 'on-failure': 'keep', 'consistency': 'entry'})
    cli('restore', '--accepted', '--reason', 'x', '--timeout', '1min')
    equal(MOCK.calls('Restore')[-1], [{'accepted': True, 'reason': 'x', 'timeout': 60000000}])
    cli('install', '/etc/hostname', '--reason', 'y')
    equal(MOCK.calls('Install')[-1], ['/etc/hostname', {'reason': 'y'}])
    cli('history', '--since', '1970-01-02T00:00:00Z', '--limit', '3')
    equal(MOCK.calls('GetHistory')[-1], [86400000000, 3, {}])
    with MockService(patches=1) as bus:
        cli('apply', 'HP000', '--no-activate', bus=bus)
        equal(bus.calls('Submit')[-1][2], {'activate': False})
        equal(cli_json('status', 'HP000', bus=bus)['patches'][0]['state'], 'deactivated')


@case
def unchanged():
    """a result that already holds is a success, and status 6 only with --error-if-unchanged"""
    equal(cli_json('apply', 'HP002')['unchanged'], True)
    done = cli('apply', 'HP002', '--error-if-unchanged', status=6)
    contains(done.stderr, 'nothing to do')


@case
def dry_run():
    """--dry-run and check ask the same and submit nothing; a refusal has the verb's exit status"""
    before = len(MOCK.calls('Submit'))
    equal(cli('deactive', 'HP002', '--dry-run').stdout, cli('check', 'deactive', 'HP002').stdout)
    equal(MOCK.calls('Check')[-1][0], 'deactivate')
    contains(cli('check', 'HP001').stdout, 'ready')
    equal(MOCK.calls('Check')[-1][0], 'apply')
    cli('check', 'accept', 'HP000', status=1)
    equal(cli_json('check', 'accept', 'HP000', status=1)['findings'][0]['error_name'], 'org.openeuler.SysCare1.Error.InvalidState')
    equal(len(MOCK.calls('Submit')), before)


@case
def no_wait():
    """--no-wait starts the job and returns"""
    MOCK.mock('HoldJobs', '(b)', True)
    contains(cli('apply', 'HP005', '--no-wait').stdout, 'started')
    equal(cli_json('apply', 'HP005', '--no-wait')['state'], 'queued')
    MOCK.mock('HoldJobs', '(b)', False)


@case
def records():
    """history shows who, what, why and how it ended, the newest last"""
    with MockService(patches=3) as bus:
        cli('apply', 'HP000', '--reason', 'first', bus=bus)
        cli('apply', 'HP000', '--reason', 'second', bus=bus)
        shown = cli('history', bus=bus).stdout.splitlines()
        contains(shown[1], 'first')
        contains(shown[2], 'second')
        equal([r['reason'] for r in cli_json('history', bus=bus)['records']], ['second', 'first'])
        equal([r['result'] for r in cli_json('history', bus=bus)['records']], ['unchanged', 'succeeded'])


@case
def hostile_names():
    """a name with control characters can't drive the terminal"""
    with MockService(patches=1) as bus:
        bus.call(bus.patches()[0]['Path'], 'org.freedesktop.DBus.Mock', 'UpdateProperties', GLib.Variant('(sa{sv})', (
            'org.openeuler.SysCare1.Patch', {'Name': GLib.Variant('s', 'evil\x1b]0;x\x07/\u202eHP/x\n'), 'Description': GLib.Variant('s', 'a\x1b[2Jb')})))
        uuid = bus.patches()[0]['Uuid']
        for words in (['list'], ['info', uuid], ['status', uuid], ['apply', uuid], ['check', uuid], ['list', '--json'], ['apply', 'evil\x1b']):
            done = cli(*words, bus=bus)
            for character in '\x1b\x07\u202e':
                if character == '\u202e' and '--json' in words:
                    continue
                equal(character in done.stdout + done.stderr, False, words)


@case
def many_patches():
    """ten thousand patches are listed page by page"""
    with MockService(patches=10000) as bus:
        equal(len(cli('list', bus=bus).stdout.splitlines()), 10001)
        offsets = [options['offset'] for _, _, options in bus.calls('ListPatches')]
        equal(offsets, list(range(0, 12000, 1000)))  # two are under way at a time: the last two are empty
        equal(len(cli_json('list', bus=bus)['patches']), 10000)


@case
def service_missing():
    """without the service, and without a bus, every verb fails with status 1, one line and a hint"""
    with PrivateBus() as bus:
        for words in (['list'], ['status', 'x'], ['apply', 'x'], ['rescan'], ['history'], ['monitor'], ['processes', 'x'], ['install', 'x']):
            line, hint = error_form(cli(*words, bus=bus, status=1))
            contains(line, 'the SysCare service is not available')
            contains(hint, 'systemctl status syscared')
        address = bus.address
    line, hint = error_form(syscare('list', '--bus', address, status=1))
    contains(line, 'cannot reach the bus')
    contains(hint, '--bus')
    error_form(syscare('list', '--bus', 'nonsense', status=1))
    line, hint = error_form(syscare('list', status=1, env=environment(DBUS_SYSTEM_BUS_ADDRESS='unix:path=/nonexistent')))
    contains(hint, 'dbus-daemon')


def on_terminal(*arguments, bus=MOCK, columns=100):
    return Terminal([SYSCARE, *arguments, '--bus', bus.address], environment(TERM='xterm', NO_COLOR=None), columns)


@case
def progress_on_a_terminal():
    """progress is shown on a terminal only, and is gone at the end"""
    MOCK.mock('HoldJobs', '(b)', True)
    terminal = on_terminal('remove', 'HP003')
    terminal.until('switching over 0/1')
    terminal.interrupt()
    terminal.end()
    MOCK.mock('HoldJobs', '(b)', False)
    equal(cli('remove', 'HP001').stderr, '')
    terminal = on_terminal('list')
    equal(terminal.end(), 0)
    contains(terminal.said, '\x1b[32m')
    equal('\x1b' in cli('list').stdout, False)


@case
def interrupt_cancels():
    """Ctrl-C cancels the job: status 1, and the state is as before"""
    MOCK.mock('HoldJobs', '(b)', True)
    terminal = on_terminal('deactive', 'HP002')
    terminal.until('switching over')
    terminal.interrupt()
    equal(terminal.end(), 1)
    contains(terminal.said, 'cancelling; press Ctrl-C again')
    contains(terminal.said, 'cancelled')
    equal(cli_json('status', 'HP002')['patches'][0]['state'], 'active')
    MOCK.mock('HoldJobs', '(b)', False)


@case
def second_interrupt_leaves():
    """a second Ctrl-C leaves a job that does not end alone, and says so"""
    with MockService(patches=3) as bus:
        bus.mock('HoldJobs', '(b)', True)
        terminal = on_terminal('deactive', 'HP002', bus=bus)
        terminal.until('switching over')
        os.kill(bus.process.pid, signal.SIGSTOP)  # so that the cancellation isn't answered
        terminal.interrupt()
        terminal.until('press Ctrl-C again')
        terminal.interrupt()
        equal(terminal.end(), 1)
        contains(terminal.said, 'job 1 keeps running')
        os.kill(bus.process.pid, signal.SIGCONT)


@case
def service_dies():
    """a service that goes away while a job is awaited is named, not waited for"""
    with MockService(patches=3) as bus:
        bus.mock('HoldJobs', '(b)', True)
        terminal = on_terminal('deactive', 'HP002', bus=bus)
        terminal.until('switching over')
        bus.stop()
        equal(terminal.end(), 1)
        contains(terminal.said, 'the SysCare service stopped answering')


@case
def narrow_terminal():
    """a table fits a narrow terminal"""
    for columns in (100, 60, 40):
        terminal = on_terminal('list', columns=columns)
        equal(terminal.end(), 0)
        plain = re.sub(r'\x1b\[[0-9;]*m', '', terminal.said)
        longest = max(len(line) for line in plain.splitlines())
        equal(longest <= columns, True, f'{longest} columns of {columns}:\n{plain}')


@case
def monitor():
    """monitor prints changes of patches and jobs as they happen, one JSON object a line"""
    with MockService(patches=3) as bus:
        watch = subprocess.Popen([SYSCARE, 'monitor', '--json', '--bus', bus.address], stdout=subprocess.PIPE, encoding='utf-8',
                                 env=environment())
        equal(json.loads(watch.stdout.readline())['event'], 'watching')
        cli('deactive', 'HP002', bus=bus)
        events = []
        while not any(e['event'] == 'job-finished' for e in events):
            events.append(json.loads(watch.stdout.readline()))
        changed = [e for e in events if e['event'] == 'patch-changed']
        equal(changed[0]['subject'], 'redis-7.0.2-1~deb12u7/HP002/redis-check-rdb')
        equal(changed[0]['details']['state'], 'deactivated')
        bus.stop()
        equal(json.loads(watch.stdout.readline())['event'], 'service-stopped')
        watch.send_signal(signal.SIGINT)
        equal(watch.wait(), 0)
        watch.stdout.close()


@case
def completion_of_patches():
    """the completion offers names, objects and CVE ids of patches, and words for check"""
    def offered(*words):
        text = syscare('__complete', *words, env=environment(DBUS_SYSTEM_BUS_ADDRESS=MOCK.address)).stdout
        return [line.split('\t')[0] for line in text.splitlines()]
    equal(offered('apply', 'redis-7.0.3'), ['redis-7.0.3-1~deb12u7/HP003'])
    equal(offered('apply', 'redis-7.0.3-1~deb12u7/HP003/'), ['redis-7.0.3-1~deb12u7/HP003/redis-check-rdb'])
    equal(offered('apply', 'HP'), ['HP000', 'HP001', 'HP002', 'HP003', 'HP004', 'HP005'])
    equal(offered('list', '--issue', 'CVE-2026-10001'), ['CVE-2026-10001'])
    equal(offered('list', '--target', 'r'), ['redis'])
    equal(offered('check', 'acc'), ['accept'])
    equal(offered('--bus', MOCK.address, 'status', 'CVE-2026-10003'), ['CVE-2026-10003'])
    equal(offered('rescan', ''), [])
    equal(syscare('__complete', 'apply', '', env=environment(DBUS_SYSTEM_BUS_ADDRESS='unix:path=/nonexistent')).stdout, '')


@case
def template_has_the_interfaces():
    """the dbusmock template has exactly the members of the interface files"""
    def members(interface):
        found = set()
        for kind in ('method', 'signal'):
            for member in interface.findall(kind):
                types = lambda way: ''.join(a.get('type') for a in member.findall('arg') if a.get('direction', 'in') == way)  # noqa: E731  pylint: disable=cell-var-from-loop
                found.add((kind, member.get('name'), types('in'), types('out')))
        found |= {('property', p.get('name'), p.get('type'), p.get('access')) for p in interface.findall('property')}
        return found

    with MockService(patches=1) as bus:
        bus.mock('HoldJobs', '(b)', True)
        path = bus.patches()[0]['Path']
        job = bus.call(PATH, MANAGER, 'Submit', GLib.Variant('(saoa{sv})', ('apply', [path], {})))[0]
        for name, place in (('Manager', PATH), ('Patch', path), ('Job', job)):
            file = os.path.join(SOURCE, 'data', 'dbus-1', 'interfaces', f'org.openeuler.SysCare1.{name}.xml')
            wanted = members(ElementTree.parse(file).getroot().find('interface'))
            text = bus.call(place, 'org.freedesktop.DBus.Introspectable', 'Introspect', None)[0]
            interface = ElementTree.fromstring(text).find(f'interface[@name="org.openeuler.SysCare1.{name}"]')
            got = {(k, n, i, o if k != 'property' else 'read') for k, n, i, o in members(interface)}
            equal(sorted(got), sorted(wanted), name)


try:
    main()
finally:
    MOCK.__exit__()
