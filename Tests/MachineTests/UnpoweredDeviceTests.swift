// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import DeviceTree
import HostDevices
import KernelFakes
import LinuxSystem
import Synchronization
import Testing

@testable import Machine

/// A device whose clock the host has switched off when its driver went.
@Suite struct UnpoweredDeviceTests {
    private let host = FakeHost()
    private var kernel: FakeKernel { host.kernel }
    private static let summary = "/sys/kernel/debug/clk/clk_summary"

    init() {
        host.add("1000.net", properties: ["compatible": .string("test,net")])
        kernel.addFile("/run/martlet/host-records/1000.net", "clock\tcore_gate\t=core\t125000000\ton\n")
        setClock(on: false)
    }

    private func setClock(on: Bool) {
        kernel.addFile(
            Self.summary,
            """
                clock  count count count rate accuracy phase cycle enable consumer id
             core_gate  0 0 0 125000000 0 0 50000 \(on ? "Y" : "N")   deviceless  no_connection_id

            """)
    }

    private func plan(allowed: Bool = false) throws -> MachinePlan {
        var device = PlatformDevice.named("1000.net")
        device.allowsUnpowered = allowed
        return try host.makePlan(host.configuration(devices: [device]))
    }

    private var reads: [String] {
        get throws {
            let calls = CallLog<String>()
            kernel.withState { state in
                state.beforeCall = {
                    calls.note($0)
                    return nil
                }
            }
            defer { kernel.withState { $0.beforeCall = nil } }
            _ = try? plan()
            return calls.calls
        }
    }

    @Test func `it is refused before it is opened, with what is off and what to do`() throws {
        let error = #expect(throws: MachineError.self) { try plan() }
        #expect(
            error?.description == """
                1000.net: off now: clock core (core_gate)
                  the host switched it off when its driver released the device: a guest's access can crash the host
                  keep it on with martlet-hold:
                  run: modprobe martlet-hold    # host-module/README.md says how to install it
                  run: martlet bind 1000.net
                  or set allow_unpowered to true if the device works without it
                """)
        #expect(kernel.held.isEmpty)
        #expect(try !reads.contains { $0.contains("VFIO_GROUP_GET_DEVICE_FD") })
        kernel.addHoldModule()
        let later = #expect(throws: MachineError.self) { try plan() }
        #expect(later?.description.contains("modprobe") == false)
    }

    @Test func `it is taken where the configuration allows it, where it is held, and where it runs`() throws {
        _ = try plan(allowed: true)
        kernel.addFile("/sys/devices/martlet-hold/held", "1000.net clocks=1\n")
        _ = try plan()
        kernel.withState { $0.files["/sys/devices/martlet-hold/held"] = nil }
        #expect(throws: MachineError.self) { try plan() }
        setClock(on: true)
        _ = try plan()
    }

    @Test func `what can't be read is no reason to refuse it`() throws {
        kernel.withState { $0.files[Self.summary] = nil }
        _ = try plan()
        kernel.addFile("/run/martlet/host-records/1000.net", "nonsense\n")
        _ = try plan()
        #expect(host.log.all.contains { $0.hasPrefix("warning: 1000.net: can't read what bind noted of it: ") })
    }

    @Test func `without a record nothing more is read`() throws {
        kernel.withState { $0.files["/run/martlet/host-records/1000.net"] = nil }
        let calls = try reads
        #expect(calls.filter { $0.contains("martlet") } == ["read /run/martlet/host-records/1000.net"])
        #expect(!calls.contains { $0.contains("debug") || $0.contains("regulator") || $0.contains("pm_genpd") })
    }

    @Test func `check names it as a problem`() {
        let check = MachineCheck(
            host.configuration(devices: [.named("1000.net")]), calls: kernel, log: host.log.log)
        #expect(check.problems.count == 1)
        #expect(check.problems.first?.hasPrefix("1000.net: off now: clock core (core_gate)\n") == true)
    }

    @Test func `check says what a device probably needs`() {
        setClock(on: true)
        host.add(
            "2000.uart",
            properties: ["compatible": .string("test,uart"), "clocks": .cells([5, 1]), "clock-names": .string("baud")])
        kernel.withState { state in
            state.files["/sys/firmware/devicetree/base/cru/phandle"] = PropertyValue.cell(5).bytes
            state.files["/sys/firmware/devicetree/base/cru/#clock-cells"] = PropertyValue.cell(1).bytes
        }
        let check = MachineCheck(
            host.configuration(devices: [.named("1000.net"), .named("2000.uart")]), calls: kernel, log: host.log.log)
        #expect(check.problems == [])
        #expect(check.facts.suffix(2).first == "1000.net: will probably work")
        #expect(check.facts.last == "2000.uart: probably needs clocks baud (device_tree.clocks)")
    }
}
