#!/usr/bin/python3 -Wignore
# SPDX-License-Identifier: GPL-2.0-or-later
"""The window against the mock service: what an administrator sees and does, through AT-SPI.

    test_window.py PROGRAM INTERFACES SCHEMAS"""

import os
import subprocess
import sys
import time

import a11y
import harness
import scene
import tap
from bundle import make_bundle
from harness import until

REDIS = 'HP001 · redis-check-rdb'


def open_patch(desktop, name):
    desktop.app.select(name)
    desktop.app.see(name.split(', ')[0], 'label')


def test_list(desktop):
    """all patches are listed with target, name and state"""
    app = desktop.app
    rows = until(lambda: len(app.row_names()) == 13 and app.row_names(), '13 rows')
    assert 'HP014 · nginx, nginx 1.22.1-9+deb12u3, Accepted' in rows, rows
    for state in ('Active', 'Accepted', 'Deactivated', 'Not applied', 'Unknown'):
        assert any(row.endswith(', ' + state) for row in rows), state
    assert [row.split(', ')[1] for row in rows] == sorted(row.split(', ')[1] for row in rows), 'not grouped by target'


def test_counts(desktop):
    """the counts by state are right"""
    for name in ('All: 13', 'Active: 4', 'Accepted: 2', 'Deactivated: 2', 'Not applied: 4', 'With problems: 8'):
        desktop.app.see(name, harness.BUTTON)


def test_search(desktop):
    """search finds by name, target and CVE, and an empty result says so and can be cleared"""
    app = desktop.app
    for text, expected in (('nginx', 1), ('CVE-2026-12007', 1), ('hp001 RED', 1), ('linux', 2)):
        app.search(text)
        until(lambda: len(app.row_names()) == expected, f'{expected} rows for {text}')
    app.search('no such patch')
    app.see('Nothing matches', 'label')
    assert not app.find('No patches installed', 'label')
    app.click('Clear search and filters')
    until(lambda: len(app.row_names()) == 13, 'all rows again')


def test_filters(desktop):
    """the filters by state narrow the list and go together with search"""
    app = desktop.app
    app.click('Accepted: 2')
    until(lambda: len(app.row_names()) == 2, 'two accepted rows')
    app.search('nginx')
    until(lambda: len(app.row_names()) == 1, 'one row')
    app.search('')
    app.click('With problems: 8')
    until(lambda: len(app.row_names()) == 8, 'eight rows with problems')
    app.click('All: 13')
    until(lambda: len(app.row_names()) == 13, 'all rows')


def choose(desktop, entry):
    """An entry of the menu for sorting and grouping."""
    desktop.app.click('Sorting and grouping')
    desktop.app.click(entry, ('menu item', 'menu item radio', 'menu item checkbox', 'radio menu item', 'check menu item'))
    desktop.key('Escape')


def test_kind_order_and_groups(desktop):
    """the list can be narrowed to a kind, sorted otherwise and shown flat"""
    app = desktop.app
    choose(desktop, 'Kernel')
    until(lambda: len(app.row_names()) == 2 and all('linux' in row for row in app.row_names()), 'the two patches of the kernel')
    choose(desktop, 'All kinds')
    choose(desktop, 'Group by target')
    choose(desktop, 'Severity')
    until(lambda: [row.description.count('Critical') for row in app.list_node().children][:3] == [1, 1, 0], 'the critical ones first, whatever their target')
    choose(desktop, 'Name')
    choose(desktop, 'Group by target')
    until(lambda: len(app.row_names()) == 13, 'all rows')


PROBLEMS = {  # what an administrator reads, and what to do
    'processes-unpatched': ('Some processes run the target without the patch.', 'must be restarted'),
    'transition-pending': ('The kernel hasn’t switched all tasks over yet.', 'It goes on by itself.'),
    'target-changed': ('The file on disk is another build', 'Restart the program'),
    'target-missing': ('The file that the patch is for isn’t on this machine.', 'Install the package'),
    'conflict': ('Something else changed the same code.', 'end it'),
    'overridden': ('A later patch replaces the same functions', 'Nothing needs to be done.'),
    'digest-mismatch': ('The patch’s files aren’t the ones that were installed.', 'install it again'),
    'untrusted': ('The patch isn’t signed by a key that this machine trusts.', 'Ask whoever made it'),
    'bundle-missing': ('Processes run this patch, but its files are gone.', 'Install the patch again')}
