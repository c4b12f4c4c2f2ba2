# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

"""Runs the commands that the documentation prints, as table.py says; test.sh calls it.

usage: test.py [--slow] [--only REGEX] CLONE WORK RESULTS
RESULTS becomes an xUnit file, as Swift Testing writes one. The exit status is 1 if anything failed.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from xml.sax.saxutils import quoteattr

import extract
import table
from session import Failed, HostShell, Terminal

SECONDS = 900  # for a command that isn't typed at a shell


class Run:
    """What passed and what failed."""

    def __init__(self, only):
        self._only = only
        self._cases = []
        self.failed = False

    def wants(self, title):
        return not self._only or re.search(self._only, title)

    def check(self, title, body):
        """One test: `body` raises Failed, or it has passed."""
        begin = time.monotonic()
        try:
            body()
            word = "passed"
        except Failed as failure:
            word = "failed"
            self.failed = True
            print(f"{title}: {failure}", flush=True)
        self._record(word, title)
        print(f"{word}: {title} ({time.monotonic() - begin:.1f} s)", flush=True)
        return word == "passed"

    def skip(self, title, why):
        self._record("skipped", f"{title} ({why})")
        print(f"skipped: {title} ({why})", flush=True)

    def _record(self, word, title):
        element = {"passed": "", "failed": "<failure/>", "skipped": "<skipped/>"}[word]
        self._cases.append(f"<testcase name={quoteattr(title)}>{element}</testcase>\n")

    def write(self, results):
        results.write_text(f"<testsuites>\n<testsuite>\n{''.join(self._cases)}</testsuite>\n</testsuites>\n")


def check_table(clone):
    """Each printed command has a row, and each row's command is printed."""
    listing = ["git", "ls-files", "-z", "-co", "--exclude-standard", "*.md"]
    files = subprocess.run(listing, cwd=clone, check=True, capture_output=True, text=True).stdout.split("\0")
    printed = []
    for name in sorted(filter(None, files)):
        try:
            printed += extract.commands(name, (clone / name).read_text())
        except extract.Unlabelled as problem:
            raise Failed(problem)
    # What "make help" prints.
    for number, line in enumerate((clone / "Makefile").read_text().split("\n"), 1):
        if target := re.match(r"([a-z0-9-]+):.*## ", line):
            printed.append(extract.Command(f"make {target[1]}", f"Makefile:{number}"))
    if not any(command.place.startswith("README.md") for command in printed):
        raise Failed("no command was found in README.md")

    sessions = [form for form, _ in table.SESSIONS]
    rows = [*table.SHELL, *table.HOST, *sessions, *table.HERE, *table.COPY, *table.SLOW]
    tested = {row.command for row in rows}
    known = {row.command for row in rows if row.printed} | set(table.ITSELF) | set(table.ELSEWHERE) | set(table.NAMED)
    problems = [f"{command.place}: no row of table.py has this command: {command.text}"
                for command in printed if command.text not in known | tested]
    problems += [f"table.py: no file prints this command any more: {text}"
                 for text in sorted(known - {command.text for command in printed})]
    problems += [f"table.py: {named}: no row runs {row}" for named, row in table.NAMED.items() if row not in tested]
    for command, (name, text) in table.ITSELF.items():
        if text not in (clone / name).read_text():
            problems.append(f"table.py: {command}: {name} has no “{text}”")
    if problems:
        raise Failed("\n  ".join(["the documentation and the table differ:", *problems]))


