// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import PlatformBus

/// The room in the guest's RAM for what it is booted with. In each bank one thing goes behind the other.
struct BootRoom {
    private let banks: [GuestRange]
    /// By bank: the first address behind what was taken; nil where that is beyond 2^64 - 1.
    private var ends: [GuestAddress?]
    /// The bank that was taken from last.
    private var current = 0

    /// "a 1 GB aligned physical memory window of up to 32 GB in size that fully covers the kernel Image as well"
    /// (booting.rst).
    private static let windowAlignment: UInt64 = 1 << 30
    private static let windowSize: UInt64 = 32 << 30

    /// - Parameter banks: at least one.
    init(banks: [GuestRange]) {
        self.banks = banks
        ends = banks.map(\.base)
    }

    /// Where `size` bytes fit.
    /// - Parameters:
    ///   - isLimit: they may be fewer: a place with less room does when none has as much.
    ///   - offset: they go that far above a multiple of `alignment`.
    ///   - kernel: what they must share a window with.
    /// - Throws: `MachineError.doesNotFit`, `.fragmented`.
    func place(
        _ what: @autoclosure () -> String, _ size: UInt64, isLimit: Bool = false, alignment: UInt64, offset: UInt64 = 0,
        with kernel: GuestRange? = nil
    ) throws(MachineError) -> GuestAddress {
        var best: GuestAddress?
        for step in banks.indices {
            // The bank that was taken from last, then the others from the first on.
            let index = step == 0 ? current : step <= current ? step - 1 : step
            guard let start = ends[index]?.aligned(to: alignment)?.adding(offset), start <= banks[index].last else {
                continue
            }
            let range = GuestRange(base: start, size: size)
            if let kernel, let range, !Self.shareWindow(range, kernel) { continue }
            if let range, banks[index].contains(range) { return start }
            if isLimit, best.map({ left(from: start) > left(from: $0) }) ?? true { best = start }
        }
        if let best { return best }
        let start = ends.indices.contains(current) ? ends[current]?.aligned(to: alignment)?.adding(offset) : nil
        // Beyond the bank: that what goes there has no room shows when its size is known.
        if isLimit, let start { return start }
        throw failure(what(), size, from: start)
    }

    /// Notes that `range`, which is in one bank, is no longer free.
    mutating func take(_ range: GuestRange) {
        guard let index = banks.firstIndex(where: { $0.contains(range.base) }) else { return }
        ends[index] = range.last.adding(1)
        current = index
    }

    /// How many bytes there are from `address` to the end of its bank.
    func left(from address: GuestAddress?) -> UInt64 {
        guard let address, let bank = banks.first(where: { $0.contains(address) }) else { return 0 }
        return bank.last.rawValue - address.rawValue &+ 1
    }

    /// That `size` bytes don't fit.
    /// - Parameter start: where they would have begun if there is one bank.
    func failure(_ what: String, _ size: UInt64, from start: GuestAddress?) -> MachineError {
        if banks.count == 1 { return .doesNotFit(what: what, bytes: size, available: left(from: start)) }
        return .fragmented(
            what: what, bytes: size, largest: ends.map { left(from: $0) }.max() ?? 0, banks: banks.count)
    }

    private static func shareWindow(_ one: GuestRange, _ other: GuestRange) -> Bool {
        let base = min(one.base, other.base).rawValue / windowAlignment * windowAlignment
        return max(one.last, other.last).rawValue - base < windowSize
    }
}
