#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs: waiting, cancelling, failing, dying; and that nobody has to wait for them. Inside tools/world."""
import os
import signal
import sys

from stage import (Client, GLib, JOB, Process, Service, Signals, Story, User, add_rule, clear, compile_program, equal, fails, in_thread,
                   make_bundle, pack, patch_path, write)

LONG = 300 * 1000000  # microseconds
SHORT = 300 * 1000

story = Story()
clear()
TOY, OTHER = compile_program('/opt/toy/toy'), compile_program('/opt/toy/other', salt=5)
ONE = patch_path(make_bundle(TOY, 1))
TWO = patch_path(make_bundle(TOY, 0, name='HP002', description='the same function'))
FAR = patch_path(make_bundle(OTHER, 1, name='HP003'))
write('/etc/syscare-test.conf', '[service]\nqueue-limit-per-user=2\n')
add_rule('50-test.rules', 'polkit.addRule(function(action, subject) { if (subject.user == "patchuser" && action.id.indexOf('
         '"org.openeuler.syscare1.apply-") == 0) return polkit.Result.YES; });')
service = Service('--config=/etc/syscare-test.conf', '--trigger=').start()  # processes that start are left alone
root, user = Client(), User('patchuser')
toy, other = Process(TOY), Process(OTHER)


def job_property(job, name):
    return root.get(job, JOB, name)


def until_busy(signals, job):
    """Waits until the job has met the busy process: it is about to switch, and can be cancelled again."""
    while job_property(job, 'Phase') != 'switch' or not job_property(job, 'Cancelable'):
        signals.until(lambda path, _i, name, _v: path == job and name == 'PropertiesChanged')


@story.case('a job waits for a busy process and nobody waits for the job [38]')
def _():
    signals = Signals()
    toy.stay()
    job = root.submit('apply', [ONE], timeout=LONG)
    until_busy(signals, job)
    for _ in range(20):
        equal(root.listed()[ONE]['State'], 'not-applied')
    equal(root.listed()[ONE]['Job'], job)
    equal([f['Finding'] for f in root.manager('Check', '(saoa{sv})', 'apply', [FAR], {})[0]], ['ready'])
    equal(root.do('apply', FAR)[0]['State'], 'active')
    equal(job_property(job, 'State'), 'running')
    equal(toy.leave(), 0)
    equal(root.wait(job)[0]['State'], 'active')
    equal(toy.ask(10), 21)
    equal(root.listed()[ONE]['Job'], '/')
    root.do('remove', ONE, FAR)


@story.case('the same patch is busy, another one of the same target waits its turn')
def _():
    signals = Signals()
    toy.stay()
    job = root.submit('apply', [ONE], timeout=LONG)
    until_busy(signals, job)
    fails('Busy', root.submit, 'apply', [ONE])
    fails('Busy', root.submit, 'remove', [FAR, ONE])
    waiting = root.submit('apply', [TWO], timeout=SHORT)
    equal(job_property(waiting, 'State'), 'queued')
    root.call(waiting, JOB, 'Cancel', variant('(a{sv})', {}))
    fails('Cancelled', root.wait, waiting)
    equal(job_property(waiting, 'State'), 'cancelled')
    toy.leave()
    root.wait(job)
    root.do('remove', ONE)


@story.case('a cancelled job undoes what it did')
def _():
    signals = Signals()
    second = Process(TOY)
    toy.stay()
    job = root.submit('apply', [ONE], timeout=LONG)
    until_busy(signals, job)
    waiter = in_thread(Client().wait, job)
    fails('.InteractiveAuthorizationRequired', user.call, job, JOB, 'Cancel', '(a{sv})', ({},))
    root.call(job, JOB, 'Cancel', variant('(a{sv})', {}))
    fails('Cancelled', waiter.result)
    equal((job_property(job, 'State'), job_property(job, 'ErrorName')), ('cancelled', 'org.openeuler.SysCare1.Error.Cancelled'))
    fails('NotCancelable', root.call, job, JOB, 'Cancel', variant('(a{sv})', {}))
    toy.leave()
    equal((root.state(ONE), toy.ask(10), second.ask(10)), ('not-applied', 20, 20))
    second.end()


@story.case('a time-out names thread and function, for those who may know')
def _():
    toy.stay()
    second = Process(TOY)
    job = root.submit('apply', [ONE], timeout=SHORT)
    fails('ProcessBusy', root.wait, job)
    results = job_property(job, 'Results')
    busy = [p for p in results[0]['Processes'] if p['Pid'] == toy.pid][0]
    equal((results[0]['Result'], busy['Status']), ('failed', 'pending'))
    assert 'answer' in busy['Detail'] and str(toy.pid) in busy['Detail'], busy
    row = [p for p in root.call(ONE, 'org.openeuler.SysCare1.Patch', 'ListProcesses', variant('(a{sv})', {}))[0] if p['Pid'] == toy.pid][0]
    equal((row['Status'], row['Detail']), ('pending', busy['Detail']))
    row = [p for p in user.call(ONE, 'org.openeuler.SysCare1.Patch', 'ListProcesses', '(a{sv})', ({},))[0] if p['Pid'] == toy.pid][0]
    equal((row['Status'], row['Reason'], row['Detail']), ('pending', '', ''))
    equal((root.state(ONE), second.ask(10)), ('not-applied', 20))
    toy.leave()
    second.end()


