/// Random changes to a training image that keep its class.
///
/// In the order they are applied: a random crop of the image padded with black, a mirror image with probability ½, and a
/// square set to zero after normalisation. The first two are torchvision's `RandomCrop(size, padding)` and
/// `RandomHorizontalFlip`, the standard training transform of CIFAR.
public struct Augmentation: Hashable, Sendable {
    /// Black pixels added on each side before cropping back to the image's size; 0: no crop.
    public var cropPadding: Int
    /// Whether half of the images are mirrored.
    public var horizontalFlip: Bool
    /// Side in pixels of a square, its centre anywhere in the image, set to the mean (0 after normalisation); 0: none.
    ///
    /// Source: DeVries and Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, 2017
    /// (arXiv:1708.04552).
    public var cutout: Int

    public init(cropPadding: Int = 4, horizontalFlip: Bool = true, cutout: Int = 0) {
        precondition(cropPadding >= 0 && cutout >= 0, "crop padding and cutout are at least 0")
        self.cropPadding = cropPadding
        self.horizontalFlip = horizontalFlip
        self.cutout = cutout
    }

    /// No change, as for validation and test images.
    public static let none = Augmentation(cropPadding: 0, horizontalFlip: false, cutout: 0)

    /// What happens to one image in one epoch.
    struct Draw: Hashable {
        /// Position of the crop in the image: row y of the result is row y + `down` of the image, black outside it.
        var down = 0
        var right = 0
        var isMirrored = false
        /// Rows and columns set to zero.
        var hiddenRows = 0..<0
        var hiddenColumns = 0..<0
    }

    /// Draws for one image; depends on nothing but the arguments.
    func draw(size: ImageSize, seed: UInt64, epoch: Int, index: Int) -> Draw {
        var draw = Draw()
        if self == .none { return draw }
        var random = CounterRandom(.augmentation, seed: seed, epoch, index)
        if cropPadding > 0 {
            draw.down = random.next(below: 2 * cropPadding + 1) - cropPadding
            draw.right = random.next(below: 2 * cropPadding + 1) - cropPadding
        }
        if horizontalFlip { draw.isMirrored = random.next(below: 2) == 1 }
        if cutout > 0 {
            func hidden(_ centre: Int, _ length: Int) -> Range<Int> {
                let start = centre - cutout / 2
                return max(0, start)..<min(length, start + cutout)
            }
            draw.hiddenRows = hidden(random.next(below: size.height), size.height)
            draw.hiddenColumns = hidden(random.next(below: size.width), size.width)
        }
        return draw
    }
}
