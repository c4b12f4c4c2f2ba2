// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

/// `platform-devices[].reset`: a word, or a list of steps.
extension DeviceReset {
    /// The words of the key.
    enum Word: String, CaseIterable {
        case automatic = "auto"
        case none
    }

    /// Reads the key; `automatic` if it is absent or wrong.
    init(_ reader: ObjectReader, _ key: KeyDescription) {
        switch reader.wordOrObjects(key) {
        case nil: self = .automatic
        case .word(let text):
            // Any other word was already noted.
            self = text == Word.none.rawValue ? .none : .automatic
        case .objects(let readers):
            let steps = readers.map(ResetStep.init)
            self = .steps(steps)
            let waits = steps.reduce(0) { $0 + $1.longestWaitMilliseconds }
            if waits > Self.limitMilliseconds {
                reader.note(
                    key.name, found: "steps that may wait for \(waits) ms in all",
                    allowed: "at most \(Self.limitMilliseconds) ms: nothing else is done meanwhile")
            }
        }
    }
}

/// A step of `platform-devices[].reset`.
extension ResetStep {
    /// The kinds of steps.
    enum Kind: String, CaseIterable {
        case write, set, clear, poll, delay
    }

    enum Keys {
        static let kind = Key<Kind>.requiredChoice(
            "step", fallback: .delay,
            """
            What is done: `"write"` writes `value`, or of it the bits of `mask`; `"set"` and `"clear"` change the bits \
            of `mask`; `"poll"` waits until the bits of `mask` are those of `value`, and fails after `timeout_ms`; \
            `"delay"` waits for `delay_ms`.
            """)
        static let region = Key.integer("region", 0...63, default: 0, "The region's index.")
        static let offset = Key<UInt64?>.number64(
            "offset", "Bytes from the region's base, a multiple of `width`. Every step but `\"delay\"` needs it.")
        static let width = Key.number(
            "width", among: ResetStep.Register.widths, default: ResetStep.Register.defaultWidth,
            "The register's bytes; 8 are accessed as two halves.")
        static let value = Key<UInt64?>.number64(
            "value", "For `\"write\"`, which needs it, and `\"poll\"`, for which it is 0 where left out.")
        static let mask = Key<UInt64?>.number64(
            "mask", "The bits in question; all where left out. `\"set\"` and `\"clear\"` need it.")
        static let timeout = Key<Int?>.optionalInteger(
            "timeout_ms", 1...ResetStep.waitLimitMilliseconds, default: ResetStep.defaultTimeoutMilliseconds,
            "For `\"poll\"`: after so many milliseconds the reset has failed.")
        static let delay = Key<Int?>.optionalInteger(
            "delay_ms", 1...ResetStep.waitLimitMilliseconds, default: 1, "For `\"delay\"`: milliseconds.")

        static var section: Section {
            Section(keys: [
                kind.description, region.description, offset.description, width.description, value.description,
                mask.description, timeout.description, delay.description,
            ])
        }

        /// The keys of a step of a kind, in addition to its own key.
        static func taken(by kind: Kind) -> [String] {
            let register = [region.name, offset.name, width.name, mask.name]
            switch kind {
            case .write: return register + [value.name]
            case .set, .clear: return register
            case .poll: return register + [value.name, timeout.name]
            case .delay: return [delay.name]
            }
        }
    }

    init(_ reader: ObjectReader) {
        let kind = reader.value(Keys.kind)
        let offset = reader.value(Keys.offset)
        let register = Register(
            region: reader.value(Keys.region), offset: offset ?? 0, width: reader.value(Keys.width))
        let value = reader.value(Keys.value)
        let mask = reader.value(Keys.mask)
        let timeout = reader.value(Keys.timeout)
        let delay = reader.value(Keys.delay)
        reader.noteOthers(than: Keys.section)
        switch kind {
        case .write: self = .write(register, value: value ?? 0, mask: mask ?? register.allBits)
        case .set: self = .set(register, mask: mask ?? 0)
        case .clear: self = .clear(register, mask: mask ?? 0)
        case .poll:
            self = .poll(
                register, value: value ?? 0, mask: mask ?? register.allBits,
                timeoutMilliseconds: timeout ?? Self.defaultTimeoutMilliseconds)
        case .delay: self = .delay(milliseconds: delay ?? 1)
        }
        // Without a kind the other keys can't be checked.
        guard reader.has(Keys.kind.description) else { return }
        Self.noteForeignKeys(reader, kind)
        Self.noteMissingKeys(reader, kind)
        if kind != .delay { Self.noteBits(reader, register, value: value, mask: mask) }
    }

    private static func noteForeignKeys(_ reader: ObjectReader, _ kind: Kind) {
        let taken = Keys.taken(by: kind)
        for key in Keys.section.keys where key.name != Keys.kind.name && !taken.contains(key.name) {
            guard reader.has(key) else { continue }
            reader.note(
                key.name, found: "the key in a step that is a \"\(kind.rawValue)\"",
                allowed: "there: \(taken.joined(separator: ", "))")
        }
    }

    private static func noteMissingKeys(_ reader: ObjectReader, _ kind: Kind) {
        let needed: [KeyDescription] =
            switch kind {
            case .write: [Keys.offset.description, Keys.value.description]
            case .set, .clear: [Keys.offset.description, Keys.mask.description]
            case .poll: [Keys.offset.description]
            case .delay: []
            }
        for key in needed where !reader.has(key) {
            reader.note(found: "a \"\(kind.rawValue)\" without \(key.name)", allowed: "it with \(key.name)")
        }
    }

    private static func noteBits(_ reader: ObjectReader, _ register: Register, value: UInt64?, mask: UInt64?) {
        if register.offset % UInt64(max(register.width, 1)) != 0 {
            reader.note(
                Keys.offset.name, found: "\(register.offset), in a register of \(register.width) bytes",
                allowed: "a multiple of its width")
        }
        if let mask, mask & ~register.allBits != 0 || mask == 0 {
            reader.note(
                Keys.mask.name, found: mask == 0 ? "no bit" : "bits outside a register of \(register.width) bytes",
                allowed: "bits of the register")
        } else if let value, value & ~(mask ?? register.allBits) != 0 {
            reader.note(
                Keys.value.name, found: "bits outside \(mask == nil ? "the register" : "the mask")",
                allowed: "bits that are in \(mask == nil ? "its \(register.width) bytes" : "it")")
        }
    }
}
