// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import KernelFakes
import LinuxSystem
import Testing

@Suite struct DeviceBindingTests {
    let kernel = FakeKernel()
    var sysfs: Sysfs { Sysfs(system: kernel) }
    var binding: DeviceBinding { DeviceBinding(sysfs: sysfs, calls: kernel) }
    let note = "/run/martlet/former-drivers/amba-9010000.pl031"

    init() { kernel.addHostDevice("9010000.pl031", bus: .amba, driver: "rtc-pl031") }

    func device(_ name: String = "9010000.pl031") throws -> HostDevice {
        try HostDevice(host: name, sysfs: sysfs)
    }

    /// What was changed so far.
    var changes: [String] {
        kernel.journal.compactMap { if case .call(let text) = $0 { text } else { nil } }
    }

    func text(_ path: String) -> String? {
        kernel.withState { $0.files[path] }.map { String(decoding: $0, as: UTF8.self) }
    }

    var driverOverride: String? { text("/sys/devices/platform/9010000.pl031/driver_override") }

    /// The error of a change that failed; the device has `driver`, as before.
    func failure(
        _ action: BindingFailure.Action, _ reason: BindingFailure.Reason, leaves driver: String,
        of name: String = "9010000.pl031"
    ) -> HostDeviceError {
        .binding(device: name, .failed(action, reason, before: driver, now: .driver(driver)))
    }

    /// The kernel refused to move the device by this file of a driver: "rtc-pl031/bind".
    private func writing(_ file: String, _ errno: Errno) -> BindingFailure.Reason {
        .step(.write("9010000.pl031", to: "/sys/bus/amba/drivers/\(file)"), errno)
    }

    /// Whether `error` is of a change that failed for whatever reason, and was undone.
    private func isUndone(_ error: any Error, _ action: BindingFailure.Action, leaves driver: String) -> Bool {
        guard let error = error as? HostDeviceError, case .binding(_, let found) = error,
            case .failed(_, let reason, _, _, _, _) = found
        else { return false }
        return error == failure(action, reason, leaves: driver)
    }

    // MARK: Bind

