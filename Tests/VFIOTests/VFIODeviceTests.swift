// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import KernelFakes
import LinuxSystem
import Testing
import VFIO

@Suite struct VFIODeviceTests {
    private let kernel = FakeKernel()

    private func open(_ vfio: FakeVFIODevice) throws -> VFIODevice {
        kernel.addHostDevice("dev", vfio: vfio)
        let host = try HostDevice(host: "dev", sysfs: Sysfs(system: kernel))
        return try VFIODevice(host, in: VFIOContainers(calls: kernel).group(of: host))
    }

    /// The error that opening the device gives, once everything was released.
    private func refusal(_ vfio: FakeVFIODevice) -> VFIOError? {
        let error = #expect(throws: VFIOError.self) { try open(vfio) }
        #expect(kernel.held.isEmpty)
        #expect(kernel.releasedInReverseOrder)
        return error
    }

    @Test func `reads what the device has`() throws {
        let device = try open(
            FakeVFIODevice(
                regions: [FakeVFIODevice.Region(), FakeVFIODevice.Region(size: 0x200, access: [.read, .write])],
                interrupts: [.edge, .level]))
        #expect(device.regions.map(\.size) == [0x1000, 0x200])
        #expect(device.regions.map(\.fileOffset) == [0, 1 << 40])
        #expect(device.regions.map(\.canMap) == [true, false])
        #expect(device.interrupts.map(\.isLevel) == [false, true])
        #expect(device.interrupts.map(\.index) == [0, 1])
    }

    @Test func `mapping takes more than the flag`() {
        func canMap(_ access: VFIORegion.Access, _ size: UInt64) -> Bool {
            VFIORegion(index: 0, size: size, fileOffset: 0, access: access).canMap
        }
        #expect(canMap([.read, .write, .map], 0x2000))
        #expect(!canMap([.read, .map], 0x2000))
        #expect(!canMap([.read, .write], 0x2000))
        #expect(!canMap([.read, .write, .map], 0x200))
    }

