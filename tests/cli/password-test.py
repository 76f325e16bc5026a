#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The password on a terminal, with the real service, the real polkitd and PAM. Runs in a private world (users patchadmin, patchuser)."""
import os
import pwd

from tap import SYSCARE, case, contains, environment, equal, error_form, main, syscare
from terminal import Terminal


def as_user(user, *arguments):
    """syscare on a terminal of @user."""
    home = pwd.getpwnam(user).pw_dir
    env = environment(HOME=home, USER=user, LOGNAME=user, TERM='xterm')
    return Terminal(['runuser', '-u', user, '--', SYSCARE, *arguments], env)


def asked(user, *arguments):
    """The same, up to the password."""
    terminal = as_user(user, *arguments)
    terminal.until('Password:')
    terminal.until_echo(False)  # else what is typed would be shown, and thrown away
    return terminal


@case
def right_password():
    """the right password on the terminal lets an order through"""
    terminal = asked('patchadmin', 'rescan')
    contains(terminal.said, 'org.openeuler.syscare1.rescan')
    terminal.type('patchpw1\n')
    equal(terminal.end(), 0)
    contains(terminal.said, 'AUTHENTICATION COMPLETE')
    equal('patchpw1' in terminal.said, False)


@case
def wrong_password():
    """a wrong password is status 4, and the terminal is as it was"""
    terminal = asked('patchadmin', 'rescan')
    terminal.type('wrong\n')
    equal(terminal.end(), 4)
    contains(terminal.said, 'syscare: rescan: not authorised')


@case
def one_password_one_order():
    """a password counts for one order: the next one is asked for again"""
    terminal = asked('patchadmin', 'rescan')
    terminal.type('patchpw1\n')
    equal(terminal.end(), 0)
    terminal = asked('patchadmin', 'rescan')
    terminal.type('patchpw1\n')
    equal(terminal.end(), 0)


@case
def no_ask_password():
    """with --no-ask-password nothing is asked: status 4 at once, with a hint"""
    terminal = as_user('patchadmin', 'rescan', '--no-ask-password')
    equal(terminal.end(), 4)
    equal('Password' in terminal.said, False)
    contains(terminal.said, 'syscare: rescan: authentication is needed')


@case
def no_terminal():
    """without a terminal nothing is asked: status 4, with a hint"""
    done = syscare('rescan', user='patchuser', status=4)
    line, hint = error_form(done)
    contains(line, 'authentication is needed')
    contains(hint, '--no-ask-password')


@case
def interrupted_question():
    """Ctrl-C at the password ends it, gives the terminal its echo back, and nothing is done"""
    terminal = asked('patchadmin', 'rescan')
    terminal.interrupt()
    equal(terminal.end(), 1)
    contains(terminal.said, 'cancelled')


@case
def echo_after_interrupt():
    """a shell's terminal shows what is typed again after an interrupted question"""
    home = pwd.getpwnam('patchadmin').pw_dir
    env = environment(HOME=home, USER='patchadmin', LOGNAME='patchadmin', TERM='xterm')
    terminal = Terminal(['runuser', '-u', 'patchadmin', '--', 'sh', '-c', f'trap : INT; {SYSCARE} rescan; echo BACK; read x'], env)
    terminal.until('Password:')
    terminal.until_echo(False)
    terminal.interrupt()
    terminal.until('BACK')
    equal(terminal.echoes(), True)
    terminal.type('\n')
    terminal.end()


@case
def root_is_not_asked():
    """root on a terminal is not asked"""
    terminal = Terminal([SYSCARE, 'rescan'], environment(TERM='xterm'))
    equal(terminal.end(), 0)
    equal('Password' in terminal.said, False)


@case
def reading_asks_nobody():
    """list and history need no password from anybody"""
    for words in (['list'], ['history']):
        terminal = as_user('patchuser', *words)
        equal(terminal.end(), 0)
        equal('Password' in terminal.said, False)


if os.getuid() != 0:
    print('1..1\nnot ok 1 - the password tests run as root in a private world')
    raise SystemExit(1)
main()
