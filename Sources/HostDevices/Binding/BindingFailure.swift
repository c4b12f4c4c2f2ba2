// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// Why a device could not be given to VFIO, or given back.
public enum BindingFailure: Equatable, Sendable {
    /// The change that was requested.
    public enum Action: Equatable, Sendable {
        case bind
        case release
    }

    /// The step that failed, and why.
    public enum Reason: Error, Equatable, Sendable {
        /// The kernel refused this step.
        case step(BindingStep, Errno)
        /// Martlet's own folder, or a file in it, can't be used.
        case state(StateFolderError)
        /// Another process held the lock of this folder for this many seconds.
        case locked(String, seconds: Int)
        /// Martlet can't find out whether another process uses the group: the group's file can't be opened.
        case useUnknown(HostDevice.IOMMUGroup, Errno)
        /// The note at this path was not written by `bind`.
        case badNote(String)
        /// All steps were done, but the device isn't in the expected state.
        case problem(String)
    }

    /// The owner of the device now.
    public enum Owner: Equatable, Sendable {
        /// This driver, or no driver.
        case driver(String?)
        /// Sysfs can't be read any more.
        case unknown
    }

    /// Nothing was tried, because of these problems.
    case refused([BindingProblem])
    /// Another process uses the group, so the device can't leave it.
    case inUse(HostDevice.IOMMUGroup)
    /// A step failed, and the steps before it were undone; `left` are the errors of those that couldn't be undone.
    case failed(Action, Reason, before: String?, now: Owner, left: [Reason] = [], isResetRequired: Bool = false)

    var what: String {
        switch self {
        case .refused(let problems) where problems.contains(where: \.isHostPart): "can't be passed through"
        case .refused: "not given to VFIO"
        case .inUse: "not released"
        case .failed(.bind, _, _, _, _, _): "not given to VFIO"
        case .failed(.release, _, _, _, _, _): "not released"
        }
    }

    var help: [String] {
        switch self {
        case .refused(let problems): problems.flatMap(\.lines)
        case .inUse(let group):
            [
                "another process uses its group, and the kernel would wait for that process to end",
                "run: fuser -v \(group.node)",
            ]
        case .failed(let action, let reason, let before, let now, let left, let isResetRequired):
            Self.lines(reason, action, isResetRequired)
                + left.flatMap { left in
                    let lines = Self.lines(left, action, false)
                    return lines.prefix(1).map { "this was not undone: \($0)" }
                } + [Self.state(before, now)]
        }
    }

    private static func lines(_ reason: Reason, _ action: Action, _ isResetRequired: Bool) -> [String] {
        switch reason {
        case .problem(let text): return [text, HostAdvice.kernelLog]
        case .state(let error): return error.lines
        case .locked(let path, let seconds):
            return [
                "another martlet has held the lock on \(path) for \(seconds) s",
                "run: fuser -v \(path)",
            ]
        case .useUnknown(let group, let errno):
            let first = "can't check whether another process uses its group: \(group.node): \(errno.nameAndText)"
            if !errno.remedy.isEmpty { return [first] + errno.remedy }
            return [
                first,
                errno == .noSuchFileOrDirectory
                    ? "run the command on the host itself, or in a container with --device \(group.node)"
                    : "run martlet as root",
            ]
        case .badNote(let path):
            return [
                "\(path) is not a note of martlet bind",
                "check it, then run: rm \(path)",
                "martlet release then lets the kernel choose the driver",
            ]
        case .step(let step, let errno):
            let first = "\(step.command): \(errno.nameAndText)"
            if !errno.remedy.isEmpty { return [first] + errno.remedy }
            if errno == .permissionDenied || errno == .notPermitted { return [first, "run martlet as root"] }
            guard case .write(let name, let path) = step else { return [first] }
            if DeviceHold.isHoldFile(path) {
                return [
                    first, HostAdvice.kernelLog,
                    "to bind it without keeping its power on:", "run: martlet bind --no-hold \(name)",
                ]
            }
            guard path.hasSuffix("/bind") else { return [first] }
            if errno == .noSuchFileOrDirectory, action == .release {
                return [first, "the driver is no longer in the kernel"]
            }
            if action == .bind, isResetRequired {
                return [first, "vfio-platform refuses devices that the kernel can't reset; if that is the reason:"]
                    + HostAdvice.resetNotRequired + [HostAdvice.kernelLog]
            }
            return [first, HostAdvice.kernelLog]
        }
    }

    private static func state(_ before: String?, _ now: Owner) -> String {
        switch now {
        case .unknown: return "sysfs no longer shows the device's driver"
        case .driver(let driver):
            if driver == before {
                return driver.map { "its driver is \($0), as before" } ?? "it has no driver, as before"
            }
            let has = driver.map { "its driver is \($0) now" } ?? "it has no driver now"
            return "the undo failed too: \(has)" + (before.map { ", and was \($0) before" } ?? "")
        }
    }
}
