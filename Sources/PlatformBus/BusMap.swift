// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Synchronization

/// The guest-physical address map, and who owns which interrupt.
///
/// It is filled in before the VM runs; `makeDispatcher` then freezes what the vCPU threads need. A region that is
/// mapped straight into the guest is attached here like a trapped one: while its memory slot exists, it just doesn't
/// trap.
///
/// Each claim on the address space has an owner's name, and no two claims overlap, whoever owns them. A device is
/// attached either to a range of its own or within a claim of the same name (the range that `allocateWindow` gave out,
/// say).
public final class BusMap: Sendable {
    /// The smallest alignment of a window that the bus chooses: with 4 KiB pages nothing shares a page with a mapped
    /// region.
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

    /// The SPIs in use. No dictionary: the first one with a new type of key costs 200,000 instructions.
    private struct Lines {
        /// In ascending order.
        private(set) var spis: [UInt32] = []
        /// The owner of each.
        private(set) var owners: [String] = []

        /// Where `spi` is, or belongs.
        func index(of spi: UInt32) -> Int { spis.firstIndex { $0 >= spi } ?? spis.endIndex }

        func owner(of spi: UInt32) -> String? {
            let index = index(of: spi)
            return index < spis.count && spis[index] == spi ? owners[index] : nil
        }

        /// The lowest one that is free: they are sorted, so the first that isn't its own index leaves that index free.
        var firstFree: UInt32 { UInt32(spis.indices.first { spis[$0] != $0 } ?? spis.endIndex) }

        /// Gives a free one to `owner`.
        mutating func add(_ spi: UInt32, _ owner: String) {
            let index = index(of: spi)
            spis.insert(spi, at: index)
            owners.insert(owner, at: index)
        }

        /// Makes one free; nothing happens to one that is.
        mutating func remove(_ spi: UInt32) {
            guard owner(of: spi) != nil else { return }
            let index = index(of: spi)
            spis.remove(at: index)
            owners.remove(at: index)
        }
    }

    private struct State {
        /// Sorted by address, and free of overlaps.
        var claims: [Region] = []
        /// Sorted by address, and free of overlaps; each lies in one of `claims`.
        var attachments: [Attachment] = []
        var lines = Lines()
    }

    /// The windows that `allocateWindow` hands out from, in ascending order.
    public let windows: [GuestRange]
    /// Where an address that the configuration fixes may be as well.
    private let fixed: [GuestRange]
    /// The number of SPIs that the interrupt controller has.
    public let spiCount: UInt32

    // Owned by the bus. The lock is held for the length of one method, and nothing is called out to under it.
    private let state = Mutex(State())

    /// A bus with nothing on it.
    ///
    /// - Parameters:
    ///   - windows: where devices go that have no address of their own.
    ///   - spiCount: SPIs 0 up to this number exist (at most 988; more are not used).
    ///   - fixed: where an address that the configuration fixes may be as well: a device that the guest is to see where
    ///     the host has it is seldom in a window.
    public init(windows: [GuestRange], spiCount: UInt32, fixed: [GuestRange] = []) {
        self.windows = windows.sorted { $0.base < $1.base }
        self.fixed = fixed
        self.spiCount = min(spiCount, SPI.maximumCount)
    }

    // MARK: The address map

    /// Claims `range` for something without an MMIO device behind it: RAM, the interrupt controller.
    ///
    /// - Throws: `overlap`.
    public func reserve(_ name: String, _ range: GuestRange) throws(PlatformBusError) {
        try state.withLock { (state) throws(PlatformBusError) in
            try Self.claim(name, range, in: &state)
        }
    }

    /// Lets `device` handle the trapped accesses to `range`, and claims `range` unless it lies in a claim of that name.
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

    /// Claims `size` bytes in one of the windows: the lowest gap that takes them.
    ///
    /// - Parameters:
    ///   - alignment: a power of two in bytes. By default the natural one: `size` rounded up to a power of two, at
    ///     least 4 KiB; an address given as `at` needs no alignment by default.
    ///   - address: what the configuration asks for; nil for any.
    /// - Returns: exactly `size` bytes.
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

    /// Gives up every claim and attachment that lies in `range`.
    public func remove(_ range: GuestRange) {
        state.withLock { state in
            state.attachments.removeAll { range.contains($0.range) }
            state.claims.removeAll { range.contains($0.range) }
        }
    }

    /// Takes away the handler of `range`; the claim of its owner stays.
    public func detach(_ name: String, _ range: GuestRange) {
        state.withLock { state in state.attachments.removeAll { $0.name == name && $0.range == range } }
    }

    /// Gives up all claims, attachments and SPIs of `owner`.
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

    /// The lowest SPI that is free, which now belongs to `name`.
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

    /// Gives `spi` to `name`.
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

    /// Makes `spi` free again; one that is free already stays so.
    public func releaseSPI(_ spi: SPI) {
        state.withLock { $0.lines.remove(spi.rawValue) }
    }

    /// Every SPI in use with its owner, in ascending order.
    public var interrupts: [(name: String, spi: SPI)] {
        state.withLock { state in
            zip(state.lines.owners, state.lines.spis).map { ($0, SPI(rawValue: $1)) }
        }
    }

    /// How many SPIs the interrupt controller has to have for those in use: one more than the highest; 0 without any.
    public var neededSPICount: UInt32 {
        state.withLock { state in state.lines.spis.last.map { $0 + 1 } ?? 0 }
    }

    // MARK: Dispatch

    /// The attachments as they are now, for the vCPU threads; what changes on the bus later doesn't reach it.
    ///
    /// - Parameter unclaimed: told once for each 4 KiB page that the guest accesses and nothing answers for, on the
    ///   vCPU thread that did it, at most `MMIODispatcher.reportedPageLimit` times. It must not block for long.
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
                // The claims are sorted, so a gap below this one is the lowest there is.
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

    /// The lowest power of two that isn't below `value`, or 2^63, the highest that there is.
    private static func powerOfTwo(notBelow value: UInt64) -> UInt64 {
        if value <= 1 { return 1 }
        return 1 << min(UInt64.bitWidth - (value - 1).leadingZeroBitCount, UInt64.bitWidth - 1)
    }
}
