#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The service and who manages it: ready, status, watchdog, reload, an orderly stop, as sd_notify(3) has them. Inside tools/world."""
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time

from stage import (Client, JOB, MANAGER, PATH, Process, SERVICE, Service, Story, clear, compile_program, equal, fails, in_thread, make_bundle,
                   patch_path, write)

CONFIG = '/tmp/lifecycle.conf'


class Managed(Service):
    """A service whose every word to its manager is kept."""

    def start(self, **environment):
        path = f'/tmp/manager-{os.getpid()}'
        if os.path.exists(path):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.messages = queue.Queue()
        # Read at once: the kernel keeps only a few datagrams.
        threading.Thread(target=self.listen, daemon=True).start()
        with open(self.log, 'a', encoding='utf-8') as log:
            # What systemd does: the child learns its own pid.
            self.process = subprocess.Popen(['sh', '-c', 'WATCHDOG_PID=${WATCHDOG_PID-$$} exec "$@"', 'sh', SERVICE, *self.options], stdout=log, stderr=log,
                                            env={**os.environ, 'NOTIFY_SOCKET': path, 'G_DEBUG': 'fatal-criticals', **environment})
        self.until('READY=1')
        return self

    def listen(self):
        while True:
            self.messages.put(dict(line.split('=', 1) for line in self.socket.recv(65536).decode().splitlines()))

    def until(self, *wanted):
        """Reads on until one message has all of @wanted ("KEY=VALUE", "KEY=" for any value); returns all up to it."""
        seen, end = [], time.monotonic() + 60
        while True:
            seen.append(self.messages.get(timeout=60))
            assert time.monotonic() < end, f'{wanted} is not among {[message for message in seen if "WATCHDOG" not in message]}'
            if all(seen[-1].get(key) == value or (key in seen[-1] and not value) for key, value in (word.split('=', 1) for word in wanted)):
                return seen


def story():
    tale = Story()
    clear()
    write(CONFIG, '')
    toy_path = compile_program('/opt/toy/toy')
    one, two = (patch_path(make_bundle(toy_path, number)) for number in (1, 2))
    service, toy, client = Managed(f'--config={CONFIG}').start(WATCHDOG_USEC='100000'), Process(toy_path), Client()

    @tale.case('it pings its watchdog, again and again')
    def _():
        for _ in range(3):
            service.until('WATCHDOG=1')

    @tale.case('it tells its manager how many patches there are and are in effect, whenever that changes')
    def _():
        client.do('apply', one)
        service.until('STATUS=2 patches, 1 active, 0 of them accepted')
        client.do('accept', one)
        service.until('STATUS=2 patches, 1 active, 1 of them accepted')
        client.do('remove', one)
        service.until('STATUS=2 patches, 0 active, 0 of them accepted')

    @tale.case('SIGHUP reads the settings again and says so as systemd wants it')
    def _():
        write(CONFIG, '[service]\nbusy-timeot=3\n')
        service.process.send_signal(signal.SIGHUP)
        begun = service.until('RELOADING=1')[-1]
        assert int(begun['MONOTONIC_USEC']) > 0
        assert 'degraded: settings: ' in service.until('READY=1')[-1]['STATUS']
        assert any('busy-timeot' in reason for reason in client.get(PATH, MANAGER, 'Degraded'))
        write(CONFIG, '[service]\nbusy-timeout=3\n')
        for _ in range(20):
            service.process.send_signal(signal.SIGHUP)
        service.until('READY=1', 'STATUS=2 patches, 0 active, 0 of them accepted')
        equal([reason for reason in client.get(PATH, MANAGER, 'Degraded') if reason.startswith('settings')], [])

    @tale.case('told to stop, it lets running jobs undo their work, cancels queued ones, tells their callers and takes no more')
    def _():
        toy.stay()
        running = client.submit('apply', [one], timeout=600 * 10**6)
        while client.get(running, JOB, 'State') != 'running':
            pass
        queued = client.submit('apply', [two])
        waits = [in_thread(Client().wait, job) for job in (running, queued)]
        service.until('STATUS=2 patches, 0 active, 0 of them accepted; 2 job(s)')
        service.process.send_signal(signal.SIGTERM)
        service.until('STOPPING=1')
        for wait in waits:
            fails('Cancelled', wait.result)
        equal(service.process.wait(60), 0, 'exit status')
        equal(toy.leave(), 0)
        equal(toy.ask(10), 20)
        client.close()

    @tale.case('the next one finds all as it was left')
    def _():
        service.start(WATCHDOG_USEC='1000', WATCHDOG_PID='1')
        root = Client()
        equal([root.state(one), root.state(two)], ['not-applied', 'not-applied'])
        root.do('apply', one)
        equal(toy.ask(10), 21)

    @tale.case('a watchdog that is set for another process gets no pings')
    def _():
        service.process.send_signal(signal.SIGHUP)  # takes longer than a hundred pings of that watchdog would
        equal([message for message in service.until('RELOADING=1') + service.until('READY=1') if 'WATCHDOG' in message], [])

    return tale.tell()


sys.exit(story())
