// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// An interrupt of a device (struct vfio_irq_info).
///
/// A platform device has one index for each line.
public struct VFIOInterrupt: Equatable, Sendable {
    /// VFIO_IRQ_INFO_*.
    public struct Flags: OptionSet, Sendable {
        /// The kernel's bits.
        public let rawValue: UInt32
        /// Takes the kernel's bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// It can signal an eventfd.
        public static let eventDescriptor = Flags(rawValue: 1 << 0)
        /// It can be masked and unmasked.
        public static let maskable = Flags(rawValue: 1 << 1)
        /// The kernel masks it when it fires, until it is unmasked: a level-triggered line.
        public static let automasked = Flags(rawValue: 1 << 2)
    }

    /// Its number, counted from 0; for a platform device, that of the entry in `interrupts`.
    public let index: Int
    /// How many interrupts share the index: 1 for every platform device.
    public let count: Int
    /// What it can do.
    public let flags: Flags

    /// Combines the three.
    public init(index: Int, count: Int, flags: Flags) {
        self.index = index
        self.count = count
        self.flags = flags
    }

    /// Whether the line is level-triggered: vfio-platform automasks only those (vfio_platform_irq.c).
    public var isLevel: Bool { flags.contains(.automasked) }

    /// Why a platform device can't have such an interrupt; nil if it can.
    var problem: String? {
        if count != 1 { return "interrupt \(index) stands for \(count) interrupts, and Martlet accepts one" }
        if !flags.contains(.eventDescriptor) { return "interrupt \(index) can't signal an eventfd" }
        return nil
    }
}

/// What VFIO_DEVICE_SET_IRQS does to an interrupt (VFIO_IRQ_SET_ACTION_*).
public enum VFIOInterruptAction: UInt32, Sendable {
    case mask = 0x08
    case unmask = 0x10
    case trigger = 0x20
}