SUMMARIES = {'unknown': 'The service can’t tell at the moment', 'not-applied': 'The original code runs.',
             'deactivated': 'The patch is loaded, but the original code runs.',
             'active': 'After a reboot the patch is gone unless it is accepted.', 'accepted': 'The patch comes back after a reboot.'}


def test_every_state_and_problem(desktop):
    """every state says what it means and every problem what to do, in sentences"""
    app = desktop.app
    met_states, met_problems = set(), set()
    for patch in scene.scene():
        own = 'Patch ' + patch['Uuid'][:8] if not patch['Name'] else ' · '.join(patch['Name'].split('/')[1:]) + ', ' + patch['TargetName']
        app.select(own)
        app.see(contains=SUMMARIES[patch['State']])
        for problem in patch['Problems']:
            for words in PROBLEMS[problem]:
                app.see(contains=words)
            assert not app.find(problem, 'label'), problem
        met_states.add(patch['State'])
        met_problems |= set(patch['Problems'])
    assert met_states == set(SUMMARIES) and met_problems == set(PROBLEMS), 'the scene lacks one'


def test_kernel_transition(desktop):
    """a kernel in transition says so, and which tasks hold it up where; afterwards it says that none does"""
    app = desktop.app
    app.select('HP101 · vmlinux')
    app.see(contains='The running kernel is switching its tasks over.')
    app.click('Processes')
    app.see('1 task holds the kernel’s transition up')
    app.see(contains='The task sleeps in an old function: qfq_dequeue, in schedule')
    app.click('Overview')
    app.select('HP102 · tcp_bbr')
    app.see(contains='bbr_update_bw')
    app.click('Processes')
    app.see('No stalled tasks', 'label')
    app.click('Overview')


def test_type_to_search(desktop):
    """typing in the list starts a search, Escape ends it"""
    app = desktop.app
    open_patch(desktop, REDIS)
    desktop.key('ctrl+f')
    desktop.type('expat')
    until(lambda: len(app.row_names()) == 1, 'one row for expat')
    desktop.key('Escape')
    until(lambda: len(app.row_names()) == 13, 'all rows')


def test_detail(desktop):
    """the detail page shows what is fixed, target, Build-ID, functions, digest, and problems with advice"""
    app = desktop.app
    open_patch(desktop, REDIS)
    for text in ('CVE-2026-66373', 'xautoclaimCommand', '/usr/bin/redis-check-rdb', 'Some processes run the target without the patch.',
                 'CN=Debian Hot Patches'):
        app.see(contains=text)
    app.see(contains='The new code runs in 2 of 3 processes')
    app.see(contains='The page “Processes” says which and why')


def test_processes(desktop):
    """the processes page says which process runs the new code and why one doesn't"""
    app = desktop.app
    open_patch(desktop, REDIS)
    app.click('Processes')
    app.see('2 of 3 processes run the new code')
    app.see(contains='thread 1211 is in xautoclaimCommand, waiting in epoll_wait')
    app.see(contains='PID 812 · redis-server.service')
    app.see('redis-server, Pending', 'list item')


def test_deactivate_and_undo(desktop):
    """deactivating asks, shows a dry run, changes the state, and can be undone"""
    app = desktop.app
    open_patch(desktop, 'HP003 · libssl.so.3')
    app.click('Deactivate')
    app.see('Deactivate HP003 · libssl.so.3?')
    app.see(contains='The original code runs again in 41 processes')
    app.see(contains='CVE-2026-22801')
    app.see('The target is the build that the patch is for')
    app.click('Deactivate', window='Deactivate')
    app.see('HP003 · libssl.so.3, openssl 3.0.17-1~deb12u2, Deactivated', 'list item')
    app.see('HP003 · libssl.so.3 deactivated')
    desktop.key('ctrl+u')
    app.see('HP003 · libssl.so.3, openssl 3.0.17-1~deb12u2, Active', 'list item')
    assert "'activate'" in desktop.tell_mock('Log')


def test_undo_brings_acceptance_back(desktop):
    """undoing the deactivation of an accepted patch accepts it again"""
    app = desktop.app
    open_patch(desktop, 'HP014 · nginx')
    app.click('Deactivate')
    app.click('Deactivate', window='Deactivate')
    app.see('HP014 · nginx, nginx 1.22.1-9+deb12u3, Deactivated', 'list item')
    app.see('HP014 · nginx deactivated')
    desktop.key('ctrl+u')
    app.see('HP014 · nginx, nginx 1.22.1-9+deb12u3, Accepted', 'list item')


