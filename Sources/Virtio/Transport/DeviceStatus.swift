// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The driver's progress in setting up the device.
///
/// - SeeAlso: virtio 1.2, 2.1 Device Status Field
struct DeviceStatus: OptionSet, Equatable, Sendable {
    let rawValue: UInt32

    /// The guest has found the device.
    static let acknowledge = DeviceStatus(rawValue: 1)
    /// The guest has a driver for it.
    static let driver = DeviceStatus(rawValue: 2)
    /// The driver may use the queues.
    static let driverOK = DeviceStatus(rawValue: 4)
    /// Both sides agree on the features.
    static let featuresOK = DeviceStatus(rawValue: 8)
    /// The device can't continue before a reset. Only the device sets it.
    static let needsReset = DeviceStatus(rawValue: 64)
    /// The driver has given up.
    static let failed = DeviceStatus(rawValue: 128)
}
