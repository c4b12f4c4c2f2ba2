// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocol documents each call.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import HostDevices
public import LinuxSystem
public import VFIO

/// The fake's VFIO state.
public struct FakeVFIOState {
    public var apiVersion: CInt = 0
    /// The IOMMU types that the kernel supports.
    public var iommuTypes: Set<VFIOIOMMUType> = [.type1v2, .noIOMMU]
    /// The paths of groups that a host driver or another process uses.
    public var unviableGroups: Set<String> = []
    /// The devices by name.
    public var devices: [String: FakeVFIODevice] = [:]
    /// The container of each attached group, by descriptor.
    public var containers: [CInt: CInt] = [:]
    /// Containers whose IOMMU is set.
    public var iommus: [CInt: VFIOIOMMUType] = [:]
    /// The current DMA mappings, iova to size.
    public var dmaMappings: [UInt64: UInt64] = [:]
    /// The usable ranges of VFIO_IOMMU_GET_INFO and IOMMU_IOAS_IOVA_RANGES; nil: the capability is missing.
    public var usableRanges: [IOVARange]? = [IOVARange(first: 0, last: 1 << 48 - 1)]
    /// The number of further mappings in VFIO_IOMMU_GET_INFO; nil: the capability is missing.
    public var mappingsLeft: UInt32? = 65535
    /// The device of each file in /dev/vfio/devices.
    public var deviceFiles: [String: String] = [:]
    /// Devices that were bound to an iommufd, by descriptor, and their address spaces.
    public var bound: Set<CInt> = []
    public var attached: [CInt: UInt32] = [:]
    /// The current address spaces with their mappings, iova to size.
    public var addressSpaces: [UInt32: [UInt64: UInt64]] = [:]
    var nextAddressSpace: UInt32 = 1
    /// The error of VFIO_SET_IOMMU and VFIO_DEVICE_BIND_IOMMUFD.
    public var isolationFailure: Errno?
    /// How many bytes the process may lock; nil for any number.
    public var lockedMemoryLimit: UInt64?

    public init() {}
}

extension FakeKernel {
    private static let devicePrefix = "VFIO_GROUP_GET_DEVICE_FD "

    /// Changes the device of a descriptor.
    private func withDevice<Result>(
        _ descriptor: CInt, _ body: (inout FakeVFIODevice) -> Result
    ) throws(Errno) -> Result {
        let name = name(of: descriptor)
        let result: Result? = withState { state in
            let file = name.split(separator: " ").last.map(String.init) ?? ""
            let isBound = state.vfio.bound.contains(descriptor)
            let key = name.hasPrefix(Self.devicePrefix) ? file : isBound ? state.vfio.deviceFiles[file] : nil
            // Removed from the dictionary, so that a change of its registers doesn't copy them.
            guard let key, var device = state.vfio.devices.removeValue(forKey: key) else { return nil }
            defer { state.vfio.devices[key] = device }
            return body(&device)
        }
        guard let result else { throw .badFileDescriptor }
        return result
    }

    /// The region of a file position, and the offset in it: vfio-platform's own layout.
    private static func place(_ position: UInt64) -> (index: Int, offset: Int) {
        (Int(position >> 40), Int(position & (1 << 40 - 1)))
    }

    func readDevice(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        let place = Self.place(offset)
        let bytes: [UInt8]? = try? withDevice(descriptor) { device in
            guard device.regions.indices.contains(place.index) else { return [] }
            var model = device.regions[place.index].model
            model?.reading(&device.regions[place.index].bytes, at: place.offset)
            device.regions[place.index].model = model
            return Array(device.regions[place.index].bytes.dropFirst(place.offset).prefix(buffer.count))
        }
        guard let bytes else { return 0 }
        buffer.copyBytes(from: bytes)
        return bytes.count
    }