def test_apply(desktop):
    """applying shows the dry run first; an error in it keeps the button off"""
    app = desktop.app
    open_patch(desktop, 'HP002 · redis-check-rdb')
    desktop.tell_mock('Findings', 'error', 'The file on disk is another build')
    app.click('Apply')
    app.see('The file on disk is another build')
    dialog = next(w for w in app.windows() if w.name == 'Apply')
    assert not app.find('Apply', harness.BUTTON, within=dialog).has_state(a11y.SENSITIVE)
    desktop.key('Escape')
    app.wait_for_windows(1)
    desktop.tell_mock('Findings', '', '')
    app.click('Apply')
    app.click('Apply', window='Apply')
    app.see('HP002 · redis-check-rdb, redis 7.0.15-1~deb12u7, Active', 'list item')


def test_progress_and_cancel(desktop):
    """a running job shows its phase and progress, can be cancelled, and that isn't an error"""
    app = desktop.app
    desktop.tell_mock('Hold', True)
    open_patch(desktop, 'HP002 · dnsmasq')
    app.click('Activate')
    app.see('Activating HP002 · dnsmasq', 'label')
    app.see('Switching over', 'label')
    app.click('Cancel')
    app.see_not('Activating HP002 · dnsmasq', 'label')
    app.see('Cancelled')
    app.see('HP002 · dnsmasq, dnsmasq 2.90-4~deb12u1, Deactivated', 'list item')
    assert len(app.windows()) == 1
    desktop.tell_mock('Hold', False)


def test_other_client(desktop):
    """a job that another client began shows here while it runs and when it ends"""
    app = desktop.app
    desktop.tell_mock('Hold', True)
    desktop.tell_mock('Foreign', 'apply', 'tcp_bbr')
    app.see('Applying HP102 · tcp_bbr', 'label')
    app.see(contains='started by user id 4242')
    desktop.tell_mock('Hold', False)
    app.see('HP102 · tcp_bbr, linux 6.1.148-1, Active', 'list item')
    app.see(contains='HP102 · tcp_bbr: Apply done by another client')


def open_reasons(app):
    if not app.see('Why other actions are off', harness.BUTTON).has_state(a11y.EXPANDED):
        app.click('Why other actions are off')


def test_reasons(desktop):
    """an action that isn't possible says why: by state, and by polkit"""
    app = desktop.app
    desktop.tell_mock('Permit', 'remove', 'no')
    open_patch(desktop, 'HP004 · libcrypto.so.3')
    open_reasons(app)
    app.see('Remove: You aren’t allowed to do this')
    app.see('Accept: Only an active patch can be accepted')
    button = app.see('Remove', harness.BUTTON)
    assert not button.has_state(a11y.SENSITIVE)
    assert button.description == 'You aren’t allowed to do this'
    desktop.tell_mock('Permit', 'remove', 'yes')


def test_declined(desktop):
    """not being authorised is a quiet word, no error dialog"""
    app = desktop.app
    desktop.tell_mock('Fail', 'Submit', 'AccessDenied', 'not authorised')
    open_patch(desktop, 'HP004 · libcrypto.so.3')
    app.click('Activate')
    app.see('You aren’t allowed to do this.')
    assert len(app.windows()) == 1


ERRORS = ('Failed', 'Busy', 'TargetMismatch', 'Untrusted', 'LimitsExceeded', 'UnknownObject')


def test_errors(desktop):
    """an error is shown as a sentence, with the service's text as detail (test-model.c knows every name)"""
    app = desktop.app
    open_patch(desktop, 'HP004 · libcrypto.so.3')
    sentences = set()
    for name in ERRORS:
        desktop.tell_mock('Fail', 'Submit', name, f'detail of {name}')
        app.click('Activate')
        until(lambda: len(app.windows()) == 2, 'the error dialog of ' + name)
        app.click('Details')
        app.see(f'detail of {name}')
        dialog = next(w for w in app.windows() if w.name != 'Hot Patches')
        body = max((n.name for n in dialog.walk() if 'detail of' not in n.name), key=len)
        assert body not in sentences, body
        sentences.add(body)
        desktop.key('Escape')
        app.wait_for_windows(1)


