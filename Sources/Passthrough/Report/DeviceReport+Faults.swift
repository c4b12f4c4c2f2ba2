// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import VFIO

extension DeviceReport.DMA {
    /// The device's DMA that its IOMMU refused, as far as the host's kernel has logged it.
    public struct Faults: Sendable, Equatable, Encodable {
        /// A refused access.
        public struct Fault: Sendable, Equatable, Encodable {
            /// The target address as the device sees it (IOVA); nil when the log doesn't have it.
            public let address: String?
            /// "read" or "write"; nil when the log doesn't have it.
            public let access: String?
        }

        /// The least number of faults: the kernel doesn't log every fault of many. Nil when it isn't known.
        public let count: Int?
        /// The first of them.
        public let first: [Fault]
        /// Whether no part of the log was overwritten before it was read; nil when the count isn't known.
        public let isLogWhole: Bool?
        /// Why the count isn't known.
        public let reason: String?

        enum CodingKeys: String, CodingKey {
            case count, first, reason
            case isLogWhole = "is_log_whole"
        }

        /// The faults as a line of the report.
        var text: String {
            guard let count else { return "unknown: \(reason ?? "")" }
            var text = count == 0 ? "none" : "at least \(count)"
            text += " in the log of the host's kernel"
            if isLogWhole == false { text += " (older lines are lost)" }
            if let fault = first.first {
                text += ", the first a \(fault.access ?? "transfer")" + (fault.address.map { " at \($0)" } ?? "")
            }
            return text
        }

        fileprivate static func unknown(_ reason: String) -> Faults {
            Faults(count: nil, first: [], isLogWhole: nil, reason: reason)
        }
    }
}

extension PlacedDevices {
    /// The reports of these devices, in their order, with the accesses that the IOMMU has refused since the device was
    /// opened.
    public func withFaults(_ reports: [DeviceReport]) -> [DeviceReport] {
        guard let log = opened.faultLog else { return reports }
        return zip(reports, opened.devices).map { report, device in
            guard device.device.reach != .hostMemory else { return report }
            var report = report
            report.dma.faults = device.faults(log, streams: report.dma.streamIDs)
            return report
        }
    }
}

extension OpenDevice {
    fileprivate func faults(_ log: Result<DMAFaultLog, Errno>, streams: [UInt32]) -> DeviceReport.DMA.Faults {
        let open: DMAFaultLog
        switch log {
        case .success(let log): open = log
        case .failure(let error): return .unknown("/dev/kmsg: \(error.nameAndText)")
        }
        guard let iommu else { return .unknown("IOMMU unknown") }
        guard DMAFaultParser.drivers.contains(iommu.driver) else {
            return .unknown("Martlet can't read the log lines of \(iommu.driver)")
        }
        guard !streams.isEmpty else { return .unknown("stream IDs unknown") }
        let faults = open.faults(iommu: iommu.name, streams: streams)
        return DeviceReport.DMA.Faults(
            count: faults.count,
            first: faults.first.map { fault in
                .init(
                    address: fault.address.map { hex($0) },
                    access: fault.isWrite.map { $0 ? "write" : "read" })
            }, isLogWhole: faults.isWhole, reason: nil)
    }
}
