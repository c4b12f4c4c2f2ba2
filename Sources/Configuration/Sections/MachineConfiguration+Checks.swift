// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

// Checks of several keys together that a schema can't express.
extension MachineConfiguration {
    /// Notes settings that are impossible when RAM is at the host's physical addresses.
    func noteIdentity(_ reader: ObjectReader) {
        guard let index = platformDevices.firstIndex(where: { $0.dma == .identity }) else { return }
        let device = "platform-devices[\(index)].dma \"identity\""
        if machineSize.ramBase != nil {
            reader.note(
                MachineConfig.Keys.ramBase.name, found: "an address, with \(device)",
                allowed: "nothing: RAM is then at the host's physical addresses")
        }
        if machineSize.hugePages == MachineConfig.HugePages.none, machineSize.dmaHeap == nil {
            reader.note(
                MachineConfig.Keys.hugePages.name, found: "\"None\", with \(device)",
                allowed: "\"2M\", \"1G\" or nothing, or dma_heap: ordinary pages don't stay where they are")
        }
    }

    /// Notes drives with the same name, a second root device, and a command line without room for `root=`.
    func noteDrives(_ readers: [ObjectReader]) {
        var paths: [String: String] = [:]
        var root: String?
        for (drive, reader) in zip(drives, readers) {
            if let first = paths[drive.id] {
                reader.note(
                    Drive.Keys.id.name, found: "\"\(drive.id)\", which \(first) has already",
                    allowed: "each drive_id once")
            } else if !drive.id.isEmpty {
                paths[drive.id] = reader.path
            }
            guard let words = drive.rootArguments else { continue }
            if let root {
                reader.note(
                    Drive.Keys.isRootDevice.name, found: "true, which \(root) has already",
                    allowed: "one root device")
            }
            root = root ?? reader.path
            let limit = TextRule.bootArguments.maximumByteCount
            if let text = bootSource.bootArguments, text.utf8.count + 1 + words.utf8.count > limit {
                reader.note(
                    Drive.Keys.isRootDevice.name, found: "true, with \(text.utf8.count) bytes of boot_args",
                    allowed: "boot_args of at most \(limit - 1 - words.utf8.count) bytes: \"\(words)\" is added")
            }
        }
    }

    static func noteRepeatedLabels(_ devices: [PlatformDevice], _ readers: [ObjectReader]) {
        var paths: [String: String] = [:]
        for (device, reader) in zip(devices, readers) {
            guard let label = device.label else { continue }
            if let first = paths[label] {
                reader.note(
                    PlatformDevice.Keys.label.name, found: "\"\(label)\", which \(first) has already",
                    allowed: "each label once")
            } else {
                paths[label] = reader.path
            }
        }
    }

    /// Notes descriptors that have no use, or two.
    func noteDescriptors(_ reader: ObjectReader, _ deviceReaders: [ObjectReader]) {
        var paths: [Int: String] = [:]
        func note(_ number: Int?, _ name: String, _ reader: ObjectReader) {
            guard let number else { return }
            let path = reader.path.isEmpty ? name : "\(reader.path).\(name)"
            if vfio == .group {
                reader.note(
                    name, found: "\(number), with vfio \"group\"",
                    allowed: "nothing, or vfio \"auto\" or \"cdev\": a group's descriptor can't be handed in")
            } else if let first = paths[number] {
                reader.note(
                    name, found: "the descriptor \(number), which \(first) has already", allowed: "each descriptor once"
                )
            }
            paths[number] = path
        }
        note(iommufd, Keys.iommufd.name, reader)
        for (device, reader) in zip(platformDevices, deviceReaders) {
            note(device.descriptor, PlatformDevice.Keys.descriptor.name, reader)
        }
    }

    /// Notes `peer_to_peer` with iommufd: Linux 6.12 pins mapped memory page by page there (iommufd/pages.c), and
    /// registers have no pages.
    func notePathOfPeers(_ reader: ObjectReader) {
        let problem: String
        if vfio == .cdev {
            problem = "vfio \"cdev\""
        } else if iommufd != nil {
            problem = Keys.iommufd.name
        } else if platformDevices.contains(where: { $0.descriptor != nil }) {
            problem = PlatformDevice.Keys.descriptor.name
        } else {
            return
        }
        reader.note(
            Keys.peerToPeer.name, found: "true, with \(problem)",
            allowed: "false, or devices by their groups: the kernel maps no registers through /dev/iommu")
    }

    /// Notes each device with the name of an earlier one. Names are compared, because two paths may lead to one device.
    static func noteRepeatedDevices(_ devices: [PlatformDevice], _ readers: [ObjectReader]) {
        guard devices.count > 1 else { return }
        var paths: [String: String] = [:]
        for (device, reader) in zip(devices, readers) where !device.name.isEmpty {
            if let first = paths[device.name] {
                reader.note(
                    found: "the device \"\(abridged(device.name))\", which \(first) has already",
                    allowed: "each device once")
            } else {
                paths[device.name] = reader.path
            }
        }
    }
}
