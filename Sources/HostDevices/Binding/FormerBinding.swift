// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What the host had for a device before Martlet gave it to VFIO: a small file, so that another process can give it
/// back.
struct FormerBinding: Equatable, Sendable {
    /// Who had the device.
    enum Owner: Equatable, Sendable {
        case nobody
        /// This driver.
        case driver(String)
        /// It isn't known who: the kernel chooses.
        case unknown
    }

    /// Who had it.
    let owner: Owner
    /// The only driver that was allowed to have it.
    let driverOverride: String?
    /// Whether `bind` has it held (`DeviceHold`), so that `release` lets go of it. A hold of somebody else's stays.
    let isHeld: Bool

    /// How long the file may be, in bytes.
    static let sizeLimit = 4096
    /// Stands for `Owner.unknown`.
    private static let anyDriver = "*"
    /// The value of "hold" for `isHeld`; without that line it isn't.
    private static let held = "yes"

    /// As lines: "driver=rtc-pl031".
    var text: String {
        let driver =
            switch owner {
            case .nobody: ""
            case .driver(let name): name
            case .unknown: Self.anyDriver
            }
        return "driver=\(driver)" + (driverOverride.map { "\ndriver_override=\($0)" } ?? "")
            + (isHeld ? "\nhold=\(Self.held)" : "")
    }

    init(owner: Owner, driverOverride: String?, isHeld: Bool = false) {
        self.owner = owner
        self.driverOverride = driverOverride
        self.isHeld = isHeld
    }

    /// Reads what `text` wrote; nil for anything else.
    init?(text: String) {
        var driver: String?
        var driverOverride: String?
        var isHeld = false
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            let value = String(parts[1])
            switch parts[0] {
            case "driver" where driver == nil && (value.isEmpty || value == Self.anyDriver || Self.isName(value)):
                driver = value
            case "driver_override" where driverOverride == nil && Self.isName(value): driverOverride = value
            case "hold" where !isHeld && value == Self.held: isHeld = true
            default: return nil
            }
        }
        guard let driver else { return nil }
        owner = driver.isEmpty ? .nobody : driver == Self.anyDriver ? .unknown : .driver(driver)
        self.driverOverride = driverOverride
        self.isHeld = isHeld
    }

    /// Whether it can be a driver's folder in sysfs, and no path that leads elsewhere.
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text != "." && !text.contains("..")
            && text.utf8.allSatisfy { $0 >= UInt8(ascii: " ") && $0 != 0x7F && $0 != UInt8(ascii: "/") }
    }
}
