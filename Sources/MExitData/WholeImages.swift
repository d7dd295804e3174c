/// The images of a data set before the centre crop, for random crops to take their parts from: each shrunk until it just covers
/// a frame somewhat larger than the network's input, never enlarged.
struct WholeImages: Sendable {
    /// By stored image; nil: nothing lies outside the centre crop, which is as sharp, or the image did not decode.
    private let images: [ImageU8?]
    /// The input's size, and that of the frame.
    private let size, frame: ImageSize
    /// Shorter side of the frame.
    let side: Int
    let bytes: Int

    /// - Parameter images: By stored image, made by ``shrunk(_:covering:)``.
    init(_ images: [ImageU8?], size: ImageSize, side: Int) {
        self.images = images
        self.size = size
        self.side = side
        frame = WholeImages.frame(size, side: side)
        bytes = images.reduce(0) { $0 + ($1?.pixels.count ?? 0) }
    }

    /// `size` scaled until its shorter side is `side`.
    static func frame(_ size: ImageSize, side: Int) -> ImageSize {
        let shorter = min(size.height, size.width)
        return ImageSize(height: (size.height * side + shorter - 1) / shorter, width: (size.width * side + shorter - 1) / shorter)
    }

    /// What is kept of an image: all of it, no larger than covers the frame.
    static func shrunk(_ image: ImageU8, covering frame: ImageSize) -> ImageU8 {
        let scaled = image.size.covering(frame)
        return scaled.height < image.height ? image.resized(to: scaled) : image
    }

    /// How a random crop sees an image: its size, and the size of a window that looks as large as the network's input does in the frame.
    struct View: Hashable {
        var size, window: ImageSize
    }

    func view(_ stored: Int) -> View {
        let whole = images[stored]?.size ?? size
        let scale = min(1, Double(whole.height) / Double(frame.height), Double(whole.width) / Double(frame.width))
        func window(_ length: Int, _ whole: Int) -> Int { max(1, min(whole, Int((Double(length) * scale).rounded()))) }
        return View(size: whole, window: ImageSize(height: window(size.height, whole.height), width: window(size.width, whole.width)))
    }

    /// Whether an image is smaller than the frame, so that its windows are smaller than the input and are enlarged.
    func isSmall(_ stored: Int) -> Bool { view(stored).window != size }

    /// The samples `[C, H, W]` of an image's own size; nil: those of the centre crop.
    func pixels(_ stored: Int) -> [UInt8]? { images[stored]?.pixels }
}
