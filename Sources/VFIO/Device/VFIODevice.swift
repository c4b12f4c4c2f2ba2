// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
public import HostDevices
public import LinuxSystem

/// An open device: its registers, its interrupts and its reset.
///
/// It keeps its group and container, or its address space, alive; mappings and wired interrupts keep it alive in turn.
public final class VFIODevice: Sendable {
    /// What sysfs reports about it.
    public let host: HostDevice
    /// What it can reach by DMA.
    public let reach: VFIOReach
    /// The address space in which its DMA is mapped.
    public var addressSpace: VFIOAddressSpace {
        switch file.anchor {
        case .group(let group): .container(group.container)
        case .space(let space): .iommufd(space)
        }
    }
    /// The group through which it was opened; nil for a device that was opened by its own file.
    public var group: VFIOGroup? { if case .group(let group) = file.anchor { group } else { nil } }
    /// The descriptor for KVM_DEV_VFIO_FILE_ADD: the group's, or the device's own.
    ///
    /// It is valid for as long as the device lives.
    public var kvmFile: CInt { group?.rawValue ?? file.rawValue }
    /// Whether the kernel has a function to reset it.
    public let canReset: Bool
    /// Its regions, by index.
    public let regions: [VFIORegion]
    /// Its interrupts, by index.
    public let interrupts: [VFIOInterrupt]
    private let file: VFIODeviceFile

    /// Opens a device of `group` and reads its regions and interrupts.
    ///
    /// The kernel resets the device, if it can, when its first descriptor is opened and when its last one is closed
    /// (vfio_platform_common.c).
    /// - Throws: `VFIOError.alreadyOpen`, `.notPlatformOrAMBA`, `.implausible`, `.failed`.
    public convenience init(_ host: HostDevice, in group: VFIOGroup) throws(VFIOError) {
        let container = group.container
        let reach: VFIOReach =
            container.type == .noIOMMU ? .hostMemory : container.isClosed ? .nothing : .guestMemory
        try self.init(host, try VFIODeviceFile(host, in: group), reach)
    }

    /// Opens a device by its own file, binds it to the iommufd of `space` and attaches it.
    /// - Parameters:
    ///   - file: its path.
    ///   - handedIn: a descriptor of that file; a copy of it is used, and the file isn't opened.
    /// - Throws: as the other initializer, and `VFIOError.wrongDescriptor`.
    convenience init(
        _ host: HostDevice, file: String, handedIn: CInt?, in space: IOAddressSpace, dma: VFIODMAMode
    ) throws(VFIOError) {
        let reach: VFIOReach =
            switch dma {
            case .none: .nothing
            case .automatic, .iommu, .identity: .guestMemory
            }
        try self.init(host, try VFIODeviceFile(host, file: file, handedIn: handedIn, in: space), reach)
    }

    private init(_ host: HostDevice, _ file: VFIODeviceFile, _ reach: VFIOReach) throws(VFIOError) {
        self.host = host
        self.file = file
        self.reach = reach
        let calls = file.calls
        let info = try file.attempt(.getDeviceInfo) { device throws(Errno) in try calls.vfioDeviceInfo(device) }
        guard !info.flags.isDisjoint(with: [.platform, .amba]) else {
            throw .notPlatformOrAMBA(device: host.name, flags: info.flags.rawValue)
        }
        // Both limits are far above any real device; they keep a faulty driver from filling this process's memory.
        guard info.regionCount <= 64 else {
            throw .implausible(
                device: host.name,
                problem: "the kernel reports \(info.regionCount) regions, and Martlet accepts 64")
        }
        guard info.interruptCount <= 1024 else {
            throw .implausible(
                device: host.name,
                problem: "the kernel reports \(info.interruptCount) interrupts, and Martlet accepts 1024")
        }
        canReset = info.flags.contains(.reset)

        var regions: [VFIORegion] = []
        for index in 0..<info.regionCount {
            let region = try file.attempt(.getRegionInfo(Int(index))) { device throws(Errno) in
                try calls.vfioRegionInfo(device, index: index)
            }
            if let problem = region.problem { throw .implausible(device: host.name, problem: problem) }
            regions.append(region)
        }
        self.regions = regions

        var interrupts: [VFIOInterrupt] = []
        for index in 0..<info.interruptCount {
            let interrupt = try file.attempt(.getInterruptInfo(Int(index))) { device throws(Errno) in
                try calls.vfioInterruptInfo(device, index: index)
            }
            if let problem = interrupt.problem { throw .implausible(device: host.name, problem: problem) }
            interrupts.append(interrupt)
        }
        self.interrupts = interrupts
    }

    /// Puts the device into its reset state (VFIO_DEVICE_RESET).
    /// - Throws: `VFIOError.failed`: EINVAL without a reset function (see `canReset`), or the error of that function.
    public func reset() throws(VFIOError) {
        try file.attempt(.reset) { device throws(Errno) in try file.calls.vfioReset(device) }
    }

    // MARK: Regions

