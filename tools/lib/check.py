#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds SysCare in every way that counts, runs its tests and reads its code; prints what it does and the sum.

Must not know what a single test does: it counts what meson, the compilers and the checkers report."""
import argparse
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITES = ['unit', 'live', 'bus', 'build', 'trigger', 'kernel', 'gtk', 'cockpit', 'corpus']
# Only by name: it builds redis and the product's package anew, for one story that the product's test tells of a smaller program.
BY_NAME = ['boot']
# What each suite runs in: None is the plain machine, as whoever calls; else the options of tools/world. A test that is also in the
# suite "outside" always runs on the plain machine, one that is also in "quick" belongs to --quick, one in "slow" doesn't.
WORLDS = {'unit': None, 'live': ['--bare'], 'kernel': None, 'boot': None}
JOBS = str(os.cpu_count() or 2)
FUZZ_SECONDS = '60'
SHOWN_LINES = 40
SHOWN_AGAIN = 6  # lines of each failure at the end of the run
SLOW_SECONDS = 10
TOLD_SECONDS = 60  # how often a suite that takes long says how far it is
# Programs of the bus suite that also run with a service, worker and trigger built with sanitizers. "table" makes the same calls as
# the others, for all (state, verb) pairs, and would take a minute more.
SANITIZED_BUS = ('authorisation', 'bad-input', 'bus-fuzz', 'jobs', 'requests', 'truth')
NICE = 10  # of what runs beside the suites
# By what the time limits in meson.build, which suit a machine at rest, are multiplied: on a slower one a test shall not fail for it.
PATIENCE = '4'

BUILDS = {
    'gcc': {'env': {'CC': 'gcc'}, 'options': ['-Dwerror=true']},
    'clang': {'env': {'CC': 'clang'}, 'options': ['-Dwerror=true']},
    'asan': {'env': {'CC': 'gcc'}, 'options': ['-Dwerror=true', '-Db_sanitize=address,undefined', '-Db_lundef=false']},
}
# Every report of a sanitizer fails the test that caused it.
SANITIZER_ENV = {
    'ASAN_OPTIONS': 'detect_leaks=1:abort_on_error=0:strict_string_checks=1:detect_stack_use_after_return=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
    'G_SLICE': 'always-malloc',
}


RUNNING = set()


class Tally:
    """What passed and what failed, and how long each part took."""

    def __init__(self):
        self.rows = []
        self.failures = []  # in words; said again at the end, where a log that was cut still has them
        self.started = time.monotonic()

    def add(self, name, passed, failed, seconds):
        self.rows.append((name, passed, failed, seconds))
        print(f'{"ok  " if not failed else "FAIL"} {name}: {passed} passed, {failed} failed, {seconds:.1f} s', flush=True)

    def report(self):
        print(f'\n{"part":<32} {"passed":>7} {"failed":>7} {"seconds":>8}')
        for name, passed, failed, seconds in self.rows:
            print(f'{name:<32} {passed:>7} {failed:>7} {seconds:>8.1f}')
        passed, failed = sum(row[1] for row in self.rows), sum(row[2] for row in self.rows)
        print(f'{"all":<32} {passed:>7} {failed:>7} {time.monotonic() - self.started:>8.1f}\n')
        if self.failures:
            print('What failed:\n' + '\n'.join(self.failures) + '\n')
        print(f'{passed} passed, {failed} failed')
        return 0 if failed == 0 and passed > 0 else 1


def run(command, env=None, log=None):
    """Runs @command to its end; returns its status and what it said."""
    with subprocess.Popen(command, cwd=TOP, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8', errors='replace') as process:
        RUNNING.add(process)
        try:
            text, _ = process.communicate()
        except BaseException:
            process.kill()
            raise
        finally:
            RUNNING.discard(process)
    if log:
        with open(log, 'w', encoding='utf-8') as file:
            file.write(text)
    return process.returncode, text


def end_all():
    """Whatever still runs, in any thread, ends with us."""
    for process in list(RUNNING):
        process.terminate()


def tail(text, lines=SHOWN_LINES):
    return '\n'.join('    ' + line for line in text.rstrip().splitlines()[-lines:])


def sources(*endings):
    """The project's own files with one of @endings: tracked, or new and not ignored."""
    _, listing = run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'])
    return sorted(name for name in set(listing.split('\0')) if name.endswith(endings) and os.path.exists(os.path.join(TOP, name)))


