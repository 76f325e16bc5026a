#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes in a folder what the boot test needs in the guest: the hot patch for the stock redis-server, the payload that tells old from new, and
Debian's packages of redis with all that they depend on. Inside tools/world. usage: redis-bundle.py FOLDER"""
import glob
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'demo'))
from redis_wire import corrupt_stream  # noqa: E402
from stage import FIX, INSTALLED, build, fetch_fixes, install_stock_redis, run  # noqa: E402


def dependencies():
    """What redis needs beyond a minimal system; other versions than this machine's will do for all but redis itself."""
    return [f'redis-server={INSTALLED}', f'redis-tools={INSTALLED}', 'libjemalloc2', 'liblzf1', 'libatomic1']


def main():
    folder, work = sys.argv[1], '/tmp/redis-bundle'
    os.makedirs(work)
    install_stock_redis()
    fetch_fixes(work)
    bundle, _, _ = build('patchuser', f'{work}/{FIX}.patch', 'HP001', '/tmp/redis-bundle-out', '--package', f'redis-server={INSTALLED}')
    shutil.copytree(bundle, os.path.join(folder, 'bundles', os.path.basename(bundle)))
    with open(f'{work}/{FIX}.patch', encoding='latin-1') as file:
        payload = corrupt_stream(file.read())
    with open(os.path.join(folder, 'payload'), 'wb') as file:
        file.write(payload)
    debs = os.path.join(work, 'debs')
    os.makedirs(debs)
    run('chmod', '777', debs)
    run('apt-get', 'download', '-q', *dependencies(), folder=debs)
    os.makedirs(os.path.join(folder, 'debs'))
    for deb in glob.glob(debs + '/*.deb'):
        shutil.copy(deb, os.path.join(folder, 'debs'))


if __name__ == '__main__':
    main()
