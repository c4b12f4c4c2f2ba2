// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocol documents each call.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import HostDevices
public import LinuxSystem
import VFIO

/// The fake's iommufd, the limits of its address spaces, and descriptors that a launcher hands in.
extension FakeKernel {
    /// A descriptor that the process was started with, open for `path`. It appears in the journal when it is adopted.
    public func handIn(_ path: String) -> CInt {
        withState { state in
            state.nextDescriptor += 1
            state.descriptors[state.nextDescriptor] = "open \(path)"
            return state.nextDescriptor
        }
    }

    public func adopt(_ descriptor: CInt) throws(Errno) {
        try step("fcntl")
        guard let what = withState({ $0.descriptors[descriptor] }) else { throw .badFileDescriptor }
        // A descriptor that is only borrowed may be adopted by others afterwards.
        if !held.contains(what) { withState { $0.journal.append(.acquire(what)) } }
    }

    public func lockedMemoryLimit() throws(Errno) -> UInt64? {
        try step("getrlimit")
        return withState { $0.vfio.lockedMemoryLimit }
    }

    public func vfioIOMMUInfo(_ container: CInt) throws(Errno) -> [UInt8] {
        try note("VFIO_IOMMU_GET_INFO")
        let (ranges, left) = withState { ($0.vfio.usableRanges, $0.vfio.mappingsLeft) }
        return Self.iommuInfo(ranges, left)
    }

    /// struct vfio_iommu_type1_info with the capabilities 1 (IOVA ranges) and 3 (mappings left).
    public static func iommuInfo(_ ranges: [IOVARange]?, _ left: UInt32?) -> [UInt8] {
        func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
            withUnsafeBytes(of: number.littleEndian) { Array($0) }
        }
        var capabilities: [[UInt8]] = []
        if let ranges {
            capabilities.append(
                bytes(UInt16(1)) + bytes(UInt16(1)) + bytes(UInt32(0)) + bytes(UInt32(ranges.count)) + bytes(UInt32(0))
                    + ranges.flatMap { bytes($0.first) + bytes($0.last) })
        }
        if let left { capabilities.append(bytes(UInt16(3)) + bytes(UInt16(1)) + bytes(UInt32(0)) + bytes(left)) }
        var info = bytes(UInt32(0)) + bytes(UInt32(3)) + bytes(UInt64(4096))
        info += bytes(UInt32(capabilities.isEmpty ? 0 : 24)) + bytes(UInt32(0))
        for (index, capability) in capabilities.enumerated() {
            var capability = capability
            let end = info.count + capability.count
            if index + 1 < capabilities.count { capability.replaceSubrange(4..<8, with: bytes(UInt32(end))) }
            info += capability
        }
        info.replaceSubrange(0..<4, with: bytes(UInt32(info.count)))
        return info
    }

    public func vfioBind(_ device: CInt, iommufd: CInt) throws(Errno) {
        try note("VFIO_DEVICE_BIND_IOMMUFD")
        if let failure = withState({ $0.vfio.isolationFailure }) { throw failure }
        let isAllowed = withState { state in
            let file = state.descriptors[device]?.split(separator: " ").last.map(String.init) ?? ""
            let isDevice = state.vfio.deviceFiles[file] != nil
            let isIOMMUFD = state.descriptors[iommufd]?.hasSuffix(" /dev/iommu") == true
            return isDevice && isIOMMUFD && state.vfio.bound.insert(device).inserted
        }
        guard isAllowed else { throw .invalidArgument }
    }

    public func vfioAttach(_ device: CInt, addressSpace: UInt32) throws(Errno) {
        let isAllowed = withState { state in
            state.vfio.bound.contains(device) && state.vfio.addressSpaces[addressSpace] != nil
        }
        guard isAllowed else { throw .invalidArgument }
        try acquire("VFIO_DEVICE_ATTACH_IOMMUFD_PT \(addressSpace)")
        withState { $0.vfio.attached[device] = addressSpace }
    }

    public func vfioDetach(_ device: CInt) throws(Errno) {
        let addressSpace = withState { $0.vfio.attached.removeValue(forKey: device) }
        guard let addressSpace else { throw .invalidArgument }
        release("VFIO_DEVICE_ATTACH_IOMMUFD_PT \(addressSpace)")
    }

    public func iommuAllocate(_ iommufd: CInt) throws(Errno) -> UInt32 {
        let id = withState { $0.vfio.nextAddressSpace }
        try acquire("IOMMU_IOAS_ALLOC \(id)")
        withState { state in
            state.vfio.nextAddressSpace += 1
            state.vfio.addressSpaces[id] = [:]
        }
        return id
    }

    public func iommuDestroy(_ iommufd: CInt, addressSpace: UInt32) throws(Errno) {
        if withState({ $0.vfio.attached.values.contains(addressSpace) }) { throw .resourceBusy }
        guard withState({ $0.vfio.addressSpaces.removeValue(forKey: addressSpace) != nil }) else {
            throw .noSuchFileOrDirectory
        }
        release("IOMMU_IOAS_ALLOC \(addressSpace)")
    }

    public func iommuUsableRanges(_ iommufd: CInt, addressSpace: UInt32) throws(Errno) -> [IOVARange] {
        try note("IOMMU_IOAS_IOVA_RANGES")
        return withState { $0.vfio.usableRanges ?? [IOVARange(first: 0, last: .max)] }
    }

    public func iommuMap(
        _ iommufd: CInt, addressSpace: UInt32, hostAddress: UInt, iova: UInt64, size: UInt64
    ) throws(Errno) {
        guard withState({ $0.vfio.addressSpaces[addressSpace] != nil }) else { throw .noSuchFileOrDirectory }
        try acquire("IOMMU_IOAS_MAP 0x\(String(iova, radix: 16))")
        withState { $0.vfio.addressSpaces[addressSpace]?[iova] = size }
    }

    public func iommuUnmap(_ iommufd: CInt, addressSpace: UInt32, iova: UInt64, size: UInt64) throws(Errno) {
        guard withState({ $0.vfio.addressSpaces[addressSpace]?.removeValue(forKey: iova) == size }) else {
            throw .noSuchFileOrDirectory
        }
        release("IOMMU_IOAS_MAP 0x\(String(iova, radix: 16))")
    }
}
