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

/// Remembers accesses and answers with their offset.
private final class EchoDevice: MMIODevice {
    let accesses = CallLog<String>()

    func read(offset: UInt64, width: AccessWidth) -> UInt64 {
        accesses.note("read \(offset) \(width)")
        return 0x1111_1111_1111_1100 | offset
    }

    func write(offset: UInt64, width: AccessWidth, value: UInt64) {
        accesses.note("write \(offset) \(width) \(value)")
    }
}

@Suite struct VCPURunnerTests {
    private let host = FakeHost()
    private let device = EchoDevice()
    private let ends = CallLog<GuestEnd>()
    private let vcpu: VirtualCPU
    private let runner: VCPURunner
    private let dispatcher: MMIODispatcher

    init() throws {
        // Kicked threads are this suite's business, whatever ran before.
        try SystemThread.installKickHandler()
        let vm = try VirtualMachine(try host.makeHypervisor(), addressBits: 40)
        vcpu = try VirtualCPU(vm, index: 3)
        let bus = BusMap(windows: [], spiCount: 32)
        try bus.attach("echo", try #require(GuestRange(base: GuestAddress(0x1000), size: 0x100)), to: device)
        dispatcher = bus.makeDispatcher()
        let emulator = InstructionEmulator(
            memory: try GuestRAM([], system: host.kernel), dispatcher: dispatcher, log: .silent)
        runner = VCPURunner(vcpu, dispatcher: dispatcher, emulator: emulator)
    }

    /// Runs the script to its end.
    private func run(_ exits: FakeExit...) throws -> ExitCounts {
        host.kernel.withState { $0.kvm.exits[3] = exits }
        try runner.start { [ends] in ends.note($0) }
        return runner.join()
    }

    @Test(arguments: [
        (FakeExit.systemEvent(1), GuestEnd.powerOff), (.systemEvent(2), .reset), (.systemEvent(3), .crashed),
    ])
    func `a system event ends the guest`(exit: FakeExit, end: GuestEnd) throws {
        let counts = try run(exit)
        #expect(ends.calls == [end])
        #expect(counts == ExitCounts(systemEvents: 1))
    }

    @Test(arguments: [
        (
            FakeExit.failedEntry(reason: 0x80),
            "vcpu3: the CPU refused to enter the guest (KVM_EXIT_FAIL_ENTRY, reason 0x80)"
        ),
        (
            .internalError(suberror: 3),
            "vcpu3: KVM can't emulate the guest's state (KVM_EXIT_INTERNAL_ERROR, suberror 3)"
        ),
        (.other(reason: 99), "vcpu3: KVM_RUN returned an unknown exit reason, 99 (detail 0)"),
        (.systemEvent(9), "vcpu3: KVM_RUN returned an unknown exit reason, 24 (detail 9)"),
    ])
    func `what cannot go on is explained with the registers`(exit: FakeExit, text: String) throws {
        try vcpu.set(.pc, to: 0xFFFF_8000_1234_5678)
        let counts = try run(exit)
        #expect(counts == ExitCounts(other: 1))
        guard case .hung(let found, let registers) = try #require(ends.calls.first) else {
            Issue.record("\(ends.calls)")
            return
        }
        #expect(ends.calls.count == 1)
        #expect(found == text)
        #expect(registers.contains("pc 0xffff800012345678"))
    }

    @Test func `a KVM run that fails is explained too`() throws {
        _ = try run(.failure(.noFunction))
        guard case .hung(let text, _) = try #require(ends.calls.first) else { return }
        #expect(text == "vcpu3: KVM_RUN(vcpu3): ENOSYS (Function not implemented)")
    }

