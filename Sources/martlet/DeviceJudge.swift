// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import GuestNodes
internal import HostDevices
internal import LinuxSystem
internal import Machine

/// Finds the verdict on each of the host's devices. The host's tree is read once for all of them. One thread uses it.
final class DeviceJudge {
    private let survey: HostSurvey
    private let sysfs: Sysfs
    private let tree: HostTree

    init(_ survey: HostSurvey, sysfs: Sysfs) {
        self.survey = survey
        self.sysfs = sysfs
        tree = HostTree(sysfs)
    }

    /// The device's node in a guest, or why it can't have one.
    /// - Parameter isFull: whether its dependencies are explained too.
    func preview(of device: DeviceSurvey, isFull: Bool) -> Result<NodePreview, MachineError> {
        Result { () throws(MachineError) in
            try NodePreview(of: [device], tree: tree, tellsDependencies: isFull)
        }
    }

    /// - Parameters:
    ///   - preview: created if nil.
    ///   - hold: if nil, the host's state is read, if it matters.
    func verdict(
        on device: DeviceSurvey, _ preview: Result<NodePreview, MachineError>? = nil, hold: DeviceHold? = nil
    ) -> DeviceVerdict {
        // Its node doesn't matter then.
        if case .impossible = device.verdict, preview == nil {
            return DeviceVerdict(device, node: .success(nil), hold: .unavailable, name: { _ in nil })
        }
        let node = (preview ?? self.preview(of: device, isFull: false)).map(\.nodes.first)
        return DeviceVerdict(device, node: node, hold: hold ?? self.hold(of: device), name: survey.device(ofNode:))
    }

    /// Whether martlet-hold holds the device. If the module's list can't be read, a warning says so.
    func hold(of device: DeviceSurvey) -> DeviceHold {
        do throws(HostDeviceError) { return try DeviceHold(of: device.device, sysfs: sysfs) } catch {
            StandardError.write("martlet: warning: \(error)\n")
            return .unavailable
        }
    }
}
