// What a layer is, and how its numbers are rounded and laid out for its products.
#pragma once
#include <memory>

#include "blocks.h"
#include "rounding.h"
#include "work.h"

struct Quantiser {
    Rounding<float> rounding;
    float most;  // finite magnitudes beyond become this one before, out of range too
    int32_t identity;
};

struct Layer {
    int64_t images, channels, high, wide, outputs;
    int64_t kernel_y, kernel_x, step_y, step_x, gap_y, gap_x;
    int64_t before_y, before_x, padded_y, padded_x;  // zeros before, and sizes with all zeros
    int64_t out_y, out_x;
    int64_t is_matrix, threads;
    Quantiser of_x, of_weight, of_bias, of_grad;
    Sums forward, grad_input, grad_weight;
    const float *x, *weight, *bias;
    float *y;
    void *kept_x;           // rounded, with zeros: numbers
    uint32_t *kept_weight;  // rounded: words
    float *tops;            // the largest magnitudes of both
    const float *grad;
    float *grad_x, *grad_weights, *grad_bias;

    int64_t places() const { return out_y * out_x; }
    int64_t columns() const { return images * places(); }
    int64_t depth() const { return channels * kernel_y * kernel_x; }
    int64_t image() const { return channels * padded_y * padded_x; }
    // Where the k-th factor of the window at (0, 0) is in an image.
    int64_t place_of(int64_t k) const {
        const int64_t x = k % kernel_x, y = k / kernel_x % kernel_y, c = k / (kernel_x * kernel_y);
        return (c * padded_y + y * gap_y) * padded_x + x * gap_x;
    }
    int64_t window(int64_t place) const {
        return place / out_x * step_y * padded_x + place % out_x * step_x;
    }
};

// Numbers that nobody has set yet.
template <class Number> using Space = std::unique_ptr<Number[]>;

template <class Number> static Space<Number> space_for(int64_t count) {
    return Space<Number>(new Number[count]);
}

// Words that are spread over vectors; none for floats, which are such words.
template <class Number, class Given>
static std::vector<uint32_t> words_of([[maybe_unused]] const Given *numbers, int64_t count) {
    if (sizeof(Number) == sizeof(float)) return {};
    std::vector<uint32_t> words(count);
#if defined(HAS_FLOAT16)
    for (int64_t i = 0; i < count; i++) words[i] = pair_of(Float16(numbers[i]));
#endif
    return words;
}

static ALWAYS F32 quantised(F32 x, const Quantiser &q) {
    const I32 sign = (I32)x & INT32_MIN;
    const F32 magnitude = (F32)((I32)x & INT32_MAX), most = spread(q.most);
    const I32 far = (magnitude > most) & (magnitude < spread(__builtin_inff()));
    x = far ? (F32)((I32)most | sign) : x;
    return Arithmetics<float>::rounded<false, false, false>(x, F32{}, F32{}, q.rounding);
}

static ALWAYS void put(float *to, F32 numbers, int64_t count) {
    memcpy(to, &numbers, count * sizeof(float));
}
#if defined(HAS_FLOAT16)
static ALWAYS void put(Float16 *to, F32 numbers, int64_t count) {
    const __m256i narrow = (__m256i)_mm512_cvtxps_ph((__m512)numbers);
    memcpy(to, &narrow, count * sizeof(Float16));
}
#endif

// Rounded numbers; gives the largest magnitude, NaN above all others.
template <class Number>
float quantise(const float *from, Number *to, int64_t count, const Quantiser &q) {
    I32 top{};
    int64_t i = 0;
    for (; i + LANES32 <= count; i += LANES32) {
        F32 found = load<F32>(from + i);
        if (!q.identity) found = quantised(found, q);
        top = larger(top, (I32)found & INT32_MAX);
        put(to + i, found, LANES32);
    }
    if (i < count) {
        float rest[LANES32] = {};
        memcpy(rest, from + i, (count - i) * sizeof(float));
        F32 found = load<F32>(rest);
        if (!q.identity) found = quantised(found, q);
        top = larger(top, (I32)found & INT32_MAX);
        put(to + i, found, count - i);
    }
    int32_t most = 0;
    for (int lane = 0; lane < LANES32; lane++) most = std::max<int32_t>(most, top[lane]);
    float found;
    memcpy(&found, &most, sizeof found);
    return found;
}

