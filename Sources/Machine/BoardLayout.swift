// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Devices
internal import KVM
public import PlatformBus

/// Where everything is in the guest-physical address space of the virt board.
///
/// From low to high: interrupt controller, serial port, RTC, room for virtio-mmio slots, the platform-bus window up to
/// RAM, RAM, a second window for regions that don't fit into the first.
public struct BoardLayout: Sendable {
    /// The guest's RAM.
    public let ram: GuestRange
    /// The platform-bus windows, the one below RAM first.
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

    static let lowWindowBase = GuestAddress(0x0C00_0000)
    static let ramBase = GuestAddress(0x8000_0000)
    private static let gibibyte: UInt64 = 1 << 30

    /// The layout for `memoryMebibytes` of RAM from `base` up, on a host whose KVM offers `addressBits`.
    /// - Throws: `MachineError.addressSpace` when RAM doesn't fit.
    init(
        memoryMebibytes: Int, addressBits: Int, ramBase base: GuestAddress = BoardLayout.ramBase
    ) throws(MachineError) {
        let (size, overflow) = UInt64(memoryMebibytes).multipliedReportingOverflow(by: 1 << 20)
        let limit: UInt64 = addressBits >= 64 ? .max : (1 << UInt64(addressBits)) - 1
        guard !overflow, let ram = GuestRange(base: base, size: size), ram.last.rawValue <= limit else {
            throw .addressSpace(mebibytes: memoryMebibytes, addressBits: addressBits)
        }
        guard let serial = GuestRange(base: Self.serialBase, size: NS16550A.byteCount),
            let clock = GuestRange(base: Self.clockBase, size: PL031.byteCount),
            let interruptController = GuestRange(
                base: Self.distributor, size: Self.redistributors.rawValue + (32 << 17) - Self.distributor.rawValue),
            let addresses = GuestRange(base: GuestAddress(0), size: max(limit, limit &+ 1))
        else { throw .addressSpace(mebibytes: memoryMebibytes, addressBits: addressBits) }
        self.ram = ram
        self.serial = serial
        self.clock = clock
        self.interruptController = interruptController
        self.addresses = addresses
        var windows: [GuestRange] = []
        if base > Self.lowWindowBase,
            let low = GuestRange(base: Self.lowWindowBase, size: base.rawValue - Self.lowWindowBase.rawValue)
        {
            windows.append(low)
        }
        if let base = ram.last.adding(1)?.aligned(to: Self.gibibyte), base.rawValue < limit,
            let high = GuestRange(base: base, size: limit - base.rawValue + 1)
        {
            windows.append(high)
        }
        self.windows = windows
    }

    static func interruptController(_ version: InterruptController.Version) -> InterruptController.Layout {
        InterruptController.Layout(
            distributor: distributor.rawValue,
            secondFrame: (version == .v3 ? redistributors : cpuInterface).rawValue)
    }
}
