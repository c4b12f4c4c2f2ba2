// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Room for the events that one wait reports.
public struct EventBatch: ~Copyable {
    /// The token of each event.
    let tokens: UnsafeMutablePointer<UInt64>
    /// The events that are ready, in the bits of epoll_wait(2).
    let events: UnsafeMutablePointer<UInt32>

    /// Room for `capacity` events.
    public init() {
        tokens = .allocate(capacity: Self.capacity)
        events = .allocate(capacity: Self.capacity)
    }

    // Safety: init allocated them, and no one else has the batch any more.
    deinit {
        tokens.deallocate()
        events.deallocate()
    }

    /// The token of event `index`. The index must be below the count that the wait returned.
    func token(_ index: Int) -> UInt64 { tokens[index] }

    /// The events of `index` that are ready.
    func ready(_ index: Int) -> Interest { Interest(epollEvents: events[index]) }
}
