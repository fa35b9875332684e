// The closure enumeration of closure.py, compiled: the same sets in the same order.
//
// Sets of odd factors are bit sets of 64-bit words: bit i stands for 2 i + 1. The recursion of the
// Python twin is a stack of frames here, so that the search can pause after every answer and after
// a spell of time, and go on where it was. Every frame keeps, for each target that is left, the
// factors that make it directly together with a chosen one; a new factor adds to them.

#include "closure_sets.h"

namespace {

class Closure {
  public:
    Closure(const Factor *given, int count, int bits, int deepest)
        : limit(Factor(1) << bits),
          words((limit / 2 + 63) / 64),
          depth(deepest),
          targets(given, given + count),
          place(limit / 2, -1) {
        for (Factor t : targets) twice.push_back(dividers(t));
        makers.resize(count);
        mutual.resize(count * count);
        for (int a = 0; a < count; ++a)
            for (int b = 0; b < count; ++b) {
                if (a == b) continue;
                each_neighbour(targets[a], targets[b], limit,
                               [&](Factor w) { mutual[a * count + b].push_back(w); });
                if (a < b)
                    for (Factor w : mutual[a * count + b])
                        for (int t = 0; t < count; ++t)
                            if (targets[t] == w && t != a && t != b) makers[t].push_back({a, b});
            }
    }

    void start(int extra, bool may_idle) {
        idle = may_idle;
        frames.clear();
        frames.resize(size_t(extra) + 1);
        for (Frame &frame : frames) {
            frame.present.assign(words, 0);
            frame.reached.assign(words, 0);
            frame.banned.assign(words, 0);
            frame.candidates.assign(words, 0);
            frame.related.assign(targets.size(), Set(words, 0));
        }
        Frame &first = frames[0];
        first.chosen = {1};
        put(first.present, 1);
        add_neighbours(first.reached, 1, 1, limit);
        for (size_t t = 0; t < targets.size(); ++t) {
            first.waiting.push_back(int(t));
            first.related[t] = twice[t];
            add_neighbours(first.related[t], targets[t], 1, limit);
        }
        first.extra = extra;
        level = 0;
    }

    // 0: no more sets, 1: an answer in common and last, 2: time is up, 3: ``most`` work is done.
    int next(double seconds, uint64_t most) {
        auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
        while (level >= 0) {
            Frame &frame = frames[level];
            if (!frame.entered) {
                if (work >= most) return 3;
                frame.entered = true;
                ++work;
                bool answered = enter(frame);
                if (answered && promising()) return 1;
            } else if (!descend(frame)) {
                frame.entered = false;
                --level;
            }
            if (!(++ticks & 63) && std::chrono::steady_clock::now() > until) return 2;
        }
        return 0;
    }

    void set_costs(int input_width, int is_signed, int rule) {
        costs.input_width = input_width;
        costs.is_signed = is_signed;
        costs.rule = rule;
        costs.widths.assign(limit / 2, 0);
    }

    std::vector<Factor> common;
    Set last;
    bool has_last = false;
    uint64_t work = 0;  // branches, and candidates whose cost was looked at
    int below = 0;  // only sets that may cost less; 0: all

  private:
    Factor limit;
    size_t words;
    int depth;
    bool idle = false;
    std::vector<Factor> targets;
    std::vector<Set> twice;
    std::vector<std::vector<std::pair<int, int>>> makers;
    std::vector<std::vector<Factor>> mutual;
    std::vector<Frame> frames;
    int level = -1;
    uint64_t ticks = 0;
    Costs costs;
    std::vector<int16_t> place;  // of a factor in the set being judged
    std::vector<Set> answers;

    Set dividers(Factor factor) const {
        Set found(words, 0);
        for (Factor power = 2; power - 1 <= factor; power <<= 1)
            for (Factor divisor : {power - 1, power + 1})
                if (divisor > 1 && factor % divisor == 0) put(found, factor / divisor);
        return found;
    }

    // Closure step of a frame; true if it is an answer. A frame that has children keeps candidates.
    bool enter(Frame &frame) {
        std::fill(frame.candidates.begin(), frame.candidates.end(), 0);
        frame.word = 0;
        if (depth >= 0) shallow(frame);
        for (bool again = true; again;) {
            again = false;
            for (size_t index = 0; index < frame.waiting.size(); ++index) {
                Factor t = targets[frame.waiting[index]];
                if (!has(frame.reached, t)) continue;
                grow(frame, t);
                frame.waiting.erase(frame.waiting.begin() + index);
                for (int other : frame.waiting)
                    add_neighbours(frame.related[other], targets[other], t, limit);
                if (depth >= 0) shallow(frame);
                again = true;
                break;
            }
        }
        if (frame.waiting.empty() && (frame.extra == 0 || !idle)) {
            if (frame.extra) return false;
            common = frame.chosen;
            has_last = false;
            return true;
        }
        if (frame.extra == 0) return false;
        for (size_t i = 0; i < words; ++i)
            frame.candidates[i] = frame.reached[i] & ~frame.present[i] & ~frame.banned[i];
        if (frame.extra > 1) return false;
        last = frame.candidates;
        std::fill(frame.candidates.begin(), frame.candidates.end(), 0);
        if (!frame.waiting.empty()) complete(frame);
        common = frame.chosen;
        for (int t : frame.waiting) common.push_back(targets[t]);
        if (depth >= 0) deep_enough();
        has_last = true;
        return !is_empty(last);
    }

