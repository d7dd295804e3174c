import MExitIR
import Testing

@testable import MExitCheckpoint

/// Operating points and gain tables in files: what may stand in them, and what is refused by name.
@Suite struct CalibrationTests {
    /// A point that passes, for the two exits of the handmade file; `change` comes last and so overrides.
    private func policy(_ change: (inout Wire) -> Void) -> [UInt8] {
        Wire.message {
            $0.string(1, "p")
            $0.string(2, "confidence")
            $0.doubles(3, [0.5])
            change(&$0)
        }
    }

    private func promise(_ quantity: UInt64, limit: Double, bound: Double, confidence: Double = 0) -> [UInt8] {
        policy {
            $0.bytes(
                11,
                Wire.message {
                    $0.number(1, quantity)
                    $0.double(2, limit)
                    $0.double(3, bound)
                    $0.double(4, confidence)
                })
        }
    }

    private func gains(
        measure: String = "confidence", tables: Int = 1, edges: [Double] = [0.5], accuracy: [Double] = [0.25, 0.5, 0.75, 1], counts: [UInt64] = [3, 4],
        goesOnFrom: [Double] = [],
        _ change: (inout Wire) -> Void = { _ in }
    ) -> [UInt8] {
        Wire.message {
            $0.string(1, measure)
            for _ in 0..<tables {
                $0.bytes(
                    3,
                    Wire.message {
                        $0.doubles(1, edges)
                        $0.doubles(2, accuracy)
                        $0.numbers(3, counts)
                        if !goesOnFrom.isEmpty { $0.doubles(4, goesOnFrom) }
                    })
            }
            change(&$0)
        }
    }

    private func read(field: UInt64, _ content: [UInt8]) throws -> Model {
        var file = HandmadeFile.valid()
        file.extraModelBytes = Wire.message { $0.bytes(field, content) }
        return try Checkpoint.read(bytes: file.bytes())
    }

