import Foundation
import MExitData

/// Pictures that leave at each exit: the surest first at the early ones, the least sure at the last.
struct ExamplePhotos {
    let data: DataSet
    /// Per sample.
    let exits: [Int]
    let outcomes: ExitOutcomes

    /// - Parameter most: pictures per exit.
    func html(most: Int = 8) throws -> String {
        var parts: [String] = []
        for exit in 0..<outcomes.exitCount {
            let sure = outcomes.certainty[exit]
            let isLast = exit == outcomes.last
            let members = exits.indices.filter { exits[$0] == exit }.sorted { a, b in
                if sure[a] == sure[b] { return a < b }
                return isLast ? sure[a] < sure[b] : sure[a] > sure[b]
            }
            if members.isEmpty { continue }
            let share = percentText(Double(members.count) / Double(max(exits.count, 1)))
            parts.append("<h3>Exit \(exit): \(members.count) images (\(share)), the \(isLast ? "hardest" : "easiest")</h3>")
            parts.append("<div class=\"photos\">\(try members.prefix(most).map { try figure($0, exit) }.joined(separator: "\n"))</div>")
        }
        return parts.joined(separator: "\n")
    }

    private func figure(_ sample: Int, _ exit: Int) throws -> String {
        let truth = data.classNames[data.label(of: sample)]
        let named = data.classNames[Int(outcomes.labels[exit][sample])]
        let bytes = Data(try data.image(sample).fitted(within: 96).encodedPNG()).base64EncodedString()
        let caption = truth == named ? escaped(truth) : "\(escaped(truth)), <span class=\"wrong\">taken for \(escaped(named))</span>"
        return "<figure><img alt=\"\(escaped(truth))\" src=\"data:image/png;base64,\(bytes)\"><figcaption>\(caption)</figcaption></figure>"
    }
}

extension ImageU8 {
    /// Made smaller, so that no side is over `limit`; small images as they are.
    fileprivate func fitted(within limit: Int) -> ImageU8 {
        let longest = max(height, width)
        if longest <= limit { return self }
        return resized(to: ImageSize(height: max(1, height * limit / longest), width: max(1, width * limit / longest)))
    }
}
