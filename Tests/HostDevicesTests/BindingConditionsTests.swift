// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem
import Testing

@testable import HostDevices

@Suite struct BindingConditionsTests {
    private let kernel = FakeKernel()
    private var sysfs: Sysfs { Sysfs(system: kernel) }

    init() { kernel.addIdleHost() }

    private func problems(_ name: String, together: Set<String> = []) throws -> [BindingProblem] {
        let conditions = try BindingConditions(sysfs: sysfs, proc: Sysfs(root: "/proc", system: kernel))
        return try conditions.problems(to: try HostDevice(host: name, sysfs: sysfs), together: together)
    }

    @Test func `a device of the host has none`() throws {
        kernel.addHostDevice("1000.net", driver: "stmmac")
        kernel.addHostDevice("2000.gpio", bus: .amba, group: 8, driver: "")
        #expect(try problems("1000.net").isEmpty)
        #expect(try problems("2000.gpio").isEmpty)
    }

    @Test func `a ready device has none whatever the host does now`() throws {
        kernel.addHostDevice("1000.net")
        kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "Y\n")
        #expect(try problems("1000.net").isEmpty)
    }

    @Test func `the console is refused`() throws {
        kernel.addHostDevice("9000000.pl011", bus: .amba, driver: "uart-pl011")
        kernel.addFile("/proc/consoles", "ttyAMA0              -W- (EC   a)  204:64\n")
        kernel.withState { state in
            state.links["/sys/class/tty/ttyAMA0"] = "../../devices/platform/9000000.pl011/tty/ttyAMA0"
            state.files["/sys/bus/amba/drivers/uart-pl011/unbind"] = nil
        }
        #expect(try problems("9000000.pl011") == [.usedByHost(.console("ttyAMA0")), .driverStays("uart-pl011")])
    }

    @Test func `a mounted disk is refused with its mount point`() throws {
        kernel.addHostDevice("1000.sata", driver: "ahci")
        kernel.addFile("/proc/self/mountinfo", "22 1 8:1 / /my\\040data rw - ext4 /dev/sda1 rw\n")
        kernel.withState { $0.links["/sys/dev/block/8:1"] = "../../devices/platform/1000.sata/block/sda/sda1" }
        #expect(try problems("1000.sata") == [.usedByHost(.fileSystem("sda1", mountPoint: "/my data"))])
        #expect(try problems("1000.sata").map(\.isFinal) == [false])
    }

    @Test func `the root file system is final`() throws {
        kernel.addHostDevice("1000.sata", driver: "ahci")
        kernel.addFile("/proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
        kernel.withState { $0.links["/sys/dev/block/8:1"] = "../../devices/platform/1000.sata/block/sda/sda1" }
        #expect(try problems("1000.sata") == [.usedByHost(.rootFileSystem("sda1"))])
        #expect(try problems("1000.sata").map(\.isFinal) == [true])
    }

    @Test func `a PCI host bridge is refused`() throws {
        kernel.addHostDevice("4000.pcie", driver: "pci-host", properties: ["device_type": Array("pci\0".utf8)])
        #expect(try problems("4000.pcie") == [.pciHost])
    }

    @Test func `a group held by others is refused with their names`() throws {
        kernel.addHostDevice("1000.net", group: 5, driver: "stmmac")
        kernel.addHostDevice("2000.sata", group: 5, driver: "ahci")
        kernel.addHostDevice("3000.usb", group: 5, driver: "xhci-hcd")
        kernel.addHostDevice("4000.idle", group: 5, driver: "")
        let sata = HostDevice.GroupMember(name: "2000.sata", driver: "ahci")
        let usb = HostDevice.GroupMember(name: "3000.usb", driver: "xhci-hcd")
        func held(by others: [HostDevice.GroupMember]) -> BindingProblem {
            .groupHeld(HostDevice.IOMMUGroup(id: 5, isNoIOMMU: false, others: others))
        }
        #expect(try problems("1000.net") == [held(by: [sata, usb])])
        // Given to VFIO together they are in nobody's way.
        #expect(try problems("1000.net", together: ["1000.net", "2000.sata", "3000.usb"]).isEmpty)
        #expect(try problems("1000.net", together: ["1000.net", "2000.sata"]) == [held(by: [usb])])
    }

    @Test func `no IOMMU mode that is off is not switched on`() throws {
        kernel.addHostDevice("1000.net", group: nil, driver: "stmmac")
        kernel.addFile("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n")
        #expect(try problems("1000.net") == [.noIOMMU(isModeMissing: false)])
        #expect(try problems("1000.net").map(\.isFinal) == [false])
        kernel.addFile("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n")
        #expect(try problems("1000.net").isEmpty)
    }

    @Test func `a kernel without no IOMMU mode is final`() throws {
        kernel.addHostDevice("1000.net", group: nil, driver: "stmmac")
        #expect(try problems("1000.net") == [.noIOMMU(isModeMissing: true)])
        #expect(try problems("1000.net").map(\.isFinal) == [true])
    }

    @Test func `a device behind an IOMMU needs no mode`() throws {
        kernel.addHostDevice("1000.net", group: nil, driver: "", properties: ["iommus": [0, 0, 0, 1], "reg": [0]])
        kernel.addFile("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n")
        #expect(try problems("1000.net").isEmpty)
    }

    @Test func `a kernel without the driver is refused`() throws {
        kernel.addHostDevice("1000.net", driver: "stmmac")
        kernel.withState { state in
            for file in ["bind", "unbind"] { state.files["/sys/bus/platform/drivers/vfio-platform/\(file)"] = nil }
        }
        #expect(try problems("1000.net") == [.noVFIODriver(.platform)])
    }

    /// Whatever can't be read might have been the reason not to take the device.
    @Test func `no problem is lost to an error of the kernel`() throws {
        kernel.addHostDevice(
            "1000.net", driver: "stmmac",
            properties: ["device_type": Array("pci\0".utf8), "compatible": Array("vendor,dma\0".utf8)])
        kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "Y\n")
        kernel.addFile("/proc/sys/kernel/osrelease", "6.12.0-vendor\n")
        kernel.addFile("/lib/modules/6.12.0-vendor/modules.alias", "alias vfio-reset:vendor,dma vfio_platform_vendor\n")
        let device = try HostDevice(host: "1000.net", sysfs: sysfs)
        func problems() throws -> [BindingProblem] {
            try BindingConditions(sysfs: sysfs, proc: Sysfs(root: "/proc", system: kernel)).problems(to: device)
        }
        let start = kernel.withState { $0.callCount }
        #expect(try problems() == [.pciHost])
        let count = kernel.withState { $0.callCount } - start
        try #require(count > 6)
        for call in 1...count {
            kernel.withState { state in
                state.failingCall = state.callCount + call
                state.failure = .ioError
            }
            #expect(throws: HostDeviceError.self, "call \(call)") { try problems() }
        }
    }

    // MARK: What no guest can have

    @Test(arguments: [
        ("arm,armv8-timer", HostPart.timer), ("arm,psci-1.0", .firmware), ("arm,gic-v3", .interruptController),
        ("arm,gic-v3-its", .interruptController), ("arm,cortex-a53-pmu", .performanceCounters),
    ])
    func `a part of the host is refused for that alone`(compatible: String, part: HostPart) throws {
        kernel.addHostDevice(
            "part", group: nil, driver: "", properties: ["compatible": Array("x\0\(compatible)\0".utf8), "reg": [0]])
        kernel.addFile("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n")
        kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "Y\n")
        #expect(try problems("part") == [.hostPart(part)])
        #expect(try problems("part").map(\.isFinal) == [true])
    }

    @Test func `an IOMMU is refused, and what is behind one isn't`() throws {
        kernel.addHostDevice(
            "smmu", group: 8, driver: "arm-smmu",
            properties: ["compatible": Array("qcom,smmu\0".utf8), "#iommu-cells": [1]])
        kernel.addHostDevice("net", driver: "net", properties: ["iommus": [1]])
        #expect(try problems("smmu") == [.hostPart(.iommu)])
        #expect(try problems("net").isEmpty)
    }

    /// A GPIO block is an interrupt controller, too.
    @Test func `a device that has an interrupt controller in it is a device`() throws {
        kernel.addHostDevice(
            "gpio", driver: "pl061",
            properties: ["compatible": Array("arm,pl061\0".utf8), "interrupt-controller": [], "reg": [0]])
        #expect(try problems("gpio").isEmpty)
    }

    @Test func `a node without registers, interrupts and driver is refused`() throws {
        kernel.addHostDevice("1000.x", driver: "", properties: ["compatible": Array("x\0".utf8)])
        #expect(try problems("1000.x") == [.hostPart(.empty)])
        // With any of these there may be something.
        for property in ["reg", "interrupts", "interrupts-extended", "enable-gpios", "key/gpios"] {
            kernel.addHostDevice("2000.x", driver: "", properties: ["compatible": Array("x\0".utf8), property: [0]])
            #expect(try problems("2000.x").isEmpty, "\(property)")
            kernel.withState { $0.files["/sys/firmware/devicetree/base/soc/2000.x/\(property)"] = nil }
        }
        kernel.addHostDevice("3000.x", driver: "gpio-keys", properties: ["compatible": Array("x\0".utf8)])
        #expect(try problems("3000.x").isEmpty)
    }

    // MARK: Reset

    @Test func `a device that the kernel can't reset is refused with its first name`() throws {
        kernel.addHostDevice("1000.net", driver: "stmmac", properties: ["compatible": Array("x,net\0y,net\0".utf8)])
        kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "Y\n")
        #expect(try problems("1000.net") == [.noReset(compatible: "x,net")])
        kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "N\n")
        #expect(try problems("1000.net").isEmpty)
    }

    @Test(arguments: ["calxeda,hb-xgmac", "amd,xgbe-seattle-v1a", "vendor,dma"])
    func `a device that the kernel can reset is not`(compatible: String) throws {
        kernel.addHostDevice("1000.net", driver: "x", properties: ["compatible": Array("\(compatible)\0y\0".utf8)])
        kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "Y\n")
        kernel.addFile("/proc/sys/kernel/osrelease", "6.12.0-vendor\n")
        kernel.addFile(
            "/lib/modules/6.12.0-vendor/modules.alias",
            "alias of:N*T*Cx vfio-reset:other\nalias vfio-reset:vendor,dma vfio_platform_vendor\n")
        #expect(try problems("1000.net").isEmpty)
    }

    @Test func `an AMBA device needs no reset`() throws {
        kernel.addHostDevice("1000.pl031", bus: .amba, driver: "rtc", properties: ["compatible": Array("x\0".utf8)])
        kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "Y\n")
        #expect(try problems("1000.pl031").isEmpty)
    }

    @Test(arguments: [("abc-1.2:0", "abc-1.2:0"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("", "''")])
    func `words for a shell are quoted`(text: String, quoted: String) {
        #expect(ShellText.quoted(text) == quoted)
    }
}
