import CMExitKernels
import Testing
import _MExitTestSupport

@Suite struct ClearHaloTests {
    @Test(arguments: [(1, 1, 1, 1), (3, 5, 7, 1), (2, 8, 8, 2), (4, 3, 1, 3), (2, 4, 6, 0)])
    func halosBecomeZeroAndPixelsStay(_ channels: Int, _ height: Int, _ width: Int, _ halo: Int) throws {
        var map = mexit_map_make(Int32(channels), Int32(height), Int32(width), Int32(halo))
        var random = SeededGenerator(seed: 3)
        let pixels = (0..<2).map { _ in random.floats(channels * height * width) }
        let maps = pixels.map { MapBuffer(map, $0) }
        for buffer in maps {
            // Another layout's leftovers, everywhere but in the pixels.
            let origin = buffer.pixels - Int(mexit_map_origin(&map))
            let used = (height + 2 * halo) * Int(map.row_stride) + halo
            let values = buffer.values
            for channel in 0..<channels { for index in 0..<used { origin[channel * Int(map.channel_stride) + index] = .nan } }
            buffer.values = values
        }
        withOutputs(maps) { mexit_clear_halo_f32(&map, $0, maps.count) }
        for (buffer, expected) in zip(maps, pixels) {
            try buffer.check()
            #expect(buffer.values == expected)
        }
    }
}