// How sums of so many products of such magnitudes are computed; none if it must be done otherwise.
static Multiply judged(const Sums &sums, int64_t depth, float top, float other, float begin) {
    if (!(top < __builtin_inff()) || !(other < __builtin_inff()) || !(begin < __builtin_inff()))
        return nullptr;
    const double total =
        (double(depth) * double(top) * double(other) + double(begin)) * (1 + 0x1p-30);
    const bool fits = total <= sums.limit;
    if (!fits && !sums.native && sums.over < 0) return nullptr;
    return chosen(sums, fits ? int64_t(NONE) : sums.over);
}

// A row of numbers, of a length that the compiler knows, or of any.
template <int RUN, class T> static ALWAYS void copy_run(T *to, const T *from, int64_t run) {
    if (RUN) memcpy(to, from, RUN * sizeof(T));
    else
        for (int64_t i = 0; i < run; i++) to[i] = from[i];
}

template <class Number, int RUN>
void pad_rows(const Layer &layer, const Number *from, Number *to) {
    for (int64_t plane = 0; plane < layer.images * layer.channels; plane++)
        for (int64_t y = 0; y < layer.high; y++)
            copy_run<RUN>(to + ((plane * layer.padded_y + y + layer.before_y) * layer.padded_x +
                                layer.before_x),
                          from + (plane * layer.high + y) * layer.wide, layer.wide);
}

template <class Number> float lay_out_input(const Layer &layer) {
    Number *kept = (Number *)layer.kept_x;
    const int64_t count = layer.images * layer.channels * layer.high * layer.wide;
    if (layer.high == layer.padded_y && layer.wide == layer.padded_x)
        return quantise(layer.x, kept, count, layer.of_x);
    const Space<Number> rounded = space_for<Number>(count);
    const float top = quantise(layer.x, rounded.get(), count, layer.of_x);
    memset(kept, 0, layer.images * layer.image() * sizeof(Number));
    if (layer.wide == 8) pad_rows<Number, 8>(layer, rounded.get(), kept);
    else if (layer.wide == 4) pad_rows<Number, 4>(layer, rounded.get(), kept);
    else pad_rows<Number, 0>(layer, rounded.get(), kept);
    return top;
}

template <class Number> float lay_out_weight(const Layer &layer) {
    const int64_t count = layer.outputs * layer.depth();
    float *rounded = (float *)layer.kept_weight;
    const float top = quantise(layer.weight, rounded, count, layer.of_weight);
    const std::vector<uint32_t> words = words_of<Number>(rounded, count);
    if (!words.empty()) memcpy(layer.kept_weight, words.data(), count * sizeof(uint32_t));
    return top;
}

// The windows of some columns, K x width.
template <class Number, int RUN>
void lay_out_windows(const Layer &layer, int64_t column, int64_t width, const int32_t *factors,
                     Number *panel) {
    const Number *x = (const Number *)layer.kept_x;
    const int64_t depth = layer.depth(), places = layer.places();
    const int64_t end = std::min(column + width, layer.columns());
    for (int64_t j = column; j < end;) {
        const int64_t place = j % places;
        const int64_t run = std::min(layer.out_x - place % layer.out_x, end - j);
        const Number *from = x + j / places * layer.image() + layer.window(place);
        Number *to = panel + (j - column);
        if (layer.step_x == 1)
            for (int64_t k = 0; k < depth; k++)
                copy_run<RUN>(to + k * width, from + factors[k], run);
        else
            for (int64_t k = 0; k < depth; k++)
                for (int64_t i = 0; i < run; i++)
                    to[k * width + i] = from[factors[k] + i * layer.step_x];
        j += run;
    }
}

// Results of some columns, each row an output, into images of outputs.
static void spread_results(const Layer &layer, const float *found, int64_t column, int64_t width) {
    const int64_t places = layer.places(), end = std::min(column + width, layer.columns());
    for (int64_t j = column; j < end;) {
        const int64_t place = j % places, run = std::min(places - place, end - j);
        float *to = layer.y + j / places * layer.outputs * places + place;
        for (int64_t o = 0; o < layer.outputs; o++)
            copy_run<0>(to + o * places, found + o * width + (j - column), run);
        j += run;
    }
}

// Whether all rows of windows have so many places, and no panel of columns cuts one.
static bool has_runs(const Layer &layer, int64_t run, int64_t width) {
    return layer.step_x == 1 && layer.out_x == run && width % run == 0;
}

static std::vector<int32_t> places_of_factors(const Layer &layer) {
    std::vector<int32_t> found(layer.depth());
    for (int64_t k = 0; k < layer.depth(); k++) found[k] = int32_t(layer.place_of(k));
    return found;
}
