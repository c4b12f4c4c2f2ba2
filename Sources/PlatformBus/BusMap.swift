// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Synchronization

/// The guest-physical address map, and the owners of the interrupts.
///
/// It is filled before the VM runs; `makeDispatcher` then makes an immutable copy for the vCPU threads. A region that
/// is mapped into the guest is attached here like a trapped one: it doesn't trap while its memory slot exists.
///
/// Each claim on the address space has an owner's name, and claims never overlap, even those of one owner. A device is
/// attached to a range of its own, or within a claim of the same name (for example the range that `allocateWindow`
/// returned).
public final class BusMap: Sendable {
    /// The smallest alignment of a window that the bus chooses: with 4 KiB pages nothing else is in a mapped region's
    /// page.
    public static let minimumAlignment: UInt64 = 4096

    struct Region {
        let name: String
        let range: GuestRange
    }

    struct Attachment {
        let name: String
        let range: GuestRange
        let device: any MMIODevice
    }

    /// The SPIs in use. Not a dictionary: the first one with a new type of key costs 200,000 instructions.
    private struct Lines {
        /// In ascending order.
        private(set) var spis: [UInt32] = []
        /// The owner of each.
        private(set) var owners: [String] = []

        /// The index of `spi`, or the index at which to insert it.
        func index(of spi: UInt32) -> Int { spis.firstIndex { $0 >= spi } ?? spis.endIndex }

        func owner(of spi: UInt32) -> String? {
            let index = index(of: spi)
            return index < spis.count && spis[index] == spi ? owners[index] : nil
        }

        /// The lowest free one: they are sorted, so it is the first index whose SPI has a different number.
        var firstFree: UInt32 { UInt32(spis.indices.first { spis[$0] != $0 } ?? spis.endIndex) }

        /// Assigns a free one to `owner`.
        mutating func add(_ spi: UInt32, _ owner: String) {
            let index = index(of: spi)
            spis.insert(spi, at: index)
            owners.insert(owner, at: index)
        }

        /// Frees one; does nothing if it is already free.
        mutating func remove(_ spi: UInt32) {
            guard owner(of: spi) != nil else { return }
            let index = index(of: spi)
            spis.remove(at: index)
            owners.remove(at: index)
        }
    }

    private struct State {
        /// Sorted by address, without overlaps.
        var claims: [Region] = []
        /// Sorted by address, without overlaps; each is inside one of `claims`.
        var attachments: [Attachment] = []
        var lines = Lines()
    }

    /// The windows in which `allocateWindow` finds room, in ascending order.
    public let windows: [GuestRange]
    /// Further ranges in which the configuration may fix an address.
    private let fixed: [GuestRange]
    /// The number of SPIs that the interrupt controller has.
    public let spiCount: UInt32

    // Owned by the bus. The lock is held during one method, and nothing is called under it.
    private let state = Mutex(State())

    /// An empty bus.
    ///
    /// - Parameters:
    ///   - windows: the ranges for devices without a fixed address.
    ///   - spiCount: SPIs 0 ..< spiCount exist (at most 988; more are not used).
    ///   - fixed: further ranges in which the configuration may fix an address: a device at its host address is rarely
    ///     in a window.
    public init(windows: [GuestRange], spiCount: UInt32, fixed: [GuestRange] = []) {
        self.windows = windows.sorted { $0.base < $1.base }
        self.fixed = fixed
        self.spiCount = min(spiCount, SPI.maximumCount)
    }

    // MARK: The address map

    /// Claims `range` for a part without an MMIO device: RAM, the interrupt controller.
    ///
    /// - Throws: `overlap`.
    public func reserve(_ name: String, _ range: GuestRange) throws(PlatformBusError) {
        try state.withLock { (state) throws(PlatformBusError) in
            try Self.claim(name, range, in: &state)
        }
    }

