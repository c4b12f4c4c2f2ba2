// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// `entropy`: a source of random numbers for the guest. It has no settings yet.
public struct EntropySource: Equatable, Sendable {
    /// The host's random numbers.
    public init() {}

    enum Keys {
        static var section: Section { Section(keys: [], lacking: FirecrackerKey.entropy) }
    }

    init(_ reader: ObjectReader) { reader.noteOthers(than: Keys.section) }
}
