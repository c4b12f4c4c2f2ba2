// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import PlatformBus

/// The free room in the guest's RAM while a guest is loaded. Each bank is filled from its beginning.
struct BootRoom {
    private let banks: [GuestRange]
    /// For each bank, the first free address; nil when that is beyond 2^64 - 1.
    private var ends: [GuestAddress?]
    /// The bank that was used last.
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

    /// Finds a place for `size` bytes.
    /// - Parameters:
    ///   - isLimit: whether `size` is only an upper limit: if no place has that much room, the largest is returned.
    ///   - offset: the place is this far above a multiple of `alignment`.
    ///   - kernel: the place must be in the same window as this range.
    /// - Throws: `MachineError.doesNotFit`, `.fragmented`.
    func place(
        _ what: @autoclosure () -> String, _ size: UInt64, isLimit: Bool = false, alignment: UInt64, offset: UInt64 = 0,
        with kernel: GuestRange? = nil
    ) throws(MachineError) -> GuestAddress {
        var best: GuestAddress?
        for step in banks.indices {
            // The bank that was used last, then the others from the first on.
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
        // The place is beyond the bank. The caller finds out that there is no room when it knows the size.
        if isLimit, let start { return start }
        throw failure(what(), size, from: start)
    }

    /// Marks `range`, which is in one bank, as taken.
    mutating func take(_ range: GuestRange) {
        guard let index = banks.firstIndex(where: { $0.contains(range.base) }) else { return }
        ends[index] = range.last.adding(1)
        current = index
    }

    /// The number of bytes from `address` to the end of its bank.
    func left(from address: GuestAddress?) -> UInt64 {
        guard let address, let bank = banks.first(where: { $0.contains(address) }) else { return 0 }
        return bank.last.rawValue - address.rawValue &+ 1
    }

    /// The error that `size` bytes don't fit.
    /// - Parameter start: where they would begin, if there is one bank.
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
