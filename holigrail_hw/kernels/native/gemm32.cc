// Matrix products on float32 numbers, rounded to nearest even after every step.
//
// Sums of a block of rows and two vectors of columns stay in registers over all of K; their order
// is that of the definition, and no sum is ever split.
#include "rounding32.h"
#include "work.h"

namespace {

struct Request {
    const float *a, *b;  // M x K and K x N
    const float *initial;  // N, or none: what sums begin with instead of start
    float *c;            // M x N
    int64_t rows, depth, columns, chunk, threads;
    int64_t cascade, odd, small, over;
    Rounding32 sum, product;
    float start;
};

constexpr int64_t PANEL = 2 * LANES32;
constexpr int BLOCK = VECTOR_BYTES == 64 ? 8 : VECTOR_BYTES == 32 ? 6 : 4;

template <bool CASCADE, bool ODD, bool SMALL, int OVER> struct Step {
    const Request &request;
    ALWAYS F32 finish(F32 exact) const { return rounded<SMALL, OVER>(exact, request.sum); }
    ALWAYS F32 plus(F32 x, F32 y) const { return finish(ODD ? added_to_odd(x, y) : x + y); }
    ALWAYS F32 operator()(F32 c, F32 a, F32 b) const {
        if (CASCADE) return plus(c, rounded<SMALL, OVER>(a * b, request.product));
        return ODD ? plus(c, a * b) : finish(fused(a, b, c));
    }
};

// ``rows`` of the results of one panel of columns. Behind the panel lies what its sums begin with.
template <int ROWS, class Step>
void block(const Step &step, const float *const *a, const float *panel, F32 *result) {
    const Request &request = step.request;
    const F32 start = spread(request.start);
    F32 outer[ROWS][2], sum[ROWS][2];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
        for (int v = 0; v < 2; v++)
            outer[r][v] = load<F32>(panel + request.depth * PANEL + v * LANES32);
    const int64_t length = request.chunk ? request.chunk : request.depth;
    for (int64_t first = 0; first < request.depth; first += length) {
        const int64_t end = std::min(first + length, request.depth);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
            for (int v = 0; v < 2; v++) sum[r][v] = request.chunk ? start : outer[r][v];
        for (int64_t k = first; k < end; k++) {
            const F32 left = load<F32>(panel + k * PANEL);
            const F32 right = load<F32>(panel + k * PANEL + LANES32);
#pragma GCC unroll 8
            for (int r = 0; r < ROWS; r++) {
                const F32 factor = spread(a[r][k]);
                sum[r][0] = step(sum[r][0], factor, left);
                sum[r][1] = step(sum[r][1], factor, right);
            }
        }
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
            for (int v = 0; v < 2; v++)
                outer[r][v] = request.chunk ? step.plus(outer[r][v], sum[r][v]) : sum[r][v];
    }
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
        for (int v = 0; v < 2; v++) result[2 * r + v] = outer[r][v];
}

template <int ROWS, class Step>
void rows_of(const Step &step, int64_t first, int64_t column, const float *panel) {
    const Request &request = step.request;
    const int64_t rows = std::min<int64_t>(ROWS, request.rows - first);
    const float *a[ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
        a[r] = request.a + (first + (r < rows ? r : 0)) * request.depth;
    F32 result[2 * ROWS];
    block<ROWS>(step, a, panel, result);
    const int64_t width = std::min(PANEL, request.columns - column);
    for (int64_t r = 0; r < rows; r++)
        memcpy(request.c + (first + r) * request.columns + column, &result[2 * r],
               width * sizeof(float));
}

template <class Step> void multiply(const Request &request) {
    const Step step{request};
    const int64_t panels = (request.columns + PANEL - 1) / PANEL;
    share(request.threads, panels, [&](int64_t index) {
        const int64_t column = index * PANEL;
        const int64_t width = std::min(PANEL, request.columns - column);
        std::vector<float> panel((request.depth + 1) * PANEL, request.start);
        for (int64_t k = 0; k < request.depth; k++)
            memcpy(&panel[k * PANEL], request.b + k * request.columns + column,
                   width * sizeof(float));
        if (request.initial)
            memcpy(&panel[request.depth * PANEL], request.initial + column, width * sizeof(float));
        int64_t row = 0;
        for (; request.rows - row >= BLOCK / 2; row += BLOCK)
            rows_of<BLOCK>(step, row, column, panel.data());
        for (; row < request.rows; row++) rows_of<1>(step, row, column, panel.data());
    });
}

template <bool CASCADE, bool ODD> void choose(const Request &request) {
    if (!request.small) {
        if (request.over == NONE) return multiply<Step<CASCADE, ODD, false, NONE>>(request);
        if (request.over == INFINITE)
            return multiply<Step<CASCADE, ODD, false, INFINITE>>(request);
    }
    switch (request.over) {
    case NONE: return multiply<Step<CASCADE, ODD, true, NONE>>(request);
    case INFINITE: return multiply<Step<CASCADE, ODD, true, INFINITE>>(request);
    case SATURATE: return multiply<Step<CASCADE, ODD, true, SATURATE>>(request);
    default: return multiply<Step<CASCADE, ODD, true, NOTHING>>(request);
    }
}

}  // namespace

extern "C" int gemm32(const Request *request) {
    return has_room([&] {
        if (request->cascade)
            request->odd ? choose<true, true>(*request) : choose<true, false>(*request);
        else
            request->odd ? choose<false, true>(*request) : choose<false, false>(*request);
    });
}

// Whether a*b + c is one operation, for products that are not exact in float32.
extern "C" int gemm32_is_fused() {
    return FUSED;
}
