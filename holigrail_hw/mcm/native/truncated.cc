// The inner loops of the truncated searches, compiled: annealing over forms and truncations
// (anneal.py), and everything that can be done with one set of fundamentals (exhaust.py).
//
// Node 0 is the input; the others are fundamentals in increasing order. Rules of cost and error are
// those of truncated_adder.py; orders, draws and answers those of the Python twins.

#include "truncated_problem.h"

namespace {

class Annealing {
  public:
    Annealing(const Problem &given, const int32_t *first)
        : problem(given), states(size_t(given.count) + 1), start_cuts(states.size(), {0, 0}) {
        start_forms.push_back(nullptr);
        for (int w = 1; w <= problem.count; ++w)
            start_forms.push_back(&problem.choices[w][first[w]]);
        for (Int limit : problem.allowed)
            if (limit > 0) deepest = std::max(deepest, bit_length(limit));
    }

    // One cooling; the best graph so far is kept, and is where the next block starts.
    void block(int count, double hot, double cold, double price, uint32_t *random_state,
               double seconds) {
        auto until = after(seconds);
        Twister random(random_state);
        forms = start_forms;
        cuts = start_cuts;
        if (!problem.sorted(forms, order)) return;
        double excess;
        int cost = evaluate(order, excess);
        if (best < 0 && excess == 0) keep(cost);
        double here = cost + price * excess, heat = hot, cooling = std::pow(cold / hot, 1.0 / count);
        for (int step = 0; step < count; ++step) {
            heat *= cooling;
            if (!(step & 255) && Clock::now() > until) break;
            int w = 1 + random.below(problem.count);
            const Form *old_form = forms[w];
            Truncation old_cut = cuts[w];
            double kind = random.next();
            const auto &choices = problem.choices[w];
            bool reordered = false;
            if (kind < 0.4 && choices.size() > 1) {
                double draw = random.next();
                forms[w] = &choices[size_t(double(choices.size()) * (draw * draw))];
                if (forms[w] != old_form) {
                    if (!problem.sorted(forms, other)) {
                        forms[w] = old_form;
                        continue;
                    }
                    reordered = true;
                }
                if (!forms[w]->shift)
                    cuts[w] = {0, 0};
                else if (kind < 0.2)
                    cuts[w] = drawn(random);
            } else if (old_form->shift) {
                cuts[w] = moved(random, old_cut);
            } else {
                continue;
            }
            cost = evaluate(reordered ? other : order, excess);
            double now = cost + price * excess;
            if (now <= here || random.next() < std::exp((here - now) / heat)) {
                if (reordered) order.swap(other);
                here = now;
                if (excess == 0 && (best < 0 || cost < best)) keep(cost);
            } else {
                forms[w] = old_form;
                cuts[w] = old_cut;
            }
        }
    }

    int best = -1;
    std::vector<int> best_order;

    const Problem &problem;
    std::vector<const Form *> start_forms;
    std::vector<State> states;
    std::vector<Truncation> start_cuts;

  private:
    std::vector<const Form *> forms;
    std::vector<Truncation> cuts;
    std::vector<int> order, other;
    int deepest = 0;

    void keep(int cost) {
        best = cost;
        best_order = order;
        start_forms = forms;
        start_cuts = cuts;
    }

    int evaluate(const std::vector<int> &sequence, double &excess) {
        states[0] = problem.input.state;
        int cost = 0;
        excess = 0;
        for (int w : sequence) {
            const Form &form = *forms[w];
            State &state = states[w];
            cost += problem.input.adder(problem.factors[w], form, states[form.left],
                                        states[form.right], cuts[w], state);
            Int worst = std::max(state.low, state.high);
            if (worst > kTooFar) {
                excess = INFINITY;
                return cost;
            }
            Int limit = problem.allowed[w];
            if (limit >= 0 && worst > limit)
                excess += 0.5 + std::log2(double(worst + 1) / double(limit + 1));
        }
        return cost;
    }

    Truncation drawn(Twister &random) const {
        int amount = random.below(deepest + 1);
        if (random.next() < 0.6) return {amount, 0};
        return {0, amount};
    }

