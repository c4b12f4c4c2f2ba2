// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// How often VFIO's handlers have run, by Linux's interrupt number.
///
/// It is the only source of these counts: with irqfd, user space sees no interrupt.
///
/// The handlers' names don't tell devices apart ("vfio-irq[18](vfio-amba-00141031)" names a type). But each handler
/// appears when its device is opened (drivers/vfio/platform/vfio_platform_irq.c). So the lines that are new after a
/// device was opened are that device's, in the order of its interrupts.
package struct HostInterruptCounts: Equatable, Sendable {
    package private(set) var counts: [Int: UInt64] = [:]

    /// An empty table.
    package init() {}

    package init(parsing text: [UInt8]) {
        let handler = Array("vfio-irq[".utf8)
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " "))
            guard let name = fields.last, name.starts(with: handler), let first = fields.first,
                first.last == UInt8(ascii: ":"),
                let number = Int(String(decoding: first.dropLast(), as: UTF8.self))
            else { continue }
            // One column for each CPU, then the chip's name.
            let columns = fields.dropFirst().prefix {
                $0.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            }
            counts[number] = columns.reduce(0) { $0 &+ (UInt64(String(decoding: $1, as: UTF8.self)) ?? 0) }
        }
    }

    /// The numbers that are not in `earlier`, in ascending order.
    package func numbers(newSince earlier: HostInterruptCounts) -> [Int] {
        counts.keys.filter { earlier.counts[$0] == nil }.sorted()
    }
}

/// /proc/interrupts, kept open because a sandbox may forbid later opens.
public final class HostInterruptFile: Sendable {
    private static let path = "/proc/interrupts"
    private static let sizeLimit = 4 << 20

    private let descriptor: OwnedDescriptor
    private let system: any SystemCalls

    /// - Throws: the errors of open(2).
    public init(_ system: any SystemCalls) throws(Errno) {
        descriptor = OwnedDescriptor(adopting: try system.open(Self.path, .readOnly), of: system)
        self.system = system
    }

    /// Closes it now. Call it when no more reports are needed. A second call does nothing.
    public func close() { descriptor.close() }

    /// The current counts; empty when they can't be read.
    package func counts() -> HostInterruptCounts {
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while text.count <= Self.sizeLimit {
            var count = 0
            var hasFailed = false
            chunk.withUnsafeMutableBytes { buffer in
                // Safety: the buffer is the array's own, and valid for the whole closure.
                do throws(Errno) {
                    count = try system.pread(descriptor.rawValue, buffer, at: UInt64(text.count))
                } catch { hasFailed = true }
            }
            if hasFailed { break }
            if count == 0 { return HostInterruptCounts(parsing: text) }
            text += chunk[..<count]
        }
        return HostInterruptCounts()
    }
}
