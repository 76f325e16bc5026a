#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every verb of the command line against the real service and a running program. Runs as root in a private world.

The cases build on each other: one patch goes through its whole life."""
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

from tap import SOURCE, SYSCARE, case, contains, environment, equal, error_form, main, syscare, syscare_json
from terminal import Terminal

sys.path.insert(0, os.path.join(SOURCE, 'tests', 'demo'))
from toy import FIXES, SOURCE as TOY_SOURCE, Toy, fix, make_tree  # noqa: E402  pylint: disable=wrong-import-position

if 'SYSCARE_WORLD' not in os.environ:
    print('1..1\nnot ok 1 - this test changes the machine: it runs in tools/world')
    raise SystemExit(1)

WORK = tempfile.mkdtemp(prefix='cli-service-')
os.chmod(WORK, 0o755)
OLD, NEW = 42, 43
# Like toy, but it waits for its input inside of the function that the fix replaces.
WAITS = TOY_SOURCE.replace('answer (int question)\n{', 'answer (int question)\n{\n  if (scanf ("%d", &question) != 1)\n    return -1;') \
                  .replace('  while (scanf ("%d", &question) == 1)\n', '  for (question = 0; question >= 0;)\n') \
                  .replace('printf ("%d\\n", answer (question));', 'question = answer (0);\n      printf ("%d\\n", question);')


def build(name, source=TOY_SOURCE, patch=FIXES['good'], issue='CVE-2026-7001'):
    """Builds a program into /opt/NAME and a bundle for it; the bundle's directory."""
    place = os.path.join('/opt', name)
    make_tree(place, source)
    subprocess.run(['make', '-C', place], stdout=subprocess.DEVNULL, check=True)
    tree = make_tree(os.path.join(WORK, name), source)
    fix_file = os.path.join(WORK, name + '.patch')
    with open(fix_file, 'w', encoding='utf-8') as file:
        file.write(patch)
    made = syscare('build', '--source', tree, '--build', 'make', '--target', place + '/toy', '--patch', fix_file, '--name', name.upper(),
                   '--issue', issue, '--output', os.path.join(WORK, 'out'), '--cache', os.path.join(WORK, 'cache'))
    return made.stdout.splitlines()[-1]


def state(patch):
    return syscare_json('status', patch)['patches'][0]['state']


def on_terminal(*arguments, user=None):
    command = [SYSCARE, *arguments]
    more = {}
    if user:
        command = ['runuser', '-u', user, '--', *command]
        more = {'HOME': pwd.getpwnam(user).pw_dir, 'USER': user, 'LOGNAME': user}
    return Terminal(command, environment(TERM='xterm', **more))


BUNDLE = build('hp1')
TOY = Toy('/opt/hp1/toy')


@case
def installs_a_directory():
    """install takes a bundle's directory, names it, and applies nothing"""
    contains(syscare('install', BUNDLE, '--reason', 'for the test').stdout, 'hp1-0/HP1/toy: succeeded')
    patch = syscare_json('list')['patches'][0]
    equal((patch['name'], patch['state'], patch['problems']), ('hp1-0/HP1/toy', 'not-applied', []))
    equal(TOY.ask(21), OLD)
    equal(syscare_json('install', BUNDLE)['jobs'][0]['results'][0]['result'], 'unchanged')


@case
def finds_by_every_id():
    """uuid, full name, leading part, name alone and CVE id find the patch in the real service"""
    patch = syscare_json('info', 'HP1')['patches'][0]
    for form in (patch['uuid'], patch['uuid'][:13], patch['uuid'].replace('-', ''), patch['uuid'].upper(), patch['bundle'], patch['bundle'][:11], 'hp1-0/HP1/toy', 'hp1-0/HP1', 'hp1-0', 'hp1', 'CVE-2026-7001'):
        equal(syscare_json('status', form)['patches'][0]['uuid'], patch['uuid'], form)
    error_form(syscare('status', 'HP9', status=3))
    equal(patch['target_files'], ['/opt/hp1/toy'])


@case
def check_changes_nothing():
    """check and --dry-run say that it is ready, and change nothing"""
    for done in (syscare('check', 'HP1'), syscare('check', 'apply', 'HP1'), syscare('apply', '--dry-run', 'HP1')):
        contains(done.stdout, 'hp1-0/HP1/toy  ok')
    error_form(syscare('accept', 'HP1', status=1))
    equal(syscare('check', 'accept', 'HP1', status=1).stdout.count('error'), 1)
    equal((state('HP1'), TOY.ask(21)), ('not-applied', OLD))


@case
def applies():
    """apply puts the new code into the running program and says into how many processes"""
    equal(syscare('apply', 'HP1', '--reason', 'ticket 4711').stdout, 'hp1-0/HP1/toy: active (1 process)\n')
    equal(TOY.ask(21), NEW)
    contains(syscare('status', 'HP1').stdout, 'active (1 of 1 process patched)')
    row = syscare_json('processes', 'HP1')['patches'][0]['processes'][0]
    equal((row['pid'], row['command'], row['status']), (TOY.pid, 'toy', 'patched'))
    contains(syscare('processes', 'HP1').stdout, 'patched')