    func writeDevice(_ descriptor: CInt, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) -> Int {
        let place = Self.place(offset)
        let new = Array(buffer)
        let done: (count: Int, isNoted: Bool)? = try? withDevice(descriptor) { device in
            guard device.regions.indices.contains(place.index) else { return (0, false) }
            let room = max(device.regions[place.index].bytes.count - place.offset, 0)
            let count = min(new.count, room)
            device.regions[place.index].bytes.replaceSubrange(
                place.offset..<(place.offset + count), with: new.prefix(count))
            var model = device.regions[place.index].model
            model?.written(&device.regions[place.index].bytes, at: place.offset)
            device.regions[place.index].model = model
            return (count, model != nil)
        }
        if done?.isNoted == true {
            let value = new.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let line = "write \(place.index) 0x\(String(place.offset, radix: 16)) 0x\(String(value, radix: 16))"
            withState { $0.journal.append(.call(line)) }
        }
        return done?.count ?? 0
    }
}

extension FakeKernel: VFIOCalls {
    public func vfioAPIVersion(_ container: CInt) throws(Errno) -> CInt {
        try note("VFIO_GET_API_VERSION")
        return withState { $0.vfio.apiVersion }
    }

    public func vfioSupports(_ container: CInt, _ type: VFIOIOMMUType) throws(Errno) -> Bool {
        try note("VFIO_CHECK_EXTENSION \(type)")
        return withState { $0.vfio.iommuTypes.contains(type) }
    }

    public func vfioSetIOMMU(_ container: CInt, _ type: VFIOIOMMUType) throws(Errno) {
        try note("VFIO_SET_IOMMU \(type)")
        if let failure = withState({ $0.vfio.isolationFailure }) { throw failure }
        let isAllowed = withState { state in
            guard state.vfio.containers.values.contains(container), state.vfio.iommus[container] == nil else {
                return false
            }
            state.vfio.iommus[container] = type
            return true
        }
        guard isAllowed else { throw .invalidArgument }
    }

    public func vfioMapDMA(_ container: CInt, hostAddress: UInt, iova: UInt64, size: UInt64) throws(Errno) {
        guard withState({ $0.vfio.iommus[container] == .type1v2 }) else { throw .invalidArgument }
        try acquire("VFIO_IOMMU_MAP_DMA 0x\(String(iova, radix: 16))")
        withState { $0.vfio.dmaMappings[iova] = size }
    }

    public func vfioUnmapDMA(_ container: CInt, iova: UInt64, size: UInt64) throws(Errno) {
        guard withState({ $0.vfio.dmaMappings.removeValue(forKey: iova) == size }) else { throw .invalidArgument }
        release("VFIO_IOMMU_MAP_DMA 0x\(String(iova, radix: 16))")
    }

    public func vfioGroupStatus(_ group: CInt) throws(Errno) -> VFIOGroupStatus {
        try note("VFIO_GROUP_GET_STATUS")
        let node = name(of: group).replacingPrefix("open ")
        return withState { state in
            var status: VFIOGroupStatus = state.vfio.unviableGroups.contains(node) ? [] : .viable
            if state.vfio.containers[group] != nil { status.insert(.containerSet) }
            return status
        }
    }

    public func vfioSetContainer(_ group: CInt, _ container: CInt) throws(Errno) {
        guard withState({ $0.vfio.containers[group] == nil }) else { throw .invalidArgument }
        try acquire("VFIO_GROUP_SET_CONTAINER \(name(of: group).replacingPrefix("open "))")
        withState { $0.vfio.containers[group] = container }
    }

    public func vfioUnsetContainer(_ group: CInt) throws(Errno) {
        let wasSet = withState { state in
            guard let container = state.vfio.containers.removeValue(forKey: group) else { return false }
            // The kernel removes the IOMMU with the last group.
            if !state.vfio.containers.values.contains(container) { state.vfio.iommus[container] = nil }
            return true
        }
        guard wasSet else { throw .invalidArgument }
        release("VFIO_GROUP_SET_CONTAINER \(name(of: group).replacingPrefix("open "))")
    }

    public func vfioDevice(_ group: CInt, named name: String) throws(Errno) -> CInt {
        let (isReady, isThere) = withState { state in
            (
                state.vfio.containers[group].flatMap { state.vfio.iommus[$0] } != nil,
                state.vfio.devices[name] != nil
            )
        }
        guard isReady else { throw .invalidArgument }
        guard isThere else { throw .operationNotSupportedByDevice }
        let descriptor = try acquireDescriptor("\(Self.devicePrefix)\(name)")
        withState { state in
            guard let lines = state.vfio.devices[name]?.interruptLines, !lines.isEmpty else { return }
            state.files["/proc/interrupts", default: []] += lines.flatMap { Array("\($0)\n".utf8) }
        }
        return descriptor
    }

