// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
]

/// A library module of the house and its unit tests.
func module(
    _ name: String, _ dependencies: [Target.Dependency], tests: [Target.Dependency] = [], fixtures: [String] = []
) -> [Target] {
    [
        .target(name: name, dependencies: dependencies, swiftSettings: strict),
        .testTarget(
            name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies + tests, exclude: fixtures,
            swiftSettings: strict),
    ]
}

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

/// The bundle that is cross-built for the emulated ARM host leaves the unit tests out (guest-images/toolchain/test-bundle.sh).
func wanted(_ target: Target) -> Bool {
    Context.environment["MARTLET_TESTS"] != "integration" || target.type != .test || target.name == "IntegrationTests"
}

let package = Package(
    name: "martlet",
    products: [.executable(name: "martlet", targets: ["martlet"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
    ],
    targets: ([
        .target(name: "CLinux"),
        .systemLibrary(name: "CFDT", pkgConfig: nil, providers: [.apt(["libfdt-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: nil, providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: nil, providers: [.apt(["libzstd-dev"])]),
        // Values that the configuration and what does their bidding share; those test them.
        .target(name: "DeviceOptions", swiftSettings: strict),
    ]
        + module("LinuxSystem", ["CLinux", system], tests: ["GuestMemory", "KernelFakes"])
        + module(
            "KVM", ["LinuxSystem", "CLinux"], tests: ["Machine", "GuestMemory", "PlatformBus", "KernelFakes"])
        + module("DeviceTree", ["LinuxSystem", "CFDT"])
        + module("PlatformBus", ["LinuxSystem"])
        + module("Arm64", ["LinuxSystem"])
        + module("GuestMemory", ["PlatformBus", "LinuxSystem", system], tests: ["KernelFakes"])
        + module(
            "HostDevices", ["PlatformBus", "DeviceTree", "LinuxSystem"], tests: ["VFIO", "GuestNodes", "KernelFakes"])
        + module("VFIO", ["HostDevices", "DeviceOptions", "LinuxSystem", "CLinux"], tests: ["KernelFakes"])
        + module(
            "GuestNodes", ["HostDevices", "PlatformBus", "DeviceTree", "LinuxSystem"], tests: ["KernelFakes"],
            fixtures: ["Fixtures"])
        + module(
            "Board", ["GuestMemory", "PlatformBus", "DeviceTree", "KVM", "LinuxSystem"], tests: ["KernelFakes"])
        + module(
            "Devices", ["Board", "KVM", "PlatformBus", "DeviceTree", "LinuxSystem"],
            tests: ["GuestMemory", "KernelFakes"])
        + module(
            "Virtio",
            ["Board", "GuestMemory", "DeviceOptions", "PlatformBus", "DeviceTree", "KVM", "LinuxSystem"],
            tests: ["KernelFakes"])
        + module("Console", ["Board", "LinuxSystem"], tests: ["Devices", "PlatformBus", "KernelFakes"])
        + module(
            "Passthrough",
            [
                "Board", "VFIO", "GuestNodes", "HostDevices", "KVM", "PlatformBus", "DeviceTree", "DeviceOptions",
                "LinuxSystem",
            ],
            tests: ["CLinux", "KernelFakes"])
        + module(
            "Configuration", ["DeviceOptions", "LinuxSystem"], tests: ["generate", "KernelFakes"],
            fixtures: ["conforms.py"])
        + module(
            "Machine",
            [
                "Passthrough", "Virtio", "Devices", "Console", "Board", "Configuration", "GuestMemory", "GuestNodes",
                "HostDevices", "PlatformBus", "Arm64", "DeviceTree", "VFIO", "KVM", "LinuxSystem", "CZlib", "CZstd",
            ], tests: ["DeviceOptions", "KernelFakes"])
        + [
            .executableTarget(
                name: "martlet",
                dependencies: [
                    "Machine", "Console", "Configuration", "Passthrough", "GuestNodes", "HostDevices", "PlatformBus",
                    "DeviceTree", "VFIO", "KVM", "LinuxSystem", arguments,
                ],
                swiftSettings: strict),
            .testTarget(
                name: "martletTests",
                dependencies: [
                    "martlet", "Machine", "Passthrough", "HostDevices", "DeviceTree", "VFIO", "LinuxSystem",
                    "KernelFakes", arguments,
                ], swiftSettings: strict),
            // All texts for users (messages.txt, "make generate").
            .testTarget(
                name: "MessagesTests",
                dependencies: [
                    "martlet", "Machine", "Console", "Configuration", "Passthrough", "Virtio", "Devices", "Board",
                    "GuestMemory", "GuestNodes", "HostDevices", "PlatformBus", "DeviceTree", "DeviceOptions", "Arm64",
                    "VFIO", "KVM", "LinuxSystem", "KernelFakes", arguments,
                ], exclude: ["messages.txt"], swiftSettings: strict),
            .target(
                name: "KernelFakes",
                dependencies: ["KVM", "VFIO", "HostDevices", "DeviceTree", "LinuxSystem", "CLinux"],
                path: "Tests/KernelFakes",
                swiftSettings: strict),
            // The trial on all boards (guest-images/boards/run.sh), no part of the product.
            .executableTarget(
                name: "boards", dependencies: ["GuestNodes", "HostDevices", "PlatformBus", "DeviceTree"],
                path: "Tests/Boards",
                swiftSettings: strict),
            // Writes configs/schema.json and docs/configuration.md ("make generate"), no part of the product.
            .executableTarget(
                name: "generate", dependencies: ["Configuration", "DeviceOptions"], path: "Tests/Generate",
                swiftSettings: strict),
            .target(name: "CIntegration", path: "Tests/CIntegration"),
            .testTarget(
                name: "IntegrationTests", dependencies: ["LinuxSystem", "CLinux", "CIntegration", "CZstd"],
                swiftSettings: strict),
        ]).filter(wanted),
    swiftLanguageModes: [.v6]
)
