// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import DeviceTree
import KVM
import KernelFakes
import LinuxSystem
import Testing
import VFIO

@testable import Machine

/// The whole set-up of a machine with the Nth call to the kernel failing, for every N until it succeeds.
@Suite struct FaultSweepTests {
    private let terminal: FakeTerminal

    init() throws { terminal = try FakeTerminal() }

    /// Calls whose failure is survived on purpose, each with the reason.
    private static let survived: [(call: String, reason: String)] = [
        ("open /proc/interrupts", "only the report's counts come from it, which then says that they are not known"),
        (
            "parameters/allow_unsafe_interrupts",
            "the report then says that it isn't known whether interrupts are isolated"
        ),
        ("iommu/device", "the report then says that it isn't known what the IOMMU refused"),
        ("open /dev/kmsg", "the report then says that it isn't known what the IOMMU refused"),
        ("read /proc/self/status", "what is locked already is then found out by the mapping"),
        ("read /proc/self/cgroup", "a limit that isn't known is found out when pages are touched; the log says so"),
        ("read /run/martlet/host-records/", "the rates of clocks aren't known then, nor what is off; the log says so"),
        ("read /proc/meminfo", "a host that doesn't say what it has left is taken at its word when pages are touched"),
        ("eventfd", "an interrupt that can't take the irqfd path takes the relay"),
        ("KVM_IRQFD", "the same"),
        ("VFIO_DEVICE_SET_IRQS", "the same"),
        ("KVM_ENABLE_CAP", "without it a guest runs as on a kernel that is older than KVM_CAP_ARM_NISV_TO_USER"),
        ("VFIO_DEVICE_RESET", "nothing but a reset stops some devices, and without one the guest is not started again"),
        ("madvise", "transparent huge pages save time, and a kernel may not have them"),
        (
            "/sys/firmware/devicetree/base",
            "where a region is on the host is for the report; with guest_address \"host\" it is an error"
        ),
    ]

    /// Those of them that are told in the log.
    private static let told: [(call: String, text: String)] = [
        ("VFIO_DEVICE_RESET", ": VFIO_DEVICE_RESET failed: EIO"),
        ("/run/martlet/host-records/", ": can't read what bind noted of it: "),
        ("/proc/self/cgroup", "can't read the memory limit of the control group: EIO"),
    ]

    private func makeHost() -> FakeHost {
        let host = FakeHost()
        host.add(
            "1000.net", group: 3, interrupts: [.level],
            properties: [
                "compatible": .string("test,net"), "clocks": .cell(0x8000), "reg": .cells64([0x1000, 0x1000]),
            ])
        host.kernel.addFile("/sys/firmware/devicetree/base/apb-pclk/compatible", "fixed-clock\0")
        host.kernel.withState { state in
            state.files["/sys/firmware/devicetree/base/apb-pclk/phandle"] = PropertyValue.cell(0x8000).bytes
            state.files["/sys/firmware/devicetree/base/apb-pclk/#clock-cells"] = PropertyValue.cell(0).bytes
            state.files["/sys/firmware/devicetree/base/apb-pclk/clock-frequency"] = PropertyValue.cell(24_000_000).bytes
        }
        host.add(
            "2000.transport", group: 4, isNoIOMMU: true, regions: [.init(size: 0x200, access: [.read, .write])],
            interrupts: [.edge], properties: ["compatible": .string("virtio,mmio")])
        host.add("3000.dma", group: 5, file: 2)
        host.kernel.withState { state in
            for path in ["/a.img", "/b.img"] { state.files[path] = [UInt8](repeating: 1, count: 1024) }
            state.vfio.lockedMemoryLimit = 1 << 30
            state.kernelLog = []
        }
        return host
    }

    /// Builds the machine on `host`, as `martlet run` does, and lets go of it.
    /// - Returns: the calls until it stood.
    private func setUp(_ host: FakeHost) throws -> Int {
        var configuration = host.configuration(
            vcpus: 2,
            devices: [
                .named("1000.net"), .named("2000.transport", noMmap: true, dma: .none),
                .named("3000.dma", noMmap: true),
            ])
        configuration.drives = [Drive(id: "a", path: "/a.img"), Drive(id: "b", path: "/b.img", isReadOnly: true)]
        configuration.entropy = EntropySource()
        let hypervisor = try host.makeHypervisor()
        let plan = try host.makePlan(configuration, hypervisor: hypervisor)
        let machine = try MicroVM(
            plan, hypervisor: hypervisor, console: terminal.console, profile: StartupProfile())
        return withExtendedLifetime(machine) { host.kernel.withState { $0.callCount } }
    }

