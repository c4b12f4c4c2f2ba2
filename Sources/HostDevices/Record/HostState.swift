// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
public import LinuxSystem

/// The current state of the host's clocks, supplies and power domains.
///
/// Each file is read once for any number of devices. Create one for each question; one thread uses it.
public final class HostState {
    private let sysfs: Sysfs
    private let debugFS: (any DebugFSCalls)?
    private lazy var tree = HostTree(sysfs)
    private lazy var clocks = readClocks()
    private lazy var domains = readDomains()
    private lazy var regulators = Regulators(sysfs)

    /// - Parameter debugFS: reads debugfs where it isn't mounted; nil to not read it then.
    public init(sysfs: Sysfs, debugFS: (any DebugFSCalls)?) {
        self.sysfs = sysfs
        self.debugFS = debugFS
    }

    // MARK: Resources of a device

    /// The current resources of a device; empty for a device with no resources except clocks that can't be switched.
    public func record(of device: HostDevice) -> HostRecord {
        var record = HostRecord()
        if let node = device.deviceTreeNode {
            addClocks(of: device, node, to: &record)
            addSupplies(of: node, to: &record)
            addDomains(of: device, node, to: &record)
        }
        let status = try? sysfs.system.readFile("\(device.path)/power/runtime_status", limit: 64)
        record.wasSuspended =
            status.map { String(decoding: $0, as: UTF8.self).hasPrefix("suspended") } == true && !record.isEmpty
        record.ethernetAddress = ethernetAddress(of: device)
        return record
    }

    private func addClocks(of device: HostDevice, _ node: String, to record: inout HostRecord) {
        guard let value = tree.value("clocks", of: node) else { return }
        switch clocks {
        // The kernel has no such clocks.
        case .failure(.noSuchFileOrDirectory), .failure(.operationNotSupportedByDevice): break
        case .failure(let errno): if !areFixed(value) { record.gaps.append(.init(what: "clocks", errno: errno)) }
        case .success(let summary):
            guard summary.hasConsumers else {
                if !areFixed(value) { record.gaps.append(.init(what: "clocks", errno: .notSupported)) }
                return
            }
            let found = summary.clocks(of: device.name, node: node.split(separator: "/").last.map(String.init))
            if !found.isEmpty, !areFixed(value) {
                record.clocks = Self.inOrder(found, tree.value("clock-names", of: node)?.strings ?? [])
            }
        }
    }

    /// Sorts clocks as the device's node lists them; the kernel sorts them by their creation.
    private static func inOrder(_ clocks: [HostRecord.Clock], _ names: [String]) -> [HostRecord.Clock] {
        func place(_ clock: HostRecord.Clock) -> Int {
            if case .named(let name) = clock.connection, let place = names.firstIndex(of: name) { return place }
            return names.count
        }
        return clocks.enumerated()
            .sorted { (place($0.element), $0.offset) < (place($1.element), $1.offset) }.map(\.element)
    }

    /// Whether all entries refer to fixed clocks, which can't be switched off.
    private func areFixed(_ clocks: PropertyValue) -> Bool {
        var reader = clocks.reader
        while let cell = reader.cell() {
            if cell == 0 { continue }
            guard let phandle = Phandle(rawValue: cell), let provider = try? tree.folder(of: phandle),
                tree.value("compatible", of: provider)?.strings?.contains("fixed-clock") == true
            else { return false }
        }
        return true
    }

    private func addSupplies(of node: String, to record: inout HostRecord) {
        if regulators.isEmpty { return }
        for property in (try? sysfs.system.listDirectory(node)) ?? [] where property.hasSuffix("-supply") {
            guard let phandle = tree.value(property, of: node)?.phandle, let provider = try? tree.folder(of: phandle),
                let folder = regulators.folder(of: tree.path(provider))
            else { continue }
            record.supplies.append(
                .init(
                    property: property, name: regulators.text("name", of: folder) ?? folder, folder: folder,
                    microvolts: regulators.microvolts(of: folder), power: .init(regulators.isOn(folder))))
        }
    }

