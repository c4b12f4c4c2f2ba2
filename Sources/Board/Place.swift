// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree
public import PlatformBus

/// An address range that a device of the board needs.
public struct WindowRequest: Equatable, Sendable {
    /// Where the range goes.
    public enum Address: Equatable, Sendable {
        /// At this address; something else there is an error, unless RAM is at the host's physical addresses.
        case fixed(GuestAddress)
        /// At this address, or at the nearest one that is free.
        case preferred(GuestAddress)
    }

    /// In bytes.
    public let size: UInt64
    /// Where the range goes.
    public let address: Address

    /// A range of `size` bytes.
    public init(size: UInt64, _ address: Address) {
        self.size = size
        self.address = address
    }

    /// Whether it stays at one address.
    public var isFixed: Bool {
        switch address {
        case .fixed: true
        case .preferred: false
        }
    }

    /// The address that it has on a board without anything in the way.
    public var usual: GuestAddress {
        switch address {
        case .fixed(let usual), .preferred(let usual): usual
        }
    }
}

/// What a device of the board got: its address ranges and interrupts, in the order of its requests.
public struct Place: Equatable, Sendable {
    /// Where the guest sees its registers.
    public var windows: [GuestRange]
    /// Its interrupts.
    public var lines: [SPI]

    /// A place of these parts.
    public init(windows: [GuestRange] = [], lines: [SPI] = []) {
        self.windows = windows
        self.lines = lines
    }

    /// "pl061@9030000": a node's name with the address of the first window (Devicetree Specification v0.4, 2.2.1.1).
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
