// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Room for what one wait for events reports.
public struct EventBatch: ~Copyable {
    /// The token of each event.
    let tokens: UnsafeMutablePointer<UInt64>
    /// What is ready, as epoll_wait(2) gives it.
    let events: UnsafeMutablePointer<UInt32>

    /// Room for `capacity` events.
    public init() {
        tokens = .allocate(capacity: Self.capacity)
        events = .allocate(capacity: Self.capacity)
    }

    // Safety: allocated by init and freed here, with nobody else left who has the batch.
    deinit {
        tokens.deallocate()
        events.deallocate()
    }

    /// The token that event `index` was watched with. The wait has reported that many.
    func token(_ index: Int) -> UInt64 { tokens[index] }

    /// What is ready of it.
    func ready(_ index: Int) -> Interest { Interest(epollEvents: events[index]) }
}
