// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import GuestMemory
import LinuxSystem
import PlatformBus
import Synchronization
import Testing

@testable import KVM
@testable import Machine

#if arch(x86_64)
/// A device that hands out numbers, and takes each back once and in order.
private final class TicketDevice: MMIODevice {
    private let state = Mutex((handed: UInt16(0), taken: 0, mistakes: 0))

    var taken: Int { state.withLock { $0.taken } }
    var mistakes: Int { state.withLock { $0.mistakes } }

    func read(offset: UInt64, width: AccessWidth) -> UInt64 {
        state.withLock { state in
            state.handed &+= 1
            return UInt64(state.handed)
        }
    }

    func write(offset: UInt64, width: AccessWidth, value: UInt64) {
        state.withLock { state in
            state.taken += 1
            let isRight = value == UInt64(state.handed) && UInt16(truncatingIfNeeded: state.taken) == state.handed
            if !isRight { state.mistakes += 1 }
        }
    }
}

/// vCPU threads that are held and let go on this machine's own /dev/kvm.
@Suite(
    .enabled(if: access("/dev/kvm", R_OK | W_OK) == 0, "this machine has no /dev/kvm that this user may open"),
    .timeLimit(.minutes(2)))
struct RunnerOnKVMTests {
    private typealias Guest = RealModeGuest

    private let device = TicketDevice()

    private func runner(_ guest: RealModeGuest) throws -> VCPURunner {
        try SystemThread.installKickHandler()
        let bus = BusMap(windows: [], spiCount: 32)
        let range = try #require(GuestRange(base: GuestAddress(Guest.deviceBase), size: 0x1000))
        try bus.attach("device", range, to: device)
        let dispatcher = bus.makeDispatcher()
        return VCPURunner(
            guest.vcpu, dispatcher: dispatcher,
            emulator: InstructionEmulator(
                memory: try GuestRAM([], system: LinuxKernel()), dispatcher: dispatcher, log: .silent))
    }

    /// Pauses and resumes so many times, each time once the thread is about to enter the guest, or in it, and stops.
    private func cycle(_ runner: VCPURunner, _ count: Int, _ during: () -> Void = {}) throws {
        let ends = Mutex(0)
        try runner.start { _ in ends.withLock { $0 += 1 } }
        for number in 0..<count {
            while runner.phase != .running { usleep(10) }
            // At any point of the way into the guest.
            if number % 2 == 0 { usleep(UInt32(number % 50)) }
            runner.pause()
            #expect(runner.phase == .paused)
            during()
            runner.resume()
        }
        runner.stop()
        _ = runner.join()
        #expect(ends.withLock { $0 } == 0)
    }

    /// Only the kick gets it out.
    @Test func `10,000 pauses of a guest that never exits`() throws {
        // jmp to itself
        let guest = try Guest(code: [0xEB, 0xFE])
        try cycle(try runner(guest), 10_000)
    }

    /// It sleeps in the kernel, as a vCPU does that is in WFI, or that PSCI has powered off.
    @Test func `10,000 pauses of a guest that sleeps in KVM_RUN`() throws {
        let guest = try Guest(code: Guest.halt, hasInterruptController: true)
        try cycle(try runner(guest), 10_000)
    }

    @Test func `10,000 pauses of a guest that reads and writes all the time lose and double no access`() throws {
        let guest = try Guest(
            // mov ax, [0x20]; mov [0x30], ax; jmp to the first
            code: Guest.selectDevice + [0xA1, 0x20, 0x00, 0xA3, 0x30, 0x00, 0xEB, 0xF8])
        var count = 0
        try cycle(try runner(guest), 10_000) {
            count += 1
            guard count % 500 == 0 else { return }
            let before = device.taken
            usleep(1000)
            #expect(device.taken == before, "it is paused")
        }
        #expect(device.mistakes == 0)
        #expect(device.taken > 1000)
    }

    @Test func `2,000 interrupts that come during a pause are taken after it`() throws {
        let guest = try Guest(
            code: Guest.setUpPIC + Guest.selectDevice + Guest.waitForInterrupts,
            // push ax; mov ax, [0x20]; mov [0x30], ax; end of interrupt; pop ax
            handler: [0x50, 0xA1, 0x20, 0x00, 0xA3, 0x30, 0x00] + Guest.output(0x20, to: 0x20) + [0x58, 0xCF],
            hasInterruptController: true)
        let trigger = try EventDescriptor(of: LinuxKernel())
        let route = try InterruptRoute(guest.vm, gsi: GSI(rawValue: 4), trigger: trigger)
        let runner = try runner(guest)
        try runner.start { _ in }
        // Its interrupt controller is set up when the first comes through.
        #expect(
            (0..<5000).contains { _ in
                trigger.signal()
                usleep(1000)
                return device.taken > 0
            })
        usleep(20_000)
        for _ in 0..<2000 {
            runner.pause()
            let before = device.taken
            trigger.signal()
            if before % 100 == 0 {
                usleep(1000)
                #expect(device.taken == before)
            }
            runner.resume()
            for _ in 0..<50_000 where device.taken == before { usleep(100) }
            #expect(device.taken == before + 1)
        }
        runner.stop()
        _ = runner.join()
        #expect(device.mistakes == 0)
        withExtendedLifetime(route) {}
    }
}
#endif
