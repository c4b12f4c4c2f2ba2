// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Why a file can't be booted as the guest's kernel.
public enum KernelProblem: Equatable, Sendable, CustomStringConvertible {
    /// The file has no magic number of an arm64 Image.
    case noImage
    /// The file is shorter than an Image's header; in bytes.
    case shortHeader(Int)
    /// A field of the header has an impossible value; the field's name.
    case implausible(field: String)
    /// The file has fewer bytes than its header or its section table requires.
    case truncated(bytes: UInt64, expected: UInt64)
    /// zlib can't allocate its state.
    case noZlib
    /// zlib's message.
    case corruptGzip(String)
    case truncatedGzip
    /// The payload of a zboot image doesn't begin with a zstd frame.
    case noZstd
    /// zstd's message.
    case corruptZstd(String)
    case truncatedZstd
    /// The payload of a zboot image is empty or begins inside the header.
    case implausiblePayload
    /// The file is of another known kind.
    case foreign(ForeignKernel)
    /// The host's CPUs don't support the page size that the kernel was built for; in bytes.
    case pageSize(UInt64, host: [UInt64])
    /// The host's CPUs have no big-endian mode.
    case bigEndian

    /// The problem as text.
    public var description: String {
        switch self {
        case .noImage: "this is not an arm64 Linux Image: the magic number at byte 56 is missing"
        case .shortHeader(let count):
            "the file is truncated: it has \(count) bytes, and the header has \(ImageHeader.size)"
        case .implausible(let field): "the header's field \(field) has an impossible value"
        case .truncated(let bytes, let expected): "the file is truncated: it has \(bytes) of \(expected) bytes"
        case .noZlib: "zlib failed to start: no memory"
        case .corruptGzip(let message): "the gzip stream is corrupt (\(message))"
        case .truncatedGzip: "the file is truncated: the gzip stream ends early"
        case .noZstd: "the zboot image's payload is not zstd data, though its header says so"
        case .corruptZstd(let message): "the zstd data is corrupt (\(message))"
        case .truncatedZstd: "the file is truncated: the zstd data ends early"
        case .implausiblePayload: "the zboot header has an impossible payload offset or size"
        case .foreign(let kernel): kernel.text
        case .pageSize(let size, let host):
            "the kernel uses pages of \(size >> 10) KiB, and this host's CPUs support pages of "
                + "\(host.map { "\($0 >> 10)" }.joined(separator: " and ")) KiB"
        case .bigEndian: "the kernel is big-endian, and this host's CPUs are little-endian only"
        }
    }

    /// What to do about the problem.
    /// - Parameter path: the path of the file.
    func remedy(_ path: String) -> String {
        switch self {
        case .foreign(let kernel): kernel.remedy(path)
        case .pageSize:
            "use a kernel built for a supported page size (CONFIG_ARM64_4K_PAGES, _16K_PAGES or _64K_PAGES)"
        case .bigEndian: "use a kernel built without CONFIG_CPU_BIG_ENDIAN"
        case .noZlib: "free memory on the host"
        case .noImage, .shortHeader, .implausible, .truncated, .corruptGzip, .truncatedGzip, .noZstd, .corruptZstd,
            .truncatedZstd, .implausiblePayload:
            MachineError.imageRemedy
        }
    }
}

extension ImageHeader.Problem {
    /// - Parameter byteCount: how many bytes of a header there were.
    func kernelProblem(byteCount: Int) -> KernelProblem {
        switch self {
        case .short: .shortHeader(byteCount)
        case .notArm64: .noImage
        case .implausible(let field): .implausible(field: field)
        }
    }
}
