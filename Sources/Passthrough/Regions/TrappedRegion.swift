// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import PlatformBus
internal import Synchronization
internal import VFIO

/// Forwards the guest's trapped accesses to a region of a real device.
///
/// A mapped region has one too, for accesses that arrive while it isn't mapped. Ownership: the counters are atomic; the
/// device itself orders accesses to its registers. `listener` is guarded by its lock, which is taken only if
/// `hasListener` is true, and isn't held while the listener is called.
final class TrappedRegion: MMIODevice {
    let region: VFIORegion
    private let device: VFIODevice
    private let readCount = Atomic<UInt64>(0)
    private let writeCount = Atomic<UInt64>(0)
    private let failureCount = Atomic<UInt64>(0)
    private let emulatedCount = Atomic<UInt64>(0)
    private let abortedCount = Atomic<UInt64>(0)
    /// Called with the first access that the host refused; later ones are only counted.
    private let report: @Sendable (VFIOError) -> Void
    /// The path that treats accesses as ends of interrupts.
    private let listener = Mutex<EventFDPath?>(nil)
    private let hasListener = Atomic<Bool>(false)

    init(_ region: VFIORegion, of device: VFIODevice, report: @escaping @Sendable (VFIOError) -> Void) {
        self.region = region
        self.device = device
        self.report = report
    }

    var reads: UInt64 { readCount.load(ordering: .relaxed) }
    var writes: UInt64 { writeCount.load(ordering: .relaxed) }
    /// Accesses that the host refused.
    var failures: UInt64 { failureCount.load(ordering: .relaxed) }
    /// Loads and stores that the hardware hadn't described: those that were emulated, and those that got a data abort.
    var emulated: UInt64 { emulatedCount.load(ordering: .relaxed) }
    var aborted: UInt64 { abortedCount.load(ordering: .relaxed) }

    /// Tells `path` of each access from now on, after it was done. Nil ends that.
    func setListener(_ path: EventFDPath?) {
        listener.withLock { $0 = path }
        hasListener.store(path != nil, ordering: .releasing)
    }

    /// Reads from the device. If the host refuses, the result is all ones, as on a bus without an answer.
    func read(offset: UInt64, width: AccessWidth) -> UInt64 {
        readCount.add(1, ordering: .relaxed)
        let value: UInt64
        do { value = try device.read(region, at: offset, size: Int(width.bytes)) } catch {
            note(error)
            value = .max
        }
        if hasListener.load(ordering: .acquiring) { tell(offset, width) }
        return value
    }

    func write(offset: UInt64, width: AccessWidth, value: UInt64) {
        writeCount.add(1, ordering: .relaxed)
        do { try device.write(value, to: region, at: offset, size: Int(width.bytes)) } catch { note(error) }
        if hasListener.load(ordering: .acquiring) { tell(offset, width) }
    }

    func note(_ access: UndescribedAccess) {
        switch access {
        case .emulated: emulatedCount.add(1, ordering: .relaxed)
        case .aborted: abortedCount.add(1, ordering: .relaxed)
        }
    }

    @inline(never)
    private func tell(_ offset: UInt64, _ width: AccessWidth) {
        listener.withLock { $0 }?.accessed(region.index, offset: offset, length: width.bytes)
    }

    private func note(_ error: VFIOError) {
        if failureCount.add(1, ordering: .relaxed).oldValue == 0 { report(error) }
    }
}