class Check:
    def __init__(self, folder, tally=None):
        self.folder = folder
        self.tally = tally or Tally()
        self.nice = 0
        self.built = set()

    def say(self, text):
        print(f'==== {text}', flush=True)

    def step(self, name, command, env=None):
        """One check that either holds or doesn't."""
        self.say(name)
        started = time.monotonic()
        log = os.path.join(self.folder, re.sub(r'\W+', '-', name) + '.log')
        status, text = run(self.politely(command), env, log)
        good = status == 0
        if not good:
            named = '\n'.join(line for line in text.splitlines() if re.search(r'\b(error|warning): ', line))
            print(tail(named or text) + f'\n    (whole output: {log})', flush=True)
            self.tally.failures.append(f'  {name}\n{tail(named or text, SHOWN_AGAIN)}')
        self.tally.add(name, int(good), int(not good), time.monotonic() - started)
        return good

    def politely(self, command):
        return ['nice', '-n', str(self.nice), *command] if self.nice else command

    # ---------------------------------------------------------------------------------------------- builds

    def tree(self, flavour):
        return os.path.join(self.folder, flavour)

    def build(self, flavour):
        tree, recipe = self.tree(flavour), BUILDS[flavour]
        setup = ['meson', 'setup', tree, TOP, '-Dprefix=/usr'] + recipe['options']
        if os.path.exists(os.path.join(tree, 'build.ninja')):
            setup.insert(2, '--reconfigure')
        elif os.path.exists(tree):
            setup.insert(2, '--wipe')  # an interrupted set-up
        script = 'set -e; ninja_tree=$1; shift; "$@"; exec ninja -j {} -C "$ninja_tree"'.format(JOBS)
        if self.step(f'{flavour} build', ['bash', '-c', script, 'build', tree] + setup, recipe['env']):
            self.built.add(flavour)
        return flavour in self.built

    # ---------------------------------------------------------------------------------------------- suites

    def known_tests(self, flavour):
        _, text = run(['meson', 'introspect', '--tests', self.tree(flavour)])
        tests = json.loads(text)
        for test in tests:
            test['suites'] = {suite.split(':')[-1] for suite in test['suite']}
        return tests

    def suite(self, flavour, suite, label=None, quick=False, only=()):
        """Runs the tests of @suite of one build; with @quick the unit tests that aren't slow and the quick ones of the others; with
        @only those programs, every one of which must be there."""
        tests = [test for test in self.known_tests(flavour)
                 if suite in test['suites'] and (not quick or ('slow' not in test['suites'] if suite == 'unit' else 'quick' in test['suites']))
                 and (test['name'] in only if only
                      else flavour == 'gcc' or 'outside' not in test['suites'])]  # those aren't about our binaries
        label = label or (f'suite {suite}' if flavour == 'gcc' else f'suite {suite} ({flavour})')
        if not tests:
            return None
        self.say(f'{label}: {len(tests)} test programs')
        started = time.monotonic()
        outside = [test for test in tests if 'outside' in test['suites']]
        inside = [test for test in tests if 'outside' not in test['suites']]
        world = WORLDS.get(suite, [])
        # What one test leaves in a service or in the system must not meet the next one: a world each, but for the live tests, which
        # share nothing.
        parts = [(inside, world)] if world is None or suite == 'live' else [([test], world) for test in inside]
        results = [self.run_tests(flavour, suite, some, where) for some, where in parts + [(outside, None)] if some]
        passed, failed = sum(result[0] for result in results), sum(result[1] for result in results)
        for name in sorted(set(only) - {test['name'] for test in tests}):
            print(f'  {name}: there is no such test any more')
            failed += 1
        self.tally.add(label, passed, failed, time.monotonic() - started)
        return failed == 0

    def run_tests(self, flavour, suite, tests, world):
        """Runs @tests in a world made with the options @world (None: on the plain machine)."""
        tree = self.tree(flavour)
        base = f'check-{suite}-' + ('outside' if world is None else re.sub(r'\W+', '-', tests[0]['name']) if len(tests) == 1 else 'inside')
        record = os.path.join(tree, 'meson-logs', base + '.json')
        if os.path.exists(record):
            os.unlink(record)
        command = ['meson', 'test', '-C', tree, '--no-rebuild', '--timeout-multiplier', PATIENCE, '--logbase', base]
        command += [test['name'] for test in tests]
        env = dict(SANITIZER_ENV) if flavour == 'asan' else {}
        if world is not None:
            env['SYSCARE_BUILD'] = tree
            logs = os.path.join(self.folder, 'world-' + base)
            command = [os.path.join(TOP, 'tools/world'), *world, '--rw', tree, '--logs', logs, '--'] + command
        log = os.path.join(self.folder, f'{flavour}-{base}.log')
        ended = threading.Event()
        threading.Thread(target=tell_progress, args=(record, [test['name'] for test in tests], ended), daemon=True).start()
        try:
            status, text = run(self.politely(command), env, log)
        finally:
            ended.set()
        passed, failed = self.count(record, {test['name']: test['protocol'] for test in tests})
        if status != 0 and failed == 0:
            failed = 1  # the run itself went wrong
        if failed:
            print(('' if passed else tail(text) + '\n') + f'    (whole output: {log})', flush=True)
        return passed, failed

    def count(self, record, protocols):
        """(passed, failed) out of meson's own record; each case of a TAP program counts, a skipped one as failed."""
        if not os.path.exists(record):
            return 0, max(1, len(protocols))
        passed = failed = 0
        seen = set()
        with open(record, encoding='utf-8') as file:
            results = [json.loads(line) for line in file if line.strip()]
        for result in results:
            name = name_of(result)
            seen.add(name)
            bad = []
            if protocols.get(name) == 'tap':
                good, bad = tap_cases(result.get('stdout', ''))
            else:
                good = 1 if result['result'] == 'OK' else 0
            if result['result'] not in ('OK', 'EXPECTEDFAIL') and not bad:
                bad = [f'the program as a whole: {result["result"]}']
            passed += good
            failed += len(bad)
            if result['duration'] > SLOW_SECONDS:
                print(f'  {name}: {result["duration"]:.0f} s')
            if bad:
                print(f'  {name} ({result["duration"]:.1f} s): ' + '; '.join(bad[:12]))
                print(tail((result.get('stdout') or '') + (result.get('stderr') or '')), flush=True)
                self.tally.failures.append('\n'.join([f'  {name}: {"; ".join(bad[:12])}'] + said_of_bad(result.get('stdout') or '')))
        for name in sorted(set(protocols) - seen):
            print(f'  {name}: did not run')
            self.tally.failures.append(f'  {name}: did not run')
            failed += 1
        return passed, failed

    # ---------------------------------------------------------------------------------------------- reading

    def layout(self):
        files = sources('.c', '.h')
        self.step('layout (clang-format)', [first_program('clang-format-14', 'clang-format'), '--dry-run', '-Werror'] + files)

    def scripts(self):
        first_lines = {name: first_line(name) for name in sources('') if os.path.isfile(os.path.join(TOP, name))}
        shell = [name for name, line in first_lines.items() if re.match(r'#!.*\b(ba|da)?sh$', line)]
        python = [name for name, line in first_lines.items() if re.match(r'#!.*python3?', line) or name.endswith('.py')]
        xml = [name for name, line in first_lines.items() if line.startswith('<?xml')]
        self.step('shell scripts (shellcheck)', ['shellcheck', '-S', 'warning', *shell])
        self.step('python (pyflakes)', ['pyflakes3', *python])
        self.step('XML (xmllint)', ['xmllint', '--nonet', '--noout', *xml])

    def lint(self):
        tree = self.tree('clang')
        files = [os.path.join(TOP, name) for name in sources('.c') if compiled(tree, name)]
        script = 'printf "%s\\0" "$@" | xargs -0 -P {} -n 4 {} --quiet -p "$0"'.format(JOBS, first_program('clang-tidy-14', 'clang-tidy'))
        self.step('clang-tidy', ['bash', '-c', script, tree] + files)
        self.step('cppcheck', ['cppcheck', '--quiet', '-j', JOBS, '--error-exitcode=1', '--inline-suppr', '--library=gtk',
                               '--enable=warning,portability', '--suppressions-list=' + os.path.join(TOP, 'tools/lib/cppcheck.suppressions'),
                               '--std=c11', '-I', TOP, '-I', os.path.join(TOP, 'libpatch'), '-I', tree] + sources('.c'))

    def fuzz(self):
        script = os.path.join(TOP, 'tests/fuzz/run')
        if os.path.exists(script):
            self.say(f'fuzz: {FUZZ_SECONDS} s per target')
            started = time.monotonic()
            log = os.path.join(self.folder, 'fuzz.log')
            status, text = run(self.politely([script, FUZZ_SECONDS]), {'SYSCARE_FUZZ_BUILD': self.tree('fuzz')}, log)
            good, bad = tap_cases(text)
            if status != 0 and not bad:
                bad = ['the run itself']
            if bad:
                print(tail(text) + f'\n    (whole output: {log})', flush=True)
                self.tally.failures.append(f'  fuzz: {"; ".join(bad)}\n{tail(text, SHOWN_AGAIN)}')
            self.tally.add('fuzz', good, len(bad), time.monotonic() - started)


