/// Writes metrics in the text exposition format of Prometheus, version 0.0.4: names end in their unit, durations are in
/// seconds, counters in `_total`.
struct PrometheusText {
    private(set) var text = ""

    mutating func counter(_ name: String, _ help: String, _ value: Int) {
        head(name, help, "counter")
        line(name, "", value)
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Double) {
        head(name, help, "gauge")
        text += "\(name) \(value)\n"
    }

    /// One metric in several series, told apart by one label.
    mutating func counters(_ name: String, _ help: String, by label: String, _ series: [(label: String, value: Int)]) {
        head(name, help, "counter")
        for entry in series { line(name, "{\(label)=\"\(PrometheusText.escaped(entry.label))\"}", entry.value) }
    }

    /// As counters, for seconds.
    mutating func seconds(_ name: String, _ help: String, by label: String, _ series: [(label: String, nanoseconds: Int64)]) {
        head(name, help, "counter")
        for entry in series { text += "\(name){\(label)=\"\(PrometheusText.escaped(entry.label))\"} \(Double(entry.nanoseconds) / 1e9)\n" }
    }

    /// What is known only by its labels; its value is 1.
    mutating func info(_ name: String, _ help: String, _ labels: [(name: String, value: String)]) {
        head(name, help, "gauge")
        line(name, "{" + labels.map { "\($0.name)=\"\(PrometheusText.escaped($0.value))\"" }.joined(separator: ",") + "}", 1)
    }

    mutating func histogram(_ name: String, _ help: String, _ durations: DurationHistogram) {
        head(name, help, "histogram")
        for microseconds in PrometheusText.bounds {
            line(name, "_bucket{le=\"\(Double(microseconds) / 1e6)\"}", durations.count(atMost: microseconds * 1000))
        }
        line(name, "_bucket{le=\"+Inf\"}", durations.count)
        text += "\(name)_sum \(Double(durations.sum) / 1e9)\n"
        line(name, "_count", durations.count)
    }

    /// Sizes of groups; `counts[n]` groups had n + 1 members.
    mutating func histogram(_ name: String, _ help: String, sizes counts: [Int]) {
        head(name, help, "histogram")
        var bound = 1
        while bound <= 4096 {
            line(name, "_bucket{le=\"\(bound)\"}", counts.prefix(bound).reduce(0, +))
            bound *= 2
        }
        let groups = counts.reduce(0, +)
        line(name, "_bucket{le=\"+Inf\"}", groups)
        line(name, "_sum", counts.enumerated().reduce(0) { $0 + ($1.offset + 1) * $1.element })
        line(name, "_count", groups)
    }

    /// Upper bounds of the buckets in microseconds: three a decade, from 50 microseconds to 10 seconds.
    private static let bounds: [Int64] = [
        50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
        10_000_000,
    ]

    private mutating func head(_ name: String, _ help: String, _ type: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func line(_ name: String, _ rest: String, _ value: Int) { text += "\(name)\(rest) \(value)\n" }

    static func escaped(_ value: String) -> String {
        var out = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": out += "\\\\"
            case "\"": out += "\\\""
            case "\n": out += "\\n"
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }
}

extension Statistics.Snapshot {
    /// All of it, for `--metrics-file`; `docs/serving.md` lists the metrics.
    func prometheus(model: ServedModel) -> String {
        var out = PrometheusText()
        out.info("mexit_model_info", "What is served.", [("model", model.name), ("version", model.version)])
        out.gauge("mexit_uptime_seconds", "Time since the start.", Double(uptime) / 1e9)
        if let kibibytes = ResidentMemory.kibibytes() {
            out.gauge("process_resident_memory_bytes", "Resident memory size in bytes.", Double(kibibytes << 10))
        }
        out.counter("mexit_requests_total", "Requests read.", requests)
        out.gauge("mexit_requests_under_way", "Requests read and not yet fully answered.", Double(underWay))
        out.counters("mexit_answers_total", "Samples answered, by the exit they left at.", by: "exit", stages.enumerated().map { ("\($0.offset)", $0.element.answers) })
        out.counter("mexit_late_answers_total", "Samples answered behind their deadline.", late)
        out.counters(
            "mexit_errors_total", "Requests refused, by code.", by: "code", RequestError.Code.allCases.map { ($0.rawValue, errors[$0] ?? 0) })
        out.counters("mexit_reloads_total", "Reloads of the model.", by: "result", [("done", reloads), ("failed", failedReloads)])
        out.counter("mexit_macs_total", "Multiply-adds done for answers.", macs)
        out.counter("mexit_macs_saved_total", "Multiply-adds that early exits made unnecessary.", macsSaved)
        out.histogram("mexit_latency_seconds", "From a request's reading to a sample's answer.", latency)
        out.histogram("mexit_queue_seconds", "From a request's reading to a sample's first stage, decoding included.", queue)
        out.histogram("mexit_compute_seconds", "Time of the stages that a sample took part in.", compute)
        out.histogram("mexit_group_size", "Samples that ran a stage together.", sizes: groups)
        out.counters("mexit_stage_runs_total", "Groups that ran a stage.", by: "stage", stages.enumerated().map { ("\($0.offset)", $0.element.runs) })
        out.counters("mexit_stage_samples_total", "Samples that ran a stage.", by: "stage", stages.enumerated().map { ("\($0.offset)", $0.element.samples) })
        out.seconds("mexit_stage_seconds_total", "Time that a stage ran.", by: "stage", stages.enumerated().map { ("\($0.offset)", $0.element.time) })
        return out.text
    }
}
