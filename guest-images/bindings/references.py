# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

"""Reads the kernel's devicetree bindings and prints Swift: the properties that refer to other nodes, and how.

usage: references.py BINDINGS ORIGIN

A property refers to nodes if its schema, anywhere in the bindings, takes the type phandle or phandle-array from
types.yaml. How many cells follow each phandle is told by the schema of the entries (its items), else by a property of the
node referred to that is called after it: "foo-bars" and "#foo-bar-cells".
"""

import os
import re
import sys

import yaml

TYPE = re.compile(r"/schemas/types\.yaml#/definitions/([a-z0-9-]+)$")
# Names in patterns are not collected, but for what Martlet knows by itself: "-supply".
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Property:
    def __init__(self):
        # What its schemas say of an entry: (least, most) cells behind the phandle; None if they don't.
        self.shapes = set()
        self.other_types = set()


def typed(schema):
    """The schemas in `schema` that say of which type the property is, each with that type."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        match = TYPE.search(reference)
        if match:
            yield match.group(1), schema
    for key in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(key) or []:
            if isinstance(part, dict):
                for kind, found in typed(part):
                    yield kind, {**schema, **found}


def cell_counts(schema):
    """(least, most) cells behind the phandle of each kind of entry of a phandle-array; None where it isn't said."""
    items = schema.get("items")
    for item in items if isinstance(items, list) else [items]:
        cells = item.get("items") if isinstance(item, dict) else None
        count = len(cells) if isinstance(cells, list) else None
        most = item.get("maxItems", count) if isinstance(item, dict) else None
        least = item.get("minItems", count if count is not None else most) if isinstance(item, dict) else None
        yield None if most is None or least is None else (max(least, 1) - 1, max(most, 1) - 1)


def collect(node, properties):
    if isinstance(node, list):
        for item in node:
            collect(item, properties)
    if not isinstance(node, dict):
        return
    for name, schema in (node.get("properties") or {}).items() if isinstance(node.get("properties"), dict) else []:
        if not isinstance(schema, dict):
            continue
        property = properties.setdefault(name, Property())
        for kind, found in typed(schema):
            if kind == "phandle":
                property.shapes.add((0, 0))
            elif kind == "phandle-array":
                property.shapes.update(cell_counts(found))
            else:
                property.other_types.add(kind)
    for value in node.values():
        collect(value, properties)


def read(folder):
    properties = {}
    for path, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            if file.endswith(".yaml"):
                with open(os.path.join(path, file), encoding="utf-8") as stream:
                    collect(yaml.load(stream, Loader=LOADER), properties)
    return properties


def counter(name, properties):
    """The property of a node referred to that counts the cells, by the name of the one that refers; None if there is none."""
    stems = [name, re.sub(r"s$", "", name), re.sub(r"es$", "", name), re.sub(r"ies$", "y", name)]
    return next((cells for cells in (f"#{stem}-cells" for stem in stems) if cells in properties), None)


def filled(items, indent):
    """The items as lines of at most 120 columns, as swift-format leaves them."""
    line = ""
    for item in items:
        if line and indent + len(line) + len(item) + 2 > 120:
            print(f"{' ' * indent}{line}")
            line = ""
        line = f"{line} {item},".strip()
    print(f"{' ' * indent}{line}")


def swift_list(name, kind, comment, items):
    print(f"\n    /// {comment}")
    print(f"    static let {name}: {kind} = [")
    filled(items, 8)
    print("    ]")


def main():
    folder, origin = sys.argv[1:]
    properties = read(folder)
    fixed, between, counted, unsaid, ambiguous = {}, [], [], [], []
    for name in sorted(properties):
        property = properties[name]
        if not property.shapes:
            continue
        # A flag in some places: empty there, which is no reference.
        if property.other_types - {"flag"}:
            ambiguous.append(f'"{name}"')
            continue
        known = [shape for shape in property.shapes if shape]
        least, most = min((s[0] for s in known), default=0), max((s[1] for s in known), default=0)
        if None in property.shapes:
            cells = counter(name, properties)
            if cells:
                counted.append(f'("{name}", "{cells}")')
            else:
                unsaid.append(f'"{name}"')
        elif least == most:
            fixed.setdefault(least, []).append(f'"{name}"')
        else:
            between.append(f'("{name}", {least}...{most})')
    print("// SPDX-License-Identifier: Apache-2.0\n// Copyright 2026 The Martlet authors\n")
    print("// Generated by `make bindings` (guest-images/bindings/references.py); don't edit.\n")
    print("/// Properties that refer to other nodes by the kernel's devicetree bindings. Lists of names are sorted.")
    print("enum BindingReferences {")
    print("    /// Where the bindings are from.")
    print(f'    static let origin = "{origin}"\n')
    print("    /// Names by how many cells follow a phandle.")
    print("    static let fixed: [(count: Int, names: [String])] = [")
    for count in sorted(fixed):
        print("        (\n            " + f"{count},\n            [")
        filled(fixed[count], 16)
        print("            ]\n        ),")
    print("    ]")
    swift_list("between", "[(name: String, counts: ClosedRange<Int>)]",
        "So many cells follow a phandle, depending on the device.", between)
    swift_list("counted", "[(name: String, cells: String)]",
        "As many cells follow a phandle as the property `cells` of its node says.", counted)
    swift_list("unsaid", "[String]", "The bindings don't say what follows a phandle.", unsaid)
    swift_list("ambiguous", "[String]", "References in some bindings, numbers in others: no rule is made of them.", ambiguous)
    print("}")


main()
