#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The user engine in real processes: what must not harm them, and what must come back. Entities are made without libpatch/diff."""
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from live import (LP_LIVE, Failure, Process, equal, expect, is_traced, main, made, run, source, step)  # noqa: E402

PIE = ('-O2', '-fPIE', '-pie')
NO_PIE = ('-O2', '-fno-pie', '-no-pie')


def value_program(shop, flags=PIE, compiler='gcc', name='target', more=()):
    """Builds the simplest program; returns its path."""
    return shop.compile(name, [source('main.c'), source('value.c')], (*flags, *more), compiler)


def start(processes, *words, **more):
    """Starts a program that the test's end will find."""
    process = Process(*words, **more)
    processes.append(process)
    return process


def whole_circle(shop, processes, flags=PIE, compiler='gcc', more=(), words=(), patch_flags=None):
    """Old, new, old, gone; the process ends well by itself."""
    target = value_program(shop, flags, compiler, more=more)
    patch = shop.entity(target, source('value.c'), patch_flags or flags[1:2])
    process = start(processes, target, *words)
    equal(process.ask(), '11 1')
    before = process.maps()
    made('apply', patch, process.pid)
    equal(process.ask(), '1010 2', 'after apply')
    made('deactivate', patch, process.pid)
    equal(process.ask(), '11 3', 'after deactivate')
    made('apply', patch, process.pid)
    equal(process.ask(), '1010 4', 'after the second apply')
    made('unload', patch, process.pid)
    equal(process.ask(), '11 5', 'after unload')
    equal(process.maps(), before, 'the mappings')
    process.end()


def pie(shop, processes):
    """Feature: PIE."""
    whole_circle(shop, processes)


def non_pie(shop, processes):
    """Hazard 8: non-PIE, where addresses in the file are addresses in memory."""
    whole_circle(shop, processes, NO_PIE)


def lld(shop, processes):
    """Hazard 8: lld gives the text a file offset that isn't its address."""
    whole_circle(shop, processes, PIE, 'clang', ('-fuse-ld=lld',))


def lld_non_pie(shop, processes):
    """Hazard 8: both at once."""
    whole_circle(shop, processes, NO_PIE, 'clang', ('-fuse-ld=lld',))


def one_segment(shop, processes):
    """Hazard 8: headers and text in one segment, at file offset 0."""
    whole_circle(shop, processes, PIE, 'gcc', ('-Wl,-z,noseparate-code',))


def static(shop, processes):
    """Hazard 20: no libc mapping, no link map."""
    whole_circle(shop, processes, ('-O2', '-fno-pie', '-static'))


def static_pie(shop, processes):
    """Hazard 20: static-pie."""
    whole_circle(shop, processes, ('-O2', '-fPIE', '-static-pie'))


def musl(shop, processes):
    """Hazard 20: musl."""
    whole_circle(shop, processes, PIE, 'musl-gcc')


def musl_static(shop, processes):
    """Hazard 20: musl, static."""
    whole_circle(shop, processes, ('-O2', '-fno-pie', '-static'), 'musl-gcc')


def at_entry(shop, processes):
    """A redirect over the first instruction, as short functions need it."""
    target = value_program(shop)
    patch = shop.entity(target, source('value.c'), ('-fPIE',), env={'AT_ENTRY': '1'})
    process = start(processes, target)
    made('apply', patch, process.pid)
    equal(process.ask(), '1010 1')
    made('unload', patch, process.pid)
    equal(process.ask(), '11 2')
    process.end()


def library(shop, processes):
    """A function of a shared library."""
    lib = shop.compile('libvalue.so', [source('value.c')], ('-O2', '-fPIC', '-shared', '-Wl,-soname,libvalue.so'))
    program = shop.compile('program', [source('main.c'), lib], ('-O2', f'-Wl,-rpath,{shop.folder}'))
    patch = shop.entity(lib, source('value.c'), ('-fPIC',))
    process = start(processes, program)
    equal(process.ask(), '11 1')
    made('apply', patch, process.pid)
    equal(process.ask(), '1010 2')
    os.unlink(lib)  # hazard 28: the file is replaced under the process
    made('deactivate', patch, process.pid)
    equal(process.ask(), '11 3')
    made('apply', patch, process.pid)
    equal(process.ask(), '1010 4')
    made('unload', patch)
    process.end()


