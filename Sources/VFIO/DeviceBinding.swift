// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// Gives a device of the host to VFIO, and back to the driver that had it.
///
/// A step that fails undoes those before it, in reverse. Nothing locks sysfs: two programs that move the same device at once
/// get each other's errors, but each leaves what the kernel accepted.
/// - SeeAlso: Linux, Documentation/ABI/testing/sysfs-bus-platform (driver_override), Documentation/driver-api/driver-model/binding.rst
public struct DeviceBinding: Sendable {
    /// What there was to do.
    public enum Outcome: Equatable, Sendable {
        /// It was done; the device as it is now.
        case done(HostDevice)
        /// Nothing: the device was so before.
        case already(HostDevice)

        /// The device as it is now.
        public var device: HostDevice {
            switch self {
            case .done(let device), .already(let device): device
            }
        }
    }

    private struct Move {
        let step: BindingStep
        /// Takes it back; nil where nothing has to.
        let undo: BindingStep?
    }

    private let sysfs: Sysfs
    private let calls: any FileCalls
    private let stateFolder: String

    /// - Parameters:
    ///   - sysfs: /sys
    ///   - stateFolder: where is kept what the host had; a folder that a restart of the host empties, as it does sysfs.
    public init(sysfs: Sysfs, calls: any FileCalls, stateFolder: String = "/run/martlet/former-drivers") {
        self.sysfs = sysfs
        self.calls = calls
        self.stateFolder = stateFolder
    }

    // MARK: To VFIO

    /// The steps that `bind` takes; none when VFIO has the device.
    public func bindingSteps(for device: HostDevice) -> [BindingStep] { bindingMoves(for: device).map(\.step) }

    /// Gives a device to VFIO, whatever driver has it; the caller has looked at `BindingConditions.obstacles`.
    /// - Throws: `VFIOError.binding` with the step that failed and what became of the device.
    public func bind(_ device: HostDevice) throws(VFIOError) -> Outcome {
        let moves = bindingMoves(for: device)
        if moves.isEmpty { return .already(device) }
        return .done(
            try perform(moves, on: device, .bind) { now in
                if now.driver != now.bus.vfioDriver { return "\(now.bus.vfioDriver) did not take it" }
                return now.group == nil ? "VFIO gave it no group" : nil
            })
    }

    private func bindingMoves(for device: HostDevice) -> [Move] {
        if device.state == .ready { return [] }
        let vfio = device.bus.vfioDriver
        let driverOverride = driverOverride(of: device)
        var moves: [Move] = []
        let former = FormerBinding(driver: device.driver, driverOverride: driverOverride)
        let old = formerBinding(of: device)
        // Reserved for VFIO but without a driver: an earlier attempt, whose note says more than can be seen now.
        if old == nil || device.driver != nil || driverOverride != vfio {
            moves.append(
                Move(
                    step: .save(former.text, as: note(of: device)),
                    undo: old.map { .save($0.text, as: note(of: device)) } ?? .remove(note(of: device))))
        }
        // The driver goes first and comes back last, when the rule no longer forbids it.
        if let driver = device.driver { moves.append(unbinding(device, from: driver)) }
        if driverOverride != vfio { moves.append(overriding(device, with: vfio, insteadOf: driverOverride)) }
        // Not drivers_probe: that answers EINVAL whatever the reason.
        moves.append(binding(device, to: vfio))
        return moves
    }

    // MARK: Back to the host

    /// The steps that `release` takes; none when VFIO has not got the device.
    public func releaseSteps(for device: HostDevice) -> [BindingStep] { releaseMoves(for: device).map(\.step) }

    /// Gives a device back to the driver that had it before `bind`, or, where nothing is known of that, to the one that the
    /// kernel chooses.
    /// - Throws: `VFIOError.binding`: another process uses it, or a step failed.
    public func release(_ device: HostDevice) throws(VFIOError) -> Outcome {
        let moves = releaseMoves(for: device)
        let former = formerBinding(of: device)
        if moves.isEmpty {
            // Somebody else gave it back: what is noted is of the past.
            if former != nil { try? BindingStep.remove(note(of: device)).perform(calls) }
            return .already(device)
        }
        try refuseInUse(device)
        return .done(
            try perform(moves, on: device, .release) { now in
                if now.driver == now.bus.vfioDriver { return "\(now.bus.vfioDriver) still has it" }
                guard let driver = former?.driver, now.driver != driver else { return nil }
                return "\(driver), which had it before, did not take it"
            })
    }

