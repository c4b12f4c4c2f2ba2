// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import DeviceTree
import Glibc
import KVM
import KernelFakes
import LinuxSystem
import PlatformBus
import Synchronization
import Testing
import VFIO

@testable import Machine

/// Whole machines on the fake: built, run by a script of exits, and taken down.
@Suite struct MicroVMTests {
    private let host = FakeHost()
    private let terminal: FakeTerminal

    init() throws { terminal = try FakeTerminal() }

    private func script(_ vcpu: UInt32 = 0, _ exits: FakeExit...) {
        host.kernel.withState { $0.kvm.exits[vcpu] = exits }
    }

    private func makeMachine(_ configuration: MachineConfiguration) throws -> MicroVM {
        let hypervisor = try host.makeHypervisor()
        return try MicroVM(
            try host.makePlan(configuration, hypervisor: hypervisor), hypervisor: hypervisor,
            console: terminal.console, profile: StartupProfile())
    }

    private func run(_ configuration: MachineConfiguration? = nil) throws -> (end: GuestEnd, report: RunReport) {
        try makeMachine(configuration ?? host.configuration()).run()
    }

    private func expectNothingLeft() {
        #expect(host.kernel.held.isEmpty)
        #expect(host.kernel.disorder == nil)
    }

    // MARK: The boot state