@story.case('on-failure=keep patches whom it can')
def _():
    toy.stay()
    second = Process(TOY)
    fails('PartlyApplied', root.do, 'apply', ONE, timeout=SHORT, on_failure='keep')
    root.manager('Rescan', '(a{sv})', {})
    row = root.listed()[ONE]
    equal((row['State'], row['Problems'], second.ask(10)), ('active', ['processes-unpatched'], 21))
    toy.leave()
    root.do('apply', ONE)
    equal((root.listed()[ONE]['Problems'], toy.ask(10)), ([], 21))
    root.do('remove', ONE)
    second.end()


@story.case('consistency=entry lets a thread finish in the old function')
def _():
    toy.stay()
    equal(root.do('apply', ONE, consistency='entry', timeout=SHORT)[0]['State'], 'active')
    equal((toy.leave(), toy.ask(10)), (0, 21))
    root.do('remove', ONE)


@story.case('the death of a worker is a failed job, and the truth is read back')
def _():
    signals = Signals()
    toy.stay()
    job = root.submit('apply', [ONE], timeout=LONG)
    until_busy(signals, job)
    workers = service.workers()
    equal(len(workers), 1)
    os.kill(workers[0], signal.SIGKILL)
    error = fails('Failed', root.wait, job)
    assert 'signal 9' in error.message, error
    toy.leave()
    # What the worker had placed is in the process, and that is what is said.
    equal((job_property(job, 'State'), root.state(ONE), toy.ask(10)), ('failed', 'deactivated', 20))
    equal(root.do('apply', ONE)[0]['State'], 'active')
    equal(root.do('remove', ONE)[0]['State'], 'not-applied')


@story.case('the death of the service ends its worker, and the next life knows the truth')
def _():
    signals = Signals()
    toy.stay()
    job = root.submit('apply', [ONE], timeout=LONG)
    until_busy(signals, job)
    worker = service.workers()[0]
    watched = os.pidfd_open(worker)
    waiter = in_thread(Client().wait, job)
    service.stop(signal.SIGKILL)
    wait_for_exit(watched)
    try:
        waiter.result()
    except Exception as error:  # noqa: BLE001 pylint: disable=broad-except
        assert 'NoReply' in str(error), error
    service.start()
    toy.leave()
    equal((root.state(ONE), toy.ask(10)), ('not-applied', 20))
    equal(root.do('apply', ONE)[0]['State'], 'active')
    root.do('remove', ONE)


@story.case('signals come once, with everything in place')
def _():
    signals = Signals()
    job = root.submit('apply', [ONE], reason='to see the signals')
    _, _, _, values = signals.until(lambda path, _i, name, _v: name == 'JobFinished')
    equal(values, (job, 'succeeded', '', ''))
    equal((job_property(job, 'State'), job_property(job, 'StartedByUid'), job_property(job, 'Verb')), ('succeeded', 0, 'apply'))
    assert job_property(job, 'FinishedTime') >= job_property(job, 'CreatedTime') > 0
    equal(root.wait(job)[0]['Result'], 'succeeded')
    record = root.manager('GetHistory', '(tua{sv})', 0, 1, {})[0][0]
    equal((record['Verb'], record['Result'], record['Reason'], record['Uid'], [p['Pid'] for p in record['Processes']]),
          ('apply', 'succeeded', 'to see the signals', 0, [toy.pid]))
    root.do('remove', ONE)


@story.case('a user has only so many jobs')
def _():
    signals = Signals()
    toy.stay()
    other.stay()
    first, second = user.submit('apply', ONE, timeout=LONG), user.submit('apply', FAR, timeout=LONG)
    fails('.LimitsExceeded', user.submit, 'apply', TWO)
    equal(root.listed()[TWO]['Job'], '/')
    until_busy(signals, first)
    for job in (first, second):
        user.call(job, JOB, 'Cancel', '(a{sv})', ({},))
        fails('Cancelled', user.wait, job)
    toy.leave()
    other.leave()


@story.case('a user asks for processes only so often')
def _():
    def many():
        for _ in range(200):
            user.call(ONE, 'org.openeuler.SysCare1.Patch', 'ListProcesses', '(a{sv})', ({},))
    fails('.LimitsExceeded', many)


def variant(signature, *values):
    return GLib.Variant(signature, tuple(pack(value) if isinstance(value, dict) else value for value in values))


def wait_for_exit(pidfd):
    import select  # pylint: disable=import-outside-toplevel
    assert select.select([pidfd], [], [], 60)[0], 'the worker outlives the service'


sys.exit(story.tell())
