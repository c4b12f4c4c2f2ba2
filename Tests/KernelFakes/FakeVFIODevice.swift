// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocols say what each call does.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import LinuxSystem
public import VFIO

/// Registers that do something. Called with the fake's lock held.
public protocol FakeRegisters: Sendable {
    /// Before bytes at `offset` are read.
    mutating func reading(_ bytes: inout [UInt8], at offset: Int)
    /// After bytes at `offset` have been written.
    mutating func written(_ bytes: inout [UInt8], at offset: Int)
}

/// A device of the fake host as VFIO shows it: a script for what the ioctls answer.
public struct FakeVFIODevice: Sendable {
    /// A region and its registers.
    public struct Region: Sendable {
        public var access: VFIORegion.Access
        /// The size that the kernel claims; `bytes.count` unless a test wants a liar.
        public var size: UInt64
        public var fileOffset: UInt64?
        public var bytes: [UInt8]
        /// What the registers do besides keeping their bytes. Writes to a region with one are in the journal.
        public var model: (any FakeRegisters)?

        public init(size: UInt64 = 0x1000, access: VFIORegion.Access = [.read, .write, .map]) {
            self.size = size
            self.access = access
            // A liar's registers needn't exist.
            bytes = [UInt8](repeating: 0, count: Int(min(size, 0x10000)))
        }
    }

    /// An interrupt, and what was done to it.
    public struct Interrupt: Sendable {
        public var flags: VFIOInterrupt.Flags
        public var count: UInt32 = 1
        /// The eventfd that it signals.
        public var trigger: CInt?
        /// The eventfd that unmasks it.
        public var unmask: CInt?
        public var isMasked = false
        /// How often it was raised by loop-back while a trigger was wired and it wasn't masked.
        public var raiseCount = 0

        public init(_ flags: VFIOInterrupt.Flags) { self.flags = flags }
        public static var edge: Interrupt { Interrupt([.eventDescriptor]) }
        public static var level: Interrupt { Interrupt([.eventDescriptor, .maskable, .automasked]) }
    }

    public var flags: VFIODeviceInfo.Flags
    public var regions: [Region]
    public var interrupts: [Interrupt]
    /// The counts that the kernel claims, where they differ from the truth.
    public var claimedRegionCount: UInt32?
    public var claimedInterruptCount: UInt32?
    /// What /proc/interrupts gets when the device is opened, a line each without its end.
    public var interruptLines: [String] = []
    public var resetCount = 0
    /// What VFIO_DEVICE_RESET gives though the flags promise it.
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
