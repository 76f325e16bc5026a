# SPDX-License-Identifier: GPL-2.0-or-later
"""What the live tests share: building a program and its patch, running it, asking it, making steps in it. TAP output.

Must not know what a test is about. Everything waits for events with a generous limit; nothing sleeps for a result."""
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, 'programs')
LIBPATCH = os.path.join(HERE, '..', '..', 'libpatch')
BUILD = os.environ['LIVE_BUILD']        # where lp-live and make-entity are
LP_LIVE = os.path.join(BUILD, 'lp-live')
MAKE_ENTITY = os.path.join(BUILD, 'make-entity')
LP_DIFF = os.environ.get('LP_DIFF', '')
LIMIT = 60                              # seconds: only a hang takes that long


class Failure(Exception):
    """A test's expectation that didn't hold."""


def expect(condition, *what):
    """Fails the test unless @condition."""
    if not condition:
        raise Failure(' '.join(str(w) for w in what))


def equal(got, wanted, what=''):
    """Fails the test unless both are equal."""
    expect(got == wanted, f'{what}: got {got!r}, wanted {wanted!r}')


def run(*words, check=True, env=None):
    """Runs a command; returns the finished process with its text."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LIMIT, check=False,
                          env={**os.environ, **(env or {})})
    if check and done.returncode != 0:
        raise Failure(f'{" ".join(words)}: status {done.returncode}: {done.stderr.strip()}')
    return done


def source(name):
    """Path of a test program's source."""
    return os.path.join(PROGRAMS, name)


class Workshop:
    """A private folder with what was compiled in it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='syscare-live-')
        os.chmod(self.folder, 0o755)

    def path(self, name):
        """A path inside of it."""
        return os.path.join(self.folder, name)

    def close(self):
        """Removes it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def compile(self, output, sources, flags=(), compiler='gcc'):
        """Compiles and links."""
        run(compiler, '-g', '-Wl,--build-id', *flags, *sources, '-o', self.path(output))
        return self.path(output)

    def compile_object(self, output, name, flags=(), compiler='gcc'):
        """Compiles one object file."""
        run(compiler, '-g', *flags, '-c', name, '-o', self.path(output))
        return self.path(output)

    def entity(self, target, name, flags=(), output='patch', env=None, compiler='gcc', ident=None):
        """The patch that the functions of @name, compiled with -DPATCHED, are for @target, made without libpatch/diff."""
        obj = self.compile_object(output + '.o', name, ('-O2', '-DPATCHED', '-DPATCHED_ONLY', '-ffunction-sections', '-fdata-sections',
                                                        *flags), compiler)
        run(MAKE_ENTITY, target, obj, ident or str(uuid.uuid4()), self.path(output), env=env)
        return self.path(output)


class Process:
    """A running test program."""

    def __init__(self, *words, env=None, **more):
        self.child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **(env or {})}, **more)
        self.pid = self.child.pid
        self.buffer = b''

    def say(self, question=''):
        """Sends a line."""
        self.child.stdin.write(question.encode() + b'\n')
        self.child.stdin.flush()

    def hear(self):
        """Waits for a line."""
        end = time.monotonic() + LIMIT
        while b'\n' not in self.buffer:
            ready, _, _ = select.select([self.child.stdout], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise Failure(f'process {self.pid} does not answer (state {self.state()})')
            data = os.read(self.child.stdout.fileno(), 65536)
            if not data:
                raise Failure(f'process {self.pid} ended: status {self.child.wait(LIMIT)}')
            self.buffer += data
        line, self.buffer = self.buffer.split(b'\n', 1)
        return line.decode()

    def ask(self, question=''):
        """Sends a line and waits for the answer."""
        self.say(question)
        return self.hear()

    def state(self):
        """The letter of /proc/PID/stat."""
        try:
            with open(f'/proc/{self.pid}/stat', encoding='ascii', errors='replace') as file:
                return file.read().rsplit(')', 1)[1].split()[0]
        except OSError:
            return '-'

    def maps(self):
        """The address ranges, flags and files, without the heap and stack that may grow."""
        with open(f'/proc/{self.pid}/maps', encoding='utf-8', errors='replace') as file:
            return [line for line in file.read().splitlines() if '[heap]' not in line and '[stack]' not in line]

    def end(self):
        """Ends the input; fails unless the program ends well by itself."""
        self.child.stdin.close()
        status = self.child.wait(LIMIT)
        self.child.stdout.close()
        equal(status, 0, f'exit status of process {self.pid}')

    def kill(self):
        """Only for the end of a failed test."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


class Result:
    """What lp-live said."""

    def __init__(self, done):
        self.status = done.returncode
        self.error = done.stderr.strip()
        self.rows = {}
        for line in done.stdout.splitlines():
            pid, status, stop_ns, pages, reason, detail = (line.split('\t') + [''] * 6)[:6]
            self.rows[int(pid)] = {'status': status, 'stop_ns': int(stop_ns), 'pages': int(pages), 'reason': reason, 'detail': detail}


def step(verb, *words, timeout=5000, options=()):
    """Makes a step with lp-live; never fails by itself."""
    return Result(run(LP_LIVE, '--tsv', f'--timeout={timeout}', *options, verb, *[str(w) for w in words], check=False))


def made(verb, *words, **more):
    """Makes a step that must succeed in every process."""
    result = step(verb, *words, **more)
    expect(result.status == 0, f'{verb}: status {result.status}: {result.error} {result.rows}')
    for pid, row in result.rows.items():
        equal(row['status'], 'patched', f'{verb} in process {pid} ({row["reason"]})')
    return result


PIE = ('-O2', '-fPIE', '-pie')
NO_PIE = ('-O2', '-fno-pie', '-no-pie')


def value_program(shop, flags=PIE, compiler='gcc', name='target', more=()):
    """Builds the simplest program; returns its path."""
    return shop.compile(name, [source('main.c'), source('value.c')], (*flags, *more), compiler)


def start(processes, *words, **more):
    """Starts a program that the test's end will find."""
    process = Process(*words, **more)
    processes.append(process)
    return process


def is_traced(pid):
    """Whether any thread of the process has a tracer or stands in a trace stop."""
    for tid in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{tid}/status', encoding='utf-8') as file:
            text = file.read()
        if 'TracerPid:\t0\n' not in text or 'tracing stop' in text:
            return True
    return False


def main(tests):
    """Runs (name, function) pairs; each function gets a Workshop and a list to put its processes into."""
    only = sys.argv[1:]
    tests = [(name, function) for name, function in tests if not only or any(word in name for word in only)]
    print(f'1..{len(tests)}', flush=True)
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        shop, processes = Workshop(), []
        try:
            function(shop, processes)
            print(f'ok {number} - {name}', flush=True)
        except (Failure, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f'not ok {number} - {name}', flush=True)
            place = traceback.extract_tb(error.__traceback__)
            lines = [f'{frame.name}:{frame.lineno}' for frame in place if frame.filename.startswith(HERE)]
            print(f'# {error} ({" < ".join(reversed(lines))})', flush=True)
        finally:
            for process in processes:
                process.kill()
            shop.close()
    return 1 if failed else 0
