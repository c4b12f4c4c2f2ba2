// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import DeviceTree
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing
import VFIO

@testable import Machine

@Suite struct MachineCheckTests {
    private let host = FakeHost()

    private func check(_ configuration: MachineConfiguration) -> MachineCheck {
        MachineCheck(configuration, calls: host.kernel, log: host.log.log)
    }

    @Test func `a good configuration gives its facts and leaves nothing`() {
        host.add("1000.net")
        let check = check(host.configuration(vcpus: 2, devices: [.named("1000.net")]))
        #expect(check.problems.isEmpty)
        #expect(check.facts.first == "machine: 2 vCPUs, 64 MiB at 0x80000000")
        #expect(check.facts.contains("  interrupt 0: level, SPI 2, path irqfd, count unknown (/proc/interrupts)"))
        #expect(host.kernel.held.isEmpty)
    }

    @Test func `power domains that nobody switches on are a warning, once`() {
        host.add(
            "1000.net",
            properties: ["compatible": .string("test,net"), "power-domains": .cells([5, 1, 5, 2])])
        host.kernel.withState { state in
            state.files["/sys/firmware/devicetree/base/pd/phandle"] = PropertyValue.cell(5).bytes
            state.files["/sys/firmware/devicetree/base/pd/#power-domain-cells"] = PropertyValue.cell(1).bytes
        }
        let check = check(host.configuration(devices: [.named("1000.net")]))
        #expect(check.problems.isEmpty)
        let warnings = host.log.all.filter { $0.hasPrefix("warning: 1000.net: power-domains: ") }
        #expect(warnings.count == 1, "\(host.log.all)")
        #expect(warnings.first?.contains("\n  Keep them on while the guest runs") == true)
    }

    @Test func `one problem does not hide the next`() {
        host.kernel.addIdleHost()
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

    /// Everything that a device needs, where opening it stops at the first thing.
    @Test func `every problem of a device is told`() {
        host.kernel.addIdleHost()
        host.kernel.addHostDevice("1000.net", group: nil, driver: "rtl", properties: ["compatible": Array("x\0".utf8)])
        host.kernel.addHostDevice("2000.uart", driver: "of_serial")
        host.kernel.addHostDevice("3000.bind", group: 9, driver: "other")
        host.kernel.addFile("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n")
        host.kernel.addFile("/proc/consoles", "ttyS0                -W- (EC p a)    4:64\n")
        host.kernel.withState { $0.links["/sys/class/tty/ttyS0"] = "../../devices/platform/2000.uart/tty/ttyS0" }
        host.kernel.addHostDevice("4000.held", group: 8, driver: "ahci")
        host.kernel.addHostDevice("5000.other", group: 8, driver: "xhci")
        host.kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "Y\n")
        let check = check(
            host.configuration(devices: [
                .named("1000.net"), .named("2000.uart"), .named("3000.bind"), .named("4000.held"),
            ]))
        #expect(check.problems.count == 4)
        #expect(
            check.problems.first == """
                1000.net: not given to VFIO
                  vfio-platform refuses devices that the kernel can't reset, and the kernel has no reset function for x
                  to use it without a reset, start the host with vfio_platform.reset_required=0, or:
                  run: modprobe -r vfio-platform && modprobe vfio-platform reset_required=0
                  no IOMMU confines its DMA; only if you trust guest and device:
                  run: echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode
                  run: martlet bind 1000.net
                """)
        #expect(check.problems.dropFirst().first?.contains("it is the console of the host's kernel (ttyS0)") == true)
        #expect(check.problems.dropFirst().first?.contains("martlet bind") == false)
        #expect(check.problems.last?.contains("host drivers use: 5000.other (xhci)") == true)
        #expect(host.kernel.held.isEmpty)
    }

    @Test func `a device that only has to be bound is said to be so`() {
        host.kernel.addIdleHost()
        host.kernel.addHostDevice("1000.net", driver: "rtl")
        #expect(
            check(host.configuration(devices: [.named("1000.net")])).problems == [
                """
                1000.net: no VFIO group
                  the host driver rtl still owns the device
                  run: martlet bind 1000.net
                """
            ])
    }

    /// The kernel is loaded for the machine without devices, and for the whole.
    @Test func `a warning is told once`() throws {
        let image = try gzip(arm64Image(imageSize: 0x1000)) + [1]
        host.kernel.withState { $0.files["/Image"] = image }
        #expect(check(host.configuration()).problems.isEmpty)
        #expect(host.log.all.filter { $0.contains("Martlet ignores the data after the compressed kernel") }.count == 1)
    }

    @Test func `what only shows together is found`() {
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