def all_processes(shop, processes):
    """Without a pid: every process that maps the target, and none else."""
    target = value_program(shop)
    other = value_program(shop, more=('-DOTHER_BUILD', '-O1'), name='other')
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    some = [start(processes, target) for _ in range(4)] + [start(processes, other)]
    for process in some:
        equal(process.ask(), '11 1')
    result = made('apply', patch)
    equal(sorted(result.rows), sorted(p.pid for p in some[:4]))
    for process in some[:4]:
        equal(process.ask(), '1010 2')
    equal(some[4].ask(), '11 2', 'another build of the program')
    made('unload', patch)
    for process in some:
        equal(process.ask(), '11 3')
        process.end()


def unchanged(shop, processes):
    """What already is so is unchanged, not an error."""
    target = value_program(shop)
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    process = start(processes, target)
    process.ask()
    made('apply', patch, process.pid)
    result = step('apply', patch, process.pid)
    equal((result.status, result.rows[process.pid]['status']), (0, 'unchanged'))
    made('unload', patch, process.pid)
    result = step('deactivate', patch, process.pid)
    equal((result.status, result.rows[process.pid]['status']), (0, 'unchanged'))
    process.end()


def children(shop, processes):
    """Hazard 25: a fork()ed child carries the patch with it; both are found by their maps."""
    target = shop.compile('target', [source('fork.c'), source('value.c')], PIE)
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    process = start(processes, target)
    process.ask()
    made('apply', patch, process.pid)
    child = int(process.ask('fork').split()[1])
    equal(process.ask('child'), '1010 2')
    result = made('unload', patch)
    equal(sorted(result.rows), sorted([process.pid, child]))
    equal(process.ask('child'), '11 3', 'the child')
    equal(process.ask(), '11 2', 'the parent')
    equal(process.ask('end'), 'child ended 0')
    process.end()


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
    trace = shop.path('trace')
    run('strace', '-f', '-o', trace, '-e', 'trace=pread64', LP_LIVE, 'apply', patch, str(process.pid))
    with open(trace, encoding='utf-8', errors='replace') as file:
        counts = [int(line.rsplit('= ', 1)[1].split()[0]) for line in file if '= ' in line and 'pread64' in line]
    expect(sum(n for n in counts if n > 0) < 200 * 64 * 4096, 'bytes read:', sum(counts))
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


def uprobe_before(shop, processes):
    """Hazard 19: a uprobe at the function's first instruction, set before and taken away after: old and new stay right."""
    target = value_program(shop, more=('-fcf-protection',))
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    process = start(processes, target)
    process.ask()
    probe = Uprobe(shop, target, 'value', 0)
    try:
        made('apply', patch, process.pid)
        equal(process.ask(), '1010 2', 'with the uprobe')
        probe.close()
        equal(process.ask(), '1010 3', 'the uprobe is gone')
        made('unload', patch, process.pid)
        equal(process.ask(), '11 4')
    finally:
        probe.close()
    process.end()


def uprobe_in_site(shop, processes):
    """Hazard 19: a breakpoint in the bytes to change is never taken for original code: refused by name, nothing changed."""
    target = value_program(shop)
    patch = shop.entity(target, source('value.c'), ('-fPIE',), env={'AT_ENTRY': '1'})
    process = start(processes, target)
    process.ask()
    before = process.maps()
    probe = Uprobe(shop, target, 'value', 0)
    try:
        result = step('apply', patch, process.pid)
        equal(result.status, 7)
        expect('Conflict' in result.error and 'uprobe' in result.error, result.error)
        equal([m for m in process.maps() if '[uprobes]' not in m], before)
        equal(process.ask(), '11 2')
    finally:
        probe.close()
    made('apply', patch, process.pid)
    equal(process.ask(), '1010 3')
    process.end()


