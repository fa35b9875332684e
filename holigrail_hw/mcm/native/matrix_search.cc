// Ruin and recreate over matrix adder graphs: the twin of matrix_ruin.py, with the same answers.

#include <tuple>

#include "matrix_bits.h"

namespace {

constexpr int CERTAIN = 1 << 20;

// Percentages of the ways to ruin; what is left of 100 draws rows anew.
struct Ways {
    int dissolve, around, expand, size, deep, apart;
};

class Search : public Draft {
  public:
    Ways ways;
    int metric;
    int64_t most_pairs = 0;
    int64_t best_adders = 0, best_bits = 0, iterations = 0;
    std::vector<int> best;

    Search(const Draft &draft, const Ways &ways_, int metric_)
        : Draft(draft), ways(ways_), metric(metric_) {
        deep = ways.deep;
        apart = ways.apart;
    }

    void term(int row, const Term &t) { add(row, t); }

    bool start() {
        bool changed = true;
        for (int round = 0; changed && round <= outputs; round++) {
            changed = false;
            for (int row = inputs; row < inputs + outputs; row++) {
                const int64_t load = sum_of_loads(row);
                changed = changed || load != nodes[row].load;
                if (!reload(row, load)) return false;
            }
        }
        share();
        commit();
        while (regroup(most_pairs)) {
            share();
            commit();
        }
        keep();
        return true;
    }

    void step(int heat) {
        iterations++;
        begin();
        const int64_t before = adders, before_bits = metric ? one_bit_adders() : 0;
        constexpr int NOISES[4] = {1, 100, 256, 600};
        noise = NOISES[random.below(4)];
        const bool fits = ruin();
        if (fits) share();
        int more = 0;
        while (more < 4 && random.below(CERTAIN) < heat) more++;
        const bool accepted =
            metric ? one_bit_adders() <= before_bits + more * input_width : adders <= before + more;
        if (!fits || !accepted) {
            back(0);
            return;
        }
        commit();
        if (metric ? bits <= best_bits : adders <= best_adders) {
            const int64_t now = one_bit_adders();
            if (now < best_bits || (!metric && adders < best_adders)) keep();
        }
    }

  private:
    struct Taken {
        Use use;
        int64_t rise;
    };
    std::vector<Taken> taken;

    void keep() {
        best_adders = adders;
        best_bits = one_bit_adders();
        best.clear();
        for (int i = inputs; i < static_cast<int>(nodes.size()); i++) {
            if (!nodes[i].alive) continue;
            best.push_back(i);
            best.push_back(static_cast<int>(nodes[i].terms.size()));
            for (const Term &t : nodes[i].terms) best.insert(best.end(), {t.node, t.shift, t.sign});
        }
    }

    int usable(const Entry &e) {
        taken.clear();
        int depth = e.node == NONE ? 1 << 20 : nodes[e.node].depth;
        if (e.node == NONE)
            for (int u = e.first; u != NONE; u = pool[u].next)
                depth = std::min(depth, 1 + std::max(nodes[pool[u].a].depth, nodes[pool[u].b].depth));
        for (int u = e.first; u != NONE; u = pool[u].next) {
            const Use &use = pool[u];
            if (use.row == e.node) continue;
            const int64_t own =
                (1LL << depth) - (1LL << nodes[use.a].depth) - (1LL << nodes[use.b].depth);
            int64_t rise = own;
            bool clear = true;
            for (const Taken &t : taken) {
                if (t.use.row != use.row) continue;
                rise += t.rise;
                clear = clear && !overlap(t.use, use);
            }
            if (!clear || (own > 0 && nodes[use.row].load + rise > 1LL << limit)) continue;
            taken.push_back({use, own});
        }
        return static_cast<int>(taken.size());
    }

    static bool overlap(const Use &x, const Use &y) {
        return (x.a == y.a && x.a_shift == y.a_shift) || (x.b == y.b && x.b_shift == y.b_shift) ||
               (x.a == y.b && x.a_shift == y.b_shift) || (x.b == y.a && x.b_shift == y.a_shift);
    }

    std::pair<Term, Term> terms_of(const Use &use) const {
        const std::vector<Term> &terms = nodes[use.row].terms;
        return {terms[find(use.row, use.a, use.a_shift)], terms[find(use.row, use.b, use.b_shift)]};
    }

