#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who did what is on record: in the journal (a real journald) with fields, on stderr where there is none, and in the durable
history; refusals too [39]. Inside tools/world."""
import json
import os
import pwd
import shutil
import subprocess
import sys
import time

from stage import (Client, JOB, MANAGER, PATCHES, PATH, Process, Service, Signals, Story, User, add_rule, clear, compile_program, equal, fails,
                   in_thread, make_bundle, patch_path, run, write)

CONFIG, JOURNAL = '/etc/syscare-test.conf', '/run/systemd/journal'
IDS = {name: '3c0d7d2a5c4b4e0a9c0f2f1f6b8a4d' + tail for name, tail in {
    'started': '01', 'stopping': '02', 'trouble': '03', 'decision': '04', 'begin': '05', 'end': '06', 'state': '07', 'settings': '08',
    'files': '09', 'gate': '0a', 'escaped': '0b', 'failed': '0c'}.items()}

story = Story()
clear()
for log in ('/run/log/journal', '/var/log/journal'):
    shutil.rmtree(log, ignore_errors=True)
os.makedirs('/run/log/journal')
os.makedirs(JOURNAL, exist_ok=True)
journald = subprocess.Popen(['/lib/systemd/systemd-journald'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
deadline = time.monotonic() + 60
while not all(os.path.exists(f'{JOURNAL}/{name}') for name in ('socket', 'stdout')):
    assert time.monotonic() < deadline and journald.poll() is None, 'journald does not start'

TOY, OTHER = compile_program('/opt/toy/toy'), compile_program('/opt/toy/other', salt=5)
BUNDLE = make_bundle(TOY, 1)
ONE, TWO = patch_path(BUNDLE), patch_path(make_bundle(OTHER, 1, name='HP002'))
write(CONFIG, '[service]\nqueue-limit=100\n')
# As its unit does: standard error is a stream of the journal.
write('/opt/in-journal', '#!/bin/sh\nunset G_MESSAGES_DEBUG\nexec systemd-cat -t syscared /usr/libexec/syscare/syscared "$@"\n')
os.chmod('/opt/in-journal', 0o755)


class Journaled(Service):
    def __init__(self, *options):
        super().__init__(*options)
        self.program = '/opt/in-journal'


service = Journaled(f'--config={CONFIG}', '--trigger=').start()
root, user, dba = Client(), User('patchuser'), User('dba')
toy, other = Process(TOY), Process(OTHER)


def journal(kind, **fields):
    """Records of @kind, oldest first, whose SYSCARE_ fields are as given."""
    run('journalctl', '--sync')
    lines = run('journalctl', '-o', 'json', '--no-pager', '-q', f'MESSAGE_ID={IDS[kind]}').splitlines()
    records = [json.loads(line) for line in lines]
    wanted = {'SYSCARE_' + key.upper(): str(value) for key, value in fields.items()}
    return [record for record in records if all(record.get(key) == value for key, value in wanted.items())]


def history(limit=0, since=0):
    return root.manager('GetHistory', '(tua{sv})', since, limit, {})[0]


def sentence(record, *words):
    for word in words:
        assert word in record['MESSAGE'], record['MESSAGE']


@story.case('the start is in the journal, from the service itself')
def _():
    record = journal('started')[-1]
    equal((record['SYSLOG_IDENTIFIER'], record['PRIORITY'], record['_PID']), ('syscared', '5', str(service.process.pid)))
    sentence(record, 'is ready')


@story.case('a job is there with its author, verb, reason and end, without any debugging switched on')
def _():
    root.do('apply', ONE, reason='ticket 4711')
    begun = journal('begin', verb='apply', uid=0, reason='ticket 4711')
    ended = journal('end', verb='apply', uid=0, reason='ticket 4711', result='succeeded')
    equal((len(begun), len(ended), begun[0]['SYSCARE_JOB']), (1, 1, ended[0]['SYSCARE_JOB']))
    equal(int(begun[0]['PRIORITY']) > int(ended[0]['PRIORITY']), True)
    login = open('/proc/self/loginuid', encoding='ascii').read().strip()
    equal(begun[0].get('SYSCARE_LOGIN_UID'), None if login == str(0xffffffff) else login)
    state = journal('state', result='active')[-1]
    equal((state['SYSCARE_NAME'], state['SYSCARE_PATCH'].replace('-', '')), ('toy-1.0-1/HP001/toy', ONE.rsplit('/', 1)[1]))
    assert journal('decision', action='org.openeuler.syscare1.apply-user', uid=0, result='yes', verb='apply')


@story.case('every decision of polkit is there, the refusals too')
def _():
    add_rule('50-test.rules', 'polkit.addRule(function(action, subject) { if (subject.user == "dba") return polkit.Result.NO; });')
    fails('.AccessDenied', dba.submit, 'remove', ONE, reason='because')
    fails('.InteractiveAuthorizationRequired', user.submit, 'remove', ONE)
    for action, calls in {'rescan': [('Rescan', '(a{sv})', ({},))], 'restore': [('Save', '(a{sv})', ({},)), ('Restore', '(a{sv})', ({},))],
                          'install': [('Uninstall', '(aoa{sv})', ([TWO], {})), ('Install', '(sa{sv})', (BUNDLE, {}))]}.items():
        for method, signature, values in calls:
            before = len(journal('decision', action=f'org.openeuler.syscare1.{action}', uid=dba.uid, result='no'))
            fails('.AccessDenied', dba.call, PATH, MANAGER, method, signature, values)
            equal(len(journal('decision', action=f'org.openeuler.syscare1.{action}', uid=dba.uid, result='no')), before + 1, method)
    equal(len(journal('decision', action='org.openeuler.syscare1.withdraw-user', uid=dba.uid, result='no')), 1)
    equal(len(journal('decision', action='org.openeuler.syscare1.withdraw-user', uid=user.uid, result='challenge')), 1)
    denied = [(r['Verb'], r['Uid'], r['Name']) for r in history() if r['Result'] == 'denied']
    equal(sorted(denied), sorted([('remove', dba.uid, 'toy-1.0-1/HP001/toy'), ('remove', user.uid, 'toy-1.0-1/HP001/toy'), ('rescan', dba.uid, ''),
                                  ('save', dba.uid, ''), ('restore', dba.uid, ''), ('uninstall', dba.uid, 'toy-1.0-1/HP002/other'),
                                  ('install', dba.uid, 'toy-1.0-1/HP001/toy')]))
    newest = [r for r in history() if r['Uid'] == dba.uid and r['Verb'] == 'remove'][0]
    equal((newest['Reason'], newest['ErrorName']), ('because', 'org.freedesktop.DBus.Error.AccessDenied'))


@story.case('looking at what one may do is not a decision')
def _():
    before = len(journal('decision'))
    equal(user.can('remove', ONE), ['challenge'])
    equal(len(journal('decision')), before)


@story.case('who cancels somebody else\'s job, or tries to, is on record')
def _():
    add_rule('60-test.rules', 'polkit.addRule(function(action, subject) { if (subject.user == "patchuser" && action.id == '
             '"org.openeuler.syscare1.cancel-job-other-user") return polkit.Result.YES; });')
    signals = Signals()
    other.stay()
    job = root.submit('apply', [TWO], timeout=300 * 1000000)
    while root.get(job, JOB, 'Phase') != 'switch' or not root.get(job, JOB, 'Cancelable'):
        signals.until(lambda path, _i, name, _v: path == job and name == 'PropertiesChanged')
    fails('.AccessDenied', dba.call, job, JOB, 'Cancel', '(a{sv})', ({},))
    waiter = in_thread(Client().wait, job)
    user.cancel(job)
    fails('Cancelled', waiter.result)
    other.leave()
    assert journal('decision', action='org.openeuler.syscare1.cancel-job-other-user', uid=user.uid, result='yes')
    assert [r for r in history() if r['Verb'] == 'cancel' and r['Uid'] == dba.uid and r['Result'] == 'denied']
    failed = journal('failed', verb='apply', error='Cancelled', uid=0)[-1]
    equal((failed['PRIORITY'], failed['SYSCARE_RESULT']), ('4', 'failed'))


@story.case('the history has what happened in each process')
def _():
    other.stay()
    second = Process(OTHER)
    fails('PartlyApplied', root.do, 'apply', TWO, timeout=300000, on_failure='keep', reason='some')
    record = history(1)[0]
    equal((record['Verb'], record['Result'], record['Reason'], record['ErrorName']), ('apply', 'failed', 'some', 'org.openeuler.SysCare1.Error.PartlyApplied'))
    equal({p['Pid']: p['Status'] for p in record['Processes']}, {other.pid: 'pending', second.pid: 'patched'})
    other.leave()
    second.end()
    root.do('remove', TWO)


@story.case('the login behind sudo is on record, and the session')
def _():
    # What the kernel's audit knows about the caller, as pam_loginuid sets it.
    entry = pwd.getpwnam('patchadmin')
    script = ('import os,sys\nopen("/proc/self/loginuid","w").write("%d")\nsys.path.insert(0, %r)\nfrom stage import *\n'
              'Client().do("deactivate", %r, reason="by sudo")\n' % (entry.pw_uid, os.path.dirname(os.path.abspath(__file__)), ONE))
    run(sys.executable, '-c', script)
    session = run(sys.executable, '-c', f'open("/proc/self/loginuid","w").write("{entry.pw_uid}"); print(open("/proc/self/sessionid").read())').strip()
    record = history(1)[0]
    equal((record['Uid'], record['LoginUid'], record['Reason']), (0, entry.pw_uid, 'by sudo'))
    assert record['Session'].isdigit() and session.isdigit(), (record, session)
    equal(len(journal('end', verb='deactivate', uid=0, login_uid=entry.pw_uid, session=record['Session'])), 1)
    root.do('activate', ONE)


@story.case('the history survives SIGKILL, counts and pages')
def _():
    before = history()
    service.process.kill()
    service.process.wait()
    service.start()
    equal(history(), before)
    equal([r['Time'] for r in before], sorted((r['Time'] for r in before), reverse=True))
    equal(history(2), before[:2])
    equal(history(0, before[2]['Time']), [r for r in before if r['Time'] >= before[2]['Time']])
    equal(history(0, before[0]['Time'] + 1), [])


@story.case('mistakes in the settings and damaged files have records of their own')
def _():
    write(CONFIG, '[service]\nnonsense=1\n')
    shutil.copytree(BUNDLE, f'{PATCHES}/11111111-1111-4111-8111-111111111111')
    root.manager('Rescan', '(a{sv})', {})
    sentence(journal('settings')[-1], 'nonsense')
    sentence(journal('files')[-1], '11111111-1111')
    shutil.rmtree(f'{PATCHES}/11111111-1111-4111-8111-111111111111')
    write(CONFIG, '')
    root.manager('Rescan', '(a{sv})', {})


@story.case('a damaged state file is rebuilt from the history and from the processes, and the journal says so')
def _():
    root.do('apply', TWO)
    root.do('accept', TWO)
    root.do('deactivate', ONE)
    service.stop()
    other.end()
    [name] = [name for name in os.listdir('/var/lib/syscare') if name.startswith('state')]
    write(f'/var/lib/syscare/{name}', '\0' * 100)
    service.start()
    # Nobody runs TWO any more: only the history knows that it was accepted. ONE is in a process.
    equal((root.state(ONE), root.state(TWO)), ('deactivated', 'accepted'))
    sentence(journal('files')[-1], 'was damaged', 'rebuilt from the history')
    [aside] = [name for name in os.listdir('/var/lib/syscare') if 'corrupt' in name]
    equal(os.path.getsize(f'/var/lib/syscare/{aside}'), 100)
    assert [text for text in root.get(PATH, MANAGER, 'Degraded') if text.startswith('state: ') and aside in text]
    root.do('remove', ONE, TWO)


@story.case('the catalog explains a record')
def _():
    run('journalctl', '--update-catalog')
    text = run('journalctl', '--no-pager', '-x', f'MESSAGE_ID={IDS["failed"]}')
    assert 'has failed: apply (Cancelled)' in text and 'man:syscare(1)' in text, text


@story.case('the end is in the journal; without a journal everything is on standard error')
def _():
    service.stop()
    equal(journal('stopping')[-1]['_PID'], str(service.process.pid))
    journald.kill()
    journald.wait()
    plain = Service(f'--config={CONFIG}', '--trigger=')
    plain.start()
    write('/tmp/none', '')
    Client().do('apply', ONE, reason='no journal')
    for word in ('is ready', 'apply 1 patch(es) for uid 0: no journal', 'org.openeuler.syscare1.apply-user for uid 0', 'job 1: apply: succeeded'):
        assert word in plain.logged(), (word, plain.logged())
    Client().do('remove', ONE)
    plain.stop()


sys.exit(story.tell())
