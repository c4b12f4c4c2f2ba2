// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem
public import PlatformBus

/// A device of the host that could be passed through, as far as it can be told without opening it.
public struct DeviceSurvey: Sendable {
    /// A block of its registers.
    public struct Region: Equatable, Sendable {
        /// How the guest could have it.
        public enum Access: Equatable, Sendable {
            /// Mapped: no access leaves the guest.
            case mappable
            /// Trapped and forwarded, since VFIO maps whole pages only, of this many bytes.
            case trappedForAddress(pageSize: UInt64)
            case trappedForSize(pageSize: UInt64)
            /// The host's tree doesn't translate its address: VFIO has no region for it.
            case unknown
            /// It has no bytes, and no place in the guest.
            case empty
        }

        /// Its entry in `reg-names`.
        public let name: String?
        /// The CPU's address; nil where it can't be told.
        public let hostAddress: UInt64?
        /// In bytes.
        public let size: UInt64
        /// How the guest could have it.
        public let access: Access
    }

    /// One of its interrupts.
    public struct Interrupt: Equatable, Sendable {
        /// Its entry in `interrupt-names`.
        public let name: String?
        /// By the host's device tree; nil where that doesn't say. VFIO says once the device is open.
        public let trigger: InterruptTrigger?
        /// Whether each CPU has its own (PPI), which VFIO can't pass on.
        public let isPerCPU: Bool
    }

    /// Whether the kernel can reset it.
    public enum Reset: Equatable, Sendable {
        /// VFIO has it, and takes only such devices here.
        case yes
        /// vfio-platform is set to refuse it, as it found none.
        case no
        /// VFIO tells it from the open device, and takes it either way.
        case knownOnceOpen
    }

    /// What is between the device and a guest.
    public enum Verdict: Equatable, Sendable {
        /// `martlet run` can have it.
        case ready
        /// `martlet bind` makes it ready.
        case needsBind
        /// These are needed first, and then perhaps `martlet bind`.
        case needs([String])
        /// It can't be had on this host, as it was started, for these reasons.
        case impossible([String])
    }

    /// What sysfs says.
    public let device: HostDevice
    /// What it is, most specific first.
    public let compatible: [String]
    /// Its blocks of registers, in the order of `reg`.
    public let regions: [Region]
    /// Its interrupts, in the order of the device tree.
    public let interrupts: [Interrupt]
    /// Whether the kernel can reset it.
    public let reset: Reset
    /// Whether the configuration has to say what it does by DMA: it has no IOMMU, and it isn't known to do none.
    public let needsDMASetting: Bool
    /// What keeps it from VFIO, or from being used then.
    public let problems: [BindingProblem]
    /// What is between it and a guest.
    public let verdict: Verdict
    /// What its driver has of the host, or had when `bind` took it away; nil where that isn't known.
    public let record: HostRecord?
    /// What of it is off now that VFIO has the device.
    public let losses: [PowerLoss]
    /// Why it can't be told whether its clocks run; nil where it can, and where it has none.
    public let powerProblem: Errno?
    /// The driver of another device that has made it; nil where the kernel has by itself.
    public let parent: ParentDriver?
    /// Whether it is a virtio transport with nothing behind it, as far as the host knows.
    public let isIdleTransport: Bool
}