def name_of(result):
    """The test's name in meson's own record of its @result."""
    return result['name'].split(' / ')[-1].split(':')[-1]


def tell_progress(record, names, ended):
    """Says now and then which of the tests @names aren't in meson's @record yet, until @ended."""
    started = time.monotonic()
    while not ended.wait(TOLD_SECONDS):
        done = set()
        if os.path.exists(record):
            with open(record, encoding='utf-8') as file:
                done = {name_of(json.loads(line)) for line in file if line.endswith('\n')}
        left = [name for name in names if name not in done]
        print(f'  ... {time.monotonic() - started:.0f} s: {len(names) - len(left)} of {len(names)} done, to come: {", ".join(left[:6])}', flush=True)


def tap_cases(text):
    """The number of good cases in @text, and the sentences of the bad or skipped ones."""
    good, bad, plan = 0, [], None
    for line in text.splitlines():
        match = re.match(r'(ok|not ok)\b\s*\d*\s*(?:- )?(.*)', line)
        if match and match[1] == 'ok' and not re.search(r'#\s*skip', match[2], re.I):
            good += 1
        elif match and not re.search(r'#\s*todo', match[2], re.I):
            bad.append(match[2].strip() or 'a case without name')
        elif re.match(r'1\.\.\d+', line):
            plan = int(line.split('..')[1].split()[0])
    if plan is not None and good + len(bad) < plan:
        bad.append(f'{plan - good - len(bad)} of {plan} cases never ran')
    return good, bad


