// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import KVM
internal import LinuxSystem
internal import PlatformBus
internal import Synchronization

/// Runs one vCPU on a thread of its own until the guest ends or `stop` is called, and holds it in between.
///
/// A vCPU is taken out of the guest by its immediate-exit flag, and by a kick when it is in KVM_RUN, also where it
/// sleeps there (WFI, or powered off by PSCI). It always leaves by one more KVM_RUN with the flag set, in which KVM
/// takes the answer of the access before; the thread looks at `control` only then. So the flag is set and cleared with
/// the lock held, together with what it is set for.
///
/// - SeeAlso: Documentation/virt/kvm/api.rst, 5. The kvm_run structure, immediate_exit, and the note on pending
///   operations
///
/// Ownership: `vcpu` belongs to the thread while it runs, save for its immediate-exit flag, which is under `control`'s
/// lock; `counts` is the thread's until `join` returns, and the joiner's from then on, handed over under its lock.
final class VCPURunner: Sendable {
    /// What the thread does.
    enum Phase: Sendable {
        /// There is none yet, or it hasn't come so far as to run the guest.
        case ready
        /// It is in the guest, or handles what the guest did.
        case running
        /// It waits, out of KVM_RUN, with nothing of the guest's left to do.
        case paused
        /// It runs the guest no more.
        case ended
    }

    private struct Control {
        var phase = Phase.ready
        var wantsPause = false
        var wantsStop = false
        /// Nil before `start` and after `join`.
        var thread: SystemThread?
    }

    private let vcpu: VirtualCPU
    private let dispatcher: MMIODispatcher
    private let emulator: InstructionEmulator
    /// Guarded by its lock: written by the thread that runs the machine and by the vCPU's.
    private let control = Mutex(Control())
    /// Signalled after each change of `control` that a thread may wait for.
    private let change = ChangeSignal()
    private let counts = Mutex(ExitCounts())

    init(_ vcpu: VirtualCPU, dispatcher: MMIODispatcher, emulator: InstructionEmulator) {
        self.vcpu = vcpu
        self.dispatcher = dispatcher
        self.emulator = emulator
    }

    /// What the thread does at the moment.
    var phase: Phase { control.withLock { $0.phase } }

    /// Starts the thread. Where a pause is wanted already, the guest doesn't run before `resume`.
    /// - Parameter ended: called once, on the vCPU's thread, when the guest ended or can't go on; not after `stop`.
    func start(ended: @escaping @Sendable (GuestEnd) -> Void) throws(MachineError) {
        // With the lock held: the thread runs the guest only when it can be kicked.
        try control.withLock { (control) throws(MachineError) in
            do throws(Errno) {
                control.thread = try SystemThread(name: "vcpu\(vcpu.index)") { [self] in
                    if let end = loop() { ended(end) }
                }
            } catch { throw .call("pthread_create for vcpu\(vcpu.index)", errno: error) }
        }
    }

    /// Asks for a pause and returns at once; `waitUntilPaused` waits for it. Nothing happens after `stop` or the end.
    func requestPause() {
        control.withLock { control in
            guard !control.wantsStop, control.phase != .ended else { return }
            control.wantsPause = true
            vcpu.setImmediateExit(true)
            control.thread?.kick()
        }
    }

    /// Waits until the vCPU is out of the guest: paused, ended, or not started. It takes as long as the access that the
    /// guest makes at the moment: see `ConsoleOutput` for the longest.
    func waitUntilPaused() {
        while true {
            let count = change.count
            if phase != .running { return }
            change.wait(since: count)
        }
    }

    /// Takes the vCPU out of the guest and holds it there until `resume` or `stop`. A second call does nothing.
    func pause() {
        requestPause()
        waitUntilPaused()
    }

    /// Lets the vCPU go on. Nothing happens where it isn't paused, and after `stop`.
    func resume() {
        control.withLock { control in
            guard control.wantsPause else { return }
            control.wantsPause = false
            if !control.wantsStop { vcpu.setImmediateExit(false) }
        }
        change.signal()
    }

    /// Takes the vCPU out of the guest for good, also one that is paused.
    func stop() {
        control.withLock { control in
            control.wantsStop = true
            vcpu.setImmediateExit(true)
            control.thread?.kick()
        }
        change.signal()
    }

    /// Waits until the thread has ended; returns how often the guest was left.
    func join() -> ExitCounts {
        let thread = control.withLock { $0.thread.take() }
        thread?.join()
        return counts.withLock { $0 }
    }

    /// Waits for as long as a pause is wanted.
    /// - Returns: false when the vCPU is to stop.
    private func mayRun() -> Bool {
        while true {
            let count = change.count
            let (answer, isNew) = control.withLock { control -> (Bool?, Bool) in
                if control.wantsStop { return (false, false) }
                if !control.wantsPause {
                    control.phase = .running
                    return (true, false)
                }
                let isNew = control.phase != .paused
                control.phase = .paused
                return (nil, isNew)
            }
            if let answer { return answer }
            // The signal ends this thread's own wait, too: it looks once more.
            if isNew { change.signal() } else { change.wait(since: count) }
        }
    }

    private func loop() -> GuestEnd? {
        var exits = ExitCounts()
        var reentries = Reentries()
        defer {
            counts.withLock { $0 = exits }
            control.withLock { $0.phase = .ended }
            change.signal()
        }
        guard mayRun() else { return nil }
        while true {
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
            case .interrupted:
                exits.interrupted &+= 1
                if !mayRun() { return nil }
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
                    "KVM_RUN returned an unknown exit reason, \(reason) (detail \(detail))")
            }
        }
    }

    private func hung(_ text: String) -> GuestEnd {
        .hung("vcpu\(vcpu.index): \(text)", registers: vcpu.registerDump())
    }
}
