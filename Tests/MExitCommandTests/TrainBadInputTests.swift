import Foundation
import Testing

/// What `mexit-train` cannot do, it says: one message that names the thing, exit code 1, or 64 for usage, and no file.
@Suite struct TrainBadInputTests {
    let fixture: TrainFixture

    init() throws { fixture = try TrainFixture() }

    private func expect(_ run: (status: Int32, output: String, errors: String), _ status: Int32, _ said: String, _ what: [String]) {
        #expect(run.status == status && run.output == "", "\(what): \(run)")
        #expect(run.errors.contains(said), "\(what): \(run.errors)")
        #expect(!fixture.exists("m.mexit"), "\(what)")
    }

    @Test func data() throws {
        try fixture.makeFolder("none")
        try fixture.makeFolder("hollow/day")
        try fixture.write(Array("text".utf8), to: "hollow/day/readme.txt")
        try fixture.write(TrainFixture.picture(base: 0, number: 0), to: "alone/day/0.png")
        try fixture.write(TrainFixture.picture(base: 0, number: 0), to: "broken/day/0.png")
        try fixture.write(Array(TrainFixture.picture(base: 0, number: 0).dropLast(40)), to: "broken/day/1.png")
        try fixture.write(TrainFixture.picture(base: 0, number: 0), to: "broken/night/0.png")
        for (data, more, status, said) in [
            ("images:@/no", [], 1, "no': no such folder"), ("images:@/micro.json", [], 1, "micro.json': it is not a folder"),
            ("images:@/none", [], 1, "none' as training images: no folder in it"), ("images:@/hollow", [], 1, "class folder '@/hollow/day' has no"),
            ("images:@/alone", [], 1, "its only class is 'day'"), ("images:@/broken", ["--on-bad-image", "refuse"], 1, "day/1.png'"),
            ("images:@/photos", ["--validation", "12"], 1, "cannot hold 12 validation images out of"),
            ("images:@/photos", ["--image-size", "1x1"], 1, "use a larger input"), ("cifar10:@/photos", [], 1, "batches.meta.txt'"),
            ("idx:@/photos", [], 1, "train-images-idx3-ubyte'"), ("photos", [], 64, "no KIND"), ("jpegs:photos", [], 64, "unknown kind 'jpegs'"),
            ("images:", [], 64, "no folder after the colon"),
        ] as [(String, [String], Int32, String)] {
            expect(try fixture.train(more, data: data), status, said.replacingOccurrences(of: "@", with: fixture.path), [data] + more)
        }
        let skipped = try fixture.train(data: "images:@/broken", out: "@/skipped.mexit")
        #expect(skipped.status == 0 && skipped.errors.contains("warning: 1 image does not decode and was skipped"), "\(skipped.errors)")
    }

    @Test(arguments: [
        ("--lr", "0", "learning rate is 0.0"), ("--lr", "-1", "learning rate is -1.0"), ("--lr", "nan", "learning rate is nan"),
        ("--epochs", "0", "epochs is 0"), ("--epochs", "many", "'many' is invalid for '--epochs"), ("--batch-size", "0", "batch size is 0"),
        ("--warmup", "3", "warm-up lasts 3.0 epochs"), ("--momentum", "1", "momentum is 1.0"), ("--weight-decay", "-1", "weight decay is -1.0"),
        ("--label-smoothing", "1", "label smoothing is 1.0"), ("--projection-strength", "-1", "projection strength is -1.0"),
        ("--validation", "-1", "--validation is -1"), ("--threads", "0", "--threads is 0"), ("--seed", "-1", "'-1' is invalid for '--seed"),
        ("--deconflict", "magic", "'none', 'project', 'pcgrad' or 'cagrad'"), ("--augment", "spin", "'spin' is invalid"), ("--image-size", "32", "'32' is invalid"),
        ("--augment", "crop,resized-crop", "is invalid"), ("--exit-weights", "steep", "'steep' is invalid"), ("--exit-weights", "-1,1", "exit weights are"),
        ("--distill", "2", "share of distillation is 2.0"), ("--distill-temperature", "-3", "temperature"), ("--ema", "1", "weight average is 1.0"), ("--average-from", "-1", "begins at -1.0"), ("--average-from", "2", "leave one of 2; give at most 1"), ("--cagrad-radius", "1", "radius of CAGrad is 1.0"),
        ("--crop-side", "-1", "--crop-side is -1"), ("--crop-side", "20000", "it must be 0 ... 16384"), ("--mixup", "2", "alpha of mixup is 2.0"), ("--mean", "0.5", "belong together"), ("--state-minutes", "0", "--state-minutes is 0.0"),
        ("--best", "@/m.mexit", "all different"), ("--metrics", "@/m.mexit", "all different"), ("--resume", "@/m.mexit", "would overwrite"), ("--init", "@/m.mexit", "would overwrite"),
        ("--state", "@/./m.mexit", "all different"), ("--resume", "@/photos/../m.mexit", "would overwrite"), ("--init", "@/.//m.mexit", "would overwrite"), ("--colour", "red", "Unknown option '--colour'"),
    ]) func usage(option: String, value: String, said: String) throws {
        expect(try fixture.train([option, value]), 64, said, [option, value])
    }

