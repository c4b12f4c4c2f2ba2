// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// One change to the host on the way of a device to VFIO or back.
public enum BindingStep: Equatable, Sendable {
    /// Writes a line into a file of sysfs.
    case write(String, to: String)
    /// Makes a file of Martlet's own, or replaces it, with the folders that it is in.
    case save(String, as: String)
    /// Removes a file of Martlet's own.
    case remove(String)

    /// The same as a command for a shell.
    public var command: String {
        switch self {
        case .write(let text, let path): "echo \(ShellText.quoted(text)) > \(ShellText.quoted(path))"
        case .save(let text, let path):
            "mkdir -p \(ShellText.quoted(Self.folder(of: path))) && "
                + "echo \(ShellText.quoted(text)) > \(ShellText.quoted(path))"
        case .remove(let path): "rm -f \(ShellText.quoted(path))"
        }
    }

    /// Makes the change.
    func perform(_ calls: any FileCalls) throws(Errno) {
        switch self {
        case .write(let text, let path): try calls.writeFile(path, Array("\(text)\n".utf8))
        case .save(let text, let path):
            var folder = ""
            for component in Self.folder(of: path).split(separator: "/") {
                folder += "/\(component)"
                try calls.createDirectory(folder)
            }
            try calls.createFile(path, Array("\(text)\n".utf8))
        case .remove(let path):
            do { try calls.removeFile(path) } catch .noSuchFileOrDirectory {}
        }
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return String(path[..<slash])
    }
}

/// What the host had for a device before Martlet gave it to VFIO: a small file, so that another process can give it back.
struct FormerBinding: Equatable, Sendable {
    /// The driver that had it.
    let driver: String?
    /// The only driver that was allowed to have it.
    let driverOverride: String?

    /// As lines: "driver=rtc-pl031".
    var text: String { "driver=\(driver ?? "")" + (driverOverride.map { "\ndriver_override=\($0)" } ?? "") }

    init(driver: String?, driverOverride: String?) {
        self.driver = driver
        self.driverOverride = driverOverride
    }

    init(text: String) {
        var values: [Substring: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { values[parts[0]] = String(parts[1]) }
        }
        driver = values["driver"]
        driverOverride = values["driver_override"]
    }
}