    int made_from(const std::vector<Use> &uses) {
        size_t chosen = 0;
        std::pair<int, int> least{1 << 20, 0};
        for (size_t i = 0; i < uses.size(); i++) {
            const auto [a, b] = terms_of(uses[i]);
            const int even = value(a, b).place - std::min(a.shift, b.shift);
            const std::pair<int, int> now{even, std::max(nodes[a.node].depth, nodes[b.node].depth)};
            if (now < least) {
                least = now;
                chosen = i;
            }
        }
        auto [a, b] = terms_of(uses[chosen]);
        const int low = std::min(a.shift, b.shift);
        a = {a.node, a.shift - low, a.sign};
        b = {b.node, b.shift - low, b.sign * a.sign};
        a.sign = 1;
        const Node &one = nodes[a.node], &two = nodes[b.node];
        std::vector<int64_t> vector(static_cast<size_t>(inputs));
        for (int i = 0; i < inputs; i++)
            vector[i] = (one.vector[i] << (one.even + a.shift)) +
                        b.sign * (two.vector[i] << (two.even + b.shift));
        const int node = fresh(vector);
        nodes[node].group = nodes[a.node].group;
        add(node, a);
        add(node, b);
        reload(node, sum_of_loads(node));
        return node;
    }

    void apply(Hash key) {
        std::vector<Use> uses;
        for (int u = entry(key).first; u != NONE; u = pool[u].next) uses.push_back(pool[u]);
        const bool is_new = entry(key).node == NONE;
        const int node = is_new ? made_from(uses) : entry(key).node;
        int done = 0;
        for (const Use &use : uses) done += use.row != node && replace(use, key, node);
        if (done < 1 + is_new) {
            entry(key).banned = epoch;
            if (is_new) lonely.push_back(node);
        }
        dissolve_lonely();
    }

    bool replace(const Use &use, Hash key, int node) {
        const int place = find(use.row, use.a, use.a_shift);
        if (place == NONE || find(use.row, use.b, use.b_shift) == NONE) return false;
        const auto [a, b] = terms_of(use);
        const Value v = value(a, b);
        const Term term = {node, v.place - nodes[node].even, v.sign * sign_of(node)};
        // A merge may have put a term of another sign in this place.
        if (v.key != key || term.shift < 0 || depends(node, use.row)) return false;
        const int64_t load = nodes[use.row].load + (1LL << nodes[node].depth) -
                             (1LL << nodes[a.node].depth) - (1LL << nodes[b.node].depth);
        const size_t mark = trail.size();
        if (!reload(use.row, load)) {
            back(mark);
            return false;
        }
        drop(use.row, place);
        drop(use.row, find(use.row, use.b, use.b_shift));
        merge(use.row, term);
        reload(use.row, sum_of_loads(use.row));
        return true;
    }

    void share() {
        sharing = true;
        heap.clear();
        for (int row : touched) {
            if (!nodes[row].alive) continue;
            const std::vector<Term> &terms = nodes[row].terms;
            for (size_t i = 0; i < terms.size(); i++)
                for (size_t j = 0; j < i; j++) {
                    if (!pairs(terms[j], terms[i])) continue;
                    const Hash key = value(terms[j], terms[i]).key;
                    if (!key) continue;
                    Entry &e = entry(key);
                    if (e.pushed == epoch) continue;
                    e.pushed = epoch;
                    offer(e, terms[j], terms[i]);
                }
        }
        while (!heap.empty()) {
            std::pop_heap(heap.begin(), heap.end());
            Candidate candidate = heap.back();
            heap.pop_back();
            const Entry &e = entry(candidate.key);
            const int cost = e.node == NONE;
            if (e.banned == epoch || e.count <= cost) continue;
            const int gain = usable(e) - cost;
            if (gain < 1) continue;
            if (gain < candidate.gain) {
                candidate.priority -= 256 * (candidate.gain - gain);
                candidate.gain = gain;
                heap.push_back(candidate);
                std::push_heap(heap.begin(), heap.end());
                continue;
            }
            apply(candidate.key);
        }
        sharing = false;
    }

    bool ruin() {
        const int kind = random.below(100);
        bool fits = true;
        if (kind < ways.dissolve) dissolve_some();
        else if (kind < ways.dissolve + ways.around) dissolve_around();
        else if (kind < ways.dissolve + ways.around + ways.expand) expand_some();
        else fits = redraw_some();
        dissolve_lonely();
        return fits;
    }

    int some_node(int first) {
        for (int attempt = 0; attempt < 20 && first < static_cast<int>(nodes.size()); attempt++) {
            const int index = first + random.below(static_cast<int>(nodes.size()) - first);
            if (nodes[index].alive) return index;
        }
        return NONE;
    }

    int some() { return 1 + random.below(1 << random.below(ways.size)); }

    void dissolve_some() {
        for (int count = some(); count > 0; count--) {
            const int index = some_node(inputs + outputs);
            if (index != NONE) dissolve(index);
        }
    }

    void dissolve_around() {
        const int row = some_node(inputs);
        for (int count = 1 + random.below(8); count > 0; count--) {
            if (row == NONE || !nodes[row].alive) return;
            const std::vector<Term> &terms = nodes[row].terms;
            const int index = terms[random.below(static_cast<int>(terms.size()))].node;
            if (index >= inputs + outputs) dissolve(index);
        }
    }

