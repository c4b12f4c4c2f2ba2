// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import LinuxSystem

@testable import VFIO

extension Messages {
    /// VFIO.
    mutating func addVFIO() throws {
        let name = "10000000.edu"
        let region = VFIORegion(index: 0, size: 0x1000, fileOffset: 0, access: [.read, .write])
        let readOnly = VFIORegion(index: 1, size: 0x1000, fileOffset: 0, access: .read)
        add(
            VFIOError.host(.noSysfs(device: name, root: "/sys")),
            .hiddenNode(device: name, .openContainer, path: "/dev/vfio/vfio", others: ["/dev/vfio/3"]),
            .incompatibleAPI(device: name, found: 1), .iommuUnsupported(device: name, type: .type1v2),
            .iommuUnsupported(device: name, type: .noIOMMU),
            .groupNotViable(device: name, group: SampleHost.sharedGroup),
            .groupNotViable(device: name, group: SampleHost.group), .alreadyOpen(device: name),
            .notPlatformOrAMBA(device: name, flags: 2),
            .implausible(device: name, problem: "interrupt 0 can't signal an eventfd"),
            .alreadyWired(device: name, interrupt: 0, .trigger), .alreadyWired(device: name, interrupt: 0, .unmask),
            .notMappable(device: name, region: region),
            .notMappable(device: name, region: readOnly),
            .invalidAccess(device: name, region: region, offset: 0x1000, size: 4),
            .shortTransfer(device: name, .readRegion(0, offset: 0, size: 4), count: 2), .noIOMMU(device: name),
            .identityBehindIOMMU(device: name, group: 3),
            .groupSharesDMA(device: name, group: 3, other: "10200000.sata"),
            .noDeviceFile(device: name, isNoIOMMU: true), .noDeviceFile(device: name, isNoIOMMU: false),
            .wrongDescriptor(
                device: name, key: "vfio_fd", number: 5, found: "/dev/null", wanted: "/dev/vfio/devices/vfio0"),
            .noTranslation(device: name), .failed(device: name, .reset, .invalidArgument))
        addOperations()
    }

    /// Each call with each errno for which there is help.
    private mutating func addOperations() {
        let (group, shared, none) = (SampleHost.group, SampleHost.sharedGroup, SampleHost.noIOMMUGroup)
        let file = "/dev/vfio/devices/vfio0"
        let failures: [(VFIOOperation, [Errno])] = [
            (.openContainer, [.noSuchFileOrDirectory, .permissionDenied, .notPermitted, .tooManyOpenFiles]),
            (.getAPIVersion, [.ioError]), (.checkExtension(.type1v2), [.ioError]),
            (
                .openGroup(group),
                [
                    .noSuchFileOrDirectory, .permissionDenied, .notPermitted, .resourceBusy,
                    .operationNotSupportedByDevice,
                ]
            ),
            (.openGroup(none), [.notPermitted]), (.getGroupStatus, [.operationNotSupportedByDevice]),
            (.setContainer(group), [.resourceBusy, .invalidArgument, .operationNotSupportedByDevice]),
            (.setContainer(shared), [.notPermitted]), (.setContainer(none), [.notPermitted]),
            (.setIOMMU(.type1v2), [.notPermitted, .operationNotSupportedByDevice, .invalidArgument]),
            (.setIOMMU(.noIOMMU), [.notPermitted, .operationNotSupportedByDevice]),
            (
                .getDevice(isNoIOMMU: false),
                [.operationNotSupportedByDevice, .invalidArgument, .resourceBusy, .ioError]
            ),
            (.getDevice(isNoIOMMU: true), [.notPermitted]), (.getDeviceInfo, [.ioError]),
            (.getRegionInfo(0), [.ioError]),
            (.getInterruptInfo(0), [.ioError]),
            (.wireInterrupt(.trigger, 0), [.resourceBusy, .invalidArgument]),
            (.wireInterrupt(.unmask, 0), [.resourceBusy, .invalidArgument]),
            (.performInterrupt(.mask, 0), [.invalidArgument]), (.disableInterrupt(0), [.ioError]),
            (.reset, [.invalidArgument, .ioError]), (.mapRegion(0), [.invalidArgument, .noMemory]),
            (.readRegion(0, offset: 4, size: 4), [.ioError]), (.writeRegion(0, offset: 4, size: 4), [.ioError]),
            (
                .mapDMA(iova: 0x8000_0000, size: 0x1000, group: 3),
                [.noMemory, .noSpace, .fileExists, .invalidArgument, .badAddress]
            ),
            (.getIOMMUInfo, [.ioError]), (.openIOMMUFD, [.noSuchFileOrDirectory, .permissionDenied, .notPermitted]),
            (
                .openDeviceFile(file),
                [.noSuchFileOrDirectory, .permissionDenied, .notPermitted, .operationNotSupportedByDevice]
            ),
            (.adopt(key: "vfio_fd", 5), [.badFileDescriptor]),
            (
                .bind(group, file: file),
                [.notPermitted, .invalidArgument, .badFileDescriptor, .ioError]
            ),
            (.bind(shared, file: file), [.resourceBusy]), (.attach(group), [.invalidArgument, .ioError]),
            (.allocateAddressSpace, [.noMemory]), (.getUsableRanges, [.ioError]),
            (.mapAddressSpace(iova: 0x8000_0000, size: 0x1000, group: nil), [.invalidArgument]),
        ]
        for (operation, errnos) in failures {
            for errno in errnos {
                add(operation) { "\(VFIOError.failed(device: "10000000.edu", $0, errno))" }
            }
        }
    }
}
