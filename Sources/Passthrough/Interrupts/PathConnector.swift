// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import KVM
internal import LinuxSystem

/// Finds the path for one interrupt: tries the paths that the configuration allows, best first.
///
/// A path that fails is removed completely before the next is tried.
struct PathConnector {
    let device: PlacedDevice
    /// The interrupt's position in the device's list.
    let position: Int
    let regions: MappedRegions
    let vm: VirtualMachine
    let loop: EventLoop
    let log: Log
    let tracer: Tracer?
    /// Why a better path wasn't taken, one line each.
    private(set) var reasons: [String] = []

    init(
        device: PlacedDevice, position: Int, regions: MappedRegions, vm: VirtualMachine, loop: EventLoop, log: Log,
        tracer: Tracer?
    ) {
        self.device = device
        self.position = position
        self.regions = regions
        self.vm = vm
        self.loop = loop
        self.log = log
        self.tracer = tracer
    }

    /// Sets up the best path that works, and adds it to `paths`.
    /// - Throws: `PassthroughError.noInterruptPath` with the reason of each path that was tried.
    mutating func connect(_ paths: inout PathList) throws(PassthroughError) -> any InterruptPath {
        let settings = device.settings
        var failures: [PassthroughError.FailedPath] = []
        for kind in InterruptPathKind.allCases {
            if let reason = settings.reasonAgainst(kind) {
                reasons.append("not \(kind): \(reason)")
                continue
            }
            do throws(PassthroughError) {
                let path = try set(up: kind, &paths)
                if settings.stormLimit > 0, kind != .relay {
                    log(
                        .warning, "\(device.name): storm_limit has no effect on the \(kind) path; \(reasons.last ?? "")"
                    )
                }
                return path
            } catch {
                failures.append(PassthroughError.FailedPath(path: kind, problem: error))
                reasons.append("not \(kind): \("\(error)".split(separator: "\n").first ?? "")")
            }
        }
        throw .noInterruptPath(
            device: device.name, interrupt: device.interrupts[position].info.index,
            isChoice: settings.interrupts != nil,
            failures)
    }

    private func set(up kind: InterruptPathKind, _ paths: inout PathList) throws(PassthroughError) -> any InterruptPath
    {
        let interrupt = device.interrupts[position]
        let path: any InterruptPath
        switch kind {
        case .irqfd: path = try IRQFDPath(interrupt, of: device.device, vm: vm, tracer: tracer)
        case .relay:
            path = try RelayPath(
                interrupt, of: device.device, vm: vm, loop: loop, stormLimit: device.settings.stormLimit, log: log,
                tracer: tracer)
        case .eventfd:
            if let shared = paths.eventFDPath {
                try shared.connect(position)
                return shared
            }
            let new = try EventFDPath(
                device, regions: regions, vm: vm, loop: loop, log: log, tracer: tracer)
            do throws(PassthroughError) { try new.connect(position) } catch {
                new.disconnect()
                throw error
            }
            path = new
        }
        paths.append(path)
        return path
    }
}

extension PlacedDevice.Settings {
    /// Why `kind` isn't even tried; nil if it is.
    func reasonAgainst(_ kind: InterruptPathKind) -> String? {
        if let interrupts { return interrupts == kind ? nil : "the configuration asks for \(interrupts)" }
        return kind == .irqfd && stormLimit > 0 ? "storm_limit needs the relay" : nil
    }
}
