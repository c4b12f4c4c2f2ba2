// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import Configuration
internal import KVM
public import PlatformBus

/// The guest-physical address map of the virt board.
///
/// From low to high: interrupt controller, the board's own devices, room for virtio-mmio slots, the platform-bus window
/// up to RAM, RAM, and a second window for regions that don't fit into the first. The configuration may move RAM. It
/// may also fix the window of the platform bus, which then is the only one. If RAM is at the host's physical addresses,
/// in any number of banks, the other parts move out of its way.
public struct BoardLayout: Sendable {
    /// The guest's RAM, in ascending order; it has one bank, except for RAM at the host's physical addresses.
    public let banks: [GuestRange]
    /// The first bank.
    public let ram: GuestRange
    /// The platform-bus windows in ascending order.
    public let windows: [GuestRange]
    /// The registers of the board's own devices.
    let fixtures: [Fixture]
    /// All usable addresses.
    let addresses: GuestRange
    /// Every frame that an interrupt controller of either version may have.
    let interruptController: GuestRange

    /// The address ranges of one of the board's own devices, in the order of its requests.
    struct Fixture: Equatable, Sendable {
        let name: String
        let ranges: [GuestRange]
    }

    static let distributor = GuestAddress(0x0800_0000)
    /// GICv3: 128 KiB of redistributor for each of 32 vCPUs.
    static let redistributors = GuestAddress(0x080A_0000)
    /// GICv2 only.
    static let cpuInterface = GuestAddress(0x0801_0000)

    /// The beginning of the room for devices, behind the board's own.
    static let lowWindowBase = GuestAddress(0x0C00_0000)
    static let ramBase = GuestAddress(MachineConfig.defaultRAMBase)
    private static let gibibyte: UInt64 = 1 << 30

    /// The layout for `size` on a host whose KVM offers `addressBits`.
    /// - Parameters:
    ///   - ramBase: the beginning of RAM, if it differs from that in `size`.
    ///   - devices: the devices that request windows, in their order.
    ///   - others: further parts that can't move: devices with addresses from the configuration.
    /// - Throws: `MachineError.addressSpace` when RAM or the platform bus doesn't fit, `.overlaps` with every part that
    ///   they overlap, `.noGap`.
    init(
        _ size: MachineConfig, addressBits: Int, ramBase: GuestAddress? = nil, devices: [any BoardDevice] = [],
        avoiding others: [GuestRange] = []
    ) throws(MachineError) {
        let limit: UInt64 = addressBits >= 64 ? .max : (1 << UInt64(addressBits)) - 1
        let base = ramBase ?? size.ramBase.map { GuestAddress($0) } ?? Self.ramBase
        let (byteCount, overflow) = UInt64(size.memoryMebibytes).multipliedReportingOverflow(by: 1 << 20)
        guard !overflow, let ram = GuestRange(base: base, size: byteCount), ram.last.rawValue <= limit,
            let interruptController = GuestRange(base: Self.distributor, size: Self.interruptControllerSize),
            let addresses = GuestRange(base: GuestAddress(0), size: max(limit, limit &+ 1))
        else { throw .addressSpace(mebibytes: size.memoryMebibytes, base: base, addressBits: addressBits) }
        banks = [ram]
        self.ram = ram
        self.interruptController = interruptController
        self.addresses = addresses
        let bus = try Self.platformBus(size, limit: limit, addressBits: addressBits)
        windows = bus.map { [$0] } ?? Self.windows(beside: [ram], limit: limit)
        var gaps = BoardGaps(taken: [ram, interruptController] + others + (bus.map { [$0] } ?? []), limit: limit)
        fixtures = try Self.fixtures(devices, in: &gaps, movesAll: false)
        try checkOverlaps(platformBus: bus)
    }

    /// The layout around RAM that can't move.
    /// - Parameters:
    ///   - banks: in ascending order, free of overlaps; at least one.
    ///   - devices: the devices that request windows, in their order.
    ///   - others: further parts that can't move: devices with addresses from the configuration.
    /// - Throws: `MachineError.bankOutOfReach`, `.noGap`, `.busSpace`, `.overlaps`.
    init(
        _ size: MachineConfig, addressBits: Int, banks: [GuestRange], devices: [any BoardDevice] = [],
        avoiding others: [GuestRange]
    ) throws(MachineError) {
        let limit: UInt64 = addressBits >= 64 ? .max : (1 << UInt64(addressBits)) - 1
        guard let ram = banks.first, let last = banks.last,
            let addresses = GuestRange(base: GuestAddress(0), size: max(limit, limit &+ 1))
        else { throw .doesNotFit(what: "the guest", bytes: 1, available: 0) }
        if last.last.rawValue > limit { throw .bankOutOfReach(last, addressBits: addressBits) }
        let bus = try Self.platformBus(size, limit: limit, addressBits: addressBits)
        var gaps = BoardGaps(taken: banks + others + (bus.map { [$0] } ?? []), limit: limit)
        interruptController = try gaps.place(
            "interrupt controller", Self.interruptControllerSize, alignment: 0x1_0000, near: Self.distributor)
        fixtures = try Self.fixtures(devices, in: &gaps, movesAll: true)
        self.banks = banks
        self.ram = ram
        self.addresses = addresses
        let board = ([interruptController] + fixtures.flatMap(\.ranges)).filter { $0.last >= Self.lowWindowBase }
        windows =
            bus.map { [$0] } ?? Self.windows(beside: (banks + board).sorted { $0.base < $1.base }, limit: limit)
        if let bus { try checkOverlaps(platformBus: bus) }
    }

