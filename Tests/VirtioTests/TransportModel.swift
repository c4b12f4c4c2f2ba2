// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The registers once more, written from virtio 1.2, 4.2.2 and 2.1, in another way: a dictionary of what was written,
/// and rules over it.
struct TransportModel {
    let deviceID: UInt32
    let features: UInt64
    let limits: [UInt32]
    let configuration: [UInt8]

    var status: UInt32 = 0
    var interrupts: UInt32 = 0
    var accepted: [UInt32] = [0, 0]
    var selectors: [UInt64: UInt32] = [:]
    /// By queue and register.
    var queueWords: [[UInt64: UInt32]]
    var ready: [Bool]
    var effects: [String] = []

    init(deviceID: UInt32, features: UInt64, limits: [UInt32], configuration: [UInt8]) {
        self.deviceID = deviceID
        self.features = features
        self.limits = limits
        self.configuration = configuration
        queueWords = limits.map { _ in [:] }
        ready = limits.map { _ in false }
    }

    private func has(_ bit: UInt32) -> Bool { status & bit == bit }
    private var queue: Int? {
        let index = Int(selectors[0x30] ?? 0)
        return index < limits.count ? index : nil
    }

    func read(_ offset: UInt64, bytes: Int) -> UInt64 {
        if offset >= 0x100 {
            var value: UInt64 = 0
            for place in (0..<bytes).reversed() {
                let index = Int(offset - 0x100) + place
                value = value * 256 + UInt64(index < configuration.count ? configuration[index] : 0)
            }
            return value
        }
        if bytes != 4 { return 0 }
        switch offset {
        case 0x00: return 0x7472_6976
        case 0x04: return 2
        case 0x08: return UInt64(deviceID)
        case 0x10:
            let selector = selectors[0x14] ?? 0
            return selector == 0 ? features % (1 << 32) : selector == 1 ? features >> 32 : 0
        case 0x34: return queue.map { UInt64(limits[$0]) } ?? 0
        case 0x44: return queue.map { ready[$0] ? 1 : 0 } ?? 0
        case 0x60: return UInt64(interrupts)
        case 0x70: return UInt64(status)
        case 0xb0, 0xb4, 0xb8, 0xbc: return 0xFFFF_FFFF
        default: return 0
        }
    }

    mutating func write(_ offset: UInt64, bytes: Int, _ value: UInt32) -> String {
        guard bytes == 4 else { return "none" }
        switch offset {
        case 0x14, 0x24, 0x30: selectors[offset] = value
        case 0x20:
            let selector = selectors[0x24] ?? 0
            if has(2), !has(8), selector < 2 { accepted[Int(selector)] = value }
        case 0x38:
            if let queue = writableQueue, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].contains(value),
                value <= limits[queue]
            {
                queueWords[queue][offset] = value
            }
        case 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4:
            if let queue = writableQueue { queueWords[queue][offset] = value }
        case 0x44:
            guard let queue else { return "none" }
            if value == 0, ready[queue] {
                ready[queue] = false
                return has(4) ? "stop \(queue)" : "none"
            }
            let words = queueWords[queue]
            if value == 1, writableQueue != nil, (words[0x38] ?? 0) > 0, (words[0x80] ?? 0) % 16 == 0,
                (words[0x90] ?? 0) % 2 == 0, (words[0xa0] ?? 0) % 4 == 0
            {
                ready[queue] = true
            }
        case 0x50: return Int(value) < limits.count ? "notify \(value)" : "none"
        case 0x64: for bit in 0..<32 where value >> bit & 1 == 1 { interrupts &= ~(1 << bit) }
        case 0x70: return writeStatus(value)
        default: break
        }
        return "none"
    }

    /// The selected queue, while it may be set up.
    private var writableQueue: Int? {
        guard let queue, !ready[queue], has(8), !has(4), !has(64), !has(128) else { return nil }
        return queue
    }

    private mutating func writeStatus(_ value: UInt32) -> String {
        if value == 0 {
            let new = TransportModel(
                deviceID: deviceID, features: features, limits: limits, configuration: configuration)
            self = new
            return "reset"
        }
        // Nothing may be cleared.
        for bit: UInt32 in [1, 2, 4, 8, 128] where has(bit) && value & bit == 0 { return "none" }
        if value & 128 != 0 { status |= 128 }
        if value & 1 != 0 { status |= 1 }
        if value & 2 != 0, has(1) { status |= 2 }
        let taken = UInt64(accepted[1]) << 32 | UInt64(accepted[0])
        if value & 8 != 0, has(2), taken & ~features == 0, accepted[1] & 1 == 1 { status |= 8 }
        if value & 4 != 0, has(8), !has(4), !has(64), !has(128) {
            status |= 4
            return "start"
        }
        return "none"
    }

    mutating func noteUsedBuffers() { interrupts |= 1 }
    mutating func requireReset() -> Bool {
        if has(64) { return false }
        status |= 64
        if has(4) { interrupts |= 2 }
        return has(4)
    }
}
