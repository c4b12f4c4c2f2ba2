// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import PlatformBus

/// A handler of trapped accesses on the platform bus, for as long as this lives: the bus keeps the handler.
public final class BusAttachment: Sendable {
    private let name: String
    private let range: GuestRange
    private let bus: BusMap

    /// - Parameter name: the owner of a claim that `range` lies in.
    /// - Throws: `PlatformBusError.overlap` when the range has a handler, or belongs to another owner.
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
