/* The register tiles with vectors over channels: TILE(pixels, vectors), all heights up to the max_pixels of
 * conv2d_channels_template.h. The including file defines TILE. */
TILE(1, 1) TILE(2, 1) TILE(3, 1) TILE(4, 1) TILE(5, 1) TILE(6, 1) TILE(7, 1) TILE(8, 1) TILE(9, 1) TILE(10, 1)
TILE(1, 2) TILE(2, 2) TILE(3, 2) TILE(4, 2) TILE(5, 2) TILE(6, 2)
TILE(1, 3) TILE(2, 3) TILE(3, 3)
TILE(1, 4) TILE(2, 4)
#if VEC_REGISTERS >= 32
TILE(11, 1) TILE(12, 1)
TILE(7, 2) TILE(8, 2) TILE(9, 2) TILE(10, 2)
TILE(4, 3) TILE(5, 3) TILE(6, 3) TILE(7, 3)
TILE(3, 4) TILE(4, 4) TILE(5, 4) TILE(6, 4)
#endif
