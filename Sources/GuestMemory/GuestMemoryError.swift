// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// Why a guest can't have its RAM, or why it isn't known whether its RAM has moved.
///
/// `description` says what to do, with the configuration's keys.
public enum GuestMemoryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The host can't provide that much, or a call failed.
    case memory(mebibytes: UInt64, call: String, errno: Errno)
    /// There is no RAM that stays at its host-physical addresses, which this device needs; `isChoice` when the
    /// configuration chose its source.
    case identityMemory(device: String, mebibytes: Int, [PhysicalMemoryError], isChoice: Bool)
    /// There are not enough huge pages for the RAM.
    case hugePages(mebibytes: UInt64, PhysicalMemoryError)
    /// RAM at the host's physical addresses is in more pieces than a guest's kernel supports.
    case tooManyBanks(Int, limit: Int)
    /// It can't be checked whether RAM has moved.
    case memoryCheck(PhysicalMemoryError)

    /// What failed, on what, why, and what to do.
    public var description: String {
        switch self {
        case .memory(let mebibytes, let call, let errno):
            "machine-config.mem_size_mib: can't get \(mebibytes) MiB for the guest: \(call): \(errno.explained)"
                + (errno.remedy.isEmpty
                    ? "\n  reduce machine-config.mem_size_mib, or free memory on the host" : "")
        case .identityMemory(let device, let mebibytes, let failures, let isChoice):
            indented(
                [
                    "\(device): can't get \(mebibytes) MiB of RAM at fixed host addresses, which dma \"identity\" needs"
                ]
                    + failures.map(\.description) + Self.remedies(failures)
                    + (isChoice
                        ? ["or remove machine-config.huge_pages and .dma_heap: Martlet then tries all sources"] : []))
        case .hugePages(let mebibytes, let failure):
            indented(
                ["machine-config.huge_pages: can't get \(mebibytes) MiB for the guest: \(failure)"]
                    + Self.remedies([failure]))
        case .tooManyBanks(let count, let limit):
            """
            machine-config: the guest's RAM is in \(count) pieces on the host, and a guest kernel accepts \(limit)
              \(Self.wholeness)
            """
        case .memoryCheck(let failure):
            indented(
                ["can't check whether the guest's RAM has moved in the host's memory: \(failure)"]
                    + Self.remedies([failure]))
        }
    }

    /// How to get memory in few pieces.
    package static let wholeness =
        "reserve huge pages at boot (hugepages= on the host's kernel command line), or set "
        + "machine-config.huge_pages to \"1G\", or set machine-config.dma_heap"

    private static func remedies(_ failures: [PhysicalMemoryError]) -> [String] {
        var remedies: [String] = []
        for failure in failures {
            if let remedy = failure.remedy, !remedies.contains(remedy) { remedies.append(remedy) }
        }
        return remedies
    }
}
