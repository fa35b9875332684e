// One-bit adders of a row of a matrix adder graph, estimated: terms are added in pairs.

#pragma once

#include "matrix_draft.h"

struct Part {
    int depth, shift, order, sign;
    int64_t weight;
    bool operator<(const Part &other) const {
        if (depth != other.depth) return depth < other.depth;
        if (shift != other.shift) return shift < other.shift;
        return order < other.order;
    }
};

inline int64_t Draft::row_bits(const Node &row) const {
    std::vector<Part> parts;
    for (const Term &t : row.terms)
        parts.push_back({nodes[t.node].depth, t.shift, static_cast<int>(parts.size()), t.sign,
                         nodes[t.node].weight});
    int order = static_cast<int>(parts.size());
    int64_t total = 0;
    while (parts.size() > 1) {
        std::vector<Part>::iterator least = std::min_element(parts.begin(), parts.end());
        const Part a = *least;
        *least = parts.back();
        parts.pop_back();
        least = std::min_element(parts.begin(), parts.end());
        const Part b = *least;
        const Part &high = a.shift > b.shift ? a : b, &low = a.shift > b.shift ? b : a;
        const int shift = high.shift - low.shift;
        const int64_t weight = (high.weight << shift) + low.weight;
        const int wide = std::max(bits_above(high.weight) + shift, bits_above(low.weight));
        if (rule) total += input_width + wide - shift;
        else
            total += input_width + bits_above(weight) - (high.sign > low.sign ? 0 : shift);
        *least = {1 + std::max(a.depth, b.depth), low.shift, order++,
                  a.sign == b.sign ? a.sign : 1, weight};
    }
    return total;
}
