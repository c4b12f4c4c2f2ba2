// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import GuestMemory
import KernelFakes
import LinuxSystem
import PlatformBus
import Synchronization
import Testing

@testable import KVM
@testable import Machine

/// Notes what is written, and does something at each read.
private final class ScriptedDevice: MMIODevice {
    let writes = CallLog<UInt64>()
    let onRead = Mutex<(@Sendable () -> Void)?>(nil)

    func read(offset: UInt64, width: AccessWidth) -> UInt64 {
        onRead.withLock { $0 }?()
        return 0x1111_1104
    }
    func write(offset: UInt64, width: AccessWidth, value: UInt64) { writes.note(value) }
}

/// A vCPU that is held and let go, on a fake KVM. `RunnerOnKVMTests` has the real one.
@Suite(.timeLimit(.minutes(5))) struct VCPUPauseTests {
    private let host = FakeHost()
    private let device = ScriptedDevice()
    private let ends = CallLog<GuestEnd>()
    private let runner: VCPURunner

    init() throws {
        try SystemThread.installKickHandler()
        let vm = try VirtualMachine(try host.makeHypervisor(), addressBits: 40)
        let bus = BusMap(windows: [], spiCount: 32)
        try bus.attach("device", try #require(GuestRange(base: GuestAddress(0x1000), size: 0x100)), to: device)
        let dispatcher = bus.makeDispatcher()
        let emulator = InstructionEmulator(
            memory: try GuestRAM([], system: host.kernel), dispatcher: dispatcher, log: .silent)
        runner = VCPURunner(try VirtualCPU(vm, index: 0), dispatcher: dispatcher, emulator: emulator)
    }

    private func script(_ exits: [FakeExit]) { host.kernel.withState { $0.kvm.exits[0] = exits } }
    private func start() throws { try runner.start { [ends] in ends.note($0) } }
    private func join() -> ExitCounts { runner.join() }

    @Test func `a vCPU that is paused does nothing until it is let go`() throws {
        script([.mmioWrite(address: 0x1000, length: 4, value: 1)])
        try start()
        #expect(waits(5000) { device.writes.calls == [1] })
        runner.pause()
        #expect(runner.phase == .paused)
        script([.mmioWrite(address: 0x1000, length: 4, value: 2), .systemEvent(1)])
        usleep(50_000)
        #expect(device.writes.calls == [1])
        #expect(runner.phase == .paused)
        runner.resume()
        _ = join()
        #expect(device.writes.calls == [1, 2])
        #expect(ends.calls == [.powerOff])
        #expect(runner.phase == .ended)
    }

    /// KVM takes the answer of a read at the next KVM_RUN: without one more, the guest's registers are those of before.
    @Test func `the answer of the last access is the guest's before it is held`() throws {
        script([.mmioRead(address: 0x1004, length: 4), .systemEvent(1)])
        device.onRead.withLock { $0 = { [runner] in runner.requestPause() } }
        try start()
        #expect(waits(5000) { runner.phase == .paused })
        #expect(host.kernel.withState { $0.kvm.answers } == [0x1111_1104])
        #expect(ends.calls.isEmpty)
        runner.resume()
        #expect(join() == ExitCounts(mmioReads: 1, interrupted: 1, systemEvents: 1))
        #expect(ends.calls == [.powerOff])
    }

    @Test func `stop ends a vCPU that is paused`() throws {
        try start()
        runner.pause()
        runner.stop()
        _ = join()
        #expect(ends.calls.isEmpty)
        #expect(runner.phase == .ended)
        // Nothing of this has an effect any more.
        runner.pause()
        runner.resume()
        runner.stop()
        #expect(runner.phase == .ended)
    }

    @Test func `resume after stop doesn't bring the guest back`() throws {
        script([])
        try start()
        runner.pause()
        script([.systemEvent(1)])
        runner.stop()
        runner.resume()
        _ = join()
        #expect(ends.calls.isEmpty)
    }

    @Test func `a vCPU that is paused before it starts runs after resume`() throws {
        script([.systemEvent(2)])
        runner.pause()
        #expect(runner.phase == .ready)
        try start()
        #expect(waits(5000) { runner.phase == .paused })
        usleep(20_000)
        #expect(ends.calls.isEmpty)
        runner.resume()
        #expect(join() == ExitCounts(systemEvents: 1))
        #expect(ends.calls == [.reset])
    }

    @Test func `a second pause, and a second resume, change nothing`() throws {
        try start()
        #expect(waits(5000) { runner.phase == .running })
        runner.resume()
        runner.pause()
        runner.pause()
        #expect(runner.phase == .paused)
        runner.resume()
        runner.resume()
        script([.systemEvent(1)])
        // It may be waiting with the script of before.
        runner.pause()
        runner.resume()
        _ = join()
        #expect(ends.calls == [.powerOff])
    }

    @Test func `a pause of a guest that has ended returns`() throws {
        script([.systemEvent(1)])
        try start()
        _ = join()
        runner.pause()
        runner.resume()
        #expect(ends.calls == [.powerOff])
    }

    @Test func `10,000 pauses of a guest that writes all the time lose and double nothing`() throws {
        let count = 10_000
        script((1...count).map { .mmioWrite(address: 0x1000, length: 4, value: UInt64($0)) } + [.systemEvent(1)])
        try start()
        var pauses = 0
        while ends.calls.isEmpty || pauses < 10_000 {
            runner.pause()
            pauses += 1
            if pauses % 100 == 0 {
                let before = device.writes.calls.count
                usleep(200)
                #expect(device.writes.calls.count == before)
            }
            runner.resume()
        }
        _ = join()
        #expect(device.writes.calls == (1...UInt64(count)).map(\.self))
        #expect(ends.calls == [.powerOff])
    }

    /// Whoever asks last is obeyed, and nobody waits forever.
    @Test func `pauses, resumes and a stop from several threads end`() throws {
        for _ in 0..<50 {
            let bus = BusMap(windows: [], spiCount: 32)
            let host = FakeHost()
            let vm = try VirtualMachine(try host.makeHypervisor(), addressBits: 40)
            let dispatcher = bus.makeDispatcher()
            let runner = VCPURunner(
                try VirtualCPU(vm, index: 0), dispatcher: dispatcher,
                emulator: InstructionEmulator(
                    memory: try GuestRAM([], system: host.kernel), dispatcher: dispatcher, log: .silent))
            try runner.start { _ in }
            let pauser = try SystemThread(name: "pauser") { for _ in 0..<100 { runner.pause() } }
            let resumer = try SystemThread(name: "resumer") { for _ in 0..<100 { runner.resume() } }
            usleep(1000)
            runner.stop()
            pauser.join()
            resumer.join()
            _ = runner.join()
            #expect(runner.phase == .ended)
        }
    }
}
