# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

"""A command on a pseudo-terminal, as somebody at a terminal sees and uses it. Every wait has a bound."""

import io
import re

import pexpect

PROMPT = r"/martlet # "
# What a terminal would do, and a line of text has no use for: the busybox shell asks where the cursor is.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Failed(Exception):
    """Something that should have come did not. The text has what the terminal showed."""


class Terminal:
    """Runs a command on a pseudo-terminal and keeps all that it shows."""

    def __init__(self, command, folder, environment=None):
        self._shown = io.StringIO()
        self._child = pexpect.spawn(
            command[0], command[1:], cwd=folder, env=environment, encoding="utf-8", codec_errors="replace",
            dimensions=(24, 200), maxread=65536)
        self._child.logfile_read = self._shown
        # The line discipline of a terminal that a person types at needs no pause.
        self._child.delaybeforesend = None

    def type(self, text):
        self._child.send(text)

    def wait(self, pattern, seconds, unless=None):
        """Waits until the terminal shows a match of `pattern`; what it showed before that is the result.

        A match of `unless` that comes first is a failure.
        """
        patterns = [pexpect.EOF, pexpect.TIMEOUT, pattern, *([unless] if unless else [])]
        found = self._child.expect(patterns, timeout=seconds)
        if found == 0:
            raise Failed(f"the command ended while this was awaited: {pattern!r}")
        if found == 1:
            raise Failed(f"not within {seconds} s: {pattern!r}")
        if found == 3:
            raise Failed(f"{self._child.match.group()!r} came before {pattern!r}")
        return _CONTROL.sub("", self._child.before)

    @property
    def match(self):
        """The match of the last wait."""
        return self._child.match

    def end(self, seconds):
        """Waits for the end of the command. The result is what it showed meanwhile and its exit status."""
        if self._child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=seconds) == 1:
            raise Failed(f"not ended within {seconds} s")
        text = _CONTROL.sub("", self._child.before)
        self._child.close()
        if self._child.signalstatus is not None:
            raise Failed(f"ended by signal {self._child.signalstatus}")
        return text, self._child.exitstatus

    @property
    def transcript(self):
        return _CONTROL.sub("", self._shown.getvalue()).replace("\r", "")

    def close(self):
        """Hangs up. What runs on the terminal gets SIGHUP, and is killed if that doesn't end it in time."""
        if self._child.isalive():
            self._child.ptyproc.delayafterclose = 5
        self._child.close(force=True)


class HostShell:
    """The shell of the emulated host on a terminal."""

    BOOT_SECONDS = 150
    END_SECONDS = 60

    def __init__(self, terminal):
        self._terminal = terminal

    def await_boot(self):
        self._terminal.wait(PROMPT, self.BOOT_SECONDS)

    def run(self, command, status=0, prints=(), dialog=(), seconds=120):
        """Types `command`, plays `dialog` (what to wait for, what to type then), and checks status and output."""
        self._terminal.type(command + "\r")
        # The shell shows what is typed.
        self._terminal.wait(r"\r*\n", 30)
        text = ""
        for awaited, keys in dialog:
            text += self._terminal.wait(awaited, seconds, unless=PROMPT) + self._terminal.match.group()
            self._terminal.type(keys)
        text += self._terminal.wait(PROMPT, seconds)
        self._terminal.type("echo status=$?\r")
        self._terminal.wait(r"status=(\d+)\r*\n", 30)
        observed = int(self._terminal.match.group(1))
        self._terminal.wait(PROMPT, 30)
        if observed != status:
            raise Failed(f"{command}: status {observed}, not {status}")
        for pattern in prints:
            if not re.search(pattern, text, re.MULTILINE):
                raise Failed(f"{command}: no {pattern!r} in what it printed")

    def exit(self):
        """Ends the shell, and with it the host. The result is the exit status of the command that had booted it."""
        self._terminal.type("exit\r")
        text, status = self._terminal.end(self.END_SECONDS)
        if not re.search(r"^martlet-host: exit status 0 ", text, re.MULTILINE):
            raise Failed("the host didn't say its exit status")
        return status
