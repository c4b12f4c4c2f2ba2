// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import HostDevices
internal import Passthrough

extension DeviceSurvey {
    /// The value of `compatible` for which Martlet has a recipe; nil if there is none.
    var recipe: String? { BuiltInRecipes.recipe(for: compatible)?.name }

    /// "yes", "no", "recipe", or "?" when VFIO reports it only for the open device.
    var resetWord: String {
        switch reset {
        case .yes: "yes"
        case .no: "no"
        case .knownOnceOpen: recipe == nil ? "?" : "recipe"
        }
    }

    var resetText: String {
        switch (reset, recipe) {
        case (.yes, _): "by VFIO"
        case (.no, _): "no; the kernel has no reset handler for it"
        case (.knownOnceOpen, let name?): "by VFIO if the host's kernel can, else by Martlet's recipe for \(name)"
        case (.knownOnceOpen, nil):
            "by VFIO if the host's kernel can, unknown until it is open; Martlet has no recipe for it"
        }
    }
}
