// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// How often VFIO's handler has run for each interrupt of a device, which is the only place that knows: with irqfd user
/// space sees none of them.
///
/// - SeeAlso: drivers/vfio/platform/vfio_platform_irq.c: the handler is called "vfio-irq[<Linux IRQ>](<device>)"
enum HostInterruptCounts {
    /// Counts by index. Linux numbers a device's interrupts in their order, so the n-th of its lines is index n.
    /// - Returns: nil when /proc/interrupts can't be read or has another number of lines for the device than `count`.
    static func read(device: String, count: Int, system: any SystemCalls) -> [UInt64]? {
        let text: [UInt8]
        do { text = try system.readFile("/proc/interrupts", limit: 4 << 20) } catch { return nil }
        let found = parse(String(decoding: text, as: UTF8.self), device: device)
        return found.count == count ? found : nil
    }

    static func parse(_ text: String, device: String) -> [UInt64] {
        var counts: [(irq: Int, count: UInt64)] = []
        for line in text.split(separator: "\n") where line.hasSuffix("](\(device))") {
            guard let handler = line.split(separator: " ").last, handler.hasPrefix("vfio-irq") else { continue }
            let fields = line.split(separator: " ")
            guard let first = fields.first, first.hasSuffix(":"), let irq = Int(first.dropLast()) else { continue }
            // One column for each CPU, and then the chip's name.
            let columns = fields.dropFirst().prefix { $0.allSatisfy(\.isNumber) }
            let sum = columns.reduce(UInt64(0)) { $0 &+ (UInt64($1) ?? 0) }
            counts.append((irq, sum))
        }
        return counts.sorted { $0.irq < $1.irq }.map(\.count)
    }
}
