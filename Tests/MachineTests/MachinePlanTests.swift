// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import KVM
import KernelFakes
import PlatformBus
import Testing
import VFIO

@testable import Machine

@Suite struct MachinePlanTests {
    private let host = FakeHost()

    private func error(_ devices: PlatformDevice...) -> String {
        machineError { () throws(MachineError) in
            try host.makePlan(host.configuration(devices: devices))
        }?.description ?? ""
    }

    @Test func `every part of the board has its claim`() throws {
        let plan = try host.makePlan(host.configuration())
        #expect(plan.bus.regions.map(\.name) == ["interrupt controller", "serial port", "RTC", "power key", "RAM"])
        #expect(plan.bus.interrupts.map(\.name) == ["serial port", "RTC", "power key"])
        #expect(plan.boardNames == ["serial port", "RTC", "power key"])
    }

    @Test func `a passed through clock takes the place of the emulated one`() throws {
        host.add("9010000.pl031", bus: .amba, properties: ["compatible": .strings(["arm,pl031", "arm,primecell"])])
        #expect(
            try host.makePlan(host.configuration(devices: [.named("9010000.pl031")])).boardNames
                == ["serial port", "power key"])
        host.add("9030000.pl061", bus: .amba, group: 8, properties: ["compatible": .strings(["arm,pl061"])])
        #expect(
            try host.makePlan(host.configuration(devices: [.named("9030000.pl061")])).boardNames
                == ["serial port", "RTC", "power key"])
    }

    @Test func `a board without a power key`() throws {
        var configuration = host.configuration()
        configuration.powerKey = false
        let plan = try host.makePlan(configuration)
        #expect(plan.boardNames == ["serial port", "RTC"])
        #expect(plan.bus.regions.map(\.name) == ["interrupt controller", "serial port", "RTC", "RAM"])
    }

    @Test func `a passed-through device may have the power key's address`() throws {
        host.add("9030000.pl061", bus: .amba, properties: ["compatible": .strings(["arm,pl061"])])
        let plan = try host.makePlan(host.configuration(devices: [.named("9030000.pl061", at: .fixed(0x903_0000))]))
        let place = try #require(plan.devices.first { $0.device.name == "power key" }?.place)
        #expect(place.windows.map(\.base.rawValue) == [0x903_1000])
        // Fixed devices have the first interrupts, then come the passed-through ones.
        #expect(place.lines.map(\.rawValue) == [3])
    }

    // MARK: Addresses

    @Test func `two devices at one address are both named`() {
        host.add("1000.first", group: 1)
        host.add("2000.second", group: 2)
        let text = error(.named("1000.first", at: .fixed(0xD00_0000)), .named("2000.second", at: .fixed(0xD00_0000)))
        #expect(text.contains("2000.second: guest address range 0xd000000-0xd000fff overlaps 1000.first at"))
        #expect(host.kernel.held.isEmpty)
    }

    @Test(
        arguments: [
            (0x800_0000, "interrupt controller"), (0x849_F000, "interrupt controller"), (0x900_0000, "serial port"),
            (0x8000_0000, "RAM"), (0x8400_0000 - 0x1000, "RAM"),
        ] as [(UInt64, String)])
    func `an address of another part of the board is refused`(address: UInt64, owner: String) {
        host.add("1000.net")
        let text = error(.named("1000.net", at: .fixed(address)))
        #expect(text.contains("1000.net: guest address range 0x\(String(address, radix: 16))-"))
        #expect(text.contains("overlaps \(owner) at "))
        #expect(host.kernel.held.isEmpty)
    }

    @Test func `only a clock can take the emulated clocks address`() throws {
        host.add("1000.net")
        let text = error(.named("1000.net", at: .fixed(0x901_0000)))
        #expect(text.contains("RTC: guest address range 0x9010000-0x9010fff overlaps 1000.net at"))
        #expect(host.kernel.held.isEmpty)
        host.add("9010000.pl031", bus: .amba, group: 8, properties: ["compatible": .string("arm,pl031")])
        _ = try host.makePlan(host.configuration(devices: [.named("9010000.pl031", at: .fixed(0x901_0000))]))
    }

    @Test func `an address that the hosts KVM has not got is refused`() {
        host.add("1000.net")
        let text = error(.named("1000.net", at: .fixed(1 << 40)))
        #expect(text.contains("1000.net: guest address range 0x10000000000-0x10000000fff is outside"))
        #expect(host.kernel.held.isEmpty)
    }

    @Test func `the hosts own address may be outside the windows`() throws {
        host.add("901000.net", properties: ["compatible": .string("x"), "reg": .cells64([0x90_1000, 0x1000])])
        let plan = try host.makePlan(host.configuration(devices: [.named("901000.net", at: .host)]))
        #expect(plan.bus.regions.first?.name == "901000.net")
        #expect(plan.bus.regions.first?.range.base.rawValue == 0x90_1000)
    }

    @Test func `a region that does not fit below RAM goes above`() throws {
        host.add("1000.large", regions: [.init(size: 2 << 30)])
        let plan = try host.makePlan(host.configuration(devices: [.named("1000.large")]))
        #expect(plan.bus.regions.last?.range.base.rawValue == 0x1_0000_0000)
        // 4 GiB to 6 GiB.
        #expect(plan.addressBits == 33)
    }

    @Test(arguments: [(64, 32), (2048, 32), (2049, 33), (6144, 33), (6145, 34)])
    func `the address bits are those that are used`(mebibytes: Int, bits: Int) throws {
        #expect(try host.makePlan(host.configuration(mebibytes: mebibytes)).addressBits == bits)
    }

    // MARK: Limits of the host

    @Test func `more VCP us than the host allows are refused`() throws {
        host.kernel.withState { $0.kvm.capabilities[66] = 4 }
        let hypervisor = try host.makeHypervisor()
        let configuration = host.configuration(vcpus: 5)
        let error = machineError { () throws(MachineError) in
            try host.makePlan(configuration, hypervisor: hypervisor)
        }
        #expect(
            error == .kvm(.vcpuCount(wanted: 5, limit: 4)))
        _ = try host.makePlan(host.configuration(vcpus: 4), hypervisor: hypervisor)
    }

    @Test func `more memory than the hosts addresses is refused`() throws {
        let small = FakeHost(addressBits: 32)
        let hypervisor = try small.makeHypervisor()
        let configuration = small.configuration(mebibytes: 4096)
        let error = machineError { () throws(MachineError) in
            try small.makePlan(configuration, hypervisor: hypervisor)
        }
        #expect(error == .addressSpace(mebibytes: 4096, base: GuestAddress(0x8000_0000), addressBits: 32))
    }

    @Test func `a property that is left out is logged`() throws {
        host.add("1000.net", properties: ["compatible": .string("x"), "iommus": .cell(5), "dma-coherent": .empty])
        _ = try host.makePlan(host.configuration(devices: [.named("1000.net")]))
        #expect(host.log.all == ["info: 1000.net: dropped from the guest's device tree: [\"iommus\"]"])
    }

    @Test func `a plan that goes gives its devices back`() throws {
        host.add("1000.net")
        do {
            let plan = try host.makePlan(host.configuration(devices: [.named("1000.net")]))
            withExtendedLifetime(plan) { #expect(!host.kernel.held.isEmpty) }
        }
        #expect(host.kernel.held.isEmpty)
        #expect(host.kernel.disorder == nil)
    }
}