class Uprobe:
    """A uprobe set through the perf interface, held by a helper process."""

    def __init__(self, shop, path, symbol, offset):
        helper = shop.path('uprobe')
        if not os.path.exists(helper):
            shop.compile('uprobe', [source('uprobe.c')])
        words = run('nm', path).stdout.splitlines()
        address = next(int(w.split()[0], 16) for w in words if w.endswith(f' T {symbol}'))
        sections = run('readelf', '-lW', path).stdout
        for line in sections.splitlines():
            fields = line.split()
            if fields[:1] == ['LOAD'] and int(fields[2], 16) <= address < int(fields[2], 16) + int(fields[4], 16):
                address = address - int(fields[2], 16) + int(fields[1], 16)
                break
        self.process = Process(helper, path, str(address + offset))
        equal(self.process.hear(), 'set')

    def close(self):
        """Takes it away; may be called twice."""
        if self.process.child.poll() is None:
            self.process.end()


def mmap_storm(shop, processes):
    """Hazard 11: mappings that are made while we place ours are never replaced."""
    target = shop.compile('target', [source('storm.c')], (*PIE, '-pthread'))
    patch = shop.entity(target, source('storm.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    process.ask('storm')
    for _ in range(20):
        made('apply', patch, process.pid)
        made('unload', patch, process.pid)
    equal(process.ask('damage'), 'damage 0')
    process.end()


def hole_taken(shop, processes):
    """Hazard 11: the nearest holes are taken at the last moment (EEXIST): another one is used."""
    target = shop.compile('target', [source('storm.c')], (*PIE, '-pthread'))
    patch = shop.entity(target, source('storm.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    equal(process.ask('fill'), 'filled', 'every hole near the program but one far away')
    made('apply', patch, process.pid)
    equal(process.ask(), '1010')
    made('unload', patch, process.pid)
    equal(process.ask('damage'), 'damage 0')
    process.end()


def no_room(shop, processes):
    """No room within reach: the process can't be patched, with the reason; it isn't harmed."""
    target = shop.compile('target', [source('storm.c')], (*PIE, '-pthread'))
    patch = shop.entity(target, source('storm.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    equal(process.ask('full'), 'filled')
    result = step('apply', patch, process.pid)
    equal((result.status, result.rows[process.pid]['status']), (0, 'unpatchable'))
    expect('within reach' in result.rows[process.pid]['reason'], result.rows)
    equal(process.ask(), '11')
    process.end()


def out_of_range(shop, processes):
    """Hazard 12: a 32-bit absolute reference that can't hold the address is refused, nothing stays behind."""
    target = value_program(shop)
    patch = shop.entity(target, source('absolute.c'), ('-fno-pie',))
    process = start(processes, target)
    process.ask()
    before = process.maps()
    result = step('apply', patch, process.pid)
    equal((result.status, result.rows[process.pid]['status']), (0, 'unpatchable'), str(result.error))
    expect('relocation' in result.rows[process.pid]['reason'], result.rows)
    equal(process.maps(), before)
    equal(process.ask(), '11 2')
    process.end()


def low_image(shop, processes):
    """An image with 32-bit absolute references lies below 2 GiB."""
    target = value_program(shop, NO_PIE)
    patch = shop.entity(target, source('absolute.c'), ('-fno-pie',), env={'LOW32': '1'})
    process = start(processes, target)
    made('apply', patch, process.pid)
    image = next(line for line in process.maps() if 'r-x' in line and line.endswith('/patch'))
    expect(int(image.split('-')[0], 16) < 1 << 31, image)
    equal(process.ask(), '1010 1')
    process.end()


def roll_back(shop, processes):
    """Hazard 35: one of three processes is busy: the others get their old code back, the error names the busy one."""
    target = shop.compile('target', [source('threads.c')], (*PIE, '-pthread'))
    patch = shop.entity(target, source('threads.c'), ('-fPIE', '-fno-plt'))
    some = [start(processes, target) for _ in range(3)]
    for process in some:
        process.ask()
    some[1].ask('in')
    before = [process.maps() for process in some]
    result = step('apply', patch, *(p.pid for p in some), timeout=100)
    equal(result.status, 5)
    equal([result.rows[p.pid]['status'] for p in some], ['rolled-back', 'pending', 'rolled-back'])
    expect(str(some[1].pid) in result.error, result.error)
    equal([process.maps() for process in some], before)
    for process in some:
        equal(process.ask(), '11 wrong=0')
    result = step('apply', patch, *(p.pid for p in some), timeout=100, options=['--keep'])
    equal(result.status, 1)
    expect('PartlyApplied' in result.error, result.error)
    equal([p.ask() for p in some], ['1010 wrong=0', '11 wrong=0', '1010 wrong=0'])
    some[1].say('out')
    some[1].hear()
    made('unload', patch, some[0].pid, some[2].pid)
    for process in some:
        process.end()


def two_patches(shop, processes):
    """Hazards 35, 22e: the second of two files of one transaction is refused: the first one isn't left behind."""
    target = value_program(shop)
    good = shop.entity(target, source('value.c'), ('-fPIE',), output='good')
    bad = shop.entity(target, source('absolute.c'), ('-fno-pie',), output='bad')
    process = start(processes, target)
    process.ask()
    before = process.maps()
    result = step('apply', good, bad, process.pid)
    equal(result.rows[process.pid]['status'], 'unpatchable')
    equal(process.maps(), before)
    equal(process.ask(), '11 2')
    process.end()


def stacked(shop, processes):
    """Two patches of one function: the later on top; taken off in reverse order only."""
    target = value_program(shop)
    first = shop.entity(target, source('value.c'), ('-fPIE',), output='first')
    second = shop.entity(target, source('value2.c'), ('-fPIE',), output='second')
    process = start(processes, target)
    made('apply', first, process.pid)
    made('apply', second, process.pid)
    equal(process.ask(), '2010 1')
    for verb in ('deactivate', 'unload'):
        result = step(verb, first, process.pid)
        equal(result.status, 7)
        expect('Overridden' in result.error, result.error)
    equal(process.ask(), '2010 2')
    made('deactivate', second, process.pid)
    equal(process.ask(), '1010 3')
    made('apply', second, process.pid)
    made('unload', second, first, process.pid)
    equal(process.ask(), '11 4')
    process.end()


def foreign_bytes(shop, processes):
    """Somebody else's change of the same code is a conflict, before and after ours."""
    target = value_program(shop, more=('-fcf-protection',))
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    process = start(processes, target)
    process.ask()
    site = site_address(process, target)
    with open(f'/proc/{process.pid}/mem', 'r+b', buffering=0) as mem:
        original = os.pread(mem.fileno(), 5, site)
        os.pwrite(mem.fileno(), b'\x90\x90\x90\x90\x90', site)
        result = step('apply', patch, process.pid)
        equal(result.status, 7)
        expect('Conflict' in result.error, result.error)
        os.pwrite(mem.fileno(), original, site)
        made('apply', patch, process.pid)
        ours = os.pread(mem.fileno(), 5, site)
        os.pwrite(mem.fileno(), b'\x90\x90\x90\x90\x90', site)
        result = step('unload', patch, process.pid)
        expect('Conflict' in result.error, result.error)
        os.pwrite(mem.fileno(), ours, site)
    made('unload', patch, process.pid)
    equal(process.ask(), '11 2')
    process.end()


def site_address(process, target):
    """Run-time address behind value()'s first instruction, a landing pad."""
    symbol = next(int(w.split()[0], 16) for w in run('nm', target).stdout.splitlines() if w.endswith(' T value'))
    listing = run('objdump', '-d', '--disassemble=value', target).stdout.splitlines()
    second = next(i for i, line in enumerate(listing) if line.endswith('<value>:')) + 2
    offset = int(listing[second].split(':')[0], 16) - symbol
    base = next(int(line.split('-')[0], 16) for line in process.maps() if line.endswith('/target'))
    return base + symbol + offset


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


def await_release(pid):
    """A step that had begun comes to its end by itself, without the worker."""
    end = time.monotonic() + 10
    while is_traced(pid):
        expect(time.monotonic() < end, 'a thread is still held')
        time.sleep(0.001)


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


def gone(shop, processes):
    """Hazard 24: a process that exits meanwhile is no error."""
    target = value_program(shop)
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    process, other = start(processes, target), start(processes, target)
    process.ask()
    pid = other.pid
    other.end()
    result = step('apply', patch, process.pid, pid)
    equal((result.status, result.rows[process.pid]['status'], result.rows[pid]['status']), (0, 'patched', 'gone'))
    process.end()


def seccomp(shop, processes):
    """Hazard 22c: the program's own seccomp filter doesn't see our system calls."""
    target = shop.compile('target', [source('seccomp.c'), source('value.c')], PIE)
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    process = start(processes, target)
    equal(process.ask(), '11 1')
    made('apply', patch, process.pid)
    equal(process.ask(), '1010 2')
    made('unload', patch, process.pid)
    equal(process.ask(), '11 3')
    process.child.stdin.close()
    process.child.wait()


def no_exec_memory(shop, processes):
    """MemoryDenyWriteExecute: PR_SET_MDWE in the program."""
    target = shop.compile('target', [source('mdwe.c'), source('value.c')], PIE)
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    process = start(processes, target)
    equal(process.ask(), '11 1')
    made('apply', patch, process.pid)
    equal(process.ask(), '1010 2')
    made('unload', patch, process.pid)
    process.end()


def chroot(shop, processes):
    """Hazard 27: in another root the entity's path leads nowhere: the image is anonymous, and all the rest the same."""
    target = value_program(shop, ('-O2', '-fno-pie', '-static'))
    patch = shop.entity(target, source('value.c'), ('-fno-pie',))
    root = shop.path('root')
    os.makedirs(root + '/bin')
    os.link(target, root + '/bin/target')
    process = start(processes, 'chroot', root, '/bin/target')
    equal(process.ask(), '11 1')
    before = process.maps()
    result = made('apply', patch)
    equal(list(result.rows), [process.pid])
    expect(not any(line.endswith('/patch') for line in process.maps()), 'file-backed')
    equal(process.ask(), '1010 2')
    made('deactivate', patch)
    equal(process.ask(), '11 3')
    made('unload', patch)
    equal(process.maps(), before)
    process.end()


def other_namespace(shop, processes):
    """Hazard 27: a private mount namespace where another file stands under the same path."""
    target = value_program(shop)
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    script = f'mount --make-rprivate / && cp {target} /dev/shm/syscare-{os.getpid()} && mount -t tmpfs none {shop.folder} && ' \
             f'mv /dev/shm/syscare-{os.getpid()} {target} && exec {target}'
    process = start(processes, 'unshare', '-m', 'sh', '-c', script)
    equal(process.ask(), '11 1')
    made('apply', patch, process.pid)
    equal(process.ask(), '1010 2')
    made('unload', patch)
    equal(process.ask(), '11 3')
    process.end()


def split_mapping(shop, processes):
    """The text mapping is split by madvise or mprotect: it is still one module."""
    target = shop.compile('target', [source('split.c'), source('value.c')], PIE)
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    process = start(processes, target)
    process.ask()
    made('apply', patch, process.pid)
    equal(process.ask('split'), '1010 2')
    made('deactivate', patch, process.pid)
    equal(process.ask(), '11 3')
    made('apply', patch, process.pid)
    equal(process.ask(), '1010 4')
    made('unload', patch, process.pid)
    process.end()


def memory_cost(shop, processes):
    """A patch of one function costs at most three private pages."""
    target = value_program(shop)
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    process = start(processes, target)
    process.ask()
    before = private_dirty(process.pid)
    result = made('apply', patch, process.pid)
    expect(result.rows[process.pid]['pages'] <= 3, result.rows)
    expect(private_dirty(process.pid) - before <= 12, 'private memory grew by', private_dirty(process.pid) - before, 'KiB')
    process.end()


def private_dirty(pid):
    """KiB of private dirty memory in file mappings."""
    total = 0
    is_file = False
    with open(f'/proc/{pid}/smaps', encoding='utf-8') as file:
        for line in file:
            if line[0] in '0123456789abcdef' and '-' in line.split()[0]:
                is_file = '/' in line
            elif is_file and line.startswith('Private_Dirty:'):
                total += int(line.split()[1])
    return total


def scan_truth(shop, processes):
    """The scan tells loaded, active and partial from the process alone."""
    target = value_program(shop)
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    process = start(processes, target)
    process.ask()

    def scan():
        lines = [line for line in run(LP_LIVE, 'scan', target).stdout.splitlines() if line.startswith(f'{process.pid} ')]
        return [word.split(':')[1] for line in lines for word in line.split() if word.startswith('image=')]

    equal(scan(), [])
    made('load', patch, process.pid)
    equal(scan(), ['loaded'])
    equal(process.ask(), '11 2')
    made('apply', patch, process.pid)
    os.unlink(patch)
    equal(scan(), ['active'], 'the entity file is gone')
    process.end()


TESTS = [
    ('a PIE program: old, new, old, gone', pie),
    ('a non-PIE program (hazard 8)', non_pie),
    ('a program linked by lld (hazard 8)', lld),
    ('a non-PIE program linked by lld (hazard 8)', lld_non_pie),
    ('headers and text in one segment (hazard 8)', one_segment),
    ('a static program (hazard 20)', static),
    ('a static-pie program (hazard 20)', static_pie),
    ('a musl program (hazard 20)', musl),
    ('a static musl program (hazard 20)', musl_static),
    ('a redirect at the entry', at_entry),
    ('a shared library, deleted meanwhile (hazard 28)', library),
    ('every process of the target and no other build', all_processes),
    ('what is already so is unchanged', unchanged),
    ('fork()ed children are processes like any other (hazard 25)', children),
    ('800 threads', many_threads),
    ('threads that appear during the stop do not escape it (hazard 14)', new_threads),
    ('a thread in the old function is named, nothing is changed', busy_old),
    ('a function that is always on the stack can be replaced by entry consistency (hazard 17)', entry_consistency),
    ('code is not freed while a thread is in it (hazard 15)', busy_new),
    ('code is not freed while a thread is in a helper of the patch (hazard 15)', helper_busy),
    ('only the used part of a stack is read (hazard 16)', stack_cost),
    ('stale return addresses are told from real ones', deep_stack),
    ('interrupted system calls are made again (hazard 18)', interrupted_calls),
    ('a stopped job stays stopped (hazard 22g)', stopped_job),
    ('signals that arrive meanwhile are delivered', signals_meanwhile),
    ('a uprobe at the first instruction, before and after (hazard 19)', uprobe_before),
    ('a breakpoint is never taken for original code (hazard 19)', uprobe_in_site),
    ('a storm of mmap() during the steps (hazard 11)', mmap_storm),
    ('holes near the target are taken (hazard 11)', hole_taken),
    ('no room within reach', no_room),
    ('a reference out of range is refused (hazard 12)', out_of_range),
    ('an image with 32-bit absolute references lies low', low_image),
    ('one busy process: the others are rolled back (hazard 35)', roll_back),
    ('the second of two files is refused: the first is not left (hazard 35)', two_patches),
    ('stacked patches come off in reverse order', stacked),
    ("somebody else's bytes are a conflict", foreign_bytes),
    ('the worker is killed at any moment (hazard 22)', killed_worker),
    ('a process under a debugger', traced),
    ('a process that exits meanwhile (hazard 24)', gone),
    ('a seccomp filter (hazard 22c)', seccomp),
    ('memory-deny-write-execute', no_exec_memory),
    ('a chroot (hazard 27)', chroot),
    ('another mount namespace (hazard 27)', other_namespace),
    ('a text mapping that was split', split_mapping),
    ('at most three private pages', memory_cost),
    ('the scan reads the truth from the process alone', scan_truth),
]

if __name__ == '__main__':
    sys.exit(main(TESTS))
