// The loop around a simulated system: bytes to it and from it, as the other end of a pipe asks.
//
//   W count bytes       bytes for the system to receive; nothing happens yet
//   F address count bytes   what the flash memory holds from an address on
//   R count patience    run until so many bytes have been sent, or none came for so many cycles;
//                       answered with their number, the cycles so far, and the bytes
//
// Numbers have 8 bytes, the lowest first.
#include "Vtop.h"

#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>

double sc_time_stamp() { return 0; }

static bool take(void *data, size_t count) { return fread(data, 1, count, stdin) == count; }

#ifdef FLASH
// A serial flash memory with four data lines: commands ABh, which wakes it, and EBh, which reads.
struct Flash {
    std::string data;
    uint64_t first = 0, address = 0, nibbles = 0;
    unsigned clocks = 0, code = 0, lines = 15;
    bool awake = false, level = false;

    void edge(bool selected, bool next, unsigned driven) {
        if (!selected) {
            awake |= clocks == 8 && code == 0xAB;
            clocks = code = 0;
            address = nibbles = 0;
            lines = 15;
        } else if (next && !level) {
            if (clocks < 8) code = code << 1 | (driven & 1);
            else if (clocks < 14) address = address << 4 | driven;
            clocks++;
        } else if (level && !next && clocks >= 20 && code == 0xEB && awake) {
            uint64_t at = address + nibbles / 2 - first;
            unsigned byte = at < data.size() ? (uint8_t)data[at] : 255;
            lines = nibbles++ % 2 ? byte & 15 : byte >> 4;
        }
        level = next;
    }
};
#endif

int main(int count_of_words, char **words) {
    Verilated::commandArgs(count_of_words, words);
    Vtop top;
    std::deque<uint8_t> waiting, sent;
    uint64_t cycles = 0;
    bool tick = top.tick = 0;
#ifdef FLASH
    Flash flash;
    auto pins = [&](unsigned half) {
        unsigned driven = top.flash___05Foutput | (~top.flash___05Fenable & 15);
        flash.edge(top.flash___05Fchip_select, top.flash___05Fclock >> half & 1, driven);
        top.flash___05Finput = flash.lines;
    };
#else
    auto pins = [](unsigned) {};
#endif
    // One evaluation is one cycle: its outputs are those of the cycle that begins, in which the
    // inputs that were given here, from registers around the system, stand.
    auto cycle = [&](bool reset) {
        bool offered = !reset && !waiting.empty();
        top.rst = reset;
        top.received___05Fvalid = offered;
        top.received___05Fpayload = offered ? waiting.front() : 0;
        top.tick = tick = !tick;
        top.eval();
        if (offered && top.received___05Fready) waiting.pop_front();
        if (!reset && top.sent___05Fvalid) sent.push_back(top.sent___05Fpayload);
        pins(0);
        pins(1);
        cycles++;
    };
    for (int n = 0; n < 4; n++) cycle(true);
    for (char what; take(&what, 1);) {
        uint64_t count, patience;
        if (!take(&count, 8)) return 1;
        if (what == 'F') {
            uint64_t address = count;
            if (!take(&count, 8)) return 1;
            std::string data(count, 0);
            if (!take(&data[0], count)) return 1;
#ifdef FLASH
            flash.first = address;
            flash.data = data;
#else
            (void)address;
#endif
            continue;
        }
        if (what == 'W') {
            std::string data(count, 0);
            if (!take(&data[0], count)) return 1;
            waiting.insert(waiting.end(), data.begin(), data.end());
            continue;
        }
        if (what != 'R' || !take(&patience, 8)) return 1;
        size_t before = sent.size() + waiting.size();
        for (uint64_t quiet = 0; sent.size() < count && quiet < patience; quiet++) {
            cycle(false);
            if (sent.size() + waiting.size() != before) quiet = 0;
            before = sent.size() + waiting.size();
        }
        uint64_t given = sent.size() < count ? sent.size() : count;
        fwrite(&given, 8, 1, stdout);
        fwrite(&cycles, 8, 1, stdout);
        for (; given; given--) {
            putchar(sent.front());
            sent.pop_front();
        }
        fflush(stdout);
    }
    return 0;
}
