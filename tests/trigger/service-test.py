#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The trigger as the service runs it: what is active is bound to its file, across a killed trigger, a frozen one and a killed service.

usage: service-test.py SLOW-TRIGGER, inside tools/world. TAP."""
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import termios
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'demo'))
from cases import case, run_cases  # noqa: E402
from stage import build, expect, install, is_running, run, service_pid, start_service, state_of, stop_service, wait_until  # noqa: E402
from toy import MAKEFILE, SOURCE, Toy, fix, make_tree  # noqa: E402

WORK, TARGET, MAKER = '/tmp/bound', '/opt/toy/toy', 'patchuser'
OLD, NEW, OTHER = 42, 43, 44
TRIGGER, REAL_TRIGGER, SLOW_TRIGGER = (f'/usr/libexec/syscare/{folder}syscare-trigger' for folder in ('', 'real/', 'slow/'))
# The function begins with endbr64, as Debian 13's and other distributions' do: a uprobe can watch it, and the call that it catches is new.
WATCHABLE = MAKEFILE.replace('-O2', '-O2 -fcf-protection')
# Told 0, it stays in the function until it is told x.
STAYING = SOURCE.replace('  asked++;', "  asked++;\n  while (question == 0 && getchar () != 'x')\n    asked++;")
FIXES = {name: fix('  return question * factor;', f'  return question * factor + {more};', STAYING) for name, more in (('good', 1), ('other', 2))}


def answer_of_a_new_one():
    toy = Toy(TARGET)
    answer = toy.ask(21)
    toy.end()
    return answer


def start_until(over, toys):
    while not over.is_set():
        toys.append(Toy(TARGET))
        if len(toys) == 60:
            toys.pop(0).end()


def trigger_pid():
    """Process id of the service's trigger, None when there is none."""
    service = service_pid()
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open(f'/proc/{name}/stat', encoding='utf-8') as file:
                words = file.read().rsplit(')', 1)
            with open(f'/proc/{name}/comm', encoding='utf-8') as file:
                command = file.read().strip()
        except OSError:
            continue
        if int(words[1].split()[1]) == service and command == 'syscare-trigger' and words[1].split()[0] not in 'ZX':
            return int(name)
    return None


def manager(name):
    return run('gdbus', 'call', '--system', '-d', 'org.openeuler.SysCare1', '-o', '/org/openeuler/SysCare1', '-m',
               'org.freedesktop.DBus.Properties.Get', 'org.openeuler.SysCare1.Manager', name)[0]


def degraded():
    return manager('Degraded')


def rows_of(pid):
    rows = json.loads(run('syscare', 'processes', 'GOOD', '--json')[0])
    return [row['status'] for patch in rows['patches'] for row in patch['processes'] if row['pid'] == pid]


def images_of(pid):
    """How many images of patches the process has mapped."""
    with open(f'/proc/{pid}/maps', encoding='utf-8') as file:
        return sum('r-xp' in line and 'syscare' in line for line in file)


def is_redirected(pid):
    """Whether the patched function of a running toy differs from that of its file. It isn't called for that."""
    with open(f'/proc/{pid}/maps', encoding='ascii') as file:
        rows = [line.split() for line in file]
    base = next((int(row[0].split('-')[0], 16) for row in rows if row[-1] == TARGET), None)
    if base is None:
        return False
    symbol = next(line.split() for line in run('readelf', '-sW', TARGET)[0].splitlines() if line.endswith(' answer'))
    place, size = int(symbol[1].rstrip(':'), 16), int(symbol[2])
    with open(TARGET, 'rb') as file, open(f'/proc/{pid}/mem', 'rb', 0) as memory:
        file.seek(place)  # text lies in the file where it lies in memory
        memory.seek(base + place)
        return file.read(size)[1:] != memory.read(size)[1:]  # a breakpoint isn't meant


def use_trigger(*words):
    """The program that the service runs as its trigger from now on is a script that executes @words."""
    if not os.path.exists(REAL_TRIGGER):
        os.rename(TRIGGER, REAL_TRIGGER)
    with open(TRIGGER, 'w', encoding='utf-8') as file:
        file.write(f'#!/bin/sh\nexec {" ".join(words)}\n')
    os.chmod(TRIGGER, 0o755)