def run_row(row, folder, work):
    """Runs a row's command in a shell, here."""
    def shell(text, seconds=60):
        done = subprocess.run(
            ["bash", "-c", text.replace("{work}", str(work))], cwd=folder, stdin=subprocess.DEVNULL, text=True,
            errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
        return done.returncode, done.stdout

    try:
        for text in row.before:
            status, output = shell(text)
            if status != 0:
                raise Failed(f"{text}: status {status}\n{output}")
        status, output = shell(row.filled, SECONDS)
        if status != row.status:
            raise Failed(f"status {status}, not {row.status}\n{output}")
        for pattern in row.prints:
            if not re.search(pattern, output, re.MULTILINE):
                raise Failed(f"no {pattern!r} in what it printed:\n{output}")
        for text in row.after:
            status, output = shell(text)
            if status != 0:
                raise Failed(f"afterwards, {text}: status {status}\n{output}")
    except subprocess.TimeoutExpired as expired:
        raise Failed(f"not ended within {expired.timeout:.0f} s\n{expired.output or ''}")


class SessionTest:
    """A form of the emulated host with a shell, on a terminal."""

    def __init__(self, form, rows, clone):
        self._form, self._rows, self._clone = form, rows, clone
        self._terminal = None

    def run(self, run):
        """Each row is a test. Once one has failed, where the shell is isn't known: the others fail with it."""
        title = self._form.filled
        self._terminal = Terminal(["bash", "-c", f"exec {title}"], self._clone)
        shell = HostShell(self._terminal)
        try:
            steps = [(f"{title}: boots", shell.await_boot)]
            steps += [(f"{title}: {row.filled}", lambda row=row: self._type(shell, row)) for row in self._rows]
            steps += [(f"{title}: exit", lambda: self._exit(shell))]
            is_there = True
            for step, body in steps:
                if is_there:
                    is_there = run.check(step, lambda body=body: self._with_transcript(body))
                else:
                    run.check(step, self._not_reached)
        finally:
            self._terminal.close()

    def _with_transcript(self, body):
        try:
            body()
        except Failed as failure:
            raise Failed(f"{failure}\n--- what the terminal showed\n{self._terminal.transcript}\n---")

    @staticmethod
    def _type(shell, row):
        for text in row.before:
            shell.run(text)
        shell.run(row.filled, row.status, row.prints, row.dialog)
        for text in row.after:
            shell.run(text)

    @staticmethod
    def _exit(shell):
        status = shell.exit()
        if status != 0:
            raise Failed(f"status {status}")

    @staticmethod
    def _not_reached():
        raise Failed("not reached")


def copy_of(clone, folder):
    """A copy of the clone's files, as a repository of its own."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=clone, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (clone / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(clone / name, folder / name)
    for command in (["git", "init", "-q"], ["git", "add", "-A"]):
        subprocess.run(command, cwd=folder, check=True)
    return folder


def scripts(work):
    (work / "ok.sh").write_text("echo run-$((40 + 2))\ncat /proc/cmdline\ngrep MemTotal /proc/meminfo\n")
    (work / "bad.sh").write_text("ls /sys/bus/platform/devices\nexit 3\n")
    (work / "long.sh").write_text("sleep 600\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("clone", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("results", type=Path)
    options = parser.parse_args()
    run = Run(options.only)
    work = options.work
    scripts(work)

    if run.wants("the documentation's commands"):
        run.check("the documentation's commands are those of the table", lambda: check_table(options.clone))
    for row in table.HERE:
        if run.wants(row.command):
            run.check(row.command, lambda row=row: run_row(row, options.clone, work))
    for form, rows in table.SESSIONS:
        if run.wants(form.command):
            SessionTest(form, rows, options.clone).run(run)
    copied = [row for row in table.COPY if run.wants(row.command)]
    if copied:
        folder = work / "copy"
        folder.mkdir()
        copy_of(options.clone, folder)
        for row in copied:
            run.check(row.command, lambda row=row: run_row(row, folder, work))
    for row in table.SLOW:
        if not options.slow:
            run.skip(row.command, "slow; commands/test.sh --slow runs it")
        elif run.wants(row.command):
            run.check(row.command, lambda row=row: run_row(row, options.clone, work))
    for command, why in table.ELSEWHERE.items():
        run.skip(command, why)
    run.write(options.results)
    return run.failed


if __name__ == "__main__":
    sys.exit(main())
