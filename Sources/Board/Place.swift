// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree
public import PlatformBus

/// An address range that a device of the board needs.
public struct WindowRequest: Equatable, Sendable {
    /// The requested address of the range.
    public enum Address: Equatable, Sendable {
        /// At this address; an overlap is an error, unless RAM is at the host's physical addresses.
        case fixed(GuestAddress)
        /// At this address, or at the nearest free one.
        case preferred(GuestAddress)
    }

    /// The size in bytes.
    public let size: UInt64
    /// The requested address of the range.
    public let address: Address

    /// A range of `size` bytes.
    public init(size: UInt64, _ address: Address) {
        self.size = size
        self.address = address
    }

    /// Whether its address is fixed.
    public var isFixed: Bool {
        switch address {
        case .fixed: true
        case .preferred: false
        }
    }

    /// The address on a board where nothing else is in the way.
    public var usual: GuestAddress {
        switch address {
        case .fixed(let usual), .preferred(let usual): usual
        }
    }
}

/// The place of a device of the board: its address ranges and interrupts, in the order of its requests.
public struct Place: Equatable, Sendable {
    /// The addresses of its registers in the guest.
    public var windows: [GuestRange]
    /// Its interrupts.
    public var lines: [SPI]

    /// Creates a place from its parts.
    public init(windows: [GuestRange] = [], lines: [SPI] = []) {
        self.windows = windows
        self.lines = lines
    }

    /// A node's name with the address of the first window, such as "pl061@9030000" (Devicetree Specification v0.4,
    /// 2.2.1.1).
    public func nodeName(_ base: String) -> String {
        windows.first.map { base + "@" + String($0.base.rawValue, radix: 16) } ?? base
    }

    /// The value of `reg` in a node below one with two address and two size cells.
    public var registers: PropertyValue { .cells64(windows.flatMap { [$0.base.rawValue, $0.size] }) }

    /// The value of `interrupts` for the interrupt at `index`.
    public func interrupt(_ index: Int = 0, _ trigger: InterruptTrigger) -> PropertyValue {
        .cells(lines[index].specifier(trigger))
    }
}
