// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

extension Tree {
    /// How big and how deep a tree may be, for reading as for writing.
    public struct Limits: Equatable, Sendable {
        /// Nodes on the way from the root to the deepest node, both counted.
        ///
        /// 63: Linux leaves out what lies deeper (`FDT_MAX_DEPTH` in drivers/of/fdt.c).
        public var depth = 63
        /// Nodes in all.
        public var nodeCount = 65536
        /// Bytes of a blob; of a host's live tree, bytes of all property values. Never more than 2³¹ − 1.
        ///
        /// 2 MiB: arm64 Linux boots with no bigger one (Documentation/arch/arm64/booting.rst, section 2).
        public var byteCount = 2 << 20
        /// Characters of a node's name before "@".
        ///
        /// 31 is the specification's; some trees of real boards hold longer ones, which Linux and dtc accept.
        public var nodeNameLength = 31
        /// Characters of a property's name, and of a node's name with its unit address.
        ///
        /// The specification says 31 for properties, but bindings in daily use exceed that
        /// (`nvidia,pad-autocal-pull-down-offset-3v3-timeout`), as do labels under `__symbols__`. 255 is what a file's
        /// name holds in a live tree.
        public var nameLength = 255

        /// The limits as they stand above.
        public init() {}

        /// For trees of real boards, and what is made from them: nodes may have longer names.
        public static var ofHosts: Limits {
            var limits = Limits()
            limits.nodeNameLength = limits.nameLength
            return limits
        }
    }
}
