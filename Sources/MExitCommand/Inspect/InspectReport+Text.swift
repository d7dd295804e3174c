import MExitIR

extension InspectReport {
    /// For people: facts, the table of stages, the table of costs, policies, provenance.
    public func text() -> String {
        var parts = [facts(), stageTable().render(), costTable().render()]
        if let policies, !policies.isEmpty { parts.append(policyTable(policies).render()) }
        if let gainTables {
            parts.append(
                aligned([
                    ("gain tables", "by \(gainTables.measure), \(joined(gainTables.buckets, " ")) buckets per exit, \(gainTables.samples) samples")
                ]))
        }
        if let provenance { parts.append(lines(provenance)) }
        if let tensors { parts.append(tensorTable(tensors).render()) }
        return parts.filter { !$0.isEmpty }.joined(separator: "\n")
    }

    private func facts() -> String {
        var facts = [("model", "\(model), input \(joined(inputShape, "x")), \(classes) classes, \(stages.count) exits")]
        if !classNames.isEmpty {
            let shown = classNames.prefix(12).joined(separator: ", ")
            facts.append(("classes", classNames.count > 12 ? "\(shown), ... (--json lists all)" : shown))
        }
        if let preprocessing {
            facts.append(("input", "x = (u8 / 255 - mean) / std, mean \(joined(preprocessing.mean, " ")), std \(joined(preprocessing.std, " "))"))
        }
        if let file {
            facts.append((
                "file",
                "\(file.path), format \(file.formatVersion), \(bytes(file.bytes)); \(file.tensors) tensors of \(bytes(file.tensorRawBytes)) take \(bytes(file.tensorStoredBytes)), the file \(percent(file.ratio)) of them"
            ))
            if let verification = file.verification {
                let numbers = verification.nonFiniteValues == 0 ? "all numbers finite" : "\(verification.nonFiniteValues) NUMBERS ARE NOT FINITE"
                facts.append(("verified", "\(verification.tensors) tensors, all checksums match, \(numbers)"))
            }
        }
        return aligned(facts)
    }

    private func stageTable() -> TextTable {
        let hasFile = file != nil
        var table = TextTable(
            [
                .init("stage"), .init("exit"), .init("name", .left), .init("nodes"), .init("output"), .init("carried"), .init("KiB"),
                .init("MACs"), .init("FLOPs"), .init("parameters"),
            ] + (hasFile ? [.init("stored")] : []))
        for stage in stages {
            table.append(
                [
                    "\(stage.stage)", "\(stage.exit)", stage.exitName, "\(stage.nodes)", joined(stage.outputShape, "x"),
                    "\(stage.carriedValues)", SINumber.fixed(Double(stage.carriedBytes) / 1024, digits: 1), si(stage.cost.macs),
                    si(stage.cost.flops), si(stage.cost.parameters),
                ] + (hasFile ? [bytes(stage.storedBytes ?? 0)] : []))
        }
        return table
    }

    private func costTable() -> TextTable {
        var table = TextTable(
            [.init("up to exit")]
                + ["lazy", "eager", "single"].flatMap { [.init("\($0) MACs"), .init("FLOPs"), .init("parameters")] })
        for stage in stages {
            let ways = [stage.lazy, stage.eager, stage.single]
            table.append(["\(stage.exit)"] + ways.flatMap { [si($0.macs), si($0.flops), si($0.parameters)] })
        }
        return table
    }

    private func policyTable(_ policies: [Policy]) -> TextTable {
        var table = TextTable([
            .init("policy", .left), .init("measure", .left), .init("expected MACs"), .init("accuracy"), .init("samples"),
            .init("thresholds", .left), .init("temperatures", .left), .init("promise", .left), .init("method", .left),
        ])
        for policy in policies {
            table.append([
                policy.name, policy.measure, SINumber.format(policy.expectedMacs), percent(policy.expectedAccuracy), "\(policy.samples)",
                joined(policy.thresholds.map { SINumber.fixed($0, digits: 4) }, " "),
                policy.temperatures.isEmpty ? "1" : joined(policy.temperatures.map { SINumber.fixed($0, digits: 3) }, " "), policy.promise.map(text) ?? "", oneLine(policy.method),
            ])
        }
        return table
    }

    private func text(_ promise: Promise) -> String {
        let isCost = promise.quantity == MExitIR.Promise.Quantity.macs.rawValue
        let limit = isCost ? SINumber.format(promise.limit) : percent(promise.limit)
        let sign = promise.quantity == MExitIR.Promise.Quantity.accuracy.rawValue ? ">=" : "<="
        return "\(promise.quantity) \(sign) \(limit), " + (promise.confidence > 0 ? "confidence \(percent(promise.confidence))" : "an estimate")
    }

    private func lines(_ provenance: Provenance) -> String {
        aligned(
            [
                ("trained by", provenance.command), ("producer", provenance.producer),
                ("data", [provenance.data, provenance.dataFingerprint].filter { !$0.isEmpty }.joined(separator: ", fingerprint ")),
                ("epochs", provenance.epochs > 0 ? "\(provenance.epochs), seed \(provenance.seed)" : ""),
                ("validation", joined(provenance.validationAccuracy.map(percent), "  ")),
            ].filter { !$0.1.isEmpty })
    }

    private func tensorTable(_ tensors: [Tensor]) -> TextTable {
        var table = TextTable([
            .init("tensor", .left), .init("shape"), .init("stage"), .init("storage", .left), .init("codec", .left), .init("raw"), .init("stored"),
            .init("ratio"),
        ])
        for tensor in tensors {
            table.append([
                tensor.name, joined(tensor.shape, "x"), "\(tensor.stage)", tensor.storage, tensor.codec, bytes(tensor.rawBytes),
                bytes(tensor.storedBytes), percent(tensor.ratio),
            ])
        }
        return table
    }
}

private func joined(_ values: [some CustomStringConvertible], _ separator: String) -> String {
    values.map(\.description).joined(separator: separator)
}

private func si(_ value: Int) -> String { SINumber.format(value, digits: 2) }

private func percent(_ share: Double) -> String { SINumber.fixed(100 * share, digits: 2) + " %" }

/// Texts of a file may have line ends; a table may not.
private func oneLine(_ text: String) -> String { String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 }) }

private func bytes(_ count: Int) -> String {
    for (scale, unit) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] where count >= scale {
        return SINumber.fixed(Double(count) / Double(scale), digits: 2) + " " + unit
    }
    return "\(count) B"
}

private func aligned(_ facts: [(String, String)]) -> String {
    let width = facts.map(\.0.count).max() ?? 0
    return facts.map { "\($0)\(String(repeating: " ", count: width - $0.count))  \(oneLine($1))\n" }.joined()
}
