/// Spends a batch's budget of multiply-adds: never more than it has.
///
/// Every sample takes stage 0. Then, in rounds, the samples that gain most per multiply-add take one more stage each:
/// priority is (1 - confidence) / MACs of the next stage. A round takes at most an eighth of those who could go on, so that the
/// next ranks by what the deeper exits said; samples whose next stage does not fit any more are passed over for cheaper
/// ones. It ends when nobody's next stage fits.
///
/// A batch that is larger than the memory for samples under way runs in windows, each with its share of what is left.
struct ExactBudget {
    /// A sample that could take one more stage.
    struct Candidate {
        /// Index in the batch: settles ties.
        var index: Int
        var confidence: Double
        /// The stage it would take.
        var stage: Int
    }

    /// MACs per stage.
    let stageMACs: [Int]
    /// Samples of the batch that are not yet in a window.
    private(set) var waiting: Int
    /// What no window has been given yet.
    private var reserve: Int
    /// What is left of the current window's share.
    private(set) var share = 0

    /// The least budget that gives every sample an answer.
    static func least(samples: Int, stageMACs: [Int]) -> Int {
        let (product, overflow) = samples.multipliedReportingOverflow(by: stageMACs[0])
        return overflow ? .max : product
    }

    /// - Precondition: the budget is at least ``least(samples:stageMACs:)``.
    init(budget: Int, samples: Int, stageMACs: [Int]) {
        reserve = budget
        waiting = samples
        self.stageMACs = stageMACs
    }

    /// Starts a window: what the last one left goes back, stage 0 is paid for all.
    mutating func startWindow(samples: Int) {
        reserve += share
        // The proportional share, without overflow; at least stage 0 for all, because the whole has that much per sample.
        share = reserve / waiting * samples + reserve % waiting * samples / waiting
        reserve -= share
        waiting -= samples
        share -= samples * stageMACs[0]
    }

    /// Chooses who takes one more stage, and pays for it. Empty when nobody's stage fits.
    mutating func spend(on candidates: [Candidate], atMost limit: Int) -> [Candidate] {
        let ranked = candidates.sorted { a, b in
            let (first, second) = (priority(a), priority(b))
            return first == second ? a.index < b.index : first > second
        }
        let most = min(limit, max(1, candidates.count / 8))
        var chosen: [Candidate] = []
        for candidate in ranked where stageMACs[candidate.stage] <= share {
            share -= stageMACs[candidate.stage]
            chosen.append(candidate)
            if chosen.count == most { break }
        }
        return chosen
    }

    private func priority(_ candidate: Candidate) -> Double {
        (1 - candidate.confidence) / Double(max(stageMACs[candidate.stage], 1))
    }
}
