// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import KVM
internal import LinuxSystem

/// What a kernel's Image was built for, and the CPU must support.
///
/// - SeeAlso: Documentation/arch/arm64/booting.rst, 4. Call the kernel image, flags
struct KernelDemands: Equatable {
    /// The page size in bytes; nil when the header doesn't have it.
    let pageSize: UInt64?
    let isBigEndian: Bool
    /// The image's file, for error texts.
    let path: String

    /// - Parameter flags: the flags of the image's header.
    init(flags: UInt64, path: String) {
        self.path = path
        isBigEndian = flags & 1 != 0
        let page = flags >> 1 & 3
        pageSize = page == 0 ? nil : 1 << (10 + 2 * page)
    }

    /// Compares with a vCPU that was initialised and isn't running.
    /// - Throws: `MachineError.image`, `.kvm`
    func check(_ vcpu: VirtualCPU) throws(MachineError) {
        if pageSize == nil, !isBigEndian { return }
        let features: MemoryModelFeatures
        do { features = MemoryModelFeatures(try vcpu.value(of: .idAA64MMFR0EL1)) } catch { throw .kvm(error) }
        if let pageSize, !features.pageSizes.contains(pageSize) {
            throw .image(path: path, .pageSize(pageSize, host: features.pageSizes))
        }
        if isBigEndian, !features.hasBigEndian { throw .image(path: path, .bigEndian) }
    }

    /// Compares with a vCPU of a temporary VM without memory.
    /// - Throws: `MachineError.image`, `.kvm`
    func check(_ hypervisor: Hypervisor) throws(MachineError) {
        let vcpu: VirtualCPU
        do throws(KVMError) {
            vcpu = try VirtualCPU(try VirtualMachine(hypervisor, addressBits: 32), index: 0)
            try vcpu.initialize(poweredOff: false)
        } catch { throw .kvm(error) }
        try check(vcpu)
    }
}

/// The memory features in ID_AA64MMFR0_EL1.
///
/// - SeeAlso: Arm Architecture Reference Manual (DDI 0487), D24.2, ID_AA64MMFR0_EL1
struct MemoryModelFeatures: Equatable {
    /// The page sizes of stage 1, in bytes, in ascending order.
    let pageSizes: [UInt64]
    /// Whether EL1 may be big-endian.
    let hasBigEndian: Bool

    init(_ register: UInt64) {
        func field(_ shift: UInt64) -> UInt64 { register >> shift & 0xF }
        var sizes: [UInt64] = []
        // TGran4 and TGran64 are signed: 0b1111 means "not supported". TGran16 is unsigned: 0 does.
        if field(28) < 8 { sizes.append(4 << 10) }
        if field(20) > 0 { sizes.append(16 << 10) }
        if field(24) < 8 { sizes.append(64 << 10) }
        pageSizes = sizes
        hasBigEndian = field(8) > 0
    }
}
