// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

// The table of the top-level keys.
extension MachineConfiguration {
    enum Keys {
        static let bootSource = KeyDescription(
            "boot-source", .object({ BootSource.Keys.section }), isRequired: true, "What the guest boots.")
        static let machineSize = KeyDescription(
            "machine-config", .object({ MachineConfig.Keys.section }),
            "How large the virtual machine is, and where its parts are.")
        static let drives = KeyDescription(
            "drives", .objects({ Drive.Keys.section }),
            Documentation("Disks of the guest: virtio block devices on files of the host's.", page: "drives.md"))
        static let entropy = KeyDescription(
            "entropy", .device({ EntropySource.Keys.section }),
            "A virtio source of the host's random numbers for the guest; `{}` asks for it.")
        static let platformDevices = KeyDescription(
            "platform-devices", .objects({ PlatformDevice.Keys.section }),
            """
            Devices of the host that the guest gets, each once. Each is named by `host` or `sysfsdev`; `sysfsdev` \
            takes precedence.
            """)
        static let deviceTree = KeyDescription(
            "device-tree", .object({ DeviceTreeFiles.Keys.section }),
            Documentation(
                """
                Files that the guest's device tree is made of besides what Martlet generates: blobs, or sources (.dts, \
                .dtso) where dtc is on the PATH.
                """, page: "device-tree.md"))
        static let vfio = Key<VFIOPath>.choice(
            "vfio", default: .automatic,
            """
            How devices are opened: `"cdev"`, by their own files, in an address space of /dev/iommu; `"group"`, by \
            their groups, in a container; `"auto"`, by their own files where there are any.
            """)
        static let iommufd = Key.descriptor(
            "iommufd_fd",
            "The number of a descriptor of /dev/iommu that Martlet is started with. Not with `vfio` `\"group\"`.")
        static let peerToPeer = Key.boolean(
            "peer_to_peer", default: false,
            """
            Whether devices reach the mapped regions of the other devices by DMA, at their guest addresses; devices \
            are opened by their groups then.
            """)
        static let onReset = Key<OnReset>.choice(
            "on_reset", default: .exit,
            Documentation(
                """
                What happens when the guest asks for a reset: `"exit"`, with status 3, or `"restart"`, with its memory \
                cleared and its devices reset.
                """, page: "dma.md#the-end-and-restarts"))
        static let powerKey = Key.boolean(
            "power_key", default: true,
            """
            Whether the board has a power key, a `gpio-keys` key with the code KEY_POWER, which asks the guest to shut \
            down. `Ctrl-A p` on the console presses it.
            """)
        static let allowsUnresetRestart = Key.boolean(
            "allow_unreset_restart", default: false,
            Documentation(
                """
                For `on_reset` `"restart"`: also with devices that may do DMA and that nothing resets, or whose reset \
                has failed: what the last guest has told them to do may then write to the new guest's RAM.
                """, page: "dma.md#the-end-and-restarts"))

        static var section: Section {
            Section(
                keys: [
                    bootSource, machineSize, drives, entropy, platformDevices, deviceTree, vfio.description,
                    iommufd.description,
                    peerToPeer.description, onReset.description, powerKey.description,
                    allowsUnresetRestart.description,
                ], lacking: FirecrackerKey.root)
        }
    }
}

/// The configuration for its schema and its reference.
package enum ConfigurationReference {
    /// The table of the whole configuration.
    package static var root: Section { MachineConfiguration.Keys.section }

    /// The documentation of the whole configuration, with facts that are not in the tables.
    package static let documentation = Documentation(
        """
        A virtual machine for `martlet run`: a superset of Firecracker's configuration file. Relative paths are \
        relative to the file's folder. A key that is null, [], {} or false is as good as absent, unless it is \
        required; false is the value of a key that takes true or false, and {} asks for an entropy device. Whole numbers are written without fraction or \
        exponent. Beyond what a schema can say: a device may be listed once only, and so may a label and a drive_id; one drive at most has is_root_device, for \
        which boot_args leaves room; lengths are \
        limited in bytes of UTF-8, irqfd false excludes interrupts irqfd and relay, storm_limit excludes interrupts \
        irqfd and eventfd, a property is set or deleted but not both, no descriptor may be given twice, vfio group \
        excludes descriptors, mem_size_mib is a multiple of huge_pages, which excludes dma_heap, cpus has each CPU \
        once, ranges that ascend, and a CPU for each vCPU, and dma identity excludes ram_base and huge_pages None.
        """)
}
