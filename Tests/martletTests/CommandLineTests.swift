// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import ArgumentParser
import Foundation
import KernelFakes
import LinuxSystem
import Testing

@testable import martlet

/// The built program: its exit statuses and what it says.
@Suite(.enabled(if: builtProgram != nil, "the martlet executable is not beside the test bundle"))
struct CommandLineTests {
    private func run(
        _ arguments: String..., output: String? = nil
    ) throws -> HostTool.Result {
        try #require(builtProgram).run(arguments, output: output)
    }

    // MARK: Usage

    @Test(arguments: [
        [], ["unknown"], ["run"], ["run", "a", "b"], ["run", "--unknown", "x"], ["run", "x", "--log-level", "loud"],
        ["dtb"], ["check"], ["--unknown"], ["run", "--report"],
    ])
    func `a wrong command line is status 2`(arguments: [String]) throws {
        let result = try #require(builtProgram).run(arguments)
        // No command at all is a request for help, which says what there is.
        #expect(result.status == (arguments.isEmpty ? 0 : 2), "\(result)")
        #expect(arguments.isEmpty ? result.text.contains("USAGE") : result.messages.contains("Usage"), "\(result)")
    }

    @Test(arguments: [["--help"], ["run", "--help"], ["check", "--help"], ["dtb", "--help"], ["help", "run"]])
    func `help is status 0 on standard output`(arguments: [String]) throws {
        let result = try #require(builtProgram).run(arguments)
        #expect(result.status == 0)
        #expect(result.text.contains("USAGE: martlet"))
        #expect(result.messages.isEmpty)
    }

    @Test func `help names every command`() throws {
        let text = try run("--help").text
        for command in ["run", "check", "dtb", "devices", "bind", "release"] {
            #expect(text.contains("\n  \(command) "))
        }
    }

    @Test func `the version is one line`() throws {
        let result = try run("--version")
        #expect(result.status == 0)
        #expect(result.text.hasPrefix("martlet "))
        #expect(result.text.split(separator: "\n").count == 1)
    }

    // MARK: Output that is lost

    /// Also the parser's own texts.
    @Test(arguments: [
        ["--help"], ["--version"], ["run", "--help"], ["help", "run"], ["--generate-completion-script", "bash"],
        ["devices"], ["devices", "--json"],
    ])
    func `output that is lost is status 1`(arguments: [String]) throws {
        let result = try #require(builtProgram).run(arguments, output: "/dev/full")
        #expect(result.status == 1)
        #expect(result.messages.hasSuffix("martlet: standard output: ENOSPC (No space left on device)\n"), "\(result)")
    }

    /// Closed before the start, and a pipe whose reader has gone: neither a signal nor a success.
    @Test(arguments: ["\"$0\" devices >&-", "{ sleep 0.3; \"$0\" devices; echo $? >&2; } | true"])
    func `so is output that nobody can read`(script: String) throws {
        let result = try shell(script)
        let isPipe = script.hasSuffix("true")
        #expect(isPipe ? result.messages.hasSuffix("EPIPE (Broken pipe)\n1\n") : result.status == 1, "\(result)")
        #expect(result.messages.contains("martlet: standard output: E"), "\(result)")
    }

