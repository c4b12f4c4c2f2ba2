// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import GuestMemory
import KVM
import KernelFakes
import LinuxSystem
import PlatformBus
import Synchronization
import Testing

@testable import Machine

/// RAM at the host's physical addresses: where it comes from, and what is laid out around it.
@Suite struct IdentityMemoryTests {
    private static let page: UInt64 = 2 << 20
    private let host = FakeHost()
    private let terminal: FakeTerminal

    init() throws { terminal = try FakeTerminal() }

    /// A host with huge pages at these multiples of 2 MiB and a device without an IOMMU.
    private func prepare(_ pages: [UInt64]) {
        host.kernel.withState { $0.memory.hugePages[Self.page] = pages.map { $0 * Self.page } }
        host.add("1000.net", group: 3, isNoIOMMU: true)
    }

    private func configuration(
        mebibytes: Int = 16, devices: [PlatformDevice] = [.named("1000.net", dma: .identity)]
    ) -> MachineConfiguration {
        host.configuration(mebibytes: mebibytes, initrd: nil, devices: devices)
    }

    private func ranges(_ ranges: (UInt64, UInt64)...) throws -> [GuestRange] {
        try ranges.map { try #require(GuestRange(base: GuestAddress($0), size: $1)) }
    }

    private func layout(
        _ banks: [GuestRange], avoiding others: [GuestRange] = [], addressBits: Int = 40,
        bus: MachineConfig.Window? = nil
    ) throws(MachineError) -> BoardLayout {
        try BoardLayout(
            MachineConfig(platformBus: bus), addressBits: addressBits, banks: banks, devices: standardDevices,
            avoiding: others)
    }

    // MARK: Layout

    @Test func `the board keeps its place where nothing is in the way`() throws {
        let layout = try layout(try ranges((0x4000_0000, 0x400_0000), (0x5000_0000, 0x400_0000)))
        #expect(layout.interruptController.description == "0x8000000-0x849ffff")
        #expect(layout.serial.description == "0x9000000-0x9000007")
        #expect(layout.clock.description == "0x9010000-0x9010fff")
        #expect(
            layout.windows.map(\.description) == [
                "0xc000000-0x3fffffff", "0x44000000-0x4fffffff", "0x80000000-0xffffffffff",
            ])
    }

    /// RAM from 0 up, as on a Raspberry Pi.
    @Test func `the board gives way to RAM`() throws {
        let layout = try layout(try ranges((0, 0x3000_0000)))
        #expect(layout.interruptController.description == "0x30000000-0x3049ffff")
        #expect(layout.serial.description == "0x304a0000-0x304a0007")
        #expect(layout.clock.description == "0x304a1000-0x304a1fff")
        #expect(layout.interruptController(.v3).distributor == 0x3000_0000)
        #expect(layout.interruptController(.v3).secondFrame == 0x300A_0000)
        #expect(layout.interruptController(.v2).secondFrame == 0x3001_0000)
        #expect(layout.windows.map(\.description) == ["0x40000000-0xffffffffff"])
    }

    @Test func `the board gives way to devices at fixed addresses`() throws {
        let layout = try layout(
            try ranges((0x4000_0000, 0x400_0000)), avoiding: try ranges((0x900_0000, 0x1000), (0x901_0000, 0x1000)))
        #expect(layout.serial.description == "0x9001000-0x9001007")
        #expect(layout.clock.description == "0x9011000-0x9011fff")
    }

