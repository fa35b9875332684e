// A matrix adder graph in the making: the twin of matrix_draft.py, where the ideas are explained.

#pragma once

#include "matrix_nodes.h"

class Draft {
  public:
    Random random;
    int inputs, outputs, limit, rule, input_width;
    std::vector<Node> nodes;
    int64_t adders = 0, bits = 0;

    Draft(int inputs_, int outputs_, int limit_, int rule_, int input_width_, int table_,
          int columns, uint64_t seed, const int64_t *matrix)
        : random{seed}, inputs(inputs_), outputs(outputs_), limit(limit_), rule(rule_),
          input_width(input_width_), table(table_) {
        Random fixed{HASH_SEED};
        for (int i = 0; i < inputs; i++) {
            input_hash.push_back(fixed.next() % PRIME);
            input_parity.push_back(fixed.next());
        }
        entries.resize(SMALLEST);
        nodes.resize(static_cast<size_t>(inputs + outputs));
        for (int i = 0; i < inputs + outputs; i++) {
            std::vector<int64_t> vector(static_cast<size_t>(inputs));
            if (i < inputs) vector[i] = 1;
            else std::copy_n(matrix + static_cast<size_t>(i - inputs) * inputs, inputs, vector.begin());
            describe(i, vector);
            nodes[i].group = columns >= inputs ? 0 : i < inputs ? i / columns : NONE;
            wake(i);
        }
    }

    Value value(const Term &a, const Term &b) const {
        const Node &one = nodes[a.node], &two = nodes[b.node];
        const int left = a.shift + one.even, right = b.shift + two.even;
        int place = std::min(left, right);
        const Hash x = shifted(one, left - place), y = shifted(two, right - place);
        Hash h = plus(a.sign < 0 ? minus(x) : x, b.sign < 0 ? minus(y) : y);
        if (left == right && one.parity == two.parity) {
            const int64_t same = a.sign == b.sign ? 1 : -1;
            uint64_t any = 0;
            for (int i = 0; i < inputs; i++)
                any |= static_cast<uint64_t>(one.vector[i] + same * two.vector[i]);
            const int more = any ? __builtin_ctzll(any) : 0;
            place += more;
            for (int i = 0; i < more; i++) h = half(h);
        }
        const Hash opposite = minus(h);
        return h <= opposite ? Value{h, place, 1} : Value{opposite, place, -1};
    }

    bool pairs(const Term &a, const Term &b) const {
        return nodes[a.node].group == nodes[b.node].group;
    }

    Hash key_of(int index) const {
        const Hash h = nodes[index].hashes[0];
        return std::min(h, minus(h));
    }

    int sign_of(int index) const {
        const Hash h = nodes[index].hashes[0];
        return h <= minus(h) ? 1 : -1;
    }

    int find(int row, int node, int shift) const {
        const std::vector<Term> &terms = nodes[row].terms;
        for (size_t i = 0; i < terms.size(); i++)
            if (terms[i].at(node, shift)) return static_cast<int>(i);
        return NONE;
    }

    bool depends(int node, int row) const {
        if (node == row) return true;
        if (node < inputs || nodes[node].depth < nodes[row].depth) return false;
        for (const Term &t : nodes[node].terms)
            if (depends(t.node, row)) return true;
        return false;
    }

    int64_t sum_of_loads(int row) const {
        int64_t load = 0;
        for (const Term &t : nodes[row].terms) load += 1LL << nodes[t.node].depth;
        return load;
    }

    void merge(int row, Term term) {
        while (true) {
            const int index = find(row, term.node, term.shift);
            if (index == NONE) break;
            const int sign = nodes[row].terms[index].sign;
            drop(row, index);
            if (sign != term.sign) return;
            term.shift++;
        }
        add(row, term);
    }

    void clear(int row) {
        while (!nodes[row].terms.empty()) drop(row, static_cast<int>(nodes[row].terms.size()) - 1);
    }

    void expand(int row, int index) {
        const Term term = nodes[row].terms[index];
        drop(row, index);
        const std::vector<Term> parts = nodes[term.node].terms;
        for (const Term &part : parts)
            merge(row, {part.node, part.shift + term.shift, part.sign * term.sign});
        reload(row, sum_of_loads(row));
    }

    void dissolve(int index) {
        while (!nodes[index].users.empty()) {
            const int row = nodes[index].users.back();
            int i = 0;
            while (nodes[row].terms[i].node != index) i++;
            expand(row, i);
        }
        clear(index);
        trail.push_back({Change::REMOVE_NODE, index, 0, {}, 0});
        sleep(index);
    }

    void dissolve_lonely() {
        while (!lonely.empty()) {
            const int index = lonely.back();
            lonely.pop_back();
            if (nodes[index].alive && nodes[index].users.size() < 2) dissolve(index);
        }
    }

