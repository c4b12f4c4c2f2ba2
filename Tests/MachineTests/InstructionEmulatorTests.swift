// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import GuestMemory
import KernelFakes
import LinuxSystem
import PlatformBus
import Synchronization
import Testing

@testable import KVM
@testable import Machine

/// A device that keeps what was done to it, in order, and answers each byte with its own offset + 0x80.
private final class Recorder: MMIODevice {
    struct Access: Equatable, Sendable {
        let offset: UInt64
        let bytes: UInt64
        /// nil for a read.
        let value: UInt64?
    }

    private let list = Mutex<[Access]>([])
    var accesses: [Access] { list.withLock { $0 } }
    private let notes = Mutex<[UndescribedAccess]>([])
    var undescribed: [UndescribedAccess] { notes.withLock { $0 } }

    func note(_ access: UndescribedAccess) { notes.withLock { $0.append(access) } }

    func read(offset: UInt64, width: AccessWidth) -> UInt64 {
        list.withLock { $0.append(Access(offset: offset, bytes: width.bytes, value: nil)) }
        return (0..<width.bytes).reversed().reduce(0) {
            $0 << 8 | UInt64(truncatingIfNeeded: 0x80 &+ offset &+ $1) & 0xff
        }
    }

    func write(offset: UInt64, width: AccessWidth, value: UInt64) {
        list.withLock { $0.append(Access(offset: offset, bytes: width.bytes, value: value)) }
    }
}

/// A guest that has stopped at an instruction: 1 MiB of RAM at 2 GiB, two devices of 4 KiB side by side.
private struct StoppedGuest {
    static let ram: UInt64 = 0x8000_0000
    static let code = ram + 0x1000
    static let device: UInt64 = 0x1000_0000
    static let tables = ram + 0x8000

    let kernel = FakeKernel()
    let vcpu: VirtualCPU
    let memory: GuestRAM
    let first = Recorder()
    let second = Recorder()
    let emulator: InstructionEmulator
    private let messages = Messages()
    private let thread = OwnThread()

    private final class Messages: Sendable {
        let list = Mutex<[String]>([])
    }

    /// What the vCPU's thread has.
    private final class OwnThread: Sendable {
        let reentries = Mutex(Reentries())
    }

    var log: [String] { messages.list.withLock { $0 } }

    init() throws {
        kernel.withState { state in
            state.devices.insert("/dev/kvm")
            state.kvm.capabilities[165] = 40
            state.kvm.missingRegisters = [SystemRegister.tcr2EL1.identifier]
        }
        let vm = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40)
        vcpu = try VirtualCPU(vm, index: 0)
        memory = try GuestRAM(
            [try #require(GuestRange(base: GuestAddress(Self.ram), size: 1 << 20))], system: kernel)
        let bus = BusMap(windows: [], spiCount: 0)
        for (name, device, base) in [("first", first, Self.device), ("second", second, Self.device + 0x1000)] {
            try bus.attach(name, try #require(GuestRange(base: GuestAddress(base), size: 0x1000)), to: device)
        }
        emulator = InstructionEmulator(
            memory: memory, dispatcher: bus.makeDispatcher(),
            log: Log(threshold: .warning) { [messages] _, text in messages.list.withLock { $0.append(text) } })
        try vcpu.set(.pc, to: Self.code)
        try vcpu.set(.pstate, to: 0x3c5)  // EL1h, interrupts masked
        try vcpu.set(.x(5), to: Self.device)
    }

    func put(_ value: UInt64, at address: UInt64, bytes: Int = 8) {
        let content = (0..<bytes).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) }
        #expect(memory.write(content, at: GuestAddress(address)))
    }

    func set(_ register: SystemRegister, to value: UInt64) {
        kernel.withState { state in
            state.kvm.registers["KVM_CREATE_VCPU 0", default: [:]][register.identifier] = value
            state.kvm.missingRegisters.remove(register.identifier)
        }
    }

    /// Runs the one instruction.
    /// - Returns: whether it was performed; otherwise it was answered with a data abort.
    func run(_ word: UInt32, trapped: UInt64 = device, isWrite: Bool = false, at physical: UInt64 = code) throws -> Bool
    {
        put(UInt64(word), at: physical, bytes: 4)
        let outcome = try handle(trapped: trapped, isWrite: isWrite)
        #expect(outcome != .reentered)
        return outcome == .performed
    }

