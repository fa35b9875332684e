// Numbers to codes of a float, and numbers rounded to a format, one by one.
#include "rounding.h"
#include "work.h"

namespace {

typedef Arithmetics<double> A;

struct Layout {
    int64_t fraction_width, bias;
    int64_t sign, infinity, nothing;  // codes
    double least;                     // the smallest normal number
};

struct Request {
    const double *x;
    const double *threshold;  // for each number, of stochastic rounding; or null
    double *y;                // rounded numbers, unless null
    uint64_t *codes;          // their codes, unless null
    int64_t count, threads;
    Rounding<double> rounding;
    Layout layout;
};

constexpr int64_t PIECE = 1 << 13;

ALWAYS U64 codes_of(F64 y, const Layout &layout) {
    const F64 magnitude = A::magnitude_of(y);
    const int64_t width = layout.fraction_width;
    I64 code = ((I64)magnitude >> (52 - width)) - ((1023 - layout.bias) << width);
    const F64 units = magnitude * (double(int64_t(1) << width) / layout.least);
    code = magnitude < spread(layout.least) ? __builtin_convertvector(units, I64) : code;
    code = magnitude == spread(__builtin_inf()) ? all<I64>(layout.infinity) : code;
    code |= ((I64)y < 0) & layout.sign;
    return (U64)(y != y ? all<I64>(layout.nothing) : code);
}

// Finite numbers other than 0 come no nearer to 0, and go no farther, than any format could tell.
ALWAYS F64 near(F64 x) {
    const F64 least = spread(0x1p-480), most = spread(0x1p480), magnitude = A::magnitude_of(x);
    F64 y = magnitude < least ? least : magnitude;
    y = y > most ? most : y;
    const I64 kept = (magnitude == 0.0) | (magnitude == spread(__builtin_inf())) | (x != x);
    return kept ? x : (F64)((I64)y | ((I64)x & INT64_MIN));
}

ALWAYS void vector_at(const Request &request, const double *x, const double *threshold, double *y,
                      uint64_t *codes) {
    const F64 number = near(load<F64>(x));
    const F64 none{};
    const F64 found =
        threshold ? A::rounded<false, true, false>(number, none, load<F64>(threshold),
                                                   request.rounding)
                  : A::rounded<false, false, false>(number, none, none, request.rounding);
    if (y) store(y, found);
    if (codes) store(codes, codes_of(found, request.layout));
}

void piece(const Request &request, int64_t first, int64_t end) {
    const double *threshold = request.threshold;
    double *y = request.y;
    uint64_t *codes = request.codes;
    int64_t i = first;
    for (; i + LANES64 <= end; i += LANES64)
        vector_at(request, request.x + i, threshold ? threshold + i : nullptr, y ? y + i : nullptr,
                  codes ? codes + i : nullptr);
    if (i == end) return;
    double numbers[LANES64] = {}, thresholds[LANES64] = {}, results[LANES64];
    uint64_t found[LANES64];
    memcpy(numbers, request.x + i, (end - i) * sizeof(double));
    if (threshold) memcpy(thresholds, threshold + i, (end - i) * sizeof(double));
    vector_at(request, numbers, threshold ? thresholds : nullptr, results, found);
    if (y) memcpy(y + i, results, (end - i) * sizeof(double));
    if (codes) memcpy(codes + i, found, (end - i) * sizeof(uint64_t));
}

}  // namespace

// What the arithmetic relies on, for callers that do some of it themselves.
extern "C" void *begin_arithmetic() {
    return new Arithmetic;
}

extern "C" void end_arithmetic(void *state) {
    delete (Arithmetic *)state;
}

extern "C" int convert(const Request *request) {
    const int64_t pieces = (request->count + PIECE - 1) / PIECE;
    return has_room([&] {
        share(request->threads, pieces, [&](int64_t index) {
            piece(*request, index * PIECE, std::min((index + 1) * PIECE, request->count));
        });
    });
}
