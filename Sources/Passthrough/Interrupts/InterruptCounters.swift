// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The counters of an interrupt that Martlet itself delivers.
public struct InterruptCounters: Sendable, Equatable, Encodable {
    /// Signals of its VFIO trigger.
    public var raised: UInt64 = 0
    /// Deliveries to the guest.
    public var delivered: UInt64 = 0
    /// Deliveries whose end of interrupt was observed.
    public var ended: UInt64 = 0
    /// Times that it had to wait for another interrupt of the device, or until the device's regions were unmapped.
    public var queued: UInt64 = 0
    /// Signals that were merged with an earlier one that was not yet delivered or not yet ended.
    public var coalesced: UInt64 = 0
    /// Times that `storm_limit` delayed it.
    public var stormHeld: UInt64 = 0

    enum CodingKeys: String, CodingKey {
        case raised, delivered, ended, queued, coalesced
        case stormHeld = "storm_held"
    }

    /// Starts with zeros.
    public init() {}
}
