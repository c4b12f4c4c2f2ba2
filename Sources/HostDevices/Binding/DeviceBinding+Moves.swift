// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// What there is to do, from what sysfs says of the device and what is noted of it.
///
/// After each step the device is in a state that says how to go on:
///
///     bind     note written → record written → held → rule for VFIO → without driver → with VFIO
///     release  without driver → the former rule → with its driver → no longer held → record, note removed
///
/// Held (`DeviceHold`) from before the driver goes until it is back, so that nothing drops in between.
/// So a device without a driver whose note names one is on its way, in whichever direction the user asks for next, and
/// the rule for VFIO is never the host's own: what is noted is.
extension DeviceBinding {
    /// A step, and what takes it back.
    struct Move {
        let step: BindingStep
        /// Nil where nothing has to be taken back.
        var undo: BindingStep?
        /// Steps are taken back in ascending order of this.
        let undoRank: Int
        /// Whether the kernel chooses a driver, or none.
        var isProbe = false
    }

    // MARK: To VFIO

    func bindingMoves(for device: HostDevice) throws(HostDeviceError) -> [Move] {
        let hold = try hold(of: device, .bind)
        let isToBeHeld = holds && hold == .free
        let isReady = device.state == .ready
        if isReady, !isToBeHeld { return [] }
        let vfio = device.bus.vfioDriver
        let rule = try driverOverride(of: device, .bind)
        let old = try formerBinding(of: device, .bind)
        let owner: FormerBinding.Owner
        if let driver = device.driver, driver != vfio {
            owner = .driver(driver)
        } else {
            // An earlier attempt, whose note says more than can be seen now; or somebody else has reserved it for VFIO.
            owner = old?.owner ?? (rule == vfio || isReady ? .unknown : .nobody)
        }
        let isHeld = isToBeHeld || (old?.isHeld == true && hold.isHeld)
        let former = FormerBinding(
            owner: owner, driverOverride: rule == vfio ? old?.driverOverride : rule, isHeld: isHeld)
        var moves: [Move] = []
        if former != old { moves.append(noting(former, of: device, insteadOf: old, undoRank: 4)) }
        if device.driver != nil, device.driver != vfio { moves += recording(device, undoRank: 4) }
        if isToBeHeld { moves.append(holding(device, undoRank: 3)) }
        if isReady { return moves }
        // The rule comes first: a device without it and without a driver looks as if nobody had had it. Going back, the
        // driver can have the device only once the rule is the former one again.
        if rule != vfio { moves.append(ruling(device, vfio, insteadOf: rule, undoRank: 1)) }
        if let driver = device.driver {
            moves.append(moving(device, "unbind", driver, takenBackBy: "bind", undoRank: 2))
        }
        // Not drivers_probe: that answers EINVAL whatever the reason.
        moves.append(moving(device, "bind", vfio, takenBackBy: "unbind", undoRank: 0))
        return moves
    }

    // MARK: Back to the host

    /// Without the removal of the note, which is the last. None where VFIO doesn't have the device, and it is on
    /// nobody's way: `movesOfThePast` may be left.
    func releaseMoves(for device: HostDevice) throws(HostDeviceError) -> [Move] {
        let vfio = device.bus.vfioDriver
        let rule = try driverOverride(of: device, .release)
        let noted = try formerBinding(of: device, .release)
        switch device.driver {
        case vfio: break
        case nil:
            // Nobody had it, and it is on nobody's way.
            guard rule == vfio || (noted != nil && noted?.owner != .nobody) else { return [] }
        default:
            // A bind that was killed before it took the device from its driver.
            guard rule == vfio, let noted else { return [] }
            return [ruling(device, noted.driverOverride, insteadOf: rule, undoRank: 1)]
                + (try movesOfThePast(of: device, noted))
        }
        let former = noted ?? FormerBinding(owner: .unknown, driverOverride: nil)
        var moves: [Move] = []
        // Or else a device that was released half-way would look as if nobody had had it.
        if noted == nil { moves.append(noting(former, of: device, insteadOf: nil, undoRank: 3)) }
        if device.driver == vfio { moves.append(moving(device, "unbind", vfio, takenBackBy: "bind", undoRank: 2)) }
        if rule != former.driverOverride {
            moves.append(ruling(device, former.driverOverride, insteadOf: rule, undoRank: 1))
        }
        switch former.owner {
        case .nobody: break
        case .driver(let driver): moves.append(moving(device, "bind", driver, takenBackBy: "unbind", undoRank: 0))
        case .unknown:
            let probe = "\(sysfs.root)/bus/\(device.bus.rawValue)/drivers_probe"
            moves.append(Move(step: .write(device.name, to: probe), undoRank: 0, isProbe: true))
        }
        return moves + (try movesOfThePast(of: device, former))
    }

    /// What `bind` has done and no move of a driver undoes.
    func movesOfThePast(of device: HostDevice, _ noted: FormerBinding) throws(HostDeviceError) -> [Move] {
        guard noted.isHeld, try hold(of: device, .release).isHeld else { return [] }
        return [lettingGo(device)]
    }

