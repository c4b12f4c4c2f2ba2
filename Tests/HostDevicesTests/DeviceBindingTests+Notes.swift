// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import KernelFakes
import LinuxSystem
import Testing

@testable import VFIO

/// What is noted of a device's former driver, and the lock under which that is.
extension DeviceBindingTests {
    /// An older Martlet took the driver away before it wrote the rule, and could be killed in between.
    private func takeDriverAway() throws {
        kernel.addFile(note, "driver=rtc-pl031\n")
        try kernel.writeFile("/sys/bus/amba/drivers/rtc-pl031/unbind", Array("9010000.pl031\n".utf8))
        #expect(try device().driver == nil)
    }

    @Test func `release honours the note of a device without driver and rule`() throws {
        try takeDriverAway()
        #expect(try binding.releaseSteps(for: device()).count == 2)
        #expect(try binding.release(device()).device.driver == "rtc-pl031")
        #expect(text(note) == nil)
    }

    @Test func `bind keeps the note of a device without driver and rule`() throws {
        try takeDriverAway()
        _ = try binding.bind(device())
        #expect(text(note) == "driver=rtc-pl031\n")
        #expect(try binding.release(device()).device.driver == "rtc-pl031")
    }

    /// What can be seen counts for more than a note of the past.
    @Test func `the note is of the driver that has the device`() throws {
        kernel.addFile(note, "driver=other\ndriver_override=other\n")
        _ = try binding.bind(device())
        #expect(text(note) == "driver=rtc-pl031\n")
    }

    @Test func `a rule for VFIO is never noted`() throws {
        kernel.addFile("/sys/devices/platform/9010000.pl031/driver_override", "vfio-amba\n")
        _ = try binding.bind(device())
        #expect(text(note) == "driver=rtc-pl031\n")
        _ = try binding.release(device())
        #expect(driverOverride == "(null)\n")
        #expect(try device().driver == "rtc-pl031")
    }

    /// Reserved for VFIO by another program, and then left without a driver.
    @Test func `where nobody knows the driver the kernel chooses, also after bind`() throws {
        kernel.addHostDevice("1000.net", driver: "")
        kernel.addFile("/sys/devices/platform/1000.net/driver_override", "vfio-platform\n")
        kernel.addHostDevice("2000.other", driver: "stmmac")
        kernel.withState { $0.sysfs.naturalDrivers["1000.net"] = "stmmac" }
        _ = try binding.bind(device("1000.net"))
        #expect(text("/run/martlet/former-drivers/platform-1000.net") == "driver=*\n")
        #expect(try binding.release(device("1000.net")).device.driver == "stmmac")
    }

    @Test(arguments: [
        "driver=../../../../../tmp/evil\n", "driver=a/b\n", "driver=.\n", "driver=..\n", "driver=rtc\u{1}\n", "",
        "rtc-pl031\n", "driver=a\ndriver=b\n", "driver=a\ndriver_override=../b\n", "driver=a\ndriver_override=\n",
        "driver_override=a\n", "driver=a\nother=b\n", "driver=a\nhold=\n", "driver=a\nhold=no\n",
        "driver=a\nhold=yes\nhold=yes\n", "hold=yes\n",
    ]) func `a note that bind has not written is refused`(content: String) throws {
        _ = try binding.bind(device())
        kernel.addFile(note, content)
        let before = changes
        for attempt in [{ _ = try binding.release(device()) }, { _ = try binding.releaseSteps(for: device()) }] {
            let error = #expect(throws: HostDeviceError.self, performing: attempt)
            #expect(error == failure(.release, .badNote(note), leaves: "vfio-amba"))
        }
        #expect(changes == before)
        kernel.withState { $0.files[note] = nil }
        #expect(try binding.release(device()).device.driver == "rtc-pl031")
    }

