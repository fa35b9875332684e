// Work shared among threads, each with the floating-point state that the arithmetic relies on.
#pragma once
#include <algorithm>
#include <cfenv>
#include <atomic>
#include <cstdint>
#include <new>
#include <system_error>
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

// function(index) for all indices below count. Nobody can see who computes which. Without room for
// what a function needs it throws bad_alloc, once all threads have ended.
template <class Function> static void share(int64_t threads, int64_t count, Function function) {
    threads = std::max<int64_t>(1, std::min(threads, count));
    std::atomic<bool> full{false};
    auto part = [&](int64_t thread) {
        Arithmetic arithmetic;
        try {
            for (int64_t i = count * thread / threads; i < count * (thread + 1) / threads; i++)
                function(i);
        } catch (const std::bad_alloc &) {
            full = true;
        }
    };
    std::vector<std::thread> others;
    others.reserve(threads - 1);
    int64_t started = 1;
    try {
        for (; started < threads; started++) others.emplace_back(part, started);
    } catch (const std::system_error &) {
        // There are no more threads: this one does the rest.
    }
    part(0);
    for (int64_t thread = started; thread < threads; thread++) part(thread);
    for (auto &other : others) other.join();
    if (full) throw std::bad_alloc();
}

// Whether there was room for all that a function needs: no exception may leave C++.
template <class Function> static int has_room(Function function) {
    try {
        function();
        return 1;
    } catch (const std::bad_alloc &) {
        return 0;
    }
}