def test_failed_job(desktop):
    """a job that fails shows its error and the state stays what the service says"""
    app = desktop.app
    open_patch(desktop, 'HP004 · libcrypto.so.3')
    desktop.tell_mock('Fail', 'job', 'ProcessBusy', 'redis-server (1207): thread 1211 is in xautoclaimCommand')
    app.click('Activate')
    app.see(contains='A process didn’t leave the old functions in time.')
    desktop.key('Escape')
    app.wait_for_windows(1)
    app.see('HP004 · libcrypto.so.3, openssl 3.0.17-1~deb12u2, Deactivated', 'list item')


def test_batch(desktop):
    """several selected patches are worked on at once, with a list of results"""
    app = desktop.app
    app.search('openssl')
    until(lambda: len(app.row_names()) == 2, 'two rows')
    app.list_node().select_all()
    app.see('2 patches selected')
    app.click('Remove')
    app.see('Remove 2 patches?')
    app.click('Remove', window='Remove')
    app.see('2 done, 0 not done')
    desktop.key('Escape')
    app.wait_for_windows(1)
    until(lambda: all(r.endswith('Not applied') for r in app.row_names()), 'both removed')
    desktop.key('ctrl+u')
    until(lambda: sorted(r.split(', ')[-1] for r in app.row_names()) == ['Active', 'Deactivated'], 'both as before')
    app.search('')


def test_batch_with_a_forbidden_one(desktop):
    """a patch of the selection that polkit forbids is left out, so that the others can be worked on"""
    app = desktop.app
    desktop.tell_mock('Permit', 'remove libssl.so.3', 'no')
    open_patch(desktop, REDIS)
    app.search('openssl')
    until(lambda: len(app.row_names()) == 2, 'two rows')
    app.list_node().select_all()
    app.see('2 patches selected')
    app.click('Remove')
    app.see('Remove HP004 · libcrypto.so.3?')
    desktop.key('Escape')
    app.wait_for_windows(1)
    desktop.tell_mock('Permit', 'remove libssl.so.3', 'challenge')
    app.search('')


def test_hidden_selection(desktop):
    """selected patches that a search hides are no longer acted upon; a single one stays in sight"""
    app = desktop.app
    app.search('openssl')
    until(lambda: len(app.row_names()) == 2, 'two rows')
    app.list_node().select_all()
    app.see('2 patches selected')
    app.search('no such patch')
    app.see('Select a patch', 'label')
    app.search('')
    open_patch(desktop, REDIS)
    app.search('nginx')
    until(lambda: len(app.row_names()) == 1, 'one row')
    assert app.find(contains='xautoclaimCommand')
    app.search('')
    until(lambda: len(app.row_names()) == 13, 'all rows')


def test_history(desktop):
    """the history of a patch lists what was done to it"""
    app = desktop.app
    open_patch(desktop, 'HP003 · libssl.so.3')
    app.click('History')
    app.see(contains='by you')
    app.see('Deactivate', 'label')


def test_stable(desktop):
    """a change behind the window's back neither moves the selection nor the order"""
    app = desktop.app
    open_patch(desktop, REDIS)
    before = [r.rsplit(', ', 1)[0] for r in app.row_names()]
    desktop.tell_mock('SetState', 'HP009', 'active')
    app.see('HP009 · libcurl.so.4, curl 7.88.1-10+deb12u12, Active', 'list item')
    assert [r.rsplit(', ', 1)[0] for r in app.row_names()] == before
    app.see(contains='The new code runs in 2 of 3 processes')


def test_notification(desktop):
    """what ends while nobody looks at the window is told on the desktop"""
    told = desktop.watch_notifications()
    desktop.unfocus()
    desktop.tell_mock('Foreign', 'deactivate', 'HP101')
    until(lambda: any('HP101' in text for text in told), 'the notification')
    desktop.app.resize(1100, 760)  # and have the focus back


def test_install(desktop):
    """a bundle's own words are shown before it is installed; something else is refused"""
    app = desktop.app
    archive = make_bundle(desktop)
    subprocess.run([desktop.program, archive], check=True)  # hands the file to the running window
    app.see('CVE-2026-77777')
    app.see('busybox 1.35.0-4')
    app.click('Install', window='Install Patch')
    app.see('HP001 · busybox, busybox 1.35.0-4, Not applied', 'list item')
    subprocess.run([desktop.program, '/etc/passwd'], check=True)
    app.see('Not a patch')
    desktop.key('Escape')
    app.wait_for_windows(1)


