// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem
import Testing

@testable import HostDevices

@Suite struct HostDeviceTests {
    private let kernel = FakeKernel()
    private var sysfs: Sysfs { Sysfs(system: kernel) }

    /// A device that can't be opened: the error has all of it, and says from it what to do.
    private func notReady(_ name: String) throws -> HostDevice {
        let host = try HostDevice(host: name, sysfs: sysfs)
        #expect(throws: HostDeviceError.notReady(host)) { try host.readyGroup() }
        return host
    }

    private func diagnosis(
        isVFIODriverLoaded: Bool = true, isNoIOMMUModeOn: Bool? = nil, driverOverride: String? = nil,
        isResetRequired: Bool = false, isBehindIOMMU: Bool = false
    ) -> HostDevice.Diagnosis {
        HostDevice.Diagnosis(
            isVFIODriverLoaded: isVFIODriverLoaded, isNoIOMMUModeOn: isNoIOMMUModeOn, driverOverride: driverOverride,
            isResetRequired: isResetRequired, isBehindIOMMU: isBehindIOMMU)
    }

    @Test func `finds a ready platform device`() throws {
        kernel.addHostDevice("10000000.edu", group: 3, properties: ["compatible": []])
        let host = try HostDevice(host: "10000000.edu", sysfs: sysfs)
        #expect(host.name == "10000000.edu")
        #expect(host.bus == .platform)
        #expect(host.path == "/sys/devices/platform/10000000.edu")
        #expect(host.driver == "vfio-platform")
        #expect(host.deviceTreeNode == "/sys/firmware/devicetree/base/soc/10000000.edu")
        #expect(host.state == .ready)
        #expect(host.diagnosis == nil)
        let group = try host.readyGroup()
        #expect(group.id == 3)
        #expect(group.node == "/dev/vfio/3")
        #expect(group.others.isEmpty)
    }

    @Test func `finds a ready AMBA device without IOMMU`() throws {
        kernel.addHostDevice("9010000.pl031", bus: .amba, group: 0, isNoIOMMU: true)
        let host = try HostDevice(host: "9010000.pl031", sysfs: sysfs)
        #expect(host.bus == .amba)
        #expect(host.bus.vfioDriver == "vfio-amba")
        #expect(host.state == .ready)
        #expect(host.deviceTreeNode == nil)
        #expect(try host.readyGroup().isNoIOMMU)
        #expect(try host.readyGroup().node == "/dev/vfio/noiommu-0")
    }

    @Test func `an IOMMU groups own name is no sign of no IOMMU`() throws {
        kernel.addHostDevice("10000000.edu", group: 3)
        kernel.addFile("/sys/kernel/iommu_groups/3/name", "smmu\n")
        #expect(try HostDevice(host: "10000000.edu", sysfs: sysfs).readyGroup().isNoIOMMU == false)
    }

    @Test func `lists the groups other devices with their drivers`() throws {
        kernel.addHostDevice("10000000.edu", group: 3)
        kernel.addHostDevice("10200000.sata", group: 3, driver: "ahci")
        kernel.addHostDevice("10300000.usb", group: 3, driver: "")
        let others = try HostDevice(host: "10000000.edu", sysfs: sysfs).readyGroup().others
        #expect(others.map(\.name) == ["10200000.sata", "10300000.usb"])
        #expect(others.map(\.driver) == ["ahci", nil])
        #expect(others.map(\.isHeldByHost) == [true, false])
    }

    @Test(
        arguments: [
            "/sys/devices/platform/9010000.pl031", "/sys/bus/amba/devices/9010000.pl031",
            "/sys/bus/amba/devices/9010000.pl031/", "/sys/class/rtc/../rtc/rtc0/device",
            "/sys/devices/platform/./9010000.pl031",
        ])
    func `follows a sysfs path`(_ path: String) throws {
        kernel.addHostDevice("9010000.pl031", bus: .amba)
        kernel.withState { state in
            state.links["/sys/class/rtc/rtc0"] = "../../devices/platform/9010000.pl031/rtc/rtc0"
            state.links["/sys/devices/platform/9010000.pl031/rtc/rtc0/device"] = "../../../9010000.pl031"
        }
        let byPath = try HostDevice(sysfsdev: path, sysfs: sysfs)
        #expect(byPath == (try HostDevice(host: "9010000.pl031", sysfs: sysfs)))
    }

