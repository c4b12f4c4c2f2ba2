// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Arm64
internal import GuestMemory
internal import KVM
internal import LinuxSystem
internal import PlatformBus
internal import Synchronization

/// Performs loads and stores to trapped regions that the hardware doesn't describe to KVM: pairs, those with
/// write-back, those of vector registers.
///
/// If an instruction can't be performed, the guest gets an external data abort at it, which it may handle. But the
/// guest owns tables and code, and other vCPUs may change them. If they no longer match the hardware's access, the
/// guest is entered again at the same instruction, and the hardware raises the right fault, or none.
///
/// Ownership: all vCPU threads share it. It calls only into the vCPU that it is given, which belongs to the calling
/// thread; `reported` has its own lock.
final class InstructionEmulator: Sendable {
    /// The number of program counters whose aborts are reported, because they are remembered.
    static let reportLimit = 64

    /// Why an instruction wasn't performed.
    enum Problem: Error, Equatable, CustomStringConvertible {
        case aarch32
        case exceptionLevel(UInt64)
        case bigEndianData
        case fetch(TranslationRegime.Fault)
        case noInstruction(at: UInt64)
        case instruction(LoadStore.NotEmulated)
        case address(UInt64, TranslationRegime.Fault)
        case forbidden(UInt64)
        /// The accesses are not all in one trapped region.
        case notOneRegion(UInt64)
        /// The instruction isn't the one at which the hardware stopped, or was changed since.
        case changed

        /// Whether the guest may have changed tables or code since the hardware's access, so that the hardware must
        /// retry.
        var mayPass: Bool {
            switch self {
            case .fetch(.unsupported), .address(_, .unsupported): false
            case .fetch, .address, .forbidden, .changed: true
            // The hardware has executed a load or store there.
            case .instruction(.unknown), .instruction(.unallocated): true
            case .instruction, .aarch32, .exceptionLevel, .bigEndianData, .noInstruction, .notOneRegion: false
            }
        }

        var description: String {
            switch self {
            case .aarch32: "AArch32 instructions are not emulated"
            case .exceptionLevel(let level): "EL\(level) is not emulated"
            case .bigEndianData: "big-endian data is not supported"
            case .fetch(let fault): "the instruction can't be read: \(fault)"
            case .noInstruction(let address): "the instruction at \(GuestAddress(address)) is not in RAM"
            case .instruction(let reason): reason.description
            case .address(let address, let fault): "address \(GuestAddress(address)): \(fault)"
            case .forbidden(let address): "address \(GuestAddress(address)): not permitted"
            case .notOneRegion(let address):
                "address \(GuestAddress(address)): the access is not inside one trapped region"
            case .changed: "the instruction doesn't match the access that was trapped"
            }
        }
    }

    private let memory: GuestRAM
    private let dispatcher: MMIODispatcher
    private let log: Log
    /// Program counters whose abort was already reported.
    private let reported = Mutex<[UInt64]>([])

    init(memory: GuestRAM, dispatcher: MMIODispatcher, log: Log) {
        self.memory = memory
        self.dispatcher = dispatcher
        self.log = log
    }

    /// The outcome of an instruction.
    enum Outcome: Equatable {
        case performed
        /// The guest gets a data abort.
        case aborted
        /// Nothing was done: the hardware retries it.
        case reentered
    }

    /// Answers `VCPUExit.noSyndrome`: performs the instruction and steps over it, lets the hardware retry it, or
    /// injects a data abort.
    /// - Parameter reentries: the counter of this vCPU.
    /// - Throws: `KVMError` when a register can't be read or set; the guest can't continue then.
    func handle(
        _ vcpu: VirtualCPU, address: UInt64, isWrite: Bool, _ reentries: inout Reentries
    ) throws(KVMError) -> Outcome {
        let counter = try vcpu.value(of: .pc)
        var word: UInt32?
        let problem = try attempt(vcpu, counter, trapped: address, isWrite: isWrite, &word)
        guard let problem else {
            reentries = Reentries()
            dispatcher.note(.emulated, at: GuestAddress(address))
            return .performed
        }
        // KVM doesn't advance the program counter (api.rst, 5. The kvm_run structure, KVM_EXIT_ARM_NISV).
        if problem.mayPass, reentries.take(at: counter) { return .reentered }
        reentries = Reentries()
        try vcpu.injectDataAbort()
        dispatcher.note(.aborted, at: GuestAddress(address))
        report(problem, at: counter, of: vcpu, word: word, address: address)
        return .aborted
    }

