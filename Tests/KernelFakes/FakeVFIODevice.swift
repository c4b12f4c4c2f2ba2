// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocol documents each call.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import LinuxSystem
public import VFIO

/// Registers with side effects. Called with the fake's lock held.
public protocol FakeRegisters: Sendable {
    /// Called before bytes at `offset` are read.
    mutating func reading(_ bytes: inout [UInt8], at offset: Int)
    /// Called after bytes at `offset` were written.
    mutating func written(_ bytes: inout [UInt8], at offset: Int)
}

/// A device of the fake host as VFIO shows it: a script of the ioctls' answers.
public struct FakeVFIODevice: Sendable {
    /// A region and its registers.
    public struct Region: Sendable {
        public var access: VFIORegion.Access
        /// The size that the kernel reports; `bytes.count` unless a test wants a wrong one.
        public var size: UInt64
        public var fileOffset: UInt64?
        public var bytes: [UInt8]
        /// The side effects of the registers. Writes to a region that has one are in the journal.
        public var model: (any FakeRegisters)?

        public init(size: UInt64 = 0x1000, access: VFIORegion.Access = [.read, .write, .map]) {
            self.size = size
            self.access = access
            // The registers of a wrong size needn't all exist.
            bytes = [UInt8](repeating: 0, count: Int(min(size, 0x10000)))
        }
    }

    /// An interrupt and its state.
    public struct Interrupt: Sendable {
        public var flags: VFIOInterrupt.Flags
        public var count: UInt32 = 1
        /// The eventfd that the interrupt signals.
        public var trigger: CInt?
        /// The eventfd that unmasks the interrupt.
        public var unmask: CInt?
        public var isMasked = false
        /// How often loop-back raised it while a trigger was wired and it wasn't masked.
        public var raiseCount = 0

        public init(_ flags: VFIOInterrupt.Flags) { self.flags = flags }
        public static var edge: Interrupt { Interrupt([.eventDescriptor]) }
        public static var level: Interrupt { Interrupt([.eventDescriptor, .maskable, .automasked]) }
    }

    public var flags: VFIODeviceInfo.Flags
    public var regions: [Region]
    public var interrupts: [Interrupt]
    /// The counts that the kernel reports, if they are wrong.
    public var claimedRegionCount: UInt32?
    public var claimedInterruptCount: UInt32?
    /// The lines that /proc/interrupts gets when the device is opened, without line ends.
    public var interruptLines: [String] = []
    public var resetCount = 0
    /// The error of VFIO_DEVICE_RESET, although the flags promise a reset.
    public var resetFailure: Errno?

    public init(
        flags: VFIODeviceInfo.Flags = [.platform, .reset], regions: [Region] = [Region()],
        interrupts: [Interrupt] = [.level]
    ) {
        self.flags = flags
        self.regions = regions
        self.interrupts = interrupts
    }
}
