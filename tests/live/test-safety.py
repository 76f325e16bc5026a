#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What must not be overwritten, and what must be put back: room, breakpoints, other patches, half-done changes.

The patches are made without libpatch/diff (make-entity.c)."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from live import LIMIT, LP_LIVE, NO_PIE, PIE, Process, equal, expect, main, made, run, source, start, step, value_program  # noqa: E402


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


def site_address(process, target):
    """Run-time address behind value()'s first instruction, a landing pad."""
    symbol = next(int(w.split()[0], 16) for w in run('nm', target).stdout.splitlines() if w.endswith(' T value'))
    listing = run('objdump', '-d', '--disassemble=value', target).stdout.splitlines()
    second = next(i for i, line in enumerate(listing) if line.endswith('<value>:')) + 2
    offset = int(listing[second].split(':')[0], 16) - symbol
    base = next(int(line.split('-')[0], 16) for line in process.maps() if line.endswith('/target'))
    return base + symbol + offset


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


def uprobe_after(shop, processes):
    """Hazard 19a: uprobes set on a patched function's entry afterwards, again by a split of the mapping: alive, and new."""
    for flags, first in ((('-fcf-protection',), 'endbr64'), (('-fcf-protection=none', '-O0'), 'push')):
        target = shop.compile('target', [source('split.c'), source('value.c')], (*PIE, *flags))
        listing = run('objdump', '-d', '--disassemble=value', target).stdout
        expect(first in listing.split('<value>:')[1].splitlines()[1], f'the first instruction is {first}:', listing)
        patch = shop.entity(target, source('value.c'), ('-fPIE',))
        process = start(processes, target)
        equal(process.ask(), '11 1')
        made('apply', patch, process.pid)
        probes = []
        try:
            probes.append(Uprobe(shop, target, 'value', 0))
            equal(process.ask(), '1010 2', f'{first}: with a uprobe')
            equal(process.ask('split'), '1010 3', f'{first}: the kernel has set it again')
            probes.append(Uprobe(shop, target, 'value', 0))
            equal(process.ask(), '1010 4', f'{first}: with a second one')
            probes.pop(0).close()
            equal(process.ask(), '1010 5', f'{first}: the first one is gone')
            made('deactivate', patch, process.pid)
            equal(process.ask(), '11 6', f'{first}: deactivated under a uprobe')
            made('apply', patch, process.pid)
            equal(process.ask(), '1010 7', f'{first}: activated under a uprobe')
        finally:
            for probe in probes:
                probe.close()
        equal(process.ask(), '1010 8', f'{first}: no uprobe is left')
        made('unload', patch, process.pid)
        equal(process.ask(), '11 9')
        process.end()


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


def fork_in_between(shop, processes):
    """Hazards 25, 35: who was fork()ed while a change was half made, and is known to nobody, goes back with the others."""
    forker = shop.compile('forker', [source('fork.c'), source('value.c')], PIE)
    threads = shop.compile('target', [source('threads.c')], (*PIE, '-pthread'))
    patches = [shop.entity(forker, source('value.c'), ('-fPIE',), output='first'),
               shop.entity(threads, source('threads.c'), ('-fPIE', '-fno-plt'), output='second')]
    process, busy = start(processes, forker), start(processes, threads)
    process.ask()
    busy.ask('in')
    change = start(processes, LP_LIVE, '--tsv', '--timeout=3000', 'apply', *patches, stderr=subprocess.PIPE, text=False)
    while not process.ask().startswith('1010'):
        expect(change.child.poll() is None, 'the change ended too early')
    child = process.ask('fork').split()[1]
    expect(process.ask('child').startswith('1010'), 'forked with the new code')
    text, error = change.child.communicate(timeout=LIMIT)
    expect(b'ProcessBusy' in error, error)
    expect(b'rolled-back' in text, text)
    expect(process.ask('child').startswith('11 '), 'the child is back')
    expect(process.ask().startswith('11 '), 'the parent is back')
    with open(f'/proc/{child}/maps', encoding='utf-8') as maps:
        expect('/first' not in maps.read(), 'the image is gone from the child')
    process.ask('end')
    process.end()
    busy.say('out')
    busy.hear()
    busy.end()


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


