// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import KVM
internal import LinuxSystem
internal import PlatformBus
internal import Synchronization

/// How often a vCPU came back from the guest, by reason.
public struct ExitCounts: Sendable, Equatable, Encodable {
    public var mmioReads: UInt64 = 0
    public var mmioWrites: UInt64 = 0
    public var interrupted: UInt64 = 0
    public var systemEvents: UInt64 = 0
    /// Loads and stores without a syndrome from the hardware: performed by `InstructionEmulator`, answered with a data
    /// abort, or left to the hardware to try again.
    public var nisvEmulated: UInt64 = 0
    public var nisvAborted: UInt64 = 0
    public var nisvReentered: UInt64 = 0
    public var other: UInt64 = 0

    enum CodingKeys: String, CodingKey {
        case interrupted, other
        case mmioReads = "mmio_reads"
        case mmioWrites = "mmio_writes"
        case systemEvents = "system_events"
        case nisvEmulated = "nisv_emulated"
        case nisvAborted = "nisv_aborted"
        case nisvReentered = "nisv_reentered"
    }

    static func + (left: ExitCounts, right: ExitCounts) -> ExitCounts {
        var sum = left
        sum.mmioReads &+= right.mmioReads
        sum.mmioWrites &+= right.mmioWrites
        sum.interrupted &+= right.interrupted
        sum.systemEvents &+= right.systemEvents
        sum.nisvEmulated &+= right.nisvEmulated
        sum.nisvAborted &+= right.nisvAborted
        sum.nisvReentered &+= right.nisvReentered
        sum.other &+= right.other
        return sum
    }
}

/// Runs one vCPU on a thread of its own until the guest ends or `stop` is called.
///
/// Ownership: `vcpu` belongs to the thread while it runs, save for its immediate-exit flag; `counts` is the thread's
/// until `join` returns, and the joiner's from then on, handed over under its lock. `stopping` is an atomic flag.
final class VCPURunner: Sendable {
    private let vcpu: VirtualCPU
    private let dispatcher: MMIODispatcher
    private let emulator: InstructionEmulator
    private let stopping = Atomic<Bool>(false)
    private let counts = Mutex(ExitCounts())
    private let thread = Mutex<SystemThread?>(nil)

    init(_ vcpu: VirtualCPU, dispatcher: MMIODispatcher, emulator: InstructionEmulator) {
        self.vcpu = vcpu
        self.dispatcher = dispatcher
        self.emulator = emulator
    }

    /// - Parameter ended: called once, on the vCPU's thread, when the guest ended or can't go on; not after `stop`.
    func start(ended: @escaping @Sendable (GuestEnd) -> Void) throws(MachineError) {
        do {
            let thread = try SystemThread(name: "vcpu\(vcpu.index)") { [self] in
                if let end = loop() { ended(end) }
            }
            self.thread.withLock { $0 = thread }
        } catch { throw .call("pthread_create for vcpu\(vcpu.index)", errno: error) }
    }

    /// Takes the vCPU out of the guest for good.
    func stop() {
        stopping.store(true, ordering: .releasing)
        vcpu.setImmediateExit(true)
        thread.withLock { $0 }?.kick()
    }

    /// Waits until the thread has ended; returns how often the guest was left.
    func join() -> ExitCounts {
        let thread = thread.withLock { $0.take() }
        thread?.join()
        return counts.withLock { $0 }
    }

    private func loop() -> GuestEnd? {
        var exits = ExitCounts()
        var reentries = Reentries()
        defer { counts.withLock { $0 = exits } }
        while !stopping.load(ordering: .acquiring) {
            let exit: VCPUExit
            do { exit = try vcpu.run() } catch {
                return .hung("vcpu\(vcpu.index): \(error)", registers: vcpu.registerDump())
            }
            switch exit {
            case .mmioRead(let address, let length):
                exits.mmioReads &+= 1
                guard let width = AccessWidth(bytes: length) else {
                    // KVM takes what it finds there: left alone, that is an earlier access's value.
                    vcpu.complete(read: 0)
                    continue
                }
                vcpu.complete(read: dispatcher.read(GuestAddress(address), width))
            case .mmioWrite(let address, let length, let value):
                exits.mmioWrites &+= 1
                guard let width = AccessWidth(bytes: length) else { continue }
                dispatcher.write(GuestAddress(address), width, value)
            case .noSyndrome(let address, let isWrite):
                do {
                    switch try emulator.handle(vcpu, address: address, isWrite: isWrite, &reentries) {
                    case .performed: exits.nisvEmulated &+= 1
                    case .aborted: exits.nisvAborted &+= 1
                    case .reentered: exits.nisvReentered &+= 1
                    }
                } catch { return hung("\(error)") }
            case .interrupted: exits.interrupted &+= 1
            case .shutdown:
                exits.systemEvents &+= 1
                return .powerOff
            case .reset:
                exits.systemEvents &+= 1
                return .reset
            case .crash:
                exits.systemEvents &+= 1
                return .crashed
            case .failedEntry(let reason):
                exits.other &+= 1
                return hung(
                    "the CPU refused to enter the guest (KVM_EXIT_FAIL_ENTRY, reason \(hex(reason)))")
            case .internalError(let suberror):
                exits.other &+= 1
                return hung("KVM can't emulate the guest's state (KVM_EXIT_INTERNAL_ERROR, suberror \(suberror))")
            case .unknown(let reason, let detail):
                exits.other &+= 1
                return hung(
                    "KVM_RUN came back with exit reason \(reason), detail \(detail), which Martlet doesn't know")
            }
        }
        return nil
    }

    private func hung(_ text: String) -> GuestEnd {
        .hung("vcpu\(vcpu.index): \(text)", registers: vcpu.registerDump())
    }
}

/// Why the guest doesn't run any more.
public enum GuestEnd: Sendable, Equatable {
    /// PSCI SYSTEM_OFF.
    case powerOff
    /// PSCI SYSTEM_RESET.
    case reset
    /// The guest reported a crash of its own (KVM_SYSTEM_EVENT_CRASH).
    case crashed
    /// A vCPU can't go on; what happened and its registers.
    case hung(String, registers: String)
    /// The user asked for the end on the console (Ctrl-A x).
    case quit
    /// SIGTERM, SIGINT or SIGHUP: the signal's number.
    case signal(CInt)
}
