// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration
internal import KVM
internal import LinuxSystem

extension MachineError {
    /// The kinds of kernels that can be booted.
    public static let imageRemedy =
        "use an arm64 Linux kernel: an Image, plain or compressed with gzip or zstd (arch/arm64/boot/Image, Image.gz, "
        + "Image.zst), or an EFI zboot image (vmlinuz.efi)"

    static func text(of error: KVMError, kinds: [String]) -> String {
        let lists = kinds.isEmpty ? "" : ": " + kinds.map { "\"\($0)\"" }.joined(separator: " or ")
        let host = "the host has CPUs of several kinds,"
        let reason = kinds.isEmpty ? "if \(host)" : "\(host) and"
        return """
            \(error)
              \(reason) this kernel may need all vCPUs of a guest on one kind
              set machine-config.cpus to CPUs of one kind\(lists)
            """
    }

    static func controlGroupLines(
        ramSize: UInt64, ownNeed: UInt64, available: UInt64, limit: ControlGroups.Limit
    ) -> [String] {
        // In whole MiB, the unit of --memory and the usual one of MemoryMax=.
        let mebibyte: UInt64 = 1 << 20
        let (sum, overflow) = ramSize.addingReportingOverflow(ownNeed + mebibyte - 1)
        let needed = overflow ? UInt64.max / mebibyte : sum / mebibyte
        let swap = available - min(limit.bytes, available)
        return [
            "machine-config.mem_size_mib: the guest needs \(ramSize / mebibyte) MiB and "
                + "Martlet \((ownNeed + mebibyte - 1) / mebibyte) MiB, "
                + "but the control group of this process allows \(limit.bytes / mebibyte) MiB"
                + (swap == 0 ? "" : " and \(swap / mebibyte) MiB of swap space") + " (\(limit.path))",
            "reduce machine-config.mem_size_mib, or raise the limit: --memory \(needed)m for a container, "
                + "MemoryMax=\(needed)M for a service, or:",
            "run: echo \(needed)M > \(limit.path)",
        ]
    }

    /// The label that the user probably meant, and all existing labels.
    static func suggestion(for label: String, among known: [String]) -> String {
        (NearestKey.of(label, among: known).map { "did you mean \"\($0)\"? " } ?? "")
            + "the labels are: \(known.joined(separator: ", "))"
    }
}
