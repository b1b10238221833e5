// SPDX-License-Identifier: Apache-2.0
/*
 * refuse-splice PROGRAM [ARGUMENT...]: executes the program in its own place; splice(2) answers it, and all
 * that it starts, EINVAL, which is the kernel's own answer for files that cannot be spliced.
 *
 * splice(2) does not see redirected bytes: a reader that uses it waits for ever, or takes later bytes before
 * earlier ones. Programs that splice have to do without anyway, and fall back to recv(2).
 *
 * The filter decides by architecture and number alone, so that the kernel (5.11 and later) answers every
 * other call from a bitmap, without running it. It needs CAP_SYS_ADMIN, not no_new_privs, which would disable
 * set-user-ID programs: run it before privileges are dropped. Least kernel: 4.17, with CONFIG_SECCOMP_FILTER.
 *
 * Not refused: tee(2) and vmsplice(2), which take no socket; IORING_OP_SPLICE, which is no system call.
 *
 * Exit status: 125 when the filter cannot be installed; 126 and 127, as env(1), when the program cannot be
 * executed, or is not there.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Of the architectures whose programs one kernel runs beside each other, native ones first: <asm/unistd.h>
 * has only those of the compiler's target. */
#define X86_64_SPLICE 275
#define X32_SPLICE (0x40000000 | 275)
#define I386_SPLICE 313
#define ARM64_SPLICE 76
#define ARM_SPLICE 340

#if defined(__x86_64__) && !defined(__ILP32__)
_Static_assert(SYS_splice == X86_64_SPLICE, "splice of x86-64");
#elif defined(__aarch64__)
_Static_assert(SYS_splice == ARM64_SPLICE, "splice of arm64");
#else
#error "refuse-splice: what are the numbers of splice(2) for the programs that this kernel runs?"
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* Goes on after that many instructions unless the loaded value is this one. */
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skip))
#define RETURN(verdict) BPF_STMT(BPF_RET | BPF_K, (verdict))
#define REFUSE RETURN(SECCOMP_RET_ERRNO | EINVAL)

// clang-format off
static struct sock_filter filter[] = {
#if defined(__x86_64__)
	LOAD(arch),
	UNLESS(AUDIT_ARCH_X86_64, 5),
	LOAD(nr),
	UNLESS(X86_64_SPLICE, 1),
	REFUSE,
	UNLESS(X32_SPLICE, 5),
	REFUSE,
	UNLESS(AUDIT_ARCH_I386, 3),
	LOAD(nr),
	UNLESS(I386_SPLICE, 1),
	REFUSE,
	RETURN(SECCOMP_RET_ALLOW),
#else
	LOAD(arch),
	UNLESS(AUDIT_ARCH_AARCH64, 3),
	LOAD(nr),
	UNLESS(ARM64_SPLICE, 5),
	REFUSE,
	UNLESS(AUDIT_ARCH_ARM, 3),
	LOAD(nr),
	UNLESS(ARM_SPLICE, 1),
	REFUSE,
	RETURN(SECCOMP_RET_ALLOW),
#endif
};
// clang-format on

static int filter_install(void)
{
	const struct sock_fprog program = {.len = LENGTH(filter), .filter = filter};

	/* Without SPEC_ALLOW, kernels before 5.16 turn off speculation for whoever has a filter. This one
	 * keeps nothing from anybody. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: refuse-splice PROGRAM [ARGUMENT...]\n");
		return 125;
	}
	if (filter_install()) {
		fprintf(stderr, "refuse-splice: seccomp: %s (needs root and CONFIG_SECCOMP_FILTER)\n",
			strerror(errno));
		return 125;
	}
	execv(argv[1], argv + 1);
	fprintf(stderr, "refuse-splice: %s: %s\n", argv[1], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
