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
/// say which window the platform bus has; then it has that one only.
public struct BoardLayout: Sendable {
    /// The guest's RAM.
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
                base: Self.distributor, size: Self.redistributors.rawValue + (32 << 17) - Self.distributor.rawValue),
            let addresses = GuestRange(base: GuestAddress(0), size: max(limit, limit &+ 1))
        else { throw .addressSpace(mebibytes: size.memoryMebibytes, base: base, addressBits: addressBits) }
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
            windows = Self.windows(beside: ram, limit: limit)
        }
        // Without these keys there is nothing to find.
        guard size.platformBus != nil || base != Self.ramBase else { return }
        try checkOverlaps(platformBus: size.platformBus == nil ? nil : windows.first)
    }

    /// What is left for devices: below RAM and above it.
    private static func windows(beside ram: GuestRange, limit: UInt64) -> [GuestRange] {
        var windows: [GuestRange] = []
        if ram.last < lowWindowBase {
            let all = GuestRange(base: lowWindowBase, size: limit &- lowWindowBase.rawValue &+ 1)
            return limit > lowWindowBase.rawValue ? [all].compactMap { $0 } : []
        }
        if ram.base > lowWindowBase,
            let low = GuestRange(base: lowWindowBase, size: ram.base.rawValue - lowWindowBase.rawValue)
        {
            windows.append(low)
        }
        if let base = ram.last.adding(1)?.aligned(to: gibibyte), base.rawValue < limit,
            let high = GuestRange(base: base, size: limit - base.rawValue + 1)
        {
            windows.append(high)
        }
        return windows
    }

    private func checkOverlaps(platformBus: GuestRange?) throws(MachineError) {
        let ram = AddressConflict.Part(name: "RAM", key: "machine-config.ram_base", range: ram)
        let fixed: [AddressConflict.Part] = [
            .init(name: "interrupt controller", range: interruptController), .init(name: "serial port", range: serial),
            .init(name: "RTC", range: clock),
        ]
        var pairs = fixed.map { (ram, $0) }
        if let platformBus {
            let bus = AddressConflict.Part(
                name: "platform bus", key: "machine-config.platform_bus", range: platformBus)
            pairs += [(bus, ram)] + fixed.map { (bus, $0) }
        }
        let conflicts = pairs.filter { $0.0.range.overlaps($0.1.range) }
            .map { AddressConflict(part: $0.0, owner: $0.1) }
        if !conflicts.isEmpty { throw .overlaps(conflicts) }
    }

    static func interruptController(_ version: InterruptController.Version) -> InterruptController.Layout {
        InterruptController.Layout(
            distributor: distributor.rawValue,
            secondFrame: (version == .v3 ? redistributors : cpuInterface).rawValue)
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