def said_of_bad(text):
    """The first lines that each bad case of @text is followed by, before the next case begins."""
    lines, left = [], 0
    for line in text.splitlines():
        if re.match(r'(ok|not ok)\b', line):
            left = SHOWN_AGAIN if line.startswith('not ok') else 0
        elif left > 0 and line.strip():
            lines.append('      ' + line)
            left -= 1
    return lines[:8 * SHOWN_AGAIN]


def compiled(tree, name):
    """Whether @name is compiled in @tree: a test's target program may be built by the test itself."""
    if tree not in compiled.cache:
        with open(os.path.join(tree, 'compile_commands.json'), encoding='utf-8') as file:
            compiled.cache[tree] = {os.path.normpath(os.path.join(unit['directory'], unit['file'])) for unit in json.load(file)}
    return os.path.join(TOP, name) in compiled.cache[tree]


compiled.cache = {}


def first_line(name):
    with open(os.path.join(TOP, name), 'rb') as file:
        return file.readline(200).decode('utf-8', 'replace').strip()


def first_program(*names):
    for name in names:
        if any(os.access(os.path.join(folder, name), os.X_OK) for folder in os.environ['PATH'].split(':')):
            return name
    return names[-1]


def main():
    # An exception on the way out ends what is being run as well; a world ends with its tools/world.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(prog='tools/check', description='Without SUITE: everything.')
    parser.add_argument('--quick', action='store_true', help='under 3 minutes: layout, gcc build, unit tests, the quick part of the others')
    parser.add_argument('suites', nargs='*', metavar='SUITE', help=' '.join(SUITES + BY_NAME))
    options = parser.parse_args()
    for suite in options.suites:
        if suite not in SUITES + BY_NAME:
            parser.error(f'{suite}: no such suite; there are {" ".join(SUITES + BY_NAME)}')

    folder = os.path.abspath(os.environ.get('SYSCARE_BUILD_DIR') or os.path.join(TOP, 'build-check'))
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'lock'), 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second run in the same tree waits
        check = Check(folder)
        try:
            if options.suites:
                named(check, options.suites)
            else:
                everything(check, options.quick)
        finally:
            end_all()
        return check.tally.report()