    bool reload(int row, int64_t load) {
        Node &r = nodes[row];
        if (load == r.load) return true;
        trail.push_back({Change::LOAD, row, 0, {}, r.load});
        const int before = r.depth;
        r.load = load;
        r.depth = bits_above(load);
        spoil(row);
        if (r.depth > limit) return false;
        if (r.depth == before) return true;
        const int64_t rise = (1LL << r.depth) - (1LL << before);
        for (size_t i = 0; i < r.users.size(); i++)
            if (!reload(r.users[i], nodes[r.users[i]].load + rise)) return false;
        return true;
    }

    int fresh(const std::vector<int64_t> &vector) {
        if (free_nodes.empty()) {
            free_nodes.push_back(static_cast<int>(nodes.size()));
            nodes.emplace_back();
        }
        const int index = free_nodes.back();
        free_nodes.pop_back();
        describe(index, vector);
        nodes[index].load = 1;
        nodes[index].depth = 0;
        trail.push_back({Change::CREATE, index, 0, {}, 0});
        wake(index);
        return index;
    }

    void begin() {
        epoch++;
        touched.clear();
        lonely.clear();
    }

    void commit() {
        for (const Change &change : trail)
            if (change.kind == Change::REMOVE_NODE) free_nodes.push_back(change.row);
        trail.clear();
    }

    void back(size_t mark) {
        while (trail.size() > mark) {
            const Change change = trail.back();
            trail.pop_back();
            Node &r = nodes[change.row];
            switch (change.kind) {
            case Change::ADD:
                drop(change.row, static_cast<int>(r.terms.size()) - 1, false);
                break;
            case Change::REMOVE:
                add(change.row, change.term, false);
                std::swap(r.terms[change.index], r.terms.back());
                break;
            case Change::LOAD:
                r.load = change.load;
                r.depth = bits_above(change.load);
                spoil(change.row);
                break;
            case Change::CREATE:
                sleep(change.row);
                free_nodes.push_back(change.row);
                break;
            case Change::REMOVE_NODE:
                wake(change.row);
                break;
            }
        }
    }

    // Makes groups of two each, and the index anew, if there are at most so many pairs then.
    bool regroup(int64_t most) {
        int groups = 0;
        for (int i = 0; i < inputs; i++) groups = std::max(groups, nodes[i].group + 1);
        if (groups < 2) return false;
        int64_t count = 0;
        std::vector<int64_t> sizes(static_cast<size_t>(groups / 2 + 2));
        for (const Node &row : nodes) {
            if (!row.alive) continue;
            std::fill(sizes.begin(), sizes.end(), 0);
            for (const Term &t : row.terms) count += sizes[(nodes[t.node].group + 2) / 2]++;
        }
        if (count > most) return false;
        for (Node &node : nodes)
            if (node.group != NONE) node.group /= 2;
            else if (groups < 3) node.group = 0;
        pool.clear();
        free_use = NONE;
        entries.assign(SMALLEST, Entry());
        used = 0;
        begin();
        for (int i = 0; i < static_cast<int>(nodes.size()); i++)
            if (nodes[i].alive) entry(key_of(i)).node = i;
        for (int row = inputs; row < static_cast<int>(nodes.size()); row++) {
            if (!nodes[row].alive) continue;
            const std::vector<Term> &terms = nodes[row].terms;
            for (size_t i = 0; i < terms.size(); i++)
                for (size_t j = 0; j < i; j++)
                    if (pairs(terms[j], terms[i])) note(row, terms[j], terms[i]);
            touch(row);
        }
        return true;
    }

    int64_t one_bit_adders() {
        for (int row : stale) {
            Node &r = nodes[row];
            const int64_t now = r.alive ? row_bits(r) : 0;
            bits += now - r.bits;
            r.bits = now;
            r.stale = false;
        }
        stale.clear();
        return bits;
    }

  protected:
    std::vector<Use> pool;
    std::vector<Change> trail;
    std::vector<Candidate> heap;
    std::vector<int> lonely, touched;
    bool sharing = false;
    int epoch = 1, noise = 1, deep = 0, apart = 0;

    Entry &entry(Hash key) {
        if (2 * used >= entries.size()) rebuild();
        const size_t mask = entries.size() - 1;
        size_t i = scatter(key) & mask;
        while (entries[i].key != key) {
            if (!entries[i].key) {
                entries[i] = Entry();
                entries[i].key = key;
                used++;
                break;
            }
            i = (i + 1) & mask;
        }
        return entries[i];
    }

    void offer(const Entry &e, const Term &a, const Term &b) {
        const int gain = e.count - (e.node == NONE);
        if (gain < 1 || e.banned == epoch) return;
        const uint64_t draw = random.next();
        const int64_t more = static_cast<int64_t>((draw >> 32) % static_cast<uint64_t>(noise));
        const int p = nodes[a.node].depth, q = nodes[b.node].depth;
        const int levels = deep * std::max(p, q) - apart * std::abs(p - q);
        heap.push_back({gain * 256 + levels + more, draw, e.key, gain});
        std::push_heap(heap.begin(), heap.end());
    }

    void add(int row, const Term &term, bool log = true) {
        Node &r = nodes[row];
        for (const Term &other : r.terms)
            if (pairs(other, term)) note(row, other, term);
        adders += !r.terms.empty();
        r.terms.push_back(term);
        if (term.node >= inputs) nodes[term.node].users.push_back(row);
        touch(row);
        if (log) trail.push_back({Change::ADD, row, 0, term, 0});
    }

