// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Synchronization

/// A queue's thread: waits for the guest's kicks, handles the requests, and notifies the guest.
///
/// The device gives it orders: start, stop, pause, resume, end. The thread looks for new orders after each request and
/// on each kick; an order signals the same eventfd as the guest.
///
/// Ownership: `orders` is under its lock, and the thread signals `change` after it has followed them. The queue, the
/// chain and the handler belong to the thread. `thread` is under its lock, because only one caller may join it.
final class QueueWorker: Sendable {
    /// The parts that the thread uses, and releases at its end.
    struct Parts: Sendable {
        let memory: QueueMemory
        let handler: any RequestHandler
        /// The largest number of descriptors of a request.
        let chainLimit: Int
        /// Notifies the guest of entries in the used ring.
        let interrupt: @Sendable () -> Void
        /// Called with the fault of the queue, which is stopped then.
        let fail: @Sendable (QueueFault) -> Void
        let system: any SystemCalls
    }

    private struct Orders {
        /// The queue to work on; nil for none.
        var layout: SplitQueue.Layout?
        /// The number of the start or stop that set `layout`.
        var epoch: UInt64 = 0
        var isPaused = false
        var hasEnd = false
        /// The number of orders that were given.
        var given: UInt64 = 0
        /// The number of orders that the thread has followed.
        var followed: UInt64 = 0
    }

    /// After how many requests the guest is notified.
    private static let batchLimit = 32

    private let orders = Mutex(Orders())
    private let hasOrders = Atomic<Bool>(false)
    private let change = ChangeSignal()
    /// Signalled by the guest's kicks and by each order.
    private let kick: Share<EventDescriptor>
    private let thread: Mutex<SystemThread?>

    /// Starts the thread, which waits for orders.
    /// - Throws: EAGAIN when the limit of threads is reached.
    init(name: String, kick: EventDescriptor, _ parts: Parts) throws(Errno) {
        self.kick = Share(kick)
        thread = Mutex(nil)
        // Signals for the process must not go to this thread, but to the event loop, which doesn't run yet.
        let before = parts.system.blockAllSignals()
        defer { parts.system.restoreSignals(before) }
        let started = try SystemThread(name: name) { [self] in run(kick, parts) }
        thread.withLock { $0 = started }
    }

    // MARK: Orders

    /// Makes the thread work on a queue, from its beginning. Returns at once.
    func start(_ layout: SplitQueue.Layout) {
        give { orders in
            orders.layout = layout
            orders.epoch += 1
        }
    }

    /// Makes the thread leave its queue: after the return, it doesn't touch the guest's memory.
    func stop() {
        wait(
            for: give { orders in
                orders.layout = nil
                orders.epoch += 1
            })
    }

    /// Makes the thread wait after its current request. Kicks that arrive meanwhile aren't lost.
    func pause() { wait(for: give { $0.isPaused = true }) }

    /// Makes the thread continue.
    func resume() { give { $0.isPaused = false } }

    /// Wakes the thread, as a kick of the guest does.
    func poke() { kick.object?.signal() }

    /// Ends the thread and waits for its end. A second call does nothing.
    func end() {
        give { $0.hasEnd = true }
        thread.withLock { $0.take() }?.join()
        kick.release()
    }

    @discardableResult
    private func give(_ order: (inout Orders) -> Void) -> UInt64 {
        let number = orders.withLock { orders in
            order(&orders)
            orders.given += 1
            return orders.given
        }
        hasOrders.store(true, ordering: .releasing)
        kick.object?.signal()
        return number
    }

    private func wait(for number: UInt64) {
        while true {
            let count = change.count
            if orders.withLock({ $0.followed >= number || $0.hasEnd }) { return }
            change.wait(since: count)
        }
    }

    // MARK: The thread

    private func run(_ kick: EventDescriptor, _ parts: Parts) {
        var chain = DescriptorChain(capacity: parts.chainLimit + parts.memory.bankCount)
        var queue: SplitQueue?
        var (epoch, isPaused): (UInt64, Bool) = (0, false)
        while true {
            if hasOrders.exchange(false, ordering: .acquiring) {
                let now = orders.withLock { $0 }
                if now.epoch != epoch {
                    epoch = now.epoch
                    queue = now.layout.flatMap { open($0, parts) }
                }
                isPaused = now.isPaused
                orders.withLock { $0.followed = now.given }
                change.signal()
                if now.hasEnd { return }
            }
            if !isPaused, queue != nil { work(on: &queue, &chain, kick, parts) }
            if hasOrders.load(ordering: .acquiring) { continue }
            // It never fails for a valid descriptor.
            _ = try? parts.system.waitUntilReadable(kick.rawValue, milliseconds: -1)
            _ = kick.take()
        }
    }

    private func open(_ layout: SplitQueue.Layout, _ parts: Parts) -> SplitQueue? {
        do throws(QueueFault) {
            return try SplitQueue(layout, chainLimit: parts.chainLimit, memory: parts.memory)
        } catch {
            parts.fail(error)
            return nil
        }
    }

    /// Handles the requests until the queue is empty or has a fault, or there are orders.
    private func work(
        on queue: inout SplitQueue?, _ chain: inout DescriptorChain, _ kick: EventDescriptor, _ parts: Parts
    ) {
        guard var current = queue else { return }
        do throws(QueueFault) {
            current.suppressKicks()
            repeat {
                var count = 0
                while try current.next(&chain) {
                    guard waits(for: chain, &current, kick, parts) else {
                        current.putBack()
                        break
                    }
                    current.add(chain.head, written: try parts.handler.handle(&chain))
                    count += 1
                    if count.isMultiple(of: Self.batchLimit), current.publish() { parts.interrupt() }
                    if hasOrders.load(ordering: .acquiring) { break }
                }
                if current.publish() { parts.interrupt() }
                if hasOrders.load(ordering: .acquiring) {
                    queue = current
                    return
                }
            } while try current.wantKick()
            queue = current
        } catch {
            // The requests before the fault were handled.
            if current.publish() { parts.interrupt() }
            queue = nil
            parts.fail(error)
        }
    }

    /// Waits until the rate limits allow a request. Before that the guest is notified of the handled requests.
    /// - Returns: false when orders arrive first.
    private func waits(
        for request: borrowing DescriptorChain, _ queue: inout SplitQueue, _ kick: EventDescriptor, _ parts: Parts
    ) -> Bool {
        while true {
            let delay = parts.handler.delay(of: request)
            if delay == 0 { return true }
            if queue.publish() { parts.interrupt() }
            if hasOrders.load(ordering: .acquiring) { return false }
            let milliseconds = CInt(clamping: delay / 1_000_000 + (delay % 1_000_000 == 0 ? 0 : 1))
            // It never fails for a valid descriptor. A kick that ends the wait is for a later request.
            _ = try? parts.system.waitUntilReadable(kick.rawValue, milliseconds: milliseconds)
            _ = kick.take()
        }
    }
}