    /// The ranges of a device's registers, in the order of its requests.
    func ranges(of device: any BoardDevice) -> [GuestRange] {
        for fixture in fixtures where fixture.name == device.name { return fixture.ranges }
        return []
    }

    private static func platformBus(
        _ size: MachineConfig, limit: UInt64, addressBits: Int
    ) throws(MachineError) -> GuestRange? {
        guard let window = size.platformBus else { return nil }
        guard let bus = GuestRange(base: GuestAddress(window.base), size: window.size), bus.last.rawValue <= limit
        else { throw .busSpace(base: GuestAddress(window.base), size: window.size, addressBits: addressBits) }
        return bus
    }

    /// Assigns each device its ranges.
    /// - Parameter movesAll: whether devices that request a fixed address are moved too.
    private static func fixtures(
        _ devices: [any BoardDevice], in gaps: inout BoardGaps, movesAll: Bool
    ) throws(MachineError) -> [Fixture] {
        var fixtures: [Fixture] = []
        // Parts that can't move come first, so that the others avoid them.
        for device in devices {
            for request in device.windows {
                if case .fixed(let address) = request.address, !movesAll,
                    let range = GuestRange(base: address, size: request.size)
                {
                    gaps.take(range)
                }
            }
        }
        for device in devices where !device.windows.isEmpty {
            var ranges: [GuestRange] = []
            for request in device.windows {
                if case .fixed(let address) = request.address, !movesAll,
                    let range = GuestRange(base: address, size: request.size)
                {
                    ranges.append(range)
                } else {
                    ranges.append(
                        try gaps.place(
                            device.name, request.size, alignment: BusMap.minimumAlignment, near: request.usual))
                }
            }
            fixtures.append(Fixture(name: device.name, ranges: ranges))
        }
        return fixtures
    }

    /// Every frame of either version, in bytes. GICv3: a redistributor of 128 KiB for each of 32 vCPUs.
    private static let interruptControllerSize = redistributors.rawValue + (32 << 17) - distributor.rawValue

    /// The remaining room for devices below RAM, between its banks, and above it.
    private static func windows(beside taken: [GuestRange], limit: UInt64) -> [GuestRange] {
        var windows: [GuestRange] = []
        var next: GuestAddress? = lowWindowBase
        for range in taken {
            guard let base = next, range.last >= base else { continue }
            if range.base > base, range.base.rawValue - base.rawValue >= smallestWindow,
                let gap = GuestRange(base: base, size: range.base.rawValue - base.rawValue)
            {
                windows.append(gap)
            }
            next = range.last.adding(1)
        }
        let last = next == lowWindowBase ? next : next?.aligned(to: gibibyte)
        if let last, last.rawValue < limit {
            // It never has all 2^64 bytes, because it doesn't begin at 0.
            if let high = GuestRange(base: last, size: limit - last.rawValue &+ 1) { windows.append(high) }
        }
        return windows
    }

    /// In bytes: smaller gaps between banks get no line in the device tree.
    private static let smallestWindow: UInt64 = 1 << 20

    private func checkOverlaps(platformBus: GuestRange?) throws(MachineError) {
        let ram = banks.map { AddressConflict.Part(name: "RAM", key: "machine-config.ram_base", range: $0) }
        let fixed =
            [AddressConflict.Part(name: "interrupt controller", range: interruptController)]
            + fixtures.flatMap { fixture in
                fixture.ranges.map { AddressConflict.Part(name: fixture.name, range: $0) }
            }
        var pairs = ram.flatMap { ram in fixed.map { (ram, $0) } }
        if let platformBus {
            let bus = AddressConflict.Part(
                name: "platform bus", key: "machine-config.platform_bus", range: platformBus)
            pairs += (ram + fixed).map { (bus, $0) }
        }
        let conflicts = pairs.filter { $0.0.range.overlaps($0.1.range) }
            .map { AddressConflict(part: $0.0, owner: $0.1) }
        if !conflicts.isEmpty { throw .overlaps(conflicts) }
    }

    func interruptController(_ version: InterruptController.Version) -> InterruptController.Layout {
        let offset =
            switch version {
            case .v3: Self.redistributors.rawValue - Self.distributor.rawValue
            case .v2: Self.cpuInterface.rawValue - Self.distributor.rawValue
            }
        let base = interruptController.base.rawValue
        // No overflow: it is inside the range, whose end fits into 64 bits.
        return InterruptController.Layout(distributor: base, secondFrame: base &+ offset)
    }
}
