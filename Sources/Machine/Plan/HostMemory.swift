// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The host's available memory.
enum HostMemory {
    /// - Throws: `MachineError.memoryUnavailable` when the guest's RAM is more than the host can provide without
    ///   stopping other programs. On a host that doesn't report its memory, page faults will show it later.
    static func check(mebibytes: UInt64, system: any SystemCalls) throws(MachineError) {
        let text: [UInt8]
        do { text = try system.readFile("/proc/meminfo", limit: 65536) } catch { return }
        guard let available = kibibytes("MemAvailable:", in: text) else { return }
        let swap = kibibytes("SwapFree:", in: text) ?? 0
        let total = available.addingReportingOverflow(swap).partialValue >> 10
        if mebibytes > total { throw .memoryUnavailable(mebibytes: mebibytes, availableMebibytes: total) }
    }

    /// Martlet's own need in addition to the guest's RAM, in bytes: its own memory, and the page tables for RAM. The
    /// process, KVM and, if devices reach RAM, the IOMMU have one each, of 8 bytes for each page of 4096. All of it
    /// counts for the control group.
    static func ownNeed(ramSize: UInt64, isPinned: Bool) -> UInt64 { ownMemory + ramSize / 512 * (isPinned ? 3 : 2) }
    private static let ownMemory: UInt64 = 16 << 20

    /// - Parameters:
    ///   - ramSize: the part of the guest's RAM that is ordinary memory, in bytes.
    ///   - isPinned: whether devices' DMA prevents swapping it out.
    /// - Throws: `MachineError.controlGroup` when this process's control group doesn't allow so much: the kernel would
    ///   kill the process (the OOM killer) when the guest touches it. A limit that can't be read is not checked.
    static func checkControlGroups(
        ramSize: UInt64, isPinned: Bool, system: any SystemCalls, log: Log
    ) throws(MachineError) {
        let ownNeed = ownNeed(ramSize: ramSize, isPinned: isPinned)
        let (needed, overflow) = ramSize.addingReportingOverflow(ownNeed)
        let limit: ControlGroups.Limit?
        var available: UInt64 = .max
        do throws(Errno) {
            let groups = try ControlGroups(system)
            limit = try groups.limit(of: .memory)
            guard let limit, overflow || needed > limit.bytes else { return }
            available = limit.bytes
            if !isPinned {
                let swap = try swapSize(groups, memory: limit.bytes, system)
                available = limit.bytes.addingReportingOverflow(swap).overflow ? .max : limit.bytes + swap
            }
        } catch {
            log(.info, "can't read the memory limit of the control group: \(error.nameAndText)")
            return
        }
        guard let limit, overflow || needed > available else { return }
        throw .controlGroup(ramSize: ramSize, ownNeed: ownNeed, available: available, limit)
    }

    /// How much of the control group's memory can be swapped out.
    private static func swapSize(
        _ groups: ControlGroups, memory: UInt64, _ system: any SystemCalls
    ) throws(Errno) -> UInt64 {
        let meminfo = try system.readFile("/proc/meminfo", limit: 65536)
        let free = (kibibytes("SwapFree:", in: meminfo) ?? 0).multipliedReportingOverflow(by: 1024)
        guard !free.overflow else { return 0 }
        guard let limit = try groups.limit(of: .swap) else { return free.partialValue }
        let allowed = groups.countsSwapWithMemory ? limit.bytes - min(memory, limit.bytes) : limit.bytes
        return min(free.partialValue, allowed)
    }

    /// How much RAM this process has already locked, in bytes; 0 when the kernel doesn't report it.
    static func lockedByteCount(_ system: any SystemCalls) -> UInt64 {
        guard let text = try? system.readFile("/proc/self/status", limit: 65536),
            let locked = kibibytes("VmLck:", in: text)
        else { return 0 }
        return locked.multipliedReportingOverflow(by: 1024).partialValue
    }

    /// The number after `key` at the beginning of a line: "MemAvailable:    1234 kB".
    private static func kibibytes(_ key: StaticString, in text: [UInt8]) -> UInt64? {
        // Safety: a StaticString's bytes live forever.
        let wanted = UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
        var start = 0
        while start < text.count, !text[start...].starts(with: wanted) {
            guard let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            start = end + 1
        }
        let value = text[start...].dropFirst(wanted.count)
            .drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        let digits = value.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return UInt64(String(decoding: digits, as: UTF8.self))
    }
}