    @Test func `refuses a device of another kind`() {
        #expect(
            refusal(FakeVFIODevice(flags: [.reset, VFIODeviceInfo.Flags(rawValue: 2)]))
                == .notPlatformOrAMBA(device: "dev", flags: 3))
    }

    @Test func `refuses absurd counts`() {
        var regions = FakeVFIODevice()
        regions.claimedRegionCount = 65
        #expect(
            refusal(regions)
                == .implausible(device: "dev", problem: "the kernel reports 65 regions, and Martlet accepts 64"))
        var interrupts = FakeVFIODevice()
        interrupts.claimedInterruptCount = .max
        #expect(
            refusal(interrupts)
                == .implausible(
                    device: "dev", problem: "the kernel reports 4294967295 interrupts, and Martlet accepts 1024"))
    }

    @Test(
        arguments: [
            (1 << 48 + 1, nil, "region 0 has an impossible size of 0x1000000000001 bytes"),
            (.max, nil, "region 0 has an impossible size of 0xffffffffffffffff bytes"),
            (0x1000, .max - 1, "region 0 has an impossible file offset of 0xfffffffffffffffe"),
            (0x1000, 1 << 63 - 0x1000, "region 0 has an impossible file offset of 0x7ffffffffffff000"),
        ] as [(UInt64, UInt64?, String)])
    func `refuses absurd regions`(_ size: UInt64, _ offset: UInt64?, _ problem: String) {
        var region = FakeVFIODevice.Region(size: size)
        region.fileOffset = offset
        #expect(refusal(FakeVFIODevice(regions: [region])) == .implausible(device: "dev", problem: problem))
    }

    @Test func `a region without bytes is there and can't be mapped`() throws {
        let regions = try open(FakeVFIODevice(regions: [.init(size: 0), .init()])).regions
        #expect(regions.map(\.size) == [0, 0x1000])
        #expect(regions.map(\.canMap) == [false, true])
    }

    @Test func `refuses interrupts that no platform device has`() {
        for count: UInt32 in [0, 2] {
            var interrupt = FakeVFIODevice.Interrupt.edge
            interrupt.count = count
            #expect(
                refusal(FakeVFIODevice(interrupts: [interrupt]))
                    == .implausible(
                        device: "dev", problem: "interrupt 0 stands for \(count) interrupts, and Martlet accepts one"))
        }
        #expect(
            refusal(FakeVFIODevice(interrupts: [.edge, FakeVFIODevice.Interrupt([])]))
                == .implausible(device: "dev", problem: "interrupt 1 can't signal an eventfd"))
    }

    @Test func `takes a device with neither regions nor interrupts`() throws {
        let device = try open(FakeVFIODevice(regions: [], interrupts: []))
        #expect(device.regions.isEmpty && device.interrupts.isEmpty)
    }

    @Test(arguments: [1, 2, 4, 8])
    func `reads and writes little endian`(_ size: Int) throws {
        let device = try open(FakeVFIODevice(regions: [FakeVFIODevice.Region(), FakeVFIODevice.Region(size: 0x200)]))
        let region = device.regions[1]
        let mask = UInt64.max >> UInt64(64 - 8 * size)
        try device.write(0x1122_3344_5566_7788, to: region, at: 0x10, size: size)
        let bytes = kernel.withState { Array($0.vfio.devices["dev"]?.regions[1].bytes[0x10..<0x19] ?? []) }
        #expect(
            bytes == [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11].prefix(size)
                + [UInt8](repeating: 0, count: 9 - size))
        #expect(try device.read(region, at: 0x10, size: size) == 0x1122_3344_5566_7788 & mask)
    }

    @Test(
        arguments: [(0x200, 1), (0x1fd, 4), (.max, 8), (.max - 7, 8), (0, 3), (0, 0), (0, -1), (0, 16)]
            as [(UInt64, Int)])
    func `refuses accesses that are not inside`(_ offset: UInt64, _ size: Int) throws {
        let device = try open(FakeVFIODevice(regions: [FakeVFIODevice.Region(size: 0x200)]))
        let error = VFIOError.invalidAccess(device: "dev", region: device.regions[0], offset: offset, size: size)
        #expect(throws: error) { try device.read(device.regions[0], at: offset, size: size) }
        #expect(throws: error) { try device.write(0, to: device.regions[0], at: offset, size: size) }
    }

    @Test func `a short transfer is an error`() throws {
        var region = FakeVFIODevice.Region(size: 0x1000)
        region.bytes = [1, 2]
        let device = try open(FakeVFIODevice(regions: [region]))
        let error = #expect(throws: VFIOError.self) { try device.read(device.regions[0], at: 0, size: 4) }
        #expect(error == .shortTransfer(device: "dev", .readRegion(0, offset: 0, size: 4), count: 2))
        #expect(throws: VFIOError.self) { try device.write(0, to: device.regions[0], at: 0, size: 4) }
    }

    @Test func `a mapping keeps the device open and goes first`() throws {
        do {
            var device: VFIODevice? = try open(FakeVFIODevice())
            let mapping = try #require(try device.map { try $0.map($0.regions[0]) })
            #expect(mapping.memory?.size == 0x1000)
            device = nil
            withExtendedLifetime(mapping) { #expect(kernel.held.contains("VFIO_GROUP_GET_DEVICE_FD dev")) }
        }
        #expect(kernel.held.isEmpty)
        #expect(kernel.releasedInReverseOrder)
    }

    @Test func `names the region that cannot be mapped`() throws {
        let device = try open(
            FakeVFIODevice(regions: [
                FakeVFIODevice.Region(size: 0x200, access: [.read, .write]),
                FakeVFIODevice.Region(access: [.read, .map]),
            ]))
        // The reason is told from the region: the first has part of a page, and the second can't be written.
        let regions = [
            VFIORegion(index: 0, size: 0x200, fileOffset: 0, access: [.read, .write]),
            VFIORegion(index: 1, size: 0x1000, fileOffset: 1 << 40, access: [.read, .map]),
        ]
        #expect(device.regions == regions)
        for region in regions {
            #expect(throws: VFIOError.notMappable(device: "dev", region: region)) { try device.map(region) }
        }
    }

    @Test func `wires a level interrupt and takes it down in reverse`() throws {
        do {
            let device = try open(FakeVFIODevice())
            let line = device.interrupts[0]
            let event = try EventDescriptor(of: kernel)
            let trigger = try device.setTrigger(line, event)
            let resample = try EventDescriptor(of: kernel)
            let unmask = try device.setUnmask(line, resample)
            let wired = try #require(kernel.withState { $0.vfio.devices["dev"]?.interrupts[0] })
            #expect(wired.trigger == event.rawValue)
            #expect(wired.unmask == resample.rawValue)
            #expect(trigger.interrupt == unmask.interrupt)
            try device.triggerLoopBack(line)
            try device.triggerLoopBack(line)
            try device.unmask(line)
            try device.triggerLoopBack(line)
            // The second one came while the first was still masked.
            #expect(kernel.withState { $0.vfio.devices["dev"]?.interrupts[0].raiseCount } == 2)
        }
        #expect(kernel.held.isEmpty)
        let line = try #require(kernel.withState { $0.vfio.devices["dev"]?.interrupts[0] })
        #expect(line.trigger == nil && line.unmask == nil)
    }

    @Test func `masks unmasks and disables`() throws {
        let device = try open(FakeVFIODevice())
        let line = device.interrupts[0]
        let event = try EventDescriptor(of: kernel)
        let trigger = try device.setTrigger(line, event)
        try device.mask(line)
        #expect(kernel.withState { $0.vfio.devices["dev"]?.interrupts[0].isMasked } == true)
        try device.unmask(line)
        #expect(kernel.withState { $0.vfio.devices["dev"]?.interrupts[0].isMasked } == false)
        try device.disable(line)
        #expect(kernel.withState { $0.vfio.devices["dev"]?.interrupts[0].trigger } == .some(nil))
        #expect(trigger.interrupt == line)
    }

    @Test func `refuses to unmask an edge`() throws {
        let device = try open(FakeVFIODevice(interrupts: [.edge, .level]))
        let event = try EventDescriptor(of: kernel)
        let edge = #expect(throws: VFIOError.self) { try device.setUnmask(device.interrupts[0], event) }
        #expect(edge == .failed(device: "dev", .wireInterrupt(.unmask, 0), .invalidArgument))
        #expect(throws: VFIOError.self) { try device.mask(device.interrupts[0]) }
    }

    @Test func `refuses to wire twice and takes it again afterwards`() throws {
        let device = try open(FakeVFIODevice())
        let line = device.interrupts[0]
        let event = try EventDescriptor(of: kernel)
        do {
            let wirings = [try device.setTrigger(line, event), try device.setUnmask(line, event)]
            let trigger = #expect(throws: VFIOError.self) { try device.setTrigger(line, event) }
            #expect(trigger == .alreadyWired(device: "dev", interrupt: 0, .trigger))
            let unmask = #expect(throws: VFIOError.self) { try device.setUnmask(line, event) }
            #expect(unmask == .alreadyWired(device: "dev", interrupt: 0, .unmask))
            #expect(wirings.count == 2)
        }
        let again = try device.setTrigger(line, event)
        withExtendedLifetime(again) {
            #expect(kernel.withState { $0.vfio.devices["dev"]?.interrupts[0].trigger } == event.rawValue)
        }
    }

    @Test func `a wiring that failed can be tried again`() throws {
        let device = try open(FakeVFIODevice())
        let event = try EventDescriptor(of: kernel)
        kernel.withState { state in
            state.failingCall = state.callCount + 1
            state.failure = .resourceBusy
        }
        #expect(throws: VFIOError.failed(device: "dev", .wireInterrupt(.trigger, 0), .resourceBusy)) {
            try device.setTrigger(device.interrupts[0], event)
        }
        _ = try device.setTrigger(device.interrupts[0], event)
    }

    @Test func `resets where the kernel can`() throws {
        let device = try open(FakeVFIODevice())
        try device.reset()
        #expect(kernel.withState { $0.vfio.devices["dev"]?.resetCount } == 1)
    }

    @Test func `a reset that the kernel cannot do is an error`() throws {
        let device = try open(FakeVFIODevice(flags: [.platform]))
        #expect(!device.canReset)
        let error = #expect(throws: VFIOError.self) { try device.reset() }
        #expect(error == .failed(device: "dev", .reset, .invalidArgument))
    }
}
