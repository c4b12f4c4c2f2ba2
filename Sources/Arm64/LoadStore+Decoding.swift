// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

extension LoadStore {
    /// Why an instruction word has no `LoadStore`.
    public enum NotEmulated: Error, Equatable, Sendable, CustomStringConvertible {
        /// A load or store that can't be split into accesses of at most 8 bytes, such as an exclusive.
        case unsupported(String)
        /// The Arm ARM doesn't define its effect (CONSTRAINED UNPREDICTABLE), for example a load into its own
        /// written-back base.
        case unpredictable(String)
        /// A word of the encoding's class that isn't an instruction.
        case unallocated(String)
        /// Not a load or store.
        case unknown

        /// The reason in a few words.
        public var description: String {
            switch self {
            case .unsupported(let name): "\(name) is not emulated"
            case .unpredictable(let name): "the effect of this \(name) is unpredictable"
            case .unallocated(let name): "not allocated among \(name)"
            case .unknown: "not a known load or store"
            }
        }
    }

    /// Decodes an A64 instruction word.
    ///
    /// Every word has a result or an error.
    ///
    /// - Throws: `NotEmulated` with the reason.
    public static func decode(_ word: UInt32) throws(NotEmulated) -> LoadStore {
        guard let row = EncodingClass.of(word) else { throw .unknown }
        let fields = Fields(word: word)
        let result: LoadStore?
        switch row.kind {
        case .unsignedImmediate: result = fields.unsignedImmediate()
        case .unscaledImmediate: result = fields.single(.immediate(fields.immediate9), .offset)
        case .indexed(let indexing):
            result = fields.single(.immediate(fields.immediate9), indexing, hasPrefetch: false)
        case .unprivileged: result = fields.unprivileged()
        case .registerOffset: result = fields.registerOffset()
        case .literal: result = fields.literal()
        case .pair(let indexing): result = fields.pair(indexing)
        case .noAllocatePair: result = fields.pair(.offset, isNoAllocate: true)
        case .ordered: result = fields.ordered()
        case .orderedUnscaled: result = fields.single(.immediate(fields.immediate9), .offset, hasPrefetch: false)
        case .acquire: result = fields.acquire()
        case .notEmulated: throw .unsupported("\(row.name)")
        }
        guard let result else { throw .unallocated("\(row.name)") }
        guard !result.isUnpredictable else { throw .unpredictable("\(row.name)") }
        return result
    }

    /// Whether this is one of the CONSTRAINED UNPREDICTABLE cases of the instructions (Arm ARM, C6.2 and C7.2; appendix
    /// K1 lists the possible effects).
    private var isUnpredictable: Bool {
        if case .load = operation, let secondRegister, secondRegister == register { return true }
        guard indexing != .offset, file == .general, case .register(let number) = base, number != 31 else {
            return false
        }
        return number == register || number == secondRegister
    }
}

/// The fields of a load or store instruction, with their names in the Arm ARM.
private struct Fields {
    let word: UInt32

    private func bits(_ low: UInt32, _ count: UInt32) -> UInt32 { (word >> low) & ((1 << count) - 1) }

    private func signed(_ low: UInt32, _ count: UInt32) -> Int64 {
        Int64(Int32(bitPattern: word << (32 - low - count)) >> Int32(32 - count))
    }

    private var size: UInt32 { bits(30, 2) }
    private var opc: UInt32 { bits(22, 2) }
    private var isVector: Bool { bits(26, 1) == 1 }
    private var rt: UInt8 { UInt8(bits(0, 5)) }
    private var rn: UInt8 { UInt8(bits(5, 5)) }
    private var rt2: UInt8 { UInt8(bits(10, 5)) }
    private var rm: UInt8 { UInt8(bits(16, 5)) }
    var immediate9: Int64 { signed(12, 9) }

    private var base: LoadStore.Base { .register(rn) }

