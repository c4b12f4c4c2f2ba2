// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Arm64

/// What a line of assembly says, read from its text alone: the expectation for the decoder, which sees only the word.
enum AssemblyLine {
    /// What a mnemonic does with a register of a kind ("w", "x", "b", … "q"). nil for one that isn't in the list.
    private static func meaning(_ mnemonic: String, _ kind: Character) -> (LoadStore.Operation, bytes: UInt8)? {
        let bytes: UInt8? = ["b": 1, "h": 2, "s": 4, "d": 8, "q": 16, "w": 4, "x": 8][kind]
        guard let bytes else { return nil }
        // The stem says the direction, the suffix the size and the sign.
        let stems = [
            "ldapur", "stlur", "ldapr", "ldlar", "stllr", "ldar", "stlr", "ldnp", "stnp", "ldur", "stur", "ldtr",
            "sttr",
            "ldp", "stp", "ldr", "str",
        ]
        guard let stem = stems.first(where: { mnemonic.hasPrefix($0) }) else { return nil }
        let isLoad = stem.hasPrefix("l")
        switch mnemonic.dropFirst(stem.count) {
        case "": return (isLoad ? .load(.zero) : .store, bytes)
        case "b": return (isLoad ? .load(.zero) : .store, 1)
        case "h": return (isLoad ? .load(.zero) : .store, 2)
        case "sb": return (.load(kind == "w" ? .signTo32 : .signTo64), 1)
        case "sh": return (.load(kind == "w" ? .signTo32 : .signTo64), 2)
        case "sw": return (.load(.signTo64), 4)
        default: return nil
        }
    }

    /// The number of a register's name.
    private static func number(_ name: String) -> UInt8? {
        ["sp", "xzr", "wzr"].contains(name) ? 31 : UInt8(name.dropFirst())
    }

    /// "ldp w1, w2, [sp, #-8]!" as a value.
    static func read(_ line: String) -> LoadStore? {
        guard let space = line.firstIndex(of: " ") else { return nil }
        let mnemonic = String(line[..<space])
        var words = line[space...].split { " ,".contains($0) }.map(String.init)
        let isPair = ["ldp", "stp", "ldnp", "stnp", "ldpsw"].contains(mnemonic)
        let isPrefetch = mnemonic.hasPrefix("prf")
        guard let kind = words.first?.first else { return nil }
        let operation: LoadStore.Operation
        let bytes: UInt8
        if isPrefetch {
            (operation, bytes) = (.prefetch, 8)
        } else {
            guard let meaning = meaning(mnemonic, kind) else { return nil }
            (operation, bytes) = (meaning.0, meaning.bytes)
        }
        let file: LoadStore.File = "wx".contains(kind) || isPrefetch ? .general : .vector
        // pldl1keep, the only hint used, is 0.
        guard let first = isPrefetch ? 0 : number(words.removeFirst()) else { return nil }
        if isPrefetch { words.removeFirst() }
        let second = isPair ? number(words.removeFirst()) : nil
        var result = LoadStore(
            operation, file, elementBytes: bytes, register: first, secondRegister: second, base: .programCounter)
        result.isUnprivileged = mnemonic.hasPrefix("ldtr") || mnemonic.hasPrefix("sttr")
        return operands(words.joined(separator: " "), &result) ? result : nil
    }

    private static func operands(_ text: String, _ result: inout LoadStore) -> Bool {
        if text.hasPrefix(".") {
            result.offset = .immediate(Int64(text.dropFirst()) ?? 0)
            return true
        }
        guard text.hasPrefix("["), let end = text.firstIndex(of: "]") else { return false }
        let inside = text[text.index(after: text.startIndex)..<end].split(separator: " ").map(String.init)
        let outside = text[text.index(after: end)...]
        guard let base = inside.first.flatMap(number) else { return false }
        result.base = .register(base)
        let immediate = (inside.count == 2 ? inside[1] : nil).flatMap {
            $0.hasPrefix("#") ? Int64($0.dropFirst()) : nil
        }
        if outside == "!" {
            guard let immediate else { return false }
            (result.offset, result.indexing) = (.immediate(immediate), .preIndexed)
        } else if !outside.isEmpty {
            guard let after = Int64(outside.dropFirst(2)) else { return false }
            (result.offset, result.indexing) = (.immediate(after), .postIndexed)
        } else if let immediate {
            result.offset = .immediate(immediate)
        } else if inside.count > 1, let index = number(inside[1]) {
            let names: [String: LoadStore.OffsetExtension] = [
                "lsl": .uxtx, "uxtw": .uxtw, "sxtw": .sxtw, "sxtx": .sxtx,
            ]
            guard let kind = inside.count > 2 ? names[inside[2]] : .uxtx else { return false }
            let shift = inside.count > 3 ? UInt8(inside[3].dropFirst()) : 0
            guard let shift else { return false }
            result.offset = .register(index, kind, shift: shift)
        } else if inside.count != 1 {
            return false
        }
        return true
    }
}
