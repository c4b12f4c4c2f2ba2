// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What a device does with the requests of one queue. The queue's thread owns it, and alone calls it.
protocol RequestHandler: AnyObject, Sendable {
    /// How long the request has to wait for the device's limits, in nanoseconds; 0 when its time has come, after which
    /// it is handled.
    func delay(of request: borrowing DescriptorChain) -> UInt64
    /// Does what the request asks for, with the guest waiting for it.
    /// - Returns: how many bytes were written to the request's buffers.
    /// - Throws: `QueueFault` for what is no request.
    func handle(_ request: inout DescriptorChain) throws(QueueFault) -> UInt32
}
