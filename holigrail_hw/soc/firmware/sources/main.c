/* The programme that comes with an accelerator: it obeys bytes of the serial line.
 *
 *   ?                        id: "machine DIGEST image RESULT"
 *   P ADDRESS LENGTH bytes   put bytes into the scratchpad (two little-endian words)
 *   R ADDRESS LENGTH         read bytes of the scratchpad: they come as they are, without a line
 *   F                        load the image from the flash memory, and compare its check sum
 *   I bytes                  the codes of a frame
 *   G                        go: "answer CODES" and "cycles NUMBER"
 *
 * Every other command is answered with one line or two, "ok" if there is nothing else to say, and
 * "error CODE INDEX" if it failed. */
#include "accelerator.h"

#ifndef FLASH_IMAGE
#define FLASH_IMAGE 0x100000u
#endif
/* Longer than any frame of a network that fits, by far. */
#define MOST_CYCLES 0x20000000u
#define MOST_CLASSES 256

static int8_t shares[MOST_CLASSES];

static void put(char c) {
    while (!(ACCELERATOR_REGISTER(ACCELERATOR_UART_UART_STATUS) >>
                 ACCELERATOR_UART_UART_STATUS_CAN_SEND_SHIFT & 1u)) {
    }
    ACCELERATOR_REGISTER(ACCELERATOR_UART_DATA) = (uint8_t)c;
}

static uint8_t get(void) {
    while (!(ACCELERATOR_REGISTER(ACCELERATOR_UART_UART_STATUS) >>
                 ACCELERATOR_UART_UART_STATUS_HAS_BYTE_SHIFT & 1u)) {
    }
    return (uint8_t)ACCELERATOR_REGISTER(ACCELERATOR_UART_DATA);
}

static uint32_t get_word(void) {
    uint32_t word = 0;
    for (int shift = 0; shift < 32; shift += 8) word |= (uint32_t)get() << shift;
    return word;
}

static void say(const char *text) {
    while (*text) put(*text++);
}

/* Without divisions: there may be no divider. */
static void say_number(int32_t number) {
    static const uint32_t tens[] = {1000000000u, 100000000u, 10000000u, 1000000u, 100000u,
                                    10000u,      1000u,      100u,      10u,      1u};
    uint32_t left = (uint32_t)number;
    int begun = 0;
    put(' ');
    if (number < 0) {
        put('-');
        left = 0u - left;
    }
    for (int n = 0; n < 10; n++) {
        char digit = '0';
        while (left >= tens[n]) {
            left -= tens[n];
            digit++;
        }
        begun |= digit != '0' || n == 9;
        if (begun) put(digit);
    }
}

static void say_hex(uint32_t word) {
    put(' ');
    for (int shift = 28; shift >= 0; shift -= 4) put("0123456789abcdef"[word >> shift & 15u]);
}

static void receive(uint32_t address, uint32_t length) {
    volatile uint8_t *target = (volatile uint8_t *)(ACCELERATOR_BASE_SCRATCHPAD + address);
    for (uint32_t at = 0; at < length; at++) target[at] = get();
    say("ok\n");
}

static void give(uint32_t address, uint32_t length) {
    const volatile char *source = (const volatile char *)(ACCELERATOR_BASE_SCRATCHPAD + address);
    for (uint32_t at = 0; at < length; at++) put(source[at]);
}

static void fail(int code) {
    uint32_t status = ACCELERATOR_REGISTER(ACCELERATOR_CONTROL_STATUS);
    say("error");
    say_number(code);
    say_number((int32_t)(status >> ACCELERATOR_CONTROL_STATUS_INDEX_SHIFT &
                         ACCELERATOR_CONTROL_STATUS_INDEX_MASK));
    put('\n');
}

static void go(void) {
    const volatile struct accelerator_image *image = accelerator_image();
    int wrong = accelerator_run(MOST_CYCLES);
    if (wrong) {
        fail(wrong);
        return;
    }
    const int8_t *codes = (const int8_t *)(ACCELERATOR_BASE_SCRATCHPAD + image->output);
    uint32_t count = image->output_bytes;
    if (image->classes && image->classes <= MOST_CLASSES) {
        const int32_t *powers = (const int32_t *)(ACCELERATOR_BASE_SCRATCHPAD + image->powers);
        accelerator_softmax(codes, shares, (int)image->classes, powers, (int)image->power_count);
        codes = shares;
    }
    say("answer");
    for (uint32_t at = 0; at < count; at++) say_number(codes[at]);
    say("\ncycles");
    say_number((int32_t)ACCELERATOR_REGISTER(ACCELERATOR_CONTROL_CYCLES));
    put('\n');
}

int main(void) {
    for (;;) {
        const volatile struct accelerator_image *image = accelerator_image();
        uint8_t command = get();
        switch (command) {
        case '?':
            say("machine");
            say_hex(ACCELERATOR_REGISTER(ACCELERATOR_CONTROL_DIGEST));
            say(" image");
            say_number(accelerator_check());
            put('\n');
            break;
        case 'P': {
            uint32_t address = get_word();
            receive(address, get_word());
            break;
        }
        case 'R': {
            uint32_t address = get_word();
            give(address, get_word());
            break;
        }
        case 'F':
        case 'C': {
            int wrong = command == 'F' ? accelerator_load(FLASH_IMAGE, MOST_CYCLES)
                                       : accelerator_check();
            if (wrong)
                fail(wrong);
            else
                say("ok\n");
            break;
        }
        case 'I':
            receive(image->input, image->input_bytes);
            break;
        case 'G':
            go();
            break;
        default:
            break;
        }
    }
}
