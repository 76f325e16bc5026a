#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job on real input: a hot patch for the stock redis-server, made, applied, withdrawn. Runs inside tools/world.

Must not know how SysCare works inside: it uses the command line as its users do, and looks at the server from outside."""
import os
import re
import signal
import subprocess
import sys
import time

from redis_wire import corrupt_stream
from stage import (ACCEPTED, FIX, FIXED, INSTALLED, REJECTED, SECOND_FIX, Failed, Server, allow_dba, build, code_in, expect, fetch_fixes,
                   images_in, install, install_stock_redis, run, start_service, state_of, stop_service)
from toy import FIXES, make_tree


class Shown:
    """The lines that tell what happens, and the table at the end; with @tap each line is a test case."""

    def __init__(self, tap=False):
        self.tap = tap
        self.rows = []
        self.started = self.mark = time.monotonic()

    def __call__(self, what, seen):
        now = time.monotonic()
        self.rows.append((what, seen, now - self.mark))
        if self.tap:
            print(f'ok {len(self.rows)} {what}\n# {seen}', flush=True)
        else:
            print(f'[{now - self.mark:6.2f} s] {what}: {seen}', flush=True)
        self.mark = now

    def soon(self, what):
        """Says what is going on while it takes long."""
        if not self.tap:
            print(f'           {what} ...', flush=True)

    def table(self):
        width = max(len(what) for what, _, _ in self.rows)
        print('\nWhat was shown')
        for what, seen, seconds in self.rows:
            print(f'  {what:<{width}}  {seconds:7.2f} s  {seen}')
        print(f'  {"all":<{width}}  {time.monotonic() - self.started:7.2f} s')


def demo(show, folder):
    show.soon('installing redis-server')
    install_stock_redis()
    show('stock redis-server installed in the world', run('dpkg-query', '-W', '-f', '${Version}', 'redis-server')[0])
    fetch_fixes(folder)
    show('fixes of the security suite fetched', f'{FIX}, {SECOND_FIX} from redis {FIXED}')

    show.soon(f'building a hot patch from {FIX}.patch: the whole package first, unchanged and traced, then the one file that the fix touches')
    package = ('--package', f'redis-server={INSTALLED}')
    bundle, first, said = build('patchuser', f'{folder}/{FIX}.patch', 'HP001', '/tmp/demo-first', *package)
    if not re.search(r'corrupt-dump\.tcl', said):
        raise Failed('the build does not say that it dropped the test hunk')
    show('first hot patch built', f'{first:.1f} s, with the baseline build; its test hunk dropped')
    _, second, _ = build('patchuser', f'{folder}/{SECOND_FIX}.patch', 'HP002', '/tmp/demo-second', *package)
    show('second hot patch built', f'{second:.1f} s, baseline from the cache ({second / first:.0%} of the first)')
    tree = make_tree(os.path.join(folder, 'toy'))
    with open(os.path.join(tree, 'fix.patch'), 'w', encoding='utf-8') as file:
        file.write(FIXES['good'])
    run('chown', '-R', 'patchuser:', tree)
    other, seconds, _ = build('patchuser', f'{tree}/fix.patch', 'TOY001', '/tmp/demo-toy', '--source', tree, '--build', 'make', '--target', 'toy')
    show('patch for a program of no package built', f'{seconds:.1f} s')

    manifest, toy_manifest = install(bundle), install(other)
    patch, toy_patch = manifest['objects'][0]['uuid'], toy_manifest['objects'][0]['uuid']
    allow_dba()
    show('both installed, redis delegated to group dba', f'state {state_of(patch)}')

    with open(f'{folder}/{FIX}.patch', encoding='latin-1') as file:
        server = Server(corrupt_stream(file.read()))
    show('before', server.expect(ACCEPTED))
    run('syscare', 'apply', patch, user='dba')
    show('applied by dba', server.expect(REJECTED))
    run('syscare', 'deactive', patch, user='dba')
    show('deactivated by dba', server.expect(ACCEPTED))
    run('syscare', 'active', patch, user='dba')
    show('activated by dba', server.expect(REJECTED))
    run('syscare', 'accept', patch)
    expect('state', state_of(patch), 'accepted')
    show('accepted by the administrator', server.expect(REJECTED))

    newcomer = Server(server.payload)
    show('a redis-server started now', newcomer.expect(REJECTED))
    newcomer.end()

    stop_service(signal.SIGKILL)
    start_service()
    expect('state after the restart', state_of(patch), 'accepted')
    expect('images in the process', len(images_in(server.pid)), 1)
    show('syscared killed and started again', f'state accepted; {server.expect(REJECTED)}')

    run('syscare', 'apply', toy_patch, '--no-ask-password', user='dba', expect=4)
    expect('state of the other patch', state_of(toy_patch), 'not-applied')
    show('dba refused for another target', 'not authorised (exit status 4), nothing changed')

    run('syscare', 'remove', patch, user='dba')
    expect('state after remove', state_of(patch), 'not-applied')
    expect('images in the process', len(images_in(server.pid)), 0)
    expect('executable mappings', code_in(server.pid), server.code)
    show('removed by dba', f'no mapping left; {server.expect(ACCEPTED)}')
    server.end()


def main():
    if 'SYSCARE_WORLD' not in os.environ:
        print('demo: run tools/demo: this needs the private world', file=sys.stderr)
        return 2
    folder = '/tmp/demo'
    os.makedirs(folder)
    show = Shown(tap='--tap' in sys.argv[1:])
    try:
        demo(show, folder)
    except (Failed, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        if show.tap:
            print(f'not ok {len(show.rows) + 1} the next step')
        print(f'demo: failed after {len(show.rows)} steps: {error}', file=sys.stderr)
        return 1
    if show.tap:
        print(f'1..{len(show.rows)}')
        return 0
    show.table()
    print('demo: ok')
    return 0


if __name__ == '__main__':
    sys.exit(main())
