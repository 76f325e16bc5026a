# SPDX-License-Identifier: GPL-2.0-or-later
"""The person at the password prompt: a polkit text agent for one program on a terminal of its own.
Must not know what is being asked for."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import threading

PROMPT = b'Password: '


class Agent:
    """Answers every prompt with @answer; with None it goes away when asked, as a dismissed dialog does."""

    def __init__(self, pid, answer):
        self.answer, self.prompts = answer, 0
        self.master, slave = pty.openpty()
        read, write = os.pipe()
        self.process = subprocess.Popen(['pkttyagent', '--process', str(pid), '--notify-fd', str(write)], stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True, pass_fds=[write], preexec_fn=take_terminal)
        os.close(slave)
        os.close(write)
        os.read(read, 1)  # ends when the agent is registered
        os.close(read)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        said = b''
        while not self.over.is_set():
            if not select.select([self.master], [], [], 0.1)[0]:
                continue
            try:
                said += os.read(self.master, 4096)
            except OSError:
                return
            if PROMPT not in said:
                continue
            said = said[said.index(PROMPT) + len(PROMPT):]
            self.prompts += 1
            if self.answer is None:
                self.process.send_signal(signal.SIGKILL)
                return
            self.wait_for_silence()
            os.write(self.master, self.answer.encode() + b'\n')

    def wait_for_silence(self):
        """Until the terminal echoes no more: what is typed before that is thrown away."""
        while termios.tcgetattr(self.master)[3] & termios.ECHO and not self.over.is_set():
            self.over.wait(0.01)

    def end(self):
        self.over.set()
        self.process.kill()
        self.process.wait()
        self.thread.join()
        os.close(self.master)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def take_terminal():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
