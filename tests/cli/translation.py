#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The translations are whole: every marked text of the sources has one, and syscare speaks it."""
import glob
import os
import re
import subprocess
import tempfile

from tap import SOURCE, case, contains, environment, equal, error_form, main, syscare

PO = os.path.join(SOURCE, 'po')
MARKED = re.compile(r'(?<!\w)(?:N?_|ngettext) ?\("')


def lines(name):
    with open(os.path.join(PO, name), encoding='utf-8') as file:
        return [line.strip() for line in file if line.strip() and not line.startswith('#')]


def run(*command, **more):
    return subprocess.run(command, cwd=SOURCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8', check=True, **more).stdout


LANGUAGES = lines('LINGUAS')
SOURCES = lines('POTFILES.in')


@case
def every_source_is_listed():
    """every file of the command line with a text to translate is in POTFILES.in, and every file there exists"""
    marked = set()
    for path in glob.glob(os.path.join(SOURCE, 'cli', '*.c')) + [os.path.join(SOURCE, 'libpatch', 'base', 'error.c')]:
        with open(path, encoding='utf-8') as file:
            if MARKED.search(file.read()):
                marked.add(os.path.relpath(path, SOURCE))
    equal(marked - set(SOURCES), set())
    for name in SOURCES:
        equal(os.path.isfile(os.path.join(SOURCE, name)), True, name)


@case
def every_text_is_translated():
    """each language has a translation of every text of the command line and of libpatch's errors, with the same placeholders"""
    with tempfile.TemporaryDirectory() as folder:
        template = os.path.join(folder, 'syscare.pot')
        sources = [name for name in SOURCES if name.startswith(('cli/', 'libpatch/'))]
        run('xgettext', '--from-code=UTF-8', '--keyword=_', '--keyword=N_', '--keyword=C_:1c,2', '--keyword=ngettext:1,2', '-o', template,
            *sources)
        for language in LANGUAGES:
            catalog = os.path.join(PO, language + '.po')
            run('msgcmp', '--no-fuzzy-matching', catalog, template)
            contains(run('msgfmt', '--check', '--statistics', '-o', os.devnull, catalog, env={**os.environ, 'LC_ALL': 'C', 'LANGUAGE': ''}),
                     'translated messages.')


@case
def speaks_chinese():
    """help and errors come in Chinese where it is asked for, JSON stays as it is"""
    with tempfile.TemporaryDirectory() as folder:
        messages = os.path.join(folder, 'zh_CN', 'LC_MESSAGES')
        os.makedirs(messages)
        run('msgfmt', '-o', os.path.join(messages, 'syscare.mo'), os.path.join(PO, 'zh_CN.po'))
        env = environment(LC_ALL='C.UTF-8', LANGUAGE='zh_CN', SYSCARE_LOCALE_DIR=folder)
        contains(syscare('help', env=env).stdout, '列出本机的补丁')
        contains(error_form(syscare('apply', env=env, status=2))[0], '缺少参数')
        contains(error_form(syscare('inspect', '/etc/passwd', env=env, status=7))[0], '补丁已损坏')
        equal(syscare('help', '--json', env=env).stdout, syscare('help', '--json').stdout)


main()
