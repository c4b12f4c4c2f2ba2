// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// Runs the C preprocessor on devicetree source that needs it, as the kernel's build does.
/// - SeeAlso: Linux, scripts/Makefile.lib (dtc_cpp_flags)
struct SourcePreprocessor {
    let file: TreeFile

    /// The limit of a source, and of the preprocessed source, in bytes: the tree itself has at most 2 MiB.
    private static let limit = 16 << 20
    private static let flags = ["-nostdinc", "-undef", "-D__DTS__", "-x", "assembler-with-cpp"]
    private static let directives = [
        "include", "define", "undef", "if", "ifdef", "ifndef", "elif", "else", "endif", "error", "warning", "pragma",
        "line",
    ]

    /// The source after preprocessing; nil if it doesn't need that, or can't be read, which dtc then reports.
    /// - Throws: `MachineError.treeFile`
    func preprocessed(system: any SystemCalls, log: Log) throws(MachineError) -> [UInt8]? {
        guard let source = try? system.readFile(file.path, limit: Self.limit), Self.isForPreprocessor(source) else {
            return nil
        }
        // Otherwise a path that begins with "-" would be an option.
        let path = file.path.utf8.first == UInt8(ascii: "-") ? "./\(file.path)" : file.path
        let arguments = Self.flags + ["-I", file.folder, path]
        for (program, options) in [("cpp", []), ("cc", ["-E"])] {
            let run: ProgramRun
            do throws(Errno) {
                run = try system.run(program, options + arguments, outputLimit: Self.limit)
            } catch {
                switch error {
                case .noSuchFileOrDirectory: continue
                case .fileTooLarge:
                    throw file.failed(.tooLarge(limit: Self.limit, maker: program))
                default: throw file.failed(.program(program, error))
                }
            }
            return try file.output(of: run, program, log: log)
        }
        let command = (["cpp"] + Self.flags + ["-I", file.folder, path]).joined(separator: " ")
        throw file.failed(.noPreprocessor(command: "\(command) | dtc -@ -I dts -O dtb -i \(file.folder) -"))
    }

    /// Whether a line is for the preprocessor. Names of properties can begin with "#" too.
    static func isForPreprocessor(_ source: [UInt8]) -> Bool {
        for line in source.split(separator: UInt8(ascii: "\n")) {
            let blank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            let text = line.drop(while: blank)
            guard text.first == UInt8(ascii: "#") else { continue }
            let word = text.dropFirst().drop(while: blank).prefix { 0x61...0x7A ~= $0 }
            // Another character means that it is a property's name: "#include-cells", "#line;".
            let end = text.dropFirst().drop(while: blank).dropFirst(word.count).first
            guard
                end.map({
                    blank($0)
                        || [
                            UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: "("), UInt8(ascii: "\r"),
                            UInt8(ascii: "/"),
                        ].contains($0)
                }) ?? true
            else { continue }
            if directives.contains(String(decoding: word, as: UTF8.self)) { return true }
        }
        return false
    }
}
