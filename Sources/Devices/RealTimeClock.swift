// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Board
public import DeviceTree
internal import LinuxSystem
public import PlatformBus

/// The board's clock: a PL031 that shows the host's time.
///
/// Guests use the first PL031 that they find, so a passed-through one replaces it.
public struct RealTimeClock: BoardDevice {
    /// Its name in messages.
    public let name = "RTC"
    /// A page of 4 KiB.
    public var windows: [WindowRequest] {
        [WindowRequest(size: PL031.byteCount, .fixed(GuestAddress(0x0901_0000)))]
    }
    /// The alarm (RTCINTR).
    public var lines: [InterruptTrigger] { [.level] }
    /// A passed-through PL031 replaces it.
    public var substitute: String? { "arm,pl031" }

    /// A clock that runs from the start.
    public init() {}

    /// - SeeAlso: Devicetree bindings rtc/arm,pl031.yaml and arm/primecell.yaml
    /// - Throws: `BoardDeviceError.node` when no phandle is left for its clock.
    public func nodes(at place: Place, shared: inout SharedNodes) throws(BoardDeviceError) -> [Node] {
        var node = Node(
            place.nodeName("rtc"),
            [
                "compatible": .strings(["arm,pl031", "arm,primecell"]), "reg": place.registers,
                "interrupts": place.interrupt(0, .level),
            ])
        node.properties += try shared.primecellClock(of: name)
        return [node]
    }

    /// - Throws: `BoardDeviceError.bus`, `.call` for the alarm's timerfd.
    public func start(at place: Place, in context: DeviceContext) throws(BoardDeviceError) -> any LiveDevice {
        try LiveClock(name, place, context)
    }
}

extension SharedNodes {
    /// The `clocks` and `clock-names` of an emulated PrimeCell: Linux's AMBA bus enables `apb_pclk` before it probes
    /// the device, and never reads its rate (binding arm/primecell.yaml).
    mutating func primecellClock(of device: String) throws(BoardDeviceError) -> [Property] {
        do {
            return [
                Property("clocks", try reference(hertz: 24_000_000)),
                Property("clock-names", .string("apb_pclk")),
            ]
        } catch { throw .node(device: device, error) }
    }
}

/// A clock on the bus, with its alarm's timer.
private final class LiveClock: LiveDevice {
    private let timer: ClockTimer
    private let attachment: BusAttachment

    init(_ name: String, _ place: Place, _ context: DeviceContext) throws(BoardDeviceError) {
        timer = try ClockTimer(loop: context.loop, system: context.system)
        let clock = PL031(line: context.line(place.lines[0]), clock: HostClock(), timer: timer)
        timer.onExpiry { [weak clock] in clock?.alarmExpired() }
        attachment = try context.attach(clock, name: name, to: place.windows[0])
    }

    /// The clock keeps running, as the host's does. An alarm that is due during the pause comes after `resume`.
    func pause() { timer.pause() }
    func resume() { timer.resume() }
}
