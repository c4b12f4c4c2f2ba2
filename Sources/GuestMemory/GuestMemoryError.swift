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

    /// How memory is had in few pieces.
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