    @Test func `the whole set up is released in reverse order`() throws {
        let host = makeHost()
        #expect(try setUp(host) > 100)
        #expect(host.kernel.held.isEmpty, "\(host.kernel.held)")
        #expect(host.kernel.disorder == nil)
    }

    @Test func `every call that fails is named and everything is released`() throws {
        var survivedCalls: Set<String> = []
        var number = 0
        while true {
            number += 1
            let host = makeHost()
            host.kernel.withState { $0.failingCall = number }
            var error: (any Error)?
            var callsUntilItStood = Int.max
            do { callsUntilItStood = try setUp(host) } catch let thrown { error = thrown }
            if callsUntilItStood < number { break }
            let call = try #require(host.kernel.withState { $0.failedCall })
            #expect(host.kernel.held.isEmpty, "call \(number), \(call): left \(host.kernel.held)")
            #expect(host.kernel.disorder == nil, "call \(number), \(call)")
            if let error {
                check("\(error)", names: call)
            } else {
                let entry = Self.survived.first { call.contains($0.call) }
                #expect(entry != nil, "call \(number), \(call), failed unnoticed")
                survivedCalls.insert(entry?.call ?? call)
                // Whatever else was survived, the guest's device tree has all that it should have.
                let told = Self.told.first { call.contains($0.call) }?.text
                #expect(host.log.all.count == (told == nil ? 0 : 1), "call \(number), \(call): \(host.log.all)")
                for line in host.log.all { #expect(line.contains(told ?? "nothing"), "\(line)") }
            }
        }
        // Nothing is on the list that isn't called, or isn't survived.
        #expect(survivedCalls == Set(Self.survived.map(\.call)))
        #expect(number > 100)
    }

    /// Calls that make a descriptor, if only for as long as they last.
    private static let openingCalls = [
        "open ", "read /", "list /", "eventfd", "timerfd_create", "signalfd", "epoll_create1", "memfd_create",
        "KVM_CREATE_VM",
        "KVM_CREATE_VCPU", "KVM_CREATE_DEVICE ", "VFIO_GROUP_GET_DEVICE_FD",
    ]

    @Test(arguments: [
        (Errno.tooManyOpenFiles, "run: ulimit -n 4096"), (.tooManyOpenFilesInSystem, "run: sysctl fs.file-max"),
    ])
    func `each call that finds no free descriptor says how to get more`(errno: Errno, remedy: String) throws {
        var refused: Set<String> = []
        var number = 0
        while true {
            number += 1
            let host = makeHost()
            host.kernel.withState { state in
                state.failingCall = number
                state.failure = errno
            }
            var error: (any Error)?
            var callsUntilItStood = Int.max
            do { callsUntilItStood = try setUp(host) } catch let thrown { error = thrown }
            if callsUntilItStood < number { break }
            let call = try #require(host.kernel.withState { $0.failedCall })
            guard let error, let kind = Self.openingCalls.first(where: call.hasPrefix) else { continue }
            refused.insert(kind)
            let lines = "\(error)".split(separator: "\n").map { $0.drop { $0 == " " } }
            #expect(lines.count { $0 == remedy } == 1, "call \(number), \(call): \(error)")
        }
        // One interrupt's eventfd is survived, the loop's isn't.
        #expect(refused == Set(Self.openingCalls))
    }

    private func check(_ text: String, names call: String) {
        #expect(text.contains("EIO (Input/output error)"), "\(call): \(text)")
        for word in words(of: call) { #expect(text.contains(word), "\(call): \(text)") }
    }

    /// What of the fake's name for a call an error has to show.
    private func words(of call: String) -> [String] {
        let words = call.split(separator: " ").map(String.init)
        switch (words[0], words.count > 1 ? words[1] : "") {
        case ("mmap", "memfd_create"), ("mmap", "KVM_CREATE_VCPU"), ("mmap", "VFIO_GROUP_GET_DEVICE_FD"):
            return ["mmap"]
        // The path says which file it was; that of a kernel image also has its key.
        case ("readlink", let path), ("list", let path), ("stat", let path), ("read", let path), ("open", let path):
            return [path]
        case ("fstat", _), ("pread", _): return [words[2]]
        case ("KVM_SET_DEVICE_ATTR", _): return ["KVM_DEV_ARM_VGIC"]
        case ("KVM_CREATE_VCPU", let index): return ["KVM_CREATE_VCPU(\(index))"]
        default: return [words[0]]
        }
    }
}
