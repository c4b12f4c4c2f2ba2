// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import KVM
public import LinuxSystem
internal import Synchronization
internal import VFIO

/// A device joined to a VM: its mapped regions in memory slots, each interrupt on the best path that works.
///
/// Ownership: the connection owns regions and paths, which guard themselves; `quiesce` may come from the thread that
/// stops the VM. They go newest first.
public final class ConnectedDevice: Sendable {
    /// An interrupt and the way that it takes.
    struct Route: Sendable {
        let interrupt: PlacedDevice.Interrupt
        let path: any InterruptPath
        /// Why it isn't on a better path, each in one line.
        let reasons: [String]
    }

    /// The device that is connected.
    public let device: PlacedDevice
    let routes: [Route]
    /// Each path once, in the order of the set-up.
    private let paths: [any InterruptPath]
    let regions: MappedRegions
    private let log: Log
    private let isQuiet = Atomic<Bool>(false)
    /// Why the reset at the end failed. Guarded by the lock: written by the thread that stops the VM, read for the report.
    private let endFailure = Mutex<VFIOError?>(nil)

    /// - Throws: `PassthroughError` naming the device and the call; nothing stays wired then.
    public init(
        _ device: PlacedDevice, vm: VirtualMachine, loop: EventLoop, log: Log, tracer: Tracer? = nil
    ) throws(PassthroughError) {
        let regions = try MappedRegions(device, vm: vm)
        var paths = PathList()
        var routes: [Route] = []
        do throws(PassthroughError) {
            for position in device.interrupts.indices {
                let interrupt = device.interrupts[position]
                var connector = PathConnector(
                    device: device, position: position, regions: regions, vm: vm, loop: loop, log: log,
                    tracer: tracer)
                let path = try connector.connect(&paths)
                routes.append(Route(interrupt: interrupt, path: path, reasons: connector.reasons))
                log(
                    .debug,
                    "\(device.name): interrupt \(interrupt.info.index) \(interrupt.trigger) \(interrupt.spi): \(path.kind)"
                        + connector.reasons.map { "; \($0)" }.joined())
            }
        } catch {
            // Before the regions, which are older.
            for path in paths.take().reversed() { path.disconnect() }
            regions.release()
            throw error
        }
        self.device = device
        self.routes = routes
        self.regions = regions
        self.log = log
        self.paths = paths.take()
    }

    /// Silences the device: interrupts off, then a reset where the device has one. Its DMA is the caller's next step.
    /// A second call does nothing.
    public func quiesce() {
        for path in paths.reversed() { path.disconnect() }
        let isFirst = !isQuiet.exchange(true, ordering: .relaxed)
        guard isFirst, device.device.canReset else { return }
        do throws(VFIOError) { try device.device.reset() } catch {
            endFailure.withLock { $0 = error }
            log(.warning, "\(error)\n  DMA that the guest has started may go on")
        }
    }

    /// Why the last reset of the device failed; nil where it didn't, and where the kernel has no function for that.
    var resetFailure: VFIOError? {
        isQuiet.load(ordering: .relaxed) ? endFailure.withLock { $0 } : device.opened.resetFailure
    }

    /// What keeps the machine from being started again, now that the device has been silenced; nil for nothing.
    var restartProblem: RestartProblem? {
        guard device.device.canReset else { return device.opened.restartProblem }
        return resetFailure.map(device.opened.failedReset)
    }

    var remapCounts: RemapCounts {
        paths.lazy.compactMap { $0 as? EventFDPath }.first?.remapCounts ?? RemapCounts(unmaps: 0, maps: 0, refusedUnmaps: 0)
    }

    /// The share of the device goes last.
    deinit {
        for path in paths.reversed() { path.disconnect() }
        regions.release()
    }
}
