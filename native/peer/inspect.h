/* SPDX-License-Identifier: Apache-2.0 */
/* What a socket says of itself. Each function returns 0 or an errno. */
#ifndef PEER_INSPECT_H
#define PEER_INSPECT_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Not from <linux/netfilter_ipv4.h>, which clashes with <netinet/in.h>. One number at level IP and IPv6. */
#define SO_ORIGINAL_DST 80

/* What FIONREAD says. */
static int inspect_unread(int fd, uint64_t *bytes)
{
	int unread;

	if (ioctl(fd, FIONREAD, &unread) < 0)
		return errno;
	*bytes = (uint64_t)unread;
	return 0;
}

static int inspect_cookie(int fd, uint64_t *cookie)
{
	socklen_t size = sizeof(*cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &size) < 0 ? errno : 0;
}

/* What SO_SNDBUF says: twice what was set, as the kernel keeps it. */
static int inspect_send_buffer(int fd, uint64_t *bytes)
{
	int size;
	socklen_t length = sizeof(size);

	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) < 0)
		return errno;
	*bytes = (uint64_t)size;
	return 0;
}

/* The port that a connection's other end has: `peer` as getpeername(2) says, `original` as SO_ORIGINAL_DST
 * does. */
static int inspect_port(int fd, const char *which, uint64_t *port)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	int family, failed;

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return errno;
	family = address.ss_family;
	size = sizeof(address);
	if (!strcmp(which, "peer"))
		failed = getpeername(fd, (struct sockaddr *)&address, &size);
	else
		failed = getsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, SO_ORIGINAL_DST,
				    &address, &size);
	if (failed)
		return errno;
	*port = ntohs(family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
					: ((struct sockaddr_in6 *)&address)->sin6_port);
	return 0;
}

#endif
