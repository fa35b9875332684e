// The cycles of a network of units, one after the other; the twin of interpreted.py, whose rules,
// order and results these are.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using std::size_t;

constexpr int64_t outside = -1, unbounded = -1, wire = 0;

struct Side {
    int64_t tokens, capacity, pace, edge;
    const int64_t *need, *free;
    int64_t accepted = 0, released = 0, released_before = 0, next_acceptance = 0;
};

struct Unit {
    int64_t outputs, gap, latency;
    std::vector<Side> sides;
    std::vector<int64_t> readers;
    // When what is on its way is due, as a ring: outputs, and beats that only add to one, which
    // vanish before the last stage; 2 cycle, plus 1 for these.
    std::vector<int64_t> due;
    int64_t begin = 0, count = 0;
    int64_t started = 0, emitted = 0, held_cycles = 0, next_start = 0;
    int64_t frame = 0, at = 0;
    bool held = false, leaves = false;
    int64_t *emissions = nullptr;

    int64_t wanted(const Side &side) const { return frame * side.tokens + side.need[at]; }

    // A beat enters that completes nothing.
    void add(int64_t cycle) {
        if (latency > 1) due[(begin + count++) % int64_t(due.size())] = 2 * (cycle + latency) - 1;
    }

    // Beats that have been added are gone.
    void vanish(int64_t cycle) {
        while (count && due[size_t(begin)] % 2 && due[size_t(begin)] <= 2 * cycle + 1) {
            begin = (begin + 1) % int64_t(due.size());
            --count;
        }
    }

    // Whether the next beat of an input that stores nothing can only come with an output.
    bool completes(const Side &side) const {
        return !side.capacity && side.accepted + 1 >= wanted(side);
    }

    void start(int64_t cycle) {
        for (Side &side : sides) side.released = frame * side.tokens + side.free[at];
        due[(begin + count++) % int64_t(due.size())] = 2 * (cycle + latency);
        next_start = cycle + gap;
        ++started;
        if (++at == outputs) {
            at = 0;
            ++frame;
        }
    }
};

struct Edge {
    int64_t producer, consumer, side, depth;
    int64_t level = 0, change = 0, most = 0, full = 0, taken = 0;
    bool arriving = false, room = false;
    int64_t *acceptances = nullptr;
};

class Network {
  public:
    std::vector<Unit> units;
    std::vector<Edge> edges;
    bool moved = false;

    bool open(int64_t index) const {
        const Edge &edge = edges[size_t(index)];
        if (edge.depth == wire) return edge.room;
        return edge.depth == unbounded || edge.level < edge.depth;
    }

    bool all_open(const std::vector<int64_t> &indices) const {
        for (int64_t index : indices)
            if (!open(index)) return false;
        return true;
    }

    void write(const std::vector<int64_t> &indices, int64_t cycle) {
        moved = true;
        for (int64_t index : indices) {
            Edge &edge = edges[size_t(index)];
            if (edge.depth == wire) {
                edge.arriving = true;
                continue;
            }
            ++edge.change;
            if (edge.level >= edge.most) {
                edge.most = edge.level + 1;
                edge.full = cycle;
            }
        }
    }

    void look(Unit &unit, int64_t cycle) {
        unit.vanish(cycle);
        const bool due = unit.count && unit.due[size_t(unit.begin)] <= 2 * cycle;
        unit.leaves = due && all_open(unit.readers);
        unit.held = unit.count == unit.latency && !unit.leaves;
        for (Side &side : unit.sides) {
            Edge &edge = edges[size_t(side.edge)];
            if (edge.depth != wire) continue;
            edge.room = room(side, cycle) && (side.capacity || !unit.held);
            if (unit.completes(side))
                edge.room = edge.room && !unit.held && cycle >= unit.next_start &&
                            others_ready(unit, side);
        }
    }

    void step(Unit &unit, int64_t cycle) {
        unit.held_cycles += unit.held;
        if (unit.leaves) {
            unit.begin = (unit.begin + 1) % int64_t(unit.due.size());
            --unit.count;
            if (unit.emissions) unit.emissions[unit.emitted] = cycle;
            ++unit.emitted;
            write(unit.readers, cycle);
        }
        bool ready = true;
        for (Side &side : unit.sides) {
            const Edge &edge = edges[size_t(side.edge)];
            bool offered = edge.arriving || edge.level > 0;
            if (unit.completes(side)) {
                bool lacking = side.accepted < unit.wanted(side);
                ready = ready && (!lacking || (offered && room(side, cycle)));
                continue;
            }
            if (offered && room(side, cycle) && (side.capacity || !unit.held)) {
                take(side, cycle);
                if (!side.capacity) unit.add(cycle);
            }
            ready = ready && side.accepted >= unit.wanted(side);
        }
        if (!ready || unit.held || cycle < unit.next_start) return;
        moved = true;
        for (Side &side : unit.sides)
            if (unit.completes(side) && side.accepted < unit.wanted(side)) take(side, cycle);
        unit.start(cycle);
    }

    void settle() {
        for (Edge &edge : edges) {
            edge.level += edge.change;
            edge.change = 0;
            edge.arriving = false;
        }
        for (Unit &unit : units)
            for (Side &side : unit.sides) side.released_before = side.released;
    }

