// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

extension Tree {
    /// The largest size and depth of a tree, for reading and writing.
    public struct Limits: Equatable, Sendable {
        /// The largest number of nodes from the root to the deepest node, both included.
        ///
        /// 63: Linux ignores deeper nodes (`FDT_MAX_DEPTH` in drivers/of/fdt.c).
        public var depth = 63
        /// The largest number of nodes.
        public var nodeCount = 65536
        /// The largest size of a blob in bytes; for a host's live tree, of all property values together. Never more
        /// than 2³¹ − 1.
        ///
        /// 2 MiB: arm64 Linux doesn't boot with a larger one (Documentation/arch/arm64/booting.rst, section 2).
        public var byteCount = 2 << 20
        /// The largest length of a node's name before "@", in characters.
        ///
        /// 31 is the specification's limit; some trees of real boards have longer names, which Linux and dtc accept.
        public var nodeNameLength = 31
        /// The largest length of a property's name, and of a node's name with its unit address, in characters.
        ///
        /// The specification's limit for properties is 31, but common bindings exceed it
        /// (`nvidia,pad-autocal-pull-down-offset-3v3-timeout`), as do labels under `__symbols__`. 255 is the limit of a
        /// file name in a live tree.
        public var nameLength = 255

        /// The default limits.
        public init() {}

        /// The limits for trees of real boards, and trees that are made from them: nodes may have longer names.
        public static var ofHosts: Limits {
            var limits = Limits()
            limits.nodeNameLength = limits.nameLength
            return limits
        }
    }
}