@case
def says_unchanged():
    """apply of an active patch is a success that says unchanged, or status 6"""
    contains(syscare('apply', 'HP1').stdout, '(unchanged)')
    equal(syscare_json('apply', 'HP1')['unchanged'], True)
    syscare('apply', 'HP1', '--error-if-unchanged', status=6)


@case
def goes_through_its_states():
    """active, deactive, accept, revoke and remove, by both names, and the program follows"""
    for verb, wanted, answer in (('accept', 'accepted', NEW), ('revoke', 'active', NEW), ('deactive', 'deactivated', OLD),
                                 ('active', 'active', NEW), ('deactivate', 'deactivated', OLD), ('activate', 'active', NEW),
                                 ('accept', 'accepted', NEW), ('deactive', 'deactivated', OLD), ('remove', 'not-applied', OLD)):
        done = syscare_json(verb, 'HP1')
        equal((done['results'][0]['state'], done['state']), (wanted, 'succeeded'), verb)
        equal((state('HP1'), TOY.ask(21)), (wanted, answer), verb)
    syscare('apply', '--no-activate', 'HP1')
    equal((state('HP1'), TOY.ask(21)), ('deactivated', OLD))
    syscare('remove', 'HP1')


@case
def nobody_without_authorisation():
    """a user whom polkit doesn't allow it gets status 4 for every order, and nothing changes"""
    before = syscare_json('list')
    for words in (['apply', 'HP1'], ['remove', 'HP1'], ['rescan'], ['save'], ['restore'], ['install', BUNDLE], ['uninstall', 'HP1']):
        line, _ = error_form(syscare(*words, user='patchuser', status=4))
        contains(line, 'authentication is needed')
    equal(syscare_json('list', user='patchuser'), before)
    contains(syscare('history').stdout, 'denied')


@case
def password_applies():
    """an administrator's password on the terminal applies a patch; a wrong one doesn't"""
    for password, status, wanted in (('wrong', 4, 'not-applied'), ('patchpw1', 0, 'active')):
        terminal = on_terminal('apply', 'HP1', user='patchadmin')
        terminal.until('Password:')
        terminal.until_echo(False)
        terminal.type(password + '\n')
        equal(terminal.end(), status)
        equal(state('HP1'), wanted)
    equal(TOY.ask(21), NEW)
    syscare('remove', 'HP1')


@case
def several_ids_are_one_transaction():
    """two ids are one transaction: when one is refused the other is not applied either"""
    source = TOY_SOURCE.replace('int factor = 2', 'int factor = 5')  # another build, so that nobody runs its target
    other = build('hp2', source, fix('  return question * factor;', '  return question * factor + 1;', source), 'CVE-2026-7002')
    syscare('install', other)
    os.rename('/opt/hp2/toy', '/opt/hp2/elsewhere')
    error_form(syscare('apply', 'HP1', 'HP2', status=7))
    equal((state('HP1'), TOY.ask(21)), ('not-applied', OLD))
    os.rename('/opt/hp2/elsewhere', '/opt/hp2/toy')
    equal(len(syscare_json('apply', 'HP1', 'HP2')['results']), 2)
    equal((state('HP1'), state('HP2')), ('active', 'active'))
    syscare('remove', 'HP1', 'HP2')
    syscare('uninstall', 'HP2')


@case
def installs_an_archive():
    """install takes an archive; uninstall takes the bundle away again, but not an applied one"""
    archive = os.path.join(WORK, 'hp1.tar.gz')
    syscare('uninstall', 'HP1', '--reason', 'once more from the archive')
    equal(syscare_json('list')['patches'], [])
    subprocess.run(['tar', '--gzip', '--create', '--file', archive, '--directory', os.path.dirname(BUNDLE), os.path.basename(BUNDLE)], check=True)
    syscare('install', archive)
    equal(syscare('inspect', 'HP1').stdout, syscare('inspect', archive).stdout)
    syscare('apply', 'HP1')
    error_form(syscare('uninstall', 'HP1', status=1))
    equal(state('HP1'), 'active')
    syscare('remove', 'HP1')


@case
def save_and_restore():
    """save and restore are accepted, and restore says when there is nothing to do"""
    equal(syscare_json('save'), {'done': True})
    contains(syscare('restore').stdout, 'nothing to do')
    equal(syscare_json('rescan'), {'done': True})


BUSY_BUNDLE = build('busy', WAITS, fix('  return question * factor;', '  return question * factor + 1;', WAITS), 'CVE-2026-7003')
BUSY = Toy('/opt/busy/toy')


@case
def busy_process():
    """a thread that stays in the old function: status 5, the process and its thread are named, and all is as before"""
    syscare('install', BUSY_BUNDLE)
    equal(BUSY.ask(21), OLD)
    done = syscare('apply', 'BUSY', '--timeout', '300ms', status=5)
    contains(error_form(done)[0], 'threads kept running the old code')
    contains(done.stderr, 'toy')
    shown = syscare_json('apply', 'BUSY', '--timeout', '300ms', status=5)
    equal(shown['error']['name'], 'ProcessBusy')
    equal((state('BUSY'), BUSY.ask(21)), ('not-applied', OLD))