    @Test func `accesses reach their device and are counted`() throws {
        let counts = try run(
            .mmioRead(address: 0x1004, length: 4), .mmioWrite(address: 0x1008, length: 2, value: 0xABCD),
            .mmioRead(address: 0x10F8, length: 8), .interrupted, .mmioRead(address: 0x1001, length: 1), .systemEvent(1))
        #expect(
            device.accesses.calls == [
                "read 4 word", "write 8 halfword 43981", "read 248 doubleword", "read 1 byte",
            ])
        #expect(host.kernel.withState { $0.kvm.answers } == [0x1111_1104, 0x1111_1111_1111_11F8, 0x01])
        #expect(counts == ExitCounts(mmioReads: 3, mmioWrites: 1, interrupted: 1, systemEvents: 1))
    }

    @Test func `an access to nothing reads as zero`() throws {
        _ = try run(
            .mmioRead(address: 0x9_0000_0000, length: 4), .mmioWrite(address: 0x10FF, length: 4, value: 1),
            .systemEvent(1))
        #expect(host.kernel.withState { $0.kvm.answers } == [0])
        #expect(dispatcher.unclaimedReads == 1)
        #expect(dispatcher.unclaimedWrites == 1)
    }

    @Test func `a length that no access has changes nothing`() throws {
        let counts = try run(
            .mmioWrite(address: 0x1000, length: 3, value: 1), .mmioWrite(address: 0x1000, length: 0, value: 1),
            .systemEvent(1))
        #expect(device.accesses.calls.isEmpty)
        #expect(counts.mmioWrites == 2)
        #expect(ends.calls == [.powerOff])
    }

    /// The answer is the guest's register: what an earlier access left there must not be it.
    @Test(arguments: [3, 5, 7, 16] as [UInt32]) func `a read of a length that no access has gives zeros`(
        length: UInt32
    )
        throws
    {
        let counts = try run(
            .mmioRead(address: 0x10F8, length: 8), .mmioRead(address: 0x1000, length: length), .systemEvent(1))
        #expect(host.kernel.withState { $0.kvm.answers } == [0x1111_1111_1111_11F8, 0])
        #expect(device.accesses.calls == ["read 248 doubleword"])
        #expect(counts.mmioReads == 2)
        #expect(ends.calls == [.powerOff])
    }

    /// With the MMU on, a program counter whose tables are gone: they may come back.
    @Test func `an instruction that is gone is retried by the CPU`() throws {
        host.kernel.withState { state in
            state.kvm.registers["KVM_CREATE_VCPU 3", default: [:]][SystemRegister.sctlrEL1.identifier] = 1
            state.kvm.registers["KVM_CREATE_VCPU 3", default: [:]][SystemRegister.tcrEL1.identifier] = 25 | 25 << 16
            state.kvm.registers["KVM_CREATE_VCPU 3", default: [:]][CoreRegister.pstate.identifier] = 0x3c5
        }
        let counts = try run(
            .noSyndrome(iss: 0, address: 0x1000), .noSyndrome(iss: 0, address: 0x1000), .systemEvent(1))
        #expect(counts == ExitCounts(systemEvents: 1, nisvReentered: 2))
        #expect(host.kernel.withState { $0.kvm.dataAborts } == 0)
    }

    // MARK: Stopping

    @Test func `stop takes a waiting VCPU out and is no end of the guest`() throws {
        host.kernel.withState { $0.kvm.exits[3] = [.mmioRead(address: 0x1000, length: 1)] }
        try runner.start { [ends] in ends.note($0) }
        for _ in 0..<10_000 where device.accesses.calls.isEmpty { usleep(1000) }
        let stopper = try SystemThread(name: "stopper") { [runner] in runner.stop() }
        let counts = runner.join()
        stopper.join()
        #expect(ends.calls.isEmpty)
        #expect(counts.mmioReads == 1)
        #expect(counts.interrupted == 1)
    }

    @Test func `stop before start keeps the guest from running`() throws {
        host.kernel.withState { $0.kvm.exits[3] = [.systemEvent(1)] }
        runner.stop()
        try runner.start { [ends] in ends.note($0) }
        #expect(runner.join() == ExitCounts())
        #expect(ends.calls.isEmpty)
    }

    @Test func `stop and join without start do nothing`() {
        runner.stop()
        #expect(runner.join() == ExitCounts())
    }

    @Test func `stop after the end does nothing`() throws {
        _ = try run(.systemEvent(2))
        runner.stop()
        #expect(ends.calls == [.reset])
        #expect(runner.join().systemEvents == 1)
    }

    @Test func `the thread has the VCP us name`() throws {
        let names = CallLog<String>()
        host.kernel.withState { $0.kvm.exits[3] = [.systemEvent(1)] }
        try runner.start { _ in
            names.note((try? Sysfs(root: "/proc", system: LinuxKernel()).text("thread-self/comm")) ?? "")
        }
        _ = runner.join()
        #expect(names.calls == ["vcpu3"])
    }

    @Test func `counts add up`() {
        let one = ExitCounts(mmioReads: 1, mmioWrites: 2, interrupted: 3, systemEvents: 4, other: .max)
        #expect(
            one + ExitCounts(mmioReads: 10, mmioWrites: 20, interrupted: 30, systemEvents: 40, other: 1)
                == ExitCounts(mmioReads: 11, mmioWrites: 22, interrupted: 33, systemEvents: 44, other: 0))
    }
}
