// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The guest's RAM at the host's physical addresses: what it is, and whether it has stayed there.
public struct MemoryReport: Sendable, Equatable, Encodable {
    /// A contiguous piece of RAM.
    public struct Bank: Sendable, Equatable, Encodable {
        /// To the host and to the guest.
        public let address: String
        /// In bytes.
        public let size: UInt64
    }

    /// "2 MiB pages", "1 GiB pages", or "heap linux,cma".
    public let source: String
    /// In ascending order.
    public let banks: [Bank]
    /// Whether nothing on the host can move it.
    public let isPinned: Bool
    /// Why not.
    public let notPinned: String?
    /// The first address that isn't what it was; nil when all are.
    public let moved: String?

    enum CodingKeys: String, CodingKey {
        case source, banks, moved
        case isPinned = "pinned"
        case notPinned = "not_pinned"
    }

    /// The report as text, a line for each fact.
    public var lines: [String] {
        let total = banks.reduce(0) { $0 + $1.size } >> 20
        let pieces = banks.count == 1 ? "one piece" : "\(banks.count) pieces"
        var lines = [
            "memory: \(total) MiB at the host's physical addresses (dma identity), \(source), in \(pieces), "
                + (notPinned.map { "held but not pinned (\($0))" } ?? "pinned")
        ]
        lines += banks.map { "  \($0.address) size \($0.size)" }
        if let moved { lines.append("  MOVED: what was at \(moved) is elsewhere") }
        return lines
    }
}