    /// Tries to perform the instruction. Nil if it was performed.
    private func attempt(
        _ vcpu: VirtualCPU, _ counter: UInt64, trapped: UInt64, isWrite: Bool, _ word: inout UInt32?
    ) throws(KVMError) -> Problem? {
        // Arm ARM (DDI 0487), SPSR_EL1: M[4] is AArch32, M[3:2] the exception level.
        let state = try vcpu.value(of: .pstate)
        if state & 1 << 4 != 0 { return .aarch32 }
        let level = state >> 2 & 3
        if level > 1 { return .exceptionLevel(level) }
        let regime = try TranslationRegime(of: vcpu)
        if regime.isBigEndian(atEL0: level == 0) { return .bigEndianData }

        let instruction: LoadStore
        do throws(Problem) {
            let fetched = try fetch(counter, regime)
            word = fetched
            do throws(LoadStore.NotEmulated) { instruction = try LoadStore.decode(fetched) } catch {
                throw .instruction(error)
            }
        } catch { return error }
        if instruction.operation == .prefetch {
            try finish(vcpu, counter, state)
            return nil
        }

        let registers = GuestRegisters(vcpu: vcpu, state: state)
        let (address, newBase) = instruction.address(
            base: try registers.base(instruction.base, counter), index: try registers.index(instruction.offset))
        let target: GuestAddress
        do throws(Problem) {
            guard isWrite == (instruction.operation == .store) else { throw .changed }
            // SPSR_EL1.UAO, bit 23: LDTR and STTR have the permissions of EL1.
            let isUser = level == 0 || (instruction.isUnprivileged && state & 1 << 23 == 0)
            target = try locate(address, instruction, isUser: isUser, regime, trapped: trapped)
        } catch { return error }

        if instruction.operation == .store {
            try store(instruction, at: target, registers)
        } else {
            try load(instruction, from: target, registers)
        }
        if let newBase { try registers.setBase(instruction.base, to: newBase) }
        try finish(vcpu, counter, state)
        return nil
    }

    private func fetch(_ counter: UInt64, _ regime: TranslationRegime) throws(Problem) -> UInt32 {
        let address: UInt64
        do throws(TranslationRegime.Fault) {
            address = try regime.translate(counter, for: .instruction, read: readDescriptor).address
        } catch { throw .fetch(error) }
        guard counter & 3 == 0, let bytes = memory.bytes(at: GuestAddress(address), count: 4) else {
            throw .noInstruction(at: address)
        }
        // Safety: the four bytes are inside a bank, which lives as long as self. The guest may be writing them: then
        // any value may be read, and every value can be decoded.
        return UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
    }

    private func readDescriptor(_ address: UInt64) -> UInt64? {
        guard let bytes = memory.bytes(at: GuestAddress(address), count: 8) else { return nil }
        // Safety: as above; the walk accepts any value.
        return UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    }

    /// Finds the place of the accesses: `byteCount` bytes of one trapped region.
    ///
    /// The guest may have changed instruction and tables since the hardware checked them. A user program must not gain
    /// access through Martlet, so the permissions are checked again, and one of the pages must be the page that
    /// trapped.
    private func locate(
        _ address: UInt64, _ instruction: LoadStore, isUser: Bool, _ regime: TranslationRegime, trapped: UInt64
    ) throws(Problem) -> GuestAddress {
        let first = try translate(address, instruction, isUser: isUser, regime)
        let (last, overflow) = first.addingReportingOverflow(instruction.byteCount - 1)
        guard !overflow, let range = GuestRange(base: GuestAddress(first), size: instruction.byteCount) else {
            throw .notOneRegion(address)
        }
        // The smallest page of a table is 4 KiB.
        let crosses = first >> 12 != last >> 12
        if crosses {
            guard try translate(address &+ (instruction.byteCount - 1), instruction, isUser: isUser, regime) == last
            else {
                throw .notOneRegion(address)
            }
        }
        guard trapped >> 12 == first >> 12 || trapped >> 12 == last >> 12 else { throw .changed }
        guard dispatcher.hasRegion(containing: range), !(crosses && isUser && regime.hasIndirectPermissions) else {
            throw .notOneRegion(address)
        }
        return range.base
    }

