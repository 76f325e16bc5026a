#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the threads of a process are doing when the user engine comes: nobody is harmed, nothing is forgotten.

The patches are made without libpatch/diff (make-entity.c)."""
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from live import LP_LIVE, PIE, equal, expect, is_traced, main, made, source, start, step, value_program  # noqa: E402


def await_release(pid):
    """A step that had begun comes to its end by itself, without the worker."""
    end = time.monotonic() + 10
    while is_traced(pid):
        expect(time.monotonic() < end, 'a thread is still held')
        time.sleep(0.001)


def many_threads(shop, processes):
    """800 threads."""
    target = shop.compile('target', [source('threads.c')], (*PIE, '-pthread'))
    patch = shop.entity(target, source('threads.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    equal(process.ask('sleep 800'), '11 wrong=0')
    made('apply', patch, process.pid)
    equal(process.ask(), '1010 wrong=0')
    made('unload', patch, process.pid)
    equal(process.ask(), '11 wrong=0')
    process.end()


def new_threads(shop, processes):
    """Hazard 14: threads that are created while the others are being stopped."""
    target = shop.compile('target', [source('threads.c')], (*PIE, '-pthread'))
    patch = shop.entity(target, source('threads.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    process.ask('churn')
    process.ask('call 2')
    for _ in range(30):
        made('apply', patch, process.pid)
        equal(process.ask(), '1010 wrong=0')
        made('deactivate', patch, process.pid)
        equal(process.ask('wait'), '11 wrong=0')
    made('unload', patch, process.pid)
    equal(process.ask('wait'), '11 wrong=0')
    process.end()


def sharer_program(shop):
    """A program and patch whose functions other processes with the same memory may run."""
    target = shop.compile('target', [source('sharer.c')], ('-D_GNU_SOURCE', *PIE))
    return target, shop.entity(target, source('sharer.c'), ('-D_GNU_SOURCE', '-fPIE', '-fno-plt'))


def sharer_inside(shop, processes):
    """Hazard 14: a process that shares the memory is in the old function: its thread is found; it isn't changed twice."""
    target, patch = sharer_program(shop)
    process = start(processes, target)
    sharer = int(process.ask('in').split('pid=')[1])
    before = process.maps()
    for words in ((process.pid,), (sharer,), (process.pid, sharer), ()):
        result = step('apply', patch, *words, timeout=100)
        equal(result.status, 5, f'exit status for {words}')
        expect(f'thread {sharer} is in value' in result.error, result.error)
        expect(all(row['status'] == 'pending' for row in result.rows.values()), result.rows)
        equal(process.maps(), before)
        expect(not is_traced(sharer), 'it is let go')
    expect(process.ask('out').startswith('11 wrong=0'), 'the old code')
    result = made('apply', patch)
    expect(process.pid in result.rows, result.rows)
    equal(len([line for line in process.maps() if line.endswith('/patch') and 'r-x' in line]), 1, 'one image')
    expect(process.ask().startswith('1010 wrong=0'), 'the new code')
    made('unload', patch)
    equal(process.maps(), before)
    process.end()


def sharer_storm(shop, processes):
    """Hazard 14: processes that share the memory run all the time, and new ones are made during the stop."""
    target, patch = sharer_program(shop)
    process = start(processes, target)
    process.ask('call')
    process.ask('churn')
    for _ in range(30):
        made('apply', patch, process.pid)
        expect(process.ask('wait').startswith('1010 wrong=0'), 'new')
        made('deactivate', patch, process.pid)
        expect(process.ask('wait').startswith('11 wrong=0'), 'old')
    made('unload', patch, process.pid)
    process.end()


def vfork_child(shop, processes):
    """Hazard 14: between vfork() and the child's exec() or exit the parent can't be stopped: busy, and afterwards it works."""
    target, patch = sharer_program(shop)
    process = start(processes, target)
    equal(process.ask('vfork'), 'child')
    result = step('apply', patch, process.pid, timeout=100)
    equal(result.status, 5, 'exit status')
    expect('does not stop' in result.error, result.error)
    process.say()
    expect(process.hear().startswith('11 wrong=0'), 'the old code')
    made('apply', patch, process.pid)
    expect(process.ask().startswith('1010 wrong=0'), 'the new code')
    process.end()


