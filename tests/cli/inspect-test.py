#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""syscare inspect on bundles: sound ones in every form, and damaged ones. Needs no service."""
import json
import os
import re
import shutil
import subprocess
import tempfile

from tap import SYSCARE, case, contains, equal, error_form, main, syscare

MAKE = os.environ['MAKE_BUNDLE']


def in_folder(function):
    """Calls @function with a folder and a fresh bundle of two objects in it."""
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run([MAKE, folder, 'HP007', '2'], stdout=subprocess.PIPE, encoding='utf-8', check=True).stdout.strip()
        return function(folder, made)


def archives(folder, bundle, name, option):
    path = os.path.join(folder, name)
    subprocess.run(['tar', option, '--create', '--file', path, '--directory', folder, os.path.basename(bundle)], check=True)
    return path


@case
def every_form():
    """a directory, its patch.json, an entity in it and an archive (gzip, xz, zstd) show the same"""
    def run(folder, bundle):
        text = syscare('inspect', bundle).stdout
        for part in ('sample-1.0-1/HP007/object-1', 'answer', '0x401000', 'identical', 'after the first instruction', 'answer.c',
                     'CVE-2026-0002', 'Left out:', 'tests/unit/a.tcl: hunk 1', 'Every digest, UUID and Build-ID agrees.'):
            contains(text, part)
        forms = [os.path.join(bundle, 'patch.json'), os.path.join(bundle, 'object-1.entity'), bundle + '/']
        forms += [archives(folder, bundle, name, option)
                  for name, option in (('a.tar', '--format=ustar'), ('a.tgz', '--gzip'), ('a.txz', '--xz'), ('a.tzst', '--zstd'))]
        for form in forms:
            equal(syscare('inspect', form).stdout, text, form)
    in_folder(run)


@case
def output_that_gets_lost():
    """output that can't be written (a full disk) is an error, not a success"""
    def run(_folder, bundle):
        for words in (('inspect', bundle), ('inspect', bundle, '--json'), ('help',)):
            with open('/dev/full', 'w', encoding='utf-8') as full:
                done = subprocess.run([SYSCARE, *words], stdout=full, stderr=subprocess.PIPE, encoding='utf-8', check=False)
            equal(done.returncode, 1, words)
            contains(done.stderr, "the output can't be written")
    in_folder(run)


@case
def json_form():
    """--json has the manifest as it is on disk and what the entities say"""
    def run(folder, bundle):
        shown = json.loads(syscare('inspect', bundle, '--json').stdout)
        with open(os.path.join(bundle, 'patch.json'), encoding='utf-8') as file:
            equal(shown['manifest'], json.load(file))
        equal(shown['verified'], True)
        equal(shown['directory'], bundle)
        equal([o['uuid'] for o in shown['objects']], [o['uuid'] for o in shown['manifest']['objects']])
        equal(shown['objects'][0]['functions'][0]['old_address'], 0x401000)
        equal(shown['objects'][0]['functions'][0]['redirect'], 'after-entry')
        alone = os.path.join(folder, 'alone')
        shutil.copy(os.path.join(bundle, 'object-0.entity'), alone)
        equal(json.loads(syscare('inspect', alone, '--json').stdout)['objects'][0]['digest'], shown['objects'][0]['digest'])
    in_folder(run)


def flip(path, offset):
    with open(path, 'r+b') as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


def cut(path):
    os.truncate(path, os.path.getsize(path) // 2)


def empty_it(path):
    os.truncate(path, 0)


def change_digest(path):
    """Another digit in the first digest of patch.json."""
    with open(path, encoding='utf-8') as file:
        text = file.read()
    at = re.search(r'"digest"\s*:\s*"', text).end()
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text[:at] + ('1' if text[at] == '0' else '0') + text[at + 1:])


@case
def damage():
    """a truncated, emptied, missing or bit-flipped entity or patch.json is refused with status 7 and one line"""
    harms = {'object-0.entity': [cut, empty_it, os.remove, lambda path: flip(path, 40), lambda path: flip(path, os.path.getsize(path) - 9)],
             'patch.json': [cut, empty_it, os.remove, lambda path: flip(path, 0), change_digest]}
    for name, ways in harms.items():
        for harm in ways:
            def run(_folder, bundle, name=name, harm=harm):
                harm(os.path.join(bundle, name))
                contains(error_form(syscare('inspect', bundle, status=7))[0], 'syscare: inspect ')
            in_folder(run)


@case
def wrong_files():
    """things that are no patch are named, with the right status"""
    with tempfile.TemporaryDirectory() as folder:
        error_form(syscare('inspect', '/etc/passwd', status=7))
        error_form(syscare('inspect', folder, status=7))
        error_form(syscare('inspect', folder + '/nothing', status=3))
        empty = os.path.join(folder, 'e.tgz')
        subprocess.run(['tar', '--gzip', '--create', '--file', empty, '--directory', '/etc', 'hostname'], check=True)
        contains(error_form(syscare('inspect', empty, status=7))[0], 'no patch.json')
        with open(empty, 'wb') as file:
            file.write(b'\x1f\x8bnot gzip at all')
        contains(error_form(syscare('inspect', empty, status=7))[0], "can't be unpacked")


@case
def no_traces():
    """unpacking leaves nothing behind"""
    def run(folder, bundle):
        archive = archives(folder, bundle, 'a.tgz', '--gzip')
        temporary = os.path.join(folder, 'tmp')
        os.mkdir(temporary)
        env = {**os.environ, 'TMPDIR': temporary}
        syscare('inspect', archive, env=env)
        equal(os.listdir(temporary), [])
    in_folder(run)


main()
