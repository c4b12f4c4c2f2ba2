// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CLinux
import DeviceOptions
import KernelFakes
import LinuxSystem
import Synchronization
import Testing

@testable import Passthrough

/// Lines that go high at any moment of the set-up, and calls that are refused meanwhile: the guest gets each interrupt.
struct SetUpSweepTests {
    @Test(arguments: InterruptPathKind.allCases, [false, true])
    func `lines that go high before any call are delivered, once, and so are the next ones`(
        path: InterruptPathKind, isLeftMasked: Bool
    ) throws {
        var call = 0
        var count = 0
        repeat {
            let setUp = try SetUp(path, raisedBefore: call, isLeftMasked: isLeftMasked)
            #expect(setUp.connection?.routes.map(\.path.kind) == [path, path])
            if let missing = try setUp.missing() {
                Issue.record(
                    "\(path), raised before call \(call), \(setUp.calls.dropFirst(call).first ?? "none"): \(missing)")
                return
            }
            #expect(setUp.hardware.fireCounts == [3, 3], "once in each round")
            count = setUp.calls.count
            call += 1
        } while call <= count
        #expect(count > 5)
    }

    /// Each call refused in turn, with lines that go high before each: the paths that were begun and taken down again
    /// have swallowed nothing.
    @Test func `what comes while a path fails is delivered on the next`() throws {
        var kinds: Set<InterruptPathKind> = []
        var refused = 0
        var isRefused = true
        while isRefused {
            isRefused = false
            var call = 0
            var count = 0
            repeat {
                let number = refused
                let setUp = try SetUp(nil, raisedBefore: call) { at, _ in at == number }
                count = setUp.calls.count
                isRefused = refused < count
                if setUp.connection != nil, let missing = try setUp.missing(rounds: 1) {
                    Issue.record("refused \(setUp.calls[refused]), raised before call \(call): \(missing)")
                    return
                }
                for route in setUp.connection?.routes ?? [] { kinds.insert(route.path.kind) }
                call += 1
            } while call <= count
            refused += 1
        }
        #expect(kinds == [.irqfd, .relay])
        #expect(refused > 10)
    }

    @Test func `what comes while two paths fail is delivered on the third`() throws {
        for refused in ["KVM_IRQFD", "VFIO_DEVICE_SET_IRQS now unmask"] {
            var call = 0
            var count = 0
            repeat {
                let left = Mutex(2)
                let setUp = try SetUp(nil, raisedBefore: call) { _, name in
                    guard name.hasPrefix(refused) else { return false }
                    return left.withLock { left in
                        left -= 1
                        return left >= 0
                    }
                }
                count = setUp.calls.count
                #expect(setUp.connection?.routes.first?.path.kind == .eventfd)
                if let missing = try setUp.missing() {
                    Issue.record("no \(refused), raised before call \(call): \(missing)")
                    return
                }
                call += 1
            } while call <= count
            #expect(count > 10)
        }
    }
}

/// A device with a level-triggered line and an edge, both of which come right before one call of its set-up.
private final class SetUp {
    /// nil when the set-up has failed.
    private(set) var connection: ConnectedDevice?
    let devices: PlacedDevices
    let hardware: WiredHardware
    let host: PathHost
    /// The calls of the set-up.
    let calls: [String]

    /// - Parameters:
    ///   - call: the number of the call before which the lines go high, counted from 0; past the last it is after all.
    ///   - isLeftMasked: whether a previous owner has left the level-triggered line masked.
    ///   - refuses: whether a call fails, by its number and name.
    init(
        _ path: InterruptPathKind?, raisedBefore call: Int, isLeftMasked: Bool = false,
        refuses: @escaping @Sendable (Int, String) -> Bool = { _, _ in false }
    ) throws {
        let host = try PathHost(interrupts: [.level, .edge])
        let hardware = WiredHardware(host, levels: [true, false])
        devices = try host.open {
            $0.interrupts = path
            $0.mapTimeoutMilliseconds = 1
        }
        let vm = try host.makeVM()
        let names = CallNames()
        host.kernel.withState { state in
            state.vfio.devices[PathHost.name]?.interrupts[0].isMasked = isLeftMasked
            state.beforeCall = { name in
                let number = names.append(name)
                // What the call before this one has let through.
                hardware.settle()
                if number == call { hardware.raise() }
                return refuses(number, name) ? .resourceBusy : nil
            }
        }
        do throws(PassthroughError) { connection = try host.connect(devices, vm) } catch { connection = nil }
        host.kernel.withState { $0.beforeCall = nil }
        calls = names.all
        if call >= calls.count { hardware.raise() }
        self.host = host
        self.hardware = hardware
    }

    /// It still logs when it goes, to what the host has.
    deinit { connection = nil }

    /// What isn't delivered of what was raised, or of what is raised after it; nil when all is well.
    func missing(rounds: Int = 3) throws -> String? {
        let trap = devices.devices[0].regions[0].trap
        try host.start()
        for round in 0..<rounds {
            if round > 0 { hardware.raise() }
            var missing: Set = [0, 1]
            let delivered = wait {
                while let index = missing.first(where: hardware.isPending) {
                    hardware.handle(index, trap)
                    missing.remove(index)
                }
                return missing.isEmpty
            }
            if !delivered { return "interrupts \(missing.sorted()) of round \(round) never came" }
            let isQuiet = wait {
                !hardware.isPending(0) && !hardware.isPending(1) && host.interrupt(0)?.isMasked == false
            }
            if !isQuiet { return "no rest after round \(round)" }
        }
        return nil
    }

    private func wait(_ isDone: () -> Bool) -> Bool {
        let deadline = Clock.monotonicNanoseconds + 20_000_000_000
        while !isDone() {
            if Clock.monotonicNanoseconds > deadline { return false }
            _ = clinux_poll_readable(-1, 1)
        }
        return true
    }
}

private final class CallNames: Sendable {
    private let names = Mutex<[String]>([])
    var all: [String] { names.withLock { $0 } }

    /// The number of the call.
    func append(_ name: String) -> Int {
        names.withLock { names in
            names.append(name)
            return names.count - 1
        }
    }
}
