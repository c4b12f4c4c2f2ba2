// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// A region of a device's registers (struct vfio_region_info).
public struct VFIORegion: Equatable, Sendable {
    /// VFIO_REGION_INFO_FLAG_*.
    public struct Access: OptionSet, Sendable {
        /// The kernel's bits.
        public let rawValue: UInt32
        /// Takes the kernel's bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// It can be read.
        public static let read = Access(rawValue: 1 << 0)
        /// It can be written.
        public static let write = Access(rawValue: 1 << 1)
        /// It can be mapped: the kernel allows it when address and size are multiples of the page size.
        public static let map = Access(rawValue: 1 << 2)
    }

    /// Its number, counted from 0; for a platform device, that of the entry in `reg`.
    public let index: Int
    /// Its length in bytes.
    public let size: UInt64
    /// Its offset in the device's file, in bytes.
    public let fileOffset: UInt64
    /// How it can be accessed.
    public let access: Access

    /// Combines the four.
    public init(index: Int, size: UInt64, fileOffset: UInt64, access: Access) {
        self.index = index
        self.size = size
        self.fileOffset = fileOffset
        self.access = access
    }

    /// Whether `VFIODevice.map` can map it for a guest.
    ///
    /// Mappings are readable and writable, and consist of whole pages of the host.
    public var canMap: Bool {
        access.isSuperset(of: [.read, .write, .map]) && size > 0 && size % MemoryMapping.pageSize == 0
    }

    /// Why a device can't have such a region; nil if it can.
    ///
    /// An empty region is allowed: some boards have them, and nothing accesses them.
    var problem: String? {
        // The widest physical address of an arm64 host without LPA2 (Arm ARM D8.1.6), far above any real device.
        let limit: UInt64 = 1 << 48
        if size > limit { return "region \(index) has an impossible size of \(hex(size)) bytes" }
        let (end, overflow) = fileOffset.addingReportingOverflow(size)
        if overflow || end > UInt64(Int64.max) {
            return "region \(index) has an impossible file offset of \(hex(fileOffset))"
        }
        return nil
    }
}
