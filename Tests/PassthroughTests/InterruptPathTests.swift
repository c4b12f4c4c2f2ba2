// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import HostDevices
import KVM
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing
import VFIO

@testable import Passthrough

struct InterruptPathTests {
    // MARK: The choice

    @Test func `irqfd is the first choice, and its set-up loses no assertion`() throws {
        let host = try PathHost(interrupts: [.level, .edge])
        let devices = try host.open()
        let vm = try host.makeVM()
        let connection = try host.connect(devices, vm)

        #expect(connection.routes.map(\.path.kind) == [.irqfd, .irqfd])
        #expect(connection.routes.allSatisfy { $0.reasons.isEmpty })
        let wiring = host.kernel.journal.map(\.description).filter { $0.contains("IRQ") && !$0.contains("INFO") }
        #expect(
            wiring == [
                "+ KVM_IRQFD 0", "+ VFIO_DEVICE_SET_IRQS unmask 0", "  VFIO_DEVICE_SET_IRQS now unmask 0",
                "+ VFIO_DEVICE_SET_IRQS trigger 0", "+ KVM_IRQFD 1", "+ VFIO_DEVICE_SET_IRQS trigger 1",
            ])
        let report = connection.report(HostInterruptCounts(parsing: []))
        #expect(report.interrupts.map(\.countSource) == ["/proc/interrupts", "/proc/interrupts"])
        #expect(report.interrupts.allSatisfy { $0.counters == nil && $0.count == nil })
    }

    @Test(arguments: InterruptPathKind.allCases) func `a path can be asked for by its name`(kind: InterruptPathKind)
        throws
    {
        let host = try PathHost(interrupts: [.level, .edge])
        let devices = try host.open { $0.interrupts = kind }
        let connection = try host.connect(devices, try host.makeVM())
        #expect(connection.routes.map(\.path.kind) == [kind, kind])
    }

    @Test func `a storm limit begins with the relay, and says so`() throws {
        let host = try PathHost()
        let devices = try host.open { $0.stormLimit = 5 }
        let connection = try host.connect(devices, try host.makeVM())
        #expect(connection.routes.first?.path.kind == .relay)
        #expect(connection.routes.first?.reasons == ["not irqfd: storm_limit needs the relay"])
        let lines = connection.report(HostInterruptCounts(parsing: [])).lines
        #expect(lines.contains("    not irqfd: storm_limit needs the relay"))
    }

    /// Each call of the set-up is refused in turn: the next path is used, and the report says why; or, where there is
    /// none, the error names the call. Whatever happened, nothing is left at the end.
    @Test func `whatever call is refused, the best of the other paths is used`() throws {
        var kinds: Set<InterruptPathKind> = []
        var failures = 0
        for call in 1...60 {
            let host = try PathHost(interrupts: [.level, .edge])
            let devices = try host.open()
            let vm = try host.makeVM()
            let held = host.kernel.held
            host.kernel.withState { state in
                state.callCount = 0
                state.failingCall = call
            }
            do throws(PassthroughError) {
                let connection = try host.connect(devices, vm)
                guard let failed = host.kernel.withState({ $0.failedCall }) else {
                    #expect(connection.routes.map(\.path.kind) == [.irqfd, .irqfd])
                    break
                }
                // Each interrupt has its trigger, and no line is left masked.
                #expect(host.interrupt(0)?.trigger != nil && host.interrupt(1)?.trigger != nil, "\(failed)")
                #expect(host.interrupt(0)?.isMasked == false)
                let routes = connection.routes.filter { $0.path.kind != .irqfd }
                for route in routes {
                    #expect(route.reasons.first?.hasPrefix("not irqfd: ") == true, "\(failed)")
                    kinds.insert(route.path.kind)
                }
                #expect(routes.count == 1, "\(failed) was refused, and that has no effect")
                _ = consume connection
            } catch {
                failures += 1
                let failed = try #require(host.kernel.withState { $0.failedCall })
                #expect(failed.hasPrefix("mmap") || failed.hasPrefix("KVM_SET_USER"), "\(failed): \(error)")
            }
            #expect(host.kernel.held == held, "call \(call)")
            #expect(host.interrupt(0)?.trigger == nil && host.interrupt(1)?.trigger == nil)
        }
        #expect(kinds == [.relay])
        #expect(failures > 0)
    }

    @Test(arguments: InterruptPathKind.allCases)
    func `a path asked for by name that fails is an error that says why`(kind: InterruptPathKind) throws {
        let host = try PathHost()
        let devices = try host.open { $0.interrupts = kind }
        let vm = try host.makeVM()
        let other = try devices.devices[0].device.setTrigger(
            devices.devices[0].device.interrupts[0], try EventDescriptor(of: host.kernel))
        let held = host.kernel.held

        let error = passthroughError { () throws(PassthroughError) in try host.connect(devices, vm) }

        guard case .noInterruptPath(device: "1000.device", interrupt: 0, isChoice: true, let failed)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(failed.map(\.path) == [kind])
        #expect(host.kernel.held == held)
        withExtendedLifetime(other) {}
    }

    @Test func `when no path works the error names all three reasons`() throws {
        let host = try PathHost()
        let devices = try host.open()
        let vm = try host.makeVM()
        let other = try devices.devices[0].device.setTrigger(
            devices.devices[0].device.interrupts[0], try EventDescriptor(of: host.kernel))
        let held = host.kernel.held

        let error = passthroughError { () throws(PassthroughError) in try host.connect(devices, vm) }

        let lines = (error?.description ?? "").split(separator: "\n")
        for kind in InterruptPathKind.allCases { #expect(lines.contains { $0.hasPrefix("  \(kind): ") }, "\(lines)") }
        #expect(host.kernel.held == held)
        withExtendedLifetime(other) {}
    }

    // MARK: relay

    @Test func `the relay passes on, and unmasks at the end`() throws {
        let host = try PathHost(interrupts: [.level, .edge])
        let devices = try host.open { $0.interrupts = .relay }
        let connection = try host.connect(devices, try host.makeVM())
        let level = try #require(host.kernel.withState { $0.kvm.irqfds[0] })
        let edge = try #require(host.kernel.withState { $0.kvm.irqfds[1] })
        let resample = try #require(level.resample)
        #expect(edge.resample == nil)
        try host.start()

        for _ in 0..<3 {
            host.fire(0)
            host.wait("injection") { host.take(level.trigger) == 1 }
            #expect(host.interrupt(0)?.isMasked == true)
            host.signal(resample)
            host.wait("unmask") { host.interrupt(0)?.isMasked == false }
        }
        host.fire(1)
        host.wait("injection of the edge") { host.take(edge.trigger) == 1 }

        #expect(host.slots == [0..<0x3000])
        let report = connection.report(HostInterruptCounts(parsing: []))
        let counters = try #require(report.interrupts[0].counters)
        #expect(counters.raised == 3 && counters.delivered == 3 && counters.ended == 3 && counters.coalesced == 0)
        #expect(report.interrupts.map(\.count) == [3, 1])
        #expect(report.interrupts.map(\.path) == ["relay", "relay"])
        let traces = host.traces.withLock { $0 }
        #expect(traces.count { $0 == "vfio_platform_relay_interrupt" } == 4)
        #expect(traces.count { $0 == "vfio_platform_relay_resample" } == 3)
        #expect(traces.count { $0 == "vfio_platform_start_relay_injection" } == 2)
        connection.quiesce()
        #expect(host.interrupt(0)?.trigger == nil)
        #expect(connection.report(HostInterruptCounts(parsing: [])).interrupts.map(\.count) == [3, 1])
    }

    @Test func `a storm is held masked, and logged`() throws {
        let host = try PathHost()
        let devices = try host.open {
            $0.interrupts = .relay
            $0.stormLimit = 1
        }
        let connection = try host.connect(devices, try host.makeVM())
        let route = try #require(host.kernel.withState { $0.kvm.irqfds[0] })
        let resample = try #require(route.resample)
        try host.start()
        func counters() throws -> InterruptCounters {
            try #require(connection.report(HostInterruptCounts(parsing: [])).interrupts[0].counters)
        }

        // The second within a second is one too many; on a busy machine that may need several attempts.
        var fired: UInt64 = 0
        while fired < 20, try counters().stormHeld == 0 {
            host.wait("unmask") { host.interrupt(0)?.isMasked == false }
            host.fire(0)
            fired += 1
            host.wait("injection") { host.take(route.trigger) == 1 }
            host.signal(resample)
            try host.wait("end") { try counters().ended == fired }
        }

        host.wait("unmask") { host.interrupt(0)?.isMasked == false }
        let found = try counters()
        #expect(found.delivered == fired && found.ended == fired && found.stormHeld == 1)
        let warnings = host.messages.withLock { $0.filter { $0.hasPrefix("warning") } }
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("storm_limit of 1 interrupts a second reached") == true)
    }

    // MARK: eventfd

    @Test func `eventfd unmaps, raises, takes the next access for the end, and maps again`() throws {
        let host = try PathHost()
        let devices = try host.open {
            $0.interrupts = .eventfd
            $0.mapTimeoutMilliseconds = 30
        }
        let connection = try host.connect(devices, try host.makeVM())
        let trap = devices.devices[0].regions[0].trap
        try host.start()
        for round in 1...2 {
            host.fire(0)
            host.wait("raised line") { host.isHigh(0) }
            #expect(host.slots == [])
            #expect(host.interrupt(0)?.isMasked == true)

            _ = trap.read(offset: 0x18, width: .word)

            #expect(!host.isHigh(0))
            #expect(host.interrupt(0)?.isMasked == false)
            host.wait("mapping") { host.slots == [0..<0x3000] }
            #expect(connection.remapCounts == RemapCounts(unmaps: UInt64(round), maps: UInt64(round), refusedUnmaps: 0))
        }
        let report = connection.report(HostInterruptCounts(parsing: []))
        let counters = try #require(report.interrupts[0].counters)
        #expect(counters.raised == 2 && counters.delivered == 2 && counters.ended == 2)
        #expect(report.unmaps == 2 && report.maps == 2)
        #expect(report.regions[0].reads == 2)
        let names = host.traces.withLock { $0.filter { !$0.contains("realize") && !$0.contains("populate") } }
        #expect(
            names.filter { $0 != "vfio_platform_mmap_enable" } == [
                "vfio_platform_start_eventfd_injection", "vfio_platform_mmap_disable", "vfio_platform_intp_interrupt",
                "vfio_platform_eoi", "vfio_platform_mmap_disable", "vfio_platform_intp_interrupt", "vfio_platform_eoi",
            ])
    }

    /// Raised while the guest's accesses don't trap, it could never be seen to end.
    @Test(arguments: [0, 20]) func `an interrupt waits while the kernel won't unmap, and is not lost`(timeout: Int)
        throws
    {
        let host = try PathHost(interrupts: [.level, .edge])
        let devices = try host.open {
            $0.interrupts = .eventfd
            $0.mapTimeoutMilliseconds = timeout
        }
        let connection = try host.connect(devices, try host.makeVM())
        let trap = devices.devices[0].regions[0].trap
        func counters() throws -> [InterruptCounters] {
            connection.report(HostInterruptCounts(parsing: [])).interrupts.compactMap(\.counters)
        }
        try host.start()
        host.kernel.withState { $0.kvm.refusedRemovals = 10_000 }
        host.fire(0)
        host.wait("second attempt") { connection.remapCounts.refusedUnmaps >= 2 }
        host.fire(1)
        try host.wait("second interrupt") { try counters()[1].raised == 1 }
        #expect(!host.isHigh(0) && !host.isHigh(1))
        #expect(host.slots == [0..<0x3000])
        #expect(host.interrupt(0)?.isMasked == true)

        host.kernel.withState { $0.kvm.refusedRemovals = 0 }

        host.wait("raised line") { host.isHigh(0) }
        #expect(host.slots == [])
        _ = trap.read(offset: 0x18, width: .word)
        #expect(!host.isHigh(0) && host.isHigh(1))
        #expect(host.interrupt(0)?.isMasked == false)
        _ = trap.read(offset: 0x18, width: .word)
        #expect(!host.isHigh(1))
        if timeout > 0 { host.wait("mapping") { host.slots == [0..<0x3000] } }
        let found = try counters()
        #expect(found.allSatisfy { $0.raised == 1 && $0.delivered == 1 && $0.ended == 1 && $0.queued == 1 })
        // However often it was refused, it is said once.
        let errors = host.messages.withLock { $0.filter { $0.hasPrefix("error") } }
        #expect(errors.count == 1 && errors.first?.contains("ENOMEM") == true, "\(errors)")
        #expect(errors.first?.contains("the interrupt waits, and Martlet retries every 10 ms") == true)
        let report = connection.report(HostInterruptCounts(parsing: []))
        #expect(report.refusedUnmaps >= 2 && report.unmaps == 1)
        #expect(report.lines.last?.hasSuffix("\(report.refusedUnmaps) times refused by the kernel") == true)
    }

    /// A region that can't be split stays whole, and the path isn't used.
    @Test func `with eoi a region that the kernel won't unmap stays mapped`() throws {
        let host = try PathHost()
        let devices = try host.open {
            $0.interrupts = .eventfd
            $0.endOfInterrupt = EndOfInterrupt(region: 0, offset: 0x1018, length: 4)
        }
        let vm = try host.makeVM()
        host.kernel.withState { $0.kvm.refusedRemovals = 1 }
        let error = passthroughError { () throws(PassthroughError) in try host.connect(devices, vm) }
        #expect(error?.description.contains("(removal) at 0xc000000: ENOMEM") == true, "\(error as Any)")
        #expect(host.slots == [])
    }

    @Test func `with eoi only its page comes and goes, and only its bytes end an interrupt`() throws {
        let host = try PathHost()
        let devices = try host.open {
            $0.interrupts = .eventfd
            $0.mapTimeoutMilliseconds = 0
            $0.endOfInterrupt = EndOfInterrupt(region: 0, offset: 0x1018, length: 4)
        }
        let connection = try host.connect(devices, try host.makeVM())
        let trap = devices.devices[0].regions[0].trap
        #expect(host.slots == [0..<0x1000, 0x1000..<0x2000, 0x2000..<0x3000])
        try host.start()
        host.fire(0)
        host.wait("raised line") { host.isHigh(0) }
        #expect(host.slots == [0..<0x1000, 0x2000..<0x3000])

        _ = trap.read(offset: 0x1014, width: .word)
        #expect(host.isHigh(0))
        trap.write(offset: 0x1018, width: .word, value: 1)
        #expect(!host.isHigh(0))
        #expect(host.slots == [0..<0x1000, 0x2000..<0x3000])
        connection.quiesce()
        _ = trap.read(offset: 0x1018, width: .word)
    }

    @Test(arguments: [(1, 0x18, 4), (0, 0x2FFD, 4), (0, UInt64.max, 4)])
    func `an eoi range outside the device is an error that tells its regions`(
        region: Int, offset: UInt64, length: UInt64
    ) throws {
        let host = try PathHost()
        let held = host.kernel.held
        let error = passthroughError { () throws(PassthroughError) in
            do {
                _ = try host.open { $0.endOfInterrupt = EndOfInterrupt(region: region, offset: offset, length: length) }
            } catch {
                if let error = error as? PassthroughError { throw error }
            }
        }
        #expect(error == .endRangeOutside(device: "1000.device", regions: [12288]))
        #expect(host.kernel.held == held)
    }

    /// The trigger, the access that ends the one before, and the timer, from three threads at once.
    @Test func `eventfd loses nothing in races`() throws {
        let host = try PathHost(interrupts: [.edge, .level])
        let devices = try host.open {
            $0.interrupts = .eventfd
            $0.mapTimeoutMilliseconds = 1
        }
        let connection = try host.connect(devices, try host.makeVM())
        let trap = devices.devices[0].regions[0].trap
        try host.start()
        let guest = try SystemThread(name: "vcpu") {
            for _ in 0..<20_000 { _ = trap.read(offset: 0, width: .word) }
        }
        for _ in 0..<2_000 {
            host.fire(0)
            host.fire(1)
        }
        guest.join()
        func counters() -> [InterruptCounters] {
            connection.report(HostInterruptCounts(parsing: [])).interrupts.compactMap(\.counters)
        }
        // What is still active or queued: the guest goes on reading.
        host.wait("end of all interrupts") {
            _ = trap.read(offset: 0, width: .word)
            let found = counters()
            return found[0].raised == 2_000 && found.allSatisfy { $0.delivered == $0.ended }
                && found.allSatisfy { $0.raised == $0.delivered + $0.coalesced }
        }
        #expect(host.interrupt(1)?.isMasked == false)
        host.wait("mapping") { host.slots == [0..<0x3000] }
        #expect(!host.isHigh(0) && !host.isHigh(1))
    }
}
