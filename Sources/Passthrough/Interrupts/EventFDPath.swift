// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import KVM
internal import LinuxSystem
internal import Synchronization
internal import VFIO

/// The interrupt path without help from the kernel, for all interrupts of one device that take it.
///
/// It performs the effects of `EventFDStateMachine`.
///
/// Ownership and locks: `state` is guarded by its lock, the device's only lock for interrupts. The event loop's thread
/// takes it for triggers and the timer; vCPU threads take it after a trapped access was done. The thread that holds it
/// performs the effects before the next event is handled. So a trigger, the access that ends the previous interrupt,
/// and the timer are always handled in some order. Below this lock come only locks that call nothing: `MappedRegions`,
/// the VM's slot numbers, the VFIO device's list of wirings, the event loop's list of sources, and the kernel's own.
/// The event loop runs handlers without a lock. A vCPU that waits here is outside KVM_RUN, so the removal of a slot
/// doesn't wait for it. Nothing is logged under the lock, because the reader of standard error may be slow. (The tracer
/// never waits.)
final class EventFDPath: InterruptPath {
    private struct State: ~Copyable {
        var machine: EventFDStateMachine
        /// Nil without mapped regions, and after `disconnect`.
        var timer: TimerDescriptor?
        /// Whether the kernel refused the last `unmap`, and that was logged.
        var isUnmapRefused = false
        /// Has a share of each descriptor.
        var wiring = ResourceStack()
    }

    /// The delay before a refused `unmap` is tried again: short for the guest, and no load for the host.
    static let retryMilliseconds: UInt64 = 10

    private let state: Mutex<State>
    let kind = InterruptPathKind.eventfd
    private let device: VFIODevice
    private let interrupts: [PlacedDevice.Interrupt]
    private let traps: [TrappedRegion]
    private let vm: VirtualMachine
    private let loop: EventLoop
    private let regions: MappedRegions
    private let timeoutNanoseconds: UInt64
    private let log: Log
    private let tracer: Tracer?

    /// Prepares the path; `connect` adds interrupts.
    /// - Throws: `PassthroughError` naming the call.
    init(
        _ device: PlacedDevice, regions: MappedRegions, vm: VirtualMachine, loop: EventLoop, log: Log,
        tracer: Tracer?
    ) throws(PassthroughError) {
        self.device = device.device
        self.interrupts = device.interrupts
        traps = device.regions.map(\.trap)
        self.vm = vm
        self.loop = loop
        self.regions = regions
        self.log = log
        self.tracer = tracer
        let settings = device.settings
        timeoutNanoseconds = UInt64(max(settings.mapTimeoutMilliseconds, 0)) * 1_000_000
        let mapsAgain = timeoutNanoseconds > 0 && !regions.isEmpty
        if let range = settings.endOfInterrupt, !regions.isEmpty {
            try regions.keepMapped(except: range, pageSize: MemoryMapping.pageSize)
        }
        state = Mutex(
            State(
                machine: EventFDStateMachine(
                    levels: device.interrupts.map(\.info.isLevel), isMapped: !regions.isEmpty, mapsAgain: mapsAgain,
                    endOfInterrupt: settings.endOfInterrupt)))
        if regions.isEmpty { return }
        try state.withLock { (state) throws(PassthroughError) in
            let timer = state.wiring.keep(try makeTimer(vm.system, device.name))
            state.wiring.keep(
                try watch(timer.rawValue, of: device.name, on: loop) { [weak self] in self?.timerExpired() })
            state.timer = timer
        }
    }

    /// Connects the interrupt at `position` of the device's list.
    /// - Throws: `PassthroughError` naming the call; the interrupt isn't wired then.
    func connect(_ position: Int) throws(PassthroughError) {
        let interrupt = interrupts[position]
        let name = device.host.name
        // Shows at once whether the line can be driven at all.
        try mapError(PassthroughError.kvm(name), try vm.setInterruptLine(interrupt.gsi, high: false))
        let trigger = try makeEvent(vm.system, name)
        let source = try watch(trigger.rawValue, of: name, on: loop) { [weak self] in self?.triggered(position, trigger)
        }
        for trap in traps { trap.setListener(self) }
        do throws(VFIOError) {
            // Before the trigger, as with irqfd, so that a line that is already high fires only once.
            if interrupt.info.isLevel { try device.unmask(interrupt.info) }
            let wiring = try device.setTrigger(interrupt.info, trigger)
            state.withLock { state in
                state.wiring.keep(trigger)
                state.wiring.keep(source)
                state.wiring.keep(wiring)
            }
        } catch {
            throw .vfio(error)
        }
        tracer?.trace(
            .startEventFDInjection, "\(name) index \(interrupt.info.index) \(interrupt.spi) trigger \(trigger.rawValue)"
        )
    }

