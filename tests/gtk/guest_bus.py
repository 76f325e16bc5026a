#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Carries a message bus over a folder that a machine and its guest share, for want of a network: a file for each direction of each
connection, which only grows. And runs commands in the guest.

    guest_bus.py guest FOLDER          in the guest, as root, beside the bus; until the file "over" is there
    import guest_bus                   outside: Bridge

Polls, which is slow and simple. File descriptors don't get through. Must not know what is said on the bus."""

import os
import select
import socket
import subprocess
import sys
import threading
import time

BUS = '/run/dbus/system_bus_socket'
PAUSE = 0.03
PIECE = 65536


def pause():
    """Not time.sleep(): a test's kernel patch may replace what that waits in."""
    select.select([], [], [], PAUSE)


def send_file(path, link, over):
    """What is appended to the file @path goes to @link."""
    while not os.path.exists(path) and not over():
        pause()
    with open(path, 'rb', buffering=0) as file:
        while not over():
            piece = file.read(PIECE)
            if piece:
                link.sendall(piece)
            else:
                pause()


def save_link(link, path):
    """What comes from @link is appended to the file @path."""
    with open(path, 'wb', buffering=0) as file:
        while True:
            piece = link.recv(PIECE)
            if not piece:
                return
            file.write(piece)


def both_ways(link, incoming, outgoing, over):
    for work in ((send_file, incoming, link, over), (save_link, link, outgoing)):
        threading.Thread(target=work[0], args=work[1:], daemon=True).start()


def write_whole(path, text):
    with open(path + '.new', 'w', encoding='utf-8') as file:
        file.write(text)
    os.rename(path + '.new', path)


class Bridge:
    """The outer end: a socket that is the guest's bus, and commands for the guest."""

    def __init__(self, folder, address):
        self.folder, self.commands, self.connections, self.ended = folder, 0, 0, False
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(address)
        self.server.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            link, _ = self.server.accept()
            self.connections += 1
            both_ways(link, f'{self.folder}/from.{self.connections}', f'{self.folder}/to.{self.connections}', lambda: self.ended)

    def run(self, command, timeout=600):
        """Runs @command in the guest's shell; what it said, if it ended with 0."""
        self.commands += 1
        path = f'{self.folder}/command.{self.commands}'
        write_whole(path, command)
        end = time.monotonic() + timeout
        while not os.path.exists(path + '.done'):
            if time.monotonic() > end:
                raise AssertionError(f'“{command}” did not end in the guest within {timeout} s')
            pause()
        with open(path + '.done', encoding='utf-8', errors='replace') as file:
            status, said = file.read().split('\n', 1)
        if status != '0':
            raise AssertionError(f'“{command}” ended with {status} in the guest: {said}')
        return said

    def end(self):
        self.ended = True
        write_whole(self.folder + '/over', '')


def run_command(path):
    with open(path, encoding='utf-8') as file:
        done = subprocess.run(['bash', '-c', file.read()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    write_whole(path + '.done', f'{done.returncode}\n{done.stdout.decode("utf-8", "replace")}')


def serve(folder):
    connections = commands = 0
    while not os.path.exists(folder + '/over'):
        if os.path.exists(f'{folder}/to.{connections + 1}'):
            connections += 1
            link = socket.socket(socket.AF_UNIX)
            link.connect(BUS)
            both_ways(link, f'{folder}/to.{connections}', f'{folder}/from.{connections}', lambda: False)
        if os.path.exists(f'{folder}/command.{commands + 1}'):
            commands += 1
            threading.Thread(target=run_command, args=(f'{folder}/command.{commands}',), daemon=True).start()
        pause()


if __name__ == '__main__':
    serve(sys.argv[2])
    os._exit(0)
