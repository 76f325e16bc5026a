#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Brings Node's side of the page together with meson's: fetches the modules that the lock file names, and runs their programs on a
copy of the sources. Nothing is written into the source tree; the modules are kept in the user's cache, one folder per lock file.

    make.py modules                          fetches the modules when they are missing, and prints their folder
    make.py page WORK OUT DEPFILE            the page, as Cockpit serves it, in OUT
    make.py run WORK COMMAND...              any command of the modules, in the copy

Must not know what the page does."""
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PO = os.path.join(os.path.dirname(HERE), 'po')
MANIFESTS = ('package.json', 'package-lock.json', '.npmrc')
COPIED = (*MANIFESTS, 'tsconfig.json', 'eslint.config.js', 'build.js', 'po.js', 'src', 'test')


def modules():
    """The folder with node_modules for the present lock file; fetched by `npm ci` the first time."""
    with open(os.path.join(HERE, 'package-lock.json'), 'rb') as file:
        name = 'cockpit-' + hashlib.sha256(file.read()).hexdigest()[:16]
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'syscare', name)
    os.makedirs(cache, exist_ok=True)
    done = os.path.join(cache, 'complete')
    with open(os.path.join(cache, 'lock'), 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(done):
            for manifest in MANIFESTS:
                shutil.copy(os.path.join(HERE, manifest), cache)
            subprocess.run(['npm', 'ci', '--prefer-offline', '--silent'], cwd=cache, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
            with open(done, 'w', encoding='utf-8'):
                pass
    return os.path.join(cache, 'node_modules')


def copy_sources(work):
    os.makedirs(work, exist_ok=True)
    for name in COPIED:
        source, target = os.path.join(HERE, name), os.path.join(work, name)
        if os.path.isdir(source):
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)
        elif os.path.exists(source):
            shutil.copy(source, target)
    link = os.path.join(work, 'node_modules')
    if os.path.lexists(link):
        os.unlink(link)
    os.symlink(modules(), link)


def source_files():
    for name in (*COPIED, '../po'):
        path = os.path.normpath(os.path.join(HERE, name))
        if os.path.isdir(path):
            for folder, _, names in os.walk(path):
                yield from (os.path.join(folder, found) for found in names)
        elif os.path.exists(path):
            yield path


def page(work, out, depfile):
    work, out = os.path.abspath(work), os.path.abspath(out)
    copy_sources(work)
    subprocess.run(['node', 'build.js', out, PO], cwd=work, check=True, stdin=subprocess.DEVNULL)
    with open(depfile, 'w', encoding='utf-8') as file:
        file.write(f'{os.path.relpath(out)}: ' + ' '.join(path.replace(' ', '\\ ') for path in sorted(source_files())) + '\n')


def run(work, *command):
    copy_sources(work)
    environment = {**os.environ, 'PATH': os.path.join(modules(), '.bin') + ':' + os.environ['PATH']}
    return subprocess.run(command, cwd=work, check=False, env=environment).returncode


def main():
    what, *arguments = sys.argv[1:]
    if what == 'modules':
        print(modules())
        return 0
    if what == 'page':
        page(*arguments)
        return 0
    if what == 'run':
        return run(*arguments)
    sys.exit(__doc__)


if __name__ == '__main__':
    sys.exit(main())
