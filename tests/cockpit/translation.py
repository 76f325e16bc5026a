#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The page's texts are whole: every marked text is listed, is found by xgettext too, and has a translation that the page gets.

    translation.py BUILT_PAGE"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'gtk'))
import tap  # noqa: E402

PAGE = sys.argv[1]
MARKED = re.compile(r'\b(?:N?_|ngettext)\(\s*"((?:[^"\\]|\\.)*)"')


def marked():
    """Texts by source file."""
    found = {}
    for path in glob.glob(os.path.join(TOP, 'cockpit', 'src', '**', '*.ts*'), recursive=True):
        with open(path, encoding='utf-8') as file:
            texts = {json.loads(f'"{text}"') for text in MARKED.findall(file.read())}
        if texts:
            found[os.path.relpath(path, TOP)] = texts
    return found


def listed():
    with open(os.path.join(TOP, 'po', 'POTFILES.in'), encoding='utf-8') as file:
        return {line.strip() for line in file if line.startswith('cockpit/')}


def languages():
    with open(os.path.join(TOP, 'po', 'LINGUAS'), encoding='utf-8') as file:
        return [line.strip() for line in file if line.strip() and not line.startswith('#')]


def run(*command):
    done = subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8', check=False)
    assert done.returncode == 0, f'{" ".join(command[:3])}: {done.stdout}'
    return done.stdout


def test_listed():
    """every source of the page with a text is in POTFILES.in, and every one there exists"""
    assert listed() == set(marked()), listed() ^ set(marked())


def test_translated():
    """every text of the page has a translation in every language, with the same placeholders"""
    with tempfile.TemporaryDirectory() as folder:
        template = os.path.join(folder, 'page.pot')
        run('xgettext', '--from-code=UTF-8', '--language=JavaScript', '--keyword=_', '--keyword=N_', '--keyword=ngettext:1,2', '-o', template,
            *sorted(listed()))
        with open(template, encoding='utf-8') as file:
            seen = file.read().count('\nmsgid "') - 1
        assert seen == len(set().union(*marked().values())), f"{seen} of {len(set().union(*marked().values()))}"
        for language in languages():
            run('msgcmp', '--no-fuzzy-matching', os.path.join(TOP, 'po', language + '.po'), template)
            run('msgfmt', '--check', '-o', os.devnull, os.path.join(TOP, 'po', language + '.po'))


def test_delivered():
    """the built page brings every text in every language, and the manifest's label for the menu"""
    for language in languages():
        with open(os.path.join(PAGE, f'po.{language}.js'), encoding='utf-8') as file:
            catalog = file.read()
        for texts in marked().values():
            for text in texts:
                assert json.dumps(text, ensure_ascii=False) + ': [' in catalog, text
        with open(os.path.join(PAGE, f'po.manifest.{language}.js'), encoding='utf-8') as file:
            assert '"Hot Patches": [' in file.read()


def test_small():
    """the page is no heavier than what a browser takes in at once: 400 KiB of packed code and style"""
    size = sum(os.path.getsize(os.path.join(PAGE, name)) for name in ('index.js.gz', 'index.css.gz', 'start.js'))
    print(f'# {size // 1024} KiB')
    assert size < 400 * 1024, size


sys.exit(tap.run(sys.modules['__main__']))