    @Test func `bind takes the device from its driver`() throws {
        let outcome = try binding.bind(try device())
        #expect(outcome == .done(try device()))
        #expect(outcome.device.state == .ready)
        #expect(
            changes == [
                "create \(note)", "write vfio-amba > /sys/devices/platform/9010000.pl031/driver_override",
                "write 9010000.pl031 > /sys/bus/amba/drivers/rtc-pl031/unbind",
                "write 9010000.pl031 > /sys/bus/amba/drivers/vfio-amba/bind",
            ])
        #expect(text(note) == "driver=rtc-pl031\n")
    }

    @Test func `the steps are commands for a shell`() throws {
        let steps = try binding.bindingSteps(for: try device())
        #expect(
            steps.map(\.command) == [
                "(umask 022 && mkdir -p /run/martlet/former-drivers && echo driver=rtc-pl031 > \(note))",
                "echo vfio-amba > /sys/devices/platform/9010000.pl031/driver_override",
                "echo 9010000.pl031 > /sys/bus/amba/drivers/rtc-pl031/unbind",
                "echo 9010000.pl031 > /sys/bus/amba/drivers/vfio-amba/bind",
            ])
        #expect(changes.isEmpty)
    }

    @Test func `bind leaves what VFIO has`() throws {
        kernel.addHostDevice("1000.net")
        #expect(try binding.bind(try device("1000.net")) == .already(try device("1000.net")))
        #expect(try binding.bindingSteps(for: try device("1000.net")).isEmpty)
        #expect(changes.isEmpty)
    }

    @Test func `bind twice is bind once`() throws {
        _ = try binding.bind(try device())
        let before = changes
        #expect(try binding.bind(try device()) == .already(try device()))
        #expect(changes == before)
    }

    @Test func `a device without driver is reserved and bound`() throws {
        kernel.addHostDevice("1000.net", driver: "")
        #expect(try binding.bind(try device("1000.net")).device.state == .ready)
        #expect(text("/run/martlet/former-drivers/platform-1000.net") == "driver=\n")
        _ = try binding.release(try device("1000.net"))
        #expect(try device("1000.net").driver == nil)
        #expect(text("/sys/devices/platform/1000.net/driver_override") == "(null)\n")
    }

    @Test func `a group is made for a device without IOMMU`() throws {
        kernel.addHostDevice("1000.net", group: nil, driver: "stmmac")
        kernel.addFile("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n")
        #expect(try binding.bind(try device("1000.net")).device.group?.isNoIOMMU == true)
        #expect(try binding.release(try device("1000.net")).device.driver == "stmmac")
    }

    // MARK: Bind fails

    @Test func `what failed is undone`() throws {
        kernel.withState { $0.sysfs.refusals["/sys/bus/amba/drivers/vfio-amba/bind"] = .invalidArgument }
        let before = try device()
        let error = #expect(throws: HostDeviceError.self) { try binding.bind(before) }
        #expect(error == failure(.bind, writing("vfio-amba/bind", .invalidArgument), leaves: "rtc-pl031"))
        #expect(try device().driver == "rtc-pl031")
        #expect(driverOverride == "(null)\n")
        #expect(text(note) == nil)
    }

    @Test func `a refusal of VFIO platform may be for lack of a reset`() throws {
        kernel.addHostDevice("1000.net", driver: "")
        kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "Y\n")
        kernel.withState {
            $0.sysfs.refusals["/sys/bus/platform/drivers/vfio-platform/bind"] = .operationNotSupportedByDevice
        }
        let device = try device("1000.net")
        let error = #expect(throws: HostDeviceError.self) { try binding.bind(device) }
        let bind = BindingStep.write("1000.net", to: "/sys/bus/platform/drivers/vfio-platform/bind")
        #expect(
            error
                == .binding(
                    device: "1000.net",
                    .failed(
                        .bind, .step(bind, .operationNotSupportedByDevice), before: nil, now: .driver(nil),
                        isResetRequired: true)))
    }

    @Test func `who may not is told so`() throws {
        kernel.withState { $0.sysfs.refusals["/sys/bus/amba/drivers/rtc-pl031/unbind"] = .permissionDenied }
        let device = try device()
        let error = #expect(throws: HostDeviceError.self) { try binding.bind(device) }
        #expect(error == failure(.bind, writing("rtc-pl031/unbind", .permissionDenied), leaves: "rtc-pl031"))
    }

    @Test func `a device that is lost on the way is said to be so`() throws {
        kernel.withState { state in
            state.sysfs.refusals["/sys/bus/amba/drivers/vfio-amba/bind"] = .invalidArgument
            state.sysfs.refusals["/sys/bus/amba/drivers/rtc-pl031/bind"] = .ioError
        }
        let before = try device()
        let error = #expect(throws: HostDeviceError.self) { try binding.bind(before) }
        #expect(
            error
                == .binding(
                    device: "9010000.pl031",
                    .failed(
                        .bind, writing("vfio-amba/bind", .invalidArgument), before: "rtc-pl031", now: .driver(nil),
                        left: [writing("rtc-pl031/bind", .ioError)])))
        #expect(try device().driver == nil)
        // The note stays, so that it can still be given back.
        #expect(text(note) == "driver=rtc-pl031\n")
        kernel.withState { $0.sysfs.refusals = [:] }
        #expect(try binding.release(device()).device.driver == "rtc-pl031")
    }

    /// Every call fails once; whenever bind throws, the device is as it was.
    @Test func `every failure of bind is undone`() throws {
        let before = try device()
        let start = kernel.withState { $0.callCount }
        _ = try binding.bind(before)
        let count = kernel.withState { $0.callCount } - start
        try #require(count > 10)
        _ = try binding.release(try device())
        for call in 1...count {
            fail(call)
            do {
                _ = try binding.bind(before)
                #expect(try device().state == .ready, "call \(call)")
                _ = try binding.release(try device())
            } catch {
                kernel.withState { $0.failingCall = nil }
                // A failed removal of the note is the only thing that stays behind.
                #expect(isUndone(error, .bind, leaves: "rtc-pl031"), "call \(call): \(error)")
            }
            kernel.withState { $0.failingCall = nil }
            #expect(try device().driver == "rtc-pl031", "call \(call)")
            #expect(driverOverride == "(null)\n", "call \(call)")
            #expect(text(note) == nil, "call \(call)")
        }
    }

    private func fail(_ call: Int) {
        kernel.withState { state in
            state.failingCall = state.callCount + call
            state.failure = .ioError
        }
    }

    // MARK: Release

    @Test func `release gives the device back to its driver`() throws {
        _ = try binding.bind(try device())
        let before = changes.count
        let outcome = try binding.release(try device())
        #expect(outcome == .done(try device()))
        #expect(outcome.device.driver == "rtc-pl031")
        #expect(
            Array(changes[before...]) == [
                "write 9010000.pl031 > /sys/bus/amba/drivers/vfio-amba/unbind",
                "write  > /sys/devices/platform/9010000.pl031/driver_override",
                "write 9010000.pl031 > /sys/bus/amba/drivers/rtc-pl031/bind", "unlink \(note)",
            ])
        #expect(driverOverride == "(null)\n")
        #expect(kernel.held.isEmpty)
    }

    @Test func `a rule of the host comes back`() throws {
        kernel.addFile("/sys/devices/platform/9010000.pl031/driver_override", "rtc-pl031\n")
        _ = try binding.bind(try device())
        #expect(text(note) == "driver=rtc-pl031\ndriver_override=rtc-pl031\n")
        #expect(driverOverride == "vfio-amba\n")
        _ = try binding.release(try device())
        #expect(driverOverride == "rtc-pl031\n")
        #expect(try device().driver == "rtc-pl031")
    }

    @Test func `release leaves what VFIO has not`() throws {
        // Somebody gave it back by hand, and the note stayed.
        kernel.addFile(note, "driver=other\n")
        #expect(try binding.release(try device()) == .already(try device()))
        #expect(text(note) == nil)
        #expect(changes == ["unlink \(note)"])
    }

    @Test func `without a note the kernel chooses`() throws {
        kernel.addHostDevice("1000.net")
        kernel.addFile("/sys/devices/platform/1000.net/driver_override", "vfio-platform\n")
        kernel.withState { $0.sysfs.naturalDrivers["1000.net"] = "stmmac" }
        kernel.addHostDevice("2000.other", driver: "stmmac")
        let outcome = try binding.release(try device("1000.net"))
        #expect(outcome.device.driver == "stmmac")
        #expect(
            changes.suffix(2) == [
                "write 1000.net > /sys/bus/platform/drivers_probe",
                "unlink /run/martlet/former-drivers/platform-1000.net",
            ])
    }

    @Test func `a device that no driver wants is released all the same`() throws {
        kernel.addHostDevice("1000.net")
        kernel.addFile("/sys/devices/platform/1000.net/driver_override", "vfio-platform\n")
        #expect(try binding.release(try device("1000.net")).device.driver == nil)
    }

    /// The kernel would wait for the other process.
    @Test func `a device in use is not released`() throws {
        _ = try binding.bind(try device())
        let device = try device()
        let group = try #require(device.group)
        let before = changes
        kernel.withState { _ = $0.busyNodes.insert(group.node) }
        let error = #expect(throws: HostDeviceError.self) { try binding.release(device) }
        #expect(error == .binding(device: "9010000.pl031", .inUse(group)))
        #expect(changes == before)
    }

    @Test func `a driver that does not take it back leaves it with VFIO`() throws {
        _ = try binding.bind(try device())
        kernel.withState { $0.sysfs.refusals["/sys/bus/amba/drivers/rtc-pl031/bind"] = .ioError }
        let bound = try device()
        let error = #expect(throws: HostDeviceError.self) { try binding.release(bound) }
        #expect(error == failure(.release, writing("rtc-pl031/bind", .ioError), leaves: "vfio-amba"))
        #expect(try device().state == .ready)
        #expect(text(note) == "driver=rtc-pl031\n")
        kernel.withState { $0.sysfs.refusals = [:] }
        #expect(try binding.release(try device()).device.driver == "rtc-pl031")
    }

    @Test func `a driver that is gone is named`() throws {
        _ = try binding.bind(try device())
        kernel.withState { $0.files["/sys/bus/amba/drivers/rtc-pl031/bind"] = nil }
        let bound = try device()
        let error = #expect(throws: HostDeviceError.self) { try binding.release(bound) }
        #expect(error == failure(.release, writing("rtc-pl031/bind", .noSuchFileOrDirectory), leaves: "vfio-amba"))
    }

    @Test func `every failure of release is undone`() throws {
        _ = try binding.bind(try device())
        let bound = try device()
        let start = kernel.withState { $0.callCount }
        _ = try binding.release(bound)
        let count = kernel.withState { $0.callCount } - start
        try #require(count > 8)
        for call in 1...count {
            _ = try binding.bind(try device())
            fail(call)
            do {
                _ = try binding.release(bound)
                kernel.withState { $0.failingCall = nil }
            } catch {
                kernel.withState { $0.failingCall = nil }
                #expect(isUndone(error, .release, leaves: "vfio-amba"), "call \(call): \(error)")
                #expect(try device().state == .ready, "call \(call)")
                #expect(text(note) == "driver=rtc-pl031\n", "call \(call)")
                _ = try binding.release(bound)
            }
            #expect(kernel.held.isEmpty, "call \(call)")
        }
    }

    /// A released device that VFIO was left with by an earlier, broken attempt is finished.
    @Test func `a half released device is finished`() throws {
        _ = try binding.bind(try device())
        kernel.withState { $0.links["/sys/devices/platform/9010000.pl031/driver"] = nil }
        #expect(try binding.release(try device()).device.driver == "rtc-pl031")
    }

    /// Nor does an attempt to bind it forget who had it first.
    @Test func `a half bound device keeps its note`() throws {
        _ = try binding.bind(try device())
        kernel.withState { $0.links["/sys/devices/platform/9010000.pl031/driver"] = nil }
        _ = try binding.bind(try device())
        #expect(text(note) == "driver=rtc-pl031\n")
    }
}
