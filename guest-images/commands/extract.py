# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

"""Finds the commands that Markdown files print: in code blocks, and in code spans of the text."""

import re
from dataclasses import dataclass

# The first words by which a line of an indented block, or a span, is known for a command.
HEADS = frozenset(
    """make martlet swift git sudo apt apt-get dpkg dtc fdtget fdtput cpp python3 pip curl wget tar unzip install
    mkdir rm cp mv ln cat echo printf tee sed jq dd truncate mkfs.ext4 mount umount chmod chown export exec
    ulimit setpriv runuser su nsenter unshare kill pkill sysctl modprobe insmod systemctl systemd-run
    journalctl ip tc iptables nft ethtool taskset chrt docker podman buildah lxc passt virtiofsd qemu-storage-
    daemon socat nc ssh scp sha256sum gpg dpkg-deb rpm cd sh bash source set strace gdb lldb perf trace-cmd
    dmesg crosvm firecracker""".split())
SCRIPTS = re.compile(r"(\./|guest-images/|\.ci/)\S+")  # known, too
COMMANDS = frozenset(["sh", "bash", "shell"])  # blocks of commands
SESSIONS = frozenset(["console", "shell-session"])  # commands behind "$ " or "# ", and what they print


@dataclass(frozen=True)
class Command:
    """A command as it is printed, and where."""

    text: str
    place: str


class Unlabelled(Exception):
    """A fenced block that doesn't say what it has."""


def commands(name, text):
    """The commands of the Markdown file `name`, in their order."""
    return [Command(command, f"{name}:{line}") for line, command in _found(name, text.split("\n"))]


def _found(name, lines):
    paragraph, first = [], 0
    number = 0
    while number < len(lines):
        line = lines[number]
        fence = re.match(r"\s*(```+|~~~+)\s*([^\s`]*)[^`]*$", line)
        is_block = fence or (re.match(r"    +\S", line) and not paragraph)
        if is_block or not line.strip():
            yield from ((first, span) for span in _spans(paragraph))
            paragraph = []
        if fence:
            if not fence[2]:
                raise Unlabelled(f"{name}:{number + 1}: the code block has no label; say sh, console, json, text, …")
            end = next((n for n in range(number + 1, len(lines)) if lines[n].strip() == fence[1]), len(lines))
            yield from _block(lines, range(number + 1, end), fence[2])
            number = end
        elif is_block:
            end = number
            while end < len(lines) and (not lines[end].strip() or lines[end].startswith("    ")):
                end += 1
            yield from _guessed(lines, range(number, end))
            number = end - 1
        elif line.strip():
            if not paragraph:
                first = number + 1
            paragraph.append(line.strip())
        number += 1
    yield from ((first, span) for span in _spans(paragraph))


def _is_head(word):
    return word in HEADS or SCRIPTS.fullmatch(word)


def _spans(paragraph):
    for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", " ".join(paragraph)):
        words = span.split()
        if len(words) > 1 and _is_head(words[0]):
            yield " ".join(words)


def _block(lines, numbers, label):
    numbers = iter(numbers)
    for number in numbers:
        line = lines[number].strip()
        if label in SESSIONS:
            if not re.match(r"[$#] ", line):
                continue
            line = line[2:]
        elif label not in COMMANDS:
            continue
        document = re.search(r"<<-?\s*(['\"]?)(\w+)\1", line)
        first = number
        while line.endswith("\\"):
            number = next(numbers)
            line = line[:-1].rstrip() + " " + lines[number].strip()
        if document:
            for number in numbers:
                line += "\n" + lines[number]
                if lines[number].strip() == document[2]:
                    break
        line = line if document else _without_comment(line)
        if line:
            yield first + 1, line


def _guessed(lines, numbers):
    for number in numbers:
        # A list of commands has what each does behind it, two columns away at least.
        columns = re.split(r"\s{2,}", lines[number].strip(), maxsplit=1)
        command = _without_comment(columns[0])
        words = [word for word in command.split() if not re.match(r"\w+=", word)]
        if words and _is_head(words[0]):
            yield number + 1, command
        for span in _spans(columns[1:]):
            yield number + 1, span


def _without_comment(line):
    return re.sub(r"(^|\s+)#(\s.*)?$", "", line)
