// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
internal import LinuxSystem

/// The guest's interrupt controller, which the kernel emulates: a GICv3, or a GICv2 where the host has no GICv3.
///
/// - SeeAlso: Documentation/virt/kvm/devices/arm-vgic-v3.rst and arm-vgic.rst
public final class InterruptController: Sendable {
    /// Which architecture version the guest sees.
    public enum Version: Int, Sendable { case v2 = 2, v3 = 3 }

    /// Guest-physical addresses of the register frames.
    public struct Layout: Sendable {
        /// The distributor: 64 KiB (GICv3) or 4 KiB (GICv2).
        public let distributor: UInt64
        /// The redistributors, 128 KiB for each vCPU (GICv3), or the CPU interface, 8 KiB (GICv2).
        public let secondFrame: UInt64

        /// Combines both addresses; each is guest-physical.
        public init(distributor: UInt64, secondFrame: UInt64) {
            self.distributor = distributor
            self.secondFrame = secondFrame
        }
    }

    /// The version that was created.
    public let version: Version
    /// How many SPIs it can have at most: SPIs 0 ..< maximumSPICount.
    ///
    /// The kernel takes a number of interrupt IDs that is a multiple of 32 below 1024: at most 992. Less the 32 private
    /// ones, that is 960 on every host.
    public static let maximumSPICount: UInt32 = 960
    /// How many SPIs it has at least.
    public static let minimumSPICount: UInt32 = 64
    private let vm: VirtualMachine
    private let descriptor: OwnedDescriptor

    /// The best version that the host can give a guest.
    /// - Throws: `KVMError.noInterruptController` when there is none.
    public static func bestVersion(_ vm: VirtualMachine) throws(KVMError) -> Version {
        for version in [Version.v3, .v2] {
            do throws(Errno) {
                try vm.calls.testDevice(vm: vm.rawDescriptor, type: version.deviceType)
                return version
            } catch .operationNotSupportedByDevice {
                // ENODEV: the host has no controller of this kind (Documentation/virt/kvm/api.rst, 4.79
                // KVM_CREATE_DEVICE).
                continue
            } catch { throw .call("KVM_CREATE_DEVICE(vGIC\(version.rawValue))", errno: error) }
        }
        throw .noInterruptController
    }

    /// Creates the controller.
    ///
    /// All vCPUs must exist already: the initialisation fixes their number.
    ///
    /// It has only as many SPIs as it needs: the kernel creates an interrupt and a route for each, and a guest's driver
    /// writes several registers for each.
    /// - Parameter neededSPICount: SPIs 0 ..< neededSPICount are used. The number is rounded up to one that the kernel
    ///   accepts, from `minimumSPICount` to `maximumSPICount`.
    /// - Throws: `KVMError.call` naming the attribute that was refused.
    public init(
        _ vm: VirtualMachine, version: Version, layout: Layout, neededSPICount: UInt32
    ) throws(KVMError) {
        self.vm = vm
        self.version = version
        descriptor = OwnedDescriptor(
            adopting: try vm.call("KVM_CREATE_DEVICE(vGIC\(version.rawValue))") { (raw) throws(Errno) in
                try vm.calls.createDevice(vm: raw, type: version.deviceType)
            }, of: vm.calls)
        try Self.set(
            "KVM_DEV_ARM_VGIC_GRP_NR_IRQS", of: descriptor.rawValue, vm.calls, group: CLINUX_VGIC_GROUP_IRQ_COUNT,
            attribute: 0, to: .word(Self.spiCount(for: neededSPICount) + 32))
        let frames: [(Int, UInt64)] =
            switch version {
            case .v3:
                [
                    (CLINUX_VGIC_V3_DISTRIBUTOR, layout.distributor),
                    (CLINUX_VGIC_V3_REDISTRIBUTOR, layout.secondFrame),
                ]
            case .v2:
                [
                    (CLINUX_VGIC_V2_DISTRIBUTOR, layout.distributor),
                    (CLINUX_VGIC_V2_CPU_INTERFACE, layout.secondFrame),
                ]
            }
        for (frame, address) in frames {
            try Self.set(
                "KVM_DEV_ARM_VGIC_GRP_ADDR", of: descriptor.rawValue, vm.calls, group: CLINUX_VGIC_GROUP_ADDRESS,
                attribute: frame, to: .address(address))
        }
        try Self.set(
            "KVM_DEV_ARM_VGIC_CTRL_INIT", of: descriptor.rawValue, vm.calls, group: CLINUX_VGIC_GROUP_CONTROL,
            attribute: CLINUX_VGIC_CONTROL_INIT, to: .none)
    }

    /// Closed before its share of the VM is released.
    deinit { descriptor.close() }

    /// Makes `lines` level-triggered from the start.
    ///
    /// The guest configures them too, but a device may raise its line before that.
    ///
    /// KVM treats every SPI as edge-triggered until the guest has configured it; the architecture leaves the reset
    /// value to the implementation. KVM would only latch a line that is high before that. A guest that clears pending
    /// interrupts before it enables them would then lose the interrupt forever: VFIO keeps the line masked until the
    /// end of an interrupt that the guest never took.
    /// - Throws: `KVMError.call`. Call it once, and before the vCPUs run.
    /// - SeeAlso: arm-vgic-v3.rst and arm-vgic.rst, KVM_DEV_ARM_VGIC_GRP_DIST_REGS; GICv3 and GICv4 architecture
    ///   (IHI 0069), 12.9, GICD_ICFGR<n>: two bits for each interrupt, 0b00 level-triggered, 0b10 an edge
    public func makeLevelTriggered(_ lines: [GSI]) throws(KVMError) {
        // A word holds sixteen interrupts. Intids are 32 higher than SPIs, so the bit position is the same.
        for word in Set(lines.map { $0.rawValue / 16 }).sorted() {
            var value: UInt32 = 0xAAAA_AAAA
            for line in lines where line.rawValue / 16 == word { value &= ~(2 << (line.rawValue % 16 * 2)) }
            try Self.set(
                "KVM_DEV_ARM_VGIC_GRP_DIST_REGS", of: descriptor.rawValue, vm.calls,
                group: CLINUX_VGIC_GROUP_DISTRIBUTOR_REGISTERS, attribute: 0xC00 + 4 * (Int(word) + 2),
                to: .word(value))
        }
    }

    /// The number of SPIs to create, in steps of 32 (arm-vgic-v3.rst and arm-vgic.rst, KVM_DEV_ARM_VGIC_GRP_NR_IRQS).
    static func spiCount(for needed: UInt32) -> UInt32 {
        let bounded = min(max(needed, minimumSPICount), maximumSPICount)
        return (bounded + 31) / 32 * 32
    }

    private static func set(
        _ name: String, of device: CInt, _ calls: any KVMCalls, group: Int, attribute: Int,
        to value: DeviceAttribute
    ) throws(KVMError) {
        try mapError(
            { KVMError.call(name, errno: $0) },
            try calls.setAttribute(device: device, group: UInt32(group), attribute: UInt64(attribute), value: value))
    }
}

extension InterruptController.Version {
    fileprivate var deviceType: UInt32 {
        switch self {
        case .v2: KVM_DEV_TYPE_ARM_VGIC_V2.rawValue
        case .v3: KVM_DEV_TYPE_ARM_VGIC_V3.rawValue
        }
    }
}
