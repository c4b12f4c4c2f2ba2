// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A place in a text as an editor shows it: line and column, both counted from 1, the column in Unicode scalars.
struct TextPosition {
    private(set) var line = 1
    private(set) var column = 1
    private var offset = 0

    /// Moves forward to the byte at `target`; an offset past the end means the end.
    mutating func advance(to target: Int, in text: [UInt8]) {
        while offset < min(target, text.count) {
            if text[offset] == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if text[offset] & 0xC0 != 0x80 {
                // Not a continuation byte of UTF-8: the first byte of a character.
                column += 1
            }
            offset += 1
        }
    }
}
