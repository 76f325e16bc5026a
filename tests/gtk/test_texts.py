#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""No text of the window is left untranslated: every file with texts is listed, every text of them has a translation, and the
running window in Chinese says nothing in English but names.

    test_texts.py PROGRAM INTERFACES SCHEMAS LOCALES"""

import glob
import os
import re
import subprocess
import sys
import tempfile

import harness
import tap
from harness import until

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MARKED = re.compile(r'\b(?:N?_|ngettext) ?\("|translatable="yes"')
# What a reader of Chinese sees in Latin letters, too: names, ids and the mock's own words, which are data of patches and processes.
DATA = re.compile(r'HP\d+|CVE-|[a-f0-9]{16}|/|·|\d|_|\.so|CN=|UUID|Build-ID|BSD|SysCare|x86_64|^[a-z]+(-[a-z]+)*$')
WIDGET_NAMES = re.compile(r'^(Gtk|Adw|Sc)[A-Z]\w+$')  # GTK 4.8 tells the type of a widget without a name


def listed():
    with open(os.path.join(TOP, 'po/POTFILES.in'), encoding='utf-8') as file:
        return [line.strip() for line in file if line.strip() and not line.startswith('#')]


def test_files(_desktop):
    """every file of the window that has texts is in POTFILES.in"""
    marked = set()
    for path in glob.glob(TOP + '/gui/**/*.[ch]', recursive=True) + glob.glob(TOP + '/gui/ui/*.ui'):
        with open(path, encoding='utf-8') as file:
            if MARKED.search(file.read()):
                marked.add(os.path.relpath(path, TOP))
    marked |= {os.path.relpath(path, TOP) for path in glob.glob(TOP + '/data/desktop/*.desktop.in') + glob.glob(TOP + '/data/metainfo/*.in')}
    assert not marked - set(listed()), marked - set(listed())


def test_catalog(_desktop):
    """every text has a Chinese translation, and its placeholders are the same"""
    with tempfile.TemporaryDirectory() as folder:
        template = folder + '/gui.pot'
        files = [name for name in listed() if name.startswith(('gui/', 'data/'))]
        subprocess.run(['xgettext', '--from-code=UTF-8', '--keyword=_', '--keyword=N_', '--keyword=ngettext:1,2', '-o', template, *files],
                       cwd=TOP, check=True)
        done = subprocess.run(['msgcmp', '--no-fuzzy-matching', TOP + '/po/zh_CN.po', template], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        subprocess.run(['msgfmt', '--check', '-o', os.devnull, TOP + '/po/zh_CN.po'], check=True)


def english(app):
    return sorted({line for text in app.texts() for line in text.split('\n')
                   if re.search('[A-Za-z]{3}', line) and not re.search('[\u4e00-\u9fff]', line)
                   and not DATA.search(line) and not WIDGET_NAMES.match(line)})


def test_window(desktop):
    """the window in Chinese has no English text on any page"""
    app = desktop.app
    until(lambda: len(app.row_names()) == 13, 'the list')
    known = described()
    for name in ('HP001 · redis', 'HP102', 'HP009'):
        app.select(name)
        for page in ('概览', '进程', '历史'):
            app.click(page)
            left = [text for text in english(app) if text not in known]
            assert not left, left
    desktop.kill_mock()
    app.see('补丁服务未安装')
    assert not english(app), english(app)


def described():
    """The descriptions of the mock's patches and the reasons of its processes: they come from the service as they are."""
    import scene
    texts = set()
    for patch in scene.scene():
        texts |= {patch['Description'], *patch['Description'].split('\n'), *patch['Functions'], patch['TargetObject']}
        for process in patch['_processes'] or []:
            texts |= {process['Command'], process['Reason'], process['Detail']}
    return texts | {'Minimize', 'Maximize', 'Close', 'Minimize the window', 'Maximize the window', 'Close the window'}  # GTK's own


def main():
    program, interfaces, schemas, locales = sys.argv[1:5]
    os.environ['SYSCARE_LOCALE_DIR'] = locales
    with harness.Desktop(program, interfaces, schemas=schemas) as desktop:
        desktop.start_mock()
        desktop.start_app(environment={'LANGUAGE': 'zh_CN'})
        desktop.app.resize(1100, 760)
        return tap.run(sys.modules['__main__'], desktop, on_failure=desktop.picture_of_failure)


if __name__ == '__main__':
    sys.exit(main())
