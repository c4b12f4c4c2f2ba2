// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What a device does with the requests of one queue. The queue's thread owns it, and alone calls it.
protocol RequestHandler: AnyObject, Sendable {
    /// Does what the request asks for, with the guest waiting for it.
    /// - Returns: how many bytes were written to the request's buffers.
    /// - Throws: `QueueFault` for what is no request.
    func handle(_ request: inout DescriptorChain) throws(QueueFault) -> UInt32
}
