// The general products on float64 numbers, windows among them.
#define REAL double
#include "general.h"

extern "C" int general64(const Request *request) {
    return has_room([&] {
        if (request->kind == WINDOW_STEP) return choose<WINDOW_STEP, true>(*request);
        if (request->kind == CASCADE_STEP) return choose_sum<CASCADE_STEP>(*request);
        choose_sum<FUSED_STEP>(*request);
    });
}
