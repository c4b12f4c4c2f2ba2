// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem
import PlatformBus
import Synchronization

@testable import Passthrough

/// What is around a fake host's device as far as interrupts go: its lines, VFIO's handlers, KVM's irqfds, and the
/// guest's interrupt controller and driver. Whatever can go on by itself does so in `settle`.
///
/// VFIO's part is that of drivers/vfio/platform/vfio_platform_irq.c: a level-triggered line that is high fires as soon
/// as it has a trigger and isn't masked, and is masked then; an edge that came without a trigger waits for one in the
/// host's interrupt controller. KVM's part is that of virt/kvm/eventfd.c: an eventfd that was signalled before is no
/// event lost, and an irqfd with resampling that goes lowers its line.
///
/// Ownership: `state` is guarded by its lock; only one thread at a time calls `settle`.
final class WiredHardware: Sendable {
    private struct State {
        /// A level-triggered line is high; an edge has come and waits.
        var isRaised: [Bool]
        /// Pending in the guest's interrupt controller, by way of an irqfd.
        var pending: Set<UInt32> = []
        /// How often each line has fired.
        var fireCounts: [Int]
    }

    private let host: PathHost
    private let levels: [Bool]
    private let state: Mutex<State>

    init(_ host: PathHost, levels: [Bool]) {
        self.host = host
        self.levels = levels
        state = Mutex(State(isRaised: levels.map { _ in false }, fireCounts: levels.map { _ in 0 }))
    }

    /// How often each line has fired so far.
    var fireCounts: [Int] { state.withLock { $0.fireCounts } }

    /// The device raises all its lines.
    func raise() {
        state.withLock { state in
            for index in state.isRaised.indices { state.isRaised[index] = true }
        }
        settle()
    }

    func settle() {
        var isGoingOn = true
        while isGoingOn {
            isGoingOn = false
            for index in levels.indices {
                guard let interrupt = host.interrupt(index) else { continue }
                if let unmask = interrupt.unmask, host.take(unmask) > 0 {
                    host.kernel.withState { $0.vfio.devices[PathHost.name]?.interrupts[index].isMasked = false }
                    isGoingOn = true
                }
                let fires = state.withLock { state in
                    guard state.isRaised[index], interrupt.trigger != nil, !interrupt.isMasked else { return false }
                    if !levels[index] { state.isRaised[index] = false }
                    state.fireCounts[index] += 1
                    return true
                }
                if fires {
                    host.fire(index)
                    isGoingOn = true
                }
            }
            let routes = host.kernel.withState { $0.kvm.irqfds }
            // A relay's injection is Martlet's to signal, and an irqfd's VFIO's: either way KVM takes it.
            let signalled = routes.filter { host.take($0.value.trigger) > 0 }.map(\.key)
            state.withLock { state in
                state.pending.formUnion(signalled)
                state.pending = state.pending.filter { routes[$0] != nil || !levels[Int($0)] }
            }
        }
    }

    /// Whether the guest would take the interrupt now.
    func isPending(_ index: Int) -> Bool {
        settle()
        let spi = UInt32(index)
        return state.withLock { $0.pending.contains(spi) } || host.isHigh(spi)
    }

    /// The guest takes an interrupt: its driver clears the device with a store, which traps if it has to; then it ends
    /// it.
    func handle(_ index: Int, _ trap: TrappedRegion) {
        let spi = UInt32(index)
        if levels[index] { state.withLock { $0.isRaised[index] = false } }
        let wasHigh = host.isHigh(spi)
        if wasHigh { trap.write(offset: 0, width: .word, value: 1) }
        state.withLock { _ = $0.pending.remove(spi) }
        if let resample = host.kernel.withState({ $0.kvm.irqfds[spi]?.resample }) { host.signal(resample) }
        settle()
    }
}