def named(check, suites):
    if not check.build('gcc'):
        return
    for suite in suites:
        if check.suite('gcc', suite) is None:
            check.tally.add(f'suite {suite}: has no tests yet', 0, 1, 0)


def everything(check, quick):
    check.layout()
    check.scripts()
    built = check.build('gcc')
    # Most suites wait more than they compute, a virtual machine has one processor: the readers and fuzzers take what is left over.
    other, fetcher = Check(check.folder, check.tally), Check(check.folder, check.tally)
    beside = threading.Thread(target=beside_the_suites, args=(other,), daemon=True)
    fetching = threading.Thread(target=fetch, args=(fetcher,), daemon=True)
    if not quick:
        beside.start()
    if built and not quick:
        fetching.start()
    for suite in SUITES if built else ():
        if suite == 'kernel' and fetching.is_alive():
            check.say('waiting for the packages of the kernel tests')
            fetching.join()
        check.suite('gcc', suite, quick=quick)
    if quick:
        return
    beside.join()
    if 'asan' in other.built:
        check.suite('asan', 'live')
        check.suite('asan', 'bus', only=SANITIZED_BUS)
        check.suite('asan', 'gtk', only=('gui-clean',))


def fetch(check):
    """The kernel tests' gigabyte: long before they need it."""
    check.nice = NICE
    check.step('packages of the kernel tests', [os.path.join(TOP, 'tests/kernel/fetch'), TOP, check.tree('gcc')])


def beside_the_suites(check):
    """What needs neither a world nor a quiet machine, at a low priority."""
    check.nice = NICE
    try:
        if check.build('clang'):
            check.lint()
        if check.build('asan'):
            check.suite('asan', 'unit')
        check.fuzz()
    except Exception as error:  # noqa: BLE001 pylint: disable=broad-except
        check.tally.add(f'beside the suites: {type(error).__name__}: {error}', 0, 1, 0)


if __name__ == '__main__':
    sys.exit(main())
