// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import PlatformBus

/// A handler of trapped accesses that is on the platform bus for as long as this object lives.
///
/// The bus keeps the handler alive.
public final class BusAttachment: Sendable {
    private let name: String
    private let range: GuestRange
    private let bus: BusMap

    /// - Parameter name: the owner of a claim that contains `range`.
    /// - Throws: `PlatformBusError.overlap` when the range already has a handler, or belongs to another owner.
    public init(
        _ handler: any MMIODevice, name: String, range: GuestRange, on bus: BusMap
    ) throws(PlatformBusError) {
        try bus.attach(name, range, to: handler)
        self.name = name
        self.range = range
        self.bus = bus
    }

    deinit { bus.detach(name, range) }
}
