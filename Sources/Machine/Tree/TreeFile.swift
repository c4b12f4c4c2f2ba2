// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import LinuxSystem

/// A file of the user that becomes part of the guest's device tree: a blob, or a source that dtc compiles.
struct TreeFile {
    /// The JSON path of the key that names it, for error texts.
    let key: String
    let path: String

    /// The file's content as a blob.
    /// - Parameter limit: in bytes.
    /// - Throws: `MachineError.treeFile`
    func blob(limit: Int, system: any SystemCalls, log: Log) throws(MachineError) -> [UInt8] {
        if isSource {
            // dtc would wait for a FIFO's writer.
            if let kind = try? system.fileKind(path), kind != .regular {
                throw failed(.file(.wrongKind(kind)))
            }
            return try compiled(limit: limit, system: system, log: log)
        }
        do { return try RegularFile.content(path, limit: limit, of: system) } catch {
            throw failed(error == .failed(.fileTooLarge) ? .tooLarge(limit: limit, maker: nil) : .file(error))
        }
    }

    func failed(_ problem: TreeFileProblem) -> MachineError { .treeFile(key: key, path: path, problem) }

    /// A source is recognised by its name: a blob has a magic number, a source doesn't.
    private var isSource: Bool { path.hasSuffix(".dts") || path.hasSuffix(".dtso") }

    private func compiled(limit: Int, system: any SystemCalls, log: Log) throws(MachineError) -> [UInt8] {
        let source = try SourcePreprocessor(file: self).preprocessed(system: system, log: log)
        // dtc reads a preprocessed source from its input, so it needs the folder for /include/.
        let arguments = source == nil ? ["--", path] : ["-i", folder, "--", "-"]
        let run: ProgramRun
        do {
            run = try system.run(
                "dtc", ["-@", "-I", "dts", "-O", "dtb", "-o", "-"] + arguments, input: source ?? [], outputLimit: limit)
        } catch {
            switch error {
            case .noSuchFileOrDirectory: throw failed(.noCompiler)
            case .fileTooLarge: throw failed(.tooLarge(limit: limit, maker: "dtc"))
            default: throw failed(.program("dtc", error))
            }
        }
        return try output(of: run, "dtc", log: log)
    }

    /// A program's output, unless it failed; its messages are logged.
    func output(of run: ProgramRun, _ program: String, log: Log) throws(MachineError) -> [UInt8] {
        let messages = run.messages.split(separator: "\n").map(String.init)
        guard run.status == 0 else {
            let signal = run.status < 256 ? nil : CInt(run.status - 256)
            throw failed(.failed(program: program, signal: signal, messages: messages))
        }
        if !messages.isEmpty {
            log(.warning, "\(key): \(path): \(program) says\n  \(messages.joined(separator: "\n  "))")
        }
        return run.output
    }

    /// The folder of the file.
    var folder: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
