import CMExitProto
import MExitIR

extension NamedPolicy {
    func message(arena: ProtoArena) throws -> UnsafeMutablePointer<Mexit__Policy> {
        try TextRules.checkName(name, "a policy")
        try TextRules.checkText(method, "the method of policy '\(name)'")
        try TextRules.checkText(dataFingerprint, "the data fingerprint of policy '\(name)'")
        try TextRules.checkText(date, "the date of policy '\(name)'")
        let promiseMessage = try promise?.message(arena: arena, owner: name)
        return try arena.make(mexit__policy__init) {
            $0.name = arena.string(name)
            $0.measure = arena.string(measure)
            $0.n_thresholds = thresholds.count
            $0.thresholds = arena.array(thresholds)
            $0.n_temperatures = temperatures.count
            $0.temperatures = arena.array(temperatures)
            $0.method = arena.string(method)
            $0.expected_macs = expectedMACs
            $0.expected_accuracy = expectedAccuracy
            $0.samples = try unsigned(samples, "policy '\(name)': samples")
            $0.data_fingerprint = arena.string(dataFingerprint)
            $0.date = arena.string(date)
            $0.promise = promiseMessage
        }
    }

    init(decoding message: Mexit__Policy, index: Int) throws {
        let name = try decodedName(message.name, "policy \(index)")
        self.init(
            name: name, measure: try decodedName(message.measure, "the measure of policy '\(name)'"),
            thresholds: Array(repeated(message.thresholds, message.n_thresholds)),
            temperatures: Array(repeated(message.temperatures, message.n_temperatures)),
            method: try decodedText(message.method, "the method of policy '\(name)'"), expectedMACs: message.expected_macs,
            expectedAccuracy: message.expected_accuracy, samples: try integer(message.samples, "policy '\(name)': samples"),
            dataFingerprint: try decodedText(message.data_fingerprint, "the data fingerprint of policy '\(name)'"),
            date: try decodedText(message.date, "the date of policy '\(name)'"),
            promise: try message.promise.map { try Promise(decoding: $0.pointee, owner: name) })
    }
}

extension Promise {
    fileprivate func message(arena: ProtoArena, owner: String) throws -> UnsafeMutablePointer<Mexit__Promise> {
        try TextRules.checkText(method, "the promise of policy '\(owner)'")
        return arena.make(mexit__promise__init) {
            $0.quantity = quantity.number
            $0.limit = limit
            $0.bound = bound
            $0.confidence = confidence
            $0.method = arena.string(method)
        }
    }

    fileprivate init(decoding message: Mexit__Promise, owner: String) throws {
        guard let quantity = Quantity.allCases.first(where: { $0.number == message.quantity }) else {
            throw CheckpointError(
                .unsupportedFeature, "policy '\(owner)' promises quantity \(message.quantity.rawValue), which this build does not know")
        }
        self.init(
            quantity, limit: message.limit, bound: message.bound, confidence: message.confidence,
            method: try decodedText(message.method, "the promise of policy '\(owner)'"))
    }
}

extension Promise.Quantity {
    fileprivate var number: Mexit__Promise__Quantity {
        switch self {
        case .macs: MEXIT__PROMISE__QUANTITY__MACS
        case .accuracy: MEXIT__PROMISE__QUANTITY__ACCURACY
        case .accuracyGap: MEXIT__PROMISE__QUANTITY__ACCURACY_GAP
        case .disagreement: MEXIT__PROMISE__QUANTITY__DISAGREEMENT
        }
    }
}

extension GainTables {
    func message(arena: ProtoArena) throws -> UnsafeMutablePointer<Mexit__GainTables> {
        try TextRules.checkText(method, "the method of the gain tables")
        try TextRules.checkText(dataFingerprint, "the data fingerprint of the gain tables")
        try TextRules.checkText(date, "the date of the gain tables")
        let tables = try exits.enumerated().map { try $1.message(arena: arena, exit: $0) as UnsafeMutablePointer<Mexit__GainTable>? }
        return try arena.make(mexit__gain_tables__init) {
            $0.measure = arena.string(measure)
            $0.n_temperatures = temperatures.count
            $0.temperatures = arena.array(temperatures)
            $0.n_exits = tables.count
            $0.exits = arena.array(tables)
            $0.method = arena.string(method)
            $0.samples = try unsigned(samples, "the gain tables' samples")
            $0.data_fingerprint = arena.string(dataFingerprint)
            $0.date = arena.string(date)
        }
    }

    init(decoding message: Mexit__GainTables, exits: Int) throws {
        guard message.n_exits == exits - 1 else {
            throw CheckpointError(.malformed, "\(message.n_exits) gain tables for \(exits) exits; every exit but the last needs one")
        }
        self.init(
            measure: try decodedName(message.measure, "the measure of the gain tables"),
            temperatures: Array(repeated(message.temperatures, message.n_temperatures)),
            exits: try repeated(message.exits, message.n_exits).enumerated().map { exit, table in
                guard let table = table?.pointee else { throw CheckpointError(.malformed, "the gain table of exit \(exit) is missing") }
                return try GainTable(decoding: table, exit: exit, columns: exits - exit)
            },
            method: try decodedText(message.method, "the method of the gain tables"),
            samples: try integer(message.samples, "the gain tables' samples"),
            dataFingerprint: try decodedText(message.data_fingerprint, "the data fingerprint of the gain tables"),
            date: try decodedText(message.date, "the date of the gain tables"))
    }
}

extension GainTable {
    fileprivate func message(arena: ProtoArena, exit: Int) throws -> UnsafeMutablePointer<Mexit__GainTable> {
        let counts: [UInt64] = try counts.map { try unsigned($0, "a count of the gain table of exit \(exit)") }
        let flat = accuracy.flatMap { $0 }
        return arena.make(mexit__gain_table__init) {
            $0.n_edges = edges.count
            $0.edges = arena.array(edges)
            $0.n_accuracy = flat.count
            $0.accuracy = arena.array(flat)
            $0.n_counts = counts.count
            $0.counts = arena.array(counts)
            $0.n_goes_on_from = goesOnFrom.count
            $0.goes_on_from = arena.array(goesOnFrom)
        }
    }

    fileprivate init(decoding message: Mexit__GainTable, exit: Int, columns: Int) throws {
        let flat = repeated(message.accuracy, message.n_accuracy)
        let counts = try repeated(message.counts, message.n_counts).map { try integer($0, "a count of the gain table of exit \(exit)") }
        let (values, overflow) = counts.count.multipliedReportingOverflow(by: columns)
        guard !overflow, flat.count == values else {
            throw CheckpointError(
                .malformed,
                "the gain table of exit \(exit) has \(flat.count) accuracies for \(counts.count) buckets; each needs \(columns), one for itself and every later exit")
        }
        self.init(
            edges: Array(repeated(message.edges, message.n_edges)),
            accuracy: counts.indices.map { Array(flat[$0 * columns..<($0 + 1) * columns]) }, counts: counts,
            goesOnFrom: Array(repeated(message.goes_on_from, message.n_goes_on_from)))
    }
}
