// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import KernelFakes
import LinuxSystem
import Testing
import VFIO

@testable import Machine

@Suite struct MachineCheckTests {
    private let host = FakeHost()

    private func check(_ configuration: MachineConfiguration) -> MachineCheck {
        MachineCheck(configuration, calls: host.kernel, log: host.log.log)
    }

    @Test func aGoodConfigurationGivesItsFactsAndLeavesNothing() {
        host.add("1000.net")
        let check = check(host.configuration(vcpus: 2, devices: [.named("1000.net")]))
        #expect(check.problems.isEmpty)
        #expect(check.facts.first == "machine: 2 vCPUs, 64 MiB at 0x80000000")
        #expect(check.facts.contains("  interrupt 0: level, SPI 2, path irqfd, count not known (/proc/interrupts)"))
        #expect(host.kernel.held.isEmpty)
    }

    @Test func oneProblemDoesNotHideTheNext() {
        host.kernel.withState { state in
            state.devices.remove("/dev/kvm")
            state.files["/Image"] = nil
        }
        host.kernel.addHostDevice("1000.net", driver: "rtl")
        let check = check(host.configuration(devices: [.named("1000.net"), .named("none")]))
        #expect(check.problems.count == 4)
        #expect(check.problems.first?.hasPrefix("/dev/kvm: ENOENT") == true)
        #expect(check.problems.contains { $0.hasPrefix("boot-source.kernel_image_path: /Image: ENOENT") })
        #expect(check.problems.contains { $0.hasPrefix("1000.net: no VFIO group") })
        #expect(check.problems.contains { $0.hasPrefix("none: no such device") })
        #expect(check.facts.isEmpty)
        #expect(host.kernel.held.isEmpty)
    }

    @Test func whatOnlyShowsTogetherIsFound() {
        host.add("1000.first", group: 1)
        host.add("2000.second", group: 2)
        let check = check(
            host.configuration(devices: [
                .named("1000.first", at: .fixed(0xD00_0000)), .named("2000.second", at: .fixed(0xD00_0000)),
            ]))
        #expect(check.problems.count == 1)
        #expect(check.problems.first?.contains("overlaps 1000.first") == true)
        #expect(host.kernel.held.isEmpty)
    }
}