    @Test func `RAM beyond the hosts addresses is refused`() throws {
        let banks = try ranges((0x4000_0000, 0x400_0000), (0x100_0000_0000, 0x200_0000))
        #expect(
            machineError { () throws(MachineError) in try layout(banks) } == .bankOutOfReach(banks[1], addressBits: 40))
    }

    @Test func `a platform bus in RAM is refused`() throws {
        let banks = try ranges((0x4000_0000, 0x400_0000), (0x5000_0000, 0x400_0000))
        let error = machineError { () throws(MachineError) in
            try layout(banks, bus: .init(base: 0x5000_0000, size: 0x1000))
        }
        guard case .overlaps(let conflicts)? = error, let first = conflicts.first else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(first.part.key == "machine-config.platform_bus" && first.part.name == "platform bus")
        #expect(first.part.range.description == "0x50000000-0x50000fff" && first.owner.name == "RAM")
        let beside = try layout(banks, bus: .init(base: 0x800_0000, size: 0x100_0000))
        #expect(beside.windows.map(\.description) == ["0x8000000-0x8ffffff"])
        #expect(!beside.interruptController.overlaps(beside.windows[0]))
    }

    /// However the banks lie, nothing of the board overlaps them or something else of it.
    @Test(arguments: 0..<100) func `nothing ever overlaps`(seed: Int) throws {
        var generator = SystemRandomNumberGenerator()
        // 2 MiB pages among the first 4 GiB, thickest where the board usually is.
        let places = (0..<Int.random(in: 1...200, using: &generator)).map { _ in
            UInt64.random(in: 0..<(Bool.random(using: &generator) ? 128 : 2048), using: &generator) * Self.page
        }
        let runs = try #require(PhysicalRun.runs(of: Array(Set(places)), pageSize: Self.page))
        let banks = try runs.map { try #require(GuestRange(base: GuestAddress($0.address), size: $0.size)) }
        let others = try ranges((UInt64.random(in: 0..<0x1_0000, using: &generator) << 12, 0x1000))
            .filter { other in !banks.contains { $0.overlaps(other) } }

        let layout = try layout(banks, avoiding: others)

        let board = [layout.interruptController, layout.serial, layout.clock, layout.powerKey]
        let all = banks + board + layout.windows
        for (index, range) in all.enumerated() {
            for other in all[(index + 1)...] { #expect(!range.overlaps(other), "\(range), \(other)") }
        }
        for other in others { for part in board { #expect(!part.overlaps(other)) } }
        #expect(layout.interruptController.base.isAligned(to: 0x1_0000))
        #expect(layout.serial.base.isAligned(to: 4096) && layout.clock.base.isAligned(to: 4096))
        #expect(!layout.windows.isEmpty)
    }

    // MARK: Boot

    private func room(_ banks: (UInt64, UInt64)...) throws -> BootRoom {
        BootRoom(banks: try banks.map { try #require(GuestRange(base: GuestAddress($0), size: $1)) })
    }

    @Test func `kernel goes to the first bank that is large enough`() throws {
        let room = try room((0x10_0000, 0x40_0000), (0x4000_0000, 0x100_0000), (0x8000_0000, 0x1000_0000))
        // 2 MiB aligned, so that the first bank has 3 MiB for it.
        #expect(try room.place("it", 0x30_0000, alignment: 2 << 20).rawValue == 0x20_0000)
        #expect(try room.place("it", 0x30_0001, alignment: 2 << 20).rawValue == 0x4000_0000)
        #expect(try room.place("it", 0x100_0000, alignment: 2 << 20, offset: 0x8_0000).rawValue == 0x8008_0000)
        #expect(
            machineError { () throws(MachineError) in try room.place("it", 0x1000_0001, alignment: 2 << 20) }
                == .fragmented(what: "it", bytes: 268_435_457, largest: 268_435_456, banks: 3))
    }

    @Test func `what does not fit beside the kernel goes elsewhere`() throws {
        var room = try room((0x4000_0000, 0x100_0000), (0x8000_0000, 0x1000_0000))
        let kernel = try #require(GuestRange(base: GuestAddress(0x4000_0000), size: 0xF0_0000))
        room.take(kernel)
        #expect(try room.place("it", 0x10_0000, alignment: 4096, with: kernel).rawValue == 0x40F0_0000)
        #expect(try room.place("it", 0x10_0001, alignment: 4096, with: kernel).rawValue == 0x8000_0000)
        room.take(try #require(GuestRange(base: GuestAddress(0x8000_0000), size: 0x1001)))
        // Behind what came last, and else where it fits.
        #expect(try room.place("it", 1, alignment: 4096).rawValue == 0x8000_2000)
        #expect(try room.place("it", 2 << 30, isLimit: true, alignment: 4096).rawValue == 0x8000_2000)
    }

    /// booting.rst: kernel and initrd within 32 GiB from a whole GiB on.
    @Test func `initrd stays in the kernels window`() throws {
        var room = try room((0x4000_0000, 0x100_0000), (0x8_3FFF_F000, 0x1000), (0x8_4000_0000, 0x1000))
        let kernel = try #require(GuestRange(base: GuestAddress(0x4000_0000), size: 0x100_0000))
        room.take(kernel)
        #expect(try room.place("it", 0x1000, alignment: 4096, with: kernel).rawValue == 0x8_3FFF_F000)
        room.take(try #require(GuestRange(base: GuestAddress(0x8_3FFF_F000), size: 0x1000)))
        let error = machineError { () throws(MachineError) in
            try room.place("it", 0x1000, alignment: 4096, with: kernel)
        }
        guard case .fragmented(what: "it", bytes: 4096, _, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    // MARK: Machines

    @Test func `RAM is where the host has it`() throws {
        prepare([0x200, 0x201, 0x202, 0x203, 0x100, 0x101, 0x300, 0x105])
        let hypervisor = try host.makeHypervisor()
        let plan = try host.makePlan(configuration(), hypervisor: hypervisor)

        #expect(
            plan.layout.banks.map(\.description) == [
                "0x20000000-0x203fffff", "0x20a00000-0x20bfffff", "0x40000000-0x407fffff", "0x60000000-0x601fffff",
            ])
        do {
            let machine = try MicroVM(
                plan, hypervisor: hypervisor, console: terminal.console, profile: StartupProfile())
            let slots = host.kernel.withState { Set($0.kvm.memoryRegions.values.map(\.guestAddress)) }
            #expect(slots.isSuperset(of: [0x2000_0000, 0x20A0_0000, 0x4000_0000, 0x6000_0000]))
            #expect(
                machine.facts.prefix(3) == [
                    "machine: 1 vCPUs, 16 MiB at 0x20000000",
                    "memory: 16 MiB at the host's physical addresses (dma identity), 2 MiB pages, in 4 pieces, pinned",
                    "  0x20000000 size 4194304",
                ])
        }
    }

    @Test func `everything is given back`() throws {
        prepare([1, 2, 3, 4, 5, 6, 7, 9])
        do {
            let hypervisor = try host.makeHypervisor()
            let plan = try host.makePlan(configuration(), hypervisor: hypervisor)
            _ = try MicroVM(plan, hypervisor: hypervisor, console: terminal.console, profile: StartupProfile())
        }
        #expect(host.kernel.held.isEmpty, "\(host.kernel.held)")
    }

    /// What the plan holds goes in this order: the devices, since they may write to the RAM; the RAM; KVM.
    private func expectOrder() throws {
        let journal = host.kernel.journal
        let device = try #require(journal.lastIndex(of: .release("VFIO_GROUP_GET_DEVICE_FD 1000.net")))
        let container = try #require(journal.lastIndex(of: .release("open /dev/vfio/vfio")))
        let pin = try #require(journal.lastIndex(of: .release("pin")))
        let hypervisor = try #require(journal.lastIndex(of: .release("open /dev/kvm")))
        #expect(device < container && container < pin && pin < hypervisor, "\(journal)")
        #expect(hypervisor == journal.count - 1)
    }

    @Test func `a plan lets go of devices, RAM and KVM in this order`() throws {
        prepare([1, 2, 3, 4, 5, 6, 7, 9])
        do { _ = try host.makePlan(configuration(), hypervisor: try host.makeHypervisor()) }
        #expect(host.kernel.held.isEmpty, "\(host.kernel.held)")
        try expectOrder()
    }

    /// The second window can't be had when the devices are open and the RAM is taken.
    @Test func `a plan that fails lets go of devices, RAM and KVM in this order`() throws {
        prepare([1, 2, 3, 4, 5, 6, 7, 9])
        host.add("2000.net", group: 4, isNoIOMMU: true)
        let hypervisor = try host.makeHypervisor()
        let error = machineError { () throws(MachineError) in
            try host.makePlan(
                configuration(devices: [
                    .named("1000.net", at: .fixed(0x0D00_0000), dma: .identity),
                    .named("2000.net", at: .fixed(0x0D00_0000), dma: .identity),
                ]), hypervisor: hypervisor)
        }
        guard case .passthrough(.bus(device: "2000.net", .overlap))? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        let journal = host.kernel.journal
        let device = try #require(journal.lastIndex(of: .release("VFIO_GROUP_GET_DEVICE_FD 1000.net")))
        let pin = try #require(journal.lastIndex(of: .release("pin")))
        withExtendedLifetime(hypervisor) { #expect(device < pin, "\(journal)") }
    }

    @Test func `memory that moved before the start is an error`() throws {
        prepare(Array(0x100..<0x108))
        let hypervisor = try host.makeHypervisor()
        let plan = try host.makePlan(configuration(), hypervisor: hypervisor)
        let machine = try MicroVM(plan, hypervisor: hypervisor, console: terminal.console, profile: StartupProfile())
        host.kernel.withState { $0.memory.moved = [0x103 * Self.page: 0x500 * Self.page] }
        let error = machineError { () throws(MachineError) in try machine.run() }
        #expect(error == .memoryMoved("0x20600000"))
    }

    @Test func `memory that moved meanwhile is reported`() throws {
        prepare(Array(0x100..<0x108))
        let kernel = host.kernel
        kernel.withState { $0.kvm.exits[0] = [.systemEvent(1)] }
        let hypervisor = try host.makeHypervisor()
        let plan = try host.makePlan(configuration(), hypervisor: hypervisor)
        let machine = try MicroVM(plan, hypervisor: hypervisor, console: terminal.console, profile: StartupProfile())
        // Pagemap is read before the first KVM_RUN, and again at the end: once for each of eight pages.
        let reads = Counter()
        kernel.withState { state in
            state.beforeCall = { call in
                if call == "pread open /proc/self/pagemap", reads.next() == 9 {
                    kernel.withState { $0.memory.moved = [0x102 * Self.page: 0x500 * Self.page] }
                }
                return nil
            }
        }
        let report = try machine.run().report
        #expect(report.memory?.moved == "0x20400000")
        #expect(
            report.text.contains("\n  MOVED: the memory at 0x20400000 is at another address now\n"), "\(report.text)")
    }

    @Test func `nothing is opened once a guest has run`() throws {
        prepare(Array(0x100..<0x108))
        let late = LateCalls(host.kernel)
        host.kernel.withState { $0.kvm.exits[0] = [.systemEvent(2), .systemEvent(1)] }
        var configuration = configuration()
        configuration.onReset = .restart
        configuration.allowsUnresetRestart = true
        let hypervisor = try host.makeHypervisor()
        let session = try MachineSession(
            try host.makePlan(configuration, hypervisor: hypervisor), hypervisor: hypervisor,
            console: terminal.maker, profile: StartupProfile())
        #expect(try session.run().report.restarts == 1)
        #expect(late.calls == [])
    }

    @Test func `all reasons are given when there is no memory`() throws {
        prepare([1])
        let folder = "/sys/kernel/mm/hugepages/hugepages-2048kB"
        host.kernel.addFile("\(folder)/free_hugepages", "1\n")
        host.kernel.addFile("\(folder)/nr_hugepages", "1\n")
        let error = machineError { () throws(MachineError) in try host.makePlan(configuration()) }
        #expect(
            error
                == .guestMemory(
                    .identityMemory(
                        device: "1000.net", mebibytes: 16,
                        [
                            .notWholePages(size: 1 << 30), .tooFewPages(size: 2 << 20, wanted: 8, free: 1, total: 1),
                            .noSuchHeap("linux,cma", others: []), .noSuchHeap("reserved", others: []),
                        ], isChoice: false)))
        #expect(host.kernel.held.isEmpty)
    }

    @Test func `memory in too many pieces is refused`() throws {
        prepare((0..<129).map { UInt64($0) * 2 + 1 })
        let error = machineError { () throws(MachineError) in try host.makePlan(configuration(mebibytes: 258)) }
        #expect(error == .guestMemory(.tooManyBanks(129, limit: 128)))
        #expect(host.kernel.held.isEmpty)
    }

    @Test func `a heap without use is refused`() throws {
        var configuration = configuration(devices: [])
        configuration.machineSize.dmaHeap = "linux,cma"
        let error = machineError { () throws(MachineError) in try host.makePlan(configuration) }
        #expect(error == .heapWithoutIdentity)
    }

    @Test func `huge pages serve ordinary guests too`() throws {
        host.kernel.withState { $0.memory.hugePages[Self.page] = (0..<8).map { $0 * Self.page } }
        var configuration = configuration(devices: [])
        configuration.machineSize.hugePages = .twoMebibytes
        let plan = try host.makePlan(configuration)
        #expect(plan.layout.banks.map(\.description) == ["0x80000000-0x80ffffff"])
        _ = try plan.load()
        #expect(host.kernel.withState { $0.memory.hugePages[Self.page]?.count } == 0)

        let error = machineError { () throws(MachineError) in try plan.load() }
        guard
            case .guestMemory(.hugePages(mebibytes: 16, .tooFewPages(size: 0x20_0000, wanted: 8, free: 0, _)))? = error
        else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}

private final class Counter: Sendable {
    private let count = Mutex(0)
    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}
