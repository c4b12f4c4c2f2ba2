// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import GuestMemory
internal import LinuxSystem
public import Passthrough

/// The report of a run: why it ended, how each device reached the guest, how often the vCPUs left the guest.
public struct RunReport: Sendable, Encodable {
    /// Why the guest ended.
    public let end: GuestEnd
    /// Passed-through devices, in the order of the configuration.
    public let devices: [DeviceReport]
    /// The guest's drives: the one with the root file system, then the others in the order of the configuration.
    public var drives: [DriveReport] = []
    /// RAM at the host's physical addresses; nil when no device needs that.
    public var memory: MemoryReport?
    /// The guest kernel's command line, if it isn't the configuration's own.
    public var arguments: BootArguments?
    /// Exits to user space of all vCPUs together.
    public let exits: ExitCounts
    /// Reads of guest-physical addresses that nothing claims.
    public let unclaimedReads: UInt64
    /// Writes to such addresses.
    public let unclaimedWrites: UInt64
    /// Bytes of the guest's console that were dropped because the terminal was slow or broken.
    public let droppedConsoleBytes: UInt64
    /// When each step of the start-up ended.
    public let profile: [StartupProfile.Mark]
    /// How often the guest was paused, over all its starts.
    public var pauses: UInt64 = 0
    /// How often the guest was restarted after a reset. All other counts, except those of devices and pauses, are of
    /// the last start.
    public var restarts = 0
    /// Lines of the log and of `--trace` that were dropped because standard error was slow.
    public var droppedLogLines: UInt64 = 0
    /// The devices that prevent a restart of the machine, whatever the configuration says.
    public var restartProblems: [RestartProblem] = []
    /// Why a guest that asked for a reset wasn't restarted; nil when no restart was due.
    public var restartRefusal: String?

    private var detail: String? { end.detail ?? restartRefusal.map { "not restarted: \($0)" } }

    private enum CodingKeys: String, CodingKey {
        case exit, devices, drives, memory, exits, unclaimed, profile, restarts, pauses
        case arguments = "boot_args"
        case droppedConsoleBytes = "dropped_console_bytes"
        case droppedLogLines = "dropped_log_lines"
    }

    private struct Exit: Encodable {
        let reason: String
        let status: Int32
        let detail: String?
    }

    private struct Unclaimed: Encodable {
        let reads: UInt64
        let writes: UInt64
    }

    /// Encodes the report as `--report` writes it.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Exit(reason: end.name, status: end.exitStatus, detail: detail), forKey: .exit)
        try container.encode(devices, forKey: .devices)
        if !drives.isEmpty { try container.encode(drives, forKey: .drives) }
        try container.encodeIfPresent(memory, forKey: .memory)
        try container.encodeIfPresent(arguments, forKey: .arguments)
        try container.encode(exits, forKey: .exits)
        try container.encode(Unclaimed(reads: unclaimedReads, writes: unclaimedWrites), forKey: .unclaimed)
        try container.encode(droppedConsoleBytes, forKey: .droppedConsoleBytes)
        try container.encode(droppedLogLines, forKey: .droppedLogLines)
        try container.encode(profile, forKey: .profile)
        try container.encode(restarts, forKey: .restarts)
        try container.encode(pauses, forKey: .pauses)
    }

    /// The report as text, one line for each fact.
    public var text: String {
        var lines = ["guest: \(end.name)" + (detail.map { " (\($0))" } ?? "")]
        for device in devices { lines += device.lines }
        for drive in drives { lines.append(drive.line) }
        if let memory { lines += memory.lines }
        if let line = arguments?.line { lines.append(line) }
        lines.append(
            "exits: \(exits.mmioReads) MMIO reads, \(exits.mmioWrites) MMIO writes, \(exits.interrupted) interrupted, "
                + "\(exits.systemEvents) system events, \(exits.other) other")
        if exits.nisvEmulated &+ exits.nisvAborted &+ exits.nisvReentered > 0 {
            lines.append(
                "accesses without a syndrome: \(exits.nisvEmulated) emulated, \(exits.nisvAborted) answered with a data abort"
                    + (exits.nisvReentered > 0 ? ", \(exits.nisvReentered) retried by the CPU" : ""))
        }
        if unclaimedReads &+ unclaimedWrites > 0 {
            lines.append("unclaimed: \(unclaimedReads) reads, \(unclaimedWrites) writes")
        }
        if restarts > 0 { lines.append("restarts: \(restarts)") }
        if pauses > 0 { lines.append("pauses: \(pauses)") }
        if droppedConsoleBytes > 0 { lines.append("console: \(droppedConsoleBytes) bytes dropped") }
        if droppedLogLines > 0 { lines.append("log: \(droppedLogLines) lines dropped") }
        // Not joined(separator:): its first call builds generic types, which costs 190,000 instructions.
        var text = lines[0]
        for line in lines.dropFirst() {
            text += "\n"
            text += line
        }
        return text
    }
}

extension GuestEnd {
    /// One word or two for the report.
    public var name: String {
        switch self {
        case .powerOff: "power-off"
        case .reset: "reset"
        case .crashed: "crash"
        case .hung: "hung"
        case .quit: "quit"
        case .signal(let number): "signal \(number)"
        }
    }

    /// The exit status of `martlet run`.
    public var exitStatus: Int32 {
        switch self {
        case .powerOff: 0
        case .reset: 3
        case .crashed, .hung: 4
        // The same status as after Ctrl-C.
        case .quit: 128 + SignalNumber.interrupt
        case .signal(let number): 128 + number
        }
    }

    /// The reason of an end that the guest didn't ask for.
    public var detail: String? {
        if case .hung(let text, _) = self { text } else { nil }
    }
}
