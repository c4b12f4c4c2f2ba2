// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Board
import DeviceTree
import Foundation
import GuestMemory
import KVM
import KernelFakes
import LinuxSystem
import PlatformBus
import Synchronization
import Testing

@testable import Virtio

/// A console that nobody is at.
private struct NoConsole: ConsoleEnd {
    func transmit(_ byte: UInt8) {}
    func inputReady() {}
    func connect(_ receive: @escaping @Sendable ([UInt8]) -> Int) {}
    func pause() {}
    func resume() {}
    func disconnect() {}
}

/// What was logged.
final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    var log: Log { Log(threshold: .info) { [self] level, text in lines.withLock { $0.append("\(level): \(text)") } } }
}

/// A device on the bus of a machine whose KVM is a fake, and a driver for its first queue.
final class TestMachine {
    static let queueSize: UInt16 = 16

    let kernel = FakeKernel()
    let memory: TestMemory
    let lines = Lines()
    let place: Place
    let bus: BusMap
    private(set) var live: (any LiveDevice)?
    private(set) var dispatcher: MMIODispatcher
    var driver: TestDriver
    private let loop: EventLoop
    private let vm: VirtualMachine

    init(_ device: some BoardDevice) throws {
        kernel.withState { state in
            state.devices.insert("/dev/kvm")
            state.kvm.capabilities[165] = 40  // KVM_CAP_ARM_VM_IPA_SIZE
        }
        memory = try TestMemory(size: 0x40000)
        driver = TestDriver(memory, size: Self.queueSize)
        let request = try #require(device.windows.first)
        let window = try #require(GuestRange(base: request.usual, size: request.size))
        place = Place(windows: [window], lines: [SPI(rawValue: 5)])
        bus = BusMap(windows: [], spiCount: 64, fixed: place.windows)
        try bus.reserve(device.name, window)
        loop = try EventLoop(of: kernel)
        vm = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40)
        let context = DeviceContext(
            vm: vm, memory: memory.ram, bus: bus, loop: loop, console: NoConsole(), controls: BoardControls(),
            log: lines.log)
        live = try device.start(at: place, in: context)
        dispatcher = bus.makeDispatcher()
    }

    /// Lets go of the device.
    func release() {
        dispatcher = BusMap(windows: [], spiCount: 0).makeDispatcher()
        live = nil
    }

    // MARK: Registers

    private func address(_ offset: UInt64) -> GuestAddress { GuestAddress(place.windows[0].base.rawValue + offset) }

    func read(_ register: TransportRegister) -> UInt32 { UInt32(dispatcher.read(address(register.rawValue), .word)) }

    func readConfiguration(_ offset: UInt64, _ width: AccessWidth) -> UInt64 {
        dispatcher.read(address(0x100 + offset), width)
    }

    func write(_ register: TransportRegister, _ value: UInt32) {
        dispatcher.write(address(register.rawValue), .word, UInt64(value))
    }

    /// All that a driver does before it uses its queues.
    func start(eventIndex: Bool = true, queues: UInt32 = 1) {
        driver = TestDriver(memory, size: Self.queueSize)
        driver.usesEventIndex = eventIndex
        memory.store([UInt8](repeating: 0, count: 0x1000), at: 0)
        for status: UInt32 in [0, 1, 3] { write(.status, status) }
        write(.driverFeaturesSelector, 1)
        write(.driverFeatures, 1)
        write(.driverFeaturesSelector, 0)
        write(.driverFeatures, (1 << 28) | (eventIndex ? 1 << 29 : 0))
        write(.status, 11)
        for queue in 0..<queues {
            write(.queueSelector, queue)
            write(.queueSize, UInt32(Self.queueSize))
            // Only the first is used by a test.
            let offset = UInt64(queue) * 0x400
            write(.queueDescriptorsLow, UInt32(truncatingIfNeeded: memory.address(driver.descriptors + offset)))
            write(.queueDriverLow, UInt32(truncatingIfNeeded: memory.address(driver.available + offset)))
            write(.queueDeviceLow, UInt32(truncatingIfNeeded: memory.address(driver.used + offset)))
            write(.queueReady, 1)
        }
        write(.status, 15)
    }

    // MARK: Requests

    /// A write to QueueNotify, which KVM's ioeventfd takes.
    func kick(queue: UInt64 = 0) {
        let event = kernel.withState { $0.kvm.ioeventfds.first { $0.match == queue }?.event }
        if let event { LinuxKernel().addToCount(of: event) }
    }

    /// How many interrupts came since the last call: merged ones count once.
    func takeInterrupts() -> UInt64 {
        guard let event = kernel.withState({ $0.kvm.irqfds[5]?.trigger }) else { return 0 }
        return LinuxKernel().takeCount(of: event)
    }

    /// Waits for `condition`, for at most some seconds.
    func waits(_ condition: () -> Bool) -> Bool {
        for _ in 0..<5000 {
            if condition() { return true }
            usleep(1000)
        }
        return condition()
    }

    /// Where the data of requests are, in RAM.
    static let data: UInt64 = 0x10000
    static let statusPlace: UInt64 = 0x2100

    /// Puts a block request into the queue.
    /// - Parameter slot: of header and status, and the first descriptor / 4.
    func offer(_ type: UInt32, sector: UInt64 = 0, data: [UInt8] = [], room: Int = 0, slot: UInt64 = 0) {
        let header = 0x2000 + slot * 16
        memory.store(type, at: header)
        memory.store(UInt32(0), at: header + 4)
        memory.store(sector, at: header + 8)
        memory.store(UInt8(0xEE), at: Self.statusPlace + slot)
        var buffers = [TestDriver.Buffer(offset: header, count: 16)]
        let place = Self.data + slot * 0x4000
        if !data.isEmpty {
            memory.store(data, at: place)
            buffers.append(.init(offset: place, count: UInt32(data.count)))
        }
        if room > 0 { buffers.append(.init(offset: place, count: UInt32(room), isWritable: true)) }
        buffers.append(.init(offset: Self.statusPlace + slot, count: 1, isWritable: true))
        driver.describe(buffers, from: UInt16(slot) * 4)
        driver.offer(UInt16(slot) * 4)
    }

    /// Has a block request done; its status, and how many bytes the device says it has written.
    func run(
        _ type: UInt32, sector: UInt64 = 0, data: [UInt8] = [], room: Int = 0
    ) -> (status: UInt8, written: UInt32) {
        let before = driver.usedIndex
        offer(type, sector: sector, data: data, room: room)
        kick()
        guard waits({ driver.usedIndex == before &+ 1 }) else { return (0xDD, 0) }
        return (memory.load(UInt8.self, at: Self.statusPlace), driver.usedEntry(before).written)
    }

    /// The data of the last request.
    func data(_ count: Int, slot: UInt64 = 0) -> [UInt8] { memory.bytes(at: Self.data + slot * 0x4000, count: count) }
}

extension TestMachine {
    /// Whether `condition` comes true within a time in which it would.
    func waitsBriefly(_ condition: () -> Bool) -> Bool {
        for _ in 0..<50 {
            if condition() { return true }
            usleep(1000)
        }
        return condition()
    }

    /// Starts a device in another VM, with the call of that number failing from there on.
    func start(_ device: some BoardDevice, on kernel: FakeKernel, failing call: Int) throws {
        let bus = BusMap(windows: [], spiCount: 64, fixed: place.windows)
        try bus.reserve(device.name, place.windows[0])
        let loop = try EventLoop(of: kernel)
        let vm = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40)
        let context = DeviceContext(
            vm: vm, memory: memory.ram, bus: bus, loop: loop, console: NoConsole(), controls: BoardControls(),
            log: .silent)
        kernel.withState { $0.failingCall = $0.callCount + call }
        _ = try device.start(at: place, in: context)
    }
}

/// Cuts a file off.
func truncates(_ path: String, to size: Int) -> Bool { truncate(path, off_t(size)) == 0 }