    func counters(_ index: Int) -> InterruptCounters? {
        guard let position = interrupts.firstIndex(where: { $0.info.index == index }) else { return nil }
        return state.withLock { $0.machine.lines[position].counters }
    }

    var remapCounts: RemapCounts {
        state.withLock {
            RemapCounts(
                unmaps: $0.machine.unmapCount, maps: $0.machine.mapCount, refusedUnmaps: $0.machine.refusedUnmapCount)
        }
    }

    /// The wiring has the last share of each descriptor.
    private func takeWiringDown() {
        state.withLock { state in
            state.timer = nil
            state.wiring.releaseAll()
        }
    }

    deinit { takeWiringDown() }

    func disconnect() {
        takeWiringDown()
        for trap in traps { trap.setListener(nil) }
    }

    // MARK: Events

    /// On the event loop's thread.
    private func triggered(_ position: Int, _ trigger: EventDescriptor) {
        handle { _ in .trigger(position, count: trigger.take()) }
    }

    /// On the event loop's thread. The expiry is taken under the lock: a later arming resets it, so an outdated expiry
    /// isn't found.
    private func timerExpired() {
        handle { $0?.take() == true ? .timer : nil }
    }

    /// On a vCPU's thread, after its access to a trapped region was done.
    func accessed(_ region: Int, offset: UInt64, length: UInt64) {
        handle { _ in .access(region: region, offset: offset, length: length) }
    }

    /// Handles the event that `event` returns, and performs its effects, under the lock.
    private func handle(_ event: (TimerDescriptor?) -> EventFDStateMachine.Event?) {
        let failures: [String] = state.withLock { state in
            let timer = state.timer
            guard let event = event(timer) else { return [] }
            var failures: [String] = []
            var isUnmapRefused = state.isUnmapRefused
            let (waiting, active) = (state.machine.queue.count, state.machine.active)
            state.machine.handle(event) { effect in
                let failure = attempt(effect, timer)
                if tracer != nil { trace(effect, of: event, failure) }
                if effect != .unmap {
                    if let failure { failures.append(failure) }
                } else {
                    if let failure, !isUnmapRefused {
                        failures.append(
                            "\(failure); the interrupt waits, and Martlet retries every \(Self.retryMilliseconds) ms"
                        )
                    }
                    isUnmapRefused = failure != nil
                }
                return failure == nil
            }
            state.isUnmapRefused = isUnmapRefused
            if tracer != nil { trace(event, isWaiting: state.machine.queue.count > waiting, wasActive: active) }
            return failures
        }
        for failure in failures { log(.error, failure) }
    }

    /// Call it with the lock held. Returns why the effect failed; nil for success.
    private func attempt(_ effect: EventFDStateMachine.Effect, _ timer: TimerDescriptor?) -> String? {
        do throws(PassthroughError) { try perform(effect, timer) } catch { return "\(error)" }
        return nil
    }

    private func perform(_ effect: EventFDStateMachine.Effect, _ timer: TimerDescriptor?) throws(PassthroughError) {
        switch effect {
        case .unmap: try regions.unmap()
        case .map: try regions.map()
        case .raise(let line): try drive(line, high: true)
        case .lower(let line): try drive(line, high: false)
        case .unmask(let line):
            try mapError(PassthroughError.vfio, try device.unmask(interrupts[line].info))
        case .armTimer: timer?.arm(nanoseconds: timeoutNanoseconds)
        case .armRetry: timer?.arm(nanoseconds: Self.retryMilliseconds * 1_000_000)
        }
    }

    private func drive(_ line: Int, high: Bool) throws(PassthroughError) {
        try mapError(PassthroughError.kvm(device.host.name), try vm.setInterruptLine(interrupts[line].gsi, high: high))
    }

    private func trace(
        _ effect: EventFDStateMachine.Effect, of event: EventFDStateMachine.Event, _ failure: String?
    ) {
        let name = device.host.name
        switch effect {
        case .unmap: tracer?.trace(.mmapDisable, name + (failure == nil ? "" : " refused: the interrupt waits"))
        case .map: tracer?.trace(.mmapEnable, name)
        case .raise(let line):
            var isNew = false
            if case .trigger = event { isNew = true }
            tracer?.trace(isNew ? .interrupt : .injectPending, "\(name) index \(interrupts[line].info.index)")
        case .lower(let line): tracer?.trace(.endOfInterrupt, "\(name) index \(interrupts[line].info.index)")
        case .unmask, .armTimer, .armRetry: break
        }
    }

    private func trace(_ event: EventFDStateMachine.Event, isWaiting: Bool, wasActive: Int?) {
        let name = device.host.name
        if case .trigger(let line, _) = event, isWaiting {
            tracer?.trace(.setPending, "\(name) index \(interrupts[line].info.index)")
        }
        if event == .timer, let wasActive {
            tracer?.trace(.mmapEnable, "\(name) not yet: index \(interrupts[wasActive].info.index) is still active")
        }
    }
}