    /// Attaches `device` to the trapped accesses to `range`.
    ///
    /// Claims `range`, unless it is inside a claim with that name.
    ///
    /// - Throws: `overlap`.
    public func attach(_ name: String, _ range: GuestRange, to device: any MMIODevice) throws(PlatformBusError) {
        try state.withLock { (state) throws(PlatformBusError) in
            if let other = state.attachments.first(where: { $0.range.overlaps(range) }) {
                throw .overlap(name: name, range: range, owner: other.name, taken: other.range)
            }
            if !state.claims.contains(where: { $0.name == name && $0.range.contains(range) }) {
                try Self.claim(name, range, in: &state)
            }
            let index = state.attachments.firstIndex { range.base < $0.range.base } ?? state.attachments.endIndex
            state.attachments.insert(Attachment(name: name, range: range, device: device), at: index)
        }
    }

    /// Claims `size` bytes in one of the windows, in the lowest gap that is large enough.
    ///
    /// - Parameters:
    ///   - alignment: a power of two in bytes. By default the natural one: `size` rounded up to a power of two, at
    ///     least 4 KiB; an address given as `at` needs no alignment by default.
    ///   - address: the address that the configuration fixes; nil for any.
    /// - Returns: a range of exactly `size` bytes.
    /// - Throws: `windowFull`; for a fixed address `overlap`, `outsideWindow`, `misaligned`; `invalidRange`,
    ///   `invalidAlignment`.
    public func allocateWindow(
        _ name: String, size: UInt64, alignment: UInt64? = nil, at address: GuestAddress? = nil
    ) throws(PlatformBusError) -> GuestRange {
        if let alignment, alignment.nonzeroBitCount != 1 {
            throw .invalidAlignment(name: name, alignment: alignment)
        }
        guard size > 0 else { throw .invalidRange(name: name, base: address, size: size) }
        return try state.withLock { (state) throws(PlatformBusError) in
            let range: GuestRange
            if let address {
                range = try fixedRange(name, size: size, alignment: alignment ?? 1, at: address)
            } else {
                let alignment = alignment ?? max(Self.powerOfTwo(notBelow: size), Self.minimumAlignment)
                guard let free = firstFit(size: size, alignment: alignment, claims: state.claims) else {
                    throw .windowFull(name: name, size: size, alignment: alignment, windows: windows)
                }
                range = free
            }
            try Self.claim(name, range, in: &state)
            return range
        }
    }

    /// Releases every claim and attachment inside `range`.
    public func remove(_ range: GuestRange) {
        state.withLock { state in
            state.attachments.removeAll { range.contains($0.range) }
            state.claims.removeAll { range.contains($0.range) }
        }
    }

    /// Removes the handler of `range`; its owner's claim stays.
    public func detach(_ name: String, _ range: GuestRange) {
        state.withLock { state in state.attachments.removeAll { $0.name == name && $0.range == range } }
    }

    /// Releases all claims, attachments and SPIs of `owner`.
    public func removeAll(owner: String) {
        state.withLock { state in
            state.attachments.removeAll { $0.name == owner }
            state.claims.removeAll { $0.name == owner }
            for (spi, name) in zip(state.lines.spis, state.lines.owners) where name == owner { state.lines.remove(spi) }
        }
    }

    /// Every claim with its owner, in ascending order.
    public var regions: [(name: String, range: GuestRange)] {
        state.withLock { state in state.claims.map { ($0.name, $0.range) } }
    }

    // MARK: Interrupts

    /// Assigns the lowest free SPI to `name`.
    ///
    /// - Throws: `noSPI`.
    public func allocateSPI(_ name: String) throws(PlatformBusError) -> SPI {
        try state.withLock { (state) throws(PlatformBusError) in
            let spi = state.lines.firstFree
            guard spi < spiCount else { throw .noSPI(name: name, count: spiCount) }
            state.lines.add(spi, name)
            return SPI(rawValue: spi)
        }
    }