    /// A form with one register, whose size and opc fields define the transfer; nil if they define none.
    func single(
        _ offset: LoadStore.Offset, _ indexing: LoadStore.Indexing, hasPrefetch: Bool = true
    ) -> LoadStore? {
        if isVector {
            guard opc < 2 || size == 0 else { return nil }
            return LoadStore(
                opc & 1 == 0 ? .store : .load(.zero), .vector, elementBytes: opc < 2 ? 1 << UInt8(size) : 16,
                register: rt, base: base, offset: offset, indexing: indexing)
        }
        let operation: LoadStore.Operation
        switch (opc, size) {
        case (0, _): operation = .store
        case (1, _): operation = .load(.zero)
        case (2, 3):
            guard hasPrefetch else { return nil }
            operation = .prefetch
        case (2, _): operation = .load(.signTo64)
        case (_, 0), (_, 1): operation = .load(.signTo32)
        default: return nil
        }
        return LoadStore(
            operation, elementBytes: 1 << UInt8(size), register: rt, base: base, offset: offset, indexing: indexing)
    }

    func unsignedImmediate() -> LoadStore? {
        guard let result = single(.immediate(0), .offset) else { return nil }
        return with(result) { $0.offset = .immediate(Int64(bits(10, 12)) * Int64($0.elementBytes)) }
    }

    func unprivileged() -> LoadStore? {
        guard !isVector, let result = single(.immediate(immediate9), .offset, hasPrefetch: false) else { return nil }
        return with(result) { $0.isUnprivileged = true }
    }

    func registerOffset() -> LoadStore? {
        let kind: LoadStore.OffsetExtension
        switch bits(13, 3) {
        case 0b010: kind = .uxtw
        case 0b011: kind = .uxtx
        case 0b110: kind = .sxtw
        case 0b111: kind = .sxtx
        default: return nil
        }
        guard let result = single(.immediate(0), .offset) else { return nil }
        let scale = bits(12, 1) == 0 ? 0 : UInt8(result.elementBytes.trailingZeroBitCount)
        return with(result) { $0.offset = .register(rm, kind, shift: scale) }
    }

    func literal() -> LoadStore? {
        let offset = LoadStore.Offset.immediate(signed(5, 19) * 4)
        // This class has opc in the bits that are the size in the others.
        switch (size, isVector) {
        case (0...1, false), (0...2, true):
            return LoadStore(
                .load(.zero), isVector ? .vector : .general, elementBytes: 4 << UInt8(size), register: rt,
                base: .programCounter, offset: offset)
        case (2, false):
            return LoadStore(.load(.signTo64), elementBytes: 4, register: rt, base: .programCounter, offset: offset)
        case (3, false):
            return LoadStore(.prefetch, elementBytes: 8, register: rt, base: .programCounter, offset: offset)
        default: return nil
        }
    }

    func pair(_ indexing: LoadStore.Indexing, isNoAllocate: Bool = false) -> LoadStore? {
        let isLoad = bits(22, 1) == 1
        var operation: LoadStore.Operation = isLoad ? .load(.zero) : .store
        let bytes: UInt8
        // This class has opc in the bits that are the size in the others.
        switch (size, isVector) {
        case (0...2, true): bytes = 4 << UInt8(size)
        case (0, false): bytes = 4
        case (1, false):
            // LDPSW. In place of a store there is STGP, which also writes a tag.
            guard isLoad, !isNoAllocate else { return nil }
            operation = .load(.signTo64)
            bytes = 4
        case (2, false): bytes = 8
        default: return nil
        }
        return LoadStore(
            operation, isVector ? .vector : .general, elementBytes: bytes, register: rt, secondRegister: rt2,
            base: base,
            offset: .immediate(signed(15, 7) * Int64(bytes)), indexing: indexing)
    }

    func ordered() -> LoadStore? {
        LoadStore(
            bits(22, 1) == 1 ? .load(.zero) : .store, elementBytes: 1 << UInt8(size), register: rt, base: base)
    }

    func acquire() -> LoadStore? {
        LoadStore(.load(.zero), elementBytes: 1 << UInt8(size), register: rt, base: base)
    }

    private func with(_ value: LoadStore, _ change: (inout LoadStore) -> Void) -> LoadStore {
        var changed = value
        change(&changed)
        return changed
    }
}
