// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// What memory the host has left.
enum HostMemory {
    /// - Throws: `MachineError.memoryUnavailable` when the guest's RAM is more than the host could give without stopping
    ///   others. A host that doesn't say how much it has is taken at its word later, by the faults.
    static func check(mebibytes: UInt64, system: any SystemCalls) throws(MachineError) {
        let text: [UInt8]
        do { text = try system.readFile("/proc/meminfo", limit: 65536) } catch { return }
        guard let available = kibibytes("MemAvailable:", in: text) else { return }
        let swap = kibibytes("SwapFree:", in: text) ?? 0
        let total = available.addingReportingOverflow(swap).partialValue >> 10
        if mebibytes > total { throw .memoryUnavailable(mebibytes: mebibytes, availableMebibytes: total) }
    }

    /// How much this process has locked into RAM already, in bytes; 0 where the kernel doesn't say.
    static func lockedByteCount(_ system: any SystemCalls) -> UInt64 {
        guard let text = try? system.readFile("/proc/self/status", limit: 65536),
            let locked = kibibytes("VmLck:", in: text)
        else { return 0 }
        return locked.multipliedReportingOverflow(by: 1024).partialValue
    }

    /// The number behind `key` at the beginning of a line: "MemAvailable:    1234 kB".
    private static func kibibytes(_ key: StaticString, in text: [UInt8]) -> UInt64? {
        let lines = text.split(separator: 0x0A)
        // Safety: a StaticString's bytes live for ever.
        let wanted = UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
        guard let line = lines.first(where: { $0.starts(with: wanted) }) else { return nil }
        let value = line.dropFirst(wanted.count).drop { $0 == 0x20 || $0 == 0x09 }
        let digits = value.prefix { (0x30...0x39).contains($0) }
        return UInt64(String(decoding: digits, as: UTF8.self))
    }
}
