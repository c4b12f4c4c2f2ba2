// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree

/// The guest kernel's command line in the device tree (/chosen, bootargs), and its source.
public struct BootArguments: Equatable, Sendable, Encodable {
    /// Where the command line comes from.
    public enum Source: String, Sendable, Encodable {
        case configuration = "boot-source.boot_args"
        /// From the base tree, because the configuration has none.
        case base = "device-tree.base"
        case overlay = "device-tree.overlays"
    }

    /// The command line that the guest gets.
    public let text: String
    /// Where it comes from.
    public let source: Source

    /// Nil when the tree has none.
    /// - Parameters:
    ///   - tree: the tree after all additions.
    ///   - configured: the configuration's command line.
    ///   - base: the base tree's command line.
    init?(of tree: Tree, configured: String?, base: String?) {
        guard let text = tree.node(at: "/chosen")?[property: "bootargs"]?.string else { return nil }
        self.text = text
        if text == configured {
            source = .configuration
        } else if configured == nil, text == base {
            source = .base
        } else {
            source = .overlay
        }
    }

    /// A line for the report; nil when the command line is the configuration's own, or empty.
    var line: String? {
        if source == .configuration || text.isEmpty { return nil }
        return "boot_args: \(PropertyValue.string(text)) (from \(source.rawValue))"
    }

    /// The values of its `console=` parameters, in order.
    ///
    /// - SeeAlso: Linux, lib/cmdline.c, next_arg: blanks in double quotes belong to the value; kernel/params.c,
    ///   parse_args: what follows "--" is for init.
    var consoles: [String] {
        var words: [[UInt8]] = [[]]
        var isQuoted = false
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: "\t")...UInt8(ascii: "\r") where !isQuoted, UInt8(ascii: " ") where !isQuoted:
                words.append([])
            default: words[words.count - 1].append(byte)
            }
        }
        return words.prefix { $0 != Array("--".utf8) }
            .filter { $0.starts(with: "console=".utf8) }
            .map { String(decoding: $0.dropFirst("console=".utf8.count), as: UTF8.self) }
    }
}
