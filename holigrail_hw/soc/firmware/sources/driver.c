#include "accelerator.h"

#define MAGIC 0x49414748u
#define NONE 0xffffffffu

const volatile struct accelerator_image *accelerator_image(void) {
    return (const volatile struct accelerator_image *)ACCELERATOR_BASE_SCRATCHPAD;
}

int accelerator_check(void) {
    const volatile struct accelerator_image *image = accelerator_image();
    if (image->magic != MAGIC) return ACCELERATOR_NO_IMAGE;
    if (image->digest != ACCELERATOR_REGISTER(ACCELERATOR_CONTROL_DIGEST))
        return ACCELERATOR_OTHER_MACHINE;
    return ACCELERATOR_DONE;
}

static uint32_t bits(uint32_t word, uint32_t shift, uint32_t mask) { return word >> shift & mask; }

int accelerator_run(uint32_t most_cycles) {
    const volatile struct accelerator_image *image = accelerator_image();
    int wrong = accelerator_check();
    if (wrong) return wrong;
    if (image->loader_start != NONE)
        ACCELERATOR_REGISTER(ACCELERATOR_CONTROL_LOADER_START) = image->loader_start;
    uint32_t begun = ACCELERATOR_REGISTER(ACCELERATOR_UART_TIMER);
    ACCELERATOR_REGISTER(ACCELERATOR_CONTROL_START) = image->start;
    for (;;) {
        uint32_t status = ACCELERATOR_REGISTER(ACCELERATOR_CONTROL_STATUS);
        if (bits(status, ACCELERATOR_CONTROL_STATUS_DONE_SHIFT, 1))
            return (int)bits(status, ACCELERATOR_CONTROL_STATUS_ERROR_SHIFT,
                             ACCELERATOR_CONTROL_STATUS_ERROR_MASK);
        if (ACCELERATOR_REGISTER(ACCELERATOR_UART_TIMER) - begun > most_cycles) {
            ACCELERATOR_REGISTER(ACCELERATOR_CONTROL_STOP) = 1;
            return ACCELERATOR_NO_ANSWER;
        }
    }
}

void accelerator_load(const volatile uint32_t *words) {
    volatile uint32_t *target = (volatile uint32_t *)ACCELERATOR_BASE_SCRATCHPAD;
    uint32_t count = words[2] / 4;
    for (uint32_t at = 0; at < count; at++) target[at] = words[at];
}
