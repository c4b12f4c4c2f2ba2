// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CLinux
import KVM
import KernelFakes
import LinuxSystem
import PlatformBus
import Synchronization
import Testing
import VFIO

@testable import Passthrough

/// A fake host with one device, a VM on it, and an event loop that runs: the wiring of interrupts with real eventfds.
final class PathHost: Sendable {
    static let name = "1000.device"
    let kernel = FakeKernel()
    let bus: BusMap
    let loop: EventLoop
    let messages = Mutex<[String]>([])
    let traces = Mutex<[String]>([])
    private let thread = Mutex<SystemThread?>(nil)

    init(
        regions: [FakeVFIODevice.Region] = [.init(size: 0x3000)], interrupts: [FakeVFIODevice.Interrupt] = [.level]
    ) throws {
        bus = BusMap(
            windows: [try #require(GuestRange(base: GuestAddress(0x0C00_0000), size: 0x1000_0000))], spiCount: 960)
        kernel.withState { state in
            state.devices.insert("/dev/kvm")
            state.kvm.capabilities[165] = 40  // KVM_CAP_ARM_VM_IPA_SIZE
        }
        kernel.addHostDevice(
            Self.name, vfio: FakeVFIODevice(flags: [.platform, .reset], regions: regions, interrupts: interrupts))
        loop = try EventLoop(of: kernel)
    }

    deinit {
        loop.stop()
        thread.withLock { $0 }?.join()
    }

    func start() throws {
        let loop = loop
        let started = try SystemThread(name: "loop") { do { try loop.run() } catch {} }
        thread.withLock { $0 = started }
    }

    var log: Log {
        Log(threshold: .debug) { [unowned self] level, text in messages.withLock { $0.append("\(level): \(text)") } }
    }

    var tracer: Tracer? {
        Tracer(patterns: ["*"]) { [unowned self] name, _ in traces.withLock { $0.append(name) } }
    }

    func open(_ change: (inout PlacedDevice.Settings) -> Void = { _ in }) throws -> PlacedDevices {
        var settings = PlacedDevice.Settings(.host(Self.name))
        change(&settings)
        return try PlacedDevices(
            [settings], calls: kernel, bus: bus, sysfs: Sysfs(system: kernel), log: log, tracer: tracer)
    }

    func makeVM() throws -> VirtualMachine {
        try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40)
    }

    func connect(_ devices: PlacedDevices, _ vm: VirtualMachine) throws(PassthroughError) -> ConnectedDevice {
        try ConnectedDevice(devices.devices[0], vm: vm, loop: loop, log: log, tracer: tracer)
    }

    // MARK: The hardware

    func interrupt(_ index: Int) -> FakeVFIODevice.Interrupt? {
        kernel.withState { $0.vfio.devices[Self.name]?.interrupts[index] }
    }

    /// The line fires, as VFIO's handler sees it: masked if it is level-triggered, then signalled.
    func fire(_ index: Int) {
        let trigger: CInt? = kernel.withState { state in
            guard let interrupt = state.vfio.devices[Self.name]?.interrupts[index], !interrupt.isMasked else {
                return nil
            }
            state.vfio.devices[Self.name]?.interrupts[index].isMasked = interrupt.flags.contains(.automasked)
            return interrupt.trigger
        }
        if let trigger { signal(trigger) }
    }

    func signal(_ event: CInt) {
        var one: UInt64 = 1
        _ = clinux_write(event, &one, 8)
    }

    /// How often an eventfd was signalled since the last look.
    func take(_ event: CInt) -> UInt64 {
        var count: UInt64 = 0
        return clinux_read(event, &count, 8) == 8 ? count : 0
    }

    /// Whether the SPI's line is high.
    func isHigh(_ spi: UInt32) -> Bool { kernel.withState { $0.kvm.lines[1 << 24 | (spi + 32)] ?? false } }

    /// The pieces of address space that the guest reaches without exits, sorted, relative to the window.
    var slots: [Range<UInt64>] {
        kernel.withState { state in
            state.kvm.memoryRegions.values.map {
                $0.guestAddress - 0x0C00_0000..<$0.guestAddress - 0x0C00_0000 + $0.size
            }
        }.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// Waits for what the event loop's thread does.
    func wait(_ what: String, _ isDone: () throws -> Bool) rethrows {
        let deadline = Clock.monotonicNanoseconds + 20_000_000_000
        while try !isDone() {
            if Clock.monotonicNanoseconds > deadline {
                Issue.record("no \(what) within 20 s")
                return
            }
            _ = clinux_poll_readable(-1, 1)
        }
    }
}
