// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceOptions

/// `entropy`: a source of random numbers for the guest.
public struct EntropySource: Equatable, Sendable {
    /// The limits of the guest's requests; nil for none.
    public var limits: RateLimits?

    /// Creates the source, which uses the host's random numbers.
    public init(limits: RateLimits? = nil) { self.limits = limits }

    enum Keys {
        static var section: Section { Section(keys: [RateLimits.key]) }
    }

    init(_ reader: ObjectReader) {
        limits = reader.object(RateLimits.key).map { RateLimits($0) }
        reader.noteOthers(than: Keys.section)
    }
}
