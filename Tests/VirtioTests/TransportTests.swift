// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import PlatformBus
import Testing

@testable import Virtio

/// Numbers that look random, and are the same each time.
struct Sequence: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = (seed &* 0x9E37_79B9_7F4A_7C15) | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

/// A register file that a test's expectations can change.
private final class Registers {
    var value: Transport

    init(_ identity: Transport.Identity) { value = Transport(identity) }

    func write(_ register: TransportRegister, _ value: UInt32, width: AccessWidth = .word) -> Transport.Effect {
        self.value.write(offset: register.rawValue, width: width, value: UInt64(value))
    }

    func read(_ register: TransportRegister) -> UInt64 { value.read(offset: register.rawValue, width: .word) }
    func requireReset() -> Bool { value.requireReset() }
    func setConfiguration(_ bytes: [UInt8]) -> Bool { value.setConfiguration(bytes) }

    /// As a driver does it, up to FEATURES_OK.
    func negotiate() {
        for status: UInt32 in [0, 1, 3] { _ = write(.status, status) }
        _ = write(.driverFeaturesSelector, 1)
        _ = write(.driverFeatures, 1)
        _ = write(.status, 11)
    }

    func setUpQueue(_ index: UInt32) {
        _ = write(.queueSelector, index)
        _ = write(.queueSize, 16)
        _ = write(.queueDescriptorsLow, 0x1000)
        _ = write(.queueDriverLow, 0x2000)
        _ = write(.queueDeviceLow, 0x3000)
        _ = write(.queueReady, 1)
    }
}

/// The registers as virtio 1.2 describes them.
@Suite struct TransportTests {
    private static let identity = Transport.Identity(
        deviceID: 2, features: [.ofAll, .flush], queueLimits: [256, 64], configuration: [1, 2, 3, 4, 5, 6, 7, 8, 9])
    private let transport = Registers(Self.identity)

    @Test func `a driver that does as it should is told to start`() {
        transport.negotiate()
        #expect(transport.read(.status) == 11)
        transport.setUpQueue(1)
        #expect(transport.read(.queueReady) == 1)
        #expect(transport.write(.status, 15) == .start)
        #expect(transport.read(.status) == 15)
        #expect(transport.value.queues.map(\.isReady) == [false, true])
        #expect(transport.value.queues[1].size == 16 && transport.value.queues[1].used == 0x3000)
        #expect(transport.write(.queueNotify, 1) == .notify(1))
        #expect(transport.write(.queueNotify, 2) == Transport.Effect.none)
    }

    @Test func `features that weren't offered are refused, and so is a legacy driver`() {
        for (low, high): (UInt32, UInt32) in [(0, 0), (1, 1), (0, 3)] {
            for status: UInt32 in [0, 1, 3] { _ = transport.write(.status, status) }
            _ = transport.write(.driverFeaturesSelector, 0)
            _ = transport.write(.driverFeatures, low)
            _ = transport.write(.driverFeaturesSelector, 1)
            _ = transport.write(.driverFeatures, high)
            _ = transport.write(.status, 11)
            #expect(transport.read(.status) == 3, "\(low) \(high)")
        }
    }

    @Test func `a status without what comes before it is ignored`() {
        #expect(transport.write(.status, 15) == Transport.Effect.none)
        #expect(transport.read(.status) == 3, "without features there is no FEATURES_OK, and without that no DRIVER_OK")
        _ = transport.write(.status, 1)
        #expect(transport.read(.status) == 3, "no bit is cleared but by a reset")
        #expect(transport.write(.status, 0) == .reset)
        #expect(transport.read(.status) == 0)
    }

    @Test func `queues can't be changed before FEATURES_OK, while they are ready, and after DRIVER_OK`() {
        transport.setUpQueue(0)
        #expect(transport.value.queues[0].size == 0)
        transport.negotiate()
        transport.setUpQueue(0)
        _ = transport.write(.queueSize, 32)
        #expect(transport.value.queues[0].size == 16)
        _ = transport.write(.status, 15)
        #expect(transport.write(.queueReady, 0) == .stopQueue(0))
        _ = transport.write(.queueReady, 1)
        #expect(transport.read(.queueReady) == 0)
    }

    @Test(arguments: [0, 3, 48, 512, 0x1_0000] as [UInt32])
    func `a queue's size that is none is ignored`(size: UInt32) {
        transport.negotiate()
        _ = transport.write(.queueSize, size)
        _ = transport.write(.queueReady, 1)
        #expect(transport.read(.queueReady) == 0)
    }

    @Test func `a queue that isn't aligned doesn't become ready`() {
        transport.negotiate()
        transport.setUpQueue(0)
        for (register, value): (TransportRegister, UInt32) in [
            (.queueDescriptorsLow, 8), (.queueDriverLow, 1), (.queueDeviceLow, 2),
        ] {
            _ = transport.write(.queueReady, 0)
            _ = transport.write(register, value)
            _ = transport.write(.queueReady, 1)
            #expect(transport.read(.queueReady) == 0)
            _ = transport.write(register, 0)
            _ = transport.write(.queueReady, 1)
            #expect(transport.read(.queueReady) == 1)
        }
    }

