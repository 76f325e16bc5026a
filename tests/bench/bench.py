#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of the main job, measured from outside: builds, stop time, memory, the service at rest. Runs inside tools/world.

Must not know what a good figure is: it measures, and the reader compares with the aim that stands beside it."""
import glob
import json
import os
import statistics
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'demo'))
from redis_wire import Redis, corrupt_stream  # noqa: E402
from stage import (ACCEPTED, FIX, INSTALLED, REJECTED, SECOND_FIX, Server, build, fetch_fixes, install, install_stock_redis,  # noqa: E402
                   private_apt, run, service_pid)

ROUNDS = 20
IDLE_SECONDS = 20


def plain_build(folder):
    """Seconds that the package's own build takes, as anybody would do it."""
    place = os.path.join(folder, 'plain')
    os.makedirs(place)
    run('apt-get', *private_apt(folder), 'source', f'redis={INSTALLED}', folder=place)
    run('chown', '-R', 'patchuser:', place)
    tree = next(path for path in glob.glob(place + '/redis-*') if os.path.isdir(path))
    options = f'DEB_BUILD_OPTIONS=nocheck parallel={os.cpu_count()}'
    started = time.monotonic()
    run('env', options, 'dpkg-buildpackage', '-b', '-uc', '-us', user='patchuser', folder=tree)
    return time.monotonic() - started


class Pulse:
    """A second client that asks without a pause: its longest wait is how long the server was away."""

    def __init__(self, port):
        self.redis = Redis(port)
        self.waits = []
        self.over = False
        self.thread = threading.Thread(target=self.beat)

    def beat(self):
        while not self.over:
            started = time.monotonic()
            self.redis.command('PING')
            self.waits.append(time.monotonic() - started)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()


def private_code_kib(pid):
    """KiB of memory that are @pid's own in its executable mappings and in patch images (the mapping beside them included): copies of
    pages of a file. Pages of the file itself are the page cache's, also while nobody else has them mapped."""
    total, counts = 0, False
    with open(f'/proc/{pid}/smaps', encoding='utf-8') as file:
        for line in file:
            words = line.split()
            if '-' in words[0] and not words[0].endswith(':'):
                counts = 'x' in words[1] or 'syscare' in line
            elif counts and words[0] == 'Anonymous:':
                total += int(words[1])
    return total


def stop_times(job_output):
    """Nanoseconds of stop that the job's results name, per process."""
    found = []

    def walk(node):
        if isinstance(node, dict):
            found.extend(value for key, value in node.items() if key == 'stop_time')
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)
    walk(json.loads(job_output))
    return found


def cpu_ticks(pid):
    with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return int(fields[11]) + int(fields[12])


def rss_kib(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('VmRSS:'))


def measure(folder, figure):
    install_stock_redis()
    fetch_fixes(folder)
    package = ('--package', f'redis-server={INSTALLED}')
    plain = plain_build(folder)
    figure('plain build of the package', plain, 's', '')
    bundle, first, _ = build('patchuser', f'{folder}/{FIX}.patch', 'HP001', '/tmp/bench-first', *package)
    figure('first hot patch, baseline included', first, 's', f'{first / plain:.2f} of the plain build; aim <= 1.3')
    _, second, _ = build('patchuser', f'{folder}/{SECOND_FIX}.patch', 'HP002', '/tmp/bench-second', *package)
    figure('second hot patch of the package', second, 's', f'{second / plain:.2f} of the plain build; aim <= 0.3')

    patch = install(bundle)['objects'][0]['uuid']
    with open(f'{folder}/{FIX}.patch', encoding='latin-1') as file:
        server = Server(corrupt_stream(file.read()))
    with Pulse(server.port) as pulse:
        time.sleep(2)
    quiet = max(pulse.waits)
    figure('longest wait of a client, nothing happening', quiet * 1e6, 'us', f'median {statistics.median(pulse.waits) * 1e6:.0f} us')
    before = private_code_kib(server.pid)
    run('syscare', 'apply', patch)
    figure('private memory per patch and process', private_code_kib(server.pid) - before, 'KiB', 'aim <= 12')
    server.expect(REJECTED)

    stops, waits, seconds = [], [], []
    for _ in range(ROUNDS):
        for verb in ('deactive', 'active'):
            started = time.monotonic()
            with Pulse(server.port) as pulse:
                out, _ = run('syscare', verb, patch, '--json')
            if verb == 'active':
                seconds.append(time.monotonic() - started)
                waits.append(max(pulse.waits))
                stops += stop_times(out)
    server.expect(REJECTED)
    if stops:
        figure('stop of the server at activation, as the job says', statistics.median(stops) / 1000, 'us', f'worst {max(stops) / 1000:.0f} us; aim < 500')
    figure('longest wait of a client at activation', statistics.median(waits) * 1e6, 'us', f'worst of {ROUNDS}: {max(waits) * 1e6:.0f} us')
    figure('`syscare active`, start to end', statistics.median(seconds) * 1e3, 'ms', '')
    run('syscare', 'remove', patch)
    server.expect(ACCEPTED)

    service = service_pid()
    ticks = cpu_ticks(service)
    time.sleep(IDLE_SECONDS)
    figure('syscared at rest: memory', rss_kib(service) / 1024, 'MiB', 'VmRSS; aim < 15')
    figure('syscared at rest: processor', (cpu_ticks(service) - ticks) * 1000 / os.sysconf('SC_CLK_TCK'), 'ms', f'in {IDLE_SECONDS} s; aim 0')


def main():
    figures = []

    def figure(what, value, unit, remark):
        figures.append({'what': what, 'value': round(value, 3), 'unit': unit, 'remark': remark})
        if '--json' not in sys.argv[1:]:
            print(f'{what:<52} {value:>10.2f} {unit:<4} {remark}', flush=True)

    folder = '/tmp/bench'
    os.makedirs(folder)
    measure(folder, figure)
    if '--json' in sys.argv[1:]:
        print(json.dumps(figures, indent=2))


if __name__ == '__main__':
    main()