def restart_with(*words):
    """The service again, its trigger without some of the mechanisms."""
    stop_service(signal.SIGTERM)
    use_trigger(REAL_TRIGGER, *words)
    start_service()


def status_of(pid, field):
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        return re.search(f'^{field}:\\s*(\\S+)', file.read(), re.MULTILINE)[1]


def is_followed(pid):
    """Whether a tracer waits for what @pid does next."""
    try:
        with open(f'/proc/{status_of(pid, "TracerPid")}/wchan', encoding='utf-8') as file:
            return 'do_wait' in file.read()
    except OSError:
        return False


def waits_for_an_earlier_one(old):
    """Whether a trigger beside @old, whose tracers don't bear its name, has the file open that all of them lock."""
    for name in os.listdir('/proc'):
        try:
            with open(f'/proc/{name}/comm', encoding='utf-8') as file:
                if file.read() == 'syscare-trigger\n' and int(name) != old and \
                        '/run/syscare/triggers.lock' in [os.readlink(f'/proc/{name}/fd/{fd}') for fd in os.listdir(f'/proc/{name}/fd')]:
                    return True
        except (OSError, ValueError):
            continue
    return False


def prepare():
    os.makedirs(WORK)
    os.makedirs(os.path.dirname(REAL_TRIGGER))
    os.makedirs(os.path.dirname(SLOW_TRIGGER))
    shutil.copy(sys.argv[1], SLOW_TRIGGER)
    os.chmod(WORK, 0o755)
    tree = make_tree(os.path.join(WORK, 'tree'), STAYING, WATCHABLE)
    make_tree('/opt/toy', STAYING, WATCHABLE)
    run('make', folder='/opt/toy')
    for name in ('good', 'other'):
        with open(os.path.join(WORK, f'{name}.patch'), 'w', encoding='utf-8') as file:
            file.write(FIXES[name])
    run('chown', '-R', MAKER, WORK)
    for name in ('good', 'other'):
        bundle, _, _ = build(MAKER, os.path.join(WORK, f'{name}.patch'), name.upper(), os.path.join(WORK, f'out-{name}'), '--source', tree,
                             '--build', 'make', '--target', TARGET)
        install(bundle)


@case('without an active patch there is no trigger')
def _():
    expect('trigger', trigger_pid(), None)
    expect('answer', answer_of_a_new_one(), OLD)


@case('what is started after apply runs the new function from its first call')
def _():
    run('syscare', 'apply', 'GOOD')
    for _ in range(20):
        expect('answer', answer_of_a_new_one(), NEW)
    expect('degraded', 'gate' in degraded(), False)


@case('a patched process is shown as patched')
def _():
    toy = Toy(TARGET)
    expect('answer', toy.ask(21), NEW)
    wait_until('it is listed', lambda: rows_of(toy.pid) == ['patched'])  # a list may be a second old
    toy.end()


@case('a process that the gate has patched is given back by deactive, and new ones are left alone then')
def _():
    toy = Toy(TARGET)
    expect('answer', toy.ask(21), NEW)
    run('syscare', 'deactive', 'GOOD')
    expect('answer of the running one', toy.ask(21), OLD)
    expect('answer of a new one', answer_of_a_new_one(), OLD)
    expect('trigger', trigger_pid(), None)
    run('syscare', 'active', 'GOOD')
    expect('answer of the running one', toy.ask(21), NEW)
    expect('answer of a new one', answer_of_a_new_one(), NEW)
    toy.end()


def answers_of_starters(verb, patch):
    """What those answer, when it is done, that were started meanwhile."""
    toys, over = [], threading.Event()
    starter = threading.Thread(target=start_until, args=(over, toys))
    starter.start()
    run('syscare', verb, patch)
    over.set()
    starter.join()
    answers = {toy.ask(21) for toy in toys}
    for toy in toys:
        toy.end()
    return answers


@case('whoever starts while the patch is deactivated, and activated again, is on the right side when that is done')
def _():
    for verb, answer in [('deactive', OLD), ('active', NEW)] * 6:
        expect(f'answers after {verb}', answers_of_starters(verb, 'GOOD'), {answer})


