// Run loops around a simulated design. A generated adapter D says how to set and read its ports:
//   poke(words), peek(words)   operands and results, packed as 64-bit words, port after port
//   settle()                   let combinational logic settle; the clock is low
//   edge()                     one rising clock edge
//   reset(bool)                drive the reset
//   i_valid(bool), o_ready(bool), i_ready(), o_valid()   of the stream shell
//   INPUTS, OUTPUTS            numbers of 64-bit words; WIDTHS[PORTS]: operand widths in bits
#include <cstdint>
#include <cstring>
#include <vector>

namespace run_loop {

struct Stream {
  const uint64_t *items;     // count rows of D::INPUTS words
  uint64_t *results;         // count rows of D::OUTPUTS words
  uint64_t count;
  const uint8_t *idle;       // 1: the source does not offer a new item in this cycle
  const uint8_t *stall;      // 1: the sink refuses in this cycle
  uint64_t pattern;          // length of both patterns, which repeat
  uint64_t cycle_limit;
  uint64_t drain;            // cycles to watch for results that nobody asked for
  uint64_t cycles, sent, received;
  uint64_t violation;        // 0, or the number of the broken rule
  uint64_t violation_cycle;
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

template <class D> void stream(D &d, Stream &s) {
  std::vector<uint64_t> noise(D::INPUTS), now(D::OUTPUTS), other(D::OUTPUTS), before(D::OUTPUTS);
  uint64_t random = 0x9E3779B97F4A7C15u;
  bool offering = false, waiting = false;
  auto broken = [&](uint64_t rule) {
    if (!s.violation) {
      s.violation = rule;
      s.violation_cycle = s.cycles;
    }
  };
  for (; s.cycles < s.cycle_limit && s.received < s.count; s.cycles++) {
    bool ready = !s.stall[s.cycles % s.pattern];
    offering = s.sent < s.count && (offering || !s.idle[s.cycles % s.pattern]);
    if (offering) {
      d.poke(s.items + s.sent * D::INPUTS);
    } else {
      for (auto &word : noise) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        word = random;
      }
      d.poke(noise.data());
    }
    d.i_valid(offering);
    d.o_ready(!ready);
    d.settle();
    bool valid_other = d.o_valid();
    d.peek(other.data());
    d.o_ready(ready);
    d.settle();
    bool valid = d.o_valid(), accepted = offering && d.i_ready();
    d.peek(now.data());
    if (valid != valid_other || (valid && now != other))
      broken(DEPENDS_ON_READY);
    if (waiting && !valid)
      broken(VALID_DROPPED);
    if (waiting && valid && now != before)
      broken(PAYLOAD_CHANGED);
    if (valid && ready) {
      if (s.received >= s.sent + accepted)
        broken(TOO_MANY);
      memcpy(s.results + s.received * D::OUTPUTS, now.data(), D::OUTPUTS * sizeof(uint64_t));
      s.received++;
    }
    waiting = valid && !ready;
    before = now;
    s.sent += accepted;
    if (accepted)
      offering = false;
    d.edge();
  }
  d.i_valid(false);
  d.o_ready(true);
  d.settle();
  for (uint64_t i = 0; i < s.drain && s.received == s.count; i++) {
    if (d.o_valid())
      broken(TOO_MANY);
    d.edge();
    d.settle();
  }
}

} // namespace run_loop
