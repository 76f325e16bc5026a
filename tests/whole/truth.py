#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What SysCare says is what the processes say, whatever happens to the service and its files. Runs inside tools/world. TAP."""
import json
import os
import shutil
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'demo'))
from stage import Failed, build, expect, images_in, install, run, start_service, state_of, stop_service  # noqa: E402
from toy import FIXES, Toy, make_tree  # noqa: E402

WORK = '/tmp/truth'
MAKER = 'patchuser'
OLD, NEW = 42, 43


def answers(toys):
    return [toy.ask(21) for toy in toys]


def prepare():
    os.makedirs(WORK)
    os.chmod(WORK, 0o755)
    tree = make_tree(os.path.join(WORK, 'tree'))
    make_tree('/opt/toy')
    run('make', folder='/opt/toy')
    run('chown', '-R', MAKER, WORK)
    path = os.path.join(WORK, 'good.patch')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(FIXES['good'])
    bundle, _, _ = build(MAKER, path, 'HP001', os.path.join(WORK, 'bundle'), '--source', tree, '--build', 'make', '--target', '/opt/toy/toy')
    return install(bundle)['objects'][0]['uuid']


def rows(patch):
    answer = json.loads(run('syscare', 'processes', patch, '--json')[0])
    return answer['processes'] if isinstance(answer, dict) else answer


def story(patch, said):
    toys = [Toy('/opt/toy/toy') for _ in range(3)]
    expect('answers', answers(toys), [OLD] * 3)
    run('syscare', 'apply', patch)
    expect('answers', answers(toys), [NEW] * 3)
    said('apply reaches every process that runs the program')

    listed = sorted(row['pid'] for row in rows(patch) if row['status'] == 'patched')
    expect('pids that are listed as patched', listed, sorted(toy.pid for toy in toys))
    said('processes lists each of them as patched')

    stop_service(signal.SIGKILL)
    start_service()
    expect('state', state_of(patch), 'active')
    expect('answers', answers(toys), [NEW] * 3)
    said('after the service was killed the patch is still active')

    stop_service(signal.SIGTERM)
    shutil.rmtree('/var/lib/syscare', ignore_errors=True)
    shutil.rmtree('/run/syscare', ignore_errors=True)
    start_service()
    expect('state', state_of(patch), 'active')
    said('without state and runtime folders the processes still say that it is active')

    toys.pop().end()
    expect('state', state_of(patch), 'active')
    expect('number of processes', len(rows(patch)), 2)
    said('a process that ends is no longer listed')

    run('syscare', 'accept', patch)
    stop_service(signal.SIGKILL)
    start_service()
    expect('state', state_of(patch), 'accepted')
    said('what was accepted is so on the disk before the answer')

    out, _ = run('syscare', 'apply', patch)
    expect('state', state_of(patch), 'accepted')
    said('apply on an accepted patch does not demote it')

    run('syscare', 'deactive', patch)
    expect('answers', answers(toys), [OLD] * 2)
    expect('state', state_of(patch), 'deactivated')
    said('deactive brings the old code back and withdraws the acceptance')

    run('syscare', 'active', patch)
    os.kill(toys[0].pid, signal.SIGSTOP)
    run('syscare', 'list', '--json')
    expect('state', state_of(patch), 'active')
    os.kill(toys[0].pid, signal.SIGCONT)
    expect('answers', answers(toys), [NEW] * 2)
    said('a process that somebody else stopped neither blocks the list nor changes the truth')

    run('syscare', 'remove', patch)
    expect('answers', answers(toys), [OLD] * 2)
    expect('images left', [images_in(toy.pid) for toy in toys], [[], []])
    expect('state', state_of(patch), 'not-applied')
    said('remove leaves no image in any process')
    for toy in toys:
        toy.end()


def main():
    if 'SYSCARE_WORLD' not in os.environ:
        print('Bail out! only inside tools/world')
        return 1
    done = []

    def said(sentence):
        done.append(sentence)
        print(f'ok {len(done)} {sentence}', flush=True)

    try:
        story(prepare(), said)
    except (Failed, OSError, ValueError, KeyError) as error:
        print(f'not ok {len(done) + 1} what comes after it')
        print('\n'.join('# ' + line for line in f'{type(error).__name__}: {error}'.splitlines()))
        return 1
    print(f'1..{len(done)}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
