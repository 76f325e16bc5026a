#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs: waiting, cancelling, failing, dying; and that nobody has to wait for them. Inside tools/world."""
import os
import signal
import sys
import time

from stage import (Client, FIXED_STAYS, GLib, JOB, Process, Service, Signals, Story, User, add_rule, clear, compile_program, equal, fails, in_thread,
                   make_bundle, pack, patch_path, run, write)

LONG = 300 * 1000000  # microseconds
SHORT = 300 * 1000

story = Story()
clear()
TOY, OTHER = compile_program('/opt/toy/toy'), compile_program('/opt/toy/other', salt=5)
ONE = patch_path(make_bundle(TOY, 1))
TWO = patch_path(make_bundle(TOY, 0, name='HP002', description='the same function'))
STAYS = patch_path(make_bundle(TOY, 7, name='HP004', code=FIXED_STAYS))
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
    root.cancel(job)
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


@story.case('the death of a worker is a failed job, and what it had placed is taken away')
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
    equal((job_property(job, 'State'), root.state(ONE), toy.ask(10)), ('failed', 'not-applied', 20))
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


@story.case('several patches are one transaction: what one of them can\'t, none of them has done [35]')
def _():
    toy.stay()
    fails('ProcessBusy', root.do, 'apply', FAR, ONE, timeout=SHORT, reason='both')
    equal((root.state(ONE), root.state(FAR), other.ask(10)), ('not-applied', 'not-applied', 25))
    records = [r for r in root.manager('GetHistory', '(tua{sv})', 0, 4, {})[0] if r['Reason'] == 'both']
    equal(sorted((r['Name'], r['Result'], r['ErrorName'].rsplit('.', 1)[1]) for r in records),
          [('toy-1.0-1/HP001/toy', 'failed', 'ProcessBusy'), ('toy-1.0-1/HP003/other', 'failed', 'ProcessBusy')])
    # The first error is what is told, and it names process and function.
    assert all(str(toy.pid) in r['ErrorMessage'] and 'answer' in r['ErrorMessage'] for r in records), records
    toy.leave()
    equal(toy.ask(10), 20)
    root.do('apply', FAR, ONE)
    equal((toy.ask(10), other.ask(10)), (21, 21))
    root.do('remove', ONE)


@story.case('a withdrawal that fails in one process fails in none, and the next one succeeds [34]')
def _():
    second = Process(TOY)
    root.do('apply', STAYS)
    toy.stay()
    fails('ProcessBusy', root.do, 'deactivate', FAR, STAYS, timeout=SHORT)
    equal((root.state(STAYS), root.state(FAR), second.ask(10), other.ask(10)), ('active', 'active', 27, 21))
    fails('PartlyApplied', root.do, 'deactivate', STAYS, timeout=SHORT, on_failure='keep')
    root.manager('Rescan', '(a{sv})', {})
    equal((second.ask(10), root.listed()[STAYS]['ProcessesPatched']), (20, 1))
    equal(toy.leave(), 7)
    equal(root.do('deactivate', FAR, STAYS)[0]['State'], 'deactivated')
    equal((toy.ask(10), second.ask(10), other.ask(10)), (20, 20, 25))
    root.do('remove', FAR, STAYS)
    second.end()


@story.case('while 100 processes refuse to become free everybody is answered, and told of the progress in measure [38]')
def _():
    signals = Signals()
    many = [Process(TOY) for _ in range(100)]
    for process in many:
        process.stay()
    began = time.monotonic()
    job = root.submit('apply', [ONE], timeout=LONG)
    until_busy(signals, job)
    took = []
    for _ in range(50):
        asked = time.monotonic()
        equal(root.listed()[ONE]['Job'], job)
        took.append(time.monotonic() - asked)
    asked = time.monotonic()
    text = run('syscare', 'list')
    print(f'# median of 50 ListPatches {sorted(took)[25] * 1000:.1f} ms, longest {max(took) * 1000:.1f} ms; syscare list '
          f'{(time.monotonic() - asked) * 1000:.0f} ms', flush=True)
    assert 'HP001' in text, text
    equal((user.can('apply', ONE), job_property(job, 'State')), (['yes'], 'running'))
    equal(root.do('apply', FAR)[0]['State'], 'active')
    equal(job_property(job, 'State'), 'running')
    for process in many:
        equal(process.leave(), 0)
    equal(root.wait(job)[0]['State'], 'active')
    equal({process.ask(10) for process in many}, {21})
    signals.until(lambda _p, _i, name, values: name == 'JobFinished' and values[0] == job)
    seconds = time.monotonic() - began
    told = len([path for path, name in signals.counted if path == job and name == 'PropertiesChanged'])
    # Ten a second, one at the begin and one at the end; a slow machine only makes them fewer.
    assert 2 <= told <= 10 * seconds + 2, (told, seconds)
    print(f'# {told} signals of the job in {seconds:.1f} s', flush=True)
    root.do('remove', ONE, FAR)
    for process in many:
        process.end()


@story.case('a job that has ended can be looked at for a while, and then it is gone')
def _():
    job = root.do('apply', ONE) and root.submit('remove', [ONE])
    root.wait(job)
    equal(job_property(job, 'State'), 'succeeded')
    write('/etc/syscare-test.conf', '[service]\nqueue-limit-per-user=2\nkeep-jobs=1\n')
    root.manager('Rescan', '(a{sv})', {})
    signals = Signals()
    short = root.submit('apply', [ONE])
    equal(root.wait(short)[0]['State'], 'active')
    signals.until(lambda _p, _i, name, values: name == 'InterfacesRemoved' and values[0] == short)
    fails('.UnknownMethod', root.wait, short)
    equal((job_property(job, 'State'), root.wait(job)[0]['Result']), ('succeeded', 'succeeded'))  # that one has its 120 s
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
        user.cancel(job)
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
