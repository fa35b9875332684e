// Layers of networks in narrow floats: numbers are rounded where they are laid out for products.
//
// A convolution is a product with K ordered (channel, ky, kx), whose columns are the places of all
// images; a matrix is a convolution of images of one pixel. Windows are never laid out as a whole.
#pragma once
#include "layouts.h"

template <class Number, int LANES> int forward_in(const Layer &layer) {
    Arithmetic arithmetic;
    const int64_t depth = layer.depth(), columns = layer.columns();
    std::vector<float> bias(layer.outputs, layer.forward.start);
    float begin = 0;
    layer.tops[0] = lay_out_input<Number>(layer);
    layer.tops[1] = lay_out_weight<Number>(layer);
    if (layer.bias) begin = quantise(layer.bias, bias.data(), layer.outputs, layer.of_bias);
    const Multiply multiply =
        judged(layer.forward, depth, layer.tops[0], layer.tops[1], begin);
    if (!multiply) return 2;
    const std::vector<int32_t> factors = places_of_factors(layer);
    std::vector<int32_t> order(depth);
    for (int64_t k = 0; k < depth; k++) order[k] = int32_t(k);
    std::vector<const uint32_t *> rows(layer.outputs);
    for (int64_t o = 0; o < layer.outputs; o++) rows[o] = layer.kept_weight + o * depth;
    const int64_t vectors = columns > LANES ? 2 : 1, width = vectors * LANES;
    const auto lay_out = has_runs(layer, 8, width)   ? lay_out_windows<Number, 8>
                         : has_runs(layer, 4, width) ? lay_out_windows<Number, 4>
                                                     : lay_out_windows<Number, 0>;
    const int64_t panels = (columns + width - 1) / width;
    const int64_t parts = std::min(std::max<int64_t>(layer.threads, 1), panels);
    share(layer.threads, parts, [&](int64_t part) {
        std::vector<Number> panel(depth * width);
        std::vector<float> result(layer.outputs * width);
        for (int64_t i = panels * part / parts; i < panels * (part + 1) / parts; i++) {
            lay_out(layer, i * width, width, factors.data(), panel.data());
            multiply({layer.forward, rows.data(), order.data(), panel.data(), width, layer.outputs,
                      depth, vectors, bias.data(), nullptr, result.data()});
            spread_results(layer, result.data(), i * width, width);
        }
    });
    return 1;
}

// Output gradients, rounded: each output's for all columns, and each column's for all outputs.
// Behind both there is room for two vectors of anything.
template <class Number> struct Gradients {
    int64_t pitch;
    Space<Number> by_output, by_column;
    float top;

    Gradients(const Layer &layer, int64_t room) : pitch(layer.columns() + room) {
        const int64_t places = layer.places(), outputs = layer.outputs;
        const int64_t count = layer.columns() * outputs;
        by_column = space_for<Number>(count + room);
        by_output = space_for<Number>(layer.grad_x ? outputs * pitch : 0);
        const Space<Number> rounded = space_for<Number>(count);
        top = quantise(layer.grad, rounded.get(), count, layer.of_grad);
        memset(&by_column[count], 0, room * sizeof(Number));
        for (int64_t n = 0; n < layer.images; n++) {
            const Number *from = &rounded[n * outputs * places];
            Number *to = &by_column[n * places * outputs];
            for (int64_t p = 0; p < places; p++)
                for (int64_t o = 0; o < outputs; o++) to[p * outputs + o] = from[o * places + p];
            for (int64_t o = 0; layer.grad_x && o < outputs; o++)
                copy_run<0>(&by_output[o * pitch + n * places], from + o * places, places);
        }
        for (int64_t o = 0; layer.grad_x && o < outputs; o++)
            memset(&by_output[o * pitch + layer.columns()], 0, room * sizeof(Number));
    }
};

// The gradients of weights and of the bias: sums over all columns, in their order.
template <class Number, int LANES>
int weight_gradients(const Layer &layer, const Gradients<Number> &grads) {
    const int64_t depth = layer.columns(), factors = layer.depth(), outputs = layer.outputs;
    const int64_t images = layer.images * layer.image();
    const float other = layer.grad_bias ? std::max(layer.tops[0], 1.0f) : layer.tops[0];
    const Multiply multiply = judged(layer.grad_weight, depth, grads.top, other, 0);
    if (!multiply) return 2;
    const std::vector<uint32_t> words = words_of<Number>((const Number *)layer.kept_x, images);
    const uint32_t *x = words.empty() ? (const uint32_t *)layer.kept_x : words.data();
    const std::vector<int32_t> of_factors = places_of_factors(layer);
    std::vector<const uint32_t *> rows(factors);
    for (int64_t k = 0; k < factors; k++) rows[k] = x + of_factors[k];
    std::vector<int32_t> windows(depth), none(depth);
    for (int64_t n = 0, j = 0; n < layer.images; n++)
        for (int64_t p = 0; p < layer.places(); p++, j++)
            windows[j] = int32_t(n * layer.image() + layer.window(p));
    const float one = 1;
    const std::vector<uint32_t> pair = words_of<Number>(&one, 1);
    const uint32_t *ones = pair.empty() ? (const uint32_t *)&one : pair.data();
    const int64_t vectors = outputs > LANES ? 2 : 1, width = vectors * LANES;
    const int64_t panels = (outputs + width - 1) / width, groups = (factors + BLOCK - 1) / BLOCK;
    share(layer.threads, panels * (groups + 1), [&](int64_t index) {
        const int64_t panel = index % panels, group = index / panels, first = group * BLOCK;
        const bool is_bias = group == groups;
        if (!(is_bias ? layer.grad_bias : layer.grad_weights)) return;
        const int64_t count = is_bias ? 1 : std::min<int64_t>(BLOCK, factors - first);
        const int64_t output = panel * width, kept = std::min(width, outputs - output);
        std::vector<float> result(count * width);
        multiply({layer.grad_weight, is_bias ? &ones : &rows[first],
                  is_bias ? none.data() : windows.data(), &grads.by_column[output],
                  outputs, count, depth, vectors, nullptr, nullptr, result.data()});
        for (int64_t o = 0; o < kept; o++)
            if (is_bias) layer.grad_bias[output + o] = result[o];
            else
                for (int64_t r = 0; r < count; r++)
                    layer.grad_weights[(output + o) * factors + first + r] = result[r * width + o];
    });
    return 1;
}

