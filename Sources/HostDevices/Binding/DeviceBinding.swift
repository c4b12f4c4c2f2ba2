// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// Gives a device of the host to VFIO, and back to the driver that had it.
///
/// A step that fails undoes those before it. A process that is killed on the way leaves the device where the next
/// `bind` or `release` goes on: the note of its former driver is there before the first change and goes after the last.
/// One process at a time makes changes, by the lock of /run/martlet; other programs that move the same device get the
/// kernel's errors.
/// - SeeAlso: Linux, Documentation/ABI/testing/sysfs-bus-platform (driver_override),
///   Documentation/driver-api/driver-model/binding.rst
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

    /// How long another process may have the lock, and how often it is asked for.
    private static let lockSeconds = 10
    private static let lockAttemptsPerSecond = 20

    let sysfs: Sysfs
    let calls: any HostChangeCalls
    /// Where is kept what the host had.
    let notes: StateFolder
    /// Where is kept what the devices had of it.
    let records: StateFolder
    /// Whether `bind` has devices held where the host can do that.
    let holds: Bool

    /// - Parameters:
    ///   - sysfs: /sys
    ///   - notes: where is kept what the host had.
    ///   - holds: whether `bind` has devices held where the host can do that (`DeviceHold`).
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

    /// The steps that `bind` takes; none when VFIO has the device, and it is held if it can be.
    /// - Throws: `HostDeviceError.binding`: what the host has for the device can't be read.
    public func bindingSteps(for device: HostDevice) throws(HostDeviceError) -> [BindingStep] {
        try bindingMoves(for: device).map(\.step)
    }

    /// Gives a device to VFIO, whatever driver has it; the caller has looked at `BindingConditions.problems`.
    /// - Throws: `HostDeviceError.binding` with the step that failed and what became of the device.
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
    /// - Throws: `HostDeviceError.binding`: what the host had for the device can't be read.
    public func releaseSteps(for device: HostDevice) throws(HostDeviceError) -> [BindingStep] {
        var moves = try releaseMoves(for: device)
        if moves.isEmpty, let former = try formerBinding(of: device, .release) {
            moves = try movesOfThePast(of: device, former)
        }
        return moves.isEmpty ? [] : (moves + forgetting(device)).map(\.step)
    }

    /// Gives a device back to the driver that had it before `bind`, or, where nothing is known of that, to the one that
    /// the kernel chooses.
    /// - Throws: `HostDeviceError.binding`: another process uses it, or a step failed.
    public func release(_ device: HostDevice) throws(HostDeviceError) -> Outcome {
        if try releaseMoves(for: device).isEmpty, try formerBinding(of: device, .release) == nil {
            return .already(device)
        }
        return try locked(device, .release) { (device) throws(HostDeviceError) in
            let moves = try releaseMoves(for: device)
            let former = try formerBinding(of: device, .release)
            if moves.isEmpty {
                // Somebody else gave it back: what is noted is of the past.
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

    /// The kernel would hold an unbind until the last user is gone.
    private func refuseInUse(_ device: HostDevice) throws(HostDeviceError) {
        guard device.state == .ready, let group = device.group else { return }
        do throws(Errno) { calls.close(try calls.open(group.node, .readWrite)) } catch .resourceBusy {
            throw .binding(device: device.name, .inUse(group))
        } catch {
            // A kernel without files for groups (CONFIG_VFIO_GROUP) has nothing to ask.
            if error == .noSuchFileOrDirectory, try !hasGroupFile(group, of: device) { return }
            throw failure(device, .release, .useUnknown(group, error), undoing: [])
        }
    }

    /// Whether the kernel has a file for the group, wherever /dev is from.
    private func hasGroupFile(_ group: HostDevice.IOMMUGroup, of device: HostDevice) throws(HostDeviceError) -> Bool {
        let name = "\(group.isNoIOMMU ? "noiommu-" : "")\(group.id)"
        return try SysfsDevices(sysfs: sysfs, device: device.name).isThere("\(sysfs.root)/class/vfio/\(name)")
    }

    // MARK: Execution

    /// Calls `body` with the device as it is once no other process makes changes.
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
    ///   - last: what is done, and not taken back, when the device is what it should be.
    ///   - problem: what is wrong with the device after all other steps.
    private func perform(
        _ moves: [Move], on device: HostDevice, _ action: BindingFailure.Action, last: [Move] = [],
        problem: (HostDevice) -> String?
    ) throws(HostDeviceError) -> HostDevice {
        var done: [Move] = []
        for move in moves {
            do throws(BindingFailure.Reason) { try move.step.perform(calls) } catch {
                // The kernel's answer when no driver wants the device, which is no failure.
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
            // While anything of it is left, the note says what `release` has to do.
            if case .save = move.step, !left.isEmpty { continue }
            do throws(BindingFailure.Reason) { try undo.perform(calls) } catch { left.append(error) }
        }
        // A hint: without it the error stands for itself.
        let isResetRequired =
            device.bus == .platform && (try? SysfsDevices(sysfs: sysfs, device: device.name).isResetRequired) == true
        // What can't be read is said to be so.
        let now = try? current(device)
        return .binding(
            device: device.name,
            .failed(
                action, reason, before: device.driver, now: now.map { .driver($0.driver) } ?? .unknown, left: left,
                isResetRequired: isResetRequired))
    }

    /// What undoes a probe by which a driver has taken the device.
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
