// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CFDT
public import LinuxSystem

/// What is wrong with a devicetree.
public enum DeviceTreeError: Error, Equatable, Sendable {
    /// A node's name breaks the rules; `parent` is the path of the node above it.
    case invalidNodeName(String, parent: String, NameProblem)
    /// A property's name breaks the rules.
    case invalidPropertyName(String, node: String, NameProblem)
    /// Two children of a node have the same name.
    case duplicateNode(path: String)
    /// A node has two properties with the same name.
    case duplicateProperty(String, node: String)
    /// A number doesn't fit into its cells.
    case numberTooWide(UInt64, cellCount: Int, field: String)
    /// Numbers of this many cells can't be written.
    case unsupportedCellCount(Int, field: String)
    /// `#address-cells` or `#size-cells` of a node isn't one cell of 0 to 4.
    case invalidCellCount(property: String, node: String)
    /// A memory reservation of 0 bytes, which would end the list.
    case emptyReservation(address: UInt64)
    /// A tree exceeds a limit; `place` is a path in the tree or of the host.
    case limitExceeded(LimitKind, limit: Int, place: String)
    /// The bytes are not a devicetree blob; `offset` counts from the blob's start.
    case malformedBlob(BlobProblem, offset: Int)
    /// A file or folder of the host's live tree can't be read.
    case unreadable(path: String, Errno)
    /// An overlay, by its name, is invalid or can't be applied.
    case overlay(String, OverlayProblem)
    /// All 4,294,967,294 phandles are taken.
    case noPhandleLeft
    /// libfdt failed unexpectedly; `code` is its result, a negated `FDT_ERR_` number.
    case library(code: Int32)

    /// Which of `Tree.Limits` was exceeded.
    public enum LimitKind: Equatable, Sendable {
        case depth
        case nodeCount
        case byteCount
    }

    /// What is wrong with a blob.
    public enum BlobProblem: Equatable, Sendable {
        /// The blob is shorter than a header, or than its header says; `needed` is the right length.
        case truncated(count: Int, needed: Int)
        /// The blob is neither of version 17 nor compatible with it.
        case unsupportedVersion(UInt32)
        /// libfdt refuses the blob; `code` is its result, a negated `FDT_ERR_` number.
        case library(code: Int32)
        /// A property's length leads out of the blob, or backwards.
        case badLength
        /// Nodes or properties in the wrong place, or ends without beginnings.
        case misplacedToken
    }
}

extension DeviceTreeError: CustomStringConvertible {
    /// What failed, on what, why, and what to do about it.
    public var description: String {
        switch self {
        case .invalidNodeName(let name, let parent, let problem):
            return "device tree: node \"\(name)\" under \(parent): its name \(problem)\n"
                + "  rename it by the rules of the Devicetree Specification v0.4, 2.2.1"
        case .invalidPropertyName(let name, let node, let problem):
            return "device tree: property \"\(name)\" of \(node): its name \(problem)\n"
                + "  rename it by the rules of the Devicetree Specification v0.4, 2.2.4.1"
        case .duplicateNode(let path):
            return "device tree: two nodes have the path \(path)\n  rename or remove one of them"
        case .duplicateProperty(let name, let node):
            return "device tree: \(node) has the property \(name) twice\n  remove one of the two"
        case .numberTooWide(let number, let cellCount, let field):
            return "device tree: \(field) \(hex(number)) doesn't fit into \(cellCount) cell(s) of 32 bits\n"
                + "  use a lower number, or a parent with more #address-cells or #size-cells"
        case .unsupportedCellCount(let count, let field):
            return "device tree: \(field) can't be written in \(count) cells\n  use a parent with 0, 1 or 2"
        case .invalidCellCount(let property, let node):
            return "device tree: \(property) of node \"\(node)\" must be one number from 0 to 4\n  correct it"
        case .emptyReservation(let address):
            return "device tree: memory reservation at \(hex(address)) has no bytes\n  remove it"
        case .limitExceeded(.depth, let limit, let place):
            return "device tree: \(place): more than \(limit) nodes deep\n  flatten the tree: Linux ignores such nodes"
        case .limitExceeded(.nodeCount, let limit, let place):
            return "device tree: \(place): more than \(limit) nodes\n  use a smaller tree"
        case .limitExceeded(.byteCount, let limit, let place):
            return
                "device tree: \(place): more than \(limit) bytes\n  use a smaller tree: arm64 boots with 2 MiB at most"
        case .malformedBlob(let problem, let offset):
            return "device tree: not a valid blob: \(problem) (at byte \(offset))\n  compile it again with dtc"
        case .unreadable(let path, let errno):
            if !errno.remedy.isEmpty { return "device tree: can't read \(path): \(errno.explained)" }
            return "device tree: can't read \(path): \(errno.nameAndText)\n"
                + "  check that it exists, and run martlet as root: only root may read some properties"
        case .overlay(let name, let problem):
            return "\(name): \(problem)"
        case .noPhandleLeft:
            return "device tree: all phandles are in use\n  use a tree with fewer phandles"
        case .library(let code):
            return "device tree: libfdt failed: \(String(cString: fdt_strerror(code)))\n"
                + "  report this as a bug of Martlet"
        }
    }
}