def busy_old(shop, processes):
    """A thread in the old function: nothing is changed, thread and function are named; afterwards it works."""
    target = shop.compile('target', [source('threads.c')], (*PIE, '-pthread'))
    patch = shop.entity(target, source('threads.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    process.ask('in')
    before = process.maps()
    result = step('apply', patch, process.pid, timeout=100)
    equal(result.status, 5, 'exit status')
    row = result.rows[process.pid]
    equal(row['status'], 'pending')
    expect('value' in row['reason'] and 'thread' in row['detail'] and 'futex' in row['detail'], row)
    equal(process.maps(), before, 'the image is taken away again')
    equal(process.ask(), '11 wrong=0')
    process.say('out')
    equal(process.hear(), 'left 0')
    made('apply', patch, process.pid)
    equal(process.ask(), '1010 wrong=0')
    process.end()


def entry_consistency(shop, processes):
    """Hazard 17: a function that is always on the stack can be replaced when only its first bytes must be free."""
    target = shop.compile('target', [source('threads.c')], (*PIE, '-pthread'))
    patch = shop.entity(target, source('threads.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    process.ask('in')
    equal(step('apply', patch, process.pid, timeout=0).status, 5)
    made('apply', patch, process.pid, options=['--entry'])
    equal(process.ask(), '1010 wrong=0')
    process.say('out')
    equal(process.hear(), 'left 0', 'the call that had begun in the old function')
    made('unload', patch, process.pid)
    process.end()


def busy_new(shop, processes):
    """Hazard 15: code is never freed or switched off while a thread is in it."""
    target = shop.compile('target', [source('threads.c')], (*PIE, '-pthread'))
    patch = shop.entity(target, source('threads.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    process.ask()
    made('apply', patch, process.pid)
    process.ask('in')
    for verb in ('deactivate', 'unload'):
        result = step(verb, patch, process.pid, timeout=50)
        equal((result.status, result.rows[process.pid]['status']), (5, 'pending'), verb)
        equal(process.ask(), '1010 wrong=0')
    # With entry consistency the redirect may go, but the memory must stay until the thread has left.
    made('deactivate', patch, process.pid, options=['--entry'])
    equal(process.ask(), '11 wrong=0')
    result = step('unload', patch, process.pid, timeout=50)
    equal((result.status, result.rows[process.pid]['status']), (5, 'pending'))
    process.say('out')
    equal(process.hear(), 'left 999', 'the call that had begun in the new function')
    made('unload', patch, process.pid)
    process.end()


def helper_busy(shop, processes):
    """Hazard 15: a thread in a helper function that only the patch has, reached by a tail call."""
    target = shop.compile('target', [source('helper.c')], (*PIE, '-pthread'))
    patch = shop.entity(target, source('helper.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    equal(process.ask(), '1')
    made('apply', patch, process.pid)
    process.ask('in')
    result = step('unload', patch, process.pid, timeout=50)
    equal((result.status, result.rows[process.pid]['status']), (5, 'pending'))
    process.say('out')
    equal(process.hear(), 'left 2')
    made('unload', patch, process.pid)
    equal(process.ask(), '1')
    process.end()


def stack_cost(shop, processes):
    """Hazard 16: only the part of a stack that is in use is read: 200 threads with 8 MiB each, less than 64 pages each."""
    target = shop.compile('target', [source('threads.c')], (*PIE, '-pthread', '-DSTACK=8388608'))
    patch = shop.entity(target, source('threads.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    process.ask('sleep 200')
    worker = subprocess.Popen([LP_LIVE, 'apply', patch, str(process.pid)], stdout=subprocess.DEVNULL)
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    with open(f'/proc/{worker.pid}/io', encoding='utf-8') as file:  # of all that it read, its tracers too, and files besides
        read = int(next(line for line in file if line.startswith('rchar:')).split()[1])
    equal(worker.wait(), 0)
    expect(200 * 512 < read < 200 * 64 * 4096, 'bytes read:', read)  # something of each, or it isn't counted
    equal(process.ask(), '1010 wrong=0')
    process.end()


def deep_stack(shop, processes):
    """A stale return address deep in a stack doesn't make a process busy, a real one does."""
    target = shop.compile('target', [source('deep.c')], PIE)
    patch = shop.entity(target, source('deep.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    equal(process.ask('stale'), '11', 'leaves return addresses below')
    made('apply', patch, process.pid, timeout=0)
    equal(process.ask(), '1010')
    made('deactivate', patch, process.pid)
    process.say('deep')  # waits 300 frames above value()
    equal(process.hear(), 'waiting')
    result = step('apply', patch, process.pid, timeout=0)
    equal((result.status, result.rows[process.pid]['status']), (5, 'pending'))
    process.say('go')
    equal(process.hear(), '311')
    made('apply', patch, process.pid)
    process.end()


def interrupted_calls(shop, processes):
    """Hazard 18: epoll_wait, semop and others don't return EINTR because of us; a real signal still interrupts them."""
    target = shop.compile('target', [source('calls.c')], (*PIE, '-pthread'))
    patch = shop.entity(target, source('calls.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    names = process.ask('start').split()
    expect(len(names) >= 8, names)
    for _ in range(20):
        made('apply', patch, process.pid)
        made('unload', patch, process.pid)
    equal(process.ask('errors'), 'none')
    equal(process.ask('signal'), 'epoll_wait EINTR', 'a real signal')
    equal(process.ask('finish'), ' '.join(f'{name}=ok' for name in names))
    process.end()


def stopped_job(shop, processes):
    """A job that was stopped by SIGSTOP is patched and stays stopped."""
    target = value_program(shop)
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    process = start(processes, target)
    process.ask()
    process.child.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    made('apply', patch, process.pid)
    equal(process.state(), 'T', 'state of the job')
    equal(os.waitpid(process.pid, os.WUNTRACED | os.WNOHANG), (0, 0), 'nothing more to see for the parent')
    process.child.send_signal(signal.SIGCONT)
    equal(process.ask(), '1010 2')
    process.end()


def signals_meanwhile(shop, processes):
    """Signals that arrive while a thread is borrowed are all delivered."""
    target = shop.compile('target', [source('signals.c')], PIE)
    patch = shop.entity(target, source('signals.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    process.ask()
    sent = 0
    ended = threading.Event()

    def storm():
        nonlocal sent
        while not ended.is_set():
            process.child.send_signal(signal.SIGUSR1)
            process.child.send_signal(signal.SIGRTMIN)
            sent += 1
            time.sleep(0.0002)

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        for _ in range(30):
            made('apply', patch, process.pid)
            made('unload', patch, process.pid)
    finally:
        ended.set()
        thread.join()
    equal(process.ask('count'), f'{sent} real-time signals')
    process.end()


def killed_worker(shop, processes):
    """Hazard 22: the tool is killed at any moment: nobody stays stopped, and the next step puts everything right."""
    target = shop.compile('target', [source('threads.c')], (*PIE, '-pthread'))
    patch = shop.entity(target, source('threads.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    process.ask('sleep 40')
    process.ask('call 1')
    begin = time.monotonic()
    step('apply', patch, process.pid)
    step('unload', patch, process.pid)
    span = (time.monotonic() - begin) / 2
    for i in range(60):
        worker = subprocess.Popen([LP_LIVE, ('apply', 'unload')[i % 2], patch, str(process.pid)], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        time.sleep(span * i / 60)  # not for a result: the moment of death is what varies
        worker.kill()
        worker.wait()
        expect(process.ask('wait').endswith('wrong=0'))
        await_release(process.pid)
    step('apply', patch, process.pid)
    equal(process.ask(), '1010 wrong=0')
    made('unload', patch, process.pid)
    equal(process.ask('wait'), '11 wrong=0')
    expect(not [line for line in process.maps() if line.endswith('/patch')], 'an image was left')
    process.end()


def traced(shop, processes):
    """A process that a debugger holds is busy, and says whose."""
    target = value_program(shop)
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    process = start(processes, target)
    process.ask()
    debugger = subprocess.Popen(['strace', '-o', '/dev/null', '-p', str(process.pid)], stderr=subprocess.PIPE)
    try:
        debugger.stderr.readline()
        result = step('apply', patch, process.pid, timeout=0)
        equal(result.status, 5)
        expect('traced by' in result.error, result.error)
        equal(process.ask(), '11 2')
    finally:
        debugger.terminate()
        debugger.wait()
        debugger.stderr.close()
    made('apply', patch, process.pid)
    equal(process.ask(), '1010 3')
    process.end()


TESTS = [
    ('800 threads', many_threads),
    ('threads that appear during the stop do not escape it (hazard 14)', new_threads),
    ('a process with the same memory is in the old function (hazard 14)', sharer_inside),
    ('processes with the same memory are made during the stop (hazard 14)', sharer_storm),
    ('a child between vfork() and exec() (hazard 14)', vfork_child),
    ('a thread in the old function is named, nothing is changed', busy_old),
    ('a function that is always on the stack can be replaced by entry consistency (hazard 17)', entry_consistency),
    ('code is not freed while a thread is in it (hazard 15)', busy_new),
    ('code is not freed while a thread is in a helper of the patch (hazard 15)', helper_busy),
    ('only the used part of a stack is read (hazard 16)', stack_cost),
    ('stale return addresses are told from real ones', deep_stack),
    ('interrupted system calls are made again (hazard 18)', interrupted_calls),
    ('a stopped job stays stopped (hazard 22g)', stopped_job),
    ('signals that arrive meanwhile are delivered', signals_meanwhile),
    ('the worker is killed at any moment (hazard 22)', killed_worker),
    ('a process under a debugger', traced),
]

if __name__ == '__main__':
    sys.exit(main(TESTS))
