// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration
internal import Devices
internal import KVM
public import PlatformBus

/// Where everything is in the guest-physical address space of the virt board.
///
/// From low to high: interrupt controller, serial port, RTC, room for virtio-mmio slots, the platform-bus window up to
/// RAM, RAM, a second window for regions that don't fit into the first. The configuration may put RAM elsewhere, and may
/// say which window the platform bus has; then it has that one only. Where RAM is at the host's physical addresses, in however
/// many banks, the rest gives way to it.
public struct BoardLayout: Sendable {
    /// The guest's RAM, in ascending order; one bank but for RAM at the host's physical addresses.
    public let banks: [GuestRange]
    /// The first bank.
    public let ram: GuestRange
    /// The platform-bus windows in ascending order.
    public let windows: [GuestRange]
    /// The serial port's registers.
    let serial: GuestRange
    /// The registers of the PL031 that is emulated when none is passed through.
    let clock: GuestRange
    /// All addresses that there are.
    let addresses: GuestRange
    /// Every frame that an interrupt controller of either version may have.
    let interruptController: GuestRange

    static let distributor = GuestAddress(0x0800_0000)
    /// GICv3: 128 KiB of redistributor for each of 32 vCPUs.
    static let redistributors = GuestAddress(0x080A_0000)
    /// GICv2 only.
    static let cpuInterface = GuestAddress(0x0801_0000)
    static let serialBase = GuestAddress(0x0900_0000)
    static let clockBase = GuestAddress(0x0901_0000)
    static let serialSPI = SPI(rawValue: 0)
    static let clockSPI = SPI(rawValue: 1)

    /// Where room for devices begins, behind the board's own.
    static let lowWindowBase = GuestAddress(0x0C00_0000)
    static let ramBase = GuestAddress(MachineSize.defaultRAMBase)
    private static let gibibyte: UInt64 = 1 << 30

    /// The layout for `size` on a host whose KVM offers `addressBits`.
    /// - Parameter ramBase: where RAM begins, if not where `size` says.
    /// - Throws: `MachineError.addressSpace` when RAM or the platform bus doesn't fit, `.overlaps` with everything that
    ///   they are in the way of.
    init(_ size: MachineSize, addressBits: Int, ramBase: GuestAddress? = nil) throws(MachineError) {
        let limit: UInt64 = addressBits >= 64 ? .max : (1 << UInt64(addressBits)) - 1
        let base = ramBase ?? size.ramBase.map { GuestAddress($0) } ?? Self.ramBase
        let (byteCount, overflow) = UInt64(size.memoryMebibytes).multipliedReportingOverflow(by: 1 << 20)
        guard !overflow, let ram = GuestRange(base: base, size: byteCount), ram.last.rawValue <= limit else {
            throw .addressSpace(mebibytes: size.memoryMebibytes, base: base, addressBits: addressBits)
        }
        guard let serial = GuestRange(base: Self.serialBase, size: NS16550A.byteCount),
            let clock = GuestRange(base: Self.clockBase, size: PL031.byteCount),
            let interruptController = GuestRange(
                base: Self.distributor, size: Self.interruptControllerSize),
            let addresses = GuestRange(base: GuestAddress(0), size: max(limit, limit &+ 1))
        else { throw .addressSpace(mebibytes: size.memoryMebibytes, base: base, addressBits: addressBits) }
        banks = [ram]
        self.ram = ram
        self.serial = serial
        self.clock = clock
        self.interruptController = interruptController
        self.addresses = addresses
        if let bus = size.platformBus {
            guard let window = GuestRange(base: GuestAddress(bus.base), size: bus.size), window.last.rawValue <= limit
            else { throw .busSpace(base: GuestAddress(bus.base), size: bus.size, addressBits: addressBits) }
            windows = [window]
        } else {
            windows = Self.windows(beside: [ram], limit: limit)
        }
        // Without these keys there is nothing to find.
        guard size.platformBus != nil || base != Self.ramBase else { return }
        try checkOverlaps(platformBus: size.platformBus == nil ? nil : windows.first)
    }

