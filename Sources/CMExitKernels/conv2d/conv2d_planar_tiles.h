/* The register tiles of the planar kernels: TILE(output channels, vectors), all widths up to the max_vectors of
 * conv2d_planar_template.h. The including file defines TILE. */
TILE(1, 1) TILE(1, 2) TILE(1, 3) TILE(1, 4) TILE(1, 5) TILE(1, 6) TILE(1, 7) TILE(1, 8)
TILE(2, 1) TILE(2, 2) TILE(2, 3) TILE(2, 4)
TILE(3, 1) TILE(3, 2) TILE(3, 3)
TILE(4, 1) TILE(4, 2)
TILE(6, 1) TILE(6, 2)
#if VEC_REGISTERS >= 32
TILE(2, 5) TILE(2, 6) TILE(2, 7) TILE(2, 8)
TILE(3, 4) TILE(3, 5) TILE(3, 6) TILE(3, 7)
TILE(4, 3) TILE(4, 4) TILE(4, 5) TILE(4, 6)
TILE(6, 3) TILE(6, 4)
TILE(8, 1) TILE(8, 2) TILE(8, 3)
TILE(12, 1) TILE(12, 2)
#endif
