// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree
internal import GuestNodes
public import LinuxSystem

/// Why a base tree or an overlay can't be used, and what to do about it.
public enum TreeFileProblem: Equatable, Sendable, CustomStringConvertible {
    /// The file can't be read.
    case file(FileError)
    /// The file, or the output of `maker` for it, has more bytes than `limit`.
    case tooLarge(limit: Int, maker: String?)
    /// The file is a source, but dtc isn't installed.
    case noCompiler
    /// The source needs the C preprocessor, but none is installed; `command` runs it on another host.
    case noPreprocessor(command: String)
    /// A program can't be run.
    case program(String, Errno)
    /// A program failed, or was ended by a signal; with its messages.
    case failed(program: String, signal: CInt?, messages: [String])
    /// The blob isn't a devicetree.
    case tree(DeviceTreeError)
    /// The root has a different number of cells than Martlet's nodes need.
    case rootCells(property: String, found: PropertyValue)
    /// A bus with the name of Martlet's has a different number of cells.
    case busCells(property: String, bus: String, found: PropertyValue)
    /// The interrupt controller has a different number of cells.
    case interruptCells(controller: String, found: PropertyValue)
    /// An interrupt of an enabled node has no target.
    case interrupt(DanglingReference)

    /// The problem and what to do about it; it follows the key and the file.
    public var description: String {
        switch self {
        case .file(let error): error.description
        case .tooLarge(let limit, let maker):
            (maker.map { "\($0)'s output has more than \(limit) bytes" } ?? "the file has more than \(limit) bytes")
                + "\n  use a smaller tree"
        case .noCompiler:
            """
            this is a source, and the PATH has no dtc to compile it
              install dtc (Debian, Ubuntu: device-tree-compiler; Fedora, Alpine, Arch: dtc), or compile the file \
            elsewhere: dtc -@ -O dtb
            """
        case .noPreprocessor(let command):
            """
            this is a source with #include lines or macros, and the PATH has neither cpp nor cc
              install one (Debian, Ubuntu, Fedora: cpp; Alpine, Arch: gcc), or compile the file elsewhere:
              \(command)
            """
        case .program(let program, let errno): "\(program): \(errno.explained)"
        case .failed(let program, let signal, let messages):
            ([
                "\(program) failed" + (signal.map { " (signal \($0))" } ?? "")
            ] + messages).joined(separator: "\n  ")
        case .tree(let error): error.description
        case .rootCells(let property, let found):
            """
            the root's \(property) is \(found), and Martlet's nodes need <0x2>
              write addresses and sizes with two cells each
            """
        case .busCells(let property, let bus, let found):
            "\(property) of /\(bus) is \(found), and Martlet's nodes there need another number\n  rename the node"
        case .interruptCells(let controller, let found):
            """
            #interrupt-cells of \(controller) is \(found), and Martlet's interrupt controller needs <0x3>
              write interrupts with three cells each: 0, the number, the trigger
            """
        case .interrupt(let reference): reference.description
        }
    }
}

/// A reference in the guest's device tree without a target: no node has the phandle, or the node is not an interrupt
/// controller.
public struct DanglingReference: Equatable, Sendable, CustomStringConvertible {
    let lost: LostReference
    /// The path of the interrupt controller that Martlet has removed; nil if there was none.
    let removed: String?

    init(_ lost: LostReference, removed: String? = nil) {
        self.lost = lost
        self.removed = removed
    }

    /// The problem without a remedy: "interrupt-parent of /soc/uart refers to the phandle 0x5, which no node has".
    var summary: String {
        "\(lost.property) of \(lost.node) refers to \(Self.number(lost.phandle)), "
            + (lost.reason == .noNode ? "which no node has" : "whose node is not an interrupt controller")
    }

    /// The problem, its effect on an interrupt, and what to do about it.
    public var description: String {
        if let removed {
            return """
                \(lost.property) of \(lost.node) refers to the interrupt controller \(removed), \
                which the guest doesn't have
                  refer to the interrupt controller that the CPUs use, or set the node's status to "disabled"
                """
        }
        if lost.isInterrupt {
            return """
                \(summary): the guest gets no interrupts from this node
                  correct \(lost.property), or set the node's status to "disabled"
                """
        }
        return "\(summary)\n  correct \(lost.property), or remove device_tree.strict"
    }

    static func number(_ phandle: UInt32) -> String { "the phandle \(hex(phandle))" }
}