    private func refuses(
        _ part: String, field: UInt64, _ content: [UInt8], _ code: CheckpointError.Code = .badModel,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: CheckpointError.self, sourceLocation: sourceLocation) { try read(field: field, content) }
        #expect(error?.message.contains(part) == true && error?.code == code, "\(String(describing: error))", sourceLocation: sourceLocation)
    }

    @Test func whatIsReadIsWhatTheBytesSay() throws {
        let point = try #require(try read(field: 4, promise(3, limit: 0.01, bound: -0.5, confidence: 0.9)).policies.first)
        #expect(point.promise == Promise(.accuracyGap, limit: 0.01, bound: -0.5, confidence: 0.9, method: ""))
        let tables = try #require(try read(field: 6, gains()).gainTables)
        #expect(tables.exits == [GainTable(edges: [0.5], accuracy: [[0.25, 0.5], [0.75, 1]], counts: [3, 4])])
        #expect(try read(field: 6, gains(goesOnFrom: [2e6, 0])).gainTables?.exits[0].goesOnFrom == [2e6, 0])
        #expect(try Checkpoint.read(bytes: HandmadeFile.valid().bytes()).gainTables == nil)
    }

    @Test func pointsThatCannotBe() {
        refuses("temperatures", field: 4, policy { $0.doubles(4, [0, 1]) })
        refuses("temperatures", field: 4, policy { $0.doubles(4, [1]) })
        for bad in [-1, .nan, .infinity] { refuses("expects", field: 4, policy { $0.double(6, bad) }) }
        for bad in [-0.1, 1.1, .nan] { refuses("expects", field: 4, policy { $0.double(7, bad) }) }
        refuses("samples", field: 4, policy { $0.number(8, .max) }, .malformed)
        for bad in [0, 1.5, 2000] {
            let patience = Wire.message {
                $0.string(1, "p")
                $0.string(2, "patience")
                $0.doubles(3, [bad])
            }
            refuses("patience", field: 4, patience)
        }
        refuses("U+001B", field: 4, policy { $0.string(10, "\u{1B}[2J") }, .malformed)
        refuses("not valid UTF-8", field: 4, policy { $0.bytes(10, [0xFF]) }, .malformed)
    }

    @Test func promisesThatCannotBe() {
        refuses("quantity 0", field: 4, policy { $0.bytes(11, []) }, .unsupportedFeature)
        refuses("quantity 99", field: 4, promise(99, limit: 0, bound: 0), .unsupportedFeature)
        refuses("macs", field: 4, promise(1, limit: -1, bound: 0))
        refuses("macs", field: 4, promise(1, limit: 1, bound: .infinity))
        refuses("accuracy", field: 4, promise(2, limit: 1.5, bound: 0))
        refuses("accuracy-gap", field: 4, promise(3, limit: 0, bound: -2))
        refuses("disagreement", field: 4, promise(4, limit: .nan, bound: 0))
        for bad in [-0.1, 1, .nan] { refuses("confidence", field: 4, promise(4, limit: 0.1, bound: 0.1, confidence: bad)) }
    }

    @Test func tablesThatCannotBe() {
        refuses("patience", field: 6, gains(measure: "patience"))
        refuses("0 gain tables for 2 exits", field: 6, gains(tables: 0), .malformed)
        refuses("2 gain tables for 2 exits", field: 6, gains(tables: 2), .malformed)
        for edges in [[0], [1], [.nan], [0.5, 0.5], [0.7, 0.5], (1...256).map { Double($0) / 300 }] as [[Double]] {
            let buckets = edges.count + 1
            let accuracy = [Double](repeating: 0.5, count: 2 * buckets)
            refuses("edges", field: 6, gains(edges: edges, accuracy: accuracy, counts: [UInt64](repeating: 1, count: buckets)))
        }
        refuses("3 counts for 2 buckets", field: 6, gains(accuracy: [0, 0, 0, 0, 0, 0], counts: [1, 1, 1]))
        refuses("3 accuracies for 2 buckets", field: 6, gains(accuracy: [0, 0, 0]), .malformed)
        refuses("count", field: 6, gains(counts: [1, .max]), .malformed)
        for bad in [-0.1, 1.1, .nan] { refuses("outside", field: 6, gains(accuracy: [0, 0, 0, bad])) }
        for bad in [[1], [1, 2, 3], [1, -1], [.nan, 1], [1, .infinity]] as [[Double]] { refuses("goes on from", field: 6, gains(goesOnFrom: bad)) }
        refuses("temperatures", field: 6, gains { $0.doubles(2, [1, -1]) })
        refuses("samples", field: 6, gains { $0.number(5, .max) }, .malformed)
    }

    /// Nothing of calibration in a model: nothing of it in the file.
    @Test func filesWithoutCalibrationSayNothingOfIt() throws {
        var model = try TestModels.smallest()
        let plain = try ContainerReader(bytes: try Checkpoint.bytes(model)).content
        model.policies = [NamedPolicy(name: "p", measure: "margin", thresholds: [0.5], samples: 3)]
        let with = try ContainerReader(bytes: try Checkpoint.bytes(model)).content
        // Field 4 stands before the provenance, which is two bytes here; a point without date and promise has its old fields only.
        let point = Wire.message {
            $0.string(1, "p")
            $0.string(2, "margin")
            $0.doubles(3, [0.5])
            $0.number(8, 3)
        }
        #expect(with == plain.dropLast(2) + Wire.message { $0.bytes(4, point) } + plain.suffix(2))
    }

    @Test func bucketsHoldTheirLowerEdge() {
        let table = GainTable(edges: [0.25, 0.5], accuracy: [], counts: [])
        #expect([-1, 0, 0.2, 0.25, 0.4, 0.5, 0.9, 1, .nan].map(table.bucket) == [0, 0, 0, 1, 1, 2, 2, 2, 0])
    }
}