@case('a patch that is activated again lies on another one that was activated meanwhile, in those who start just then, too')
def _():
    run('syscare', 'deactive', 'GOOD')
    run('syscare', 'apply', 'OTHER')
    for verb, answer in [('active', NEW), ('deactive', OTHER)] * 3:
        expect(f'answers after {verb}', answers_of_starters(verb, 'GOOD'), {answer})
    run('syscare', 'remove', 'OTHER')
    run('syscare', 'active', 'GOOD')
    expect('answer', answer_of_a_new_one(), NEW)


@case('a killed trigger is started again, and binds what was bound')
def _():
    old = trigger_pid()
    os.kill(old, signal.SIGKILL)
    wait_until('another trigger', lambda: trigger_pid() not in (None, old))
    wait_until('no complaint', lambda: 'gate' not in degraded())
    expect('answer', answer_of_a_new_one(), NEW)


@case('a frozen trigger holds nobody up for long: it is killed and replaced, and Degraded says so (hazard 22h)')
def _():
    old = trigger_pid()
    os.kill(old, signal.SIGSTOP)
    pid = os.fork()  # whoever waits for the exec to succeed waits for the trigger, too
    if pid == 0:
        os.execv('/bin/sh', ['sh', '-c', f'exec {TARGET} </dev/null'])
    complaints = []
    wait_until('the program started', lambda: complaints.append('gate' in degraded()) or os.waitpid(pid, os.WNOHANG) != (0, 0))
    wait_until('another trigger', lambda: complaints.append('gate' in degraded()) or trigger_pid() not in (None, old))
    wait_until('no complaint', lambda: 'gate' not in degraded())
    expect('Degraded said so meanwhile', any(complaints), True)
    expect('answer', answer_of_a_new_one(), NEW)


@case('a frozen trigger whose service has ended is killed: programs start, and the next service comes up (hazard 22h)')
def _():
    for how in (signal.SIGTERM, signal.SIGKILL):
        old = trigger_pid()
        os.kill(old, signal.SIGSTOP)
        stop_service(how)
        expect('answer without a service', answer_of_a_new_one() in (OLD, NEW), True)
        wait_until('the trigger has ended', lambda: not is_running(old))
        start_service()
        run('syscare', 'apply', 'GOOD')
        expect('answer', answer_of_a_new_one(), NEW)


@case('a frozen service holds nobody up, however many start: the trigger does not wait for it (hazard 22h)')
def _():
    service = service_pid()
    os.kill(service, signal.SIGSTOP)
    try:
        answers = [answer_of_a_new_one() for _ in range(400)]  # more than the socket between the two has room for
    finally:
        os.kill(service, signal.SIGCONT)
    expect('answers', set(answers), {NEW})
    wait_until('no complaint', lambda: 'gate' not in degraded())


@case('with a killed service new processes start, and an accepted patch is bound again when the service is back')
def _():
    run('syscare', 'accept', 'GOOD')
    stop_service(signal.SIGKILL)
    expect('answer without a service', answer_of_a_new_one() in (OLD, NEW), True)
    start_service()
    expect('state', state_of('GOOD'), 'accepted')
    expect('answer', answer_of_a_new_one(), NEW)


@case('a tracer that outlives its trigger and their service is waited for: what a new service deactivates at once stays deactivated')
def _():
    known = Toy(TARGET)
    expect('answer', known.ask(21), NEW)
    stop_service(signal.SIGTERM)
    use_trigger(SLOW_TRIGGER)
    start_service()
    # It has opened the program, so that it has a tracer; nobody can see yet that it is concerned.
    toy = Toy('/bin/sh', '-c', f'exec 3<{TARGET}; read start; exec {TARGET}')
    wait_until('it is followed', lambda: os.path.exists(f'/proc/{toy.pid}/fd/3') and is_followed(toy.pid))
    trigger = trigger_pid()
    use_trigger(REAL_TRIGGER)
    os.kill(trigger, signal.SIGKILL)
    stop_service(signal.SIGKILL)

    def deactivate():
        start_service()
        run('syscare', 'deactive', 'GOOD')

    client = threading.Thread(target=deactivate)
    client.start()
    wait_until('it is done, or waits', lambda: not client.is_alive() or waits_for_an_earlier_one(trigger))
    expect('its tracer has ended', status_of(toy.pid, 'TracerPid') == '0', False)
    toy.process.stdin.write('start\n')
    toy.process.stdin.flush()
    client.join()
    expect('answers', (toy.ask(21), known.ask(21)), (OLD, OLD))
    expect('state', state_of('GOOD'), 'deactivated')
    for one in (toy, known):
        one.end()
    run('syscare', 'active', 'GOOD')
    run('syscare', 'accept', 'GOOD')