// What windows have of the gradient of a pixel is added in the order of (ky, kx).
template <int RUN>
void add_windows(const Layer &layer, const float *found, int64_t pitch, float *image) {
    const int64_t depth = layer.depth();
    memset(image, 0, layer.image() * sizeof(float));
    for (int64_t k = 0; k < depth; k++)
        for (int64_t y = 0; y < layer.out_y; y++) {
            const float *from = found + k * pitch + y * layer.out_x;
            float *to = image + layer.place_of(k) + y * layer.step_y * layer.padded_x;
            if (RUN)
                for (int i = 0; i < RUN; i++) to[i] += from[i];
            else
                for (int64_t i = 0; i < layer.out_x; i++) to[i * layer.step_x] += from[i];
        }
}

static void keep_image(const Layer &layer, const float *image, float *to) {
    for (int64_t c = 0; c < layer.channels; c++)
        for (int64_t y = 0; y < layer.high; y++)
            copy_run<0>(to + (c * layer.high + y) * layer.wide,
                        image + (c * layer.padded_y + y + layer.before_y) * layer.padded_x +
                            layer.before_x,
                        layer.wide);
}

template <class Number, int LANES>
int input_gradients(const Layer &layer, const Gradients<Number> &grads) {
    constexpr int64_t WIDTH = 2 * LANES;
    const int64_t depth = layer.outputs, factors = layer.depth(), places = layer.places();
    const Multiply multiply = judged(layer.grad_input, depth, grads.top, layer.tops[1], 0);
    if (!multiply) return 2;
    std::vector<const uint32_t *> rows(factors);
    for (int64_t k = 0; k < factors; k++) rows[k] = layer.kept_weight + k;
    std::vector<int32_t> outputs(depth);
    for (int64_t o = 0; o < depth; o++) outputs[o] = int32_t(o * factors);
    const int64_t each = std::max<int64_t>(1, WIDTH / places);  // images at once
    const int64_t panels = (each * places + WIDTH - 1) / WIDTH, pitch = panels * WIDTH;
    const auto add = has_runs(layer, 8, WIDTH)   ? add_windows<8>
                     : has_runs(layer, 4, WIDTH) ? add_windows<4>
                                                 : add_windows<0>;
    const int64_t count = (layer.images + each - 1) / each;
    share(layer.threads, count, [&](int64_t index) {
        const int64_t first = index * each, kept = std::min(each, layer.images - first);
        std::vector<float> block(factors * WIDTH), found(panels > 1 ? factors * pitch : 0);
        std::vector<float> image(layer.image());
        for (int64_t p = 0; p < panels; p++) {
            multiply({layer.grad_input, rows.data(), outputs.data(),
                      &grads.by_output[first * places + p * WIDTH], grads.pitch, factors,
                      depth, 2, nullptr, nullptr, block.data()});
            if (panels > 1)
                for (int64_t k = 0; k < factors; k++)
                    memcpy(&found[k * pitch + p * WIDTH], &block[k * WIDTH],
                           WIDTH * sizeof(float));
        }
        const float *all = panels > 1 ? found.data() : block.data();
        const int64_t size = layer.channels * layer.high * layer.wide;
        for (int64_t n = 0; n < kept; n++) {
            float *to = layer.grad_x + (first + n) * size;
            if (layer.is_matrix) {
                for (int64_t k = 0; k < factors; k++) to[k] = all[k * pitch + n];
                continue;
            }
            add(layer, all + n * places, pitch, image.data());
            keep_image(layer, image.data(), to);
        }
    });
    return 1;
}

template <class Number, int LANES> int backward_in(const Layer &layer) {
    Arithmetic arithmetic;
    const Gradients<Number> grads(layer, 2 * LANES);
    const int found =
        layer.grad_weights || layer.grad_bias ? weight_gradients<Number, LANES>(layer, grads) : 1;
    return found == 1 && layer.grad_x ? input_gradients<Number, LANES>(layer, grads) : found;
}

// All three products, or none, are of 16-bit floats: what is kept is the same for all.
static int forward(const Layer &layer) {
#if defined(HAS_FLOAT16)
    if (layer.forward.native == 16) return forward_in<Float16, LANES16>(layer);
#endif
    return forward_in<float, LANES32>(layer);
}

static int backward(const Layer &layer) {
#if defined(HAS_FLOAT16)
    if (layer.forward.native == 16) return backward_in<Float16, LANES16>(layer);
#endif
    return backward_in<float, LANES32>(layer);
}
