import CMExitKernels
import Testing
import _MExitTestSupport

@Suite struct ConvolutionTests {
    private static func kernels() -> [mexit_conv2d_kernel] {
        var count = 0
        let first = mexit_conv2d_kernels(&count)
        return Array(UnsafeBufferPointer(start: first, count: count))
    }

    private static func name(_ kernel: mexit_conv2d_kernel) -> String { String(cString: kernel.name) }

    @Test func theScalarReferenceStandsFirst() throws {
        let kernels = Self.kernels()
        #expect(kernels.first?.isa == MEXIT_ISA_SCALAR)
        #expect(kernels.first?.reorders == false)
        #expect(Set(kernels.map(Self.name)).count == kernels.count)
    }

    @Test func theScalarReferenceIsTheDefinition() throws {
        let scalar = try #require(Self.kernels().first)
        for c in ConvolutionCase.all {
            let data = c.data()
            let y = try c.run(scalar, data)
            for sample in 0..<c.samples {
                let exact = c.exact(data, sample: sample)
                try assertClose(y[sample], exact.values, within: exact.tolerance, "\(c)")
            }
        }
    }

    @Test func theScalarReferenceNeedsNoHalo() throws {
        let scalar = try #require(Self.kernels().first)
        var c = ConvolutionCase.square(3, 4, 5, kernel: 3, stride: 2, pad: 1)
        let data = c.data()
        let withHalo = try c.run(scalar, data)
        c.xHalo = 0
        #expect(try c.run(scalar, data) == withHalo)
        var conv = c.conv
        let chosen = try #require(mexit_conv2d_choose(&conv))
        #expect(Self.name(chosen.pointee) == Self.name(scalar))
    }

    /// Direct kernels promise the scalar reference's bits, whatever the tile, the batch and the split into units.
    @Test func everyKernelGivesTheBitsOfTheScalarReference() throws {
        let kernels = Self.kernels()
        let scalar = try #require(kernels.first)
        var ran: [String: Int] = [:]
        for c in ConvolutionCase.all {
            var conv = c.conv
            let data = c.data()
            let expected = try c.run(scalar, data)
            for kernel in kernels where mexit_cpu_has(kernel.isa) && kernel.supports(&conv) && !kernel.reorders {
                ran[Self.name(kernel), default: 0] += 1
                let what = "\(Self.name(kernel)): \(c)"
                for (unitByUnit, misalignment) in [(false, 0), (true, Int(c.seed % 16))] {
                    let y = try c.run(kernel, data, unitByUnit: unitByUnit, misalignment: misalignment)
                    for sample in 0..<c.samples { try assertSameBits(y[sample], expected[sample], what) }
                }
            }
        }
        for kernel in kernels where !kernel.reorders {
            let count = ran[Self.name(kernel), default: 0]
            print("\(Self.name(kernel)): \(count) cases\(mexit_cpu_has(kernel.isa) ? "" : ", not on this CPU")")
            #expect(count > 0 || !mexit_cpu_has(kernel.isa))
        }
    }

    @Test func nothingSupportsNonsense() throws {
        let possible = ConvolutionCase.square(4, 6, 8, kernel: 3, pad: 1).conv
        let changes: [(inout mexit_conv2d) -> Void] = [
            { $0.groups = 0 }, { $0.groups = 3 }, { $0.stride_w = 0 }, { $0.kernel_h = 0 }, { $0.pad_w = -1 },
            { $0.dilation_h = 0 }, { $0.in_channels = 5 }, { $0.y.height = 9 }, { $0.y.width = 7 }, { $0.kernel_w = 40 },
            { $0.x.row_stride = 3 }, { $0.out_channels = 0 },
        ]
        for kernel in Self.kernels() {
            for (index, change) in changes.enumerated() {
                var conv = possible
                change(&conv)
                #expect(!kernel.supports(&conv), "\(Self.name(kernel)), change \(index)")
            }
        }
    }

    /// Where a row has no room for its padding, a tap beyond the row's end would read the next row's pixels.
    @Test func rowsWithoutRoomForTheirPaddingAreLeftToTheScalarReference() {
        var conv = ConvolutionCase.square(4, 6, 8, kernel: 3, pad: 1).conv
        conv.x.row_stride = 8
        for kernel in Self.kernels() {
            #expect(kernel.supports(&conv) == (kernel.isa == MEXIT_ISA_SCALAR), "\(Self.name(kernel))")
        }
    }

    /// So many vectors of channels that (vectors x blocks) needs more than 32 bits.
    @Test func twoMillionChannelsDoNotOverflow() throws {
        let kernels = Self.kernels()
        let scalar = try #require(kernels.first)
        let c = ConvolutionCase(inputs: 1, outputs: 1 << 21 | 1)
        var conv = c.conv
        let data = c.data()
        let expected = try c.run(scalar, data)
        for kernel in kernels where mexit_cpu_has(kernel.isa) && kernel.supports(&conv) {
            #expect(try c.run(kernel, data) == expected, "\(Self.name(kernel))")
        }
    }

    @Test func theChoiceRunsHereAndIsTheCheapest() throws {
        for c in ConvolutionCase.all {
            var conv = c.conv
            let chosen = try #require(mexit_conv2d_choose_any(&conv)).pointee
            #expect(mexit_cpu_has(chosen.isa) && chosen.supports(&conv))
            for kernel in Self.kernels() where mexit_cpu_has(kernel.isa) && kernel.supports(&conv) {
                #expect(kernel.cost(&conv) >= chosen.cost(&conv), "\(c)")
            }
        }
    }

    @Test func notANumberStaysVisibleBehindReLU() throws {
        var c = ConvolutionCase.square(2, 3, 6, kernel: 1)
        c.relu = true
        var data = c.data()
        data.weight[0] = .nan
        for kernel in Self.kernels() where mexit_cpu_has(kernel.isa) {
            var conv = c.conv
            guard kernel.supports(&conv) else { continue }
            let y = try c.run(kernel, data)[0]
            #expect(y[..<36].allSatisfy(\.isNaN) && !y[36...].contains(where: \.isNaN), "\(Self.name(kernel))")
        }
    }
}
