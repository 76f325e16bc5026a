# SPDX-License-Identifier: GPL-2.0-or-later
"""A Redis client on one connection that stays open, and the corrupt stream of CVE-2026-66373.

Must not know about patches or SysCare: it talks to a server and reports its words."""
import re
import socket


class Redis:
    """One connection; every command goes over it, so an answer proves that it is still the same one."""

    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout)
        self.input = self.socket.makefile('rb')

    def command(self, *words):
        """Sends one command; returns the reply: str for status and error lines, bytes for data, int, list, None."""
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(word), word) for word in words))
        return self.reply()

    def reply(self):
        line = self.input.readline()
        if not line.endswith(b'\r\n'):
            raise ConnectionError('the server closed the connection')
        kind, rest = line[:1], line[1:-2]
        if kind in (b'+', b'-'):
            return (kind + rest).decode()
        if kind == b':':
            return int(rest)
        if kind == b'$':
            return None if rest == b'-1' else self.input.read(int(rest) + 2)[:-2]
        if kind == b'*':
            return None if rest == b'-1' else [self.reply() for _ in range(int(rest))]
        raise ConnectionError(f'not the Redis protocol: {line!r}')

    def identity(self):
        """What stays the same only if neither process nor connection changed: (pid, run id, client id)."""
        info = self.command('INFO', 'server').decode()
        fields = dict(line.split(':', 1) for line in info.splitlines() if ':' in line)
        return int(fields['process_id']), fields['run_id'], self.command('CLIENT', 'ID')


def corrupt_stream(fix):
    """The payload out of the regression test that the fix @fix (text of the patch file) brings along: a stream whose
    pending entry is claimed by two consumers."""
    match = re.search(r'^\+.*\bRESTORE mystream 0 "((?:\\x[0-9a-fA-F]{2})+)"', fix, re.M)
    if not match:
        raise ValueError('the fix has no regression test with a payload')
    return bytes(int(digits, 16) for digits in re.findall(r'\\x([0-9a-fA-F]{2})', match[1]))


def restore_corrupt_stream(redis, payload):
    """What the server says to the corrupt stream: "+OK" where it is accepted. Each time under another key that is never
    deleted: freeing an accepted corrupt stream is what hurts a vulnerable server."""
    redis.command('DEBUG', 'set-skip-checksum-validation', '1')
    answer = redis.command('RESTORE', f'stream:{redis.command("INCR", "streams")}', '0', payload)
    if redis.command('PING') != '+PONG':
        raise ConnectionError('the server no longer answers')
    return answer
