#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The user engine in every kind of process: old, new, old, gone.

The patches are made without libpatch/diff (make-entity.c)."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fuse import SilentFile  # noqa: E402
from live import LIBPATCH, LP_LIVE, NO_PIE, PIE, equal, expect, main, made, run, source, start, step, value_program  # noqa: E402


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


def forged_image(shop, processes):
    """A process that forges an image to keep its reader busy for hours is read as fast as any other."""
    target = value_program(shop)
    flags = run('pkg-config', '--cflags', 'gio-2.0').stdout.split()
    forger = shop.compile('forger', [source('forge.c')], ('-O2', f'-I{LIBPATCH}', *flags))
    process, other = start(processes, forger), start(processes, target)
    equal(process.hear(), 'forged')
    other.ask()
    lines = run(LP_LIVE, 'scan', target).stdout.splitlines()  # ends by itself, or the test's limit ends it
    found = {int(line.split()[0]): line for line in lines}
    expect(other.pid in found, lines)
    expect('image=' in found.get(process.pid, ''), 'the image is plausible enough to be looked at:', lines)
    process.end()
    other.end()


HOLDER = """
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
memory = mmap.mmap(fd, 1 << 16, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
print('mapped', flush=True)
sys.stdin.readline()
os._exit(0)
"""


def silent_mapping(shop, processes):
    """A process maps a file system that doesn't answer: it costs its reader seconds, and the others are read and changed."""
    target = value_program(shop)
    patch = shop.entity(target, source('value.c'), ('-fPIE',))
    silent = SilentFile(shop.path('silent'))
    try:
        first = start(processes, target)
        hanging = start(processes, sys.executable, '-c', HOLDER, silent.path)
        equal(hanging.hear(), 'mapped')
        second = start(processes, target)
        expect(first.pid < hanging.pid < second.pid, 'the silent one lies between')
        done = run(LP_LIVE, 'scan', target)
        expect(silent.asked.is_set(), 'somebody has waited for the file system')
        found = [int(line.split()[0]) for line in done.stdout.splitlines()]
        equal([pid for pid in found if pid in (first.pid, hanging.pid, second.pid)], [first.pid, second.pid])
        expect(f'silent: {hanging.pid}' in done.stderr, done.stderr)
        result = step('apply', patch)
        equal(result.status, 0, result.error)
        equal([result.rows[p.pid]['status'] for p in (first, hanging, second)], ['patched', 'unpatchable', 'patched'])
        expect("doesn't answer" in result.rows[hanging.pid]['reason'], result.rows)
        equal([first.ask(), second.ask()], ['1010 1', '1010 1'])
    finally:
        silent.close()
    hanging.say()
    first.end()
    second.end()


def forged_headers(shop, processes):
    """A process that wipes its own mapped ELF header hides only itself: its file is still found in the others."""
    target = value_program(shop)
    first, second = start(processes, target), start(processes, target)
    first.ask()
    second.ask()
    header = next(int(line.split('-')[0], 16) for line in first.maps() if line.endswith('/target'))
    with open(f'/proc/{first.pid}/mem', 'r+b', buffering=0) as mem:
        os.pwrite(mem.fileno(), bytes(64), header)
    expect(first.pid < second.pid, 'the forger is read first')
    found = [line.split()[0] for line in run(LP_LIVE, 'scan', target).stdout.splitlines()]
    expect(str(second.pid) in found, found)
    first.end()
    second.end()


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
    ('a process that exits meanwhile (hazard 24)', gone),
    ('a seccomp filter (hazard 22c)', seccomp),
    ('memory-deny-write-execute', no_exec_memory),
    ('a chroot (hazard 27)', chroot),
    ('another mount namespace (hazard 27)', other_namespace),
    ('a text mapping that was split', split_mapping),
    ('at most three private pages', memory_cost),
    ('the scan reads the truth from the process alone', scan_truth),
    ('a forged image costs its reader no time', forged_image),
    ('a mapping on a file system that does not answer', silent_mapping),
    ('a forged ELF header hides only the process that has it', forged_headers),
]

if __name__ == '__main__':
    sys.exit(main(TESTS))