    /// The layout around RAM that is where it is.
    /// - Parameters:
    ///   - banks: in ascending order, free of overlaps; at least one.
    ///   - others: what else stays where it is: devices with addresses that the configuration gives.
    /// - Throws: `MachineError.bankOutOfReach`, `.noGap`, `.busSpace`, `.overlaps`.
    init(
        _ size: MachineSize, addressBits: Int, banks: [GuestRange], avoiding others: [GuestRange]
    ) throws(MachineError) {
        let limit: UInt64 = addressBits >= 64 ? .max : (1 << UInt64(addressBits)) - 1
        guard let ram = banks.first, let last = banks.last,
            let addresses = GuestRange(base: GuestAddress(0), size: max(limit, limit &+ 1))
        else { throw .doesNotFit(what: "the guest", bytes: 1, available: 0) }
        if last.last.rawValue > limit { throw .bankOutOfReach(last, addressBits: addressBits) }
        var bus: GuestRange?
        if let window = size.platformBus {
            bus = GuestRange(base: GuestAddress(window.base), size: window.size)
            guard let bus, bus.last.rawValue <= limit else {
                throw .busSpace(base: GuestAddress(window.base), size: window.size, addressBits: addressBits)
            }
        }
        var gaps = BoardGaps(taken: banks + others + (bus.map { [$0] } ?? []), limit: limit)
        interruptController = try gaps.place(
            "interrupt controller", Self.interruptControllerSize, alignment: 0x1_0000, near: Self.distributor)
        serial = try gaps.place("serial port", NS16550A.byteCount, alignment: 4096, near: Self.serialBase)
        clock = try gaps.place("RTC", PL031.byteCount, alignment: 4096, near: Self.clockBase)
        self.banks = banks
        self.ram = ram
        self.addresses = addresses
        let board = [interruptController, serial, clock].filter { $0.last >= Self.lowWindowBase }
        windows =
            bus.map { [$0] } ?? Self.windows(beside: (banks + board).sorted { $0.base < $1.base }, limit: limit)
        if let bus { try checkOverlaps(platformBus: bus) }
    }

    /// Every frame of either version, in bytes. GICv3: a redistributor of 128 KiB for each of 32 vCPUs.
    private static let interruptControllerSize = redistributors.rawValue + (32 << 17) - distributor.rawValue

    /// What is left for devices below RAM, between its banks, and above it.
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
            // Never all 64 bits, as it doesn't begin at 0.
            if let high = GuestRange(base: last, size: limit - last.rawValue &+ 1) { windows.append(high) }
        }
        return windows
    }

    /// In bytes: smaller gaps between banks aren't worth a line in the device tree.
    private static let smallestWindow: UInt64 = 1 << 20

    private func checkOverlaps(platformBus: GuestRange?) throws(MachineError) {
        let ram = banks.map { AddressConflict.Part(name: "RAM", key: "machine-config.ram_base", range: $0) }
        let fixed: [AddressConflict.Part] = [
            .init(name: "interrupt controller", range: interruptController), .init(name: "serial port", range: serial),
            .init(name: "RTC", range: clock),
        ]
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
        // Inside the range, whose end fits into 64 bits.
        return InterruptController.Layout(distributor: base, secondFrame: base &+ offset)
    }
}

/// Two parts of the board that can't both have the addresses that they want.
public struct AddressConflict: Sendable, CustomStringConvertible {
    struct Part: Sendable {
        let name: String
        /// The configuration's key that moves it; nil for what stays where it is.
        var key: String?
        let range: GuestRange
    }

    let part: Part
    let owner: Part

    public var description: String {
        let ownerKey = owner.key.map { " (\($0))" } ?? ""
        return "\(part.key ?? part.name): the \(part.name) at \(part.range) overlaps the \(owner.name)\(ownerKey) at "
            + "\(owner.range)"
    }
}
