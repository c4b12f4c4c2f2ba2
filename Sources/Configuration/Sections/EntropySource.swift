// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceOptions

/// `entropy`: a source of random numbers for the guest.
public struct EntropySource: Equatable, Sendable {
    /// How much the guest may have in a time; nil for any amount.
    public var limits: RateLimits?

    /// The host's random numbers.
    public init(limits: RateLimits? = nil) { self.limits = limits }

    enum Keys {
        static var section: Section { Section(keys: [RateLimits.key]) }
    }

    init(_ reader: ObjectReader) {
        limits = reader.object(RateLimits.key).map { RateLimits($0) }
        reader.noteOthers(than: Keys.section)
    }
}
