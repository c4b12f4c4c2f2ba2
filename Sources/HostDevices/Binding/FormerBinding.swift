// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The host's binding of a device before Martlet gave it to VFIO.
///
/// It is kept in a small file, so that another process can give the device back.
struct FormerBinding: Equatable, Sendable {
    /// The former owner of the device.
    enum Owner: Equatable, Sendable {
        case nobody
        /// This driver.
        case driver(String)
        /// The driver isn't known: the kernel chooses one.
        case unknown
    }

    /// The former owner of the device.
    let owner: Owner
    /// The former driver override: the only driver that was allowed to bind to it.
    let driverOverride: String?
    /// Whether `bind` holds it (`DeviceHold`), so that `release` must release it. A hold by someone else stays.
    let isHeld: Bool

    /// The largest size of the file in bytes.
    static let sizeLimit = 4096
    /// Stands for `Owner.unknown`.
    private static let anyDriver = "*"
    /// The value of "hold" for `isHeld`; without that line `isHeld` is false.
    private static let held = "yes"

    /// The content of the file, in lines such as "driver=rtc-pl031".
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

    /// Reads the content that `text` wrote; nil for anything else.
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

    /// Whether it can be the name of a driver's folder in sysfs, and not a path that leads elsewhere.
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text != "." && !text.contains("..")
            && text.utf8.allSatisfy { $0 >= UInt8(ascii: " ") && $0 != 0x7F && $0 != UInt8(ascii: "/") }
    }
}