@case
def interrupt_takes_it_back():
    """Ctrl-C while the service waits for the thread cancels the job; the program is as before"""
    terminal = on_terminal('apply', 'BUSY', '--timeout', '1h')
    terminal.until('apply busy-0/BUSY/toy: ')
    terminal.interrupt()
    equal(terminal.end(), 1)
    contains(terminal.said, 'cancelled')
    equal((state('BUSY'), BUSY.ask(21)), ('not-applied', OLD))


@case
def leaves_and_watches_a_job():
    """--no-wait returns while the job runs, and monitor sees its end"""
    watch = subprocess.Popen([SYSCARE, 'monitor', '--json'], stdout=subprocess.PIPE, encoding='utf-8', env=environment())
    equal(json.loads(watch.stdout.readline())['event'], 'watching')
    started = syscare_json('apply', 'BUSY', '--timeout', '300ms', '--no-wait')
    equal(started['state'], 'queued')
    while True:
        event = json.loads(watch.stdout.readline())
        if event['event'] == 'job-finished' and event['subject'] == started['job']:
            break
    contains(event['details']['error_name'], 'ProcessBusy')
    watch.send_signal(signal.SIGINT)
    equal(watch.wait(), 0)
    watch.stdout.close()


@case
def records():
    """history has who, what, why and how it ended, also of what was denied"""
    found = syscare_json('history')['records']
    equal([r['reason'] for r in found if r['verb'] == 'apply' and r['reason']], ['ticket 4711'])
    equal({'succeeded', 'unchanged', 'denied', 'failed'} <= {r['result'] for r in found}, True)
    denied = [r for r in found if r['result'] == 'denied']
    equal(pwd.getpwnam('patchuser').pw_uid in {r['uid'] for r in denied}, True)
    equal(len(syscare_json('history', '--limit', '2')['records']), 2)
    equal(syscare_json('history', '--since', '2100-01-01')['records'], [])
    contains(syscare('history').stdout, 'ticket 4711')


def printed_examples():
    """The examples of the D-Bus reference as its reader sees them."""
    page = subprocess.run(['mandoc', '-T', 'utf8', '-O', 'width=200', os.environ['DBUS_REFERENCE']], stdout=subprocess.PIPE, encoding='utf-8',
                          check=True).stdout
    section = re.sub('.\b', '', page).split('\nEXAMPLES\n')[1].split('\nSEE ALSO\n')[0]
    blocks = re.split(r'^ {7}(?=\S).*\n', section, flags=re.MULTILINE)
    return [re.sub(r'^ {14}', '', block, flags=re.MULTILINE).strip() + '\n' for block in blocks if block.strip()]


@case
def examples_run_as_printed():
    """every example of the D-Bus reference runs as it is printed"""
    syscare('remove', 'HP1')
    examples = printed_examples()
    equal(len(examples), 4)
    said = [subprocess.run(['bash', '-e', '-c', text], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8', check=False) for text in examples]
    equal([done.returncode for done in said], [0] * 4, '\n'.join(done.stdout for done in said))
    contains(said[0].stdout, '.ListPatches')
    contains(said[1].stdout, 'aa{sv} 0')
    contains(said[2].stdout, '/org/openeuler/SysCare1/patches/')
    equal(said[3].stdout, 'hp1-0/HP1/toy succeeded active\n')
    equal(TOY.ask(21), NEW)


def members(interface):
    found = set()
    for kind in ('method', 'signal'):
        for member in interface.findall(kind):
            found.add((kind, member.get('name'), tuple((a.get('name'), a.get('type'), a.get('direction', 'in')) for a in member.findall('arg'))))
    return found | {('property', p.get('name'), p.get('type'), p.get('access')) for p in interface.findall('property')}


@case
def interfaces_as_documented():
    """the running service has exactly the interfaces of the files, which the dbusmock template has too"""
    patch = syscare_json('list')['patches'][0]['path']
    job = syscare_json('apply', 'BUSY', '--timeout', '1ms', '--no-wait')['job']
    for name, place in (('Manager', '/org/openeuler/SysCare1'), ('Patch', patch), ('Job', job)):
        text = subprocess.run(['gdbus', 'introspect', '--system', '--xml', '--dest', 'org.openeuler.SysCare1', '--object-path', place],
                              stdout=subprocess.PIPE, encoding='utf-8', check=True).stdout
        wanted = ElementTree.parse(os.path.join(SOURCE, 'data', 'dbus-1', 'interfaces', f'org.openeuler.SysCare1.{name}.xml')).getroot()
        got = ElementTree.fromstring(re.sub(r'<!DOCTYPE[^>]*>', '', text))
        interface = f'interface[@name="org.openeuler.SysCare1.{name}"]'
        equal(members(got.find(interface)), members(wanted.find(interface)), name)


try:
    main()
finally:
    TOY.end()
    BUSY.process.kill()
    BUSY.end()
    shutil.rmtree(WORK)