    private func addDomains(of device: HostDevice, _ node: String, to record: inout HostRecord) {
        if tree.value("power-domains", of: node) == nil { return }
        switch domains {
        // Without the file, the kernel has no power domains, or hides them.
        case .failure(.noSuchFileOrDirectory): break
        case .failure(let errno): record.gaps.append(.init(what: "power domains", errno: errno))
        case .success(let summary):
            record.domains = summary.domains(of: device.name).map { .init(name: $0.name, power: .init($0.isOn)) }
        }
    }

    /// The address of a device with one interface; nil for several, such as a switch, whose ports have an address each,
    /// and for an address that the driver has made up.
    private func ethernetAddress(of device: HostDevice) -> [UInt8]? {
        guard let names = try? sysfs.system.listDirectory("\(device.path)/net"), names.count == 1 else { return nil }
        func text(_ file: String) -> String? {
            let bytes = try? sysfs.system.readFile("\(device.path)/net/\(names[0])/\(file)", limit: 256)
            return bytes.map { String(decoding: $0.prefix { $0 != 0x0A }, as: UTF8.self) }
        }
        // NET_ADDR_RANDOM (Linux, include/uapi/linux/netdevice.h)
        guard let address = text("address"), text("addr_assign_type") != "1" else { return nil }
        let bytes = address.split(separator: ":", omittingEmptySubsequences: false).compactMap { UInt8($0, radix: 16) }
        let isUsable = bytes.count == 6 && bytes[0] & 1 == 0 && bytes.contains { $0 != 0 }
        return isUsable ? bytes : nil
    }

    // MARK: Losses

    /// The resources that a device has lost since its record was made; empty when nothing is known about them.
    ///
    /// A single power domain doesn't count: the kernel switches it on when VFIO opens the device.
    public func losses(since record: HostRecord) -> [PowerLoss] {
        func wasOn(_ power: HostRecord.Power) -> Bool { power == .on || (record.wasSuspended && power == .off) }
        var losses: [PowerLoss] = []
        if record.clocks.contains(where: { wasOn($0.power) }), case .success(let summary) = clocks {
            for clock in record.clocks where wasOn(clock.power) {
                let now = summary.clocks.first { $0.name == clock.name }
                if now?.isOn == false { losses.append(.clock(clock)) }
            }
        }
        for supply in record.supplies where wasOn(supply.power) && regulators.isOn(supply.folder) == false {
            losses.append(.supply(supply))
        }
        if record.domains.count > 1, case .success(let summary) = domains {
            for domain in record.domains where wasOn(domain.power) {
                if summary.domains.first(where: { $0.name == domain.name })?.isOn == false {
                    losses.append(.domain(domain))
                }
            }
        }
        return losses
    }

    /// Why it isn't known whether the device's clocks run; nil when it is known, and for a device without clocks.
    public func problem(with record: HostRecord) -> Errno? {
        guard record.clocks.contains(where: { $0.power == .on }), case .failure(let errno) = clocks else { return nil }
        return errno
    }

    // MARK: Files

    private func readClocks() -> Result<ClockSummary, Errno> {
        read(ClockSummary.path, limit: ClockSummary.sizeLimit).flatMap { bytes in
            ClockSummary(parsing: bytes).map { .success($0) } ?? .failure(.illegalByteSequence)
        }
    }

    private func readDomains() -> Result<PowerDomainSummary, Errno> {
        read(PowerDomainSummary.path, limit: PowerDomainSummary.sizeLimit).map { PowerDomainSummary(parsing: $0) }
    }

    private func read(_ path: String, limit: Int) -> Result<[UInt8], Errno> {
        Result { () throws(Errno) in try sysfs.readDebugFS(path, limit: limit, unmounted: debugFS) }
    }
}
