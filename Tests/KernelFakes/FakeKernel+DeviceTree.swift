// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree

extension FakeKernel {
    /// Adds properties to the host's device tree, at a path such as "/soc/uart@1000".
    public func setNode(_ path: String, _ properties: KeyValuePairs<String, PropertyValue>) {
        withState { state in
            for (name, value) in properties {
                state.files["/sys/firmware/devicetree/base\(path)/\(name)"] = value.bytes
            }
        }
    }
}
