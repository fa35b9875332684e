/* The driver of the accelerator, for programmes of one's own: include it, and link driver.c. */
#ifndef ACCELERATOR_H
#define ACCELERATOR_H

#include <stdint.h>

#include "registers.h"

#define ACCELERATOR_REGISTER(address) (*(volatile uint32_t *)(address))

/* The header of an image, at the start of the scratchpad. */
struct accelerator_image {
    uint32_t magic, digest, resident, crc;
    uint32_t start, loader_start;
    uint32_t input, input_bytes, output, output_bytes;
    uint32_t classes, powers, power_count;
    uint32_t bytes, descriptors, loads;
};

enum accelerator_result {
    ACCELERATOR_DONE = 0,
    /* 1 to 7 are the error codes of the status register. */
    ACCELERATOR_NO_IMAGE = 8,
    ACCELERATOR_OTHER_MACHINE = 9,
    ACCELERATOR_NO_ANSWER = 10
};

/* The image in the scratchpad. */
const volatile struct accelerator_image *accelerator_image(void);

/* Whether there is an image in the scratchpad for this machine: 0, 8 or 9. */
int accelerator_check(void);

/* One frame, from the input codes in the scratchpad to the output codes there: 0 to 7, or 10 if the
 * status does not say that the chain has ended within so many cycles. */
int accelerator_run(uint32_t most_cycles);

/* Loads the image at an address of the flash memory: 0 to 10, 5 if its check sum is wrong; 8 also
 * where there is no loader, which leaves the scratchpad as it is but for its first 16 bytes. */
int accelerator_load(uint32_t flash, uint32_t most_cycles);

/* TensorFlow Lite's softmax, bit for bit, of codes with a table of powers in Q0.31: its entry n is
 * exp(-n scale). */
void accelerator_softmax(const int8_t *codes, int8_t *shares, int count, const int32_t *powers,
                         int power_count);

#endif