    @Test func `only the boot CPU is prepared and runs`() throws {
        let machine = try makeMachine(host.configuration(vcpus: 3))
        let journal = host.kernel.journal.map(\.description)
        #expect(
            journal.filter { $0.contains("KVM_ARM_VCPU_INIT") } == [
                "  KVM_ARM_VCPU_INIT", "  KVM_ARM_VCPU_INIT powered off", "  KVM_ARM_VCPU_INIT powered off",
            ])
        // booting.rst: X0 is the device tree's address, and the kernel is entered at its first byte.
        let pc: UInt64 = 0x6030_0000_0010_0040
        let x0: UInt64 = 0x6030_0000_0010_0000
        #expect(
            host.kernel.withState { $0.kvm.registers } == [
                "KVM_CREATE_VCPU 0": [pc: 0x8000_0000, x0: 0x8010_2000]
            ])
        withExtendedLifetime(machine) {}
    }

    @Test func `the controller is made after the VCP us`() throws {
        let machine = try makeMachine(host.configuration(vcpus: 2))
        let journal = host.kernel.journal.map(\.description)
        let lastVCPU = try #require(journal.lastIndex { $0.hasPrefix("+ KVM_CREATE_VCPU") })
        let controller = try #require(journal.firstIndex { $0.hasPrefix("+ KVM_CREATE_DEVICE 7") })
        #expect(lastVCPU < controller)
        withExtendedLifetime(machine) {}
    }

    /// KVM_DEV_ARM_VGIC_GRP_NR_IRQS: the 32 of each vCPU besides those that are shared.
    @Test(arguments: [(0, 96), (61, 96), (62, 128), (100, 160)] as [(Int, UInt32)])
    func `the controller has as many interrupts as the devices need`(lines: Int, identifiers: UInt32) throws {
        host.add("1000.net", interrupts: [FakeVFIODevice.Interrupt](repeating: .edge, count: lines))
        let machine = try makeMachine(host.configuration(devices: [.named("1000.net")]))
        // Three are the serial port's, the clock's and the power key's.
        withExtendedLifetime(machine) {
            #expect(host.kernel.withState { $0.kvm.attributes.first } == .init(3, 0, .word(identifiers)))
        }
    }

    @Test func `RAM is one slot at its address`() throws {
        let machine = try makeMachine(host.configuration(mebibytes: 64))
        let slots = host.kernel.withState { $0.kvm.memoryRegions.mapValues { [$0.guestAddress, $0.size] } }
        #expect(slots == [0: [0x8000_0000, 64 << 20]])
        #expect(host.kernel.withState { $0.kvm.machineTypes } == [32])
        withExtendedLifetime(machine) {}
    }

    @Test func `a GICv2 takes eight VCP us at most`() throws {
        host.kernel.withState { $0.kvm.refusedDevices = [7] }
        let error = #expect(throws: MachineError.self) { try makeMachine(host.configuration(vcpus: 9)) }
        #expect(error == .kvm(.vcpuCount(wanted: 9, limit: 8)))
        expectNothingLeft()
        _ = try makeMachine(host.configuration(vcpus: 8))
    }

    @Test func `a device tree without room is refused`() throws {
        host.kernel.withState { state in
            state.files["/Image"] = arm64Image(imageSize: 16 << 20)
        }
        let configuration = host.configuration(mebibytes: 16, initrd: nil)
        let error = #expect(throws: MachineError.self) { try makeMachine(configuration) }
        guard case .doesNotFit(what: "the device tree", _, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        expectNothingLeft()
    }

    // MARK: Ends

    @Test(arguments: [
        (FakeExit.systemEvent(1), GuestEnd.powerOff), (.systemEvent(2), .reset), (.systemEvent(3), .crashed),
    ])
    func `the guest ends the run`(exit: FakeExit, end: GuestEnd) throws {
        script(0, exit)
        let result = try run(host.configuration(vcpus: 4))
        #expect(result.end == end)
        #expect(result.report.end == end)
        #expect(result.report.exits.systemEvents == 1)
        expectNothingLeft()
    }

    @Test func `a secondary VCPU can end the run`() throws {
        script(1, .systemEvent(1))
        #expect(try run(host.configuration(vcpus: 2)).end == .powerOff)
        expectNothingLeft()
    }

    @Test func `a VCPU that cannot go on ends the run`() throws {
        script(0, .internalError(suberror: 1))
        guard case .hung(let text, let registers) = try run().end else {
            Issue.record("the run ended otherwise")
            return
        }
        #expect(text.hasPrefix("vcpu0: KVM can't emulate the guest's state"))
        #expect(registers.contains("pc 0x80000000"))
        expectNothingLeft()
    }

    @Test func `the user can quit`() throws {
        terminal.type("\u{1}x")
        let result = try run()
        #expect(result.end == .quit)
        #expect(result.report.end.exitStatus == 130)
        expectNothingLeft()
    }

    @Test func `a loop that fails is an error and the machine is taken down`() throws {
        let machine = try makeMachine(host.configuration())
        let poll = try #require(host.kernel.withState { $0.descriptors.first { $0.value == "epoll_create1" }?.key })
        // An epoll instance that is no more one: epoll_wait gives EINVAL.
        let null = open("/dev/null", O_RDONLY)
        #expect(dup2(null, poll) == poll)
        close(null)
        let error = #expect(throws: MachineError.self) { try machine.run() }
        #expect(error == .call("epoll_wait", errno: .invalidArgument))
        // The rest is the plan's.
        #expect(host.kernel.held == ["open /dev/kvm", "open /Image", "open /initrd"])
    }

    // MARK: Devices

    @Test func `what the guest writes to its serial port reaches the user`() throws {
        var exits = "hi\n".utf8.map { FakeExit.mmioWrite(address: 0x900_0000, length: 1, value: UInt64($0)) }
        exits.append(.systemEvent(1))
        host.kernel.withState { $0.kvm.exits[0] = exits }
        let result = try run()
        #expect(terminal.text == "hi\n")
        #expect(result.report.exits.mmioWrites == 3)
        #expect(result.report.droppedConsoleBytes == 0)
    }

    @Test func `the emulated clock tells the time`() throws {
        script(0, .mmioRead(address: 0x901_0000, length: 4), .systemEvent(1))
        let before = Clock.realtimeSeconds
        _ = try run()
        let read = try #require(host.kernel.withState { $0.kvm.answers.first })
        #expect((UInt64(before)...UInt64(before) + 60).contains(read))
    }

    @Test func `accesses to nothing are counted and logged`() throws {
        script(
            0, .mmioRead(address: 0x100_0000, length: 4), .mmioRead(address: 0x100_0004, length: 4),
            .mmioWrite(address: 0x200_0000, length: 8, value: 1), .systemEvent(1))
        let report = try run().report
        #expect(report.unclaimedReads == 2)
        #expect(report.unclaimedWrites == 1)
        #expect(
            host.log.all == [
                "warning: the guest read 4 bytes at 0x1000000, where no device is",
                "warning: the guest wrote 8 bytes at 0x2000000, where no device is",
            ])
    }

    @Test func `passed through devices are reported and quiet when they go`() throws {
        host.add("1000.net", properties: ["compatible": .string("test,net"), "reg": .cells64([0x1000, 0x1000])])
        host.add(
            "2000.transport", group: 8, isNoIOMMU: true, regions: [.init(size: 0x200, access: [.read, .write])],
            interrupts: [.edge])
        script(0, .mmioRead(address: 0x0C00_1000, length: 4), .systemEvent(1))
        let report = try run(
            host.configuration(devices: [.named("1000.net"), .named("2000.transport", dma: .none)])
        ).report
        #expect(report.devices.map(\.host) == ["1000.net", "2000.transport"])
        #expect(report.devices.map { $0.regions.map(\.access) } == [["mapped"], ["trapped"]])
        #expect(report.devices.map { $0.regions.map(\.reads) } == [[0], [1]])
        #expect(report.devices.map(\.isolation) == ["iommu", "none"])
        #expect(report.devices.first?.regions.first?.hostAddress == "0x1000")
        #expect(report.devices.map { $0.interrupts.map(\.spi) } == [[2], [3]])
        let journal = host.kernel.journal.map(\.description)
        let order = ["- VFIO_DEVICE_SET_IRQS trigger 0", "  VFIO_DEVICE_RESET", "- VFIO_IOMMU_MAP_DMA 0x80000000"]
        #expect(
            order.compactMap { journal.lastIndex(of: $0) }.sorted() == order.compactMap { journal.lastIndex(of: $0) })
        #expect(Set(journal).isSuperset(of: order))
        // Devices are silenced first, before what is newer than them goes.
        #expect(host.kernel.held.isEmpty)
    }

    /// A page of registers for all devices, there when a node refers to a reset line; a write that asserts one resets
    /// its device.
    @Test func `a guest resets a device by its line of the board's controller`() throws {
        host.kernel.addFile("/sys/firmware/devicetree/base/rst/compatible", "x,resets\0")
        host.kernel.withState { state in
            state.files["/sys/firmware/devicetree/base/rst/phandle"] = [0, 0, 0, 5]
            state.files["/sys/firmware/devicetree/base/rst/#reset-cells"] = [0, 0, 0, 1]
        }
        let lines = PropertyValue.cells([5, 40, 5, 41])
        host.add("1000.net", properties: ["compatible": .string("test,net"), "resets": lines])
        host.add("2000.net", group: 8, properties: ["compatible": .string("test,net"), "resets": .cells([5, 42])])
        let configuration = host.configuration(devices: [.named("1000.net"), .named("2000.net")])
        let tree = try Tree(parsing: try host.makePlan(configuration).deviceTree(hypervisor: nil), limits: .ofHosts)
        let controller = try #require(tree.root.children.first { $0.name == "reset-controller@9040000" })
        let phandle = try #require(controller.phandle?.rawValue)
        let bus = try #require(tree.root.children.first { $0.baseName == "platform-bus" })
        #expect(bus.children.map { $0[property: "resets"]?.cells } == [[phandle, 0, phandle, 1], [phandle, 2]])
        // Asserts the first device's lines and the first of these again, then deasserts all, and reads.
        script(
            0, .mmioWrite(address: 0x904_0000, length: 4, value: 0xFFFF_FFFC),
            .mmioWrite(address: 0x904_0000, length: 4, value: 0xFFFF_FFFF),
            .mmioWrite(address: 0x904_0000, length: 4, value: 0xFFFF_FFFE), .systemEvent(1))

        let report = try run(configuration).report

        #expect(report.devices.map(\.reset.lineCount) == [2, 1])
        #expect(report.devices.map(\.reset.assertionCount) == [3, 0])
        #expect(report.unclaimedWrites == 0)
        // At open, and at the end; the first plan opened them once more.
        #expect(
            ["1000.net", "2000.net"].map { name in host.kernel.withState { $0.vfio.devices[name]?.resetCount } } == [
                6, 3,
            ])
        #expect(host.kernel.held.isEmpty)
    }

    @Test func `without a reset line there is no controller`() throws {
        host.add("1000.net", properties: ["compatible": .string("test,net")])
        let plan = try host.makePlan(host.configuration(devices: [.named("1000.net")]))
        let tree = try Tree(parsing: try plan.deviceTree(hypervisor: nil), limits: .ofHosts)
        #expect(!tree.root.children.contains { $0.baseName == "reset-controller" })
        #expect(!plan.devices.contains { $0.device.name == "reset controller" })
    }

    /// Before they are wired: a line may be high from the first moment. SPI 2 is at bit 5 of its word; SPI 3 is an
    /// edge.
    @Test func `the controller knows which lines are level triggered`() throws {
        host.add("1000.net", interrupts: [.level, .edge])
        script(0, .systemEvent(1))
        _ = try run(host.configuration(devices: [.named("1000.net")]))
        #expect(
            host.kernel.withState { $0.kvm.attributes.filter { $0.group == 1 } } == [
                .init(1, 0xC08, .word(0xAAAA_AA8A))
            ])
        let journal = host.kernel.journal.map(\.description)
        let known = try #require(journal.firstIndex(of: "  KVM_SET_DEVICE_ATTR 1.\(0xC08)"))
        let wired = try #require(journal.firstIndex(of: "+ KVM_IRQFD 2"))
        #expect(known < wired)
    }

    @Test func `the profile has every step`() throws {
        script(0, .systemEvent(1))
        // A guest as short as this one may end before the last thread is known to run.
        let steps = try run().report.profile.map(\.step.description).filter { $0 != "guest-end" }
        #expect(
            steps == [
                "vm", "image", "device-tree", "memory-slots", "vcpus", "interrupt-controller", "passthrough", "devices",
                "threads", "vcpus-joined", "devices-silenced", "console-closed", "released",
            ])
    }

    // MARK: Nobody reads

    /// The guest reads where nothing is, which is logged, and then the user quits.
    @Test func `a standard error that nobody reads doesn't keep the machine from ending`() throws {
        let pipe = try DescriptorPair.pipe()
        try #require(fcntl(pipe.console, F_SETFL, O_NONBLOCK) == 0)
        let dots = [UInt8](repeating: 0x2E, count: 65536)
        while write(pipe.console, dots, dots.count) > 0 {}
        while write(pipe.console, dots, 1) > 0 {}
        try #require(fcntl(pipe.console, F_SETFL, 0) == 0)
        let writer = LineWriter(to: pipe.console)
        let log = Log(threshold: .warning) { _, text in writer.add("\(text)\n") }
        script(0, .mmioRead(address: 0x500_0000, length: 4))
        let hypervisor = try host.makeHypervisor()
        let plan = try MachinePlan(host.configuration(), calls: host.kernel, hypervisor: hypervisor, log: log)
        let machine = try MicroVM(
            plan, hypervisor: hypervisor, console: terminal.console, profile: StartupProfile())
        let hasEnded = Atomic<Bool>(false)
        let thread = try SystemThread(name: "machine") {
            let end = try? machine.run().end
            hasEnded.store(end == .quit, ordering: .releasing)
        }
        usleep(100_000)
        terminal.type("\u{1}x")
        #expect(waits(5000) { hasEnded.load(ordering: .acquiring) })
        writer.finish(timeoutMilliseconds: 10)
        // Lets those end that wait for a reader, if any does.
        var text: [UInt8] = []
        #expect(
            waits(5000) {
                text += pipe.readAvailable()
                return String(decoding: text, as: UTF8.self).hasSuffix("at 0x5000000, where no device is\n")
            })
        thread.join()
    }

    // MARK: Again and again

    @Test func `a machine that never ran leaves nothing`() throws {
        host.add("1000.net")
        do {
            let machine = try makeMachine(host.configuration(devices: [.named("1000.net")]))
            #expect(
                machine.facts.first == "machine: 1 vCPUs, 64 MiB at 0x80000000")
            #expect(machine.facts.contains { $0.hasPrefix("device 1000.net: ") })
        }
        expectNothingLeft()
    }

    @Test func `many runs in a row leave nothing`() throws {
        for _ in 0..<20 {
            let terminal = try FakeTerminal()
            script(0, .systemEvent(1))
            let hypervisor = try host.makeHypervisor()
            let machine = try MicroVM(
                try host.makePlan(host.configuration(), hypervisor: hypervisor), hypervisor: hypervisor,
                console: terminal.console, profile: StartupProfile())
            #expect(try machine.run().end == .powerOff)
        }
        expectNothingLeft()
    }
}
