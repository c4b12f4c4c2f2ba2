// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// Gives a device of the host to VFIO, and back to the driver that had it.
///
/// A step that fails undoes the steps before it. When a process is killed between two steps, the next `bind` or
/// `release` continues: the note of the former driver is written before the first change and removed after the last.
/// The lock of /run/martlet lets only one process at a time make changes; other programs that move the same device get
/// the kernel's errors.
/// - SeeAlso: Linux, Documentation/ABI/testing/sysfs-bus-platform (driver_override),
///   Documentation/driver-api/driver-model/binding.rst
public struct DeviceBinding: Sendable {
    /// Whether there was anything to do.
    public enum Outcome: Equatable, Sendable {
        /// The change was made; the device in its new state.
        case done(HostDevice)
        /// Nothing was done: the device was already in this state.
        case already(HostDevice)

        /// The device in its current state.
        public var device: HostDevice {
            switch self {
            case .done(let device), .already(let device): device
            }
        }
    }

    /// How long to wait for another process's lock, and how often to ask for it.
    private static let lockSeconds = 10
    private static let lockAttemptsPerSecond = 20

    let sysfs: Sysfs
    let calls: any HostChangeCalls
    /// The folder of the notes about former drivers.
    let notes: StateFolder
    /// The folder of the records of devices (`HostRecord`).
    let records: StateFolder
    /// Whether `bind` holds devices if the host can do that.
    let holds: Bool

    /// - Parameters:
    ///   - sysfs: /sys
    ///   - notes: the folder of the notes about former drivers.
    ///   - holds: whether `bind` holds devices if the host can do that (`DeviceHold`).
    public init(
        sysfs: Sysfs, calls: any HostChangeCalls, notes: StateFolder = .formerDrivers, holds: Bool = true
    ) {
        self.sysfs = sysfs
        self.calls = calls
        self.notes = notes
        records = StateFolder(
            base: notes.base, names: notes.names.dropLast() + StateFolder.hostRecords.names.suffix(1))
        self.holds = holds
    }

    // MARK: To VFIO

    /// The steps that `bind` takes; none when VFIO already has the device, and it is held if it can be.
    /// - Throws: `HostDeviceError.binding`: the host's state of the device can't be read.
    public func bindingSteps(for device: HostDevice) throws(HostDeviceError) -> [BindingStep] {
        try bindingMoves(for: device).map(\.step)
    }

    /// Gives a device to VFIO, whatever driver has it.
    ///
    /// The caller must have checked `BindingConditions.problems`.
    /// - Throws: `HostDeviceError.binding` with the step that failed and the device's state after it.
    public func bind(_ device: HostDevice) throws(HostDeviceError) -> Outcome {
        if device.state == .ready, try bindingMoves(for: device).isEmpty { return .already(device) }
        return try locked(device, .bind) { (device) throws(HostDeviceError) in
            let moves = try bindingMoves(for: device)
            if moves.isEmpty { return .already(device) }
            return .done(
                try perform(moves, on: device, .bind) { now in
                    if now.driver != now.bus.vfioDriver { return "\(now.bus.vfioDriver) did not bind to it" }
                    return now.group == nil ? "VFIO created no group for it" : nil
                })
        }
    }

    // MARK: Back to the host

    /// The steps that `release` takes; none when VFIO doesn't have the device.
    /// - Throws: `HostDeviceError.binding`: the note of the device can't be read.
    public func releaseSteps(for device: HostDevice) throws(HostDeviceError) -> [BindingStep] {
        var moves = try releaseMoves(for: device)
        if moves.isEmpty, let former = try formerBinding(of: device, .release) {
            moves = try movesOfThePast(of: device, former)
        }
        return moves.isEmpty ? [] : (moves + forgetting(device)).map(\.step)
    }

    /// Gives a device back to the driver that had it before `bind`.
    ///
    /// If that driver isn't known, the kernel chooses one.
    /// - Throws: `HostDeviceError.binding`: another process uses it, or a step failed.
    public func release(_ device: HostDevice) throws(HostDeviceError) -> Outcome {
        if try releaseMoves(for: device).isEmpty, try formerBinding(of: device, .release) == nil {
            return .already(device)
        }
        return try locked(device, .release) { (device) throws(HostDeviceError) in
            let moves = try releaseMoves(for: device)
            let former = try formerBinding(of: device, .release)
            if moves.isEmpty {
                // Someone else gave it back: the note is out of date.
                if let former {
                    let moves = try movesOfThePast(of: device, former)
                    _ = try perform(moves, on: device, .release, last: forgetting(device)) { _ in nil }
                }
                return .already(device)
            }
            try refuseInUse(device)
            return .done(
                try perform(moves, on: device, .release, last: forgetting(device)) { now in
                    if now.driver == now.bus.vfioDriver { return "\(now.bus.vfioDriver) is still bound to it" }
                    guard case .driver(let driver) = former?.owner, now.driver != driver else { return nil }
                    return "its former driver \(driver) did not bind to it"
                })
        }
    }

