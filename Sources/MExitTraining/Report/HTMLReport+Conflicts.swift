extension HTMLReport {
    /// Heat maps: pairs of exits at up to four times, and blocks over all epochs.
    var conflicts: String {
        let epochs = history.epochs.filter { !$0.conflicts.isEmpty }
        if epochs.isEmpty {
            return "<p>Not measured: the gradients of the exits were not kept apart (--deconflict none, or a single exit).</p>\n"
        }
        var out = "<p>Of every parameter tensor and step: how often the gradients of two exits have a negative inner product, and the mean "
        out += "cosine of the angle between them.</p>\n"
        let snapshots = Set([0, epochs.count / 3, 2 * epochs.count / 3, epochs.count - 1]).sorted().map { epochs[$0] }
        for (title, scale) in [("Pairs of exits in conflict, % of tensors and steps", SVGHeatMap.Scale.share), ("Pairs of exits, mean cosine", .cosine)] {
            out += "<h3>\(title) \(scale.legend)</h3>\n"
            for epoch in snapshots { out += pairs(epoch, title: "epoch \(epoch.epoch)", scale) }
        }
        for (title, scale) in [("Blocks, share of pairs in conflict", SVGHeatMap.Scale.share), ("Blocks, mean cosine of all pairs", .cosine)] {
            out += "<h3>\(title) \(scale.legend)</h3>\n" + blocks(epochs, title: "by epoch", scale)
        }
        return out
    }

    private func pairs(_ epoch: EpochLine, title: String, _ scale: SVGHeatMap.Scale) -> String {
        var sums: [[Int]: ConflictSum] = [:]
        for block in epoch.conflicts { for pair in block.pairs { sums[pair.exits, default: ConflictSum()].add(pair) } }
        let exits = history.facts.macs.indices.map { "exit \($0)" }
        return SVGHeatMap(
            title: title, rows: exits, columns: exits.indices.map(String.init), scale: scale,
            value: { row, column in
                let sum = sums[[min(row, column), max(row, column)]]
                return row == column ? nil : scale == .share ? sum?.rate : sum?.meanCosine
            }, cell: (34, 26), showsValues: true
        ).text
    }

    private func blocks(_ epochs: [EpochLine], title: String, _ scale: SVGHeatMap.Scale) -> String {
        // At most a hundred columns: several epochs share one in a long run.
        let size = (epochs.count + 99) / 100
        let bins = stride(from: 0, to: epochs.count, by: size).map { Array(epochs[$0..<min($0 + size, epochs.count)]) }
        let names = epochs.last?.conflicts.map(\.block) ?? []
        let sums = bins.map { bin in
            var sums: [String: ConflictSum] = [:]
            for block in bin.flatMap(\.conflicts) { for pair in block.pairs { sums[block.block, default: ConflictSum()].add(pair) } }
            return sums
        }
        let width = max(6, min(34, 900 / Double(max(1, bins.count))))
        return SVGHeatMap(
            title: title, rows: names, columns: bins.map { "\($0.first?.epoch ?? 0)" }, scale: scale,
            value: { row, column in
                let sum = sums[column][names[row]]
                return scale == .share ? sum?.rate : sum?.meanCosine
            }, cell: (width, 18), columnLabels: max(1, Int((30 / width).rounded(.up)))
        ).text
    }
}