    @Test func `the configuration space takes any width, and registers only 32 bits`() {
        #expect(transport.value.read(offset: 0x100, width: .doubleword) == 0x0807_0605_0403_0201)
        #expect(transport.value.read(offset: 0x103, width: .halfword) == 0x0504)
        #expect(transport.value.read(offset: 0x106, width: .word) == 0x0009_0807)
        #expect(transport.value.read(offset: 0x1ff, width: .byte) == 0)
        #expect(transport.value.read(offset: 0, width: .halfword) == 0)
        #expect(transport.value.read(offset: 2, width: .word) == 0)
        #expect(transport.write(.status, 1, width: .byte) == Transport.Effect.none)
        #expect(transport.read(.status) == 0)
    }

    @Test func `an interrupt's reasons stay until they are acknowledged`() {
        transport.negotiate()
        _ = transport.write(.status, 15)
        transport.value.noteUsedBuffers()
        #expect(transport.requireReset())
        #expect(!transport.requireReset())
        #expect(transport.read(.interruptStatus) == 3)
        _ = transport.write(.interruptAcknowledge, 1)
        #expect(transport.read(.interruptStatus) == 2)
        #expect(transport.read(.status) == 79)
        #expect(transport.write(.status, 0) == .reset)
        #expect(transport.read(.interruptStatus) == 0)
    }

    @Test func `a change of the configuration has a new generation, which a reset keeps`() {
        transport.negotiate()
        _ = transport.write(.status, 15)
        #expect(!transport.setConfiguration(Self.identity.configuration))
        #expect(transport.setConfiguration([1]))
        #expect(transport.read(.configurationGeneration) == 1)
        #expect(transport.read(.interruptStatus) == 2)
        _ = transport.write(.status, 0)
        #expect(transport.read(.configurationGeneration) == 1)
        #expect(transport.value.read(offset: 0x100, width: .word) == 1)
    }

    /// Registers, widths and values that a driver is likely to write, and others.
    @Test(arguments: 0..<64 as Range<UInt64>)
    func `random accesses give what an independent model gives`(seed: UInt64) {
        var numbers = Sequence(seed)
        var transport = Transport(Self.identity)
        var model = TransportModel(
            deviceID: 2, features: Self.identity.features.rawValue, limits: [256, 64],
            configuration: Self.identity.configuration)
        let registers = TransportRegister.allCases.map(\.rawValue) + [0x70, 0x70, 0x70, 0x44, 0x44, 0x20, 0x24]
        let values: [UInt32] = [0, 1, 2, 3, 4, 8, 11, 15, 16, 79, 128, 139, 256, 512, 0x1000, 0x2004, 0xFFFF_FFFF]
        let widths: [AccessWidth] = [.word, .word, .word, .word, .word, .word, .word, .halfword, .byte, .doubleword]
        for step in 0..<4000 {
            var offset = registers[Int(numbers.next() % UInt64(registers.count))]
            if numbers.next() % 16 == 0 { offset = numbers.next() % 0x200 }
            let width = widths[Int(numbers.next() % UInt64(widths.count))]
            if numbers.next() % 3 == 0 {
                let got = transport.read(offset: offset, width: width)
                let wanted = model.read(offset, bytes: Int(width.bytes))
                if got != wanted { Issue.record("step \(step): read \(offset): \(got), not \(wanted)") }
            } else if numbers.next() % 64 == 0 {
                transport.noteUsedBuffers()
                model.noteUsedBuffers()
            } else if numbers.next() % 256 == 0 {
                let (got, wanted) = (transport.requireReset(), model.requireReset())
                #expect(got == wanted)
            } else {
                var value = values[Int(numbers.next() % UInt64(values.count))]
                // Resets are rare enough for something to come of what is between them.
                if offset == 0x70, value == 0, numbers.next() % 4 != 0 { value = 15 }
                let effect = transport.write(offset: offset, width: width, value: UInt64(value))
                let wanted = model.write(offset, bytes: Int(width.bytes), value)
                if effect.word != wanted {
                    Issue.record("step \(step): write \(offset) \(value): \(effect), not \(wanted)")
                }
            }
            #expect(transport.status.rawValue == model.status)
            #expect(transport.queues.map(\.isReady) == model.ready)
        }
    }
}

extension Transport.Effect {
    fileprivate var word: String {
        switch self {
        case .none: "none"
        case .reset: "reset"
        case .start: "start"
        case .stopQueue(let queue): "stop \(queue)"
        case .notify(let queue): "notify \(queue)"
        }
    }
}
