// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import KVM
internal import LinuxSystem
internal import PlatformBus
internal import Synchronization

/// Runs one vCPU on its own thread until the guest ends or `stop` is called, and pauses it on request.
///
/// A vCPU leaves the guest by its immediate-exit flag; if it is in KVM_RUN, also when it sleeps there (WFI, or powered
/// off by PSCI), it needs a kick too. It always leaves through one more KVM_RUN with the flag set, in which KVM takes
/// the answer of the last access; only then does the thread read `control`. So the flag is changed with the lock held,
/// together with the request that it is for.
///
/// - SeeAlso: Documentation/virt/kvm/api.rst, 5. The kvm_run structure, immediate_exit, and the note on pending
///   operations
///
/// Ownership: `vcpu` belongs to the thread while it runs, except its immediate-exit flag, which is under `control`'s
/// lock. `counts` belongs to the thread until `join` returns, and to the joining thread afterwards, handed over under
/// its lock.
final class VCPURunner: Sendable {
    /// The state of the thread.
    enum Phase: Sendable {
        /// There is no thread yet, or it hasn't reached the guest yet.
        case ready
        /// It is in the guest, or handles an exit.
        case running
        /// It waits outside KVM_RUN, with no exit left to handle.
        case paused
        /// It doesn't run the guest any more.
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
    /// Guarded by its lock: the thread that runs the machine writes it, and so does the vCPU's.
    private let control = Mutex(Control())
    /// Signalled after each change of `control` that a thread may wait for.
    private let change = ChangeSignal()
    private let counts = Mutex(ExitCounts())

    init(_ vcpu: VirtualCPU, dispatcher: MMIODispatcher, emulator: InstructionEmulator) {
        self.vcpu = vcpu
        self.dispatcher = dispatcher
        self.emulator = emulator
    }

    /// The current state of the thread.
    var phase: Phase { control.withLock { $0.phase } }

    /// Starts the thread. If a pause is already requested, the guest doesn't run before `resume`.
    /// - Parameter ended: called once, on the vCPU's thread, when the guest has ended or can't continue; not after
    ///   `stop`.
    func start(ended: @escaping @Sendable (GuestEnd) -> Void) throws(MachineError) {
        // With the lock held, so that the thread doesn't run the guest before it can be kicked.
        try control.withLock { (control) throws(MachineError) in
            do throws(Errno) {
                control.thread = try SystemThread(name: "vcpu\(vcpu.index)") { [self] in
                    if let end = loop() { ended(end) }
                }
            } catch { throw .call("pthread_create for vcpu\(vcpu.index)", errno: error) }
        }
    }

    /// Requests a pause and returns at once; `waitUntilPaused` waits for it. Does nothing after `stop` or the end.
    func requestPause() {
        control.withLock { control in
            guard !control.wantsStop, control.phase != .ended else { return }
            control.wantsPause = true
            vcpu.setImmediateExit(true)
            control.thread?.kick()
        }
    }

    /// Waits until the vCPU is outside the guest: paused, ended, or not started. It may take as long as the guest's
    /// current access: see `ConsoleOutput` for the longest.
    func waitUntilPaused() {
        while true {
            let count = change.count
            if phase != .running { return }
            change.wait(since: count)
        }
    }

    /// Takes the vCPU out of the guest and keeps it paused until `resume` or `stop`. A second call does nothing.
    func pause() {
        requestPause()
        waitUntilPaused()
    }

    /// Resumes the vCPU. Does nothing if it isn't paused, and after `stop`.
    func resume() {
        control.withLock { control in
            guard control.wantsPause else { return }
            control.wantsPause = false
            if !control.wantsStop { vcpu.setImmediateExit(false) }
        }
        change.signal()
    }

    /// Takes the vCPU out of the guest for good, even if it is paused.
    func stop() {
        control.withLock { control in
            control.wantsStop = true
            vcpu.setImmediateExit(true)
            control.thread?.kick()
        }
        change.signal()
    }

    /// Waits until the thread has ended; returns the counts of its exits.
    func join() -> ExitCounts {
        let thread = control.withLock { $0.thread.take() }
        thread?.join()
        return counts.withLock { $0 }
    }

    /// Waits for as long as a pause is requested.
    /// - Returns: false when the vCPU must stop.
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
            // The signal wakes this thread's own wait too: it checks once more.
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
                    // KVM uses the value in its buffer; without this, that is the value of an earlier access.
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
