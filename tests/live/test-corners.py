#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Corners that hot patchers forget: stacks that aren't a thread's own, pointers that got about, restartable sequences, equal inode numbers,
debuggers.

The patches are made without libpatch/diff (make-entity.c), but where unwind information is needed."""
import os
import sys
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from live import LP_DIFF, LP_LIVE, PIE, equal, expect, main, made, run, source, start, step, value_program  # noqa: E402


def patch_mappings(process):
    """Executable mappings of patch files."""
    return [line for line in process.maps() if 'r-x' in line and line.endswith('/patch')]


def images(process, target):
    """What the scan tells of the process's images."""
    lines = [line for line in run(LP_LIVE, 'scan', target).stdout.splitlines() if line.startswith(f'{process.pid} ')]
    return [word.split(':')[1] for line in lines for word in line.split() if word.startswith('image=')]


def stacks(shop, processes):
    """A program with foreign stacks, its patch and a process."""
    target = shop.compile('target', [source('stacks.c')], PIE)
    patch = shop.entity(target, source('stacks.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    equal(process.ask(), '11')
    return target, patch, process


def alternate_stack(shop, processes):
    """Hazard 22a: a signal handler on an alternate stack runs above the old function, whose frame is on the thread's own stack."""
    _, patch, process = stacks(shop, processes)
    before = process.maps()
    process.say('handler')
    equal(process.hear(), 'in the handler')
    result = step('apply', patch, process.pid, timeout=100)
    equal((result.status, result.rows[process.pid]['status']), (5, 'pending'))
    expect('is in value' in result.error, result.error)
    equal(process.maps(), before)
    process.say()
    equal(process.hear(), '0', 'the call that had begun in the old function')
    made('apply', patch, process.pid)
    process.say('handler')
    equal(process.hear(), 'in the handler')
    result = step('unload', patch, process.pid, timeout=100)
    equal((result.status, result.rows[process.pid]['status']), (5, 'pending'), 'the same in the patch')
    process.say()
    equal(process.hear(), '999', 'the call that had begun in the new function')
    made('unload', patch, process.pid)
    equal(process.ask(), '11')
    process.end()


def coroutine_in_old(shop, processes):
    """Hazard 22a: a coroutine that waits in the old function ends there; it meets no half of the new one."""
    _, patch, process = stacks(shop, processes)
    process.ask('coroutine')
    made('apply', patch, process.pid)
    equal(process.ask(), '1010')
    equal(process.ask('resume'), '-1', 'the call that had begun in the old function')
    equal(process.ask(), '1010')
    made('unload', patch, process.pid)
    equal(process.ask(), '11')
    equal(patch_mappings(process), [])
    process.end()


def coroutine_in_new(shop, processes):
    """Hazard 22a: a coroutine waits in the patch when it is taken away: the memory stays until the process ends, as nobody's."""
    target, patch, process = stacks(shop, processes)
    made('apply', patch, process.pid)
    equal(process.ask('coroutine'), '1010')
    result = made('unload', patch, process.pid)
    expect('stays' in result.rows[process.pid]['detail'] and '0x' in result.rows[process.pid]['detail'], result.rows)
    equal(process.ask(), '11')
    equal(len(patch_mappings(process)), 1, 'the memory')
    equal(images(process, target), [], 'nobody takes it for a patch')
    equal(process.ask('resume'), '998', 'the call that had begun in the patch')
    equal(process.ask(), '11')
    made('apply', patch, process.pid)
    equal(process.ask(), '1010')
    equal(images(process, target), ['active'])
    made('unload', patch, process.pid)
    equal(process.ask(), '11')
    equal(images(process, target), [])
    process.end()


def escape_program(shop):
    """A program whose patch leaves pointers behind, and the patch."""
    target = shop.compile('target', [source('escape.c')], ('-D_GNU_SOURCE', *PIE))
    return target, shop.entity(target, source('escape.c'), ('-D_GNU_SOURCE', '-fPIE', '-fno-plt'))


def kept(result, process):
    """The result must say that the memory stays, and where the pointer is."""
    detail = result.rows[process.pid]['detail']
    expect('stays' in detail, result.rows)
    return detail


def escaped(shop, processes):
    """Hazards 15, 22b: what live data still points to is not unmapped; what nothing points to any more is."""
    target, patch = escape_program(shop)
    process, other = start(processes, target), start(processes, target)
    for each in (process, other):
        equal(each.ask('use'), 'a word of the program, 11')
        before = each.maps()
        made('apply', patch, each.pid)
        equal(each.ask(), '1010')
    equal(process.ask('use'), 'a word of the patch, 2010')
    kept(made('unload', patch, process.pid), process)
    equal(process.ask('use'), 'a word of the patch, 2010', 'after unload')
    equal(process.ask(), '11')
    equal(images(process, target), [])
    equal(other.ask('forget'), '1010')
    made('unload', patch, other.pid)
    equal(other.maps(), before, 'with nothing that points to it the memory goes')
    equal(other.ask('use'), 'a word of the program, 11')
    process.end()
    other.end()


def escaped_elsewhere(shop, processes):
    """Hazards 15, 22b: the pointer is in a living frame, in a page that can't be written any more, hidden in libc's list of what to call at exit."""
    target, patch = escape_program(shop)
    for place in ('frame', 'page', 'list'):
        process = start(processes, target)
        equal(process.ask(), '11')
        made('apply', patch, process.pid)
        equal(process.ask(place), '1010', place)
        kept(made('unload', patch, process.pid), process)
        equal(images(process, target), [], place)
        if place != 'list':
            equal(process.ask('use'), 'no word, 2010', place)
        else:
            equal(process.ask(), '11', place)
            process.child.stdin.close()
            equal(process.hear(), 'the patch says goodbye, 0')
        process.end()


def restartable(shop, processes):
    """Hazard 22d: threads that are stopped in restartable sequences of the old and of the new function lose no count."""
    target = shop.compile('target', [source('rseq.c')], (*PIE, '-pthread'))
    patch = shop.entity(target, source('rseq.c'), ('-fPIE', '-fno-plt'))
    process = start(processes, target)
    equal(process.ask(), '11')
    for _ in range(8):
        made('apply', patch, process.pid, options=('--entry',))
        equal(process.ask(), '1010')
        made('deactivate', patch, process.pid, options=('--entry',))
        equal(process.ask(), '11')
    equal(process.ask('sum'), '0 missing')
    made('unload', patch, process.pid)
    process.end()


def same_inode(shop, processes):
    """Hazard 2: two files on two filesystems have the same inode number; only the one with the Build-ID is the target."""
    built = value_program(shop)
    other = value_program(shop, more=('-DOTHER_BUILD', '-O1'), name='other')
    patch = shop.entity(built, source('value.c'), ('-fPIE',))
    places = [shop.path('one'), shop.path('two')]
    mounted = []
    try:
        for place in places:
            os.mkdir(place)
            run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'none', place)
            mounted.append(place)
        files = [os.path.join(place, 'program') for place in places]
        run('cp', built, files[0])
        run('cp', other, files[1])
        equal(os.stat(files[0]).st_ino, os.stat(files[1]).st_ino, 'the inode numbers')
        expect(os.stat(files[0]).st_dev != os.stat(files[1]).st_dev, 'one filesystem')
        right, wrong = start(processes, files[0]), start(processes, files[1])
        equal([right.ask(), wrong.ask()], ['11 1', '11 1'])
        result = made('apply', patch)
        equal(list(result.rows), [right.pid])
        equal([right.ask(), wrong.ask()], ['1010 2', '11 2'])
        made('unload', patch)
        right.end()
        wrong.end()
    finally:
        for process in processes:
            process.kill()
        for place in mounted:
            run('umount', place)


def unwound(shop, processes):
    """Hazard 21: a debugger finds its way back through a function of the patch. The C library in the process itself doesn't know the image: there
    backtrace() ends, without harm."""
    flags = ('-O2', '-fPIE', '-ffunction-sections', '-fdata-sections')
    objects = {kind: shop.compile_object(f'{kind}.o', source('chain.c'), more)
               for kind, more in (('baseline', flags[:2]), ('original', flags), ('patched', (*flags, '-DPATCHED')))}
    target = shop.compile('target', [objects['baseline']], ('-pie',))
    patch = shop.path('patch')
    run(LP_DIFF, '--shipped', target, '--twin', target, '--uuid', str(uuid.uuid4()), '--out', patch, objects['baseline'], objects['original'],
        objects['patched'])
    process = start(processes, target)
    before = int(process.ask('chain'))
    made('apply', patch, process.pid)
    expect(process.ask() == '1010', 'patched')
    expect(1 < int(process.ask('chain')) <= before, 'backtrace() in the process')
    process.say('wait')
    equal(process.hear(), 'waiting')
    said = run('gdb', '-q', '-nx', '-batch', '-p', str(process.pid), '-ex', 'set debuginfod enabled off', '-ex',
               f'add-symbol-file {patch} -o 0x{patch_mappings(process)[0].split("-")[0]}', '-ex', 'backtrace').stdout
    frames = [line for line in said.splitlines() if line.startswith('#')]
    names = [name for name in ('wait_for_line', 'value', 'outer', 'main') if any(f' {name} (' in line for line in frames)]
    equal(names, ['wait_for_line', 'value', 'outer', 'main'], said)
    equal(process.ask(), '0', 'it goes on')
    process.end()


TESTS = [
    ('a handler on an alternate stack above the old function (hazard 22a)', alternate_stack),
    ('a coroutine that waits in the old function (hazard 22a)', coroutine_in_old),
    ('a coroutine that waits in the patch (hazard 22a)', coroutine_in_new),
    ('a string and a callback of the patch that live data still points to (hazards 15, 22b)', escaped),
    ('pointers in a frame, in a page that is read-only now, in the list of what to call at exit (hazards 15, 22b)', escaped_elsewhere),
    ('threads in restartable sequences (hazard 22d)', restartable),
    ('an unrelated file with the same inode number (hazard 2)', same_inode),
    ('gdb unwinds through a patched function (hazard 21)', unwound),
]

if __name__ == '__main__':
    sys.exit(main(TESTS))
