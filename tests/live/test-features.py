#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every kind of change that libpatch/diff makes a patch of, in a running process: one small program per feature, at -O0 and -O2, PIE and not.

The program is asked twice as it is, twice patched, twice deactivated. What it must answer is what the unpatched and the really fixed
program answer to the same questions: so variables that both have must keep their values."""
import os
import sys
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from live import LP_DIFF, Process, equal, expect, main, made, run, source  # noqa: E402

VARIANTS = [
    ('-O0, PIE', ('-O0', '-fPIE'), ('-pie',)),
    ('-O0, non-PIE', ('-O0', '-fno-pie'), ('-no-pie',)),
    ('-O2, PIE', ('-O2', '-fPIE'), ('-pie',)),
    ('-O2, non-PIE', ('-O2', '-fno-pie'), ('-no-pie',)),
]
FEATURES = [
    ('changed', 'a changed function', ()),
    ('added', 'new functions and new data', ()),
    ('strings', 'string literals', ()),
    ('switches', 'a switch table', ()),
    ('static_local', 'static locals', ()),
    ('cold', '.cold, .part, .isra, .constprop', ()),
    ('twins', 'static helpers of the same name in two files (hazard 1)', ('twins2',)),
    ('imports', 'calls and data of libc (hazard 9)', ()),
    ('absolute', 'absolute references', ()),
    ('short', 'a short function between neighbours (hazard 10)', ()),
    ('recursion', 'recursion', ()),
    ('thread_local', 'thread-local variables (hazard 22f)', ()),
    ('variadic', 'variable arguments, floating point, structures', ()),
]


def feature(name):
    """Path of a feature's source."""
    return os.path.join(HERE, 'features', name + '.c')


def build(shop, name, further, compile_flags, link_flags):
    """Compiles the program, the fixed program and the patch; returns their paths."""
    objects = {}
    for kind, flags in (('baseline', ()), ('original', ('-ffunction-sections', '-fdata-sections')),
                        ('patched', ('-ffunction-sections', '-fdata-sections', '-DPATCHED')), ('fixed', ('-DPATCHED',))):
        objects[kind] = shop.compile_object(f'{name}.{kind}.o', feature(name), (*compile_flags, *flags))
    rest = [shop.compile_object('main.o', source('main.c'), compile_flags)]
    rest += [shop.compile_object(f'{other}.o', feature(other), compile_flags) for other in further]
    twin = shop.compile('twin', [objects['baseline'], *rest], link_flags)
    fixed = shop.compile('fixed', [objects['fixed'], *rest], link_flags)
    target = shop.path('target')
    run('strip', '-o', target, twin)
    patch = shop.path('patch')
    run(LP_DIFF, '--shipped', target, '--twin', twin, '--uuid', str(uuid.uuid4()), '--out', patch, objects['baseline'], objects['original'],
        objects['patched'])
    return target, fixed, patch


def check(shop, processes, name, further, compile_flags, link_flags):
    """The whole circle of one feature in one variant."""
    target, fixed, patch = build(shop, name, further, compile_flags, link_flags)

    def answers_of(program):
        process = Process(program)
        processes.append(process)
        result = [process.ask() for _ in range(6)]
        process.end()
        return result

    old, new = answers_of(target), answers_of(fixed)
    expect(old[2] != new[2], 'the fix makes no difference')
    process = Process(target)
    processes.append(process)
    equal([process.ask(), process.ask()], old[:2], 'before')
    before = process.maps()
    made('apply', patch, process.pid)
    equal([process.ask(), process.ask()], new[2:4], 'patched')
    made('deactivate', patch, process.pid)
    equal(process.ask(), old[4], 'deactivated')
    made('unload', patch, process.pid)
    equal(process.maps(), before, 'mappings')
    process.ask()
    process.end()


def make_test(name, further, compile_flags, link_flags):
    """Binds the arguments of one test."""
    return lambda shop, processes: check(shop, processes, name, further, compile_flags, link_flags)


TESTS = [(f'{words}: {variant}', make_test(name, further, compile_flags, link_flags))
         for name, words, further in FEATURES for variant, compile_flags, link_flags in VARIANTS]

if __name__ == '__main__':
    sys.exit(main(TESTS))
