// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Finds the key, or another name, that the user probably meant by a misspelled one.
public enum NearestKey {
    /// The closest of `known`; nil if none is close enough.
    ///
    /// At most a third of the longer name's letters may differ.
    public static func of(_ unknown: String, among known: [String]) -> String? {
        var nearest: (name: String, distance: Int)?
        for name in known {
            let limit = max(unknown.utf8.count, name.utf8.count) / 3
            // The edit distance is at least the difference of the lengths; this also keeps the matrix small.
            guard abs(unknown.utf8.count - name.utf8.count) <= limit else { continue }
            let distance = editDistance(plain(unknown), plain(name))
            guard distance <= limit, distance < nearest?.distance ?? .max else { continue }
            nearest = (name, distance)
        }
        return nearest?.name
    }

    /// In lower case, with one kind of separator: "Boot_Source" counts as "boot-source".
    private static func plain(_ name: String) -> [UInt8] {
        name.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
            case UInt8(ascii: "-"): UInt8(ascii: "_")
            default: byte
            }
        }
    }

    /// How many insertions, deletions, replacements and swaps of neighbours turn `left` into `right` (optimal string
    /// alignment).
    private static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let replacement = previous[column] + (left[row] == right[column] ? 0 : 1)
                var best = min(replacement, previous[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    best = min(best, beforePrevious[column - 1] + 1)
                }
                current.append(best)
            }
            beforePrevious = previous
            previous = current
        }
        return previous[right.count]
    }
}