    void expand_some() {
        for (int count = some(); count > 0; count--) {
            const int row = some_node(inputs);
            if (row == NONE) continue;
            const int index = random.below(static_cast<int>(nodes[row].terms.size()));
            if (nodes[row].terms[index].node >= inputs) expand(row, index);
        }
    }

    bool redraw_some() {
        for (int count = 1 + (random.below(3) == 0); count > 0; count--) {
            const int row = random.below(3) ? inputs + random.below(outputs) : some_node(inputs);
            if (row != NONE && !redraw(row)) return false;
        }
        return true;
    }

    bool redraw(int row) {
        clear(row);
        std::vector<int64_t> rest = nodes[row].vector;
        for (int64_t &c : rest) c <<= nodes[row].even;
        int parent = NONE, sign = 1;
        if (random.below(2)) std::tie(parent, sign) = near(row, rest, random.below(2) ? 4 : 24);
        if (parent != NONE) rest = difference(rest, parent, sign);
        const int rewritten = random.below(3) ? random.below(60) : 0;
        for (int i = 0; i < inputs; i++) digits(row, i, rest[i], rewritten);
        if (parent != NONE) merge(row, {parent, 0, sign});
        return reload(row, sum_of_loads(row));
    }

    std::pair<int, int> near(int row, const std::vector<int64_t> &target, int tries) {
        std::pair<int, int> found{NONE, 1};
        int least = weight(target);
        for (; tries > 0; tries--) {
            const int other = inputs + random.below(static_cast<int>(nodes.size()) - inputs);
            if (!nodes[other].alive || nodes[other].terms.empty() || depends(other, row)) continue;
            for (int sign : {1, -1}) {
                const int now = 1 + weight(difference(target, other, sign));
                if (now >= least) continue;
                least = now;
                found = {other, sign};
            }
        }
        return found;
    }

    std::vector<int64_t> difference(std::vector<int64_t> vector, int other, int sign) const {
        const Node &node = nodes[other];
        for (int i = 0; i < inputs; i++) vector[i] -= sign * (node.vector[i] << node.even);
        return vector;
    }

    // Non-zero canonic signed digits are the ones of c xor 3c.
    static int weight(const std::vector<int64_t> &vector) {
        int total = 0;
        for (int64_t c : vector) total += __builtin_popcountll(static_cast<uint64_t>(c ^ (3 * c)));
        return total;
    }

    void digits(int row, int input, int64_t c, int rewritten) {
        for (int place = 0; c; c >>= 1, place++) {
            if (!(c & 1)) continue;
            int64_t digit = 2 - (c & 3);
            const int64_t above = (c - digit) >> 2;
            // 4 - 1 as 2 + 1, and its negative
            if (rewritten && random.below(100) < rewritten && (above & 1) && 2 - (above & 3) == -digit)
                digit = -digit;
            merge(row, {input, place, static_cast<int>(digit)});
            c -= digit;
        }
    }
};

}  // namespace

extern "C" {

// Fields in the order of _Request in matrix.py.
struct MatrixRequest {
    const int64_t *matrix;  // row by row
    uint64_t seed;
    int64_t most_pairs;
    int inputs, outputs, limit;
    int counts_bits, rule;  // the metric: 1 for one-bit adders; the rule: 1 for da4ml
    int input_width, table, columns;
    Ways ways;
};

void *matrix_search_open(const MatrixRequest *asked) {
    const Draft draft(asked->inputs, asked->outputs, asked->limit, asked->rule, asked->input_width,
                      asked->table, asked->columns, asked->seed, asked->matrix);
    Search *search = new Search(draft, asked->ways, asked->counts_bits);
    search->most_pairs = asked->most_pairs;
    return search;
}

int matrix_search_start(void *handle, const int *terms, int count) {
    Search *search = static_cast<Search *>(handle);
    for (const int *t = terms; count > 0; count--, t += 4) search->term(t[0], {t[1], t[2], t[3]});
    return search->start();
}

// Iteration i of the whole search accepts losses with a chance of heat[i] / 2^20 each.
void matrix_search_run(void *handle, const int *heat, int count) {
    for (; count > 0; count--) static_cast<Search *>(handle)->step(*heat++);
}

void matrix_search_state(void *handle, int64_t *state) {
    const Search *search = static_cast<Search *>(handle);
    state[0] = search->best_adders;
    state[1] = search->best_bits;
    state[2] = search->iterations;
    state[3] = static_cast<int64_t>(search->best.size());
}

void matrix_search_best(void *handle, int *best) {
    const Search *search = static_cast<Search *>(handle);
    std::copy(search->best.begin(), search->best.end(), best);
}

void matrix_search_close(void *handle) { delete static_cast<Search *>(handle); }
}