    void drop(int row, int index, bool log = true) {
        Node &r = nodes[row];
        const Term term = r.terms[index];
        if (log) trail.push_back({Change::REMOVE, row, index, term, 0});
        r.terms[index] = r.terms.back();
        r.terms.pop_back();
        for (const Term &other : r.terms)
            if (pairs(other, term)) forget(row, other, term);
        adders -= !r.terms.empty();
        if (term.node >= inputs) {
            std::vector<int> &users = nodes[term.node].users;
            size_t i = users.size() - 1;
            while (users[i] != row) i--;
            users[i] = users.back();
            users.pop_back();
            if (users.size() < 2 && term.node >= inputs + outputs && log) lonely.push_back(term.node);
        }
        touch(row);
    }

  private:
    static constexpr size_t SMALLEST = 1 << 12;
    int table;
    std::vector<Hash> input_hash;
    std::vector<uint64_t> input_parity;
    std::vector<Entry> entries;
    size_t used = 0;
    int free_use = NONE;
    std::vector<int> free_nodes, stale;

    static size_t scatter(Hash key) { return static_cast<size_t>(key * 0x9E3779B97F4A7C15ULL >> 20); }

    void describe(int index, const std::vector<int64_t> &vector) {
        Node &node = nodes[index];
        uint64_t any = 0;
        for (int64_t c : vector) any |= static_cast<uint64_t>(c);
        node.even = any ? __builtin_ctzll(any) : 0;
        node.vector = vector;
        node.weight = 0;
        node.parity = 0;
        Hash hash = 0;
        for (int i = 0; i < inputs; i++) {
            int64_t &c = node.vector[i];
            node.weight += c < 0 ? -c : c;
            c >>= node.even;
            if (c & 1) node.parity ^= input_parity[i];
            const unsigned __int128 size = static_cast<unsigned __int128>(c < 0 ? -c : c);
            const Hash product = static_cast<Hash>(size * input_hash[i] % PRIME);
            hash = plus(hash, c < 0 ? minus(product) : product);
        }
        node.hashes.resize(static_cast<size_t>(table));
        for (Hash &power : node.hashes) {
            power = hash;
            hash = plus(hash, hash);
        }
    }

    Hash shifted(const Node &node, int d) const {
        if (d < table) return node.hashes[d];
        Hash h = node.hashes.back();
        for (int i = table - 1; i < d; i++) h = plus(h, h);
        return h;
    }

    void wake(int index) {
        const Hash h = nodes[index].hashes[0];
        nodes[index].alive = true;
        entry(std::min(h, minus(h))).node = index;
        spoil(index);
    }

    void sleep(int index) {
        const Hash h = nodes[index].hashes[0];
        nodes[index].alive = false;
        entry(std::min(h, minus(h))).node = NONE;
        spoil(index);
    }

    void rebuild() {
        std::vector<Entry> old;
        old.swap(entries);
        const auto needed = [this](const Entry &e) {
            return e.key && (e.count || e.node != NONE || e.banned == epoch || e.pushed == epoch);
        };
        used = static_cast<size_t>(std::count_if(old.begin(), old.end(), needed));
        size_t size = SMALLEST;
        while (size < 4 * used) size <<= 1;
        entries.resize(size);
        for (const Entry &e : old) {
            if (!needed(e)) continue;
            size_t i = scatter(e.key) & (size - 1);
            while (entries[i].key) i = (i + 1) & (size - 1);
            entries[i] = e;
        }
    }

    void note(int row, const Term &a, const Term &b) {
        const Hash key = value(a, b).key;
        if (!key) return;
        int slot = free_use;
        if (slot == NONE) {
            slot = static_cast<int>(pool.size());
            pool.emplace_back();
        } else {
            free_use = pool[slot].next;
        }
        Entry &e = entry(key);
        pool[slot] = {row, a.node, a.shift, b.node, b.shift, e.first};
        e.first = slot;
        e.count++;
        if (sharing) offer(e, a, b);
    }

    void forget(int row, const Term &a, const Term &b) {
        const Hash key = value(a, b).key;
        if (!key) return;
        Entry &e = entry(key);
        int *link = &e.first;
        while (true) {
            Use &use = pool[*link];
            if (use.row == row && ((a.at(use.a, use.a_shift) && b.at(use.b, use.b_shift)) ||
                                   (b.at(use.a, use.a_shift) && a.at(use.b, use.b_shift)))) {
                const int slot = *link;
                *link = use.next;
                use.next = free_use;
                free_use = slot;
                e.count--;
                return;
            }
            link = &use.next;
        }
    }

    void touch(int row) {
        spoil(row);
        if (sharing || nodes[row].touched == epoch) return;
        nodes[row].touched = epoch;
        touched.push_back(row);
    }

    void spoil(int row) {
        if (nodes[row].stale) return;
        nodes[row].stale = true;
        stale.push_back(row);
    }

    int64_t row_bits(const Node &row) const;
};
