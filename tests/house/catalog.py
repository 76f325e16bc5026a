#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal's catalogs explain what the service logs: each message id of the code in each language, and nothing else; every
field that a text refers to is one that is sent. systemd's own compiler reads them. TAP."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CATALOGS = {'': 'syscared.catalog', 'zh_CN': 'syscared.zh_CN.catalog'}


def read(*parts):
    with open(os.path.join(TOP, *parts), encoding='utf-8') as file:
        return file.read()


def ids_in_code():
    return dict(re.findall(r'#define (SC_MESSAGE_\w+) "([0-9a-f]{32})"', read('service', 'log.h')))


def entries(name):
    """Message id -> (headers, text)."""
    found = {}
    parts = re.split(r'^-- (\S+)\n', read('data', 'systemd', name), flags=re.M)[1:]
    for number, body in zip(parts[::2], parts[1::2]):
        assert number not in found, f'{name}: {number} comes twice'
        head, _, text = body.partition('\n\n')
        found[number] = (dict(line.split(': ', 1) for line in head.splitlines()), text.strip())
    return found


def each_id_has_entries():
    wanted = set(ids_in_code().values())
    assert len(wanted) == len(ids_in_code()) > 5, 'two kinds of record have the same id'
    for name in CATALOGS.values():
        have = set(entries(name))
        assert have == wanted, f'{name}: without an entry: {sorted(wanted - have)}; of no record: {sorted(have - wanted)}'


def each_id_is_used():
    code = ''.join(read('service', os.path.basename(path)) for path in glob.glob(os.path.join(TOP, 'service', '*.c')))
    for name in ids_in_code():
        assert re.search(rf'\b{name}\b', code), f'{name} is never logged'
    for call in re.findall(r'sc_log \(.*?;', code, flags=re.S):
        assert 'SC_MESSAGE_' in call or call.startswith('sc_log (GLogLevelFlags'), f'a record without an id: {call}'


def fields_are_sent():
    sent = set(re.findall(r'"(SYSCARE_[A-Z_]+)"', read('service', 'log.c')))
    for name in CATALOGS.values():
        for number, (head, text) in entries(name).items():
            for field in re.findall(r'@(\w+)@', head['Subject'] + text):
                assert field in sent, f'{name}: {number} refers to {field}, which is no field'


def entries_are_whole():
    english = entries(CATALOGS[''])
    for language, name in CATALOGS.items():
        for number, (head, text) in entries(name).items():
            assert set(head) == {'Subject', 'Defined-By', 'Documentation'}, (name, number, head)
            assert head['Documentation'] == english[number][0]['Documentation'], (name, number)
            fields = [sorted(re.findall(r'@\w+@', part)) for part in (head['Subject'], english[number][0]['Subject'])]
            assert fields[0] == fields[1], f'{name}: {number}: other fields than the English one'
            assert text and (language == '') == (head['Subject'] + text).isascii(), f'{name}: {number}: not in its language'
            for page in re.findall(r'man:(\S+)\((\d)\)', head['Documentation']):
                ours = os.path.join(TOP, 'docs', f'{page[0]}.{page[1]}')
                assert page[0] == 'polkit' or os.path.isfile(ours), f'{name}: {number}: no page {page}'


def systemd_reads_them():
    with tempfile.TemporaryDirectory() as root:
        folder = os.path.join(root, 'usr/lib/systemd/catalog')
        os.makedirs(folder)
        os.makedirs(os.path.join(root, 'var/lib/systemd/catalog'))
        for name in CATALOGS.values():
            shutil.copy(os.path.join(TOP, 'data', 'systemd', name), folder)
        done = subprocess.run(['journalctl', f'--root={root}', '--update-catalog'], capture_output=True, encoding='utf-8', check=False)
        assert done.returncode == 0 and not done.stderr.strip(), done.stderr
        listed = subprocess.run(['journalctl', f'--root={root}', '--list-catalog'], capture_output=True, encoding='utf-8', check=True,
                                env={**os.environ, 'LC_ALL': 'C.UTF-8'}).stdout
        seen = {line.split()[0] for line in listed.splitlines()}
        assert seen == set(ids_in_code().values()), f'{listed}{done.stderr}'


CASES = {
    'every message id of the code has an entry in every language, and every entry an id': each_id_has_entries,
    'every message id is logged, and nothing without one': each_id_is_used,
    'texts refer to fields that are sent': fields_are_sent,
    'entries are whole, in their language and name pages that exist': entries_are_whole,
    'journalctl --update-catalog takes them without a word': systemd_reads_them,
}


def main():
    failed = 0
    print(f'1..{len(CASES)}')
    for number, (sentence, check) in enumerate(CASES.items(), 1):
        try:
            check()
            print(f'ok {number} {sentence}')
        except (AssertionError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            failed += 1
            print(f'not ok {number} {sentence}')
            print('\n'.join('# ' + line for line in str(error).splitlines()))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
