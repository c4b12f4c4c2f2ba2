# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

"""Which references a device has to have by the kernel's devicetree bindings, by its compatible: for references.py.

A binding's `required` counts for all names in its `compatible`, and so do those of the bindings that it refers to as a whole;
one below `if` counts for the names that its condition on `compatible` lists. Only names that device trees of arm64 boards have
are kept.
"""

import collections
import os
import re

# What the device has in the guest without them, or the host has in hand (Sources/GuestNodes/ReferenceRule.swift).
LEFT_OUT = {"power-domains", "interconnects", "iommus", "memory-region", "dmas", "operating-points-v2", "access-controllers",
            "interrupt-parent", "required-opps", "cpus", "ports", "port"}
# Their types are said in dt-schema's own bindings.
COMMON = {"clocks", "resets", "phys", "mboxes", "io-channels", "pwms", "hwlocks", "nvmem-cells"}


def strings(schema, found):
    """All strings that a schema allows."""
    if isinstance(schema, list):
        for part in schema:
            strings(part, found)
    elif isinstance(schema, dict):
        words = [schema.get("const")] + (schema.get("enum") if isinstance(schema.get("enum"), list) else [])
        found.update(word for word in words if isinstance(word, str))
        for key in ("items", "contains", "oneOf", "anyOf", "allOf"):
            strings(schema.get(key), found)
    return found


def compatibles(folder):
    """All strings in device trees that could be a compatible."""
    found = set()
    for path, _, files in os.walk(folder):
        for file in files:
            if file.endswith((".dts", ".dtsi", ".dtso")):
                with open(os.path.join(path, file), encoding="utf-8", errors="replace") as stream:
                    found.update(re.findall(r'"([A-Za-z0-9,._+-]+)"', stream.read()))
    return found


class Bindings:
    def __init__(self, bindings):
        self.bindings = bindings
        self.required = collections.defaultdict(set)
        self.allowed = collections.defaultdict(set)
        for path, binding in sorted(bindings.items()):
            if isinstance(binding, dict):
                names = strings((binding.get("properties") or {}).get("compatible"), set())
                self.walk(binding, path, names, 0)

    def named(self, path, reference):
        """The binding that a whole binding is referred to by, and its path; None for a part of one, or one of dt-schema's."""
        name, _, part = reference.partition("#")
        if part or not name.endswith(".yaml"):
            return None
        other = name[len("/schemas/"):] if name.startswith("/schemas/") else \
            os.path.normpath(os.path.join(os.path.dirname(path), name))
        return (self.bindings[other], other) if isinstance(self.bindings.get(other), dict) else None

    def walk(self, schema, path, names, depth):
        if not isinstance(schema, dict) or not names or depth > 6:
            return
        allowed = schema.get("properties") if isinstance(schema.get("properties"), dict) else {}
        for name in names:
            self.required[name].update(schema.get("required") or [])
            self.allowed[name].update(key for key, value in allowed.items() if value is not False)
        other = self.named(path, schema["$ref"]) if isinstance(schema.get("$ref"), str) else None
        if other:
            self.walk(other[0], other[1], names, depth + 1)
        for part in schema.get("allOf") or []:
            self.walk(part, path, names, depth + 1)
        condition, negated = schema.get("if"), False
        if isinstance(condition, dict) and set(condition) == {"not"}:
            condition, negated = condition["not"], True
        if isinstance(condition, dict) and set(condition.get("properties") or {}) == {"compatible"}:
            met = strings(condition["properties"]["compatible"], set()) & names
            unmet = names - met
            self.walk(schema.get("then"), path, unmet if negated else met, depth + 1)
            self.walk(schema.get("else"), path, met if negated else unmet, depth + 1)


def write(bindings, wanted, references, filled):
    """Prints the Swift. `references` are the names of properties that refer to nodes."""
    read = Bindings(bindings)
    kinds = {name for name in references | COMMON if not name.endswith("-supply")} - LEFT_OUT
    groups = collections.defaultdict(list)
    for name in sorted(set(read.required) & wanted):
        required = sorted(kinds & read.required[name])
        optional = sorted(f"?{kind}" for kind in COMMON & read.allowed[name] - read.required[name])
        if required or optional:
            groups[" ".join(required + optional)].append(name)
    print("/// References that a device has to have, or may have, by the kernel's devicetree bindings.")
    print("enum BindingDemands {")
    print("    /// What is demanded, and behind a question mark what is allowed; and the names in `compatible` for which that is")
    print('    /// so, each vendor\'s behind its own: "arm, pl011 pl031" are "arm,pl011" and "arm,pl031".')
    print("    static let groups: [(demands: String, compatibles: String)] = [")
    for demands in sorted(groups):
        vendors = collections.defaultdict(list)
        for name in groups[demands]:
            vendor, comma, model = name.partition(",")
            vendors[vendor + comma if comma else ","].append(model if comma else vendor)
        words = [word for vendor in sorted(vendors) for word in [vendor] + vendors[vendor]]
        print(f'        (\n            "{demands}",\n            """')
        filled(words, 12, "")
        print('            """\n        ),')
    print("    ]\n}")
