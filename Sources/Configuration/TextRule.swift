// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What a string may contain. A NUL byte is allowed nowhere: the kernel would take it for the string's end.
enum TextRule: Sendable {
    /// A file's path, absolute or relative to the configuration's folder.
    case path
    /// A device's path in sysfs: a path whose last component is the device's name.
    case devicePath
    /// A device's name, as /sys/bus/platform/devices and /sys/bus/amba/devices list it.
    case deviceName
    /// The guest kernel's command line.
    case bootArguments

    /// The greatest length in bytes of UTF-8, without the NUL that the kernel wants behind it.
    var maximumByteCount: Int {
        switch self {
        // PATH_MAX and NAME_MAX, include/uapi/linux/limits.h: the first counts the NUL, the second doesn't.
        case .path, .devicePath: 4095
        case .deviceName: 255
        // COMMAND_LINE_SIZE, arch/arm64/include/uapi/asm/setup.h, is 2048 with the NUL: Linux copies the device tree's
        // bootargs with strscpy (early_init_dt_scan_chosen, drivers/of/fdt.c) and drops the rest without an error.
        case .bootArguments: 2047
        }
    }

    /// The rule in words, for error messages.
    var allowed: String {
        switch self {
        case .path: "a path of 1 to \(maximumByteCount) bytes without NUL"
        case .devicePath:
            "a device's path, of at most \(maximumByteCount) bytes without NUL, as /sys/bus/platform/devices/NAME"
        case .deviceName:
            "a device's name as in /sys/bus/platform/devices, of 1 to \(maximumByteCount) bytes without '/' and NUL"
        case .bootArguments: "one line of at most \(maximumByteCount) bytes without NUL"
        }
    }

    func accepts(_ text: String) -> Bool {
        let bytes = text.utf8
        guard bytes.count <= maximumByteCount, !bytes.contains(0) else { return false }
        switch self {
        case .path: return !bytes.isEmpty
        case .devicePath: return Self.isName(Path.lastComponent(of: text))
        case .deviceName: return Self.isName(text) && !bytes.contains(UInt8(ascii: "/"))
        case .bootArguments: return !bytes.contains(UInt8(ascii: "\n")) && !bytes.contains(UInt8(ascii: "\r"))
        }
    }

    private static func isName(_ text: String) -> Bool { !text.isEmpty && text != "." && text != ".." }
}
