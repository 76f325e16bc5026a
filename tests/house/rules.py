#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules of the house that a program can read off the files: layers, manners, licences. TAP on standard output.

Must not know what any file does. A rule that gets in the way of good code is changed here, with its reason."""
import os
import re
import subprocess
import sys

from checks import run_checks

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# docs/architecture.md, "Who may use whom": a room of libpatch may use those with a smaller number.
LAYERS = {'base': 0, 'elf': 1, 'arch': 2, 'format': 3, 'diff': 4, 'store': 4, 'process': 5, 'user': 6, 'kernel': 6, 'build': 7}
STORE_USES = {'base', 'elf', 'arch', 'format'}
# The other houses, and which headers outside of themselves they may include.
HOUSES = {'service': {'libpatch'}, 'cli': {'libpatch'}, 'gui': set()}

# Hosts that the tree may name: specifications, licences, identifiers, and the reserved ones. Package sources are derived from the
# machine's own settings, so no host of theirs is here.
HOSTS = {'www.gnu.org', 'www.freedesktop.org', 'specifications.freedesktop.org', 'www.w3.org', 'www.cve.org', 'docs.oasis-open.org', 'localhost', '127.0.0.1',
         'example.org', 'example.com', 'www.example.org', 'github.com', 'gitee.com', 'json-schema.org', 'spdx.org', 'security-tracker.debian.org',
         'www.debian.org', 'refspecs.linuxfoundation.org', 'docs.kernel.org', 'www.kernel.org', 'gitlab.com', 'www.openeuler.org', 'openeuler.org',
         'cockpit-project.org', 'reproducible-builds.org', 'dwarfstd.org', 'developer.arm.com', 'www.intel.com', 'fsf.org', 'www.fsf.org'}

BUS_HEADERS = re.compile(r'#\s*include\s*[<"](polkit|gtk|adwaita|dbus/|systemd/sd-bus|libpolkit)')
BUS_NAMES = re.compile(r'\b(g_dbus_\w+|GDBus\w+|sd_bus_\w+|g_bus_\w+)')
SAYS = re.compile(r'(?<![\w.>])(g_print|g_printerr|g_message|g_warning|g_critical|g_debug|g_info|g_error|g_log\w*|printf|vprintf|puts|perror|'
                  r'syslog|exit|abort)\s*\(|\bfprintf\s*\(\s*std(?:err|out)')
# Places outside of the tree that only its makers had.
OUTSIDE = re.compile(r'\.\./shared|(?<![\w.])/work(?:/|\b)(?=[\w.]*)|(?<=/)\.library\b')
SOURCE = ('.c', '.h', '.py', '.sh', '.js', '.ts', '.tsx')
MAX_LINES = 800


def files():
    """The tree's own files, as names relative to its top."""
    done = subprocess.run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], cwd=TOP, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False)
    if done.returncode == 0 and done.stdout:
        names = done.stdout.decode().split('\0')
    else:  # unpacked from an archive
        names = [os.path.relpath(os.path.join(folder, name), TOP) for folder, folders, here in os.walk(TOP) for name in here]
        names = [name for name in names if not re.match(r'(build[^/]*|out|node_modules|\.git)/', name)]
    return sorted(name for name in set(names) if name and os.path.isfile(os.path.join(TOP, name)) and not os.path.islink(os.path.join(TOP, name)))


def text_of(name):
    """The text of a file; empty for binary ones (corpora, pictures)."""
    with open(os.path.join(TOP, name), 'rb') as file:
        data = file.read()
    return '' if b'\0' in data else data.decode('utf-8', 'replace')


FILES = files()
TEXT = {name: text_of(name) for name in FILES}
CODE = [name for name in FILES if name.endswith(('.c', '.h'))]
THIS = 'tests/house/rules.py'


def without_comments(text):
    """C text with comments and string contents blanked, line structure kept."""
    def blank(match):
        return match[0] if match[0].startswith("'") else re.sub(r'[^\n]', ' ', match[0])
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


def lines_matching(pattern, names, strip=False):
    for name in names:
        text = without_comments(TEXT[name]) if strip else TEXT[name]
        for number, line in enumerate(text.splitlines(), 1):
            match = pattern.search(line)
            if match:
                yield f'{name}:{number}: {match[0].strip()}'


def room_of(name):
    parts = name.split('/')
    return parts[1] if parts[0] == 'libpatch' and len(parts) > 2 else None


