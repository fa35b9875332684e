#include "accelerator.h"

#define MAGIC 0x49414748u
#define NONE 0xffffffffu
/* Flags of a load. */
#define LAST 0x200u
#define CHECKED 0x400u

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

/* One load to address 0, with the record there that tells it: the record is read before. */
static int load(uint32_t flash, uint32_t length, uint32_t flags, uint32_t most_cycles) {
    volatile uint32_t *record = (volatile uint32_t *)ACCELERATOR_BASE_SCRATCHPAD;
    uint32_t words[4] = {flash, 0, length, flags}, sum = 0;
    for (int at = 0; at < 4; at++)
        for (uint32_t shift = 0; shift < 32; shift += 8) sum += words[at] >> shift;
    words[3] |= (0u - sum) << 24;
    for (int at = 0; at < 4; at++) record[at] = words[at];
    uint32_t begun = ACCELERATOR_REGISTER(ACCELERATOR_UART_TIMER);
    ACCELERATOR_REGISTER(ACCELERATOR_CONTROL_LOADER_START) = 0;
    for (;;) {
        uint32_t status = ACCELERATOR_REGISTER(ACCELERATOR_CONTROL_STATUS);
        if (!bits(status, ACCELERATOR_CONTROL_STATUS_LOADING_SHIFT, 1))
            return (int)bits(status, ACCELERATOR_CONTROL_STATUS_ERROR_SHIFT,
                             ACCELERATOR_CONTROL_STATUS_ERROR_MASK);
        if (ACCELERATOR_REGISTER(ACCELERATOR_UART_TIMER) - begun > most_cycles) {
            ACCELERATOR_REGISTER(ACCELERATOR_CONTROL_STOP) = 1;
            return ACCELERATOR_NO_ANSWER;
        }
    }
}

int accelerator_load(uint32_t flash, uint32_t most_cycles) {
    const volatile struct accelerator_image *image = accelerator_image();
    int wrong = load(flash, sizeof *image, LAST, most_cycles);
    if (!wrong) wrong = accelerator_check();
    /* Behind the resident block comes its check sum. */
    if (!wrong) wrong = load(flash, image->resident, LAST | CHECKED, most_cycles);
    return wrong ? wrong : accelerator_check();
}