    void grow(Frame &frame, Factor factor) {
        frame.chosen.push_back(factor);
        put(frame.present, factor);
        if (depth >= 0) return;
        for (Factor other : frame.chosen) add_neighbours(frame.reached, factor, other, limit);
    }

    // The next child of a frame; false if there is none.
    bool descend(Frame &frame) {
        while (frame.word < words && !frame.candidates[frame.word]) ++frame.word;
        if (frame.extra < 2 || frame.word >= words) return false;
        Word &word = frame.candidates[frame.word];
        Factor x = Factor(2 * (64 * frame.word + __builtin_ctzll(word)) + 1);
        word &= word - 1;
        Frame &child = frames[++level];
        child.chosen = frame.chosen;
        child.present = frame.present;
        child.reached = frame.reached;
        child.banned = frame.banned;
        child.waiting = frame.waiting;
        for (int t : frame.waiting) {
            child.related[t] = frame.related[t];
            add_neighbours(child.related[t], targets[t], x, limit);
        }
        child.extra = frame.extra - 1;
        child.entered = false;
        grow(child, x);
        put(frame.banned, x);
        return true;
    }

    // Leaves in ``last`` the candidates that make all waiting targets reachable.
    void complete(const Frame &frame) {
        size_t count = frame.waiting.size();
        answers.resize(count);
        std::vector<char> fresh(count, 0);
        bool any = false;
        for (size_t a = 0; a < count; ++a) {
            answers[a].resize(words);
            Word all = 0;
            const Set &related = frame.related[frame.waiting[a]];
            for (size_t i = 0; i < words; ++i) all |= answers[a][i] = last[i] & related[i];
            fresh[a] = all != 0;
            any |= all != 0;
        }
        if (!any) {
            std::fill(last.begin(), last.end(), 0);
            return;
        }
        while (any && count > 1) {
            any = false;
            std::vector<char> changed(count, 0);
            for (size_t a = 0; a < count; ++a) {
                int t = frame.waiting[a];
                Set &found = answers[a];
                Word more = 0;
                for (size_t b = 0; b < count; ++b) {
                    if (a == b || !fresh[b]) continue;
                    int u = frame.waiting[b];
                    const Set &other = answers[b];
                    if (has(frame.related[t], targets[u])) {
                        for (size_t i = 0; i < words; ++i) {
                            more |= other[i] & ~found[i];
                            found[i] |= other[i];
                        }
                    } else {
                        for (Factor w : mutual[t * targets.size() + u])
                            if (has(other, w) && !has(found, w)) {
                                put(found, w);
                                more = 1;
                            }
                    }
                }
                for (auto [u, v] : makers[t]) {
                    int b = position(frame, u), c = position(frame, v);
                    if (b < 0 || c < 0 || !(fresh[b] || fresh[c])) continue;
                    const Set &left = answers[b], &right = answers[c];
                    for (size_t i = 0; i < words; ++i) {
                        Word both = left[i] & right[i];
                        more |= both & ~found[i];
                        found[i] |= both;
                    }
                }
                if (more) changed[a] = 1, any = true;
            }
            fresh = changed;
        }
        for (const Set &found : answers)
            for (size_t i = 0; i < words; ++i) last[i] &= found[i];
    }

    static int position(const Frame &frame, int target) {
        for (size_t a = 0; a < frame.waiting.size(); ++a)
            if (frame.waiting[a] == target) return int(a);
        return -1;
    }

    // Least adder depths, in the order of the factors; -1 where a factor cannot be built.
    std::vector<int> levels(const std::vector<Factor> &factors) {
        std::vector<int> found(factors.size(), -1);
        std::vector<Factor> known{1}, fresh{1};
        Set reached(words, 0);
        for (size_t i = 0; i < factors.size(); ++i)
            if (factors[i] == 1) found[i] = 0;
        for (int now = 1; !fresh.empty(); ++now) {
            for (Factor u : fresh)
                for (Factor v : known) add_neighbours(reached, u, v, limit);
            fresh.clear();
            for (size_t i = 0; i < factors.size(); ++i)
                if (found[i] < 0 && has(reached, factors[i])) {
                    found[i] = now;
                    fresh.push_back(factors[i]);
                }
            known.insert(known.end(), fresh.begin(), fresh.end());
        }
        return found;
    }

