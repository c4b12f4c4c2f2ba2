// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The command line of a `martlet run`, read without ArgumentParser, whose reflection costs 13 million instructions:
/// several times as much as the rest of the start-up. Any other command line (help, mistakes, repeated options) is left
/// to ArgumentParser; `RunArgumentsTests` compares the two.
struct RunArguments: Equatable {
    var config: String
    var logLevel = LogLevel.warning
    var report: String?

    /// - Parameter arguments: the whole command line, with the program's name.
    init?(_ arguments: [String]) {
        guard arguments.count > 2, arguments[1] == "run" else { return nil }
        var config: String?
        var options: [(name: String, value: String)] = []
        var index = 2
        while index < arguments.count {
            let argument = arguments[index]
            index += 1
            guard argument.utf8.first == UInt8(ascii: "-") else {
                if config != nil { return nil }
                config = argument
                continue
            }
            let option: (name: String, value: String)
            if let equals = argument.firstIndex(of: "=") {
                option = (String(argument[..<equals]), String(argument[argument.index(after: equals)...]))
            } else if index < arguments.count {
                option = (argument, arguments[index])
                index += 1
            } else {
                return nil
            }
            if options.contains(where: { $0.name == option.name }) { return nil }
            // ArgumentParser reports an empty value, or one that looks like an option.
            guard let first = option.value.utf8.first, first != UInt8(ascii: "-") else { return nil }
            options.append(option)
        }
        guard let config, !config.isEmpty else { return nil }
        self.config = config
        for option in options {
            switch option.name {
            case "--report": report = option.value
            case "--log-level":
                guard let level = LogLevel(argument: option.value) else { return nil }
                logLevel = level
            default: return nil
            }
        }
    }
}
