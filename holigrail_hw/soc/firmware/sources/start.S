/* Stack, no interrupts, variables without a value are 0; then main, for ever. */
    .section .init, "ax"
    .global _start
_start:
    la   sp, __stack_top
    la   a0, __bss_start
    la   a1, __bss_end
1:  bgeu a0, a1, 2f
    sw   zero, 0(a0)
    addi a0, a0, 4
    j    1b
2:  call main
3:  j    2b
