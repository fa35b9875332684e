// What the truncated searches share: the problem, its forms, costs and errors, random numbers.

#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using Int = int64_t;
using Clock = std::chrono::steady_clock;

// Errors beyond this count as never allowed; below it nothing overflows.
constexpr Int kTooFar = Int(1) << 40;

struct Form {
    int32_t left, right, shift, right_shift, minus_left, minus_right, least;
};

struct State {
    Int low, high;
    int zeros, width;
    bool is_signed;
};

struct Truncation {
    int left, right;
    bool is_none() const { return !left && !right; }
};

Clock::time_point after(double seconds) {
    return Clock::now() + std::chrono::microseconds(Int(1e6 * std::min(seconds, 1e6)));
}

int bit_length(Int value) { return value ? 64 - __builtin_clzll(uint64_t(value)) : 0; }

struct Input {
    Int largest, smallest;
    State state;

    Input(int width, bool is_signed)
        : largest((Int(1) << (width - is_signed)) - 1),
          smallest(is_signed ? Int(1) << (width - 1) : 0),
          state{0, 0, 0, width, is_signed} {}

    int adder(Int fundamental, const Form &form, State left, State right, Truncation cut,
              State &found) const {
        if (cut.left > left.zeros) {
            left.low += (Int(1) << cut.left) - (Int(1) << left.zeros);
            left.zeros = cut.left;
        }
        if (cut.right > right.zeros) {
            right.low += (Int(1) << cut.right) - (Int(1) << right.zeros);
            right.zeros = cut.right;
        }
        left.low <<= form.shift;
        left.high <<= form.shift;
        Int low, high;
        if (form.minus_left)
            low = left.high + right.low, high = left.low + right.high;
        else if (form.minus_right)
            low = left.low + right.high, high = left.high + right.low;
        else
            low = left.low + right.low, high = left.high + right.high;
        bool is_signed = left.is_signed || right.is_signed ||
                         ((form.minus_left || form.minus_right) && low > 0);
        int zeros = 0, passed = 0;
        if (form.shift) {
            left.zeros += form.shift;
            zeros = std::min(left.zeros, right.zeros);
            passed = form.minus_right ? 0 : left.zeros;
            if (!form.minus_left && right.zeros > passed) passed = right.zeros;
        } else {
            low = -(-low >> form.right_shift);
            high = -(-high >> form.right_shift);
        }
        int width = bit_length(fundamental * largest + high);
        if (is_signed) {
            Int below = fundamental * smallest + low - 1;
            if (below > 0) width = std::max(width, bit_length(below));
            ++width;
        }
        int total = width + form.right_shift;
        int wide = std::max(left.width + form.shift, right.width);
        found = {low, high, zeros, width, is_signed};
        return std::max(0, total - passed - (total > wide));
    }
};

// Python's generator of random numbers, from and to its state.
class Twister {
  public:
    explicit Twister(uint32_t *given) : state(given), at(given[624]) {}
    ~Twister() { state[624] = at; }

    double next() {
        uint32_t high = draw() >> 5, low = draw() >> 6;
        return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0);
    }
    int below(int count) { return int(next() * count); }

  private:
    uint32_t *state;
    uint32_t at;

    uint32_t draw() {
        if (at >= 624) {
            for (int i = 0; i < 624; ++i) {
                uint32_t y = (state[i] & 0x80000000u) | (state[(i + 1) % 624] & 0x7fffffffu);
                state[i] = state[(i + 397) % 624] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
            }
            at = 0;
        }
        uint32_t y = state[at++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680u;
        y ^= (y << 15) & 0xefc60000u;
        return y ^ (y >> 18);
    }
};

struct Problem {
    int count;                              // nodes without the input
    std::vector<Int> factors, allowed;      // by node; allowed < 0: nothing is demanded
    std::vector<std::vector<Form>> choices;  // by node
    Input input;

    Problem(int nodes, const Int *given, const Int *limits, const int32_t *counts,
            const int32_t *forms, int width, int is_signed)
        : count(nodes),
          factors(given, given + nodes + 1),
          allowed(limits, limits + nodes + 1),
          choices(size_t(nodes) + 1),
          input(width, is_signed != 0) {
        for (int w = 1; w <= nodes; ++w)
            for (int i = 0; i < counts[w]; ++i, forms += 7)
                choices[w].push_back({forms[0], forms[1], forms[2], forms[3], forms[4], forms[5],
                                      forms[6]});
    }

    // Nodes in an order in which they can be built; false if there is a cycle.
    bool sorted(const std::vector<const Form *> &forms, std::vector<int> &order) const {
        static thread_local std::vector<char> done;
        static thread_local std::vector<int> waiting;
        done.assign(size_t(count) + 1, 0);
        done[0] = 1;
        order.clear();
        waiting.clear();
        for (int w = 1; w <= count; ++w) waiting.push_back(w);
        while (!waiting.empty()) {
            size_t kept = 0;
            for (int w : waiting) {
                if (done[forms[w]->left] && done[forms[w]->right]) {
                    order.push_back(w);
                    done[w] = 1;
                } else {
                    waiting[kept++] = w;
                }
            }
            if (kept == waiting.size()) return false;
            waiting.resize(kept);
        }
        return true;
    }
};

}  // namespace