def test_troubles(desktop):
    """what the service says is wrong with itself stands above the list"""
    desktop.tell_mock('Degrade', '["polkit: no answer from org.freedesktop.PolicyKit1"]')
    desktop.app.see(contains='Nobody can be authorised: polkit doesn’t answer')
    desktop.tell_mock('Degrade', '[]')
    desktop.app.see_not(contains='Nobody can be authorised')


def test_activate_again(desktop):
    """what some processes lack can be activated once more, and there is no way back from that"""
    app = desktop.app
    open_patch(desktop, 'HP007 · libc.so.6')
    app.see(contains='“Activate” tries it again')
    app.click('Activate')
    app.see(contains='The new code runs in all 143 processes')
    app.see_not(contains='“Activate” tries it again')
    app.see('HP007 · libc.so.6 activated')
    assert not app.find('Undo', harness.BUTTON)


def test_foreign(desktop):
    """a livepatch that something else loaded says so, and nothing can be done to it"""
    app = desktop.app
    open_patch(desktop, 'HP101 · vmlinux')
    desktop.tell_mock('SetState', 'HP101', 'accepted')
    desktop.tell_mock('SetProblems', 'HP101', '["foreign"]')
    app.see(contains='Something else than this service loaded this patch')
    open_reasons(app)
    app.see('Deactivate: Something else loaded it, so only that can take it away')
    assert not app.find('Deactivate', harness.BUTTON)
    desktop.tell_mock('SetProblems', 'HP101', '["target-changed"]')
    app.see(contains='The patch is for another kernel than the one that runs.')
    app.see('Deactivate', harness.BUTTON)


def test_kernel_count(desktop):
    """the tasks that a kernel in transition has moved are counted"""
    app = desktop.app
    open_patch(desktop, 'HP101 · vmlinux')
    desktop.tell_mock('SetState', 'HP101', 'active')
    desktop.tell_mock('SetProblems', 'HP101', '["transition-pending"]')
    desktop.tell_mock('SetTasks', 'HP101', '88', '90')
    app.see(contains='switching its tasks over. 88 of 90 tasks have switched so far.')


def test_empty(desktop):
    """a machine without patches says so, which is another page than “nothing matches”"""
    desktop.tell_mock('Empty')
    desktop.app.see('No patches installed', 'label')
    assert not desktop.app.find('Nothing matches', 'label')


def test_service_killed_and_back(desktop):
    """a killed service is a page that says so, and goes away by itself"""
    app = desktop.app
    desktop.kill_mock()
    app.see('The patch service isn’t installed', 'label')
    assert not app.row_names()
    desktop.start_mock()
    until(lambda: len(app.row_names()) == 13, 'the list again')
    open_patch(desktop, REDIS)


def test_stopped_service(desktop):
    """a service that could be started but isn't running has its own page"""
    desktop.kill_mock()
    desktop.write_system_config(desktop.folder + '/system.conf', activatable=True)
    desktop.stop_system_bus()
    desktop.app.see('No system bus', 'label')
    desktop.restart_system_bus()
    desktop.app.see('The patch service isn’t running', 'label')
    desktop.app.click('Start the Service')
    desktop.app.see('The patch service isn’t running', 'label')  # /bin/false is no service
    desktop.start_mock()
    until(lambda: len(desktop.app.row_names()) == 13, 'the list')


def test_old_service(desktop):
    """a service that lacks what the window needs has its own page, and a better one replaces it"""
    desktop.kill_mock()
    desktop.start_mock('--old')
    desktop.app.see('The patch service is another version', 'label')
    desktop.app.see(contains='version 0.0.1')
    desktop.kill_mock()
    desktop.start_mock()
    until(lambda: len(desktop.app.row_names()) == 13, 'the list')


def test_new_service(desktop):
    """words of a later service that this window doesn't know are shown as they are; the rest works"""
    desktop.kill_mock()
    desktop.start_mock('--new')
    app = desktop.app
    until(lambda: len(app.row_names()) == 13, 'the list')
    app.see('HP009 · libcurl.so.4, curl 7.88.1-10+deb12u12, Unknown', 'list item')
    app.select('HP009 · libcurl.so.4')
    app.see('haunted')
    app.see(contains='The service can’t tell at the moment')
    app.select('HP004 · libcrypto')
    app.click('Activate')
    app.see('HP004 · libcrypto.so.3, openssl 3.0.17-1~deb12u2, Active', 'list item')
    desktop.kill_mock()
    desktop.start_mock()
    until(lambda: len(desktop.app.row_names()) == 13, 'the list')