    /// Throws when another process uses the device: the kernel would block an unbind until the last user is gone.
    private func refuseInUse(_ device: HostDevice) throws(HostDeviceError) {
        guard device.state == .ready, let group = device.group else { return }
        do throws(Errno) { calls.close(try calls.open(group.node, .readWrite)) } catch .resourceBusy {
            throw .binding(device: device.name, .inUse(group))
        } catch {
            // A kernel without files for groups (CONFIG_VFIO_GROUP) can't be asked.
            if error == .noSuchFileOrDirectory, try !hasGroupFile(group, of: device) { return }
            throw failure(device, .release, .useUnknown(group, error), undoing: [])
        }
    }

    /// Whether the kernel has a file for the group, even if /dev lacks it.
    private func hasGroupFile(_ group: HostDevice.IOMMUGroup, of device: HostDevice) throws(HostDeviceError) -> Bool {
        let name = "\(group.isNoIOMMU ? "noiommu-" : "")\(group.id)"
        return try SysfsDevices(sysfs: sysfs, device: device.name).isThere("\(sysfs.root)/class/vfio/\(name)")
    }

    // MARK: Execution

    /// Calls `body` with the device's current state, while no other process makes changes.
    private func locked<Result>(
        _ device: HostDevice, _ action: BindingFailure.Action, _ body: (HostDevice) throws(HostDeviceError) -> Result
    ) throws(HostDeviceError) -> Result {
        let lock: CInt
        do throws(BindingFailure.Reason) { lock = try takeLock() } catch {
            throw failure(device, action, error, undoing: [])
        }
        defer { calls.close(lock) }
        let now: HostDevice
        do throws(HostDeviceError) { now = try current(device) } catch {
            throw failure(device, action, .problem(error.description), undoing: [])
        }
        return try body(now)
    }

    private func takeLock() throws(BindingFailure.Reason) -> CInt {
        let folder = notes.outermost
        for _ in 0..<Self.lockSeconds * Self.lockAttemptsPerSecond {
            do throws(StateFolderError) {
                if let lock = try calls.lock(folder) { return lock }
            } catch { throw .state(error) }
            calls.sleep(milliseconds: 1000 / Self.lockAttemptsPerSecond)
        }
        throw .locked(folder.path, seconds: Self.lockSeconds)
    }

    /// - Parameters:
    ///   - last: steps that are done, and not undone, after the device has reached the expected state.
    ///   - problem: says what is wrong with the device after all other steps; nil if nothing is.
    private func perform(
        _ moves: [Move], on device: HostDevice, _ action: BindingFailure.Action, last: [Move] = [],
        problem: (HostDevice) -> String?
    ) throws(HostDeviceError) -> HostDevice {
        var done: [Move] = []
        for move in moves {
            do throws(BindingFailure.Reason) { try move.step.perform(calls) } catch {
                // The kernel's answer when no driver accepts the device, which is no failure.
                if move.isProbe, error == .step(move.step, .invalidArgument) { continue }
                throw failure(device, action, error, undoing: done)
            }
            done.append(move)
        }
        let now: HostDevice
        do throws(HostDeviceError) { now = try current(device) } catch {
            throw failure(device, action, .problem(error.description), undoing: done)
        }
        if let problem = problem(now) { throw failure(device, action, .problem(problem), undoing: done) }
        do throws(BindingFailure.Reason) { for move in last { try move.step.perform(calls) } } catch {
            throw failure(device, action, error, undoing: done)
        }
        return now
    }

    private func failure(
        _ device: HostDevice, _ action: BindingFailure.Action, _ reason: BindingFailure.Reason, undoing done: [Move]
    ) -> HostDeviceError {
        var left: [BindingFailure.Reason] = []
        for move in done.sorted(by: { $0.undoRank < $1.undoRank }) {
            guard let undo = move.isProbe ? unbindingFromWhoever(device) : move.undo else { continue }
            // While a step couldn't be undone, the note stays: it tells `release` what to do.
            if case .save = move.step, !left.isEmpty { continue }
            do throws(BindingFailure.Reason) { try undo.perform(calls) } catch { left.append(error) }
        }
        // Only a hint; if it can't be read, the error is complete without it.
        let isResetRequired =
            device.bus == .platform && (try? SysfsDevices(sysfs: sysfs, device: device.name).isResetRequired) == true
        // If it can't be read, the error says so.
        let now = try? current(device)
        return .binding(
            device: device.name,
            .failed(
                action, reason, before: device.driver, now: now.map { .driver($0.driver) } ?? .unknown, left: left,
                isResetRequired: isResetRequired))
    }

    /// The step that undoes a probe by which a driver has bound to the device.
    private func unbindingFromWhoever(_ device: HostDevice) -> BindingStep? {
        guard let driver = (try? current(device))?.driver else { return nil }
        return .write(device.name, to: driverFile(device, driver, "unbind"))
    }

    private func current(_ device: HostDevice) throws(HostDeviceError) -> HostDevice {
        guard let now = try HostDevice(name: device.name, on: device.bus, sysfs: sysfs) else {
            throw .noSuchDevice(device: device.name, similar: [])
        }
        return now
    }
}
