// Sets of odd factors, what one adder makes of two factors, and its one-bit adders.

#pragma once

#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

using Word = uint64_t;
using Factor = uint32_t;
using Wide = unsigned __int128;
using Set = std::vector<Word>;

bool has(const Set &set, Factor factor) {
    return set[factor >> 7] >> ((factor >> 1) & 63) & 1;
}

void put(Set &set, Factor factor) { set[factor >> 7] |= Word(1) << ((factor >> 1) & 63); }

bool is_empty(const Set &set) {
    for (Word word : set)
        if (word) return false;
    return true;
}

Factor odd_part(Factor value) { return value >> __builtin_ctz(value); }

int bit_length(Wide value) {
    Word high = Word(value >> 64), low = Word(value);
    if (high) return 128 - __builtin_clzll(high);
    return low ? 64 - __builtin_clzll(low) : 0;
}

// Calls visit(w) for everything below the limit that one adder makes from u and v.
template <class Visit>
void each_neighbour(Factor u, Factor v, Factor limit, Visit visit) {
    for (int turn = 0; turn < (u == v ? 1 : 2); ++turn) {
        Factor left = turn ? v : u, right = turn ? u : v;
        for (uint64_t shifted = uint64_t(left) << 1; shifted < uint64_t(limit) + right;
             shifted <<= 1) {
            if (shifted + right < limit) visit(Factor(shifted + right));
            Factor difference = Factor(shifted > right ? shifted - right : right - shifted);
            if (difference < limit) visit(difference);
        }
    }
    if (u == v) return;
    visit(odd_part(u + v));
    visit(odd_part(u > v ? u - v : v - u));
}

void add_neighbours(Set &set, Factor u, Factor v, Factor limit) {
    each_neighbour(u, v, limit, [&](Factor w) { put(set, w); });
}

struct Frame {
    std::vector<Factor> chosen;
    Set present, reached, banned, candidates;
    std::vector<int> waiting;  // indices of targets
    std::vector<Set> related;  // by target
    int extra = 0;
    bool entered = false;
    size_t word = 0;  // where the loop over candidates stands
};

// One-bit adders of exact adders, as counting.py has them.
struct Costs {
    int input_width = 0, is_signed = 0, rule = 0;
    std::vector<uint8_t> widths;  // by factor >> 1; 0: not known yet

    int width(Factor factor) {
        uint8_t &known = widths[factor >> 1];
        if (!known) {
            Wide one = 1;
            if (is_signed) {
                int above = bit_length(factor * ((one << (input_width - 1)) - 1));
                int below = bit_length(factor * (one << (input_width - 1)) - 1);
                known = uint8_t(1 + (above > below ? above : below));
            } else {
                known = uint8_t(bit_length(factor * ((one << input_width) - 1)));
            }
        }
        return known;
    }

    int of(Factor w, Factor left, Factor right, int shift, int right_shift, bool minus_right) {
        int passed = shift && !minus_right ? shift : 0;
        int wide = width(left) + shift;
        if (width(right) > wide) wide = width(right);
        if (rule == 1) return input_width + bit_length(Wide(w) << right_shift) - 1 - passed;
        if (rule == 2) return wide - shift;
        int total = width(w) + right_shift;
        int cost = total - passed - (total > wide);
        return cost > 0 ? cost : 0;
    }
};

// Calls visit(w, cost) for every form below the limit.
template <class Visit>
void each_form(Costs &costs, Factor u, Factor v, Factor limit, Visit visit) {
    for (int turn = 0; turn < (u == v ? 1 : 2); ++turn) {
        Factor left = turn ? v : u, right = turn ? u : v;
        int shift = 1;
        for (uint64_t shifted = uint64_t(left) << 1; shifted < uint64_t(limit) + right;
             shifted <<= 1, ++shift) {
            if (shifted + right < limit) {
                Factor w = Factor(shifted + right);
                visit(w, [&] { return costs.of(w, left, right, shift, 0, false); });
            }
            if (shifted > right && shifted - right < limit) {
                Factor w = Factor(shifted - right);
                visit(w, [&] { return costs.of(w, left, right, shift, 0, true); });
            } else if (shifted < right) {
                Factor w = Factor(right - shifted);
                visit(w, [&] { return costs.of(w, left, right, shift, 0, false); });
            }
        }
    }
    Factor sum = odd_part(u + v);
    visit(sum, [&] { return costs.of(sum, u, v, 0, __builtin_ctz(u + v), false); });
    if (u != v) {
        Factor larger = u > v ? u : v, smaller = u > v ? v : u;
        Factor w = odd_part(larger - smaller);
        visit(w, [&] {
            return costs.of(w, larger, smaller, 0, __builtin_ctz(larger - smaller), true);
        });
    }
}

constexpr int kDear = 1 << 20;

}  // namespace
