// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The steps of `bind` and `release`, from the device's state in sysfs and its note.
///
/// After each step, the device's state shows how to go on:
///
///     bind     note written → record written → held → rule for VFIO → without driver → with VFIO
///     release  without driver → the former rule → with its driver → no longer held → record, note removed
///
/// The device is held (`DeviceHold`) before its driver is unbound and until the driver is back, so that nothing is
/// switched off in between. So a device without a driver whose note names one is between the two states, and the next
/// `bind` or `release` goes on from there. A rule for VFIO in sysfs is always Martlet's; the host's own rule is in the
/// note.
extension DeviceBinding {
    /// A step, and the step that undoes it.
    struct Move {
        let step: BindingStep
        /// Nil when there is nothing to undo.
        var undo: BindingStep?
        /// Steps are undone in ascending order of this.
        let undoRank: Int
        /// Whether the kernel chooses the driver, or none.
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
            // Either an earlier attempt was interrupted, and its note knows more than sysfs shows now, or someone else
            // has reserved the device for VFIO.
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
        // The rule comes first: without the rule and without a driver, the device would look as if it had never had a
        // driver. On the way back, the driver can bind only after the former rule is restored.
        if rule != vfio { moves.append(ruling(device, vfio, insteadOf: rule, undoRank: 1)) }
        if let driver = device.driver {
            moves.append(moving(device, "unbind", driver, takenBackBy: "bind", undoRank: 2))
        }
        // Not drivers_probe: it answers EINVAL whatever the reason.
        moves.append(moving(device, "bind", vfio, takenBackBy: "unbind", undoRank: 0))
        return moves
    }

    // MARK: Back to the host

    /// The steps without the last one, which removes the note. None when VFIO doesn't have the device and no earlier
    /// attempt was interrupted; even then `movesOfThePast` may be needed.
    func releaseMoves(for device: HostDevice) throws(HostDeviceError) -> [Move] {
        let vfio = device.bus.vfioDriver
        let rule = try driverOverride(of: device, .release)
        let noted = try formerBinding(of: device, .release)
        switch device.driver {
        case vfio: break
        case nil:
            // It had no driver before, and no earlier attempt was interrupted.
            guard rule == vfio || (noted != nil && noted?.owner != .nobody) else { return [] }
        default:
            // `bind` was killed before it unbound the device from its driver.
            guard rule == vfio, let noted else { return [] }
            return [ruling(device, noted.driverOverride, insteadOf: rule, undoRank: 1)]
                + (try movesOfThePast(of: device, noted))
        }
        let former = noted ?? FormerBinding(owner: .unknown, driverOverride: nil)
        var moves: [Move] = []
        // Without the note, a device that is released halfway would look as if it had never had a driver.
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

    /// Undoes what `bind` did in addition to the moves between drivers.
    func movesOfThePast(of device: HostDevice, _ noted: FormerBinding) throws(HostDeviceError) -> [Move] {
        guard noted.isHeld, try hold(of: device, .release).isHeld else { return [] }
        return [lettingGo(device)]
    }

    /// The last steps of a release.
    func forgetting(_ device: HostDevice) -> [Move] {
        // A record that can't be read exists.
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

    /// Records what can be read only while the driver has the device; no step when that is nothing.
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
        // An empty line removes the rule.
        Move(
            step: .write(driver ?? "", to: "\(device.path)/driver_override"),
            undo: .write(old ?? "", to: "\(device.path)/driver_override"), undoRank: undoRank)
    }

    private func holding(_ device: HostDevice, undoRank: Int) -> Move {
        Move(
            step: .write(device.name, to: DeviceHold.holdFile(sysfs)),
            undo: .write(device.name, to: DeviceHold.releaseFile(sysfs)), undoRank: undoRank)
    }

    /// Undone first: before the driver is unbound again.
    private func lettingGo(_ device: HostDevice) -> Move {
        Move(
            step: .write(device.name, to: DeviceHold.releaseFile(sysfs)),
            undo: .write(device.name, to: DeviceHold.holdFile(sysfs)), undoRank: -1)
    }

    // MARK: Reading the state

    private func hold(of device: HostDevice, _ action: BindingFailure.Action) throws(HostDeviceError) -> DeviceHold {
        do throws(HostDeviceError) { return try DeviceHold(of: device, sysfs: sysfs) } catch {
            throw .binding(
                device: device.name,
                .failed(action, .problem(error.description), before: device.driver, now: .driver(device.driver)))
        }
    }

    /// The note of the device; nil if there is none.
    /// - Parameter action: the requested change, for the error.
    /// - Throws: `HostDeviceError.binding`: a note that can't be read is not a missing note.
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
