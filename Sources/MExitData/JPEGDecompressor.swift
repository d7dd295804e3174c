import CTurboJPEG

/// Owns a libjpeg-turbo decompressor. Written against the 2.x functions, which 3.x keeps.
final class JPEGDecompressor {
    /// Nil until the first image, and after a failure: libjpeg-turbo does not reset what it has parsed when a header breaks
    /// off, and would take the next file for the rest of the broken one.
    private var handle: tjhandle?
    private var interleaved: [UInt8] = []

    deinit { reset() }

    private func reset() {
        if let handle { tjDestroy(handle) }
        handle = nil
    }

    /// Decodes a whole JPEG file to RGB and turns it upright.
    ///
    /// - Parameter side: the image is to be shrunk until it covers a square of this side; it may come at half, a quarter or an
    ///   eighth of its size, which the inverse cosine transform gives for a fraction of the time, as long as that is at least twice
    ///   the side, so that the filter behind it still averages. Nil: full size.
    func decode(_ bytes: UnsafeRawBufferPointer, limits: ImageLimits, name: String, covering side: Int? = nil) throws -> ImageU8 {
        let data = bytes.bindMemory(to: UInt8.self)
        guard let start = data.baseAddress else { throw DataError(.corruptImage, "cannot decode \(name): it is empty") }
        let handle = try handle ?? makeHandle()
        var isDone = false
        defer { if !isDone { reset() } }
        var (width, height, subsampling, colorspace): (Int32, Int32, Int32, Int32) = (0, 0, -1, -1)
        let status = tjDecompressHeader3(handle, start, numericCast(data.count), &width, &height, &subsampling, &colorspace)
        // An uncommon chroma subsampling is reported as a failure although the rest of the header was read and the image
        // decodes; anything really wrong leaves one of these unset or makes the next call fail.
        guard status == 0 || (width > 0 && height > 0 && colorspace >= 0) else { throw failure(name, handle) }
        try limits.check(width: Int(width), height: Int(height), of: name)

        let cmyk = colorspace == Int32(TJCS_CMYK.rawValue) || colorspace == Int32(TJCS_YCCK.rawValue)
        if let side {
            var denominator: Int32 = 8
            while denominator > 1, Int(min(width, height) / denominator) < 2 * side { denominator /= 2 }
            // As libjpeg rounds (TJSCALED).
            width = (width + denominator - 1) / denominator
            height = (height + denominator - 1) / denominator
        }
        let pixelCount = Int(width) * Int(height)
        let needed = pixelCount * (cmyk ? 4 : 3)
        if interleaved.count < needed { interleaved = [UInt8](repeating: 0, count: needed) }
        defer { if interleaved.count > 1 << 24 { interleaved = [] } }  // keep no huge buffer for the sake of one image
        let format = cmyk ? TJPF_CMYK : TJPF_RGB
        // LIMITSCANS: a small progressive file can ask for thousands of passes over a large image.
        let flags = TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS
        let decoded = tjDecompress2(
            handle, start, numericCast(data.count), &interleaved, width, 0, height, Int32(format.rawValue), Int32(flags))
        guard decoded == 0 else { throw failure(name, handle) }
        isDone = true
        if cmyk { inksToRGB(pixels: pixelCount) }
        let image = interleaved.withUnsafeBufferPointer {
            ImageU8.planar(interleaved: $0, height: Int(height), width: Int(width))
        }
        return image.oriented(ExifOrientation(jpeg: bytes))
    }

    /// Turns `[N, 4]` inverted inks into `[N, 3]` RGB in place.
    private func inksToRGB(pixels: Int) {
        for i in 0..<pixels {
            let black = UInt32(interleaved[4 * i + 3])
            for c in 0..<3 { interleaved[3 * i + c] = UInt8((UInt32(interleaved[4 * i + c]) * black + 127) / 255) }
        }
    }

    private func makeHandle() throws -> tjhandle {
        guard let made = tjInitDecompress() else {
            throw DataError(.unreadable, "cannot start the JPEG decoder: \(String(cString: tjGetErrorStr2(nil)))")
        }
        handle = made
        return made
    }

    private func failure(_ name: String, _ handle: tjhandle) -> DataError {
        DataError(
            .corruptImage,
            "cannot decode \(name): damaged or cut-off JPEG (\(String(cString: tjGetErrorStr2(handle)))); replace or remove it")
    }
}
