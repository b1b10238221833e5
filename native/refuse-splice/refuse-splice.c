// SPDX-License-Identifier: Apache-2.0
/*
 * refuse-splice PROGRAM [ARGUMENT...]: executes the program in its own place; splice(2) answers it, and all
 * that it starts, EINVAL, which is the kernel's own answer for files that cannot be spliced, and
 * io_uring_setup(2) ENOSYS, which is that of a kernel without io_uring.
 *
 * splice(2) does not see redirected bytes: a reader that uses it waits for ever, or takes later bytes before
 * earlier ones. Programs that splice have to do without anyway, and fall back to recv(2). io_uring splices
 * without a system call, and waits in ways that are not known; container engines refuse it too, so programs
 * that use it fall back.
 *
 * The filter decides by architecture and number alone, so that the kernel (5.11 and later) answers every
 * other call from a bitmap, without running it. It needs CAP_SYS_ADMIN, not no_new_privs, which would disable
 * set-user-ID programs: run it before privileges are dropped. Least kernel: 4.17, with CONFIG_SECCOMP_FILTER.
 *
 * Not refused: tee(2) and vmsplice(2), which take no socket; sendfile(2), which cannot be told from one that
 * reads a file; a ring that was made before the filter and handed over.
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
#define IO_URING_SETUP 425 /* of all of them */
#define X32_IO_URING_SETUP (0x40000000 | IO_URING_SETUP)

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
/* Answers the loaded number, if it is this one, with that errno. */
#define REFUSE(number, errno) UNLESS((number), 1), RETURN(SECCOMP_RET_ERRNO | (errno))

// clang-format off
static struct sock_filter filter[] = {
#if defined(__x86_64__)
	LOAD(arch),
	UNLESS(AUDIT_ARCH_X86_64, 10),
	LOAD(nr),
	REFUSE(X86_64_SPLICE, EINVAL),
	REFUSE(IO_URING_SETUP, ENOSYS),
	REFUSE(X32_SPLICE, EINVAL),
	REFUSE(X32_IO_URING_SETUP, ENOSYS),
	RETURN(SECCOMP_RET_ALLOW),
	UNLESS(AUDIT_ARCH_I386, 5),
	LOAD(nr),
	REFUSE(I386_SPLICE, EINVAL),
	REFUSE(IO_URING_SETUP, ENOSYS),
	RETURN(SECCOMP_RET_ALLOW),
#else
	LOAD(arch),
	UNLESS(AUDIT_ARCH_AARCH64, 6),
	LOAD(nr),
	REFUSE(ARM64_SPLICE, EINVAL),
	REFUSE(IO_URING_SETUP, ENOSYS),
	RETURN(SECCOMP_RET_ALLOW),
	UNLESS(AUDIT_ARCH_ARM, 5),
	LOAD(nr),
	REFUSE(ARM_SPLICE, EINVAL),
	REFUSE(IO_URING_SETUP, ENOSYS),
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