    private func releaseMoves(for device: HostDevice) -> [Move] {
        let vfio = device.bus.vfioDriver
        let driverOverride = driverOverride(of: device)
        guard device.driver == vfio || (device.driver == nil && driverOverride == vfio) else { return [] }
        let former = formerBinding(of: device)
        var moves: [Move] = []
        if device.driver == vfio { moves.append(unbinding(device, from: vfio)) }
        if driverOverride != former?.driverOverride {
            moves.append(overriding(device, with: former?.driverOverride, insteadOf: driverOverride))
        }
        if let former {
            if let driver = former.driver { moves.append(binding(device, to: driver)) }
            moves.append(Move(step: .remove(note(of: device)), undo: .save(former.text, as: note(of: device))))
        } else {
            // The kernel answers EINVAL when no driver wants it, which is no failure here.
            moves.append(
                Move(step: .write(device.name, to: "\(sysfs.root)/bus/\(device.bus.rawValue)/drivers_probe"), undo: nil)
            )
        }
        return moves
    }

    /// The kernel would hold an unbind until the last user is gone.
    private func refuseInUse(_ device: HostDevice) throws(VFIOError) {
        guard device.state == .ready, let group = device.group else { return }
        do throws(Errno) { calls.close(try calls.open(group.node, .readWrite)) } catch .resourceBusy {
            throw .binding(device: device.name, .inUse(group))
        } catch {
            // Whoever may not open it gets the same answer from the first step.
        }
    }

    // MARK: Steps

    private func note(of device: HostDevice) -> String { "\(stateFolder)/\(device.bus.rawValue)-\(device.name)" }

    private func formerBinding(of device: HostDevice) -> FormerBinding? {
        guard let bytes = try? calls.readFile(note(of: device), limit: 4096) else { return nil }
        return FormerBinding(text: String(decoding: bytes, as: UTF8.self))
    }

    private func driverOverride(of device: HostDevice) -> String? {
        guard let text = try? sysfs.text("\(inSysfs(device))/driver_override") else { return nil }
        // The kernel's text for a rule that isn't there.
        return text == "(null)" || text.isEmpty ? nil : text
    }

    private func inSysfs(_ device: HostDevice) -> String { String(device.path.dropFirst(sysfs.root.utf8.count + 1)) }

    private func driverFile(_ device: HostDevice, _ driver: String, _ file: String) -> String {
        "\(sysfs.root)/bus/\(device.bus.rawValue)/drivers/\(driver)/\(file)"
    }

    private func unbinding(_ device: HostDevice, from driver: String) -> Move {
        Move(
            step: .write(device.name, to: driverFile(device, driver, "unbind")),
            undo: .write(device.name, to: driverFile(device, driver, "bind")))
    }

    private func binding(_ device: HostDevice, to driver: String) -> Move {
        Move(
            step: .write(device.name, to: driverFile(device, driver, "bind")),
            undo: .write(device.name, to: driverFile(device, driver, "unbind")))
    }

    private func overriding(_ device: HostDevice, with driver: String?, insteadOf old: String?) -> Move {
        // An empty line takes the rule away.
        Move(
            step: .write(driver ?? "", to: "\(device.path)/driver_override"),
            undo: .write(old ?? "", to: "\(device.path)/driver_override"))
    }

    // MARK: Execution

    /// - Parameter flaw: what is wrong with the device after the last step.
    private func perform(
        _ moves: [Move], on device: HostDevice, _ action: BindingFailure.Action, flaw: (HostDevice) -> String?
    ) throws(VFIOError) -> HostDevice {
        var done: [Move] = []
        for move in moves {
            do throws(Errno) { try move.step.perform(calls) } catch {
                if isProbe(move.step) { continue }
                throw failure(device, action, .step(move.step, error), undoing: done)
            }
            done.append(move)
        }
        let now: HostDevice
        do throws(VFIOError) { now = try current(device) } catch {
            throw failure(device, action, .flaw(error.description), undoing: done)
        }
        if let flaw = flaw(now) { throw failure(device, action, .flaw(flaw), undoing: done) }
        return now
    }

    private func isProbe(_ step: BindingStep) -> Bool {
        guard case .write(_, let path) = step else { return false }
        return path.hasSuffix("/drivers_probe")
    }

    private func failure(
        _ device: HostDevice, _ action: BindingFailure.Action, _ reason: BindingFailure.Reason, undoing done: [Move]
    ) -> VFIOError {
        for move in done.reversed() {
            // What can't be undone shows in the device's present state.
            try? move.undo?.perform(calls)
        }
        let isResetRequired = device.bus == .platform && SysfsDevices(sysfs: sysfs, device: device.name).isResetRequired
        let now = try? current(device)
        return .binding(
            device: device.name,
            .failed(
                action, reason, before: device.driver, now: now.map { .driver($0.driver) } ?? .unknown,
                isResetRequired: isResetRequired))
    }

    private func current(_ device: HostDevice) throws(VFIOError) -> HostDevice {
        guard let now = try HostDevice(name: device.name, on: device.bus, sysfs: sysfs) else {
            throw .noSuchDevice(device: device.name, similar: [])
        }
        return now
    }
}