    @Test func whatIsReadIsNotOverwritten() throws {
        for output in [["--out", "@/./micro.json"], ["--metrics", "@/micro.json"], ["--report", "@/micro.json"], ["--state", "@/micro.json"], ["--best", "@/micro.json"]] {
            expect(try fixture.train(output), 64, "--arch reads '", output)
        }
        #expect(fixture.text("micro.json").contains("msdnet"))
    }

    @Test func wholeNumbersTakeSuffixes() throws {
        expect(try fixture.train(["--batch-size", "1.5"]), 64, "'1.5' is invalid", [])
        let run = try fixture.train(["--batch-size", "2.01k", "--epochs", "2e0", "--validation", "1", "--metrics", "@/m.jsonl"])
        #expect(run.status == 0 && fixture.text("m.jsonl").contains("--epochs 2 --batch-size 2010 "), "\(run.errors)")
    }

    @Test func oneAverageAtATime() throws {
        expect(try fixture.train(["--ema", "0.9", "--average-from", "0"]), 64, "give one", [])
    }

    @Test func cropSide() throws {
        expect(try fixture.train(["--crop-side", "64", "--augment", "flip"]), 64, "of no use without crop or resized-crop", [])
        expect(try fixture.train(["--crop-side", "4"]), 1, "cannot use a crop side of 4", [])
        expect(try fixture.train(["--crop-side", "40"], data: "idx:@/photos"), 1, "cannot use a crop side of 40", [])
    }

    @Test func filesAndNetworks() throws {
        try fixture.write(Array(#"{"family": "msdnet", "config": {"exit": 3}}"#.utf8), to: "misspelt.json")
        try fixture.write(Array("{".utf8), to: "half.json")
        for (more, said) in [
            (["--arch", "lenet"], "no architecture is named 'lenet'"), (["--arch", "@/no.json"], "no.json'"), (["--arch", "@/half.json"], "half.json'"),
            (["--arch", "@/misspelt.json"], "'exit' is not known"), (["--metrics", "@/no/m.jsonl"], "no/m.jsonl'"),
            (["--best", "@/b.mexit", "--validation", "0"], "--best needs held-out images"), (["--validation", "11"], "hold out fewer (--validation)"), (["--exit-weights", "1,2,3"], "3 exit weights"),
            (["--mean", "0.5", "--std", "0.2"], "have 3 channels"), (["--report", "@/no/r.html"], "no/r.html'"),
            (["--metrics", "@/photos"], "it is a folder"), (["--state", "@/no/s"], "no/s'"), (["--state", "@/photos"], "photos': it exists and is not"),
        ] { expect(try fixture.train(more), 1, said, more) }
        expect(try fixture.train(out: "@/" + String(repeating: "n", count: 256)), 1, "File name too long", [])
        for out in ["@/no/m.mexit", "@/photos"] { expect(try fixture.train(out: out), 1, "cannot write '", [out]) }
        #expect(try ChildProcess.run("mexit-train", []).status == 64)
    }

    @Test func helpTellsDefaults() throws {
        let help = try ChildProcess.run("mexit-train", ["--help"])
        let text = help.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(help.status == 0)
        for said in [
            "--arch <name|file.json> Network: a preset or a JSON file. (default: msdnet-tiny)", "Passes over the training images. (default: 20)",
            "all of them where there are fewer. (default: 64)", "Learning rate after the warm-up. (default: 0.1)", "(default: 0.9)", "(default: 0.0001)",
            "(default: --nesterov)", "(values: multistep, cosine, constant; default: cosine)", "(default: crop,flip)", "(values: none, project, pcgrad, cagrad; default: project)",
            "(values: tensor, block, network; default: tensor)", "(values: sum, mean; default: sum)", "Default: a tenth, at most 5000.",
            "(values: skip, refuse; default: skip)", "(default: 0.5,0.75)", "Default: one per processor.",
            "Exit codes: 0 trained; 1 failed or interrupted; 64 usage.",
        ] { #expect(text.contains(said), "help lacks '\(said)': \(text)") }
    }
}