  private:
    static bool room(const Side &side, int64_t cycle) {
        if (cycle < side.next_acceptance) return false;
        return !side.capacity || side.accepted - side.released_before < side.capacity;
    }

    bool others_ready(const Unit &unit, const Side &own) const {
        for (const Side &side : unit.sides) {
            if (&side == &own) continue;
            bool there = side.accepted >= unit.wanted(side) ||
                         (unit.completes(side) && edges[size_t(side.edge)].level > 0);
            if (!there) return false;
        }
        return true;
    }

    void take(Side &side, int64_t cycle) {
        Edge &edge = edges[size_t(side.edge)];
        moved = true;
        ++side.accepted;
        side.next_acceptance = cycle + side.pace;
        if (!edge.arriving) --edge.change;
        if (edge.acceptances) edge.acceptances[edge.taken] = cycle;
        ++edge.taken;
    }
};

}  // namespace

extern "C" {

struct Request {
    int64_t unit_count, edge_count, beats, frames, gated, interval, quiet_limit;
    const int64_t *units;   // outputs, gap, latency, inputs
    const int64_t *sides;   // tokens, capacity, pace, place of its needs, unit after unit
    const int64_t *counts;  // needs of a side, then what is free, side after side
    const int64_t *edges;   // producer, consumer, side, depth
    const uint8_t *offers, *accepts;
    int64_t offer_count, accept_count;
    int64_t **emissions, **acceptances;  // null, or a place for every unit and every edge
    // Results.
    int64_t *first, *last, *levels, *full, *held;
    int64_t taken, first_count, last_count;
};

// 1 if all frames came out, 0 if nothing could move any more.
int64_t dataflow_run(Request *request) {
    const Request &given = *request;
    Network network;
    network.units.resize(size_t(given.unit_count));
    network.edges.resize(size_t(given.edge_count));
    std::vector<int64_t> sources;
    Edge *end = nullptr;
    const int64_t *sides = given.sides;
    for (int64_t index = 0; index < given.unit_count; ++index) {
        Unit &unit = network.units[size_t(index)];
        const int64_t *row = given.units + 4 * index;
        unit.outputs = row[0];
        unit.gap = row[1];
        unit.latency = row[2];
        unit.due.resize(size_t(unit.latency + 1));
        if (given.emissions) unit.emissions = given.emissions[index];
        for (int64_t side = 0; side < row[3]; ++side, sides += 4) {
            Side found{};
            found.tokens = sides[0];
            found.capacity = sides[1];
            found.pace = sides[2];
            found.need = given.counts + sides[3];
            found.free = found.need + unit.outputs;
            unit.sides.push_back(found);
        }
    }
    for (int64_t index = 0; index < given.edge_count; ++index) {
        Edge &edge = network.edges[size_t(index)];
        const int64_t *row = given.edges + 4 * index;
        edge.producer = row[0];
        edge.consumer = row[1];
        edge.side = row[2];
        edge.depth = row[3];
        if (given.acceptances) edge.acceptances = given.acceptances[index];
        if (edge.producer == outside) sources.push_back(index);
        else network.units[size_t(edge.producer)].readers.push_back(index);
        if (edge.consumer == outside) {
            end = &edge;
        } else {
            network.units[size_t(edge.consumer)].sides[size_t(edge.side)].edge = index;
        }
    }
    const Unit &producer = network.units[size_t(end->producer)];
    const int64_t outputs = producer.outputs, total = given.beats * given.frames;
    int64_t sent = 0, left = 0, cycle = 0, quiet = 0, begun = 0, ended = 0;
    bool offering = false;
    while (left < outputs * given.frames && quiet < given.quiet_limit) {
        network.moved = false;
        const bool there = !given.gated || sent >= (left / outputs + 1) * given.beats;
        end->room = there && given.accepts[cycle % given.accept_count];
        for (size_t index = network.units.size(); index-- > 0;)
            network.look(network.units[index], cycle);
        const int64_t due = (sent % given.beats * given.interval + given.beats - 1) / given.beats +
                            sent / given.beats * given.interval;
        if (sent < total && cycle >= due && given.offers[cycle % given.offer_count])
            offering = true;
        if (offering && network.all_open(sources)) {
            network.write(sources, cycle);
            ++sent;
            offering = false;
        }
        const bool queued = end->room && end->level > 0;
        const int64_t before = left, emitted = producer.emitted;
        for (Unit &unit : network.units) network.step(unit, cycle);
        if (end->depth == wire) {
            left += producer.emitted - emitted;
        } else if (queued) {
            --end->change;
            network.moved = true;
            ++left;
        }
        network.settle();
        if (left > before) {
            if (before % outputs == 0) given.first[begun++] = cycle;
            if (left % outputs == 0) given.last[ended++] = cycle;
        }
        quiet = network.moved ? 0 : quiet + 1;
        ++cycle;
    }
    for (size_t index = 0; index < network.edges.size(); ++index) {
        given.levels[index] = network.edges[index].most;
        given.full[index] = network.edges[index].full;
    }
    for (size_t index = 0; index < network.units.size(); ++index)
        given.held[index] = network.units[index].held_cycles;
    request->taken = sent;
    request->first_count = begun;
    request->last_count = ended;
    return left == outputs * given.frames;
}
}
