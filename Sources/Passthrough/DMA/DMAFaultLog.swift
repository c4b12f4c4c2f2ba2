// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Synchronization

/// The DMA faults of devices behind an IOMMU, from the creation of this object on. User space finds them only in the
/// log of the host's kernel.
///
/// The kernel logs at most 10 of them in 5 s, for all devices together (DEFAULT_RATELIMIT_BURST), so there may be more
/// than are logged.
final class DMAFaultLog: Sendable {
    /// The log's faults of a device.
    struct Faults {
        let count: Int
        let first: [DMAFault]
        /// Whether no part of the log was overwritten before it was read. A part may be when the guest runs for long.
        let isWhole: Bool
    }

    private struct Source: Hashable {
        let iommu: String
        let streamID: UInt32
    }

    private struct State {
        var parser = DMAFaultParser()
        var counts: [Source: Int] = [:]
        /// In the order of the log; only the first `kept` of each source.
        var faults: [DMAFault] = []
        var isWhole = true
    }

    private static let kept = 16
    /// How many records are read at once: other programs may write to the log faster than it is read.
    private static let recordLimit = 100_000
    /// No record is longer (Linux, include/linux/printk.h, CONSOLE_EXT_LOG_MAX).
    private static let recordSize = 8192

    private let descriptor: OwnedDescriptor
    private let system: any SystemCalls
    /// Each report continues the reading, on the thread that requests it.
    private let state = Mutex(State())

    /// Opens the log at its end.
    /// - Throws: the errors of open(2): EPERM when only privileged users may read the log (kernel.dmesg_restrict).
    init(_ system: any SystemCalls) throws(Errno) {
        self.system = system
        descriptor = OwnedDescriptor(adopting: try system.openKernelLog(), of: system)
    }

    /// Closes it now. Call it when no more reports are needed.
    func close() { descriptor.close() }

    /// The faults of a device so far.
    /// - Parameters:
    ///   - iommu: the name of its IOMMU.
    ///   - streams: the numbers by which the IOMMU identifies it.
    func faults(iommu: String, streams: [UInt32]) -> Faults {
        state.withLock { state in
            read(&state)
            let counts = Set(streams).map { state.counts[Source(iommu: iommu, streamID: $0)] ?? 0 }
            let first = state.faults.lazy.filter { $0.iommu == iommu && streams.contains($0.streamID) }
            return Faults(
                count: counts.reduce(0, +), first: Array(first.prefix(Self.kept)), isWhole: state.isWhole)
        }
    }

    private func read(_ state: inout State) {
        for _ in 0..<Self.recordLimit {
            let record: [UInt8]
            do throws(Errno) {
                record = try system.readKernelLog(descriptor.rawValue, limit: Self.recordSize)
            } catch {
                guard error == .brokenPipe else { return }
                // The next read continues after the overwritten records.
                state.isWhole = false
                continue
            }
            guard let fault = state.parser.take(record: record) else { continue }
            let source = Source(iommu: fault.iommu, streamID: fault.streamID)
            state.counts[source, default: 0] += 1
            if state.counts[source, default: 0] <= Self.kept { state.faults.append(fault) }
        }
    }
}
