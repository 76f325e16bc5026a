#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of the service and the command line with many patches installed, measured from outside. Runs inside tools/world.

Must not know what a good figure is: it measures, and the reader compares with the aim that stands beside it."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'bus'))
from stage import Client, GLib, PATCHES, PATH, Service, clear, compile_program, make_bundle, pack, run  # noqa: E402

ROUNDS = 9


def rss_mib(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('VmRSS:')) / 1024


def processor_ms(pid):
    """Processor time of all threads so far, milliseconds: what a busy machine doesn't falsify."""
    total = 0
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/schedstat', encoding='ascii') as file:
            total += int(file.read().split()[0])
    return total / 1e6


def took(function, pid=None):
    """Milliseconds, median of some rounds, and in words how much of it was the processor time of @pid or of children."""
    times, work = [], []
    for _ in range(ROUNDS):
        before = processor_ms(pid) if pid else sum(os.times()[2:4]) * 1000
        started = time.monotonic()
        function()
        times.append((time.monotonic() - started) * 1000)
        work.append((processor_ms(pid) if pid else sum(os.times()[2:4]) * 1000) - before)
    return statistics.median(times), statistics.median(work)


def first_output(*command):
    """Milliseconds from the start of the program to its first output."""
    times = []
    for _ in range(ROUNDS):
        started = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.read(1)
            times.append((time.monotonic() - started) * 1000)
            process.stdout.read()
    return statistics.median(times)


def measure(number, figure):
    clear()
    program = compile_program('/opt/toy/toy')
    make_bundle(program, 1, count=number)
    assert len(os.listdir(PATCHES)) == number
    started = time.monotonic()
    service = Service().start()
    figure(f'{number} patches: start until it is ready', ((time.monotonic() - started) * 1000, processor_ms(service.process.pid)), 'ms', 'aim for 10,000: <= 2000')
    client, pid = Client(), service.process.pid
    wanted = ['Name', 'State', 'Problems', 'ProcessesTotal', 'ProcessesPatched', 'Issues']

    def page(limit, properties=wanted, match=None, offset=0):
        parameters = GLib.Variant('(a{sv}asa{sv})', (pack(match or {}), properties, {'limit': GLib.Variant('u', limit), 'offset': GLib.Variant('u', offset)}))
        # Not unpacked: what Python takes for that is not the service's.
        return client.connection.call_sync('org.openeuler.SysCare1', PATH, 'org.openeuler.SysCare1.Manager', 'ListPatches', parameters, None, 0, 60000, None)

    page(1)
    figure(f'{number} patches: a page of 100 rows', took(lambda: page(100), pid), 'ms', 'aim for 10,000: <= 20')
    figure(f'{number} patches: a page of 100 rows, the last ones', took(lambda: page(100, offset=max(number - 100, 0)), pid), 'ms', '')
    figure(f'{number} patches: a page of 100 rows, every property', took(lambda: page(100, []), pid), 'ms', '')
    figure(f'{number} patches: the one with an id', took(lambda: page(100, match={'id': 'HP00007'}), pid), 'ms', '')
    if number <= 1000:
        figure(f'{number} patches: GetManagedObjects', took(lambda: client.connection.call_sync(
            'org.openeuler.SysCare1', PATH, 'org.freedesktop.DBus.ObjectManager', 'GetManagedObjects', None, None, 0, 60000, None), pid), 'ms', 'aim for 1,000: <= 200')
    figure(f'{number} patches: `syscare list`, start to end', took(lambda: run('syscare', 'list')), 'ms', 'aim for 10,000: <= 500')
    figure(f'{number} patches: `syscare list`, start to first output', first_output('syscare', 'list'), 'ms', 'aim for few: <= 15')
    figure(f'{number} patches: memory', rss_mib(service.process.pid), 'MiB', 'VmRSS after all this; aim for 1,000: <= 80')
    service.stop()


def main():
    figures = []

    def figure(what, value, unit, remark):
        if isinstance(value, tuple):
            value, work = value
            remark = f'{work:.1f} ms of them at work; {remark}'.rstrip('; ')
        figures.append({'what': what, 'value': round(value, 3), 'unit': unit, 'remark': remark})
        if '--json' not in sys.argv[1:]:
            print(f'{what:<62} {value:>9.1f} {unit:<4} {remark}', flush=True)

    os.environ.pop('SYSCARE_WORKER', None)
    for number in [int(word) for word in sys.argv[1:] if word.isdigit()] or [10, 1000, 10000]:
        measure(number, figure)
    shutil.rmtree(PATCHES)
    if '--json' in sys.argv[1:]:
        print(json.dumps(figures, indent=2))


if __name__ == '__main__':
    main()