    @Test func `a note that can't be read is not one that isn't there`() throws {
        _ = try binding.bind(device())
        let before = changes
        for problem: StateFolderError in [
            .foreign(path: note, owner: 1000), .notAFile(path: note), .writable(path: note),
            .call("open", path: note, .permissionDenied),
        ] {
            kernel.withState { $0.sysfs.stateErrors[note] = problem }
            let error = failure(.release, .state(problem), leaves: "vfio-amba")
            #expect(throws: error) { try binding.release(device()) }
            #expect(throws: error) { try binding.releaseSteps(for: device()) }
        }
        #expect(changes == before)
    }

    @Test func `a rule that can't be read is not one that isn't there`() throws {
        let device = try device()
        kernel.withState { state in
            state.beforeCall = { $0.hasSuffix("driver_override") ? .permissionDenied : nil }
        }
        let error = #expect(throws: HostDeviceError.self) { try binding.bindingSteps(for: device) }
        let unread = HostDeviceError.sysfs(
            device: "9010000.pl031", path: "/sys/devices/platform/9010000.pl031/driver_override",
            errno: .permissionDenied)
        #expect(error == failure(.bind, .problem(unread.description), leaves: "rtc-pl031"))
    }

    /// A container without the group's file doesn't see who has it open.
    @Test(arguments: [Errno.noSuchFileOrDirectory, .notPermitted])
    func `a device whose use can't be told is not released`(errno: Errno) throws {
        _ = try binding.bind(device())
        let device = try device()
        let group = try #require(device.group)
        kernel.withState { state in
            if errno == .noSuchFileOrDirectory { state.devices.remove("/dev/vfio/7") }
            state.files["/sys/class/vfio/7/dev"] = Array("511:0\n".utf8)
            state.beforeCall = { $0 == "open /dev/vfio/7" ? errno : nil }
        }
        let before = changes
        let error = #expect(throws: HostDeviceError.self) { try binding.release(device) }
        #expect(error == failure(.release, .useUnknown(group, errno), leaves: "vfio-amba"))
        #expect(changes == before)
    }

    @Test func `a kernel without files for groups has nobody to ask`() throws {
        _ = try binding.bind(device())
        kernel.withState { _ = $0.devices.remove("/dev/vfio/7") }
        #expect(try binding.release(device()).device.driver == "rtc-pl031")
    }

    // MARK: The lock

    @Test func `two processes don't move devices at once`() throws {
        kernel.withState { $0.sysfs.lockAttemptsRefused = 3 }
        let device = try device()
        // The other one is done meanwhile: what it did is looked at again.
        kernel.withState { state in
            state.beforeCall = { [kernel] call in
                guard call == "flock /run/martlet", kernel.withState({ $0.sysfs.lockAttemptsRefused }) < 0 else {
                    return nil
                }
                kernel.withState { state in
                    state.links["/sys/devices/platform/9010000.pl031/driver"] = "../../../bus/amba/drivers/vfio-amba"
                }
                return nil
            }
        }
        #expect(try binding.bind(device) == .already(self.device()))
        #expect(kernel.withState { $0.sysfs.sleptMilliseconds } == 150)
        #expect(changes.isEmpty)
        #expect(kernel.held.isEmpty)
    }

    @Test func `a process that keeps the lock is waited for so long and no longer`() throws {
        kernel.withState { $0.sysfs.lockAttemptsRefused = .max }
        let device = try device()
        let error = #expect(throws: HostDeviceError.self) { try binding.bind(device) }
        #expect(error == failure(.bind, .locked("/run/martlet", seconds: 10), leaves: "rtc-pl031"))
        #expect(kernel.withState { $0.sysfs.sleptMilliseconds } == 10_000)
        #expect(changes.isEmpty)
    }

    @Test func `a folder of somebody else's is refused`() throws {
        kernel.withState { $0.sysfs.stateErrors["/run/martlet"] = .foreign(path: "/run/martlet", owner: 1000) }
        let device = try device()
        let error = #expect(throws: HostDeviceError.self) { try binding.bind(device) }
        #expect(error == failure(.bind, .state(.foreign(path: "/run/martlet", owner: 1000)), leaves: "rtc-pl031"))
        #expect(changes.isEmpty)
    }
}
