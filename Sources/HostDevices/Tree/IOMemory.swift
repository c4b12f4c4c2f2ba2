// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The register addresses of devices without a device-tree node, from the kernel's table of physical addresses.
struct IOMemory {
    private var blocks: [Substring: [HostAddresses.Block]] = [:]

    /// Reads /proc/iomem. If it can't be read, the table is empty; for users other than root the kernel shows zeros.
    /// - SeeAlso: Linux, kernel/resource.c, r_show
    init(proc: Sysfs) {
        guard let bytes = try? proc.system.readFile("\(proc.root)/iomem", limit: 16 << 20) else { return }
        // "  09010000-09010fff : ARMH0031:00"
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            guard let colon = line.firstRange(of: " : ") else { continue }
            let bounds = line[..<colon.lowerBound].drop { $0 == " " }.split(separator: "-")
            guard bounds.count == 2, let first = UInt64(bounds[0], radix: 16), let last = UInt64(bounds[1], radix: 16),
                last > first
            else { continue }
            let (size, overflow) = (last - first).addingReportingOverflow(1)
            let name = line[colon.upperBound...]
            // A driver that has claimed the registers appears below the device, in some kernels by the same name.
            if overflow || blocks[name]?.contains(where: { $0.address == first }) == true { continue }
            blocks[name, default: []].append(HostAddresses.Block(address: first, size: size))
        }
    }

    /// The blocks that belong to a device, in the order of their addresses.
    func blocks(of device: String) -> [HostAddresses.Block] { blocks[device[...]] ?? [] }
}