    Truncation moved(Twister &random, Truncation old) const {
        if (random.next() < 0.3 || old.is_none()) return drawn(random);
        int step = random.next() < 0.5 ? -1 : 1;
        if (old.left) return {std::min(deepest, old.left + step), 0};
        return {0, std::min(deepest, old.right + step)};
    }
};

// Every acyclic choice of forms, and every truncation of each.
class Exhaustion {
  public:
    Exhaustion(const Problem &given, const int32_t *sequence, int cheapest, int64_t limit)
        : problem(given),
          names(sequence, sequence + given.count),
          best(cheapest),
          most_steps(limit),
          forms(size_t(given.count) + 1, nullptr),
          rest(names.size() + 1, 0) {
        for (size_t i = names.size(); i-- > 0;)
            rest[i] = rest[i + 1] + problem.choices[names[i]][0].least;
    }

    void run(double seconds) {
        until = after(seconds);
        if (rest[0] < best) select(0, 0);
    }

    const Problem &problem;
    std::vector<int> names;
    int best;
    bool complete = true, late = false;
    std::vector<int> best_order;
    std::vector<const Form *> best_forms;
    std::vector<Truncation> best_cuts;  // in the order of best_order

  private:
    struct Choice {
        int cost;
        Truncation cut;
        State state;
    };

    int64_t most_steps, steps = 0;
    std::vector<const Form *> forms;
    std::vector<int> rest, order;
    Clock::time_point until;
    unsigned ticks = 0;
    std::vector<Int> tolerance;
    std::vector<int> truncated_rest;
    std::vector<char> used;
    std::vector<State> states;
    std::vector<Truncation> cuts;

    bool reaches(int start, int goal) const {
        if (start == goal) return true;
        const Form *form = forms[start];
        return form && (reaches(form->left, goal) || reaches(form->right, goal));
    }

    void select(size_t index, int cost) {
        if (!(++ticks & 15) && Clock::now() > until) late = true;
        if (late) return;
        if (index == names.size()) {
            if (problem.sorted(forms, order)) truncate();
            return;
        }
        int w = names[index];
        for (const Form &form : problem.choices[w]) {
            if (cost + form.least + rest[index + 1] >= best) break;
            if (reaches(form.left, w) || reaches(form.right, w)) continue;
            forms[w] = &form;
            select(index + 1, cost + form.least);
            forms[w] = nullptr;
        }
    }

    void truncate() {
        size_t count = order.size();
        const Int unlimited = Int(1) << 45;
        tolerance.assign(size_t(problem.count) + 1, unlimited);
        used.assign(size_t(problem.count) + 1, 0);
        for (size_t i = count; i-- > 0;) {
            int w = order[i];
            const Form &form = *forms[w];
            Int own = tolerance[w];
            if (problem.allowed[w] >= 0) own = std::min(own, problem.allowed[w]);
            tolerance[w] = own;
            Int here = own >= unlimited ? unlimited : std::min(unlimited, own << form.right_shift);
            Int left = own >= unlimited ? unlimited : here >> form.shift;
            tolerance[form.left] = std::min(tolerance[form.left], left);
            tolerance[form.right] = std::min(tolerance[form.right], here);
            used[form.left] = used[form.right] = 1;
        }
        truncated_rest.assign(count + 1, 0);
        for (size_t i = count; i-- > 0;)
            truncated_rest[i] = truncated_rest[i + 1] + conceivable(order[i]);
        if (truncated_rest[0] >= best) return;
        states.resize(size_t(problem.count) + 1);
        states[0] = problem.input.state;
        cuts.resize(count);
        steps = most_steps;
        visit(0, 0);
        if (steps <= 0) complete = false;
    }

    int exact_width(int node) const {
        Int factor = problem.factors[node];
        const Input &input = problem.input;
        int width = bit_length(factor * input.largest);
        if (!input.state.is_signed) return width;
        return 1 + std::max(width, bit_length(factor * input.smallest - 1));
    }

    int conceivable(int w) const {
        const Form &form = *forms[w];
        int total = exact_width(w) + form.right_shift;
        if (!form.shift) return std::max(0, total - 1);
        Int spread = 2 * tolerance[w];
        int passed = 0;
        if (!form.minus_right) passed = bit_length((spread >> form.shift) + 1) - 1 + form.shift;
        if (!form.minus_left) passed = std::max(passed, bit_length(spread + 1) - 1);
        int wide = std::max(exact_width(form.left) + form.shift, exact_width(form.right));
        return std::max(0, total - passed - (total > wide));
    }