def process_with_two(shop, processes):
    """A process, and two patches of one function of it."""
    target = value_program(shop)
    patches = [shop.entity(target, source(f'{file}.c'), ('-fPIE',), output=name) for file, name in (('value', 'first'), ('value2', 'second'))]
    return start(processes, target), *patches


def stacked(shop, processes):
    """Two patches of one function: the later on top; taken off in reverse order only."""
    process, first, second = process_with_two(shop, processes)
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
    made('apply', first, process.pid)
    made('apply', second, first, process.pid)  # the one that is active is below the other one, not once more on top of it
    equal(process.ask(), '2010 5')
    made('unload', first, second, process.pid)
    equal(process.ask(), '11 6')
    process.end()


def in_between(shop, processes):
    """A process has the later of two patches of one function: the earlier one comes to lie below it."""
    process, first, second = process_with_two(shop, processes)
    made('apply', second, process.pid)
    made('apply', first, second, process.pid, options=['--order'])
    equal(process.ask(), '2010 1')
    equal(step('deactivate', first, process.pid).status, 7)
    made('deactivate', second, process.pid)
    equal(process.ask(), '1010 2')
    made('apply', second, process.pid)
    equal(process.ask(), '2010 3')
    made('unload', first, second, process.pid)
    equal(process.ask(), '11 4')
    process.end()


def in_between_undone(shop, processes):
    """The same, but another process is busy: the upper one's note is as before."""
    target = shop.compile('target', [source('threads.c')], (*PIE, '-pthread'))
    first, second = (shop.entity(target, source('threads.c'), ('-fPIE', '-fno-plt'), output=name) for name in ('first', 'second'))
    process, busy = start(processes, target), start(processes, target)
    for one in (process, busy):
        one.ask()
    made('apply', second, process.pid)
    busy.ask('in')
    result = step('apply', first, second, process.pid, busy.pid, timeout=100, options=['--order'])
    equal([result.rows[one.pid]['status'] for one in (process, busy)], ['rolled-back', 'pending'])
    busy.say('out')
    busy.hear()
    equal([one.ask() for one in (process, busy)], ['1010 wrong=0', '11 wrong=0'])
    made('apply', first, process.pid)
    for patch in (first, second):
        made('unload', patch, process.pid)
    equal(process.ask(), '11 wrong=0')
    for one in (process, busy):
        one.end()


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


TESTS = [
    ('a uprobe at the first instruction, before and after (hazard 19)', uprobe_before),
    ('a breakpoint is never taken for original code (hazard 19)', uprobe_in_site),
    ('uprobes set on the entry afterwards, and a split mapping (hazard 19a)', uprobe_after),
    ('a storm of mmap() during the steps (hazard 11)', mmap_storm),
    ('holes near the target are taken (hazard 11)', hole_taken),
    ('no room within reach', no_room),
    ('a reference out of range is refused (hazard 12)', out_of_range),
    ('an image with 32-bit absolute references lies low', low_image),
    ('one busy process: the others are rolled back (hazard 35)', roll_back),
    ('a process fork()ed meanwhile is rolled back, too (hazard 25)', fork_in_between),
    ('the second of two files is refused: the first is not left (hazard 35)', two_patches),
    ('stacked patches come off in reverse order', stacked),
    ('an earlier patch comes to lie below a later one that is active', in_between),
    ('and is taken from there again when another process is busy (hazard 35)', in_between_undone),
    ("somebody else's bytes are a conflict", foreign_bytes),
]

if __name__ == '__main__':
    sys.exit(main(TESTS))
