#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A release archive carries the page built: whoever builds from it needs neither Node.js nor the network, and gets the same page.

    release.py BUILT_PAGE

Archives what is committed, as `meson dist` does; the page in it is made from the files as they are now."""
import filecmp
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'gtk'))
import tap  # noqa: E402

PAGE, = sys.argv[1:]
WITHOUT = ('node', 'nodejs', 'npm', 'npx')


def run(*command, **more):
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8',
                          errors='replace', **more)
    if done.returncode:
        raise AssertionError(f'{" ".join(command)}: {done.returncode}\n{done.stdout[-2000:]}')
    return done.stdout


def files(folder):
    return sorted(os.path.relpath(os.path.join(parent, name), folder) for parent, _, names in os.walk(folder) for name in names)


def path_without_node(folder):
    """A folder with all programs of PATH but Node.js."""
    os.makedirs(folder)
    for part in os.environ['PATH'].split(':'):
        for name in os.listdir(part) if os.path.isdir(part) else ():
            if name not in WITHOUT and not os.path.lexists(os.path.join(folder, name)):
                os.symlink(os.path.join(part, name), os.path.join(folder, name))
    return folder


class Release:
    def __init__(self, work):
        self.work = work
        self.source = ''
        self.installed = os.path.join(work, 'installed', 'usr', 'share')


def test_archive(release):
    """meson dist writes an archive with the page in it"""
    # In a tree of its own: the archive is written into the build tree, which others are reading.
    tree = os.path.join(release.work, 'tree')
    run('meson', 'setup', '-Dprefix=/usr', '-Dgui=disabled', '-Dcockpit=enabled', tree, TOP)
    run('meson', 'dist', '-C', tree, '--no-tests', '--allow-dirty', '--formats', 'gztar')
    made, = [name for name in os.listdir(os.path.join(tree, 'meson-dist')) if name.endswith('.tar.gz')]
    with tarfile.open(os.path.join(tree, 'meson-dist', made)) as archive:
        archive.extractall(release.work)
    release.source = os.path.join(release.work, made.removesuffix('.tar.gz'))
    assert os.path.exists(os.path.join(release.source, 'cockpit', 'dist', 'manifest.json')), files(os.path.join(release.source, 'cockpit'))
    assert not os.path.exists(os.path.join(release.source, 'cockpit', 'node_modules'))


def test_install(release):
    """without Node.js and without the network the page is installed from it"""
    tree = os.path.join(release.work, 'second')
    environment = {**os.environ, 'PATH': path_without_node(os.path.join(release.work, 'bin')), 'HOME': release.work}
    assert not any(shutil.which(name, path=environment['PATH']) for name in WITHOUT)
    alone = ['unshare', '--net'] if os.geteuid() == 0 else ['unshare', '--map-root-user', '--net']
    run(*alone, 'meson', 'setup', '-Dprefix=/usr', '-Dgui=disabled', '-Dcockpit=enabled', tree, release.source, env=environment)
    run(*alone, 'ninja', '-C', tree, 'cockpit/org.openeuler.SysCare.cockpit.metainfo.xml', env=environment)
    run(*alone, 'meson', 'install', '-C', tree, '--no-rebuild', '--tags', 'cockpit', '--destdir', os.path.join(release.work, 'installed'),
        env=environment)
    assert files(release.installed)[-1] == 'metainfo/org.openeuler.SysCare.cockpit.metainfo.xml', files(release.installed)


def test_same(release):
    """it is the page that this build made, byte for byte"""
    page = os.path.join(release.installed, 'cockpit', 'syscare')
    names = files(PAGE)
    assert names == files(page) != [], (names, files(page))
    same, other, failed = filecmp.cmpfiles(PAGE, page, names, shallow=False)
    assert (other, failed) == ([], []) and len(same) > 5, (same, other, failed)


with tempfile.TemporaryDirectory() as folder:
    sys.exit(tap.run(sys.modules['__main__'], Release(folder)))
