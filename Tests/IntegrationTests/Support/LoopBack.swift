// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CIntegration
import CLinux
import FoundationEssentials
import LinuxSystem

extension MartletProcess {
    /// Acts as if interrupt 0 of a device that this process has open had been raised: VFIO lets every holder of the
    /// device's file do that.
    /// - Parameter regionSize: the size of the device's first region, if the process has several devices open.
    func raiseInterrupt(regionSize: UInt64? = nil) throws {
        let folder = "/proc/\(processNumber)/fd"
        for number in try FileManager.default.contentsOfDirectory(atPath: folder).compactMap({ CInt($0) }) {
            // By its group, or by its own file.
            let target = (try? LinuxKernel().readLink("\(folder)/\(number)")) ?? ""
            guard target == "anon_inode:[vfio-device]" || target.hasPrefix("/dev/vfio/devices/") else { continue }
            let device = try Descriptor(cintegration_take_descriptor(processNumber, number))
            if let regionSize {
                var flags: UInt32 = 0
                var (size, offset): (UInt64, UInt64) = (0, 0)
                _ = clinux_vfio_device_get_region_info(device.rawValue, 0, &flags, &size, &offset)
                if size != regionSize { continue }
            }
            let result = clinux_vfio_device_set_irq_none(device.rawValue, 0, UInt32(VFIO_IRQ_SET_ACTION_TRIGGER))
            if result < 0 { throw Errno(rawValue: -result) }
            return
        }
        throw TestError("the device isn't open")
    }
}
