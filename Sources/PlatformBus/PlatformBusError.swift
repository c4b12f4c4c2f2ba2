// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// Why the requested address map or interrupts are impossible.
public enum PlatformBusError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `name` requests `range`, but it overlaps `taken`, which `owner` has.
    case overlap(name: String, range: GuestRange, owner: String, taken: GuestRange)
    /// No window has a gap of `size` bytes with this `alignment`.
    case windowFull(name: String, size: UInt64, alignment: UInt64, windows: [GuestRange])
    /// The configuration fixes `range`, but no window contains all of it.
    case outsideWindow(name: String, range: GuestRange, windows: [GuestRange])
    /// The configuration fixes `address`, but it isn't a multiple of `alignment`.
    case misaligned(name: String, address: GuestAddress, alignment: UInt64)
    /// An alignment that isn't a power of two.
    case invalidAlignment(name: String, alignment: UInt64)
    /// The range is empty, or would end beyond 2^64 - 1.
    case invalidRange(name: String, base: GuestAddress?, size: UInt64)
    /// All of the `count` SPIs are in use.
    case noSPI(name: String, count: UInt32)
    /// `name` requests `spi`, but `owner` has it.
    case spiTaken(name: String, spi: SPI, owner: String)
    /// `name` requests `spi`, but the interrupt controller has only `count`.
    case spiOutOfRange(name: String, spi: SPI, count: UInt32)

    /// What failed, why, and what to do about it.
    public var description: String {
        switch self {
        case .overlap(let name, let range, let owner, let taken):
            """
            \(name): guest address range \(range) overlaps \(owner) at \(taken)
              choose another address for one of the two, or remove its address: Martlet then picks a free one
            """
        case .windowFull(let name, let size, let alignment, let windows):
            """
            \(name): no room for \(hex(size)) bytes aligned to \(hex(alignment)) \
            in the platform bus (\(Self.list(windows)))
              pass fewer devices through, or move the configured addresses closer together
            """
        case .outsideWindow(let name, let range, let windows):
            """
            \(name): guest address range \(range) is outside the platform bus
              choose an address in \(Self.list(windows)), or remove the address
            """
        case .misaligned(let name, let address, let alignment):
            """
            \(name): guest address \(address) isn't aligned to \(hex(alignment))
              choose a multiple of \(hex(alignment)), or remove the address
            """
        case .invalidAlignment(let name, let alignment):
            "\(name): alignment \(hex(alignment)) is not a power of two"
        case .invalidRange(let name, let base, let size):
            """
            \(name): \(hex(size)) bytes\(base.map { " at \($0)" } ?? "") are not a valid range of guest addresses
              use at least one byte, and an end of at most 0xffffffffffffffff
            """
        case .noSPI(let name, let count):
            """
            \(name): all \(count) SPIs of the interrupt controller are in use
              pass fewer devices through
            """
        case .spiTaken(let name, let spi, let owner):
            "\(name): \(owner) already uses \(spi)"
        case .spiOutOfRange(let name, let spi, let count):
            "\(name): \(spi) doesn't exist: the interrupt controller has \(count) SPIs, from SPI 0 on"
        }
    }

    private static func list(_ windows: [GuestRange]) -> String {
        windows.isEmpty ? "it has no window" : windows.map(\.description).joined(separator: ", ")
    }
}