def included_rooms(name):
    """Rooms of libpatch whose headers @name includes, with the line."""
    for match in re.finditer(r'^\s*#\s*include\s*"([^"]+)"', TEXT[name], re.M):
        parts = match[1].split('/')
        parts = parts[1:] if parts[0] == 'libpatch' else parts
        if len(parts) == 2 and parts[0] in LAYERS:
            yield parts[0], match[1]


def layers():
    """A room of libpatch uses only the rooms below it"""
    for name in CODE:
        room = room_of(name)
        if room is None:
            continue
        if room not in LAYERS:
            yield f'{name}: {room} is no room of libpatch; add it to the layers first'
            continue
        for used, header in included_rooms(name):
            if used == room:
                continue
            if LAYERS[used] >= LAYERS[room] or (room == 'store' and used not in STORE_USES):
                yield f'{name}: {room} may not include {header}'


def houses():
    """Service and command line use libpatch, the window only the bus, and none of them another"""
    for name in CODE:
        house = name.split('/')[0]
        if house not in HOUSES and house != 'libpatch':
            continue
        if 'libpatch' not in HOUSES.get(house, {'libpatch'}):
            yield from (f'{name}: {house} may not include {header}' for _, header in included_rooms(name))
        for other in set(HOUSES) - {house}:
            yield from (f'{name}: includes {match[1]} of {other}' for match in re.finditer(rf'^\s*#\s*include\s*"({other}/[^"]+)"', TEXT[name], re.M))


def libpatch_code():
    return [name for name in CODE if name.startswith('libpatch/')]


def no_bus_in_libpatch():
    """libpatch knows no bus, no polkit and no toolkit"""
    yield from lines_matching(BUS_HEADERS, libpatch_code())
    yield from lines_matching(BUS_NAMES, libpatch_code(), strip=True)


def libpatch_is_silent():
    """libpatch never logs and never exits"""
    yield from lines_matching(SAYS, libpatch_code(), strip=True)


def no_goto():
    """C code has no goto"""
    yield from lines_matching(re.compile(r'\bgoto\s+\w+\s*;'), CODE, strip=True)


def short_files():
    """No source file is longer than 800 lines"""
    for name in FILES:
        if name.endswith(SOURCE) and TEXT[name].count('\n') > MAX_LINES:
            yield f'{name}: {TEXT[name].count(chr(10))} lines'


def whole_tree():
    """The tree refers to nothing that a clone doesn't have"""
    yield from lines_matching(OUTSIDE, [name for name in FILES if name != THIS])


def known_hosts():
    """Only known hosts are named: package sources come from the machine's own settings"""
    pattern = re.compile(r'\b(?:https?|ftp)://([^/\s"\'<>)\]:,;`]+)')
    for name in FILES:
        for match in pattern.finditer(TEXT[name]) if not name.startswith('LICENSE') else ():
            host = match[1].rstrip('.').lower()
            if '.' in host and host not in HOSTS and not re.search(r'[%$@{*\\]', host):
                yield f'{name}: {match[0]}'


def run_bits():
    """What starts with an interpreter's name can be run, and what can be run does"""
    for name in FILES:
        if TEXT[name].startswith('#!') and not os.access(os.path.join(TOP, name), os.X_OK):
            yield f'{name}: starts with #! but has no run bit'
        if name.endswith(('.c', '.h', '.build', '.md', '.xml')) and os.access(os.path.join(TOP, name), os.X_OK):
            yield f'{name}: has a run bit'


def licences():
    """Every source file says its licence, and libpatch says LGPL"""
    for name in FILES:
        if not name.endswith(SOURCE) or not TEXT[name].strip():
            continue
        match = re.search(r'SPDX-License-Identifier: ([\w.-]+)', '\n'.join(TEXT[name].splitlines()[:3]))
        wanted = 'LGPL-2.1-or-later' if name.startswith('libpatch/') else 'GPL-2.0-or-later'
        if not match:
            yield f'{name}: no SPDX line at its start'
        elif match[1] != wanted:
            yield f'{name}: {match[1]} instead of {wanted}'


def purposes():
    """Every C file says at its start what it is for"""
    for name in CODE:
        if name.startswith(('libpatch/', 'service/', 'cli/', 'gui/')):
            rest = re.sub(r'\A\s*/\*\s*SPDX[^\n]*\n', '', TEXT[name])
            if not rest.lstrip().startswith(('/*', '//')):
                yield f'{name}: no comment before the code'


RULES = [layers, houses, no_bus_in_libpatch, libpatch_is_silent, no_goto, short_files, whole_tree, known_hosts, run_bits, licences, purposes]


def main():
    failures = run_checks(RULES)
    return 1 if failures or not CODE else 0


if __name__ == '__main__':
    sys.exit(main())
