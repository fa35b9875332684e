// Matrix products on float32 numbers, rounded to nearest even after every step, and layers of
// networks made of them. The order of sums is that of the definition.
#include "layers.h"

namespace {

struct Request {
    const float *a, *b;    // M x K and K x N
    const float *initial;  // N, or none: what sums begin with instead of start
    float *c;              // M x N
    int64_t rows, depth, columns, threads;
    Sums sums;
};

template <class Number, int LANES> void multiply_matrices(const Request &request) {
    const int64_t depth = request.depth, columns = request.columns;
    const std::vector<uint32_t> words = words_of<Number>(request.a, request.rows * depth);
    const uint32_t *first = words.empty() ? (const uint32_t *)request.a : words.data();
    std::vector<const uint32_t *> rows(request.rows);
    for (int64_t row = 0; row < request.rows; row++) rows[row] = first + row * depth;
    std::vector<int32_t> places(depth);
    for (int64_t k = 0; k < depth; k++) places[k] = int32_t(k);
    const Multiply multiply = chosen(request.sums, request.sums.over);
    const int64_t vectors = columns > LANES ? 2 : 1, width = vectors * LANES;
    share(request.threads, (columns + width - 1) / width, [&](int64_t index) {
        const int64_t column = index * width, kept = std::min(width, columns - column);
        std::vector<Number> panel(depth * width);
        std::vector<float> begins(width, request.sums.start), result(request.rows * width);
        for (int64_t k = 0; k < depth; k++)
            for (int64_t j = 0; j < kept; j++)
                panel[k * width + j] = Number(request.b[k * columns + column + j]);
        if (request.initial) memcpy(&begins[0], request.initial + column, kept * sizeof(float));
        multiply({request.sums, rows.data(), places.data(), panel.data(), width, request.rows,
                  depth, vectors, nullptr, begins.data(), result.data()});
        for (int64_t row = 0; row < request.rows; row++)
            memcpy(request.c + row * columns + column, &result[row * width], kept * sizeof(float));
    });
}

}  // namespace

extern "C" int gemm32(const Request *request) {
    return has_room([&] {
#if defined(HAS_FLOAT16)
        if (request->sums.native == 16) return multiply_matrices<Float16, LANES16>(*request);
#endif
        multiply_matrices<float, LANES32>(*request);
    });
}

// Whether a*b + c is one operation, for products that are not exact in float32.
extern "C" int gemm32_is_fused() {
    return FUSED;
}

// Whether IEEE 754's numbers of 16 bits are multiplied and added as such.
extern "C" int gemm32_has_float16() {
#if defined(HAS_FLOAT16)
    return 1;
#else
    return 0;
#endif
}

// 0: there is no room; 1: done; 2: something is not finite, or there may be a constant too large.
extern "C" int layer_forward(const Layer *layer) {
    int found = 0;
    return has_room([&] { found = forward(*layer); }) ? found : 0;
}

extern "C" int layer_backward(const Layer *layer) {
    int found = 0;
    return has_room([&] { found = backward(*layer); }) ? found : 0;
}
