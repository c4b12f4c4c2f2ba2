// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// Runs the C preprocessor over devicetree source that was written for it, as the kernel's build does for its own.
/// - SeeAlso: Linux, scripts/Makefile.lib (dtc_cpp_flags)
struct SourcePreprocessor {
    let file: TreeFile

    /// Of a source, and of what is made of it, in bytes: a tree of 2 MiB at most comes of it.
    private static let limit = 16 << 20
    private static let flags = ["-nostdinc", "-undef", "-D__DTS__", "-x", "assembler-with-cpp"]
    private static let directives = [
        "include", "define", "undef", "if", "ifdef", "ifndef", "elif", "else", "endif", "error", "warning", "pragma",
        "line",
    ]

    /// The source with its #include lines and macros worked in; nil where it has none, and for dtc to say so where it
    /// can't be read.
    /// - Throws: `MachineError.treeFile`
    func preprocessed(system: any SystemCalls, log: Log) throws(MachineError) -> [UInt8]? {
        guard let source = try? system.readFile(file.path, limit: Self.limit), Self.isForPreprocessor(source) else {
            return nil
        }
        // An option is what begins with "-".
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

    /// Whether a line is for the preprocessor. Names of properties begin with "#" as well.
    static func isForPreprocessor(_ source: [UInt8]) -> Bool {
        for line in source.split(separator: UInt8(ascii: "\n")) {
            let blank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            let text = line.drop(while: blank)
            guard text.first == UInt8(ascii: "#") else { continue }
            let word = text.dropFirst().drop(while: blank).prefix { 0x61...0x7A ~= $0 }
            // What follows belongs to a property's name, or makes it one: "#include-cells", "#line;".
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
