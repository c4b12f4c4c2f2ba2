// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import LinuxSystem

/// A file of the user's that becomes a part of the guest's device tree: a blob, or a source that dtc makes one of.
struct TreeFile {
    /// The JSON path of the key that names it, for error texts.
    let key: String
    let path: String

    /// The blob.
    /// - Parameter limit: in bytes.
    /// - Throws: `MachineError.treeFile`
    func blob(limit: Int, system: any SystemCalls, log: Log) throws(MachineError) -> [UInt8] {
        if isSource {
            // dtc would wait for a FIFO's writer.
            if let kind = try? system.fileKind(path), kind != .regular {
                throw failed(FileError.wrongKind(kind).description)
            }
            return try compiled(limit: limit, system: system, log: log)
        }
        do { return try RegularFile.content(path, limit: limit, of: system) } catch {
            throw failed(error == .failed(.fileTooLarge) ? Self.tooLarge(limit) : error.description)
        }
    }

    func failed(_ text: String) -> MachineError { .treeFile(key: key, path: path, text) }

    /// "DTS source" is known by its name: a blob's first bytes say what it is, a source's don't.
    private var isSource: Bool { path.hasSuffix(".dts") || path.hasSuffix(".dtso") }

    private func compiled(limit: Int, system: any SystemCalls, log: Log) throws(MachineError) -> [UInt8] {
        let source = try SourcePreprocessor(file: self).preprocessed(system: system, log: log)
        // What was preprocessed comes from no folder of its own, in which dtc would look for /include/.
        let arguments = source == nil ? ["--", path] : ["-i", folder, "--", "-"]
        let run: ProgramRun
        do {
            run = try system.run(
                "dtc", ["-@", "-I", "dts", "-O", "dtb", "-o", "-"] + arguments, input: source ?? [], outputLimit: limit)
        } catch {
            switch error {
            case .noSuchFileOrDirectory:
                throw failed(
                    """
                    a source, which dtc has to compile, and there is no dtc on the PATH
                      install it (Debian, Ubuntu: device-tree-compiler; Fedora, Alpine, Arch: dtc), or give the file that it \
                    makes elsewhere: dtc -@ -O dtb
                    """)
            case .fileTooLarge: throw failed("what dtc makes of it: \(Self.tooLarge(limit))")
            default: throw failed("dtc: \(error.explained)")
            }
        }
        return try output(of: run, "dtc", "dtc can't compile it", log: log)
    }

    /// What a program wrote, unless it failed; what it said besides is logged.
    func output(
        of run: ProgramRun, _ program: String, _ failure: String, log: Log
    ) throws(MachineError) -> [UInt8] {
        let messages = run.messages.split(separator: "\n").map { "\n  \($0)" }.joined()
        guard run.status == 0 else {
            let how = run.status < 256 ? "" : " (it was ended by signal \(run.status - 256))"
            throw failed("\(failure)\(how)\(messages)")
        }
        if !messages.isEmpty { log(.warning, "\(key): \(path): \(program) says\(messages)") }
        return run.output
    }

    /// Where the file is.
    var folder: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func tooLarge(_ limit: Int) -> String { "more than \(limit) bytes\n  use a smaller one" }
}
