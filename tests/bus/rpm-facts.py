#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The facts about a target where rpm's database is the system's: rpmbuild and rpm write the records that the service reads.
Inside tools/world, whose dpkg database is put out of sight."""
import os
import shutil
import sys

from stage import Client, Process, Service, Story, User, add_rule, clear, compile_program, equal, fails, make_bundle, patch_path, run, write

ASK = '.InteractiveAuthorizationRequired'
SPEC = '''Name: redis
Epoch: 7
Version: 2.0
Release: 3
Summary: a test
License: MIT
%description
A test.
%package -n bus-rpm
Summary: a test
%description -n bus-rpm
A test.
%install
mkdir -p %{buildroot}/usr/lib/bus-rpm
cp -p /usr/lib/bus-rpm/cache-server %{buildroot}/usr/lib/bus-rpm/cache-server
%files -n bus-rpm
/usr/lib/bus-rpm/cache-server
'''

story = Story()
clear()
CACHE = compile_program('/usr/lib/bus-rpm/cache-server')
write('/tmp/bus-rpm.spec', SPEC)
# What is installed must be what was built: no stripping, no compressing, nothing that looks at the build.
run('rpmbuild', '-bb', '--define', '_topdir /tmp/rpmbuild', '--define', '__os_install_post %{nil}', '--define', 'debug_package %{nil}',
    '--define', '_build_id_links none', '/tmp/bus-rpm.spec')
BUILT = [os.path.join(where, name) for where, _, names in os.walk('/tmp/rpmbuild/RPMS') for name in names]
shutil.rmtree('/usr/lib/bus-rpm')
run('rpm', '--install', '--nodeps', '--force-debian', *BUILT)
os.rename('/var/lib/dpkg/status', '/var/lib/dpkg/status.away')
REDIS = patch_path(make_bundle(CACHE, 1, source='redis', name='HP001'))
os.makedirs('/opt/copy')
shutil.copy(CACHE, '/opt/copy/cache-server')
COPY = patch_path(make_bundle('/opt/copy/cache-server', 2, source='redis', name='HP002'))
with open('/usr/share/doc/syscare/examples/50-syscare-redis.rules', encoding='utf-8') as file:
    add_rule('50-syscare-redis.rules', file.read())
service = Service().start()
root, dba, stranger = Client(), User('dba'), User('patchuser')
cache = Process(CACHE)


@story.case('the service names rpm as its source of facts')
def _():
    features = root.get('/org/openeuler/SysCare1', 'org.openeuler.SysCare1.Manager', 'Features')
    assert 'package-rpm' in features and 'package-dpkg' not in features, features


@story.case('the delegate applies a patch of what the rpm of his source package installed')
def _():
    equal(dba.do('apply', REDIS)[0]['State'], 'active')
    equal(cache.ask(10), 21)
    dba.do('remove', REDIS)
    equal(cache.ask(10), 20)


@story.case('a copy that no package owns is not verified')
def _():
    equal(dba.can('apply', COPY), ['challenge'])
    fails(ASK, dba.submit, 'apply', COPY)


@story.case('rules see the facts of the rpm database')
def _():
    facts = {'target.name': 'bus-rpm', 'target.source': 'redis', 'target.version': '7:2.0-3', 'target.object': 'cache-server', 'target.verified': 'true'}
    right = ' && '.join(f'action.lookup("{key}") === "{value}"' for key, value in facts.items())
    add_rule('40-details.rules', 'polkit.addRule(function(action, subject) { if (action.id == "org.openeuler.syscare1.apply-user" && '
             f'subject.user == "patchuser") return {right} ? polkit.Result.YES : polkit.Result.NO; }});')
    equal(stranger.can('apply', REDIS, COPY), ['yes', 'no'])


@story.case('a file that differs from the rpm database\'s record is not verified')
def _():
    shutil.copy2(CACHE, '/tmp/original')
    shutil.copy2(CACHE, CACHE + '.new')
    with open(CACHE + '.new', 'ab') as out:
        out.write(b'\0')
    os.rename(CACHE + '.new', CACHE)
    equal(dba.can('apply', REDIS), ['challenge'])
    shutil.copy2('/tmp/original', CACHE + '.new')
    os.rename(CACHE + '.new', CACHE)
    equal(dba.can('apply', REDIS), ['yes'])


sys.exit(story.tell())
