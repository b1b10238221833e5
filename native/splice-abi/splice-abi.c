// SPDX-License-Identifier: Apache-2.0
/*
 * splice-abi ABI: calls splice(2) on descriptors that are not open, as a program of this ABI would, and
 * prints the name of the errno: EBADF when it gets as far as the kernel's splice(2). For probes and tests.
 *
 *   native   as the compiler's target
 *   i386     int 0x80 (x86-64 only; a kernel without that ABI ends the program with a signal)
 *   x32      (x86-64 only)
 *
 * Exit status: 0; 2: no such ABI here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOT_OPEN (-1L)

static long splice_native(void)
{
	return syscall(SYS_splice, NOT_OPEN, NULL, NOT_OPEN, NULL, 1, 0) < 0 ? -errno : 0;
}

#ifdef __x86_64__
#define X32_BIT 0x40000000
#define I386_SPLICE 313

static long splice_x32(void)
{
	return syscall(X32_BIT | SYS_splice, NOT_OPEN, NULL, NOT_OPEN, NULL, 1, 0) < 0 ? -errno : 0;
}

/* The sixth argument, flags, is in ebp, which the compiler keeps for itself. Below rsp it keeps 128 bytes. */
static long splice_i386(void)
{
	int result = I386_SPLICE;

	asm volatile("lea -128(%%rsp), %%rsp; push %%rbp; xor %%ebp, %%ebp; int $0x80;"
		     "pop %%rbp; lea 128(%%rsp), %%rsp"
		     : "+a"(result)
		     : "b"(-1), "c"(0), "d"(-1), "S"(0), "D"(1)
		     : "memory", "cc", "r8", "r9", "r10", "r11");
	return result;
}
#endif

int main(int argc, char **argv)
{
	const char *abi = argc == 2 ? argv[1] : "";
	long result;

	if (!strcmp(abi, "native")) {
		result = splice_native();
#ifdef __x86_64__
	} else if (!strcmp(abi, "x32")) {
		result = splice_x32();
	} else if (!strcmp(abi, "i386")) {
		result = splice_i386();
#endif
	} else {
		fprintf(stderr, "usage: splice-abi native|i386|x32\n");
		return 2;
	}
	puts(result < 0 ? strerrorname_np((int)-result) : "0");
	return 0;
}