def test_remembered(desktop):
    """order and grouping are remembered from one start to the next"""
    for order, first in (('Severity', 'Critical'), ('Name', 'Not rated')):
        app = desktop.start_app(environment={'GSETTINGS_BACKEND': 'keyfile'})
        until(lambda: len(app.row_names()) == 13, 'the list')
        app.resize(1100, 760)
        choose(desktop, order)
        if order == 'Severity':
            choose(desktop, 'Group by target')
        until(lambda: first in app.list_node().children[0].description, first + ' first')
        desktop.key('ctrl+q')
        assert app.process.wait(10) == 0
        app = desktop.start_app(environment={'GSETTINGS_BACKEND': 'keyfile'})
        until(lambda: len(app.row_names()) == 13 and first in app.list_node().children[0].description, first + ' first, still')
    desktop.start_app()
    until(lambda: len(desktop.app.row_names()) == 13, 'the list')
    desktop.app.resize(1100, 760)


def test_narrow(desktop):
    """at 360 pixels list and detail take turns, by keyboard alone"""
    app = desktop.app
    app.resize(360, 700)
    desktop.key('ctrl+f')
    desktop.type('HP001 redis')
    until(lambda: len(app.row_names()) == 1, 'one row')
    desktop.key('Return')
    app.see('Back to the list', harness.BUTTON)
    app.see('CVE-2026-66373')
    until(lambda: not app.row_names(), 'the list to be hidden')
    desktop.key('alt+Left')
    until(lambda: len(app.row_names()) == 1, 'the list')
    desktop.key('ctrl+shift+l')
    until(lambda: len(app.row_names()) == 13, 'the whole list')
    app.resize(1100, 760)


def test_close_while_busy(desktop):
    """the window can be closed while a job runs; the job goes on"""
    app = desktop.app
    desktop.tell_mock('Hold', True)
    open_patch(desktop, 'HP004 · libcrypto.so.3')
    app.click('Activate')
    app.see('Activating HP004 · libcrypto.so.3', 'label')
    desktop.key('ctrl+w')
    assert app.process.wait(10) == 0
    assert 'Cancel' not in desktop.tell_mock('Log')


def test_many(desktop):
    """10,000 patches: the first ones are there at once, all of them soon, and search is quick"""
    desktop.kill_mock()
    desktop.start_mock('--patches', '10000')
    app = desktop.start_app()
    # In the order and with all the words that they have among all 10,000.
    until(lambda: app.row_names()[:2] == ['HP00000 · lib000.so.1, package000 1.0-2, Not applied',
                                          'HP00001 · lib000.so.1, package000 1.0-2, Deactivated'], 'the first rows', 60)
    print(f'# first rows after {time.monotonic() - app.began:.2f} s', flush=True)
    until(lambda: app.find('All: 10000', harness.BUTTON), 'all 10,000', 120)
    assert app.row_names()[0].startswith('HP00000 · '), app.row_names()[0]
    with open(f'/proc/{app.process.pid}/stat', encoding='utf-8') as file:
        ticks = sum(int(field) for field in file.read().rsplit(')', 1)[1].split()[11:13])
    print(f'# processor time of the window: {ticks / os.sysconf("SC_CLK_TCK"):.2f} s', flush=True)
    print(f'# all after {time.monotonic() - app.began:.2f} s', flush=True)
    app.search('HP09999')
    until(lambda: len(app.row_names()) == 1, 'one row')


def tidy_up(desktop, name):
    """After a failure: a picture, and for the next case a window without dialogs, search and held jobs."""
    desktop.picture_of_failure(name)
    desktop.key('Escape')
    if desktop.mock.poll() is None:
        desktop.tell_mock('Hold', False)
    if desktop.app.process.poll() is None and desktop.app.find('Search for patches'):
        desktop.app.search('')


def main():
    program, interfaces, schemas = sys.argv[1:4]
    with harness.Desktop(program, interfaces, schemas=schemas) as desktop:
        desktop.start_mock()
        desktop.start_app()
        desktop.app.resize(1100, 760)
        return tap.run(sys.modules['__main__'], desktop, on_failure=lambda name: tidy_up(desktop, name))


if __name__ == '__main__':
    sys.exit(main())
