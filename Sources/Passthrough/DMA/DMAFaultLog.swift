// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Synchronization

/// The DMA faults of devices behind an IOMMU from the moment that it is made. User space is told of them nowhere but in
/// the log of the host's kernel.
///
/// The kernel logs at most 10 of them in 5 s, of all devices together (DEFAULT_RATELIMIT_BURST): there may be more than
/// are found.
final class DMAFaultLog: Sendable {
    /// What the log has of a device.
    struct Faults {
        let count: Int
        let first: [DMAFault]
        /// Whether nothing of the log was overwritten before it was read, which happens when the guest runs for long.
        let isWhole: Bool
    }

    private struct Source: Hashable {
        let iommu: String
        let streamID: UInt32
    }

    private struct State {
        var parser = DMAFaultParser()
        var counts: [Source: Int] = [:]
        /// In the order of the log; of each source the first `kept`.
        var faults: [DMAFault] = []
        var isWhole = true
    }

    private static let kept = 16
    /// How many records are read in one go: others may write to the log faster than it is read.
    private static let recordLimit = 100_000
    /// No record is longer (Linux, include/linux/printk.h, CONSOLE_EXT_LOG_MAX).
    private static let recordSize = 8192

    private let descriptor: OwnedDescriptor
    private let system: any SystemCalls
    /// Every report reads on, on the thread that asks for it.
    private let state = Mutex(State())

    /// Begins at the end of the log.
    /// - Throws: what open(2) gives: EPERM where the log is for the privileged (kernel.dmesg_restrict).
    init(_ system: any SystemCalls) throws(Errno) {
        self.system = system
        descriptor = OwnedDescriptor(adopting: try system.openKernelLog(), of: system)
    }

    /// Closes it now. Call it when no report is asked for any more.
    func close() { descriptor.close() }

    /// What the log has of a device by now.
    /// - Parameters:
    ///   - iommu: the name of its IOMMU.
    ///   - streams: the numbers by which the IOMMU knows it.
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
                // The next read goes on behind what was overwritten.
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