    @Test func `refuses paths that lead out of sysfs`() {
        #expect(throws: HostDeviceError.notInSysfs(path: "/dev/zero", root: "/sys")) {
            try HostDevice(sysfsdev: "/dev/zero", sysfs: sysfs)
        }
        #expect(throws: HostDeviceError.notInSysfs(path: "/sys/../dev/zero", root: "/sys")) {
            try HostDevice(sysfsdev: "/sys/../dev/zero", sysfs: sysfs)
        }
        kernel.withState { $0.links["/sys/a"] = "../../dev" }
        #expect(throws: HostDeviceError.malformedSysfs(device: "/sys/a", path: "/sys/a", content: "../../dev")) {
            try HostDevice(sysfsdev: "/sys/a", sysfs: sysfs)
        }
    }

    @Test func `refuses a circle of links`() {
        kernel.withState { state in
            state.links["/sys/a"] = "b"
            state.links["/sys/b"] = "a"
        }
        #expect(
            throws: HostDeviceError.sysfs(device: "/sys/a", path: "/sys/a", errno: .tooManySymbolicLinkLevels)
        ) {
            try HostDevice(sysfsdev: "/sys/a", sysfs: sysfs)
        }
    }

    @Test func `refuses a device of another bus`() throws {
        kernel.addFile("/sys/devices/pci0/0000:00:01.0/uevent", "")
        kernel.withState { $0.links["/sys/devices/pci0/0000:00:01.0/subsystem"] = "../../../bus/pci" }
        let path = "/sys/devices/pci0/0000:00:01.0"
        #expect(throws: HostDeviceError.unsupportedBus(device: path, bus: "pci")) {
            try HostDevice(sysfsdev: path, sysfs: sysfs)
        }
    }

    @Test(arguments: ["", ".", "..", "../platform", "9010000.pl031\0"])
    func `refuses names that are none`(_ name: String) {
        kernel.addHostDevice("9010000.pl031", bus: .amba)
        #expect(throws: HostDeviceError.noSuchDevice(device: name, similar: [])) {
            try HostDevice(host: name, sysfs: sysfs)
        }
    }

    @Test(arguments: [
        ("cpus", HostPart.cpus), ("memory@40000000", .memory), ("memory", .memory),
        ("8000000.intc", .interruptController), ("chosen", .noDevice),
    ])
    func `a node that is no device says so`(name: String, part: HostPart) {
        for (path, content) in [
            ("cpus/#address-cells", ""), ("memory@40000000/device_type", "memory\0"),
            ("intc@8000000/compatible", "arm,gic-v3\0"), ("chosen/bootargs", "x\0"),
        ] {
            kernel.addFile("/sys/firmware/devicetree/base/\(path)", content)
        }
        #expect(throws: HostDeviceError.notADevice(device: name, part)) { try HostDevice(host: name, sysfs: sysfs) }
    }

    /// By what the host's device tree calls it.
    @Test func `a node's name leads to the device`() {
        kernel.addHostDevice("9010000.pl031", bus: .amba)
        kernel.addFile("/sys/firmware/devicetree/base/pl031@9010000/compatible", "arm,pl031\0")
        let error = #expect(throws: HostDeviceError.self) { try HostDevice(host: "pl031@9010000", sysfs: sysfs) }
        #expect(error == .noSuchDevice(device: "pl031@9010000", similar: ["9010000.pl031"]))
    }

    @Test func `suggests the device that was meant`() {
        kernel.addHostDevice("9010000.pl031", bus: .amba)
        kernel.addHostDevice("9030000.pl061", bus: .amba)
        let error = #expect(throws: HostDeviceError.self) { try HostDevice(host: "pl031", sysfs: sysfs) }
        #expect(error == .noSuchDevice(device: "pl031", similar: ["9010000.pl031"]))
        let other = #expect(throws: HostDeviceError.self) { try HostDevice(host: "a.b", sysfs: sysfs) }
        #expect(other == .noSuchDevice(device: "a.b", similar: []))
    }

    @Test func `names the host driver that owns the device`() throws {
        kernel.addHostDevice("9010000.pl031", bus: .amba, driver: "rtc-pl031")
        let host = try notReady("9010000.pl031")
        #expect(host.state == .ownedByHostDriver("rtc-pl031"))
        #expect(host.diagnosis == diagnosis())
        #expect(host.noIOMMU == nil)
    }

    @Test func `says that no IOMMU mode has to be on`() throws {
        kernel.addHostDevice("9010000.pl031", bus: .amba, group: nil, driver: "rtc-pl031")
        kernel.addFile("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n")
        kernel.addFile("/sys/devices/platform/9010000.pl031/driver_override", "(null)\n")
        let host = try notReady("9010000.pl031")
        #expect(host.state == .ownedByHostDriver("rtc-pl031"))
        #expect(host.diagnosis == diagnosis(isNoIOMMUModeOn: false))
        #expect(host.noIOMMU == .noIOMMU(isModeMissing: false))
    }

    @Test func `says when the kernel has no way to give a group`() throws {
        kernel.addHostDevice("1000.serial", group: nil, driver: "")
        let host = try notReady("1000.serial")
        #expect(host.state == .withoutGroup)
        #expect(host.diagnosis == diagnosis())
        #expect(host.noIOMMU == .noIOMMU(isModeMissing: true))
    }

    /// Kernels before 6.15 give it a group when a driver is tried.
    @Test func `a device that names an IOMMU waits for its group`() throws {
        kernel.addHostDevice("1000.serial", group: nil, driver: "", properties: ["iommus": [0, 0, 0, 1]])
        let host = try notReady("1000.serial")
        #expect(host.state == .withoutDriver)
        #expect(host.diagnosis == diagnosis(isBehindIOMMU: true))
        #expect(host.noIOMMU == nil)
    }

    @Test func `all devices are those of both buses`() throws {
        kernel.addHostDevice("9010000.pl031", bus: .amba)
        kernel.addHostDevice("1000.serial", driver: "of_serial")
        kernel.addHostDevice("2000.broken")
        kernel.withState { state in
            state.links["/sys/devices/platform/2000.broken/iommu_group"] = "../../../kernel/x"
            // Gone between the listing and the look at it.
            state.files["/sys/bus/platform/devices/3000.gone"] = []
        }
        let (devices, errors) = try HostDevice.all(sysfs: sysfs)
        #expect(devices.map(\.name) == ["1000.serial", "9010000.pl031"])
        #expect(devices.map(\.bus) == [.platform, .amba])
        #expect(
            errors == [
                .malformedSysfs(
                    device: "2000.broken", path: "/sys/devices/platform/2000.broken/iommu_group", content: "x")
            ])
    }

    @Test func `says when the kernel has not got the driver`() throws {
        kernel.addHostDevice("1000.serial", driver: "")
        kernel.withState { state in
            for file in ["bind", "unbind"] { state.files["/sys/bus/platform/drivers/vfio-platform/\(file)"] = nil }
        }
        let host = try notReady("1000.serial")
        #expect(host.state == .vfioDriverMissing)
        #expect(host.diagnosis == diagnosis(isVFIODriverLoaded: false))
        #expect(host.noIOMMU == nil)
    }

    @Test func `explains a device that VFIO refused for lack of a reset`() throws {
        kernel.addHostDevice("1000.serial", driver: "")
        kernel.addFile("/sys/devices/platform/1000.serial/driver_override", "vfio-platform\n")
        kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "Y\n")
        let host = try notReady("1000.serial")
        #expect(host.state == .withoutDriver)
        #expect(host.diagnosis == diagnosis(driverOverride: "vfio-platform", isResetRequired: true))
        #expect(host.noIOMMU == nil)
    }

    @Test func `refuses a group that is no number`() {
        kernel.addHostDevice("1000.serial", group: nil)
        kernel.withState { $0.links["/sys/devices/platform/1000.serial/iommu_group"] = "../../../kernel/x" }
        #expect(
            throws: HostDeviceError.malformedSysfs(
                device: "1000.serial", path: "/sys/devices/platform/1000.serial/iommu_group", content: "x")
        ) {
            try HostDevice(host: "1000.serial", sysfs: sysfs)
        }
    }

    /// As in a container that isn't given it.
    @Test func `a host without sysfs says so`() {
        let kernel = FakeKernel()
        kernel.withState { $0.files = [:] }
        let sysfs = Sysfs(system: kernel)
        #expect(throws: HostDeviceError.noSysfs(device: "1000.serial", root: "/sys")) {
            try HostDevice(host: "1000.serial", sysfs: sysfs)
        }
        #expect(throws: HostDeviceError.noSysfs(device: "/sys/devices/a", root: "/sys")) {
            try HostDevice(sysfsdev: "/sys/devices/a", sysfs: sysfs)
        }
        #expect(throws: HostDeviceError.noSysfs(device: "the host", root: "/sys")) {
            _ = try HostDevice.all(sysfs: sysfs)
        }
    }

    /// What can't be read is an error, and never a device that seems to need something else.
    @Test func `nothing of a device is lost to an error of the kernel`() throws {
        kernel.addHostDevice("1000.serial", group: 5, driver: "serial", properties: ["iommus": []])
        kernel.addHostDevice("2000.other", group: 5, driver: "")
        kernel.addFile("/sys/devices/platform/1000.serial/driver_override", "serial\n")
        kernel.addFile("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n")
        kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "Y\n")
        let start = kernel.withState { $0.callCount }
        let device = try HostDevice(host: "1000.serial", sysfs: sysfs)
        let count = kernel.withState { $0.callCount } - start
        let diagnosis = try #require(device.diagnosis)
        #expect(diagnosis.isVFIODriverLoaded && diagnosis.isResetRequired && diagnosis.isBehindIOMMU)
        #expect(diagnosis.isNoIOMMUModeOn == true && diagnosis.driverOverride == "serial")
        try #require(count > 12)
        for call in 1...count {
            for errno: Errno in [.permissionDenied, .ioError] {
                kernel.withState { state in
                    state.failingCall = state.callCount + call
                    state.failure = errno
                }
                #expect(throws: HostDeviceError.self, "call \(call)") {
                    try HostDevice(host: "1000.serial", sysfs: sysfs)
                }
            }
        }
    }

    /// The real kernel answers a readlink of what is no link with EINVAL, where the fake says ENOENT.
    @Test func `reads the real sysfs`() throws {
        let real = Sysfs(system: LinuxKernel())
        guard let name = try real.names("bus/platform/devices").first else { return }
        let host = try HostDevice(host: name, sysfs: real)
        #expect(host.path.hasPrefix("/sys/devices/"))
        #expect(host == (try HostDevice(sysfsdev: host.path, sysfs: real)))
        #expect(host == (try HostDevice(sysfsdev: "/sys/bus/platform/devices/\(name)", sysfs: real)))
    }
}
