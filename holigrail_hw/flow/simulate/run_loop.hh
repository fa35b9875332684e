// Run loops around a simulated design. A generated adapter D says how to set and read its ports:
//   poke(words), peek(words)   operands and results, packed as 64-bit words, port after port
//   settle()                   let combinational logic settle; the clock is low
//   edge()                     one rising clock edge
//   reset(bool)                drive the reset
//   put_stream(n, words), get_stream(n, words)   payload of stream n, packed in the same way
//   drive(n, bool), sense(n)   valid and ready of stream n: drive what the outside drives
//   INPUTS, OUTPUTS            numbers of 64-bit words; WIDTHS[PORTS]: operand widths in bits
//   STREAMS, STREAM_WORDS[STREAMS], IS_SOURCE[STREAMS]   streams that feed the design are sources
#include <cstdint>
#include <cstring>
#include <vector>

namespace run_loop {

// One stream of items, into the design or out of it.
struct Stream {
  uint64_t *items;           // count rows of STREAM_WORDS words; written for results
  uint64_t count;
  uint64_t wanted;           // results the run may end with; at most count
  const uint8_t *pause;      // 1: the outside does not offer or accept an item in this cycle
  uint64_t moved;            // items moved so far
};

struct Run {
  Stream *streams;
  uint64_t pattern;          // length of the patterns of pauses, which repeat
  uint64_t cycle_limit;
  uint64_t quiet_limit;      // stop after so many cycles without any item moved
  uint64_t drain;            // cycles to watch for results that nobody asked for
  uint64_t paired;           // one result for each item, never before it
  uint64_t rules;            // check the rules of the handshake; takes twice the time
  uint64_t open;             // one of several runs in a row: more results than wanted are taken,
                             // a sink that has count of them is refused, and nothing is drained
  uint64_t cycles;
  uint64_t violation;        // 0, or the number of the broken rule
  uint64_t violation_cycle, violation_stream;
};

enum { NONE, VALID_DROPPED, PAYLOAD_CHANGED, DEPENDS_ON_READY, TOO_MANY };

template <class D> void reset(D &d, uint64_t cycles) {
  std::vector<uint64_t> zero(D::INPUTS, 0);
  d.poke(zero.data());
  d.reset(true);
  for (uint64_t i = 0; i < cycles; i++) {
    d.settle();
    d.edge();
  }
  d.reset(false);
}

// Row t goes in at cycle t; its results are read `latency` cycles later.
template <class D, class Row>
void feed(D &d, Row row, uint64_t count, uint64_t latency, uint64_t *results) {
  for (uint64_t cycle = 0; cycle < count + latency; cycle++) {
    if (cycle < count)
      d.poke(row(cycle));
    d.settle();
    if (cycle >= latency)
      d.peek(results + (cycle - latency) * D::OUTPUTS);
    d.edge();
  }
}

template <class D>
void plain(D &d, const uint64_t *items, uint64_t count, uint64_t latency, uint64_t *results) {
  feed(d, [=](uint64_t t) { return items + t * D::INPUTS; }, count, latency, results);
}

// Operands are the fields of a counter, the first one in the highest bits.
template <class D>
void counted(D &d, uint64_t start, uint64_t count, uint64_t latency, uint64_t *results) {
  uint64_t fields[D::INPUTS];
  feed(d, [&](uint64_t t) {
    uint64_t rest = start + t;
    for (int port = D::PORTS - 1; port >= 0; port--) {
      unsigned width = D::WIDTHS[port];
      fields[port] = width < 64 ? rest & ((uint64_t(1) << width) - 1) : rest;
      rest = width < 64 ? rest >> width : 0;
    }
    return (const uint64_t *)fields;
  }, count, latency, results);
}

// What the outside remembers of one stream from cycle to cycle.
struct Side {
  bool offering = false, waiting = false, ready = false;
  std::vector<uint64_t> now, other, before;
};

template <class D> void streams(D &d, Run &run) {
  constexpr int COUNT = D::STREAMS;
  std::vector<Side> sides(COUNT);
  uint64_t random = 0x9E3779B97F4A7C15u, quiet = 0;
  for (int n = 0; n < COUNT; n++) {
    auto &side = sides[n];
    side.now.assign(D::STREAM_WORDS[n] + 1, 0);
    side.other = side.before = side.now;
  }
  auto broken = [&](uint64_t rule, int stream) {
    if (!run.violation) {
      run.violation = rule;
      run.violation_cycle = run.cycles;
      run.violation_stream = stream;
    }
  };
  auto unfinished = [&] {
    for (int n = 0; n < COUNT; n++)
      if (!D::IS_SOURCE[n] && run.streams[n].moved < run.streams[n].wanted)
        return true;
    return false;
  };
  // The sinks' ready turned around, then as it is: neither valid nor payload may notice.
  auto sink = [&](bool turned, std::vector<uint64_t> Side::*payload) {
    for (int n = 0; n < COUNT; n++)
      if (!D::IS_SOURCE[n])
        d.drive(n, sides[n].ready != turned);
    d.settle();
    for (int n = 0; n < COUNT; n++)
      if (!D::IS_SOURCE[n]) {
        auto &words = sides[n].*payload;
        d.get_stream(n, words.data());
        words.back() = d.sense(n);
      }
  };
  for (; run.cycles < run.cycle_limit && quiet < run.quiet_limit && unfinished(); run.cycles++) {
    quiet++;
    uint64_t column = run.cycles % run.pattern;
    for (int n = 0; n < COUNT; n++) {
      auto &side = sides[n];
      auto &stream = run.streams[n];
      side.ready = !stream.pause[column];
      if (!D::IS_SOURCE[n]) {
        side.ready &= !run.open || stream.moved < stream.count;
        continue;
      }
      side.offering = stream.moved < stream.count && (side.offering || side.ready);
      if (side.offering) {
        d.put_stream(n, stream.items + stream.moved * D::STREAM_WORDS[n]);
      } else if (run.rules) {
        for (auto &word : side.now) {
          random ^= random << 13, random ^= random >> 7, random ^= random << 17;
          word = random;
        }
        d.put_stream(n, side.now.data());
      }
      d.drive(n, side.offering);
    }
    if (run.rules)
      sink(true, &Side::other);
    sink(false, &Side::now);
    uint64_t moved = 0;
    for (int n = 0; n < COUNT; n++) {
      if (!D::IS_SOURCE[n])
        continue;
      bool accepted = sides[n].offering && d.sense(n);
      run.streams[n].moved += accepted;
      moved += accepted;
      if (accepted)
        sides[n].offering = false;
    }
    for (int n = 0; n < COUNT; n++) {
      if (D::IS_SOURCE[n])
        continue;
      auto &side = sides[n];
      auto &stream = run.streams[n];
      bool valid = side.now.back();
      if (run.rules) {
        if (valid ? side.now != side.other : side.other.back() != 0)
          broken(DEPENDS_ON_READY, n);
        if (side.waiting && !valid)
          broken(VALID_DROPPED, n);
        if (side.waiting && valid && side.now != side.before)
          broken(PAYLOAD_CHANGED, n);
        side.waiting = valid && !side.ready;
        side.before = side.now;
      }
      if (valid && side.ready) {
        if (stream.moved >= stream.count || (run.paired && stream.moved >= run.streams[0].moved)) {
          broken(TOO_MANY, n);
          continue;
        }
        memcpy(stream.items + stream.moved * D::STREAM_WORDS[n], side.now.data(),
               D::STREAM_WORDS[n] * sizeof(uint64_t));
        stream.moved++;
        moved++;
      }
    }
    if (moved)
      quiet = 0;
    d.edge();
  }
  if (unfinished() || run.open)
    return;
  for (int n = 0; n < COUNT; n++)
    d.drive(n, !D::IS_SOURCE[n]);
  d.settle();
  for (uint64_t i = 0; i < run.drain; i++) {
    for (int n = 0; n < COUNT; n++)
      if (!D::IS_SOURCE[n] && d.sense(n))
        broken(TOO_MANY, n);
    d.edge();
    d.settle();
  }
}

} // namespace run_loop
