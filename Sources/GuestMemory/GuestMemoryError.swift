// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// Why a guest can't have its RAM, or whether it has stayed where it was. `description` says what to do, by the
/// configuration's keys.
public enum GuestMemoryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The host can't give that much, or a call failed.
    case memory(mebibytes: UInt64, call: String, errno: Errno)
    /// No RAM whose place in the host's memory stays, for a device that needs it; `isChoice` when the configuration
    /// says from where.
    case identityMemory(device: String, mebibytes: Int, [PhysicalMemoryError], isChoice: Bool)
    /// RAM of huge pages that there aren't.
    case hugePages(mebibytes: UInt64, PhysicalMemoryError)
    /// RAM at the host's physical addresses is in more pieces than a guest's kernel takes.
    case tooManyBanks(Int, limit: Int)
    /// Whether RAM has stayed where it was can't be told.
    case memoryCheck(PhysicalMemoryError)

    /// What failed, on what, why, and what to do.
    public var description: String {
        switch self {
        case .memory(let mebibytes, let call, let errno):
            "machine-config.mem_size_mib: no \(mebibytes) MiB for the guest: \(call): \(errno.explained)"
                + (errno.remedy.isEmpty
                    ? "\n  reduce machine-config.mem_size_mib, or free memory on the host" : "")
        case .identityMemory(let device, let mebibytes, let failures, let isChoice):
            indented(
                [
                    "\(device): no \(mebibytes) MiB of RAM for its dma \"identity\", which have to stay where they are on the host"
                ]
                    + failures.map(\.description) + Self.remedies(failures)
                    + (isChoice
                        ? ["or leave machine-config.huge_pages and .dma_heap out: then all of them are tried"] : []))
        case .hugePages(let mebibytes, let failure):
            indented(
                ["machine-config.huge_pages: no \(mebibytes) MiB for the guest: \(failure)"] + Self.remedies([failure]))
        case .tooManyBanks(let count, let limit):
            """
            machine-config: the guest's RAM is in \(count) pieces of the host's memory, and a guest's kernel takes \(limit)
              \(Self.wholeness)
            """
        case .memoryCheck(let failure):
            indented(
                ["whether the guest's RAM is where it was in the host's memory can't be told: \(failure)"]
                    + Self.remedies([failure]))
        }
    }

    /// How memory is had in few pieces.
    package static let wholeness =
        "reserve huge pages when the host boots (hugepages= on its command line), when its memory is whole, or set "
        + "machine-config.huge_pages to \"1G\", or give machine-config.dma_heap"

    private static func remedies(_ failures: [PhysicalMemoryError]) -> [String] {
        var remedies: [String] = []
        for failure in failures {
            if let remedy = failure.remedy, !remedies.contains(remedy) { remedies.append(remedy) }
        }
        return remedies
    }
}