    void visit(size_t index, int cost) {
        if (index == order.size()) {
            best = cost;
            best_order = order;
            best_forms = forms;
            best_cuts = cuts;
            return;
        }
        --steps;
        if (!(++ticks & 255) && Clock::now() > until) late = true;
        if (steps <= 0 || late) return;
        int w = order[index];
        for (const Choice &choice : choices_of(w)) {
            int total = cost + choice.cost;
            if (total + truncated_rest[index + 1] >= best) break;
            states[w] = choice.state;
            cuts[index] = choice.cut;
            visit(index + 1, total);
        }
    }

    // Truncations of one adder that no other one dominates, cheapest first.
    std::vector<Choice> choices_of(int w) const {
        const Form &form = *forms[w];
        const State &left = states[form.left], &right = states[form.right];
        Int limit = tolerance[w];
        std::vector<Truncation> candidates{{0, 0}};
        if (form.shift) {
            Int room = (limit >> form.shift) + (Int(1) << left.zeros);
            for (int t = left.zeros + 1; t < bit_length(room); ++t) candidates.push_back({t, 0});
            room = limit + (Int(1) << right.zeros);
            for (int t = right.zeros + 1; t < bit_length(room); ++t) candidates.push_back({0, t});
        }
        std::vector<Choice> found, kept;
        for (Truncation cut : candidates) {
            State state;
            int cost = problem.input.adder(problem.factors[w], form, left, right, cut, state);
            if (state.low <= limit && state.high <= limit) found.push_back({cost, cut, state});
        }
        auto key = [](const Choice &c) {
            return std::make_tuple(c.cost, c.state.low + c.state.high, -c.state.zeros, c.cut.left,
                                   c.cut.right);
        };
        std::sort(found.begin(), found.end(),
                  [&](const Choice &a, const Choice &b) { return key(a) < key(b); });
        if (!used[w] && found.size() > 1) found.erase(found.begin() + 1, found.end());
        for (const Choice &choice : found) {
            const State &state = choice.state;
            bool dominated = std::any_of(kept.begin(), kept.end(), [&](const Choice &k) {
                return k.state.low <= state.low && k.state.high <= state.high &&
                       k.state.zeros >= state.zeros && k.state.width <= state.width &&
                       k.state.is_signed <= state.is_signed;
            });
            if (!dominated) kept.push_back(choice);
        }
        return kept;
    }
};

void write_answer(const Problem &problem, const std::vector<int> &order,
                  const std::vector<const Form *> &forms, const std::vector<Truncation> &cuts,
                  int32_t *answer) {
    for (size_t i = 0; i < order.size(); ++i, answer += 4) {
        int w = order[i];
        answer[0] = w;
        answer[1] = int32_t(forms[w] - problem.choices[w].data());
        answer[2] = cuts[i].left;
        answer[3] = cuts[i].right;
    }
}

}  // namespace

extern "C" {

void *truncated_problem(int count, const int64_t *factors, const int64_t *allowed,
                        const int32_t *counts, const int32_t *forms, int width, int is_signed) {
    return new Problem(count, factors, allowed, counts, forms, width, is_signed);
}

void truncated_problem_free(void *problem) { delete static_cast<Problem *>(problem); }

void *truncated_annealing(const void *problem, const int32_t *first) {
    return new Annealing(*static_cast<const Problem *>(problem), first);
}

void truncated_annealing_free(void *annealing) { delete static_cast<Annealing *>(annealing); }

// The best cost so far, or -1; answer: (node, choice, truncation left, right) in order.
int truncated_anneal(void *annealing, int count, double hot, double cold, double price,
                     uint32_t *random_state, double seconds, int32_t *answer) {
    auto &search = *static_cast<Annealing *>(annealing);
    search.block(count, hot, cold, price, random_state, seconds);
    std::vector<Truncation> cuts;
    for (int w : search.best_order) cuts.push_back(search.start_cuts[w]);
    write_answer(search.problem, search.best_order, search.start_forms, cuts, answer);
    return search.best;
}

// The least cost below ``best``, or -1; state: bit 0 not all was tried, bit 1 time was up.
int truncated_exhaust(const void *problem, const int32_t *sequence, int best, int64_t steps,
                      double seconds, int32_t *answer, int *state) {
    Exhaustion search(*static_cast<const Problem *>(problem), sequence, best, steps);
    search.run(seconds);
    *state = !search.complete + 2 * search.late;
    if (search.best_order.empty()) return -1;
    write_answer(search.problem, search.best_order, search.best_forms, search.best_cuts, answer);
    return search.best;
}
}
