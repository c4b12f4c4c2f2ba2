// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// `machine-config`: how large the virtual machine is.
public struct MachineSize: Equatable, Sendable {
    /// 1 to 32; the host's own limit (KVM_CAP_MAX_VCPUS) may be lower.
    public var vcpuCount: Int
    /// Guest RAM. At least 16, below which no arm64 Linux comes up; at most 1,048,576 (1 TiB, the reach of the 40-bit
    /// guest-physical addresses that every KVM host offers). What the host can give is checked before boot.
    public var memoryMebibytes: Int

    public init(vcpuCount: Int = 1, memoryMebibytes: Int = 128) {
        self.vcpuCount = vcpuCount
        self.memoryMebibytes = memoryMebibytes
    }

    enum Keys {
        static let vcpuCount = Key.integer("vcpu_count", 1...32, default: 1)
        static let memoryMebibytes = Key.integer("mem_size_mib", 16...1_048_576, default: 128)

        static var all: [KeyDescription] { [vcpuCount.description, memoryMebibytes.description] }
    }

    init(_ reader: ObjectReader) {
        vcpuCount = reader.value(Keys.vcpuCount)
        memoryMebibytes = reader.value(Keys.memoryMebibytes)
    }
}
