// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import PlatformBus
internal import Synchronization

/// A virtio device on the bus: its registers, and its control of the queues' threads.
///
/// Ownership: `transport` is under its lock, which vCPU threads and the queues' threads hold for one step. `control` is
/// held during a whole write that starts or stops queues, and is taken first. No queue's thread takes it, because a
/// caller that stops a queue waits for its thread. `workers` is filled before the device is on the bus.
final class VirtioRegisters: MMIODevice {
    /// The size in bytes: the registers, and room for 256 bytes of configuration.
    static let byteCount: UInt64 = 0x200

    private struct Control {
        /// Whether each queue's thread was given a queue.
        var isStarted: [Bool] = []
        var isSilent = false
    }

    /// How many of the guest's mistakes are logged.
    private static let reportLimit = 8

    /// The device's name in messages.
    private let name: String
    private let log: Log
    private let transport: Mutex<Transport>
    private let control = Mutex(Control())
    private let workers = OwnedList<QueueWorker>()
    /// Signalled for each interrupt.
    private let interrupt: Share<EventDescriptor>
    private let reports = Atomic<Int>(0)

    /// - Parameter interrupt: KVM raises the device's interrupt when it is signalled.
    init(name: String, _ identity: Transport.Identity, interrupt: EventDescriptor, log: Log) {
        self.name = name
        self.log = log
        transport = Mutex(Transport(identity))
        self.interrupt = Share(interrupt)
    }

    /// Adds the thread of the next queue. Its parts call `noteUsedBuffers` and `fail`.
    func add(_ worker: QueueWorker) {
        workers.append(worker)
        control.withLock { $0.isStarted.append(false) }
    }

    // MARK: Registers

    func read(offset: UInt64, width: AccessWidth) -> UInt64 {
        transport.withLock { $0.read(offset: offset, width: width) }
    }

    func write(offset: UInt64, width: AccessWidth, value: UInt64) {
        // Each interrupt needs this register, so it must not wait for `control`.
        if offset == TransportRegister.interruptAcknowledge.rawValue {
            _ = transport.withLock { $0.write(offset: offset, width: width, value: value) }
            return
        }
        control.withLock { control in
            // Before the registers are reset: no queue's thread may change them afterwards.
            if Transport.isReset(offset: offset, width: width, value: value) { stopAll(&control) }
            let (effect, now) = transport.withLock { transport in
                (transport.write(offset: offset, width: width, value: value), transport)
            }
            switch effect {
            case .none, .reset: break
            case .start: if !control.isSilent { start(now, &control) }
            case .stopQueue(let index): stop(index, &control)
            // KVM handles the kicks by an ioeventfd; this one was written in another way.
            case .notify(let index): if !control.isSilent { workers.all[index].poke() }
            }
        }
    }

    private func start(_ transport: Transport, _ control: inout Control) {
        for (index, worker) in workers.all.enumerated() where transport.queues[index].isReady {
            control.isStarted[index] = true
            worker.start(SplitQueue.Layout(transport.queues[index], transport.driverFeatures))
        }
    }

    private func stop(_ index: Int, _ control: inout Control) {
        guard control.isStarted[index] else { return }
        workers.all[index].stop()
        control.isStarted[index] = false
    }

    private func stopAll(_ control: inout Control) {
        for index in control.isStarted.indices { stop(index, &control) }
    }

    // MARK: Calls of the queues' threads

    /// Notes that the used ring has new entries.
    func noteUsedBuffers() {
        transport.withLock { $0.noteUsedBuffers() }
        interrupt.object?.signal()
    }

    /// Notes that a queue can't be used any more.
    func fail(queue: Int, _ fault: QueueFault) {
        let isNews = transport.withLock { $0.requireReset() }
        guard isNews else { return }
        let count = reports.wrappingAdd(1, ordering: .relaxed).newValue
        if count <= Self.reportLimit {
            let last = count == Self.reportLimit ? "; further mistakes aren't reported" : ""
            log(.warning, "\(name): queue \(queue): \(fault); the device waits for the guest to reset it\(last)")
        }
        interrupt.object?.signal()
    }

    // MARK: Life cycle

    /// Makes the queues' threads wait.
    func pause() { control.withLock { _ in for worker in workers.all { worker.pause() } } }

    /// Makes the queues' threads continue.
    func resume() { control.withLock { _ in for worker in workers.all { worker.resume() } } }

    /// Stops the queues for good. A second call does nothing.
    func silence() {
        control.withLock { control in
            control.isSilent = true
            stopAll(&control)
        }
    }

    /// Ends the threads, newest first, then releases the shares of the eventfds. A second call does nothing.
    func end() {
        // Outside of tests, no vCPU writes any more.
        control.withLock { control in
            control.isSilent = true
            control.isStarted = []
        }
        for worker in workers.all.reversed() { worker.end() }
        workers.releaseAll()
        interrupt.release()
    }
}

extension SplitQueue.Layout {
    /// The driver's settings of a queue, and the features that it accepted.
    init(_ queue: QueueSettings, _ features: VirtioFeatures) {
        self.init(
            size: queue.size, descriptors: queue.descriptors, available: queue.available, used: queue.used,
            usesEventIndex: features.contains(.eventIndex), usesIndirect: features.contains(.indirectDescriptors))
    }
}
