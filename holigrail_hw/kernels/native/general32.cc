// The general products on float32 numbers, for sums whose roundings need no more.
#define REAL float
#include "general.h"

extern "C" int general32(const Request *request) {
    return has_room([&] {
        if (request->kind == CASCADE_STEP) return choose_sum<CASCADE_STEP>(*request);
        choose_sum<FUSED_STEP>(*request);
    });
}
