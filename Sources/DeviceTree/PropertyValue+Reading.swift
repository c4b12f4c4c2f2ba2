// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

extension PropertyValue {
    /// The value as one 32-bit number; nil unless it has 4 bytes.
    public var cell: UInt32? {
        guard bytes.count == 4 else { return nil }
        var reader = reader
        return reader.cell()
    }

    /// The value as 32-bit numbers; nil unless its length is a multiple of 4.
    public var cells: [UInt32]? {
        guard bytes.count % 4 == 0 else { return nil }
        var cells: [UInt32] = []
        cells.reserveCapacity(bytes.count / 4)
        var reader = reader
        while let cell = reader.cell() { cells.append(cell) }
        return cells
    }

    /// The value as one 64-bit number; nil unless it has 8 bytes.
    public var cell64: UInt64? {
        guard bytes.count == 8 else { return nil }
        var reader = reader
        return reader.number(cellCount: 2)
    }

    /// The value as 64-bit numbers; nil unless its length is a multiple of 8.
    public var cells64: [UInt64]? {
        guard bytes.count % 8 == 0 else { return nil }
        var numbers: [UInt64] = []
        numbers.reserveCapacity(bytes.count / 8)
        var reader = reader
        while let number = reader.number(cellCount: 2) { numbers.append(number) }
        return numbers
    }

    /// The value as a reference to a node; nil unless it is one cell with a valid phandle.
    public var phandle: Phandle? { cell.flatMap(Phandle.init(rawValue:)) }

    /// The value as one string; nil unless it is UTF-8 with only one NUL, at its end.
    public var string: String? {
        guard let strings, strings.count == 1 else { return nil }
        return strings.first
    }

    /// The value as a list of strings; nil unless it is UTF-8 that ends in a NUL. An empty value isn't a list.
    public var strings: [String]? {
        guard bytes.last == 0 else { return nil }
        var strings: [String] = []
        for part in bytes.dropLast().split(separator: 0, omittingEmptySubsequences: false) {
            guard let string = String(validating: part, as: UTF8.self) else { return nil }
            strings.append(string)
        }
        return strings
    }

    /// A reader that starts at the first byte, for values of mixed parts (a phandle and its arguments,
    /// `interrupt-map`).
    public var reader: Reader { Reader(bytes: bytes) }

    /// Reads the parts of a value from front to back.
    ///
    /// If a part doesn't fit, the result is nil and the position doesn't change.
    public struct Reader: Sendable {
        private let bytes: [UInt8]
        private var position = 0

        fileprivate init(bytes: [UInt8]) { self.bytes = bytes }

        /// How many bytes are left.
        public var remainingByteCount: Int { bytes.count - position }

        /// The next 32-bit number.
        public mutating func cell() -> UInt32? {
            guard remainingByteCount >= 4 else { return nil }
            var cell: UInt32 = 0
            for byte in bytes[position..<position + 4] { cell = cell << 8 | UInt32(byte) }
            position += 4
            return cell
        }

        /// The next reference to a node.
        public mutating func phandle() -> Phandle? {
            let start = position
            guard let cell = cell(), let phandle = Phandle(rawValue: cell) else {
                position = start
                return nil
            }
            return phandle
        }

        /// The next number of 0, 1 or 2 cells (of 0 cells it is 0); nil for other counts.
        public mutating func number(cellCount: Int) -> UInt64? {
            guard 0...2 ~= cellCount, remainingByteCount >= 4 * cellCount else { return nil }
            var number: UInt64 = 0
            for _ in 0..<cellCount { number = number << 32 | UInt64(cell() ?? 0) }
            return number
        }
    }
}
