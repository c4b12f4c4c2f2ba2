// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

/// `platform-devices[]`: the table of its keys, and how they are read.
extension PlatformDevice {
    enum Keys {
        static let host = Key.text(
            "host", .deviceName,
            Documentation(
                "The device's name under /sys/bus/platform/devices or /sys/bus/amba/devices.",
                example: #""9010000.pl031""#))
        static let sysfsdev = Key.text(
            "sysfsdev", .devicePath,
            "The path of the device's folder in sysfs, in place of `host`; its last component is the device's name.")
        static let noMmap = Key.boolean(
            "no_mmap", default: false,
            "Trap and forward every access, even where the device's regions could be mapped into the guest.")
        static let interrupts = Key<InterruptPathKind?>.automaticChoice(
            "interrupts",
            Documentation(
                """
                The only path that the device's interrupts take: `"irqfd"` (the kernel does it all), `"relay"` \
                (Martlet passes them on), `"eventfd"` (no help from the kernel); or `"auto"`, the best that works.
                """, page: "interrupts.md"))
        static let irqfd = Key.boolean(
            "irqfd", default: true,
            "`false` is another way to say `interrupts` `\"eventfd\"`, and excludes its other paths.")
        static let mmapTimeout = Key.integer(
            "mmap_timeout_ms", 0...3_600_000, default: MapTimeout.defaultMilliseconds,
            """
            Milliseconds after an interrupt on the eventfd path until the regions are mapped again; 0 never maps them \
            again.
            """)
        static let stormLimit = Key.integer(
            "storm_limit", 0...1_000_000, default: 0,
            """
            Interrupts a second that a line may have on the relay path; one that exceeds it is held masked and \
            released at that rate. 0 for any number. With it, `interrupts` is `"relay"` or `"auto"`, which then begins \
            with the relay.
            """)
        static let endOfInterrupt = KeyDescription(
            "eoi", .object({ EndOfInterrupt.Keys.section }),
            Documentation(
                """
                Where the device's interrupt status lives. On the eventfd path only an access there ends an interrupt, \
                and only the pages that hold it are unmapped while one is active; without it, any access to the device.
                """, example: #"{"region": 0, "offset": 28, "length": 4}"#))
        static let guestAddress = Key.placement(
            "guest_address",
            Documentation(
                """
                Where the guest sees the device: the first region at a page's address, or every region at the host's \
                own address (`"host"`); or an array with one of these, or `"auto"`, for each region. Allocated where \
                left out. A mapped region begins on a page of the host's (4, 16 or 64 KiB), a trapped one at any \
                multiple of 4096.
                """, example: #"["0x30000000", "auto"]"#))
        static let label = Key.text(
            "label", .deviceLabel,
            "What overlays and other devices' properties call the device's node; each label once.")
        static let deviceTree = KeyDescription(
            "device_tree", .object({ DeviceTreeSettings.Keys.section }),
            Documentation(
                "What is known of the device's node that the host's node doesn't say.", page: "device-tree.md"))
        static let dma = Key<VFIODMAMode>.choice(
            "dma", default: .automatic,
            Documentation(
                """
                What the device may reach by DMA: `"iommu"`, the guest's memory and nothing else; `"none"`, nothing, \
                for a device that does no DMA; `"auto"`, `"iommu"` where there is one, and otherwise only a device of \
                a kind that does none; `"identity"`, all of the host's memory, for boards without an IOMMU: the \
                guest's RAM is then where it is on the host, which excludes `ram_base` and, without a `dma_heap`, \
                `huge_pages` `"None"`.
                """, page: "dma.md"))
        static let allowsUnsafeDMA = Key.boolean(
            "allow_unsafe_dma", default: false,
            """
            Needed for `dma` `"identity"`: yes, the device, and with it the guest, may read and overwrite all memory \
            of the host.
            """)
        static let requiresReset = Key.boolean(
            "require_reset", default: false,
            "Refuse the device if nothing resets it, neither VFIO nor a recipe, or if its reset fails.")
        static let reset = KeyDescription(
            "reset",
            .choiceOrObjects(
                { DeviceReset.Word.allCases.map(\.rawValue) }, default: { DeviceReset.Word.automatic.rawValue },
                limit: DeviceReset.stepLimit, { ResetStep.Keys.section }),
            Documentation(
                """
                How the device is reset when it is opened, between two guests, and at the end before its DMA is \
                unmapped: `"auto"`, by VFIO where the host's kernel can, else by the recipe that Martlet has for its \
                `compatible`, else not; `"none"`, not by Martlet; or by these steps, in this order.
                """, page: "resets.md",
                example: #"[{"step": "set", "offset": "0x4", "mask": 1}, {"step": "poll", "offset": "0x4", "mask": 1}]"#
            ))
        static let allowsUnpowered = Key.boolean(
            "allow_unpowered", default: false,
            Documentation(
                """
                Take the device even though a clock, a supply or a power domain that it had with its driver is off \
                now. A guest may then read nothing, or bring the host down.
                """, page: "real-boards.md"))
        static let descriptor = Key.descriptor(
            "vfio_fd",
            """
            The number of a descriptor of the device's own file, /dev/vfio/devices/vfioN, that Martlet is started \
            with. Not with `vfio` `"group"`.
            """)

        static var section: Section {
            Section(
                keys: [
                    host.description, sysfsdev.description, noMmap.description, interrupts.description,
                    irqfd.description, mmapTimeout.description, stormLimit.description, endOfInterrupt,
                    guestAddress.description, label.description, deviceTree, dma.description,
                    allowsUnsafeDMA.description, requiresReset.description, reset, allowsUnpowered.description,
                    descriptor.description,
                ],
                rules: [
                    .anyOf([host.name, sysfsdev.name]),
                    .word(VFIODMAMode.identity.rawValue, of: dma.name, needs: allowsUnsafeDMA.name),
                ])
        }
    }

    init(_ reader: ObjectReader, folder: String) {
        let host = reader.value(Keys.host)
        if let path = reader.value(Keys.sysfsdev) {
            identity = .sysfsdev(ConfigurationPath.resolve(path, in: folder))
        } else {
            identity = .host(host ?? "")
        }
        if !reader.has(Keys.host.description), !reader.has(Keys.sysfsdev.description) {
            reader.note(found: "neither host nor sysfsdev", allowed: "one of them, to name the device")
        }
        noMmap = reader.value(Keys.noMmap)
        let irqfd = reader.value(Keys.irqfd)
        let choice = reader.value(Keys.interrupts)
        interrupts = irqfd ? choice : .eventfd
        mmapTimeoutMilliseconds = reader.value(Keys.mmapTimeout)
        stormLimit = reader.value(Keys.stormLimit)
        endOfInterrupt = reader.object(Keys.endOfInterrupt).map(EndOfInterrupt.init)
        guestAddress = reader.value(Keys.guestAddress)
        label = reader.value(Keys.label)
        deviceTree =
            reader.object(Keys.deviceTree).map { DeviceTreeSettings($0, folder: folder) } ?? DeviceTreeSettings()
        dma = reader.value(Keys.dma)
        allowsUnsafeDMA = reader.value(Keys.allowsUnsafeDMA)
        requiresReset = reader.value(Keys.requiresReset)
        reset = DeviceReset(reader, Keys.reset)
        allowsUnpowered = reader.value(Keys.allowsUnpowered)
        descriptor = reader.value(Keys.descriptor)
        reader.noteOthers(than: Keys.section)
        if dma == .identity, !allowsUnsafeDMA {
            reader.note(
                Keys.dma.name, found: "\"identity\" without \(Keys.allowsUnsafeDMA.name)",
                allowed:
                    "it with \(Keys.allowsUnsafeDMA.name) true: no IOMMU confines the device, so that it, and with it "
                    + "the guest, can read and overwrite all memory of the host, its kernel and other guests included")
        }
        if requiresReset, reset == .none {
            reader.note(
                Keys.requiresReset.name, found: "true, with \(Keys.reset.name) \"none\"",
                allowed: "false, or another \(Keys.reset.name)")
        }
        if !irqfd, let choice, choice != .eventfd {
            reader.note(
                Keys.irqfd.name, found: "false, with interrupts \"\(choice.rawValue)\"",
                allowed: "true, or interrupts \"eventfd\": without KVM's irqfd there is no other path")
        }
        if stormLimit > 0, let interrupts, interrupts != .relay {
            reader.note(
                Keys.stormLimit.name, found: "\(stormLimit), with interrupts on the \(interrupts.rawValue) path",
                allowed: "0, or interrupts \"auto\" or \"relay\": only the relay sees each interrupt and its end")
        }
    }
}
