// Sums of products that a table of 256 x 256 numbers gives.
//
// For a tile of columns and a few steps of K the row of the table for every first factor is laid
// out once, T[a][j] = table[a][b_kj], so that each row of the first matrix adds whole vectors.
#include "vectors.h"
#include "work.h"

namespace {

struct Request {
    const void *table;        // 256 x 256, by the first factor
    const uint8_t *a, *b;     // M x K and K x N
    int32_t *sums;            // M x N, which fit
    int64_t rows, depth, columns, threads;
    int64_t narrow;           // products are integers of 16 bits, else of 32
};

constexpr int64_t TILE = 32, STEPS = 4;

// Products that become one vector of sums.
template <class Product> struct Piece;
template <> struct Piece<int16_t> {
    typedef int16_t V __attribute__((vector_size(2 * LANES32)));
};
template <> struct Piece<int32_t> {
    typedef I32 V;
};

#if defined(__AVX512BW__)
// 32 of 256 numbers at once: four times 32 of 64, of which two bits choose.
void lay_out(const int16_t *table, const uint8_t *b, int64_t width, int16_t *to) {
    uint16_t places[TILE] = {};
    for (int64_t j = 0; j < width; j++) places[j] = b[j];
    const __m512i place = _mm512_loadu_si512(places);
    const __mmask32 high = _mm512_test_epi16_mask(place, _mm512_set1_epi16(64));
    const __mmask32 highest = _mm512_test_epi16_mask(place, _mm512_set1_epi16(128));
    for (int64_t value = 0; value < 256; value++) {
        const int16_t *from = table + value * 256;
        __m512i part[4];
        for (int quarter = 0; quarter < 4; quarter++)
            part[quarter] = _mm512_permutex2var_epi16(_mm512_loadu_si512(from + 64 * quarter), place,
                                                      _mm512_loadu_si512(from + 64 * quarter + 32));
        const __m512i lower = _mm512_mask_blend_epi16(high, part[0], part[1]);
        const __m512i upper = _mm512_mask_blend_epi16(high, part[2], part[3]);
        _mm512_storeu_si512(to + value * TILE, _mm512_mask_blend_epi16(highest, lower, upper));
    }
}
#endif

template <class Product>
void lay_out(const Product *table, const uint8_t *b, int64_t width, Product *to) {
    for (int64_t value = 0; value < 256; value++)
        for (int64_t j = 0; j < width; j++) to[value * TILE + j] = table[value * 256 + b[j]];
}

template <class Product> void tile_of(const Request &request, int64_t column) {
    typedef typename Piece<Product>::V V;
    const Product *table = (const Product *)request.table;
    const int64_t width = std::min(TILE, request.columns - column);
    std::vector<Product> laid(STEPS * 256 * TILE);
    std::vector<int32_t> sums(request.rows * TILE);
    for (int64_t first = 0; first < request.depth; first += STEPS) {
        const int64_t steps = std::min(STEPS, request.depth - first);
        if (steps < STEPS) std::fill(laid.begin(), laid.end(), Product(0));
        for (int64_t step = 0; step < steps; step++)
            lay_out(table, request.b + (first + step) * request.columns + column, width,
                    &laid[step * 256 * TILE]);
        for (int64_t row = 0; row < request.rows; row++) {
            const uint8_t *a = request.a + row * request.depth + first;
            const Product *part[STEPS];
#pragma GCC unroll 4
            for (int64_t step = 0; step < STEPS; step++)
                part[step] = &laid[(step * 256 + (step < steps ? a[step] : 0)) * TILE];
#pragma GCC unroll 8
            for (int64_t j = 0; j < TILE; j += LANES32) {
                I32 total = load<I32>(&sums[row * TILE + j]);
#pragma GCC unroll 4
                for (int64_t step = 0; step < STEPS; step++)
                    total += __builtin_convertvector(load<V>(part[step] + j), I32);
                store(&sums[row * TILE + j], total);
            }
        }
    }
    for (int64_t row = 0; row < request.rows; row++)
        memcpy(request.sums + row * request.columns + column, &sums[row * TILE],
               width * sizeof(int32_t));
}

}  // namespace

extern "C" int table_sums(const Request *request) {
    const int64_t tiles = (request->columns + TILE - 1) / TILE;
    return has_room([&] {
        share(request->threads, tiles, [&](int64_t tile) {
            if (request->narrow)
                tile_of<int16_t>(*request, tile * TILE);
            else
                tile_of<int32_t>(*request, tile * TILE);
        });
    });
}
