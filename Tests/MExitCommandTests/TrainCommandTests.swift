import Foundation
import Testing

/// `mexit-train` as its users meet it: a process, its files, its exit code and what it says.
@Suite struct TrainCommandTests {
    let fixture: TrainFixture

    init() throws { fixture = try TrainFixture() }

    @Test func trainsAndReports() throws {
        let run = try fixture.train(["--json", "--metrics", "@/metrics.jsonl"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(
            run.errors.contains("micro: 2 exits, 3.7k parameters, 2 classes; images of 3x16x16: 11 to train on, 1 held out; 1 thread\n"),
            "\(run.errors)")
        #expect(run.output.contains(#""validation_images" : 1"#) && run.output.contains(#""macs" : 73"#), "\(run.output)")
        #expect(fixture.text("metrics.jsonl").contains(#""status":"finished""#))
        let quiet = try fixture.train(["--quiet"])
        #expect(quiet.errors == "" && quiet.output.contains("validation accuracy"), "\(quiet)")
    }

    @Test func theSameSeedGivesTheSameBytesOnAnyThreads() throws {
        for folder in ["a", "b", "c"] { try fixture.makeFolder(folder) }
        for (folder, threads) in [("a", "1"), ("b", "1"), ("c", "2")] {
            let run = try fixture.train(["--seed", "7", "--threads", threads], out: "@/\(folder)/m.mexit")
            #expect(run.status == 0, "\(run.errors)")
        }
        let first = try fixture.bytes("a/m.mexit")
        #expect(first == (try fixture.bytes("b/m.mexit")))
        #expect(first == (try fixture.bytes("c/m.mexit")))
        _ = try fixture.train(["--seed", "8"], out: "@/b/m.mexit")
        #expect(first != (try fixture.bytes("b/m.mexit")))
    }

    /// Starts a long run and waits until its first epoch is saved; its report comes before its model and its state.
    private func startLongRun(_ more: [String], out: String) throws -> ChildProcess {
        let child = try ChildProcess("mexit-train", fixture.arguments(["--metrics", "@/long.jsonl"] + more, out: out))
        let end = Date(timeIntervalSinceNow: 60)
        while !(fixture.text("long.jsonl").contains(#""type":"epoch""#) && (fixture.exists("run.state") || !more.contains("--state"))) {
            guard Date() < end else { throw ChildProcess.Failure(description: "no epoch in 60 s: \(child.errorText)") }
            usleep(500)
        }
        return child
    }

    @Test(arguments: [SIGKILL, SIGINT, SIGTERM]) func aStoppedRunGoesOnToTheSameBytes(signal: Int32) throws {
        let epochs = ["--epochs", "40", "--state", "@/run.state"]
        try fixture.makeFolder("straight")
        #expect(try fixture.train(["--epochs", "40"], out: "@/straight/m.mexit").status == 0)
        let child = try startLongRun(epochs, out: "@/m.mexit")
        child.signal(signal)
        let status = try child.wait()
        if signal == SIGKILL {
            #expect(status == 128 + SIGKILL)
        } else {
            #expect(status == 1)
            #expect(child.errorText.contains("error: training was interrupted after step "), "\(child.errorText)")
            #expect(child.errorText.contains("run.state': go on with --resume"), "\(child.errorText)")
        }
        let resumed = try fixture.train(epochs + ["--resume", "@/run.state", "--threads", "2", "--metrics", "@/long.jsonl"])
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(try fixture.bytes("m.mexit") == fixture.bytes("straight/m.mexit"))
        #expect(fixture.text("long.jsonl").components(separatedBy: #""type":"run""#).count == 3)
    }

    @Test func aStateIsForItsOwnRunOnly() throws {
        #expect(try fixture.train(["--state", "@/run.state"]).status == 0)
        for (more, said) in [
            (["--lr", "0.2"], "learning rate is 0.1, this run's 0.2"), (["--validation", "3"], "validation images is 1, this run's 3"),
            (["--seed", "1"], "seed is 0, this run's 1"),
            (["--arch", "msdnet-tiny", "--image-size", "32x32"], "another network"),
        ] {
            let run = try fixture.train(["--resume", "@/run.state"] + more)
            #expect(run.status == 1 && run.errors.contains(said), "\(more): \(run.errors)")
        }
        for file in ["m.mexit", "micro.json", "photos/train/day/0.png", "nothing"] {
            let run = try fixture.train(["--resume", "@/\(file)", "--out", "@/other.mexit"])
            #expect(run.status == 1 && run.errors.contains("cannot load") && run.errors.contains(file), "\(run.errors)")
        }
    }

    /// What a state stands for beyond its options: names of classes, the images held out, and the best epoch's file.
    @Test func aStateIsForItsOwnImagesOnly() throws {
        let options = ["--epochs", "3", "--validation", "4", "--state", "@/run.state", "--best", "@/best.mexit"]
        #expect(try fixture.train(options).status == 0)
        let photos = "\(fixture.path)/photos/train"
        try FileManager.default.moveItem(atPath: "\(photos)/night", toPath: "\(photos)/zebra")
        let renamed = try fixture.train(options + ["--resume", "@/run.state"])
        #expect(renamed.status == 1 && renamed.errors.contains(#"its classes are ["day", "night"], the data's ["day", "zebra"]"#), "\(renamed.errors)")
        try FileManager.default.moveItem(atPath: "\(photos)/zebra", toPath: "\(photos)/night")

        // Each image in turn: four are held out, the others are trained on.
        var said: [String] = []
        for number in 0..<6 {
            for name in ["day", "night"] {
                let file = "photos/train/\(name)/\(number).png"
                let bytes = try fixture.bytes(file)
                try fixture.write(TrainFixture.picture(base: 100, number: number), to: file)
                let run = try fixture.train(options + ["--resume", "@/run.state"])
                #expect(run.status == 1)
                said.append(run.errors)
                try fixture.write(Array(bytes), to: file)
            }
        }
        #expect(said.filter { $0.contains("other images were held out of training") }.count == 4, "\(said)")
        #expect(said.filter { $0.contains("it was trained on other images") }.count == 8, "\(said)")

        #expect(!(try fixture.train(options + ["--resume", "@/run.state"]).errors.contains("warning")))
        // Another run's file, and none.
        #expect(try fixture.train(["--seed", "9"], out: "@/best.mexit").status == 0)
        for _ in 0..<2 {
            let run = try fixture.train(options + ["--resume", "@/run.state"])
            #expect(run.status == 0 && run.errors.contains("best.mexit' does not hold this run's best epoch so far"), "\(run.errors)")
            try? FileManager.default.removeItem(atPath: "\(fixture.path)/best.mexit")
        }
    }

    @Test func cropsOfWholeImages() throws {
        let run = ["--augment", "resized-crop,flip", "--metrics", "@/m.jsonl", "--state", "@/run.state"]
        func losses() -> [Substring] { fixture.text("m.jsonl").split(separator: ",").filter { $0.contains("\"loss\":[") } }
        #expect(try fixture.train(run).status == 0)
        let seen = losses()
        #expect(!seen.isEmpty)
        #expect(fixture.text("m.jsonl").contains("--crop-side 19\""), "8/7 of 16, in the command that is recorded")
        let first = try fixture.bytes("m.mexit")
        #expect(try fixture.train(run + ["--crop-side", "19"]).status == 0)
        #expect(try fixture.bytes("m.mexit") == first)
        for (more, found) in [(["--crop-side", "0"], "0"), (["--crop-side", "16"], "16")] {
            let other = try fixture.train(run + more + ["--resume", "@/run.state"])
            #expect(other.status == 1 && other.errors.contains("its crop side is 19, this run's \(found)"), "\(other.errors)")
            #expect(try fixture.train(run.dropLast(2) + more).status == 0)
            #expect(losses() != seen, "other pixels were seen")
        }
        #expect(try fixture.train(["--augment", "crop", "--crop-side", "20", "--metrics", "@/w.jsonl"]).status == 0)
        #expect(fixture.text("w.jsonl").contains("--crop-side 20\""))
        #expect(try fixture.train(["--metrics", "@/p.jsonl"]).status == 0 && !fixture.text("p.jsonl").contains("--crop-side"))
    }

    /// Parts of a run with and without --best: the file holds the best epoch, or a warning says which it does not hold.
    @Test func theBestEpochIsRemembered() throws {
        let options = ["--epochs", "100000", "--validation", "4", "--lr", "0.05", "--state", "@/run.state"]
        /// Trains some epochs more, until told to stop, and gives what was said.
        func part(_ more: [String]) throws -> String {
            let before = try fixture.exists("long.jsonl") ? bestEpochs().count : 0
            let child = try ChildProcess("mexit-train", fixture.arguments(options + more + ["--metrics", "@/long.jsonl"]))
            let end = Date(timeIntervalSinceNow: 60)
            while try !fixture.exists("long.jsonl") || bestEpochs().count < before + 3 {
                guard Date() < end else { throw ChildProcess.Failure(description: "no epochs in 60 s: \(child.errorText)") }
                usleep(500)
            }
            child.signal(SIGINT)
            #expect(try child.wait() == 1)
            return child.errorText
        }
        /// The best epoch up to each one, from the metrics.
        func bestEpochs() throws -> [Int] {
            var (best, accuracy) = (0, -1.0)
            return try fixture.text("long.jsonl").split(separator: "\n").filter { $0.hasSuffix("}") && $0.contains(#""type":"epoch""#) }.map { line in
                let epoch = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                let values = try #require(epoch["validation_accuracy"] as? [Double])
                let mean = values.reduce(0, +) / Double(values.count)
                if mean > accuracy { (best, accuracy) = (try #require(epoch["epoch"] as? Int), mean) }
                return best
            }
        }
        func held() throws -> Int {
            let words = try ChildProcess.run("mexit-inspect", ["\(fixture.path)/best.mexit"]).output
            return try #require(words.firstMatch(of: /epochs +(\d+), seed/).flatMap { Int($0.1) }, "\(words)")
        }
        _ = try part(["--best", "@/best.mexit"])
        #expect(try held() == bestEpochs().last)
        _ = try part(["--resume", "@/run.state"])
        let (inFile, best) = (try held(), try bestEpochs().last ?? 0)
        let said = try part(["--resume", "@/run.state", "--best", "@/best.mexit"])
        #expect(said.contains("does not hold this run's best epoch so far, \(best);") == (inFile < best), "\(inFile), \(best): \(said)")
    }

    /// A report that stands there is not replaced by an empty one.
    @Test func aReportWithoutItsMetricsStays() throws {
        let run = ["--state", "@/run.state"]
        #expect(try fixture.train(run + ["--report", "@/r.html"]).status == 0)
        let page = fixture.text("r.html")
        let again = try fixture.train(run + ["--resume", "@/run.state", "--report", "@/r.html"])
        #expect(again.status == 0 && again.errors.contains("the report will lack 2 of the 2 epochs before"), "\(again.errors)")
        #expect(fixture.text("r.html") == page && page.contains("2 of 2 epochs"))
    }

    @Test func anArchitectureFromAPipeIsRecordedByItsName() throws {
        let run = try ChildProcess.run("mexit-train", fixture.arguments(["--arch", "/dev/stdin", "--metrics", "@/m.jsonl"]), input: fixture.text("micro.json"))
        #expect(run.status == 0 && fixture.text("m.jsonl").contains("--arch micro.json "), "\(run.errors)")
    }

    @Test func linesThatWereCutOffDoNotSpoilTheNext() throws {
        try fixture.write(Array(#"{"type":"epo"#.utf8), to: "torn.jsonl")
        #expect(try fixture.train(["--state", "@/run.state"]).status == 0)
        #expect(try fixture.train(["--resume", "@/run.state", "--metrics", "@/torn.jsonl"]).status == 0)
        #expect(fixture.text("torn.jsonl").hasPrefix("{\"type\":\"epo\n{\""), "\(fixture.text("torn.jsonl"))")
    }

    /// A pipe whose reader goes away is lost metrics, not a lost training.
    @Test func metricsIntoAPipe() throws {
        #expect(mkfifo("\(fixture.path)/pipe", 0o600) == 0)
        let reader = open("\(fixture.path)/pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        let child = try ChildProcess("mexit-train", fixture.arguments(["--quiet", "--metrics", "@/pipe", "--epochs", "200"]))
        var byte: UInt8 = 0
        let end = Date(timeIntervalSinceNow: 60)
        while read(reader, &byte, 1) < 1 {
            guard Date() < end else { throw ChildProcess.Failure(description: "no metrics in 60 s: \(child.errorText)") }
            usleep(500)
        }
        close(reader)
        #expect(try child.wait() == 0, "\(child.errorText)")
        #expect(child.errorText.contains("pipe': "), "\(child.errorText)")
    }

    @Test func beginsWithAModel() throws {
        #expect(try fixture.train(["--epochs", "3"]).status == 0)
        let run = try fixture.train(["--init", "@/m.mexit", "--epochs", "1", "--lr", "1e-30", "--warmup", "0", "--metrics", "@/second.jsonl"], out: "@/second.mexit")
        #expect(run.status == 0, "\(run.errors)")
        let inspected = try ChildProcess.run("mexit-inspect", ["\(fixture.path)/second.mexit"])
        #expect(inspected.output.contains("--init m.mexit"), "\(inspected)")
        let mean = try fixture.train(["--init", "@/m.mexit", "--init", "@/second.mexit", "--epochs", "1"], out: "@/mean.mexit")
        #expect(mean.status == 0, "\(mean.errors)")
        #expect(try ChildProcess.run("mexit-inspect", ["\(fixture.path)/mean.mexit"]).output.contains("--init m.mexit --init second.mexit"))
        #expect(try fixture.train(["--init", "@/m.mexit", "--init", "@/second.mexit"], out: "@/second.mexit").errors.contains("'\(fixture.path)/second.mexit', which training would overwrite"))
        let other = try fixture.train(["--init", "@/m.mexit", "--arch", "msdnet-tiny", "--image-size", "32x32"], out: "@/third.mexit")
        #expect(other.status == 1 && other.errors.contains("cannot begin with the model: tensor '"), "\(other.errors)")
        #expect(try fixture.train(["--init", "@/nothing.mexit"]).errors.contains("nothing.mexit"))
    }

    @Test func aNetworkThatDivergesIsNotWritten() throws {
        let run = try fixture.train(["--lr", "1e30", "--warmup", "0"])
        #expect(run.status == 1 && run.output == "")
        #expect(run.errors.contains("error: training diverged at step ") && run.errors.contains("learning rate"), "\(run.errors)")
        #expect(!run.errors.contains("-nan") && !fixture.exists("m.mexit"), "\(run.errors)")
    }

    /// Norms keep numbers finite that are good for nothing.
    @Test func aNetworkThatBlowsUpIsNotWritten() throws {
        let run = try fixture.train(["--lr", "10", "--warmup", "0", "--epochs", "20"])
        #expect(run.status == 1 && run.errors.contains("the mean loss of exit ") && run.errors.contains("guessing has 0.693"), "\(run.errors)")
        let step = try #require(run.errors.firstMatch(of: /step (\d+) \(epoch (\d+)\)/).flatMap { Int($0.2) })
        // The file is that of the epoch before, if there was one.
        #expect(step == 1 ? !fixture.exists("m.mexit") : run.errors.contains("as it was after epoch \(step - 1),"), "\(run.errors)")
    }

    @Test func aFolderThatGoesAwayEndsTraining() throws {
        try fixture.makeFolder("gone")
        let child = try startLongRun(["--epochs", "100000"], out: "@/gone/m.mexit")
        try FileManager.default.removeItem(atPath: "\(fixture.path)/gone")
        #expect(try child.wait() == 1)
        #expect(child.errorText.contains("cannot save") && child.errorText.contains("gone/m.mexit"), "\(child.errorText)")
        #expect(fixture.text("long.jsonl").contains(#""status":"failed""#))
    }

    /// Losing metrics is no reason to lose the training.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"))) func fullDiskForMetricsIsAWarning() throws {
        let run = try fixture.train(["--metrics", "/dev/full"])
        #expect(run.status == 0 && run.errors.contains("warning: cannot write metrics to '/dev/full': "), "\(run.errors)")
        #expect(fixture.exists("m.mexit"))
    }
}
