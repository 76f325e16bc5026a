# SPDX-License-Identifier: GPL-2.0-or-later
"""A program on a terminal of its own: what it says is read as it comes, what a user types is sent. Must not know what is tested."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

SILENCE_SECONDS = 60


class Terminal:
    """Runs @command with a new controlling terminal of @columns columns."""

    def __init__(self, command, env, columns=100):
        self.said = ''
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 30, columns, 0, 0))
                os.execvpe(command[0], command, env)
            finally:
                os._exit(127)

    def read(self):
        """Reads more of what it says; False at the end."""
        if not select.select([self.master], [], [], SILENCE_SECONDS)[0]:
            self.kill()
            raise AssertionError(f'silent for {SILENCE_SECONDS} s after {self.said!r}')
        try:
            data = os.read(self.master, 4096)
        except OSError:  # EIO: the other side is closed
            data = b''
        self.said += data.decode('utf-8', 'replace')
        return bool(data)

    def until(self, part):
        """Reads until it has said @part."""
        while part not in self.said:
            if not self.read():
                raise AssertionError(f'{part!r} never came: {self.said!r}')

    def type(self, text):
        os.write(self.master, text.encode())

    def interrupt(self):
        """Ctrl-C, as a user types it."""
        self.type('\x03')

    def echoes(self):
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)

    def until_echo(self, wanted):
        """Waits until the terminal shows what is typed, or doesn't. A change of the modes can only be looked for."""
        deadline = time.monotonic() + SILENCE_SECONDS
        while self.echoes() != wanted:
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f'echo never became {wanted} after {self.said!r}')
            time.sleep(0.005)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def end(self):
        """Reads all to the end; the exit status."""
        while self.read():
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.master)
        return os.waitstatus_to_exitcode(status)
