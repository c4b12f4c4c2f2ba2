// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import KernelFakes
import LinuxSystem
import Synchronization
import Testing

/// `bind` and `release` that are killed (SIGKILL) before any of their calls to the kernel: the next ones get the device
/// back to its driver, and its rule back to what it was.
@Suite struct BindingKillTests {
    /// What a device had before.
    struct Start: Sendable, CustomTestStringConvertible {
        var driver: String
        var rule: String?
        /// Whether VFIO has it, given by another program: nothing is noted.
        var isWithVFIO = false
        var isBehindIOMMU = true
        /// Whether the host has martlet-hold.
        var isHoldable = false

        var testDescription: String {
            "\(driver.isEmpty ? "no driver" : driver), \(rule ?? "no rule")"
                + "\(isWithVFIO ? ", with VFIO" : "")\(isBehindIOMMU ? "" : ", no IOMMU")\(isHoldable ? ", held" : "")"
        }
    }

    static let starts = [
        Start(driver: "rtc-pl031"), Start(driver: "rtc-pl031", rule: "rtc-pl031"), Start(driver: ""),
        Start(driver: "rtc-pl031", isBehindIOMMU: false), Start(driver: "rtc-pl031", isWithVFIO: true),
        Start(driver: "rtc-pl031", isHoldable: true), Start(driver: "", isHoldable: true),
        Start(driver: "rtc-pl031", isWithVFIO: true, isHoldable: true),
    ]

    private static let name = "9010000.pl031"
    private static let rulePath = "/sys/devices/platform/\(name)/driver_override"

    /// One host on which processes are killed.
    private struct KillHost {
        static let rule = rulePath
        let kernel = FakeKernel()
        var sysfs: Sysfs { Sysfs(system: kernel) }
        var binding: DeviceBinding { DeviceBinding(sysfs: sysfs, calls: kernel) }

        init(_ start: Start) {
            kernel.addHostDevice(
                name, bus: .amba, group: start.isBehindIOMMU ? 7 : nil, driver: start.driver,
                properties: ["compatible": Array("arm,pl031\0".utf8)])
            if start.isHoldable { kernel.addHoldModule() }
            kernel.addFile("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n")
            if let rule = start.rule { kernel.addFile(rulePath, "\(rule)\n") }
            guard start.isWithVFIO else { return }
            kernel.addFile(rulePath, "vfio-amba\n")
            kernel.withState { state in
                state.links["/sys/devices/platform/\(name)/driver"] = "../../../bus/amba/drivers/vfio-amba"
                state.devices.insert("/dev/vfio/7")
            }
        }

        func device() throws -> HostDevice { try HostDevice(host: name, sysfs: sysfs) }

        /// Runs `body` as a process that ends before its call number `limit`: from then on nothing that it does has any
        /// effect.
        /// - Returns: whether it got to its end.
        func process(killedAtCall limit: Int, _ body: () throws -> Void) -> Bool {
            let counter = Counter()
            kernel.withState { state in
                state.beforeCall = { _ in counter.next() < limit ? nil : .ioError }
            }
            defer { kernel.withState { $0.beforeCall = nil } }
            try? body()
            return counter.count < limit
        }
    }

    private final class Counter: Sendable {
        private let value = Atomic<Int>(0)
        var count: Int { value.load(ordering: .relaxed) }
        /// The number of this call, counted from 0.
        func next() -> Int { value.add(1, ordering: .relaxed).oldValue }
    }

    /// Kills `action` at each of its calls, and then does `rest`.
    private func sweep(
        _ start: Start, prepare: (KillHost) throws -> Void = { _ in }, _ action: (KillHost) throws -> Void,
        then rest: (KillHost) throws -> Void
    ) throws -> Int {
        var limit = 0
        while true {
            let host = KillHost(start)
            try prepare(host)
            let isWhole = host.process(killedAtCall: limit) { try action(host) }
            try rest(host)
            #expect(try host.device().driver == (start.driver.isEmpty ? nil : start.driver), "killed at call \(limit)")
            let rule = host.kernel.withState { $0.files[KillHost.rule] }.map { String(decoding: $0, as: UTF8.self) }
            #expect(rule ?? "(null)\n" == "\(start.rule ?? "(null)")\n", "killed at call \(limit)")
            #expect(
                host.kernel.withState { state in
                    state.files.keys.filter { $0.hasPrefix("/run/martlet/former-drivers/") }
                } == [], "killed at call \(limit)")
            let held = host.kernel.withState { $0.files["/sys/devices/martlet-hold/held"] }
            #expect(held ?? [] == [], "killed at call \(limit)")
            if isWhole { return limit }
            limit += 1
        }
    }

    private static func bind(_ host: KillHost) throws { _ = try host.binding.bind(try host.device()) }
    private static func release(_ host: KillHost) throws { _ = try host.binding.release(try host.device()) }

    @Test(arguments: starts) func `a killed bind is finished by the next, and release gives the device back`(
        start: Start
    ) throws {
        let calls = try sweep(start, Self.bind) { host in
            try Self.bind(host)
            #expect(try host.device().state == .ready)
            try Self.release(host)
        }
        #expect(calls > (start.isWithVFIO ? start.isHoldable ? 5 : 0 : 10))
    }

    @Test(arguments: starts) func `release after a killed bind gives the device back`(start: Start) throws {
        _ = try sweep(start, Self.bind, then: Self.release)
    }

    @Test(arguments: starts) func `a killed release is finished by the next`(start: Start) throws {
        let calls = try sweep(start, prepare: Self.bind, Self.release, then: Self.release)
        #expect(calls > 10)
    }

    @Test(arguments: starts) func `bind and release after a killed release give the device back`(start: Start) throws {
        _ = try sweep(start, prepare: Self.bind, Self.release) { host in
            try Self.bind(host)
            #expect(try host.device().state == .ready)
            try Self.release(host)
        }
    }
}
