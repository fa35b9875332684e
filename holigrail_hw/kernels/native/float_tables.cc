// Sums of products that a table of 256 x 256 floats gives, rounded after every addition.
//
// Laid out as in tables.cc; a sum takes its products in the order of K.
#include "rounding32.h"
#include "work.h"

namespace {

struct Request {
    const float *table;       // 256 x 256, by the first factor
    const uint8_t *a, *b;     // M x K and K x N
    float *sums;              // M x N
    int64_t rows, depth, columns, threads;
    int64_t odd, over;
    Rounding32 sum;
};

constexpr int64_t TILE = 32, STEPS = 4;

template <bool ODD, int OVER> void tile_of(const Request &request, int64_t column) {
    const int64_t width = std::min(TILE, request.columns - column);
    std::vector<float> laid(STEPS * 256 * TILE), sums(request.rows * TILE);
    for (int64_t first = 0; first < request.depth; first += STEPS) {
        const int64_t steps = std::min(STEPS, request.depth - first);
        for (int64_t step = 0; step < steps; step++) {
            const uint8_t *b = request.b + (first + step) * request.columns + column;
            for (int64_t value = 0; value < 256; value++)
                for (int64_t j = 0; j < width; j++)
                    laid[(step * 256 + value) * TILE + j] = request.table[value * 256 + b[j]];
        }
        for (int64_t row = 0; row < request.rows; row++) {
            const uint8_t *a = request.a + row * request.depth + first;
#pragma GCC unroll 8
            for (int64_t j = 0; j < TILE; j += LANES32) {
                F32 total = load<F32>(&sums[row * TILE + j]);
                for (int64_t step = 0; step < steps; step++) {
                    const F32 product = load<F32>(&laid[(step * 256 + a[step]) * TILE + j]);
                    const F32 exact = ODD ? added_to_odd(total, product) : total + product;
                    total = rounded<true, OVER>(exact, request.sum);
                }
                store(&sums[row * TILE + j], total);
            }
        }
    }
    for (int64_t row = 0; row < request.rows; row++)
        memcpy(request.sums + row * request.columns + column, &sums[row * TILE],
               width * sizeof(float));
}

template <bool ODD, int OVER> void all_tiles(const Request &request) {
    share(request.threads, (request.columns + TILE - 1) / TILE,
          [&](int64_t tile) { tile_of<ODD, OVER>(request, tile * TILE); });
}

template <bool ODD> void choose(const Request &request) {
    switch (request.over) {
    case INFINITE: return all_tiles<ODD, INFINITE>(request);
    case SATURATE: return all_tiles<ODD, SATURATE>(request);
    default: return all_tiles<ODD, NOTHING>(request);
    }
}

}  // namespace

extern "C" int float_table_sums(const Request *request) {
    return has_room([&] { request->odd ? choose<true>(*request) : choose<false>(*request); });
}
