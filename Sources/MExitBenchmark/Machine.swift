import CMExitKernels
import Foundation

/// Where the figures come from.
public struct Machine: Encodable, Hashable, Sendable {
    /// As the processor names itself.
    public let cpu: String
    /// Processors that this process may use.
    public let processors: Int
    /// The instruction set that the kernels use; `MEXIT_CPU_DISABLE` masks some.
    public let isa: String
    public let system: String
    /// Processes that wanted to run in the minute before: well below `processors` - threads, or the figures are worth little.
    public let loadAverage: Double

    public static func current() -> Machine {
        var load = [0.0]
        if getloadavg(&load, 1) < 1 { load = [0] }
        return Machine(
            cpu: processorName() ?? "unknown", processors: ProcessInfo.processInfo.activeProcessorCount,
            isa: String(cString: mexit_isa_name(mexit_cpu_best())), system: ProcessInfo.processInfo.operatingSystemVersionString,
            loadAverage: load[0])
    }

    /// "model name" of /proc/cpuinfo on x86; Arm kernels tell numbers only.
    private static func processorName() -> String? {
        guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else { return nil }
        for key in ["model name", "CPU part"] {
            for line in text.split(separator: "\n") where line.hasPrefix(key) {
                guard let colon = line.firstIndex(of: ":") else { continue }
                return line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            }
        }
        return nil
    }
}