    /// Runs a script whose $0 is the program, and whose other arguments are `arguments`.
    private func shell(_ script: String, _ arguments: String...) throws -> HostTool.Result {
        let sh = try #require(HostTool(onPath: "sh"))
        return try sh.run(["-c", script, try #require(builtProgram).path] + arguments)
    }

    // MARK: Files that are none

    private func makeFIFO(_ path: String) throws { try #require(mkfifo(path, 0o600) == 0) }

    @Test(arguments: ["Image", "initrd", "base.dtb", "overlay.dtbo", "overlay.dts"])
    func `a FIFO in the place of a file is refused and not waited for`(name: String) throws {
        let folder = try ConfigurationFolder()
        try? FileManager.default.removeItem(atPath: "\(folder.path)/\(name)")
        try makeFIFO("\(folder.path)/\(name)")
        var tree = "{}"
        if name.hasPrefix("base") { tree = #"{"base": "\#(name)"}"# }
        if name.hasPrefix("overlay") { tree = #"{"overlays": ["\#(name)"]}"# }
        try folder.write(
            "vm.json",
            Array(
                """
                {"boot-source": {"kernel_image_path": "Image", "initrd_path": "initrd"}, "device-tree": \(tree),
                 "machine-config": {"mem_size_mib": 16}}
                """.utf8))
        let result = try run("dtb", folder.config, "-o", "/dev/null")
        #expect(result.status == 1)
        #expect(
            result.messages.contains("\(folder.path)/\(name): this is a FIFO; give a regular file"),
            "\(result.messages)")
    }

    /// `martlet dtb <(command)` and `command | martlet dtb /dev/stdin`, which are pipes.
    @Test func `a configuration may come by a pipe`() throws {
        let folder = try ConfigurationFolder()
        let text = String(decoding: try folder.read("vm.json"), as: UTF8.self)
            .replacingOccurrences(of: "\"Image\"", with: "\"\(folder.path)/Image\"")
            .replacingOccurrences(of: "\"initrd\"", with: "\"\(folder.path)/initrd\"")
        try folder.write("vm.json", Array(text.utf8))
        let result = try shell("cat \"$1\" | \"$0\" dtb /dev/stdin -o \"$2\"", folder.config, "\(folder.path)/vm.dtb")
        #expect(result.status == 0, "\(result)")
        #expect(try folder.read("vm.dtb").starts(with: [0xD0, 0x0D, 0xFE, 0xED]))
    }

    /// SIGUSR1 asks for the state, whenever it comes: here while the configuration is read.
    @Test func `SIGUSR1 doesn't end a command that is not so far yet`() throws {
        let folder = try ConfigurationFolder()
        try makeFIFO("\(folder.path)/fifo.json")
        let result = try shell(
            """
            cd "$1"
            "$0" dtb fifo.json -o vm.dtb & process=$!
            exec 3> "$1/fifo.json"
            kill -USR1 $process; sleep 0.2; cat "$1/vm.json" >&3; exec 3>&-
            wait $process
            """, folder.path)
        #expect(result.status == 0, "\(result)")
    }

    // MARK: The report's file

    @Test func `a report that can't be written is known before anything starts`() throws {
        let folder = try ConfigurationFolder()
        try makeFIFO("\(folder.path)/fifo")
        let cases = [
            ("\(folder.path)/none/report", "ENOENT (No such file or directory)"),
            (folder.path, "this is a directory; "),
            ("\(folder.path)/fifo", "this is a FIFO that nobody reads; "),
            ("/dev/fd/99", "EBADF (Bad file descriptor)"),
        ]
        for (path, text) in cases {
            let result = try run("run", folder.config, "--report", path)
            #expect(result.status == 1)
            #expect(result.messages.hasPrefix("martlet: --report: \(path): \(text)"), "\(result.messages)")
        }
    }

    #if !arch(arm64)
    @Test func `a run that fails leaves no report and changes none`() throws {
        let folder = try ConfigurationFolder()
        try folder.write("old", [0x61])
        let before = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        for name in ["old", "new"] {
            #expect(try run("run", folder.config, "--report", "\(folder.path)/\(name)").status == 1)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == before)
        #expect(try folder.read("old") == [0x61])
    }
    #endif

    // MARK: Programs

    /// A launcher's descriptors of devices are for Martlet only.
    @Test func `what was handed in doesn't reach dtc`() throws {
        let folder = try ConfigurationFolder()
        try folder.write("x.dts", [])
        try folder.write("dtc", Array("#!/bin/sh\nls -l /proc/self/fd >&2\nexit 1\n".utf8))
        try #require(chmod("\(folder.path)/dtc", 0o700) == 0)
        try folder.write(
            "vm.json",
            Array(#"{"boot-source": {"kernel_image_path": "Image"}, "device-tree": {"overlays": ["x.dts"]}}"#.utf8))
        let result = try shell(
            "exec 7< \"$1/initrd\" 8> \"$1/other\" && PATH=\"$1:$PATH\" \"$0\" dtb \"$1/vm.json\"", folder.path)
        #expect(result.status == 1)
        #expect(result.messages.contains(" 2 -> "), "\(result.messages)")
        #expect(!result.messages.contains("\(folder.path)/initrd"), "\(result.messages)")
        #expect(!result.messages.contains("\(folder.path)/other"), "\(result.messages)")
    }

    // MARK: Configuration errors

    @Test(arguments: ["run", "check", "dtb"])
    func `every problem of a configuration is listed`(command: String) throws {
        let folder = try ConfigurationFolder(
            machine: #"{"vcpu_count": 0, "mem_size": 128}"#, devices: #"[{"host": "a"}, {"no_mmap": 1}]"#)
        let result = try run(command, folder.config)
        #expect(result.status == 2)
        #expect(result.output.isEmpty)
        #expect(result.messages.hasPrefix("martlet: \(folder.config): 4 problems in the configuration\n"))
        for path in ["machine-config.vcpu_count", "machine-config.mem_size", "platform-devices[1].no_mmap"] {
            #expect(result.messages.contains(path), "\(path): \(result.messages)")
        }
        // The nearest known key.
        #expect(result.messages.contains("mem_size_mib"))
    }

    @Test(arguments: ["run", "check", "dtb"])
    func `a configuration that is not there is status 2`(command: String) throws {
        let result = try run(command, "/nonexistent/vm.json")
        #expect(result.status == 2)
        #expect(
            result.messages.hasPrefix(
                "martlet: /nonexistent/vm.json: the configuration can't be read: ENOENT (No such file or directory)"))
    }

    @Test func `what is not JSON is status 2`() throws {
        let folder = try ConfigurationFolder()
        try folder.write("vm.json", Array("{ boot".utf8))
        let result = try run("run", folder.config)
        #expect(result.status == 2)
        #expect(result.messages.contains("the configuration is not JSON"))
    }

    // MARK: run and check

    #if !arch(arm64)
    /// The parser is left out for `run CONFIG`, and comes in with an option: both say the same.
    @Test(arguments: [[], ["--log-level", "debug"], ["--report", "/dev/null"]])
    func `run refuses a host that is not ARM`(options: [String]) throws {
        let folder = try ConfigurationFolder()
        let result = try #require(builtProgram).run(["run", folder.config] + options)
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        #expect(result.messages.contains("martlet: /dev/kvm: "))
        if access("/dev/kvm", R_OK | W_OK) == 0 {
            #expect(result.messages.contains("run martlet on an arm64 host"))
        }
    }

    @Test func `check lists that and every other problem`() throws {
        let folder = try ConfigurationFolder(devices: #"[{"host": "none.such"}]"#)
        try folder.write("Image", [1, 2, 3])
        let result = try run("check", folder.config)
        #expect(result.status == 1)
        let problems = result.messages.split(separator: "\n").filter { $0.hasPrefix("martlet: ") }
        #expect(problems.count == 3, "\(result.messages)")
        #expect(problems.first?.hasPrefix("martlet: /dev/kvm: ") == true)
        #expect(
            result.messages.contains(
                "martlet: boot-source.kernel_image_path: \(folder.path)/Image: the file is truncated: it has 3 bytes"))
        #expect(result.messages.contains("martlet: none.such: no such device on the platform or AMBA bus"))
    }
    #endif

    // MARK: dtb

    private static let dtc = HostTool(onPath: "dtc")

    @Test func `the device tree needs no KVM`() throws {
        let folder = try ConfigurationFolder()
        let file = "\(folder.path)/vm.dtb"
        let toFile = try run("dtb", folder.config, "-o", file)
        #expect(toFile.status == 0)
        #expect(toFile.messages.isEmpty)
        #expect(toFile.output.isEmpty)
        let blob = try folder.read("vm.dtb")
        #expect(blob.starts(with: [0xD0, 0x0D, 0xFE, 0xED]))
        let toPipe = try run("dtb", folder.config)
        #expect(toPipe.status == 0)
        // The seed is another at each run.
        #expect(toPipe.output.count == blob.count)
        #expect(toPipe.output != blob)
    }

    @Test(.enabled(if: dtc != nil, "dtc (package device-tree-compiler) is not on the PATH"))
    func `dtc has nothing to say about it`() throws {
        let folder = try ConfigurationFolder()
        let blob = try run("dtb", folder.config).output
        let checks = ["-Wnode_name_chars_strict", "-Wproperty_name_chars_strict", "-Winterrupt_provider"]
        let result = try #require(Self.dtc).run(["-I", "dtb", "-O", "dts"] + checks + ["-"], input: blob)
        #expect(result.status == 0)
        #expect(result.messages.isEmpty)
        #expect(result.text.contains("bootargs = \"console=ttyS0\""))
        #expect(result.text.contains("cpu@1"))
    }

    @Test func `a full disk is status 1`() throws {
        let folder = try ConfigurationFolder()
        let toFile = try run("dtb", folder.config, "-o", "/dev/full")
        #expect(toFile.status == 1)
        #expect(toFile.messages == "martlet: /dev/full: ENOSPC (No space left on device)\n")
        let toOutput = try run("dtb", folder.config, output: "/dev/full")
        #expect(toOutput.status == 1)
        #expect(toOutput.messages == "martlet: standard output: ENOSPC (No space left on device)\n")
    }

    @Test func `a kernel that is none is status 1`() throws {
        let folder = try ConfigurationFolder()
        try folder.write("Image", [UInt8](repeating: 0, count: 4096))
        let result = try run("dtb", folder.config)
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        #expect(result.messages.contains("\(folder.path)/Image: this is not an arm64 Linux Image"))
        #expect(result.messages.contains("use an arm64 Linux kernel: an Image, plain or compressed with gzip or zstd"))
    }

    @Test func `a log level shows what is below it`() throws {
        let folder = try ConfigurationFolder()
        #if !arch(arm64)
        let result = try run("dtb", folder.config, "--log-level", "info", "-o", "/dev/null")
        #expect(result.status == 0)
        #expect(result.messages.hasPrefix("martlet: info: assuming a GICv3, without KVM: "))
        #endif
    }
}
