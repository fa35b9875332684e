// Parts of a matrix adder graph in the making, hashes of vectors, and random numbers.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

using Hash = uint64_t;

constexpr Hash PRIME = (1ULL << 62) - 57;
constexpr uint64_t HASH_SEED = 0x6D61747269780000ULL;
constexpr int NONE = -1;

// Splitmix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
struct Random {
    uint64_t state;
    uint64_t next() {
        state += 0x9E3779B97F4A7C15ULL;
        uint64_t z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }
    int below(int bound) { return static_cast<int>((next() >> 33) % static_cast<uint64_t>(bound)); }
};

inline Hash plus(Hash a, Hash b) {
    const Hash sum = a + b;
    return sum >= PRIME ? sum - PRIME : sum;
}
inline Hash minus(Hash a) { return a ? PRIME - a : 0; }
inline Hash half(Hash a) { return a & 1 ? (a + PRIME) >> 1 : a >> 1; }

inline int bits_above(int64_t value) {
    return value <= 1 ? 0 : 64 - __builtin_clzll(static_cast<uint64_t>(value - 1));
}

struct Term {
    int node, shift, sign;
    bool at(int other, int place) const { return node == other && shift == place; }
};

struct Node {
    std::vector<Term> terms;
    std::vector<int> users;
    std::vector<int64_t> vector;  // divided by 2^even
    std::vector<Hash> hashes;     // of vector * 2^d
    uint64_t parity = 0;
    int64_t load = 1, weight = 0, bits = 0;
    int depth = 0, even = 0, touched = 0;
    int group = NONE;  // pairs of terms of other groups are not looked at
    bool alive = false, stale = false;
};

struct Use {
    int row, a, a_shift, b, b_shift, next;
};

struct Entry {
    Hash key = 0;  // 0: free
    int first = NONE, count = 0, node = NONE, pushed = 0, banned = 0;
};

struct Candidate {
    int64_t priority;
    uint64_t draw;
    Hash key;
    int gain;
    bool operator<(const Candidate &other) const {
        if (priority != other.priority) return priority < other.priority;
        if (draw != other.draw) return draw < other.draw;
        return key < other.key;
    }
};

struct Change {
    enum Kind { ADD, REMOVE, LOAD, CREATE, REMOVE_NODE } kind;
    int row, index;
    Term term;
    int64_t load;
};

struct Value {
    Hash key;
    int place, sign;
};
