// SPDX-License-Identifier: Apache-2.0
/*
 * splice-abi ABI [splice|io_uring]: calls splice(2) on descriptors that are not open (or io_uring_setup(2)
 * with a bad address), as a program of this ABI would, and prints the name of the errno: EBADF (EFAULT) when
 * it gets as far as the kernel's own. For probes and tests.
 *
 *   native   as the compiler's target
 *   i386     int 0x80 (x86-64 only; a kernel without that ABI ends the program with a signal)
 *   x32      (x86-64 only)
 *
 * Exit status: 0; 2: no such ABI here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOT_OPEN (-1L)

#define IO_URING_SETUP 425 /* in every ABI */

static long call_native(bool splice)
{
	return syscall(splice ? SYS_splice : IO_URING_SETUP, NOT_OPEN, NULL, NOT_OPEN, NULL, 1, 0) < 0
		   ? -errno
		   : 0;
}

#ifdef __x86_64__
#define X32_BIT 0x40000000
#define I386_SPLICE 313

static long call_x32(bool splice)
{
	return syscall(X32_BIT | (splice ? SYS_splice : IO_URING_SETUP), NOT_OPEN, NULL, NOT_OPEN, NULL, 1,
		       0) < 0
		   ? -errno
		   : 0;
}

/* The sixth argument, flags, is in ebp, which the compiler keeps for itself. Below rsp it keeps 128 bytes. */
static long call_i386(bool splice)
{
	int result = splice ? I386_SPLICE : IO_URING_SETUP;

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
	const char *abi = argc > 1 ? argv[1] : "", *call = argc > 2 ? argv[2] : "splice";
	bool splice = !strcmp(call, "splice");
	long result;

	if (argc > 3 || (!splice && strcmp(call, "io_uring")))
		abi = "";

	if (!strcmp(abi, "native")) {
		result = call_native(splice);
#ifdef __x86_64__
	} else if (!strcmp(abi, "x32")) {
		result = call_x32(splice);
	} else if (!strcmp(abi, "i386")) {
		result = call_i386(splice);
#endif
	} else {
		fprintf(stderr, "usage: splice-abi native|i386|x32 [splice|io_uring]\n");
		return 2;
	}
	puts(result < 0 ? strerrorname_np((int)-result) : "0");
	return 0;
}
