// Work shared among threads, each with the floating-point state that the arithmetic relies on.
#pragma once
#include <algorithm>
#include <cfenv>
#include <cstdint>
#include <thread>
#include <vector>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

// Rounding to nearest even, subnormal numbers as they are; what was set before comes back.
class Arithmetic {
  public:
    Arithmetic() {
        fegetenv(&before);
        fesetenv(FE_DFL_ENV);
#if defined(__SSE__)
        control = _mm_getcsr();
        _mm_setcsr(0x1f80);
#endif
    }
    ~Arithmetic() {
#if defined(__SSE__)
        _mm_setcsr(control);
#endif
        fesetenv(&before);
    }

  private:
    fenv_t before;
#if defined(__SSE__)
    unsigned control;
#endif
};

// function(index) for all indices below count. Nobody can see who computes which.
template <class Function> static void share(int64_t threads, int64_t count, Function function) {
    threads = std::max<int64_t>(1, std::min(threads, count));
    auto part = [&](int64_t thread) {
        Arithmetic arithmetic;
        for (int64_t i = count * thread / threads; i < count * (thread + 1) / threads; i++)
            function(i);
    };
    std::vector<std::thread> others;
    for (int64_t thread = 1; thread < threads; thread++) others.emplace_back(part, thread);
    part(0);
    for (auto &other : others) other.join();
}
