// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import KernelFakes
import LinuxSystem
import Synchronization
import Testing

@testable import Passthrough

/// A connection that isn't silenced first: what it has taken goes newest first.
@Suite struct ReleaseOrderTests {
    private func makeHost() throws -> PathHost {
        try PathHost(regions: [.init(size: 0x1000), .init(size: 0x2000)], interrupts: [.level, .edge])
    }

    @Test(arguments: InterruptPathKind.allCases)
    func `a connection takes its paths down, then its regions`(kind: InterruptPathKind) throws {
        let host = try makeHost()
        let devices = try host.open { $0.interrupts = kind }
        let vm = try host.makeVM()
        let before = host.kernel.held
        var connection: ConnectedDevice? = try host.connect(devices, vm)
        let held = host.kernel.held
        let start = host.kernel.journal.count
        withExtendedLifetime(connection) { #expect(held.count > before.count + 4) }
        connection = nil
        #expect(host.kernel.held == before)
        let released = host.kernel.journal[start...].compactMap { event in
            if case .release(let what) = event { what } else { nil }
        }
        #expect(released == held.dropFirst(before.count).reversed())
        withExtendedLifetime(vm) {}
    }

    @Test(arguments: [InterruptPathKind.irqfd, .relay])
    func `a connection that fails takes its paths down, then its regions`(kind: InterruptPathKind) throws {
        let host = try makeHost()
        let devices = try host.open { $0.interrupts = kind }
        let vm = try host.makeVM()
        let before = host.kernel.held
        let count = Mutex(0)
        host.kernel.withState { state in
            state.beforeCall = { call in
                guard call.hasPrefix("KVM_IRQFD") else { return nil }
                return count.withLock { count in
                    count += 1
                    return count == 2 ? .resourceBusy : nil
                }
            }
        }
        let error = passthroughError { () throws(PassthroughError) in try host.connect(devices, vm) }
        guard case .noInterruptPath(device: "1000.device", interrupt: 1, _, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(host.kernel.held == before)
        #expect(host.kernel.disorder == nil, "\(host.kernel.journal)")
        withExtendedLifetime(vm) {}
    }
}