    public func vfioDeviceInfo(_ device: CInt) throws(Errno) -> VFIODeviceInfo {
        try note("VFIO_DEVICE_GET_INFO")
        return try withDevice(device) { device in
            VFIODeviceInfo(
                flags: device.flags, regionCount: device.claimedRegionCount ?? UInt32(device.regions.count),
                interruptCount: device.claimedInterruptCount ?? UInt32(device.interrupts.count))
        }
    }

    public func vfioRegionInfo(_ device: CInt, index: UInt32) throws(Errno) -> VFIORegion {
        try note("VFIO_DEVICE_GET_REGION_INFO \(index)")
        let region: VFIORegion? = try withDevice(device) { device in
            guard device.regions.indices.contains(Int(index)) else { return nil }
            let region = device.regions[Int(index)]
            return VFIORegion(
                index: Int(index), size: region.size, fileOffset: region.fileOffset ?? UInt64(index) << 40,
                access: region.access)
        }
        guard let region else { throw .invalidArgument }
        return region
    }

    public func vfioInterruptInfo(_ device: CInt, index: UInt32) throws(Errno) -> VFIOInterrupt {
        try note("VFIO_DEVICE_GET_IRQ_INFO \(index)")
        return try withInterrupt(device, index) { interrupt throws(Errno) in
            VFIOInterrupt(index: Int(index), count: Int(interrupt.count), flags: interrupt.flags)
        }
    }

    private func withInterrupt<Result>(
        _ device: CInt, _ index: UInt32, _ body: (inout FakeVFIODevice.Interrupt) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        let result: Swift.Result<Result, Errno> = try withDevice(device) { device in
            guard device.interrupts.indices.contains(Int(index)) else { return .failure(.invalidArgument) }
            do throws(Errno) { return .success(try body(&device.interrupts[Int(index)])) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    public func vfioWireInterrupt(
        _ device: CInt, index: UInt32, action: VFIOInterruptAction, event: CInt?
    ) throws(Errno) {
        let what = "VFIO_DEVICE_SET_IRQS \(action) \(index)"
        let hadOne = try withInterrupt(device, index) { interrupt throws(Errno) in
            guard action == .trigger || interrupt.flags.contains(.maskable) else { throw .invalidArgument }
            switch action {
            case .trigger: return interrupt.trigger != nil
            case .unmask: return interrupt.unmask != nil
            case .mask: throw .invalidArgument
            }
        }
        if event != nil, hadOne, action == .unmask { throw .resourceBusy }
        if event != nil, !hadOne { try acquire(what) }
        if event == nil, hadOne { release(what) }
        try withInterrupt(device, index) { interrupt throws(Errno) in
            if action == .trigger { interrupt.trigger = event } else { interrupt.unmask = event }
        }
    }

    public func vfioPerform(_ device: CInt, index: UInt32, action: VFIOInterruptAction) throws(Errno) {
        try note("VFIO_DEVICE_SET_IRQS now \(action) \(index)")
        try withInterrupt(device, index) { interrupt throws(Errno) in
            guard action == .trigger || interrupt.flags.contains(.maskable) else { throw .invalidArgument }
            switch action {
            case .mask: interrupt.isMasked = true
            case .unmask: interrupt.isMasked = false
            case .trigger:
                if interrupt.isMasked { return }
                if interrupt.trigger != nil { interrupt.raiseCount += 1 }
                interrupt.isMasked = interrupt.flags.contains(.automasked)
            }
        }
    }

    public func vfioDisableInterrupt(_ device: CInt, index: UInt32) throws(Errno) {
        try vfioWireInterrupt(device, index: index, action: .trigger, event: nil)
    }

    public func vfioReset(_ device: CInt) throws(Errno) {
        try note("VFIO_DEVICE_RESET")
        let failure: Errno? = try withDevice(device) { device in
            if let failure = device.resetFailure { return failure }
            guard device.flags.contains(.reset) else { return .invalidArgument }
            device.resetCount += 1
            return nil
        }
        if let failure { throw failure }
    }
}

extension String {
    fileprivate func replacingPrefix(_ prefix: String) -> String {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
    }
}
