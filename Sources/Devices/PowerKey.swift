// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Board
public import DeviceTree
internal import LinuxSystem
public import PlatformBus
internal import Synchronization

/// The board's power key: line 3 of a PL061, described to the guest as a `gpio-keys` key with the code KEY_POWER.
///
/// A press asks the guest to shut down; systemd-logind, elogind and acpid do so.
public struct PowerKey: BoardDevice {
    /// The PL061's line of the key.
    static let gpio = 3
    /// KEY_POWER of include/uapi/linux/input-event-codes.h.
    static let code: UInt32 = 116
    /// How long a press lasts, in nanoseconds: gpio-keys ignores a press shorter than 5 ms, its default debounce
    /// interval (binding input/gpio-keys.yaml, `debounce-interval`).
    static let pressNanoseconds: UInt64 = 100_000_000

    /// Its name in messages.
    public let name = "power key"
    /// A page of 4 KiB for the GPIO block.
    public var windows: [WindowRequest] {
        [WindowRequest(size: PL061.byteCount, .preferred(GuestAddress(0x0903_0000)))]
    }
    /// The GPIO block's interrupt (GPIOINTR).
    public var lines: [InterruptTrigger] { [.level] }

    /// A key that isn't pressed.
    public init() {}

    /// - SeeAlso: Devicetree bindings gpio/pl061-gpio.yaml and input/gpio-keys.yaml
    /// - Throws: `BoardDeviceError.node` when no phandle is left.
    public func nodes(at place: Place, shared: inout SharedNodes) throws(BoardDeviceError) -> [Node] {
        let phandle: Phandle
        do { phandle = try shared.allocate() } catch { throw .node(device: name, error) }
        var block = Node(
            place.nodeName("gpio"),
            [
                "compatible": .strings(["arm,pl061", "arm,primecell"]), "reg": place.registers,
                "interrupts": place.interrupt(0, .level), "gpio-controller": .empty, "#gpio-cells": .cell(2),
            ])
        block.properties += try shared.primecellClock(of: name)
        block.phandle = phandle
        let key = Node(
            "key-power",
            [
                "label": .string("Power key"), "linux,code": .cell(Self.code),
                // Active high.
                "gpios": .cells([phandle.rawValue, UInt32(Self.gpio), 0]),
            ])
        // Not named gpio-keys, because a passed-through device may have that name.
        return [block, Node("power-key", ["compatible": .string("gpio-keys")], children: [key])]
    }

    /// - Throws: `BoardDeviceError.bus`, `.call` for the timerfd that ends a press.
    public func start(at place: Place, in context: DeviceContext) throws(BoardDeviceError) -> any LiveDevice {
        try LivePowerKey(name, place, context)
    }
}

/// A power key on the bus; a timer ends each press.
///
/// Ownership: `state` under its lock, which is held while line and timer follow it.
private final class LivePowerKey: LiveDevice {
    private struct State {
        var isPressed = false
        var isPaused = false
    }

    private let controls: BoardControls
    private let block: PL061
    private let release: ClockTimer
    private let attachment: BusAttachment
    private let state = Mutex(State())

    init(_ name: String, _ place: Place, _ context: DeviceContext) throws(BoardDeviceError) {
        block = PL061(line: context.line(place.lines[0]))
        release = try ClockTimer(loop: context.loop, system: context.system)
        attachment = try context.attach(block, name: name, to: place.windows[0])
        controls = context.controls
        release.onExpiry { [weak self] in self?.letGo() }
        controls.setPowerKey { [weak self] in self?.press() }
    }

    private func press() {
        state.withLock { state in
            state.isPressed = true
            block.setInput(PowerKey.gpio, high: true)
            if !state.isPaused { release.arm(nanoseconds: PowerKey.pressNanoseconds) }
        }
    }

    private func letGo() {
        state.withLock { state in
            // The timer expired just before the pause: the press lasts until `resume`.
            if state.isPaused { return }
            state.isPressed = false
            block.setInput(PowerKey.gpio, high: false)
        }
    }

    /// A press lasts at least as long as the pause: a guest that sees both changes at once would see no press.
    func pause() {
        state.withLock { state in
            state.isPaused = true
            release.disarm()
        }
    }

    /// The press starts again.
    func resume() {
        state.withLock { state in
            state.isPaused = false
            if state.isPressed { release.arm(nanoseconds: PowerKey.pressNanoseconds) }
        }
    }

    deinit { controls.setPowerKey(nil) }
}
