/// PNG files written byte by byte (PNG specification, third edition): every colour type, and headers that lie.
package enum PNGFixture {
    package static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    package enum ColourType: UInt8 {
        case grey = 0, rgb = 2, palette = 3, greyAlpha = 4, rgba = 6
    }

    /// A PNG of raw rows (without filter bytes; packed below 8 bits, big-endian at 16).
    package static func encode(
        rows: [[UInt8]], width: Int, _ type: ColourType, depth: UInt8 = 8, extra: [[UInt8]] = [], height: Int? = nil
    ) -> [UInt8] {
        let data = rows.flatMap { row -> [UInt8] in [0] + row }  // filter type 0: none
        return signature + header(width: width, height: height ?? rows.count, type, depth: depth) + Array(extra.joined())
            + chunk("IDAT", stored(data)) + chunk("IEND", [])
    }

    package static func header(width: Int, height: Int, _ type: ColourType, depth: UInt8 = 8) -> [UInt8] {
        chunk("IHDR", big(width) + big(height) + [depth, type.rawValue, 0, 0, 0])
    }

    package static func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(name.utf8) + data
        return big(data.count) + body + big(Int(crc32(body)))
    }

    package static func big(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }

    /// A zlib stream of one stored (uncompressed) block.
    private static func stored(_ data: [UInt8]) -> [UInt8] {
        let count = UInt16(data.count)
        var (a, b): (UInt32, UInt32) = (1, 0)
        for byte in data {
            a = (a + UInt32(byte)) % 65521
            b = (b + a) % 65521
        }
        let lengths = [UInt8(count & 255), UInt8(count >> 8), UInt8(~count & 255), UInt8(~count >> 8)]
        return [0x78, 0x01, 0x01] + lengths + data + big(Int(b << 16 | a))
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }
}
