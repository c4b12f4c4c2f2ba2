// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem
public import PlatformBus

/// A device of the host that could be passed through, as far as it is known without opening it.
public struct DeviceSurvey: Sendable {
    /// A block of its registers.
    public struct Region: Equatable, Sendable {
        /// How the guest would access it.
        public enum Access: Equatable, Sendable {
            /// Mapped: an access causes no exit.
            case mappable
            /// Trapped and forwarded, because its address isn't page-aligned: VFIO maps only whole pages, of this many
            /// bytes.
            case trappedForAddress(pageSize: UInt64)
            case trappedForSize(pageSize: UInt64)
            /// The host's tree doesn't translate its address, so VFIO has no region for it.
            case unknown
            /// It is empty, and the guest doesn't see it.
            case empty
        }

        /// Its entry in `reg-names`.
        public let name: String?
        /// The address that the CPU uses; nil when it isn't known.
        public let hostAddress: UInt64?
        /// In bytes.
        public let size: UInt64
        /// How the guest would access it.
        public let access: Access
    }

    /// One of its interrupts.
    public struct Interrupt: Equatable, Sendable {
        /// Its entry in `interrupt-names`.
        public let name: String?
        /// By the host's device tree; nil when that doesn't say. VFIO reports it after the device is opened.
        public let trigger: InterruptTrigger?
        /// Whether each CPU has its own line (PPI), which VFIO can't pass on.
        public let isPerCPU: Bool
    }

    /// Whether the kernel can reset it.
    public enum Reset: Equatable, Sendable {
        /// It can: VFIO has the device, and accepts only such devices here.
        case yes
        /// It can't: vfio-platform found no reset function, and is set to refuse such devices.
        case no
        /// VFIO reports it after the device is opened, and accepts the device either way.
        case knownOnceOpen
    }

    /// What a guest needs to get the device.
    public enum Verdict: Equatable, Sendable {
        /// `martlet run` can use it.
        case ready
        /// `martlet bind` makes it ready.
        case needsBind
        /// These are needed first, then possibly `martlet bind`.
        case needs([String])
        /// It can't be used on this host as it is booted, for these reasons.
        case impossible([String])
    }

    /// The facts from sysfs.
    public let device: HostDevice
    /// Its compatible strings, most specific first.
    public let compatible: [String]
    /// Its blocks of registers, in the order of `reg`.
    public let regions: [Region]
    /// Its interrupts, in the order of the device tree.
    public let interrupts: [Interrupt]
    /// Whether the kernel can reset it.
    public let reset: Reset
    /// Whether the configuration has to set `dma`: the device has no IOMMU, and it isn't known to do no DMA.
    public let needsDMASetting: Bool
    /// Everything that keeps it from VFIO, or from being used by VFIO.
    public let problems: [BindingProblem]
    /// What a guest needs to get it.
    public let verdict: Verdict
    /// The resources of its driver, now or when `bind` unbound it; nil when they aren't known.
    public let record: HostRecord?
    /// The resources that are off now that VFIO has the device.
    public let losses: [PowerLoss]
    /// Why it isn't known whether its clocks run; nil when it is known, and for a device without clocks.
    public let powerProblem: Errno?
    /// The driver of another device that created it; nil when the kernel created it itself.
    public let parent: ParentDriver?
    /// Whether it is a virtio transport with no device behind it, as far as the host knows.
    public let isIdleTransport: Bool
}
