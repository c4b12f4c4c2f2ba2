// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem
import Testing

@testable import Virtio

/// Random numbers for the guest.
@Suite(.timeLimit(.minutes(5))) struct EntropyDeviceTests {
    private let machine: TestMachine

    init() throws { machine = try TestMachine(EntropyDevice(slot: 1)) }

    /// Has a buffer filled; how many bytes the device says it has written.
    private func fill(_ buffers: [TestDriver.Buffer]) -> UInt32? {
        let before = machine.driver.usedIndex
        machine.driver.describe(buffers, from: 0)
        machine.driver.offer(0)
        machine.kick()
        guard machine.waits({ machine.driver.usedIndex == before &+ 1 }) else { return nil }
        return machine.driver.usedEntry(before).written
    }

    @Test func `it says what it is`() {
        #expect(machine.read(.deviceID) == 4)
        #expect(machine.place.windows[0].base.rawValue == 0x0A00_1000)
        machine.write(.deviceFeaturesSelector, 0)
        #expect(machine.read(.deviceFeatures) == 0x3000_0000)
    }

    @Test func `the guest's buffers are filled, and nothing else`() {
        machine.start()
        machine.memory.store([UInt8](repeating: 0, count: 0x3000), at: 0x4000)
        let written = fill([
            .init(offset: 0x4010, count: 100, isWritable: true), .init(offset: 0x5000, count: 300, isWritable: true),
        ])
        #expect(written == 400)
        let (first, second) = (
            machine.memory.bytes(at: 0x4000, count: 0x1000), machine.memory.bytes(at: 0x5000, count: 400)
        )
        #expect(Set(first[0x10..<0x74]).count > 20 && Set(second[..<300]).count > 100)
        #expect(first[..<0x10].allSatisfy { $0 == 0 } && first[0x74...].allSatisfy { $0 == 0 })
        #expect(second[300...].allSatisfy { $0 == 0 })
    }

    @Test func `a large buffer gets a part, and one that is only readable nothing`() {
        machine.start()
        #expect(fill([.init(offset: 0x8000, count: 0x20000, isWritable: true)]) == 0x10000)
        #expect(fill([.init(offset: 0x8000, count: 16)]) == 0)
    }

    @Test func `a host without random numbers gives none, and the guest goes on`() {
        machine.start()
        machine.kernel.withState { $0.beforeCall = { $0 == "getrandom" ? .ioError : nil } }
        #expect(fill([.init(offset: 0x8000, count: 16, isWritable: true)]) == 0)
        machine.kernel.withState { $0.beforeCall = nil }
        #expect(fill([.init(offset: 0x8000, count: 16, isWritable: true)]) == 16)
    }
}
