// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A contiguous range of the host's physical memory, composed of pages of a file.
public struct PhysicalRun: Equatable, Sendable {
    /// Its first byte's physical address.
    public let address: UInt64
    /// The parts of the file in the run, lowest address first.
    public private(set) var parts: [Range<UInt64>]

    /// In bytes.
    public var size: UInt64 { parts.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) } }

    /// Creates a run from its parts.
    public init(address: UInt64, parts: [Range<UInt64>]) {
        self.address = address
        self.parts = parts
    }

    /// The longest runs of a file's pages, in ascending order.
    /// - Parameters:
    ///   - pages: the physical address of each page, in the file's order.
    ///   - pageSize: in bytes.
    /// - Returns: nil for pages that overlap, that are not aligned or that don't fit into 64 bits.
    public static func runs(of pages: [UInt64], pageSize: UInt64) -> [PhysicalRun]? {
        guard pageSize.nonzeroBitCount == 1 else { return nil }
        var runs: [PhysicalRun] = []
        var end: UInt64 = 0
        for (index, address) in pages.enumerated().sorted(by: { $0.element < $1.element }) {
            let (next, overflow) = address.addingReportingOverflow(pageSize)
            let (start, tooFar) = UInt64(index).multipliedReportingOverflow(by: pageSize)
            let (partEnd, tooLong) = start.addingReportingOverflow(pageSize)
            guard !overflow, !tooFar, !tooLong, address & (pageSize - 1) == 0, runs.isEmpty || address >= end else {
                return nil
            }
            if runs.isEmpty || address > end {
                runs.append(PhysicalRun(address: address, parts: [start..<partEnd]))
            } else {
                runs[runs.count - 1].append(start..<partEnd)
            }
            end = next
        }
        return runs
    }

    private mutating func append(_ part: Range<UInt64>) {
        if let last = parts.last, last.upperBound == part.lowerBound {
            parts[parts.count - 1] = last.lowerBound..<part.upperBound
        } else {
            parts.append(part)
        }
    }
}