extension DeviceTreeError.BlobProblem: CustomStringConvertible {
    /// The problem as text.
    public var description: String {
        switch self {
        case .truncated(let count, let needed): return "it has \(count) bytes and needs \(needed)"
        case .unsupportedVersion(let version): return "its version is \(version), only 17 is supported"
        case .library(let code): return "libfdt says \(String(cString: fdt_strerror(code)))"
        case .badLength: return "a property's length exceeds the blob"
        case .misplacedToken: return "a node or property is out of place"
        }
    }
}

extension OverlayProblem: CustomStringConvertible {
    /// The problem and what to do about it; it follows the overlay's name.
    public var description: String {
        let compileAgain = "compile it again with dtc -@"
        switch self {
        case .tree(let error): return error.description
        case .noFragment:
            return "this is not an overlay: it has no fragment\n"
                + "  begin the source with /dts-v1/; /plugin/; or set the file as device-tree.base"
        case .badTarget(let fragment):
            return "\(fragment) needs a target: a label, an absolute path or an alias\n  \(compileAgain)"
        case .badSymbol(let label): return "the label \(label) has no path\n  \(compileAgain)"
        case .badReference(let label, let place):
            return "its references to the label \(label) are invalid"
                + "\(place.map { ": the overlay has no \"\($0)\"" } ?? "")\n  \(compileAgain)"
        case .badLocalReference(let node, let property):
            return
                "its references to its own nodes are invalid: "
                + "the overlay has no \(node)\(property.map { " \($0)" } ?? "")\n"
                + "  \(compileAgain)"
        case .unknownLabel(let label, let node, let property, let known):
            return "no node of the guest's device tree has the label \(label), to which \(node) refers (\(property))\n"
                + "  the labels are: \(known.joined(separator: ", "))"
        case .noTarget(let fragment, let path):
            return "\(fragment): the guest's device tree has no node \(path)\n"
                + "  correct its target-path, or use a label: a device's path contains its guest address"
        case .noAlias(let fragment, let alias, let known):
            return "\(fragment): /aliases of the guest's device tree has no path for \(alias), its target-path\n"
                + "  use a label or an absolute path"
                + (known.isEmpty ? "" : ", or one of its aliases: \(known.joined(separator: ", "))")
        case .phandleLost(let node):
            return "it changes the phandle of \(node), and other nodes refer to the old one\n"
                + "  remove the phandle, and refer to the node by its label"
        case .library(let code):
            return
                "libfdt can't apply it: \(String(cString: fdt_strerror(code)))\n  \(compileAgain), and check its targets"
        }
    }
}
