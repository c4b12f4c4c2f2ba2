// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import KVM
internal import LinuxSystem
internal import Synchronization
internal import VFIO

/// The interrupt path through Martlet: the event loop reads VFIO's trigger and signals a KVM irqfd; it reads KVM's
/// resamplefd and makes VFIO unmask.
///
/// Each interrupt has its own path, so several are active at once, and regions stay mapped.
///
/// Ownership: `state` is guarded by its lock, which the event loop's thread holds while it performs effects. Below it
/// come only locks that call nothing: the event loop's list of sources, the VFIO device's list of wirings, the
/// kernel's. Nothing is logged under it, because the reader of standard error may be slow. (The tracer never waits.)
final class RelayPath: InterruptPath {
    private struct State: ~Copyable {
        var machine: RelayStateMachine
        /// Nil after `disconnect`.
        var events: Events?
        var wiring = ResourceStack()
        /// When the storm was last logged, in nanoseconds, and how often the line was held since.
        var lastLog: UInt64?
        var heldSinceLog: UInt64 = 0
    }

    /// The descriptors that handlers read and signal; the wiring has a share of each.
    private struct Events {
        let trigger: EventDescriptor
        let injection: EventDescriptor
        /// Present for a level line.
        let resample: EventDescriptor?
        /// Present with a limit.
        let timer: TimerDescriptor?
    }

    private let state: Mutex<State>
    let kind = InterruptPathKind.relay
    private let interrupt: PlacedDevice.Interrupt
    private let device: VFIODevice
    private let stormLimit: Int
    private let log: Log
    private let tracer: Tracer?

    /// - Parameter stormLimit: interrupts a second; 0 for any number.
    /// - Throws: `PassthroughError` naming the call; nothing stays wired then.
    init(
        _ interrupt: PlacedDevice.Interrupt, of device: VFIODevice, vm: VirtualMachine, loop: EventLoop,
        stormLimit: Int, log: Log, tracer: Tracer?
    ) throws(PassthroughError) {
        let name = device.host.name
        self.interrupt = interrupt
        self.device = device
        self.stormLimit = stormLimit
        self.log = log
        self.tracer = tracer
        let limiter = StormLimiter(limit: stormLimit, now: Clock.monotonicNanoseconds)
        state = Mutex(State(machine: RelayStateMachine(isLevel: interrupt.info.isLevel, limiter: limiter)))
        // As with irqfd, each step is ready for the events that the next step enables. A handler that runs early waits
        // for the lock.
        try state.withLock { (state) throws(PassthroughError) in
            let trigger = state.wiring.keep(try makeEvent(vm.system, name))
            let injection = state.wiring.keep(try makeEvent(vm.system, name))
            var resample: EventDescriptor?
            if interrupt.info.isLevel { resample = state.wiring.keep(try makeEvent(vm.system, name)) }
            var timer: TimerDescriptor?
            if stormLimit > 0 { timer = state.wiring.keep(try makeTimer(vm.system, name)) }
            state.wiring.keep(
                try mapError(
                    PassthroughError.kvm(name),
                    try InterruptRoute(vm, gsi: interrupt.gsi, trigger: injection, resample: resample)))
            state.wiring.keep(try watch(trigger.rawValue, of: name, on: loop) { [weak self] in self?.triggered() })
            if let resample {
                state.wiring.keep(try watch(resample.rawValue, of: name, on: loop) { [weak self] in self?.resampled() })
            }
            if let timer {
                state.wiring.keep(try watch(timer.rawValue, of: name, on: loop) { [weak self] in self?.timerExpired() })
            }
            do throws(VFIOError) {
                if interrupt.info.isLevel { try device.unmask(interrupt.info) }
                state.wiring.keep(try device.setTrigger(interrupt.info, trigger))
            } catch { throw .vfio(error) }
            state.events = Events(trigger: trigger, injection: injection, resample: resample, timer: timer)
            tracer?.trace(
                .startRelayInjection,
                "\(name) index \(interrupt.info.index) \(interrupt.spi) trigger \(trigger.rawValue) irqfd "
                    + "\(injection.rawValue) resample \(resample?.rawValue ?? -1)")
        }
    }

    func counters(_ index: Int) -> InterruptCounters? { state.withLock { $0.machine.counters } }

    /// The wiring has the last share of each descriptor.
    func disconnect() {
        state.withLock { state in
            state.events = nil
            state.wiring.releaseAll()
        }
    }

    deinit { disconnect() }

    // MARK: On the event loop's thread

    private func triggered() {
        handle {
            $0.trigger.take()
        } event: {
            .trigger(count: $0)
        }
    }

    private func resampled() {
        handle {
            $0.resample?.take() ?? 0
        } event: { _ in
            .resample
        }
    }

    private func timerExpired() {
        handle {
            $0.timer?.take() == true ? 1 : 0
        } event: { _ in
            .timer
        }
    }

    /// Reads a descriptor's count and, if it isn't 0, handles the event.
    private func handle(_ take: (Events) -> UInt64, event: (UInt64) -> RelayStateMachine.Event) {
        let messages: [(LogLevel, String)] = state.withLock { state in
            guard let events = state.events else { return [] }
            let count = take(events)
            guard count > 0 else { return [] }
            let event = event(count)
            let now = Clock.monotonicNanoseconds
            if event == .resample { tracer?.trace(.relayResample, place) }
            var isHeld = false
            var messages: [(LogLevel, String)] = []
            state.machine.handle(event, now: now) { effect in
                switch effect {
                case .inject:
                    tracer?.trace(event == .timer ? .relayRelease : .relayInterrupt, "\(place) count \(count)")
                    events.injection.signal()
                case .unmask:
                    if event == .timer { tracer?.trace(.relayRelease, place) }
                    do { try device.unmask(interrupt.info) } catch {
                        messages.append((.error, "\(error); the interrupt stays masked"))
                    }
                case .hold(let nanoseconds):
                    tracer?.trace(.relayHold, "\(place) for \(nanoseconds) ns")
                    events.timer?.arm(nanoseconds: nanoseconds)
                    isHeld = true
                }
            }
            if isHeld {
                state.heldSinceLog &+= 1
                if let storm = noteStorm(now, &state.lastLog, &state.heldSinceLog) {
                    messages.append((.warning, storm))
                }
            }
            return messages
        }
        for (level, text) in messages { log(level, text) }
    }

    private var place: String { "\(device.host.name) index \(interrupt.info.index)" }

    /// The log's line about a storm, at most once a second.
    private func noteStorm(_ now: UInt64, _ lastLog: inout UInt64?, _ held: inout UInt64) -> String? {
        if let lastLog, now &- lastLog < 1_000_000_000 { return nil }
        let count = held
        lastLog = now
        held = 0
        return
            "\(place): storm_limit of \(stormLimit) interrupts a second reached; held back \(count) times since the last "
            + "such message"
    }
}
