// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Board
import DeviceOptions
import DeviceTree
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing

@testable import Virtio

/// A drive as the guest meets it: registers, rings and requests, with threads and eventfds that are real.
@Suite(.timeLimit(.minutes(5))) struct BlockDeviceTests {
    private let drive: TemporaryDrive
    private let machine: TestMachine

    init() throws {
        drive = try temporaryDrive(sectors: 64)
        machine = try TestMachine(Self.device(drive))
    }

    private static func device(_ drive: TemporaryDrive, vcpus: Int = 1) -> BlockDevice {
        BlockDevice(
            id: "rootfs", slot: 0, file: drive.file, cache: .writeback, engine: .sync, vcpuCount: vcpus)
    }

    @Test func `it describes itself`() throws {
        var shared = SharedNodes(phandles: PhandleAllocator())
        let device = Self.device(drive)
        let nodes = try device.nodes(at: machine.place, shared: &shared)
        #expect(nodes.map(\.name) == ["virtio_mmio@a000000"])
        #expect(nodes[0][property: "compatible"]?.strings == ["virtio,mmio"])
        #expect(nodes[0][property: "interrupts"] == .cells([0, 5, 1]))
        #expect(nodes[0][property: "dma-coherent"] == .empty)
        #expect(device.name == "drive rootfs" && device.lines == [.edge])
    }

    @Test func `its registers say what it is`() {
        #expect(machine.read(.magicValue) == 0x7472_6976 && machine.read(.version) == 2)
        #expect(machine.read(.deviceID) == 2)
        machine.write(.deviceFeaturesSelector, 0)
        // SEG_MAX, BLK_SIZE, FLUSH, TOPOLOGY, DISCARD, WRITE_ZEROES, INDIRECT_DESC, EVENT_IDX.
        #expect(machine.read(.deviceFeatures) == 0x3000_6644)
        machine.write(.deviceFeaturesSelector, 1)
        #expect(machine.read(.deviceFeatures) == 1)
        #expect(machine.readConfiguration(0, .doubleword) == 64)
        #expect(machine.read(.queueSizeLimit) == 256)
    }

    @Test(arguments: [true, false]) func `the guest reads and writes`(eventIndex: Bool) throws {
        machine.start(eventIndex: eventIndex)
        #expect(machine.run(0, sector: 3, room: 1024) == (0, 1025))
        #expect(machine.data(1024) == Array(drive.content[1536..<2560]))
        let data = (0..<1536).map { UInt8(truncatingIfNeeded: $0 * 7) }
        #expect(machine.run(1, sector: 10, data: data) == (0, 1))
        #expect(Array(drive.content[5120..<6656]) == data)
        #expect(machine.run(4) == (0, 1))
        #expect(machine.waits { machine.takeInterrupts() > 0 })
        #expect(machine.read(.interruptStatus) == 1)
        machine.write(.interruptAcknowledge, 1)
        #expect(machine.read(.interruptStatus) == 0)
        let counts = drive.file.counts
        #expect(counts.reads == 1 && counts.writes == 1 && counts.flushes == 1 && counts.errors == 0)
        #expect(counts.bytesRead == 1024 && counts.bytesWritten == 1536)
    }

    @Test func `the guest learns the drive's name`() {
        machine.start()
        #expect(machine.run(8, room: 20) == (0, 21))
        #expect(machine.data(20) == Array("rootfs".utf8) + [UInt8](repeating: 0, count: 14))
    }

    @Test func `a discard gives space back, and zeroes are zeroes`() throws {
        let drive = try temporaryDrive(sectors: 2048)
        let machine = try TestMachine(Self.device(drive))
        machine.start()
        func range(_ sector: UInt64, _ count: UInt32, _ flags: UInt32) -> [UInt8] {
            (0..<8).map { UInt8(truncatingIfNeeded: sector >> UInt64($0 * 8)) }
                + (0..<4).map { UInt8(truncatingIfNeeded: count >> UInt32($0 * 8)) } + [UInt8(flags), 0, 0, 0]
        }
        let before = drive.allocated
        #expect(machine.run(11, data: range(0, 512, 0) + range(1024, 512, 0)) == (0, 1))
        #expect(machine.run(13, data: range(600, 3, 0)) == (0, 1))
        #expect(machine.run(13, data: range(1536, 512, 1)) == (0, 1))
        let content = drive.content
        #expect(content.count == 2048 * 512)
        for sector in [0, 511, 600, 602, 1024, 1535, 1536, 2047] { #expect(content[sector * 512] == 0, "\(sector)") }
        for sector in [512, 599, 603, 1023] { #expect(content[sector * 512] == UInt8((sector + 1) % 256)) }
        #expect(drive.allocated <= before - 1536 * 512 + 8192, "\(drive.allocated) of \(before)")
        #expect(machine.run(11, data: range(0, 1, 1)) == (2, 1), "a flag that isn't known")
        #expect(machine.run(13, data: range(2047, 2, 0)) == (1, 1))
        #expect(drive.file.counts.discards == 3 && drive.file.counts.errors == 2)
    }

    @Test func `a request that fails is told to the guest and counted, and the next one works`() {
        machine.start()
        #expect(machine.run(0, sector: 64, room: 512) == (1, 1))
        #expect(machine.run(99) == (2, 1))
        // The file has become shorter meanwhile.
        #expect(truncates(drive.path, to: 1024))
        #expect(machine.run(0, sector: 10, room: 512) == (1, 1))
        #expect(machine.run(0, sector: 1, room: 512) == (0, 513))
        #expect(drive.file.counts.errors == 2)
        #expect(machine.lines.all.count == 1 && machine.lines.all[0].contains("drive rootfs: a read at byte 5120: EIO"))
    }

    @Test func `a hostile ring stops the device until it is reset, with one line in the log`() {
        machine.start()
        machine.driver.describe(0, address: 0, count: 4, flags: 0)
        machine.driver.offer(0)
        machine.kick()
        #expect(machine.waits { machine.read(.status) == 79 })
        #expect(machine.read(.interruptStatus) == 2)
        #expect(machine.waits { machine.takeInterrupts() > 0 })
        machine.kick()
        #expect(machine.lines.all.count == 1, "\(machine.lines.all)")
        machine.start()
        #expect(machine.run(0, room: 512) == (0, 513))
        #expect(machine.read(.status) == 15)
    }

    @Test func `a ring outside RAM stops the device, too, and the log has an end`() {
        for _ in 0..<12 {
            machine.start()
            machine.write(.status, 0)
            for status: UInt32 in [1, 3] { machine.write(.status, status) }
            machine.write(.driverFeaturesSelector, 1)
            machine.write(.driverFeatures, 1)
            machine.write(.status, 11)
            machine.write(.queueSelector, 0)
            machine.write(.queueSize, 16)
            machine.write(.queueDescriptorsLow, 0x1000)
            machine.write(.queueReady, 1)
            machine.write(.status, 15)
            #expect(machine.waits { machine.read(.status) == 79 })
        }
        #expect(machine.waits { machine.lines.all.count == 8 })
        #expect(machine.lines.all.last?.hasSuffix("further mistakes aren't reported") == true)
    }

    @Test func `a reset takes the queue away at once, and the next driver begins anew`() {
        for round in 0..<50 {
            machine.start(eventIndex: round % 2 == 0)
            machine.offer(0, room: 512)
            machine.kick()
            machine.write(.status, 0)
            // From here on the memory is the guest's again.
            machine.memory.store([UInt8](repeating: 0x5A, count: 0x1000), at: 0)
            machine.kick()
            #expect(machine.read(.interruptStatus) == 0)
            #expect(machine.memory.bytes(at: 0, count: 0x1000).allSatisfy { $0 == 0x5A })
        }
        machine.start()
        #expect(machine.run(0, sector: 5, room: 512) == (0, 513))
    }

    @Test func `a pause holds requests back, and loses none`() {
        machine.start()
        machine.live?.pause()
        machine.offer(0, room: 512)
        machine.kick()
        #expect(!machine.waitsBriefly { machine.driver.usedIndex > 0 })
        // Also when the guest's driver would give up meanwhile, had it a vCPU to do so.
        machine.live?.resume()
        #expect(machine.waits { machine.driver.usedIndex == 1 })
        machine.live?.pause()
        machine.write(.status, 0)
        machine.live?.resume()
        machine.start()
        #expect(machine.run(0, sector: 1, room: 512) == (0, 513))
    }

    @Test func `after quiesce nothing comes from it any more`() {
        machine.start()
        machine.live?.quiesce()
        machine.live?.quiesce()
        machine.offer(0, room: 512)
        machine.kick()
        #expect(!machine.waitsBriefly { machine.driver.usedIndex > 0 })
        machine.start()
        machine.offer(0, room: 512)
        machine.kick()
        #expect(!machine.waitsBriefly { machine.driver.usedIndex > 0 })
    }

    @Test func `requests of a batch are told by one interrupt`() {
        machine.start()
        machine.live?.pause()
        for slot in 0..<4 as Range<UInt64> { machine.offer(0, sector: slot, room: 512, slot: slot) }
        machine.kick()
        _ = machine.takeInterrupts()
        machine.live?.resume()
        #expect(machine.waits { machine.driver.usedIndex == 4 })
        for slot in 0..<4 as Range<UInt64> {
            #expect(machine.data(512, slot: slot).allSatisfy { $0 == UInt8(slot + 1) })
        }
        #expect(machine.waits { machine.read(.interruptStatus) == 1 })
        #expect(!machine.waitsBriefly { machine.takeInterrupts() > 1 })
    }

    /// 2 requests at once, and then 10 a second.
    @Test func `a limit has requests wait, whole or in part, and orders don't wait for it`() throws {
        let limits = RateLimits(operations: .init(size: 2, refillMilliseconds: 200))
        let machine = try TestMachine(
            BlockDevice(
                id: "a", slot: 0, file: drive.file, cache: .unsafe, engine: .sync, limits: limits, vcpuCount: 1))
        machine.start()
        let start = LinuxKernel().monotonicNanoseconds
        for slot in 0..<4 as Range<UInt64> { machine.offer(0, sector: slot, room: 512, slot: slot) }
        machine.kick()
        #expect(machine.waits { machine.driver.usedIndex == 2 }, "the guest is told of what is done")
        #expect(machine.waits { machine.driver.usedIndex == 4 })
        #expect(LinuxKernel().monotonicNanoseconds - start >= 199_000_000)
        // One that has to wait for an hour.
        let slow = try TestMachine(
            BlockDevice(
                id: "a", slot: 0, file: drive.file, cache: .unsafe, engine: .sync,
                limits: RateLimits(bandwidth: .init(size: 512, refillMilliseconds: 3_600_000)), vcpuCount: 1))
        slow.start()
        #expect(slow.run(0, room: 512) == (0, 513))
        slow.offer(0, room: 512)
        slow.kick()
        #expect(!slow.waitsBriefly { slow.driver.usedIndex > 1 })
        slow.live?.pause()
        slow.live?.resume()
        slow.write(.status, 0)
        #expect(slow.driver.usedIndex == 1)
        slow.release()
    }

    @Test func `a read-only drive takes no writes and offers none`() throws {
        let drive = try temporaryDrive(sectors: 8, isReadOnly: true)
        let machine = try TestMachine(Self.device(drive))
        machine.write(.deviceFeaturesSelector, 0)
        #expect(machine.read(.deviceFeatures) & 0x6020 == 0x20)
        machine.start()
        #expect(machine.run(1, data: [UInt8](repeating: 9, count: 512)) == (1, 1))
        #expect(machine.run(0, room: 512) == (0, 513))
        #expect(drive.content[0] == 1)
    }

    @Test func `there is a queue for each vCPU, up to four, and each works`() throws {
        for (vcpus, queues) in [(2, 2), (32, 4)] {
            let machine = try TestMachine(Self.device(drive, vcpus: vcpus))
            #expect(machine.readConfiguration(34, .halfword) == UInt64(queues))
            #expect(machine.kernel.withState { $0.kvm.ioeventfds.map(\.match) } == (0..<queues).map { UInt64($0) })
            machine.start(queues: UInt32(queues))
            #expect(machine.run(0, room: 512) == (0, 513))
            machine.release()
        }
    }

    @Test func `a device that goes leaves nothing, in the reverse order`() throws {
        let machine = try TestMachine(Self.device(drive, vcpus: 4))
        let kernel = machine.kernel
        let held = kernel.held.filter { $0.hasPrefix("KVM_I") }
        #expect(held.count == 5)
        machine.start()
        #expect(machine.run(0, room: 512) == (0, 513))
        // The vCPUs' threads may have the registers for longer.
        let dispatcher = machine.dispatcher
        machine.release()
        #expect(!kernel.held.contains { $0.hasPrefix("KVM_I") })
        #expect(kernel.held.filter { $0 == "eventfd" }.count == 1, "the event loop's")
        #expect(kernel.disorder == nil, "\(kernel.journal)")
        #expect(machine.bus.regions.count == 1, "the claim is the plan's")
        let notify = machine.place.windows[0].base.rawValue + TransportRegister.queueNotify.rawValue
        dispatcher.write(GuestAddress(notify), .word, 0)
    }

    @Test func `a device that can't come alive leaves nothing`() throws {
        let machine = try TestMachine(Self.device(drive, vcpus: 2))
        machine.release()
        let kernel = FakeKernel()
        kernel.withState { state in
            state.devices.insert("/dev/kvm")
            state.kvm.capabilities[165] = 40
        }
        for call in 1...6 {
            #expect(throws: BoardDeviceError.self) {
                try machine.start(Self.device(drive, vcpus: 2), on: kernel, failing: call)
            }
            #expect(kernel.held == [], "call \(call): \(kernel.journal)")
            #expect(kernel.disorder == nil)
        }
    }
}
