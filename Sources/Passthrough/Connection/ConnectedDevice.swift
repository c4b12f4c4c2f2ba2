// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import KVM
public import LinuxSystem
internal import Synchronization
internal import VFIO

/// A device connected to a VM: its mapped regions are in memory slots, and each interrupt takes the best path that
/// works.
///
/// Ownership: the connection owns regions and paths, which have their own locks; `quiesce` may be called on the thread
/// that stops the VM. They are released newest first.
public final class ConnectedDevice: Sendable {
    /// An interrupt and its path.
    struct Route: Sendable {
        let interrupt: PlacedDevice.Interrupt
        let path: any InterruptPath
        /// Why it doesn't take a better path, one line each.
        let reasons: [String]
    }

    /// The device that is connected.
    public let device: PlacedDevice
    let routes: [Route]
    /// Each path once, in the order of set-up.
    private let paths: [any InterruptPath]
    let regions: MappedRegions
    private let log: Log
    private let isQuiet = Atomic<Bool>(false)

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
            // Before the regions, which were set up first.
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

    /// Silences the device: disables its interrupts, then resets it if possible.
    ///
    /// The caller stops its DMA next. A second call does nothing.
    public func quiesce() {
        for path in paths.reversed() { path.disconnect() }
        let isFirst = !isQuiet.exchange(true, ordering: .relaxed)
        guard isFirst else { return }
        do throws(ResetFailure) { try device.opened.resetter.reset() } catch {
            log(.warning, "\(error)\n  DMA that the guest has started may go on")
        }
    }

    /// What prevents another start of the machine, after the device has been silenced; nil for nothing.
    var restartProblem: RestartProblem? { device.opened.restartProblem }

    var remapCounts: RemapCounts {
        paths.lazy.compactMap { $0 as? EventFDPath }.first?.remapCounts
            ?? RemapCounts(unmaps: 0, maps: 0, refusedUnmaps: 0)
    }

    /// The share of the device is released last.
    deinit {
        for path in paths.reversed() { path.disconnect() }
        regions.release()
    }
}
