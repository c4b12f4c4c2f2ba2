// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import PlatformBus
internal import Synchronization
internal import VFIO

/// Forwards the guest's trapped accesses to a region of a real device.
///
/// A mapped region has one too: it takes the accesses that arrive while the region isn't mapped. Ownership: the
/// counters are atomic; the device's registers are the device's own. `listener` is guarded by its lock, which is only
/// taken when `hasListener` says that there is one, and not held while it is called.
final class TrappedRegion: MMIODevice {
    let region: VFIORegion
    private let device: VFIODevice
    private let readCount = Atomic<UInt64>(0)
    private let writeCount = Atomic<UInt64>(0)
    private let failureCount = Atomic<UInt64>(0)
    private let emulatedCount = Atomic<UInt64>(0)
    private let abortedCount = Atomic<UInt64>(0)
    /// Told of the first access that the host refused; later ones are only counted.
    private let report: @Sendable (VFIOError) -> Void
    /// Who takes accesses for ends of interrupts.
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
    /// Loads and stores that the hardware hadn't described: those performed, and those answered with a data abort.
    var emulated: UInt64 { emulatedCount.load(ordering: .relaxed) }
    var aborted: UInt64 { abortedCount.load(ordering: .relaxed) }

    /// Tells `path` of each access from now on, once the access was done. nil ends that.
    func setListener(_ path: EventFDPath?) {
        listener.withLock { $0 = path }
        hasListener.store(path != nil, ordering: .releasing)
    }

    /// A read that the host refuses gives all ones, as a bus without an answer does.
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
