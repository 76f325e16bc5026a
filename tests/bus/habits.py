#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What users of the upstream SysCare type works: their names for patches and their verbs, with the real service. Inside tools/world."""
import json
import shutil
import sys

from stage import Process, Service, Story, clear, compile_program, equal, make_bundle, manifest, run

VERSION = '7.0.15'


def story():
    tale = Story()
    clear()
    path = compile_program('/opt/redis/redis-server')
    bundle = make_bundle(path, 1, source='redis', version=f'5:{VERSION}-1~deb12u7')
    uuid = manifest(bundle)['objects'][0]['uuid']
    with open('/tmp/habits.conf', 'w', encoding='ascii') as file:
        file.write('[service]\nrestore-at-start=false\n')
    service, redis = Service('--trigger=', '--config=/tmp/habits.conf').start(), Process(path)

    def state(name=f'redis-{VERSION}/HP001'):
        patch = json.loads(run('syscare', 'status', name, '--json'))['patches'][0]
        equal(patch['uuid'], uuid, name)
        return patch['state']

    @tale.case('a patch is named by source package and upstream version: status redis-7.0.15/HP001')
    def _():
        for name in (f'redis-{VERSION}/HP001', f'redis-{VERSION}/HP001/redis-server', f'redis-{VERSION}-1~deb12u7/HP001', 'HP001', uuid):
            equal(state(name), 'not-applied', name)
        assert f'redis-{VERSION}' in run('syscare', 'list') and 'not-applied' in run('syscare', 'list')
        assert path in run('syscare', 'target', f'redis-{VERSION}/HP001')
        assert uuid in run('syscare', 'info', f'redis-{VERSION}/HP001')

    @tale.case('apply, deactive, active, accept and remove by that name do what they did there')
    def _():
        for verb, wanted, answer in (('apply', 'active', 21), ('deactive', 'deactivated', 20), ('active', 'active', 21), ('accept', 'accepted', 21),
                                     ('deactive', 'deactivated', 20), ('remove', 'not-applied', 20)):
            run('syscare', verb, f'redis-{VERSION}/HP001')
            equal((state(), redis.ask(10)), (wanted, answer), verb)

    @tale.case('save, a start of the program anew, restore: what was active is active again')
    def _():
        run('syscare', 'apply', f'redis-{VERSION}/HP001')
        run('syscare', 'save')
        redis.end()
        redis.__init__(path)  # pylint: disable=unnecessary-dunder-call
        equal(redis.ask(10), 20)
        run('syscare', 'restore')
        equal((state(), redis.ask(10)), ('active', 21))

    @tale.case('restore --accepted brings only what was accepted')
    def _():
        service.restart()
        redis.end()
        redis.__init__(path)  # pylint: disable=unnecessary-dunder-call
        assert 'nothing to do' in run('syscare', 'restore', '--accepted')
        equal(redis.ask(10), 20)
        run('syscare', 'restore')
        run('syscare', 'accept', f'redis-{VERSION}/HP001')
        redis.end()
        redis.__init__(path)  # pylint: disable=unnecessary-dunder-call
        run('syscare', 'restore', '--accepted')
        equal((state(), redis.ask(10)), ('accepted', 21))

    @tale.case('rescan finds what was dropped, and what is gone')
    def _():
        run('syscare', 'remove', f'redis-{VERSION}/HP001')
        shutil.move(bundle, '/tmp/away')
        run('syscare', 'rescan')
        assert 'HP001' not in run('syscare', 'list')
        shutil.move('/tmp/away', bundle)
        run('syscare', 'rescan')
        equal(state(), 'not-applied')

    return tale.tell()


sys.exit(story())