    /// The last steps of a release.
    func forgetting(_ device: HostDevice) -> [Move] {
        // What can't be read is there.
        var hasRecord = true
        do { hasRecord = try calls.read(device.name, in: records, limit: HostRecord.sizeLimit) != nil } catch {}
        let record = Move(step: .remove(device.name, in: records), undoRank: 0)
        return (hasRecord ? [record] : []) + [Move(step: .remove(noteName(of: device), in: notes), undoRank: 0)]
    }

    // MARK: Steps

    private func noteName(of device: HostDevice) -> String { "\(device.bus.rawValue)-\(device.name)" }

    func driverFile(_ device: HostDevice, _ driver: String, _ file: String) -> String {
        "\(sysfs.root)/bus/\(device.bus.rawValue)/drivers/\(driver)/\(file)"
    }

    private func noting(
        _ former: FormerBinding, of device: HostDevice, insteadOf old: FormerBinding?, undoRank: Int
    ) -> Move {
        let name = noteName(of: device)
        return Move(
            step: .save(former.text, as: name, in: notes),
            undo: old.map { .save($0.text, as: name, in: notes) } ?? .remove(name, in: notes), undoRank: undoRank)
    }

    /// Notes what only the driver that has the device knows; nothing where that is nothing.
    private func recording(_ device: HostDevice, undoRank: Int) -> [Move] {
        let record = HostState(sysfs: sysfs, debugFS: calls).record(of: device)
        if record.isEmpty { return [] }
        return [
            Move(
                step: .save(record.text, as: device.name, in: records), undo: .remove(device.name, in: records),
                undoRank: undoRank)
        ]
    }

    private func moving(
        _ device: HostDevice, _ file: String, _ driver: String, takenBackBy undo: String, undoRank: Int
    ) -> Move {
        Move(
            step: .write(device.name, to: driverFile(device, driver, file)),
            undo: .write(device.name, to: driverFile(device, driver, undo)), undoRank: undoRank)
    }

    private func ruling(
        _ device: HostDevice, _ driver: String?, insteadOf old: String?, undoRank: Int
    ) -> Move {
        // An empty line takes the rule away.
        Move(
            step: .write(driver ?? "", to: "\(device.path)/driver_override"),
            undo: .write(old ?? "", to: "\(device.path)/driver_override"), undoRank: undoRank)
    }

    private func holding(_ device: HostDevice, undoRank: Int) -> Move {
        Move(
            step: .write(device.name, to: DeviceHold.holdFile(sysfs)),
            undo: .write(device.name, to: DeviceHold.releaseFile(sysfs)), undoRank: undoRank)
    }

    /// Taken back first: before its driver goes again.
    private func lettingGo(_ device: HostDevice) -> Move {
        Move(
            step: .write(device.name, to: DeviceHold.releaseFile(sysfs)),
            undo: .write(device.name, to: DeviceHold.holdFile(sysfs)), undoRank: -1)
    }

    // MARK: What is known

    private func hold(of device: HostDevice, _ action: BindingFailure.Action) throws(HostDeviceError) -> DeviceHold {
        do throws(HostDeviceError) { return try DeviceHold(of: device, sysfs: sysfs) } catch {
            throw .binding(
                device: device.name,
                .failed(action, .problem(error.description), before: device.driver, now: .driver(device.driver)))
        }
    }

    /// What is noted of the device; nil where nothing is.
    /// - Parameter action: what is to be done, for the error.
    /// - Throws: `HostDeviceError.binding`: a note that can't be read is not one that isn't there.
    func formerBinding(of device: HostDevice, _ action: BindingFailure.Action) throws(HostDeviceError) -> FormerBinding?
    {
        func failure(_ reason: BindingFailure.Reason) -> HostDeviceError {
            .binding(device: device.name, .failed(action, reason, before: device.driver, now: .driver(device.driver)))
        }
        let bytes: [UInt8]?
        do throws(StateFolderError) {
            bytes = try calls.read(noteName(of: device), in: notes, limit: FormerBinding.sizeLimit)
        } catch { throw failure(.state(error)) }
        guard let bytes else { return nil }
        guard let former = FormerBinding(text: String(decoding: bytes, as: UTF8.self)) else {
            throw failure(.badNote("\(notes.path)/\(noteName(of: device))"))
        }
        return former
    }

    private func driverOverride(
        of device: HostDevice, _ action: BindingFailure.Action
    ) throws(HostDeviceError) -> String? {
        let path = "\(device.path.dropFirst(sysfs.root.utf8.count + 1))"
        do throws(HostDeviceError) {
            return try SysfsDevices(sysfs: sysfs, device: device.name).driverOverride(of: path)
        } catch {
            throw .binding(
                device: device.name,
                .failed(action, .problem(error.description), before: device.driver, now: .driver(device.driver)))
        }
    }
}
