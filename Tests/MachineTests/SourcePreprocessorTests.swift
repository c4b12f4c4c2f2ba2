// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import DeviceTree
import Foundation
import KernelFakes
import LinuxSystem
import Testing

@testable import Machine

/// Devicetree source that wants the C preprocessor.
@Suite struct SourcePreprocessorTests {
    private static func exists(_ program: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(program)") }
    }
    static let hasTools = exists("dtc") && (exists("cpp") || exists("cc"))

    @Test(
        .enabled(if: hasTools, "dtc and cpp are not installed"))
    func `includes and macros are worked in, from the source's folder`() throws {
        let folder = URL(fileURLWithPath: NSTemporaryDirectory() + "/martlet-cpp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder.appending(path: "dt-bindings"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func write(_ name: String, _ text: String) throws {
            try Data(text.utf8).write(to: folder.appending(path: name))
        }
        try write("dt-bindings/irq.h", "#define GIC_SPI 0\n#define unix wrong\n")
        try write("common.dtsi", "/ { common; };\n")
        try write("more.dtsi", "/ { more; };\n")
        try write(
            "board.dts",
            """
            /dts-v1/;
            #include <dt-bindings/irq.h>
            #include "common.dtsi"
            /include/ "more.dtsi"
            #ifdef __DTS__
            #define LEVEL (1 << 2)
            #endif
            / {
                #address-cells = <2>; // a comment
                unix { linux = <GIC_SPI 7 LEVEL>; };
            };
            """.replacing("unix {", with: "a {"))
        let lines = LogLines()
        let file = TreeFile(key: "device-tree.base", path: folder.path + "/board.dts")

        let tree = try Tree(parsing: try file.blob(limit: 1 << 20, system: LinuxKernel(), log: lines.log))

        #expect(tree.node(at: "/a")?[property: "linux"] == .cells([0, 7, 4]))
        #expect(tree.root[property: "common"] == .empty && tree.root[property: "more"] == .empty)
        #expect(tree.root[property: "#address-cells"] == .cell(2))
    }

    @Test(
        .enabled(if: hasTools, "dtc and cpp are not installed"))
    func `what the preprocessor says is told`() throws {
        let path = NSTemporaryDirectory() + "/martlet-cpp-\(UUID().uuidString).dtso"
        try Data("/dts-v1/;\n#include <nowhere.h>\n".utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let error = machineError { () throws(MachineError) in
            try TreeFile(key: "k", path: path).blob(limit: 1000, system: LinuxKernel(), log: .silent)
        }
        guard case .treeFile(_, _, .failed(_, signal: nil, let messages))? = error else {
            Issue.record("it was preprocessed")
            return
        }
        #expect(messages.contains { $0.contains("nowhere.h") })
    }

    // MARK: On a host that isn't there

    private let kernel = FakeKernel()
    private let lines = LogLines()
    private static let arguments = "-nostdinc -undef -D__DTS__ -x assembler-with-cpp -I /f /f/o.dts"

    private func blob() throws(MachineError) -> [UInt8] {
        try TreeFile(key: "device-tree.overlays[0]", path: "/f/o.dts").blob(
            limit: 1000, system: kernel, log: lines.log)
    }

    @Test(arguments: [("cpp", ""), ("cc", "-E ")]) func `cpp comes first, then cc`(program: String, option: String)
        throws
    {
        kernel.addFile("/f/o.dts", "#include <x.h>\n")
        kernel.withState {
            $0.programs[program] = ProgramRun(status: 0, output: [1, 2], messages: "hm\n")
            $0.programs["dtc"] = ProgramRun(status: 0, output: [3], messages: "")
        }
        #expect(try blob() == [3])
        #expect(kernel.journal.contains(.call("run \(program) \(option)\(Self.arguments)")))
        #expect(kernel.journal.contains(.call("run dtc -@ -I dts -O dtb -o - -i /f -- -")))
        #expect(kernel.withState { $0.programInputs["dtc"] } == [1, 2])
        #expect(lines.all == ["warning: device-tree.overlays[0]: /f/o.dts: \(program) says\n  hm"])
    }

    @Test func `without either the message says what to run`() {
        kernel.addFile("/f/o.dts", "#define A 1\n")
        #expect(
            machineError(blob)?.description == """
                device-tree.overlays[0]: /f/o.dts: this is a source with #include lines or macros, and the PATH has \
                neither cpp nor cc
                  install one (Debian, Ubuntu, Fedora: cpp; Alpine, Arch: gcc), or compile the file elsewhere:
                  cpp \(Self.arguments) | dtc -@ -I dts -O dtb -i /f -
                """)
    }

    @Test(
        arguments: [
            ("#include <a>", true), ("  # include \"a\"", true), ("#include<a>", true), ("#define A", true),
            ("#ifdef A", true), ("#if(A)", true), ("#else", true), ("#endif\r", true), ("#endif/* A */", true),
            ("#address-cells = <1>;", false), ("#include-cells = <1>;", false), ("#line;", false), ("#", false),
            ("x = \"#define\";", false), ("", false), ("#definex", false),
        ] as [(String, Bool)])
    func `a line for the preprocessor is told from a property`(line: String, expected: Bool) {
        #expect(SourcePreprocessor.isForPreprocessor(Array("/dts-v1/;\n\(line)\n/ {};".utf8)) == expected)
    }
}