    /// What becomes of the instruction that is there.
    func handle(trapped: UInt64 = device, isWrite: Bool = false) throws -> InstructionEmulator.Outcome {
        try thread.reentries.withLock {
            try emulator.handle(vcpu, address: trapped, isWrite: isWrite, &$0)
        }
    }

    func x(_ number: Int) throws -> UInt64 { try vcpu.value(of: .x(number)) }

    var abortCount: Int { kernel.withState { $0.kvm.dataAborts } }

    /// The MMU on: 4 KiB, 39 bits in both halves, blocks of 1 GiB by `descriptors`, from address 0 of each half.
    func turnOnMMU(_ descriptors: [UInt64]) {
        set(.sctlrEL1, to: 1)
        set(.tcrEL1, to: 25 | 25 << 16 | 2 << 30 | 2 << 32)
        set(.ttbr0EL1, to: Self.tables)
        set(.ttbr1EL1, to: Self.tables)
        for (index, descriptor) in descriptors.enumerated() {
            put(descriptor, at: Self.tables + UInt64(index) * 8)
        }
    }

    /// An instruction that the hardware is left to try again, with nothing done, until there is an end to that.
    func expectReentry(
        _ word: UInt32, _ text: String, trapped: UInt64 = device, isWrite: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        put(UInt64(word), at: Self.code, bytes: 4)
        let before = kernel.withState { $0.kvm.registers }
        for _ in 0..<Reentries.limit {
            guard try handle(trapped: trapped, isWrite: isWrite) == .reentered else {
                Issue.record("not left to the hardware", sourceLocation: sourceLocation)
                return
            }
        }
        #expect(abortCount == 0 && log.isEmpty, "\(log)", sourceLocation: sourceLocation)
        #expect(first.undescribed.isEmpty && second.undescribed.isEmpty, sourceLocation: sourceLocation)
        #expect(try handle(trapped: trapped, isWrite: isWrite) == .aborted, sourceLocation: sourceLocation)
        #expect(abortCount == 1, sourceLocation: sourceLocation)
        #expect(kernel.withState { $0.kvm.registers } == before, sourceLocation: sourceLocation)
        #expect(first.accesses.isEmpty && second.accesses.isEmpty, sourceLocation: sourceLocation)
        #expect(log.count == 1 && log.first?.contains(text) == true, "\(log)", sourceLocation: sourceLocation)
        // The next one has all tries again.
        #expect(try handle(trapped: trapped, isWrite: isWrite) == .reentered, sourceLocation: sourceLocation)
    }

    /// An instruction that isn't performed: the guest is left as it is, but for the abort.
    func expectAbort(
        _ word: UInt32, _ text: String, trapped: UInt64 = device, isWrite: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = kernel.withState { $0.kvm.registers }
        #expect(try !run(word, trapped: trapped, isWrite: isWrite), sourceLocation: sourceLocation)
        #expect(abortCount == 1, sourceLocation: sourceLocation)
        #expect(kernel.withState { $0.kvm.registers } == before, sourceLocation: sourceLocation)
        #expect(first.accesses.isEmpty && second.accesses.isEmpty, sourceLocation: sourceLocation)
        #expect(log.count == 1 && log.first?.contains(text) == true, "\(log)", sourceLocation: sourceLocation)
    }
}

@Suite struct InstructionEmulatorTests {
    private let guest: StoppedGuest

    init() throws { guest = try StoppedGuest() }

