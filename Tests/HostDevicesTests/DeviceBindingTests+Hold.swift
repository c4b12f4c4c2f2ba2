// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import KernelFakes
import LinuxSystem
import Testing

/// The kernel module martlet-hold keeps a device powered from before its driver goes until it is back.
extension DeviceBindingTests {
    private static let name = "1000.net"
    private static let note = "/run/martlet/former-drivers/platform-\(name)"
    private static let folder = "/sys/devices/martlet-hold"

    /// A device with a node in the host's tree, on a host with the module.
    private func addHoldable(driver: String = "stmmac") throws -> HostDevice {
        kernel.addHoldModule()
        kernel.addHostDevice(Self.name, driver: driver, properties: ["compatible": Array("a\0".utf8)])
        return try device(Self.name)
    }

    private func hold() throws -> DeviceHold { try DeviceHold(of: try device(Self.name), sysfs: sysfs) }
    private var held: DeviceHold { .held("supplies=1 power-domains=2 clocks=4 resets=2/2") }

    @Test func `a device is held before its driver goes, and let go of after it is back`() throws {
        let device = try addHoldable()
        let steps = try binding.bindingSteps(for: device).map(\.command)
        #expect(
            steps == [
                "(umask 022 && mkdir -p /run/martlet/former-drivers && echo 'driver=stmmac\nhold=yes' > \(Self.note))",
                "echo \(Self.name) > \(Self.folder)/hold",
                "echo vfio-platform > /sys/devices/platform/\(Self.name)/driver_override",
                "echo \(Self.name) > /sys/bus/platform/drivers/stmmac/unbind",
                "echo \(Self.name) > /sys/bus/platform/drivers/vfio-platform/bind",
            ])
        #expect(try hold() == .free)
        _ = try binding.bind(device)
        #expect(try hold() == held)
        #expect(try binding.bindingSteps(for: self.device(Self.name)).isEmpty)
        #expect(
            try binding.releaseSteps(for: self.device(Self.name)).map(\.command) == [
                "echo \(Self.name) > /sys/bus/platform/drivers/vfio-platform/unbind",
                "echo '' > /sys/devices/platform/\(Self.name)/driver_override",
                "echo \(Self.name) > /sys/bus/platform/drivers/stmmac/bind",
                "echo \(Self.name) > \(Self.folder)/release", "rm -f \(Self.note)",
            ])
        #expect(try binding.release(self.device(Self.name)).device.driver == "stmmac")
        #expect(try hold() == .free)
    }

    @Test func `without the module, without a node or against the user's wish nothing is held`() throws {
        let device = try addHoldable()
        let unwanted = DeviceBinding(sysfs: sysfs, calls: kernel, holds: false)
        _ = try unwanted.bind(device)
        #expect(try hold() == .free)
        #expect(text(Self.note) == "driver=stmmac\n")
        _ = try binding.release(self.device(Self.name))

        _ = try binding.bind(self.device())
        #expect(try DeviceHold(of: self.device(), sysfs: sysfs) == .unavailable)

        kernel.withState { $0.files["\(Self.folder)/held"] = nil }
        #expect(try hold() == .unavailable)
        _ = try binding.bind(self.device(Self.name))
        #expect(text(Self.note) == "driver=stmmac\n")
        _ = try binding.release(self.device(Self.name))
        #expect(!changes.contains { $0.contains("martlet-hold") })
    }

    @Test func `a device that VFIO has already is held as well`() throws {
        let device = try addHoldable()
        _ = try DeviceBinding(sysfs: sysfs, calls: kernel, holds: false).bind(device)
        #expect(try binding.bind(self.device(Self.name)) == .done(self.device(Self.name)))
        #expect(try hold() == held)
        #expect(try binding.release(self.device(Self.name)).device.driver == "stmmac")
        #expect(try hold() == .free)

        // Given to VFIO by another program.
        kernel.addHostDevice("2000.net", properties: ["compatible": Array("a\0".utf8)])
        _ = try binding.bind(self.device("2000.net"))
        #expect(text("/run/martlet/former-drivers/platform-2000.net") == "driver=*\nhold=yes\n")
        _ = try binding.release(self.device("2000.net"))
        #expect(text("\(Self.folder)/held") == "")
    }

    @Test func `a hold that somebody else asked for stays`() throws {
        let device = try addHoldable()
        try kernel.writeFile("\(Self.folder)/hold", Array("\(Self.name)\n".utf8))
        _ = try binding.bind(device)
        #expect(text(Self.note) == "driver=stmmac\n")
        _ = try binding.release(self.device(Self.name))
        #expect(try hold() == held)
    }

    /// A module that was loaded anew holds nothing.
    @Test func `what is no longer held is not let go of`() throws {
        let device = try addHoldable()
        _ = try binding.bind(device)
        kernel.addHoldModule()
        #expect(try binding.release(self.device(Self.name)).device.driver == "stmmac")
        #expect(text(Self.note) == nil)
    }

    @Test func `a device that can't be held stays with its driver`() throws {
        let device = try addHoldable()
        kernel.withState { $0.sysfs.refusals["\(Self.folder)/hold"] = .noSuchAddressOrDevice }
        let error = #expect(throws: HostDeviceError.self) { try binding.bind(device) }
        let hold = BindingStep.write(Self.name, to: "\(Self.folder)/hold")
        #expect(error == failure(.bind, .step(hold, .noSuchAddressOrDevice), leaves: "stmmac", of: Self.name))
        #expect(text(Self.note) == nil)
        #expect(!changes.contains { $0.contains("unbind") })
    }

    @Test func `a bind that fails lets go`() throws {
        let device = try addHoldable()
        kernel.withState { $0.sysfs.refusals["/sys/bus/platform/drivers/vfio-platform/bind"] = .invalidArgument }
        #expect(throws: HostDeviceError.self) { try binding.bind(device) }
        #expect(try hold() == .free)
        #expect(text(Self.note) == nil)
        #expect(try self.device(Self.name).driver == "stmmac")
        #expect(changes.last { $0.hasPrefix("write") } == "write \(Self.name) > \(Self.folder)/release")
    }

    @Test func `a release that fails keeps the device held`() throws {
        let device = try addHoldable()
        _ = try binding.bind(device)
        kernel.withState { state in
            state.beforeCall = { $0.hasPrefix("unlink") ? .ioError : nil }
        }
        #expect(throws: HostDeviceError.self) { try binding.release(self.device(Self.name)) }
        #expect(try hold() == held)
        #expect(try self.device(Self.name).state == .ready)
    }

    @Test func `a list that can't be read is not one that isn't there`() throws {
        let device = try addHoldable()
        kernel.withState { state in
            state.beforeCall = { $0.hasSuffix("martlet-hold/held") ? .permissionDenied : nil }
        }
        let error = #expect(throws: HostDeviceError.self) { try binding.bind(device) }
        let unread = HostDeviceError.sysfs(device: Self.name, path: "\(Self.folder)/held", errno: .permissionDenied)
        #expect(error == failure(.bind, .problem(unread.description), leaves: "stmmac", of: Self.name))
        #expect(changes.isEmpty)
    }
}
