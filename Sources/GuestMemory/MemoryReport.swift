// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The report of the guest's RAM at the host's physical addresses: its source, and whether it has moved.
public struct MemoryReport: Sendable, Equatable, Encodable {
    /// A contiguous piece of RAM.
    public struct Bank: Sendable, Equatable, Encodable {
        /// The address, which is the same for the host and the guest.
        public let address: String
        /// In bytes.
        public let size: UInt64
    }

    /// "2 MiB pages", "1 GiB pages", or "heap linux,cma".
    public let source: String
    /// In ascending order.
    public let banks: [Bank]
    /// Whether it is pinned, so that the host can't move it.
    public let isPinned: Bool
    /// Why it isn't pinned.
    public let notPinned: String?
    /// The first address that has moved; nil if none has.
    public let moved: String?

    enum CodingKeys: String, CodingKey {
        case source, banks, moved
        case isPinned = "pinned"
        case notPinned = "not_pinned"
    }

    /// The report as text, one line for each fact.
    public var lines: [String] {
        let total = banks.reduce(0) { $0 + $1.size } >> 20
        let pieces = banks.count == 1 ? "one piece" : "\(banks.count) pieces"
        var lines = [
            "memory: \(total) MiB at the host's physical addresses (dma identity), \(source), in \(pieces), "
                + (notPinned.map { "held but not pinned (\($0))" } ?? "pinned")
        ]
        lines += banks.map { "  \($0.address) size \($0.size)" }
        if let moved { lines.append("  MOVED: the memory at \(moved) is at another address now") }
        return lines
    }
}