    private func translate(
        _ address: UInt64, _ instruction: LoadStore, isUser: Bool, _ regime: TranslationRegime
    ) throws(Problem) -> UInt64 {
        let result: TranslationRegime.Result
        do throws(TranslationRegime.Fault) {
            result = try regime.translate(address, for: .data, read: readDescriptor)
        } catch { throw .address(address, error) }
        // With indirect permissions the bits have another meaning; then only the page that trapped is known to be
        // permitted.
        guard
            regime.hasIndirectPermissions
                || ((!isUser || result.isUserAccessible) && (instruction.operation != .store || result.isWritable))
        else { throw .forbidden(address) }
        return result.address
    }

    private func load(
        _ instruction: LoadStore, from target: GuestAddress, _ registers: GuestRegisters
    ) throws(KVMError) {
        // At most two registers; the second follows the first.
        var values: (UInt128, UInt128) = (0, 0)
        for access in instruction.accesses {
            let value = UInt128(read(target, access)) << (access.isUpperHalf ? 64 : 0)
            if access.offset < UInt64(instruction.elementBytes) { values.0 |= value } else { values.1 |= value }
        }
        try registers.set(instruction.register, of: instruction, to: values.0)
        if let second = instruction.secondRegister { try registers.set(second, of: instruction, to: values.1) }
    }

    private func store(
        _ instruction: LoadStore, at target: GuestAddress, _ registers: GuestRegisters
    ) throws(KVMError) {
        let first = try registers.value(instruction.register, of: instruction)
        let second = try instruction.secondRegister.map { (number) throws(KVMError) in
            try registers.value(number, of: instruction)
        }
        for access in instruction.accesses {
            let value = access.offset < UInt64(instruction.elementBytes) ? first : second ?? 0
            guard let width = AccessWidth(bytes: UInt32(access.bytes)) else { continue }
            dispatcher.write(
                GuestAddress(target.rawValue &+ access.offset), width,
                UInt64(truncatingIfNeeded: value >> (access.isUpperHalf ? 64 : 0)))
        }
    }

    private func read(_ target: GuestAddress, _ access: LoadStore.Access) -> UInt64 {
        guard let width = AccessWidth(bytes: UInt32(access.bytes)) else { return 0 }
        return dispatcher.read(GuestAddress(target.rawValue &+ access.offset), width)
    }

    /// Steps over the instruction as the hardware does: it clears BTYPE (bits 11:10) and the single-step state (SS, bit
    /// 21).
    private func finish(_ vcpu: VirtualCPU, _ counter: UInt64, _ state: UInt64) throws(KVMError) {
        try vcpu.set(.pc, to: counter &+ 4)
        let cleared: UInt64 = 1 << 21 | 3 << 10
        if state & cleared != 0 { try vcpu.set(.pstate, to: state & ~cleared) }
    }

    private func report(
        _ problem: Problem, at counter: UInt64, of vcpu: VirtualCPU, word: UInt32?, address: UInt64
    ) {
        let count: Int? = reported.withLock { reported in
            guard reported.count < Self.reportLimit, !reported.contains(counter) else { return nil }
            reported.append(counter)
            return reported.count
        }
        guard let count else { return }
        log(
            .warning,
            "vcpu\(vcpu.index): the guest gets a data abort: access to \(GuestAddress(address)) at pc "
                + "\(GuestAddress(counter))\(word.map { ", instruction 0x" + String($0, radix: 16) } ?? ""): \(problem)"
                + (count == Self.reportLimit ? "; Martlet only counts further ones" : ""))
    }
}