    @Test func `pair with write back is loaded in order`() throws {
        #expect(try guest.run(0xa8c1_04a0))  // ldp x0, x1, [x5], #16

        #expect(
            guest.first.accesses == [.init(offset: 0, bytes: 8, value: nil), .init(offset: 8, bytes: 8, value: nil)])
        #expect(try guest.x(0) == 0x8786_8584_8382_8180)
        #expect(try guest.x(1) == 0x8f8e_8d8c_8b8a_8988)
        #expect(try guest.x(5) == StoppedGuest.device + 16)
        #expect(try guest.vcpu.value(of: .pc) == StoppedGuest.code + 4)
        #expect(guest.abortCount == 0 && guest.log.isEmpty)
    }

    @Test func `signs and the upper half of narrow loads`() throws {
        try guest.vcpu.set(.x(0), to: .max)
        #expect(try guest.run(0x38c0_1ca0))  // ldrsb w0, [x5, #1]!
        #expect(try guest.x(0) == 0xffff_ff81)

        try guest.vcpu.set(.x(5), to: StoppedGuest.device)
        try guest.vcpu.set(.pc, to: StoppedGuest.code)
        #expect(try guest.run(0x6940_04a0))  // ldpsw x0, x1, [x5]
        #expect(try guest.x(0) == 0xffff_ffff_8382_8180)
    }

    @Test func `vectors are stored and loaded by halves`() throws {
        try guest.vcpu.setVector(3, to: 0x1111_2222_3333_4444_5555_6666_7777_8888)
        #expect(try guest.run(0x3d80_04a3, isWrite: true))  // str q3, [x5, #16]
        #expect(
            guest.first.accesses == [
                .init(offset: 16, bytes: 8, value: 0x5555_6666_7777_8888),
                .init(offset: 24, bytes: 8, value: 0x1111_2222_3333_4444),
            ])

        try guest.vcpu.set(.pc, to: StoppedGuest.code)
        #expect(try guest.run(0x3dc0_00a3))  // ldr q3, [x5]
        #expect(try guest.vcpu.vector(3) == 0x8f8e_8d8c_8b8a_8988_8786_8584_8382_8180)

        try guest.vcpu.set(.pc, to: StoppedGuest.code)
        #expect(try guest.run(0x3d40_00a3))  // ldr b3, [x5]
        #expect(try guest.vcpu.vector(3) == 0x80)
    }

    @Test func `zero register is stored and takes nothing`() throws {
        #expect(try guest.run(0xa881_7cbf, isWrite: true))  // stp xzr, xzr, [x5], #16
        #expect(guest.first.accesses == [.init(offset: 0, bytes: 8, value: 0), .init(offset: 8, bytes: 8, value: 0)])
        #expect(try guest.x(5) == StoppedGuest.device + 16)
    }

    @Test(arguments: [(0x3c5, CoreRegister.spEL1), (0x3c4, .sp), (0x3c0, .sp)] as [(UInt64, CoreRegister)])
    func `stack pointer is that of the state`(state: UInt64, register: CoreRegister) throws {
        try guest.vcpu.set(.pstate, to: state)
        try guest.vcpu.set(register, to: StoppedGuest.device + 32)

        #expect(try guest.run(0xb81f_0fe1, isWrite: true))  // str w1, [sp, #-16]!

        #expect(guest.first.accesses == [.init(offset: 16, bytes: 4, value: 0)])
        #expect(try guest.vcpu.value(of: register) == StoppedGuest.device + 16)
    }

    @Test func `stepping over clears the branch type and the step`() throws {
        try guest.vcpu.set(.pstate, to: 0x3c5 | 3 << 10 | 1 << 21 | 1 << 31)

        #expect(try guest.run(0x2940_04a0))  // ldp w0, w1, [x5]

        #expect(try guest.vcpu.value(of: .pstate) == 0x3c5 | 1 << 31)
    }

    @Test func `translated addresses go through the guests tables`() throws {
        // Device memory at the first GiB, RAM at the third, for both halves.
        guest.turnOnMMU([1 << 10 | 1, 0, 2 << 30 | 1 << 10 | 1])
        let upper: UInt64 = 0xffff_ff80_0000_0000
        try guest.vcpu.set(.pc, to: upper + StoppedGuest.code)
        try guest.vcpu.set(.x(5), to: upper + StoppedGuest.device)

        #expect(try guest.run(0x2881_04a0, isWrite: true))  // stp w0, w1, [x5], #8

        #expect(guest.first.accesses.map(\.offset) == [0, 4])
        #expect(try guest.x(5) == upper + StoppedGuest.device + 8)
        #expect(try guest.vcpu.value(of: .pc) == upper + StoppedGuest.code + 4)
    }

    // MARK: What isn't performed

    @Test func `exclusives are aborted`() throws {
        try guest.expectAbort(0xc85f_7ca0, "pc 0x80001000, instruction 0xc85f7ca0: an exclusive load")
    }

    @Test func `accesses of two regions are aborted`() throws {
        try guest.vcpu.set(.x(5), to: StoppedGuest.device + 0xffc)
        try guest.expectAbort(
            0x2940_04a0, "the access is not inside one trapped region", trapped: StoppedGuest.device + 0xffc)
    }

    @Test func `accesses behind the region are aborted`() throws {
        try guest.vcpu.set(.x(5), to: StoppedGuest.device + 0x1ffc)
        try guest.expectAbort(
            0x2940_04a0, "the access is not inside one trapped region", trapped: StoppedGuest.device + 0x1ffc)
    }

    /// Two pages that follow each other for the guest, but not for the machine.
    @Test func `accesses of two pages follow the tables`() throws {
        let level2 = StoppedGuest.tables + 0x1000
        let level3 = StoppedGuest.tables + 0x2000
        guest.turnOnMMU([level2 | 3, 0, 2 << 30 | 1 << 10 | 1])
        guest.put(level3 | 3, at: level2)
        guest.put((StoppedGuest.device + 0x1000) | 1 << 10 | 3, at: level3)
        guest.put(StoppedGuest.device | 1 << 10 | 3, at: level3 + 8)
        try guest.vcpu.set(.x(5), to: 0xffc)
        try guest.expectAbort(
            0x2940_04a0, "the access is not inside one trapped region", trapped: StoppedGuest.device + 0x1ffc)
    }

    /// The guest has put a load where the store was that trapped.
    @Test func `a load in the place of the store that trapped is left to the hardware`() throws {
        try guest.expectReentry(0x2940_04a0, "doesn't match", isWrite: true)
    }

    /// It has changed the address.
    @Test func `another address than the one that trapped is left to the hardware`() throws {
        try guest.vcpu.set(.x(5), to: StoppedGuest.device + 0x1000)
        try guest.expectReentry(0x2940_04a0, "doesn't match")
    }

    /// It has put something else where the load was.
    @Test(
        arguments: [(0xd503_201f, "not a known load or store"), (0xb8e0_08a0, "not allocated")] as [(UInt32, String)])
    func `what is no load or store is left to the hardware`(word: UInt32, text: String) throws {
        try guest.expectReentry(word, text)
    }

    /// The hardware sees what is there now, and it is performed.
    @Test func `an instruction that comes back is performed`() throws {
        guest.put(0, at: StoppedGuest.code, bytes: 4)
        for _ in 0..<10 { #expect(try guest.handle() == .reentered) }
        #expect(try guest.run(0x2940_04a0))
        #expect(guest.first.undescribed == [.emulated] && guest.abortCount == 0)
    }

    /// Each instruction has its own tries: a program that goes on isn't given an abort for what was before.
    @Test func `another instruction begins to count anew`() throws {
        guest.put(0, at: StoppedGuest.code, bytes: 8)
        for _ in 0..<3 {
            for counter in [StoppedGuest.code, StoppedGuest.code + 4] {
                try guest.vcpu.set(.pc, to: counter)
                for _ in 0..<(Reentries.limit / 2) { #expect(try guest.handle() == .reentered) }
            }
        }
        #expect(guest.abortCount == 0)
    }

    @Test(
        arguments: [
            (0x3c0, 0x2940_04a0, 1 << 10 | 1, false), (0x3c0, 0x2900_04a0, 1 << 10 | 1 << 7 | 1 << 6 | 1, true),
            (0x3c5, 0x2900_04a0, 1 << 10 | 1 << 7 | 1, true), (0x3c5, 0xb840_08a0, 1 << 10 | 1, false),
        ] as [(UInt64, UInt32, UInt64, Bool)])
    func `permissions of the tables hold`(state: UInt64, word: UInt32, descriptor: UInt64, isWrite: Bool) throws {
        guest.turnOnMMU([descriptor, 0, 2 << 30 | 1 << 10 | 1 << 6 | 1])
        try guest.vcpu.set(.pstate, to: state)
        try guest.expectReentry(word, "not permitted", isWrite: isWrite)
    }

    @Test func `user access needs the users bit unless overridden`() throws {
        guest.turnOnMMU([1 << 10 | 1, 0, 2 << 30 | 1 << 10 | 1])
        try guest.vcpu.set(.pstate, to: 0x3c5 | 1 << 23)  // UAO
        #expect(try guest.run(0xb840_08a0))  // ldtr w0, [x5]
        #expect(guest.first.accesses.count == 1)
    }

    @Test(arguments: [(0x10, "AArch32"), (0x3c9, "EL2")] as [(UInt64, String)])
    func `states that are not emulated`(state: UInt64, text: String) throws {
        try guest.vcpu.set(.pstate, to: state)
        try guest.expectAbort(0x2940_04a0, text)
    }

    @Test(arguments: [(0x3c5, 1 << 25), (0x3c0, 1 << 24)] as [(UInt64, UInt64)])
    func `big endian data is not emulated`(state: UInt64, control: UInt64) throws {
        try guest.vcpu.set(.pstate, to: state)
        guest.set(.sctlrEL1, to: control)
        try guest.expectAbort(0x2940_04a0, "big-endian")
    }

    @Test(arguments: [0x8010_0000, 0x7fff_fffc, 0x1000_0000, 0x8000_1002] as [UInt64])
    func `instructions outside RAM cannot be read`(counter: UInt64) throws {
        try guest.vcpu.set(.pc, to: counter)
        #expect(try !guest.run(0x2940_04a0))
        #expect(guest.abortCount == 1 && guest.log.first?.contains("not in RAM") == true)
    }

    /// The page of the code is unmapped behind the vCPU's back: the hardware had the translation in its TLB.
    @Test func `a fetch that finds no page is left to the hardware`() throws {
        guest.turnOnMMU([1 << 10 | 1])
        try guest.expectReentry(0x2940_04a0, "can't be read: no valid descriptor at level 1")
    }

    /// The page of the device.
    @Test func `an address without translation is left to the hardware`() throws {
        guest.turnOnMMU([0, 0, 2 << 30 | 1 << 10 | 1])
        try guest.expectReentry(0x2940_04a0, "address 0x10000000: no valid descriptor at level 1")
    }

    /// No other try changes what the walk can't follow.
    @Test func `tables that are not followed are answered at once`() throws {
        guest.turnOnMMU([1 << 10 | 1])
        guest.set(.tcrEL1, to: 63 | 25 << 16 | 2 << 30 | 2 << 32)
        try guest.expectAbort(0x2940_04a0, "TCR_EL1.T0SZ is not supported")
    }

    /// Linux maps what its drivers write to so, and has the hardware note the first store.
    @Test func `a store to a writable-clean page is performed`() throws {
        let clean: UInt64 = 1 << 51 | 1 << 10 | 1 << 7 | 1
        guest.turnOnMMU([clean, 0, 2 << 30 | 1 << 10 | 1])
        guest.set(.tcrEL1, to: 25 | 25 << 16 | 2 << 30 | 2 << 32 | 3 << 39)
        #expect(try guest.run(0x2900_04a0, isWrite: true))  // stp w0, w1, [x5]
        #expect(guest.first.accesses.map(\.offset) == [0, 4])
    }

    @Test func `the device is told what became of the instruction`() throws {
        #expect(try guest.run(0x2940_04a0))  // ldp w0, w1, [x5]
        #expect(guest.first.undescribed == [.emulated] && guest.second.undescribed == [])
        try guest.vcpu.set(.pc, to: StoppedGuest.code)
        #expect(try !guest.run(0x885f_7ca0, trapped: StoppedGuest.device + 0x1000))  // ldxr w0, [x5]
        #expect(guest.first.undescribed == [.emulated] && guest.second.undescribed == [.aborted])
        #expect(try !guest.run(0x885f_7ca0, trapped: StoppedGuest.device - 8))
        #expect(guest.first.undescribed.count == 1 && guest.second.undescribed.count == 1)
    }

    @Test func `each program counter is reported once and at most so many`() throws {
        for round in 0..<3 {
            for index in 0..<UInt64(100) {
                try guest.vcpu.set(.pc, to: StoppedGuest.ram + index * 4)
                guest.put(0xc85f_7ca0, at: StoppedGuest.ram + index * 4, bytes: 4)
                #expect(try guest.handle() == .aborted)
            }
            #expect(guest.log.count == InstructionEmulator.reportLimit, "round \(round)")
        }
        #expect(guest.abortCount == 300)
        #expect(guest.log.last?.hasSuffix("Martlet only counts further ones") == true)
    }

    @Test func `calls that fail are errors`() throws {
        // As many as one instruction makes, each of them once.
        guest.put(0xa8c1_04a0, at: StoppedGuest.code, bytes: 4)
        var failures = 0
        for call in 1..<40 {
            try guest.vcpu.set(.pc, to: StoppedGuest.code)
            try guest.vcpu.set(.x(5), to: StoppedGuest.device)
            guest.kernel.withState { $0.failingCall = $0.callCount + call }
            do {
                _ = try guest.handle()
                guest.kernel.withState { $0.failingCall = nil }
                break
            } catch { failures += 1 }
        }
        #expect((8..<20).contains(failures), "\(failures)")
    }
}