    /// Reads 1, 2, 4 or 8 bytes, little-endian, at `offset` of a region.
    ///
    /// The kernel splits an 8-byte read into two of 4.
    /// - Throws: `VFIOError.invalidAccess` outside the region or of another size, `.shortTransfer`, `.failed`.
    public func read(_ region: VFIORegion, at offset: UInt64, size: Int) throws(VFIOError) -> UInt64 {
        let position = try filePosition(region, offset, size)
        let operation = VFIOOperation.readRegion(region.index, offset: offset, size: size)
        var value: UInt64 = 0
        let count = try file.attempt(operation) { device throws(Errno) in
            try withUnsafeMutableBytes(of: &value) { bytes throws(Errno) in
                // Safety: `filePosition` accepts no size above that of `value`.
                try file.calls.pread(device, UnsafeMutableRawBufferPointer(rebasing: bytes[..<size]), at: position)
            }
        }
        guard count == size else { throw .shortTransfer(device: host.name, operation, count: count) }
        return UInt64(littleEndian: value)
    }

    /// Writes 1, 2, 4 or 8 bytes, little-endian, at `offset` of a region.
    /// - Throws: as `read`.
    public func write(_ value: UInt64, to region: VFIORegion, at offset: UInt64, size: Int) throws(VFIOError) {
        let position = try filePosition(region, offset, size)
        let operation = VFIOOperation.writeRegion(region.index, offset: offset, size: size)
        let littleEndian = value.littleEndian
        let count = try file.attempt(operation) { device throws(Errno) in
            try withUnsafeBytes(of: littleEndian) { bytes throws(Errno) in
                // Safety: `filePosition` accepts no size above that of `littleEndian`.
                try file.calls.pwrite(device, UnsafeRawBufferPointer(rebasing: bytes[..<size]), at: position)
            }
        }
        guard count == size else { throw .shortTransfer(device: host.name, operation, count: count) }
    }

    /// The position of an access in the device's file.
    private func filePosition(_ region: VFIORegion, _ offset: UInt64, _ size: Int) throws(VFIOError) -> UInt64 {
        let (end, overflow) = offset.addingReportingOverflow(UInt64(max(size, 0)))
        guard [1, 2, 4, 8].contains(size), !overflow, end <= region.size else {
            throw .invalidAccess(device: host.name, region: region, offset: offset, size: size)
        }
        // No overflow: a region whose end doesn't fit into a file offset was refused when the device was opened.
        return region.fileOffset &+ offset
    }

    /// Maps a whole region into this process.
    /// - Throws: `VFIOError.notMappable`, `.failed`.
    public func map(_ region: VFIORegion) throws(VFIOError) -> VFIORegionMapping {
        guard region.canMap else { throw .notMappable(device: host.name, region: region) }
        let memory = try file.attempt(.mapRegion(region.index)) { device throws(Errno) in
            try MemoryMapping(of: device, offset: region.fileOffset, size: region.size, system: file.calls)
        }
        return VFIORegionMapping(region: region, memory: memory, device: self)
    }

    // MARK: Interrupts

    /// Signals `event` each time the interrupt fires, for as long as the result lives.
    ///
    /// An automasked interrupt stays masked after it fired until it is unmasked, even when it is wired anew.
    /// - Throws: `VFIOError.alreadyWired`, `.failed`: EBUSY when a driver of the host uses the line.
    public func setTrigger(_ interrupt: VFIOInterrupt, _ event: EventDescriptor) throws(VFIOError) -> VFIOWiring {
        try VFIOWiring(.trigger, of: interrupt, event, file)
    }

    /// Unmasks the interrupt each time `event` is signalled, for as long as the result lives.
    /// - Throws: `VFIOError.alreadyWired`, `.failed`: EINVAL for one that isn't maskable.
    public func setUnmask(_ interrupt: VFIOInterrupt, _ event: EventDescriptor) throws(VFIOError) -> VFIOWiring {
        try VFIOWiring(.unmask, of: interrupt, event, file)
    }

    /// Lets a masked interrupt fire again.
    /// - Throws: `VFIOError.failed`: EINVAL for one that isn't maskable.
    public func unmask(_ interrupt: VFIOInterrupt) throws(VFIOError) { try perform(.unmask, interrupt) }

    /// Masks the interrupt, so that it doesn't fire.
    /// - Throws: `VFIOError.failed`: EINVAL for one that isn't maskable.
    public func mask(_ interrupt: VFIOInterrupt) throws(VFIOError) { try perform(.mask, interrupt) }

    /// Acts as if the hardware had raised the interrupt (VFIO's loop-back); for tests.
    /// - Throws: `VFIOError.failed`.
    public func triggerLoopBack(_ interrupt: VFIOInterrupt) throws(VFIOError) { try perform(.trigger, interrupt) }

    /// Removes the trigger now, without waiting for the end of its `VFIOWiring`.
    /// - Throws: `VFIOError.failed`.
    public func disable(_ interrupt: VFIOInterrupt) throws(VFIOError) {
        try file.attempt(.disableInterrupt(interrupt.index)) { device throws(Errno) in
            try file.calls.vfioDisableInterrupt(device, index: UInt32(truncatingIfNeeded: interrupt.index))
        }
    }

    private func perform(_ action: VFIOInterruptAction, _ interrupt: VFIOInterrupt) throws(VFIOError) {
        try file.attempt(.performInterrupt(action, interrupt.index)) { device throws(Errno) in
            try file.calls.vfioPerform(
                device, index: UInt32(truncatingIfNeeded: interrupt.index), action: action)
        }
    }
}
