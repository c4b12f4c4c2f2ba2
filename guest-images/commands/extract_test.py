# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

"""What extract.py takes for a command and what not."""

import unittest

from extract import Command, Unlabelled, commands


class ExtractTest(unittest.TestCase):
    def found(self, text):
        return [command.text for command in commands("A.md", text)]

    def test_each_line_of_a_block_of_commands(self):
        text = "```sh\n# first\nmake demo   # now\nunheard-of --of $X\n\n```\n"
        self.assertEqual(self.found(text), ["make demo", "unheard-of --of $X"])

    def test_continued_lines_and_here_documents(self):
        text = "```bash\nmake \\\n  demo\ncat >a.json <<'END'\n{ }\nEND\nmake test\n```\n"
        self.assertEqual(self.found(text), ["make demo", "cat >a.json <<'END'\n{ }\nEND", "make test"])

    def test_what_is_typed_in_a_session(self):
        text = "```console\n$ martlet devices\nmartlet prints this\n# make demo\n```\n"
        self.assertEqual(self.found(text), ["martlet devices", "make demo"])

    def test_blocks_of_other_kinds_have_none(self):
        self.assertEqual(self.found("```json\nmake demo\n```\n```text\nmake demo\n```\n"), [])

    def test_a_block_has_to_say_what_it_is(self):
        with self.assertRaises(Unlabelled):
            self.found("```\nmake demo\n```\n")

    def test_known_first_words_in_indented_blocks(self):
        text = "So:\n\n    make demo\n    guest: power-off\n    A=1 martlet run CONFIG   boots it; `make help` lists\n"
        self.assertEqual(self.found(text), ["make demo", "A=1 martlet run CONFIG", "make help"])

    def test_spans_with_more_than_a_name(self):
        text = "`make` and `make\ndemo` and `guest: make demo` and `martlet bind NAME…` and `guest-images/a.sh --b`.\n"
        self.assertEqual(self.found(text), ["make demo", "martlet bind NAME…", "guest-images/a.sh --b"])

    def test_indented_lines_of_a_paragraph_are_no_block(self):
        self.assertEqual(self.found("- a\n    make demo\n"), [])

    def test_where_it_is(self):
        text = "a\n\n    make demo\n\n```sh\nmake test\n```\n\nb\n`make help`\n"
        self.assertEqual(commands("A.md", text), [
            Command("make demo", "A.md:3"), Command("make test", "A.md:6"), Command("make help", "A.md:9")])


if __name__ == "__main__":
    unittest.main()