@case('after a restart a process that is patched is recognised and not patched twice, be the patch accepted or not')
def _():
    toy = Toy(TARGET)
    expect('answer', toy.ask(21), NEW)
    images = images_of(toy.pid)
    for verb in ('active', 'accept'):
        run('syscare', 'deactive', 'GOOD')
        run('syscare', verb, 'GOOD') if verb == 'active' else run('syscare', 'active', 'GOOD')
        if verb == 'accept':
            run('syscare', 'accept', 'GOOD')
        stop_service(signal.SIGKILL)
        start_service()
        expect('state', state_of('GOOD'), 'active' if verb == 'active' else 'accepted')
        wait_until('it is listed', lambda: rows_of(toy.pid) == ['patched'])
        expect('images', images_of(toy.pid), images)
        expect('answer', toy.ask(21), NEW)
    toy.end()


def unread(stream):
    """How many bytes of a pipe nobody has read."""
    return int.from_bytes(fcntl.ioctl(stream, termios.FIONREAD, bytes(4)), sys.byteorder)


@case('what a restore that fails takes back from a process that the trigger saw patched is patched all the same')
def _():
    trigger = trigger_pid()
    stop_service(signal.SIGKILL)
    wait_until('the trigger has ended', lambda: not is_running(trigger))
    busy, toy = Toy(TARGET), Toy(TARGET)
    busy.process.stdin.write('0\n')
    busy.process.stdin.flush()
    wait_until('it is in the function', lambda: unread(busy.process.stdin) == 0 and status_of(busy.pid, 'State') == 'S')
    expect('answer without a trigger', toy.ask(21), OLD)
    expect('redirected', is_redirected(toy.pid), False)
    starter = threading.Thread(target=start_service)
    starter.start()
    try:
        wait_until('the restore has patched it', lambda: is_redirected(toy.pid) or not starter.is_alive())
        toy.ask(21)  # traps: from now on the net takes it for one that is patched
        starter.join()
        wait_until('the new answer', lambda: toy.ask(21) == NEW)
    finally:
        starter.join()
        busy.process.stdin.write('x\n')
        busy.process.stdin.flush()
    for one in (toy, busy):
        one.end()


@case('a process that a debugger has is shown with the reason, and is patched once it is let go (hazard 26)')
def _():
    toy = Toy('/usr/bin/strace', '-I', '1', '-o', '/dev/null', TARGET)
    try:
        expect('answer', toy.ask(21), OLD)
        wait_until('the reason is shown', lambda: 'traced' in run('syscare', 'processes', 'GOOD', expect=None)[0])  # too many questions are refused
        expect('OldCalls', int(re.search('uint64 ([0-9]+)', manager('OldCalls')).group(1)) > 0, True)
        stop_service(signal.SIGTERM)
        start_service()  # which doesn't wait for the debugger for long
        os.kill(toy.pid, signal.SIGTERM)  # strace lets it go
        wait_until('the new answer', lambda: toy.ask(21) == NEW, 120)
    finally:
        toy.end()


@case('a copy of the program, as in another image, is patched soon and met at its next start (hazard 27)')
def _():
    copy = '/opt/toy/copy'
    shutil.copy(TARGET, copy)
    toy = Toy(copy)
    wait_until('the new answer', lambda: toy.ask(21) == NEW)
    toy.end()
    toy = Toy(copy)
    expect('answer', toy.ask(21), NEW)
    toy.end()