    /// Assigns `spi` to `name`.
    ///
    /// - Throws: `spiTaken`, `spiOutOfRange`.
    public func reserveSPI(_ spi: SPI, _ name: String) throws(PlatformBusError) {
        guard spi.rawValue < spiCount else { throw .spiOutOfRange(name: name, spi: spi, count: spiCount) }
        try state.withLock { (state) throws(PlatformBusError) in
            if let owner = state.lines.owner(of: spi.rawValue) {
                throw .spiTaken(name: name, spi: spi, owner: owner)
            }
            state.lines.add(spi.rawValue, name)
        }
    }

    /// Frees `spi`; does nothing if it is already free.
    public func releaseSPI(_ spi: SPI) {
        state.withLock { $0.lines.remove(spi.rawValue) }
    }

    /// Every SPI in use with its owner, in ascending order.
    public var interrupts: [(name: String, spi: SPI)] {
        state.withLock { state in
            zip(state.lines.owners, state.lines.spis).map { ($0, SPI(rawValue: $1)) }
        }
    }

    /// How many SPIs the interrupt controller needs for those in use: one more than the highest; 0 if none is in use.
    public var neededSPICount: UInt32 {
        state.withLock { state in state.lines.spis.last.map { $0 + 1 } ?? 0 }
    }

    // MARK: Dispatch

    /// A copy of the current attachments for the vCPU threads; later changes of the bus don't affect it.
    ///
    /// - Parameter unclaimed: called once for each 4 KiB page with an access that no device handles, on the vCPU thread
    ///   of the access, at most `MMIODispatcher.reportedPageLimit` times. It must not block for long.
    public func makeDispatcher(
        unclaimed: @escaping @Sendable (UnclaimedAccess) -> Void = { _ in }
    ) -> MMIODispatcher {
        MMIODispatcher(state.withLock { state in state.attachments }, unclaimed: unclaimed)
    }

    // MARK: Details

    private static func claim(_ name: String, _ range: GuestRange, in state: inout State) throws(PlatformBusError) {
        if let other = state.claims.first(where: { $0.range.overlaps(range) }) {
            throw .overlap(name: name, range: range, owner: other.name, taken: other.range)
        }
        let index = state.claims.firstIndex { range.base < $0.range.base } ?? state.claims.endIndex
        state.claims.insert(Region(name: name, range: range), at: index)
    }

    private func fixedRange(
        _ name: String, size: UInt64, alignment: UInt64, at address: GuestAddress
    ) throws(PlatformBusError) -> GuestRange {
        guard let range = GuestRange(base: address, size: size) else {
            throw .invalidRange(name: name, base: address, size: size)
        }
        guard address.isAligned(to: alignment) else {
            throw .misaligned(name: name, address: address, alignment: alignment)
        }
        guard (windows + fixed).contains(where: { $0.contains(range) }) else {
            throw .outsideWindow(name: name, range: range, windows: windows)
        }
        return range
    }

    private func firstFit(size: UInt64, alignment: UInt64, claims: [Region]) -> GuestRange? {
        for window in windows {
            var candidate = window.base.aligned(to: alignment)
            for claim in claims where window.overlaps(claim.range) {
                guard let base = candidate, let range = GuestRange(base: base, size: size) else { break }
                // The claims are sorted, so the gap below this one is the lowest.
                if range.last < claim.range.base { break }
                if base <= claim.range.last {
                    candidate = claim.range.last.adding(1)?.aligned(to: alignment)
                }
            }
            if let base = candidate, let range = GuestRange(base: base, size: size), window.contains(range) {
                return range
            }
        }
        return nil
    }

    /// The lowest power of two that isn't below `value`; at most 2^63.
    private static func powerOfTwo(notBelow value: UInt64) -> UInt64 {
        if value <= 1 { return 1 }
        return 1 << min(UInt64.bitWidth - (value - 1).leadingZeroBitCount, UInt64.bitWidth - 1)
    }
}
