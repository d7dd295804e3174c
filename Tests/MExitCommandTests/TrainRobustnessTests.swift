import Foundation
import Testing

/// `mexit-train` killed, out of disk, and within its memory.
@Suite struct TrainRobustnessTests {
    let fixture: TrainFixture

    init() throws { fixture = try TrainFixture() }

    /// Everything that is state, saved as often as there are steps, so that a kill likely falls into a save.
    private let options = [
        "--epochs", "30", "--deconflict", "pcgrad", "--scope", "network", "--ema", "0.9", "--distill", "0.3", "--exit-weights", "sdn",
        "--mixup", "0.5", "--cutmix", "0.5", "--augment", "resized-crop,flip,cutout", "--validation", "4", "--state", "@/run.state", "--state-minutes",
        "1e-9", "--best", "@/best.mexit",
    ]

    @Test func killedAgainAndAgainItEndsInTheSameBytes() throws {
        try fixture.makeFolder("straight")
        let straight = try fixture.train(options.map { $0.replacingOccurrences(of: "@/", with: "@/straight/") }, out: "@/straight/m.mexit")
        #expect(straight.status == 0, "\(straight.errors)")
        var random = SystemRandomNumberGenerator()
        var kills = 0
        for _ in 0..<8 {
            let resume = fixture.exists("run.state") ? ["--resume", "@/run.state"] : []
            let child = try ChildProcess("mexit-train", fixture.arguments(options + resume, out: "@/m.mexit"))
            let before = try? fixture.bytes("run.state")
            let end = Date(timeIntervalSinceNow: 60)
            while (try? fixture.bytes("run.state")) == before, Date() < end, child.residentKiB != nil { usleep(200) }
            usleep(UInt32.random(in: 0..<4000, using: &random))
            child.signal(SIGKILL)
            if try child.wait() == 128 + SIGKILL { kills += 1 }
        }
        #expect(kills > 0, "no run was alive when it was killed")
        let last = try fixture.train(options + ["--resume", "@/run.state", "--threads", "2"])
        #expect(last.status == 0, "\(last.errors)")
        #expect(try fixture.bytes("m.mexit") == fixture.bytes("straight/m.mexit"))
        #expect(try fixture.bytes("best.mexit") == fixture.bytes("straight/best.mexit"))
        let left = try FileManager.default.contentsOfDirectory(atPath: fixture.path).filter { $0.hasSuffix(".tmp") }
        #expect(left.isEmpty, "\(left)")
    }

    /// A limit on the size of files acts as a full disk does: the write fails half-way.
    @Test func aFullDiskLeavesWhatWasThere() throws {
        let first = try fixture.train(["--epochs", "6", "--state", "@/run.state"])
        #expect(first.status == 0)
        try fixture.makeFolder("part")
        let child = try ChildProcess("mexit-train", fixture.arguments(["--epochs", "100000", "--state", "@/part/run.state"], out: "@/part/m.mexit"))
        let end = Date(timeIntervalSinceNow: 60)
        while !fixture.exists("part/run.state"), Date() < end { usleep(500) }
        child.signal(SIGINT)
        #expect(try child.wait() == 1)
        let (model, state) = (try fixture.bytes("part/m.mexit"), try fixture.bytes("part/run.state"))
        let words = try [ChildProcess.locate("mexit-train")]
            + fixture.arguments(["--epochs", "100000", "--state", "@/part/run.state", "--resume", "@/part/run.state"], out: "@/part/m.mexit")
        // 4 KiB: less than the model has.
        let full = try ChildProcess.run("/bin/sh", ["-c", #"ulimit -f 8; exec "$0" "$@""#] + words)
        #expect(full.status == 1 && full.errors.contains("cannot save") && full.errors.contains("File too large"), "\(full.errors)")
        #expect(try fixture.bytes("part/m.mexit") == model && fixture.bytes("part/run.state") == state)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(fixture.path)/part").sorted() == ["m.mexit", "run.state"])
    }

    @Test func theMemoryBoundHolds() throws {
        let child = try ChildProcess(
            "mexit-train",
            fixture.arguments(["--arch", "msdnet-micro", "--image-size", "32x32", "--batch-size", "8", "--epochs", "4", "--ema", "0.9", "--state", "@/run.state"]))
        var peak = 0
        while let kibibytes = child.residentKiB {
            peak = max(peak, kibibytes)
            usleep(1000)
        }
        #expect(try child.wait() == 0, "\(child.errorText)")
        let words = child.errorText.components(separatedBy: "training takes at most ")
        let bound = try #require(words.last?.split(separator: " ").first.flatMap { Int($0) })
        #expect(peak > 0 && peak <= 1024 * bound, "\(peak) KiB of at most \(bound) MiB")
        // A bound of many times the truth would help nobody.
        #expect(1024 * bound < 6 * peak, "\(peak) KiB of at most \(bound) MiB")
    }

    @Test func reportsInHTML() throws {
        let more = ["--report", "@/run.html", "--metrics", "@/m.jsonl", "--state", "@/run.state"]
        #expect(try fixture.train(more).status == 0)
        let page = fixture.text("run.html")
        #expect(page.contains("2 of 2 epochs") && page.contains("<svg") && page.contains("layer1") && !page.contains("<script"))
        let again = try fixture.train(more + ["--resume", "@/run.state"])
        #expect(again.status == 0 && fixture.text("run.html").contains("2 of 2 epochs"), "\(again.errors)")
    }
}