    // Everything one adder makes within the depth limit.
    void shallow(Frame &frame) {
        std::vector<int> found = levels(frame.chosen);
        std::vector<Factor> usable;
        for (size_t i = 0; i < found.size(); ++i)
            if (found[i] < depth) usable.push_back(frame.chosen[i]);
        std::fill(frame.reached.begin(), frame.reached.end(), 0);
        for (size_t i = 0; i < usable.size(); ++i)
            for (size_t j = 0; j <= i; ++j)
                add_neighbours(frame.reached, usable[i], usable[j], limit);
    }

    void deep_enough() {
        std::vector<Factor> factors = common;
        factors.push_back(0);
        for (size_t i = 0; i < words; ++i)
            for (Word rest = last[i]; rest; rest &= rest - 1) {
                Factor x = Factor(2 * (64 * i + __builtin_ctzll(rest)) + 1);
                factors.back() = x;
                bool good = true;
                for (int found : levels(factors)) good &= found >= 0 && found <= depth;
                if (!good) last[i] &= ~(rest & -rest);
            }
    }

    // Drops what cannot cost less than ``below``; false if nothing is left.
    bool promising() {
        if (!below) return true;
        std::vector<int> least(common.size(), kDear);
        least[0] = 0;
        for (size_t i = 0; i < common.size(); ++i) place[common[i] >> 1] = int16_t(i);
        for (size_t i = 0; i < common.size(); ++i)
            for (size_t j = 0; j <= i; ++j) {
                Factor u = common[i], v = common[j];
                each_form(costs, u, v, limit, [&](Factor w, auto cost) {
                    int at = place[w >> 1];
                    if (at > 0 && w != u && w != v) lower(least[at], cost());
                });
            }
        bool good = true;
        if (!has_last) {
            good = sum(least) < below;
        } else {
            good = false;
            for (size_t i = 0; i < words; ++i)
                for (Word rest = last[i]; rest; rest &= rest - 1) {
                    Factor x = Factor(2 * (64 * i + __builtin_ctzll(rest)) + 1);
                    ++work;
                    if (cost_with(least, x) < below)
                        good = true;
                    else
                        last[i] &= ~(rest & -rest);
                }
        }
        for (Factor factor : common) place[factor >> 1] = -1;
        return good;
    }

    // Sum of the cheapest adders of the common factors and x.
    int cost_with(std::vector<int> least, Factor x) {
        int own = kDear;
        for (size_t i = 0; i <= common.size(); ++i) {
            Factor u = i < common.size() ? common[i] : x;
            each_form(costs, x, u, limit, [&](Factor w, auto cost) {
                int at = place[w >> 1];
                if (at < 0 || w == x) return;
                if (at > 0 && w != u) lower(least[at], cost());
                if (u != x)
                    each_form(costs, u, w, limit, [&](Factor made, auto cost) {
                        if (made == x) lower(own, cost());
                    });
            });
        }
        return sum(least) + own;
    }

    static void lower(int &known, int cost) {
        if (cost < known) known = cost;
    }

    static int sum(const std::vector<int> &costs) {
        int total = 0;
        for (int cost : costs) total += cost;
        return total;
    }
};

}  // namespace

extern "C" {

void *closure_new(const uint32_t *targets, int count, int bits, int depth) {
    return new Closure(targets, count, bits, depth);
}

void closure_free(void *closure) { delete static_cast<Closure *>(closure); }

void closure_start(void *closure, int extra, int idle) {
    static_cast<Closure *>(closure)->start(extra, idle != 0);
}

void closure_costs(void *closure, int input_width, int is_signed, int rule) {
    static_cast<Closure *>(closure)->set_costs(input_width, is_signed, rule);
}

int closure_next(void *closure, double seconds, uint64_t most, int below) {
    auto &search = *static_cast<Closure *>(closure);
    search.below = below;
    return search.next(seconds, most);
}

int closure_common(void *closure, uint32_t *common) {
    const auto &found = static_cast<Closure *>(closure)->common;
    std::memcpy(common, found.data(), found.size() * sizeof(uint32_t));
    return int(found.size());
}

int closure_last(void *closure, uint64_t *last) {
    const auto &search = *static_cast<Closure *>(closure);
    if (!search.has_last) return 0;
    std::memcpy(last, search.last.data(), search.last.size() * sizeof(uint64_t));
    return int(search.last.size());
}

uint64_t closure_work(void *closure) { return static_cast<Closure *>(closure)->work; }
}
