# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# usage: conforms.py SCHEMA
# Prints, for the JSON text on each line of standard input, whether it conforms to the schema. Fails if that is none itself.

import json
import sys

from jsonschema import Draft202012Validator

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
for line in sys.stdin:
    print(validator.is_valid(json.loads(line)))