@case('without fanotify the net is left: Features and Degraded say so, new processes run the new function from the first call on')
def _():
    restart_with('--without=gate')
    wait_until('Degraded says so', lambda: 'gate: switched off' in degraded())
    expect('features', [f"'{word}'" in manager('Features') for word in ('gate', 'net', 'events')], [False, True, True])
    for _ in range(10):
        expect('answer', answer_of_a_new_one(), NEW)


@case('without uprobes the gate is left')
def _():
    restart_with('--without=net')
    wait_until('Degraded says so', lambda: 'net: switched off' in degraded())
    expect('features', [f"'{word}'" in manager('Features') for word in ('gate', 'net', 'events')], [True, False, True])
    for _ in range(10):
        expect('answer', answer_of_a_new_one(), NEW)


@case('without both the mmap events are left: patched some milliseconds after the start')
def _():
    restart_with('--without=gate', '--without=net')
    wait_until('Degraded says so', lambda: 'gate: switched off' in degraded() and 'net: switched off' in degraded())
    expect('features', [f"'{word}'" in manager('Features') for word in ('gate', 'net', 'events')], [False, False, True])
    toy = Toy(TARGET)
    wait_until('the new answer', lambda: toy.ask(21) == NEW)
    toy.end()


@case('without anything new processes may escape, and Degraded says so')
def _():
    restart_with('--without=gate', '--without=net', '--without=events')
    wait_until('Degraded says so', lambda: 'new processes may escape' in degraded())
    expect('answer of a new one', answer_of_a_new_one(), OLD)
    restart_with()
    wait_until('no complaint', lambda: 'gate' not in degraded())
    expect('answer', answer_of_a_new_one(), NEW)


@case('a package update replaces the file: processes of the old one stay managed, the new one is left alone, Problems says target-changed (hazard 28)')
def _():
    old = Toy(TARGET)
    expect('answer', old.ask(21), NEW)
    with open('/opt/toy/toy.c', encoding='utf-8') as file:
        source = file.read()
    with open('/opt/toy/toy.c', 'w', encoding='utf-8') as file:
        file.write(source.replace('factor = 2', 'factor = 3'))
    shutil.copy(TARGET, '/opt/toy/kept')
    os.rename(TARGET, '/opt/toy/before')
    run('make', folder='/opt/toy')
    run('syscare', 'rescan')
    expect('answer of the new file', answer_of_a_new_one(), 63)
    expect('answer of the old file', old.ask(21), NEW)
    wait_until('it is listed', lambda: rows_of(old.pid) == ['patched'])
    expect('problems', 'target-changed' in run('syscare', 'list')[0], True)
    os.rename('/opt/toy/kept', TARGET)
    run('syscare', 'rescan')
    expect('answer', answer_of_a_new_one(), NEW)
    run('syscare', 'deactive', 'GOOD')
    expect('answer of the old file', old.ask(21), OLD)
    old.end()
    run('syscare', 'active', 'GOOD')


@case('the file is written to in place: Degraded says so, and when it is the same afterwards it is bound again')
def _():
    shutil.copy(TARGET, '/opt/toy/kept')
    run('cp', '/opt/toy/kept', TARGET)
    wait_until('Degraded says so', lambda: 'is being written to' in degraded())
    wait_until('no complaint', lambda: 'gate' not in degraded())
    expect('answer', answer_of_a_new_one(), NEW)
    run('cp', '/bin/true', TARGET)
    expect('exit status of another program', subprocess.run([TARGET], check=False).returncode, 0)
    wait_until('Degraded says so', lambda: 'is another build now' in degraded())
    expect('problems', 'target-changed' in run('syscare', 'list')[0], True)
    run('cp', '/opt/toy/kept', TARGET)
    run('syscare', 'rescan')
    expect('answer', answer_of_a_new_one(), NEW)


@case('two processes that start while the patch is taken away end up with the old function')
def _():
    starting = [subprocess.Popen([TARGET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding='utf-8') for _ in range(8)]
    run('syscare', 'remove', 'GOOD')
    for process in starting:
        out, _ = process.communicate('21\n', timeout=30)
        expect('answer', int(out), OLD)
    expect('trigger', trigger_pid(), None)
    expect('answer', answer_of_a_new_one(), OLD)


if __name__ == '__main__':
    sys.exit(run_cases(prepare))
