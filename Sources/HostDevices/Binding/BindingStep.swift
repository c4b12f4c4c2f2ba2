// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// One change to the host while a device is given to VFIO or back.
public enum BindingStep: Equatable, Sendable {
    /// Writes a line into a file of sysfs.
    case write(String, to: String)
    /// Creates or replaces a file of Martlet's own, and creates its folders.
    case save(String, as: String, in: StateFolder)
    /// Removes a file of Martlet's own.
    case remove(String, in: StateFolder)

    /// The step as a command for a shell.
    public var command: String {
        switch self {
        case .write(let text, let path): "echo \(ShellText.quoted(text)) > \(ShellText.quoted(path))"
        case .save(let text, let name, let folder):
            "(umask 022 && mkdir -p \(ShellText.quoted(folder.path)) && "
                + "echo \(ShellText.quoted(text)) > \(ShellText.quoted("\(folder.path)/\(name)")))"
        case .remove(let name, let folder): "rm -f \(ShellText.quoted("\(folder.path)/\(name)"))"
        }
    }

    /// Performs the step.
    func perform(_ calls: any HostChangeCalls) throws(BindingFailure.Reason) {
        switch self {
        case .write(let text, let path):
            do throws(Errno) { try calls.writeFile(path, Array("\(text)\n".utf8)) } catch { throw .step(self, error) }
        case .save(let text, let name, let folder):
            do throws(StateFolderError) { try calls.save(name, in: folder, Array("\(text)\n".utf8)) } catch {
                throw .state(error)
            }
        case .remove(let name, let folder):
            do throws(StateFolderError) { try calls.remove(name, in: folder) } catch { throw .state(error) }
        }
    }
}
